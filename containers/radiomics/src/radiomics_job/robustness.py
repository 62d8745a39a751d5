"""How robust the features of a study are, and those of all studies of a job.

A study leaves its features under ten perturbations in `robustness.json`; a job sums them up in `robustness.csv`, by the
intraclass correlation of each feature: the share of its variance that lies between patients.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radiomics_job.features.extract import extract_features
from radiomics_job.features.perturbation import PERTURBATIONS, Copy, perturbed, shuffled, surroundings
from radiomics_job.geometry.grid import Grid, Intensity
from radiomics_job.parameters import Params

ROBUSTNESS_FILE: Final = "robustness.json"
SUMMARY_FILE: Final = "robustness.csv"
_RESAMPLES: Final = 2000
"""Of the studies, for an interval that assumes no distribution of features."""

Values = dict[str, float | None]


@dataclass(frozen=True)
class Checks:
    """What is asked for beside the features."""

    perturb: bool = False
    """Features under perturbations."""
    negative_control: bool = False
    """Features of the region with its voxels shuffled."""


def robustness_document(
    checks: Checks,
    image: NDArray[Intensity],
    mask: NDArray[np.bool_],
    grid: Grid,
    params: Params,
    measured: Mapping[str, float | None],
) -> dict[str, object]:
    """Measure a region again, changed a little: the content of `robustness.json`.

    Parameters
    ----------
    image, mask, grid
        As the features were measured.
    measured
        The features themselves.

    Returns
    -------
    dict
        `perturbed` has one list a feature, in the order of `perturbations`; null where a feature is not defined.
    """
    copy = surroundings(image, mask, grid, max(params.extraction.log_sigma_mm, default=0.0))
    document: dict[str, object] = {"schema": 1, "params_hash": params.hash, "measured": dict(measured)}
    if checks.perturb:
        copies = [_features(each, params) for each in perturbed(copy, grid.spacing)]
        document["perturbations"] = [asdict(each) for each in PERTURBATIONS]
        document["perturbed"] = {name: [values.get(name) for values in copies] for name in measured}
    if checks.negative_control:
        document["shuffled"] = _features(shuffled(copy), params)
    return document


def _features(copy: Copy, params: Params) -> Values:
    return extract_features(copy.image, copy.mask, copy.affine, params).values


def summarise(folders: Iterable[Path], path: Path) -> int:
    """Write `robustness.csv` over the studies that have a `robustness.json`; return how many have.

    Columns: `icc` of a feature between studies under perturbations, its interval of 95 %, the number of studies that it
    is defined in, the median over studies of the standard deviation relative to the mean, and `shuffled_icc`: near 1,
    a feature does not depend on where in the region its values lie.
    """
    found = [folder / ROBUSTNESS_FILE for folder in folders]
    studies = [json.loads(file.read_text(encoding="utf-8")) for file in found if file.is_file()]
    if not studies:
        return 0
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["feature", "icc", "icc_low", "icc_high", "studies", "variation", "shuffled_icc"])
        for name in dict.fromkeys(name for study in studies for name in study["measured"]):
            rows.writerow([name, *("" if value is None else value for value in _row(name, studies))])
    return len(studies)


def _row(name: str, studies: Sequence[Mapping[str, Mapping[str, object]]]) -> list[float | int | None]:
    repeated = _complete(study.get("perturbed", {}).get(name) for study in studies)
    control = _complete([study["measured"].get(name), study.get("shuffled", {}).get(name)] for study in studies)
    low, high = icc_interval(repeated)
    return [_short(icc(repeated)), _short(low), _short(high), len(repeated), _variation(repeated), _short(icc(control))]


def _complete(rows: Iterable[object]) -> NDArray[np.float64]:
    """Return the studies in which a feature is always defined: studies × repeats."""
    kept = [row for row in rows if isinstance(row, list) and row and None not in row]
    return np.array(kept, np.float64) if kept else np.empty((0, 0))


def icc(values: NDArray[np.float64]) -> float | None:
    """Return the intraclass correlation (1, 1): one-way, random, single measurement.

    Source: Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420.

    Parameters
    ----------
    values
        Studies × repeats.

    Returns
    -------
    float or None
        At most 1; None for fewer than two studies or repeats, or when nothing varies.
    """
    studies, repeats = values.shape
    if studies < 2 or repeats < 2:
        return None
    return _finite(_icc(values.mean(axis=1), values.var(axis=1, ddof=1), repeats))


def icc_interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Return the interval of 95 % of `icc`, from studies drawn again with replacement; the seed is fixed."""
    studies, repeats = values.shape
    if studies < 3 or repeats < 2:
        return None, None
    drawn = np.random.default_rng(0).integers(0, studies, (_RESAMPLES, studies))
    found = _icc(values.mean(axis=1)[drawn], values.var(axis=1, ddof=1)[drawn], repeats)
    found = found[np.isfinite(found)]
    if found.size == 0:
        return None, None
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _icc(means: NDArray[np.float64], within: NDArray[np.float64], repeats: int) -> NDArray[np.float64]:
    """Compute along the last axis, from each study's mean and variance."""
    between = repeats * means.var(axis=-1, ddof=1)
    noise = within.mean(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: NDArray[np.float64] = (between - noise) / (between + (repeats - 1) * noise)
    return result


def _variation(values: NDArray[np.float64]) -> float | None:
    if not values.size:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        each = values.std(axis=1, ddof=1) / np.abs(values.mean(axis=1))
    return _short(_finite(np.median(each)))


def _finite(value: np.floating | NDArray[np.float64]) -> float | None:
    return float(value) if np.isfinite(value) else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
