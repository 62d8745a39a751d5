"""What each generated study looks like: its scanner, its grid, its tumour and the layout of its segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

FIELD_OF_VIEW_MM: Final = 360.0


FIRST_SCAN: Final = datetime(2001, 3, 2, 8, 15, 30, tzinfo=UTC)
"""In the past, as the event time of a feature record has to be."""


@dataclass(frozen=True, slots=True)
class StudySpec:
    """One study to generate. Positions and lengths in mm, in the patient's frame (LPS).

    Attributes
    ----------
    matrix, slices, slice_spacing_mm
        The CT grid; pixels are square and span `FIELD_OF_VIEW_MM`.
    tumour_centre_mm, tumour_semi_axes_mm
        The tumour is this ellipsoid: a voxel belongs to it when its centre lies inside.
    frames_descending
        SEG frames run from superior to inferior, as most writers order them.
    cropped
        The SEG holds only the slices that the tumour covers.
    segment_in_shared_groups
        The SEG names its segment once for all frames rather than per frame.
    signed_pixels
        The CT stores HU as signed numbers rather than with an offset of 1024.
    extensionless
        Files are named `1-01` instead of `1-01.dcm`.
    """

    subject: str
    seed: int
    matrix: int
    slices: int
    slice_spacing_mm: float
    tumour_centre_mm: tuple[float, float, float]
    tumour_semi_axes_mm: tuple[float, float, float]
    acquired_at: datetime
    frames_descending: bool = True
    cropped: bool = True
    segment_in_shared_groups: bool = False
    signed_pixels: bool = False
    extensionless: bool = False
    model: str = "Phantom One"
    kernel: str = "SYN-SOFT"
    kvp: int = 120
    contrast: str | None = None

    @property
    def pixel_spacing_mm(self) -> float:
        """Edge of a pixel."""
        return FIELD_OF_VIEW_MM / self.matrix


# Radius, side (-1 right lung, +1 left), matrix, slices, slice spacing: from a nodule of half a millilitre to
# a mass of 90.
_SHAPES: Final = (
    (12.0, -1, 160, 48, 2.5),
    (20.0, +1, 144, 56, 3.0),
    (5.5, -1, 192, 40, 2.0),
    (28.0, +1, 128, 60, 3.0),
    (9.0, +1, 176, 44, 2.5),
    (16.0, -1, 144, 64, 2.5),
)


def cohort_specs(seed: int = 7, studies: int = 6) -> list[StudySpec]:
    """Describe a cohort: every layout of the SEG, several tumour sizes, a different scan time per subject.

    Examples
    --------
    >>> [spec.subject for spec in cohort_specs(studies=2)]
    ['R01-901', 'R01-902']
    """
    return [_spec(seed, index) for index in range(studies)]


def _spec(seed: int, index: int) -> StudySpec:
    random = np.random.default_rng([seed, index])
    radius, side, matrix, slices, spacing = _SHAPES[index % len(_SHAPES)]
    stretch = random.uniform(0.85, 1.1, 3)
    shift = random.uniform(-1, 1, 3) * (6.0, 10.0, 8.0)
    centre = np.array([side * 74.0, 4.0, 0.0]) + shift
    return StudySpec(
        subject=f"R01-{901 + index}",
        seed=seed * 1000 + index,
        matrix=matrix,
        slices=slices,
        slice_spacing_mm=spacing,
        tumour_centre_mm=_rounded(centre),
        tumour_semi_axes_mm=_rounded(radius * stretch),
        acquired_at=FIRST_SCAN + timedelta(days=23 * index, minutes=47 * index, seconds=11 * index),
        frames_descending=index % 2 == 0,
        cropped=index % 4 in (0, 1),
        segment_in_shared_groups=index % 3 == 2,
        signed_pixels=index % 4 == 3,
        extensionless=index % 5 == 2,
        model=("Phantom One", "Phantom Two")[index % 2],
        kernel=("SYN-SOFT", "SYN-SHARP", "SYN-LUNG")[index % 3],
        kvp=(120, 100, 120, 140)[index % 4],
        contrast="SYNTHETIC CONTRAST" if index % 3 == 0 else None,
    )


def _rounded(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 1) for value in values)
    return x, y, z
