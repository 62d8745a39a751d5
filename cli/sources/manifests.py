"""Whether a file is a manifest of public series, by its name or its first row."""

from pathlib import Path

from multimodal.imaging.series_manifest import is_manifest_table
from multimodal.ledger.text import decode_text

_BEGINNING = 100_000


def is_series_manifest(path: Path) -> bool:
    """Whether a file names series as `multimodal fetch` takes them: `.tcia`, `.s5cmd`, or a table of any name."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".tsv", ".txt") or not path.is_file():
        return suffix in (".tcia", ".s5cmd")
    with path.open("rb") as file:
        return is_manifest_table(decode_text(file.read(_BEGINNING)))
