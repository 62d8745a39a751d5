"""What the matrix benchmark measures, as a process: `python -m benchmarks.matrix_work FILE`.

It prints a digest of the records and the CPU seconds that reading took, without start-up and imports.
"""

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.matrix import MatrixTables
from multimodal.tables.table import UploadContext

_CHUNK = 1024**2
_UPLOAD = UploadContext("s3://raw/genomics/d/m.tsv", "u", "c", "2026-11-25T10:00:00Z")
_SECTION = {
    "matrix": {
        "unit": "FPKM",
        "scale": "linear",
        "gene_ids": "symbol",
        "engine": "made up",
        "genome": "hg19",
        "annotation": "made up",
    },
    "panel": ["VIM", "CD44"],
}


def main(path: Path) -> int:
    """Do the work."""
    tables = MatrixTables(cast(Any, SimpleNamespace()), "bench", {"d": GenomicsConfig.model_validate(_SECTION)})
    digest, started = hashlib.sha256(), time.process_time()
    for batch in tables.open("d", _chunks(path), _UPLOAD, None).batches():
        for found in batch.records:
            digest.update(json.dumps(found.record, sort_keys=True).encode())
    print(digest.hexdigest(), time.process_time() - started)
    return 0


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
