"""What codes stand for: told by headers and labels, asked where nothing tells; and what is written for "not known"."""

from typing import Any

import pytest

from tests.unit.local.test_draft_shapes import AGE, DAYS, column, draft

TIMES = [9 * n for n in range(30)]


def cycled(*values: Any) -> list[Any]:
    return [values[n % len(values)] for n in range(30)]


@pytest.mark.parametrize(
    ("header", "cells", "died", "lives"),
    [
        ("Status (0=dead, 1=alive)", (0, 1), "0", "1"),
        ("Death (1=no, 2=yes)", (1, 2), "2", "1"),
        ("status: alive=1; dead=2", (1, 2), "2", "1"),
        ("OS_STATUS", ("LIVING:0", "DECEASED:1"), "DECEASED:1", "LIVING:0"),
        ("outcome", ("1 - Dead", "0 - Alive"), "1 - Dead", "0 - Alive"),
        ("vital", ("alive (1)", "dead (2)"), "dead (2)", "alive (1)"),
        ("alive", (0, 1), "0", "1"),
        ("Survived", ("Yes", "No"), "No", "Yes"),
    ],
)
def test_who_died_is_read_as_it_is_written(header: str, cells: tuple[Any, Any], died: str, lives: str) -> None:
    clinical, _ = draft({header: cycled(*cells), "survival_days": TIMES, "Age": AGE})
    found = column(clinical, header)
    assert (found["true"], found["false"]) == ([died], [lives])
    assert clinical["labels"]["died"] == header
    assert clinical["target"]["positive"] == [lives]


def test_an_endpoint_of_those_without_an_event_is_the_other_way_round() -> None:
    columns = {
        "dead": cycled(0, 1),
        "os_days": TIMES,
        "relapse_free": cycled("yes", "no", "no"),
        "rfs_days": TIMES[::-1],
    }
    clinical, text = draft(columns)
    assert column(clinical, "relapse_free")["true"] == ["no"]
    assert clinical["labels"]["endpoints"] == {"rfs": {"event": "relapse_free", "time": "rfs_days"}}
    assert "The column is named after 'free'" in text


@pytest.mark.parametrize(
    ("header", "asked"), [("vital_status", True), ("status", True), ("dead", False), ("OS", False)]
)
def test_codes_of_which_nothing_says_who_died_are_asked(header: str, asked: bool) -> None:
    _, text = draft({header: cycled(0, 1), "survival_days": TIMES})
    assert ("does 1 mean died, and 0 alive?" in text) is asked


def test_codes_that_a_header_says_are_levels() -> None:
    clinical, text = draft(
        {"Sex (1=male, 2=female)": cycled(1, 2), "Smoker (0=never; 1=ex; 2=current)": cycled(0, 1, 2)}
    )
    sex = column(clinical, "Sex (1=male, 2=female)")
    assert (sex["kind"], sex["true"], sex["false"]) == ("flag", ["2"], ["1"])
    smoker = column(clinical, "Smoker (0=never; 1=ex; 2=current)")
    assert (smoker["kind"], list(smoker["levels"])) == ("one_hot", ["0", "1", "2"])
    assert "which code is which sex?" not in text


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        ([*range(20, 48), 999, 999], ["999"]),
        ([*(n / 2 for n in range(28)), -9, -9], ["-9"]),
        ([*range(28), "9999.0", "9999.0"], ["9999.0"]),
        (cycled(1, 2, 3, 9), ["9"]),
        ([*range(420, 447), 999, 999, 999], ["999"]),  # of many rows: need not be far off
        ([*range(420, 448), 999, 999], None),
        ([*range(980, 1008), 999, 999], None),
        (cycled(998, 420, 999), None),  # no more often than others
        ([*range(-5, 22), -999, -999, -99], ["-999"]),
        ([*range(-50, -22), -99, -99], None),
        (cycled(0, 1, 9), ["9"]),
        ([*range(28), 99, 28], None),  # once: perhaps a value
        ([*range(70, 98), 99, 99], None),  # near the others
        (cycled(-2, -1, 0, 1, 2, 3.5), None),
        (cycled(1, 2, 7, 9), None),
    ],
)
def test_what_stands_for_not_known_is_missing_and_asked(cells: list[Any], missing: list[str] | None) -> None:
    clinical, text = draft({"Marker": cells, "Age": AGE})
    assert column(clinical, "Marker").get("missing") == missing
    assert ("do the values under missing: mean that nobody knows" in text) is (missing is not None)


@pytest.mark.parametrize("other", ["%d.%m.%Y", "%Y-%m-%d", "%d-%b-%Y", "%d/%m/%y"])
def test_dates_in_several_ways_are_asked_and_no_category(other: str) -> None:
    cells = [day.strftime("%m/%d/%Y" if n % 2 else other) for n, day in enumerate(DAYS)]
    clinical, text = draft({"Scan date": cells, "Age": AGE})
    assert column(clinical, "Scan date")["kind"] == "drop"
    assert "dates that are written in several ways" in text


def test_the_few_dates_that_are_written_otherwise_are_asked() -> None:
    cells = [day.strftime("%d/%m/%Y") for day in DAYS[:29]] + ["2001-02-03"]
    clinical, text = draft({"Scan date": cells, "Age": AGE})
    assert column(clinical, "Scan date")["kind"] == "date"
    assert "some cells are no such dates" in text
    assert "2001-02-03" not in text
