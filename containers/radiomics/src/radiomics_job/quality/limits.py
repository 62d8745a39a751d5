"""The quality limits of a parameter file: from which number on a study is marked, and from which it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from radiomics_job.settings_reader import SettingsReader

__all__ = ["Action", "HuRange", "QcLimits", "Threshold", "read_qc_limits"]


Action = Literal["accept", "warn", "refuse"]
"""What a yes-or-no check does when it finds something."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Limits of one quality number; None means never."""

    warn: float | None
    refuse: float | None


@dataclass(frozen=True, slots=True)
class HuRange:
    """HU expected in a whole CT volume, and what to do with a volume beyond them."""

    lowest: float
    highest: float
    beyond: Action


@dataclass(frozen=True, slots=True)
class QcLimits:
    """Limits of the quality numbers. Those named `min_…` apply below the limit, the others above it."""

    frame_position_residual_mm: Threshold
    mask_outside_body_fraction: Threshold
    connected_parts: Threshold
    volume_ml: Threshold
    interpolated_slices_fraction: Threshold
    gantry_tilt_degrees: Threshold
    days_ct_to_surgery: Threshold
    min_voxels: Threshold
    min_referenced_slices_fraction: Threshold
    touches_volume_edge: Action
    frame_of_reference_differs: Action
    duplicate_slices: Action
    ct_after_surgery: Action
    hu_range: HuRange


def read_qc_limits(reader: SettingsReader) -> QcLimits:
    """Read the section ``qc`` of a parameter file.

    Raises
    ------
    ParamsError
        When a key is missing, unknown or out of its range.
    """
    limits = QcLimits(
        frame_position_residual_mm=_threshold(reader, "frame_position_residual_mm"),
        mask_outside_body_fraction=_threshold(reader, "mask_outside_body_fraction"),
        connected_parts=_threshold(reader, "connected_parts"),
        volume_ml=_threshold(reader, "volume_ml"),
        interpolated_slices_fraction=_threshold(reader, "interpolated_slices_fraction"),
        gantry_tilt_degrees=_threshold(reader, "gantry_tilt_degrees"),
        days_ct_to_surgery=_threshold(reader, "days_ct_to_surgery"),
        min_voxels=_threshold(reader, "min_voxels", below=True),
        min_referenced_slices_fraction=_threshold(reader, "min_referenced_slices_fraction", below=True),
        touches_volume_edge=_action(reader, "touches_volume_edge"),
        frame_of_reference_differs=_action(reader, "frame_of_reference_differs"),
        duplicate_slices=_action(reader, "duplicate_slices"),
        ct_after_surgery=_action(reader, "ct_after_surgery"),
        hu_range=_hu_range(reader.section("hu_range")),
    )
    reader.finish()
    return limits


def _action(reader: SettingsReader, key: str) -> Action:
    return cast("Action", reader.choice(key, ("accept", "warn", "refuse")))


def _threshold(reader: SettingsReader, key: str, *, below: bool = False) -> Threshold:
    section = reader.section(key)
    limits = Threshold(section.optional_number("warn"), section.optional_number("refuse"))
    section.finish()
    if key.endswith("_fraction") and max(limits.warn or 0, limits.refuse or 0) > 1:
        raise reader.error(key, "expected shares from 0 to 1")
    if limits.warn is not None and limits.refuse is not None:
        wrong = limits.refuse > limits.warn if below else limits.refuse < limits.warn
        if wrong:
            raise reader.error(key, "refuse would come before warn; swap the two limits")
    return limits


def _hu_range(reader: SettingsReader) -> HuRange:
    limits = HuRange(reader.number("lowest"), reader.number("highest"), _action(reader, "beyond"))
    if limits.lowest >= limits.highest:
        raise reader.error("lowest", f"expected less than highest ({limits.highest:g}), found {limits.lowest:g}")
    reader.finish()
    return limits
