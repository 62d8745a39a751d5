"""Options that several commands share."""

from typing import Annotated

import typer

Stack = Annotated[
    str,
    typer.Option(
        "--stack", envvar="MULTIMODAL_STACK", help="A deployed stack; not given: the laptop cloud.", metavar="NAME"
    ),
]
