"""docs/features.md says what the job does: names, IBSI codes, units and null conditions are compared with it."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from multimodal.imaging.radiomic_features import radiomic_feature
from radiomics_job.feature_names import FEATURES_BY_CLASS, ORIGINAL_FEATURES, REDUNDANT_FEATURES
from radiomics_job.features.extract import FeatureResult, extract_features
from radiomics_job.parameters import Params, Resegmentation, load_params
from tests.unit.radiomics.ibsi.mapping import BASELINES, SHIFTED, WITHOUT_BASELINE

TEXT: Final = (Path(__file__).parents[3] / "docs" / "features.md").read_text(encoding="utf-8")
COLUMNS: Final = ("Feature", "Class", "IBSI", "Compared with IBSI", "Unit", "Redundant", "Null when")
NO_CODE: Final = "–"
POWERS: Final = {"": 1, "²": 2, "³": 3}

PARAMS = load_params("ct")
SHAPE = (16, 16, 10)


@dataclass(frozen=True)
class Row:
    name: str
    code: str
    comparison: str
    unit: str
    redundant: str
    null_when: frozenset[str]


def tables() -> list[list[list[str]]]:
    """Cells of every table, header first, without the line of dashes."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", TEXT, flags=re.MULTILINE)
    return [[cells(line) for index, line in enumerate(block.splitlines()) if index != 1] for block in blocks]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def feature_table() -> list[Row]:
    (table,) = (table for table in tables() if tuple(table[0]) == COLUMNS)
    return [row(*line) for line in table[1:]]


def row(feature: str, family: str, code: str, comparison: str, unit: str, redundant: str, null_when: str) -> Row:
    words = frozenset(null_when.split(", ")) - {""}
    return Row(f"original_{family}_{feature}", code, comparison, unit, redundant, words)


def conditions() -> set[str]:
    (table,) = (table for table in tables() if table[0][0] == "Word")
    return {word for word, _ in table[1:]}


ROWS: Final = feature_table()


class TestNames:
    def test_every_feature_once_and_in_writing_order(self) -> None:
        assert tuple(row.name for row in ROWS) == ORIGINAL_FEATURES

    def test_the_redundant_ones_name_what_they_repeat(self) -> None:
        assert {row.name for row in ROWS if row.redundant} == REDUNDANT_FEATURES
        for row in (row for row in ROWS if row.redundant):
            family = row.name.split("_")[1]
            assert any(feature in row.redundant for feature in FEATURES_BY_CLASS[family]), row.name


def test_the_functions_table_of_codes_and_units_is_that_of_the_document() -> None:
    powers = str.maketrans({"²": "^2", "³": "^3", "⁴": "^4", "·": " "})
    for row in ROWS:
        found = radiomic_feature(row.name)
        assert (found.ibsi, found.unit) == (row.code if row.code != NO_CODE else "", row.unit.translate(powers))


class TestIbsi:
    def test_the_codes_are_those_of_the_tests(self) -> None:
        shifted = {name: shift.code for name, shift in SHIFTED.items()}
        without = dict.fromkeys(WITHOUT_BASELINE, NO_CODE)

        assert {row.name: row.code for row in ROWS} == BASELINES | shifted | without

    def test_the_comparisons_are_those_of_the_tests(self) -> None:
        same = dict.fromkeys(BASELINES, "same")
        shifted = {name: shift.note for name, shift in SHIFTED.items()}

        assert {row.name: row.comparison for row in ROWS} == same | shifted | WITHOUT_BASELINE

    def test_the_counts_are_those_of_the_tests(self) -> None:
        (counts,) = (table for table in tables() if table[0] == ["", "features"])

        assert [int(number) for _, number in counts[1:]] == [len(BASELINES), len(SHIFTED), len(WITHOUT_BASELINE)]


def region(*voxels: tuple[int | slice, int | slice, int | slice]) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


CUBE: Final = region((slice(4, 10), slice(5, 11), slice(3, 8)))


def scan() -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-150, 150, SHAPE).astype(np.int16)


def extract(
    mask: NDArray[np.bool_] = CUBE,
    *,
    hu: NDArray[np.int16] | None = None,
    spacing_mm: float = 1.0,
    tilt: float = 0.0,
    **settings: Any,
) -> FeatureResult:
    affine = np.diag([-spacing_mm, -spacing_mm, 2 * spacing_mm, 1.0])
    affine[1, 2] = tilt
    params: Params = replace(PARAMS, extraction=replace(PARAMS.extraction, **settings))
    return extract_features(scan() if hu is None else hu, mask, affine, params)


def numbers(result: FeatureResult) -> dict[str, float]:
    return {name: value for name, value in result.values.items() if value is not None}


class TestUnits:
    """A unit is what a value scales with."""

    @staticmethod
    def power(unit: str, base: str) -> int:
        above, _, below = unit.partition("/")
        return sum(
            sign * POWERS[power]
            for part, sign in ((above, 1), (below, -1))
            for power in re.findall(rf"\b{base}([²³]?)(?![a-z])", part)
        )

    def test_each_has_one(self) -> None:
        known = r"(1|HU|mm|bit|level|voxel)[²³⁴]?"

        assert all(re.fullmatch(rf"{known}([·/]\(?{known}(·{known})?\)?)?", row.unit) for row in ROWS)

    def test_millimetres(self) -> None:
        once, twice = numbers(extract()), numbers(extract(spacing_mm=2.0))

        assert twice == pytest.approx({row.name: once[row.name] * 2.0 ** self.power(row.unit, "mm") for row in ROWS})

    def test_hounsfield_units(self) -> None:
        once = numbers(extract())
        twice = numbers(extract(hu=2 * scan(), bin_width=2 * (PARAMS.extraction.bin_width or 0)))

        assert twice == pytest.approx({row.name: once[row.name] * 2.0 ** self.power(row.unit, "HU") for row in ROWS})


class TestNullConditions:
    def documented(self, *triggered: str) -> set[str]:
        assert set(triggered) <= conditions()
        return {row.name for row in ROWS if row.null_when & set(triggered)}

    def test_every_word_in_the_table_is_explained_and_used(self) -> None:
        assert frozenset().union(*(row.null_when for row in ROWS)) == conditions()

    def test_nothing_is_null_in_an_ordinary_region(self) -> None:
        assert extract().missing == {}

    def test_layer(self) -> None:
        result = extract(region((slice(4, 10), slice(5, 11), 4)))

        assert set(result.missing) == self.documented("solid")

    def test_line(self) -> None:
        result = extract(region((slice(4, 10), 5, 4)))

        assert set(result.missing) == self.documented("solid", "plane")

    def test_column_of_one_voxel_per_slice(self) -> None:
        result = extract(region((4, 5, slice(2, 8))))

        assert set(result.missing) == self.documented("solid", "plane")

    def test_one_voxel(self) -> None:
        result = extract(region((4, 5, 4)))

        assert set(result.missing) == self.documented("solid", "plane", "touch")

    def test_two_voxels_apart(self) -> None:
        result = extract(region((4, 5, 4), (9, 9, 7)))

        assert set(result.missing) == self.documented("solid", "plane", "touch", "middle")

    def test_tilt(self) -> None:
        assert set(extract(tilt=0.5).missing) == self.documented("tilt")

    def test_nothing_in_range(self) -> None:
        assert set(extract(resegmentation=Resegmentation((500.0, 600.0))).missing) == self.documented("range")

    def test_too_many_levels(self) -> None:
        assert set(extract(max_gray_levels=5).missing) == self.documented("levels")

    def test_too_many_bins(self) -> None:
        assert set(extract(bin_width=1e-6).missing) == self.documented("bins", "levels")

    def test_all_of_an_empty_region(self) -> None:
        assert set(extract(region()).missing) == set(ORIGINAL_FEATURES)

    def test_a_single_grey_level_has_values_by_convention(self) -> None:
        values = extract(hu=np.full(SHAPE, 40, np.int16)).values

        assert values["original_glcm_Correlation"] == values["original_glcm_MCC"] == 1
        assert values["original_ngtdm_Coarseness"] == 1_000_000
        assert values["original_glcm_Contrast"] == values["original_firstorder_Variance"] == 0


def test_the_bin_width_is_that_of_the_parameter_files() -> None:
    widths = {load_params(name).extraction.bin_width for name in ("ct", "ct_resampled")}

    assert "(25 HU in both parameter files" in TEXT
    assert widths == {25.0}


@pytest.mark.parametrize("target", re.findall(r"\]\((\.\./[^)#]+)\)", TEXT))
def test_links_lead_somewhere(target: str) -> None:
    assert (Path(__file__).parents[3] / "docs" / target).exists()
