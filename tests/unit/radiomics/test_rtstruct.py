"""Contours: pixel centre, even-odd, holes, keyholes, empty slices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders.dicom import CORONAL, OBLIQUE, PRONE, SAGITTAL, Points, Scan, save, save_ct, structure_set
from tests.unit.radiomics.support import Result, run_study

SCAN = Scan(slices=12, step=3.1)
SQUARE = np.array([[10.3, 12.4], [20.3, 12.4], [20.3, 22.4], [10.3, 22.4]])  # (column, row): centres 11..20 × 13..22
HOLE = np.array([[13.5, 15.5], [16.5, 15.5], [16.5, 18.5], [13.5, 18.5]])  # centres 14..16 × 16..18


def _contour(scan: Scan, k: float, polygon: Points) -> Points:
    row, column, _ = scan.axes()
    along_row = polygon[:, :1] * row * scan.spacing[1]
    return np.asarray(scan.position(k) + along_row + polygon[:, 1:] * column * scan.spacing[0])


def _run(tmp_path: Path, contours: dict[str, list[Points]], scan: Scan = SCAN, rule: RoiRule | None = None) -> Result:
    save_ct(tmp_path / "in", scan)
    save(structure_set(scan, contours), tmp_path / "in" / "rt")
    return run_study(tmp_path / "in", tmp_path / "out", rule=rule)


WAYS = {
    "axial": SCAN,
    "prone": replace(SCAN, orientation=PRONE),
    "oblique": replace(SCAN, orientation=OBLIQUE),
    "coronal": replace(SCAN, orientation=CORONAL),
    "sagittal": replace(SCAN, orientation=SAGITTAL),
    "tilted": replace(SCAN, shift=(0.3, -0.6)),
}


@pytest.mark.parametrize("scan", WAYS.values(), ids=WAYS.keys())
def test_pixel_centres_inside_an_odd_number_of_contours(tmp_path: Path, scan: Scan) -> None:
    contours = [
        _contour(scan, 3, SQUARE),
        _contour(scan, 3, HOLE[::-1]),  # a hole, whatever its direction
        _contour(scan, 5, SQUARE),  # slice 4 in between stays empty
        _contour(scan, 5, SQUARE + np.array([15, 10])),
    ]
    result = _run(tmp_path, {"GTV-1": contours}, scan)
    seg, _ = result.volume("seg.nii.gz")
    expected = np.zeros(seg.shape, np.uint8)
    expected[11:21, 13:23, [3, 5]] = 1
    expected[14:17, 16:19, 3] = 0
    expected[26:36, 23:33, 5] = 1
    assert np.array_equal(seg, expected)
    assert (result.features["rois"][0]["source"], result.qc["placement"]) == ("RTSTRUCT", "contours")


def test_a_keyhole_is_a_hole(tmp_path: Path) -> None:
    keyhole = np.concatenate([SQUARE, SQUARE[:1], HOLE, HOLE[:1]])
    seg, _ = _run(tmp_path, {"GTV-1": [_contour(SCAN, 3, keyhole), _contour(SCAN, 4, SQUARE)]}).volume("seg.nii.gz")
    assert int(seg[:, :, 3].sum()) == 100 - 9
    assert int(seg[:, :, 4].sum()) == 100


def test_a_vertex_on_a_pixel_centre_counts_once(tmp_path: Path) -> None:
    diamond = np.array(
        [[10.0, 20.0], [15.0, 15.0], [20.0, 20.0], [15.2, 25.0]]
    )  # drawn around voxels: not all on centres
    seg, _ = _run(tmp_path, {"GTV-1": [_contour(SCAN, 3, diamond), _contour(SCAN, 4, diamond)]}).volume("seg.nii.gz")
    assert abs(int(seg[:, :, 3].sum()) - 50) <= 5
    assert not seg[:10].any()
    assert not seg[21:].any()


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        (RoiRule(label="^GTV"), ["GTV-1"]),
        (RoiRule(label="^Lung", policy=RoiPolicy.LARGEST), ["Lung-Left"]),
        (RoiRule(label="^Lung", policy=RoiPolicy.EACH), ["Lung-Left", "Lung-Right"]),
        (RoiRule(label="^Lung", policy=RoiPolicy.UNION), ["Lung-Right + Lung-Left"]),
    ],
)
def test_regions_are_chosen_by_pattern(tmp_path: Path, rule: RoiRule, labels: list[str]) -> None:
    contours = {
        "Lung-Right": [_contour(SCAN, k, HOLE) for k in (3, 4)],
        "GTV-1": [_contour(SCAN, k, HOLE + np.array([0, 8])) for k in (3, 4)],
        "Lung-Left": [_contour(SCAN, k, SQUARE) for k in (3, 4)],
    }
    result = _run(tmp_path, contours, rule=rule)
    assert [roi["label"] for roi in result.features["rois"]] == labels
    assert [roi["primary"] for roi in result.features["rois"]] == [True, *[False] * (len(labels) - 1)]


def test_each_region_has_its_own_number(tmp_path: Path) -> None:
    contours = {
        "small": [_contour(SCAN, k, HOLE) for k in (3, 4)],
        "large": [_contour(SCAN, k, SQUARE + np.array([9, 9])) for k in (3, 4)],
    }
    seg, _ = _run(tmp_path, contours, rule=RoiRule(policy=RoiPolicy.EACH)).volume("seg.nii.gz")
    assert [int((seg == number).sum()) for number in (1, 2)] == [200, 18]


def test_largest_without_a_pattern_is_refused(tmp_path: Path) -> None:
    contours = {"a": [_contour(SCAN, 3, SQUARE)], "b": [_contour(SCAN, 3, HOLE)]}
    assert _run(tmp_path, contours, rule=RoiRule(policy=RoiPolicy.LARGEST)).status == "ROI_AMBIGUOUS"


@pytest.mark.parametrize(
    ("contour", "code"),
    [
        (_contour(SCAN, 3.4, SQUARE), "GEOMETRY_MISMATCH"),
        (_contour(SCAN, 40, SQUARE), "GEOMETRY_MISMATCH"),
        (_contour(SCAN, -2, SQUARE), "GEOMETRY_MISMATCH"),
        (_contour(SCAN, 3, SQUARE + np.array([40, 0])), "GEOMETRY_MISMATCH"),
        (_contour(SCAN, 3, SQUARE)[:, [2, 1, 0]], "GEOMETRY_MISMATCH"),
        (_contour(SCAN, 3, HOLE / 100 + np.array([0.2, 0.2])), "EMPTY_MASK"),
    ],
    ids=[
        "between_slices",
        "above_the_volume",
        "below_the_volume",
        "beyond_the_edge",
        "across_slices",
        "between_pixel_centres",
    ],
)
def test_contours_that_do_not_fit_the_ct_are_refused(tmp_path: Path, contour: Points, code: str) -> None:
    assert _run(tmp_path, {"GTV-1": [contour]}).status == code
