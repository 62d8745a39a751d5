"""The spool of a table: order, comparison, and what happens when the disk is full."""

import tracemalloc
from pathlib import Path

import pytest

from multimodal.ledger.errors import BadInputError
from multimodal.tables.spool import sqlite_spool
from multimodal.tables.state import Pending, SpooledRecord, StateEntry, fingerprint, from_line, spooled
from multimodal.tables.table import RowProblem, TableRecord

NOW = "2026-01-01T00:00:00Z"


def record(case: str, row: int = 2, group: str = "g", **values: str) -> SpooledRecord:
    origin = {"source_uri": "s3://b/k", "upload_id": "u", "correlation_id": "c"}
    content = {"case_id": case, "event_time": "2020-01-01T00:00:00Z", "event_time_source": "day", **values, **origin}
    return spooled(TableRecord(group, content, row))


def test_records_come_in_the_order_of_the_file_and_problems_in_that_of_the_rows() -> None:
    with sqlite_spool() as spool:
        spool.add([record("Z", 2), record("A", 3)], [RowProblem(9, None, "x", "BAD", "m")])
        spool.add([record("M", 4, x="ü\u2028")], [RowProblem(5, "Q", "x", "BAD", "m")])
        spool.judge(NOW)
        assert [from_line(line)[1]["case_id"] for line in spool.lines()] == ["Z", "A", "M"]
        assert [p.row for p in spool.problems()] == [5, 9]
        assert [e.case_id for e in spool.entries()] == ["A", "M", "Z"]


def test_a_line_is_the_whole_record() -> None:
    made = record("A", x="ü", y='"')
    group, content = from_line(made.line)
    assert (group, content["x"], content["y"], content["source_uri"]) == ("g", "ü", '"', "s3://b/k")
    assert made.fingerprint == fingerprint(content)


def test_where_a_record_came_from_does_not_count_and_all_else_does() -> None:
    base = {"case_id": "A", "event_time": "t", "event_time_source": "day", "x": "1"}
    assert fingerprint(base) == fingerprint({**base, "source_uri": "s3://other", "upload_id": "u2"})
    assert fingerprint(base) != fingerprint({**base, "event_time": "t2"})
    assert fingerprint(base) != fingerprint({**base, "x": "2"})
    uploaded = {**base, "event_time_source": "UploadTime"}
    assert fingerprint(uploaded) == fingerprint({**uploaded, "event_time": "t2"})


def test_state_survives_its_file() -> None:
    entry = StateEntry("g", "Ä,1", "f" * 32, "t", NOW)
    assert StateEntry.from_line(entry.line()) == entry


def test_what_is_not_known_is_written_and_its_latest_time_is_kept() -> None:
    with sqlite_spool() as spool:
        known = record("A")
        spool.remember([StateEntry("g", "A", known.fingerprint, known.event_time, NOW)])
        spool.forget(Pending("r", 1, NOW), [("g", "A", "2021-01-01T00:00:00Z"), ("g", "B", "2020-01-01T00:00:00Z")])
        spool.add([known, record("B", 3)], [])
        counts = spool.judge(NOW)
        assert (counts["written"], counts["records_refused"]) == (1, 1), "A may be there with a later time"


def test_a_full_disk_is_told_as_a_table_that_is_too_large() -> None:
    with pytest.raises(BadInputError, match="do not fit on the function's disk"):
        _fill(pages=50)


def _fill(pages: int) -> None:
    with sqlite_spool() as spool:
        spool._database.execute(f"pragma max_page_count = {pages}")
        spool.add((record(f"C{n}", n) for n in range(5000)), [])


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sqlite_spool() as spool:
        spool.add([record("A")], [])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_table() -> None:
    peaks = []
    for rows in (1_000, 10_000):
        tracemalloc.start()
        with sqlite_spool() as spool:
            for first in range(0, rows, 500):
                spool.add([record(f"C{n:06d}", n) for n in range(first, first + 500)], [])
            spool.judge(NOW)
            assert sum(1 for _ in spool.lines()) == sum(1 for _ in spool.entries()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
