"""Drafts of tables as other programs export them: dates, numbers, titles, outcomes, several rows, data dictionaries."""

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.draft.document import render
from cli.draft.draft import write_draft
from cli.draft.facts import read_facts
from cli.draft.table import draft_table
from cli.errors import CommandError
from multimodal.clinical.config import ClinicalConfig
from multimodal.pipeline.dataset import DatasetConfig, load_dataset
from tests.unit.functions.clinical_small import Read

CASES = [f"P-{n:03d}" for n in range(1, 31)]
TODAY = date(2026, 11, 28)
AGE: list[Any] = [40 + n for n in range(30)]


def draft(columns: dict[str, list[Any]], first: str = "") -> tuple[dict[str, Any], str]:
    """Draft a table of 30 cases; return its clinical section, checked, and the text."""
    table = {"Case ID": CASES, **columns}
    rows = [[str(cell) for cell in row] for row in zip(*table.values(), strict=True)]
    text = render(draft_table(read_facts(list(table), rows), first, TODAY), "mine")
    document = yaml.safe_load(text)
    DatasetConfig.model_validate(document)
    return document["clinical"], text


def column(clinical: dict[str, Any], source: str) -> dict[str, Any]:
    return dict(next(c for c in clinical["columns"] if c["source"] == source))


DAYS = [date(1990 + n % 9, 1 + n % 12, 1 + n % 28) for n in range(30)]
MONTHS = ("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez")


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        ([d.strftime("%m/%d/%y") for d in DAYS], "%m/%d/%y"),
        ([d.strftime("%d.%m.%y") for d in DAYS], "%d.%m.%y"),
        ([d.strftime("%d%b%Y").upper() for d in DAYS], "%d%b%Y"),
        ([d.strftime("%d-%b-%y") for d in DAYS], "%d-%b-%y"),
        ([f"{d.day}. {MONTHS[d.month - 1]} {d.year}" for d in DAYS], "%d. %b %Y"),
        ([d.strftime("%Y%m%d") for d in DAYS], "%Y%m%d"),
        ([d.strftime("%Y%m%d103000") for d in DAYS], "%Y%m%d"),
        ([d.strftime("%Y%m%dT1030Z") for d in DAYS], "%Y%m%d"),
        ([d.strftime("%d%m%Y") for d in DAYS], "%d%m%Y"),
        ([d.strftime("%m%d%Y") for d in DAYS], "%m%d%Y"),
        ([f"{d} 00:00:00" for d in DAYS], "%Y-%m-%d"),
        ([f"{d}T10:30:00+02:00" for d in DAYS], "%Y-%m-%d"),
        ([str((d - date(1899, 12, 30)).days) for d in DAYS], "days since 1899-12-30"),
    ],
)
def test_dates_of_any_spelling_are_dates(cells: list[str], written: str) -> None:
    clinical, _ = draft({"Scan date": cells, "Age": AGE})
    found = column(clinical, "Scan date")
    assert (found["kind"], found.get("date_format", clinical["date_format"])) == ("date", written)
    assert clinical["timepoints"]["baseline"]["event_time"] == {"column": "Scan date"}
    assert clinical.get("two_digit_years_from") == (1927 if "%y" in written else None)


def test_columns_may_write_their_dates_differently() -> None:
    spelled = {
        "Scan date": [d.strftime("%m/%d/%Y") for d in DAYS],
        "Last visit": [d.strftime("%d-%b-%y") for d in DAYS],
    }
    clinical, _ = draft(spelled)
    assert clinical["date_format"] == "%m/%d/%Y"
    assert "date_format" not in column(clinical, "Scan date")
    assert column(clinical, "Last visit")["date_format"] == "%d-%b-%y"


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("%a %Y-%m-%d", "a form that is not read"),
        ("%a %b %d 00:00:00 CET %Y", "a form that is not read"),
        ("%dth %B %Y", "a form that is not read"),
        ("%-d%m%Y", "took away the leading zero"),
    ],
)
def test_dates_that_are_not_read_are_named_as_dates(written: str, asked: str) -> None:
    clinical, _ = draft({"Scan date": [d.strftime(written) for d in DAYS], "Age": AGE})
    assert asked in column(clinical, "Scan date")["reason"]


def test_eight_digits_that_are_dates_identify_nobody() -> None:
    clinical, text = draft({"incdat": [d.strftime("%Y%m%d") for d in DAYS], "Age": AGE})
    assert column(clinical, "incdat")["kind"] == "date"
    assert "is it a date from before the outcome?" in text, "the only date is the event time, whatever it is called"


EITHER = [f"{1 + n % 12}/{1 + n % 11}/2001" for n in range(30)]


def test_day_or_month_first_is_asked_and_not_guessed() -> None:
    clinical, text = draft({"Scan date": EITHER, "Age": AGE})
    assert column(clinical, "Scan date")["kind"] == "drop"
    assert "--dates day-first" in text
    asked, _ = draft({"Scan date": EITHER, "Age": AGE}, "day-first")
    assert (column(asked, "Scan date")["kind"], asked["date_format"]) == ("date", "%d/%m/%Y")


def test_another_column_tells_which_comes_first_and_that_is_to_be_checked() -> None:
    clinical, text = draft({"Scan date": EITHER, "Last visit": [d.strftime("%d/%m/%Y") for d in DAYS]})
    assert column(clinical, "Scan date")["kind"] == "date"
    assert clinical["date_format"] == "%d/%m/%Y"
    assert "They are read as in the other columns" in text


def test_dates_without_a_day_are_named_and_a_shifted_calendar_is_seen() -> None:
    clinical, _ = draft({"Month": [f"{d.year}-{d.month:02d}" for d in DAYS]})
    assert "without a day" in column(clinical, "Month")["reason"]
    shifted, text = draft({"Scan date": [d.replace(year=d.year + 200).isoformat() for d in DAYS]})
    assert shifted["shifted_calendar"] is True
    assert "was the calendar shifted" in text


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([f".{10 + n}" for n in range(30)], {}),
        ([f"1,{50 + n}" for n in range(30)], {"decimal": ","}),
        ([f"1.{200 + n},5" for n in range(30)], {"decimal": ",", "thousands": "."}),
        ([f"1 {200 + n},5" for n in range(30)], {"decimal": ",", "thousands": " "}),
        ([f"1,{200 + n}.5" for n in range(30)], {"thousands": ","}),
        ([f"1,{200 + n},000" for n in range(30)], {"thousands": ","}),
        ([f"{10 + n}%" for n in range(30)], {"unit": "%"}),
        ([*(str(n) for n in range(28)), "<5", "90+"], {"bounds": "limit"}),
    ],
)
def test_numbers_of_any_spelling_are_numbers(cells: list[str], expected: dict[str, str]) -> None:
    found = column(draft({"Level": cells, "Age": AGE})[0], "Level")
    assert found["kind"] == "number"
    assert {key: found.get(key) for key in ("decimal", "thousands", "bounds")} == {
        key: expected.get(key) for key in ("decimal", "thousands", "bounds")
    }
    assert found["unit"] == expected.get("unit", "unknown")


def test_a_comma_before_three_digits_is_asked_or_read_as_in_the_other_columns() -> None:
    open_numbers = [f"1,{200 + n}" for n in range(30)]
    alone, text = draft({"Level": open_numbers, "Age": AGE})
    assert column(alone, "Level")["kind"] == "drop"
    assert "does it separate thousands?" in text
    german, _ = draft({"Level": open_numbers, "Height (m)": [f"1,{60 + n}" for n in range(30)]})
    assert column(german, "Level")["decimal"] == ","
    point, _ = draft({"Level": [f"1.{200 + n}" for n in range(30)], "Height (m)": [f"1,{60 + n}" for n in range(30)]})
    assert column(point, "Level")["kind"] == "drop", "1.234 of a table with decimal commas"


def test_ages_above_89_are_named_and_their_category_is_one() -> None:
    old, text = draft({"Age": [*AGE[:28], "90+", "90+"]})
    assert column(old, "Age")["bounds"] == "limit"
    assert "hold the whole table" not in text
    assert "hold the whole table" in draft({"Age": [*AGE[:29], 91]})[1]


def test_codes_of_the_sexes_are_a_category_to_be_checked() -> None:
    clinical, text = draft({"sex": [1 + n % 2 for n in range(30)], "Age": AGE})
    assert column(clinical, "sex")["kind"] == "one_hot"
    assert "which code is which sex?" in text


@pytest.mark.parametrize("sexes", ["mw", "mwd"])
def test_letters_that_are_units_of_time_as_well_are_sexes_where_the_name_says_so(sexes: str) -> None:
    clinical, _ = draft({"Geschlecht": [sexes[n % len(sexes)] for n in range(30)], "Age": AGE})
    assert {*column(clinical, "Geschlecht")["levels"]} == {*sexes}


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("BMI (kg/m^2)", "kg/m2"),
        ("PSA (ng/ml)", "ng/ml"),
        ("gfr_ml_min", "mL/min"),
        ("ESR mm/h", "mm/h"),
        ("cigarettes_per_day", "unknown"),
        ("dose mg/kg", "mg/kg"),
        ("Weight / kg", "kg"),
        ("tumour_volume_ml", "mL"),
        ("Dauer (Wochen)", "weeks"),
        ("durée en mois", "months"),
    ],
)
def test_a_unit_of_several_is_not_one_of_them(header: str, unit: str) -> None:
    clinical, _ = draft({header: [1.5 + n for n in range(30)], "Age": AGE})
    assert column(clinical, header)["unit"] == unit


@pytest.mark.parametrize("header", ["cT", "pN", "T stage", "N_category"])
def test_x_alone_is_no_level_of_a_column_that_names_its_letter(header: str) -> None:
    clinical, _ = draft({header: ["12X"[n % 3] for n in range(30)], "Age": AGE})
    assert column(clinical, header)["missing"] == ["X"]


@pytest.mark.parametrize("cell", ["k.A.", "keine Angabe", "non renseigné", "No consta"])
def test_not_known_is_said_in_four_languages(cell: str) -> None:
    clinical, _ = draft({"Stain": ["a", "b", cell] * 10, "Age": AGE})
    assert cell in clinical["missing"]


OUTCOMES: list[tuple[dict[str, list[Any]], dict[str, Any]]] = [
    (
        {
            "OS_STATUS": ["1:DECEASED", "0:LIVING"] * 15,
            "OS_MONTHS": [n * 1.5 for n in range(30)],
            "DFS_STATUS": ["0:DiseaseFree", "1:Recurred/Progressed"] * 15,
            "DFS_MONTHS": [n * 1.1 for n in range(30)],
        },
        {
            "died": "OS_STATUS",
            "time": "OS_MONTHS",
            "endpoints": {"dfs": {"event": "DFS_STATUS", "time": "DFS_MONTHS"}},
        },
    ),
    (
        {
            "vital_status": ["Dead", "Alive"] * 15,
            "days_to_death": [100 + n if n % 2 == 0 else "" for n in range(30)],
            "days_to_last_follow_up": ["" if n % 2 == 0 else 900 + n for n in range(30)],
        },
        {"died": "vital_status", "death": "days_to_death", "last_alive": "days_to_last_follow_up"},
    ),
    (
        {
            "OS": [n % 2 for n in range(30)],
            "OS.time": [n * 40 for n in range(30)],
            "PFI": [(n + 1) % 2 for n in range(30)],
            "PFI.time": [n * 30 for n in range(30)],
        },
        {"died": "OS", "time": "OS.time", "endpoints": {"pfi": {"event": "PFI", "time": "PFI.time"}}},
    ),
    (
        {"time": [n * 9 for n in range(30)], "status": [1 + n % 2 for n in range(30)]},
        {"died": "status", "time": "time"},
    ),
    (
        {"Survival.time": [n * 50 for n in range(30)], "deadstatus.event": [n % 2 for n in range(30)]},
        {"died": "deadstatus.event", "time": "Survival.time"},
    ),
    (
        {"Exitus": ["Sí", "No"] * 15, "SG meses": [n * 1.5 for n in range(30)]},
        {"died": "Exitus", "time": "SG meses"},
    ),
    (
        {"Statut vital": ["décédé", "vivant"] * 15, "Délai de survie (mois)": [n * 1.5 for n in range(30)]},
        {"died": "Statut vital", "time": "Délai de survie (mois)"},
    ),
]


@pytest.mark.parametrize(("columns", "labels"), OUTCOMES, ids=lambda part: "-".join(part)[:30])
def test_times_and_events_become_labels_and_the_target(columns: dict[str, list[Any]], labels: dict[str, Any]) -> None:
    clinical, _ = draft({"Age": AGE, **columns})
    assert clinical["labels"] == labels | {"horizons_days": [365, 1095, 1825]}
    assert clinical["target"]["column"] == labels["died"]
    config = ClinicalConfig.model_validate(clinical)
    assert [c.source for c in config.columns if config.is_feature(c)] == ["Age"]


def drafted(folder: Path, text: str, **options: Any) -> tuple[ClinicalConfig, str]:
    """Draft a file's text; return the section as it loads, and the draft's text."""
    (folder / "t.csv").write_text(text, encoding="utf-8")
    path, _ = write_draft(folder / "t.csv", "mine", folder, **options)
    config = load_dataset("mine", folder).clinical
    assert config is not None
    return config, path.read_text(encoding="utf-8")


BODY = "".join(f"P{n:03},{40 + n},{'Yes' if n % 2 else 'No'},{70 + n}\n" for n in range(30))


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("Lung cohort 2019\n\n", ""),
        ("Lung cohort 2019,,,\n", ",,,\n"),
        ('sep=,\n"Lung cohort, all wards"\n', "* as of 2019,,,\n"),
        ("", "Source: the registry\n , ,,\n"),
        ("# exported\n", ",,,,\n"),
    ],
)
@pytest.mark.parametrize("units", ["", ",years,,kg\n"])
def test_what_is_around_a_table_is_not_drafted_and_makes_no_record(
    tmp_path: Path, above: str, below: str, units: str
) -> None:
    text = f"{above}id,Age,Smoker,Weight\n{units}{BODY}{below}"
    config, written = drafted(tmp_path, text)
    assert [(c.source, c.kind) for c in config.columns] == [("Age", "number"), ("Smoker", "flag"), ("Weight", "number")]
    assert "30 rows" in written
    found = Read(config, [text.encode()])
    assert [record["case_id"] for record in found.records["baseline"]] == [f"P{n:03}" for n in range(30)]


CBIOPORTAL = """#Patient Identifier\tCode\tDate\tOverall Survival Status\tWard
#Identifies a patient\tA code\tWhen\tStatus\tWhich ward
#STRING\tSTRING\tSTRING\tSTRING\tSTRING
#1\t1\t1\t1\t1
PATIENT_ID\tV1\tV2\tV3\tWARD_CODE
"""


def test_cbioportals_lines_say_what_columns_are(tmp_path: Path) -> None:
    rows = (f"P{n:03}\t{n % 3}\t2001-01-{1 + n % 28:02}\t{n % 2}\t{n % 4 + 7}\n" for n in range(30))
    config, text = drafted(tmp_path, CBIOPORTAL + "".join(rows))
    assert {c.source: (c.kind, c.available_at) for c in config.columns} == {
        "V1": ("one_hot", "baseline"),
        "V2": ("date", "baseline"),
        "V3": ("flag", "outcome"),
        "WARD_CODE": ("one_hot", "baseline"),
    }, "codes of type STRING are no numbers, and what is called an outcome is late"
    assert "called 'Overall Survival Status'" in text


REDCAP = (
    'Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",'
    """Text Validation Type OR Show Slider Number,Identifier?
record_id,base,text,Record,,,
v_sex,base,radio,Sex,"1, Male | 2, Female",,
v_ward,base,dropdown,Ward,"1, North | 2, South | 3, East | 9, Unknown",,
v_smokes,base,yesno,Smokes,,,
v_call,base,text,How to reach them,,phone,
v_x,base,text,Anything,,,y
v_died,base,radio,Vital status,"1, Alive | 2, Dead",,
v_sym,base,checkbox,Symptoms,"1, Cough | 2, Fever",,
v_story,base,notes,Course,,,
"""
)


def test_redcaps_dictionary_names_codes_and_persons(tmp_path: Path) -> None:
    (tmp_path / "dictionary.csv").write_text(REDCAP, encoding="utf-8")
    header = "record_id,v_sex,v_ward,v_smokes,v_call,v_x,v_died,v_sym___1,v_sym___2,v_story\n"
    numbers = range(1, 31)
    cells = (
        (n, 1 + n % 2, (1, 2, 3, 9)[n % 4], n % 2, n, n % 3, 1 + n // 2 % 2, n // 3 % 2, n // 4 % 2) for n in numbers
    )
    rows = (f"{','.join(map(str, row))},s{row[0] % 5}\n" for row in cells)
    config, text = drafted(tmp_path, header + "".join(rows), dictionary=tmp_path / "dictionary.csv")
    by_source = config.by_source
    assert by_source["v_sex"].model_dump(include={"kind", "name", "true", "false"}) == {
        "kind": "flag",
        "name": "v_sex_female",
        "true": ["2"],
        "false": ["1"],
    }
    ward = by_source["v_ward"].model_dump(include={"kind", "levels", "missing"})
    assert ward["levels"] == {"1": "v_ward_north", "2": "v_ward_south", "3": "v_ward_east"}
    assert ward["missing"] == ["9"]
    assert {source: by_source[source].kind for source in ("v_smokes", "v_call", "v_x", "v_story", "v_sym___1")} == {
        "v_smokes": "flag",
        "v_call": "drop",
        "v_x": "drop",
        "v_story": "drop",
        "v_sym___1": "flag",
    }
    assert (by_source["v_died"].available_at, config.target and config.target.positive) == ("outcome", ["1"])
    assert "called 'Symptoms: Cough'" in text


def test_a_file_that_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dictionary.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(CommandError, match="no REDCap data dictionary"):
        drafted(tmp_path, "id,Age\nA,1\nB,2\n", dictionary=tmp_path / "dictionary.csv")


@pytest.mark.parametrize("name", ["case_id", "pid", "PTID", "USUBJID", "PatNr", "Patientennummer", "Pseudonym"])
def test_several_rows_a_case_are_drafted_with_a_rule_to_be_checked(tmp_path: Path, name: str) -> None:
    out = io.StringIO()
    table = [[name, "treatment_id", "sex", "drug_given"]]
    table += [
        [f"C{n // 2:03}", f"T{n}", "female" if n // 2 % 2 else "male", "yes" if n % 2 else "no"] for n in range(60)
    ]
    csv.writer(out).writerows(table)
    config, text = drafted(tmp_path, out.getvalue())
    assert config.id.source == name
    assert config.several_rows is not None
    assert re.search(r"# CHECK: \d+ cases are in several rows", text)
    found = Read(config, [out.getvalue().encode()])
    assert len(found.records["baseline"]) == 30


TIMES = [3 + n for n in range(30)]
EVENTS = [n // 2 % 2 for n in range(30)]


@pytest.mark.parametrize("header", ["unit", "Time unit", "survival_unit"])
def test_times_whose_unit_differs_from_row_to_row_are_no_label(header: str) -> None:
    units = [("months", "days")[n % 2] for n in range(30)]
    clinical, text = draft({"survival time": TIMES, header: units, "status": EVENTS})
    assert clinical["labels"] == {"died": "status"}
    assert f"'{header}' says days and months: write all times in one unit" in text
    assert column(clinical, header)["kind"] == "drop", "a unit is no feature"


def test_a_unit_beside_a_time_is_that_of_its_column_and_of_no_other() -> None:
    clinical, text = draft({"survival time": TIMES, "unit": ["Weeks"] * 30, "status": EVENTS})
    assert (column(clinical, "survival time")["unit"], clinical["labels"]["time"]) == ("weeks", "survival time")
    assert "CHECK: the unit is that of the column 'unit'" in text
    of_age, _ = draft({"survival time": TIMES, "age unit": ["years"] * 30, "status": EVENTS})
    assert column(of_age, "survival time")["unit"] == "months"


def test_numbers_with_their_units_in_the_cells_are_named_as_such() -> None:
    clinical, _ = draft({"survival time": [f"{n} months" for n in TIMES], "Size": [f"1.{n}cm" for n in TIMES]})
    reasons = {column(clinical, source)["reason"] for source in ("survival time", "Size")}
    assert reasons == {"numbers with their units in the cells; write the numbers alone, in one unit"}


def test_counts_of_days_may_be_those_of_another_calendar_of_spreadsheets() -> None:
    _, text = draft({"Scan date": [36_000 + 7 * n for n in range(30)], "Age": AGE})
    assert "date_format: days since 1904-01-01" in text


def test_a_case_that_is_twice_in_a_table_makes_no_id_of_a_measurement(tmp_path: Path) -> None:
    rows = [f"P{n:02},{n}.5" for n in range(30)]
    config, text = drafted(tmp_path, "\n".join(["id,size", *rows, "P07,99.5", ""]))
    assert (config.id.source, config.several_rows is None) == ("id", False)
    assert "CHECK: 1 case is in several rows" in text


@pytest.mark.parametrize(
    ("header", "event", "none"),
    [
        ("censored", "0", "1"),
        ("OS_Censored", "0", "1"),
        ("censored", "No", "Yes"),
        ("cens", "1", "0"),
        ("Survival_Censor", "1", "0"),
        ("CNSR", "0", "1"),
        ("status", "1", "0"),
    ],
)
def test_who_is_censored_had_no_event(header: str, event: str, none: str) -> None:
    clinical, text = draft({"survival_time_days": TIMES, header: [(none, event)[n] for n in EVENTS], "Age": AGE})
    found = column(clinical, header)
    assert (found["true"], found["false"], clinical["target"]["positive"]) == ([event], [none], [none])
    assert (f"is '{event}' the event, and '{none}' censored?" in text) == (header != "status")


def test_several_times_or_dates_to_the_end_are_asked() -> None:
    dead = {"dead": [n % 2 for n in range(30)]}
    bases: dict[str, list[Any]] = {"OS_from_diagnosis_months": AGE, "OS_from_surgery_months": [n - 1 for n in AGE]}
    clinical, text = draft({**bases, **dead})
    assert clinical["labels"]["time"] == "OS_from_diagnosis_months"
    assert "'OS_from_surgery_months' could tell the time as well" in text
    dates = {"Date of death": [str(day) if n % 2 else "" for n, day in enumerate(DAYS)]}
    assert "'Date of death' could tell the time as well" in draft({"OS_days": AGE, **dates, **dead})[1]
    assert "could tell the time as well" not in draft({"OS_days": AGE, **dead})[1]


def test_a_negative_time_costs_its_case_the_label_and_not_all_cases() -> None:
    clinical, text = draft({"OS_MONTHS": [-3, *range(1, 30)], "OS_STATUS": ["1:DECEASED", "0:LIVING"] * 15, "Age": AGE})
    assert clinical["labels"]["time"] == "OS_MONTHS"
    assert "some times are negative" in text


def test_a_time_that_only_the_dead_have_is_no_time_of_all() -> None:
    dead: dict[str, list[Any]] = {
        "vital_status": ["Dead", "Alive"] * 15,
        "days_to_death": [n if n % 2 == 0 else "" for n in range(30)],
    }
    assert draft({**dead, "Age": AGE})[0]["labels"] == {"died": "vital_status"}


LABELLED = """"Variable / Field Name","Field Type","Field Label","Choices, Calculations, OR Slider Labels",Identifier?
record_id,text,Record ID,,
hosp_x,text,Free text,,y
comorb,checkbox,Comorbidity,"1, Diabetes | -9, None known",
grade,radio,Tumour grade,"1, G1 | 2, G2 | 3, G3 | 4, GX",
"""


def test_a_labelled_export_is_described_by_labels_and_minus_codes_by_redcaps_names(tmp_path: Path) -> None:
    (tmp_path / "dictionary.csv").write_text(LABELLED)
    header = "Record ID,Free text,Comorbidity (choice=Diabetes),comorb____9,Tumour grade\n"
    rows = "".join(f"P{n:03},{'ab'[n % 2]},{('Checked', 'Unchecked')[n % 2]},{n % 2},{1 + n % 4}\n" for n in range(30))
    config, text = drafted(tmp_path, header + rows, dictionary=tmp_path / "dictionary.csv")
    assert {c.source: c.kind for c in config.columns} == {
        "Free text": "drop",
        "Comorbidity (choice=Diabetes)": "flag",
        "comorb____9": "flag",
        "Tumour grade": "one_hot",
    }
    assert "called 'Comorbidity: None known'" in text
    assert [c.missing for c in config.columns if c.source == "Tumour grade"] == [["4"]]


def test_a_dictionary_of_another_table_or_with_other_codes_is_told(tmp_path: Path) -> None:
    (tmp_path / "dictionary.csv").write_text(LABELLED)
    rows = "".join(f"P{n:03},{5 + n % 3}\n" for n in range(30))
    with pytest.raises(CommandError, match="describes no column"):
        drafted(tmp_path, f"id,other\n{rows}", dictionary=tmp_path / "dictionary.csv")
    _, text = drafted(tmp_path, f"id,grade\n{rows}", dictionary=tmp_path / "dictionary.csv")
    assert "none of the codes that its header or dictionary explains" in text


def test_a_last_contact_alone_is_the_end_of_all_and_that_is_asked() -> None:
    dates = {"Diagnosis date": [str(d) for d in DAYS], "Last follow-up date": [str(d + timedelta(200)) for d in DAYS]}
    clinical, text = draft({**dates, "dead": ["yes", "no"] * 15, "Age": AGE})
    assert {clinical["labels"][end] for end in ("death", "last_alive")} == {"Last follow-up date"}
    assert "is it the date of death of those who died?" in text


@pytest.mark.parametrize("minus", ["\u2212", "\u2013"])
def test_a_typeset_minus_is_one(minus: str) -> None:
    cells = [f"{minus}{n}.5" if n % 2 else f"{n}.5" for n in range(30)]
    clinical, _ = draft({"Base excess": cells, "Age": AGE})
    assert column(clinical, "Base excess")["kind"] == "number"
    config = ClinicalConfig.model_validate(clinical)
    text = "Case ID,Base excess,Age\n" + "".join(f"{c},{v},50\n" for c, v in zip(CASES, cells, strict=True))
    assert [r["base_excess"] for r in Read(config, [text.encode()]).records["baseline"]][:2] == ["0.5", "-1.5"]


@pytest.mark.parametrize(
    ("header", "cells", "event"),
    [
        ("5-year survival", ["yes", "no"], "no"),
        ("Überleben", ["ja", "nein"], "nein"),
        ("Survival at 24 months", ["1", "0"], "0"),
        ("Survival (0=no, 1=yes)", ["1", "0"], "0"),
        ("Alive (1=Yes, 0=No)", ["1", "0"], "0"),
        ("Survival", ["1", "0"], "1"),
        ("Overall survival status", ["Dead", "Alive"], "Dead"),
    ],
)
def test_who_survived_did_not_die(header: str, cells: list[str], event: str) -> None:
    clinical, text = draft({header: cells * 15, "Age": AGE})
    assert column(clinical, header)["true"] == [event]
    assert clinical["target"]["column"] == header if "target" in clinical else "is 'nein' the event" in text
    assert ("labels" in clinical) == ("target" in clinical and " 5" not in f" {header}" and "24" not in header)


def test_names_that_are_not_read_make_no_features() -> None:
    """Of a table in other letters no name says person or end; a table in a language that is not read, only numbers."""
    names, ends = ["山田太郎", "佐藤花子", "鈴木一郎"] * 10, ["死亡", "生存"] * 15
    clinical, _ = draft({"年齢": AGE, "転帰": ends, "氏名": names})
    assert not any(c.get("feature", True) for c in clinical["columns"])
    clinical, _ = draft(
        {"Yas": AGE, "Olum": ["var", "yok"] * 15, "Ad Soyad": ["Ahmet Kaya", "Ali Demir", "Ece Ak"] * 10}
    )
    assert [c["source"] for c in clinical["columns"] if c.get("feature", True) and c["kind"] != "drop"] == ["Yas"]


def test_codes_for_not_known_that_end_in_a_row_of_numbers_are_one_kind() -> None:
    """998 and 997 beside 999, 98 beside 99: surveys and registries number their reasons."""
    weights, codes = [[60 + n, 998, 997][0 if n % 5 else 1 + n % 2] for n in range(30)], [1, 2, 3, 97, 98, 99] * 5
    saturation, high = [95, 96, 97, 98, 99] * 6, [980 + n for n in range(30)]
    clinical, _ = draft({"Weight": weights, "Educ": codes, "SpO2": saturation, "Cholesterol": high, "Age": AGE})
    found = {c["source"]: c.get("missing", []) for c in clinical["columns"]}
    assert found == {"Weight": ["997", "998"], "Educ": ["97", "98", "99"], "SpO2": [], "Cholesterol": [], "Age": []}


def test_text_that_laboratories_write_as_formulas_is_text(tmp_path: Path) -> None:
    """`="007"` keeps a spreadsheet from reading a number: it is the id 007, and a decimal comma in one stays."""
    rows = "".join(f'="{n:03}";="{40 + n}";="{8 + n % 7},{n}"\n' for n in range(30))
    text = '="Case ID";="Age";="Hb, g/dL"\n' + rows
    config, _ = drafted(tmp_path, text)
    first = Read(config, [text.encode()]).records["baseline"][1]
    assert (first["case_id"], first["age"], first["hb_g_dl"]) == ("001", "41", "9.1")


def test_commas_in_names_do_not_divide_a_table_with_semicolons(tmp_path: Path) -> None:
    text = "Case ID;Age, years;Hb, g/dL\n" + "".join(f"P{n};{40 + n};{8 + n % 7},{n}\n" for n in range(30))
    config, _ = drafted(tmp_path, text)
    assert [c.source for c in config.columns] == ["Age, years", "Hb, g/dL"]


@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "lfd_nr"])
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_of_rows_are_no_feature(name: str, first: int) -> None:
    clinical, _ = draft({name: [n + first for n in range(30)], "Age": AGE, "WBC": [n + first for n in range(30)]})
    assert column(clinical, name)["kind"] == "drop"
    assert column(clinical, "WBC")["kind"] == "number" or "equal to" in column(clinical, "WBC")["reason"]


def test_tcgas_three_headers_are_one(tmp_path: Path) -> None:
    text = "bcr_patient_barcode\tgender\tage_at_diagnosis\tdeath_days_to\n"
    text += "bcr_patient_barcode\tgender\tage_at_initial_pathologic_diagnosis\tdays_to_death\n"
    text += "CDE_ID:2003301\tCDE_ID:2200604\tCDE_ID:2006657\tCDE_ID:3165475\n"
    text += "".join(f"TCGA-AA-{n:04}\t{'FEMALE' if n % 2 else 'MALE'}\t{40 + n}\t{n * 20}\n" for n in range(30))
    config, _ = drafted(tmp_path, text)
    assert {c.source: c.kind for c in config.columns} == {
        "gender": "flag", "age_at_diagnosis": "number", "death_days_to": "number",
    }  # fmt: skip
    assert len(Read(config, [text.encode()]).records["baseline"]) == 30


def test_what_cancer_registries_write_of_treatment_is_not_early() -> None:
    """OBDS: what an operation or a drug was, and what is left of the tumour, nobody knows at the diagnosis."""
    pairs = {
        "SYST_Substanzen": ["Cisplatin", "Pembrolizumab"],
        "ST_Intention": ["K", "P"],
        "OP_Intention": ["P", "K"],
        "Residualstatus_lokal": ["R0", "R1"],
        "residual_disease": ["R1", "R0"],
        "pTNM_T": ["3", "4"],
        "cTNM_T": ["1a", "2"],
    }
    clinical, _ = draft({**{name: cells * 15 for name, cells in pairs.items()}, "Age": AGE})
    assert [c["available_at"] for c in clinical["columns"]] == [
        *("post_treatment", "post_treatment", "surgery", "surgery", "surgery", "surgery", "baseline", "baseline")
    ]


def test_numbers_under_the_name_of_a_code_are_levels() -> None:
    codes = {"race_concept_id": [8527, 8516, 8515], "gender_concept_id": [8507, 8532, 8507], "site_cd": [101, 102, 103]}
    clinical, text = draft({**{name: cells * 10 for name, cells in codes.items()}, "Age": AGE})
    assert [c["kind"] for c in clinical["columns"]] == ["one_hot", "one_hot", "one_hot", "number"]
    assert "which code is which sex?" in text
    assert text.count("what do the numbers stand for?") == 2


@pytest.mark.parametrize("header", ["¿Falleció?", "Faleceu", "Deceduto", "Overleden", "Murió"])
def test_a_death_in_other_languages_is_the_target(header: str) -> None:
    clinical, _ = draft({header: ["1", "0"] * 15, "Age": AGE})
    assert clinical["labels"]["died"] == header


def test_micrometastases_and_minimal_invasion_come_first() -> None:
    clinical, _ = draft({"pT": ["pT1mi", "pT1a", "pT1b"] * 10, "pN": ["pN0", "pN1mi", "pN1a"] * 10, "Age": AGE})
    assert column(clinical, "pT")["levels"] == {"pT1mi": 0, "pT1a": 1, "pT1b": 2}
    assert column(clinical, "pN")["levels"] == {"pN0": 0, "pN1mi": 1, "pN1a": 2}


def test_what_a_model_says_is_no_time_and_what_was_last_is_late() -> None:
    numbers = [n / 10 for n in range(30)]
    columns = {"predicted_survival": numbers, "ldh_c2d1": numbers, "hb_last": numbers, "ldh_c1d1": numbers}
    clinical, _ = draft({"deadstatus": ["1", "0"] * 15, "class": ["1", "0", "0"] * 10, **columns})
    assert "time" not in clinical["labels"]
    early = [c["source"] for c in clinical["columns"] if c.get("feature", True) and c["kind"] != "drop"]
    assert early == [] or early == ["ldh_c1d1"]


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        *(("Survival (wks)", "weeks"), ("Sopravvivenza (settimane)", "weeks"), ("OS_mths", "months")),
        *(("Overleving (dagen)", "days"), ("Overleving (jaren)", "years"), ("Survie (années)", "years")),
    ],
)
def test_a_unit_of_time_is_read_and_not_guessed_by_size(header: str, unit: str) -> None:
    clinical, _ = draft({header: [10 * n + 1 for n in range(30)], "Dead": ["1", "0"] * 15, "Age": AGE})
    assert column(clinical, header)["unit"] == unit


def test_death_of_any_kind_over_all_time_is_the_target() -> None:
    numbers = [n + 0.5 for n in range(30)]
    names: dict[str, list[Any]] = {
        "OS_5y_event": ["1", "0", "0"] * 10,
        "OS_5y_months": numbers,
        "OS_event": ["1", "0"] * 15,
    }
    clinical, _ = draft({**names, "OS_months": numbers[::-1], "Age": AGE})
    assert (clinical["labels"]["died"], clinical["labels"]["time"]) == ("OS_event", "OS_months")
    clinical, _ = draft({"Outcome": ["Alive", "Died of disease", "Died of other causes"] * 10, "Age": AGE})
    assert clinical["labels"]["died"] == "Outcome"
    status = {"OS_5y": ["1", "0", "0"] * 10, "Vital_status_2": ["dead", "alive"] * 15}
    clinical, _ = draft({**status, "OS_months": numbers, "Age": AGE})
    assert clinical["labels"]["died"] == "Vital_status_2"


def test_a_survival_that_some_of_the_living_lack_is_a_time() -> None:
    months = ["" if n % 6 == 1 else n + 0.5 for n in range(30)]
    status = ["dead" if n in (2, 9) else "alive" for n in range(30)]
    clinical, _ = draft({"Vital_status": status, "OS_months": months, "Age": AGE})
    assert clinical["labels"]["time"] == "OS_months"
    clinical, _ = draft({"Vital_status": status, "Months_to_last_contact": months, "Age": AGE})
    assert "time" not in clinical["labels"]


@pytest.mark.parametrize("header", ["Death (1=y, 0=n)", "Died: 1 = d, 0 = a", "Dead [0: n, 1: y]"])
def test_what_codes_stand_for_is_no_horizon(header: str) -> None:
    clinical, _ = draft({header: ["1", "0"] * 15, "OS_months": [n + 0.5 for n in range(30)], "Age": AGE})
    assert clinical["labels"]["died"] == header


def test_counts_of_days_are_dates_in_any_country() -> None:
    counts = [(d - date(1899, 12, 30)).days for d in DAYS]
    clinical, _ = draft({"Diagnosedatum": [f"{n},4375" for n in counts], "Age": AGE})
    config = ClinicalConfig.model_validate(clinical)
    assert column(clinical, "Diagnosedatum")["date_format"] == "days since 1899-12-30"
    text = f'Case ID,Diagnosedatum,Age\nP-001,"{counts[0]},4375",50\n'
    assert Read(config, [text.encode()]).only("baseline")["event_time"] == f"{DAYS[0]}T00:00:00Z"
    mixed = [str(n) if at % 3 == 0 else str(d) for at, (n, d) in enumerate(zip(counts, DAYS, strict=True))]
    clinical, _ = draft({"Diagnosis date": mixed, "Age": AGE})
    assert "written in several ways" in column(clinical, "Diagnosis date")["reason"]


def test_ages_with_a_digit_for_their_unit_are_named() -> None:
    """463 of Brazil's registries is 63 years, and not 463 months."""
    clinical, _ = draft({"IDADE": [430 + n for n in range(30)], "Hb": AGE})
    assert "463 is 63 years" in column(clinical, "IDADE")["reason"]
    clinical, _ = draft({"IDADE": [200 + 20 * n for n in range(30)], "Hb": AGE})
    assert column(clinical, "IDADE")["kind"] == "number", "months"
