"""The clinical benchmark: its bars, and the tables it reads."""

import csv
from pathlib import Path

from benchmarks.clinical import memory_bar, speed_bars, write_table
from local.synthetic.clinical import COLUMNS


def test_speed_is_judged_by_a_limit_and_an_aim() -> None:
    assert [(bar.met, bar.required) for bar in speed_bars(30_000)] == [(True, True), (False, False)]
    assert [bar.met for bar in speed_bars(19_999)] == [False, False]


def test_memory_is_judged_by_growth() -> None:
    assert memory_bar(50e6, 59e6).met
    assert not memory_bar(50e6, 61e6).met


def test_tables_of_any_length_have_ids_of_their_own(tmp_path: Path) -> None:
    for rows in (5, 20_050):
        with write_table(tmp_path / "t.csv", rows).open(encoding="utf-8", newline="") as lines:
            found = list(csv.reader(lines))
        assert found[0] == list(COLUMNS)
        assert len({row[0] for row in found[1:]}) == rows
        assert {len(row) for row in found} == {40}
