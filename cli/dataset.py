"""The command `multimodal dataset`: draft a dataset's file from a table, and build one row a patient."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from typer.core import TyperGroup

from cli.deployment import Deployment, chosen_dataset, reach
from cli.errors import CommandError, UsageError
from cli.options import Dataset, Stack, Timeout
from cli.terminal import make_console, print_files, print_line

FILES = ("dataset.parquet", "dataset.csv", "dictionary.csv", "manifest.json")

MAX_INPUT = 250_000
"""Characters of an execution's input, with some room (AWS Step Functions: 262,144 bytes)."""

_POLL_SECONDS = 0.5


class _DraftsByDefault(TyperGroup):
    """`multimodal dataset table.csv` is `multimodal dataset draft table.csv`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own copy of click
        """Put `draft` before what is no command of the group."""
        names = [arg for arg in args if not arg.startswith("-")]
        if names and names[0] not in self.commands:
            args = ["draft", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_DraftsByDefault, no_args_is_help=True, help="Draft a dataset's file, or build one row a patient."
)


Timepoint = Literal["baseline", "surgery", "post_treatment"]
"""Latest timepoint of features."""

IndexGroup = Literal["imaging", "clinical"]
"""What dates day 0."""

Rule = Literal["latest", "first", "nearest"]
"""Which of several event times of a case counts."""

DateOrder = Literal["day-first", "month-first"]
"""Which of day and month comes first."""


@app.command(epilog="Example: `multimodal dataset draft table.csv --name my_study`")
def draft(
    csv: Annotated[Path, typer.Argument(help="A clinical table, as CSV (UTF-8).")],
    name: Annotated[str, typer.Option(help="Name of the dataset; not given: made of the file's.", metavar="NAME")] = "",
    dates: Annotated[
        DateOrder | None,
        typer.Option(help="Order of day and month where dates could be read either way.", case_sensitive=False),
    ] = None,
    dictionary: Annotated[
        Path | None, typer.Option(help="REDCap's data dictionary of the table, as CSV.", metavar="FILE")
    ] = None,
) -> None:
    """Draft a dataset's file from a clinical table, with CHECK at every guess."""
    from cli.draft.draft import draft as write_draft  # the models of dataset files take a second to load

    write_draft(make_console(), csv, name, dates or "", dictionary)


@app.command(
    epilog="Example: `multimodal dataset build --dataset nsclc_radiogenomics --timepoint baseline --output built`"
)
def build(
    dataset: Dataset = "",
    name: Annotated[str, typer.Option(help="Name of the build; not given: made of its content.", metavar="NAME")] = "",
    as_of: Annotated[str, typer.Option(help="Latest event time of features: 2026-11-28.", metavar="WHEN")] = "",
    written_before: Annotated[str, typer.Option(help="Only what was written before.", metavar="WHEN")] = "",
    cases: Annotated[Path | None, typer.Option(help="The cohort: a file with a case a line.", metavar="FILE")] = None,
    modalities: Annotated[str, typer.Option(help="Such as imaging,clinical; not given: all.", metavar="M,M")] = "",
    timepoint: Annotated[Timepoint, typer.Option(help="Nothing that is known later is a feature.")] = "surgery",
    t0: Annotated[IndexGroup | None, typer.Option(help="What dates day 0 of each case.")] = None,
    days_before: Annotated[int, typer.Option(help="Days before day 0 that count.", min=0)] = 36_500,
    days_after: Annotated[int, typer.Option(help="Days after day 0 that count.", min=0)] = 0,
    records: Annotated[Rule, typer.Option(help="Which of several records of a case counts.")] = "latest",
    without_events: Annotated[bool, typer.Option("--without-events", help="Also when nobody died.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Copy the build into this folder.", metavar="DIR", file_okay=False)
    ] = None,
    timeout: Timeout = 900.0,
    stack: Stack = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest, for scripts.")] = False,
) -> None:
    """Join the newest records of all modalities into one row a patient, as Parquet and CSV with a dictionary."""
    deployment = reach(stack)
    request: dict[str, Any] = {
        "dataset": chosen_dataset(deployment, dataset, "multimodal dataset build --dataset NAME"),
        "build": name or None,
        "as_of": as_of or None,
        "written_before": written_before or None,
        "cases": read_cases(cases) if cases else None,
        "modalities": [m.strip() for m in modalities.split(",") if m.strip()] or None,
        "timepoint": timepoint,
        "t0": {"of": t0, "days_before": days_before, "days_after": days_after} if t0 else None,
        "records": records,
        "require_events": not without_events,
    }
    console = make_console(stderr=as_json)
    built = build_dataset(console, deployment, request, timeout)
    paths = save_build(deployment, built, output) if output else []
    if as_json:
        print(json.dumps(built.manifest, indent=2, ensure_ascii=False))
    else:
        print_build(console, built, paths)


@dataclass(frozen=True)
class Build:
    """A build that was made: its address in the processed bucket, and its manifest."""

    bucket: str
    key: str
    manifest: dict[str, Any]


def read_cases(path: Path) -> list[str]:
    """Return the cases of a file, one a line; blank lines do not count."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The list of cases {path} cannot be read: {error}") from error
    cases = [line.strip() for line in lines if line.strip()]
    if not cases:
        raise UsageError(f"{path} lists no case.", hint="Write one a line.")
    return cases


def build_dataset(console: Console, deployment: Deployment, request: dict[str, Any], timeout: float = 900.0) -> Build:
    """Start a build and wait for it.

    Raises
    ------
    CommandError
        When it cannot be built, with the reason, or is not built in time.
    """
    asked = json.dumps({"asked": {"request": {key: value for key, value in request.items() if value is not None}}})
    if len(asked) > MAX_INPUT:
        raise UsageError(
            "The list of cases is too long for a command.",
            hint=f'Upload it as "cases" of datasets/{request["dataset"]}/_build.json in the raw bucket.',
        )
    arn = deployment.output("DatasetStateMachineArn")
    run = deployment.states.start_execution(stateMachineArn=arn, input=asked)["executionArn"]
    with console.status(f"Joining {request['dataset']}"):
        answer = _wait(deployment, run, timeout)
    bucket, key = deployment.output("ProcessedBucketName"), str(answer["key"])
    body = deployment.s3.get_object(Bucket=bucket, Key=f"{key}manifest.json")["Body"].read()
    return Build(bucket, key, json.loads(body))


def _wait(deployment: Deployment, run: str, timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = deployment.states.describe_execution(executionArn=run)
        if found["status"] == "SUCCEEDED":
            return dict(json.loads(found["output"]))
        if found["status"] != "RUNNING":
            reason = found.get("cause") or found.get("error") or found["status"]
            raise CommandError("The dataset was not built.", details=str(reason))
        time.sleep(_POLL_SECONDS)
    raise CommandError(f"The dataset was not built within {timeout:.0f} s.", hint=f"It goes on: {run}")


def save_build(deployment: Deployment, built: Build, folder: Path) -> list[Path]:
    """Copy a build's files to `<folder>/dataset-<build>/`; return them."""
    target = folder / f"dataset-{built.manifest['build']}"
    target.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys((*FILES, *built.manifest.get("files", ())))
    for name in names:
        deployment.s3.download_file(built.bucket, f"{built.key}{name}", str(target / name))
    return [target / name for name in names]


def print_build(console: Console, built: Build, paths: Sequence[Path] = ()) -> None:
    """Print what a build holds, what is missing, and where it is."""
    manifest = built.manifest
    print_line(console, f"{manifest['cases']} rows, {manifest['columns']} columns; {manifest['complete_cases']}.")
    of_each = [f"{modality} {found['cases']}" for modality, found in manifest["modalities"].items()]
    parts = [f"{part} {count}" for part, count in manifest["split"]["parts"].items()]
    print_line(console, f"Cases with {', '.join(of_each)}; {', '.join(parts)}.")
    for line in remarks(manifest):
        print_line(console, line, style="yellow")
    print_line(console, f"s3://{built.bucket}/{built.key}{'' if paths else '  (--output DIR copies it)'}")
    print_files(console, paths)


def remarks(manifest: dict[str, Any]) -> list[str]:
    """Return what a reader of the dataset must know: what is left out, and what only its upload dates."""
    lines = [f"{group} is left out: {why}." for group, why in manifest["left_out"].items()]
    for group in manifest["groups"]:
        lines += [f"{group['group']}: {name} is not joined: {why}." for name, why in group["not_joined"].items()]
        if count := group["cases_dated_by_upload"]:
            lines.append(f"{group['group']}: {count} cases are dated by their upload; as_of does not cut them.")
        if count := group["cases_with_several_event_times"]:
            lines.append(f"{group['group']}: {count} cases have several event times; {manifest['rules'][0]}.")
    return lines
