"""Cells that stand for nothing, dates that are none, numbers in several spellings, ages and units of all kinds."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.draft.facts import plain
from cli.draft.words import NOT_KNOWN, NOT_KNOWN_HERE, PAIRS, SUMMARIES, VITAL
from multimodal.features.group import UPLOAD_TIME
from tests.unit.functions.clinical_small import Read
from tests.unit.local.test_draft_levels import cycled
from tests.unit.local.test_draft_shapes import AGE, DAYS, column, draft, drafted

NUMBERS: list[Any] = [10 + 1.5 * n for n in range(30)]


@pytest.mark.parametrize(
    "cell",
    [
        "'--",
        "#N/A",
        "#DIV/0!",
        "#NV",
        "#WERT!",
        "<NA>",
        "(blank)",
        "—",
        "…",
        "??",
        "n.a.",
        ".N",
        "Blank(s)",
        "Not documented",
    ],
)
def test_what_programs_write_for_nothing_is_no_level(cell: str) -> None:
    clinical, _ = draft({"Lobe": cycled("left", "right", cell), "Hb": cycled(1.5, 2.5, cell), "Age": AGE})
    assert clinical["missing"] == [cell]
    assert (column(clinical, "Hb")["kind"], [*column(clinical, "Lobe")["levels"]]) == ("number", ["left", "right"])


@pytest.mark.parametrize(
    "cell", ["don't know", "refused", "[Discrepancy]", "Prefer not to say", "UNK Stage", "Unknown/not stated"]
)
def test_what_is_not_known_is_asked_of_a_flag(cell: str) -> None:
    assert column(draft({"Diabetes": cycled("yes", "no", cell), "Age": AGE})[0], "Diabetes")["missing"] == [cell]


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([-99 if n % 6 == 0 else -88 if n % 7 == 0 else v for n, v in enumerate(NUMBERS)], ["-88", "-99"]),
        ([(777, 888, 999)[n % 3] if n % 5 == 0 else v for n, v in enumerate(NUMBERS)], ["777", "888", "999"]),
        ([999 if n == 6 else v for n, v in enumerate(NUMBERS)], ["999"]),
        ([-7 if n % 6 == 0 else -9 if n % 7 == 0 else n for n in range(30)], ["-7", "-9"]),
        ([-3 if n % 6 == 0 else -1 if n % 7 == 0 else n for n in range(30)], None),
    ],
)
def test_several_codes_for_not_known_are_none_of_the_numbers(cells: list[Any], missing: list[str] | None) -> None:
    assert column(draft({"Marker": cells, "Age": AGE})[0], "Marker").get("missing") == missing


@pytest.mark.parametrize("missing", ["999", "-9", "-99"])
@pytest.mark.parametrize("among", [["<5"], ["90+"], ["see note"], ["<5", "≥ 70", "haemolysed"], ["5 mg/L"], []])
def test_what_stands_for_not_known_is_found_whatever_else_a_column_has(missing: str, among: list[str]) -> None:
    cells = [*map(str, NUMBERS[: 30 - 7 - len(among)]), *[missing] * 7, *among]
    found = column(draft({"CRP": cells, "Age": AGE})[0], "CRP")
    assert (missing in found["missing"], found["min"], found["max"] < 999) == (True, 0, True)


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([f"{n},5" for n in range(27)], "999"),
        ([f"{n},5" for n in range(27)], "999,0"),
        ([f"{n},5" for n in range(27)], "-9"),
        ([f"{n}%" for n in range(27)], "999"),
        ([f"{n} %" for n in range(27)], "999 %"),
        ([f"{n} 234" for n in range(1, 28)], "99 999"),
        ([f"{n},234" for n in range(1, 27)] + ["1,000,234"], "-9"),
        ([f"{n},234" for n in range(1, 27)] + ["1,000,234"], "99999999"),
        ([*(n / 2 for n in range(27))], "99.9"),
    ],
)
def test_what_stands_for_not_known_is_found_however_numbers_are_written(cells: list[Any], missing: str) -> None:
    found = column(draft({"CRP": [*cells, *[missing] * 3], "Age": AGE})[0], "CRP")
    assert (found["kind"], found["missing"], found["min"]) == ("number", [missing], 0)


def test_a_number_below_the_largest_with_separated_thousands_is_none_of_not_known() -> None:
    cells = [*range(200, 228), "1,100", "999"]
    assert "missing" not in column(draft({"LDH": cells, "Age": AGE})[0], "LDH")


@pytest.mark.parametrize("cell", ["1900-01-01", "1800-01-01", "9999-12-31", "0000-00-00", "1970-01-01"])
def test_a_placeholder_is_no_date_of_an_event(tmp_path: Path, cell: str) -> None:
    days = [cell if n % 5 == 0 else str(day) for n, day in enumerate(DAYS)]
    config, written = drafted(tmp_path, "id,Scan date,Hb\n" + "".join(f"P{n},{d},{n}\n" for n, d in enumerate(days)))
    assert [c.missing for c in config.columns if c.source == "Scan date"] == [[cell]]
    assert "do the values under missing" in written
    text = f"id,Scan date,Hb\nP1,{cell},1\n"
    (record,) = Read(config, [text.encode()]).records["baseline"]
    assert record["event_time_source"] == UPLOAD_TIME


def test_a_date_that_one_case_alone_has_is_written_nowhere() -> None:
    days = ["1958-05-12", "1961-01-01", *map(str, DAYS[2:])]
    assert "1958" not in draft({"Scan date": days, "Age": AGE})[1]
    assert "1961" not in draft({"Scan date": days, "Age": AGE})[1]


@pytest.mark.parametrize("zero", [date(1960, 1, 1), date(1970, 1, 1), None])
def test_counts_of_days_or_seconds_that_are_not_a_spreadsheets_are_asked(zero: date | None) -> None:
    cells = [(day - zero).days if zero else (day - date(1582, 10, 14)).days * 86_400 for day in DAYS]
    clinical, text = draft({"Scan date": cells, "Age": AGE})
    assert column(clinical, "Scan date")["kind"] == "drop"
    assert "days since 1960-01-01 (SAS, Stata), 1970-01-01 (R)" in text


@pytest.mark.parametrize(
    "cells",
    [
        [day.strftime("%B %Y") for day in DAYS],
        [f"Q{1 + day.month // 4} {day.year}" for day in DAYS],
        [f"{day.year}Q{1 + day.month // 4}" for day in DAYS],
        [day.strftime("%G-W%V") for day in DAYS],
        [day.strftime("00.%m.%Y" if n % 4 else "%d.%m.%Y") for n, day in enumerate(DAYS)],
        [day.strftime("%Y-%m" if n % 4 else "%Y-%m-%d") for n, day in enumerate(DAYS)],
        [day.strftime("UN-UNK-%Y" if n % 4 else "%d-%b-%Y").upper() for n, day in enumerate(DAYS)],
    ],
)
def test_dates_without_a_day_are_named_as_such(cells: list[str]) -> None:
    clinical, text = draft({"Scan date": cells, "Age": AGE})
    assert column(clinical, "Scan date")["kind"] == "drop"
    assert "dates without a day" in text


def test_codes_of_letters_and_digits_are_no_dates() -> None:
    assert column(draft({"Panel": cycled("ABC-12", "XYZ-14"), "Age": AGE})[0], "Panel")["kind"] == "one_hot"


@pytest.mark.parametrize("header", ["Scan date", "Jahr der Diagnose", "Year", "DxYr"])
def test_years_are_no_numbers(header: str) -> None:
    clinical, _ = draft({header: [day.year for day in DAYS], "Age": AGE})
    assert column(clinical, header)["kind"] == "drop"
    for other, cells in (("Dx", [day.year for day in DAYS]), ("Dx year", [day.year % 100 for day in DAYS])):
        assert "years of the calendar?" in draft({other: cells, "Age": AGE})[1]


@pytest.mark.parametrize(
    "written", ["gennaio febbraio marzo aprile maggio giugno", "januari februari maart april mei augustus"]
)
def test_months_have_names_in_more_languages(written: str) -> None:
    cells = [f"{day.day} {written.split()[day.month % 6 - 1]} {day.year}" for day in DAYS]
    assert column(draft({"Scan date": cells, "Age": AGE})[0], "Scan date")["kind"] == "date"


def test_years_first_and_days_first_are_asked_where_both_fit() -> None:
    cells = [f"{1 + n % 28:02}-{1 + n % 12:02}-{1 + n % 20:02}" for n in range(30)]
    assert "day or month first" in draft({"Scan date": cells, "Age": AGE})[1]


def test_what_may_be_births_dates_no_record() -> None:
    births = [date(1930 + n, 1 + n % 12, 1 + n % 28).isoformat() for n in range(31)]
    clinical, text = draft({"X9": births[:29] + births[-1:], "Age": AGE})
    assert clinical["timepoints"]["baseline"]["event_time"] == "upload"
    assert "remove the column from the table before you upload it" in text


@pytest.mark.parametrize(
    "cells", [cycled("1.234,5", "1,234.5", "12,3", "12.3"), cycled("'1.5", "'2.5"), cycled("1,2", "1,2,3", "2")]
)
def test_numbers_in_several_spellings_are_asked_and_no_category(cells: list[str]) -> None:
    clinical, text = draft({"Marker": cells, "Age": AGE})
    assert column(clinical, "Marker")["kind"] == "drop"
    assert "numbers in several spellings" in text


def test_thousands_may_be_divided_by_thin_blanks() -> None:
    cells = [f"{n + 1}\u2009234\u2009567" for n in range(30)]
    assert column(draft({"Cells": cells, "Age": AGE})[0], "Cells")["thousands"] == " "


def test_numbers_beside_texts_are_called_so() -> None:
    cells = ["~5", "5-10", "5 mg", "1/2", *map(str, NUMBERS[4:])]
    assert "numbers, and too many cells that are none" in draft({"CRP": cells, "Age": AGE})[1]


def test_a_limit_beyond_what_numbers_hold_is_none() -> None:
    assert column(draft({"PSA": ["<1e999", *NUMBERS[1:]], "Age": AGE})[0], "PSA")["max"] < 1000


def test_a_limit_lies_within_the_range() -> None:
    assert column(draft({"PSA": [">200", *NUMBERS[1:]], "Age": AGE})[0], "PSA")["max"] >= 200


@pytest.mark.parametrize(("unit", "per_year"), [("days", 365.25), ("months", 12)])
def test_ages_in_other_units_than_years_are_ages(unit: str, per_year: float) -> None:
    clinical, text = draft({"age_at_diagnosis": [int((40 + n) * per_year) for n in range(30)]})
    found = column(clinical, "age_at_diagnosis")
    assert (found["unit"], found["age"], found["factor"]) == ("years", True, pytest.approx(1 / per_year))
    assert f"seem to be in {unit}" in text


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        *(
            (f"Marker ({u})", u)
            for u in ("g/dL", "mg/l", "µmol/L", "10^9/L", "x10^3/µL", "10*9/l", "G/l", "K/uL", "/nl")
        ),
        *((f"Marker [{u}]", u) for u in ("mmHg", "mIU/L", "mL/min/1.73m2", "mL/min/1.73 m²", "cells/mm3", "°C", "bpm")),
        *((f"Marker ({u})", u) for u in ("ng/mL", "fL", "pg", "Gy", "mEq/L", "kPa", "U/l", "HU", "cm3", "mut/Mb", "L")),
        ("Leukozyten (/nl)", "/nl"),
        ("Hb, g/dL", "g/dL"),
        ("CRP in mg/l", "mg/l"),
        ("hb_g_dl", "g/dL"),
        ("psa_ng_ml", "ng/mL"),
        ("LDH_U_L", "U/L"),
        ("plt_10_9_l", "10^9/L"),
        ("tumour_volume_cm3", "cm3"),
        ("Steroid dose mg", "mg"),
        ("wbc_x10e9_L", "10^9/L"),
        ("Neutrophils_10^3_uL", "10^3/uL"),
        ("egfr_ml_min", "mL/min"),
        ("Height (m)", "m"),
        ("Creatinine at 7 days (µmol/L)", "µmol/L"),
        ("Temperature on day 1 (°C)", "°C"),
        ("Weight at 30 days (kg)", "kg"),
        ("Weight (lbs)", "kg"),
        ("BMI (kg/m2)", "kg/m2"),
        ("Gewicht (kg)", "kg"),
        ("Interval (days)", "days"),
        ("Share (%)", "%"),
        *(
            (name, "unknown")
            for name in ("Marker (M/F)", "Marker(s)", "Marker (mean)", "Marker (m)", "Marker (mg/dL or g/L)")
        ),
    ],
)
def test_a_header_says_the_unit(header: str, unit: str) -> None:
    found = column(draft({header: NUMBERS, "Age": AGE})[0], header)
    assert (found["kind"], found["unit"]) == ("number", unit)


@pytest.mark.parametrize("micro", ["µ", "μ"])
def test_a_name_keeps_that_a_unit_is_a_millionth(micro: str) -> None:
    assert column(draft({f"Crea ({micro}mol/L)": NUMBERS})[0], f"Crea ({micro}mol/L)")["name"] == "crea_umol_l"


def test_a_unit_that_differs_from_row_to_row_is_no_unit() -> None:
    units = {"glucose": NUMBERS, "glucose_unit": cycled("mg/dL", "mmol/L"), "Age": AGE}
    clinical, text = draft(units)
    assert {column(clinical, name)["kind"] for name in ("glucose", "glucose_unit")} == {"drop"}
    assert "'glucose_unit' says mg/dL and mmol/L" in text
    assert column(draft(units | {"glucose_unit": cycled("mg/dL")})[0], "glucose")["kind"] == "number"


def test_values_of_several_measurements_are_none(tmp_path: Path) -> None:
    rows = "".join(f"P{n // 3},{('CRP', 'Hb', 'LDH')[n % 3]},{n}\n" for n in range(90))
    config, written = drafted(tmp_path, f"patient_id,analyte,value\n{rows}")
    assert {c.source: c.kind for c in config.columns}["value"] == "drop"
    assert "give each measurement a column of its own" in written


def test_numbers_that_may_be_codes_are_asked() -> None:
    assert "are the numbers codes?" in draft({"Center": cycled(1, 2, 3), "Age": AGE})[1]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("redcap_event_name", cycled("baseline_arm_1", "visit_arm_1")),
        ("labs_complete", cycled(0, 1, 2)),
        ("Complete?", cycled("Complete", "Incomplete", "Unverified")),
    ],
)
def test_how_redcap_keeps_its_rows_is_no_fact_of_a_patient(header: str, cells: list[Any]) -> None:
    assert column(draft({header: cells, "Age": AGE})[0], header)["kind"] == "drop"
    assert column(draft({"resection_complete": cycled(0, 1), "Age": AGE})[0], "resection_complete")["kind"] == "flag"


@pytest.mark.parametrize("cell", ["see Dr. Patel", "mail jane@example.org", "MRN 1234567"])
def test_a_column_that_an_upload_would_be_refused_for_is_to_be_removed(cell: str) -> None:
    _, text = draft({"Other": [cell, *(f"text {n}" for n in range(29))], "Age": AGE})
    assert "remove the column from the table before you upload it" in text


def test_one_telephone_number_makes_no_column_of_numbers_a_persons() -> None:
    clinical, text = draft({"Score": ["030 12345678", *NUMBERS[1:]], "Age": AGE})
    assert column(clinical, "Score")["kind"] == "number"
    assert "an upload would be refused" in text


def test_what_is_of_unknown_origin_is_a_finding() -> None:
    cells = cycled("unknown primary", "lung", "colon")
    assert "unknown primary" in column(draft({"Site": cells, "Age": AGE})[0], "Site")["levels"]


def test_numbers_with_leading_zeros_are_times_where_their_name_says_so() -> None:
    months = [f"{3 * n:04}" for n in range(30)]
    assert column(draft({"Survival months": months, "Age": AGE})[0], "Survival months")["kind"] == "number"


@pytest.mark.parametrize("header", ["AVAL", "LBSTRESN", "result", "Wert"])
def test_values_are_called_by_many_names(tmp_path: Path, header: str) -> None:
    rows = "".join(f"P{n // 3},{('CRP', 'Hb', 'LDH')[n % 3]},{n}\n" for n in range(90))
    config, _ = drafted(tmp_path, f"patient_id,analyte,{header}\n{rows}")
    assert {c.source: c.kind for c in config.columns}[header] == "drop"


def test_a_date_is_no_unit_and_has_none() -> None:
    dates = [f"{1 + n % 9:02}/02/2001" for n in range(30)]
    columns = {"unit": [*dates[:29], "13/02/2001"], "glucose": NUMBERS, "glucose_date": list(map(str, DAYS))}
    clinical, _ = draft({**columns, "glucose_unit": cycled("mg/dL", "mmol/L"), "Age": AGE})
    kinds = {name: column(clinical, name)["kind"] for name in columns}
    assert kinds == {"unit": "date", "glucose": "drop", "glucose_date": "date"}


@pytest.mark.parametrize("header", ["redcap_event_name", "date code"])
def test_a_date_that_is_dropped_begins_no_case(header: str) -> None:
    clinical, _ = draft({header: [f"2001-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(30)], "Age": AGE})
    assert column(clinical, header)["kind"] == "drop"
    assert clinical["timepoints"]["baseline"]["event_time"] == "upload"


def test_other_codes_for_not_known_stand_beside_one_that_was_found() -> None:
    clinical, _ = draft({"LDH": [*range(100, 380, 11), *["999"] * 3, "888"], "Age": AGE})
    assert column(clinical, "LDH")["missing"] == ["888", "999"]


@pytest.mark.parametrize("cells", [("M", "F", "U"), ("Y", "N", "U"), ("yes", "no", "u")])
def test_u_is_not_known_beside_two_sides(cells: tuple[str, ...]) -> None:
    found = column(draft({"Sex or smoker": cycled(*cells), "Age": AGE})[0], "Sex or smoker")
    assert (found["kind"], found["missing"]) == ("flag", [cells[2]])


@pytest.mark.parametrize(("lowest", "asked"), [(45, True), (2, False)])
def test_zeros_far_from_all_other_values_are_asked_about(lowest: int, asked: bool) -> None:
    _, text = draft({"Weight kg": [0 if n % 9 == 0 else lowest + 2 * n for n in range(30)], "Age": AGE})
    assert ("do zeros mean not known?" in text) is asked


def test_bounds_beside_numbers_are_asked_about() -> None:
    _, text = draft({"PD-L1 TPS": cycled("<1", ">=50", "60", "1-49"), "Age": AGE})
    assert "do they overlap?" in text
    _, text = draft({"Cigarettes": cycled("0", "1-10", "11-20", "20+"), "Age": AGE})
    assert "do they overlap?" not in text


def test_levels_of_ages_above_89_are_no_feature() -> None:
    clinical, _ = draft({"Age group": cycled("60-69", "80-89", "90-94"), "Hb": [10 + n for n in range(30)]})
    assert "ages above 89" in column(clinical, "Age group")["reason"]
    for oldest in ("90+", "90 plus", "90 und älter", "90 ans et plus", "90-120", "[90,Inf)", "85-", "70-99"):
        clinical, _ = draft({"Age group": cycled("50-59", "60-69", oldest), "Hb": [10 + n for n in range(30)]})
        assert column(clinical, "Age group")["kind"] in ("ordinal", "one_hot"), oldest
    clinical, _ = draft({"Age (months)": cycled("3-9", "80-120", "1"), "Hb": [10 + n for n in range(30)]})
    assert column(clinical, "Age (months)")["kind"] != "drop"


def test_words_are_written_as_cells_are_compared() -> None:
    """`weiß nicht` is compared as `weiss nicht`: a word in another spelling would never be met."""
    words = NOT_KNOWN | NOT_KNOWN_HERE | SUMMARIES | VITAL | {word for pair in PAIRS for word in pair}
    assert {word for word in words if plain(word) != word} == set()
    clinical, _ = draft({"Smoker": cycled("ja", "nein", "Weiß nicht"), "Age": AGE})
    assert column(clinical, "Smoker")["missing"] == ["Weiß nicht"]
