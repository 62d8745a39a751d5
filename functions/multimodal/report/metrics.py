"""Numbers that tell whether a study or a sample can be trusted, as the cohort page compares them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from multimodal.report.cohort import Upload
from multimodal.report.statistics import Distribution, distribution

PRECISION = 0.01
"""Share of the median by which numbers of quality control differ without a meaning: 650 HU and 656 HU are one."""


@dataclass(frozen=True)
class Metric:
    """A number of quality control.

    Parameters
    ----------
    name : str
        Column of the TSV files.
    title, unit : str
        As people read them.
    value : callable
        Upload → its number, or None.
    logarithmic : bool
        Whether it grows by factors.
    """

    name: str
    title: str
    unit: str
    value: Callable[[Upload], float | None]
    logarithmic: bool = False

    def of(self, uploads: Sequence[Upload]) -> Distribution | None:
        """Return the metric's distribution over uploads; None when none has it."""
        values = {u.name: value for u in uploads if (value := self.value(u)) is not None}
        return distribution(values, logarithmic=self.logarithmic, precision=PRECISION)


def number(value: Any) -> float | None:  # noqa: ANN401 – any JSON value
    """Return a finite number, or None for anything else; a truth value is 0 or 1."""
    try:
        return float(value) if isinstance(value, int | float) and isfinite(value) else None
    except OverflowError:  # a whole number beyond the largest float
        return None


def _quality(name: str, title: str, unit: str = "", *, logarithmic: bool = False) -> Metric:
    return Metric(name, title, unit, lambda upload: number(upload.quality.get(name)), logarithmic)


def _of_run(
    section: str, name: str, title: str, unit: str = "", *, scale: float = 1, logarithmic: bool = False
) -> Metric:
    def value(upload: Upload) -> float | None:
        found = number((upload.result.get(section) or {}).get(name))
        return None if found is None else scale * found

    return Metric(name, title, unit, value, logarithmic)


def _pixel_spacing(upload: Upload) -> float | None:
    spacing = (upload.result.get("acquisition") or {}).get("pixel_spacing_mm")
    return number(spacing[0]) if spacing else None


def _read_length(upload: Upload) -> float | None:
    return number(((upload.result.get("qc") or {}).get("read_length") or {}).get("mean"))


STUDY_METRICS = (
    _quality("volume_ml", "Tumour volume", "mL", logarithmic=True),
    _quality("voxels", "Tumour voxels", logarithmic=True),
    _quality("slices", "Slices with tumour"),
    _quality("connected_parts", "Connected parts of the mask"),
    _quality("mask_outside_body_fraction", "Share of the mask outside the body"),
    _quality("frame_position_residual_mm", "Mask frames beside the CT's planes", "mm"),
    _quality("slices_interpolated", "Tumour slices that were interpolated"),
    _quality("ct_slices", "CT slices"),
    _quality("slice_gap_max_mm", "Largest gap between slices", "mm"),
    _quality("slice_position_residual_mm", "Slices beside an even grid", "mm"),
    _quality("gantry_tilt_degrees", "Gantry tilt", "°"),
    _quality("hu_min", "Lowest value", "HU"),
    _quality("hu_max", "Highest value", "HU"),
    _quality("suv_max", "Highest SUV of a PET without CT"),
    _quality("days_ct_to_surgery", "From CT to surgery", "days"),
    Metric("pixel_spacing_mm", "Pixel spacing", "mm", _pixel_spacing),
    _of_run("acquisition", "slice_thickness_mm", "Slice thickness", "mm"),
)

SAMPLE_METRICS = (
    _of_run("metrics", "total_reads", "Reads (pairs, when paired)", logarithmic=True),
    _of_run("metrics", "mapped_percent", "Mapped", "%"),
    _of_run("library", "compatible_fragment_ratio", "Agree with the library type", "%", scale=100),
    _of_run("qc", "genes_detected", "Genes detected"),
    _of_run("qc", "mitochondrial_percent", "Mitochondrial", "%"),
    _of_run("qc", "ribosomal_percent", "Ribosomal", "%"),
    _of_run("qc", "forward_percent", "On the forward strand", "%"),
    _of_run("qc", "shorter_than_k_percent", "Shorter than k", "%"),
    Metric("mean_read_length", "Mean read length", "bases", _read_length),
)


def feature_distributions(studies: Sequence[Upload]) -> Mapping[str, Distribution]:
    """Return the distribution of each radiomic feature over the primary ROIs, in the order of the documents."""
    columns: dict[str, dict[str, float]] = {}
    for study in studies:
        for name, value in (study.primary.get("features") or {}).items():
            found = number(value)
            if found is not None:
                columns.setdefault(name, {})[study.name] = found
    return {name: judged for name, values in columns.items() if (judged := distribution(values))}
