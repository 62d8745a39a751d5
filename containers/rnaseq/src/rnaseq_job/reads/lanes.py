"""The list of reads of a sample: DRAGEN's fastq list, of which every cell is checked before anything is fetched."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnaseq_job.errors import Detail, InputRejectedError, ReasonCode

COLUMNS = ("RGID", "RGSM", "RGLB", "Lane", "Read1File", "Read2File")
MAX_LIST_BYTES = 1 << 20
MAX_LANES = 512
_SAMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")

_GROUP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}")
"""Read groups and libraries go into the header of a BAM file: no tab, and nothing that reads like an option."""

_LANE_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_SRA_RUN = re.compile(r"[SED]RR[0-9]{6,9}(\.sra|\.sralite)?")
_SHOWN_CHARACTERS = 60

_ENDING = re.compile(r"(?i)([._-](S\d{1,4}|L\d{3}|lane\d{1,3}|reads?|[RI]?[12]|\d{3}))*(\.(fastq|fq|sra|sralite|gz))*$")
"""What bcl2fastq, the SRA's tools and others put behind a sample's name."""


@dataclass(frozen=True)
class ListedLane:
    """One row of the list."""

    read_group: str
    library: str
    """RGID and RGLB."""
    lane: int
    """Lane of the flow cell."""
    read1: str
    """Address of the first reads, or of an SRA object."""
    read2: str | None
    """Address of the second reads."""


def check_sample_name(name: str) -> None:
    """Reject a name that could be an option, a path or a shell's word.

    Raises
    ------
    InputRejectedError
        SAMPLE_NAME_INVALID.
    """
    if not _SAMPLE_NAME.fullmatch(name):
        raise InputRejectedError(
            ReasonCode.SAMPLE_NAME_INVALID,
            "The sample's name must start with a letter or digit and hold at most 41 letters, digits, hyphens and "
            "underscores. Rename the case's folder.",
            {"sample": shown(name)},
        )


def read_list(path: Path, sample: str, base: str, buckets: Collection[str] = ()) -> list[ListedLane]:
    """Read a fastq list.

    Parameters
    ----------
    path : Path
        The staged list.
    sample : str
        Every row must be of this sample.
    base : str
        Address of the list; plain paths in it are relative to its folder, and only a plain list may have them.
    buckets : collection of str
        The only buckets that reads may come from; empty for no limit.

    Returns
    -------
    list of ListedLane
        In the order of the list.

    Raises
    ------
    InputRejectedError
        FASTQ_LIST_INVALID with the row and column, or MATES_IDENTICAL for a row whose mates are one file.
    """
    lanes = [_lane(number, row, sample, base, buckets) for number, row in enumerate(_rows(path), start=1)]
    if not lanes:
        raise _invalid("The list of reads has no row. Upload the sample's FASTQ files.")
    if len(lanes) > MAX_LANES:
        raise _invalid(f"The list has more than {MAX_LANES} rows.", rows=len(lanes))
    _check_distinct(lanes)
    check_layout([lane.read2 is not None for lane in lanes if not is_sra(lane.read1)])
    return lanes


def is_sra(address: str) -> bool:
    """Recognise an SRA object by its name; those of the public bucket are named by their accession alone.

    Examples
    --------
    >>> is_sra("s3://sra-pub-run-odp/sra/SRR7938741/SRR7938741")
    True
    """
    return address.lower().endswith(".sra") or _SRA_RUN.fullmatch(file_name(address)) is not None


def check_layout(paired: Sequence[bool]) -> None:
    """Reject a sample of which some lanes have mates and some have none.

    Raises
    ------
    InputRejectedError
        FASTQ_LIST_INVALID.
    """
    if len(set(paired)) > 1:
        raise _invalid(
            "Some lanes are paired and some are single-end. Upload the missing mates, or take the single lanes away.",
            paired=sum(paired),
            single=len(paired) - sum(paired),
        )


def shown(text: str) -> str:
    """Escape text of unknown origin for a message.

    Examples
    --------
    >>> shown("a\\x00b")
    'a\\\\x00b'
    """
    return text.encode("unicode_escape").decode("ascii")[:_SHOWN_CHARACTERS]


def display_name(name: str, sample: str) -> str:
    """Return a file's name for messages: what a sequencer or a tool adds, and `*` for what may name a patient.

    Messages go to logs and to the ledger (docs/decisions.md#prove-3). The name of the sample and the accession of a run
    stay.

    Examples
    --------
    >>> display_name("R01-001_S1_L002_R2_001.fastq.gz", "R01-001")
    'R01-001_S1_L002_R2_001.fastq.gz'
    >>> display_name("Doe-Jane-19470317_S1_L002_R2_001.fastq.gz", "R01-001")
    '*_S1_L002_R2_001.fastq.gz'
    """
    matched = _ENDING.search(name)
    own = name[: matched.start()] if matched else name
    is_of_sample = bool(sample) and name.startswith(sample) and _ENDING.fullmatch(name[len(sample) :])
    return shown(name if is_of_sample or _SRA_RUN.fullmatch(own) else f"*{name[len(own) :]}")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.stat().st_size > MAX_LIST_BYTES:
        raise _invalid(f"The list of reads is larger than {MAX_LIST_BYTES} bytes.", bytes=path.stat().st_size)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise _invalid("The list of reads is not UTF-8. Save it as CSV in UTF-8.", offset=error.start) from error
    try:
        table = list(csv.reader(lines))
    except csv.Error as error:  # a cell of more than 128 KiB
        raise _invalid(f"The list of reads is not CSV: {error}.") from error
    if not table or tuple(table[0]) != COLUMNS:
        raise _invalid(f"The list's first line must be: {','.join(COLUMNS)}")
    for number, cells in enumerate(table[1:], start=1):
        if len(cells) != len(COLUMNS):
            raise _invalid(f"Row {number} has {len(cells)} cells instead of {len(COLUMNS)}.", row=number)
        yield dict(zip(COLUMNS, cells, strict=True))


def _lane(number: int, row: dict[str, str], sample: str, base: str, buckets: Collection[str]) -> ListedLane:
    if row["RGSM"] != sample:
        raise _bad_cell(number, "RGSM", row, "is another sample than the one of this job")
    for column in ("RGID", "RGLB"):
        if not _GROUP_NAME.fullmatch(row[column]):
            raise _bad_cell(number, column, row, "must be a name of letters, digits and _.:+-")
    if not _LANE_NUMBER.fullmatch(row["Lane"]):
        raise _bad_cell(number, "Lane", row, "must be a number from 1 on")
    read1 = _address(number, "Read1File", row, base, buckets)
    read2 = _address(number, "Read2File", row, base, buckets) if row["Read2File"] else None
    if read2 is not None and is_sra(read1):
        raise _bad_cell(number, "Read2File", row, "must be empty beside an SRA object, which holds both mates")
    if read1 == read2:
        raise InputRejectedError(
            ReasonCode.MATES_IDENTICAL,
            "R1 and R2 are one file. List the second reads as Read2File.",
            {"row": number, "file": shown(file_name(read1))},
        )
    return ListedLane(row["RGID"], row["RGLB"], int(row["Lane"]), read1, read2)


def _address(number: int, column: str, row: dict[str, str], base: str, buckets: Collection[str]) -> str:
    """Check one address; a list in S3 must not reach the files of the machine that reads it."""
    address = row[column]
    if not address or not address.isprintable() or address != address.strip():
        raise _bad_cell(number, column, row, "must be the address of a file")
    if address.startswith("s3://"):
        bucket, _, key = address.removeprefix("s3://").partition("/")
        if not bucket or not key or ".." in key.split("/") or (buckets and bucket not in buckets):
            raise _bad_cell(number, column, row, "must be s3://bucket/key in a bucket of this deployment")
        return address
    if "://" in address or "://" in base:
        raise _bad_cell(number, column, row, "must be s3://bucket/key")
    return str(Path(base).parent / address)


def _check_distinct(lanes: Sequence[ListedLane]) -> None:
    seen: set[str] = set()
    groups: set[tuple[str, int]] = set()
    for number, lane in enumerate(lanes, start=1):
        for address in filter(None, (lane.read1, lane.read2)):
            if address in seen:
                raise _invalid("A file is listed twice; its reads would count twice.", row=number, file=shown(address))
            seen.add(address)
        if (lane.read_group, lane.lane) in groups:
            raise _invalid("Two rows have the same RGID and Lane.", row=number, read_group=lane.read_group)
        groups.add((lane.read_group, lane.lane))


def file_name(address: str) -> str:
    """Return the last part of an address."""
    return address.rstrip("/").rpartition("/")[2]


def _bad_cell(number: int, column: str, row: dict[str, str], problem: str) -> InputRejectedError:
    value = shown(row[column])
    return _invalid(f"Row {number}, {column}: {value!r} {problem}.", row=number, column=column, value=value)


def _invalid(message: str, **details: Detail) -> InputRejectedError:
    return InputRejectedError(ReasonCode.FASTQ_LIST_INVALID, message, details)


@dataclass(frozen=True)
class Lane:
    """One read group: a pair of files, or a single one."""

    read_group: str
    """RGID of the fastq list."""
    library: str
    """RGLB."""
    lane: int
    """Lane of the flow cell; 1 where unknown."""
    read1: Path
    read2: Path | None
    """Staged files; `read2` is None for single-end reads."""


@dataclass(frozen=True)
class Sample:
    """All lanes of a case; paired or single-end throughout."""

    name: str
    """Case key, the first part of every result's name."""
    lanes: tuple[Lane, ...]
    """In the order of the list."""

    @property
    def paired(self) -> bool:
        """Return whether the reads have mates."""
        return self.lanes[0].read2 is not None
