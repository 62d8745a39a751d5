"""Runs: planning, outcomes, honest ends, leases, and the way back."""

import json
from dataclasses import replace
from typing import Any

import pytest

from multimodal.imaging.jobs import MAX_UNITS_PER_JOB, Lane, job_id, next_attempt, pack, share_lanes, volume_gb
from multimodal.ledger.claim import LEASE_SECONDS, PlannedUnit, run_id
from multimodal.ledger.errors import ConfigurationError, InvalidRequestError, RetryableError
from multimodal.ledger.outcome import INGEST_RECHECK_SECONDS, SHORTAGE_RECHECK_SECONDS
from multimodal.ledger.unit import Status, Unit
from multimodal.pipeline.sweep import LEASE_NAME, MAX_LOST_RUNS, ROUND_SECONDS
from tests.unit.functions.world import (
    DATASET,
    FORCE,
    IMAGE,
    QUIET,
    World,
    features_document,
    rejection_document,
    slices,
)

GIB = 1024**3


def _started(world: World, subjects: int = 3) -> str:
    for i in range(1, subjects + 1):
        world.upload(*slices(3, subject=f"R01-{i:03d}"))
    return world.sweep_until_run()


@pytest.fixture
def one_study_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small studies are worth a job, so that a test sees several jobs."""
    monkeypatch.setattr("multimodal.imaging.jobs.WORTH_BYTES_PER_JOB", 1)


@pytest.mark.usefixtures("one_study_a_job")
def test_manifest_lists_exactly_the_units_objects(world: World) -> None:
    world.upload(*slices(2, subject="R01-1"), *slices(2, subject="R01-10"))
    run = world.sweep_until_run()
    jobs = world.jobs(run)
    manifests = [world.processed.read_json(j["manifest_uri"].removeprefix("s3://processed/")) for j in jobs]
    assert manifests[0] == [
        {"prefix": "s3://raw/imaging/"},
        f"{DATASET}/R01-1/1.2.3/series/1-01.dcm",
        f"{DATASET}/R01-1/1.2.3/series/1-02.dcm",
    ]


def test_job_names_keep_to_sagemakers_pattern_and_hold_no_subject(world: World) -> None:
    job = world.jobs(_started(world, 1))[0]
    assert job["job_name"] == job["job_id"] + "-1"
    assert "R01" not in job["job_name"]
    assert len(job["job_name"]) <= 63


def test_a_job_for_what_is_worth_one_while_jobs_are_free_then_shared_evenly() -> None:
    units = [PlannedUnit(f"u{i}", "d", f"s{i}", "t", "g", 1, 300, 150_000_000, "k") for i in range(162)]
    assert [len(j) for j in pack(units[:10], 50)] == [5, 5], "a study takes seconds, a start minutes"
    assert {len(j) for j in pack(units[:100], 10)} == {10}, "no more jobs than run at once"
    large = [PlannedUnit(f"u{i}", "d", f"s{i}", "t", "g", 1, 300, 900_000_000, "k") for i in range(3)]
    assert [len(j) for j in pack(large, 50)] == [1, 1, 1]
    jobs = pack(units, 50)
    assert len(jobs) == 33
    assert {len(j) for j in jobs} == {4, 5}
    assert sorted(u.unit_id for j in jobs for u in j) == sorted(u.unit_id for u in units), "nothing lost, nothing twice"


def test_as_many_studies_as_a_plan_may_name_are_shared_out_at_once() -> None:
    """Looking through all jobs for each unit took a quarter of an hour, and the function's time ran out."""
    units = [PlannedUnit(f"u{i:06}", "d", f"s{i}", "t", "g", 1, 1, 152_000_000, "k") for i in range(100_000)]
    assert {len(job) for job in pack(units, 50)} == {MAX_UNITS_PER_JOB}


def _of(subject: str, *megabytes: int) -> list[PlannedUnit]:
    return [
        PlannedUnit(f"{subject}{i}", "d", subject, "t", "g", 1, 1, m * 1_000_000, "k") for i, m in enumerate(megabytes)
    ]


def test_small_subjects_are_a_functions_and_keep_their_studies_together() -> None:
    one, two, large = _of("a", 100), _of("b", 60, 60), _of("c", 90, 111)
    small, rest = share_lanes([*large, *two, *one], 200)
    assert small == [one, two], "the job compares the patients of a subject's studies"
    assert rest == large
    assert share_lanes([*one, *two], 0) == ([], [*one, *two]), "there is no such function"
    empty = [replace(unit, bytes=0) for unit in one]
    assert share_lanes(empty, 0) == ([], empty), "nor is there one for files without content"
    many = _of("d", *[1] * (MAX_UNITS_PER_JOB + 1))
    assert share_lanes(many, 200) == ([], many)


def test_a_run_with_a_fast_lane_names_the_lane_of_each_job_and_repeats_a_failed_one_on_processing() -> None:
    world = World(fast_lane_megabytes=1)
    run = _started(world, 2)
    jobs = world.jobs(run)
    assert [job["lane"] for job in jobs] == [Lane.FUNCTION, Lane.FUNCTION]
    assert len({job["job_id"] for job in jobs}) == 2
    again = next_attempt(jobs[0])
    assert again is not None
    assert again["lane"] == Lane.PROCESSING
    assert world.run_job(jobs[1])["decision"] == "done"
    assert world.metrics.values["FastLaneFallbacks"] == 0
    world.run_job(jobs[0] | {"lane": Lane.FALLBACK})
    assert world.metrics.values["FastLaneFallbacks"] == 1


def test_the_ledger_counts_damaged_files_and_names_none(world: World) -> None:
    job = world.jobs(_started(world, 1))[0]
    details = {"count": 1, "files": ["Doe-Jane-1.dcm"], "file": "Doe-Jane-1.dcm", "ignored": 2}
    world.run_job(job, rejection_document() | {"details": details})
    (item,) = world.ledger.extra.values()
    assert item["reason_details"] == {"count": 1, "ignored": 2}


def test_without_a_fast_lane_every_job_is_a_processing_job(world: World) -> None:
    jobs = world.jobs(_started(world, 2))
    assert {job["lane"] for job in jobs} == {Lane.PROCESSING}
    world.run_job(jobs[0])
    assert "FastLaneFallbacks" not in world.metrics.values


def test_no_job_outgrows_its_limits() -> None:
    many = [PlannedUnit(f"u{i:03d}", "d", "s", "t", "g", 1, 1, 1, "k") for i in range(500)]
    assert max(len(j) for j in pack(many, 2)) <= MAX_UNITS_PER_JOB
    large = [PlannedUnit(f"u{i}", "d", "s", "t", "g", 1, 1, 12 * GIB, "k") for i in range(4)]
    assert [len(j) for j in pack(large, 1)] == [1, 1, 1, 1]
    assert volume_gb(large[:1], 5) == 36
    assert volume_gb(many[:1], 5) == 5
    assert pack([], 5) == []


def test_names_depend_on_content_not_on_order() -> None:
    a = PlannedUnit("a", "d", "s", "t", "g", 1, 1, 1, "k")
    b = PlannedUnit("b", "d", "s", "t", "g", 1, 1, 1, "k")
    assert job_id([a, b], "i") == job_id([b, a], "i") != job_id([a, b], "j")
    assert run_id([("a", "g", 1), ("b", "g", 1)]) == run_id([("b", "g", 1), ("a", "g", 1)])
    assert run_id([("a", "g", 1)]) != run_id([("a", "g", 2)])


def test_concurrency_is_what_other_runs_leave() -> None:
    world = World(concurrency=50, in_flight=45)
    assert world.plan("exec", {"run_id": _started(world)})["concurrency"] == 5
    full = World(concurrency=50, in_flight=60)
    assert full.plan("exec", {"run_id": _started(full)})["concurrency"] == 1


@pytest.mark.usefixtures("one_study_a_job")
def test_one_bad_study_does_not_hide_and_does_not_stop_the_others(world: World) -> None:
    run = _started(world)
    jobs = world.jobs(run)
    world.run_job(jobs[0])
    world.run_job(jobs[1], rejection_document())
    world.run_job(jobs[2])
    summary = world.summarize(run)
    assert summary["status"] == "FAILED"
    assert summary["cause"].startswith("1 of 3 units did not succeed: 1 UNREADABLE_DICOM")
    assert world.item("R01-002").status is Status.QUARANTINED
    assert world.item("R01-002").due_at is None, "nothing is retried for ever"
    assert world.item("R01-003").status is Status.PROCESSED


def test_run_in_which_all_is_well_succeeds(world: World) -> None:
    run = _started(world)
    for job in world.jobs(run):
        assert world.run_job(job)["decision"] == "done"
    assert world.summarize(run)["status"] == "SUCCEEDED"


def test_failed_job_gets_another_name_then_fails_its_units(world: World) -> None:
    job = world.jobs(_started(world, 1))[0]
    first = world.record_job(job, {"status": "Failed", "reason": "host lost"})
    assert (first["decision"], first["job"]["job_name"]) == ("retry", job["job_id"] + "-2")
    second = world.record_job(first["job"], {"status": "Failed", "reason": "host lost"})
    assert second["decision"] == "done"
    assert (world.item().status, world.item().reason_code) == (Status.FAILED, "JOB_FAILED")


QUOTA_REACHED = "SageMaker.ResourceLimitExceededException: The account-level service limit 'ml.r5.large' is 0 Instances"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (QUOTA_REACHED, "QUOTA"),
        ("SageMaker.ThrottlingException: Rate exceeded", "QUOTA"),
        ("CapacityError: Unable to provision requested ML compute capacity.", "CAPACITY"),
        ("InternalServerError: We encountered an internal error. Please try again.", "CAPACITY"),
    ],
)
def test_a_shortage_is_no_attempt_and_its_units_are_tried_for_as_long_as_it_lasts(
    world: World, reason: str, code: str
) -> None:
    run = _started(world, 1)
    for _ in range(4):
        answer = world.record_job(world.jobs(run)[0], {"status": "Failed", "reason": reason})
        assert answer["decision"] == "done"
        assert (world.item().status, world.item().reason_code) == (Status.READY, code)
        assert world.summarize(run)["status"] == "SUCCEEDED", "nothing is wrong with the units"
        assert world.tick(SHORTAGE_RECHECK_SECONDS - 1)["started"] == 0
        run = world.tick(1)["run_id"]
        assert run, "the unit starts again by itself"
    world.run_job(world.jobs(run)[0])
    assert world.item().status is Status.PROCESSED


def test_failed_job_whose_results_are_all_there_is_not_run_again(world: World) -> None:
    job = world.jobs(_started(world, 1))[0]
    world.run_job(job)
    assert world.record_job(job, {"status": "Failed", "reason": "late"})["decision"] == "done"
    assert world.item().status is Status.PROCESSED


def test_completed_job_without_a_result_is_a_failure_and_says_so(world: World) -> None:
    run = _started(world, 1)
    world.record_job(world.jobs(run)[0], {"status": "Completed", "reason": ""})
    assert world.item().reason_code == "RESULT_MISSING"
    assert world.summarize(run)["status"] == "FAILED"


@pytest.mark.parametrize(
    ("quality", "told"),
    [
        ({"status": "warn", "warnings": ["PATIENT_ID_DIFFERS", "HU_RANGE"]}, ["PATIENT_ID_DIFFERS", "HU_RANGE"]),
        ({"status": "accept", "warnings": []}, None),
        ({"status": "accept"}, None),
        ("warn", None),
    ],
)
def test_the_ledger_has_what_quality_control_warns_of_until_the_next_run_says_otherwise(
    world: World, quality: object, told: list[str] | None
) -> None:
    world.run_job(world.jobs(_started(world, 1))[0], features_document() | {"qc": quality})
    assert world.item().status is Status.PROCESSED
    warnings = world.ledger.extra[world.item().unit_id].get("warnings")
    assert warnings == told
    world.clock.advance(10)
    world.ledger.request_rerun(world.item().unit, world.clock(), world.clock())
    again = world.tick()["run_id"]
    assert isinstance(again, str)
    world.run_job(world.jobs(again)[0])
    assert world.ledger.extra[world.item().unit_id].get("warnings") is None


@pytest.mark.parametrize("content", [b'{"run": {"run_', b"[]", b"null", b"\xff\xfe"])
def test_a_damaged_result_is_no_result_and_ends_the_unit(world: World, content: bytes) -> None:
    run = _started(world, 1)
    key = world.item().unit.result_key("features.json")
    world.processed.put(key, content)
    world.processed.put(key.replace("features", "rejection"), content)
    world.record_job(world.jobs(run)[0], {"status": "Completed", "reason": ""})
    assert (world.item().status, world.item().reason_code) == (Status.FAILED, "RESULT_MISSING")


def test_result_of_an_earlier_run_does_not_count(world: World) -> None:
    job = world.jobs(_started(world, 1))[0]
    world.run_job(job, rejection_document())
    world.clock.advance(10)
    world.ledger.request_rerun(world.item().unit, world.clock(), world.clock())
    second = world.tick()["run_id"]
    assert isinstance(second, str)
    again = world.jobs(second)[0]
    assert again["job_id"] != job["job_id"]
    world.record_job(again, {"status": "Completed", "reason": ""})
    assert world.item().reason_code == "RESULT_MISSING", "the old rejection.json is still there and is not this run's"


def test_incomplete_study_waits_for_the_rest_and_is_quarantined_after_the_limit(world: World) -> None:
    run = _started(world, 1)
    world.run_job(world.jobs(run)[0], rejection_document("INCOMPLETE_STUDY"))
    assert (world.item().status, world.item().reason_code) == (Status.RECEIVING, "INCOMPLETE_STUDY")
    assert world.summarize(run)["counts"] == {"waiting": 1}
    for _ in range(FORCE // QUIET + 2):
        assert world.tick(QUIET)["run_id"] is None, "the same incomplete study is not run again"
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "INCOMPLETE_STUDY")


def test_incomplete_study_runs_again_when_the_rest_arrives(world: World) -> None:
    run = _started(world, 1)
    world.run_job(world.jobs(run)[0], rejection_document("INCOMPLETE_STUDY"))
    world.tick(30)
    world.upload(*slices(4))
    second = world.tick(2 * QUIET)["run_id"]
    assert second not in {None, run}
    assert world.item().objects == 4


def test_running_execution_keeps_its_claim(world: World) -> None:
    run = _started(world, 1)
    for _ in range(4):
        assert world.tick(LEASE_SECONDS + 1)["run_id"] is None
    assert (world.item().status, world.item().run_id) == (Status.PROCESSING, run)


def test_claim_of_a_lost_run_is_released_a_few_times_then_failed(world: World) -> None:
    _started(world, 1)
    for _ in range(MAX_LOST_RUNS - 1):
        world.runs.running.clear()
        assert world.tick(LEASE_SECONDS + 1)["run_id"] is None
        assert world.tick(1)["run_id"] is not None
    world.runs.running.clear()
    world.tick(LEASE_SECONDS + 1)
    assert (world.item().status, world.item().reason_code) == (Status.FAILED, "RUN_LOST")
    assert len(world.runs.started) == MAX_LOST_RUNS


def test_lost_run_that_left_results_is_recorded_from_them(world: World) -> None:
    run = _started(world, 1)
    result = {**rejection_document(), "run": {"run_id": run, "job_id": "j", "content_version": "g"}}
    world.processed.write_json(world.item().unit.result_key("rejection.json"), result)
    world.runs.running.clear()
    world.tick(LEASE_SECONDS + 1)
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "UNREADABLE_DICOM")


def test_round_that_runs_out_of_time_starts_what_it_has_and_leaves_the_rest_due(world: World) -> None:
    for i in range(4):
        world.upload(*slices(1, subject=f"R01-{i}"))
    world.clock.advance(QUIET + 60)
    answers = iter([True, True, False])
    assert world.sweep.run(lambda: next(answers))["started"] == 2
    assert world.tick()["started"] == 2


def test_a_round_beside_another_does_nothing_until_that_ends_or_must_have_ended(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/1.dcm")
    assert world.ledger.take_lease(LEASE_NAME, "another", world.clock() + QUIET, world.clock() + QUIET + ROUND_SECONDS)
    assert world.tick(QUIET)["started"] == 0
    assert world.tick(ROUND_SECONDS - 1)["started"] == 0
    assert world.tick(1)["started"] == 1
    assert world.ledger.leases == {}, "a round that ended leaves the next its turn"


def test_nothing_starts_while_paused_and_everything_after(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/1.dcm")
    running, world.sweep = world.sweep, replace(world.sweep, paused=True)
    assert world.tick(QUIET)["waiting"] == 1
    assert world.runs.started == []
    world.sweep = running
    assert world.tick(60)["started"] == 1


def test_a_round_that_fails_gives_its_lease_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.ledger, "due", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        world.tick()
    assert world.ledger.leases == {}


def test_two_sweeps_cannot_claim_one_unit(world: World) -> None:
    world.upload(*slices(2))
    world.clock.advance(QUIET + 60)
    item = world.item()
    ready = world.evaluator.evaluate(item)
    assert ready is not None
    assert len(world.claims.claim("run-a", [ready])) == 1
    assert world.claims.claim("run-b", [ready]) == []


@pytest.mark.usefixtures("one_study_a_job")
def test_articles_input_runs_the_subjects_studies_and_names_those_without_any(world: World) -> None:
    world.upload(*slices(2), *slices(2, study="9.9"), *slices(2, subject="R01-002"))
    world.clock.advance(QUIET)
    answer = world.plan("my-execution", {"Subject": ["R01-001", "R01-404"], "Dataset": DATASET, "extra": 1})
    assert (answer["run_id"], answer["job_count"]) == ("my-execution", 2)
    for job in json.loads(world.processed.content["runs/my-execution/jobs.json"]):
        world.run_job(job)
    assert world.item("R01-002").status is Status.RECEIVING
    summary = world.summarize("my-execution")
    assert summary["status"] == "FAILED"
    assert "1 subjects without a study" in summary["cause"]


def test_planning_again_after_a_crash_keeps_the_claims(world: World) -> None:
    world.upload(*slices(2))
    world.clock.advance(QUIET)
    request = {"Subject": ["R01-001"], "Dataset": DATASET}
    world.plan("e", request)
    del world.processed.content["runs/e/plan.json"]
    assert world.plan("e", request)["job_count"] == 1
    assert world.plan("e", request)["job_count"] == 1, "a third call finds the plan"


@pytest.mark.parametrize(
    "request_",
    [{}, {"Subject": []}, {"Subject": "R01-001", "Dataset": "d"}, {"Subject": ["a"]}, {"Subject": [1], "Dataset": "d"}],
)
def test_request_that_says_nothing_is_rejected_with_the_two_forms(request_: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="run_id"):
        World().plan("e", request_)


def test_run_without_a_plan_is_rejected() -> None:
    with pytest.raises(InvalidRequestError, match="no plan"):
        World().plan("e", {"run_id": "run-unknown"})


def test_retry_runs_only_that_unit_again(world: World) -> None:
    run = _started(world, 2)
    for job in world.jobs(run):
        world.run_job(job, rejection_document())
    world.clock.advance(5)
    world.ledger.request_rerun(Unit(DATASET, "R01-001", "1.2.3"), world.clock(), world.clock())
    again = world.tick()["run_id"]
    plan = world.processed.read_json(f"runs/{again}/plan.json")
    assert [u["subject"] for u in plan["units"]] == ["R01-001"]


def test_sweep_measures_what_waits_and_how_long(world: World) -> None:
    world.upload(*slices(1))
    world.tick(100)
    assert world.metrics.values["UnitsIncomplete"] == 1
    assert world.metrics.values["OldestIncompleteUnitSeconds"] == 100


@pytest.mark.parametrize(
    ("dataset", "image", "reason"), [("unheard_of", IMAGE, "DATASET_UNKNOWN"), (DATASET, "", "IMAGE_NOT_SET")]
)
def test_articles_request_that_starts_nothing_is_no_success(dataset: str, image: str, reason: str) -> None:
    world = World(image=image)
    world.upload(f"imaging/{dataset}/R01-001/1.2.3/1.dcm")
    world.clock.advance(QUIET)
    assert world.plan("e", {"Subject": ["R01-001"], "Dataset": dataset})["job_count"] == 0
    summary = world.summarize("e")
    assert summary["status"] == "FAILED"
    assert f"1 {reason}, 1 not started" in summary["cause"]


def test_study_that_is_still_arriving_is_not_half_run_by_a_request(world: World) -> None:
    world.upload(*slices(2))
    world.plan("e", {"Subject": ["R01-001"], "Dataset": DATASET})
    assert world.summarize("e")["status"] == "FAILED"
    assert world.tick(QUIET)["run_id"] is not None, "the wish is kept and served when the upload is quiet"


def test_jobs_with_many_studies_get_the_time_they_may_need() -> None:
    world = World(concurrency=1)
    run = _started(world, 10)
    assert sum(j["time_limit_seconds"] for j in world.jobs(run)) >= 10 * 900


def test_unit_that_cannot_be_checked_does_not_stop_the_round(world: World) -> None:
    world.upload(*slices(1, subject="R01-001"), *slices(1, subject="R01-002"))
    good = world.raw.objects_under

    def objects_under(prefix: str) -> Any:
        if "R01-001" in prefix:
            raise ConfigurationError("AccessDenied")
        return good(prefix)

    world.raw.objects_under = objects_under  # type: ignore[method-assign]
    assert world.tick(QUIET + 60)["started"] == 1
    assert world.item("R01-002").status is Status.PROCESSING
    assert world.metrics.values["EvaluationsFailed"] == 1
    assert (world.item("R01-001").due_at or 0) > world.clock(), "it is looked at again, later"
    del world.ledger.items[world.item("R01-002").unit_id]
    world.clock.advance(2000)
    with pytest.raises(RetryableError, match="all 1 unit checks"):
        world.tick()


def test_a_result_whose_event_was_lost_is_announced_again_until_it_is_ingested() -> None:
    world = World()
    for job in world.jobs(_started(world, subjects=1)):
        world.run_job(job)
    assert world.item().status is Status.PROCESSED
    world.tick(60)
    assert world.announced == [], "the event may still come"
    world.tick(INGEST_RECHECK_SECONDS)
    assert world.announced == [world.features_key()]
    world.ingest(world.announced[0])
    world.tick(2 * FORCE)
    assert world.item().status is Status.COMPLETED
    assert len(world.announced) == len(world.features.records) == 1
