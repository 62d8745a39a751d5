"""Uploads become units: events say where to look, the listing decides."""

import random
from pathlib import Path

import pytest

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.listing import MAX_OBJECTS
from multimodal.ledger.unit import Status, Unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from tests.cases import cases_of
from tests.unit.functions.world import DATASET, FORCE, QUIET, World, slices

CASES = cases_of(__file__)

DEEP = b"[" * 100_000
BAD_MARKERS = [
    b"",
    b"{}",
    b'{"objects": 0}',
    b'{"objects": true}',
    b'{"objects": "3"}',
    b"[3]",
    b'{"objects": 1' + b"0" * 60 + b"}",
    DEEP,
]
BAD_COHORTS = [
    b"not json",
    b"{}",
    b'{"subjects": []}',
    b'{"subjects": [1]}',
    b'["R01-001"]',
    b'{"subjects": [".."]}',
    b'{"subjects": ["\\ud800"]}',
    DEEP,
]


def test_one_write_per_study_however_many_objects_a_batch_names(world: World) -> None:
    keys = [*slices(300), *slices(300, subject="R01-002")]
    random.Random(1).shuffle(keys)
    assert world.upload(*keys, times=2) == set()
    assert world.ledger.writes == 2
    assert world.metrics.values["UnitsReceived"] == 2


def test_waits_for_the_quiet_period_then_starts_one_run(world: World) -> None:
    world.upload(*slices(3))
    assert world.tick(QUIET - 10)["run_id"] is None
    world.upload(*slices(5))
    assert world.tick(QUIET - 10)["run_id"] is None, "the second batch starts the quiet period anew"
    assert world.tick(60)["run_id"] is not None
    assert world.item().status is Status.PROCESSING
    assert world.item().objects == 5


def test_trickling_uploads_are_taken_at_the_limit(world: World) -> None:
    for i in range(FORCE // 200 + 2):
        world.upload(*slices(i + 1))
        if world.tick(200)["run_id"]:
            break
    assert world.item().status is Status.PROCESSING
    assert FORCE <= (i + 1) * 200 <= FORCE + 400


def test_duplicates_after_completion_change_nothing(world: World) -> None:
    world.upload(*slices(3))
    run = world.sweep_until_run()
    world.run_job(world.jobs(run)[0])
    world.ingest(world.features_key())
    content_version = world.item().content_version
    world.upload(*reversed(slices(3)), times=3)
    assert world.tick(QUIET + 60)["run_id"] is None
    assert (world.item().status, world.item().content_version) == (Status.COMPLETED, content_version)
    assert world.item().due_at is None
    assert len(world.runs.started) == 1


def _completed(world: World) -> str | None:
    """Take three slices to features, in a bucket whose ETags are no hashes; return their content version."""
    world.raw.encrypted = True
    world.upload(*slices(3))
    world.run_job(world.jobs(world.sweep_until_run())[0])
    world.ingest(world.features_key())
    return world.item().content_version


def test_the_same_bytes_again_run_nothing_though_their_etags_differ(world: World) -> None:
    before = _completed(world)
    world.upload(*slices(3))
    assert world.tick(QUIET + 60)["run_id"] is None
    assert (world.item().status, world.item().content_version, world.item().due_at) == (Status.COMPLETED, before, None)


@pytest.mark.parametrize("case", ["other bytes", "one more", "no checksums", "a re-run is asked for"])
def test_whatever_may_be_another_content_runs(world: World, case: str) -> None:
    _completed(world)
    world.raw.has_checksums = case != "no checksums"
    world.upload(*slices(4 if case == "one more" else 3))
    if case == "other bytes":
        world.upload(slices(3)[1], body=b"y")
    if case == "a re-run is asked for":
        world.ledger.request_rerun(world.item().unit, world.clock() + 1, world.clock() + 1)
    assert world.tick(QUIET + 60)["run_id"] is not None


def test_order_of_arrival_does_not_change_the_content_version() -> None:
    worlds = [World(), World()]
    worlds[0].upload(*slices(4))
    for key in reversed(slices(4)):
        worlds[1].upload(key)
    runs = [w.sweep_until_run() for w in worlds]
    assert worlds[0].item().content_version == worlds[1].item().content_version
    assert runs[0] == runs[1]


def test_late_object_makes_another_content_version(world: World) -> None:
    world.upload(*slices(3))
    run = world.sweep_until_run()
    world.upload(*slices(4))  # while the run is at work
    first = world.item().content_version
    world.run_job(world.jobs(run)[0])
    assert world.item().status is Status.PROCESSED
    assert world.item().due_at is not None
    second_run = world.sweep_until_run()
    assert second_run != run
    assert world.item().content_version != first
    assert world.item().objects == 4


def test_zip_is_due_at_once(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3.zip")
    assert world.tick()["run_id"] is not None


@pytest.mark.parametrize("marker_first", [True, False])
def test_marker_counts_the_listed_objects_in_any_order(world: World, marker_first: bool) -> None:
    marker = f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json"
    world.raw.put(marker, b'{"objects": 3}')
    if marker_first:
        world.upload(marker, body=b'{"objects": 3}')
    world.upload(*slices(2))
    if not marker_first:
        world.upload(marker, body=b'{"objects": 3}')
    assert world.tick(QUIET + 60)["run_id"] is None, "one object is still missing, however quiet it is"
    world.upload(slices(3)[2])
    world.upload(marker, body=b'{"objects": 3}')
    assert world.tick()["run_id"] is not None
    assert world.item().objects == 3, "the marker is not one of them"
    assert world.metrics.values["ObjectsReceived"] == 3


def test_an_older_marker_leaves_the_end_of_a_correction_to_the_quiet_period(world: World) -> None:
    marker = f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json"
    world.upload(*slices(3))
    world.upload(marker, body=b'{"objects": 3}')
    world.run_job(world.jobs(str(world.tick()["run_id"]))[0])
    world.ingest(world.features_key())
    for key in slices(3):  # one after the other: at every moment three objects are there
        world.clock.advance(1)
        world.upload(key, body=b"corrected")
        assert world.tick(QUIET - 10)["run_id"] is None, "half of it is the old study"
    world.upload(marker, body=b'{"objects": 3}')
    assert world.tick()["run_id"] is not None, "a new marker speaks for all"


def test_marker_that_is_never_met_is_quarantined_with_numbers(world: World) -> None:
    world.upload(*slices(2))
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json", body=b'{"objects": 9}')
    world.tick(10)
    world.tick(FORCE)
    item = world.item()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "INCOMPLETE_UPLOAD")
    assert world.ledger.extra[item.unit_id]["reason_details"] == {"promised": 9, "found": 2}


@pytest.mark.parametrize("body", BAD_MARKERS)
def test_marker_that_declares_nothing_is_quarantined(world: World, body: bytes) -> None:
    world.upload(*slices(1))
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json", body=body)
    world.tick()
    assert world.item().reason_code == "MARKER_INVALID"


def test_a_marker_that_is_too_large_to_be_read_is_quarantined(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.upload(*slices(1), f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json")

    def refuse(_key: str) -> str:
        raise BadInputError(Reason.DOCUMENT_TOO_LARGE, "_COMPLETE.json has more than 64 MiB; replace it")

    monkeypatch.setattr(world.raw, "read_text", refuse)
    world.tick()
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "DOCUMENT_TOO_LARGE")
    assert not world.metrics.values.get("EvaluationsFailed")


def test_folder_and_zip_of_one_study_are_quarantined(world: World) -> None:
    world.upload(*slices(1), f"imaging/{DATASET}/R01-001/1.2.3.zip")
    world.tick()
    assert world.item().reason_code == "AMBIGUOUS_UPLOAD"


def test_study_whose_name_begins_like_another_is_not_taken_along(world: World) -> None:
    world.upload(*slices(2, study="1.2"), *slices(3, study="1.2.3"))
    world.sweep_until_run()
    assert world.item(study="1.2").objects == 2
    assert world.item(study="1.2.3").objects == 3


def test_removed_upload_is_visible(world: World) -> None:
    world.upload(*slices(2))
    world.raw.content.clear()
    world.tick(QUIET + 60)
    assert world.item().reason_code == "UPLOAD_REMOVED"


def test_dataset_without_configuration_is_quarantined_and_says_what_to_do(world: World) -> None:
    world.upload("imaging/unheard-of/S1/T1/1.dcm")
    world.tick(QUIET + 60)
    item = world.ledger.only()
    assert item.reason_code == "DATASET_UNKNOWN"
    assert "functions/datasets/unheard-of.yaml" in world.ledger.extra[item.unit_id]["reason_message"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("clinical", "functions/datasets/hospital.yaml has no section imaging: add it, deploy, then retry"),
        ("imaging", "name hospital in DatasetNames, deploy, then retry"),
    ],
)
def test_dataset_without_the_section_is_told_what_it_lacks_and_what_lies_there(
    section: str, said: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hospital.yaml").write_text(f"schema: 1\nname: hospital\n{section}: {{a: 1}}\n", encoding="utf-8")
    monkeypatch.setattr("multimodal.ledger.dataset_file.DATASETS", tmp_path)
    world.upload(*(f"imaging/hospital/S1/T1/{n}.dcm" for n in range(3)), body=b"12345")
    world.tick(QUIET + 60)
    item = world.ledger.only()
    assert world.ledger.extra[item.unit_id]["reason_message"].endswith(said)
    assert (item.reason_code, item.objects, item.bytes) == ("DATASET_UNKNOWN", 3, 15)


def test_without_an_image_units_wait_and_start_when_there_is_one() -> None:
    world = World(image="")
    world.upload(*slices(2))
    assert world.tick(QUIET + 60)["run_id"] is None
    assert (world.item().status, world.item().reason_code) == (Status.READY, "IMAGE_NOT_SET")
    lists, writes = world.raw.lists, world.ledger.writes
    for _ in range(24 * 60 * 3):
        world.tick(60)
    assert world.raw.lists == lists, "nothing arrived: nothing is listed"
    assert world.ledger.writes - writes < 24 * 3 + 30, "checks become rare, once an hour at last"
    later = World(like=world)
    assert later.tick(3600)["run_id"] is not None
    assert later.item().reason_code is None


def test_ledger_trouble_brings_back_just_that_studys_messages(world: World) -> None:
    world.ledger.broken = True
    assert world.upload(*slices(2)) == {"m0-0", "m1-0"}
    stray = f"imaging/{DATASET}/R01-001/1.dcm"
    cohort = f"imaging/{DATASET}/_cohort.json"
    world.ledger.broken = False
    world.upload(*slices(1), stray, cohort, body=b"{}")
    world.ledger.broken = True
    assert world.upload(*slices(1, subject="R01-002"), stray, cohort, body=b"{}") == {"m0-0", "m1-0", "m2-0"}


def test_cohort_file_reruns_its_subjects_once_per_upload(world: World) -> None:
    world.upload(*slices(2), *slices(2, subject="R01-002"))
    run = world.sweep_until_run()
    for job in world.jobs(run):
        world.run_job(job)
    for subject in ("R01-001", "R01-002"):
        world.ingest(world.features_key(subject))
    world.clock.advance(100)
    cohort = f"imaging/{DATASET}/_cohort.json"
    world.upload(cohort, body=b'{"subjects": ["R01-001", "R01-404"]}', times=2)
    second = world.tick()["run_id"]
    assert isinstance(second, str)
    assert [j["attempt"] for j in world.processed.read_json(f"runs/{second}/plan.json")["units"]] == [2]
    assert world.item("R01-002").status is Status.COMPLETED
    note = world.item("R01-404", "-")
    assert note.reason_code == "SUBJECT_HAS_NO_STUDY"
    assert f"imaging/{DATASET}/R01-404/" in world.ledger.extra[note.unit_id]["reason_message"]
    world.run_job(world.jobs(second)[0])
    world.ingest(world.features_key())
    world.upload(cohort, body=b'{"subjects": ["R01-001"]}')
    assert world.item().rerun_requested_at == world.clock(), "a new upload of the file is a new wish"


@pytest.mark.parametrize("body", BAD_COHORTS)
def test_cohort_file_that_names_nobody_is_visible(world: World, body: bytes) -> None:
    world.upload(f"imaging/{DATASET}/_cohort.json", body=body)
    assert world.ledger.only().reason_code == "COHORT_INVALID"


@pytest.mark.parametrize(("key", "kind"), CASES["test_every_key_has_a_meaning"])
def test_every_key_has_a_meaning(key: str, kind: str) -> None:
    assert parse_key(key).kind is KeyKind[kind]


def test_a_key_of_no_modality_names_nothing_that_metrics_count_by() -> None:
    assert parse_key("DOE^JANE 19470317/#/1.dcm").modality == "imaging"


def test_rejected_keys_are_visible_in_the_ledger_with_one_write(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.dcm", f"imaging/{DATASET}/R01-001/2.dcm")
    assert world.ledger.writes == 1
    assert world.ledger.only().reason_code == "KEY_NOT_ACCEPTED"


def test_correlation_id_is_the_units_alone() -> None:
    assert Unit("d", "s", "t").correlation_id == Unit("d", "s", "t").correlation_id
    assert Unit("d", "s", "t").correlation_id != Unit("d", "s", "u").correlation_id


def test_marker_that_comes_first_waits_for_its_objects(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json", body=b'{"objects": 2}')
    world.tick()
    assert world.item().status is Status.RECEIVING
    world.upload(*slices(2))
    assert world.tick(QUIET)["run_id"] is not None


@pytest.mark.parametrize(
    "keys",
    [
        (f"imaging/{DATASET}/R01-001/1.2.3/a/../../x",),
        (f"imaging/{DATASET}/R01-001/1.2.3/a//b",),
        (f"imaging/{DATASET}/R01-001/1.2.3/a", f"imaging/{DATASET}/R01-001/1.2.3/a/b"),
    ],
)
def test_keys_that_would_fail_their_neighbours_download_are_quarantined(world: World, keys: tuple[str, ...]) -> None:
    for key in keys:
        world.raw.put(key)
    world.upload(*slices(2))
    world.tick(QUIET + 60)
    assert world.item().reason_code == "KEY_NOT_ACCEPTED"


def test_two_zips_that_differ_in_case_are_quarantined_and_a_repaired_study_runs(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3.zip", f"imaging/{DATASET}/R01-001/1.2.3.ZIP")
    world.tick()
    assert world.item().reason_code == "AMBIGUOUS_UPLOAD"
    del world.raw.content[f"imaging/{DATASET}/R01-001/1.2.3.ZIP"]
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3.zip")
    assert world.tick()["run_id"] is not None


def test_download_uploaded_a_level_too_deep_is_quarantined_before_it_is_planned(world: World) -> None:
    for i in range(MAX_OBJECTS + 1):
        world.raw.put(f"imaging/{DATASET}/R01-001/1.2.3/{i}")
    world.upload(f"imaging/{DATASET}/R01-001/1.2.3/0")
    world.tick(QUIET + 60)
    assert world.item().reason_code == "INPUT_TOO_LARGE"


def test_replacement_during_a_long_run_gets_its_own_quiet_period(world: World) -> None:
    world.upload(*slices(3))
    run = world.sweep_until_run()
    world.clock.advance(FORCE)
    world.upload(slices(3)[0], body=b"new")
    world.run_job(world.jobs(run)[0])
    assert world.tick(1)["run_id"] is None, "its other slices are still on their way"
    world.upload(*slices(3)[1:], body=b"new")
    assert world.tick(2 * QUIET)["run_id"] is not None
