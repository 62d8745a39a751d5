"""Reads a FASTQ file once, from end to end, in bounded memory, and proves each record on the way.

Blocks are proved with whole-list operations, which cost a tenth of a loop over records; a block that fails is gone
through record by record, to say where.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from zlib import error as DeflateError  # noqa: N812  # its name says what it is

from isal import igzip_threaded

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode

MAX_LINE: Final = 1 << 16
"""Longest header or read in bytes: both engines map short reads, and one endless line must not fill the memory."""

BLOCK: Final = 1 << 18
"""Uncompressed bytes proved at a time: enough to spread the cost of a step, small enough for the processor's cache."""

_GZIP_MAGIC = b"\x1f\x8b"
_RECORD_LINES = 4
_AT, _PLUS = b"@"[0], b"+"[0]
_first_byte = itemgetter(0)
_BASES = b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv.-"


@dataclass(frozen=True)
class ReadsFile:
    """A staged file, and the name that the user knows it by."""

    path: Path
    name: str


class Records(NamedTuple):
    """Some whole records: their headers (with the at sign) and sequences, in the order of the file."""

    heads: list[bytes]
    sequences: list[bytes]


class FastqReader:
    """Yields the records of one file and proves them: complete gzip members, four lines each, equal lengths.

    Parameters
    ----------
    file : ReadsFile
        gzip (also of several members, as ``cat`` and bgzip write it) or plain text.

    Attributes
    ----------
    records : int
        Records yielded so far.
    """

    def __init__(self, file: ReadsFile) -> None:
        self.file = file
        self.records = 0
        self._hash = hashlib.sha256()
        self._dirty = False

    @property
    def digest(self) -> str:
        """Give the SHA-256 of what was read."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Records]:
        pending = [b""]  # lines of a record that is not complete; the last of them is not complete itself
        for block in self._blocks():
            self._dirty = self._dirty or not _is_text(block)
            lines = block.split(b"\n")
            lines[0] = pending.pop() + lines[0]
            lines[:0] = pending
            if len(lines[-1]) > MAX_LINE:
                raise self._too_long(len(lines) - 1, len(lines[-1]))
            whole = (len(lines) - 1) // _RECORD_LINES * _RECORD_LINES
            pending = lines[whole:]
            if whole:
                yield self._proved(lines, whole)
        yield from self._last(pending)
        if not self.records:
            raise self.fault(ReasonCode.READS_EMPTY, f"{self.file.name} holds no read. Upload the file again.")

    def _last(self, lines: list[bytes]) -> Iterator[Records]:
        """Give the record that no newline ends; blank lines after it are nobody's fault."""
        while lines and not lines[-1]:
            lines.pop()
        if len(lines) % _RECORD_LINES:
            raise self._broken(0, len(lines), "the file ends inside a record")
        if lines:
            yield self._proved(lines, len(lines))

    def _proved(self, lines: list[bytes], whole: int) -> Records:
        heads, sequences, pluses, qualities = (lines[number:whole:_RECORD_LINES] for number in range(_RECORD_LINES))
        if self._dirty or self.records == 0 or not _is_sound(heads, sequences, pluses, qualities):
            self._find_fault(heads, sequences, pluses, qualities)
        self.records += len(heads)
        return Records(heads, sequences)

    def _find_fault(self, *columns: list[bytes]) -> None:
        """Go through records one by one; also the first ones of a file, whose letters show what kind of file it is."""
        for number, record in enumerate(zip(*columns, strict=True)):
            for line, text in enumerate(record):
                if len(text) > MAX_LINE:
                    raise self._too_long(number * _RECORD_LINES + line, len(text))
            problem = _problem(*record)
            if problem is not None:
                raise self._broken(number, problem[0], problem[1])

    def _too_long(self, lines_before: int, length: int) -> InputRejectedError:
        record, line = divmod(lines_before, _RECORD_LINES)
        return self._at(
            ReasonCode.READS_TOO_LONG,
            record,
            line,
            f"a line is longer than {MAX_LINE} bytes; only short reads can be quantified",
            at_least_bytes=length,
        )

    def _broken(self, record: int, line: int, problem: str) -> InputRejectedError:
        return self._at(ReasonCode.READS_INVALID, record, line, problem)

    def _at(self, code: ReasonCode, record: int, line: int, problem: str, **details: Detail) -> InputRejectedError:
        """Name a place, counted from 1 as editors do; ``record`` counts from the records already yielded."""
        record += self.records
        place: dict[str, Detail] = {"record": record + 1, "line": record * _RECORD_LINES + line + 1}
        where = f"{self.file.name}, record {place['record']} (line {place['line']})"
        return self.fault(code, f"{where}: {problem}. Export the FASTQ file again.", **place, **details)

    def fault(self, code: ReasonCode, message: str, **details: Detail) -> InputRejectedError:
        """Make a rejection that names this file."""
        return InputRejectedError(code, message, {"file": self.file.name, **details})

    def _blocks(self) -> Iterator[bytes]:
        with self.file.path.open("rb") as stored:
            compressed = stored.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
            with _opened(_Hashed(stored, self._hash), compressed) as content:
                try:
                    while block := content.read1(BLOCK):
                        yield block
                except (EOFError, BadGzipFile, DeflateError) as error:
                    raise self._truncated(error) from error

    def _truncated(self, error: Exception) -> InputRejectedError:
        return self.fault(
            ReasonCode.READS_TRUNCATED,
            f"{self.file.name} is cut short or damaged after {self.records} reads ({error}). Upload it again and "
            "compare its checksum with the sequencing centre's.",
            reads_before=self.records,
            stored_bytes=self.file.path.stat().st_size,
        )


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: io.BufferedReader, digest: _Digest) -> None:
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer is Python 3.12's
        count = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        return count


class _Digest(Protocol):
    def update(self, data: memoryview, /) -> None: ...


@contextmanager
def _opened(stored: io.RawIOBase, compressed: bool) -> Iterator[io.BufferedReader]:
    """Give the content; inflating runs in a thread of its own, beside the checks of the block before."""
    if not compressed:
        yield io.BufferedReader(stored, BLOCK)
        return
    with igzip_threaded.open(stored, "rb", threads=1, block_size=BLOCK) as content:  # type: ignore[no-untyped-call]
        yield content


def _is_text(block: bytes) -> bool:
    """Whether a block is free of bytes that no FASTQ has (``in`` and isascii run at the speed of memory)."""
    return block.isascii() and b"\0" not in block and b"\r" not in block


def _is_sound(heads: list[bytes], sequences: list[bytes], pluses: list[bytes], qualities: list[bytes]) -> bool:
    lengths = list(map(len, sequences))
    kinds = set(lengths)
    return (
        0 not in kinds
        and max(kinds) <= MAX_LINE
        and lengths == list(map(len, qualities))
        and _all_start_with(_AT, heads)
        and (pluses.count(b"+") == len(pluses) or _all_start_with(_PLUS, pluses))
    )


def _all_start_with(byte: int, lines: list[bytes]) -> bool:
    try:
        return set(map(_first_byte, lines)) == {byte}
    except IndexError:  # an empty line
        return False


def _problem(head: bytes, sequence: bytes, plus: bytes, quality: bytes) -> tuple[int, str] | None:
    """Say what is wrong with a record, and in which of its lines; never its content, which is a person's genome."""
    lines = (head, sequence, plus, quality)
    for number, line in enumerate(lines):
        if line.endswith(b"\r"):
            return number, "lines end as on Windows; convert the file (dos2unix)"
        if not _is_text(line):
            return number, "the line holds bytes that are no text"
    if not head.startswith(b"@"):
        return 0, "a FASTQ record starts with @, this one does not"
    if not sequence:
        return 1, "the read has no base (trim with a minimum length)"
    if sequence.translate(None, _BASES):
        return 1, "the second line holds letters that are no bases"
    if not plus.startswith(b"+"):
        return 2, "the third line of a record starts with +, this one does not"
    if len(sequence) != len(quality):
        return 3, f"{len(sequence)} bases but {len(quality)} qualities"
    return None
