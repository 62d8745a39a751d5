"""From a table to records: all of it is judged first, only what changed is written, and a crash loses nothing."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any
from unittest.mock import Mock

import pytest

from multimodal.features.group import Entry
from multimodal.ledger.claim import LEASE_SECONDS
from multimodal.ledger.errors import BadInputError, MultimodalError, RetryableError
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.unit import Status, Unit
from multimodal.tables.run import MAX_TABLE_BYTES
from multimodal.tables.state import DatasetState
from multimodal.tables.table import RowProblem, rejected_lines, safe_cell
from tests.unit.functions.table_world import CrashError, TableWorld
from tests.unit.functions.world import DATASET

TEN = " ".join(f"C{n},{n}" for n in range(10))


def test_rows_become_records_of_every_group_and_the_ledger_counts_them() -> None:
    world = TableWorld()
    assert world.take("A,1 B,2 C,bad D,nolabel")["decision"] == "ingest"
    assert world.values() == {"A": "1", "B": "2", "D": "nolabel"}
    assert world.values("y") == {"A": "1", "B": "2"}
    item = world.table()
    assert (item.status, item.due_at, item.lease_until) == (Status.COMPLETED, None, 0)
    assert world.counts() == {
        "rows": 4,
        "records": 5,
        "written": 5,
        "unchanged": 0,
        "records_refused": 0,
        "rejected_rows": 1,
        "dropped_rows": 0,
        "labels_held": 1,
    }
    record = dict(world.features.records[0][1])
    assert record["source_uri"] == f"s3://raw/clinical/{DATASET}/a.csv"
    assert (record["upload_id"], record["correlation_id"]) == (item.content_version, item.unit.correlation_id)
    meters = world.metrics.of["clinical"]
    assert (meters["RowsRead"], meters["RowsRejected"], meters["FeatureRecordsWritten"]) == (4, 1, 5)
    assert (meters["UnitsReceived"], meters["UnitsCompleted"], meters["UploadToFeatureSeconds"]) == (1, 1, 1)


def test_what_is_not_taken_is_told_row_by_row_and_no_cell_is_a_formula() -> None:
    world = TableWorld()
    world.take("A,1 B,bad C,nolabel")
    assert world.rejected() == [
        {
            "row": "3",
            "case_id": "B",
            "column": "x",
            "code": "NOT_A_NUMBER",
            "message": "'=not a number",
            "scope": "row",
        },
        {"row": "4", "case_id": "C", "column": "y", "code": "DATES_CONTRADICT", "message": "dates", "scope": "label"},
    ]
    document = json.loads(world.report("ingest.json"))
    assert (document["status"], document["counts"]) == ("COMPLETED", world.counts())


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_that_a_spreadsheet_would_run_are_text(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"
    assert safe_cell(f"a{cell}") == f"a{cell}"


def test_a_name_of_two_lines_stays_one_cell_of_the_rejected_rows() -> None:
    lines = rejected_lines([RowProblem(2, "A", "Age\n(years)", "CODE", "what is wrong")])
    assert list(csv.reader(io.StringIO("\n".join(lines))))[1][2] == "Age\n(years)"


def test_the_same_object_is_not_taken_twice() -> None:
    world = TableWorld()
    world.take("A,1")
    world.upload(f"clinical/{DATASET}/a.csv", body=b"case_id,x\nA,1", times=3)
    assert world.tick(60)["tables"] == 0
    assert world.table().status is Status.COMPLETED


@pytest.mark.parametrize("rows", ["A,1 B,2", "A,1,2020-01-02 B,2,2020-01-03"])
def test_the_same_rows_under_another_name_change_nothing(rows: str) -> None:
    world = TableWorld()
    world.take(rows)
    world.written()
    assert world.take(rows, name="sub/b.csv")["decision"] == "finish"
    assert world.written() == []
    assert (world.table("sub/b.csv").status, world.counts("sub/b.csv")["unchanged"]) == (Status.COMPLETED, 4)


def test_a_corrected_file_writes_only_the_changed_rows() -> None:
    world = TableWorld()
    world.take(TEN)
    world.written()
    world.take(TEN.replace("C3,3", "C3,33") + " C10,10")
    assert world.written() == [("C3", "33"), ("C10", "10")]
    assert world.counts()["unchanged"] == 18
    assert world.values() == {}, "forgotten above"


def test_a_correction_that_is_taken_back_is_written_again() -> None:
    world = TableWorld()
    for rows in ("A,1 B,1", "A,2 B,2", "A,1 B,1"):
        world.take(rows)
    assert world.values() == {"A": "1", "B": "1"}


def test_a_row_that_is_gone_from_the_file_keeps_its_record() -> None:
    world = TableWorld()
    world.take("A,1 B,1")
    world.take("A,1")
    world.written()
    world.take("A,1 B,1", name="again.csv")
    assert world.written() == []


def test_every_row_of_a_repeated_id_is_rejected() -> None:
    world = TableWorld()
    world.take("A,1 B,2 A,3 C,4 C,bad")
    assert world.values() == {"B": "2"}
    assert [(r["row"], r["case_id"], r["code"]) for r in world.rejected()] == [
        ("2", "A", "DUPLICATE_ID"),
        ("4", "A", "DUPLICATE_ID"),
        ("5", "C", "DUPLICATE_ID"),
        ("6", "C", "NOT_A_NUMBER"),
    ]
    assert world.counts()["rejected_rows"] == 4


def test_a_correction_dated_earlier_is_rejected_because_nobody_would_see_it() -> None:
    world = TableWorld()
    world.take("A,1,2020-05-01 B,1,2020-05-01")
    world.take("A,2,2020-04-01 B,2,2020-06-01")
    assert world.values() == {"A": "1", "B": "2"}
    assert {(r["case_id"], r["code"], r["scope"]) for r in world.rejected()} == {("A", "EVENT_TIME_EARLIER", "record")}
    assert world.counts()["records_refused"] == 2
    world.written()
    world.take("A,1,2020-05-01 B,2,2020-06-01", name="again.csv")
    assert world.written() == [], "what was rejected is not taken for written"


def test_the_file_that_was_uploaded_last_wins_in_whatever_order_they_are_taken() -> None:
    world = TableWorld()
    world.kind.hold = ("LEAKAGE_SUSPECTED", "look at it")
    world.take("A,old,2020-01-01 B,1,2020-01-01", name="old.csv")
    world.kind.hold = None
    world.take("A,new,2020-01-01", name="new.csv")
    world.retry("old.csv")
    world.execute(world.start())
    assert world.values() == {"A": "new", "B": "1"}
    assert {r["code"] for r in world.rejected("old.csv")} == {"UPLOADED_EARLIER"}


def test_a_file_that_confirms_a_value_counts_as_its_latest() -> None:
    world = TableWorld()
    world.kind.hold = ("LEAKAGE_SUSPECTED", "look at it")
    world.take("A,other,2020-01-01", name="between.csv")
    world.kind.hold = None
    world.put_table("A,1,2020-01-01", name="first.csv")
    world.raw.modified[f"clinical/{DATASET}/first.csv"] -= 1000
    world.execute(world.start())
    world.take("A,1,2020-01-01", name="last.csv")
    world.retry("between.csv")
    world.execute(world.start())
    assert world.values() == {"A": "1"}


# Whole tables that are rejected or held


def test_a_rejected_table_writes_nothing_and_says_why() -> None:
    world = TableWorld()
    answer = world.take(TEN, header="case_id,who")
    assert answer["decision"] == "refused"
    assert answer["cause"].startswith("COLUMNS_NOT_DECLARED: ")
    assert world.features.records == []
    item = world.table()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "COLUMNS_NOT_DECLARED")
    assert json.loads(world.report("report.json"))["refused"]["reason_code"] == "COLUMNS_NOT_DECLARED"
    assert answer["cause"].endswith(f"upload: `multimodal retract {item.unit.modality}/{DATASET}/a.csv --purge --yes`")
    deep = "/".join(["l" * 200] * 3) + ".csv"
    answer = world.take(TEN, header="case_id,who", name=deep)
    assert answer["cause"].endswith("'who' is not in the dataset's file"), "no half of a command"
    world.take("A,1")
    assert world.table().status is Status.COMPLETED, "a corrected upload runs by itself"
    assert world.table().reason_code is None


def test_a_held_table_is_let_in_by_a_retry_after_the_configuration_allows_it() -> None:
    world = TableWorld()
    world.kind.hold = ("LEAKAGE_SUSPECTED", "x predicts the outcome; drop or allow it, deploy, then retry")
    assert world.take("A,1 B,bad")["decision"] == "refused"
    item = world.table()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "LEAKAGE_SUSPECTED")
    assert (world.features.records, world.counts()["held"]) == ([], 1)
    assert world.metrics.of["clinical"]["TablesHeld"] == 1
    assert world.report("report.json") == "{}", "the reader's own report, for the person who decides"
    assert [r["case_id"] for r in world.rejected()] == ["B"]
    assert world.tick(7200)["tables"] == 0, "nothing happens by itself"
    world.kind.hold = None
    world.retry()
    world.execute(world.start())
    assert (world.table().status, world.values()) == (Status.COMPLETED, {"A": "1"})


def test_a_held_table_is_not_what_the_next_one_is_compared_with() -> None:
    world = TableWorld()
    world.take("A,1")
    world.kind.hold = ("LEAKAGE_SUSPECTED", "look at it")
    world.take("A,1 B,2", name="held.csv")
    world.kind.hold = None
    world.take("A,1 B,2 C,3", name="next.csv")
    assert world.kind.seen == [None, {"rows": 1}, {"rows": 1}]


def test_a_configuration_that_changes_what_values_mean_needs_a_new_version() -> None:
    world = TableWorld()
    world.take("A,1")
    world.kind.meanings = {"x": "v2"}
    world.take("A,1 B,2")
    assert (world.table().status, world.table().reason_code) == (Status.QUARANTINED, "DEFINITION_CHANGED")
    world.kind.meanings = {"x": "v1", "added": "v1"}
    world.take("A,1 B,3")
    assert world.table().status is Status.COMPLETED
    world.kind.meanings = {"x": "v1"}
    world.take("A,1 B,4")
    world.kind.meanings = {"x": "v1", "added": "another meaning"}
    world.take("A,1 B,5")
    assert world.table().reason_code == "DEFINITION_CHANGED", "what came back means what it meant"


def test_the_last_word_before_writing_refuses_the_table() -> None:
    world = TableWorld()
    world.kind.admission = BadInputError("ASSAY_MISMATCH", "another assay")
    world.take("A,1")
    assert (world.table().reason_code, world.features.records) == ("ASSAY_MISMATCH", [])
    world.kind.admission = None
    world.retry()
    world.execute(world.start())
    assert world.values() == {"A": "1"}


def test_what_takes_too_long_or_is_too_large_is_rejected_with_advice() -> None:
    world = TableWorld()
    world.put_table(TEN)
    answer = world.check(world.start(), lambda: False)
    assert "split it by rows" in answer["cause"]
    assert world.table().reason_code == "INPUT_TOO_LARGE"
    key = f"clinical/{DATASET}/large.csv"
    world.raw.put(key, b"x")
    listed = world.raw.objects_under
    world.raw.objects_under = lambda prefix: (  # type: ignore[method-assign]
        type(o)(o.key, MAX_TABLE_BYTES + 1, o.etag) for o in listed(prefix)
    )
    world.upload(key)
    world.tick(1)
    assert world.table("large.csv").reason_code == "INPUT_TOO_LARGE"


def test_table_of_a_dataset_without_a_clinical_part_is_rejected() -> None:
    world = TableWorld()
    world.upload("clinical/other/a.csv")
    world.tick(1)
    item = world.ledger.get("clinical#other#a.csv")
    assert item is not None
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "DATASET_UNKNOWN")


def test_a_bug_does_not_put_a_cell_into_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    world = TableWorld()
    world.take("SECRET,boom")
    item = world.table()
    assert (item.status, item.reason_code) == (Status.FAILED, "TABLE_FAILED")
    said = str(world.ledger.extra[item.unit_id]) + capsys.readouterr().out
    assert "SECRET" not in said
    assert "ValueError at fake_tables.py" in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"Error": "KeyError", "Cause": '{"errorMessage": "SECRET"}'}, "not taken: KeyError;"),
        ({"Error": "RetryableError", "Cause": '{"errorMessage": "S3 is busy"}'}, "not taken: S3 is busy;"),
        ({"Error": "RetryableError", "Cause": "not JSON"}, "not taken: RetryableError;"),
        ({"Error": "States.Timeout"}, "not taken: States.Timeout;"),
    ],
)
def test_a_failure_is_told_in_words_that_quote_no_cell(error: dict[str, str], said: str) -> None:
    world = TableWorld()
    world.put_table("A,1")
    assert said in world.fail(world.start(), error)["cause"]


def test_a_record_that_feature_store_refuses_is_not_quoted() -> None:
    world = TableWorld()

    def refuse(entries: Sequence[Entry]) -> None:
        raise BadInputError("FEATURES_INVALID", f"Value '{entries[0][1]['x']}' is not a number")

    world.features.write = refuse  # type: ignore[method-assign]
    world.take("A,SECRET")
    item = world.table()
    assert item.status is Status.FAILED
    assert "SECRET" not in str(world.ledger.extra[item.unit_id])


# Races


def test_tables_of_a_dataset_go_one_after_the_other_oldest_first() -> None:
    world = TableWorld()
    for name, value in (("c.csv", "1"), ("b.csv", "2"), ("a.csv", "3")):
        world.put_table(f"A,{value}", name)
    runs = []
    for _ in range(3):
        runs.append(world.start())
        assert world.tick(10)["tables"] == 0, "one is at work"
        world.execute(runs[-1])
        world.clock.advance(10)
    assert [Unit(DATASET, n, "", "clinical").unit_id for n in ("c.csv", "b.csv", "a.csv")] == [
        world.processed.read_json(RunPaths(run).plan)["units"][0]["unit_id"] for run in runs
    ]
    assert world.values() == {"A": "3"}


def test_a_table_that_is_due_does_not_overtake_one_that_waits() -> None:
    world = TableWorld()
    world.put_table("A,1", "first.csv")
    run = world.start()
    world.put_table("A,2", "second.csv")
    world.tick(1)  # it has to wait: its next look is in some seconds
    world.execute(run)
    world.put_table("A,3", "third.csv")
    assert world.tick(0)["tables"] == 0, "the third is due and the second is not"
    world.clock.advance(10)
    assert world.start() != run
    assert world.table("second.csv").status is Status.PROCESSING


def test_tables_of_two_datasets_run_side_by_side() -> None:
    world = TableWorld()
    world.table_datasets["clinical"] |= {"other"}
    world.put_table("A,1")
    world.upload("clinical/other/a.csv", body=b"case_id,x\nA,1")
    assert world.tick(1)["tables"] == 2


def test_the_same_file_twice_while_its_run_is_at_work_runs_once() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    world.put_table("A,1")
    assert world.tick(1)["tables"] == 0
    world.execute(run)
    assert world.tick(60)["tables"] == 0
    assert (world.table().status, world.table().due_at) == (Status.COMPLETED, None)


def test_a_file_replaced_before_it_was_read_is_taken_as_it_is_now() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    world.put_table("A,2")
    assert world.execute(run)["decision"] == "replaced"
    assert (world.features.records, world.table().status) == ([], Status.READY)
    world.execute(world.start())
    assert world.values() == {"A": "2"}


def test_a_file_replaced_after_it_was_read_is_taken_next() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    world.kind.at_batch = lambda: world.raw.put(f"clinical/{DATASET}/a.csv", b"case_id,x\nA,2")
    world.execute(run)
    world.kind.at_batch = lambda: None
    assert world.values() == {"A": "1"}
    world.put_table("A,2")
    world.execute(world.start())
    assert world.values() == {"A": "2"}


def test_a_file_removed_before_it_was_read_is_told_to_be_gone() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    del world.raw.content[f"clinical/{DATASET}/a.csv"]
    world.execute(run)
    world.tick(1)
    assert world.table().reason_code == "UPLOAD_REMOVED"


# Crashes and replays


def _crash_after(world: TableWorld, records: int) -> None:
    """Let the function be gone after so many records, in the middle of a batch; the next ones are written as ever."""
    write, left = world.features.write, [records]

    def crashing(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if left[0] == 0:
                world.features.write = write  # type: ignore[method-assign]
                raise CrashError
            left[0] -= 1
            write([entry])

    world.features.write = crashing  # type: ignore[method-assign]


def _lose(world: TableWorld) -> None:
    """Let the lease of a run that is gone end."""
    world.tick(LEASE_SECONDS + 60)


@pytest.mark.parametrize("after", [0, 1, 5, 11, 19])
def test_a_run_that_broke_off_is_taken_up_where_it_ended(after: int) -> None:
    world = TableWorld()
    world.put_table(TEN)
    _crash_after(world, after)
    world.execute(world.start())
    assert world.table().status is Status.PROCESSING
    _lose(world)
    world.execute(world.start())
    assert world.values() == {f"C{n}": str(n) for n in range(10)}
    assert world.values("y") == world.values()
    assert len(world.features.records) <= 20 + 1, "no more than what one step of progress had written is written again"
    assert (world.table().status, world.counts()["written"]) == (Status.COMPLETED, 20)
    world.features.records.clear()
    world.take(TEN, name="again.csv")
    assert world.features.records == []


def _remake_groups(world: TableWorld) -> None:
    for group in sorted({group for group, _ in world.features.records}):
        world.features.remake(group)


def test_what_was_lost_with_a_deleted_group_is_written_again_by_a_retry() -> None:
    world = TableWorld()
    world.take(TEN)
    _remake_groups(world)
    for records in (20, 0):  # the second retry finds all of it there
        before = len(world.features.records)
        world.retry()
        world.execute(world.start())
        assert (world.table().status, len(world.features.records) - before) == (Status.COMPLETED, records)
    assert world.values() == {f"C{n}": str(n) for n in range(10)}


def test_a_group_made_again_loses_nothing_to_the_next_upload_of_another_group() -> None:
    """One of two groups is lost: only its records are written again, those of all files, file by file."""
    world = TableWorld()
    world.take("A,1 B,1")
    world.take("C,1", name="b.csv")
    lost = min(group for group, _ in world.features.records)
    world.features.remake(lost)
    kept = len(world.features.records)
    for name, records in (("a.csv", 2), ("b.csv", 1)):
        before = len(world.features.records)
        world.retry(name)
        world.execute(world.start())
        assert [group for group, _ in world.features.records[before:]] == [lost] * records
    assert len(world.features.records) == 2 * kept


@pytest.mark.parametrize("after", [1, 5, 11, 19])
def test_progress_in_a_group_that_was_deleted_meanwhile_does_not_count(after: int) -> None:
    world = TableWorld()
    world.put_table(TEN)
    _crash_after(world, after)
    world.execute(world.start())
    _remake_groups(world)
    _lose(world)
    world.execute(world.start())
    assert world.values() == world.values("y") == {f"C{n}": str(n) for n in range(10)}


@pytest.mark.parametrize("seed", range(25))
def test_twice_in_any_order_with_crashes_the_latest_records_are_the_same(seed: int) -> None:
    """Two corrected files, each delivered twice, runs that break off after any record: readers see the newest file."""
    chance, world = Random(seed), TableWorld()
    files = {"a.csv": TEN, "b.csv": TEN.replace(",", ",1")}
    for name, rows in files.items():  # the second one is newer, whichever is taken first
        world.put_table(rows, name)
    for name in ("", *chance.sample(sorted(files), 2), *chance.sample(sorted(files), 2)):
        if name:
            world.retry(name)
        if chance.random() < 0.8:
            _crash_after(world, chance.randrange(20))
        _run_all(world, list(files))
    assert world.values() == world.values("y") == {f"C{n}": f"1{n}" for n in range(10)}


def _run_all(world: TableWorld, names: list[str]) -> None:
    """Sweep and run what is started until every table has ended; a run that broke off comes again after its lease."""
    done = len(world.table_runs.started)
    for _ in range(20):
        world.tick(1)
        while runs := world.table_runs.started[done:]:
            done += 1
            world.execute(runs[0])
        if all(world.table(name).status is Status.COMPLETED for name in names):
            return
        _lose(world)
    raise AssertionError([world.table(name).status for name in names])


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("after", [0, 1, 5, 19])
def test_what_a_broken_run_wrote_is_overwritten_by_the_next_file(after: int, *, expired: bool) -> None:
    """The first file changes values, breaks off, and the second one has the old values again, perhaps months later."""
    world = TableWorld()
    world.take(TEN)
    world.put_table(TEN.replace(",", ",1"))
    _crash_after(world, after)
    world.execute(world.start())
    del world.raw.content[f"clinical/{DATASET}/a.csv"]
    _lose(world)
    world.tick(1)
    assert world.table().reason_code == "UPLOAD_REMOVED"
    for key in [key for key in world.processed.content if expired and key.startswith("runs/")]:
        del world.processed.content[key]
    world.take(TEN, name="b.csv")
    assert world.values() == {f"C{n}": str(n) for n in range(10)}
    state = DatasetState.from_document(world.processed.read_json(f"clinical/{DATASET}/_state/state.json"))
    assert state.pending == ()


def test_a_broken_run_of_rows_that_the_next_file_lacks_stays_unknown() -> None:
    world = TableWorld()
    world.take("A,1 B,1")
    world.put_table("A,2 B,2")
    _crash_after(world, 3)
    world.execute(world.start())
    world.put_table("A,1")
    _lose(world)
    world.execute(world.start())
    assert world.values() == {"A": "1", "B": "2"}
    world.take("B,1", name="b.csv")
    assert world.values() == {"A": "1", "B": "1"}, "what B is in the store was not known, so it was written"


def test_every_step_can_be_repeated() -> None:
    world = TableWorld()
    world.put_table(TEN)
    run = world.start()
    first, again = (world.check(run, lambda: True) for _ in range(2))
    assert first == again
    for part in first["parts"]:
        for _ in range(2):
            assert world.ingest_part(run, part, lambda: True)["more"] is False
    assert world.finish(run) == world.finish(run) | {"counts": world.counts()}
    assert len(world.features.records) == 20
    assert world.check(run, lambda: True)["decision"] == "replaced", "the run does not hold the table any more"
    assert world.fail(run, {"Error": "X"})["run_id"] == run
    assert world.table().status is Status.COMPLETED
    assert world.metrics.of["clinical"]["RowsRead"] == 10


def test_a_step_ends_when_its_time_does_and_goes_on_in_the_next() -> None:
    world = TableWorld()
    world.put_table("A,1 B,2")
    run = world.start()
    world.check(run, lambda: True)
    assert world.ingest_part(run, 0, lambda: False)["more"] is True
    assert len(world.features.records) == 2
    assert world.ingest_part(run, 0, lambda: False)["more"] is False
    assert len(world.features.records) == 4


def test_a_run_that_does_not_hold_the_table_writes_nothing() -> None:
    world = TableWorld()
    world.put_table(TEN)
    run = world.start()
    world.check(run, lambda: True)
    _crash_after(world, 0)
    world.table_runs.running.clear()
    _lose(world)
    later = world.start()
    world.features.records.clear()
    assert world.ingest_part(run, 0, lambda: True)["more"] is False
    assert (world.features.records, world.finish(run)["counts"]) == ([], {})
    assert later != run


def test_a_table_is_not_finished_before_all_of_it_is_written() -> None:
    world = TableWorld()
    world.put_table(TEN)
    run = world.start()
    world.check(run, lambda: True)
    world.ingest_part(run, 0, lambda: True)
    with pytest.raises(RetryableError, match="part 1 is written to 0 of 4"):
        world.finish(run)


def test_a_state_that_somebody_else_moved_is_not_overwritten() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    world.check(run, lambda: True)
    world.ingest_part(run, 0, lambda: True)
    key = f"clinical/{DATASET}/_state/state.json"
    world.processed.write_json(key, DatasetState(run="another").document())
    with pytest.raises(MultimodalError, match="another table of the dataset"):
        world.finish(run)


def test_a_run_that_is_lost_again_and_again_fails() -> None:
    world = TableWorld()
    world.put_table("A,1")
    for _ in range(3):
        world.start()
        world.table_runs.running.clear()
        _lose(world)
    assert (world.table().status, world.table().reason_code) == (Status.FAILED, "RUN_LOST")


def test_a_run_at_work_keeps_its_lease() -> None:
    world = TableWorld()
    world.put_table("A,1")
    run = world.start()
    _lose(world)
    assert (world.table().status, world.table().run_id) == (Status.PROCESSING, run)


def test_a_run_about_something_else_is_rejected() -> None:
    world = TableWorld()
    with pytest.raises(BadInputError, match="not about one table"):
        world.check("run-nothing", lambda: True)


@pytest.mark.parametrize("rows", ["A,bad B,bad", "A,1 A,2 A,3"])
def test_a_table_of_which_no_row_can_be_taken_needs_a_person_and_leaves_the_state_alone(rows: str) -> None:
    world = TableWorld()
    world.take("A,1 B,2")
    before = world.processed.content[f"clinical/{DATASET}/_state/state.json"]
    world.written()
    assert world.take(rows)["decision"] == "refused"
    item = world.table()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "NO_ROW_TAKEN")
    assert len(world.rejected()) == len(rows.split())
    assert world.written() == []
    assert world.processed.content[f"clinical/{DATASET}/_state/state.json"] == before


def test_what_another_run_wrote_over_is_written_again() -> None:
    """Two files of the same second; both break off when all is written, and only the first is tried again."""
    world = TableWorld()
    for name, value in (("a.csv", 1), ("b.csv", 2)):
        world.upload(f"clinical/{DATASET}/{name}", body=f"case_id,x\nA,{value}".encode())
    finish, world.finish = world.finish, Mock(side_effect=MultimodalError("gone"))
    world.execute(world.start())
    world.clock.advance(10)
    world.execute(world.start())
    world.finish = finish
    assert {world.table(name).status for name in ("a.csv", "b.csv")} == {Status.FAILED}
    first = world.values()["A"]
    world.retry("a.csv" if first == "2" else "b.csv")
    world.execute(world.start())
    assert world.values()["A"] == {"1": "2", "2": "1"}[first]


def test_more_parts_than_an_execution_can_tell_of_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multimodal.tables.check.MAX_PARTS", 2)
    world = TableWorld()
    assert world.take(TEN)["decision"] == "refused"
    assert world.table().reason_code == "INPUT_TOO_LARGE"
    assert world.features.records == []


_PORTS = (
    ("ledger", ("get", "update")),
    ("raw", ("open",)),
    ("processed", ("read_json", "lines", "write_lines", "write_text", "write_json")),
    ("features", ("write",)),
)


def _broken(world: TableWorld, call: int, error: type[Exception], *, after: bool) -> list[str]:
    """Let one call of a port fail, before or after its effect; return the calls, as they are made."""
    made: list[str] = []

    def fails(name: str, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        made.append(name)
        now = len(made) == call
        if now and not after:
            raise error(name)
        answer = real(*given, **named)
        if now:
            raise error(name)
        return answer

    for port, names in _PORTS:
        for name in names:
            real = getattr(getattr(world, port), name)
            setattr(getattr(world, port), name, partial(fails, f"{port}.{name}", real))
    return made


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [CrashError, RetryableError])
def test_whichever_call_fails_the_records_are_right_in_the_end(error: type[Exception], *, after: bool) -> None:
    """A corrected table on top of one that was taken; its execution is run again, or retried, until it is through."""
    corrected = "C0,100 C1,1 C2,2 C3,103 D,5"
    reached = 0
    for call in range(1, 200):
        world = TableWorld()
        world.take(TEN)
        world.put_table(corrected)
        run = world.start()
        made = _broken(world, call, error, after=after)
        with suppress(CrashError, RetryableError):
            world.execute(run)
        if len(made) < call:
            break
        reached = call
        for _ in range(4):
            if world.table().status is Status.FAILED:
                world.retry()
            elif world.table().status is Status.PROCESSING:
                world.clock.advance(LEASE_SECONDS + 60)
            world.tick(60)
            for started in [r for r in world.table_runs.started if r in world.table_runs.running] or [run]:
                world.execute(started)
        assert world.table().status is Status.COMPLETED, made[call - 1]
        kept = {f"C{n}": str(n) for n in range(10)}
        assert world.values() == kept | {"C0": "100", "C3": "103", "D": "5"}, made[call - 1]
        state = json.loads(world.processed.content[f"clinical/{DATASET}/_state/state.json"])
        assert state["pending"] == [], made[call - 1]
    assert reached > 20
