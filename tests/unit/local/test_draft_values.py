"""What the values of a column say of it when its name says nothing: persons, ends, beginnings, and doubt."""

from datetime import date, timedelta
from typing import Any

import pytest

from cli.draft.facts import Facts
from cli.draft.values import identify
from tests.unit.local.test_draft_shapes import AGE, column, draft

N = 30
GIVEN = (
    "Anna",
    "Peter",
    "Maria",
    "John",
    "Lucia",
    "Pedro",
    "Hans",
    "Claire",
    "Giulia",
    "Jan",
    "Sofia",
    "Ahmed",
    "Emma",
    "Paul",
    "Nora",
)
SURNAMES = (
    "Schmidt",
    "Garcia",
    "Rossi",
    "Dubois",
    "Jansen",
    "Silva",
    "Smith",
    "Novak",
    "Weber",
    "Jones",
    "Khan",
    "Costa",
    "Moreau",
    "Petrov",
    "Sato",
)
BIRTHS = [date(1930, 1, 5) + timedelta(days=547 * n) for n in range(N)]
SCANS = [date(2019, 1, 5) + timedelta(days=11 * n) for n in range(N)]


def only(cells: list[Any]) -> tuple[dict[str, Any], str]:
    clinical, text = draft({"xq": cells, "Age": AGE, "Scan date": SCANS})
    return column(clinical, "xq"), text


@pytest.mark.parametrize(
    "cells",
    [
        [GIVEN[n % 15] for n in range(N)],
        [f"{SURNAMES[n % 15]}, {GIVEN[n * 7 % 15]}" for n in range(N)],
        [f"{n + 3} Lime Tree Walk" for n in range(N)],
        [f"Dorpsstraat {n + 3}" for n in range(N)],
        [f"0{n + 1011}" for n in range(N)],
        [f"{n + 1011} AB" for n in range(N)],
        [f"0{n + 20} {n + 7654321}" for n in range(N)],
        [f"{n * 7919 + 410000000}" for n in range(N)],
        [f"10.2.{n}.{n + 1}" for n in range(N)],
        [f"case{n}@example.org" for n in range(N)],
        BIRTHS,
    ],
)
def test_persons_are_seen_in_values(cells: list[Any]) -> None:
    found, text = only(cells)
    assert (found["kind"], found["reason"]) == ("drop", "may identify a person, or is free text that may")
    assert not any(str(cell) in text for cell in cells), "no value of a person is quoted"


@pytest.mark.parametrize(
    ("cells", "persons"),
    [
        (["Anna", "Pedro", "Claire"], True),
        (["Anna", "Pedro", "Hodgkin"], False),
        (["Level 1", "Level 2", "Level 3"], False),
    ],
)
def test_in_a_small_table_all_values_must_be_names(cells: list[str], persons: bool) -> None:
    facts = Facts("xq", 1)
    for cell in cells:
        facts.add(cell)
    assert identify(facts) is persons


@pytest.mark.parametrize(
    "cells",
    [
        [3.5 + n / 7 for n in range(N)],
        [1_000_000 + 37 ** (n % 5) * n for n in range(N)],
        [f"{n} months" for n in range(N)],
        ["Squamous Cell", "Large Cell", "Adenocarcinoma"] * 10,
        SCANS,
    ],
)
def test_measurements_levels_and_dates_are_no_persons(cells: list[Any]) -> None:
    found, _ = only(cells)
    assert found.get("reason") != "may identify a person, or is free text that may"


@pytest.mark.parametrize(
    "levels", [("CR", "PR", "SD"), ("DOD", "AWD"), ("1:DECEASED", "0:LIVING"), ("relapsed", "well")]
)
def test_levels_of_an_end_are_an_outcome(levels: tuple[str, ...]) -> None:
    found, text = only([levels[n % len(levels)] for n in range(N)])
    assert found["available_at"] == "outcome"
    assert "when is it known?" not in text


@pytest.mark.parametrize(
    "levels", [("T1a", "T2"), ("adenocarcinoma", "squamous carcinoma"), ("Left", "Right"), ("f", "m")]
)
def test_levels_of_the_beginning_are_taken_as_early(levels: tuple[str, ...]) -> None:
    found, text = only([levels[n % len(levels)] for n in range(N)])
    assert found["available_at"] == "baseline"
    assert "feature" not in found
    assert "when is it known?" not in text


@pytest.mark.parametrize("cells", [[n % 2 for n in range(N)], [n * 31 % 17 for n in range(N)], ["a", "b", "c"] * 10])
def test_what_neither_name_nor_values_say_is_asked_and_taken_as_late(cells: list[Any]) -> None:
    found, text = only(cells)
    assert (found["available_at"], found["feature"]) == ("post_treatment", False)
    assert "CHECK: when is it known?" in text


def test_a_date_in_doubt_does_not_begin_a_case() -> None:
    clinical, text = draft({"dtxq": [day + timedelta(days=400) for day in SCANS], "Scan date": [*SCANS[:-1], ""]})
    assert clinical["timepoints"]["baseline"]["event_time"] == {"column": "Scan date"}
    assert "CHECK: when is it known?" in text


def test_a_numbered_series_and_a_table_of_nothing_else_are_measurements() -> None:
    series = {f"q{n}": [n * k % 13 / 2 for k in range(N)] for n in range(2, 8)}
    clinical, text = draft({**series, "xq": [n * 31 % 17 for n in range(N)], "Age": AGE})
    assert {column(clinical, name)["available_at"] for name in series} == {"baseline"}
    assert column(clinical, "xq")["available_at"] == "post_treatment"
    assert text.count("CHECK: when is it known?") == len(series) + 1
    alone, _ = draft({"xq": [n * 31 % 17 for n in range(N)]})
    assert column(alone, "xq")["available_at"] == "baseline"
