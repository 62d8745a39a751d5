"""Whether two FASTQ headers name the two ends of one fragment.

Three conventions are in use: Illumina's ``@name 1:N:0:index``, the older ``@name/1`` (of which one mate may lack its
mark), and ``@SRR1.7.1`` of fastq-dump (accession, spot, mate). ``.1`` and ``_1`` are marks also behind the coordinates
of a cluster (``@A001:45:HXXYY:1:1101:1000:2000.1``). Behind anything else they count reads: read_1 and read_2 are two
fragments. Everything after the first white space is a comment and does not name the fragment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from rnaseq_job.reads.records import REACH, Records, headers_agree

if TYPE_CHECKING:
    from numpy.typing import NDArray


_SPOT = re.compile(rb"[^.]+\.[0-9]+\.[12]")
"""``@SRR1.7`` has a spot but no mate: spots 1 and 2 must not pass for mates."""


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
    """Whether at least five fields with something in them, parted by colons, stand before a place in each header."""
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
    """Whether what stands before the last dot is an accession, the same for all, a dot and a number."""
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
    """Whether each is one of a few."""
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
    one, two = _name(first), _name(second)
    if one == two or one + b"/2" == two or one == two + b"/1":
        return True
    if one[:-1] != two[:-1] or {one[-1:], two[-1:]} != {b"1", b"2"}:
        return False
    return one[-2:-1] == b"/" or any(pattern.fullmatch(one) for pattern in (_SPOT, _COORDINATES))


def mates_of(first: bytes, second: bytes) -> tuple[int | None, int | None]:
    """Give the mates that two headers of one fragment say they are.

    Examples
    --------
    >>> mates_of(b"@A:1:1:1101:1000_2", b"@A:1:1:1101:1000_1")
    (2, 1)
    """
    one, two = _name(first), _name(second)
    if one != two and _COORDINATES.fullmatch(one) and names_match(first, second):
        return int(one[-1:]), int(two[-1:])
    return mate_of(first), mate_of(second)


def mate_of(head: bytes) -> int | None:
    """Give the mate that a header says it is; None when it does not say.

    Examples
    --------
    >>> mate_of(b"@A0:1:H:1:1101:1000:1000 2:N:0:ACGT")
    2
    """
    comment = _COMMENT.match(head)
    if comment:
        return int(comment[1])
    name = _name(head)
    if name.endswith((b"/1", b"/2")) or _SPOT.fullmatch(name):
        return int(name[-1:])
    return None


def _name(head: bytes) -> bytes:
    """Give what stands between the at sign and the first white space."""
    return head[1:].replace(b"\t", b" ").partition(b" ")[0]
