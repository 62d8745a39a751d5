"""Options that several commands share."""

from typing import Annotated

import typer

_ONLY = "not given: the stack's only dataset."
Dataset = Annotated[str, typer.Argument(help=f"Such as nsclc_radiogenomics; {_ONLY}", metavar="DATASET")]
ToDataset = Annotated[str, typer.Option("--dataset", help=f"Such as nsclc_radiogenomics; {_ONLY}", metavar="NAME")]
Stack = Annotated[
    str,
    typer.Option(
        "--stack", envvar="MULTIMODAL_STACK", help="A deployed stack; not given: the laptop cloud.", metavar="NAME"
    ),
]
