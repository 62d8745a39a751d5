"""From reads to a job, to an outcome: completeness, references, claims, leases, sheets."""

import csv
import io
from itertools import pairwise
from typing import Any

import pytest

from multimodal.genomics.config import genomics_config
from multimodal.genomics.dates import DatedByColumn
from multimodal.genomics.jobs import JOB_NAME, RnaJobSettings, quantify_command
from multimodal.genomics.samples import SampleListing
from multimodal.ledger.claim import LEASE_SECONDS
from multimodal.ledger.errors import RetryableError
from multimodal.ledger.unit import Status, case_unit
from multimodal.pipeline.sweep import MAX_LOST_RUNS
from tests.sample_events import load_event
from tests.unit.functions.world import DATASET, FORCE, IMAGE, QUIET, RnaWorld, reads, rejection_document, slices

ROOT = f"genomics/{DATASET}"


def _list_of(world: RnaWorld, run: str, case: str = "R01-023") -> list[dict[str, str]]:
    key = f"runs/{run}/fastq_lists/{case_unit(DATASET, case).correlation_id}.csv"
    return list(csv.DictReader(io.StringIO(world.processed.content[key].decode())))


def _options(command: list[str]) -> dict[str, str]:
    return dict(zip(command[::2], command[1::2], strict=True))


def _buckets(command: list[str]) -> list[str]:
    return [value for name, value in pairwise(command) if name == "--allowed-bucket"]


def test_reads_become_one_job_that_is_told_everything() -> None:
    world = RnaWorld()
    run = world.start_case(*reads(lanes=2))
    assert JOB_NAME.fullmatch(run)
    assert "R01" not in run
    rows = _list_of(world, run)
    assert [r["Lane"] for r in rows] == ["1", "2"]
    assert rows[0]["Read2File"] == f"s3://raw/{reads()[1]}"
    assert "R01" not in " ".join(world.batch.submitted[run]), "the command line is for the whole account to read"
    assert _options(world.arguments(run)) == {
        "--engine": "salmon",
        "--sample": "R01-023",
        "--fastq-list": f"s3://processed/runs/{run}/fastq_lists/{world.case().unit.correlation_id}.csv",
        "--reference": "s3://processed/references/human/",
        "--output": f"s3://processed/{ROOT}/R01-023/",
        "--library-type": "A",
        "--allowed-bucket": "raw",
        "--run-id": run,
        "--job-id": run,
        "--content-version": str(world.case().content_version),
    }
    assert (world.case().status, world.case().run_id, world.case().objects) == (Status.PROCESSING, run, 4)
    assert world.metrics.of["genomics"]["UnitsStarted"] == 1
    assert "UnitsStarted" not in world.metrics.values, "imaging's funnel counts imaging"


def test_a_dataset_may_have_its_reads_trimmed() -> None:
    world = RnaWorld()
    run = world.start_case(*reads())
    listing, settings = SampleListing(()), RnaJobSettings("raw", "processed", "salmon", IMAGE)
    config = genomics_config(DATASET).model_copy(update={"trim": True})
    assert "--trim" in quantify_command(world.case().unit, run, listing, config, settings)
    assert "--trim" not in world.arguments(run)


def test_reads_without_mates_are_given_to_be_counted() -> None:
    world = RnaWorld()
    names = [f"{ROOT}/R01-023/SRR7938741{mate}.fastq.gz" for mate in ("", "_1", "_2")]
    arguments = world.arguments(world.start_case(*names))
    assert arguments[arguments.index("--without-mate") + 1] == f"s3://raw/{names[0]}"
    assert arguments.count("--without-mate") == 1


def test_each_case_has_a_job_of_its_own_beside_the_studies_run() -> None:
    world = RnaWorld()
    world.upload(*reads("S1"), *reads("S10"), *slices(2))
    answer = world.tick(QUIET + 60)
    assert (answer["jobs"], answer["run_id"] is not None, answer["started"]) == (2, True, 3)
    lists = {
        c["--sample"]: _list_of(world, c["--run-id"], c["--sample"])
        for c in map(_options, map(world.arguments, world.batch.submitted))
    }
    assert {name: len(rows) for name, rows in lists.items()} == {"S1": 1, "S10": 1}, "S1 does not take S10's"


def test_order_and_duplicates_of_events_change_nothing() -> None:
    worlds = [RnaWorld(), RnaWorld()]
    worlds[0].upload(*reads(lanes=2), times=3)
    for key in reversed(reads(lanes=2)):
        worlds[1].upload(key)
    for world in worlds:
        world.tick(QUIET + 60)
    assert list(worlds[0].batch.submitted) == list(worlds[1].batch.submitted)


def test_missing_mate_is_waited_for_then_named() -> None:
    world = RnaWorld()
    world.upload(reads(lanes=2)[0], *reads(lanes=2)[2:])
    assert world.tick(QUIET + 60)["jobs"] == 0
    world.tick(FORCE)
    item = world.case()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "MATE_MISSING")
    assert "R01-023_S1_L001_R1_001.fastq.gz" in world.ledger.extra[item.unit_id]["reason_message"]
    world.upload(reads()[1])
    assert world.tick(QUIET + 60)["jobs"] == 1, "the mate heals it"


def test_first_mates_alone_are_single_end_only_when_a_marker_says_that_this_is_all() -> None:
    world = RnaWorld()
    world.upload(reads()[0])
    assert world.tick(QUIET + 60)["jobs"] == 0
    world.upload(f"{ROOT}/R01-023/_COMPLETE.json", body=b'{"objects": 1}')
    assert world.tick()["jobs"] == 1
    assert _list_of(world, next(iter(world.batch.submitted)))[0]["Read2File"] == ""


def test_marker_counts_every_object_and_needs_no_quiet_period() -> None:
    world = RnaWorld()
    world.upload(*reads(), f"{ROOT}/R01-023/R01-023.md5")
    world.upload(f"{ROOT}/R01-023/_COMPLETE.json", body=b'{"objects": 4}')
    assert world.tick()["jobs"] == 0
    world.upload(f"{ROOT}/R01-023/report.html")
    world.upload(f"{ROOT}/R01-023/_COMPLETE.json", body=b'{"objects": 4}')
    assert world.tick()["jobs"] == 1
    assert world.case().objects == 2, "reads only; checksums and reports are not the case's content"


def test_late_lane_is_the_next_generation() -> None:
    world = RnaWorld()
    run = world.start_case(*reads())
    world.upload(*reads(lanes=2)[2:])
    world.run_case(run)
    world.end_job(run)
    first = world.case().content_version
    assert world.tick(QUIET + 60)["jobs"] == 1
    assert world.case().content_version != first
    assert len(_list_of(world, list(world.batch.submitted)[-1])) == 2


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ("R01-023_S1_L001_R1_001.fq.gz", "READS_AMBIGUOUS"),
        ("R01-023_S1_L001_R3_001.fastq.gz", "READS_AMBIGUOUS"),
        ("R01-023_L2.bam", "KEY_NOT_ACCEPTED"),
        ("-x_R1.fastq.gz", "KEY_NOT_ACCEPTED"),
    ],
)
def test_file_that_would_be_left_out_or_taken_twice_stops_the_case(extra: str, reason: str) -> None:
    world = RnaWorld()
    world.upload(*reads(), f"{ROOT}/R01-023/{extra}")
    world.tick(QUIET + 60)
    assert (world.case().status, world.case().reason_code) == (Status.QUARANTINED, reason)


def test_mixture_of_paired_and_single_reads_is_told_after_the_limit() -> None:
    world = RnaWorld()
    world.upload(*reads(), f"{ROOT}/R01-023/SRR1.fastq.gz")
    world.tick(QUIET + 60)
    assert world.case().status is Status.RECEIVING, "its mate may still come"
    world.tick(FORCE)
    assert world.case().reason_code == "READS_MIXED"


def test_removed_reads_are_visible() -> None:
    world = RnaWorld()
    world.upload(*reads())
    for key in reads():
        del world.raw.content[key]
    world.tick(QUIET + 60)
    assert world.case().reason_code == "UPLOAD_REMOVED"


def test_case_waits_for_its_reference_and_starts_in_the_round_after_it_is_built() -> None:
    world = RnaWorld(built=False)
    world.upload(*reads())
    assert world.tick(QUIET + 60)["jobs"] == 0
    assert (world.case().status, world.case().reason_code) == (Status.READY, "REFERENCE_NOT_READY")
    world.upload("genomics/_references/human/genome.fa.gz", "genomics/_references/human/genes.gtf.gz")
    assert world.tick(QUIET + 60)["jobs"] == 1
    build = next(iter(world.batch.submitted))
    command = world.batch.submitted[build]
    assert build.startswith("ref-")
    assert command[0] == "build-reference"
    assert _options(command[1:])["--source"] == "s3://raw/genomics/_references/human/"
    assert _options(command[1:])["--output"] == "s3://processed/references/human/"
    world.tick(1)
    world.build()
    world.end_job(build)
    assert world.case("human", "_references").status is Status.COMPLETED
    counted = world.metrics.of["genomics"]
    assert (counted["UnitsProcessed"], counted["UnitsCompleted"]) == (1, 1), "none is completed that was not processed"
    world.tick(1)
    assert world.tick(1)["jobs"] == 1, "long before the case's own next look"
    assert world.case().reason_code is None
    assert world.case("human", "_references").due_at is None


def _build_reference(world: RnaWorld) -> str:
    """Upload the reference and do what its job does."""
    world.upload("genomics/_references/human/genome.fa.gz", "genomics/_references/human/genes.gtf.gz")
    assert world.tick(QUIET + 60)["jobs"] == 1
    build = next(iter(world.batch.running))
    world.build()
    world.end_job(build)
    world.tick(1)
    return build


def test_reference_of_another_image_is_built_again_before_a_case_runs() -> None:
    first = RnaWorld(built=False)
    build = _build_reference(first)
    world = RnaWorld(IMAGE + "-newer", built=False, like=first)
    world.upload(*reads())
    assert world.tick(QUIET + 60)["jobs"] == 0
    item = world.case()
    assert (item.status, item.reason_code) == (Status.READY, "REFERENCE_NOT_READY")
    assert "built with salmon 1.10.1 by another image" in world.ledger.extra[item.unit_id]["reason_message"]
    assert world.tick(1)["jobs"] == 1
    (rebuild,) = world.batch.submitted
    assert (rebuild.startswith("ref-"), rebuild != build) == (True, True)
    for _ in range(3):
        assert world.tick(QUIET)["jobs"] == 0, "asked once, and the case waits while it is built"
    world.end_job(rebuild)
    world.tick(1)
    assert world.tick(1)["jobs"] == 1
    assert (world.case().status, world.case().reason_code) == (Status.PROCESSING, None)
    world.upload(*reads("R01-024"))
    assert world.tick(QUIET + 60)["jobs"] == 1, "once is enough for all"


def test_reference_that_cannot_be_built_again_is_not_tried_for_ever() -> None:
    first = RnaWorld(built=False)
    _build_reference(first)
    for key in [k for k in first.processed.content if k.startswith("references/")]:
        del first.processed.content[key]
    world = RnaWorld(IMAGE + "-newer", built=False, like=first)
    world.upload(*reads())
    world.tick(QUIET + 60)
    world.tick(1)
    world.end_job(next(iter(world.batch.submitted)), "FAILED", container={"exitCode": 79})
    for _ in range(5):
        assert world.tick(QUIET)["jobs"] == 0
    assert (world.case().status, world.case().reason_code) == (Status.READY, "REFERENCE_NOT_READY")
    assert world.case("human", "_references").reason_code == "JOB_FAILED"


def test_case_waits_for_a_reference_that_is_being_replaced() -> None:
    world = RnaWorld(built=False)
    _build_reference(world)
    world.upload("genomics/_references/human/genes.gtf.gz", body=b"another release")
    world.upload(*reads())
    assert world.tick(QUIET + 60)["jobs"] == 1, "the reference; the case waits for it"
    assert world.case().reason_code == "REFERENCE_NOT_READY"
    world.end_job(next(iter(world.batch.running)))
    world.tick(1)
    assert world.tick(1)["jobs"] == 1


def test_reference_without_annotation_waits_then_says_what_it_lacks() -> None:
    world = RnaWorld()
    world.upload("genomics/_references/other/genome.fa")
    assert world.tick(QUIET + 60)["jobs"] == 0
    world.tick(FORCE)
    item = world.case("other", "_references")
    assert item.reason_code == "REFERENCE_INCOMPLETE"
    assert "*.gtf" in world.ledger.extra[item.unit_id]["reason_message"]


@pytest.mark.parametrize(
    "files",
    [
        ("genome.fasta", "a.gtf"),
        ("gencode.v44.transcripts.fa.gz", "transcripts.tsv.gz"),
        ("transcripts.fa", "a.gtf.gz", "reference.json"),
    ],
)
def test_every_form_of_a_reference_is_built(files: tuple[str, ...]) -> None:
    world = RnaWorld()
    world.upload(*(f"genomics/_references/other/{f}" for f in files))
    assert world.tick(QUIET + 60)["jobs"] == 1


def test_marker_of_a_reference_counts_what_lies_beside_it_too() -> None:
    world = RnaWorld()
    folder = "genomics/_references/other"
    world.upload(f"{folder}/genome.fa", f"{folder}/a.gtf", f"{folder}/README.txt")
    world.upload(f"{folder}/_COMPLETE.json", body=b'{"objects": 3}')
    assert world.tick()["jobs"] == 1


def test_without_an_image_cases_and_references_wait() -> None:
    world = RnaWorld(image="")
    world.upload(*reads(), "genomics/_references/human/g.fa", "genomics/_references/human/g.gtf")
    assert world.tick(QUIET + 60)["jobs"] == 0
    assert {i.reason_code for i in world.ledger.items.values()} == {"IMAGE_NOT_SET"}
    assert {i.status for i in world.ledger.items.values()} == {Status.READY}


def test_dataset_without_a_genomics_section_is_told() -> None:
    world = RnaWorld()
    world.upload("genomics/unheard_of/A/A_1.fq.gz", "genomics/unheard_of/A/A_2.fq.gz")
    world.tick(QUIET + 60)
    assert world.case("A", "unheard_of").reason_code == "DATASET_UNKNOWN"


# Outcomes


def test_result_of_the_run_makes_the_case_processed() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.run_case(run)
    assert "processed=1" in world.end_job(run)["line"]
    assert world.case().status is Status.PROCESSED
    assert world.metrics.of["genomics"]["UnitsProcessed"] == 1


def test_rejection_of_the_run_quarantines_with_its_reason() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.run_case(run, rejection_document("MATES_UNEQUAL"))
    world.end_job(run, "FAILED", container={"exitCode": 69})
    assert (world.case().status, world.case().reason_code) == (Status.QUARANTINED, "MATES_UNEQUAL")


def test_failed_job_without_a_result_says_why_with_its_exit_code() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.run_case("rna-000000000000-1", rejection_document("READS_EMPTY"))
    detail = load_event("record_outcome_batch_failed")["detail"]
    world.record_batch_job({**detail, "jobName": run})
    message = world.ledger.extra[world.case().unit_id]["reason_message"]
    assert (world.case().status, world.case().reason_code) == (Status.FAILED, "JOB_FAILED"), "another run's rejection"
    assert "OutOfMemoryError" in message
    assert "exit code 137" in message


def test_job_that_ends_well_without_a_result_is_a_failure() -> None:
    world = RnaWorld()
    world.end_job(world.start_case())
    assert world.case().reason_code == "RESULT_MISSING"


def test_reference_that_fails_says_so() -> None:
    world = RnaWorld(built=False)
    world.upload("genomics/_references/human/g.fa", "genomics/_references/human/g.gtf")
    world.tick(QUIET + 60)
    world.end_job(next(iter(world.batch.submitted)), "FAILED", container={"exitCode": 1})
    assert world.case("human", "_references").reason_code == "JOB_FAILED"


@pytest.mark.parametrize(
    "detail",
    [
        {"jobName": "somebody-elses", "status": "FAILED"},
        {"jobName": "rna-0123456789ab-1", "status": "FAILED"},
        {"jobName": "../../x", "status": "SUCCEEDED"},
        {},
    ],
)
def test_jobs_of_others_are_left_alone(detail: dict[str, Any]) -> None:
    world = RnaWorld()
    world.start_case()
    ours = str(detail.get("jobName", "")).startswith("rna-")
    assert world.record_batch_job(detail)["decision"] == ("done" if ours else "ignored")
    assert world.case().status is Status.PROCESSING


def test_event_of_a_running_job_or_delivered_twice_changes_nothing() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.end_job(run, "RUNNING")
    assert world.case().status is Status.PROCESSING
    world.run_case(run)
    world.end_job(run)
    version = world.case().version
    world.end_job(run)
    assert world.case().version == version


def test_retry_runs_the_case_again_under_the_next_name() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.end_job(run, "FAILED")
    world.clock.advance(5)
    world.ledger.request_rerun(world.case().unit, world.clock(), world.clock())
    assert world.tick()["jobs"] == 1
    assert list(world.batch.submitted) == [run, run.removesuffix("-1") + "-2"]


def test_job_that_waits_long_keeps_its_claim_and_a_lost_one_comes_again() -> None:
    world = RnaWorld()
    run = world.start_case()
    for _ in range(4):
        assert world.tick(LEASE_SECONDS + 1)["jobs"] == 0
    assert world.case().run_id == run
    for _ in range(MAX_LOST_RUNS):
        world.batch.running.clear()
        world.tick(LEASE_SECONDS + 1)
        world.tick(1)
    assert (world.case().status, world.case().reason_code) == (Status.FAILED, "RUN_LOST")
    assert len(world.batch.submitted) == MAX_LOST_RUNS


def test_job_that_cannot_be_submitted_is_given_back_and_comes_again_under_the_same_name() -> None:
    world = RnaWorld()
    world.batch.refusal = RetryableError("throttled")
    world.upload(*reads())
    assert world.tick(QUIET + 60)["jobs"] == 0
    assert (world.case().status, world.case().attempt) == (Status.READY, 0)
    first = world.case().run_id
    world.batch.refusal = None
    assert world.tick(61)["jobs"] == 1
    assert list(world.batch.submitted) == [first]


# Sample sheets

SHEET = "sample,fastq_1,fastq_2,strandedness\n"


def _upload_sheet(world: RnaWorld, rows: str) -> None:
    world.upload(f"{ROOT}/samplesheet.csv", body=(SHEET + rows).encode())


@pytest.mark.parametrize("sheet_first", [True, False])
def test_sheet_places_reads_from_anywhere_and_needs_no_quiet_period(sheet_first: bool) -> None:
    world = RnaWorld()
    rows = "R01-023,pool/a_1.fq.gz,pool/a_2.fq.gz,reverse\nR01-023,flat_1.fq.gz,flat_2.fq.gz,reverse\n"
    files = [f"{ROOT}/{n}" for n in ("pool/a_1.fq.gz", "pool/a_2.fq.gz", "flat_1.fq.gz", "flat_2.fq.gz")]
    if sheet_first:
        _upload_sheet(world, rows)
    world.upload(*files)
    if not sheet_first:
        _upload_sheet(world, rows)
    world.tick()
    world.tick(1)
    assert len(world.batch.submitted) == 1
    run = next(iter(world.batch.submitted))
    command = world.arguments(run)
    assert [r["Read1File"] for r in _list_of(world, run)] == [f"s3://raw/{files[0]}", f"s3://raw/{files[2]}"]
    assert _options(command)["--strandedness"] == "reverse"
    assert "--library-type" not in command, "the job refuses two declarations"
    for _ in range(3):
        world.tick(QUIET)
    assert len(world.batch.submitted) == 1, "the folder is no case of its own"
    assert world.case("pool").status is Status.COMPLETED
    assert world.ledger.extra[world.case("pool").unit_id]["kind"] == "note"


def test_files_that_come_late_are_waited_for_and_named_after_the_limit() -> None:
    world = RnaWorld()
    _upload_sheet(world, "A,x/a_1.fq.gz,x/a_2.fq.gz,\nB,x/b_1.fq.gz,x/b_2.fq.gz,\n")
    world.upload(f"{ROOT}/x/a_1.fq.gz", f"{ROOT}/x/a_2.fq.gz", f"{ROOT}/x/b_1.fq.gz")
    world.tick()
    assert world.tick(1)["jobs"] == 1
    assert world.case("B").status is Status.RECEIVING
    for _ in range(FORCE // QUIET + 2):
        world.tick(QUIET)
    assert world.case("B").reason_code == "INCOMPLETE_UPLOAD"
    assert "*_2.fq.gz" in world.ledger.extra[world.case("B").unit_id]["reason_message"]
    world.upload(f"{ROOT}/x/b_2.fq.gz")
    world.tick(QUIET + 60)
    assert world.tick(1)["jobs"] == 1


def test_bad_row_quarantines_its_sample_only() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/x/a.fq.gz")
    _upload_sheet(world, "A,x/a.fq.gz,,\nB,s3://elsewhere/b.fq.gz,,\n-C,x/c.fq.gz,,\n")
    world.tick()
    assert world.tick(1)["jobs"] == 1
    assert world.case("B").reason_code == "SAMPLESHEET_INVALID"
    assert "row 3, column fastq_1" in world.ledger.extra[world.case("B").unit_id]["reason_message"]
    sheet = world.case("-samplesheet")
    assert (sheet.status, sheet.reason_code) == (Status.QUARANTINED, "SAMPLESHEET_INVALID")
    assert "row 4, column sample" in world.ledger.extra[sheet.unit_id]["reason_message"]


def test_unusable_sheet_is_visible_and_its_correction_runs() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/samplesheet.csv", body=b"a;b\n")
    world.tick()
    assert world.case("-samplesheet").reason_code == "SAMPLESHEET_INVALID"
    world.upload(*reads())
    world.tick(QUIET + 60)
    assert world.case().reason_code == "SAMPLESHEET_INVALID", "names do not speak when a sheet should"
    files = ",".join(key.removeprefix(f"{ROOT}/") for key in reads())
    _upload_sheet(world, f"R01-023,{files},\n")
    world.tick()
    assert world.tick(1)["jobs"] == 1


def test_case_that_the_sheet_does_not_name_is_not_run() -> None:
    world = RnaWorld()
    _upload_sheet(world, "A,x/a.fq.gz,,\n")
    world.upload(*reads())
    world.tick(QUIET + 60)
    assert world.case().reason_code == "NOT_IN_SAMPLESHEET"


def test_a_correction_of_a_sheet_behind_more_objects_than_are_listed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multimodal.genomics.readiness.MAX_OBJECTS", 2)
    world = RnaWorld()
    world.upload(*(f"{ROOT}/pool/{name}.fq.gz" for name in "abc"))
    for samples, jobs in ((["A"], 1), (["A", "B"], 2)):
        _upload_sheet(world, "".join(f"{name},pool/{name.lower()}.fq.gz,,\n" for name in samples))
        for seconds in (0, 1):
            world.clock.advance(5)
            world.tick(seconds)
        assert len(world.batch.submitted) == jobs


def test_change_of_strandedness_is_another_content_version_and_an_equal_sheet_is_not() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/x/a.fq.gz")
    for strandedness, jobs in (("forward", 1), ("forward", 1), ("reverse", 2)):
        _upload_sheet(world, f"A,x/a.fq.gz,,{strandedness}\n")
        world.clock.advance(5)
        world.tick()
        world.tick(1)
        for run in list(world.batch.running):
            world.run_case(run, case="A")
            world.end_job(run)
        assert len(world.batch.submitted) == jobs


def test_day_of_a_sheet_is_the_records_event_time_and_its_correction_another(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = genomics_config(DATASET)
    dated = shipped.model_copy(update={"event_time": DatedByColumn(column="collected")})
    for module in ("multimodal.genomics.records", "tests.unit.functions.world"):
        monkeypatch.setattr(f"{module}.genomics_config", lambda _: dated)
    world = RnaWorld()
    world.upload(f"{ROOT}/x/a.fq.gz")
    for day in ("2001-05-30", "2001-05-31", ""):
        sheet = f"sample,fastq_1,fastq_2,collected\nA,x/a.fq.gz,,{day}\n"
        world.upload(f"{ROOT}/samplesheet.csv", body=sheet.encode())
        world.clock.advance(5)
        world.tick()
        world.tick(1)
        for run in list(world.batch.running):
            world.ingest(world.run_case(run, case="A"))
            world.end_job(run)
    found = [(r["event_time"], r["event_time_source"]) for _, r in world.features.records]
    assert found[:2] == [("2001-05-30T00:00:00Z", "collected"), ("2001-05-31T00:00:00Z", "collected")]
    assert found[2][1] == "UploadTime"


def test_reads_beside_no_sheet_are_waited_for_then_rejected() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/a_1.fq.gz", f"{ROOT}/a_2.fq.gz")
    world.tick(QUIET + 60)
    assert world.case("-samplesheet").status is Status.RECEIVING
    world.tick(FORCE)
    assert world.case("-samplesheet").reason_code == "KEY_NOT_ACCEPTED"


def test_accessions_are_read_from_the_public_archive() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/accessions.csv", body=b"sample,accession\nA,SRR7225775\nA,SRR7225776\n")
    world.tick()
    assert world.tick(1)["jobs"] == 1
    run = next(iter(world.batch.submitted))
    command = world.arguments(run)
    assert [r["Read1File"] for r in _list_of(world, run, "A")] == [
        "s3://sra-pub-run-odp/sra/SRR7225775/SRR7225775",
        "s3://sra-pub-run-odp/sra/SRR7225776/SRR7225776",
    ]
    assert _buckets(command) == ["raw", "sra-pub-run-odp"]


@pytest.mark.parametrize(
    ("sheet", "row"), [("accessions.csv", "S{n},SRR722577{n}"), ("samplesheet.csv", "S{n},x/{n}.fq.gz")]
)
def test_a_sheet_of_more_samples_than_the_dataset_admits_starts_nothing(
    sheet: str, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 3
    short = genomics_config(DATASET).model_copy(update={"max_samples": most})
    monkeypatch.setattr("tests.unit.functions.world.genomics_config", lambda _: short)
    world = RnaWorld()
    header = "sample,accession" if sheet == "accessions.csv" else "sample,fastq_1"
    world.upload(*(f"{ROOT}/x/{n}.fq.gz" for n in range(most + 1)))

    def upload(count: int) -> int:
        lines = [header, *(row.format(n=n) for n in range(count)), ""]
        world.upload(f"{ROOT}/{sheet}", body="\n".join(lines).encode())
        world.tick(QUIET + 60)
        return int(world.tick(1)["jobs"])

    assert upload(most + 1) == 0
    item = world.case(f"-{sheet.removesuffix('.csv')}")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "SAMPLESHEET_INVALID")
    assert "names 4 samples" in world.ledger.extra[item.unit_id]["reason_message"]
    assert upload(most) == most


def test_the_users_own_reads_come_before_the_archives() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/accessions.csv", body=b"sample,accession\nA,SRR7225775\n")
    world.upload(f"{ROOT}/x/a.fq.gz")
    _upload_sheet(world, "A,x/a.fq.gz,,\n")
    world.tick()
    assert world.tick(1)["jobs"] == 1
    run = next(iter(world.batch.submitted))
    command = world.arguments(run)
    assert [r["Read1File"] for r in _list_of(world, run, "A")] == [f"s3://raw/{ROOT}/x/a.fq.gz"]
    assert _buckets(command) == ["raw"], "the archive is out of reach of a job that does not need it"


def test_rejected_keys_of_both_modalities_are_told_apart() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/R01-023/S.bam", f"imaging/{DATASET}/R01-001/1.dcm")
    assert world.ledger.get(f"genomics#{DATASET}#-refused-keys") is not None
    assert world.ledger.get(f"imaging#{DATASET}#-#refused-keys") is not None
    assert world.metrics.of["genomics"]["ObjectsRefused"] == world.metrics.values["ObjectsRefused"] == 1


def test_what_waits_is_measured_for_each_modality() -> None:
    world = RnaWorld()
    world.upload(*reads())
    world.tick(100)
    assert world.metrics.of["genomics"]["UnitsIncomplete"] == 1
    assert world.metrics.of["genomics"]["OldestIncompleteUnitSeconds"] == 100
    assert world.metrics.values["UnitsIncomplete"] == 0


def test_the_jobs_of_the_queue_are_measured_while_a_unit_is_open_and_are_none_otherwise() -> None:
    world = RnaWorld()
    world.batch.running = {"of another stack"}
    world.tick(1)
    measured = world.metrics.of["genomics"]
    assert [measured[f"BatchJobs{state}"] for state in ("Waiting", "Starting", "Running")] == [0, 0, 0]
    assert (measured["RowsRead"], "RowsRead" in world.metrics.values) == (0, False)
    world.upload(*reads())
    world.tick(1)
    assert [measured[f"BatchJobs{state}"] for state in ("Waiting", "Starting", "Running")] == [1, 0, 1]


def test_a_queue_that_does_not_answer_ends_no_round() -> None:
    world = RnaWorld()
    world.upload(*reads())
    world.batch.refusal = RetryableError("throttled")
    assert world.tick(1)["waiting"] == 1
    assert "BatchJobsWaiting" not in world.metrics.of["genomics"]
