"""Decode small documents that people upload, and write short messages: lists and names that end where they say."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Mark → encoding; UTF-32's begins with UTF-16's, so it is looked at first."""


def decode_text(content: bytes) -> str:
    """Return a document's text: as its byte-order mark says, else UTF-8; what is not in its encoding becomes U+FFFD.

    Examples
    --------
    >>> decode_text("sample,fastq_1".encode("utf-16"))
    'sample,fastq_1'
    """
    mark, encoding = encoding_of(content)
    return content[len(mark) :].decode(encoding, errors="replace")


def encoding_of(content: bytes) -> tuple[bytes, str]:
    """Return a document's byte-order mark, empty where it has none, and its encoding."""
    found = ((mark, encoding) for mark, encoding in BYTE_ORDER_MARKS if content.startswith(mark))
    return next(found, (b"", _without_mark(content)))


def _without_mark(content: bytes) -> str:
    """Sheets and JSON begin with an ASCII letter or sign: a NUL beside it tells the order of UTF-16's bytes."""
    first, second = content[:1] == b"\0", content[1:2] == b"\0"
    return "utf-8" if first == second else "utf-16-be" if first else "utf-16-le"


def size_text(count: int) -> str:
    """Return a number of bytes in the decimal unit in which it is at least one.

    Examples
    --------
    >>> [size_text(count) for count in (0, 999, 9_204, 999_960, 1_250_000, 2_500_000_000)]
    ['0 B', '999 B', '9.2 kB', '1.0 MB', '1.2 MB', '2.5 GB']
    """
    if count < 1_000:
        return f"{count} B"
    # From 999.95 on, one decimal makes it a thousand.
    power, unit = next((p, u) for p, u in ((3, "kB"), (6, "MB"), (9, "GB")) if count < 999.95 * 10**p or u == "GB")
    return f"{count / 10**power:,.1f} {unit}"


MOST_LISTED, _NAME_LENGTH = 10, 60


def listed(items: Sequence[str], longest: int, separator: str = ", ") -> str:
    """Return the first items, at most `MOST_LISTED` in `longest` characters, and how many more there are.

    Examples
    --------
    >>> listed(["'Age'", "'Sex'", "'Smoking status'"], 15), listed(["'Age'", "'Sex'"], 15)
    ("'Age', 'Sex' and 1 more", "'Age', 'Sex'")
    """
    most = range(min(len(items), MOST_LISTED), 1, -1)
    shown = next((n for n in most if len(separator.join(items[:n])) <= longest), min(len(items), 1))
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return separator.join(items[:shown]) + more


def short_name(name: str) -> str:
    """Return a column's name in quotes, cut when it is too long for a message."""
    return repr(name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV, a line each.

    Examples
    --------
    >>> csv_text([["case", "note"], ["A", "a, b"]])
    'case,note\\nA,"a, b"\\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def cut_at_word(message: str, longest: int) -> str:
    """Return a message of at most `longest` characters; one that is cut ends with a whole word and `…`.

    Examples
    --------
    >>> cut_at_word("the job failed: out of memory", 24), cut_at_word("out of memory", 24)
    ('the job failed: out of…', 'out of memory')
    """
    if len(message) <= longest:
        return message
    cut = message[: longest - 1]
    return (cut.rpartition(" ")[0] or cut) + "…"
