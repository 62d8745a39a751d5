"""The clinical part of the demo: a table of the same made-up patients, with some rows that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

from rich.console import Console

from local.clinical_files import WRAPPER, ClinicalFiles, read_clinical_files
from local.cohort.clinical import write_clinical_table
from local.deployment import Deployment
from local.errors import UsageError
from local.features import describe_group, find_group, print_features, read_features
from local.project import DEMO_OUTPUT
from local.rows import write_csv
from local.terminal import print_heading

_ROWS, _WRONG, _SHOWN = 60, 4, 8
_GROUPS = {"clinical-baseline": "What is known before treatment", "labels": "Labels, kept apart from the features"}


def write_table(folder: Path, ct_dates: Mapping[str, date]) -> ClinicalFiles:
    """Make up a table of patients, whose CT is of the day that their study says, and of others."""
    folder.mkdir(parents=True)
    path = folder / "labels.csv"
    write_clinical_table(path, list(ct_dates), rows=_ROWS, bad=_WRONG, ct_dates=ct_dates)
    return read_clinical_files(path)


def find_tables(data: Path) -> ClinicalFiles | None:
    """Return the tables of the user's folder: those in its folder `clinical`, if it has one beside `imaging`.

    Without `imaging` every folder is a subject's.
    """
    if not ((data / "imaging").is_dir() and (data / WRAPPER).is_dir()):
        return None
    try:
        return read_clinical_files(data)
    except UsageError:
        return None


def show_clinical(console: Console, deployment: Deployment, patients: Collection[str]) -> list[Path]:
    """Print clinical features and labels, those of some patients first, and save them; return the files."""
    saved = []
    for content, heading in _GROUPS.items():
        group = describe_group(deployment, find_group(deployment, content))
        rows = read_features(deployment, group)
        if rows:
            print_heading(console, f"{heading}, read back in the same way")
            shown = sorted(rows, key=lambda row: row["case_id"] not in patients)[:_SHOWN]
            print_features(console, group, shown, whole=f"{content}.csv", total=len(rows))
            saved.append(write_csv(rows, group.features, DEMO_OUTPUT / f"{content}.csv"))
    return saved
