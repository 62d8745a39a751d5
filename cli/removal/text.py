"""Whether a document names a subject, and the same document without it.

A subject is named by a whole word: `R01-1` is not in `R01-10`. What is removed from a table is decided by whole cells,
so that a row of another patient which mentions the subject stays.
"""

import gzip
import html
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from multimodal.ledger.text import encoding_of

_WORD = rb"[A-Za-z0-9_-]"
_DELIMITERS = rb",;\t|"
_BLANKS = (
    rb"(?:[ \x0b\x0c\x1c-\x1f\xa0]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]"
    rb"|\xe2\x81\x9f|\xe3\x80\x80)*+"
)
"""What `str.strip` takes off a cell in UTF-8, and the no-break space of Windows-1252."""


def read_text(body: bytes) -> bytes:
    """Return an object's bytes, decompressed when they are gzip's, and as UTF-8 when they are UTF-16 or UTF-32.

    Tables and sheets are taken in these encodings. What cannot be decompressed or decoded is returned as it is.
    """
    try:
        plain = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
        mark, encoding = encoding_of(plain)
        return plain if encoding == "utf-8" else plain[len(mark) :].decode(encoding).encode()
    except (OSError, EOFError, zlib.error):
        return body
    except UnicodeDecodeError:
        return plain


def as_stored(key: str, text: bytes) -> bytes:
    """Return bytes as they are stored under a key; the same text gives the same bytes."""
    return gzip.compress(text, mtime=0) if key.endswith(".gz") else text


def mentions(text: bytes, subject: str) -> bool:
    """Whether a subject is named, as it is written, or as JSON, an address or a page writes it."""
    spellings = {subject, json.dumps(subject)[1:-1], quote(subject), html.escape(subject)}
    words = b"|".join(re.escape(spelling.encode()) for spelling in sorted(spellings))
    return re.search(rb"(?<!%b)(?:%b)(?!%b)" % (_WORD, words, _WORD), text) is not None


def has_row(text: bytes, subject: str) -> bool:
    """Whether a record of a table has a cell that is the subject."""
    cell = _cell(subject)
    return any(cell.search(record) for record in _records(text))


def without_rows(text: bytes, subject: str) -> bytes:
    """Return a table without the records that have a cell which is the subject; every other byte stays.

    Parameters
    ----------
    text : bytes
        A table in an encoding that holds ASCII, such as UTF-8 or Windows-1252, with any delimiter and any line ends;
        cells in quotes may have line ends.
    subject : str
        The case id.
    """
    cell = _cell(subject)
    return b"".join(record for record in _records(text) if not cell.search(record))


def _cell(subject: str) -> re.Pattern[bytes]:
    """Return the pattern of a cell that the pipeline reads as the subject: in quotes, as `="R01-1"`, among blanks."""
    name = re.escape(subject.encode())
    opened, closed = rb'%b"?%b(?:="{1,2})?%b' % (_BLANKS, _BLANKS, _BLANKS), rb'%b"{0,3}%b' % (_BLANKS, _BLANKS)
    return re.compile(
        rb"(?:^(?:\xef\xbb\xbf)?|[%b])%b%b%b(?=[%b\r\n]|$)" % (_DELIMITERS, opened, name, closed, _DELIMITERS)
    )


def _records(text: bytes) -> Iterator[bytes]:
    """Yield the records of a table with their line ends: a line end inside of quotes ends none (RFC 4180)."""
    record = b""
    for line in text.splitlines(keepends=True):
        record += line
        if record.count(b'"') % 2 == 0:
            yield record
            record = b""
    if record:
        yield record


def without_lines(text: bytes, subject: str) -> bytes:
    """Return lines of JSON without those that name the subject."""
    return b"".join(line for line in text.splitlines(keepends=True) if not mentions(line, subject))


def without_items(text: bytes, *names: str) -> bytes:
    """Return a JSON document without the items of its lists that are one of some texts."""
    return json.dumps(_without(json.loads(text), set(names)), ensure_ascii=False, indent=2).encode()


def _without(value: Any, names: set[str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _without(part, names) for key, part in value.items()}
    if isinstance(value, list):
        return [_without(part, names) for part in value if not (isinstance(part, str) and part in names)]
    return value
