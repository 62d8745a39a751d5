"""A quantifier's results under DRAGEN's names and columns, whichever quantifier made them."""

import csv
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rnaseq_job.errors import Detail, InputRejectedError, InvalidJobError
from rnaseq_job.quantifiers.quantifier import Quantification, copy_table, names_of
from rnaseq_job.runtime import log
from rnaseq_job.storage import Storage

_SECTION = "RNA QUANTIFICATION SUMMARY"
_ENGINES_OWN_METRICS = ("*.quant.metrics.csv", "*.quant_metrics.csv")


@dataclass(frozen=True)
class Tables:
    """The three tables of a sample: `<case>.quant.sf`, `.quant.genes.sf` and `.quant.metrics.csv`."""

    transcripts: Path
    genes: Path
    metrics: Path


def normalise(sample: str, quantification: Quantification, folder: Path) -> Tables:
    """Write a sample's tables.

    Returns
    -------
    Tables
        Transcripts in the quantifier's order, genes sorted by name.

    Raises
    ------
    InputRejectedError
        ENGINE_FAILED when a table is absent or has other columns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = Tables(*(folder / f"{sample}.quant{ending}" for ending in (".sf", ".genes.sf", ".metrics.csv")))
    copy_table(quantification.transcripts, tables.transcripts)
    copy_table(quantification.genes, tables.genes, by_name=True)
    own = _own_metrics(quantification.transcripts.parent)
    if own is not None:
        shutil.copyfile(own, tables.metrics)
    else:
        _write_metrics(quantification, tables)
    return tables


def mapped_percent(quantification: Quantification) -> float | None:
    """Return the share of fragments that belong to a transcript, in percent with three digits."""
    if quantification.mapped is None or not quantification.total:
        return None
    return round(100 * quantification.mapped / quantification.total, 3)


def _own_metrics(folder: Path) -> Path | None:
    """Find the metrics of a quantifier that writes them; the name depends on DRAGEN's version."""
    return next((path for pattern in _ENGINES_OWN_METRICS for path in sorted(folder.glob(pattern))), None)


def _write_metrics(quantification: Quantification, tables: Tables) -> None:
    """Write DRAGEN's rows as far as the quantifier gives their values."""
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


SCHEMA: Final = 1
RUN_FILE: Final = "run.json"
REJECTION_FILE: Final = "rejection.json"
LOG_FOLDER: Final = "logs"


@dataclass(frozen=True)
class Publisher:
    """Upload results below the output prefix."""

    storage: Storage
    """Of the output."""
    prefix: str
    """Address without a slash at its end."""
    scratch: Path
    """Where documents are written before they go."""

    def success(self, tables: Tables, reports: Mapping[str, Path], document: Mapping[str, Detail]) -> None:
        """Publish tables, reports for MultiQC (by their names below the prefix) and, last, `run.json`.

        The outcomes of an earlier run go first: at no time does an outcome stand beside tables that are not its own,
        and an interrupted job leaves none.
        """
        self.remove_outcome(RUN_FILE, REJECTION_FILE)
        for table in (tables.metrics, tables.transcripts, tables.genes):
            self.storage.upload(table, f"{self.prefix}/{table.name}")
        for name, path in reports.items():
            self.storage.upload(path, f"{self.prefix}/{name}")
        self.document(RUN_FILE, document)

    def rejection(self, document: Mapping[str, Detail]) -> None:
        """Publish `rejection.json` in place of an earlier run's outcome; its tables stay, as without an outcome."""
        self.remove_outcome(RUN_FILE, REJECTION_FILE)
        self.document(REJECTION_FILE, document)

    def logs(self, logs: Iterable[Path], folder: Path) -> None:
        """Publish logs that lie below a folder, named by their place in it."""
        for path in logs:
            name = "-".join(part for part in path.relative_to(folder).parts if part != LOG_FOLDER)
            self.storage.upload(path, f"{self.prefix}/{LOG_FOLDER}/{name}")

    def remove_outcome(self, *names: str) -> None:
        """Remove documents of an earlier run."""
        for name in names:
            try:
                self.storage.remove(f"{self.prefix}/{name}")
            except InvalidJobError as error:  # a role that may not delete: run ids still tell the outcomes apart
                log("earlier_verdict_stays", file=name, reason=str(error))

    def document(self, name: str, content: Mapping[str, Detail]) -> None:
        """Publish one document, in place of one of its name."""
        path = self.scratch / name
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        self.storage.upload(path, f"{self.prefix}/{name}")


def rejection(subject: str, run: Mapping[str, str | None], error: InputRejectedError) -> dict[str, Detail]:
    """Return the content of `rejection.json`; the same schema as the radiomics job's."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        "reason_code": str(error.code),
        "message": error.message,
        "details": error.details,
    }
