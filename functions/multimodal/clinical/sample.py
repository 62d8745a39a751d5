"""A sample of a table's rows that is the same in whatever order the rows come, in memory that does not grow."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any

Row = tuple[Any, ...]


_by_hash = itemgetter(0)


def case_hash(case_id: str) -> str:
    """Return 16 hexadecimal digits that depend on the case alone: the order in which a sample and folds are made."""
    return blake2b(case_id.encode(), digest_size=8).hexdigest()


class BottomSample:
    """The rows of the cases whose hashes are the smallest (a bottom-k sample).

    Every row is equally likely to be in it, as with a reservoir, but which rows are is decided by the cases alone: a
    shuffled file gives the same sample, hence the same verdict. Source: Cohen and Kaplan, "Summarizing data using
    bottom-k sketches", PODC 2007.

    Parameters
    ----------
    size : int
        Rows that are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: list[tuple[str, Row]] = []
        self._limit = "g"  # Sorts after every hexadecimal digit: until the sample is full, everything is below it.

    def add(self, case_ids: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
        """Offer some rows, given by columns of equal length."""
        hashes = [blake2b(case.encode(), digest_size=8).hexdigest() for case in case_ids]
        limit = self._limit
        chosen = [i for i, value in enumerate(hashes) if value < limit]
        if len(chosen) == len(hashes):
            rows = zip(*columns, strict=True) if columns else [()] * len(hashes)
            self._rows.extend(zip(hashes, rows, strict=True))
        else:
            self._rows.extend((hashes[i], tuple([column[i] for column in columns])) for i in chosen)
        # Cut only now and then: sorting costs more than a few rows too many.
        if len(self._rows) > 1.25 * self.size:
            self._cut()

    def _cut(self) -> None:
        self._rows.sort(key=_by_hash)
        del self._rows[self.size :]
        self._limit = self._rows[-1][0]

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield hash and row, by hash."""
        self._rows.sort(key=_by_hash)
        del self._rows[self.size :]
        yield from self._rows
