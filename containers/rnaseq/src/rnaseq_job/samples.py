"""A sample: the lanes of reads that belong to one case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Lane:
    """One read group: a pair of files, or a single one.

    Parameters
    ----------
    read_group : str
        RGID of the fastq list.
    library : str
        RGLB.
    lane : int
        Lane of the flow cell; 1 where unknown.
    read1, read2 : Path
        Staged files; ``read2`` is None for single-end reads.
    """

    read_group: str
    library: str
    lane: int
    read1: Path
    read2: Path | None


@dataclass(frozen=True)
class Sample:
    """All lanes of a case; paired or single-end throughout.

    Parameters
    ----------
    name : str
        Case key, the first part of every result's name.
    lanes : tuple of Lane
        In the order of the list.
    """

    name: str
    lanes: tuple[Lane, ...]

    @property
    def paired(self) -> bool:
        """Whether the reads have mates."""
        return self.lanes[0].read2 is not None
