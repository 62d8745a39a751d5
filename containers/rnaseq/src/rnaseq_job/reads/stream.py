"""Reads a FASTQ file once, from end to end, in bounded memory, and proves each record on the way.

Blocks are proved with whole-array operations, which cost a fiftieth of a loop over records; a block that fails is gone
through record by record, to say where.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode
from rnaseq_job.reads.records import LINES, MAX_LINE, Block, BlockReader, Records, is_text

_FIRST_RECORDS: Final = 1_000
"""Records at the start of a file whose letters are looked at: they show what kind of file it is."""

_HEAD: Final = 8
"""Bytes that tell formats apart."""

BEGINNING: Final = 250
"""Records at the start of a file that are compared with those of other lanes: 512 lanes of them take some 20 MB."""

_OTHER_FORMATS: Final = (
    (b"<", "a web page, as a download that failed leaves it"),
    (b"{", "JSON, as a download that failed leaves it"),
    (b"BAM\1", "aligned reads (BAM)"),
    (b"CRAM", "aligned reads (CRAM)"),
    (b"@HD\t", "aligned reads (SAM)"),
    (b">", "FASTA, without qualities"),
    (b"PK\3\4", "a zip archive"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"\x1f\x8b", "packed by gzip twice"),
)
"""How files begin that are called as reads and are something else."""

_BASES = b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv.-"


@dataclass(frozen=True)
class ReadsFile:
    """A staged file, and the name that the user knows it by."""

    path: Path
    name: str


@dataclass
class ReadLengths:
    """Reads counted by their length: what is shorter than the index's k-mers cannot be mapped.

    Attributes
    ----------
    counts : (longest + 1,) array of int
        Number of reads of each length in bases.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def add(self, lengths: NDArray[np.int64]) -> None:
        """Count reads of the given lengths in bases.

        Examples
        --------
        >>> lengths = ReadLengths()
        >>> lengths.add(np.array([75, 20, 75]))
        >>> lengths.shortest, lengths.longest, lengths.shorter_than(31)
        (20, 75, 1)
        """
        self._merge(np.bincount(lengths, minlength=len(self.counts)))

    def __add__(self, other: "ReadLengths") -> "ReadLengths":
        """Return the reads of both."""
        both = ReadLengths(self.counts)
        both._merge(np.pad(other.counts, (0, max(0, len(self.counts) - len(other.counts)))))
        return both

    @property
    def total(self) -> int:
        """Number of reads."""
        return int(self.counts.sum())

    @property
    def shortest(self) -> int:
        """Length of the shortest read; 0 without a read."""
        return int(np.flatnonzero(self.counts)[0]) if self.total else 0

    @property
    def longest(self) -> int:
        """Length of the longest read; 0 without a read."""
        return int(np.flatnonzero(self.counts)[-1]) if self.total else 0

    @property
    def mean(self) -> float:
        """Mean length in bases; 0 without a read."""
        return float(self.counts @ np.arange(len(self.counts))) / max(1, self.total)

    def shorter_than(self, bases: int) -> int:
        """Return how many reads are shorter."""
        return int(self.counts[:bases].sum())

    def _merge(self, found: NDArray[np.int64]) -> None:
        found[: len(self.counts)] += self.counts
        self.counts = found


class FastqReader:
    """Yields the records of one file and proves them: complete gzip members, four lines each, equal lengths.

    Parameters
    ----------
    file : ReadsFile
        gzip (also of several members, as `cat` and bgzip write it) or plain text.

    Attributes
    ----------
    records : int
        Records yielded so far.
    first_header, last_header : bytes
        First lines of the first and the last of them.
    beginning : dict
        Name of a fragment → bases of its read, for the first 250 records.
    lengths : ReadLengths
        Of the records yielded so far.
    """

    def __init__(self, file: ReadsFile) -> None:
        self.file = file
        self.records = 0
        self.first_header = self.last_header = b""
        self.beginning: dict[bytes, bytes] = {}
        self.lengths = ReadLengths()
        self._ended = False
        self._blocks = BlockReader(file.path)

    @property
    def digest(self) -> str:
        """Return the SHA-256 of what was read."""
        return self._blocks.digest

    @property
    def content(self) -> tuple[str, int]:
        """Return what identifies the reads, however they are packed; see `BlockReader`."""
        return self._blocks.content

    def __iter__(self) -> Generator[Records, None, None]:
        rest = b""
        with closing(iter(self._blocks)) as blocks:
            for block in blocks:
                self._reject_other_format(block.text(0, min(block.size, _HEAD)))
                records = self._filled(block.records())
                if len(records):
                    yield self._validated(records)
                rest = block.rest()
                self._check_length(rest)
        if self._blocks.damage:
            raise self._truncated(self._blocks.damage)
        yield from self._last(rest)
        if not self.records:
            raise self.fault(ReasonCode.READS_EMPTY, f"{self.file.name} holds no read. Upload the file again.")

    def _reject_other_format(self, head: bytes) -> None:
        """Reject a file that begins as another format does."""
        kind = next((kind for start, kind in _OTHER_FORMATS if head.startswith(start)), "")
        if kind and not self.records:
            message = f"{self.file.name} is {kind}, no FASTQ. Upload the reads as .fastq.gz."
            raise self.fault(ReasonCode.READS_INVALID, message)

    def _filled(self, records: Records) -> Records:
        """Drop the blank lines at the end of the file, which four at a time look like records without content."""
        count = records.filled()
        if self._ended and count:
            raise self._broken(0, 0, "blank lines stand between the reads")
        self._ended = self._ended or count < len(records)
        return records if count == len(records) else records.split(count)[0]

    def _check_length(self, rest: bytes) -> None:
        """Reject a record that is not complete yet for a line that does not end."""
        for number, line in enumerate(rest.split(b"\n") if len(rest) > MAX_LINE else []):
            if len(line) > MAX_LINE:
                raise self._too_long(0, number, len(line))

    def _last(self, rest: bytes) -> Iterator[Records]:
        """Return the record that no newline ends; blank lines after it are nobody's fault."""
        text = rest.rstrip(b"\n")
        lines = text.count(b"\n") + 1
        if text and self._ended:
            raise self._broken(0, 0, "blank lines stand between the reads")
        if text and lines != LINES:
            raise self._broken(0, lines, "the file ends inside a record")
        if text:
            block = Block(len(text) + 1)
            block.fill(text + b"\n")
            yield self._validated(block.records())

    def _validated(self, records: Records) -> Records:
        strange = self.records == 0 and not _are_bases(records.split(_FIRST_RECORDS)[0])
        if records.block.dirty or strange or not records.is_sound(MAX_LINE):
            self._find_fault(records)
        if self.records == 0:
            start = records.split(BEGINNING)[0]
            self.beginning = dict(zip(map(fragment_name, start.lines(0)), start.lines(1), strict=True))
        self.first_header, self.last_header = self.first_header or records.line(0, 0), records.line(-1, 0)
        self.records += len(records)
        self.lengths.add(records.lengths[:, 1])
        return records

    def _find_fault(self, records: Records) -> None:
        """Go through records one by one."""
        for number in range(len(records)):
            record = [records.line(number, line) for line in range(LINES)]
            for line, text in enumerate(record):
                if len(text) > MAX_LINE:
                    raise self._too_long(number, line, len(text))
            problem = _problem(*record)
            if problem is not None:
                raise self._broken(number, problem[0], problem[1])

    def _too_long(self, record: int, line: int, length: int) -> InputRejectedError:
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
        """Name a place, counted from 1 as editors do; `record` counts from the records already yielded."""
        record += self.records
        place: dict[str, Detail] = {"record": record + 1, "line": record * LINES + line + 1}
        where = f"{self.file.name}, record {place['record']} (line {place['line']})"
        return self.fault(code, f"{where}: {problem}. Export the FASTQ file again.", **place, **details)

    def fault(self, code: ReasonCode, message: str, **details: Detail) -> InputRejectedError:
        """Return a rejection that names this file."""
        return InputRejectedError(code, message, {"file": self.file.name, **details})

    def _truncated(self, error: Exception) -> InputRejectedError:
        return self.fault(
            ReasonCode.READS_TRUNCATED,
            f"{self.file.name} is cut short or damaged after {self.records} reads ({error}). Upload it again and "
            "compare its checksum with the sequencing centre's.",
            reads_before=self.records,
            stored_bytes=self.file.path.stat().st_size,
        )


def fragment_name(head: bytes) -> bytes:
    """Return what stands in a header between the at sign and the first white space."""
    return head[1:].replace(b"\t", b" ").partition(b" ")[0]


def _are_bases(records: Records) -> bool:
    return not b"".join(records.lines(1)).translate(None, _BASES)


def _problem(head: bytes, sequence: bytes, plus: bytes, quality: bytes) -> tuple[int, str] | None:
    """Return what is wrong with a record, and in which of its lines; never its content, which is a person's genome."""
    lines = (head, sequence, plus, quality)
    for number, line in enumerate(lines):
        if line.endswith(b"\r"):
            return number, "lines end as on Windows; convert the file (dos2unix)"
        if not is_text(line):
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
