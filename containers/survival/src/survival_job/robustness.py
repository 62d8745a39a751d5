"""Which radiomic features are left out, by `robustness.csv` of the radiomics job: it never sees an outcome."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Final

from survival_job.dataset import Dataset
from survival_job.errors import InvalidJobError

LEAST_ICC: Final = 0.75
"""Reliability is good from here on (Koo and Li 2016, doi:10.1016/j.jcm.2016.02.012)."""

_MODALITY: Final = "imaging"


def unstable_features(path: Path, least: float, dataset: Dataset) -> frozenset[str]:
    """Return the features whose intraclass correlation may be lower than `least`: by the lower end of its interval.

    Raises
    ------
    InvalidJobError
        When the file is not there, lacks a column, has a value that is no number, or measured none of the dataset's
        features: left without an effect, it would look as if all were stable.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [(row["feature"], float(row["icc_low"] or "nan")) for row in csv.DictReader(lines)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        message = f"{path.name} cannot be used ({error!r}); give robustness.csv of radiomics-job --perturb"
        raise InvalidJobError(message) from error
    if not {f"{_MODALITY}__{name}" for name, _ in rows} & set(dataset.modality_of):
        raise InvalidJobError(f"{path.name} has no radiomic feature of the dataset; give that of its parameter file")
    return frozenset(name for name, low in rows if not low >= least)


def without_unstable(dataset: Dataset, names: frozenset[str]) -> Dataset:
    """Return a dataset without some radiomic features; features of other modalities stay."""
    gone = {f"{_MODALITY}__{name}" for name in names} & set(dataset.columns([_MODALITY]))
    kept = {name: modality for name, modality in dataset.modality_of.items() if name not in gone}
    return replace(dataset, features=dataset.features[list(kept)], modality_of=kept)
