"""What a contour means: through voxel centres or around voxels, twice, overlapping, open, on every other slice."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from local.synthetic.dicom import item
from radiomics_job.roi.contour_filling import Contour, fill
from radiomics_job.roi.rule import RoiRule
from tests.builders.dicom import CORONAL, OBLIQUE, Points, Scan, save, save_ct, structure_set
from tests.unit.radiomics.support import Result, run_study

SCAN = Scan(columns=40, rows=36, slices=12, step=3.1)
Mask = NDArray[np.bool_]
Pixels = list[tuple[float, float]]


def _place(scan: Scan, k: float, polygon: Points) -> Points:
    row, column, _ = scan.axes()
    return np.asarray(
        scan.position(k) + polygon[:, :1] * row * scan.spacing[1] + polygon[:, 1:] * column * scan.spacing[0]
    )


def _box(low: float, high: float, top: float, bottom: float) -> Points:
    return np.array([[low, top], [high, top], [high, bottom], [low, bottom]], dtype=float)


def _digital_path(corners: Points) -> Points:
    """Every pixel on the edges between corners, as a tracer of masks writes them (steps of at most one pixel)."""
    path: Pixels = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        steps = int(np.abs(end - start).max())
        path += [tuple(start + (end - start) * n / steps) for n in range(steps)]
    return np.array(path)


def _study(folder: Path, contours: Sequence[tuple[float, Points]], scan: Scan = SCAN, decimals: int = 8) -> Dataset:
    save_ct(folder, scan)
    rt = structure_set(scan, {"GTV": [_place(scan, k, polygon) for k, polygon in contours]})
    for contour in rt.ROIContourSequence[0].ContourSequence:
        contour.ContourData = [f"{float(v):.{decimals}f}"[:16] for v in contour.ContourData]
    return rt


def _run(tmp_path: Path, rt: Dataset, rule: RoiRule | None = None) -> Result:
    save(rt, tmp_path / "in" / "rt")
    return run_study(tmp_path / "in", tmp_path / "out", rule=rule)


def _slice(result: Result, k: int) -> Mask:
    return np.asarray(result.volume("seg.nii.gz")[0][:, :, k] > 0)


@pytest.mark.parametrize("decimals", [8, 2, 1])
@pytest.mark.parametrize("orientation", [SCAN.orientation, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_a_contour_through_voxel_centres_includes_them(
    tmp_path: Path, orientation: tuple[float, ...], decimals: int
) -> None:
    scan = Scan(columns=40, rows=36, slices=12, step=3.1, orientation=orientation)
    traced = _digital_path(np.array([[10, 9], [20, 9], [26, 15], [26, 24], [10, 24]]))
    result = _run(tmp_path, _study(tmp_path / "in", [(k, traced) for k in (4, 5)], scan, decimals))
    expected = np.zeros((40, 36), bool)
    expected[10:27, 9:25] = True
    for row in range(9, 15):
        expected[20 + (row - 9) + 1 :, row] = False
    assert np.array_equal(_slice(result, 4), expected)
    assert result.qc["contour_rule"] == "centres_inside_or_on_contour"
    assert result.qc["warnings"] == (["FRAME_POSITION_RESIDUAL"] if decimals == 1 else [])  # 0.05 mm off the plane


def test_a_hole_through_voxel_centres_leaves_its_path_to_the_region(tmp_path: Path) -> None:
    outer, hole = _digital_path(_box(8, 24, 8, 24)), _digital_path(_box(13, 18, 14, 19))
    seg = _slice(_run(tmp_path, _study(tmp_path / "in", [(k, p) for k in (4, 5) for p in (outer, hole)])), 4)
    assert int(seg.sum()) == 17 * 17 - 4 * 4
    assert seg[13, 14]
    assert not seg[14, 15]


@pytest.mark.parametrize("shift", [0.5, 0.21, 0.02])
def test_a_contour_around_voxels_keeps_to_those_inside(tmp_path: Path, shift: float) -> None:
    around = _digital_path(_box(10, 20, 10, 22)) - shift
    result = _run(tmp_path, _study(tmp_path / "in", [(4, around), (5, around)]))
    assert int(_slice(result, 4).sum()) == 10 * 12
    assert result.qc["contour_rule"] == "centres_inside"


def test_a_lone_voxel_and_a_line_count_when_contours_pass_through_centres(tmp_path: Path) -> None:
    body = _digital_path(_box(10, 20, 10, 20))
    ends = [(3.0, np.array([[12.0, 13.0]])), (6.0, np.array([[14.0, 15.0], [17.0, 15.0]]))]
    result = _run(tmp_path, _study(tmp_path / "in", [(4, body), (5, body), *ends]))
    assert [int(_slice(result, k).sum()) for k in (3, 4, 6)] == [1, 121, 4]
    assert result.qc["contours_left_out"] == {}


LAST = np.array([SCAN.columns, SCAN.rows]) - 1


@pytest.mark.parametrize("orientation", [SCAN.orientation, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
@pytest.mark.parametrize("decimals", [8, 4, 2])
@pytest.mark.parametrize("through", [True, False], ids=["through_centres", "around_voxels"])
def test_contours_along_the_border_of_the_image_lose_and_gain_nothing(
    tmp_path: Path, through: bool, decimals: int, orientation: tuple[float, ...]
) -> None:
    scan = Scan(columns=40, rows=36, slices=12, step=3.1, orientation=orientation)
    off = 0.0 if through else 0.5
    corner = _box(0 - off, 5 + off, 0 - off, 4 + off)
    opposite = _box(33 - off, LAST[0] + off, 30 - off, LAST[1] + off)
    whole = _box(0 - off, LAST[0] + off, 0 - off, LAST[1] + off)
    contours = [(4, corner), (4, opposite), (5, whole)]
    result = _run(tmp_path, _study(tmp_path / "in", contours, scan, decimals))
    expected = np.zeros((40, 36), bool)
    expected[:6, :5] = expected[33:, 30:] = True
    assert np.array_equal(_slice(result, 4), expected)
    assert _slice(result, 5).all()


@pytest.mark.parametrize(("beyond", "status"), [(0.9, "warn"), (1.0, "GEOMETRY_MISMATCH"), (1.2, "GEOMETRY_MISMATCH")])
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_contour_that_reaches_a_voxel_beyond_the_image_is_refused(
    tmp_path: Path, side: str, beyond: float, status: str
) -> None:
    box = _box(-beyond, 5.3, 7.6, 12.4) if side == "low" else _box(30.2, LAST[0] + beyond, 7.6, 12.4)
    assert _run(tmp_path, _study(tmp_path / "in", [(k, box) for k in (4, 5)])).status == status


def test_a_vertex_beside_a_centre_does_not_take_the_voxel(tmp_path: Path) -> None:
    path = _digital_path(_box(8, 24, 8, 24))
    path = np.concatenate([path, [[7.45, 8.5]]])  # one of 65, nearest to a voxel outside
    seg = _slice(_run(tmp_path, _study(tmp_path / "in", [(k, path) for k in (4, 5)])), 4)
    expected = np.zeros((40, 36), bool)
    expected[8:25, 8:25] = True
    assert np.array_equal(seg, expected)


def test_points_that_enclose_nothing_are_told(tmp_path: Path) -> None:
    body = _box(10.4, 20.4, 10.4, 20.4)
    ends = [(3.0, np.array([[12.3, 13.2]])), (6.0, np.array([[14.1, 15.3], [17.2, 15.3]]))]
    result = _run(tmp_path, _study(tmp_path / "in", [(4, body), (5, body), *ends]))
    assert result.qc["contours_left_out"] == {"CLOSED_PLANAR": 2}
    assert result.qc["warnings"] == ["CONTOURS_LEFT_OUT"]


def _from_another_point(polygon: Points) -> Points:
    return np.roll(polygon, 2, axis=0)


def _closed(polygon: Points) -> Points:
    return np.concatenate([polygon, polygon[:1]])


def _turned(polygon: Points) -> Points:
    return polygon[::-1]


def _with_middles(polygon: Points) -> Points:
    return np.stack([polygon, (polygon + np.roll(polygon, -1, axis=0)) / 2], axis=1).reshape(-1, 2)


@pytest.mark.parametrize("again", [_from_another_point, _closed, _turned, _with_middles])
@pytest.mark.parametrize("through_centres", [False, True])
def test_the_same_contour_twice_counts_once(
    tmp_path: Path, again: Callable[[Points], Points], through_centres: bool
) -> None:
    box = _box(10, 20, 11, 21) if through_centres else _box(10.4, 20.4, 11.3, 21.3)
    result = _run(tmp_path, _study(tmp_path / "in", [(4, box), (4, again(box)), (5, box)]))
    assert np.array_equal(_slice(result, 4), _slice(result, 5))
    assert int(_slice(result, 4).sum()) == (121 if through_centres else 100)


def test_contours_that_overlap_in_part_are_united(tmp_path: Path) -> None:
    both = [_box(10.4, 20.4, 10.4, 20.4), _box(15.4, 25.4, 12.4, 28.4)]
    result = _run(tmp_path, _study(tmp_path / "in", [(k, polygon) for k in (4, 5) for polygon in both]))
    expected = np.zeros((40, 36), bool)
    expected[11:21, 11:21] = expected[16:26, 13:29] = True
    assert np.array_equal(_slice(result, 4), expected)
    assert result.qc["warnings"] == ["CONTOURS_OVERLAP"]


def test_nested_contours_are_holes_and_islands(tmp_path: Path) -> None:
    nested = [_box(5.4, 30.4, 5.4, 30.4), _box(10.4, 25.4, 10.4, 25.4), _box(14.4, 20.4, 14.4, 20.4)]
    result = _run(tmp_path, _study(tmp_path / "in", [(k, polygon) for k in (4, 5) for polygon in nested]))
    assert int(_slice(result, 4).sum()) == 25 * 25 - 15 * 15 + 6 * 6


@pytest.mark.parametrize("decimals", [1, 2, 3, 8])
@pytest.mark.parametrize("sticks_out", [0.0, 0.05])
def test_a_hole_that_touches_the_outline_from_within_stays_a_hole(
    tmp_path: Path, decimals: int, sticks_out: float
) -> None:
    outline = np.array([[8.3, 9.2], [29.4, 9.2], [24.7, 29.6], [8.3, 29.6]])
    hole = np.array([[8.3 - sticks_out, 16.3], [13.4, 12.6], [18.6, 16.1], [13.3, 20.4]])
    contours = [(k, path) for k in (4, 5) for path in (outline, hole)]
    seg = _slice(_run(tmp_path, _study(tmp_path / "in", contours, decimals=decimals)), 4)
    alone = _slice(_run(tmp_path, _study(tmp_path / "in", contours[::2], decimals=decimals)), 4)
    column, row = np.meshgrid(np.arange(40), np.arange(36), indexing="ij")
    inside = np.logical_and.reduce([
        (x2 - x1) * (row - y1) - (y2 - y1) * (column - x1) > 0
        for (x1, y1), (x2, y2) in zip(hole, np.roll(hole, -1, axis=0), strict=True)
    ])  # fmt: skip
    assert np.array_equal(seg, alone & ~inside)
    assert np.count_nonzero(inside) > 30


def test_a_slanted_slit_of_a_keyhole_takes_no_voxel() -> None:
    """A slit through voxel centres, there and back: one ulp between the two would shift the parity of a row."""
    scale = 0.7  # rounds
    outer, hole = [(45, 10.3), (45, 44.7), (9.7, 44.7)], [(21.7, 33.3), (33.1, 33.3), (33.1, 21.6)]
    for x, y in product(range(10, 13), range(21, 27)):
        slit = [(x, 10.0), (y, 22.0)]
        keyhole = np.array([slit[0], *outer, slit[0], slit[1], *hole, slit[1]]) * scale / scale
        parts = [np.array([slit[0], *outer]) * scale / scale, np.array([slit[1], *hole]) * scale / scale]
        whole, outside, inside = (fill([Contour(path, 1e-3, False)], (60, 60))[0] for path in (keyhole, *parts))
        assert np.array_equal(whole, outside & ~inside)


def test_a_hole_where_two_contours_overlap_is_a_hole_in_both(tmp_path: Path) -> None:
    contours = [_box(5.4, 20.4, 5.4, 25.4), _box(13.4, 30.4, 8.4, 28.4), _box(15.4, 18.4, 12.4, 20.4)]
    seg = _slice(_run(tmp_path, _study(tmp_path / "in", [(k, path) for k in (4, 5) for path in contours])), 4)
    expected = np.zeros((40, 36), bool)
    expected[6:21, 6:26] = expected[14:31, 9:29] = True
    expected[16:19, 13:21] = False
    assert np.array_equal(seg, expected)


def test_a_path_that_crosses_itself_is_filled_by_parity(tmp_path: Path) -> None:
    eight = np.array([[10.2, 10.2], [30.4, 10.2], [10.2, 30.7], [30.4, 30.7]])
    seg = _slice(_run(tmp_path, _study(tmp_path / "in", [(k, eight) for k in (4, 5)])), 4)
    column, row = np.meshgrid(np.arange(40), np.arange(36), indexing="ij")
    between = np.abs(column - 20.3) < np.abs(row - 20.45) * 10.1 / 10.25
    assert np.array_equal(seg, between & (row > 10.2) & (row < 30.7))


def test_exclusive_contours_are_combined_as_their_type_says(tmp_path: Path) -> None:
    both = [_box(10.4, 20.4, 10.4, 20.4), _box(15.4, 25.4, 10.4, 20.4)]
    rt = _study(tmp_path / "in", [(k, polygon) for k in (4, 5) for polygon in both])
    for contour in rt.ROIContourSequence[0].ContourSequence:
        contour.ContourGeometricType = "CLOSEDPLANAR_XOR"
    seg = _slice(_run(tmp_path, rt), 4)
    assert int(seg.sum()) == 100
    assert not seg[16:21].any()


def test_an_exclusive_contour_inside_another_kind_is_a_hole(tmp_path: Path) -> None:
    both = [_box(10.4, 20.4, 10.4, 20.4), _box(12.4, 16.4, 12.4, 16.4)]
    rt = _study(tmp_path / "in", [(k, polygon) for k in (4, 5) for polygon in both])
    for contour in rt.ROIContourSequence[0].ContourSequence[1::2]:
        contour.ContourGeometricType = "CLOSEDPLANAR_XOR"
    assert int(_slice(_run(tmp_path, rt), 4).sum()) == 100 - 16


@pytest.mark.filterwarnings("ignore:The value for the data element")
def test_a_contour_of_more_than_64_kb_is_read(tmp_path: Path) -> None:
    box = _box(10.4, 30.4, 10.4, 30.4)
    fine = np.concatenate(
        [np.linspace(a, b, 1000, endpoint=False) for a, b in zip(box, np.roll(box, -1, 0), strict=True)]
    )
    result = _run(tmp_path, _study(tmp_path / "in", [(k, fine) for k in (4, 5)]))
    assert (int(_slice(result, 4).sum()), result.qc["warnings"]) == (400, [])


def test_a_region_in_two_items_is_one(tmp_path: Path) -> None:
    rt = _study(tmp_path / "in", [(k, _box(10.4, 20.4, 10.4, 20.4)) for k in (4, 5)])
    first, second = rt.ROIContourSequence[0].ContourSequence
    rt.ROIContourSequence = [_roi(1, [first]), _roi(1, [second])]
    assert int(_slice(_run(tmp_path, rt), 5).sum()) == 100


def test_an_roi_that_is_listed_and_not_drawn_is_empty(tmp_path: Path) -> None:
    rt = _study(tmp_path / "in", [(k, _box(10.4, 20.4, 10.4, 20.4)) for k in (4, 5)])
    rt.StructureSetROISequence.append(item(ROINumber=2, ROIName=" PTV"))
    assert _run(tmp_path, rt, RoiRule(label="^PTV$")).status == "EMPTY_MASK"


def test_two_rois_of_one_number_are_refused(tmp_path: Path) -> None:
    rt = _study(tmp_path / "in", [(k, _box(10.4, 20.4, 10.4, 20.4)) for k in (4, 5)])
    rt.StructureSetROISequence.append(item(ROINumber=1, ROIName="Lung"))
    assert _run(tmp_path, rt, RoiRule(label="Lung")).status == "UNSUPPORTED_DICOM"


@pytest.mark.parametrize(("kind", "warnings"), [("OPEN_PLANAR", ["CONTOURS_LEFT_OUT"]), ("POINT", [])])
def test_what_is_no_area_is_told(tmp_path: Path, kind: str, warnings: list[str]) -> None:
    box = _box(10.4, 20.4, 10.4, 20.4)
    rt = _study(tmp_path / "in", [(k, box) for k in (4, 5, 6)])
    contour = rt.ROIContourSequence[0].ContourSequence[-1]
    contour.ContourGeometricType = kind
    if kind == "POINT":
        contour.ContourData, contour.NumberOfContourPoints = contour.ContourData[:3], 1
    result = _run(tmp_path, rt)
    assert result.qc["contours_left_out"] == {kind: 1}
    assert result.qc["warnings"] == warnings
    assert not _slice(result, 6).any()


@pytest.mark.parametrize("step", [2, 3])
def test_contours_on_every_second_or_third_slice_are_filled_like_thick_slices(tmp_path: Path, step: int) -> None:
    box = _box(10.4, 20.4, 10.4, 20.4)
    result = _run(tmp_path, _study(tmp_path / "in", [(k, box) for k in (2, 2 + step, 2 + 2 * step)]))
    drawn = [bool(_slice(result, k).any()) for k in range(12)]
    first = 2 - step // 2
    assert drawn == [first <= k < first + 3 * step for k in range(12)]
    assert result.qc["warnings"] == ["CONTOURS_ON_THICKER_SLICES"]
    assert result.qc["contours_every_slices"] == step


def test_lesions_on_slices_apart_are_not_joined(tmp_path: Path) -> None:
    boxes = [(2, _box(5.4, 9.4, 5.4, 9.4)), (5, _box(15.4, 19.4, 5.4, 9.4)), (8, _box(5.4, 9.4, 20.4, 25.4))]
    result = _run(tmp_path, _study(tmp_path / "in", [*boxes]))
    assert [k for k in range(12) if _slice(result, k).any()] == [2, 5, 8]


def test_a_slice_that_was_forgotten_is_told(tmp_path: Path) -> None:
    box = _box(10.4, 20.4, 10.4, 20.4)
    result = _run(tmp_path, _study(tmp_path / "in", [(k, box) for k in (2, 3, 5, 6)]))
    assert "CONTOURS_SKIP_SLICES" in result.qc["warnings"]
    assert not _slice(result, 4).any()


def test_contours_that_skip_slices_here_and_there_are_refused(tmp_path: Path) -> None:
    box = _box(10.4, 20.4, 10.4, 20.4)
    result = _run(tmp_path, _study(tmp_path / "in", [(k, box) for k in (0, 1, 3, 5, 7, 9)]))
    assert result.status == "GEOMETRY_MISMATCH"
    assert "stripes" in result.rejection["message"]


def _roi(number: int, contours: list[Dataset] | None) -> Dataset:
    roi = item(ReferencedROINumber=number)
    if contours is not None:
        roi.ContourSequence = contours
    return roi


@pytest.mark.parametrize(
    "rule",
    [RoiRule(), RoiRule(label="GTV|Iso|Cord"), *(RoiRule(label=".", policy=p) for p in ("union", "largest", "each"))],  # type: ignore[arg-type]
)
def test_rois_without_an_area_are_no_candidates(tmp_path: Path, rule: RoiRule) -> None:
    box = _box(10.4, 20.4, 10.4, 20.4)
    rt = _study(tmp_path / "in", [(k, box) for k in (4, 5)])
    point = item(ContourGeometricType="POINT", NumberOfContourPoints=1, ContourData=["1", "2", "3"])
    for number, (name, contours) in enumerate({"Iso": [point], "Cord": None, "Lung": []}.items(), 2):
        rt.StructureSetROISequence.append(item(ROINumber=number, ROIName=name))
        rt.ROIContourSequence.append(_roi(number, contours))
    result = _run(tmp_path, rt, rule)
    assert [roi["label"] for roi in result.features["rois"]] == ["GTV"]
    assert int(_slice(result, 4).sum()) == 100


def test_without_any_area_the_study_says_what_there_is(tmp_path: Path) -> None:
    rt = _study(tmp_path / "in", [(4, _box(10.4, 20.4, 10.4, 20.4))])
    rt.ROIContourSequence[0].ContourSequence[0].ContourGeometricType = "OPEN_PLANAR"
    result = _run(tmp_path, rt)
    assert (result.status, result.rejection["details"]["drawn"]) == ("EMPTY_MASK", 0)
