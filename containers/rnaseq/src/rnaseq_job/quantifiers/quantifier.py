"""What every quantifier offers, so that nothing but its own module knows which one runs, and the tables it leaves.

Tables of expression have the columns `Name Length EffectiveLength TPM NumReads`; `transcripts.tsv` of a reference says
which gene a transcript belongs to.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reads.lanes import Sample


@dataclass(frozen=True)
class Quantification:
    """What a quantifier left."""

    transcripts: Path
    genes: Path
    """Tab-separated tables with the columns `Name Length EffectiveLength TPM NumReads`."""
    detected_library_type: str | None
    """As salmon writes it (`IU`, `ISR`, …); None when the quantifier does not say."""
    compatible_fragment_ratio: float | None
    """Share of mapped fragments that fit the library type."""
    total: int | None
    mapped: int | None
    """Fragments (pairs, or single reads)."""
    forward_share: float | None = None
    """Share of fragments whose first read lies on the transcript's strand."""
    reports: tuple[str, ...] = ()
    """Files that MultiQC reads, below the folder of `transcripts`."""
    logs: tuple[Path, ...] = ()
    """Uploaded also when the quantifier failed."""
    command: tuple[str, ...] = ()
    """The argument list that ran, without secrets."""


@dataclass(frozen=True)
class BuiltReference:
    """A staged reference."""

    index: Path
    """The quantifier's own index folder."""
    transcripts: Path
    """`transcripts.tsv`: transcript_id, gene_id, gene_name."""
    annotation: Path | None
    """GTF, where the quantifier needs it."""
    name: str
    genome: str
    annotation_name: str
    """For the assay identity."""


@dataclass(frozen=True)
class QuantifierOptions:
    """How to run."""

    library_type: str
    """`A` (detect), `IU`, `ISR`, `ISF`, `U`, `SR` or `SF`."""
    threads: int
    """Processor threads."""
    work: Path
    """A folder of its own with room for intermediate results."""
    licence: Path | None = None
    """DRAGEN's licence file, mode 0600."""


class Quantifier(Protocol):
    """DRAGEN or salmon."""

    @property
    def name(self) -> str:
        """`dragen` or `salmon`."""
        ...

    def version(self) -> str:
        """Return the installed version.

        Raises
        ------
        InvalidJobError
            When the quantifier is not installed.
        """
        ...

    def kmer_length(self, reference: BuiltReference) -> int | None:
        """Return the length of the index's k-mers: shorter reads cannot be mapped. None where that is not known."""
        ...

    def quantify(self, sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Quantification:
        """Run the quantifier.

        Raises
        ------
        InputRejectedError
            When it rejects the reads or the reference.
        HostFaultError
            When the machine failed (signal, FPGA, disk).
        """
        ...


LICENCE_VARIABLE: Final = "DRAGEN_LICENSE"
"""Holds the content of DRAGEN's licence credentials file; AWS Batch injects it from Secrets Manager."""

HEADER = "Name\tLength\tEffectiveLength\tTPM\tNumReads"
"""First line of every expression table, DRAGEN's and salmon's."""

_SHOWN_NAMES = 5


def copy_table(source: Path, target: Path, *, by_name: bool = False) -> None:
    """Copy an expression table in its own order, or sorted by name: quantifiers leave the order of genes to chance.

    Raises
    ------
    InputRejectedError
        ENGINE_FAILED when it is not such a table.
    """
    header, rows = _parts(source)
    target.write_text("\n".join([header, *(sorted(rows, key=_name) if by_name else rows)]) + "\n", encoding="utf-8")


def names_of(table: Path) -> list[str]:
    """Return the first column of an expression table."""
    return [_name(row) for row in _parts(table)[1]]


def read_genes(path: Path) -> dict[str, str]:
    """Read which gene each transcript belongs to, from `transcripts.tsv` of a reference.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the columns are not there.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if not {"transcript_id", "gene_id"} <= set(rows.fieldnames or ()):
            raise InputRejectedError(
                ReasonCode.REFERENCE_INVALID,
                "transcripts.tsv has no columns transcript_id and gene_id. Build the reference again.",
                {"columns": list(rows.fieldnames or ())},
            )
        return {row["transcript_id"]: row["gene_id"] for row in rows}


def write_gene_map(genes: Mapping[str, str], path: Path) -> None:
    """Write transcript and gene, as salmon wants them: two columns, no header."""
    path.write_text("".join(f"{transcript}\t{gene}\n" for transcript, gene in genes.items()), encoding="utf-8")


def check_covered(transcripts: Path, genes: Mapping[str, str]) -> None:
    """Reject a reference whose table lacks a transcript of its index: salmon would make it a gene of its own.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID with the number of such transcripts and the first of them.
    """
    names = names_of(transcripts)
    missing = [name for name in names if not genes.get(name)]
    if missing:
        raise InputRejectedError(
            ReasonCode.REFERENCE_INVALID,
            f"{len(missing)} of {len(names)} transcripts of the index have no gene in transcripts.tsv. Build the "
            "reference again from one annotation (mind versions such as .2 at the end of names).",
            {"missing": len(missing), "transcripts": len(names), "examples": list(missing[:_SHOWN_NAMES])},
        )


def check_genes(table: Path, genes: Mapping[str, str]) -> None:
    """Reject a table of genes that are not the reference's: an id cut short makes others of all that follow.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID with the first names that are no genes.
    """
    known = set(genes.values())
    strange = [name for name in names_of(table) if name not in known]
    if strange:
        raise InputRejectedError(
            ReasonCode.REFERENCE_INVALID,
            f"{len(strange)} rows of the table of genes are no genes of transcripts.tsv. Build the reference again, "
            "from an annotation whose ids hold no blank.",
            {"strange": len(strange), "examples": list(strange[:_SHOWN_NAMES])},
        )


def _parts(table: Path) -> tuple[str, list[str]]:
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    columns = HEADER.count("\t")
    if not lines or lines[0] != HEADER or any(line.count("\t") != columns for line in lines):
        raise InputRejectedError(
            ReasonCode.ENGINE_FAILED,
            f"The quantifier's table {table.name} is absent or has other columns than {HEADER.split()}. See its log.",
            {"table": table.name},
        )
    return lines[0], lines[1:]


def _name(row: str) -> str:
    return row.partition("\t")[0]
