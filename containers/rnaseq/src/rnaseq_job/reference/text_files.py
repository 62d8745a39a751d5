"""Reads text that may be compressed; a file that was cut short is refused rather than read as far as it goes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip

from rnaseq_job.gzip_errors import GZIP_DAMAGE
from rnaseq_job.reference.faults import invalid

_GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open plain or compressed text, told apart by its first bytes.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the gzip stream is damaged or ends early.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.peek(2)[:2] == _GZIP_MAGIC
            yield cast(BinaryIO, igzip.open(raw, "rb")) if compressed else raw  # type: ignore[no-untyped-call]
    except GZIP_DAMAGE as error:
        raise invalid(
            f"{path.name} is damaged or was cut short: its gzip stream does not end as it should. Upload it again.",
            file=path.name,
        ) from error


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers, from 1, and lines without their end.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for what is not UTF-8 text.
    """
    number = 0
    with reading(path) as file:
        try:
            for number, line in enumerate(io.TextIOWrapper(file, encoding="utf-8", newline="\n"), start=1):
                yield number, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise invalid(f"{path.name} is not text (after line {number}).", file=path.name, line=number) from error
