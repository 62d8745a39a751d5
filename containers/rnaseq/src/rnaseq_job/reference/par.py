"""GENCODE's ids of pseudo-autosomal copies on chromosome Y: ``ENST…_PAR_Y``, until release 24 ``ENSTR…``."""

from __future__ import annotations

import re

_SUFFIX = "_PAR_Y"
_OLD = re.compile(r"ENS([TG])R(?=\d{10})")


def is_copy(name: str) -> bool:
    """Tell whether a transcript or gene id is that of the copy on Y.

    Examples
    --------
    >>> is_copy("ENST00000381192.10_PAR_Y"), is_copy("ENSTR0000381192.3"), is_copy("ENST00000381192.10")
    (True, True, False)
    """
    return name.endswith(_SUFFIX) or _OLD.match(name) is not None


def original(name: str) -> str:
    """Give the id of the copy on X.

    Examples
    --------
    >>> original("ENSG00000002586.20_PAR_Y"), original("ENSGR0000002586.13")
    ('ENSG00000002586.20', 'ENSG00000002586.13')
    """
    return _OLD.sub(r"ENS\g<1>0", name.removesuffix(_SUFFIX), count=1)
