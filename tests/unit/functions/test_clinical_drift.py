"""What changed since the previous upload."""

import json
import random
from typing import Any

import pytest

from multimodal.clinical.report import drift as drift_module
from multimodal.clinical.report.drift import change, drift_section
from multimodal.clinical.report.profile import ProfileSummary
from tests.unit.functions.clinical_small import UPLOAD, read
from tests.unit.functions.clinical_tables import config, flag, number, one_hot, profiled

DATASET = config([flag("sex", "f", "m"), one_hot("ward", "north", "south", "west"), number("age")])


def rows_of(cases: range, seed: int = 1, shift: int = 0, wards: tuple[str, ...] = ("north", "south")) -> list[Any]:
    rng = random.Random(seed)
    return [
        {
            "Case ID": f"R{i:05d}",
            "sex": rng.choice("fm"),
            "ward": rng.choice(wards),
            "age": str(rng.randrange(40, 90) + shift),
        }
        for i in cases
    ]


def compared(before: ProfileSummary, now: ProfileSummary) -> dict[str, Any]:
    stored = json.loads(json.dumps(before.document("first-upload")))
    return drift_section(now, stored)


def column(section: dict[str, Any], name: str) -> dict[str, Any]:
    return next(part for part in section["columns"] if part["column"] == name)


def test_first_upload_has_nothing_to_compare_with() -> None:
    section = drift_section(profiled(DATASET, rows_of(range(9))), None)
    assert not section["compared"]
    assert "first upload" in section["reason"]


def test_a_profile_of_another_version_is_not_compared() -> None:
    assert not drift_section(profiled(DATASET, rows_of(range(9))), {"schema": 0})["compared"]


def test_the_same_table_has_not_changed() -> None:
    summary = profiled(DATASET, rows_of(range(300)))
    section = compared(summary, summary)
    assert section["cases"] == {"new": 0, "gone": 0, "kept": 300, "estimated": False}
    assert section["previous_upload_id"] == "first-upload"
    assert all(part["psi"] == 0 and part["change"] == "none" for part in section["columns"])


def test_new_and_gone_cases_are_counted() -> None:
    section = compared(profiled(DATASET, rows_of(range(100))), profiled(DATASET, rows_of(range(20, 150))))
    assert section["cases"] == {"new": 50, "gone": 20, "kept": 80, "estimated": False}
    assert section["rows"] == {"previous": 100, "now": 130}


def test_a_patient_who_was_forgotten_is_gone_from_the_profile_and_the_next_table_is_compared() -> None:
    """`multimodal forget` takes the case's hash out of the stored profile; the count of rows stays."""
    before, now = profiled(DATASET, rows_of(range(12))), profiled(DATASET, rows_of(range(1, 12)))
    stored = json.loads(json.dumps(before.document("first-upload")))
    stored["cases"].remove(next(iter(set(before.sample.hashes) - set(now.sample.hashes))))
    assert drift_section(now, stored)["cases"] == {"new": 0, "gone": 0, "kept": 11, "estimated": False}


def test_cases_of_large_tables_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multimodal.clinical.report.profile.SKETCH_CASES", 500)
    monkeypatch.setattr(drift_module, "SKETCH_CASES", 500)
    cases = compared(profiled(DATASET, rows_of(range(4000))), profiled(DATASET, rows_of(range(1000, 6000))))["cases"]
    assert cases["estimated"]
    assert cases["new"] == pytest.approx(2000, rel=0.15)
    assert cases["gone"] == pytest.approx(1000, rel=0.2)
    assert cases["kept"] == pytest.approx(3000, rel=0.15)


def test_levels_that_come_and_go_are_named() -> None:
    before = profiled(DATASET, rows_of(range(400)))
    now = profiled(DATASET, rows_of(range(400), wards=("south", "west")))
    ward = column(compared(before, now), "ward")
    assert ward["new_levels"] == ["west"]
    assert ward["gone_levels"] == ["north"]
    assert ward["change"] == "large"
    assert column(compared(before, now), "sex")["change"] == "none"


def test_shifted_numbers_leave_the_range() -> None:
    now = profiled(DATASET, rows_of(range(400), shift=30))
    age = column(compared(profiled(DATASET, rows_of(range(400))), now), "age")
    assert age["change"] == "large"
    assert age["range"]["previous"] == [40, 89]
    assert age["range"]["now"] == [70, 119]
    assert age["range"]["outside_previous"] == pytest.approx(0.6, abs=0.05)
    assert age["median"]["now"] == age["median"]["previous"] + 30


def test_missing_numbers_are_a_change() -> None:
    rows = rows_of(range(400))
    now = [{**row, "age": ""} if i % 2 else row for i, row in enumerate(rows)]
    age = column(compared(profiled(DATASET, rows), profiled(DATASET, now)), "age")
    assert age["missing"] == {"previous": 0.0, "now": 0.5}
    assert age["change"] == "large"


def test_a_column_that_is_all_missing_now_is_a_change() -> None:
    rows = rows_of(range(100))
    now = [{**row, "age": ""} for row in rows]
    assert column(compared(profiled(DATASET, rows), profiled(DATASET, now)), "age")["change"] == "large"


def test_two_draws_from_one_population_are_no_change_however_small() -> None:
    for seed in range(40):
        before = profiled(DATASET, rows_of(range(60), seed=seed))
        changes = [
            part["change"] for part in compared(before, profiled(DATASET, rows_of(range(60), seed + 99)))["columns"]
        ]
        assert changes.count("none") >= len(changes) - 1


def test_psi_is_the_sum_over_shares() -> None:
    """Shares 0.5/0.5 become 0.8/0.2: (0.3) ln 1.6 + (−0.3) ln 0.4 = 0.4159, less the smoothing."""
    half = [{"Case ID": f"A{i}", "sex": "fm"[i % 2], "ward": "north", "age": "50"} for i in range(10_000)]
    fifth = [{**row, "sex": "m" if i % 5 == 0 else "f"} for i, row in enumerate(half)]
    assert column(compared(profiled(DATASET, half), profiled(DATASET, fifth)), "sex")["psi"] == pytest.approx(
        0.4159, abs=5e-4
    )


@pytest.mark.parametrize(
    ("psi", "chance", "expected"),
    [(0.09, 0.0, "none"), (0.1, 0.05, "moderate"), (0.25, 0.05, "large"), (0.3, 0.31, "none"), (0.3, 0.29, "large")],
)
def test_thresholds(psi: float, chance: float, expected: str) -> None:
    assert change(psi, chance) == expected


def test_columns_that_the_configuration_gained_or_lost_are_named() -> None:
    other = config([flag("sex", "f", "m"), number("age"), number("height")])
    rows = [{**row, "height": "170"} for row in rows_of(range(50))]
    section = drift_section(profiled(other, rows), profiled(DATASET, rows).document())
    assert section["new_columns"] == ["height"]
    assert section["gone_columns"] == ["ward"]


def test_empty_tables_can_be_compared() -> None:
    empty, some = profiled(DATASET, []), profiled(DATASET, rows_of(range(20)))
    assert compared(empty, some)["cases"]["new"] == 20
    assert compared(some, empty)["cases"]["gone"] == 20


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_large_table_may_be_followed_by_a_tiny_one(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_module, "SKETCH_CASES", 8)
    before = profiled(DATASET, rows_of(range(900)))
    stored = {**before.document("first-upload"), "cases": list(before.sample.hashes[:8])}
    cases = drift_section(profiled(DATASET, rows_of(range(5000, 5000 + rows))), stored)["cases"]
    assert cases["estimated"]
    assert 300 < cases["gone"] < 2700


def test_the_profile_says_which_upload_it_is_of() -> None:
    assert json.loads(read({}).verdict.reports["profile.json"])["upload_id"] == UPLOAD.upload_id
