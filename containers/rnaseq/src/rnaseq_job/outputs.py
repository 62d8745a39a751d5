"""An engine's results under DRAGEN's names and columns, whichever engine made them."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from rnaseq_job.engine import Quantification
from rnaseq_job.tables import names_of, write_checked, write_sorted

_SECTION = "RNA QUANTIFICATION SUMMARY"
_ENGINES_OWN_METRICS = ("*.quant.metrics.csv", "*.quant_metrics.csv")


@dataclass(frozen=True)
class Tables:
    """The three tables of a sample: ``<case>.quant.sf``, ``.quant.genes.sf`` and ``.quant.metrics.csv``."""

    transcripts: Path
    genes: Path
    metrics: Path


def normalise(sample: str, quantification: Quantification, folder: Path) -> Tables:
    """Write a sample's tables.

    Parameters
    ----------
    sample : str
        First part of the names.
    quantification : Quantification
        What the engine left.
    folder : Path
        Receives the tables.

    Returns
    -------
    Tables
        Transcripts in the engine's order, genes sorted by name.

    Raises
    ------
    InputRejectedError
        ENGINE_FAILED when a table is absent or has other columns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = Tables(*(folder / f"{sample}.quant{ending}" for ending in (".sf", ".genes.sf", ".metrics.csv")))
    write_checked(quantification.transcripts, tables.transcripts)
    write_sorted(quantification.genes, tables.genes)
    own = _own_metrics(quantification.transcripts.parent)
    if own is not None:
        shutil.copyfile(own, tables.metrics)
    else:
        _write_metrics(quantification, tables)
    return tables


def mapped_percent(quantification: Quantification) -> float | None:
    """Give the share of fragments that belong to a transcript, in percent with three digits."""
    if quantification.mapped is None or not quantification.total:
        return None
    return round(100 * quantification.mapped / quantification.total, 3)


def _own_metrics(folder: Path) -> Path | None:
    """Find the metrics of an engine that writes them; the name depends on DRAGEN's version."""
    return next((path for pattern in _ENGINES_OWN_METRICS for path in sorted(folder.glob(pattern))), None)


def _write_metrics(quantification: Quantification, tables: Tables) -> None:
    """Write DRAGEN's rows as far as the engine gives their values."""
    values = {
        "Library orientation": quantification.detected_library_type,
        "Total Genes": len(names_of(tables.genes)),
        "Total Transcripts": len(names_of(tables.transcripts)),
        "Total fragments": quantification.total,
        "Transcript fragments": quantification.mapped,
        "Transcript fragments percent": mapped_percent(quantification),
        "Compatible fragment ratio": quantification.compatible_fragment_ratio,
    }
    with tables.metrics.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerows((_SECTION, "", name, value) for name, value in values.items() if value is not None)
