"""Handlers: one bad message never takes its neighbours along."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from feature_ingest import app as feature_ingest
from multimodal.genomics.jobs import JOB_NAME
from multimodal.ledger.errors import InvalidRequestError, RetryableError
from multimodal.pipeline.retry import ANSWERS, MAX_UNITS
from record_outcome import app as record_outcome
from sweep import app as sweep
from table_ingest import app as table_ingest
from tests.sample_events import load_event
from tests.unit.functions.fakes import FakeMetrics
from tests.unit.functions.world import World, rejection_document, slices

CONTEXT: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 0)


class _Metrics(FakeMetrics):
    flushed = False

    def flush(self) -> None:
        self.flushed = True


@pytest.fixture(autouse=True)
def metrics(monkeypatch: pytest.MonkeyPatch) -> _Metrics:
    fake = _Metrics()
    for app in (feature_ingest, record_outcome, sweep, table_ingest):
        monkeypatch.setattr(app, "metrics", lambda: fake)
    return fake


def _message(number: int, key: str | None) -> dict[str, Any]:
    event = {"time": "2024-01-02T03:04:05Z", "detail": {"object": {"key": key}}} if key else {}
    return {"messageId": f"m{number}", "body": json.dumps(event), "eventSource": "aws:sqs"}


def test_ingest_brings_back_just_the_messages_that_failed(monkeypatch: pytest.MonkeyPatch, metrics: _Metrics) -> None:
    done: list[str] = []

    def ingest(key: str) -> None:
        if "busy" in key:
            raise RetryableError("throttled")
        if "bug" in key:
            raise KeyError(key)
        done.append(key)

    monkeypatch.setattr(feature_ingest, "feature_ingest", lambda: SimpleNamespace(ingest=ingest))
    records = [_message(i, key) for i, key in enumerate(["a", "busy", "bug", None, "b"])]
    answer = feature_ingest.handler({"Records": records}, CONTEXT)
    assert sorted(f["itemIdentifier"] for f in answer["batchItemFailures"]) == ["m1", "m2", "m3"]
    assert done == ["a", "b"]
    assert metrics.flushed


@pytest.mark.parametrize("name", ["record_outcome_batch_succeeded", "record_outcome_batch_failed"])
def test_batchs_events_reach_the_service(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(record_outcome, "ports", lambda: None)
    monkeypatch.setattr(record_outcome, "BatchJobRecorder", lambda *_: SimpleNamespace(record_job=seen.append))
    record_outcome.handler(load_event(name), CONTEXT)
    assert JOB_NAME.fullmatch(seen[0]["jobName"])
    assert name.endswith(seen[0]["status"].lower())


def test_outcome_of_nothing_is_rejected_by_name() -> None:
    with pytest.raises(InvalidRequestError, match="action must be"):
        record_outcome.handler({"action": "dance"}, CONTEXT)


@pytest.mark.parametrize("step", ["check", "ingest", "finish", "fail"])
def test_each_step_of_a_table_reaches_its_service(
    monkeypatch: pytest.MonkeyPatch, metrics: _Metrics, step: str
) -> None:
    names = {"check": "check_table", "ingest": "ingest_part", "finish": "finish_table", "fail": "fail_table"}
    seen: list[tuple[str, tuple[Any, ...]]] = []
    for kind, name in names.items():
        service = SimpleNamespace(**{kind: lambda *given, kind=kind: seen.append((kind, given))})
        monkeypatch.setattr(table_ingest, name, lambda service=service: service)
    event = load_event(f"table_ingest_{step}")
    table_ingest.handler(event, CONTEXT)
    [(kind, given)] = seen
    assert (kind, given[0]) == (step, event["run_id"])
    assert event.get("part", 0) in given or step != "ingest"
    assert metrics.flushed


def test_a_step_of_nothing_is_rejected_by_name() -> None:
    with pytest.raises(InvalidRequestError, match="step must be"):
        table_ingest.handler({"step": "ingest", "run_id": "r"}, CONTEXT)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which the study R01-001 was quarantined a while ago, behind the handler of `sweep`."""
    world = World()
    world.upload(*slices(2))
    for job in world.jobs(world.sweep_until_run()):
        world.run_job(job, rejection_document())
    world.clock.advance(5)
    monkeypatch.setattr(sweep, "ports", lambda: world.ports)
    monkeypatch.setattr(sweep, "sweep", lambda: world.sweep)
    return world


def _rerun(*unit_ids: str) -> dict[str, Any]:
    answer = sweep.handler({"action": "rerun", "unit_ids": list(unit_ids)}, CONTEXT)
    assert set(answer) == set(ANSWERS)
    return {name: units for name, units in answer.items() if units}


def test_a_quarantined_unit_is_run_again_on_request(world: World) -> None:
    unit = world.item()
    assert _rerun(unit.unit_id, "imaging#d#none#1", unit.unit_id) == {
        "requested": [unit.unit_id],
        "unknown": ["imaging#d#none#1"],
    }
    assert (world.item().status, world.item().reason_code) == ("READY", None)
    assert _rerun(unit.unit_id) == {"already_requested": [unit.unit_id]}
    assert world.tick()["started"] == 1
    assert (world.item().attempt, world.item().rerun_requested) == (2, False)


def test_a_unit_at_work_is_run_again_when_its_run_has_ended(world: World) -> None:
    unit = world.item()
    _rerun(unit.unit_id)
    run = world.tick()["run_id"]
    world.clock.advance(1)
    assert _rerun(unit.unit_id) == {"processing": [unit.unit_id]}
    assert world.item().run_id == run, "the present run is left alone"
    world.run_job(world.jobs(str(run))[0])
    assert world.tick()["run_id"] not in {None, run}


def test_a_completed_unit_may_be_run_again_too(world: World) -> None:
    unit = world.item()
    _rerun(unit.unit_id)
    world.run_job(world.jobs(str(world.tick()["run_id"]))[0])
    world.ingest(world.features_key())
    world.clock.advance(1)
    assert _rerun(unit.unit_id) == {"requested": [unit.unit_id]}
    assert world.tick()["started"] == 1


def test_what_no_run_can_take_is_unknown_to_a_rerun(world: World) -> None:
    world.upload("imaging/d/loose.dcm")
    (note,) = (unit_id for unit_id, item in world.ledger.items.items() if item.is_note)
    assert _rerun(note) == {"unknown": [note]}


@pytest.mark.parametrize(
    "event",
    [
        {"action": "retry", "unit_ids": ["u"]},
        {"action": "rerun"},
        {"action": "rerun", "unit_ids": "u"},
        {"action": "rerun", "unit_ids": []},
        {"action": "rerun", "unit_ids": ["u", 1]},
        {"action": "rerun", "unit_ids": ["u"] * (MAX_UNITS + 1)},
    ],
)
def test_a_rerun_request_that_names_no_units_says_what_to_send(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match=r"send .*rerun.*unit_ids"):
        sweep.handler(event, CONTEXT)


def test_the_schedules_event_is_a_round_of_checks(world: World, metrics: _Metrics) -> None:
    assert sweep.handler(load_event("sweep_scheduled"), CONTEXT)["due"] == 0
    assert metrics.flushed
