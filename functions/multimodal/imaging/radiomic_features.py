"""What a radiomic feature is in the field: its code of the IBSI and its unit, by the name that the job gives it."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class RadiomicFeature:
    """A feature of docs/features.md; `ibsi` is empty for what the standard does not define."""

    ibsi: str = ""
    unit: str = ""


def radiomic_feature(name: str) -> RadiomicFeature:
    """Return what `<image>_<class>_<Feature>` is; nothing is known of a name that the table lacks."""
    return _table().get(name.partition("_")[2], RadiomicFeature())


@lru_cache(maxsize=1)
def _table() -> Mapping[str, RadiomicFeature]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as lines:
        return {f"{x['class']}_{x['feature']}": RadiomicFeature(x["ibsi"], x["unit"]) for x in csv.DictReader(lines)}
