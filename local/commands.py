"""The commands `up`, `down`, `demo` and `cohort` of `python -m local`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import CommandError
from cli.laptop import CLIENT_VARIABLES, read_cloud
from cli.main import INTERRUPTED, guarded
from cli.project import STATE
from cli.terminal import make_console, print_line
from local.cloud.cloud import CloudError, stop_cloud
from local.cloud.up import bring_up
from local.demo.demo import run_demo, write_sample

app = typer.Typer(help="The whole system on this computer: a cloud, the deployed template, a demo.")


@app.command()
def up(
    datasets: Annotated[
        str, typer.Option(help="Datasets to deploy, a,b; not given: those of the last deployment.")
    ] = "",
) -> None:
    """Start the cloud, deploy template.yaml to it and leave it running."""
    bring_up(make_console(), [name for name in datasets.split(",") if name])


@app.command()
def down() -> None:
    """Stop the cloud that `up` started and delete all that it holds."""
    console = make_console()
    if read_cloud(STATE):
        print_line(console, "Stopping the cloud and deleting its uploads, ledger and features…")
    if not stop_cloud(STATE):
        print_line(console, "No cloud was running.")
        return
    print_line(console, "The cloud is stopped and its data deleted.")
    print_line(console, "A shell that has the cloud's variables still points at it. There, run:", style="dim")
    print_line(console, f"unset {' '.join(CLIENT_VARIABLES)}", style="dim")


@app.command()
def demo(data: Annotated[str, typer.Argument(help="DATA=DIR: your data, not made-up ones.")] = "") -> int:
    """Show it all in a private cloud of its own, which is gone afterwards."""
    folder = data.removeprefix("DATA=")
    return run_demo(make_console(), Path(folder) if folder else None)


@app.command()
def cohort(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    studies: Annotated[int, typer.Option(help="Good studies, one a patient; one more is damaged.", min=1)] = 6,
) -> None:
    """Write made-up data of all modalities, to try the commands with."""
    write_sample(make_console(), folder, studies)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return guarded(lambda: _invoke(arguments))


def _invoke(arguments: list[str] | None) -> int:
    try:
        code = app(arguments, prog_name="python -m local", standalone_mode=False)
    except CloudError as error:
        message, _, details = str(error).partition("\n")
        raise CommandError(message, details=details) from error
    if code == INTERRUPTED:  # so typer ends a command on Ctrl-C, without a word
        raise KeyboardInterrupt
    return code or 0
