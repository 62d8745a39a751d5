"""A matrix of expression with a column per case, without one of its cases.

A case is found under any name that its column may have (featureCounts' alignment files, R's `R01.001`).
"""

import codecs
import csv
import io
from collections.abc import Sequence

from multimodal.genomics.gene_columns import called_by

_DELIMITERS = "\t,;"


def has_column(text: bytes, subject: str) -> bool:
    """Whether a column of a matrix is the subject's."""
    return bool(_header(text, subject)[2])


def without_column(text: bytes, subject: str) -> bytes:
    """Return a matrix without the subject's columns; lines above and below its table stay as they are.

    Parameters
    ----------
    text : bytes
        A table in an encoding that holds ASCII, separated by tabs, commas or semicolons.
    subject : str
        The case id.
    """
    at, delimiter, columns = _header(text, subject)
    if not columns:
        return text
    lines = _lines(text)
    width = len(_cells(lines[at], delimiter))
    kept = [line if n < at else _without(line, delimiter, columns, width) for n, line in enumerate(lines)]
    return "".join(kept).encode("latin-1")


def _header(text: bytes, subject: str) -> tuple[int, str, list[int]]:
    """Return the header's line, the delimiter, and the columns of the subject."""
    for at, line in enumerate(_lines(text.removeprefix(codecs.BOM_UTF8))):
        if line.strip() and not line.lstrip('"').startswith(("#", "!")):
            delimiter = max(_DELIMITERS, key=line.count)
            cells = _cells(line, delimiter)
            if not all(map(str.isdigit, cells)):  # GCT's line of sizes is no header
                return at, delimiter, [n for n, cell in enumerate(cells) if subject in called_by(_name(cell))]
    return 0, "\t", []


def _name(cell: str) -> str:
    return cell.encode("latin-1").decode("utf-8", errors="replace").strip()


def _lines(text: bytes) -> list[str]:
    """Return lines with their ends, of bytes: as Latin-1 a part of a letter of UTF-8 (`Å`, `Ѕ`) would end a line."""
    return [line.decode("latin-1") for line in text.splitlines(keepends=True)]


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])


def _without(line: str, delimiter: str, columns: Sequence[int], width: int) -> str:
    cells = _cells(line, delimiter)
    if len(cells) < width:
        return line
    # R writes a header without its first name.
    shift = int(len(cells) == width + 1 and bool(cells[-1]))
    gone = {column + shift for column in columns}
    out = io.StringIO()
    ending = line[len(line.rstrip("\r\n")) :]
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerow(
        c for n, c in enumerate(cells) if n not in gone
    )
    return out.getvalue()
