"""The demo's survival models: small, and on made-up patients, so that they show what a report says and nothing else."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.dataset import Build
from cli.deployment import Deployment
from cli.errors import CommandError
from cli.models import print_results, run_models, save_run
from cli.project import DATASET
from cli.terminal import print_files, print_heading, print_line

_SETTINGS = {"repeats": 1, "folds": 3}
_TIMEOUT_SECONDS = 600.0


def train_models(deployment: Deployment, built: Build, folder: Path) -> list[Path] | str:
    """Train on a build and save report and model, or return why not: a user's own data may have few deaths."""
    build = built.key.rstrip("/").rpartition("/")[2]
    asked = {"action": "train", "dataset": DATASET, "build": build, "settings": _SETTINGS}
    try:
        made = run_models(Console(quiet=True), deployment, asked, "Training", _TIMEOUT_SECONDS)
    except CommandError as error:
        return error.details or error.message
    return save_run(deployment, made, folder)


def show_models(console: Console, result: list[Path] | str) -> None:
    """Print what the comparison found, and where its report is."""
    print_heading(console, "Survival models: each modality alone, and pooled")
    if isinstance(result, str):
        print_line(console, f"Not trained: {result}", "dim")
        return
    results: dict[str, Any] = json.loads(
        next(p for p in result if p.name == "results.json").read_text(encoding="utf-8")
    )
    print_results(console, results)
    print_line(console, "Made-up patients and one repeat of three folds: a look at the report, not a result.", "dim")
    print_files(console, result)
