"""What each command does; every one returns its exit code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from cli.athena import Row, run_query
from cli.deployment import Deployment, connect
from cli.errors import CommandError, UsageError
from cli.features import describe_group, find_group, print_features, read_features, with_tables
from cli.ledger import as_document, print_reasons, print_units, read_units
from cli.project import PROGRAM, STACK, STATE, shown
from cli.results import save_dataset
from cli.retry import make_ready, select_units
from cli.rows import print_rows
from cli.terminal import megabytes, plural, print_line
from cli.upload import UNIT_WORDS, upload_path
from cli.wait import print_outcome, wait_for_units
from local.cloud.cloud import CLIENT_VARIABLES, read_cloud, stop_cloud
from local.cloud.up import bring_up
from local.demo.demo import run_demo

SUCCESS, FAILURE = 0, 1


def running_deployment() -> Deployment:
    """Return the stack of the cloud that `up` started."""
    cloud = read_cloud(STATE)
    if cloud is None:
        raise CommandError("No cloud is running.", hint=f"`{PROGRAM} up` starts one.")
    return connect(STACK, cloud.environment())


def up(console: Console, options: argparse.Namespace) -> int:
    """Start the cloud that stays, or bring it up to date."""
    bring_up(console, [name for name in (options.datasets or "").split(",") if name])
    return SUCCESS


def down(console: Console, _options: argparse.Namespace) -> int:
    """Stop the cloud and delete what it held."""
    if read_cloud(STATE):
        print_line(console, "Stopping the cloud and deleting its uploads, ledger and features…")
    if not stop_cloud(STATE):
        print_line(console, "No cloud was running.")
        return SUCCESS
    print_line(console, "The cloud is stopped and its data deleted.")
    print_line(
        console, "A shell that has the variables which `up` printed still points at it. There, run:", style="dim"
    )
    print_line(console, f"unset {' '.join(CLIENT_VARIABLES)}", style="dim")
    return SUCCESS


def status(console: Console, options: argparse.Namespace) -> int:
    """Show the ledger."""
    deployment = running_deployment()
    units = read_units(deployment)
    if options.json:
        _print_json(as_document(deployment, units))
    elif units:
        print_units(console, units)
    else:
        print_line(console, "The ledger is empty: nothing has been uploaded yet.")
        print_line(console, f"{PROGRAM} upload DIR --dataset nsclc_radiogenomics", style="dim")
    return SUCCESS


def retry(console: Console, options: argparse.Namespace) -> int:
    """Make refused units READY again."""
    deployment = running_deployment()
    units = read_units(deployment)
    chosen = select_units(units, reason=options.reason, unit=options.unit, everything=options.all)
    ready = [unit for unit in chosen if make_ready(deployment, unit)]
    for unit in ready:
        print_line(console, f"READY  {unit.name}  (was {unit.status} {unit.text('reason_code')})")
    print_line(console, f"{plural(len(ready), 'unit')} will run again; `{PROGRAM} wait` shows how.")
    return SUCCESS


def upload(console: Console, options: argparse.Namespace) -> int:
    """Copy a folder, or a table, into the raw bucket."""
    deployment = running_deployment()
    for modality, uploaded in upload_path(console, deployment, options.path, options.dataset, options.modality):
        print_line(
            console,
            f"Uploaded {plural(uploaded.files, 'file')} ({megabytes(uploaded.size)} MB), "
            f"{plural(len(uploaded.unit_ids), *UNIT_WORDS[modality])}, "
            f"to s3://{deployment.output('RawBucketName')}/{modality}/{options.dataset}/",
        )
    print_line(console, f"Processing starts by itself; `{PROGRAM} wait` shows it.", style="dim")
    return SUCCESS


def wait(console: Console, options: argparse.Namespace) -> int:
    """Watch units until all have ended."""
    outcome = wait_for_units(console, running_deployment(), timeout=options.timeout)
    if not outcome.units:
        print_line(console, "Nothing to wait for: the ledger is empty.")
        return FAILURE
    print_outcome(console, outcome)
    print_reasons(console, outcome.units)
    return SUCCESS if outcome.succeeded else FAILURE


def features(console: Console, options: argparse.Namespace) -> int:
    """Read a feature group back."""
    deployment = running_deployment()
    group = describe_group(deployment, find_group(deployment, options.group))
    rows = read_features(deployment, group)
    if options.json:
        _print_json(rows)
    else:
        print_features(console, group, rows)
    return SUCCESS


def results(console: Console, options: argparse.Namespace) -> int:
    """Save what became of all uploads: features as CSVs, overlays, reports and reasons."""
    deployment = running_deployment()
    units = read_units(deployment)
    for dataset in deployment.datasets:
        folder = options.folder / dataset
        saved = save_dataset(deployment, dataset, units, folder)
        tables = ", ".join(path.name for path in saved if path.parent == folder)
        print_line(console, f"{shown(folder)}/: {plural(len(saved), 'file')}{f', with {tables}' if tables else ''}")
    return SUCCESS


def query(console: Console, options: argparse.Namespace) -> int:
    """Run SQL on Athena."""
    deployment = running_deployment()
    if not options.sql.strip():
        raise UsageError("There is no SQL.")
    groups = [describe_group(deployment, name) for name in deployment.feature_groups]
    sql = with_tables(options.sql, lambda name: describe_group(deployment, find_group(deployment, name)))
    try:
        rows = run_query(deployment, sql, database=groups[0].database if groups else "default")
    except CommandError as error:
        error.hint = "Tables: " + ", ".join(group.qualified_table for group in groups)
        raise
    if options.json:
        _print_json(rows)
    else:
        _print_rows(console, rows)
    return SUCCESS


def _print_rows(console: Console, rows: list[Row]) -> None:
    more = 0
    if rows:
        # The catalogue's order, but the record's name first: without it a row says nothing.
        names = sorted(rows[0], key=lambda name: name != "case_id")
        more = len(names) - len(print_rows(console, rows, names))
    rest = f"; {plural(more, 'more column')}; --json has all" if more else ""
    print_line(console, plural(len(rows), "row") + rest, style="dim")


def demo(console: Console, options: argparse.Namespace) -> int:
    """Show it all in a private cloud."""
    folder = options.data.removeprefix("DATA=")
    return run_demo(console, Path(folder) if folder else None)


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))
