"""What the dataset benchmark measures: a checkout's laptop store takes records, and a query counts them.

`python benchmarks/dataset_work.py CHECKOUT RECORDS FOLDER`, run with the interpreter of that checkout and its code on
PYTHONPATH. It writes with the checkout's own adapter, on as many threads as its functions have, and prints one line:
seconds until all were accepted, seconds until a query had counted them, CPU seconds of this process and of the
emulator, and API calls.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import boto3

FEATURES = 250
_WAIT_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Do the work."""
    records, folder = int(sys.argv[2]), Path(sys.argv[3])
    cloud_module = importlib.import_module("local.cloud.cloud")
    cloud = cloud_module.start_cloud(folder / f"cloud-{os.getpid()}", die_with_parent=True)
    try:
        os.environ |= cloud.environment()
        _create_group()
        print(*_measure(records, cloud.pid))
    finally:
        cloud_module.stop_cloud(cloud)
    return 0


def _measure(records: int, emulator: int) -> tuple[float, float, float, float, int]:
    calls = _CallCounter()
    entries = (("bench", record) for record in _records(records))
    parallel_map = importlib.import_module("multimodal.aws.ports").parallel_map
    store = importlib.import_module("multimodal.aws.feature_store")
    batches = list(iter(lambda: list(islice(entries, store.MAX_BATCH)), []))
    write = store.SageMakerRecords().write
    started, cpu, served = time.perf_counter(), time.process_time(), _cpu_of(emulator)
    list(parallel_map(write, batches))
    accepted, count = time.perf_counter() - started, calls.count
    found = _count()
    if found != records:
        raise SystemExit(f"a query counts {found} of {records} records")
    seen = time.perf_counter() - started
    return accepted, seen, time.process_time() - cpu, _cpu_of(emulator) - served, count


def _records(count: int) -> Iterator[dict[str, str]]:
    for n in range(count):
        values = {f"feature_{f}": repr((n * 31 + f * 17) % 1009 / 7) for f in range(FEATURES)}
        yield {"case_id": f"case-{n:06}", "event_time": "2020-01-01T00:00:00Z", **values}


class _CallCounter:
    """Counts the requests of every client that is made after it."""

    def __init__(self) -> None:
        self.count = 0
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        boto3.DEFAULT_SESSION.events.register("before-send", self._add)

    def _add(self, **_: object) -> None:
        self.count += 1


def _create_group() -> None:
    iam, s3, sagemaker = boto3.client("iam"), boto3.client("s3"), boto3.client("sagemaker")
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": '
    role = iam.create_role(
        RoleName="store", AssumeRolePolicyDocument=trust + '{"Service": "sagemaker.amazonaws.com"}}]}'
    )["Role"]["Arn"]
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    iam.put_role_policy(RoleName="store", PolicyName="write", PolicyDocument=policy)
    s3.create_bucket(Bucket="feature-store")
    definitions: list[Any] = [{"FeatureName": name, "FeatureType": "String"} for name in ("case_id", "event_time")]
    definitions += [{"FeatureName": f"feature_{n}", "FeatureType": "Fractional"} for n in range(FEATURES)]
    sagemaker.create_feature_group(
        FeatureGroupName="bench",
        RecordIdentifierFeatureName="case_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=definitions,
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}, "TableFormat": "Iceberg"},
        RoleArn=role,
    )
    while sagemaker.describe_feature_group(FeatureGroupName="bench")["FeatureGroupStatus"] != "Created":
        time.sleep(0.1)


def _count() -> int:
    catalog = boto3.client("sagemaker").describe_feature_group(FeatureGroupName="bench")["OfflineStoreConfig"]
    table, athena = catalog["DataCatalogConfig"], boto3.client("athena")
    query = athena.start_query_execution(
        QueryString=f'SELECT count(DISTINCT case_id) AS n FROM "{table["Database"]}"."{table["TableName"]}"',
        ResultConfiguration={"OutputLocation": "s3://feature-store/results/"},
    )["QueryExecutionId"]
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        state = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if state["State"] == "SUCCEEDED":
            rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
            return int(rows[1]["Data"][0]["VarCharValue"])
        if state["State"] == "FAILED":
            raise SystemExit(state["StateChangeReason"])
        time.sleep(0.05)
    raise SystemExit(f"no answer within {_WAIT_SECONDS:.0f} s")


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    sys.exit(main())
