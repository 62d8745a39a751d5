"""FASTQ text in blocks: inflated and hashed in a thread, cut into records as arrays of places, in bounded memory."""

import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from gzip import BadGzipFile
from itertools import cycle
from pathlib import Path
from typing import BinaryIO, Final, Protocol, Self, TypeVar, cast
from zlib import error as ZlibError  # noqa: N812  # its name says what it is

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

GZIP_DAMAGE: Final = (EOFError, BadGzipFile, ZlibError, cast("type[Exception]", isal_zlib.error))
"""What reading one raises; isal's own error is no relation of zlib's."""


LINES: Final = 4
"""Lines of a record: header, bases, plus, qualities."""

_WORD: Final = np.dtype("<u8")  # the first of eight bytes is the lowest

REACH: Final = 256
"""Bytes of a header that can be compared at once; rarely is one longer."""

_LINES_AT_ONCE: Final = 256
"""Records that are cut into lines together: the first that differs mostly ends a comparison."""

_NEWLINE, _AT, _PLUS, _SPACE = b"\n@+ "


class Block:
    """Some bytes of a file and where their lines begin; it is filled again and again.

    Parameters
    ----------
    capacity : int
        Longest text in bytes.

    Attributes
    ----------
    letters : array of uint8
        The text, and whatever follows it.
    size : int
        Length of the text in bytes.
    bounds : (n + 1,) array of int
        Where each complete line begins, and where the one after the last of them would.
    dirty : bool
        Whether the text holds a byte that no FASTQ file has.
    """

    def __init__(self, capacity: int) -> None:
        self._take(np.empty(capacity + REACH, np.uint8), np.empty(capacity, bool))

    @classmethod
    def several(cls, number: int, capacity: int) -> "list[Self]":
        """Return blocks in one piece of memory, which has fewer and larger pages; no two are filled at once."""
        is_control = np.empty(capacity, bool)
        np.empty(capacity)  # freed at once: malloc keeps freed pieces up to this size instead of faulting them in anew
        blocks = [cls.__new__(cls) for _ in range(number)]
        for block, letters in zip(blocks, np.empty((number, capacity + REACH), np.uint8), strict=True):
            block._take(letters, is_control)
        return blocks

    def _take(self, letters: NDArray[np.uint8], is_control: NDArray[np.bool_]) -> None:
        """Take memory: a text and, so that a header can be read at any place, what follows it."""
        self.letters, self._is_control = letters, is_control
        self._view = letters.data
        self._signed = letters.view(np.int8)  # bytes beyond ASCII are negative, so below the blank as well
        self.fill(b"")

    def fill(self, beginning: bytes, more: "Reads | None" = None) -> None:
        r"""Take a text and what follows it, and find its lines; records of the text before are lost.

        Parameters
        ----------
        beginning : bytes
            What the text begins with.
        more : callable, optional
            Writes what follows into the memory it is given and returns how many bytes; 0 at the end of the file.

        Examples
        --------
        >>> block = Block(100)
        >>> block.fill(b"@a\nAC\n+")
        >>> block.bounds.tolist()
        [0, 3, 6]
        """
        self.size = len(beginning)
        self._view[: self.size] = beginning
        for _ in range(PARTS if more else 0):
            count = more(self._view[self.size : self.size + PART]) if more else 0
            self.size += count
            if not count:
                break
        self._find_lines()

    def _find_lines(self) -> None:
        """Find the line ends and whatever else is no printable ASCII, by one comparison."""
        is_control = np.less(self._signed[: self.size], _SPACE, out=self._is_control[: self.size])
        places = is_control.nonzero()[0]
        found = self.letters.take(places)
        is_end = found == _NEWLINE
        self.dirty = not is_end.all() and not is_text(found.tobytes())
        places = places if is_end.all() else places[is_end]
        self.bounds = np.zeros(len(places) + 1, np.int64)
        np.add(places, 1, out=self.bounds[1:])

    def text(self, start: int, end: int) -> bytes:
        """Return the bytes between two places."""
        return self.letters[start:end].tobytes()

    def pieces(self, starts: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
        """Return some bytes (a multiple of eight) from each place on, as an (n, width / 8) array."""
        places = len(self.letters) - width + 1
        view: NDArray[np.void] = np.ndarray((places,), np.dtype((np.void, width)), self.letters, strides=(1,))
        return view[starts].view(_WORD).reshape(len(starts), -1)

    def records(self) -> "Records":
        """Return the complete records."""
        count = (len(self.bounds) - 1) // LINES
        return Records(self, self.bounds[: count * LINES + 1])

    def rest(self) -> bytes:
        """Return what follows the last complete record."""
        count = (len(self.bounds) - 1) // LINES
        return self.text(int(self.bounds[count * LINES]), self.size)


@dataclass(frozen=True)
class Records:
    """Some whole records of a block, in the order of the file."""

    block: Block
    """Which bytes they lie in."""
    bounds: NDArray[np.int64]
    """Where each of their lines begins, and where the record after the last one would."""

    def __len__(self) -> int:
        return len(self.bounds) // LINES

    def split(self, count: int) -> tuple[Self, Self]:
        """Return the first `count` records and the others."""
        here = count * LINES
        first, other = self.bounds[: here + 1], self.bounds[here:]
        return type(self)(self.block, first), type(self)(self.block, other)

    def filled(self) -> int:
        """Return how many records there are up to the last one that is not four blank lines."""
        if not len(self) or self.bounds[-1] - self.bounds[-1 - LINES] > LINES:  # as nearly always
            return len(self)
        content = np.flatnonzero(self.lengths.any(axis=1))
        return int(content[-1]) + 1 if len(content) else 0

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each line begins, as an (n, 4) array."""
        return self.bounds[:-1].reshape(-1, LINES)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each line without its end, as an (n, 4) array."""
        lengths = self.bounds[1:] - self.bounds[:-1]
        lengths -= 1  # in place: another array of this size costs more than all that is done with it
        return lengths.reshape(-1, LINES)

    def line(self, record: int, line: int) -> bytes:
        """Return one line of one record, both counted from 0."""
        start = int(self.starts[record, line])
        return self.block.text(start, start + int(self.lengths[record, line]))

    def lines(self, line: int) -> Iterator[bytes]:
        """Return one line of each record, such as 1 for the bases."""
        for first in range(0, len(self), _LINES_AT_ONCE):
            some = self.bounds[first * LINES : (first + _LINES_AT_ONCE) * LINES + 1]
            yield from self.block.text(int(some[0]), int(some[-1])).split(b"\n")[line:-1:LINES]

    def is_sound(self, longest: int) -> bool:
        """Return whether every record is valid: marks in place, some bases, as many qualities, no line too long."""
        letters, starts, lengths = self.block.letters, self.starts, self.lengths
        return bool(
            (letters.take(starts[:, 0]) == _AT).all()
            and (letters.take(starts[:, 2]) == _PLUS).all()
            and (lengths[:, 1] == lengths[:, 3]).all()
            and lengths[:, 1].min() > 0
            and lengths.max() <= longest
        )


def headers_agree(one: Records, two: Records, ends: NDArray[np.int64]) -> bool:
    """Return whether the headers of equally many records of two files begin with the same bytes.

    Parameters
    ----------
    one, two : Records
        Of two files.
    ends : (n,) array of int
        How many bytes of each header have to be equal, at most 256.
    """
    width = -(-int(ends.max()) // _WORD.itemsize) * _WORD.itemsize
    differing = one.block.pieces(one.starts[:, 0], width)
    differing ^= two.block.pieces(two.starts[:, 0], width)
    differing &= _masks(width).take(ends, axis=0)
    return not differing.any()


@lru_cache
def _masks(width: int) -> NDArray[np.uint64]:
    """Give, for 0 up to `width` bytes, the words in which so many bytes have all bits set."""
    return (np.tri(width + 1, width, -1, np.uint8) * np.uint8(255)).view(_WORD)


MAX_LINE: Final = 1 << 16
"""Longest header or read in bytes: both quantifiers map short reads, and one endless line must not fill the memory."""

MAX_REST: Final = LINES * (MAX_LINE + 1)
"""No record that is still incomplete is longer, unless one of its lines is too long."""

PART: Final = 1 << 18
"""Bytes inflated at a time: what a damaged file loses before the damage."""

PARTS: Final = 8
"""Parts of a block, to spread the cost of a step; what a step costs per byte is found in the part, not the block."""

_STORED = 1 << 17
"""Bytes of a stored file that are read at a time; a member's header with the longest extra field must fit into them."""

_BEGINNING = 1 << 16
"""Bytes that tell texts of one length apart: reads of two lanes differ in their first name."""

_GZIP_MAGIC = b"\x1f\x8b"
Reads = Callable[[memoryview], int]
"""Writes the next bytes of a text into memory and returns how many; 0 at its end."""

_T = TypeVar("_T")


class BlockReader:
    """Yield the text of one file as blocks; each is lost when the one after the next is asked for.

    Parameters
    ----------
    path : Path
        gzip (also of several members, as `cat` and bgzip write it) or plain text.

    Attributes
    ----------
    damage : Exception or None
        Why the file could not be read to its end.
    content : tuple of str and int
        SHA-256 of the beginning of the text, and its length in bytes: the same for the same reads, however packed.
    """

    def __init__(self, path: Path) -> None:
        self.damage: Exception | None = None
        self.content = ("", 0)
        self._path = path
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was read, as it is stored."""
        return self._hash.hexdigest()

    def __iter__(self) -> Generator[Block, None, None]:
        return _prefetch(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        """Yield blocks that begin with a record; the last one ends with the file, or with a line that is too long."""
        rest = b""
        with self._path.open("rb") as stored:
            more = self._reads(stored)
            for block in cycle(Block.several(2, MAX_REST + PARTS * PART)):
                block.fill(rest, more)
                if block.size == len(rest):
                    return
                yield block
                rest = block.rest()
                if len(rest) > MAX_REST:
                    return

    def _reads(self, stored: io.BufferedReader) -> "Reads":
        """Return what reads the text of a stored file; the text ends where the file is damaged."""
        compressed = stored.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        hashed = _Hashed(stored, self._hash)
        # What igzip.open() wraps: the text goes straight into the block instead of being copied twice on its way.
        content = isal_zlib._GzipReader(cast(BinaryIO, hashed), _STORED) if compressed else hashed

        def read(memory: memoryview) -> int:
            if self.damage:
                return 0
            try:
                count: int = content.readinto(memory)
            except (*GZIP_DAMAGE, OverflowError) as error:  # the latter for a header without an end
                self.damage = error
                return 0
            self._identify(memory[:count])
            return count

        return read

    def _identify(self, text: memoryview) -> None:
        beginning, length = self.content
        if text:
            self.content = (beginning or hashlib.sha256(text[:_BEGINNING]).hexdigest(), length + len(text))


def is_text(content: bytes) -> bool:
    """Return whether bytes are free of those that no FASTQ has (`in` and isascii run at the speed of memory)."""
    return content.isascii() and b"\0" not in content and b"\r" not in content


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: io.BufferedReader, digest: "_Digest") -> None:
        self._file, self._digest = file, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # Buffer is Python 3.12's
        count = self._file.readinto(buffer)
        self._digest.update(memoryview(buffer)[:count])
        return count


class _Digest(Protocol):
    def update(self, data: memoryview, /) -> None: ...


def _prefetch(items: Iterator[_T]) -> Generator[_T, None, None]:
    """Prefetch: compute each item in a thread while its predecessor is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
