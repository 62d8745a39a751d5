"""A patient who exists nowhere, in the headers, cells and file names of uploads; and the search for what leaked of it.

The name, the number and the day of birth may stand in RawBucket, which is a copy of what was uploaded, and in the lists
of keys below `runs/`, from which jobs know what to download and which a lifecycle rule removes. They may stand nowhere
else: not in a log, metric, name, ledger item, queue, history of a run, result, report or record.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydicom import dcmread

from cli.deployment import Deployment
from cli.features import describe_group, run_query
from cli.removal.objects import Bucket, side_by_side

SURNAME, GIVEN, MRN = "Quorvath", "Zuzanna", "7719203344"
BORN = "1947-03-17"
FILE_NAME = f"{SURNAME}-{GIVEN}-19470317-{MRN}"
CANARIES = tuple(
    text.encode() for text in (SURNAME, SURNAME.upper(), GIVEN, MRN, BORN, BORN.replace("-", ""), "03/17/1947")
)
_ADDRESSES = "runs/"
_ENDED: tuple[Literal["SUCCEEDED"], Literal["FAILED"]] = ("SUCCEEDED", "FAILED")


def mark_headers(study: Path) -> None:
    """Write the patient into the headers of a study's files that are whole."""
    for path in study.rglob("*.dcm"):
        dataset = dcmread(path)
        if "PixelData" not in dataset:
            continue
        dataset.PatientName, dataset.OtherPatientIDs = f"{SURNAME}^{GIVEN}", MRN
        dataset.PatientBirthDate = BORN.replace("-", "")
        dataset.PatientComments = f"{GIVEN} {SURNAME}, {MRN}"
        dataset.save_as(path)


def rename_reads(files: tuple[Path, ...], case: str) -> tuple[Path, ...]:
    """Call the files of a case as a hospital's export does: by the patient."""
    return tuple(path.rename(path.with_name(path.name.replace(case, FILE_NAME))) for path in files)


def search(deployment: Deployment) -> dict[str, Any]:
    """Return how many texts were searched by kind of place, and where something of the patient stands."""
    searched: dict[str, int] = {}
    leaks: list[str] = []
    uploaded = 0
    for kind, where, text in _texts(deployment):
        searched[kind] = searched.get(kind, 0) + 1
        found = sorted({canary.decode() for canary in CANARIES if canary in text or canary in where.encode()})
        if kind == "raw":
            uploaded += bool(found)
        elif found:
            at = max(text.find(canary.encode()) for canary in found)
            leaks.append(f"{kind} {where}: {', '.join(found)} in …{text[max(0, at - 120) : at + 60]!r}…")
    return {"searched": searched, "uploaded": uploaded, "leaks": leaks}


def _texts(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    yield from _objects(deployment)
    yield from _records(deployment)
    for item in deployment.ledger.scan(ConsistentRead=True)["Items"]:
        yield "ledger", str(item["unit_id"]), _written(item)
    yield from _logs(deployment)
    yield from _metrics(deployment)
    yield from _queues(deployment)
    yield from _executions(deployment)
    yield from _jobs(deployment)


def _objects(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    for kind, output in (("raw", "RawBucketName"), ("object", "ProcessedBucketName")):
        bucket = Bucket(deployment, deployment.output(output))
        versions = [each for each in bucket.versions("") if not each.key.startswith(_ADDRESSES)]
        for version, text in zip(versions, side_by_side(bucket.read, versions), strict=True):
            yield kind, version.key, text


def _records(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    for name in deployment.feature_groups:
        group = describe_group(deployment, name)
        for row in run_query(deployment, f"SELECT * FROM {group.qualified_table}", database=group.database):
            yield "record", name, _written(row)


def _logs(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    logs = deployment.session.client("logs", endpoint_url=deployment.endpoint)
    for page in logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                for event in events["events"]:
                    yield "log", f"{group['logGroupName']} {event['logStreamName']}", event["message"].encode()


def _metrics(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    metrics = deployment.session.client("cloudwatch", endpoint_url=deployment.endpoint)
    for page in metrics.get_paginator("list_metrics").paginate():
        for metric in page["Metrics"]:
            yield "metric", metric["MetricName"], _written(metric)


def _queues(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    for queue in deployment.sqs.list_queues().get("QueueUrls", []):
        waiting = deployment.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
        yield "queue", queue.rpartition("/")[2], _written(waiting.get("Messages", []))


def _executions(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    for machine in deployment.states.list_state_machines()["stateMachines"]:
        for page in deployment.states.get_paginator("list_executions").paginate(
            stateMachineArn=machine["stateMachineArn"]
        ):
            for execution in page["executions"]:
                arn = execution["executionArn"]
                history = deployment.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
                yield "execution", arn.rpartition(":")[2], _written(history)


def _jobs(deployment: Deployment) -> Iterator[tuple[str, str, bytes]]:
    for page in deployment.sagemaker.get_paginator("list_processing_jobs").paginate():
        for job in page["ProcessingJobSummaries"]:
            name = job["ProcessingJobName"]
            yield "job", name, _written(deployment.sagemaker.describe_processing_job(ProcessingJobName=name))
    batch = deployment.session.client("batch", endpoint_url=deployment.endpoint)
    for queue in batch.describe_job_queues()["jobQueues"]:
        for status in _ENDED:
            pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue["jobQueueName"], jobStatus=status)
            for ids in ([summary["jobId"] for summary in page["jobSummaryList"]] for page in pages):
                for job in batch.describe_jobs(jobs=ids)["jobs"] if ids else []:
                    yield "job", job["jobName"], _written(job)


def _written(document: object) -> bytes:
    return json.dumps(document, default=str, ensure_ascii=False).encode()
