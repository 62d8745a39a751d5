"""Whether two FASTQ headers name the two ends of one fragment.

Three conventions are in use: Illumina's ``@name 1:N:0:index``, the older ``@name/1``, and ``@SRR1.7.1`` of fastq-dump
(accession, spot, mate). Everything after the first white space is a comment and does not name the fragment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MARKS = ((b" 1:", b" 2:"), (b"/1\n", b"/2\n"), (b"/1 ", b"/2 "))
"""What differs between all headers of R1 and R2, by convention. None of them can hide a difference in the part that
names the fragment: each begins or ends where that part ends."""

_SPOT = re.compile(rb"[^.]+\.[0-9]+\.[12]")
"""``@SRR1.7`` has a spot but no mate: spots 1 and 2 must not pass for mates."""

_COMMENT = re.compile(rb"[^ \t]+[ \t]+([12]):[YN]:")


def all_match(firsts: Sequence[bytes], seconds: Sequence[bytes]) -> bool:
    """Compare equally many headers of R1 and R2, most often in one comparison of bytes.

    Examples
    --------
    >>> all_match([b"@a 1:N:0", b"@b 1:N:0"], [b"@a 2:N:0", b"@b 2:N:0"])
    True
    """
    first, second = b"\n".join(firsts) + b"\n", b"\n".join(seconds) + b"\n"
    if first == second:
        return True
    if any(first.replace(one, two) == second for one, two in _MARKS):
        return True
    return all(map(names_match, firsts, seconds))


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
    if one == two:
        return True
    if one[:-1] != two[:-1] or {one[-1:], two[-1:]} != {b"1", b"2"}:
        return False
    return one[-2:-1] == b"/" or _SPOT.fullmatch(one) is not None


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
