"""The command `multimodal dashboard`: draws the deployed dashboard as one page."""

from pathlib import Path
from typing import Annotated

import typer

from cli.dashboard.reading import read_dashboard
from cli.deployment import Deployment, reach
from cli.options import Stack
from cli.project import shown
from cli.terminal import make_console, print_line


def dashboard(
    output: Annotated[Path, typer.Option(help="The page to write.", metavar="FILE", dir_okay=False)] = Path(
        "dashboard.html"
    ),
    hours: Annotated[float, typer.Option(help="How far back; 0: as far as there are data, a day at most.", min=0)] = 0,
    stack: Stack = "",
) -> None:
    """Draw the stack's CloudWatch dashboard with its metrics as one page."""
    path = save_dashboard(reach(stack), output, hours)
    print_line(make_console(), shown(path))


def save_dashboard(deployment: Deployment, path: Path, hours: float = 0) -> Path:
    """Write the page and return its path."""
    from cli.dashboard.page import render_dashboard  # the templates take a second to load

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_dashboard(read_dashboard(deployment, hours)), encoding="utf-8")
    return path
