"""What every engine offers, so that nothing but its own module knows which one runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rnaseq_job.reads.lanes import Sample


@dataclass(frozen=True)
class Quantification:
    """What an engine left.

    Parameters
    ----------
    transcripts, genes : Path
        Tab-separated tables with the columns ``Name Length EffectiveLength TPM NumReads``.
    detected_library_type : str or None
        As salmon writes it (``IU``, ``ISR``, …); None when the engine does not say.
    compatible_fragment_ratio : float or None
        Share of mapped fragments that fit the library type.
    total, mapped : int or None
        Fragments (pairs, or single reads).
    logs : tuple of Path
        Uploaded also when the engine failed.
    command : tuple of str
        The argument list that ran, without secrets.
    """

    transcripts: Path
    genes: Path
    detected_library_type: str | None
    compatible_fragment_ratio: float | None
    total: int | None
    mapped: int | None
    logs: tuple[Path, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class BuiltReference:
    """A staged reference.

    Parameters
    ----------
    folder : Path
        Holds ``manifest.json``, ``transcripts.tsv`` and the engine's index.
    index : Path
        The engine's own index folder.
    transcripts : Path
        ``transcripts.tsv``: transcript_id, gene_id, gene_name.
    annotation : Path or None
        GTF, where the engine needs it.
    name, genome, annotation_name : str
        For the assay identity.
    """

    folder: Path
    index: Path
    transcripts: Path
    annotation: Path | None
    name: str
    genome: str
    annotation_name: str


@dataclass(frozen=True)
class EngineOptions:
    """How to run.

    Parameters
    ----------
    library_type : str
        ``A`` (detect), ``IU``, ``ISR``, ``ISF``, ``U``, ``SR`` or ``SF``.
    threads : int
        Processor threads.
    work : Path
        A folder of its own with room for intermediate results.
    licence : Path or None
        DRAGEN's licence file, mode 0600.
    extra : dict
        Reserved for engine-specific settings, by name.
    """

    library_type: str
    threads: int
    work: Path
    licence: Path | None = None
    extra: dict[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """DRAGEN or salmon."""

    @property
    def name(self) -> str:
        """``dragen`` or ``salmon``."""
        ...

    def version(self) -> str:
        """Give the installed version.

        Raises
        ------
        InvalidJobError
            When the engine is not installed.
        """
        ...

    def quantify(self, sample: Sample, reference: BuiltReference, options: EngineOptions) -> Quantification:
        """Run the engine.

        Raises
        ------
        InputRejectedError
            When it refuses the reads or the reference.
        HostFaultError
            When the machine failed (signal, FPGA, disk).
        """
        ...
