"""Rows that are no cases, and ids that are none: what a table has around its cases makes no record in silence."""

from pathlib import Path

import pytest

from cli.draft.facts import MAX_VALUES, read_facts
from cli.draft.table import draft_table
from cli.errors import CommandError
from tests.unit.functions.clinical_small import Read
from tests.unit.local.test_draft_shapes import BODY, column, draft, drafted

HEADER = "id,Age,Smoker,Weight\n"
CASES = [f"P{n:03}" for n in range(30)]


def cases_read(folder: Path, text: str) -> list[str]:
    """Draft a table, and return the cases of which it then makes records."""
    config, _ = drafted(folder, text)
    assert config.id.source == "id"
    assert {c.source: c.kind for c in config.columns} == {"Age": "number", "Smoker": "flag", "Weight": "number"}
    return [record["case_id"] for record in Read(config, [text.encode()]).records["baseline"]]


@pytest.mark.parametrize(
    "units",
    [
        ",(Jahre),,[kg]",
        ",years,yes/no,kg",
        ",yrs,-,kg",
        "unit,years,,kg",
        "Einheit,a,,kg",
        ",[y],[0/1],[kg]",
        ",n,n,n",
        "",
    ],
)
def test_a_row_of_units_is_no_case_and_makes_no_measurement_the_id(tmp_path: Path, units: str) -> None:
    assert cases_read(tmp_path, f"{HEADER}{units}\n{BODY}") == CASES


@pytest.mark.parametrize("called", ["Mean", "SD", "Median:", "Total", "Mittelwert", "moyenne", "n = 30"])
def test_means_and_totals_below_the_cases_are_no_cases(tmp_path: Path, called: str) -> None:
    assert cases_read(tmp_path, f"{HEADER}{BODY}{called},54.5,,84.5\n") == CASES


def test_a_header_that_comes_again_is_no_case(tmp_path: Path) -> None:
    lines = BODY.splitlines(keepends=True)
    assert cases_read(tmp_path, HEADER + "".join(lines[:9]) + HEADER + "".join(lines[9:])) == CASES


def test_an_age_or_a_weight_names_no_case_although_it_is_another_in_every_row() -> None:
    rows = [[str(20 + n), str(50.5 + n), f"c{n}"] for n in range(30)]
    assert draft_table(read_facts(["Age", "weight_kg", "who"], rows)).id_source == "who"


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        ([f"{n}.0" for n in range(30)], "do scans and reads write 1.0, or 1?"),
        ([f"{n:03}" for n in range(30)], ""),
        ([f"P-{n}E" for n in range(30)], ""),
    ],
)
def test_ids_that_became_numbers_are_asked(ids: list[str], asked: str) -> None:
    table = draft_table(read_facts(["id", "Age"], [[each, str(40 + n)] for n, each in enumerate(ids)]))
    assert [asked in check for check in table.id_checks] == ([True] if asked else [])


@pytest.mark.parametrize("written", ["{:.2E}", "{:.0E}"])
def test_ids_that_a_spreadsheet_has_rounded_name_nobody(written: str) -> None:
    rows = [[written.format(1.2e11 + n * 1e10), str(40 + n)] for n in range(30)]
    with pytest.raises(CommandError, match="a spreadsheet has rounded"):
        draft_table(read_facts(["patient_id", "Age"], rows))


@pytest.mark.parametrize(
    ("cells", "yes", "no"),
    [
        (["TRUE", "FALSE", "1", "0"], ["TRUE", "1"], ["FALSE", "0"]),
        (["Yes", "no", "Y", "N"], ["Yes", "Y"], ["no", "N"]),
        (["ja", "nein", "Ja", "0"], ["ja", "Ja"], ["nein", "0"]),
    ],
)
def test_yes_and_no_in_several_spellings_are_one_flag(cells: list[str], yes: list[str], no: list[str]) -> None:
    clinical, text = draft({"Smoker": [cells[n % 4] for n in range(30)], "Age": [40 + n for n in range(30)]})
    found = column(clinical, "Smoker")
    assert (found["kind"], found["true"], found["false"]) == ("flag", yes, no)
    assert "do all spellings mean yes and no?" in text


@pytest.mark.parametrize("cells", [["F", "M", "n"], ["1", "2", "no"], ["y", "maybe", "n"]])
def test_other_values_beside_yes_and_no_are_no_flag(cells: list[str]) -> None:
    clinical, _ = draft({"Smoker": [cells[n % 3] for n in range(30)], "Age": [40 + n for n in range(30)]})
    assert column(clinical, "Smoker")["kind"] != "flag"


@pytest.mark.parametrize("header", ["USUBJID", "SUBJID", "ptid", "pid", "eid"])
def test_ids_of_trials_and_cohorts_name_the_case(header: str) -> None:
    rows = [[f"{n / 7:.3f}", f"S-{n}", str(n % 3)] for n in range(30)]
    assert draft_table(read_facts(["marker", header, "arm"], rows)).id_source == header


def test_what_stands_for_not_known_is_found_below_thousands_of_values() -> None:
    values = [*(f"{200 + n / 10}" for n in range(MAX_VALUES + 100)), *["999"] * 7]
    table = draft_table(read_facts(["id", "LDH"], [[f"P{n}", each] for n, each in enumerate(values)]))
    assert table.columns[0].settings["missing"] == ["999"]


def test_a_row_that_numbers_the_columns_is_no_case(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="numbers the columns"):
        drafted(tmp_path, f"{HEADER}1,2,3,4\n{BODY}")
    numbered = "".join(f"{n},{n + 1},{n % 3 + 2}\n" for n in range(1, 31))
    assert drafted(tmp_path, f"id,arm,grade\n{numbered}")[0].id.source == "id", "case 1 has 2 and 3 in its columns"


@pytest.mark.parametrize("header", ["Excluded", "Eligible?", "screen_failure"])
def test_who_does_not_count_is_asked(header: str) -> None:
    _, text = draft({header: [("yes", "no", "no")[n % 3] for n in range(30)], "Age": [40 + n for n in range(30)]})
    assert "does it say which cases do not count?" in text
