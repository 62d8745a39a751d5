"""The demo's joined dataset: one row a patient, with what each one lacks."""

import csv
from pathlib import Path

from rich.console import Console

from cli.dataset import Build, build_dataset, print_build, save_build
from cli.deployment import Deployment
from cli.errors import CommandError
from cli.project import DATASET
from cli.terminal import make_table, print_block, print_heading, print_line

_FULL = 6
_SHOWN = ("case_id", "split", "has_imaging", "has_rna", "has_clinical", "label__os_days", "label__os_event")


def build_joined(
    console: Console, deployment: Deployment, modalities: list[str], folder: Path
) -> tuple[Build, list[Path]] | str:
    """Build the dataset and save it, or return why it cannot be built: a user's own data may have no labels.

    Parameters
    ----------
    console : Console
    deployment : Deployment
    modalities : list of str
        Those that the demo uploaded.
    folder : Path
        Where `dataset-<build>/` is saved.
    """
    request = {"dataset": DATASET, "modalities": modalities, "require_events": False}
    try:
        built = build_dataset(console, deployment, request)
    except CommandError as error:
        return error.details or error.message
    return built, save_build(deployment, built, folder)


def show_joined(console: Console, result: tuple[Build, list[Path]] | str) -> None:
    """Print which patient has what, and where the files are."""
    print_heading(console, "One row a patient, joined from all feature groups")
    if isinstance(result, str):
        print_line(console, f"Not built: {result}", "dim")
        return
    built, paths = result
    with next(path for path in paths if path.name == "dataset.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in _SHOWN if name in rows[0]]
    # Those with most modalities, and two of those with fewest.
    rows.sort(key=lambda row: -sum(row[name] == "1" for name in names if name.startswith("has_")))
    table = make_table(*names)
    for row in (*rows[:_FULL], *rows[max(_FULL, len(rows) - 2) :]):
        table.add_row(*(row[name] for name in names))
    print_block(console, table)
    print_build(console, built, paths)
