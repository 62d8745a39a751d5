"""The command `multimodal plan`: what a folder or a bucket would need, before anything runs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from rich.console import Console

from cli.deployment import Deployment, described_datasets, lacks_section, there_are
from cli.draft.left import LOOK, checks_left
from cli.errors import CommandError, UsageError
from cli.fetch import read_source
from cli.project import PROGRAM, shown
from cli.sources.files import Source, SourceFile
from cli.sources.manifests import is_series_manifest
from cli.sources.modality import find_modalities
from cli.sources.reads import Reads, route_problem
from cli.sources.table_check import check_tables
from cli.table_rows import print_rows_of_tables, row_findings
from cli.terminal import make_console, make_table, plural, print_block, print_heading, print_line, print_table
from cli.upload import READERS, warn_of_left_files
from multimodal.imaging.known_series import shipped_manifests
from multimodal.ledger.text import size_text
from multimodal.ledger.unit import Modality
from multimodal.planning.estimate import Plan, Share, make_plan, settings_of
from multimodal.planning.figures import Figures, read_figures
from multimodal.planning.packing import Point, packing_curves
from multimodal.planning.page import plan_page
from multimodal.planning.workload import File, made_up_studies, read_workload

__all__ = ["list_source", "made_up_studies", "plan_files"]

ADDRESS = "s3://"
_EXAMPLES = 10
_READING_SECONDS = 60.0
"""Longest time for which a table is read; a million rows take half of it."""


def plan_files(
    console: Console,
    files: Sequence[File],
    dataset: str,
    *,
    deployment: Deployment | None,
    concurrency: int | None,
    output: Path | None,
) -> bool:
    """Print the plan of files; return whether all of them would be taken.

    Parameters
    ----------
    console : Console
    files : sequence of File
        What is there, with the keys that it has or would have in RawBucket.
    dataset : str
        Which dataset it would be uploaded to.
    deployment : Deployment or None
        Whose parameters and datasets count; None stands for the template's defaults and the described datasets.
    concurrency : int or None
        Jobs at once; None for the stack's `MaxConcurrency`.
    output : Path or None
        Folder for `plan.json` and `plan.html`.

    Raises
    ------
    UsageError
        When there is nothing to process.
    """
    figures, settings = read_figures(), settings_of(deployment.parameters if deployment else {}, concurrency)
    known = described_datasets(deployment)
    lacking = [f"{name}/{dataset}/" for name in Modality if lacks_section(deployment, dataset, name)]
    workload = read_workload(_without_section(files, tuple(lacking)), known)
    if workload.is_empty and not workload.refusals:
        raise UsageError("There is nothing to process.", hint="docs/uploads.md says how it is laid out.")
    plan = make_plan(workload, settings, figures)
    curves = packing_curves(plan, figures)
    whose = f"of the stack {deployment.stack}" if deployment else "of template.yaml (--stack NAME: a stack's)"
    print_line(console, f"For dataset {dataset}, with the parameters {whose}", style="dim")
    for left in checks_left([dataset]):
        print_line(console, f"! {left}. {LOOK}", style="yellow")
    print_plan(console, plan, curves, there_are(known, deployment))
    if output:
        save_plan(console, output, plan, curves, figures, dataset)
    return workload.is_taken


def _without_section(files: Sequence[File], lacking: tuple[str, ...]) -> Iterator[File]:
    """Yield files, those below a prefix for which the dataset has no section with that problem."""
    for file in files:
        is_lacking = not file.problem and file.key.startswith(lacking)
        yield replace(file, problem=f"the dataset has no section {file.key.partition('/')[0]}") if is_lacking else file


def list_source(source: str, dataset: str, deployment: Deployment | None) -> list[File]:
    """Return the files of a folder, as `multimodal upload` takes it, of a manifest, or below an `s3://` address.

    Raises
    ------
    CommandError
        When it cannot be read.
    """
    if source in shipped_manifests() or is_series_manifest(Path(source).expanduser()):
        return _series_files(source, dataset)
    return list_bucket(source, dataset, deployment) if source.startswith(ADDRESS) else list_folder(source, dataset)


def _series_files(source: str, dataset: str) -> list[File]:
    series = read_source(source)
    unknown = sum(not each.size for each in series)
    if unknown:
        hint = "Add a column series_size_MB, or plan with --studies N --study-mb MB."
        raise CommandError(f"{source} does not say how large {unknown:,} of {len(series):,} series are.", hint=hint)
    return [
        File(f"imaging/{dataset}/{each.patient}/{each.study}/{each.modality}_{each.series}/series", each.size)
        for each in series
    ]


def list_folder(source: str, dataset: str) -> list[File]:
    """Return the files of a folder with the keys that an upload would give them."""
    path = Path(source).expanduser()
    try:
        found = [READERS[name](path) for name in find_modalities(path)]
    except OSError as error:
        hint = "Check its permissions; nothing was planned."
        raise CommandError(f"{error.filename or source} cannot be read: {error.strerror}.", hint=hint) from error
    for each in found:
        warn_of_left_files(make_console(), each)
    return [file for each in found for file in _planned(each, dataset)]


def _planned(source: Source, dataset: str) -> Iterator[File]:
    """Yield the files of a source, with why an upload would not send them and what tables would lose."""
    route = route_problem(source, dataset) if isinstance(source, Reads) else ""
    with make_console().status("Reading tables"):
        checks = {check.file: check for check in check_tables(source, dataset, _READING_SECONDS)}
    for file in source.files:
        planned = File(_planned_key(source, dataset, file), file.size, route)
        check = checks.get(file)
        yield replace(planned, problem=route or check.problem, rows=row_findings(check)) if check else planned


def _planned_key(source: Source, dataset: str, file: SourceFile) -> str:
    """Return a file's key in RawBucket; of reads that a sample sheet names, a key in their sample's folder."""
    sample = source.sheet.get(file.path.name) if isinstance(source, Reads) else None
    return source.object_key(dataset, f"{sample}/{file.path.name}" if sample else file.key)


def list_bucket(source: str, dataset: str, deployment: Deployment | None) -> list[File]:
    """Return the objects of an `s3://bucket/prefix` with the keys that they have or would have in RawBucket.

    Where some begin with a modality, all stay; else they are taken as `<subject>/<study>/…` below the address.
    """
    bucket, _, prefix = source.removeprefix(ADDRESS).partition("/")
    if not bucket:
        raise UsageError(f"{source} names no bucket.", hint="Such as s3://my-bucket/my-cohort/.")
    try:
        listed = list(_objects(bucket, prefix, deployment))
    except ClientError as error:
        hint = "Listing needs s3:ListBucket, and the region and credentials of the bucket's account."
        raise CommandError(f"{source} cannot be listed.", details=str(error), hint=hint) from error
    whole = tuple(f"{modality}/" for modality in Modality)
    if any(file.key.startswith(whole) for file in listed):  # a stack's bucket; what lies beside them is told
        return listed
    folder = prefix[: prefix.rfind("/") + 1]
    return [File(f"imaging/{dataset}/{file.key.removeprefix(folder)}", file.size) for file in listed]


def _objects(bucket: str, prefix: str, deployment: Deployment | None) -> Iterator[File]:
    client = deployment.s3 if deployment else boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (File(item["Key"], item["Size"]) for item in page.get("Contents", []))


def print_plan(console: Console, plan: Plan, curves: Sequence[tuple[str, Sequence[Point]]], there: str) -> None:
    """Print what was found, both prices of imaging, everything else, the simulation, and what would be rejected."""
    work = plan.workload
    for units, one, many in (
        (work.studies, "study", "studies"),
        (work.samples, "sample", ""),
        (work.references, "reference", ""),
        (work.tables, "table", ""),
    ):
        if units:
            print_line(console, f"{plural(len(units), one, many)}, {size_text(sum(units.values()))}")
    for title, shares in (("Imaging: either of", plan.imaging), ("Besides", plan.others)):
        if shares:
            print_heading(console, title)
            _print_shares(console, shares)
    for name, points in curves[:1]:  # the page has all
        _print_curve(console, name, [p for p in points if p.concurrency == plan.settings.concurrency], plan.imaging[0])
    _print_refusals(console, plan, there)
    print_rows_of_tables(console, work.rows)
    print_line(console, f"Prices: {plan.prices}; times are estimates (docs/planning.md).", style="dim")
    if not (work.studies or work.samples or work.references):
        return
    quiet = (
        f"Minutes count from a run's start. Before it, a folder waits {plan.settings.quiet_period} s for more files;"
    )
    print_line(console, f"{quiet} a zip, or a study from `{PROGRAM} upload`, does not.", style="dim")


def _print_shares(console: Console, shares: Sequence[Share]) -> None:
    numbers = ("units", "jobs", "at once", "minutes", "machine min", "USD")
    table = make_table("", *numbers, "quota needed", right=numbers)
    for share in shares:
        counts = (f"{n:,}" for n in (share.units, share.jobs, share.machines, share.minutes, share.machine_minutes))
        table.add_row(share.name, *counts, f"{share.dollars:,.2f}", share.quota)
    print_table(console, table, ("machine min", "at once", "units", "jobs"))  # the page has all


def _print_curve(console: Console, name: str, points: Sequence[Point], share: Share) -> None:
    """Print other packings beside the plan's own, which has a line of its own when it is none of them."""
    print_heading(console, f"Packing at {points[0].concurrency} at once, start-up {name}")
    numbers = ("jobs", "at once", "minutes", "machine min")
    table = make_table("studies a job", *numbers, right=numbers)
    rows = {
        p.jobs: (f"{p.studies_per_job}", p.course.machines, p.course.seconds / 60, p.course.machine_seconds / 60)
        for p in reversed(points)  # of two with as many jobs, the fewer studies a job
    }
    label = rows[share.jobs][0] if share.jobs in rows else f"{share.units / share.jobs:.1f}"
    rows[share.jobs] = (f"{label}, as planned", share.machines, share.minutes, share.machine_minutes)
    for jobs, (studies, machines, minutes, machine_minutes) in sorted(rows.items(), reverse=True):
        table.add_row(studies, f"{jobs:,}", f"{machines:,}", f"{minutes:.1f}", f"{machine_minutes:,.0f}")
    print_block(console, table)


def _print_refusals(console: Console, plan: Plan, there_are: str) -> None:
    refusals, unknown = plan.workload.refusals, plan.workload.unknown_datasets
    if refusals or unknown:
        print_heading(console, "Would be rejected")
    for name in unknown:
        print_line(console, f"! No dataset {name!r} is there. {there_are}", style="yellow")
    for refusal in refusals[:_EXAMPLES]:
        counted = f"! {plural(refusal.files, 'file')}, such as {refusal.example}"
        print_line(console, f"{counted}: {refusal.problem}", style="yellow")


def save_plan(
    console: Console,
    folder: Path,
    plan: Plan,
    curves: Sequence[tuple[str, Sequence[Point]]],
    figures: Figures,
    title: str,
) -> None:
    """Write `plan.json` and `plan.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(plan.as_document(), indent=2, ensure_ascii=False)
    (folder / "plan.json").write_text(document + "\n", encoding="utf-8")
    page = folder / "plan.html"
    page.write_text(plan_page(title, plan, curves, figures), encoding="utf-8")
    print_line(console, f"Written: {shown(page)} and plan.json beside it")
