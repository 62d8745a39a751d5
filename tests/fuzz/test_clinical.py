"""A short, repeatable run of the fuzzer of clinical tables."""

from tests.fuzz.clinical import content_of, run

SEED, CASES = 2026, 140


def test_every_damaged_table_is_read_or_refused_with_a_typed_error() -> None:
    ended = run(SEED, range(CASES), 600)
    assert ended.total() == CASES
    assert len(ended) >= 8, "it does not end the same way every time"
    assert sum(count for outcome, count in ended.items() if outcome.startswith("read")) >= CASES // 10


def test_a_table_depends_on_its_seed_and_number_only() -> None:
    assert [content_of(5, n) for n in range(20)] == [content_of(5, n) for n in range(20)]
    assert len({content_of(5, n) for n in range(20)}) == 20
