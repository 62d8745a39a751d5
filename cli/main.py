"""The command `multimodal`: upload, watch, retry and read results, on a stack in an account or on the laptop cloud."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from typer.exceptions import TyperException

from cli.check.command import check
from cli.dashboard.command import dashboard
from cli.dataset import app as dataset_app
from cli.deployment import Deployment, chosen_dataset, connect, reach, running_cloud
from cli.errors import CommandError, UsageError, aws_error
from cli.features import Row, describe_group, find_group, read_features, run_query, short_name, with_tables
from cli.ledger import Unit, as_document, of_dataset, print_findings, print_units, read_units
from cli.models import app as models_app
from cli.options import Dataset, PlannedDataset, PlannedStack, Stack, Timeout
from cli.output_folder import remove_outdated
from cli.project import STACK, shown
from cli.replay import replay_dead_letters
from cli.report import report
from cli.results import save_dataset
from cli.retry import ask_sweep, request_reruns, select_units
from cli.rows import print_features, print_rows, write_csv
from cli.sources.files import Modality
from cli.terminal import make_console, plural, print_error, print_line
from cli.upload import upload_path
from cli.wait import Outcome, print_outcome, wait_for_units

_EMPTY = "The ledger is empty: nothing has been uploaded yet."
SUCCESS, FAILURE, INTERRUPTED = 0, 1, 130

_HELP = """Upload studies, reads and tables, watch them become features, and read the features back.

Commands work on the laptop cloud that `make up` started or, with --stack (or MULTIMODAL_STACK), on a stack in the AWS
account that your credentials belong to.
"""
_EXAMPLES = """\
Examples:

  multimodal upload ~/Downloads/studies --dataset nsclc_radiogenomics --wait

  multimodal status --stack multimodal

  multimodal retry --reason NO_SEGMENTATION --stack multimodal

  multimodal query 'select case_id, volume_ml, os_days from {imaging} join {labels} using (case_id)'
"""

app = typer.Typer(help=_HELP, epilog=_EXAMPLES, no_args_is_help=True, rich_markup_mode="markdown")
OfDataset = Annotated[str, typer.Option("--dataset", help="Those of this dataset; not given: all.", metavar="NAME")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command(epilog="Example: `multimodal upload ~/Downloads/studies --dataset nsclc_radiogenomics --wait`")
def upload(
    path: Annotated[
        Path, typer.Argument(help="Studies, reads, a table, or a folder with imaging/, genomics/, clinical/.")
    ],
    dataset: Dataset = "",
    modality: Annotated[Modality | None, typer.Option(help="Kind of data, where the files do not show it.")] = None,
    then_wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait for what was uploaded, now or before; exit 1 when some of it has no features."
        ),
    ] = False,
    timeout: Timeout = 600.0,
    stack: Stack = "",
) -> None:
    """Upload a folder or a table to the raw bucket; what is new or changed is processed by itself."""
    console, deployment = make_console(), reach(stack)
    dataset = chosen_dataset(deployment, dataset)
    unit_ids: list[str] = []
    for kind, uploaded in upload_path(console, deployment, path, dataset, modality):
        unit_ids += uploaded.unit_ids
        print_line(console, uploaded.told(f"s3://{deployment.output('RawBucketName')}/{kind}/{dataset}/"))
    if then_wait:
        _end(console, wait_for_units(console, deployment, unit_ids=unit_ids, arriving=True, timeout=timeout))
    print_line(console, "What is new or changed is processed by itself; `multimodal wait` shows it.", style="dim")


@app.command(epilog="Example: `multimodal fetch nsclc_radiogenomics --dataset nsclc_radiogenomics --patients 3`")
def fetch(
    manifest: Annotated[str, typer.Argument(help="A .csv, .s5cmd or .tcia, or the name of a shipped manifest.")],
    dataset: Dataset = "",
    patients: Annotated[int | None, typer.Option(help="The first so many only; not given: all.", min=1)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show series and licences, copy nothing.")] = False,
    then_wait: Annotated[bool, typer.Option("--wait", help="Wait for the studies that are fetched.")] = False,
    timeout: Timeout = 3600.0,
    stack: Stack = "",
) -> None:
    """Copy public series (Imaging Data Commons) from S3 to S3, with the licence of each; nothing is downloaded."""
    from cli.fetch import first_patients, note_of, print_series, read_source, upload_manifest, watch_copies

    if dataset and dry_run:  # which needs no cloud
        chosen_dataset(reach(stack) if stack else None, dataset)
    console, series = make_console(), first_patients(read_source(manifest), patients)
    print_series(console, series)
    if dry_run:
        print_line(console, "This was a dry run: nothing was copied.", style="dim")
        return
    deployment = reach(stack)
    dataset = chosen_dataset(deployment, dataset)
    is_copying = watch_copies(deployment, dataset) if then_wait else None
    unit_ids = upload_manifest(deployment, series, dataset)
    if then_wait:
        wait_for = partial(wait_for_units, unit_ids=unit_ids, is_copying=is_copying, note=note_of(dataset))
        _end(console, wait_for(console, deployment, arriving=True, timeout=timeout))
    print_line(console, "The stack copies them; `multimodal status` shows each study as it comes.", style="dim")


@app.command(epilog="Example: `multimodal plan ~/Downloads/studies --dataset nsclc_radiogenomics`")
def plan(
    dataset: PlannedDataset = "",
    source: Annotated[str, typer.Argument(help="A folder, s3://bucket/prefix, or a manifest as for fetch.")] = "",
    studies: Annotated[
        int | None, typer.Option(help="Instead of a folder: so many studies.", min=1, max=100_000)
    ] = None,
    study_mb: Annotated[float, typer.Option(help="Megabytes of each of --studies.", min=0.001)] = 150.0,
    concurrency: Annotated[
        int | None, typer.Option(help="Jobs at once; not given: MaxConcurrency.", min=1, max=10_000)
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write plan.json and plan.html there.", metavar="DIR", file_okay=False)
    ] = None,
    stack: PlannedStack = "",
) -> None:
    """Say what an upload would need before anything runs; exit 1 when some of it would be rejected."""
    from cli.plan import list_source, made_up_studies, plan_files  # the functions' models take time to import

    if bool(source) == bool(studies):
        raise UsageError("Give either a folder, a manifest or an s3:// address, or --studies.")
    if study_mb > 1e6:  # "inf", too
        raise UsageError("--study-mb is at most 1,000,000.")
    deployment = reach(stack) if stack else None
    dataset = chosen_dataset(deployment, dataset)  # before a folder is read, which takes minutes
    size = int(study_mb * 1e6)
    files = made_up_studies(studies, size, dataset) if studies else list_source(source, dataset, deployment)
    taken = plan_files(make_console(), files, dataset, deployment=deployment, concurrency=concurrency, output=output)
    raise typer.Exit(SUCCESS if taken else FAILURE)


@app.command(epilog="Example: `multimodal wait --timeout 1800`")
def wait(dataset: OfDataset = "", timeout: Timeout = 600.0, stack: Stack = "") -> None:
    """Watch all units until they have ended; exit 1 when any was quarantined or failed."""
    console, deployment = make_console(), reach(stack)
    if dataset:
        _units_of(deployment, dataset)  # of a dataset that nobody knows nothing will come
    _end(console, wait_for_units(console, deployment, dataset=dataset, timeout=timeout), dataset)


def _units_of(deployment: Deployment, dataset: str) -> list[Unit]:
    """Return all units, or those of a dataset: one that is deployed, or was when they were uploaded."""
    units = of_dataset(read_units(deployment), dataset)
    if dataset and not units:
        chosen_dataset(deployment, dataset)
    return units


def _end(console: Console, outcome: Outcome, dataset: str = "") -> NoReturn:
    """Print how waiting ended and exit."""
    if not outcome.units:
        why = f"nothing of {dataset} has been uploaded" if dataset else "the ledger is empty"
        print_line(console, f"Nothing to wait for: {why}.")
        raise typer.Exit(FAILURE)
    print_outcome(console, outcome)
    print_findings(console, outcome.units)
    raise typer.Exit(SUCCESS if outcome.succeeded else FAILURE)


@app.command(epilog="Example: `multimodal status --json --stack multimodal`")
def status(dataset: OfDataset = "", stack: Stack = "", as_json: Json = False) -> None:
    """Show every unit that was ever uploaded, where it stands, and why."""
    console, deployment = make_console(), reach(stack)
    units = _units_of(deployment, dataset)
    if as_json:
        _print_json(as_document(deployment, units))
    elif units:
        print_units(console, units)
    else:
        print_line(console, f"Nothing of {dataset} has been uploaded yet." if dataset else _EMPTY)
        example = dataset or next(iter(deployment.datasets), "NAME")
        print_line(console, f"multimodal upload DIR --dataset {example}", style="dim")


@app.command(epilog="Example: `multimodal retry --reason NO_SEGMENTATION --dataset nsclc_radiogenomics`")
def retry(
    reason: Annotated[str, typer.Option(help="Those with this reason code, such as NO_CT.", metavar="CODE")] = "",
    unit: Annotated[str, typer.Option(help="This unit, or all units of this subject.", metavar="U")] = "",
    unit_status: Annotated[
        str,
        typer.Option("--status", help="QUARANTINED, FAILED, or COMPLETED (when a group was lost).", metavar="STATUS"),
    ] = "",
    dataset: Annotated[str, typer.Option(help="Those of this dataset.", metavar="NAME")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All that are quarantined or failed.")] = False,
    stack: Stack = "",
    as_json: Json = False,
) -> None:
    """Run quarantined or failed units again, through the sweep function; nothing else runs."""
    console, deployment = make_console(), reach(stack)
    chosen = select_units(
        read_units(deployment), reason=reason, unit=unit, status=unit_status, dataset=dataset, everything=everything
    )
    answers = request_reruns(deployment, [each.unit_id for each in chosen])
    if as_json:
        _print_json(answers)
        return
    requested = [each for each in chosen if each.unit_id in answers["requested"]]
    for each in requested:
        print_line(console, f"READY  {each.name}  (was {each.status} {each.text('reason_code')})")
    print_line(console, f"{plural(len(requested), 'unit')} will run again; `multimodal wait` shows how.")
    left = len(chosen) - len(requested)
    if left:
        print_line(console, f"{plural(left, 'unit')} moved meanwhile and will run by itself.", style="dim")


@app.command(epilog="Example: `multimodal reconcile --stack multimodal`")
def reconcile(stack: Stack = "", as_json: Json = False) -> None:
    """Register uploads that the ledger has never seen, because their events were lost; it also happens every day."""
    found = ask_sweep(reach(stack), {"action": "reconcile"})
    if as_json:
        _print_json(found)
        return
    console = make_console()
    print_line(
        console, f"{plural(found['checked'], 'unit')} uploaded, {found['registered']} of them were not registered."
    )
    if not found["complete"]:
        print_line(console, "There was no time to list all; run it again.", style="yellow")


@app.command(epilog="Example: `multimodal replay --stack multimodal`")
def replay(stack: Stack = "", as_json: Json = False) -> None:
    """Send all dead letters again to where they were meant to go; do it once their cause is fixed."""
    sent = replay_dead_letters(reach(stack))
    if as_json:
        _print_json(dict(sent))
        return
    console = make_console()
    for target, count in sorted(sent.items()):
        print_line(console, f"{plural(count, 'message')} → {target}")
    if not sent:
        print_line(console, "There are no dead letters.")


@app.command(epilog="Example: `multimodal features imaging --json`")
def features(
    group: Annotated[str, typer.Argument(help="Its name, or its content such as `imaging`.")],
    stack: Stack = "",
    as_json: Json = False,
) -> None:
    """Read the latest record of each case of a feature group, through Athena."""
    deployment = reach(stack)
    table = describe_group(deployment, find_group(deployment, group))
    with make_console().status("Asking Athena"):
        rows = read_features(deployment, table)
    if as_json:
        _print_json(rows)
    else:
        print_features(make_console(), table, rows)


@app.command(epilog="Example: `multimodal results my-results --stack multimodal`")
def results(
    folder: Annotated[
        Path,
        typer.Argument(help="Each dataset has a folder in it; what an earlier run left is replaced.", file_okay=False),
    ],
    stack: Stack = "",
) -> None:
    """Save features as CSVs, overlays, reports and reasons to a folder."""
    console, deployment = make_console(), reach(stack)
    units = read_units(deployment)
    for dataset in deployment.datasets:
        place = folder / dataset
        with console.status(f"Saving {dataset}"):
            saved = save_dataset(deployment, dataset, units, place)
        remove_outdated(console, "results", place, saved)
        if not saved:
            print_line(console, f"{dataset}: there is nothing yet; `multimodal status` shows what was uploaded.")
            continue
        tables = ", ".join(path.name for path in saved if path.parent == place)
        print_line(console, f"{shown(place)}/: {plural(len(saved), 'file')}{f', with {tables}' if tables else ''}")


@app.command(epilog="Example: `multimodal query 'select count(*) from {labels}'`")
def query(
    sql: Annotated[str, typer.Argument(help="One statement; {imaging} stands for that group's latest records.")],
    output: Annotated[
        Path | None, typer.Option(help="Write all columns to this CSV.", metavar="FILE", dir_okay=False)
    ] = None,
    stack: Stack = "",
    as_json: Json = False,
) -> None:
    """Run SQL on Athena (on the laptop: DuckDB)."""
    deployment = reach(stack)
    if not sql.strip():
        raise UsageError("There is no SQL.")
    groups = {name: describe_group(deployment, name) for name in deployment.feature_groups}
    statement = with_tables(sql, lambda name: groups[find_group(deployment, name)])
    database = next((group.database for group in groups.values()), "default")
    try:
        with make_console().status("Asking Athena"):
            rows = run_query(deployment, statement, database=database, groups=groups.values())
    except CommandError as error:
        typed = (f"{{{short_name(deployment, name)}}}" for name in groups)
        error.hint = error.hint or f"Newest records: {', '.join(typed)}."
        raise
    if output:
        print_line(
            make_console(),
            f"{shown(write_csv(rows, list(rows[0]) if rows else [], output))}: {plural(len(rows), 'row')}",
        )
    elif as_json:
        _print_json(rows)
    else:
        _print_rows(rows)


@app.command(epilog="Example: `multimodal forget --subject R01-001`, then again with `--yes --rewrite-tables`")
def forget(
    subject: Annotated[str, typer.Option(help="The patient: subject, case and sample.", metavar="ID")],
    dataset: Annotated[str, typer.Option(help="In this dataset alone; not given: in all.", metavar="NAME")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, it is only listed.")] = False,
    rewrite_tables: Annotated[
        bool, typer.Option("--rewrite-tables", help="Upload tables of many patients anew without this one.")
    ] = False,
    stack: Stack = "",
) -> None:
    """List what the stack holds of one patient and, with --yes, remove it for good; exit 1 when something is left."""
    from cli.removal.forget import forget_subject  # reading sample sheets and profiles takes the functions' models

    console, deployment = make_console(), reach(stack)
    with console.status("Removing" if yes else "Looking for all that names the patient"):
        gone = forget_subject(console, deployment, subject, dataset, confirmed=yes, rewrite_tables=rewrite_tables)
    raise typer.Exit(SUCCESS if gone else FAILURE)


@app.command(epilog="Example: `multimodal retract clinical/nsclc_radiogenomics/wrong.csv --purge --yes`")
def retract(
    table: Annotated[str, typer.Argument(help="Key of the table in the raw bucket.", metavar="KEY")],
    yes: Annotated[bool, typer.Option("--yes", help="Take it back; without, its rows are only counted.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove all versions of the file, its reports and runs, too.")
    ] = False,
    stack: Stack = "",
) -> None:
    """Take a clinical table or an expression matrix back that was uploaded by mistake: rows, file and ledger entry."""
    from cli.removal.retract import retract_table  # parsing keys takes the functions' models

    console, deployment = make_console(), reach(stack)
    with console.status("Taking the table back" if yes else "Counting what the table wrote"):
        retract_table(console, deployment, table, confirmed=yes, purge=purge)


@app.command("env", epilog='Example: `eval "$(multimodal env)"`')
def environment() -> None:
    """Print the variables that point other programs at the laptop cloud and, as comments, what the stack puts out."""
    variables = running_cloud().environment()
    for name, value in variables.items():
        print(f"export {name}={value}")
    print("unset AWS_PROFILE")
    with suppress(CommandError):  # nothing is deployed
        for name, value in sorted(connect(STACK, variables).outputs.items()):
            print(f"# {name}={value}")


app.command(epilog="Example: `multimodal report --dataset nsclc_radiogenomics --output report`")(report)
app.command(epilog="Example: `multimodal dashboard --output dashboard.html --stack multimodal`")(dashboard)
app.command(epilog="Example: `multimodal check --stack multimodal AlarmEmail=you@example.org`")(check)
app.add_typer(dataset_app, name="dataset")
app.add_typer(models_app, name="models")


def _print_rows(rows: list[Row]) -> None:
    console, more = make_console(), 0
    if rows:
        # The catalogue's order, but the record's name first: without it a row says nothing.
        names = sorted(rows[0], key=lambda name: name != "case_id")
        more = len(names) - len(print_rows(console, rows, names))
    rest = f"; {plural(more, 'more column')}; --json and --output have all" if more else ""
    print_line(console, plural(len(rows), "row") + rest, style="dim")


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Returns
    -------
    int
        0 when all is well, 1 when units did not succeed or time ran out, 2 when the command was used wrongly, 130 after
        Ctrl-C.
    """
    return guarded(lambda: _run(arguments))


def run() -> NoReturn:
    """Run the installed command."""
    sys.exit(main())


def _run(arguments: Sequence[str] | None) -> int:
    code = app(None if arguments is None else list(arguments), prog_name="multimodal", standalone_mode=False)
    if code == INTERRUPTED:  # so typer ends a command on Ctrl-C, without a word
        raise KeyboardInterrupt
    return code if isinstance(code, int) else SUCCESS


def guarded(action: Callable[[], int]) -> int:
    """Run an action; an expected error becomes a sentence and an exit code instead of a stack trace."""
    errors = make_console(stderr=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return action()
    except CommandError as error:
        print_error(errors, error)
        return error.exit_code
    except TyperException as error:
        return _show_usage(error)
    except (ClientError, BotoCoreError, Boto3Error) as error:
        print_error(errors, aws_error(error))
        return FAILURE
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; what is still buffered must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except OSError as error:
        if error.filename is None:  # no file is to blame
            raise
        message = f"{error.filename} cannot be used: {error.strerror}."
        print_error(errors, UsageError(message, hint="Name another file or folder, or change its permissions."))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print_line(errors, "Interrupted.", style="yellow")
        return INTERRUPTED


def _show_usage(error: TyperException) -> int:
    """Print a wrong use of the command line as typer does, and return its exit code."""
    show, code = getattr(error, "show", None), int(getattr(error, "exit_code", 2))
    if show is None:
        print(error, file=sys.stderr)
    else:
        show()
    return code


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End a terminated command as Ctrl-C does, so that it stops what it started."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    run()
