"""Tables of rows: whole columns only, and every column in a CSV file."""

import csv
import json
from pathlib import Path

import pytest

from cli.features import GroupTable, Row
from cli.rows import describe_features, print_features, print_rows, write_csv
from local.contracts import CONTRACTS
from tests.screen import Screen

ROWS: list[Row] = [
    {"case_id": "R01-001", "kernel": "[bold]B30f", "volume_ml": 8.5, "source_uri": "s3://bucket/" + "x" * 60},
    {"case_id": "R01-002", "kernel": None, "volume_ml": 1234.5, "source_uri": "s3://bucket/y"},
]
NAMES = list(ROWS[0])


def printed(rows: list[Row], names: list[str], width: int) -> tuple[list[str], str]:
    console = Screen(width)
    columns = print_rows(console, rows, names)
    return columns, console.text


@pytest.mark.parametrize(("width", "count"), [(20, 1), (22, 2), (31, 2), (34, 3), (107, 3), (109, 4)])
def test_columns_are_shown_whole_or_not_at_all(width: int, count: int) -> None:
    columns, text = printed(ROWS, NAMES, width)
    assert columns == NAMES[:count]
    assert "…" not in text
    for row in ROWS:
        assert str(row["case_id"]) in text
    assert ("x" * 60 in text) is (count == 4)


def test_a_first_column_that_is_too_wide_is_folded_and_not_cut() -> None:
    columns, text = printed(ROWS, ["source_uri", "case_id"], 40)
    assert columns == ["source_uri"]
    assert str(ROWS[0]["source_uri"]) in "".join(text.split())


def test_values_are_not_markup() -> None:
    assert "[bold]B30f" in printed(ROWS, NAMES, 120)[1]


def test_a_csv_file_has_all_rows_and_columns_in_order(tmp_path: Path) -> None:
    path = write_csv(ROWS, [*NAMES, "absent"], tmp_path / "new" / "features.csv")
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == [*NAMES, "absent"]
    assert [row["volume_ml"] for row in read] == ["8.5", "1234.5"]
    assert (read[1]["kernel"], read[1]["absent"]) == ("", "")


def test_radiomic_features_are_counted_by_their_class() -> None:
    names = ["case_id", "volume_ml", "original_shape2D_Elongation", "wavelet-HHL_glcm_Contrast", "original_notes"]
    assert describe_features(names) == "2 radiomic features and 3 others"


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_feature_of_a_contract_counts_as_radiomic(path: Path) -> None:
    names = json.loads(path.read_text())["features"]
    assert describe_features(["case_id", *names]) == f"{len(names)} radiomic features and 1 other"


def test_a_group_without_records_has_no_empty_table() -> None:
    console = Screen()
    print_features(console, GroupTable("s-d-imaging-v1", "db", "t", "case_id", "event_time", ("case_id",)), [])
    assert console.text.split("\n") == ["  s-d-imaging-v1 has no records yet.", ""]
