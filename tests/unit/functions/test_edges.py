"""Handlers' helpers, settings, metrics, and what an update of the ledger looks like on the wire."""

import json
import time
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from arrivals.app import ArrivalsSettings
from multimodal.aws.errors import translated
from multimodal.aws.ledger import _update_request
from multimodal.aws.ports import THREADS, parallel_map
from multimodal.ledger.errors import BadInputError, ConfigurationError, RetryableError
from multimodal.observability import CloudWatchMetrics, Metric
from multimodal.pipeline.messages import object_created, parsed_uploads, partial_failure
from plan_jobs.app import PlanJobsSettings
from sweep.app import SweepSettings

GOOD = {
    "STACK_NAME": "s",
    "METRICS_NAMESPACE": "n",
    "LEDGER_TABLE": "t",
    "RAW_BUCKET": "b",
    "QUIET_PERIOD_SECONDS": "300",
}


def _message(body: object) -> dict[str, str]:
    return {"messageId": "m1", "body": body if isinstance(body, str) else json.dumps(body)}


def test_event_carries_the_raw_key() -> None:
    event = {"time": "2024-01-02T03:04:05Z", "detail": {"object": {"key": "imaging/d/s/t/a+b %20ü.dcm"}}}
    upload = object_created(_message(event))
    assert (upload.key, upload.event_time) == ("imaging/d/s/t/a+b %20ü.dcm", 1704164645)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        {"time": "now", "detail": {}},
        {"time": 3, "detail": {"object": {}}},
        {"time": "2024-01-02T03:04:05Z", "detail": {"object": {"key": 5}}},
        {"time": "2024-01-02T03:04:05Z", "detail": {"object": {"key": "imaging/\ud800/s/t/1.dcm"}}},
    ],
)
def test_message_that_is_something_else_goes_to_the_dead_letters(body: object) -> None:
    with pytest.raises(BadInputError):
        object_created(_message(body))
    assert parsed_uploads({"Records": [_message(body)]}) == ([], {"m1"})


def test_partial_failure_names_each_message_once() -> None:
    assert partial_failure({"b", "a"}) == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}


def test_settings_are_read_and_every_fault_is_named() -> None:
    assert ArrivalsSettings.from_environment(GOOD).QUIET_PERIOD_SECONDS == 300
    with pytest.raises(ConfigurationError, match=r"LEDGER_TABLE.*QUIET_PERIOD_SECONDS"):
        ArrivalsSettings.from_environment({**GOOD, "LEDGER_TABLE": "", "QUIET_PERIOD_SECONDS": "soon"})
    with pytest.raises(ConfigurationError, match="RAW_BUCKET"):
        ArrivalsSettings.from_environment({k: v for k, v in GOOD.items() if k != "RAW_BUCKET"})


def test_names_are_split_and_the_image_may_be_absent() -> None:
    extra = {
        "PROCESSED_BUCKET": "p",
        "FORCE_AFTER_SECONDS": "5400",
        "DATASET_NAMES": "a, b,",
        "MAX_CONCURRENCY": "50",
        "MIN_VOLUME_GB": "5",
        "TIME_LIMIT_SECONDS": "7200",
        "FAST_LANE_MEGABYTES": "0",
    }
    settings = PlanJobsSettings.from_environment(GOOD | extra)
    assert (settings.DATASET_NAMES, settings.RADIOMICS_IMAGE_URI) == (["a", "b"], "")


def test_metrics_have_exactly_two_dimensions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME", raising=False)
    metrics = CloudWatchMetrics("MultimodalHealth/stack")
    metrics.count(Metric.UNITS_RECEIVED)
    metrics.count(Metric.UNITS_RECEIVED)
    metrics.count(Metric.UPLOAD_TO_FEATURE_SECONDS, 12)
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] for line in lines] == [[["modality", "stage"]]] * 2
    assert {line["stage"] for line in lines} == {"arrival", "features"}
    assert lines[0]["UnitsReceived"] == [1.0, 1.0]
    metrics.flush()
    assert capsys.readouterr().out == "", "each value is told once"


def test_metrics_of_both_modalities_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = CloudWatchMetrics("MultimodalHealth/stack")
    metrics.count(Metric.UNITS_READY)
    metrics.count(Metric.UNITS_READY, modality="genomics")
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["modality"], *line["UnitsReady"]) for line in lines} == {("imaging", 1.0), ("genomics", 1.0)}


SWEEP = {
    "PROCESSED_BUCKET": "p",
    "FORCE_AFTER_SECONDS": "5400",
    "DATASET_NAMES": "a",
    "IMAGING_STATE_MACHINE_ARN": "arn",
    "TABLES_STATE_MACHINE_ARN": "arn",
    "FEATURE_INGEST_QUEUE_URL": "url",
}
BATCH = {
    "RNASEQ_IMAGE_URI": "image",
    "BATCH_CPU_QUEUE_ARN": "cpu",
    "BATCH_FPGA_QUEUE_ARN": "fpga",
    "SAMPLE_JOB_DEFINITION_ARN": "sample",
    "REFERENCE_JOB_DEFINITION_ARN": "reference",
}


def test_engine_chooses_the_queue() -> None:
    salmon = SweepSettings.from_environment(GOOD | SWEEP | BATCH)
    dragen = SweepSettings.from_environment(GOOD | SWEEP | BATCH | {"GENOMICS_ENGINE": "dragen"})
    assert (salmon.genomics_queue, salmon.genomics_image) == ("cpu", "image")
    assert (dragen.genomics_queue, dragen.genomics_image) == ("fpga", "image")
    with pytest.raises(ConfigurationError, match="GENOMICS_ENGINE"):
        SweepSettings.from_environment(GOOD | SWEEP | {"GENOMICS_ENGINE": "star"})


@pytest.mark.parametrize("absent", ["RNASEQ_IMAGE_URI", *(name for name in BATCH if "FPGA" not in name)])
def test_stack_without_a_part_of_batch_has_no_image_to_run(absent: str) -> None:
    assert SweepSettings.from_environment(GOOD | SWEEP).genomics_image == ""
    assert SweepSettings.from_environment(GOOD | SWEEP | BATCH | {absent: ""}).genomics_image == ""


def test_update_removes_sets_once_and_counts_the_version() -> None:
    request = _update_request({"a": 1.5, "b": None}, {"c": "first", "a": 9}, {":seen_version": 3})
    assert request["UpdateExpression"] == "SET #a = :a, #c = if_not_exists(#c, :c) REMOVE #b ADD #version :one"
    assert request["ExpressionAttributeValues"] == {":a": Decimal("1.5"), ":c": "first", ":one": 1, ":seen_version": 3}


@pytest.mark.parametrize(
    ("code", "kind"), [("ThrottlingException", RetryableError), ("AccessDenied", ConfigurationError)]
)
def test_errors_are_retryable_or_not(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=code), translated("do a thing"):
        raise ClientError({"Error": {"Code": code, "Message": "m"}}, "Op")


@pytest.mark.timeout(20)
def test_what_is_spread_may_spread_again_however_much_there_is() -> None:
    """A pool whose threads all wait for its own queue never ends: a round with ten cases to start did not."""
    rows = range(5 * THREADS)

    def times(row: int) -> int:
        return sum(parallel_map(lambda column: row * column, range(3)))

    assert list(parallel_map(times, rows)) == [3 * row for row in rows]


@pytest.mark.timeout(20)
def test_one_item_that_fails_stops_no_other_and_nothing_goes_on_afterwards() -> None:
    done: list[int] = []

    def act(item: int) -> None:
        if item == 0:
            raise ValueError("the first")
        time.sleep(0.001)
        done.append(item)

    with pytest.raises(ValueError, match="the first"):
        parallel_map(act, range(10 * THREADS))
    assert sorted(done) == list(range(1, 10 * THREADS)), "the others were done, and before it raised"
