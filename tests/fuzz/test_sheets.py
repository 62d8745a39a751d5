"""A short, repeatable run of the fuzzer of sheets."""

from tests.fuzz.sheets import READERS, content_of, run

SEED, CASES = 2026, 1_000


def test_every_damaged_sheet_is_read_or_rejected_with_a_typed_error() -> None:
    ended = run(SEED, range(CASES), 600)
    assert ended.total() == CASES * len(READERS)
    for reader in READERS:
        assert ended[f"{reader}: read"] >= CASES // 50
        assert ended[f"{reader}: rejected"] >= CASES // 10


def test_a_sheet_depends_on_its_seed_and_number_only() -> None:
    assert [content_of(5, n) for n in range(20)] == [content_of(5, n) for n in range(20)]
