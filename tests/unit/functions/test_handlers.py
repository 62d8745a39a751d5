"""Handlers: one bad message never takes its neighbours along."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from feature_ingest import app as feature_ingest
from multimodal import bootstrap
from multimodal.genomics.jobs import JOB_NAME
from multimodal.ledger.errors import InvalidRequestError, RetryableError
from record_outcome import app as record_outcome
from table_ingest import app as table_ingest
from tests.sample_events import load_event
from tests.unit.functions.fakes import FakeMetrics


class _Metrics(FakeMetrics):
    def flush(self) -> None:
        self.flushed = True


def _message(number: int, key: str | None) -> dict[str, Any]:
    event = {"time": "2024-01-02T03:04:05Z", "detail": {"object": {"key": key}}} if key else {}
    return {"messageId": f"m{number}", "body": json.dumps(event), "eventSource": "aws:sqs"}


def test_ingest_brings_back_just_the_messages_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def ingest(key: str) -> None:
        if "busy" in key:
            raise RetryableError("throttled")
        if "bug" in key:
            raise KeyError(key)
        done.append(key)

    metrics = _Metrics()
    monkeypatch.setattr(bootstrap, "ingest_features", lambda: SimpleNamespace(ingest=ingest))
    monkeypatch.setattr(bootstrap, "metrics", lambda: metrics)
    records = [_message(i, key) for i, key in enumerate(["a", "busy", "bug", None, "b"])]
    answer = feature_ingest.handler({"Records": records}, SimpleNamespace())  # type: ignore[arg-type]
    assert sorted(f["itemIdentifier"] for f in answer["batchItemFailures"]) == ["m1", "m2", "m3"]
    assert done == ["a", "b"]
    assert metrics.flushed


@pytest.mark.parametrize("name", ["record_outcome_batch_succeeded", "record_outcome_batch_failed"])
def test_batchs_events_reach_the_service(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(bootstrap, "metrics", _Metrics)
    monkeypatch.setattr(bootstrap, "record_batch_job", lambda: SimpleNamespace(record_job=seen.append))
    record_outcome.handler(load_event(name), SimpleNamespace())  # type: ignore[arg-type]
    assert JOB_NAME.fullmatch(seen[0]["jobName"])
    assert name.endswith(seen[0]["status"].lower())


def test_outcome_of_nothing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "metrics", _Metrics)
    with pytest.raises(Exception, match="action must be"):
        record_outcome.handler({"action": "dance"}, SimpleNamespace())  # type: ignore[arg-type]


@pytest.mark.parametrize("step", ["check", "ingest", "finish", "fail"])
def test_each_step_of_a_table_reaches_its_service(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    names = {"check": "check_table", "ingest": "ingest_part", "finish": "finish_table", "fail": "fail_table"}
    seen: list[tuple[str, tuple[Any, ...]]] = []
    metrics = _Metrics()
    monkeypatch.setattr(bootstrap, "metrics", lambda: metrics)
    for kind, name in names.items():
        monkeypatch.setattr(bootstrap, name, lambda kind=kind: lambda *given: seen.append((kind, given)))
    event = load_event(f"table_ingest_{step}")
    table_ingest.handler(event, SimpleNamespace(get_remaining_time_in_millis=lambda: 0))  # type: ignore[arg-type]
    [(kind, given)] = seen
    assert (kind, given[0]) == (step, event["run_id"])
    assert event.get("part", 0) in given or step != "ingest"
    assert metrics.flushed


def test_a_step_of_nothing_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "metrics", _Metrics)
    with pytest.raises(InvalidRequestError, match="step must be"):
        table_ingest.handler({"step": "ingest", "run_id": "r"}, SimpleNamespace())  # type: ignore[arg-type]
