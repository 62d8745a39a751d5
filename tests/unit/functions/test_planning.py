"""Plans: the simulation of the Map against sums by hand, the default packing, prices, and what would be rejected."""

import json
import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from rich.console import Console

from cli.deployment import Deployment
from cli.draft.left import checks_left
from cli.errors import CommandError, UsageError
from cli.main import main
from cli.plan import list_bucket, list_folder, list_source, plan_files, print_plan
from cli.sources.modality import find_modalities
from multimodal.clinical.report.charts import STYLE_SHEET
from multimodal.imaging.jobs import WORTH_BYTES_PER_JOB
from multimodal.imaging.known_series import read_shipped
from multimodal.imaging.series_manifest import manifest_text
from multimodal.planning.estimate import Settings, make_plan, settings_of
from multimodal.planning.figures import read_figures
from multimodal.planning.packing import Point, packing_curves, share_studies, sweep_packings
from multimodal.planning.page import MARGIN, plan_page
from multimodal.planning.simulation import Lane, Work, job_seconds, simulate
from multimodal.planning.workload import File, made_up_studies, read_workload
from tests.files import put
from tests.screen import Screen

ROOT = Path(__file__).resolve().parents[3]
DATASET = "nsclc_radiogenomics"
FIGURES = read_figures()
ARTICLE = FIGURES.article
STUDY_BYTES = int(ARTICLE.study_megabytes * 1e6)


def _article_plan() -> tuple[float, float, float, float]:
    files = made_up_studies(ARTICLE.studies, STUDY_BYTES, DATASET)
    processing, fast = make_plan(read_workload(files, [DATASET]), Settings(ARTICLE.concurrency), FIGURES).imaging
    return processing.minutes, processing.machine_minutes, fast.minutes, fast.machine_minutes


def test_jobs_wait_for_room_and_for_the_rate_of_requests() -> None:
    job = [Work(transfer_seconds=2, compute_seconds=10)]
    course = simulate([job] * 3, Lane([100], 1, 1), concurrency=2)
    # 0–112, 1–113, and the third takes the first free machine: 112–224
    assert (course.seconds, course.machine_seconds, course.machines) == (224, 336, 2)
    assert simulate([job] * 3, Lane([100], 1, 1), concurrency=99).seconds == 2 + 112
    assert simulate([], Lane([100], 1, 1), concurrency=5).seconds == 0


def test_start_ups_are_taken_in_turn() -> None:
    course = simulate([[Work(0, 1)]] * 3, Lane([10, 20], 1000, 1), concurrency=3)
    assert course.machine_seconds == 11 + 21 + 11


def test_a_jobs_studies_share_its_workers_and_its_network() -> None:
    assert job_seconds([Work(3, 4)] * 3, workers=2) == 9 + 8
    assert job_seconds([Work(3, 4)] * 3, workers=1) == 9 + 12
    assert job_seconds([Work(0, 6), Work(0, 2), Work(0, 2)], workers=2) == 6


def test_the_articles_cohort_takes_8_minutes_and_a_third_of_its_instance_minutes() -> None:
    minutes, machine_minutes, fast_minutes, fast_machine_minutes = _article_plan()
    assert minutes <= 8
    assert machine_minutes <= ARTICLE.instance_minutes / 3
    assert fast_minutes <= 8
    assert fast_machine_minutes <= ARTICLE.instance_minutes / 3


def test_the_document_states_what_the_simulation_says() -> None:
    minutes, machine_minutes, fast_minutes, fast_machine_minutes = _article_plan()
    page = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
    assert f"| 249 s | {minutes} | {machine_minutes:.0f} |" in page
    assert f"| 15 s | {fast_minutes} | {fast_machine_minutes:.0f} |" in page


def _packings(studies: int) -> dict[int, list[list[Work]]]:
    """An article's cohort of so many studies, for each number of studies a job."""
    work = read_workload(made_up_studies(studies, STUDY_BYTES, DATASET), [DATASET])
    return share_studies(list(work.studies.items()), FIGURES)


def test_with_the_slow_reports_start_up_only_the_fast_lane_ends_in_time() -> None:
    points = sweep_packings(
        _packings(162), [50], FIGURES.processing.start_up_seconds["467 s (one public report)"], FIGURES
    )
    assert min(point.course.seconds for point in points) > 8 * 60


def best_packing(points: Sequence[Point]) -> Point:
    """Return the packing of the fewest machine minutes that ends at most a tenth later than the fastest."""
    limit = 1.1 * min(point.course.seconds for point in points)
    return min((p for p in points if p.course.seconds <= limit), key=lambda point: point.course.machine_seconds)


def test_the_default_packing_is_the_most_careful_that_the_simulation_chooses() -> None:
    sizes = [
        best_packing(sweep_packings(_packings(studies), [50], FIGURES.processing.start_ups, FIGURES))
        for studies in (10, 20, 50, 162, 500, 2000)
    ]
    chosen = [point.studies_per_job for point in sizes]
    assert chosen == sorted(chosen), "the more studies, the fuller the jobs"
    assert chosen[0] <= round(WORTH_BYTES_PER_JOB / STUDY_BYTES) <= chosen[1]


def test_every_instance_type_of_the_template_has_a_price() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    block = text[text.index("  ProcessingInstanceType:") :]
    types = yaml.safe_load(block[block.index("AllowedValues:") : block.index("    Description:")])["AllowedValues"]
    assert set(types) == set(FIGURES.prices.processing_hour)


def test_defaults_of_a_plan_are_the_templates() -> None:
    class Loader(yaml.SafeLoader):
        """Reads a template without resolving its functions."""

    Loader.add_multi_constructor("!", lambda *_: None)
    parameters = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader)["Parameters"]
    assert settings_of({name: str(value.get("Default", "")) for name, value in parameters.items()}) == Settings()


def test_price_and_machine_minutes_belong_together() -> None:
    files = made_up_studies(40, 100_000_000, DATASET)
    share = make_plan(read_workload(files, [DATASET]), Settings(instance_type="ml.m5.large"), FIGURES).imaging[0]
    assert share.dollars == pytest.approx(share.machine_minutes / 60 * 0.115, abs=0.01)
    assert share.units == 40
    assert share.quota.startswith(f"{share.machines} × ml.m5.large")


def test_studies_too_large_for_the_fast_lane_are_priced_on_processing_beside_it() -> None:
    files = [*made_up_studies(3, 100_000_000, DATASET), File(f"imaging/{DATASET}/big/study.zip", 3_000_000_000)]
    shares = make_plan(read_workload(files, [DATASET]), Settings(), FIGURES).imaging
    assert [(share.name, share.units) for share in shares] == [
        ("SageMaker Processing", 4),
        ("Lambda (fast lane)", 3),
        ("… and Processing, larger ones", 1),
    ]


def test_a_listing_becomes_the_units_that_the_pipeline_makes_of_it() -> None:
    work = read_workload(
        [
            File(f"imaging/{DATASET}/R01-001/1.2.3/ct/1.dcm", 5),
            File(f"imaging/{DATASET}/R01-001/1.2.3/seg/1.dcm", 7),
            File(f"imaging/{DATASET}/LICENSE", 1),
            File(f"imaging/{DATASET}/R01-002/1.dcm", 1),
            File("imaging/other/R01-001/1.2.3/ct/1.dcm", 1),
            File(f"genomics/{DATASET}/R01-001/a_R1.fastq.gz", 10),
            File(f"genomics/{DATASET}/R01-001/a_R2.fastq.gz", 11),
            File(f"genomics/{DATASET}/samplesheet.csv", 1),
            File("genomics/_references/human/genome.fa.gz", 3),
            File(f"genomics/{DATASET}/expression.csv", 4),
            File(f"clinical/{DATASET}/table.csv", 2),
        ],
        [DATASET],
    )
    assert sorted(work.studies.values()) == [1, 12]
    assert list(work.samples.values()) == [21]
    assert list(work.references.values()) == [3]
    assert sorted(work.tables.values()) == [2, 4]
    assert work.unknown_datasets == ["other"]
    assert [(r.example, r.files) for r in work.refusals] == [(f"imaging/{DATASET}/R01-002/1.dcm", 1)]


def test_a_folder_is_planned_with_the_keys_that_an_upload_would_give_it(tmp_path: Path) -> None:
    put(tmp_path / "cohort", "R01-001/1.2.3.4.5/ct/1.dcm", "R01-002/1.2.3.4.6/ct/1.dcm", text="x" * 100)
    console = Console(record=True, width=140)
    output = tmp_path / "plan"
    files = list_folder(str(tmp_path / "cohort"), DATASET)
    assert plan_files(console, files, DATASET, deployment=None, concurrency=3, output=output)
    assert "2 studies" in console.export_text()
    document = json.loads((output / "plan.json").read_text())
    assert document["found"]["studies"] == {"units": 2, "bytes": 200}
    assert document["settings"]["concurrency"] == 3
    page = (output / "plan.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "").replace("https://github.com", ""), "no request to a network"


def test_a_manifest_is_planned_before_it_is_fetched() -> None:
    work = read_workload(list_source("nsclc_radiogenomics", DATASET, None), [DATASET])
    assert len(work.studies) == 144
    assert round(sum(work.studies.values()) / 1e9, 1) == 21.8


def test_a_table_of_series_is_a_manifest_and_must_say_how_large_they_are(tmp_path: Path) -> None:
    path = tmp_path / "_manifest.csv"
    path.write_text(manifest_text(read_shipped("nsclc_radiogenomics")))
    work = read_workload(list_source(str(path), DATASET, None), [DATASET])
    assert (len(work.studies), len(work.tables)) == (144, 0)
    path.write_text(path.read_text().replace("series_size_MB", "size"))
    with pytest.raises(CommandError, match="how large 293 of 293 series are"):
        list_source(str(path), DATASET, None)


@pytest.mark.parametrize("name", ["foreign.csv", "Foreign series.TSV"])
def test_a_manifest_is_known_by_its_first_row_and_never_uploaded_as_a_clinical_table(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(manifest_text(read_shipped("nsclc_radiogenomics")))
    work = read_workload(list_source(str(path), DATASET, None), [DATASET])
    assert (len(work.studies), len(work.tables)) == (144, 0)
    with pytest.raises(UsageError, match="is a manifest of public series") as refusal:
        find_modalities(path)
    assert f"`multimodal fetch {shlex.quote(str(path))}`" in refusal.value.hint


def test_a_clinical_table_that_names_series_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("Case ID,StudyInstanceUID,SeriesInstanceUID,Age\nR01-001,1.2,1.2.3,50\n")
    work = read_workload(list_source(str(tmp_path / "table.csv"), "d", None), ["d"])
    assert (len(work.studies), len(work.tables)) == (0, 1)


def test_the_plans_own_packing_is_in_the_table_of_packings_with_the_same_numbers() -> None:
    sizes = [60_000_000 + 7_000_000 * (n % 30) for n in range(144)]
    files = [File(f"imaging/{DATASET}/P{n}/s.zip", size) for n, size in enumerate(sizes)]
    for concurrency in (20, 50):
        plan = make_plan(read_workload(files, [DATASET]), Settings(concurrency), FIGURES)
        console = Console(record=True, width=140)
        print_plan(console, plan, packing_curves(plan, FIGURES), "")
        share = plan.imaging[0]
        [own] = [line.split() for line in console.export_text().splitlines() if ", as planned" in line]
        assert own[-4:] == [
            f"{share.jobs}",
            f"{share.machines}",
            f"{share.minutes:.1f}",
            f"{share.machine_minutes:.0f}",
        ]


def test_as_many_jobs_as_the_plan_has_take_as_long_as_the_plan() -> None:
    files = [File(f"imaging/{DATASET}/P{n}/s.zip", 50_000_000 + 5_000_000 * n) for n in range(40)]
    plan = make_plan(read_workload(files, [DATASET]), Settings(20), FIGURES)
    point = next(
        p for p in packing_curves(plan, FIGURES)[0][1] if p.concurrency == 20 and p.jobs == plan.imaging[0].jobs
    )
    assert round(point.course.seconds / 60, 1) == plan.imaging[0].minutes
    assert round(point.course.machine_seconds / 60, 1) == plan.imaging[0].machine_minutes


def test_one_of_a_kind_is_singular_and_no_legend_lies_in_the_plot() -> None:
    files = [
        *(File(f"imaging/{DATASET}/P{n}/s.zip", 100_000_000) for n in (1, 2)),
        File(f"clinical/{DATASET}/table.csv", 2),
        File("genomics/_references/human/genome.fa.gz", 3),
    ]
    plan = make_plan(read_workload(files, [DATASET]), Settings(1), FIGURES)
    page = plan_page("d", plan, packing_curves(plan, FIGURES), FIGURES)
    for words in (
        "2 studies (200.0 MB)",
        "1 reference (",
        "1 table (",
        "1 Lambda execution<",
        "1 × ml.r5.large job<",
        "2 (1 job)",
    ):
        assert words in page
    tops = [float(y) for y in re.findall(r'<line [^>]*y1="([\d.]+)"', page)]
    assert tops
    assert STYLE_SHEET.read_text(encoding="utf-8") in page, "it looks like the other pages"
    assert len(set(re.findall(r"stroke-dasharray: [\d ]+", page))) >= 3, "lines on each other can be seen"
    assert max(tops) < MARGIN - 10


def test_a_folder_that_cannot_be_read_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "os.walk",
        lambda folder, onerror, **_: onerror(PermissionError(13, "Permission denied", folder)),
    )
    with pytest.raises(CommandError) as refusal:
        list_folder(str(tmp_path), DATASET)
    assert refusal.value.message == f"{tmp_path} cannot be read: Permission denied."
    assert "Errno" not in refusal.value.details


def test_a_subjects_studies_share_an_invocation_or_are_too_large_together() -> None:
    def units(megabytes: int) -> list[tuple[int, int]]:
        files = [File(f"imaging/{DATASET}/P/{n}.zip", megabytes * 1_000_000) for n in (1, 2)]
        plan = make_plan(read_workload(files, [DATASET]), Settings(fast_lane_megabytes=400), FIGURES)
        return [(share.units, share.jobs) for share in plan.imaging]

    assert units(150) == [(2, 1), (2, 1)]
    assert units(250) == [(2, 1)]


def test_a_bucket_is_planned_with_the_keys_that_it_has_or_would_have() -> None:
    def listing(*keys: str) -> Deployment:
        pages = [{"Contents": [{"Key": key, "Size": 7} for key in keys]}]
        paginator = SimpleNamespace(paginate=lambda **_: pages)
        return cast(Deployment, SimpleNamespace(s3=SimpleNamespace(get_paginator=lambda _: paginator)))

    own = f"imaging/{DATASET}/R01-001/1.2/a"
    assert list_bucket("s3://raw/imaging/", DATASET, listing(own)) == [File(own, 7)]
    beside = list_bucket("s3://raw", DATASET, listing(own, "notes.txt", f"images/{DATASET}/R01-002/1.2/a"))
    work = read_workload(beside, [DATASET])
    assert (len(work.studies), [refusal.files for refusal in work.refusals]) == (1, [2])
    foreign = listing("archive/cohort/R01-001/1.2/a", "archive/cohort/R01-002/1.2/a")
    keys = [file.key for file in list_bucket("s3://theirs/archive/cohort/", DATASET, foreign)]
    assert keys == [f"imaging/{DATASET}/R01-00{n}/1.2/a" for n in (1, 2)]


def test_nothing_to_plan_is_said_and_an_address_needs_a_bucket(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no files"):
        list_folder(str(tmp_path), DATASET)
    with pytest.raises(UsageError, match="no bucket"):
        list_bucket("s3://", DATASET, None)
    with pytest.raises(UsageError, match="nothing to process"):
        plan_files(Console(), [], DATASET, deployment=None, concurrency=None, output=None)


def test_a_dataset_that_is_not_there_is_told_before_the_folder_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tmp_path / "not read"), "--dataset", "nosuch"]) == 2
    assert "No dataset 'nosuch' is there" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 140])
def test_the_tables_of_a_plan_have_whole_columns_alone(width: int) -> None:
    screen = Screen(width)
    files = [File(f"imaging/{DATASET}/R01-{n:03}/study.zip", 10**8) for n in range(9)]
    assert plan_files(screen, files, DATASET, deployment=None, concurrency=3, output=None)
    text = screen.text
    assert "…" not in text
    assert "quota needed" in text
    assert "SageMaker Processing" in text


def test_what_is_left_to_look_at_in_a_draft_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its guesses decide which rows are lost."""
    (tmp_path / "drafted.yaml").write_text("# CHECK: a\n# CHECK: b\n", encoding="utf-8")
    monkeypatch.setattr("cli.plan.checks_left", partial(checks_left, folder=tmp_path))
    screen, files = Screen(), [File("clinical/drafted/a.csv", 1)]
    plan_files(screen, files, "drafted", deployment=None, concurrency=None, output=None)
    assert "drafted.yaml: 2 CHECKs left" in screen.text


@pytest.mark.parametrize("command", ["plan", "upload"])
def test_what_is_not_there_or_empty_is_told_as_such(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How a study's folder is laid out is no answer to a mistyped path."""
    double = SimpleNamespace(datasets=[DATASET], feature_groups=(), stack="s", endpoint="")
    monkeypatch.setattr("cli.main.reach", lambda _: double)
    (tmp_path / "empty" / "inside").mkdir(parents=True)
    for name, told in (("not there", "There is no "), ("empty", "has no files")):
        assert main([command, str(tmp_path / name), "--dataset", DATASET]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert "<subject>" not in error


@pytest.mark.parametrize("option", ["--concurrency", "--studies"])
def test_no_jobs_at_once_and_no_studies_are_no_plan(option: str, tmp_path: Path) -> None:
    assert main(["plan", str(tmp_path), option, "0"]) == 2
    assert main(["plan", "--studies", "2", option, "2"]) == 0


def test_what_would_be_rejected_is_printed_and_ends_the_command_with_failure() -> None:
    console = Console(record=True, width=140)
    files = [File("imaging/unknown/a/b/1.dcm", 1), File(f"imaging/{DATASET}/stray.dcm", 1)]
    assert not plan_files(console, files, DATASET, deployment=None, concurrency=None, output=None)
    text = console.export_text()
    assert "'unknown'" in text
    assert "stray.dcm" in text


def test_reads_are_planned_by_their_sample_sheet(tmp_path: Path) -> None:
    names = [f"{sample}_{mate}.fq.gz" for sample in ("a", "b") for mate in (1, 2)]
    for name in names:
        (tmp_path / name).write_bytes(b"reads")
    rows = [f"R01-00{n},C:\\My reads\\{names[2 * n]},C:\\My reads\\{names[2 * n + 1]}" for n in (0, 1)]
    (tmp_path / "samplesheet.csv").write_text("\n".join(["sample,fastq_1,fastq_2", *rows]), encoding="utf-8")
    work = read_workload(list_folder(str(tmp_path), DATASET), [DATASET])
    assert {unit.subject: size for unit, size in work.samples.items()} == {"R01-000": 10, "R01-001": 10}


def test_what_an_upload_would_not_send_is_planned_as_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A matrix for a dataset that takes reads, and reads for one that takes a matrix."""
    matrix, reads = tmp_path / "matrix.tsv", tmp_path / "reads"
    matrix.write_text("gene\tR01-001\nVIM\t1.5\n")
    (reads / "R01-001").mkdir(parents=True)
    (reads / "R01-001" / "R01-001.fastq.gz").write_bytes(b"reads")
    takes = {DATASET: "takes reads, not a ready matrix", f"{DATASET}_matrix": "takes a ready matrix, not reads"}
    for path, refused_by in ((matrix, DATASET), (reads, f"{DATASET}_matrix")):
        for dataset, told in takes.items():
            refused = dataset == refused_by
            assert main(["plan", str(path), "--dataset", dataset]) == (1 if refused else 0)
            assert (told in " ".join(capsys.readouterr().out.split())) == refused


def test_files_in_no_study_are_named_by_the_plan_as_by_the_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, "PAT1/visit1/ct.nii.gz", "PAT6/ct.nii.gz")
    assert main(["plan", str(tmp_path), "--dataset", DATASET]) == 0
    assert "in no study: 1 file (PAT6/ct.nii.gz)" in capsys.readouterr().out


def test_without_a_name_the_plan_is_for_the_dataset_that_the_template_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--studies", "3"]) == 0
    assert "3 studies" in capsys.readouterr().out


def test_what_the_dataset_has_no_section_for_is_refused_with_and_without_a_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hospital.yaml").write_text("schema: 1\nname: hospital\nclinical: {a: 1}\n", encoding="utf-8")
    monkeypatch.setattr("cli.deployment.DATASET_FILES", tmp_path)
    stack = SimpleNamespace(stack="s", datasets=["hospital"], parameters={}, feature_groups=["s-hospital-scores-v1"])
    for deployment in (None, cast(Deployment, stack)):
        plan = partial(plan_files, dataset="hospital", deployment=deployment, concurrency=None, output=None)
        console = Console(record=True, width=140)
        assert not plan(console, made_up_studies(2, 10, "hospital"))
        told = "2 files, such as imaging/hospital/00001/study.zip: the dataset has no section imaging"
        assert told in console.export_text()
        assert plan(console, [File("clinical/hospital/a.csv", 10)])
