"""Text of a table into rows of cells, in bounded memory: lines, delimiter, header, rows."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.tables.text import TableText

DELIMITERS = (",", ";", "\t")


_OTHER_DELIMITERS = ("|", ":")


MAX_RECORD = 1_000_000
"""Characters of the longest row; a cell may have at most 131,072 of them, which is the csv module's own limit."""


_MAX_HEADER_LINES = 2_000


Score = Callable[[Sequence[str]], int]
"""How many of a header's cells are known."""


class TableRows:
    """Rows of a table: the header first, then the others, each once.

    Rows are counted as a spreadsheet counts them: the header is row 1, an empty row counts, and a row stays one row
    when a quoted cell of it has line breaks.

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
        Without surrounding blanks.
    delimiter : str
    """

    def __init__(
        self, chunks: Iterable[bytes], score: Score, *, max_columns: int, max_record: int = MAX_RECORD
    ) -> None:
        self._text = TableText(chunks)
        self._lines = _Lines(self._text, max_record)
        self.delimiter, self.header = self._read_header(score, max_columns)

    @property
    def encoding(self) -> str:
        """Encoding of the text, as recognised so far."""
        return self._text.encoding

    def batches(self, rows: int, characters: int) -> Iterator[tuple[int, list[list[str]]]]:
        """Yield the rows below the header in batches, each with the number of its first row.

        Parameters
        ----------
        rows, characters : int
            A batch ends when it has so many of either.

        Raises
        ------
        BadInputError
            ``ROW_TOO_LONG``, ``QUOTES_UNBALANCED``, or what :class:`multimodal.tables.text.TableText` raises.
        """
        first, batch, size, lines = 2, list[list[str]](), 0, self._lines
        try:
            for row in csv.reader(lines, delimiter=self.delimiter, strict=True):
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
            head = self._head()
        except _TooLongError as error:
            if max(map(error.beginning.count, DELIMITERS)) >= max_columns:
                raise _too_many(f"more than {max_columns:,}", max_columns) from error
            raise BadInputError(Reason.ROW_TOO_LONG, f"the header {_TOO_LONG}") from error
        parsed = {delimiter: _parse(head, delimiter) for delimiter in (*DELIMITERS, *_OTHER_DELIMITERS)}
        scores = {delimiter: score(cells) for delimiter, cells in parsed.items()}
        delimiter = max(DELIMITERS, key=lambda d: scores[d])
        other = max(_OTHER_DELIMITERS, key=lambda d: scores[d])
        if scores[other] > scores[delimiter]:
            message = f"the columns are separated by {other!r}; export the table with commas, semicolons or tabs"
            raise BadInputError(Reason.HEADER_NOT_RECOGNISED, message)
        if len(parsed[delimiter]) > max_columns:
            raise _too_many(f"{len(parsed[delimiter]):,}", max_columns)
        self._lines.held = 0
        return delimiter, parsed[delimiter]

    def _head(self) -> list[str]:
        """Return the header's lines: more than one when a quoted name has a line break."""
        head: list[str] = []
        quotes = 0
        for line in self._lines:
            head.append(line)
            quotes += line.count('"')
            if quotes % 2 == 0:
                return head
            if len(head) > _MAX_HEADER_LINES:
                raise _TooLongError(head[0])
        if head:
            raise _malformed("unexpected end of data", 1)
        raise BadInputError(Reason.TABLE_EMPTY, "the file is empty; upload the table again")


_TOO_LONG = "is longer than a row can be: a quote may be open that is never closed, or the file is no table; mend it"


def _too_many(found: str, most: int) -> BadInputError:
    message = f"the header has {found} columns; at most {most:,} are taken. Upload the columns that the dataset needs"
    return BadInputError(Reason.TOO_MANY_COLUMNS, message)


def _parse(head: Sequence[str], delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader(head, delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return [cell.strip() for cell in cells]


def _malformed(error: str, row: int) -> BadInputError:
    if "field limit" in error:
        message = f"row {row} has a cell that is too long: a quote may be open that is never closed; mend it"
        return BadInputError(Reason.ROW_TOO_LONG, message)
    message = (
        f"the quotes of row {row} do not match: one is never closed, or text follows the closing one (a quote within a "
        "quoted cell is written twice); mend it, or export the table again"
    )
    return BadInputError(Reason.QUOTES_UNBALANCED, message)


class _TooLongError(Exception):
    def __init__(self, beginning: str) -> None:
        super().__init__()
        self.beginning = beginning


class _Lines:
    """Lines of a text; ``held`` counts the characters handed out since it was last set to zero."""

    def __init__(self, texts: Iterable[str], limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._made = self._make(texts)

    def __iter__(self) -> Iterator[str]:
        return self._made

    def _make(self, texts: Iterable[str]) -> Iterator[str]:
        pending = ""
        for text in texts:
            pending += text
            cut = pending.rfind("\n") + 1
            if cut:
                yield from self._counted(pending[:cut])
                pending = pending[cut:]
            if len(pending) > self._limit:
                raise _TooLongError(pending)
        if pending:
            yield from self._counted(pending)

    def _counted(self, text: str) -> Iterator[str]:
        for line in io.StringIO(text, newline="\n"):
            self.held += len(line)
            if self.held > self._limit:
                raise _TooLongError(line)
            yield line
