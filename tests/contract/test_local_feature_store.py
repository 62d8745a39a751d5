"""Feature Store on the laptop cloud: groups, records and what Athena reads of them."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from local.cloud.cloud import INTERPRETER, REPOSITORY, keeping_state, restart_cloud, start_cloud, stop_cloud
from tests.contract.local_cloud import Account, account_fixture, allow, wait_for

account = account_fixture()

_FEATURES = {"case_id": "String", "event_time": "String", "Volume_ML": "Fractional", "slices": "Integral"}


def _definitions(features: dict[str, str]) -> list[dict[str, str]]:
    return [{"FeatureName": name, "FeatureType": kind} for name, kind in features.items()]


def _create(account: Account, name: str, role: str, *, wait: bool = True, **changes: Any) -> dict[str, Any]:
    request = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "case_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": _definitions(_FEATURES),
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}},
        "RoleArn": role,
        **changes,
    }
    account.client("sagemaker").create_feature_group(**request)
    return _ready(account, name) if wait else {}


def _describe(account: Account, name: str) -> dict[str, Any]:
    group: dict[str, Any] = account.client("sagemaker").describe_feature_group(FeatureGroupName=name)
    return group


def _ready(account: Account, name: str) -> dict[str, Any]:
    def _read() -> dict[str, Any] | None:
        group = _describe(account, name)
        pending = group["FeatureGroupStatus"] == "Creating"
        pending |= group.get("LastUpdateStatus", {}).get("Status") == "InProgress"
        return None if pending else group

    return wait_for(_read)


def _put(account: Account, name: str, **values: str) -> None:
    record = [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()]
    account.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=name, Record=record)


def _rows(account: Account, name: str, columns: str) -> list[list[str | None]]:
    catalog = _describe(account, name)["OfflineStoreConfig"]["DataCatalogConfig"]
    sql = f'SELECT {columns} FROM "{catalog["TableName"]}" ORDER BY case_id'
    return account.query(sql, catalog["Database"])


@pytest.fixture(scope="module")
def role(account: Account) -> str:
    """A role that may write the offline store."""
    return _role(account)


def _role(account: Account) -> str:
    account.bucket("feature-store")
    account.bucket("query-results")
    return account.role("store", "sagemaker", allow("s3:PutObject", "arn:aws:s3:::feature-store/offline/*"))


def test_creating_a_group_takes_a_moment(account: Account, role: str) -> None:
    _create(account, "pending", role, wait=False)
    assert _describe(account, "pending")["FeatureGroupStatus"] == "Creating"
    with pytest.raises(ClientError, match="not in status Created"):
        _put(account, "pending", case_id="c", event_time="2020-01-01T00:00:00Z")
    assert _ready(account, "pending")["FeatureGroupStatus"] == "Created"


def test_a_record_is_read_back_through_athena(account: Account, role: str) -> None:
    group = _create(account, "round-trip", role)
    table = group["OfflineStoreConfig"]["DataCatalogConfig"]["TableName"]
    assert table.startswith("round_trip_")
    assert _rows(account, "round-trip", "*")[1:] == []
    _put(account, "round-trip", case_id="R01-001", event_time="2001-02-03T04:05:06Z", Volume_ML="156.3", slices="21")
    assert _rows(account, "round-trip", "case_id, event_time, volume_ml, slices, is_deleted, year, hour") == [
        ["case_id", "event_time", "volume_ml", "slices", "is_deleted", "year", "hour"],
        ["R01-001", "2001-02-03T04:05:06Z", "156.3", "21", "false", "2001", "04"],
    ]


def test_files_lie_where_sagemaker_puts_them(account: Account, role: str) -> None:
    group = _create(account, "layout", role)
    _put(account, "layout", case_id="c", event_time="2001-02-03T04:05:06.789Z")
    uri = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    prefix = uri.removeprefix("s3://feature-store/")
    assert prefix.startswith("offline/000000000000/sagemaker/us-east-1/offline-store/layout-")
    assert prefix.endswith("/data")
    listed = account.client("s3").list_objects_v2(Bucket="feature-store", Prefix=f"{prefix}/")["Contents"]
    assert len(listed) == 1
    assert listed[0]["Key"].startswith(f"{prefix}/year=2001/month=02/day=03/hour=04/20010203T040506Z_")
    assert listed[0]["Key"].endswith(".parquet")


def test_an_added_feature_is_null_in_older_records(account: Account, role: str) -> None:
    _create(account, "grown", role)
    _put(account, "grown", case_id="a", event_time="2020-01-01T00:00:00Z", Volume_ML="1")
    client = account.client("sagemaker")
    client.update_feature_group(FeatureGroupName="grown", FeatureAdditions=_definitions({"Kernel": "String"}))
    with pytest.raises(ClientError, match="do not exist"):
        _put(account, "grown", case_id="b", event_time="2020-01-01T00:00:00Z", Kernel="B30f")
    with pytest.raises(ClientError, match="try again later"):
        client.update_feature_group(FeatureGroupName="grown", FeatureAdditions=_definitions({"x": "String"}))
    group = _ready(account, "grown")
    assert group["LastUpdateStatus"]["Status"] == "Successful"
    assert _rows(account, "grown", "case_id, kernel")[1:] == [["a", None]]
    _put(account, "grown", case_id="b", event_time="2020-01-01T00:00:00Z", Kernel="B30f")
    assert _rows(account, "grown", "case_id, volume_ml, kernel")[1:] == [["a", "1.0", None], ["b", None, "B30f"]]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"event_time": "2020-01-01T00:00:00Z"}, "no value for RecordIdentifierFeatureName"),
        ({"case_id": "c"}, "no value for EventTimeFeatureName"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00+00:00"}, "must be in the format"),
        ({"case_id": "c", "event_time": "2020-02-30T00:00:00Z"}, "must be in the format"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "volume_ml": "1"}, "do not exist"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "Volume_ML": "large"}, "not of type Fractional"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "slices": "2.0"}, "not of type Integral"),
    ],
)
def test_records_that_do_not_fit_are_rejected(account: Account, role: str, record: dict[str, str], words: str) -> None:
    if not account.client("sagemaker").list_feature_groups(NameContains="strict")["FeatureGroupSummaries"]:
        _create(account, "strict", role)
    with pytest.raises(ClientError, match=words) as rejected:
        _put(account, "strict", **record)
    assert rejected.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FeatureGroupName": "no spaces"}, "regular expression"),
        ({"FeatureDefinitions": _definitions({**_FEATURES, "CASE_ID": "String"})}, "unique without regard to case"),
        ({"FeatureDefinitions": _definitions({**_FEATURES, "write_time": "String"})}, "reserved"),
        ({"RecordIdentifierFeatureName": "missing"}, "must be a feature of type"),
        ({"EventTimeFeatureName": "slices"}, "must be a feature of type"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "Could not assume role"),
    ],
)
def test_groups_that_aws_rejects_are_rejected(account: Account, role: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as rejected:
        _create(account, "rejected", role, **changes)
    assert rejected.value.response["Error"]["Code"] == "ValidationException"


def test_a_group_exists_once(account: Account, role: str) -> None:
    _create(account, "once", role)
    with pytest.raises(ClientError) as rejected:
        _create(account, "once", role)
    assert rejected.value.response["Error"]["Code"] == "ResourceInUse"
    account.client("sagemaker").delete_feature_group(FeatureGroupName="once")
    with pytest.raises(ClientError) as missing:
        _describe(account, "once")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"


def test_there_is_no_online_store(account: Account, role: str) -> None:
    _create(account, "offline", role)
    runtime = account.client("sagemaker-featurestore-runtime")
    with pytest.raises(ClientError, match="Online store is not enabled"):
        runtime.get_record(FeatureGroupName="offline", RecordIdentifierValueAsString="c")
    answer = runtime.batch_get_record(
        Identifiers=[{"FeatureGroupName": "offline", "RecordIdentifiersValueAsString": ["c"]}]
    )
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError"]


def test_the_groups_role_writes(account: Account, role: str) -> None:
    weak = account.role("weak", "sagemaker", allow("s3:GetObject"))
    _create(account, "weak", weak)
    with pytest.raises(ClientError) as rejected:
        _put(account, "weak", case_id="c", event_time="2020-01-01T00:00:00Z")
    assert rejected.value.response["Error"]["Code"] == "AccessForbidden"


def _entry(name: str, **values: str) -> dict[str, Any]:
    return {
        "FeatureGroupName": name,
        "Record": [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()],
    }


@pytest.mark.parametrize("table_format", ["Glue", "Iceberg"])
def test_a_batch_is_written_but_for_the_entries_that_are_rejected(
    account: Account, role: str, table_format: str
) -> None:
    name = f"batch-{table_format.lower()}"
    store = {"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}, "TableFormat": table_format}
    _create(account, name, role, OfflineStoreConfig=store)
    good = [_entry(name, case_id=f"c{n}", event_time=f"20{n:02}-01-01T00:00:00Z", slices=str(n)) for n in range(22)]
    bad = [
        _entry(name, case_id="c", event_time="2020-01-01T00:00:00Z", slices="many"),
        _entry("nowhere", case_id="c", event_time="2020-01-01T00:00:00Z"),
    ]
    answer = account.client("sagemaker-featurestore-runtime").batch_write_record(Entries=[*bad, *good])
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert [error["Entry"] for error in answer["Errors"]] == bad
    assert answer["UnprocessedEntries"] == []
    assert sorted(row[1] or "" for row in _rows(account, name, "case_id, slices")[1:]) == sorted(
        str(n) for n in range(22)
    )
    assert _describe(account, name)["OfflineStoreConfig"]["TableFormat"] == table_format


def test_a_batch_takes_twenty_five(account: Account, role: str) -> None:
    entries = [_entry("g", case_id="c")] * 26
    with pytest.raises(ClientError) as rejected:
        account.client("sagemaker-featurestore-runtime").batch_write_record(Entries=entries)
    assert rejected.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("mode", ["SoftDelete", "HardDelete"])
def test_a_deleted_record_leaves_a_tombstone(account: Account, role: str, mode: str) -> None:
    name = f"deleted-{mode.lower()}"
    _create(account, name, role)
    _put(account, name, case_id="c", event_time="2020-01-01T00:00:00Z", slices="3")
    account.client("sagemaker-featurestore-runtime").delete_record(
        FeatureGroupName=name,
        RecordIdentifierValueAsString="c",
        EventTime="2020-01-02T00:00:00Z",
        DeletionMode=mode,
    )
    rows = _rows(account, name, "case_id, slices, is_deleted")[1:]
    assert sorted(rows, key=str) == [["c", "3", "false"], ["c", None, "true"]]


def test_a_batch_needs_permission_for_each_of_its_groups(account: Account, role: str) -> None:
    for name in ("allowed", "denied"):
        _create(account, name, role)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/allowed"
    may_write = allow("sagemaker:BatchWriteRecord", arn)
    runtime = account.client_of_function("sagemaker-featurestore-runtime", "writer", may_write)
    good, bad = (_entry(name, case_id="c", event_time="2020-01-01T00:00:00Z") for name in ("allowed", "denied"))
    assert runtime.batch_write_record(Entries=[good, good])["Errors"] == []
    for entries in ([bad], [good, bad]):
        with pytest.raises(ClientError) as rejected:
            runtime.batch_write_record(Entries=entries)
        assert rejected.value.response["Error"]["Code"] == "AccessDeniedException"


# Iceberg

_ICEBERG = {"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}, "TableFormat": "Iceberg"}


def _table(account: Account, name: str) -> str:
    catalog = _describe(account, name)["OfflineStoreConfig"]["DataCatalogConfig"]
    return f'"{catalog["Database"]}"."{catalog["TableName"]}"'


def _read_elsewhere(account: Account, name: str, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Read a table from its catalogue entry on: pyiceberg plans which files count, DuckDB reads those."""
    catalog = _describe(account, name)["OfflineStoreConfig"]["DataCatalogConfig"]
    code = (
        "import sys; from pyiceberg.catalog.glue import GlueCatalog; from local.emulator.aws import client\n"
        "glue = GlueCatalog('glue', client=client('glue'), **{'py-io-impl': 'local.emulator.iceberg.files.S3Files'})\n"
        "for task in glue.load_table((sys.argv[1], sys.argv[2])).scan().plan_files(): print(task.file.file_path)\n"
    )
    planned = subprocess.run(
        [INTERPRETER, "-c", code, catalog["Database"], catalog["TableName"]],
        env={**os.environ, "GATEWAY_PORT": account.cloud.endpoint.rpartition(":")[2], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    paths = []
    for number, uri in enumerate(planned):
        body = account.client("s3").get_object(Bucket="feature-store", Key=uri.removeprefix("s3://feature-store/"))
        paths.append(tmp_path / f"{number}.parquet")
        paths[-1].write_bytes(body["Body"].read())
    names = [str(path) for path in paths]
    return duckdb.read_parquet(names, union_by_name=True).project("case_id, slices").order("ALL").fetchall()


def _bytes_with(account: Account, group: dict[str, Any], text: str) -> list[str]:
    """Return the objects, in any version, that hold a text."""
    s3 = account.client("s3")
    prefix = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].removeprefix("s3://feature-store/")
    found = []
    for version in s3.list_object_versions(Bucket="feature-store", Prefix=prefix.removesuffix("/data"))["Versions"]:
        key, number = version["Key"], version["VersionId"]
        body = s3.get_object(Bucket="feature-store", Key=key, VersionId=number)["Body"].read()
        if text in str(_parquet_rows(body) if key.endswith(".parquet") else body):
            found.append(key)
    return found


def _parquet_rows(body: bytes) -> list[tuple[Any, ...]]:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(body)
        file.flush()
        return duckdb.read_parquet(file.name).fetchall()


def test_an_iceberg_table_is_what_other_readers_of_iceberg_read(account: Account, role: str, tmp_path: Path) -> None:
    group = _create(account, "ice", role, OfflineStoreConfig=_ICEBERG)
    for n in range(5):
        _put(account, "ice", case_id=f"c{n}", event_time="2020-01-01T00:00:00Z", slices=str(n))
    client = account.client("sagemaker")
    client.update_feature_group(FeatureGroupName="ice", FeatureAdditions=_definitions({"Kernel": "String"}))
    _ready(account, "ice")
    _put(account, "ice", case_id="c5", event_time="2020-01-01T00:00:00Z", Kernel="B30f")
    assert [row[0] for row in _rows(account, "ice", "case_id, kernel")[1:]] == [f"c{n}" for n in range(6)]
    assert _read_elsewhere(account, "ice", tmp_path) == [*((f"c{n}", n) for n in range(5)), ("c5", None)]
    catalog = group["OfflineStoreConfig"]["DataCatalogConfig"]
    table = account.client("glue").get_table(DatabaseName=catalog["Database"], Name=catalog["TableName"])["Table"]
    location = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"].removesuffix("/data")
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["Parameters"]["metadata_location"].startswith(f"{location}/metadata/")
    columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert columns[:4] == ["case_id", "event_time", "volume_ml", "slices"]


def test_what_is_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    """Rows that are still gathered when the cloud is asked to end are written before its state is kept."""
    keeping = keeping_state(tmp_path)
    cloud = start_cloud(tmp_path, die_with_parent=True, extra_env=keeping)
    try:
        account = Account(cloud)
        _create(account, "kept", _role(account), OfflineStoreConfig=_ICEBERG)
        wanted = [f"c{n}" for n in range(9)]
        for case in wanted:
            _put(account, "kept", case_id=case, event_time="2020-01-01T00:00:00Z")
        again = Account(restart_cloud(cloud, keeping))
        assert [row[0] for row in _rows(again, "kept", "case_id")[1:]] == wanted
    finally:
        stop_cloud(tmp_path)


def test_what_is_accepted_is_there_for_the_next_query(account: Account, role: str) -> None:
    """Rows are gathered in memory; a query has them committed first."""
    _create(account, "gathered", role, OfflineStoreConfig=_ICEBERG)
    runtime = account.client("sagemaker-featurestore-runtime")
    for batch in range(6):
        entries = [
            _entry("gathered", case_id=f"c{batch * 25 + n}", event_time="2020-01-01T00:00:00Z") for n in range(25)
        ]
        assert runtime.batch_write_record(Entries=entries)["Errors"] == []
        counted = account.query(f"SELECT count(DISTINCT case_id) FROM {_table(account, 'gathered')}", "default")
        assert counted[1] == [str(25 * (batch + 1))]
    assert (
        account.run_query(f"OPTIMIZE {_table(account, 'gathered')} REWRITE DATA USING BIN_PACK")["State"] == "SUCCEEDED"
    )
    assert account.query(f"SELECT count(*) FROM {_table(account, 'gathered')}", "default")[1] == ["150"]


def test_a_records_history_is_erased(account: Account, role: str, tmp_path: Path) -> None:
    group = _create(account, "erased", role, OfflineStoreConfig=_ICEBERG)
    table = _table(account, "erased")
    for n in range(2):
        for case in ("keep", "forget-me"):
            _put(account, "erased", case_id=case, event_time=f"2020-01-0{n + 1}T00:00:00Z", slices=str(n))
        _rows(account, "erased", "case_id")
    deleted = account.run_query(f"DELETE FROM {table} WHERE case_id = 'forget-me' AND event_time >= '2020'")
    assert deleted["State"] == "SUCCEEDED", deleted
    assert account.client("athena").get_query_results(QueryExecutionId=deleted["id"])["UpdateCount"] == 2
    expected = [("keep", n) for n in range(2)]
    assert _read_elsewhere(account, "erased", tmp_path) == expected
    assert _bytes_with(account, group, "forget-me")
    assert account.run_query(f"VACUUM {table}")["State"] == "SUCCEEDED"
    assert _bytes_with(account, group, "forget-me"), "snapshots stay for five days unless the table says otherwise"
    settings = "'vacuum_max_snapshot_age_seconds' = '0'"
    assert account.run_query(f"ALTER TABLE {table} SET TBLPROPERTIES ({settings})")["State"] == "SUCCEEDED"
    assert account.run_query(f"VACUUM {table}")["State"] == "SUCCEEDED"
    assert _bytes_with(account, group, "forget-me") == []
    assert _read_elsewhere(account, "erased", tmp_path) == expected
    _put(account, "erased", case_id="new", event_time="2020-01-01T00:00:00Z", slices="9")
    assert len(_rows(account, "erased", "case_id")[1:]) == 3


def test_rows_of_a_hive_table_stay(account: Account, role: str) -> None:
    _create(account, "hive", role)
    status = account.run_query(f"DELETE FROM {_table(account, 'hive')} WHERE case_id = 'c'")
    assert (status["State"], "transactional" in status["StateChangeReason"]) == ("FAILED", True)


def test_a_role_that_may_not_write_is_known_before_anything_is_accepted(account: Account) -> None:
    weak = account.role("weaker", "sagemaker", allow("s3:PutObject", "arn:aws:s3:::feature-store/*/metadata/*"))
    _create(account, "refused", weak, OfflineStoreConfig=_ICEBERG)
    for _ in range(2):
        with pytest.raises(ClientError) as rejected:
            _put(account, "refused", case_id="c", event_time="2020-01-01T00:00:00Z")
        assert rejected.value.response["Error"]["Code"] == "AccessForbidden"
    assert _rows(account, "refused", "case_id")[1:] == []


# Metadata of features


def test_a_feature_is_described_and_given_parameters(account: Account, role: str) -> None:
    group = _create(account, "described", role)
    client = account.client("sagemaker")
    name = {"FeatureGroupName": "described", "FeatureName": "Volume_ML"}
    parameters = [{"Key": "unit", "Value": "mL"}, {"Key": "ibsi", "Value": "RNU0"}]
    client.update_feature_metadata(**name, Description="Volume of the mesh", ParameterAdditions=parameters)
    client.update_feature_metadata(**name, ParameterRemovals=["ibsi"])
    found = client.describe_feature_metadata(**name)
    assert found["FeatureGroupArn"] == group["FeatureGroupArn"]
    assert (found["FeatureType"], found["Description"]) == ("Fractional", "Volume of the mesh")
    assert found["Parameters"] == [{"Key": "unit", "Value": "mL"}]
    assert found["LastModifiedTime"] > found["CreationTime"]
    with pytest.raises(ClientError) as missing:
        client.describe_feature_metadata(FeatureGroupName="described", FeatureName="nothing")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    with pytest.raises(ClientError, match="At least one"):
        client.update_feature_metadata(**name)
    with pytest.raises(ClientError, match="less than or equal to 255"):
        client.update_feature_metadata(**name, Description="x" * 256)
    with pytest.raises(ClientError, match="pattern"):
        client.update_feature_metadata(**name, ParameterAdditions=[{"Key": "unit", "Value": "mm^3"}])
