"""Bytes of a table into text, decoded while it is read and never held as a whole."""

import codecs
import io
from collections.abc import Iterable, Iterator

from multimodal.ledger.errors import BadInputError, Reason

SLICE_BYTES = 256 * 1024
"""So much is decoded at once, however large the pieces are that arrive."""


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte-order marks; UTF-32's begins with UTF-16's, so it is looked at first."""


_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive, as Excel's .xlsx is"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"BZh", "compressed by bzip2"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text-processor document"),
    (b"PAR1", "a Parquet file"),
    (b"<", "a web page or an XML document"),
)


_HEAD_BYTES = 8


class TableText:
    """Text of a table, piece by piece, with ``\\n`` as its only line end.

    With a byte-order mark the text is what the mark says. Else it is UTF-8, or Windows-1252 (of which Latin-1's letters
    are a part) from its first byte on that is not UTF-8, provided that all before is ASCII and so reads alike in both.

    Parameters
    ----------
    chunks : iterable of bytes
        The content, in pieces of any size.

    Attributes
    ----------
    encoding : str
        As recognised so far.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.encoding = "utf-8"
        self._chunks = _slices(chunks)

    def __iter__(self) -> Iterator[str]:
        """Yield the text.

        Raises
        ------
        BadInputError
            ``NOT_CSV`` when it is another kind of file, ``ENCODING_UNKNOWN`` when bytes are not in its encoding.
        """
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        for text in self._decoded():
            if "\0" in text:
                raise _refused(Reason.NOT_CSV, "it holds NUL bytes, so it is no text or was damaged", _EXPORT)
            yield newlines.decode(text)
        yield newlines.decode("", final=True)

    def _decoded(self) -> Iterator[str]:
        head, mark = self._head()
        if self.encoding == "utf-8":
            yield from self._utf8_or_1252(head[len(mark) :])
        else:
            yield from self._utf16(head[len(mark) :])

    def _head(self) -> tuple[bytes, bytes]:
        head = b""
        while len(head) < _HEAD_BYTES and (more := next(self._chunks, None)) is not None:
            head += more
        for start, what in _OTHER_FORMATS:
            if head.lstrip(codecs.BOM_UTF8).startswith(start):
                raise _refused(Reason.NOT_CSV, f"it is {what}", _EXPORT)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                self.encoding = encoding
                return head, mark
        if b"\0" in head[:_HEAD_BYTES]:
            raise _refused(Reason.ENCODING_UNKNOWN, "it is no text, or UTF-16 without a byte-order mark", _EXPORT)
        return head, b""

    def _utf16(self, head: bytes) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            yield decoder.decode(head)
            for chunk in self._chunks:
                yield decoder.decode(chunk)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            problem = f"it begins as {self.encoding.upper()} and holds bytes that are not"
            raise _refused(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error

    def _utf8_or_1252(self, head: bytes) -> Iterator[str]:
        rest, only_ascii = b"", True
        pieces = _with_last(head, self._chunks)
        for piece, last in pieces:
            data = rest + piece
            try:
                text, used = codecs.utf_8_decode(data, "strict", last)
            except UnicodeDecodeError as error:
                if not (only_ascii and data[: error.start].isascii()):
                    problem = "it holds UTF-8 and bytes that are not UTF-8"
                    raise _refused(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error
                self.encoding = "windows-1252"
                yield _windows(data)
                yield from (_windows(later) for later, _ in pieces)
                return
            rest, only_ascii = data[used:], only_ascii and text.isascii()
            yield text


def _windows(data: bytes) -> str:
    try:
        return data.decode("windows-1252")
    except UnicodeDecodeError as error:
        problem = "it is neither UTF-8 nor Windows-1252 text"
        raise _refused(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error


_EXPORT = "export the table as CSV (UTF-8) and upload that"


def _refused(reason: Reason, problem: str, advice: str) -> BadInputError:
    return BadInputError(reason, f"the table cannot be read: {problem}; {advice}")


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), SLICE_BYTES):
            yield chunk[start : start + SLICE_BYTES]


def _with_last(first: bytes, others: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces, each with whether it is the last one."""
    current = first
    for following in others:
        yield current, False
        current = following
    yield current, True
