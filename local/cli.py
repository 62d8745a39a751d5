"""The command line: `python -m local <command>`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.errors import CommandError
from cli.project import PROGRAM
from cli.terminal import make_console, print_error, print_line
from local import commands
from local.cloud.cloud import CloudError

_INTERRUPTED = 130

Command = Callable[[Console, argparse.Namespace], int]

_EXAMPLES = f"""\
examples:
  {PROGRAM} up
  {PROGRAM} upload ~/Downloads/studies --dataset nsclc_radiogenomics
  {PROGRAM} upload patients.csv --dataset nsclc_radiogenomics
  {PROGRAM} wait
  {PROGRAM} features imaging
  {PROGRAM} query 'select case_id, volume_ml, os_days from {{imaging}} join {{labels}} using (case_id)'
  {PROGRAM} results my-results
  {PROGRAM} retry --reason NO_SEGMENTATION
  {PROGRAM} down
"""  # noqa: S608 - an example for a person


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="The whole system on this computer: a cloud, the deployed template, your studies.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        command = choices.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    up = add("up", commands.up, "Start the cloud, deploy template.yaml to it and leave it running.")
    text = "datasets to deploy, such as nsclc_radiogenomics,my_study; not given: those of the last deployment"
    up.add_argument("--datasets", metavar="NAMES", help=text)
    add("down", commands.down, "Stop the cloud that `up` started and delete all that it holds.")

    status = add("status", commands.status, "Show every unit that was ever uploaded and where it stands.")
    status.add_argument("--json", action="store_true", help="for scripts")

    retry = add("retry", commands.retry, "Make quarantined or failed units READY again.")
    retry.add_argument("--reason", metavar="R", help="those with this reason code, such as NO_SEGMENTATION")
    retry.add_argument("--unit", metavar="U", help="this unit, or all studies of this subject")
    retry.add_argument("--all", action="store_true", help="all of them")

    upload = add(
        "upload", commands.upload, "Upload a folder or a table to the raw bucket; processing starts by itself."
    )
    text = "studies (<subject>/<study>/… or <study>.zip), reads (<case>/….fastq.gz), clinical tables (.csv), "
    text += "or a folder with imaging/, genomics/ and clinical/"
    upload.add_argument("path", metavar="PATH", type=Path, help=text)
    upload.add_argument("--dataset", metavar="NAME", required=True, help="such as nsclc_radiogenomics")
    upload.add_argument(
        "--modality",
        choices=("imaging", "genomics", "clinical"),
        help="what it is, where its files do not say it",
    )

    wait = add("wait", commands.wait, "Watch the units until all have ended; exit 1 when any was refused.")
    wait.add_argument("--timeout", metavar="S", type=_seconds, default=600.0, help="seconds (default 600)")

    features = add("features", commands.features, "Read a feature group back through Athena.")
    features.add_argument("group", metavar="GROUP", help="its name, or its content such as `imaging`")
    features.add_argument("--json", action="store_true", help="all columns, for scripts")

    results = add("results", commands.results, "Save features as CSVs, overlays, reports and reasons to a folder.")
    results.add_argument("folder", metavar="DIR", type=Path, help="each dataset has a folder in it; files are replaced")

    query = add("query", commands.query, "Run SQL on Athena.")
    query.add_argument("sql", metavar="SQL", help="one statement; {imaging} stands for that group's newest records")
    query.add_argument("--json", action="store_true", help="for scripts")

    demo = add("demo", commands.demo, "Show it all in a private cloud of its own, which is gone afterwards.")
    demo.add_argument("data", metavar="DATA=DIR", nargs="?", default="", help="your studies, not made-up ones")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when all is well, 1 when units did not succeed or time ran out, 2 when the command was used
        wrongly, 130 after Ctrl-C.
    """
    options = make_parser().parse_args(arguments)
    errors = make_console(stderr=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = options.run(make_console(), options)
    except CommandError as error:
        print_error(errors, error)
        return error.exit_code
    except CloudError as error:
        message, _, details = str(error).partition("\n")
        print_error(errors, CommandError(message, details=details))
        return commands.FAILURE
    except (ClientError, BotoCoreError) as error:
        print_error(errors, CommandError("The cloud refused a request.", details=str(error)))
        return commands.FAILURE
    except KeyboardInterrupt:
        print_line(errors, "Interrupted.", style="yellow")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; what is still buffered must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return commands.SUCCESS
    return code


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End a terminated command as Ctrl-C does, so that it stops what it started."""
    raise KeyboardInterrupt


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds
