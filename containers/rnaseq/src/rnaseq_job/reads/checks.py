"""Checks the reads of a sample before a quantifier sees them: both mates of a lane together, in one pass.

Quantifiers do not: salmon ends with success after a truncated file or after mates of which one has fewer reads, and its
numbers are then those of a part of the sample.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import combinations
from operator import eq
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reads.barcodes import check_bulk
from rnaseq_job.reads.records import LINES, REACH, Records, headers_agree
from rnaseq_job.reads.stream import BEGINNING, FastqReader, ReadLengths, ReadsFile, fragment_name


@dataclass(frozen=True)
class LaneFiles:
    """The files of one lane; `second` is None for single-end reads."""

    first: ReadsFile
    second: ReadsFile | None
    without_mate: int = 0
    """Reads of an SRA object that have no mate and are left out: quantifiers take either pairs or single reads."""


@dataclass(frozen=True)
class ReadsReport:
    """What the checks counted."""

    fragments: int
    """Pairs, or single reads."""
    stored_bytes: int
    """Size of all files as they are stored."""
    input_hash: str
    """SHA-256 over the SHA-256 of every file, in the order of the list."""
    lengths: ReadLengths = field(default_factory=ReadLengths)
    """Of all reads."""
    without_mate: int = 0
    """Reads that were left out because the archive has no mate of them."""


def check_reads(lanes: Sequence[LaneFiles]) -> ReadsReport:
    """Check every lane, in the order of the list.

    Raises
    ------
    InputRejectedError
        READS_EMPTY, READS_TRUNCATED, READS_INVALID, READS_TOO_LONG, MATES_UNEQUAL, MATES_MISMATCHED, MATES_IDENTICAL,
        MATES_SWAPPED, READS_TWICE, READS_SINGLE_CELL, or FASTQ_LIST_INVALID when two lanes hold the two ends of the
        same fragments.
    """
    readers = [_checked(lane) for lane in lanes]
    files = [reader for lane in readers for reader in lane]
    for reader in files:
        _check_kind(reader)
    _check_distinct(files)
    _check_beginnings([lane[0] for lane in readers])
    _check_single([lane[0] for lane in readers if len(lane) == 1])
    return ReadsReport(
        fragments=sum(lane[0].records for lane in readers),
        stored_bytes=sum(reader.file.path.stat().st_size for reader in files),
        input_hash=hashlib.sha256("\n".join(reader.digest for reader in files).encode()).hexdigest(),
        lengths=sum((reader.lengths for reader in files), ReadLengths()),
        without_mate=sum(lane.without_mate for lane in lanes),
    )


LONGEST_SHORT_READ: Final = 1_000
"""Bases: no instrument for short reads writes more, and those for long reads write more in any file."""


def _check_kind(reader: FastqReader) -> None:
    """Reject long reads, and a file with both mates of each fragment, which single-end reads would count twice."""
    name, longest = reader.file.name, reader.lengths.longest
    if longest > LONGEST_SHORT_READ:
        raise reader.fault(
            ReasonCode.READS_TOO_LONG,
            f"{name} holds reads of up to {longest:,} bases; only short reads (up to {LONGEST_SHORT_READ:,}) can be "
            "quantified. Quantify long reads with a program for them, and upload a matrix of all cases.",
            longest=longest,
        )
    if _is_interleaved(reader):
        raise reader.fault(
            ReasonCode.READS_INVALID,
            f"{name} holds both mates of each fragment in turn (interleaved). Split it into _R1 and _R2 (seqtk seq -1 "
            "and seqtk seq -2) and upload both.",
        )


def _is_interleaved(reader: FastqReader) -> bool:
    """Return whether each name at the start comes twice: alike, or with the number of the mate."""
    names, count = list(reader.beginning), min(reader.records, BEGINNING)
    if len(names) < count:
        return len(names) * 2 == count
    pairs = [(b"@" + one, b"@" + two) for one, two in zip(names[::2], names[1::2], strict=False)]
    return bool(pairs) and all(names_match(*pair) for pair in pairs)


def _checked(lane: LaneFiles) -> list[FastqReader]:
    first = FastqReader(lane.first)
    if lane.second is None:
        for _ in first:
            pass
        return [first]
    second = FastqReader(lane.second)
    _check_mates(first, second)
    check_bulk(first, second)
    return [first, second]


def _check_mates(first: FastqReader, second: FastqReader) -> None:
    identical = True
    position = 0
    with closing(iter(first)) as ones, closing(iter(second)) as twos:  # a thread of each ends here, also after a fault
        for one, two in _aligned_batches(ones, twos):
            identical = identical and all(map(eq, one.lines(1), two.lines(1)))
            if not identical:
                _check_roles(first, second, one.line(0, 0), two.line(0, 0), position)
            mismatch = first_mismatch(one, two)
            if mismatch is not None:
                raise _mismatched(first, second, position + mismatch)
            position += len(one)
    if first.records != second.records:
        raise _unequal(first, second)
    if identical:
        raise _pair_rejection(
            ReasonCode.MATES_IDENTICAL, "R1 and R2 hold the same reads. Upload the second reads", first, second, {}
        )


def _aligned_batches(ones: Iterator[Records], twos: Iterator[Records]) -> Iterator[tuple[Records, Records]]:
    """Yield equally many records of both; when one file ends, the other is read to its end, to be proved and counted.

    The files run block by block, and blocks hold different numbers of records, so that a part of one waits.
    """
    one, two = next(ones, None), next(twos, None)
    while one and two:
        count = min(len(one), len(two))
        (one_now, one), (two_now, two) = one.split(count), two.split(count)
        yield one_now, two_now
        one, two = one or next(ones, None), two or next(twos, None)
    for rest in (ones, twos):
        for _ in rest:
            pass


def _check_roles(first: FastqReader, second: FastqReader, one: bytes, two: bytes, position: int) -> None:
    """Check one header per block: files are swapped whole, or joined from parts that are."""
    says = mates_of(one, two)
    if says[0] == 2 or says[1] == 1:
        raise _pair_rejection(
            ReasonCode.MATES_SWAPPED,
            "By the names of the reads, R1 does not hold first reads and R2 second ones. Exchange the files",
            first,
            second,
            {"record": position + 1, "line": position * LINES + 1, "r1_says": says[0], "r2_says": says[1]},
        )


def _mismatched(first: FastqReader, second: FastqReader, record: int) -> InputRejectedError:
    return _pair_rejection(
        ReasonCode.MATES_MISMATCHED,
        f"Record {record + 1} of R1 and of R2 are not the two ends of one fragment: the files are of different samples "
        "or lanes, or were filtered or sorted apart. Upload the files that belong together",
        first,
        second,
        {"record": record + 1, "line": record * LINES + 1},
    )


def _unequal(first: FastqReader, second: FastqReader) -> InputRejectedError:
    return _pair_rejection(
        ReasonCode.MATES_UNEQUAL,
        f"R1 has {first.records} reads and R2 {second.records}: one of them is incomplete. Upload both again",
        first,
        second,
        {"r1_reads": first.records, "r2_reads": second.records},
    )


def _pair_rejection(
    code: ReasonCode, message: str, first: FastqReader, second: FastqReader, numbers: dict[str, int | None]
) -> InputRejectedError:
    names = {"r1": first.file.name, "r2": second.file.name}
    return InputRejectedError(code, f"{message} ({names['r1']}, {names['r2']}).", {**names, **numbers})


def _check_distinct(readers: Sequence[FastqReader]) -> None:
    """Reject a lane that is there twice under two names, even when it was packed anew."""
    seen: dict[tuple[str, int], str] = {}
    for reader in readers:
        if reader.content in seen:
            raise _twice(seen[reader.content], reader.file.name, "hold the same reads")
        seen[reader.content] = reader.file.name


def _check_beginnings(firsts: Sequence[FastqReader]) -> None:
    """Reject a lane that holds another one's reads: raw beside trimmed ones, parts beside what they were joined to.

    The files begin with fragments of the same names, or in the same order, and, but for trimmed ends, the same bases.
    Names alone do not tell: archives number the reads of each run from 1, and rename those of a sequencer.
    """
    for one, two in combinations(firsts, 2):
        shared = one.beginning.keys() & two.beginning.keys()
        alike = [_is_part(one.beginning[name], two.beginning[name]) for name in shared]
        if sum(alike) * 2 > len(alike) or _are_renamed(one, two):
            raise _twice(
                one.file.name, two.file.name, "begin with the same reads (raw and trimmed, or a part and a whole)"
            )


_ENOUGH_RENAMED: Final = 20
"""Reads that are needed to tell that two files hold the same ones under other names."""


def _are_renamed(one: FastqReader, two: FastqReader) -> bool:
    """Return whether most reads at the start are the same in the same order; each sequence counts once.

    Libraries of few sequences (small RNA) have many equal reads in any two lanes.
    """
    pairs = [*zip(one.beginning.values(), two.beginning.values(), strict=False)]
    same = {first for first, second in pairs if _is_part(first, second)}
    return len(pairs) >= _ENOUGH_RENAMED and len(same) * 2 > len(pairs)


def _is_part(one: bytes, two: bytes) -> bool:
    return one in two or two in one


def _twice(one: str, two: str, how: str) -> InputRejectedError:
    message = f"{one} and {two} {how}, which would count twice. Take one of them away."
    return InputRejectedError(ReasonCode.READS_TWICE, message, {"file": two, "same_as": one})


def _check_single(readers: Sequence[FastqReader]) -> None:
    """Reject mates that are listed as single-end reads of two lanes: each fragment would count twice."""
    for one, two in combinations(readers, 2):
        ends = ((one.first_header, two.first_header), (one.last_header, two.last_header))
        if one.records == two.records and all(names_match(*pair) for pair in ends):
            raise InputRejectedError(
                ReasonCode.FASTQ_LIST_INVALID,
                f"{one.file.name} and {two.file.name} hold the two ends of the same fragments and are listed as "
                "single-end reads. Name them so that they are known as mates (_R1, _R2), or list them as fastq_1 and "
                "fastq_2 of one row in samplesheet.csv.",
                {"file": one.file.name, "mate": two.file.name},
            )


_SPOT = re.compile(rb"[^.]+\.[0-9]+\.[12]")
"""`@SRR1.7` has a spot but no mate: spots 1 and 2 must not pass for mates."""

_COORDINATES = re.compile(rb"[^:]+(?::[^:]+){4,}[._][12]")
"""At least instrument, lane, tile, x and y."""

_FIELDS: Final = 4
"""So many colons have coordinates, at least."""

_COMMENT = re.compile(rb"[^ \t]+[ \t]+([12]):[YN]:")
_SPACE, _TAB, _SLASH, _DOT, _UNDERSCORE, _COLON, _ZERO, _ONE, _TWO, _NINE = b" \t/._:0129"
_NAME_ENDS = b" \t\n"


def first_mismatch(firsts: Records, seconds: Records) -> int | None:
    """Compare the headers of equally many records of R1 and R2.

    Returns
    -------
    int or None
        The first record, from 0, whose headers do not name one fragment.
    """
    if _match_alike(firsts, seconds):
        return None
    matches = map(names_match, firsts.lines(0), seconds.lines(0))
    return next((record for record, match in enumerate(matches) if not match), None)


def _match_alike(firsts: Records, seconds: Records) -> bool:
    """Compare all headers at once, if all of R1 end like the first one does, after what names the fragment.

    Returns
    -------
    bool
        False also where this does not tell.
    """
    head, other = firsts.line(0, 0), seconds.line(0, 0)
    shared = next((place for place, pair in enumerate(zip(head, other, strict=False)) if pair[0] != pair[1]), len(head))
    ends = firsts.lengths[:, 0] - (len(head) - shared)
    if ends.min() < 1 or ends.max() > REACH or not headers_agree(firsts, seconds, ends):
        return False
    one, two = firsts.block.letters, seconds.block.letters
    here, there = firsts.starts[:, 0] + ends, seconds.starts[:, 0] + ends
    before = one[here - 1]
    if _are(before, _SPACE, _TAB):
        return True
    whole = _are(one[here], *_NAME_ENDS) and _are(two[there], *_NAME_ENDS)
    if whole or not (_end_in_mate(one, here) and _end_in_mate(two, there)):
        return whole
    if _are(before, _DOT) and _are_spots(firsts, ends - 1):
        return True
    return _are(before, _SLASH) or (_are(before, _DOT, _UNDERSCORE) and _are_coordinates(firsts, ends - 1))


def _are_coordinates(records: Records, marks: NDArray[np.int64]) -> bool:
    """Return whether at least five non-empty fields, separated by colons, precede a place in each header."""
    letters, starts = records.block.letters, records.starts[:, 0]
    colons, previous = np.zeros(len(records), np.int64), np.ones(len(records), bool)
    for place in range(1, int(marks.max()) + 1):
        colon, inside = letters[starts + place] == _COLON, place < marks
        if ((colon | ~inside) & previous & (place <= marks)).any():  # an empty field
            return False
        colons += colon & inside
        previous = colon
    return bool((colons >= _FIELDS).all())


def _are_spots(records: Records, dots: NDArray[np.int64]) -> bool:
    """Return whether what stands before the last dot is an accession, the same for all, a dot and a number."""
    head = records.line(0, 0)
    spot = head.index(b".") + 1
    if spot < len(b"@A.") or dots.min() <= spot:
        return False
    columns = ((place, records.block.letters[records.starts[:, 0] + place]) for place in range(1, int(dots.max())))
    return all(
        (letters == head[place]).all() if place < spot else (_are_digits(letters) | (place >= dots)).all()
        for place, letters in columns
    )


def _are_digits(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (letters >= _ZERO) & (letters <= _NINE)


def _end_in_mate(letters: NDArray[np.uint8], places: NDArray[np.int64]) -> bool:
    return _are(letters[places], _ONE, _TWO) and _are(letters[places + 1], *_NAME_ENDS)


def _are(letters: NDArray[np.uint8], *allowed: int) -> bool:
    """Return whether each is one of a few."""
    return bool(np.logical_or.reduce([letters == letter for letter in allowed]).all())


def names_match(first: bytes, second: bytes) -> bool:
    """Compare one header of R1 with one of R2.

    Examples
    --------
    >>> names_match(b"@SRR1.7.1 length=76", b"@SRR1.7.2 length=76")
    True
    >>> names_match(b"@SRR1.1", b"@SRR1.2")
    False
    """
    one, two = fragment_name(first), fragment_name(second)
    if one == two or one + b"/2" == two or one == two + b"/1":
        return True
    if one[:-1] != two[:-1] or {one[-1:], two[-1:]} != {b"1", b"2"}:
        return False
    return one[-2:-1] == b"/" or any(pattern.fullmatch(one) for pattern in (_SPOT, _COORDINATES))


def mates_of(first: bytes, second: bytes) -> tuple[int | None, int | None]:
    """Return the mates that two headers of one fragment say they are.

    Examples
    --------
    >>> mates_of(b"@A:1:1:1101:1000_2", b"@A:1:1:1101:1000_1")
    (2, 1)
    """
    one, two = fragment_name(first), fragment_name(second)
    if one != two and _COORDINATES.fullmatch(one) and names_match(first, second):
        return int(one[-1:]), int(two[-1:])
    return mate_of(first), mate_of(second)


def mate_of(head: bytes) -> int | None:
    """Return the mate that a header says it is; None when it does not say.

    Examples
    --------
    >>> mate_of(b"@A0:1:H:1:1101:1000:1000 2:N:0:ACGT")
    2
    """
    comment = _COMMENT.match(head)
    if comment:
        return int(comment[1])
    name = fragment_name(head)
    if name.endswith((b"/1", b"/2")) or _SPOT.fullmatch(name):
        return int(name[-1:])
    return None
