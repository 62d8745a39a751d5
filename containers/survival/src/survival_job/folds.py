"""Folds: repeated, stratified by the event, and the same for every set of modalities.

A case's place follows from the hash of its id, the seed and the repeat, so it does not depend on the order of the rows.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Rows to train with and rows to test on."""

    repeat: int
    number: int
    train: Rows
    test: Rows


def assign(cases: Sequence[str], event: NDArray[np.bool_], parts: int, seed: str) -> Rows:
    """Return the part of each case: events are dealt out evenly, then the others."""
    order = sorted(range(len(cases)), key=lambda row: digest(f"{seed}:{cases[row]}"))
    found = np.empty(len(cases), np.int64)
    ranked = [row for row in order if event[row]] + [row for row in order if not event[row]]
    found[ranked] = np.arange(len(cases)) % parts
    return found


def repeated_folds(
    cases: Sequence[str], event: NDArray[np.bool_], *, repeats: int, parts: int, seed: str
) -> Iterator[Fold]:
    """Yield the folds of every repeat."""
    for repeat in range(repeats):
        found = assign(cases, event, parts, f"{seed}:{repeat}")
        for part in range(parts):
            yield Fold(repeat, part, np.flatnonzero(found != part), np.flatnonzero(found == part))


def digest(text: str) -> bytes:
    """Return bytes that are the same in every process."""
    return hashlib.sha256(text.encode()).digest()
