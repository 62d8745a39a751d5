"""Bytes of a table into rows, decoded and split while they are read and never held as a whole."""

import codecs
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.text import BYTE_ORDER_MARKS

SLICE_BYTES = 64 * 1024
"""So much is decoded at once, however large the pieces are that arrive."""

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
    (b"<stata", "a Stata file"),
    (b"$FL", "an SPSS file"),
    (b"HEADER R", "a SAS transport file"),
    (b"RDX2", "an R workspace"),
    (b"RDX3", "an R workspace"),
    (b"ARROW1", "a Feather file"),
    (b"FEA1", "a Feather file"),
    (b"SQLite f", "a database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a picture"),
    (b"\xfd7zXZ", "compressed by xz"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"<", "a web page or an XML document"),
    *((start, "JSON, of which a table must be made first") for start in (b'{"', b"{\n", b"{\r", b"[{", b"[\n", b"[\r")),
)

_HEAD_BYTES = 8


class TableText:
    """Text of a table, piece by piece, with `\\n` as its only line end.

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
            `NOT_CSV` when it is another kind of file, `ENCODING_UNKNOWN` when bytes are not in its encoding.
        """
        half = ""  # of a line end that the next piece may complete
        for piece in self._decoded():
            if "\0" in piece:
                raise _unreadable(Reason.NOT_CSV, "it holds NUL bytes, so it is no text or was damaged", _EXPORT)
            text = half + piece
            half = "\r" if text.endswith("\r") else ""
            yield text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        yield half and "\n"

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
        unmarked = head.lstrip(codecs.BOM_UTF8)
        for start, what in _OTHER_FORMATS:
            if unmarked.startswith(start):
                raise _unreadable(Reason.NOT_CSV, f"it is {what}", _EXPORT)
        for mark, encoding in BYTE_ORDER_MARKS:
            if head.startswith(mark):
                self.encoding = encoding
                return head, mark
        if b"\0" in head[:_HEAD_BYTES]:
            raise _unreadable(Reason.ENCODING_UNKNOWN, "it is no text, or UTF-16 without a byte-order mark", _EXPORT)
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
            raise _unreadable(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error

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
                    raise _unreadable(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error
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
        raise _unreadable(Reason.ENCODING_UNKNOWN, problem, _EXPORT) from error


_EXPORT = "export the table as CSV (UTF-8) and upload that"


def _unreadable(reason: Reason, problem: str, advice: str) -> BadInputError:
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


DELIMITERS = (",", ";", "\t")
_OTHER_DELIMITERS = ("|", ":")

MAX_RECORD = 1_000_000
"""Characters of the longest row, give or take a slice; a cell may have 131,072 of them, the csv module's own limit."""

_MAX_HEADER_LINES = 2_000

Score = Callable[[Sequence[str]], int]
"""How many of a header's cells are known."""

_Parsed = Mapping[str, list[str]]
"""A row's cells by the delimiter between them."""


class TableRows:
    """Rows of a table: the header first, then the others, each once.

    Rows are counted as a spreadsheet counts them: an empty row counts, and a row stays one row when a quoted cell of it
    has line breaks. Above the header, empty rows, Excel's `sep=`, comments (cBioPortal writes four lines with `#`) and
    titles are passed over: rows with at most half as many cells filled as the next one, of which more are known. A
    header that begins with `#` itself is none.

    Parameters
    ----------
    chunks : iterable of bytes
        The table's content.
    score : callable
        Judges a header; the delimiter with which it knows most cells is the table's.
    max_columns : int
        Most cells of a header.
    max_record : int
        Most characters of a row.

    Raises
    ------
    BadInputError
        When there is no header, no delimiter fits it, or it is too long.

    Attributes
    ----------
    header : list of str
        Without surrounding blanks, and without empty cells at its end.
    comments : list of str
        Lines above the header that begin with `#`.
    delimiter : str
    """

    def __init__(
        self, chunks: Iterable[bytes], score: Score, *, max_columns: int, max_record: int = MAX_RECORD
    ) -> None:
        self._text = TableText(chunks)
        self._lines = _Lines(self._text, max_record)
        self._above = 0
        self.comments: list[str] = []
        self.delimiter, self.header = self._read_header(score, max_columns)

    @property
    def encoding(self) -> str:
        """Encoding of the text, as recognised so far."""
        return self._text.encoding

    def batches(
        self, rows: int, characters: int, each: Callable[[list[str]], list[str]] | None = None
    ) -> Iterator[tuple[int, list[list[str]]]]:
        """Yield the rows below the header in batches, each with the number of its first row.

        Parameters
        ----------
        rows, characters : int
            A batch ends when it has so many of either.
        each : callable, optional
            What a row becomes, called as soon as it is read.

        Raises
        ------
        BadInputError
            `ROW_TOO_LONG`, `QUOTES_UNBALANCED`, or what `TableText` raises.
        """
        first, batch, size, lines = self._above + 2, list[list[str]](), 0, self._lines
        try:
            read = _cells(iter(lines), self.delimiter)
            for row in map(each, read) if each else read:
                batch.append(row)
                size += lines.held
                lines.held = 0
                if len(batch) >= rows or size >= characters:
                    yield first, batch
                    first, batch, size = first + len(batch), [], 0
        except csv.Error as error:
            raise _malformed(str(error), first + len(batch)) from error
        except _TooLongError as error:
            raise BadInputError(Reason.ROW_TOO_LONG, f"row {first + len(batch)} {_TOO_LONG}") from error
        if batch:
            yield first, batch

    def _read_header(self, score: Score, max_columns: int) -> tuple[str, list[str]]:
        try:
            head, parsed = self._below_titles(score)
        except _TooLongError as error:
            if max(map(error.beginning.count, DELIMITERS)) >= max_columns:
                raise _too_many(f"more than {max_columns:,}", max_columns) from error
            raise BadInputError(Reason.ROW_TOO_LONG, f"the header {_TOO_LONG}") from error
        delimiter, cells = _divided(head, parsed, "".join(self._lines.peek(1)), score)
        if len(cells) > max_columns:
            raise _too_many(f"{len(cells):,}", max_columns)
        self._lines.held = 0
        return delimiter, cells

    def _below_titles(self, score: Score) -> tuple[list[str], _Parsed]:
        """Return the lines of the first row that is no title of the table, and its cells."""
        head, parsed = self._parsed_head()
        for _ in range(_MAX_TITLES):
            if not (_may_be_title(parsed) and _is_title(parsed, self._lines.peek(_MAX_TITLES), score)):
                break
            self._above += len(head)
            head, parsed = self._parsed_head()
        return head, parsed

    def _parsed_head(self) -> tuple[list[str], _Parsed]:
        head = self._head()
        return head, _parsed(head)

    def _head(self) -> list[str]:
        """Return the header's lines: more than one when a quoted name has a line break."""
        head: list[str] = []
        quotes = 0
        for line in self._lines:
            if not head and _is_above_header(line):
                self._above += 1
                self.comments += [line.strip()] if line.lstrip('"').startswith("#") else []
                continue
            head.append(line + "\n")
            quotes += line.count('"')
            if quotes % 2 == 0:
                return head
            if len(head) > _MAX_HEADER_LINES:
                raise _TooLongError(head[0])
        if head:
            raise _malformed("unexpected end of data", 1)
        raise BadInputError(Reason.TABLE_EMPTY, "the file is empty; upload the table again")


def _divided(head: Sequence[str], parsed: _Parsed, following: str, score: Score) -> tuple[str, list[str]]:
    """Return the delimiter with which most cells of a header are known, and the cells.

    One that the following row has as often comes first: `Age, years;Hb, g/dL` above `P1;63;12,1`.
    """
    scores = {delimiter: score(cells) for delimiter, cells in parsed.items()}
    agreeing = [d for d in reversed(DELIMITERS) if scores[d] > 1 and following.count(d) == "".join(head).count(d)]
    delimiter = max(agreeing or DELIMITERS, key=lambda d: scores[d])
    other = max(_OTHER_DELIMITERS, key=lambda d: scores[d])
    if scores[other] > scores[delimiter]:
        message = f"the columns are separated by {other!r}; export the table with commas, semicolons or tabs"
        raise BadInputError(Reason.HEADER_NOT_RECOGNISED, message)
    return delimiter, parsed[delimiter]


_MAX_TITLES = 10
_FEWEST = 3
"""Cells of a header that a title can be told from."""


def _may_be_title(parsed: _Parsed) -> bool:
    """Whether few cells of a row are filled, or some are not."""
    cells = [parsed[delimiter] for delimiter in DELIMITERS]
    return all(len(row) < _FEWEST for row in cells) or any("" in row for row in cells)


def _is_title(parsed: _Parsed, following: Sequence[str], score: Score) -> bool:
    """Return whether a row is a title above a header that follows, or only groups its columns."""
    fewest = max(_FEWEST, 2 * max(sum(map(bool, parsed[delimiter])) for delimiter in DELIMITERS))
    below = enumerate(map(_parsed, zip(following)))  # lazily: a line may have thousands of cells
    at, header = next(((n, row) for n, row in below if not _may_be_title(row)), (0, None))
    if header is None:
        return False
    first = following[min(at + 1, len(following) - 1)]
    for delimiter in DELIMITERS:
        cells = header[delimiter]
        is_wide = sum(map(bool, cells)) >= fewest and first.count(delimiter) >= len(cells) - 1
        if is_wide and score(cells) > score(parsed[delimiter]):
            return True
    return False


def _is_above_header(line: str) -> bool:
    """Whether a line is empty, Excel's word for the delimiter, or a comment."""
    return not line.strip(' \t\r\n,;"') or bool(_SEP.match(line)) or line.lstrip('"').startswith("#")


_SEP = re.compile(r"\"?sep=.\"?\s*$", re.IGNORECASE)


def _cells(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the cells of each row as the csv module reads them; a line without quotes is a row, and is only split."""
    longest = csv.field_size_limit()
    for line in lines:
        cells = line.split(delimiter) if line else []
        if '"' in line or (len(line) > longest and max(map(len, cells)) > longest):
            ended = map("{}\n".format, chain((_without_formulas(line, delimiter),), lines))
            yield from islice(csv.reader(ended, delimiter=delimiter, strict=True), 1)
        else:
            yield cells


def _without_formulas(line: str, delimiter: str) -> str:
    """Return a row with `"001"` for `="001"`, by which laboratories keep spreadsheets from reading a number.

    A program that saves such a cell again puts quotes around it and doubles its own.
    """
    if '="' not in line:
        return line
    return re.sub(rf'(^|{delimiter})(?:="([^"]*)"|"=""([^"]*)""")(?={delimiter}|$)', r'\1"\2\3"', line)


_TOO_LONG = "is longer than a row can be: a quote may be open that is never closed, or the file is no table; fix it"


def _too_many(found: str, most: int) -> BadInputError:
    message = f"the header has {found} columns; at most {most:,} are taken. Upload the columns that the dataset needs"
    return BadInputError(Reason.TOO_MANY_COLUMNS, message)


def _parsed(head: Sequence[str]) -> _Parsed:
    return {delimiter: _parse(head, delimiter) for delimiter in (*DELIMITERS, *_OTHER_DELIMITERS)}


def _parse(head: Sequence[str], delimiter: str) -> list[str]:
    if '"' not in head[0] or not (head[0].startswith('"') or any(delimiter in line for line in head)):
        cells = head[0].split(delimiter)
    else:
        try:
            lines = (_without_formulas(line, delimiter) for line in head)
            cells = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
        except csv.Error:
            return []
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _malformed(error: str, row: int) -> BadInputError:
    if "field limit" in error:
        message = f"row {row} has a cell that is too long: a quote may be open that is never closed; fix it"
        return BadInputError(Reason.ROW_TOO_LONG, message)
    message = (
        f"the quotes of row {row} do not match: one is never closed, or text follows the closing one (a quote within a "
        "quoted cell is written twice); fix it, or export the table again"
    )
    return BadInputError(Reason.QUOTES_UNBALANCED, message)


class _TooLongError(Exception):
    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning


def _raising(error: Exception) -> Iterator[str]:
    raise error
    yield


class _Lines:
    """Lines of a text; `held` counts the characters handed out since it was last set to zero, a slice at a time."""

    def __init__(self, texts: Iterable[str], limit: int) -> None:
        self.held = 0
        self._limit = limit
        # A chain hands lines out without a step in Python for each.
        self._made: Iterator[str] = chain.from_iterable(self._slices(texts))

    def __iter__(self) -> Iterator[str]:
        return self._made

    def peek(self, number: int) -> list[str]:
        """Return some of the next lines that are not above a header, without handing them out.

        An error that comes before them is raised when the lines are asked for.
        """
        passed, found, held, size = list[str](), list[str](), self.held, 0
        try:
            # However many blank lines there are, or long ones, no more than this is held.
            while len(found) < number and len(passed) < 4 * number and size <= self._limit:
                self.held = held  # each line may be as long as the limit allows
                if (line := next(self._made, None)) is None:
                    break
                size += len(line)
                passed.append(line)
                found += [] if _is_above_header(line) else [line]
            self._made = chain(self._again(passed), self._made)
        except (_TooLongError, BadInputError) as error:
            self._made = chain(self._again(passed), _raising(error))
        self.held = held
        return found

    def _again(self, lines: Sequence[str]) -> Iterator[str]:
        for line in lines:
            self.held += len(line) + 1
            yield line

    def _slices(self, texts: Iterable[str]) -> Iterator[Iterable[str]]:
        """Yield the lines of one slice after the other; one that is asked for counts as handed out."""
        pending = ""
        for text in texts:
            pending += text
            cut = pending.rfind("\n") + 1
            if cut:
                yield self._lines_of(pending[:cut])
                pending = pending[cut:]
            if len(pending) > self._limit:
                raise _TooLongError(pending)
        if pending:
            yield self._lines_of(pending)

    def _lines_of(self, text: str) -> Iterable[str]:
        # An io.StringIO would hold four bytes for each character of the slice.
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if self.held + len(text) > self._limit:
            return self._counted(lines)
        self.held += len(text)  # lines need no count of their own, which costs as much as a cell
        return lines

    def _counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.held += len(line) + 1
            if self.held > self._limit:
                raise _TooLongError(line)
            yield line
