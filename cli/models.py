"""The command `multimodal models`: train survival models on a joined dataset, and score cases with one."""

import contextlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cli.deployment import Deployment, chosen_dataset, reach
from cli.errors import CommandError, UsageError
from cli.options import Dataset, Stack, Timeout
from cli.terminal import duration, make_console, make_table, plural, print_files, print_line, print_table

app = typer.Typer(no_args_is_help=True, help="Train survival models on a joined dataset, or score its cases with one.")

BuildName = Annotated[str, typer.Option("--build", help="A build of it; not given: the newest.", metavar="BUILD")]

MANIFEST, RESULTS = "manifest.json", "results.json"
"""Written last into a build and into a model's folder: without them there is none."""

ROBUSTNESS = "robustness.csv"

_POLL_SECONDS = 1.0


@app.command(
    epilog="Example: `multimodal models train --dataset nsclc_radiogenomics --timepoint baseline --output models`"
)
def train(
    dataset: Dataset = "",
    build: BuildName = "",
    timepoint: Annotated[
        str, typer.Option(help="Latest timepoint of features: baseline, surgery or post_treatment.", metavar="T")
    ] = "",
    repeats: Annotated[int, typer.Option(help="Repeats of the folds; 0: the job's own number.", min=0)] = 0,
    folds: Annotated[int, typer.Option(help="Folds of a repeat; 0: the job's own number.", min=0)] = 0,
    harmonise: Annotated[
        str, typer.Option(help="Column of the build that names the scanner, for ComBat.", metavar="COLUMN")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of folds and shuffles.", min=0)] = 0,
    robustness: Annotated[
        Path | None,
        typer.Option(
            help="robustness.csv of radiomics-job --perturb: radiomic features that are not stable are left out.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    least_icc: Annotated[
        float, typer.Option(help="Of a stable feature; 0: the job's own number.", min=0, max=1, metavar="ICC")
    ] = 0.0,
    output: Annotated[
        Path | None, typer.Option(help="Copy report and model into this folder.", metavar="DIR", file_okay=False)
    ] = None,
    timeout: Timeout = 7200.0,
    stack: Stack = "",
) -> None:
    """Compare survival models of each modality and of all sets of them, and save the best."""
    if least_icc and robustness is None:
        raise UsageError("--least-icc says how stable a feature of --robustness FILE must be: give the file, too.")
    console, deployment = make_console(), reach(stack)
    dataset = chosen_dataset(deployment, dataset, "multimodal models train --dataset NAME")
    build = find_build(deployment, dataset, build)
    settings = {
        "timepoint": timepoint,
        "repeats": repeats,
        "folds": folds,
        "harmonise": harmonise,
        "seed": seed,
        "least-icc": least_icc,
    }
    asked: dict[str, Any] = {
        "action": "train",
        "dataset": dataset,
        "build": build,
        "settings": {k: v for k, v in settings.items() if v},
    }
    name = run_name()
    if robustness:
        upload_robustness(deployment, robustness, f"models/{dataset}/{build}/{name}/{ROBUSTNESS}")
        asked["robustness"] = True
    made = run_models(console, deployment, asked, f"Training on {dataset}/{build}", timeout, name)
    print_results(console, json.loads(_read(deployment, f"{made['key']}{RESULTS}")))
    hint = "" if output else "  (report.html and the model; --output DIR copies them)"
    print_line(console, f"s3://{deployment.output('ProcessedBucketName')}/{made['key']}{hint}", style="dim")
    print_files(console, save_run(deployment, made, output) if output else [])


@app.command(
    epilog="Example: `multimodal models score --dataset nsclc_radiogenomics --model b1/20261128T120000-0123abcd`"
)
def score(
    dataset: Dataset = "",
    build: BuildName = "",
    model: Annotated[str, typer.Option(help="A trained model; not given: the newest.", metavar="BUILD/RUN")] = "",
    timeout: Timeout = 3600.0,
    stack: Stack = "",
) -> None:
    """Give every case of a build its risk by a saved model, and write the scores to the dataset's scores group."""
    console, deployment = make_console(), reach(stack)
    dataset = chosen_dataset(deployment, dataset, "multimodal models score --dataset NAME")
    build, model = find_build(deployment, dataset, build), find_model(deployment, dataset, model)
    asked = {"action": "score", "dataset": dataset, "build": build, "model": model, "settings": {}}
    made = run_models(console, deployment, asked, f"Scoring {dataset}/{build} with {model}", timeout)
    written = made["written"]
    print_line(console, f"{plural(written['records'], 'score')} of {model} in {written['group']}")
    print_line(console, "`multimodal features scores` shows them.", style="dim")


def find_build(deployment: Deployment, dataset: str, build: str = "") -> str:
    """Return the name of a build that is there, by default the newest.

    Raises
    ------
    UsageError
        When there is none of that name, or none at all.
    """
    found = [name.split("/")[0] for name in _finished(deployment, f"datasets/{dataset}/", MANIFEST)]
    return _chosen(found, build, "build", dataset, f"`multimodal dataset build --dataset {dataset}` makes one.")


def find_model(deployment: Deployment, dataset: str, model: str = "") -> str:
    """Return `<build>/<run>` of a trained model that is there, by default the newest; `UsageError` as for builds."""
    found = _finished(deployment, f"models/{dataset}/", RESULTS)
    return _chosen(found, model, "model", dataset, f"`multimodal models train --dataset {dataset}` makes one.")


def _finished(deployment: Deployment, prefix: str, last_file: str) -> list[str]:
    """Return the folders below a prefix that are finished, relative to it and the newest first."""
    bucket = deployment.output("ProcessedBucketName")
    pages = deployment.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    objects = [item for page in pages for item in page.get("Contents", []) if item["Key"].endswith(f"/{last_file}")]
    objects.sort(key=lambda item: item["LastModified"], reverse=True)
    return [item["Key"].removeprefix(prefix).removesuffix(f"/{last_file}") for item in objects]


def _chosen(found: Sequence[str], wanted: str, kind: str, dataset: str, hint: str) -> str:
    if wanted in found:
        return wanted
    if found and not wanted:
        return found[0]
    there = f"There are: {', '.join(found[:5])}. " if found else ""
    raise UsageError(f"{dataset} has no {kind}{f' {wanted}' if wanted else ''}.", hint=f"{there}{hint}")


def run_name() -> str:
    """Return a new name of a run, which is where its results lie."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def upload_robustness(deployment: Deployment, path: Path, key: str) -> None:
    """Put a `robustness.csv` where the run of a model finds it; it stays with the model.

    Raises
    ------
    UsageError
        When the file is another one.
    """
    text = path.read_bytes()
    columns = text.splitlines()[0].decode(errors="replace").split(",") if text.strip() else []
    if not {"feature", "icc_low"} <= set(columns):
        raise UsageError(
            f"{path.name} is not a robustness.csv: it lacks the columns feature and icc_low.",
            hint="`radiomics-job --perturb` on a folder of studies writes one: docs/features.md, Robustness.",
        )
    deployment.s3.put_object(
        Bucket=deployment.output("ProcessedBucketName"), Key=key, Body=text, ContentType="text/csv"
    )


def run_models(
    console: Console, deployment: Deployment, asked: Mapping[str, Any], title: str, timeout: float, name: str = ""
) -> dict[str, Any]:
    """Start a run of the state machine for models and wait for its end.

    Returns
    -------
    dict
        `run`, `key` (where its results begin in the processed bucket) and, of scores, what was `written`.

    Raises
    ------
    CommandError
        When the run fails, with the job's own reason, or does not end in time.
    """
    name = name or run_name()
    arn = deployment.output("ModelsStateMachineArn")
    run = deployment.states.start_execution(stateMachineArn=arn, name=name, input=json.dumps(asked))["executionArn"]
    started = time.monotonic()
    with console.status(title) as status:
        while (waited := time.monotonic() - started) < timeout:
            found = deployment.states.describe_execution(executionArn=run)
            if found["status"] == "SUCCEEDED":
                print_line(console, f"{title}: {duration(waited)}")
                return dict(json.loads(found["output"]))
            if found["status"] != "RUNNING":
                raise _failure(found.get("error", ""), found.get("cause", "") or found["status"])
            status.update(f"{title}: {duration(waited)}")
            time.sleep(_POLL_SECONDS)
    raise CommandError(f"The run did not end within {timeout:.0f} s.", hint=f"It goes on: {run}")


def _failure(error: str, cause: str) -> CommandError:
    with contextlib.suppress(ValueError, LookupError, TypeError):  # a function's error is a document
        cause = str(json.loads(cause)["errorMessage"])
    hint = (
        "Nothing was written; correct the input or the options and run it again." if error == "ModelsRejected" else ""
    )
    return CommandError("The run of the models failed.", details=cause, hint=hint)


def _read(deployment: Deployment, key: str) -> bytes:
    return deployment.s3.get_object(Bucket=deployment.output("ProcessedBucketName"), Key=key)["Body"].read()


def save_run(deployment: Deployment, made: Mapping[str, Any], folder: Path) -> list[Path]:
    """Copy what a run of models made to `<folder>/models-<run>/`; return the files."""
    bucket, target = deployment.output("ProcessedBucketName"), folder / f"models-{made['run']}"
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for item in deployment.s3.list_objects_v2(Bucket=bucket, Prefix=made["key"]).get("Contents", []):
        paths.append(target / Path(item["Key"]).name)
        deployment.s3.download_file(bucket, item["Key"], str(paths[-1]))
    return paths


def _interval(values: Mapping[str, float | None] | None) -> str:
    if values is None or values["estimate"] is None:
        return "–"
    if values["low"] is None:
        return f"{values['estimate']:.3f}"
    return f"{values['estimate']:.3f} ({values['low']:.3f} to {values['high']:.3f})"


def print_results(console: Console, results: Mapping[str, Any]) -> None:
    """Print what a comparison found: its sentences, then the ridge models on the cases that all sets share."""
    for sentence in results["findings"]:
        print_line(console, sentence)
    rows = [each for each in results["sets"] if each["model"] == "ridge" and each["stratum"] == "common"]
    rows = rows or [each for each in results["sets"] if each["model"] == "ridge"]
    table = make_table("set", "cases", "events", "C-index (95 %)", "vs clinical alone", right=("cases", "events"))
    for each in rows:
        cells = (each["name"], each["cases"], each["events"], _interval(each["c_index"]), _interval(each["difference"]))
        table.add_row(*(Text(str(cell)) for cell in cells))
    print_table(console, table, ("events", "cases"))
