"""Bytes of a matrix as they are read: decompressed on the way, and without what stands above the header."""

import re
import zlib
from collections.abc import Iterable, Iterator

from multimodal.genomics.gene_columns import is_heading
from multimodal.ledger.errors import BadInputError, Reason

_GZIP = b"\x1f\x8b"
_PIECE = 256 * 1024
_MARK = b"\xef\xbb\xbf"
_ENDS_IN_VALUE = re.compile(rb'[\t,;]"?(?:[-+.\d][^\t,;]*|NA|NaN|null)"?$', re.IGNORECASE)

MAX_PLAIN_BYTES = 8 * 1024**3
"""What a gzipped matrix may grow to: a thousand cases of every transcript in full precision."""

_SIZES_OF_1_3 = ("rows", "columns", "annotations of rows", "annotations of columns")

MAX_LINE = 8_000_000
"""Longest line that is looked at above the header."""


def plain_bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a matrix's bytes, decompressed if they are gzip's (one member or several, as bgzip writes).

    Raises
    ------
    BadInputError
        `NOT_CSV` when the archive is damaged or ends early, `INPUT_TOO_LARGE` beyond `MAX_PLAIN_BYTES`.
    """
    pieces = iter(chunks)
    head = b""
    while len(head) < len(_GZIP) and (more := next(pieces, None)) is not None:
        head += more
    if head.startswith(_GZIP):
        yield from _decompressed(head, pieces)
        return
    yield head
    yield from pieces


def _decompressed(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    engine, rest, total = zlib.decompressobj(31), head, 0
    try:
        while True:
            text = engine.decompress(rest, _PIECE)
            total += len(text)
            if total > MAX_PLAIN_BYTES:
                message = f"decompressed, it has more than {MAX_PLAIN_BYTES // 1024**3} GiB; split it by cases"
                raise BadInputError(Reason.INPUT_TOO_LARGE, message)
            if text:
                yield text
            rest = engine.unconsumed_tail or engine.unused_data
            if engine.eof:
                rest = rest or next(pieces, b"")
                if not rest.strip(b"\0"):
                    return
                engine = zlib.decompressobj(31)
            elif not rest and not text:
                rest = next(pieces, b"")
                if not rest:
                    raise _damaged("ends early")
    except zlib.error as error:
        raise _damaged("is damaged") from error


def _damaged(how: str) -> BadInputError:
    return BadInputError(Reason.NOT_CSV, f"the table cannot be read: its gzip {how}; compress and upload it again")


class Preamble:
    """What stands above the header: GCT's version and sizes, GEO's lines that begin with `!`, comments.

    Attributes
    ----------
    about_genes : int
        Columns behind the first that describe the gene, by GCT's sizes; known once the header was read.
    """

    def __init__(self) -> None:
        self.about_genes = 0

    def without(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a matrix's bytes with empty lines in place of the preamble, so that rows keep their numbers.

        Raises
        ------
        BadInputError
            `MATRIX_INVALID` for a GCT with annotations of the columns (version 1.3), which look like genes.
        """
        pieces, held, after_version = iter(chunks), b"", False
        for piece in pieces:
            held += piece
            while True:
                line, newline, following = held.partition(b"\n")
                is_open = not newline and _may_be_above(held, after_version)
                is_comment = line.lstrip(_MARK).startswith(b"#") and b"\n" not in following  # what is below it tells
                if (is_open or is_comment) and len(held) < MAX_LINE:
                    break
                if not newline or not _may_be_above(line, after_version) or _is_header(line, following):
                    yield _uncommented(held)
                    yield from pieces
                    return
                if after_version:
                    self.about_genes = _columns_about_genes(line)
                after_version = line.lstrip(_MARK).startswith(b"#1.")
                held = following
                yield b"\n"
        yield _uncommented(held)


def _may_be_above(line: bytes, after_version: bool) -> bool:
    start = line.lstrip(_MARK).lstrip(b' "\t\r')
    return after_version or not start or start.startswith((b"!", b"#1.")) or (start[:1] == b"#" and b"\t" not in start)


def _is_header(line: bytes, below: bytes) -> bool:
    """Whether a comment is the header (`#chr`, `#NAME`, `#ID`): the row below it has as many cells, and values."""
    row = below.partition(b"\n")[0].rstrip(b"\r")
    is_comment = line.lstrip(_MARK).lstrip(b' "').startswith(b"#")
    if not is_comment or not _ENDS_IN_VALUE.search(row.rstrip(b"\t,; ")):
        return False
    between = next((d for d in (b"\t", b",", b";") if 0 < line.count(d) == row.count(d)), None)
    return between is not None and not is_heading(row.split(between)[0].decode(errors="replace"))


def _uncommented(text: bytes) -> bytes:
    """Return the text with a header that is written as a comment as a header."""
    line, _, below = text.partition(b"\n")
    return text.replace(b"#", b"", 1) if _is_header(line, below) else text


def _columns_about_genes(line: bytes) -> int:
    """Return how many columns describe the gene: rows, columns and in GCT 1.3 annotations of both are its sizes."""
    sizes = line.split()
    if len(sizes) != len(_SIZES_OF_1_3):
        return 1  # version 1.2: the description
    if sizes[3] != b"0":
        message = (
            "the GCT file has annotations of its columns (version 1.3), which cannot be told from genes; save it as "
            "version 1.2 and upload that"
        )
        raise BadInputError(Reason.MATRIX_INVALID, message)
    return int(sizes[2]) if sizes[2].isdigit() else 0
