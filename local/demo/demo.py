"""The whole story in one command: an empty computer, a cloud, studies, features, and nothing left behind."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from cli.dashboard.command import save_dashboard
from cli.deployment import Deployment
from cli.errors import UsageError
from cli.features import describe_group, find_group, read_features
from cli.laptop import WITHOUT_SALMON, has_salmon
from cli.ledger import Unit, by_kind, describe_units, print_units
from cli.project import DATASET, DEMO_OUTPUT, PROGRAM, STATE, shown, typed
from cli.report import save_report
from cli.results import save_dataset
from cli.rows import describe_features, print_features
from cli.sources.modality import find_modalities
from cli.sources.reads import Reads, read_reads
from cli.sources.studies import Studies, read_studies
from cli.sources.table_check import check_tables, require_taken_tables
from cli.sources.tables import Tables, read_tables
from cli.terminal import Steps, duration, plural, print_heading, print_line
from cli.upload import Uploaded, upload_source, warn_of_left_files
from cli.wait import Outcome, print_outcome, wait_for_units
from local.cloud.cloud import remove_folder, stop_cloud
from local.cloud.up import LAUNCH_STEPS, launch, stop_interrupted
from local.demo.clinical import show_clinical, write_table
from local.demo.dataset import build_joined, show_joined
from local.demo.models import show_models, train_models
from local.demo.rna import MADE_UP_REFERENCE, show_expression, write_reads
from local.synthetic import write_cohort, write_corrupt_study
from multimodal.ledger.text import size_text

_GOOD_STUDIES = 6
_TIMEOUT_SECONDS = 900.0
_TABLE = "imaging.csv"

_WORTH_A_LOOK = (
    "index.html",
    "dashboard.html",
    "report.html", "overlay.png", _TABLE, "rna.csv", "clinical-baseline.csv", "clinical-surgery.csv", "labels.csv",
    "dataset.csv", "dictionary.csv", "rejected.csv", "rejection.json",
)  # fmt: skip
_ONE_OF_MANY = ("overlay.png", "rejection.json")
"""Of these each study has its own, and one is shown."""


@dataclass(frozen=True)
class Cohort:
    """What the demo uploads.

    Parameters
    ----------
    source : Studies
        The studies.
    corrupt : frozenset of str or None
        Subjects whose study and reads are broken on purpose and must be quarantined; None for a user's own studies, of
        which nobody knows beforehand.
    detail : str
        The cohort in a few words.
    reads : Reads or None
        RNA-seq reads of the same patients.
    tables : Tables or None
        Clinical tables.
    """

    source: Studies
    corrupt: frozenset[str] | None
    detail: str
    reads: Reads | None = None
    tables: Tables | None = None


def run_demo(console: Console, data: Path | None) -> int:
    """Run the demo.

    Parameters
    ----------
    console : Console
        Where it is shown.
    data : Path or None
        A folder of the user's studies, reads and tables; None for a made-up cohort with one corrupt study.

    Returns
    -------
    int
        0 when the studies ended as they should have (the user's own may be rejected: that is a result), otherwise 1.
    """
    if data is not None:
        _check(_read(data))  # a wrong folder or table is told before half a minute of work
    STATE.mkdir(exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="demo-", dir=STATE))
    started = time.monotonic()
    try:
        succeeded, last_line = _show(console, data, root)
    except KeyboardInterrupt:
        stop_interrupted(console, root)
        raise
    finally:
        print_line(console, "Removing the private cloud…", "dim")
        stop_cloud(root)
        remove_folder(root)
    print_line(console, f"The private cloud is gone. The demo took {duration(time.monotonic() - started)}.")
    if last_line:
        print_line(console, last_line)
    return 0 if succeeded else 1


def _show(console: Console, data: Path | None, root: Path) -> tuple[bool, str]:
    print_heading(console, "CT studies, RNA-seq reads and clinical tables become features for machine learning.")
    print_line(console, "All of it runs on this computer, in a private cloud that is gone afterwards.", "dim")
    if not has_salmon():
        print_line(console, f"Without RNA-seq: {WITHOUT_SALMON}", "dim")
    console.print()
    steps = Steps(console, LAUNCH_STEPS + 8)
    with ThreadPoolExecutor(1) as pool:
        # Made while sam builds and deploys: that is another process.
        coming = pool.submit(_read, data) if data else pool.submit(make_up, root / "cohort", with_reads=has_salmon())
        deployment, _ = launch(steps, root, die_with_parent=True)
        with steps.step("Read your studies" if data else "Make up a cohort of patients") as step:
            cohort = coming.result()
            step.detail = cohort.detail
    warn_of_left_files(console, cohort.source)
    with steps.step("Upload to the raw bucket", live=True) as step:
        uploaded = _upload(console, deployment, cohort)
        step.detail = f"{plural(uploaded.files, 'file')}, {size_text(uploaded.size)}"
    outcome = _process(console, steps, deployment, uploaded)
    succeeded = _is_as_expected(outcome, cohort)
    if outcome.timed_out:
        print_outcome(console, outcome)
    saved = _show_results(console, steps, deployment, outcome.units, cohort)
    _show_times(console, steps)
    return succeeded, describe_end(outcome, saved)


def make_up(folder: Path, count: int = _GOOD_STUDIES, *, with_reads: bool = True) -> Cohort:
    """Write made-up data of all modalities: `imaging/`, `genomics/` and `clinical/` below a folder.

    Parameters
    ----------
    folder : Path
        A new one.
    count : int
        Good studies, one a patient; one more is damaged.
    with_reads : bool
        Whether all patients but the last good one have reads.
    """
    studies = folder / "imaging"
    good = write_cohort(studies, studies=count, zip_last=True)
    corrupt = write_corrupt_study(studies)
    source, rejected = read_studies(studies), frozenset({corrupt.subject})
    ct_dates = {truth.subject: datetime.fromisoformat(truth.acquired_at).date() for truth in good}
    tables = write_table(folder / "clinical", ct_dates)
    if not with_reads:
        return Cohort(source, rejected, f"{_count(source)}; a table; 1 damaged", tables=tables)
    # The last patient has a CT and no reads.
    subjects = [*(study.subject for study in good[:-1]), corrupt.subject]
    reads = write_reads(folder / "genomics", subjects, rejected)
    detail = f"{_count(source)}; reads of {len(reads.cases)}, {size_text(reads.size)}; a table; 2 damaged"
    return Cohort(source, rejected, detail, reads, tables)


def write_sample(console: Console, folder: Path, studies: int) -> None:
    """Write made-up data of all modalities to try the commands with.

    Raises
    ------
    UsageError
        When the folder holds something: the user's data and made-up ones must not mix.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty.", hint="Name a new folder.")
    print_line(console, f"{make_up(folder, studies).detail}, in {shown(folder)}/.")
    print_line(console, f"{PROGRAM} upload {typed(folder)} --dataset {DATASET} --wait", style="dim")


def _upload(console: Console, deployment: Deployment, cohort: Cohort) -> Uploaded:
    # Reads first: all samples wait for their reference, and studies for nothing.
    sources = [source for source in (cohort.reads, cohort.tables, cohort.source) if source is not None]
    parts = [upload_source(console, deployment, source, DATASET) for source in sources]
    unit_ids = tuple(unit_id for part in parts for unit_id in part.unit_ids)
    return Uploaded(unit_ids, sum(part.files for part in parts), sum(part.size for part in parts))


def _read(data: Path) -> Cohort:
    found = find_modalities(data)
    source = read_studies(data) if "imaging" in found else Studies()
    reads = read_reads(data) if "genomics" in found and has_salmon() else None
    tables = read_tables(data) if "clinical" in found else None
    details = [_count(source)] if source.studies else []
    details += [f"{plural(len(reads.cases), 'case')} with reads, {size_text(reads.size)}"] if reads else []
    details += [plural(len(tables.files), "clinical table")] if tables else []
    return Cohort(source, None, "; ".join(details), reads, tables)


def _check(cohort: Cohort) -> None:
    """Refuse tables of which nothing would be taken, as `multimodal upload` does."""
    if cohort.tables:
        require_taken_tables(check_tables(cohort.tables, DATASET), DATASET)


def _count(source: Studies) -> str:
    return f"{plural(len(source.studies), 'study', 'studies')}, {size_text(source.size)}"


def _process(console: Console, steps: Steps, deployment: Deployment, uploaded: Uploaded) -> Outcome:
    with steps.step("Process: upload → job → features", live=True) as step:
        outcome = wait_for_units(console, deployment, unit_ids=uploaded.unit_ids, timeout=_TIMEOUT_SECONDS)
        step.detail = describe_units(outcome.units)
    return outcome


def _is_as_expected(outcome: Outcome, cohort: Cohort) -> bool:
    """Say whether each unit ended as it should: the broken ones QUARANTINED, all others COMPLETED.

    Of a user's own studies a rejected one is a result too; a fault of the machine or the program is none.
    """
    if outcome.timed_out:
        return False
    if cohort.corrupt is None:
        return all(unit.status != "FAILED" for unit in outcome.units)
    return all(
        unit.status == ("QUARANTINED" if unit.text("subject") in cohort.corrupt else "COMPLETED")
        for unit in outcome.units
    )


def describe_end(outcome: Outcome, saved: Sequence[Path]) -> str:
    """Say how many studies did not get features and where the reasons are; empty when all did."""
    failed = [unit for unit in outcome.units if unit.status == "FAILED"]
    rejected = len(outcome.without_features) - len(failed)
    mixed = any(unit.is_rna or unit.is_table for unit in outcome.units)
    words = ("upload", "uploads") if mixed else ("study", "studies")
    total = plural(len(by_kind(outcome.units).get("unit", ())), *words)
    if failed:
        return f"{len(failed)} of {total} FAILED, for a fault that is not the {words[0]}'s: see Why above."
    if not rejected:
        return ""
    reasons = [shown(path) for path in saved if path.name == "rejection.json"]
    several = f"{shown(DEMO_OUTPUT)}/<subject>/…/rejection.json"
    where = (reasons[0] if len(reasons) == 1 else several) if reasons else "Why above"
    return f"{rejected} of {total} {'was' if rejected == 1 else 'were'} rejected; the reason is in {where}."


def _show_results(
    console: Console, steps: Steps, deployment: Deployment, units: list[Unit], cohort: Cohort
) -> list[Path]:
    with steps.step("Read the features back (Athena)") as step:
        group = describe_group(deployment, find_group(deployment, "imaging"))
        rows = read_features(deployment, group)
        step.detail = f"{plural(len(rows), 'record')} of {describe_features(group.features)}"
    with steps.step("Save the results") as step:
        shutil.rmtree(DEMO_OUTPUT, ignore_errors=True)
        saved = save_dataset(deployment, DATASET, units, DEMO_OUTPUT)
        step.detail = f"{plural(len(saved), 'file')} in {shown(DEMO_OUTPUT)}/"
    with steps.step("Join: one row a patient") as step:
        joined = build_joined(console, deployment, _modalities(cohort), DEMO_OUTPUT)
        step.detail = "not built" if isinstance(joined, str) else joined[0].manifest["complete_cases"]
    with steps.step("Compare survival models") as step:
        trained = "no joined dataset" if isinstance(joined, str) else train_models(deployment, joined[0], DEMO_OUTPUT)
        step.detail = "none" if isinstance(trained, str) else f"{plural(len(trained), 'file')}"
    with steps.step("Draw cohort page and dashboard") as step:
        pages = save_report(deployment, DATASET, DEMO_OUTPUT / "report")
        drawn = save_dashboard(deployment, DEMO_OUTPUT / "dashboard.html")
        step.detail = f"{plural(len(pages) + 1, 'file')} in {shown(DEMO_OUTPUT)}/"
    print_heading(console, "Ledger: everything that was uploaded, and where it stands")
    print_units(console, units)
    if cohort.source.studies:
        print_heading(console, "Radiomic features, read back from Feature Store through Athena")
        print_features(console, group, rows, whole=_TABLE)
    if cohort.reads:
        show_expression(console, deployment)
        if cohort.corrupt is not None:
            print_line(console, MADE_UP_REFERENCE, "dim")
    if cohort.tables:
        show_clinical(console, deployment, {unit.text("subject") for unit in units})
    show_joined(console, joined)
    show_models(console, trained)
    saved += [] if isinstance(trained, str) else trained
    _show_examples(console, [pages[-1], drawn, *saved, *([] if isinstance(joined, str) else joined[1])])
    return saved


def _modalities(cohort: Cohort) -> list[str]:
    """Return the modalities of what was uploaded."""
    there = {"imaging": cohort.source.studies, "rna": cohort.reads, "clinical": cohort.tables}
    return [modality for modality, found in there.items() if found]


def _show_examples(console: Console, saved: list[Path]) -> None:
    if saved:
        print_heading(console, "Open these")
    for name in _WORTH_A_LOOK:
        paths = [path for path in saved if path.name == name]
        examples = paths[:1] if name in _ONE_OF_MANY else paths
        for path in examples:
            more = f"   (and {len(paths) - len(examples)} more)" if len(paths) > len(examples) else ""
            print_line(console, f"{shown(path)}{more}")


def _show_times(console: Console, steps: Steps) -> None:
    seconds = [step.seconds for step in steps.finished]
    build_and_deploy = sum(seconds[:LAUNCH_STEPS])
    upload, process = seconds[LAUNCH_STEPS + 1], seconds[LAUNCH_STEPS + 2]
    console.print()
    print_line(
        console,
        f"Cloud, build and deployment {build_and_deploy:.0f} s · upload {upload:.0f} s · "
        f"upload to features {process:.0f} s",
    )
