"""DRAGEN's hash table of a genome; the annotation is read anew by every run and so stays a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.quantifiers.dragen import hash_table_arguments
from rnaseq_job.quantifiers.dragen_host import DragenHost
from rnaseq_job.reference.annotation import read_annotation
from rnaseq_job.reference.indexing import Index, Workplace
from rnaseq_job.reference.source import Part, invalid, reading
from rnaseq_job.reference.splicing import copy_genome
from rnaseq_job.reference.table import rows_of

_MARKERS = ("hash_table.cfg", "anchored_rna/hash_table.cfg")
"""DRAGEN puts the table for RNA into a folder of its own within the other."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class DragenHashTable:
    """Builds DRAGEN's hash table; transcripts stay as the GTF has them, pseudo-autosomal copies included.

    Parameters
    ----------
    host : DragenHost
        The machine; by default this one.
    """

    host: DragenHost = field(default_factory=DragenHost.here)

    @property
    def engine(self) -> str:
        """``dragen``."""
        return "dragen"

    @property
    def parts(self) -> set[Part]:
        """DRAGEN cuts transcripts itself."""
        return {Part.GENOME, Part.ANNOTATION, Part.DESCRIPTION}

    def version(self) -> str:
        """Give the installed version."""
        return self.host.version()

    def build(self, files: Mapping[Part, Path], place: Workplace) -> Index:
        """Check genome and annotation against each other and run DRAGEN."""
        if Part.GENOME not in files or Part.ANNOTATION not in files:
            raise invalid("DRAGEN needs a genome (genome.fa.gz) and its annotation (annotation.gtf.gz). Upload both.")
        annotation = read_annotation(files[Part.ANNOTATION])
        genome = place.work / "genome.fa"
        cut = copy_genome(files[Part.GENOME], annotation, genome)
        place.index.mkdir(parents=True)
        self.host.run(hash_table_arguments(genome, place.index), place.log)
        _check_markers(place.index)
        gtf = place.work / "annotation.gtf"
        _unpack(files[Part.ANNOTATION], gtf)
        return Index(rows_of(annotation, cut.transcripts), gtf, cut.par_copies, cut.masked, 0)


def _check_markers(index: Path) -> None:
    missing = [name for name in _MARKERS if not (index / name).is_file()]
    if missing:
        raise InputRejectedError(
            ReasonCode.ENGINE_FAILED,
            f"DRAGEN ended without {missing[0]}, so the hash table is not complete. Its log says why.",
            {"missing": list(missing)},
        )


def _unpack(source: Path, target: Path) -> None:
    """Write plain text: every run would otherwise unpack it again."""
    with reading(source) as packed, target.open("wb") as plain:
        while block := packed.read(_BLOCK):
            plain.write(block)
