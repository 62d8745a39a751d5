"""Options that several commands share."""

from functools import partial
from typing import Annotated

import typer

from cli.project import DATASET

_DATASET = f"Such as {DATASET}; not given:"
_ONLY = f"{_DATASET} the stack's only dataset."
Dataset = Annotated[str, typer.Option("--dataset", help=_ONLY, metavar="NAME")]
PlannedDataset = Annotated[
    str, typer.Option("--dataset", help=f"{_DATASET} the stack's only one; without --stack {DATASET}.", metavar="NAME")
]


_STACK = partial(typer.Option, "--stack", envvar="MULTIMODAL_STACK", metavar="NAME")
Stack = Annotated[str, _STACK(help="A deployed stack; not given: the laptop cloud.")]
PlannedStack = Annotated[str, _STACK(help="A deployed stack; not given: the parameters of template.yaml.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.", min=0.001, metavar="S")]
