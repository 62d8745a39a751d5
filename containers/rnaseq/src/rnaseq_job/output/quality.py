"""Quality of a sample: what run.json, the record and MultiQC say of it."""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rnaseq_job.errors import Detail
from rnaseq_job.quantifiers.quantifier import HEADER
from rnaseq_job.reads.stream import ReadLengths

_MITOCHONDRIAL = re.compile(r"MT-.+", re.IGNORECASE)
_RIBOSOMAL = re.compile(
    r"MT-RNR[12]|RNA(?:5S|5-8S|18S|28S|45S).*|RN(?:5S|5-8S|18S|28S|45S)(?:\d.*|-rs\d+|)|n-R5s?-?\d+|5S_rRNA|5_8S_rRNA",
    re.IGNORECASE,
)
"""HGNC's and MGI's symbols, and those that Ensembl gives to unnamed copies."""

MUCH_RIBOSOMAL: Final = 10.0
MUCH_MITOCHONDRIAL: Final = 50.0
MANY_SHORT: Final = 10.0
"""Percentages beyond which a warning is given."""


@dataclass(frozen=True)
class Quality:
    """Percentages are None where they cannot be known."""

    lengths: ReadLengths
    """Of all reads, before trimming."""
    k: int | None
    """Length of the index's k-mers."""
    forward_share: float | None
    """Share of fragments whose first read lies on the transcript's strand: 0 reverse, 1 forward, 0.5 unstranded."""
    genes_detected: int
    """Genes with at least one read."""
    mitochondrial_percent: float | None
    ribosomal_percent: float | None
    """Of the reads that were assigned to genes; None where the reference has no such gene."""

    @property
    def short_percent(self) -> float | None:
        """Percentage of the reads that are shorter than k."""
        if self.k is None or not self.lengths.total:
            return None
        return _percent(self.lengths.shorter_than(self.k), self.lengths.total)

    def warnings(self) -> list[str]:
        """Return what a person should look at."""
        found = []
        if (self.short_percent or 0) > MANY_SHORT:
            found.append(f"{self.short_percent} % of the reads are shorter than k = {self.k} and cannot be mapped.")
        if (self.ribosomal_percent or 0) > MUCH_RIBOSOMAL:
            found.append(f"{self.ribosomal_percent} % of the reads are ribosomal: was rRNA depleted?")
        if (self.mitochondrial_percent or 0) > MUCH_MITOCHONDRIAL:
            found.append(f"{self.mitochondrial_percent} % of the reads are mitochondrial: is the sample degraded?")
        return found

    def as_json(self) -> dict[str, Detail]:
        """Return the section `qc` of run.json."""
        return {
            "read_length": {
                "shortest": self.lengths.shortest,
                "mean": round(self.lengths.mean, 1),
                "longest": self.lengths.longest,
            },
            "shorter_than_k_percent": self.short_percent,
            "forward_percent": None if self.forward_share is None else round(100 * self.forward_share, 3),
            "genes_detected": self.genes_detected,
            "mitochondrial_percent": self.mitochondrial_percent,
            "ribosomal_percent": self.ribosomal_percent,
            "warnings": list(self.warnings()),
        }


def assess(genes: Path, transcripts: Path, lengths: ReadLengths, k: int | None, forward: float | None) -> Quality:
    """Assess a sample.

    Parameters
    ----------
    genes : Path
        The sample's table of genes.
    transcripts : Path
        `transcripts.tsv` of the reference: it has the symbols.
    """
    symbols, reads = _symbols(transcripts), _reads(genes)
    return Quality(
        lengths=lengths,
        k=k,
        forward_share=forward,
        genes_detected=sum(count > 0 for count in reads.values()),
        mitochondrial_percent=_share(_MITOCHONDRIAL, symbols, reads),
        ribosomal_percent=_share(_RIBOSOMAL, symbols, reads),
    )


def write_multiqc(sample: str, quality: Quality, mapped_percent: float | None, path: Path) -> None:
    """Write a sample's columns of MultiQC's general statistics (custom content, file name `*_mqc.json`).

    Source: MultiQC's documentation, "Custom content", data as part of MultiQC's own general statistics table.
    """
    values = {
        "mapped_percent": mapped_percent,
        "genes_detected": quality.genes_detected,
        "ribosomal_percent": quality.ribosomal_percent,
        "mitochondrial_percent": quality.mitochondrial_percent,
        "forward_percent": quality.as_json()["forward_percent"],
        "shorter_than_k_percent": quality.short_percent,
    }
    document = {
        "id": "rnaseq_job",
        "plot_type": "generalstats",
        "headers": {name: _column(name) for name in values},
        "data": {sample: {name: value for name, value in values.items() if value is not None}},
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _column(name: str) -> dict[str, Detail]:
    title = name.removesuffix("_percent").replace("_", " ").capitalize()
    if not name.endswith("_percent"):
        return {"title": title, "format": "{:,.0f}", "min": 0}
    return {"title": f"{title} %", "suffix": "%", "min": 0, "max": 100}


def _share(pattern: re.Pattern[str], symbols: Mapping[str, str], reads: Mapping[str, float]) -> float | None:
    members = [gene for gene in reads if pattern.fullmatch(symbols.get(gene, ""))]
    total = sum(reads.values())
    return _percent(sum(reads[gene] for gene in members), total) if members and total else None


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 3)


def _symbols(transcripts: Path) -> dict[str, str]:
    with transcripts.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["gene_id"]: row.get("gene_name") or "" for row in rows}


def _reads(genes: Path) -> dict[str, float]:
    column = HEADER.split("\t").index("NumReads")
    lines = genes.read_text(encoding="utf-8").splitlines()[1:]
    return {cells[0]: float(cells[column]) for cells in (line.split("\t") for line in lines)}
