"""The clinical part of the demo: a table of the same made-up patients, with some rows that are wrong on purpose."""

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

from rich.console import Console

from cli.deployment import Deployment
from cli.features import describe_group, find_group, read_features
from cli.rows import print_features
from cli.sources.tables import Tables, read_tables
from cli.terminal import print_heading
from local.synthetic.clinical import write_clinical_table

_ROWS, _WRONG, _SHOWN = 60, 4, 8

_GROUPS = {
    "clinical-baseline": "Clinical features: what is known before treatment",
    "clinical-surgery": "Clinical features: what the operation shows",
    "labels": "Labels, kept apart from the features",
}


def write_table(folder: Path, ct_dates: Mapping[str, date]) -> Tables:
    """Make up a table of patients, whose CT is of the day that their study says, and of others."""
    folder.mkdir(parents=True)
    path = folder / "patients.csv"
    write_clinical_table(path, list(ct_dates), rows=_ROWS, bad=_WRONG, ct_dates=ct_dates)
    return read_tables(path)


def show_clinical(console: Console, deployment: Deployment, patients: Collection[str]) -> None:
    """Print clinical features and labels, those of some patients first."""
    for content, heading in _GROUPS.items():
        group = describe_group(deployment, find_group(deployment, content))
        rows = read_features(deployment, group)
        if rows:
            print_heading(console, f"{heading}, read back in the same way")
            shown = sorted(rows, key=lambda row: row["case_id"] not in patients)[:_SHOWN]
            print_features(console, group, shown, whole=f"{content}.csv", total=len(rows))
