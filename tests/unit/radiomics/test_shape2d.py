"""shape2D against geometry: IBSI has no baseline for it.

The outline is that of marching squares: straight between the midpoints of neighbouring pixels inside and outside,
so it cuts every corner of a pixel by half a pixel along both axes.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from radiomics_job.feature_names import SHAPE2D
from radiomics_job.features.extract import FeatureResult, extract_features
from radiomics_job.parameters import load_params

CT_PARAMS = load_params("ct")
PARAMS = replace(CT_PARAMS, extraction=replace(CT_PARAMS.extraction, classes=("shape2D",)))
SLICE_STEP = 3.0
OFF_CENTRE = 0.21  # so that no row of pixels lies exactly on the edge of a disc
SQUARE = (1.0, 1.0)
PIXELS = [SQUARE, (0.5, 2.0), (2.0, 0.5), (0.9765625, 0.7)]

LEFT, POSTERIOR, SUPERIOR = (-1, 0, 0), (0, -1, 0), (0, 0, 1)  # as the affine counts: right, anterior, superior
INFERIOR, RIGHT, ANTERIOR = (0, 0, -1), (1, 0, 0), (0, 1, 0)

# Where columns, rows and slices run to, the slices in both directions in which they are stored.
ACQUISITIONS = {
    "axial": (LEFT, POSTERIOR, SUPERIOR),
    "axial, from above": (LEFT, POSTERIOR, INFERIOR),
    "coronal": (LEFT, INFERIOR, POSTERIOR),
    "coronal, from behind": (LEFT, INFERIOR, ANTERIOR),
    "sagittal": (POSTERIOR, INFERIOR, LEFT),
    "sagittal, from the left": (POSTERIOR, INFERIOR, RIGHT),
}
# Slices are then counted from the most inferior, anterior or right one.
COUNTED_FROM_THE_LAST = ("axial, from above", "coronal, from behind", "sagittal, from the left")


def acquired(acquisition: str, pixel: tuple[float, float]) -> NDArray[np.float64]:
    """Affine of a volume stored as (column, row, slice)."""
    affine = np.eye(4)
    affine[:3, :3] = np.transpose(ACQUISITIONS[acquisition]) * [*pixel, SLICE_STEP]
    affine[:3, 3] = (120.0, 95.5, -310.25)
    return affine


def extract(mask: NDArray[np.bool_], affine: NDArray[np.float64], slice_axis: int = 2) -> FeatureResult:
    return extract_features(np.zeros(mask.shape, np.int16), mask, affine, PARAMS, slice_axis=slice_axis)


def measure(
    mask: NDArray[np.bool_], pixel: tuple[float, float] = SQUARE, acquisition: str = "axial", slice_axis: int = 2
) -> dict[str, float]:
    """Every shape2D feature of a region that has them all."""
    values = extract(mask, acquired(acquisition, pixel), slice_axis).values
    found = {feature: values[f"original_shape2D_{feature}"] for feature in SHAPE2D}
    return {feature: value for feature, value in found.items() if value is not None}


def in_one_slice(*rows: str) -> NDArray[np.bool_]:
    """Volume of three slices, the middle one as drawn (`#` is inside), indexed (column, row, slice)."""
    drawn = np.array([[character == "#" for character in row] for row in rows]).T
    mask = np.zeros((drawn.shape[0] + 2, drawn.shape[1] + 2, 3), dtype=bool)
    mask[1:-1, 1:-1, 1] = drawn
    return mask


def rectangle(columns: int, rows: int) -> NDArray[np.bool_]:
    return in_one_slice(*["#" * columns] * rows)


def within(
    shape: tuple[int, int], pixel: tuple[float, float], semi_axes: tuple[float, float], turned: float = 0.0
) -> NDArray[np.bool_]:
    """Ellipse with the given semi-axes in mm, turned by an angle, in the middle of the middle slice."""
    x, y = ((np.arange(size) - size / 2 + OFF_CENTRE) * step for size, step in zip(shape, pixel, strict=True))
    along = x[:, None] * math.cos(turned) + y[None, :] * math.sin(turned)
    across = y[None, :] * math.cos(turned) - x[:, None] * math.sin(turned)
    mask = np.zeros((*shape, 3), dtype=bool)
    mask[:, :, 1] = (along / semi_axes[0]) ** 2 + (across / semi_axes[1]) ** 2 <= 1
    return mask


@dataclass(frozen=True)
class Rectangle:
    """What geometry says of columns × rows pixels of width × height mm."""

    columns: int
    rows: int
    width: float
    height: float

    def features(self) -> dict[str, float]:
        pixel = self.width * self.height
        corner = math.hypot(self.width, self.height) / 2
        area = pixel * (self.columns * self.rows - 4 / 8)  # each of four corners lacks an eighth of a pixel
        perimeter = 2 * (self.columns - 1) * self.width + 2 * (self.rows - 1) * self.height + 4 * corner
        sphericity = 2 * math.sqrt(math.pi * area) / perimeter
        axes = sorted((self.axis(self.columns, self.width), self.axis(self.rows, self.height)))
        return {
            "PixelSurface": pixel * self.columns * self.rows,
            "MeshSurface": area,
            "Perimeter": perimeter,
            "PerimeterSurfaceRatio": perimeter / area,
            "Sphericity": sphericity,
            "SphericalDisproportion": 1 / sphericity,
            "MaximumDiameter": self.diagonal(),
            "MajorAxisLength": axes[1],
            "MinorAxisLength": axes[0],
            "Elongation": axes[0] / axes[1],
        }

    def diagonal(self) -> float:
        """Between two opposite ends of sides: full along one axis, a pixel less along the other."""
        return max(
            math.hypot(self.columns * self.width, (self.rows - 1) * self.height),
            math.hypot((self.columns - 1) * self.width, self.rows * self.height),
        )

    @staticmethod
    def axis(count: int, step: float) -> float:
        """Four standard deviations of evenly spaced points, whose variance is (n² − 1) / 12 steps²."""
        return 4 * step * math.sqrt((count**2 - 1) / 12)


class TestRectangle:
    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    @pytest.mark.parametrize("pixel", PIXELS)
    @pytest.mark.parametrize(("columns", "rows"), [(2, 2), (9, 4), (4, 9), (2, 30)])
    def test_every_feature(self, columns: int, rows: int, pixel: tuple[float, float], acquisition: str) -> None:
        expected = Rectangle(columns, rows, *pixel).features()

        assert set(expected) == set(SHAPE2D)
        assert measure(rectangle(columns, rows), pixel, acquisition) == pytest.approx(expected)

    def test_numbers_by_hand(self) -> None:
        values = measure(rectangle(6, 4), pixel=(3.0, 4.0))  # 18 × 16 mm

        assert values["PixelSurface"] == 288.0
        assert values["MeshSurface"] == pytest.approx(282.0)  # less half a pixel
        assert values["Perimeter"] == pytest.approx(2 * 15 + 2 * 12 + 4 * 2.5)
        assert values["MaximumDiameter"] == pytest.approx(math.sqrt(15**2 + 16**2))  # longer than √(18² + 12²)
        assert values["MinorAxisLength"] == pytest.approx(8 * math.sqrt(5))  # 4 × 4 √(15 / 12)

    def test_at_the_edge_of_the_volume_the_outline_closes_too(self) -> None:
        mask = np.zeros((5, 4, 2), dtype=bool)
        mask[:, :, 0] = True

        assert measure(mask, (2.0, 1.5)) == pytest.approx(Rectangle(5, 4, 2.0, 1.5).features())

    @pytest.mark.parametrize("tilt_degrees", [10.0, 25.0])
    def test_a_tilted_gantry_leaves_the_slice_as_it_is(self, tilt_degrees: float) -> None:
        affine = acquired("axial", (0.8, 1.1))
        affine[1, 2] = SLICE_STEP * math.tan(math.radians(tilt_degrees))

        values = extract(rectangle(9, 4), affine).values

        measured = {feature: values[f"original_shape2D_{feature}"] for feature in SHAPE2D}
        assert measured == pytest.approx(Rectangle(9, 4, 0.8, 1.1).features())


class TestOtherOutlines:
    @pytest.mark.parametrize("pixel", PIXELS)
    def test_an_angle_of_three_pixels(self, pixel: tuple[float, float]) -> None:
        values = measure(in_one_slice("#.", "##"), pixel)

        # 9 squares between pixel centres: one with three pixels inside (7/8), two with two (1/2), five with one (1/8).
        assert values["MeshSurface"] == pytest.approx(math.prod(pixel) * (7 / 8 + 2 / 2 + 5 / 8))
        assert values["Perimeter"] == pytest.approx(sum(pixel) + 6 * math.hypot(*pixel) / 2)

    @pytest.mark.parametrize("pixel", PIXELS)
    def test_a_hole_has_an_outline_of_its_own(self, pixel: tuple[float, float]) -> None:
        whole = Rectangle(5, 5, *pixel).features()

        values = measure(in_one_slice("#####", "#####", "##.##", "#####", "#####"), pixel)

        assert values["PixelSurface"] == pytest.approx(24 * math.prod(pixel))
        assert values["MeshSurface"] == pytest.approx(whole["MeshSurface"] - math.prod(pixel) / 2)
        assert values["Perimeter"] == pytest.approx(whole["Perimeter"] + 2 * math.hypot(*pixel))
        assert values["MaximumDiameter"] == pytest.approx(whole["MaximumDiameter"])

    @pytest.mark.parametrize("pixel", PIXELS)
    def test_pixels_that_touch_at_a_corner_stay_apart(self, pixel: tuple[float, float]) -> None:
        values = measure(in_one_slice("#.#", ".#."), pixel)

        assert values["MeshSurface"] == pytest.approx(3 * math.prod(pixel) / 2)  # a rhombus each
        assert values["Perimeter"] == pytest.approx(3 * 2 * math.hypot(*pixel))

    def test_parts_are_added_and_the_diameter_spans_them(self) -> None:
        part = Rectangle(3, 3, 1.0, 1.0).features()

        values = measure(in_one_slice("###....###", "###....###", "###....###"))

        assert values["MeshSurface"] == pytest.approx(2 * part["MeshSurface"])
        assert values["Perimeter"] == pytest.approx(2 * part["Perimeter"])
        assert values["MaximumDiameter"] == pytest.approx(math.hypot(10, 2))


class TestDiscAndEllipse:
    RADIUS = 30.0

    @pytest.mark.parametrize("pixel", [(0.5, 0.5), (0.5, 0.8), (1.0, 0.4)])
    def test_a_disc_on_any_pixels(self, pixel: tuple[float, float]) -> None:
        values = measure(within((181, 181), pixel, (self.RADIUS, self.RADIUS)), pixel)

        assert values["PixelSurface"] == pytest.approx(math.pi * self.RADIUS**2, rel=0.002)
        assert values["MeshSurface"] == pytest.approx(math.pi * self.RADIUS**2, rel=0.002)
        assert values["MaximumDiameter"] == pytest.approx(2 * self.RADIUS, abs=max(pixel))
        assert values["MajorAxisLength"] == pytest.approx(2 * self.RADIUS, rel=0.002)
        assert values["MinorAxisLength"] == pytest.approx(2 * self.RADIUS, rel=0.002)
        assert values["Elongation"] == pytest.approx(1.0, abs=0.002)

    def test_the_perimeter_of_a_disc_is_a_staircase(self) -> None:
        # An outline in eight directions is longer than its circle, however fine the pixels: by 8(√2 − 1)/π.
        longer = 8 * (math.sqrt(2) - 1) / math.pi

        values = measure(within((181, 181), (0.4, 0.4), (self.RADIUS, self.RADIUS)), (0.4, 0.4))

        assert values["Perimeter"] == pytest.approx(2 * math.pi * self.RADIUS * longer, rel=0.005)
        assert values["Sphericity"] == pytest.approx(1 / longer, rel=0.005)

    @pytest.mark.parametrize("degrees", [0, 30, 45, 90, 118])
    @pytest.mark.parametrize("acquisition", ["axial", "coronal", "sagittal"])
    def test_the_axes_of_an_ellipse_turn_with_it(self, degrees: int, acquisition: str) -> None:
        pixel = (0.5, 0.8)

        values = measure(within((181, 121), pixel, (40.0, 16.0), math.radians(degrees)), pixel, acquisition)

        assert values["MajorAxisLength"] == pytest.approx(80.0, rel=0.005)
        assert values["MinorAxisLength"] == pytest.approx(32.0, rel=0.005)
        assert values["Elongation"] == pytest.approx(0.4, rel=0.005)
        assert values["MaximumDiameter"] == pytest.approx(80.0, abs=1.0)
        assert values["MeshSurface"] == pytest.approx(math.pi * 40 * 16, rel=0.005)


class TestLines:
    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    @pytest.mark.parametrize("drawn", [("#####",), ("#", "#", "#"), ("#..", ".#.", "..#"), ("#.#.#",)])
    def test_a_line_has_an_area_and_nothing_else(self, drawn: tuple[str, ...], acquisition: str) -> None:
        result = extract(in_one_slice(*drawn), acquired(acquisition, (0.5, 2.0)))

        present = {name for name in SHAPE2D if result.values[f"original_shape2D_{name}"] is not None}
        assert present == {"PixelSurface"}
        assert result.values["original_shape2D_PixelSurface"] == "".join(drawn).count("#") * 1.0
        assert "a line of voxels: it has no 2D shape" in result.missing["original_shape2D_Perimeter"]

    def test_two_rows_are_enough(self) -> None:
        assert set(measure(in_one_slice("###", "..#"))) == set(SHAPE2D)


class TestWhichSlice:
    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    def test_the_one_of_largest_area(self, acquisition: str) -> None:
        mask = np.zeros((40, 40, 7), dtype=bool)
        mask[2:38, 5:7, 1] = True  # 72 pixels: longest
        mask[5:14, 5:14, 3] = True  # 81 pixels
        mask[5:13, 5:15, 5] = True  # 80 pixels: longer outline

        assert measure(mask, (0.5, 2.0), acquisition) == pytest.approx(Rectangle(9, 9, 0.5, 2.0).features())

    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    def test_of_equals_the_most_inferior_anterior_or_right(self, acquisition: str) -> None:
        mask = np.zeros((40, 40, 7), dtype=bool)
        shapes = [(2, 18), (4, 9), (6, 6)]
        for index, (columns, rows) in zip((1, 3, 5), shapes, strict=True):
            mask[5 : 5 + columns, 5 : 5 + rows, index] = True

        taken = shapes[-1] if acquisition in COUNTED_FROM_THE_LAST else shapes[0]

        assert measure(mask, SQUARE, acquisition) == pytest.approx(Rectangle(*taken, *SQUARE).features())

    @pytest.mark.parametrize("acquisition", ACQUISITIONS)
    @pytest.mark.parametrize("slice_axis", [0, 1, 2])
    def test_slices_are_counted_along_the_axis_that_is_given(self, slice_axis: int, acquisition: str) -> None:
        pixel, sizes = (0.5, 2.0), (4, 7, 11)
        mask = np.zeros((20, 20, 20), dtype=bool)
        mask[2:6, 3:10, 5:16] = True
        steps = (*pixel, SLICE_STEP)
        (columns, width), (rows, height) = ((sizes[axis], steps[axis]) for axis in range(3) if axis != slice_axis)

        values = measure(mask, pixel, acquisition, slice_axis)

        assert values == pytest.approx(Rectangle(columns, rows, width, height).features())

    def test_it_is_the_largest_by_pixels_whatever_their_outline(self) -> None:
        mask = np.zeros((20, 20, 4), dtype=bool)
        mask[1::2, 1::2, 1] = True  # 100 pixels, none touching another
        mask[4:13, 4:15, 2] = True  # 99 pixels, twice the mesh

        values = measure(mask)

        assert values["PixelSurface"] == 100.0
        assert values["MeshSurface"] == pytest.approx(50.0)
