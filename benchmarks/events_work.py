"""What the events benchmark measures: a checkout's arrivals and sweep handlers take a cohort's object events.

`python benchmarks/events_work.py STUDIES OBJECTS`, run with the interpreter of the checkout and its code on PYTHONPATH.
AWS is answered in this process, below botocore: a ledger that keeps the conditions of its writes, and a bucket that
lists every study. Events come shuffled, one in twenty twice, in batches of 500, as the queue delivers them. It prints
one JSON line.
"""

import importlib
import io
import json
import os
import random
import re
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock
from types import SimpleNamespace
from typing import Any

import botocore.client
from botocore.exceptions import ClientError

BATCH, DUPLICATES = 500, 0.05
WRITE_SECONDS = float(os.environ.get("WRITE_SECONDS", "0"))
DATASET = "nsclc_radiogenomics"
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_XRAY_SDK_ENABLED": "false",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "STACK_NAME": "s",
    "STAGE": "dev",
    "METRICS_NAMESPACE": "N",
    "LEDGER_TABLE": "ledger",
    "RAW_BUCKET": "raw",
    "PROCESSED_BUCKET": "processed",
    "QUIET_PERIOD_SECONDS": "1",
    "FORCE_AFTER_SECONDS": "5400",
    "DATASET_NAMES": DATASET,
    "RADIOMICS_IMAGE_URI": "111122223333.dkr.ecr.us-east-1.amazonaws.com/r:1",
    "IMAGING_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:111122223333:stateMachine:s-imaging",
    "FEATURE_INGEST_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/111122223333/s-feature-ingest",
    "TABLES_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:111122223333:stateMachine:s-tables",
}


class Services:
    """DynamoDB, S3 and Step Functions, as far as the two handlers call them."""

    def __init__(self, objects: int) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.writes, self.runs, self.objects = 0, list[str](), objects
        self._lock = Lock()

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call."""
        answer: dict[str, Any] = getattr(self, f"_{operation}")(request)
        return answer

    def _UpdateItem(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 – the operation's name
        if WRITE_SECONDS:
            time.sleep(WRITE_SECONDS)
        key, names = request["Key"]["unit_id"], request["ExpressionAttributeNames"]
        values = request["ExpressionAttributeValues"]
        with self._lock:
            old = self.items.get(key, {})
            if "ConditionExpression" in request and not _holds(request["ConditionExpression"], old, values):
                raise ClientError({"Error": {"Code": "ConditionalCheckFailedException", "Message": ""}}, "UpdateItem")
            self.writes += 1
            new = self.items[key] = {"unit_id": key} | _updated(old, request["UpdateExpression"], names, values)
            return {"Attributes": new if request["ReturnValues"] == "ALL_NEW" else old}

    def _GetItem(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self.items.get(request["Key"]["unit_id"])
        return {"Item": dict(found)} if found else {}

    def _Query(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        limits = dict(_conditions(request["KeyConditionExpression"]))
        shard, until = limits["due_shard"], limits.get("due_at", float("inf"))
        with self._lock:
            found = [i for i in self.items.values() if i.get("due_shard") == shard and i.get("due_at", 0) <= until]
        found.sort(key=lambda item: item["due_at"])
        return {"Items": found[: request.get("Limit", len(found))]}

    def _ListObjectsV2(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        prefix = request["Prefix"]
        count = self.objects if prefix.endswith("/") and prefix.count("/") == 4 else 0
        each = {"Size": 500_000, "LastModified": datetime(2026, 11, 28, 10, tzinfo=UTC)}
        listed = [{**each, "Key": f"{prefix}s/{n:03d}.dcm", "ETag": f'"{n}"'} for n in range(count)]
        return {"Contents": listed, "IsTruncated": False, "KeyCount": count}

    def _PutObject(self, _: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {}

    def _StartExecution(self, request: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.runs.append(request["name"])
        return {"executionArn": request["name"]}


def _holds(condition: str, old: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    terms = (term.strip() for term in condition.split(" OR "))
    return any(_term_holds(term, old, values) for term in terms)


def _term_holds(term: str, old: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if absent := re.fullmatch(r"attribute_not_exists\((\w+)\)", term):
        return absent[1] not in old
    name, sign, value = term.split()
    if name not in old:
        return False
    return bool(
        {"=": old[name] == values[value], "<": old[name] < values[value], "<=": old[name] <= values[value]}[sign]
    )


def _updated(
    old: Mapping[str, Any], expression: str, names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any]:
    new, (assigned, removed) = dict(old), _parsed(expression)
    for name, first, value in assigned:
        if not first or names[name] not in old:
            new[names[name]] = values[value]
    for name in removed:
        new.pop(names[name], None)
    new["version"] = int(old.get("version", 0)) + 1
    return new


@lru_cache(maxsize=64)
def _parsed(expression: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return name, condition and value of what is set, and names of what is removed."""
    removed = re.search(r"REMOVE (.*?)(?: ADD|$)", expression)
    assigned = re.findall(r"(#\w+) = (if_not_exists\(#\w+, )?(:\w+)", expression)
    return assigned, removed[1].split(", ") if removed else []


def _conditions(condition: Any) -> Iterator[tuple[str, float]]:  # noqa: ANN401 – boto3's condition objects
    built = condition.get_expression()
    if built["operator"] == "AND":
        for inner in built["values"]:
            yield from _conditions(inner)
    else:
        key, value = built["values"]
        yield key.name, value


def events(studies: int, objects: int) -> Iterator[dict[str, Any]]:
    """Yield batches of a cohort's events, shuffled, some of them twice."""
    order = random.Random(0)
    numbers = list(range(studies * objects))
    numbers += order.sample(numbers, int(DUPLICATES * len(numbers)))
    order.shuffle(numbers)
    for start in range(0, len(numbers), BATCH):
        yield {"Records": [_record(start + i, n, objects) for i, n in enumerate(numbers[start : start + BATCH])]}


def _record(message: int, number: int, objects: int) -> dict[str, Any]:
    study, image = divmod(number, objects)
    key = f"imaging/{DATASET}/R01-{study:05d}/1.3.6.1.4.1.14519.5.2.1.4334.1501.{study}/s/{image:03d}.dcm"
    detail = {"version": "0", "bucket": {"name": "raw"}, "object": {"key": key, "size": 500_000, "etag": "0" * 32}}
    body = {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-11-28T10:00:00Z", "detail": detail}
    return {"messageId": f"m{message}", "body": json.dumps(body)}


def _measure_arrivals(services: Services, batches: Iterator[dict[str, Any]]) -> dict[str, Any]:
    handler = importlib.import_module("arrivals.app").handler
    taken, spent, worked, most, peaks = 0, 0.0, 0.0, 0, list[int]()
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000)
    for batch in batches:
        distinct = {json.loads(r["body"])["detail"]["object"]["key"].rsplit("/", 2)[0] for r in batch["Records"]}
        before, started, busy = services.writes, time.perf_counter(), time.process_time()
        with redirect_stdout(io.StringIO()):
            answer = handler(batch, context)
        spent += time.perf_counter() - started
        worked += time.process_time() - busy
        taken += len(batch["Records"])
        most = max(most, services.writes - before - len(distinct))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        if answer["batchItemFailures"]:
            raise SystemExit("messages failed")
    half = peaks[len(peaks) // 2]
    return {
        "events": taken,
        "seconds": spent,
        "cpu_seconds": worked,
        "writes_above_studies": most,
        "growth_kib": peaks[-1] - half,
    }


def _measure_sweep(services: Services) -> dict[str, Any]:
    handler = importlib.import_module("sweep.app").handler
    context, started, rounds = SimpleNamespace(get_remaining_time_in_millis=lambda: 240_000), 0, 0
    time.sleep(2)  # the quiet period
    began = time.perf_counter()
    while rounds < 100:
        with redirect_stdout(io.StringIO()):
            found = handler({}, context)["started"]
        rounds += 1
        started += found
        if not found:
            break
    return {"started": started, "rounds": rounds, "sweep_seconds": time.perf_counter() - began}


def main() -> int:
    """Do the work."""
    studies, objects = int(sys.argv[1]), int(sys.argv[2])
    services = Services(objects)

    def answer(_: object, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return services.call(operation, request)

    client_class: Any = botocore.client.BaseClient
    client_class._make_api_call = answer
    found = _measure_arrivals(services, events(studies, objects))
    found |= {"studies": len(services.items)} | _measure_sweep(services)
    found["processing"] = sum(item.get("status") == "PROCESSING" for item in services.items.values())
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    os.environ |= _ENVIRONMENT
    sys.exit(main())
