"""Series that this project ships manifests of: what a `.tcia` or `.s5cmd` manifest is looked up in."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from multimodal.imaging.series_manifest import ARCHIVE_BUCKETS, Series, parse_manifest
from multimodal.ledger.dataset_file import DATASETS

MANIFESTS = DATASETS / "manifests"


def shipped_manifests() -> list[str]:
    """Return the names of the shipped manifests."""
    return sorted(path.stem for path in MANIFESTS.glob("*.csv"))


@lru_cache(maxsize=8)
def read_shipped(name: str) -> tuple[Series, ...]:
    """Return the series of a shipped manifest, such as `nsclc_radiogenomics`."""
    text = (MANIFESTS / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(parse_manifest(f"{name}.csv", text, lambda _: {}, ARCHIVE_BUCKETS))


def look_up_shipped(names: Sequence[str]) -> Mapping[str, Series]:
    """Return those of some SeriesInstanceUIDs and addresses that a shipped manifest has."""
    known: dict[str, Series] = {}
    for manifest in shipped_manifests():
        for series in read_shipped(manifest):
            known |= {series.series: series, series.address: series}
    return {name: known[name] for name in names if name in known}
