"""The deployed pipeline as the end-to-end tests drive it: put, wait, look."""

import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from cli.deployment import Deployment
from cli.features import GroupTable, Row, describe_group, find_group, read_features
from cli.ledger import Unit, read_units
from cli.project import DATASET
from cli.results import results_prefix
from cli.sources.patients import Study
from cli.upload import put_files
from cli.wait import nudged_sweep, wait_for_units
from tests.screen import Screen


def silent_console() -> Screen:
    """A console that nobody reads."""
    return Screen(160)


@dataclass(frozen=True)
class Pipeline:
    """A deployed stack.

    Parameters
    ----------
    deployment : Deployment
        The stack, on the laptop or in a real account.
    timeout : float
        Seconds that anything may take from upload to features.
    """

    deployment: Deployment
    timeout: float

    @cached_property
    def raw_bucket(self) -> str:
        return self.deployment.output("RawBucketName")

    @cached_property
    def processed_bucket(self) -> str:
        return self.deployment.output("ProcessedBucketName")

    @property
    def group(self) -> GroupTable:
        return describe_group(self.deployment, find_group(self.deployment, "imaging"))

    def upload(self, studies: Iterable[Study]) -> None:
        """Upload studies in a random order of files."""
        files = [file for study in studies for file in study.files]
        random.shuffle(files)
        put_files(silent_console(), self.deployment, files, f"imaging/{DATASET}/")

    def put(self, key: str, body: bytes) -> None:
        """Put one object below the dataset's prefix."""
        self.deployment.s3.put_object(Bucket=self.raw_bucket, Key=f"imaging/{DATASET}/{key}", Body=body)

    def store(self, key: str, body: bytes) -> None:
        """Put one object under its whole key."""
        self.deployment.s3.put_object(Bucket=self.raw_bucket, Key=key, Body=body)

    def expression(self, dataset: str) -> dict[str, Row]:
        """The newest gene-expression record of each case of a dataset."""
        group = describe_group(self.deployment, find_group(self.deployment, f"{dataset}-rna"))
        return {str(row["case_id"]): row for row in read_features(self.deployment, group)}

    def batch_job(self, unit: Unit, queue: str = "CpuQueueArn") -> dict[str, Any]:
        """The job that a unit was last in, as Batch describes it."""
        batch = self.deployment.session.client("batch", endpoint_url=self.deployment.endpoint)
        name = [{"name": "JOB_NAME", "values": [unit.text("run_id")]}]
        [summary] = batch.list_jobs(jobQueue=self.deployment.output(queue), filters=name)["jobSummaryList"]
        [job] = batch.describe_jobs(jobs=[summary["jobId"]])["jobs"]
        return dict(job)

    def reach(self, unit_ids: Iterable[str], status: str, reason: str) -> None:
        """Wait until units stand somewhere for a reason, without having ended."""
        wanted, deadline = dict.fromkeys(unit_ids, (status, reason)), time.monotonic() + self.timeout
        found: dict[str, tuple[str, str]] = {}
        with nudged_sweep(self.deployment):
            while found != wanted and time.monotonic() < deadline:
                units = [unit for unit in read_units(self.deployment) if unit.unit_id in wanted]
                found = {unit.unit_id: (unit.status, unit.text("reason_code")) for unit in units}
                time.sleep(0.5)
        assert found == wanted

    def announce(self, keys: Iterable[str]) -> None:
        """Send the event of each key to the arrivals queue once more, as EventBridge does at times."""
        queue = self.deployment.resource("ArrivalsQueue")
        for key in keys:
            self.deployment.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(self._event(key)))

    def _event(self, key: str) -> dict[str, Any]:
        head = self.deployment.s3.head_object(Bucket=self.raw_bucket, Key=key)
        return {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "000000000000",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [f"arn:aws:s3:::{self.raw_bucket}"],
            "detail": {
                "version": "0",
                "bucket": {"name": self.raw_bucket},
                "object": {
                    "key": key,
                    "size": head["ContentLength"],
                    "etag": head["ETag"].strip('"'),
                    "sequencer": "00617F08299329D189",
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "000000000000",
                "reason": "PutObject",
            },
        }

    def unit(self, subject: str) -> Unit:
        """The only unit of a subject."""
        [unit] = [unit for unit in read_units(self.deployment) if unit.text("subject") == subject]
        return unit

    def wait_for(self, unit_ids: Iterable[str]) -> dict[str, Unit]:
        """Wait until units have ended; return them by subject."""
        outcome = wait_for_units(silent_console(), self.deployment, unit_ids=list(unit_ids), timeout=self.timeout)
        assert not outcome.timed_out, [(unit.name, unit.status) for unit in outcome.units]
        return {unit.text("subject"): unit for unit in outcome.units}

    def wait_for_run(self, before: Unit) -> Unit:
        """Wait until a unit has ended a run later than the one it was last in."""
        deadline = time.monotonic() + self.timeout
        with nudged_sweep(self.deployment) as problems:
            while time.monotonic() < deadline:
                unit = self.unit(before.text("subject"))
                if unit.is_settled and unit.text("run_id") != before.text("run_id"):
                    return unit
                time.sleep(0.5)
        raise AssertionError(f"{unit.name} is {unit.status} in run {unit.text('run_id')}; {problems}")

    def wait_for_arrivals(self, before: Iterable[Unit]) -> None:
        """Wait until each unit has had an event later than the last one it had; how long one takes, nobody promises."""
        deadline = time.monotonic() + self.timeout
        for unit in before:
            while self.unit(unit.text("subject")).number("last_arrival") <= unit.number("last_arrival"):
                assert time.monotonic() < deadline, f"no event of {unit.name} arrived"
                time.sleep(0.5)

    def settle(self, seconds: float) -> None:
        """Let the sweep look around for a while when nothing should happen."""
        with nudged_sweep(self.deployment) as problems:
            time.sleep(seconds)
        assert not problems

    def runs_of(self, unit: Unit) -> list[str]:
        """The runs that took a unit, by the listings they kept of it."""
        name = f"/listings/{unit.text('correlation_id')}.json"
        return [key.split("/")[1] for key in self._keys("runs/") if key.endswith(name)]

    def jobs_of(self, run_id: str) -> dict[str, list[str]]:
        """The jobs of a run: the ids of each one's units."""
        keys = [key for key in self._keys(f"runs/{run_id}/jobs/") if key.endswith("/job.json")]
        documents = [self._json(key) for key in keys]
        return {each["job_id"]: [unit["unit_id"] for unit in each["units"]] for each in documents}

    def attempts_at(self, job_id: str) -> list[str]:
        """The processing jobs that were made of a job, by name."""
        answer = self.deployment.sagemaker.list_processing_jobs(NameContains=job_id)
        return sorted(each["ProcessingJobName"] for each in answer["ProcessingJobSummaries"])

    def _json(self, key: str) -> dict[str, Any]:
        body = self.deployment.s3.get_object(Bucket=self.processed_bucket, Key=key)["Body"]
        document: dict[str, Any] = json.loads(body.read())
        return document

    def _keys(self, prefix: str) -> list[str]:
        pages = self.deployment.s3.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.processed_bucket, Prefix=prefix)
        return [item["Key"] for page in found for item in page.get("Contents", [])]

    def result(self, unit: Unit, name: str) -> dict[str, Any] | None:
        """A JSON result of a unit, or None when there is no such object."""
        try:
            return self._json(results_prefix(unit) + name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def features(self, subjects: Iterable[str]) -> dict[str, Row]:
        """The newest record of each subject, once all have one: in AWS the offline store lags by minutes."""
        wanted = set(subjects)
        deadline = time.monotonic() + self.timeout
        while set(found := self.features_now(wanted)) != wanted and time.monotonic() < deadline:
            time.sleep(1)
        return found

    def features_now(self, subjects: Iterable[str]) -> dict[str, Row]:
        """The newest record of each subject that has one."""
        wanted = set(subjects)
        rows = read_features(self.deployment, self.group)
        return {str(row["case_id"]): row for row in rows if row["case_id"] in wanted}

    def execution(self, run_id: str) -> dict[str, Any]:
        """The ended execution of a run."""
        machine = self.deployment.output("ImagingStateMachineArn")
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            executions = self.deployment.states.list_executions(stateMachineArn=machine)["executions"]
            [arn] = [each["executionArn"] for each in executions if each["name"].startswith(run_id)]
            answer = self.deployment.states.describe_execution(executionArn=arn)
            if answer["status"] != "RUNNING":
                return dict(answer)
            time.sleep(0.5)
        raise AssertionError(f"{run_id} is still running")
