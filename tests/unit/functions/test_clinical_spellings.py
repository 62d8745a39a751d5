"""Dates, numbers and bounds as exports of other programs spell them: read as the dataset's file says, or named."""

from datetime import date
from typing import Any

import pytest

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.dates import DateFormat
from multimodal.clinical.numerals import Numeral
from multimodal.ledger.errors import BadInputError, Reason
from tests.unit.functions.clinical_small import UPLOAD, Read, csv_text, encoded, read, rows, with_column

DAY = date(1998, 3, 12)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("3/12/98", "%m/%d/%y"),
        ("03-12-98", "%m-%d-%y"),
        ("12.3.98", "%d.%m.%y"),
        ("98-03-12", "%y-%m-%d"),
        ("19980312", "%Y%m%d"),
        ("12031998", "%d%m%Y"),
        ("12MAR1998", "%d%b%Y"),
        ("12mar98", "%d%b%y"),
        ("12-Mar-98", "%d-%b-%y"),
        ("12-Mar-1998", "%d-%b-%Y"),
        ("March 12, 1998", "%b %d, %Y"),
        ("March 12, 1998", "%B %d, %Y"),
        ("Mar. 12, 1998", "%b %d, %Y"),
        ("12. März 1998", "%d. %b %Y"),
        ("12 mars 1998", "%d %b %Y"),
        ("12 marzo 1998", "%d %b %Y"),
        ("1998-03-12 00:00:00", "%Y-%m-%d"),
        ("1998-03-12T23:30:00.000Z", "%Y-%m-%d"),
        ("1998-03-12T23:30:00-05:00", "%Y-%m-%d"),
        ("1998-03-12 23:30:00.123 +0100", "%Y-%m-%d"),
        ("3/12/1998 11:59:00 PM", "%m/%d/%Y"),
        ("3/12/98 0:00", "%m/%d/%y"),
        ("12MAR1998 00:00:00", "%d%b%Y"),
        ("35866", "days since 1899-12-30"),
        ("35866.75", "days since 1899-12-30"),
        ("13950", "days since 1960-01-01"),
        ("10297.0", "days since 1970-01-01"),
    ],
)
def test_a_date_is_read_as_its_format_says(cell: str, written: str) -> None:
    assert DateFormat(written, 1930).day(cell) == DAY


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("12/98", "%m/%d/%y"),
        ("3/12/1998", "%m/%d/%y"),
        ("30/2/98", "%d/%m/%y"),
        ("1998-3-12T99:00", "%Y-%m-%d"),
        ("12XYZ1998", "%d%b%Y"),
        ("1998312", "%Y%m%d"),
        ("12mar", "%d%b%Y"),
        ("35866 days", "days since 1899-12-30"),
        ("9" * 40, "days since 1899-12-30"),
        ("999999", "days since 9999-01-01"),
        ("٣/12/1998", "%m/%d/%Y"),
        ("+3/12/1998", "%m/%d/%Y"),
        ("003/12/1998", "%m/%d/%Y"),
        ("/12/1998", "%m/%d/%Y"),
        ("3/12/01998", "%m/%d/%Y"),
        ("3/12/1998/", "%m/%d/%Y"),
        ("3/ 12/1998", "%m/%d/%Y"),
        ("2/30/1998", "%m/%d/%Y"),
        ("W1/3/1998", "%m/%d/%Y"),
        ("1998-3-12-1", "%Y-%m-%d"),
    ],
)
def test_what_is_no_date_of_the_format_is_none(cell: str, written: str) -> None:
    assert DateFormat(written, 1930).day(cell) is None


@pytest.mark.parametrize(("first", "year"), [(1930, 1930), (1931, 2030), (1900, 1930), (2000, 2030)])
def test_two_digits_are_a_year_of_the_hundred_that_are_named(first: int, year: int) -> None:
    found = DateFormat("%d.%m.%y", first).day("1.1.30")
    assert found == date(year, 1, 1)


def configured(document: dict[str, Any]) -> ClinicalConfig:
    return ClinicalConfig.model_validate(document)


def test_columns_of_one_table_have_formats_of_their_own() -> None:
    document = with_column("Death", date_format="%d-%b-%y", two_digit_years_from=1950)
    found = read({"Death": "20-Feb-97"}, config=configured(document))
    assert found.problems == []
    assert found.only("labels")["os_days"] == "741"
    assert found.only("baseline")["event_time"] == "1995-01-31T00:00:00Z"


def test_a_calendar_that_was_shifted_lies_in_the_future() -> None:
    cells = {"CT Date": "1/31/2195", "Death": "2/20/2197", "Seen": "2/1/2197", "Quit": "2190"}
    assert {p.code for p in read(cells).problems} == {"DATE_IN_FUTURE", "BAD_DATE"}
    shifted = read(cells, config=configured(with_column("Note") | {"shifted_calendar": True}))
    assert shifted.problems == []
    assert shifted.only("surgery")["event_time"] == "2195-02-10T00:00:00Z"
    assert shifted.only("labels")["os_days"] == "741"
    assert shifted.only("baseline")["years_since_quit"] == "5"


@pytest.mark.parametrize(
    ("cell", "numeral", "number"),
    [
        (".86", Numeral(), 0.86),
        ("-.5", Numeral(), -0.5),
        ("1,73", Numeral(","), 1.73),
        (",86", Numeral(","), 0.86),
        ("1.234,5", Numeral(",", "."), 1234.5),
        ("1 234,5", Numeral(",", " "), 1234.5),
        ("1\u202f234\u00a0567", Numeral(",", " "), 1234567),
        ("1,234", Numeral(thousands=","), 1234),
        ("1,234,567.25", Numeral(thousands=","), 1234567.25),
        ("1'234", Numeral(thousands="'"), 1234),
        ("1\u2019234.5", Numeral(thousands="'"), 1234.5),
        ("1234.5", Numeral(thousands=","), 1234.5),
        ("12 %", Numeral(percent=True), 12),
        ("12,5%", Numeral(",", percent=True), 12.5),
        ("1,5e3", Numeral(","), 1500),
    ],
)
def test_a_number_is_read_as_the_file_says(cell: str, numeral: Numeral, number: float) -> None:
    assert numeral.reader()(cell) == number


@pytest.mark.parametrize(
    ("cell", "numeral"),
    [
        ("1,73", Numeral()),
        ("1,234", Numeral()),
        ("1.234", Numeral(",")),
        ("1,23", Numeral(thousands=",")),
        ("12,34,567", Numeral(thousands=",")),
        ("1,234 567", Numeral(thousands=",")),
        ("12%", Numeral()),
        ("1.2.3", Numeral(",", ".")),
        ("", Numeral(",", ".")),
        (".", Numeral()),
        ("%", Numeral(percent=True)),
    ],
)
def test_what_could_be_another_number_is_none(cell: str, numeral: Numeral) -> None:
    assert numeral.reader()(cell) is None


def test_numbers_of_a_table_with_decimal_commas() -> None:
    document = with_column("Packs", thousands=".", max=5000) | {"decimal": ","}
    text = csv_text(rows({"Packs": "20,5"}, {"Packs": "1.234,5"}, {"Packs": "20"}, {"Packs": "1.5"}), delimiter=";")
    found = Read(configured(document), encoded(text))
    assert [r["packs"] for r in found.records["baseline"]] == ["20.5", "1234.5", "20.0"]
    assert [(p.row, p.column, p.code) for p in found.problems] == [(5, "Packs", "NOT_A_NUMBER")]


def test_percent_signs_belong_to_a_column_of_percent() -> None:
    found = read({"Packs": "50%"}, {"Packs": "50"}, config=configured(with_column("Packs", unit="%")))
    assert [r["packs"] for r in found.records["baseline"]] == ["50.0", "50.0"]
    assert read({"Packs": "50%"}).found == [(2, "Packs", "NUMBER_WITH_UNIT", "row")]


@pytest.mark.parametrize(
    "cell", ["90+", ">=90", "≥ 90", ">89", "> 89 years", "90 or older", "90 and over", "90+ years"]
)
@pytest.mark.parametrize(("bounds", "age"), [("reject", None), ("limit", "90.0"), ("missing", "")])
def test_the_category_of_the_oldest_costs_its_row_or_becomes_what_is_declared(
    cell: str, bounds: str, age: str | None
) -> None:
    found = read({"Age": cell}, {}, config=configured(with_column("Age", bounds=bounds, max=89)))
    taken = {r["case_id"]: r.get("age", "") for r in found.records["baseline"]}
    assert taken == ({} if age is None else {"C-001": age}) | {"C-002": "61.0"}
    assert found.found == ([(2, "Age", "OUT_OF_RANGE", "row")] if age is None else [])
    assert all("bounds: limit" in p.message for p in found.problems)


@pytest.mark.parametrize("cell", ["89.4127", "89.99"])
def test_a_fraction_above_89_costs_its_row_or_is_89(cell: str) -> None:
    rejected = read({"Age": cell}, {})
    assert rejected.found == [(2, "Age", "OUT_OF_RANGE", "row")]
    assert "bounds: limit" in rejected.problems[0].message
    limited = read({"Age": cell}, config=configured(with_column("Age", bounds="limit")))
    assert limited.only("baseline")["age"] == "89.0"


@pytest.mark.parametrize("bounds", ["reject", "limit", "missing"])
@pytest.mark.parametrize("cell", ["90", "91", "91.5", "95+", ">=91", ">90", "> 104", "92-95", "93 years"])
def test_an_age_that_says_more_than_90_or_older_still_holds_the_table(cell: str, bounds: str) -> None:
    with pytest.raises(BadInputError) as caught:
        Read(configured(with_column("Age", bounds=bounds)), encoded(csv_text(rows({"Age": cell}))), UPLOAD)
    assert caught.value.reason_code == Reason.IDENTIFIERS_FOUND
    assert "may be written as one category" in caught.value.message


@pytest.mark.parametrize(
    ("cell", "limit"), [("<0.5", "0.5"), ("< 0.5", "0.5"), ("≤0.5", "0.5"), (">100", "100.0"), ("100+", "100.0")]
)
def test_a_bound_is_rejected_is_its_limit_or_is_missing(cell: str, limit: str) -> None:
    assert read({"Packs": cell}).found == [(2, "Packs", "NOT_A_NUMBER", "row")]
    assert "bounds: limit" in read({"Packs": cell}).problems[0].message
    limited = read({"Packs": cell}, config=configured(with_column("Packs", bounds="limit")))
    assert limited.only("baseline")["packs"] == limit
    missing = read({"Packs": cell}, config=configured(with_column("Packs", bounds="missing")))
    assert "packs" not in missing.only("baseline")
    assert limited.problems == missing.problems == []


@pytest.mark.parametrize("cell", ["<", "<many", ">900", "5-10", "<<5", "~5"])
def test_a_bound_that_is_none_or_out_of_range_costs_its_row(cell: str) -> None:
    found = read({"Packs": cell}, config=configured(with_column("Packs", bounds="limit")))
    assert [(p.column, p.scope) for p in found.problems] == [("Packs", "row")]
