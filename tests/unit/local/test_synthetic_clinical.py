"""The made-up clinical table."""

import csv
from datetime import date
from pathlib import Path

import pytest

from local.synthetic.clinical import write_clinical_table
from multimodal.pipeline.dataset import load_dataset


def test_a_clinical_table_has_the_collections_columns_and_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    spoiled = write_clinical_table(first, ["R01-002", "R01-901"], rows=30, bad=4)
    write_clinical_table(second, ["R01-002", "R01-901"], rows=30, bad=4)
    write_clinical_table(other, ["R01-002", "R01-901"], rows=30, bad=4, seed=8)
    rows = list(csv.DictReader(first.open(encoding="utf-8", newline="")))
    clinical = load_dataset("nsclc_radiogenomics").clinical
    assert clinical is not None
    assert {name.strip() for name in rows[0]} == {clinical.id.source, *clinical.by_source}
    assert [row["Case ID"] for row in rows[:4]] == ["R01-002", "R01-901", "R01-001", "R01-003"]
    assert len({row["Case ID"] for row in rows}) == len(rows) == 30
    assert [s.row for s in spoiled] == [28, 29, 30, 31], "rows as a spreadsheet counts them"
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_a_clinical_table_takes_the_days_of_the_cts_and_leaves_subjects_whole(tmp_path: Path) -> None:
    write_clinical_table(tmp_path / "a.csv", ["R01-901"], ct_dates={"R01-901": date(2001, 3, 2)})
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8", newline="")))
    assert [row["CT Date"] for row in rows] == ["3/2/2001"]
    with pytest.raises(ValueError, match="no room"):
        write_clinical_table(tmp_path / "b.csv", ["R01-901"], bad=1)
