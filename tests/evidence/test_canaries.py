"""A patient's name, number and day of birth stay in what was uploaded."""

from collections import Counter

from tests.evidence.conftest import Evidence

PLACES = {"raw", "object", "record", "ledger", "log", "metric", "queue", "execution", "job"}


def test_the_patient_was_uploaded_and_every_kind_of_place_was_searched(evidence: Evidence) -> None:
    searched = sum((Counter(search["searched"]) for search in evidence.searches), Counter[str]())
    assert set(searched) == PLACES
    assert sum(search["uploaded"] for search in evidence.searches) > 100, "slices, tables and reads with the patient"


def test_nothing_of_the_patient_is_anywhere_else(evidence: Evidence) -> None:
    leaks = [leak for search in evidence.searches for leak in search["leaks"]]
    assert not leaks, "\n".join(leaks[:20])
