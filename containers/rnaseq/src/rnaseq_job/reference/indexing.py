"""What every index builder offers; salmon's and DRAGEN's are in modules of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rnaseq_job.reference.source import Part
from rnaseq_job.reference.table import Row


@dataclass(frozen=True)
class Workplace:
    """Where and how to build.

    Parameters
    ----------
    work : Path
        For intermediate files.
    index : Path
        Receives the engine's files; does not exist yet.
    log : Path
        Receives the engine's output.
    threads : int
        Processor threads.
    """

    work: Path
    index: Path
    log: Path
    threads: int


@dataclass(frozen=True)
class Index:
    """What a builder made; see `rnaseq_job.reference.manifest.Manifest` for the numbers."""

    rows: Sequence[Row]
    annotation: Path | None
    par_copies: int
    masked: int
    decoys: int


class IndexBuilder(Protocol):
    """Builds the index of one engine."""

    @property
    def engine(self) -> str:
        """``salmon`` or ``dragen``."""
        ...

    @property
    def parts(self) -> set[Part]:
        """What of the source it reads."""
        ...

    def version(self) -> str:
        """Give the engine's version."""
        ...

    def build(self, files: Mapping[Part, Path], place: Workplace) -> Index:
        """Build.

        Raises
        ------
        InputRejectedError
            REFERENCE_INVALID when the files do not fit each other, ENGINE_FAILED when the engine refuses them.
        HostFaultError
            When the machine failed.
        """
        ...
