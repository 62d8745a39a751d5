"""The overlay: yellow where the mask is, true proportions, and letters that hold for any way of storing a volume."""

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from radiomics_job.output.overlay import (
    CLOSE_UP_PIXELS,
    LUNG_WINDOW,
    PANEL_HEIGHT,
    PICTURE_WIDTH,
    SOFT_TISSUE_WINDOW,
    View,
    choose_window,
    draw_close_ups,
    draw_views,
    render_overlay,
    three_views,
)
from tests.unit.radiomics.support import store

SPACING = (1.0, 1.0, 3.0)
AXIAL_LETTERS = ("R", "L", "A", "P")
CORONAL_LETTERS = ("R", "L", "S", "I")
SAGITTAL_LETTERS = ("A", "P", "S", "I")


def chest(background: int = -850) -> tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.float64]]:
    """A box of one HU, marked at its right, anterior, inferior corner, and a lopsided mask; stored along LPS."""
    ct = np.full((100, 80, 30), background, dtype=np.int16)
    ct[:10, :10, :5] = 400
    mask = np.zeros(ct.shape, dtype=bool)
    mask[60:80, 20:30, 12:20] = True
    mask[60:80, 20:45, 15] = True
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    return ct, mask, affine


def turned(affine: NDArray[np.float64], degrees: float, axis: int) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    first, second = (other for other in range(3) if other != axis)
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = np.cos(angle)
    rotation[first, second], rotation[second, first] = -np.sin(angle), np.sin(angle)
    result = affine.copy()
    result[:3, :3] = rotation @ affine[:3, :3]
    return result


def yellow(picture: Image.Image) -> NDArray[np.bool_]:
    pixels = np.asarray(picture, dtype=int)
    marked: NDArray[np.bool_] = (pixels[:, :, 0] - pixels[:, :, 2] > 50) & (pixels[:, :, 1] - pixels[:, :, 2] > 35)
    return marked


class TestViews:
    def test_planes_slices_and_letters_of_an_axial_scan(self) -> None:
        ct, mask, affine = chest()

        axial, coronal, sagittal = three_views(ct, mask, affine)

        assert [view.title.split(",")[0] for view in (axial, coronal, sagittal)] == ["Axial", "Coronal", "Sagittal"]
        assert np.array_equal(axial.mask, mask[:, :, 15].T)  # the slice of largest area
        assert (axial.letters, coronal.letters, sagittal.letters) == (AXIAL_LETTERS, CORONAL_LETTERS, SAGITTAL_LETTERS)
        assert (axial.pixel_mm, coronal.pixel_mm) == ((1.0, 1.0), (3.0, 1.0))
        assert axial.mask.any()
        assert coronal.mask.any()
        assert sagittal.mask.any()

    def test_superior_is_up_and_the_patients_left_on_the_right(self) -> None:
        ct, mask, affine = chest()
        ct[:, :, 0] = 1000  # the bottom slice
        ct[0, :, :] = 900  # the patient's right
        _, coronal, sagittal = three_views(ct, mask, affine)

        assert coronal.values[-1, 50] == 1000
        assert coronal.values[10, 0] == 900
        assert sagittal.values[-1, 40] == 1000

    @pytest.mark.parametrize("axes", list(permutations(range(3))))
    def test_every_storage_of_one_volume_gives_one_picture(self, axes: tuple[int, ...]) -> None:
        ct, mask, affine = chest()
        expected = three_views(ct, mask, affine)
        for flips in product((False, True), repeat=3):
            stored_ct, placed = store(ct, affine, axes, flips)
            stored_mask, _ = store(mask, affine, axes, flips)

            views = three_views(stored_ct, stored_mask, placed, slice_axis=axes.index(2))

            for view, wanted in zip(views, expected, strict=True):
                assert (view.title, view.letters, view.pixel_mm) == (wanted.title, wanted.letters, wanted.pixel_mm)
                assert np.array_equal(view.values, wanted.values)
                assert np.array_equal(view.mask, wanted.mask)

    def test_a_sagittal_scan_shows_its_own_plane_first(self) -> None:
        ct, mask, affine = chest()

        views = three_views(ct, mask, affine, slice_axis=0)

        assert [view.title.split(",")[0] for view in views] == ["Sagittal", "Axial", "Coronal"]
        assert views[0].letters == SAGITTAL_LETTERS

    def test_an_oblique_scan_names_both_directions(self) -> None:
        ct, mask, affine = chest()

        axial, coronal, _ = three_views(ct, mask, turned(affine, 30, axis=2))

        # In RAS, turning from x to y by 30 degrees takes the patient's left (−x) partly to posterior (−y).
        assert axial.title.startswith("Axial")
        assert axial.letters == ("RA", "LP", "AL", "PR")
        assert coronal.title.startswith("Oblique coronal")
        assert coronal.letters[2:] == ("S", "I")

    def test_a_small_tilt_keeps_plain_letters(self) -> None:
        ct, mask, affine = chest()

        axial, _, _ = three_views(ct, mask, turned(affine, 8, axis=0))

        assert axial.title.startswith("Axial")
        assert axial.letters == AXIAL_LETTERS

    def test_a_hollow_region_is_still_shown(self) -> None:
        ct, _, affine = chest()
        mask = np.zeros(ct.shape, dtype=bool)
        mask[10:20, 10:20, 5] = mask[70:80, 60:70, 25] = True

        assert all(view.mask.any() for view in three_views(ct, mask, affine))

    def test_an_empty_mask_is_refused(self) -> None:
        ct, mask, affine = chest()

        with pytest.raises(ValueError, match="no voxel"):
            three_views(ct, np.zeros_like(mask), affine)


class TestPicture:
    def test_yellow_is_where_the_mask_is_and_nowhere_else(self) -> None:
        ct, mask, affine = chest()
        views = three_views(ct, mask, affine)

        for view in views:
            picture = draw_views((view,))
            rows, columns = np.nonzero(yellow(picture))
            top, left, scale = panel_place(picture, view)
            mask_rows, mask_columns = np.nonzero(view.mask)
            expected_area = view.mask.sum() * view.pixel_mm[0] * view.pixel_mm[1] * scale**2

            assert rows.size == pytest.approx(expected_area, rel=0.05)
            assert (rows.mean() - top) / scale == pytest.approx((mask_rows.mean() + 0.5) * view.pixel_mm[0], abs=1.0)
            assert (columns.mean() - left) / scale == pytest.approx(
                (mask_columns.mean() + 0.5) * view.pixel_mm[1], abs=1.0
            )

    def test_no_ring_is_drawn_around_what_is_bright(self) -> None:
        ct, mask, affine = chest(background=-600)
        ct[64:70, 22:26, 12:20] = 0
        view = three_views(ct, mask, affine)[0]
        close = draw_close_ups((view,))
        middle = (slice(CLOSE_UP_PIXELS // 4, CLOSE_UP_PIXELS * 3 // 4),) * 2  # without letters and titles
        drawn = np.asarray(close)[middle][~yellow(close)[middle]]

        assert drawn.min() >= 127  # -600 HU in the middle of the lung window

    def test_the_outline_is_stronger_than_the_inside(self) -> None:
        ct, mask, affine = chest()
        picture = draw_views(three_views(ct, mask, affine)[:1])
        colours = np.asarray(picture, dtype=int)[yellow(picture)]

        saturation = colours[:, 0] - colours[:, 2]
        assert saturation.max() > 200
        assert np.median(saturation) < 150  # the CT shows through

    def test_proportions_follow_the_spacing(self) -> None:
        ct, mask, affine = chest()
        _, coronal, _ = three_views(ct, mask, affine)

        picture = draw_views((coronal,))
        height, width = panel_size(picture, coronal)

        assert height / width == pytest.approx((30 * 3.0) / (100 * 1.0), rel=0.01)

    def test_size_is_bounded(self, tmp_path: Path) -> None:
        mask = np.zeros((300, 20, 260), dtype=bool)
        mask[100:140, 5:9, 100:140] = True

        render_overlay(np.zeros(mask.shape, np.int16), mask, np.diag([-2.0, -2.0, 3.0, 1.0]), tmp_path / "wide.png")

        with Image.open(tmp_path / "wide.png") as picture:
            assert picture.width <= PICTURE_WIDTH
            assert picture.height <= PANEL_HEIGHT + CLOSE_UP_PIXELS + 120

    @pytest.mark.parametrize("place", [(45, 40, 15), (1, 1, 1), (98, 78, 28)])
    def test_a_close_up_hides_no_voxel_of_the_mask(self, place: tuple[int, int, int]) -> None:
        ct, _, affine = chest()
        mask = np.zeros(ct.shape, dtype=bool)
        mask[tuple(slice(middle - 1, middle + 2) for middle in place)] = True  # 3 × 3 × 9 mm
        ct[mask] = 30
        views = three_views(ct, mask, affine)

        for view in views:
            picture = draw_close_ups((view,))
            rows, columns = np.nonzero(yellow(picture))
            # 40 mm on 400 pixels: 30 or 90 pixels inside, in the middle, and a line of one pixel around.
            height, width = (round(10 * 3 * step) for step in view.pixel_mm)
            assert rows.size == 2 * (height + width)
            assert [int(np.ptp(rows)), int(np.ptp(columns))] == [height + 1, width + 1]
            assert rows.mean() == pytest.approx(30 + 199.5, abs=1.5)
            assert columns.mean() == pytest.approx(14 + 199.5, abs=1.5)

    def test_a_large_region_fits_into_its_close_up(self) -> None:
        ct, mask, affine = chest()
        mask[10:90, 10:70, 5:25] = True
        picture = draw_close_ups(three_views(ct, mask, affine))
        rows, _ = np.nonzero(yellow(picture))
        assert rows.min() > 30
        assert rows.max() < 30 + CLOSE_UP_PIXELS

    def test_bytes_are_the_same_each_time_and_carry_no_metadata(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.png"):
            render_overlay(*chest(), tmp_path / name)

        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.info == {}
            assert picture.mode == "RGB"


class TestWindow:
    @pytest.mark.parametrize(("around", "window"), [(-850, LUNG_WINDOW), (45, SOFT_TISSUE_WINDOW)])
    def test_it_follows_the_tissue_around_the_mask(self, around: int, window: object) -> None:
        ct, mask, affine = chest(background=around)
        ct[mask] = 30

        assert choose_window(three_views(ct, mask, affine)[0]) is window

    def test_a_mask_that_fills_the_plane_gets_soft_tissue(self) -> None:
        plane = View("", np.full((5, 5), -900, np.int16), np.ones((5, 5), bool), (1.0, 1.0), AXIAL_LETTERS)

        assert choose_window(plane) is SOFT_TISSUE_WINDOW


def panel_size(picture: Image.Image, view: View) -> tuple[float, float]:
    """Height and width in pixels of the only panel of a picture: all that is not background or margin."""
    width = picture.width - 28
    return width * view.values.shape[0] * view.pixel_mm[0] / (view.values.shape[1] * view.pixel_mm[1]), width


def panel_place(picture: Image.Image, view: View) -> tuple[int, int, float]:
    """Top, left and pixels per mm of the only panel of a picture."""
    return 30, 14, (picture.width - 28) / (view.values.shape[1] * view.pixel_mm[1])
