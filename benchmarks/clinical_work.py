"""What the clinical benchmark measures, as a process: `python -m benchmarks.clinical_work transform|csv FILE`.

It prints the rows and the CPU seconds that they took, and those of the reports, without start-up and imports.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from multimodal.clinical.config import IdColumn
from multimodal.clinical.table import ClinicalTable
from multimodal.pipeline.dataset import load_dataset
from multimodal.tables.table import UploadContext

DATASET = "nsclc_radiogenomics"
PIECE = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["transform", "csv"])
    parser.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    print(*(_transform(options.file) if options.work == "transform" else _csv(options.file)))
    return 0


def _csv(path: Path) -> tuple[int, float, float]:
    """Read every cell and do nothing with it."""
    started = time.process_time()
    with path.open(encoding="utf-8", newline="") as lines:
        rows = sum(1 for _ in csv.reader(lines)) - 1
    return rows, time.process_time() - started, 0.0


def _transform(path: Path) -> tuple[int, float, float]:
    """Read, check, encode and profile a table, and write its reports; records are let go as they come."""
    config = load_dataset(DATASET).clinical
    assert config is not None
    # Checked as the dataset's file is when it is loaded, which compiles the pattern.
    ids = IdColumn.model_validate(config.id.model_dump() | {"pattern": r"R01-\d{3,9}"})
    upload = UploadContext("s3://raw/clinical/table.csv", "0123456789abcdef", "correlation", "2026-11-25T10:00:00Z")
    table = ClinicalTable(config.model_copy(update={"id": ids}), "bench", DATASET, _pieces(path), upload)
    started, rows, records = time.process_time(), 0, 0
    for batch in table.batches():
        rows += batch.rows
        records += sum(1 for _ in batch.records)
    read = time.process_time()
    table.verdict()
    if records != 3 * rows:
        raise SystemExit(f"{rows} rows gave {records} records, not three each")
    return rows, read - started, time.process_time() - read


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while piece := content.read(PIECE):
            yield piece


if __name__ == "__main__":
    sys.exit(main())
