"""Every quality check: silent, warning and refusing, by the limits of the parameter file."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiomics_job.cli import main
from radiomics_job.parameters import HuRange, Params, Threshold, load_params
from radiomics_job.quality.checks import QcWarning
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from radiomics_job.study import process_study
from tests.builders.dicom import (
    Scan,
    SegOptions,
    ct_slice,
    save,
    save_ct,
    save_study,
    segmentation,
    tumour,
    uid,
    vessel,
)
from tests.unit.radiomics.support import Result, run_study, task_for

SCAN = Scan()
SCANNED = date(2020, 1, 3)
"""AcquisitionDate of the built scans."""
NEVER = Threshold(None, None)


def _with(**limits: Any) -> Params:
    """The packaged parameters with nothing but these limits."""
    params = load_params("ct")
    silent = replace(
        params.qc,
        connected_parts=NEVER,
        min_voxels=NEVER,
        duplicate_slices="accept",
        frame_of_reference_differs="accept",
        gantry_tilt_degrees=NEVER,
    )
    return replace(params, qc=replace(silent, **limits))


def _plain(folder: Path) -> Path:
    return save_study(folder, SCAN)


def _tilted(folder: Path) -> Path:
    return save_study(folder, Scan(shift=(0.0, 0.5)))


def _other_frame(folder: Path) -> Path:
    return save_study(folder, SCAN, SegOptions(frame_uid=uid("elsewhere")))


def _twice(folder: Path) -> Path:
    save(ct_slice(SCAN, 3), save_study(folder, SCAN) / "again")
    return folder


def _two_parts(folder: Path) -> Path:
    return save_study(folder, SCAN, SegOptions(skip_slices=(8, 9)))


def _at_the_edge(folder: Path) -> Path:
    whole = {"All": lambda points: np.ones(points.shape[:-1], bool) & (points[..., 1] < 5)}
    return save_study(folder, SCAN, SegOptions(regions=whole))


def _one_image_less(folder: Path) -> Path:
    save_ct(folder, SCAN, skip=[SCAN.slices - 1])
    save(segmentation(SCAN), folder / "seg")
    return folder


CHECKS: dict[str, tuple[Callable[[Path], Path], dict[str, Any], dict[str, Any]]] = {
    "SEVERAL_PARTS": (_two_parts, {"connected_parts": Threshold(1, None)}, {"connected_parts": Threshold(None, 1)}),
    "LARGE_VOLUME": (_plain, {"volume_ml": Threshold(1, 9)}, {"volume_ml": Threshold(0.1, 1)}),
    "FEW_VOXELS": (_plain, {"min_voxels": Threshold(10**6, None)}, {"min_voxels": Threshold(None, 10**6)}),
    "GANTRY_TILT": (_tilted, {"gantry_tilt_degrees": Threshold(1, 20)}, {"gantry_tilt_degrees": Threshold(1, 10)}),
    "TOUCHES_VOLUME_EDGE": (
        _at_the_edge,
        {"touches_volume_edge": "warn", "mask_outside_body_fraction": NEVER},
        {"touches_volume_edge": "refuse", "mask_outside_body_fraction": NEVER},
    ),
    "FRAME_OF_REFERENCE_DIFFERS": (
        _other_frame,
        {"frame_of_reference_differs": "warn"},
        {"frame_of_reference_differs": "refuse"},
    ),
    "DUPLICATE_SLICES_DROPPED": (_twice, {"duplicate_slices": "warn"}, {"duplicate_slices": "refuse"}),
    "HU_RANGE": (_plain, {"hu_range": HuRange(-500, 3000, "warn")}, {"hu_range": HuRange(-3000, 50, "refuse")}),
    "REFERENCED_SLICES_MISSING": (
        _one_image_less,
        {"min_referenced_slices_fraction": Threshold(1, 0.5)},
        {"min_referenced_slices_fraction": Threshold(1, 1)},
    ),
    "MASK_OUTSIDE_BODY": (
        _at_the_edge,
        {"mask_outside_body_fraction": Threshold(0.01, None), "touches_volume_edge": "accept"},
        {"mask_outside_body_fraction": Threshold(None, 0.01), "touches_volume_edge": "accept"},
    ),
}
ELSEWHERE = {
    *("SLICES_INTERPOLATED", "FRAME_POSITION_RESIDUAL", "LONG_BEFORE_SURGERY", "CT_AFTER_SURGERY"),
    *("CONTOURS_LEFT_OUT", "CONTOURS_ON_THICKER_SLICES", "CONTOURS_SKIP_SLICES"),
    *("CONTOURS_OVERLAP", "LOSSY_COMPRESSION", "MASK_RESAMPLED", "FRAME_POSITIONS_CONTRADICT", "REFERENCES_REWRITTEN"),
    *("SLICE_POSITIONS_ROUNDED", "PATIENT_ID_DIFFERS", "SERIES_OF_SEVERAL_STUDIES"),
    *("VALUES_NOT_HU", "FORMS_DIFFER", "REGIONS_NOT_DESCRIBED", "SUV_RANGE", "UPTAKE_TIME", "PET_NOT_MEASURED"),
}
"""Tested below, with resampled slices, contours, references, what is set aside, volume files, or PET."""


@pytest.mark.parametrize("check", CHECKS)
def test_a_limit_warns_or_refuses(tmp_path: Path, check: str) -> None:
    build, warning, refusing = CHECKS[check]
    study = build(tmp_path / "in")
    warned = run_study(study, tmp_path / "warned", _with(**warning))
    assert warned.qc["warnings"] == [check]
    assert [finding["check"] for finding in warned.qc["findings"]] == [check]
    refused = run_study(study, tmp_path / "refused", _with(**refusing))
    # Absent CT images are an upload that is still under way, so they have a code of their own.
    assert refused.status == ("INCOMPLETE_STUDY" if check == "REFERENCED_SLICES_MISSING" else "QC_REFUSED")
    if refused.status == "QC_REFUSED":
        assert refused.rejection["details"]["check"] == check


def test_every_check_is_tested() -> None:
    assert {str(warning) for warning in QcWarning} == set(CHECKS) | ELSEWHERE


def test_pixels_that_lost_something_are_told(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    lossy = ct_slice(SCAN, 3)
    lossy.LossyImageCompression = "01"
    (same,) = (path for path in study.rglob("*") if path.is_file() and path.name.endswith("003"))
    save(lossy, same)
    result = run_study(study, tmp_path / "out", _with())
    assert (result.qc["warnings"], result.qc["lossy_slices"]) == (["LOSSY_COMPRESSION"], 1)


def test_frames_beside_their_planes_say_by_how_much(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN, SegOptions(jitter=0.03))
    result = run_study(study, tmp_path / "out", _with(frame_position_residual_mm=Threshold(0.01, 0.5)))
    assert result.qc["warnings"] == ["FRAME_POSITION_RESIDUAL"]
    assert result.qc["frame_position_residual_mm"] == pytest.approx(0.03, abs=1e-6)
    result.assert_right_in_patient_space()


@pytest.mark.parametrize(
    ("days", "warnings"), [(0, []), (90, []), (91, ["LONG_BEFORE_SURGERY"]), (-1, ["CT_AFTER_SURGERY"]), (None, [])]
)
def test_days_from_ct_to_surgery(tmp_path: Path, days: int | None, warnings: list[str]) -> None:
    task = task_for(_plain(tmp_path / "in"), tmp_path / "out", _with())
    surgery = None if days is None else SCANNED + timedelta(days=days)
    status = process_study(replace(task, surgery_date=surgery))
    result = Result(tmp_path / "out", status)
    assert (result.qc["days_ct_to_surgery"], result.qc["warnings"]) == (days, warnings)


def _job(folder: Path, surgery: object) -> list[str]:
    unit = {"dataset": "d", "subject": "s", "study": "x", "path": "study", "surgery_date": surgery}
    (folder / "job.json").write_text(json.dumps({"schema": 1, "datasets": {"d": {}}, "units": [unit]}))
    return ["--input-dir", str(folder), "--output-dir", str(folder / "out"), "--workers", "1"]


def test_the_job_description_may_know_the_date_of_surgery(tmp_path: Path) -> None:
    _plain(tmp_path / "study")
    assert main(_job(tmp_path, "2020-02-02")) == 0
    assert Result(tmp_path / "out" / "d" / "s" / "x", "").qc["days_ct_to_surgery"] == 30
    assert main(_job(tmp_path, "02/02/2020")) == 2


@pytest.mark.parametrize("value", ["20200105", 20200105, "2020-W02-1"])
def test_a_date_of_surgery_has_one_form(tmp_path: Path, value: object) -> None:
    _plain(tmp_path / "study")
    assert main(_job(tmp_path, value)) == 2


@pytest.mark.parametrize(("clock", "offset"), [("203000", "-0500"), ("070000", "+0900")])
def test_days_are_those_of_the_scanners_calendar(tmp_path: Path, clock: str, offset: str) -> None:
    for k in range(SCAN.slices):
        dataset = ct_slice(SCAN, k)
        dataset.AcquisitionTime, dataset.TimezoneOffsetFromUTC = clock, offset
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    process_study(replace(task_for(tmp_path / "in", tmp_path / "out", _with()), surgery_date=SCANNED))
    assert Result(tmp_path / "out", "").qc["days_ct_to_surgery"] == 0


def test_expected_and_found_slices(tmp_path: Path) -> None:
    qc = run_study(_plain(tmp_path / "in"), tmp_path / "out").qc
    assert (qc["ct_slices"], qc["ct_slices_expected"], qc["ct_slices_interpolated"]) == (18, 18, 0)
    assert qc["slice_gap_uniformity"] == pytest.approx(1, abs=1e-6)


def test_a_refused_secondary_region_loses_its_own_features_only(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN, SegOptions(regions={"Tumour": tumour, "Vessel": vessel}))
    between = (int(vessel(np.array([SCAN.points(k) for k in range(18)])).sum()) + 1, None)
    params = _with(min_voxels=Threshold(None, between[0]))
    result = run_study(study, tmp_path / "out", params, RoiRule(policy=RoiPolicy.EACH))
    first, second = result.features["rois"]
    assert [first["qc"]["status"], second["qc"]["status"]] == ["accept", "refuse"]
    assert not first["missing"]
    assert set(second["features"].values()) == {None}
    assert set(second["missing"].values()) == {"QC_REFUSED: FEW_VOXELS is beyond the parameter file's limit"}
