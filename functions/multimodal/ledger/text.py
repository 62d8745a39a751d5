"""Decode small documents that people upload: spreadsheet programs save "Unicode text" as UTF-16."""

import codecs

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
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    return content.decode(_without_mark(content), errors="replace")


def _without_mark(content: bytes) -> str:
    """Sheets and JSON begin with an ASCII letter or sign: a NUL beside it tells the order of UTF-16's bytes."""
    first, second = content[:1] == b"\0", content[1:2] == b"\0"
    return "utf-8" if first == second else "utf-16-be" if first else "utf-16-le"
