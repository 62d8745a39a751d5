"""The IBSI digital phantom against its published values, every feature accounted for.

Sources of the phantom, the values and the codes: tests/unit/radiomics/ibsi/README.md.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from radiomics_job.feature_names import ORIGINAL_FEATURES, SHAPE2D
from radiomics_job.features.extract import extract_features
from radiomics_job.parameters import load_params
from tests.unit.radiomics.ibsi.mapping import BASELINES, PHANTOM_VOXELS, SHIFTED, WITHOUT_BASELINE, unaccounted

VOXEL_MM: Final = 2.0
PUBLISHED_DIGITS: Final = 3

# Four slices, inferior first; in each, four rows of five voxels. A dot is outside the region.
PHANTOM = (
    """
    1 4 4 1 1
    1 4 6 1 1
    4 1 6 4 1
    4 4 6 4 1
    """,
    """
    1 4 4 1 1
    1 1 6 1 1
    . 1 3 1 1
    4 4 6 1 1
    """,
    """
    1 4 4 . .
    1 1 1 1 1
    1 1 . 1 1
    1 1 6 1 1
    """,
    """
    1 4 4 . .
    1 1 1 1 1
    1 1 1 1 1
    1 1 6 1 1
    """,
)
OUTSIDE = 9  # what the published image holds in its inner hole

PARAMS = load_params("ct")
# Grey levels 1 to 6 stay what they are.
AS_THEY_ARE = replace(PARAMS, extraction=replace(PARAMS.extraction, bin_width=1.0))

Voxel = tuple[int, int, int]
Direction = tuple[int, int, int]


def phantom(outside: int = OUTSIDE) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Image and region, indexed (x, y, z)."""
    levels = [[row.split() for row in slice_.strip().splitlines()] for slice_ in PHANTOM]
    region = np.array([[[level != "." for level in row] for row in rows] for rows in levels])
    image = [[[outside if level == "." else int(level) for level in row] for row in rows] for rows in levels]
    return np.array(image, dtype=np.int16).transpose(2, 1, 0), region.transpose(2, 1, 0)


def extract(outside: int = OUTSIDE) -> dict[str, float | None]:
    image, region = phantom(outside)
    affine = np.diag([-VOXEL_MM, -VOXEL_MM, VOXEL_MM, 1.0])  # RAS: x runs to the left, y to the back
    result = extract_features(image, region, affine, AS_THEY_ARE)
    assert result.missing == {}
    return result.values


@pytest.fixture(scope="module")
def ours() -> dict[str, float]:
    return {name: value for name, value in extract().items() if value is not None}


def table(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / "ibsi" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Published:
    """One row of the reference table."""

    def __init__(self, row: dict[str, str]) -> None:
        self.value = float(row["value"])
        self.rounding = rounding(self.value)
        self.tolerance = float(row["tolerance"]) if row["tolerance"] else self.rounding


def rounding(value: float) -> float:
    """Half a unit of the last digit that was published."""
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(value))) - PUBLISHED_DIGITS + 1)


PUBLISHED = {row["code"]: Published(row) for row in table("digital_phantom_3d.csv")}


class TestEveryFeatureIsAccountedFor:
    def test_each_has_either_a_baseline_or_one_listed_deviation(self) -> None:
        assert unaccounted(ORIGINAL_FEATURES) == []

    def test_one_with_neither_is_noticed(self) -> None:
        (complaint,) = unaccounted((*ORIGINAL_FEATURES, "original_glcm_New"))

        assert complaint == "original_glcm_New: neither a baseline nor a listed deviation"

    def test_one_with_both_is_noticed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(WITHOUT_BASELINE, "original_glcm_Contrast", "no reason")

        assert unaccounted(ORIGINAL_FEATURES) == ["original_glcm_Contrast: in 2 tables"]

    def test_one_that_is_gone_is_noticed(self) -> None:
        (complaint,) = unaccounted(ORIGINAL_FEATURES[1:])

        assert complaint == f"{ORIGINAL_FEATURES[0]}: there is no such feature"

    def test_every_published_value_is_used_once(self) -> None:
        codes = [*BASELINES.values(), *(shift.code for shift in SHIFTED.values())]

        assert Counter(codes) == Counter(row["code"] for row in table("digital_phantom_3d.csv"))
        assert max(Counter(codes).values()) == 1

    def test_every_deviation_says_why(self) -> None:
        assert all(shift.reason and shift.note for shift in SHIFTED.values())
        assert all(WITHOUT_BASELINE.values())


class TestPublishedValues:
    @pytest.mark.parametrize("name", BASELINES)
    def test_baseline(self, name: str, ours: dict[str, float]) -> None:
        published = PUBLISHED[BASELINES[name]]

        assert ours[name] == pytest.approx(published.value, abs=published.tolerance, rel=0)

    @pytest.mark.parametrize("name", SHIFTED)
    def test_known_shift(self, name: str, ours: dict[str, float]) -> None:
        published = PUBLISHED[SHIFTED[name].code]

        # The shift is exact, so nothing but the rounding of the published value is left.
        assert ours[name] == pytest.approx(SHIFTED[name].expected(published.value), abs=published.rounding, rel=0)
        assert ours[name] != pytest.approx(published.value, abs=published.rounding, rel=0)

    def test_what_lies_outside_the_region_does_not_matter(self, ours: dict[str, float]) -> None:
        assert extract(outside=-1000) == ours

    def test_the_tolerances_can_tell_neighbouring_values_apart(self) -> None:
        assert all(published.tolerance <= 0.01 * abs(published.value) for published in PUBLISHED.values())


class TestThePhantomItself:
    """The array against texture matrices that IBSI published for it, counted here without pyradiomics."""

    def test_size(self) -> None:
        image, region = phantom()

        assert image.shape == (5, 4, 4)
        assert np.count_nonzero(region) == PHANTOM_VOXELS
        assert Counter(image[region].tolist()) == {1: 50, 3: 1, 4: 16, 6: 7}

    def test_co_occurrence(self) -> None:
        merged = sum(co_occurrence().values(), start=np.zeros((7, 7)))

        assert merged.tolist() == published_matrix("GLCM", merged.shape).tolist()

    def test_dependence(self) -> None:
        counts = np.zeros((7, 28))
        for level, neighbours in neighbourhoods():
            counts[level, 1 + neighbours.count(level)] += 1

        assert counts.tolist() == published_matrix("NGLDM", counts.shape).tolist()

    def test_tone_difference(self) -> None:
        sums = np.zeros(7)
        for level, neighbours in neighbourhoods():
            sums[level] += abs(level - np.mean(neighbours))

        assert sums.tolist() == pytest.approx(published_matrix("NGTDM", (7, 1))[:, 0].tolist(), abs=1e-6)


def published_matrix(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    matrix = np.zeros(shape)
    for row in table("phantom_matrices_3d.csv"):
        if row["matrix"] == name:
            matrix[int(row["grey_level"]), int(row["column"] or 0)] = float(row["value"])
    return matrix


STEPS: Final = (-1, 0, 1)
DIRECTIONS: Final = [direction for direction in product(STEPS, STEPS, STEPS) if direction > (0, 0, 0)]


def grey_levels() -> dict[Voxel, int]:
    image, region = phantom()
    return {(x, y, z): int(image[x, y, z]) for x, y, z in np.argwhere(region).tolist()}


def stepped(voxel: Voxel, direction: Direction, steps: int = 1) -> Voxel:
    x, y, z = (position + steps * step for position, step in zip(voxel, direction, strict=True))
    return x, y, z


def neighbourhoods() -> Iterator[tuple[int, list[int]]]:
    """Grey level of each voxel, and those of its neighbours within the region."""
    levels = grey_levels()
    for voxel, level in levels.items():
        around = (stepped(voxel, direction, side) for direction in DIRECTIONS for side in (1, -1))
        yield level, [levels[neighbour] for neighbour in around if neighbour in levels]


def co_occurrence() -> dict[Direction, NDArray[np.float64]]:
    """Symmetrical co-occurrence matrix of each direction, indexed by grey level."""
    levels = grey_levels()
    matrices: dict[Direction, NDArray[np.float64]] = {}
    for direction in DIRECTIONS:
        matrix = np.zeros((7, 7))
        for voxel, level in levels.items():
            neighbour = levels.get(stepped(voxel, direction))
            if neighbour is not None:
                matrix[level, neighbour] += 1
        matrices[direction] = matrix + matrix.T
    return matrices


class TestWithoutPublishedValue:
    """What IBSI does not define: against what follows from published values, or what is computed here.

    shape2D has its own file, test_shape2d.py.
    """

    def test_standard_deviation(self, ours: dict[str, float]) -> None:
        variance = PUBLISHED["ECT3"]

        deviation = ours["original_firstorder_StandardDeviation"]

        assert deviation**2 == pytest.approx(variance.value, abs=variance.rounding)

    def test_total_energy(self, ours: dict[str, float]) -> None:
        energy = PUBLISHED["N8CA"]

        energy_per_mm3 = ours["original_firstorder_TotalEnergy"] / VOXEL_MM**3

        assert energy_per_mm3 == pytest.approx(energy.value, abs=energy.rounding)

    def test_maximal_correlation_coefficient(self, ours: dict[str, float]) -> None:
        directions = [maximal_correlation(matrix) for matrix in co_occurrence().values()]

        assert ours["original_glcm_MCC"] == pytest.approx(np.mean(directions))

    @pytest.mark.parametrize(("plane", "across"), [("Row", 0), ("Column", 1), ("Slice", 2)])
    def test_widest_in_one_plane(self, plane: str, across: int, ours: dict[str, float]) -> None:
        assert ours[f"original_shape_Maximum2DDiameter{plane}"] == pytest.approx(widest_across(across))

    def test_none_is_forgotten(self) -> None:
        elsewhere = {f"original_shape2D_{feature}" for feature in SHAPE2D}
        here = {
            "original_firstorder_StandardDeviation",
            "original_firstorder_TotalEnergy",
            "original_glcm_MCC",
            "original_shape_Maximum2DDiameterColumn",
            "original_shape_Maximum2DDiameterRow",
            "original_shape_Maximum2DDiameterSlice",
        }

        assert set(WITHOUT_BASELINE) == here | elsewhere


def maximal_correlation(matrix: NDArray[np.float64]) -> float:
    """Root of the second largest eigenvalue of Q(i, j) = Σ p(i, k) p(j, k) / (p(i) p(k))."""
    present = matrix.any(axis=0)
    p = matrix[np.ix_(present, present)] / matrix.sum()
    marginal = p.sum(axis=0)
    q = (p / marginal[:, None]) @ (p / marginal[None, :]).T
    return math.sqrt(np.sort(np.linalg.eigvals(q).real)[-2])


def widest_across(axis: int) -> float:
    """Longest distance in mm between two points of the surface within one plane across an axis.

    The mesh has its points half-way between a voxel inside and a face neighbour outside.
    """
    voxels = grey_levels()
    faces: list[Direction] = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    half_voxels = {
        stepped(stepped((0, 0, 0), voxel, 2), face, side)
        for voxel, face, side in product(voxels, faces, (1, -1))
        if stepped(voxel, face, side) not in voxels
    }
    points = np.array(sorted(half_voxels)) * VOXEL_MM / 2
    apart = points[:, None, :] - points[None, :, :]
    return float(np.linalg.norm(apart, axis=2)[apart[:, :, axis] == 0].max())
