"""Whether a table is a manifest of public series, by its first row."""

from pathlib import Path

from multimodal.imaging.series_manifest import is_manifest_header

_HEADER = 100_000


def is_series_table(path: Path) -> bool:
    """Whether a CSV names series, as `multimodal fetch` takes them, whatever it is called."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return is_manifest_header(file.readline(_HEADER))
