"""How long the reads of a sample are: what is shorter than the index's k-mers cannot be mapped."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class ReadLengths:
    """Reads counted by their length.

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
