"""The split: by patient, stable, and of equal expected shares in every stratum."""

import duckdb
import pytest

from multimodal.dataset.request import Shares, parse_request
from multimodal.dataset.split import count_strata, split_sql
from multimodal.ledger.errors import BadInputError


def parts(cases: list[str], dataset: str = "lung", shares: Shares | None = None) -> dict[str, str]:
    """Return the part of each case."""
    sql = split_sql(dataset, "c", shares or Shares())
    found = duckdb.execute(f"SELECT c, {sql} FROM (SELECT unnest(?) AS c)", [cases]).fetchall()
    return dict(found)


COHORT = [f"R01-{n:05d}" for n in range(12_000)]


def test_a_case_never_changes_its_part_when_the_cohort_grows() -> None:
    small, large = parts(COHORT[:500]), parts(COHORT)

    assert all(large[case] == part for case, part in small.items())


def test_the_parts_are_pinned() -> None:
    assert parts(["R01-00001", "R01-00002", "R01-00003", "R01-00009"]) == PINNED


PINNED = {"R01-00001": "validation", "R01-00002": "train", "R01-00003": "train", "R01-00009": "train"}


def test_shares_hold_within_every_stratum() -> None:
    part_of = parts(COHORT)
    rows = [(case, part_of[case], int(case.endswith(("1", "4", "7")))) for case in COHORT]
    strata = count_strata(rows, "R01|AMC")

    assert set(strata) == {"R01, event 0", "R01, event 1"}
    for counts in strata.values():
        total = sum(counts.values())
        assert counts["train"] / total == pytest.approx(0.7, abs=0.03)
        assert counts["validation"] / total == pytest.approx(0.15, abs=0.02)


def test_a_larger_training_share_takes_from_the_others_only() -> None:
    before, after = parts(COHORT), parts(COHORT, shares=Shares(train=0.8, validation=0.1))

    assert all(after[case] == "train" for case, part in before.items() if part == "train")


def test_two_datasets_divide_differently() -> None:
    assert parts(COHORT) != parts(COHORT, "other")


@pytest.mark.parametrize("split", [{"train": 0.9, "validation": 0.1}, {"train": 0.0}, {"train": 1.5}])
def test_shares_that_leave_nothing_are_rejected(split: dict[str, float]) -> None:
    with pytest.raises(BadInputError, match="split"):
        parse_request({"dataset": "lung", "split": split})
