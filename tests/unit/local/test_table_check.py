"""Clinical tables of which nothing would be taken do not leave the machine."""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import cli.main
from cli.deployment import Deployment
from cli.project import DATASET
from cli.sources.files import SourceFile
from cli.sources.table_check import check_table
from cli.table_rows import row_findings
from multimodal.clinical.lint import clinical_datasets
from tests.files import put

CONFIG = clinical_datasets([DATASET])[DATASET]
HEADER = [CONFIG.id.source, *(column.source for column in CONFIG.columns)]
FREE_TEXT = next(c.source for c in CONFIG.columns if c.kind == "number")
BIRTH = [*HEADER, "Name", "Date of birth"]


def table(path: Path, header: Sequence[str], **cells: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {CONFIG.id.source: "R01-001", FREE_TEXT: "60", **cells}
    with path.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, [values.get(name, "") for name in header]])
    return path


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that were uploaded."""
    sent: list[str] = []

    def upload_file(_path: str, _bucket: str, key: str, **_: Any) -> None:
        sent.append(key)

    pages = SimpleNamespace(paginate=lambda **_: [{}])
    s3 = SimpleNamespace(upload_file=upload_file, get_paginator=lambda _: pages, put_object=lambda **_: None)
    names = ["other", DATASET]
    groups = [f"s-{name}-{content}-v1" for name in names for content in ("imaging", "scores")]
    double = SimpleNamespace(
        stack="s", output=lambda _: "raw", s3=s3, datasets=names, feature_groups=groups, endpoint="http://x"
    )
    monkeypatch.setattr(cli.main, "reach", lambda _: cast(Deployment, double))
    return sent


@pytest.mark.parametrize(
    ("header", "cells", "told"),
    [
        (BIRTH, {"Name": "Jane Doe", "Date of birth": "1950-01-02"}, "COLUMNS_NOT_DECLARED: columns that"),
        (HEADER, {FREE_TEXT: "jane.doe@example.org"}, "IDENTIFIERS_FOUND: cells that"),
        (["Name", "Born"], {"Name": "Jane Doe"}, "HEADER_NOT_RECOGNISED: the first row"),
    ],
)
def test_a_table_that_would_be_refused_is_told_and_not_sent(
    header: list[str],
    cells: dict[str, str],
    told: str,
    tmp_path: Path,
    keys: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither it nor what lies beside it, and `plan` says the same."""
    table(tmp_path / "clinical" / "good.csv", HEADER)
    bad = table(tmp_path / "clinical" / "names.csv", header, **cells)
    put(tmp_path, "imaging/R01-001/ct/1.dcm")
    assert cli.main.main(["upload", str(tmp_path), "--dataset", DATASET]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "1 table would be refused" in error
    assert keys == []
    assert not any(cell in error for cell in cells.values())
    assert cli.main.main(["plan", str(bad), "--dataset", DATASET]) == 1
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_table_that_may_be_taken_is_sent(tmp_path: Path, keys: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    good = table(tmp_path / "good.csv", HEADER)
    assert cli.main.main(["upload", str(good), "--dataset", DATASET]) == 0
    assert keys == [f"clinical/{DATASET}/good.csv"]
    capsys.readouterr()
    assert cli.main.main(["plan", str(good), "--dataset", DATASET]) == 0
    out = capsys.readouterr().out
    assert "1 table" in out
    assert "a folder waits" not in out, "there is none"


def test_a_table_of_a_dataset_that_is_not_described_here_is_sent_as_before(tmp_path: Path, keys: list[str]) -> None:
    bad = table(tmp_path / "names.csv", BIRTH)
    assert cli.main.main(["upload", str(bad), "--dataset", "other"]) == 0
    assert keys == ["clinical/other/names.csv"]
    assert check_table(SourceFile(bad, bad.name, 1), "other").problem == ""


def rows(path: Path, *cells: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, HEADER, restval="")
        writer.writeheader()
        writer.writerows({CONFIG.id.source: f"R01-{n:03}", FREE_TEXT: "60", **own} for n, own in enumerate(cells, 1))
    return path


def test_rows_that_would_be_lost_are_told_before_the_upload(
    tmp_path: Path, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the counts that the ledger will have, repeated cases among them, and the words of the report."""
    twice = {CONFIG.id.source: "R01-009"}
    path = rows(tmp_path / "some.csv", {}, {FREE_TEXT: "sixty"}, twice, {}, {}, twice)
    output = tmp_path / "plan"
    assert cli.main.main(["plan", str(path), "--dataset", DATASET, "--output", str(output)]) == 0
    planned = " ".join(capsys.readouterr().out.split())
    assert cli.main.main(["upload", str(path), "--dataset", DATASET]) == 0
    sent = " ".join(capsys.readouterr().out.split())
    page = (output / "plan.html").read_text(encoding="utf-8")
    for text in (planned, sent):
        assert "6 rows: 6 records to write, 3 rows rejected" in text
        assert "DUPLICATE_ID: row rejected (2 rows: 4, 7): the id is in more than one row" in text
        assert f"NOT_A_NUMBER in {FREE_TEXT!r}: row rejected (row 3): " in text
        assert "sixty" not in text
    assert "3 rows rejected" in page
    assert "DUPLICATE_ID" in page
    assert keys == [f"clinical/{DATASET}/some.csv"]


def test_a_table_without_a_row_that_would_be_taken_is_sent_with_a_warning_and_no_plan(
    tmp_path: Path, keys: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = rows(tmp_path / "none.csv", {FREE_TEXT: "sixty"})
    assert cli.main.main(["plan", str(path), "--dataset", DATASET]) == 1
    assert "Nothing of it would be written. NO_ROW_TAKEN: no rows accepted of 1" in capsys.readouterr().out
    assert cli.main.main(["upload", str(path), "--dataset", DATASET]) == 0
    assert "NO_ROW_TAKEN" in capsys.readouterr().out
    assert len(keys) == 1


def test_a_table_that_takes_too_long_is_read_in_part(tmp_path: Path) -> None:
    path = rows(tmp_path / "long.csv", *([{}] * 2_500))
    check = check_table(SourceFile(path, path.name, 1), DATASET, seconds=0)
    found = row_findings(check)
    assert not check.is_whole
    assert found is not None
    assert found.counts.startswith(f"the first {check.counts['rows']:,} rows: ")
    assert 0 < check.counts["rows"] < 2_500


def test_a_fault_of_the_reader_is_told_without_a_stack_trace(
    tmp_path: Path, keys: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor with the cell that it fell over."""

    def fail(*_: object) -> None:
        raise ValueError("Jane Doe")

    monkeypatch.setattr("multimodal.clinical.table.Encoder.encode", fail)
    path = table(tmp_path / "good.csv", HEADER)
    for command in ("plan", "upload"):
        assert cli.main.main([command, str(path), "--dataset", DATASET]) == 1
        error = capsys.readouterr().err
        assert "could not be read to its end: ValueError at " in error
        assert "Jane" not in error
    assert keys == []


def matrix(path: Path, value: str) -> Path:
    path.write_text(f"gene\tR01-001\tR01-002\nVIM\t1\t2\nCD44\t{value}\t3\nGAPDH\t5\t6\n", encoding="utf-8")
    return path


def test_cases_that_a_matrix_would_lose_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its cases may be columns, so that no row is named; a matrix that is not valid is no plan."""
    of_matrices = f"{DATASET}_matrix"
    good, bad = matrix(tmp_path / "good.tsv", "4"), matrix(tmp_path / "bad.tsv", "four")
    assert cli.main.main(["plan", str(good), "--dataset", of_matrices]) == 0
    assert "2 rows: 2 records to write" in capsys.readouterr().out
    assert cli.main.main(["plan", str(bad), "--dataset", of_matrices]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "2 rows: 1 record to write, 1 row rejected" in told
    assert "VALUE_INVALID in 'CD44': 1 case rejected: row 3: not a number" in told
    assert "genes are not in the matrix" in told
    wrong = bad.rename(tmp_path / "zscores.tsv")
    assert cli.main.main(["plan", str(wrong), "--dataset", of_matrices]) == 1
    assert "MATRIX_INVALID" in capsys.readouterr().out


def test_a_matrix_that_is_not_valid_is_told_before_it_is_sent(tmp_path: Path) -> None:
    """The pipeline may know more of it, such as a `tx2gene.tsv` that lies in the bucket, so it is not refused here."""
    path = matrix(tmp_path / "zscores.tsv", "4")
    found = row_findings(check_table(SourceFile(path, path.name, 1), f"{DATASET}_matrix", modality="genomics"))
    assert found is not None
    assert found.lines[0].startswith("Nothing of it would be written. MATRIX_INVALID: ")
