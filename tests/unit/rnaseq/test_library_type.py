"""Declared against detected strands."""

import pytest

from rnaseq_job.errors import InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.salmon import compatible_share, declared_type, detect, library_report
from tests.cases import cases_of

CASES = cases_of(__file__)


@pytest.mark.parametrize(("library_type", "strandedness", "paired", "expected"), CASES["test_two_ways_to_declare"])
def test_two_ways_to_declare(library_type: str | None, strandedness: str | None, paired: bool, expected: str) -> None:
    assert declared_type(library_type, strandedness, paired) == expected


@pytest.mark.parametrize(("library_type", "strandedness"), [("ISF", "reverse"), ("A", "forward")])
def test_contradicting_declarations(library_type: str, strandedness: str) -> None:
    with pytest.raises(InvalidJobError, match="contradict"):
        declared_type(library_type, strandedness, paired=True)


@pytest.mark.parametrize(("library_type", "paired"), [("ISR", False), ("IU", False), ("SR", True), ("U", True)])
def test_a_type_that_does_not_fit_the_layout(library_type: str, paired: bool) -> None:
    with pytest.raises(InputRejectedError) as caught:
        declared_type(library_type, None, paired)
    assert caught.value.code == ReasonCode.FASTQ_LIST_INVALID


@pytest.mark.parametrize(
    ("forward", "expected"), [(100, "SF"), (70, "SF"), (69, "U"), (50, "U"), (31, "U"), (30, "SR"), (0, "SR")]
)
@pytest.mark.parametrize("paired", [True, False])
def test_detection_borders(forward: int, expected: str, paired: bool) -> None:
    inward = "I" if paired else ""
    counts = {"ISF": 0, "ISR": 0, "SF": 0, "SR": 0} | {f"{inward}SF": forward, f"{inward}SR": 100 - forward}
    assert detect(counts, paired) == (inward + expected, forward / 100)


def test_nothing_is_detected_from_nothing() -> None:
    assert detect({}, paired=True) == (None, None)
    assert detect({"SF": 9, "SR": 1}, paired=True) == (None, None)  # orphans say nothing about pairs


def test_share_that_a_type_lets_pass() -> None:
    assert [compatible_share(kind, 0.25) for kind in ("ISF", "SF", "ISR", "SR", "IU", "U")] == [
        0.25, 0.25, 0.75, 0.75, 1, 1,
    ]  # fmt: skip


def test_a_conflict_warns() -> None:
    report = library_report("ISF", "ISR", 0.02)
    assert report.conflict
    assert len(report.warnings) == 2
    assert "ISF" in report.warnings[0]
    assert "2%" in report.warnings[1]


@pytest.mark.parametrize(
    ("declared", "detected", "ratio"), [("A", "ISR", 0.98), ("IU", "IU", 1.0), ("ISR", None, None)]
)
def test_agreement_is_silent(declared: str, detected: str | None, ratio: float | None) -> None:
    report = library_report(declared, detected, ratio)
    assert (report.conflict, report.warnings) == (False, ())
