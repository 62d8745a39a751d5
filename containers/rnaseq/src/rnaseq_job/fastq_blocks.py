"""Reads a stored FASTQ file block by block in a thread of its own: inflated, hashed, and cut into lines."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Final, Protocol, TypeVar

from isal import igzip

from rnaseq_job.fastq_records import LINES, Block
from rnaseq_job.gzip_errors import GZIP_DAMAGE

MAX_LINE: Final = 1 << 16
"""Longest header or read in bytes: both engines map short reads, and one endless line must not fill the memory."""

MAX_REST: Final = LINES * (MAX_LINE + 1)
"""No record that is still incomplete is longer, unless one of its lines is too long."""

PART: Final = 1 << 18
"""Bytes inflated at a time: what a damaged file loses before the damage."""

PARTS: Final = 4
"""Parts of a block: enough to spread the cost of a step, few enough for the processor's cache."""

_BEGINNING = 1 << 16
"""Bytes that tell texts of one length apart: reads of two lanes differ in their first name."""

_GZIP_MAGIC = b"\x1f\x8b"

_T = TypeVar("_T")


class BlockReader:
    """Gives the text of one file as blocks; each is lost when the one after the next is asked for.

    Parameters
    ----------
    path : Path
        gzip (also of several members, as ``cat`` and bgzip write it) or plain text.

    Attributes
    ----------
    damage : Exception or None
        Why the file could not be read to its end.
    dirty : bool
        Whether bytes came that no FASTQ file has.
    content : tuple of str and int
        SHA-256 of the beginning of the text, and its length in bytes: the same for the same reads, however packed.
    """

    def __init__(self, path: Path) -> None:
        self.damage: Exception | None = None
        self.dirty = False
        self.content = ("", 0)
        self._path = path
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Give the SHA-256 of what was read, as it is stored."""
        return self._hash.hexdigest()

    def __iter__(self) -> Generator[Block, None, None]:
        return _ahead(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        """Give blocks that begin with a record; the last one ends with the file, or with a line that is too long."""
        parts, rest = self._parts(), b""
        for block in cycle([Block(MAX_REST + PARTS * PART) for _ in range(2)]):
            block.fill(chain([rest], islice(parts, PARTS)))
            if block.size == len(rest):
                return
            yield block
            rest = block.rest()
            if len(rest) > MAX_REST:
                return

    def _parts(self) -> Iterator[bytes]:
        with self._path.open("rb") as stored:
            compressed = stored.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
            hashed = _Hashed(stored, self._hash)
            content = igzip.open(hashed, "rb") if compressed else io.BufferedReader(hashed, PART)  # type: ignore[no-untyped-call]
            try:
                while text := content.read1(PART):
                    self._look_at(text)
                    yield text
            except GZIP_DAMAGE as error:
                self.damage = error

    def _look_at(self, text: bytes) -> None:
        self.dirty = self.dirty or not is_text(text)
        beginning, length = self.content
        self.content = (beginning or hashlib.sha256(text[:_BEGINNING]).hexdigest(), length + len(text))


def is_text(content: bytes) -> bool:
    """Whether bytes are free of those that no FASTQ has (``in`` and isascii run at the speed of memory)."""
    return content.isascii() and b"\0" not in content and b"\r" not in content


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


def _ahead(items: Iterator[_T]) -> Generator[_T, None, None]:
    """Make each item in a thread, beside what is done with the one before."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
