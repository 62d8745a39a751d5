"""The table from transcripts to genes, which every other part looks names up in.

Ids are kept exactly as the annotation has them, version included, in both columns: an id that was shortened on one side
only makes each transcript a gene of its own. A GENCODE FASTA header is cut at its first bar. Where a FASTA file has
`ENST0001.5` and the annotation `transcript_id "ENST0001"; transcript_version "5"` (Ensembl), the two are one id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnaseq_job.reference import par
from rnaseq_job.reference.annotation import Annotation
from rnaseq_job.reference.roles import gene_of_spike_in, is_chromosome_name, is_spike_in
from rnaseq_job.reference.source import examples, invalid, lines_of

HEADER = ("transcript_id", "gene_id", "gene_name")


@dataclass(frozen=True, slots=True)
class Row:
    """One transcript; `gene_name` is the gene's id where the annotation has no symbol."""

    transcript_id: str
    gene_id: str
    gene_name: str


def rows_of(annotation: Annotation, ids: Sequence[str]) -> list[Row]:
    """Return the rows of transcripts of this annotation."""
    copies = par.copies_on_y(annotation)
    return [_row(annotation, name, name, copies) for name in ids]


def rows_for_fasta(annotation: Annotation, ids: Sequence[str], fasta: str) -> list[Row]:
    """Return the rows of a transcriptome.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when the annotation lacks a transcript of the FASTA file.
    """
    names = annotation.fasta_names()
    _check_cover(names, ids, fasta, annotation.file)
    copies = par.copies_on_y(annotation)
    return [_row(annotation, names[name], name, copies) if name in names else _spike_in(name) for name in ids]


def read_table(path: Path) -> dict[str, Row]:
    """Read `transcripts.tsv`.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID when a row is broken or a transcript occurs twice.
    """
    rows: dict[str, Row] = {}
    for number, line in lines_of(path):
        cells = line.split("\t")
        if number == 1:
            _check_header(path, cells)
        elif line:
            row = _parsed(path, number, cells)
            if row.transcript_id in rows:
                raise invalid(f"{path.name}, line {number}: {row.transcript_id} occurs twice.", line=number)
            rows[row.transcript_id] = row
    if not rows:
        raise invalid(f"{path.name} has no row. Upload the table again.", file=path.name)
    return rows


def choose(
    table: Mapping[str, Row], ids: Sequence[str], fasta: str, name: str, twins: Mapping[str, str] | None = None
) -> list[Row]:
    """Return the rows of a transcriptome from its table; otherwise as `rows_for_fasta`.

    `twins` are transcripts with the sequence of an earlier one: of two genes with one symbol, they are a gene on X and
    its copy on Y, whose reads no program can tell apart (GENCODE from 44 on; docs/decisions.md#genomics-43).
    """
    _check_cover(table, ids, fasta, name)
    rows = {transcript: table.get(transcript) or _spike_in(transcript) for transcript in ids}
    for copy, first in (twins or {}).items():
        if rows[copy].gene_name == rows[first].gene_name:
            rows[copy] = replace(rows[copy], gene_id=rows[first].gene_id)
    return list(rows.values())


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write `transcripts.tsv`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(HEADER) + "\n")
        for row in rows:
            file.write(f"{row.transcript_id}\t{row.gene_id}\t{row.gene_name}\n")


def ambiguous_symbols(rows: Iterable[Row]) -> list[str]:
    """Return the symbols that several genes carry, sorted.

    The two copies of a pseudo-autosomal gene are one gene.
    """
    genes: dict[str, set[str]] = {}
    for row in rows:
        genes.setdefault(row.gene_name, set()).add(par.original(row.gene_id))
    return sorted(symbol for symbol, ids in genes.items() if len(ids) > 1)


def _spike_in(name: str) -> Row:
    gene = gene_of_spike_in(name)
    return Row(name, gene, gene)


def _row(annotation: Annotation, name: str, shown: str, copies: Mapping[str, str]) -> Row:
    """Return a transcript's row; a copy on Y belongs to the gene on X, so that its reads are counted there."""
    gene = copies.get(name, annotation.transcripts[name].gene_id)
    return Row(shown, gene, annotation.gene_names.get(gene, gene))


def _check_header(path: Path, cells: list[str]) -> None:
    if tuple(cells) != HEADER:
        raise invalid(
            f"{path.name} must begin with the line {' '.join(HEADER)}, separated by tabs.", found=examples(cells)
        )


def _parsed(path: Path, number: int, cells: list[str]) -> Row:
    if len(cells) != len(HEADER) or not cells[0] or not cells[1]:
        raise invalid(f"{path.name}, line {number}: expected transcript, gene and symbol.", line=number)
    if any(letter.isspace() for letter in cells[0] + cells[1]):
        raise invalid(f"{path.name}, line {number}: an id holds a blank, at which salmon would cut it.", line=number)
    return Row(cells[0], cells[1], cells[2] or cells[1])


def _check_cover(names: Iterable[str], ids: Sequence[str], fasta: str, table: str) -> None:
    known = set(names)
    missing = [name for name in ids if name not in known and not is_spike_in(name)]
    if not missing:
        return
    raise invalid(
        f"{table} lacks {len(missing)} of {len(ids)} transcripts of {fasta} ({', '.join(missing[:3])}; it has "
        f"{', '.join(sorted(known)[:3])}). {_advice(missing, known)}",
        transcripts=len(ids),
        missing=len(missing),
        examples=examples(missing),
        table=examples(sorted(known)),
    )


def _advice(missing: Sequence[str], known: set[str]) -> str:
    stems = {name.partition(".")[0] for name in known}
    if any(name.partition(".")[0] in stems for name in missing):
        return "Their versions differ: take the FASTA file and the annotation from one release."
    if any(map(is_chromosome_name, missing)):
        return "It holds chromosomes, as a gentrome does: upload the genome's GTF, too, or the transcripts alone."
    return "Take the FASTA file and the annotation from one source and release."
