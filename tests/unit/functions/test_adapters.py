"""Adapters against botocore's own models of the services: what they ask, and what they make of the answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from multimodal.aws.jobs import QueueJobs
from multimodal.aws.ledger import DynamoDbLedger
from multimodal.ledger.errors import ConfigurationError, RetryableError
from multimodal.ledger.unit import Status, Unit, case_unit

QUEUE, DEFINITION = (
    "arn:aws:batch:us-east-1:111122223333:job-queue/q",
    "arn:aws:batch:us-east-1:111122223333:job-definition/d:1",
)
NAME = "rna-0123456789ab-1"
ASKED = {"jobQueue": QUEUE, "filters": [{"name": "JOB_NAME", "values": [NAME]}]}


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REGION": "us-east-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{'DEFAULT_' if name == 'REGION' else ''}{name}", value)


@pytest.fixture
def jobs() -> QueueJobs:
    return QueueJobs(QUEUE, DEFINITION)


@pytest.fixture
def batch(jobs: QueueJobs) -> Iterator[Stubber]:
    with Stubber(jobs._batch) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _page(*found: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"jobSummaryList": [{"jobId": "i", "jobName": n, "status": s} for n, s in found], **more}


def test_job_is_submitted_with_its_command(jobs: QueueJobs, batch: Stubber) -> None:
    batch.add_response("list_jobs", _page(), ASKED)
    wanted = {
        "jobName": NAME,
        "jobQueue": QUEUE,
        "jobDefinition": DEFINITION,
        "containerOverrides": {"command": ["--engine", "salmon"]},
    }
    batch.add_response("submit_job", {"jobName": NAME, "jobId": "i"}, wanted)
    jobs.submit(NAME, ["--engine", "salmon"])


@pytest.mark.parametrize("status", ["RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED"])
def test_name_that_was_submitted_before_is_not_submitted_again(jobs: QueueJobs, batch: Stubber, status: str) -> None:
    batch.add_response("list_jobs", _page((NAME, status)), ASKED)
    jobs.submit(NAME, [])


def test_job_on_a_later_page_is_found_and_longer_names_are_not_it(jobs: QueueJobs, batch: Stubber) -> None:
    batch.add_response("list_jobs", _page((NAME + "0", "RUNNING"), nextToken="t"), ASKED)
    batch.add_response("list_jobs", _page((NAME, "RUNNABLE")), {**ASKED, "nextToken": "t"})
    assert jobs.is_running(NAME)
    batch.add_response("list_jobs", _page((NAME + "0", "RUNNING"), (NAME, "FAILED")), ASKED)
    assert not jobs.is_running(NAME)


@pytest.mark.parametrize(
    ("code", "kind"), [("ClientException", ConfigurationError), ("TooManyRequestsException", RetryableError)]
)
def test_refusals_of_batch_are_lasting_or_passing(
    jobs: QueueJobs, batch: Stubber, code: str, kind: type[Exception]
) -> None:
    batch.add_client_error("list_jobs", code, "m")
    with pytest.raises(kind, match="list jobs"):
        jobs.is_running(NAME)


def _item(unit: Unit) -> dict[str, Any]:
    text = {"unit_id": unit.unit_id, "modality": unit.modality, "dataset": unit.dataset, "subject": unit.subject}
    found: dict[str, Any] = {
        name: {"S": value} for name, value in {**text, "study": unit.study, "status": "READY"}.items()
    }
    return {"Item": {**found, "version": {"N": "1"}}}


@pytest.mark.parametrize("unit", [Unit("d", "s", "t"), case_unit("d", "R01-023"), case_unit("_references", "human")])
def test_unit_comes_back_from_the_ledger_as_it_was(unit: Unit) -> None:
    ledger = DynamoDbLedger("table")
    with Stubber(ledger._client) as stubber:
        stubber.add_response("get_item", _item(unit))
        found = ledger.get(unit.unit_id)
    assert found is not None
    assert (found.unit, found.unit_id, found.status) == (unit, unit.unit_id, Status.READY)


def test_pinned_value_is_the_first_ones() -> None:
    ledger = DynamoDbLedger("table")
    kept = {"value": {"M": {"engine": {"S": "dragen"}}}}
    with Stubber(ledger._client) as stubber:
        stubber.add_response("update_item", {"Attributes": kept})
        assert ledger.put_if_absent("assay#g", {"engine": "salmon"}) == {"engine": "dragen"}
