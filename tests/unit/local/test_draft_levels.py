"""Levels of a draft: their order, spellings of one word, stains, and what a vital status may be written as."""

from typing import Any

import pytest

from tests.unit.local.test_draft_shapes import AGE, column, draft

Cells = list[Any]


def cycled(*values: Any) -> Cells:
    return (list(values) * 30)[:30]


@pytest.mark.parametrize("header", ["pT", "T stage", "cT", "ajcc_pathologic_t"])
@pytest.mark.parametrize("cells", [("T1", "T2", "TX"), ("pT1a", "pT2", "pTX"), ("T1", "Tis", "Tx")])
def test_what_could_not_be_assessed_is_no_level_whatever_the_header(header: str, cells: tuple[str, ...]) -> None:
    clinical, _ = draft({header: cycled(*cells), "Age": AGE})
    found = column(clinical, header)
    assert (found["missing"], set(found["levels"])) == ([cells[2]] if cells[2][-1] in "Xx" else None, {*cells[:2]})


@pytest.mark.parametrize(
    ("header", "levels"),
    [
        ("Stage", {"1b": 0, "IB": 0, "2": 1, "II": 1, "3a": 2, "Stage IIIA": 2}),
        ("T stage", {"T0": 0, "Ta": 1, "Tis": 2, "T1": 3, "cT2": 4, "pT2": 4}),
        ("HER2", {"0": 0, "1+": 1, "2+": 2, "3+": 3}),
        ("Stain", {"-": 0, "(+)": 1, "+": 2, "++": 3, "+++": 4}),
        ("Stain", {"neg": 0, "+": 1, "++": 2}),
        ("Grade", {"well": 0, "well to moderate": 1, "moderate": 2, "poor": 3}),
        ("Differentiation", {"G1 well": 0, "moderately": 1, "poorly": 2, "undifferentiated": 3}),
    ],
)
def test_levels_that_say_the_same_have_one_place(header: str, levels: dict[str, int]) -> None:
    found = column(draft({header: cycled(*levels), "Age": AGE})[0], header)
    assert (found["kind"], found["levels"]) == ("ordinal", levels)


@pytest.mark.parametrize("other", ["Occult", "Stage X"])
def test_a_level_without_a_number_is_not_the_highest(other: str) -> None:
    clinical, text = draft({"AJCC stage": cycled("IA", "IB", "IIB", other), "Age": AGE})
    assert column(clinical, "AJCC stage")["kind"] == "one_hot"
    assert "is there an order?" in text


@pytest.mark.parametrize(("positive", "negative"), [("+", "-"), ("+", "–")])
def test_a_minus_beside_a_plus_is_a_finding_and_elsewhere_nothing(positive: str, negative: str) -> None:
    cells = cycled(positive, negative)
    clinical, _ = draft({"ER": cells, "Lobe": cycled("left", "right", negative), "Age": AGE})
    assert negative not in clinical["missing"]
    assert column(clinical, "Lobe")["missing"] == [negative]
    assert positive in {*column(clinical, "ER").get("levels", ()), *column(clinical, "ER").get("true", ())}


@pytest.mark.parametrize(
    ("cells", "yes", "no"),
    [
        (("F", "Female", "m", "male"), {"F", "Female"}, {"m", "male"}),
        (("pos", "neg", "Positive"), {"pos", "Positive"}, {"neg"}),
        (("wt", "mut", "Wildtype"), {"mut"}, {"wt", "Wildtype"}),
    ],
)
def test_two_sides_in_several_spellings_are_one_flag(cells: tuple[str, ...], yes: set[str], no: set[str]) -> None:
    clinical, text = draft({"Marker": cycled(*cells), "Age": AGE})
    found = column(clinical, "Marker")
    assert ({*found["true"]}, {*found["false"]}) == (yes, no)
    assert "do all spellings mean" in text


@pytest.mark.parametrize("cells", [("Adeno", "ADENO", "adeno", "other"), ("ex-smoker", "Ex smoker", "never")])
def test_one_word_in_several_spellings_is_one_feature(cells: tuple[str, ...]) -> None:
    clinical, text = draft({"Habit": cycled(*cells), "Age": AGE})
    levels = column(clinical, "Habit")["levels"]
    assert len({*levels.values()}) == 2
    assert "do they mean the same?" in text


def test_codes_of_one_label_are_one_feature() -> None:
    header = "Race (1=White, 2=white, 3=Black)"
    levels = column(draft({header: cycled(1, 2, 3), "Age": AGE})[0], header)["levels"]
    assert levels["1"] == levels["2"] != levels["3"]


def test_signs_that_tell_levels_apart_stay() -> None:
    assert len({*column(draft({"x": cycled("N", "N-", "N+", "1.5", "1-5")})[0], "x")["levels"].values()}) == 5


@pytest.mark.parametrize("cells", [("Smith", "Jones", "Patel"), ("Müller", "Schmidt")])
def test_names_of_persons_among_levels_are_asked(cells: tuple[str, ...]) -> None:
    assert "are these names of persons?" in draft({"Reading": cycled(*cells), "Age": AGE})[1]
    assert "are these names of persons?" not in draft({"Race": cycled("White", "Black", "Asian"), "Age": AGE})[1]


@pytest.mark.parametrize(
    ("header", "dead", "living"),
    [
        ("vital status", {"Dead of disease", "Dead of other causes"}, {"Alive"}),
        ("Status at last follow-up", {"DOD", "DOC"}, {"AWD", "NDE"}),
        ("status (0=alive, 1=dead of disease, 2=dead of other causes)", {"1", "2"}, {"0"}),
    ],
)
def test_death_of_any_cause_is_one_event_and_asked(header: str, dead: set[str], living: set[str]) -> None:
    clinical, text = draft({header: cycled(*dead, *living), "fu_months": AGE})
    found = column(clinical, header)
    assert ({*found["true"]}, {*found["false"]}) == (dead, living)
    assert clinical["labels"]["died"] == header
    assert "death of any cause counts as one event" in text


@pytest.mark.parametrize(
    "cells",
    [
        ("wahr", "falsch"),
        ("VRAI", "FAUX"),
        ("vero", "falso"),  # codespell:ignore
        ("✓", "✗"),
        ("+", "-"),
    ],  # codespell:ignore
)
def test_who_died_is_read_in_the_words_of_other_spreadsheets(cells: tuple[str, str]) -> None:
    clinical, _ = draft({"verstorben": cycled(*cells), "Age": AGE})
    assert clinical["target"] == {"column": "verstorben", "positive": [cells[1]]}


def test_codes_with_leading_zeros_and_codes_of_sexes_are_no_numbers() -> None:
    clinical, text = draft({"Ward": cycled("01", "02", "03"), "Gender": cycled(0, 1, 2, 3), "Age": AGE})
    assert [column(clinical, name)["kind"] for name in ("Ward", "Gender")] == ["one_hot", "one_hot"]
    assert "which code is which sex?" in text


def test_cells_with_several_values_and_marks_are_asked() -> None:
    assert "some cells hold several values" in draft({"Mets": cycled("bone", "bone; brain", "no"), "Age": AGE})[1]
    assert "does an empty cell mean no?" in draft({"Mets": cycled("x", ""), "Age": AGE})[1]


def test_the_three_letters_of_tnm_together_have_no_order_by_the_first() -> None:
    assert column(draft({"TNM": cycled("T1N3M0", "T2N0M0"), "Age": AGE})[0], "TNM")["kind"] == "one_hot"
    cells = cycled("Stage IIIA (T1N2M0)", "Stage IB (T2N0M0)")
    levels = column(draft({"Stage": cells, "Age": AGE})[0], "Stage")["levels"]
    assert levels["Stage IB (T2N0M0)"] < levels["Stage IIIA (T1N2M0)"]


@pytest.mark.parametrize("made", ["1-Mar", "01. Mrz", "Mar-01"])
def test_intervals_that_a_spreadsheet_made_dates_of_are_asked(made: str) -> None:
    assert "made dates of intervals" in draft({"Nodes": cycled("0", made, ">6"), "Age": AGE})[1]
    assert "made dates of intervals" not in draft({"Panel": cycled("0", "1-Abc", ">6"), "Age": AGE})[1]


def test_who_was_lost_is_censored_and_that_is_asked() -> None:
    clinical, text = draft({"Vital status": cycled("Alive", "Dead", "Lost to follow-up"), "Age": AGE})
    assert clinical["target"]["positive"] == ["Alive", "Lost to follow-up"]
    assert "who was lost counts as alive" in text


@pytest.mark.parametrize(
    ("header", "cells", "true"),
    [
        ("Relapse Free Status", ("Not Recurred", "Recurred"), "Recurred"),
        ("smoking", ("nonsmoker", "smoker"), "smoker"),
        ("MGMT", ("Unmethylated", "Methylated"), "Methylated"),
    ],
)
def test_a_value_and_its_denial_are_a_flag(header: str, cells: tuple[str, str], true: str) -> None:
    assert column(draft({header: cycled(*cells), "Age": AGE})[0], header)["true"] == [true]


@pytest.mark.parametrize("cells", [("age: 63", "age: 64", "age: 65"), ("vital status: DEAD", "vital status: ALIVE")])
def test_cells_that_repeat_a_name_are_no_feature(cells: tuple[str, ...]) -> None:
    clinical, text = draft({"characteristics_ch1.2": cycled(*cells), "Age": AGE})
    assert column(clinical, "characteristics_ch1.2")["kind"] == "drop"
    assert "write only what stands behind the colon" in text


def test_the_letter_of_tnm_may_stand_in_the_name_behind_a_prefix() -> None:
    found = column(draft({"TNM_CLIN_T": cycled("c1A", "c2", "cX"), "Age": AGE})[0], "TNM_CLIN_T")
    assert found["missing"] == ["cX"]


@pytest.mark.parametrize("cells", [("1.0", "0.0"), ("event", "censored"), ("D", "A"), ("Death", "censored")])
def test_an_event_is_one_in_the_words_of_programs_and_trials(cells: tuple[str, str]) -> None:
    clinical, _ = draft({"OS event": cycled(*cells), "OS months": AGE})
    assert clinical["target"] == {"column": "OS event", "positive": [cells[1]]}
    assert clinical["labels"]["time"] == "OS months"


def test_a_minus_that_never_stands_beside_a_plus_is_not_known() -> None:
    clinical, _ = draft({"ER": ["+"] * 30, "Lobe": cycled("left", "right", "-"), "Age": AGE})
    assert clinical["missing"] == ["-"]
    assert column(clinical, "ER")["kind"] == "drop"
