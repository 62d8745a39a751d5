"""Whole tables: made up ones always, the real one when MULTIMODAL_REAL_DATA names the folder that holds it."""

import csv
import os
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.synthetic.clinical import write_clinical_table
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.lint import clinical_datasets
from multimodal.clinical.records import group_specs
from multimodal.clinical.table import ClinicalTable
from multimodal.features.group import Record
from multimodal.pipeline.dataset import load_dataset
from multimodal.tables.table import RowProblem, UploadContext
from tests.unit.functions.clinical_small import Read, csv_text, encoded, rows, small

REAL, ARTICLE = "nsclc_radiogenomics", "nsclc_radiogenomics_article"
UPLOAD = UploadContext(
    "s3://raw/clinical/real/table.csv", "0123456789abcdef", "fedcba9876543210", "2026-11-25T10:00:00Z"
)
is_real = pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
Records = dict[str, dict[str, Record]]


def clinical(dataset: str, **changes: Any) -> ClinicalConfig:
    config = load_dataset(dataset).clinical
    assert config is not None
    return config.model_copy(update=changes)


def read(dataset: str, content: bytes, config: ClinicalConfig | None = None) -> tuple[Records, list[RowProblem]]:
    """Return records by content of the group and case, and the problems."""
    config = config or clinical(dataset)
    names = {spec.name: content for content, spec in group_specs("stack", dataset, config).items()}
    records: Records = {content: {} for content in names.values()}
    problems: list[RowProblem] = []
    table = ClinicalTable(config, "stack", dataset, [content], UPLOAD)
    for batch in table.batches():
        problems.extend(batch.problems)
        for group, record, _ in batch.records:
            records[names[group]][record["case_id"]] = record
    assert table.verdict().hold is None
    return records, problems


def check_groups(dataset: str, records: Records) -> None:
    """Every record fits its group: features, types and the form of its event time."""
    for content, spec in group_specs("stack", dataset, clinical(dataset)).items():
        for record in records[content].values():
            assert set(record) <= set(spec.types)
            assert len(record["event_time"]) == len("yyyy-MM-ddTHH:mm:ssZ")
            for name, text in record.items():
                if spec.types[name] == "Integral":
                    assert str(int(text)) == text
                elif spec.types[name] == "Fractional":
                    assert repr(float(text)) == text


@pytest.mark.parametrize("dataset", [REAL, ARTICLE])
def test_a_made_up_table_is_read_to_its_last_row_and_nothing_in_it_is_suspicious(dataset: str, tmp_path: Path) -> None:
    spoiled = write_clinical_table(tmp_path / "table.csv", ["R01-901"], rows=900, seed=3, bad=4)
    records, problems = read(dataset, (tmp_path / "table.csv").read_bytes())
    told = {p.case_id for p in problems if p.scope in ("row", "dropped")}
    assert len(records["baseline"]) + len(told) == 900
    check_groups(dataset, records)
    if dataset == REAL:
        assert [(s.case_id, s.row, s.code, s.scope) for s in spoiled] == [
            (p.case_id, p.row, p.code, p.scope) for p in problems
        ]


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(60)), first=st.sampled_from([1, 10, 50, 60]))
def test_records_do_not_depend_on_the_rows_around_them(order: list[int], first: int) -> None:
    draw = random.Random(9)
    table = rows(
        *(
            {"Smoking": draw.choice(["Never", "Former", "Current"]), "Sex": draw.choice(["Female", ""])}
            for _ in range(60)
        )
    )
    whole = {r["case_id"]: r for r in Read(small(), encoded(csv_text(table))).records["baseline"]}
    part = Read(small(), encoded(csv_text([table[i] for i in order[:first]]))).records["baseline"]
    assert part == [whole[table[i]["Case ID"]] for i in order[:first]]


def real_path() -> Path:
    (path,) = Path(os.environ["MULTIMODAL_REAL_DATA"]).glob("clinical/*.csv")
    return path


def as_csv(lines: Iterable[dict[str, str]]) -> bytes:
    lines = list(lines)
    return "\r\n".join(_joined(line) for line in [list(lines[0]), *(list(line.values()) for line in lines)]).encode()


def _joined(cells: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


@pytest.fixture(scope="module")
def lines() -> list[dict[str, str]]:
    """Rows of the real table."""
    with real_path().open(newline="", encoding="utf-8") as content:
        return list(csv.DictReader(content))


@pytest.fixture(scope="module")
def whole() -> tuple[Records, list[RowProblem]]:
    """What the real table becomes."""
    return read(REAL, real_path().read_bytes())


@is_real
class TestRealTable:
    def test_every_row_is_a_record_of_every_timepoint_or_a_problem_with_a_reason(
        self, lines: list[dict[str, str]], whole: tuple[Records, list[RowProblem]]
    ) -> None:
        records, problems = whole
        cases = {line["Case ID"] for line in lines}
        assert len([case for case in cases if case.startswith("R01")]) == 162
        rejected = {p.case_id for p in problems if p.scope == "row"}
        assert set(records["baseline"]) == set(records["surgery"]) == cases - rejected
        assert rejected == set()
        assert all(p.message and p.code for p in problems)
        check_groups(REAL, records)

    @pytest.mark.parametrize("dataset", [REAL, ARTICLE])
    def test_the_schema_and_the_records_are_the_same_for_any_part_of_the_table(
        self, dataset: str, lines: list[dict[str, str]]
    ) -> None:
        groups = group_specs("stack", dataset, clinical_datasets([dataset])[dataset])
        whole, _ = read(dataset, as_csv(lines))
        shuffled = random.Random(1).sample(lines, len(lines))
        for part in (lines[:1], lines[:10], lines[:50], lines[-50:], shuffled, shuffled[:10]):
            records, _ = read(dataset, as_csv(part))
            assert group_specs("stack", dataset, clinical_datasets([dataset])[dataset]) == groups
            for content, own in records.items():
                assert own == {case: whole[content][case] for case in own}

    def test_what_is_known_late_is_no_feature(self, whole: tuple[Records, list[RowProblem]]) -> None:
        names = {
            name for timepoint in ("baseline", "surgery") for record in whole[0][timepoint].values() for name in record
        }
        assert not {
            n for n in names if any(w in n for w in ("death", "recur", "adjuvant", "chemo", "radiation", "dead"))
        }

    def test_labels_are_right_for_the_censored(
        self, lines: list[dict[str, str]], whole: tuple[Records, list[RowProblem]]
    ) -> None:
        """Counted again from the cells: 104 are alive, and whoever was not seen for a year has no value at a year."""
        labels = {case: r for case, r in whole[0]["labels"].items() if case.startswith("R01")}
        alive = [line for line in lines if line["Case ID"].startswith("R01") and line["Survival Status"] == "Alive"]
        assert len(alive) == 104
        for line in alive:
            label, days = labels[line["Case ID"]], followed(line)
            assert (label["os_event"], label["os_days"]) == ("0", str(days))
            for horizon in (365, 1095, 1825):
                assert label.get(f"os_horizon_{horizon}d") == ("0" if days >= horizon else None)
        lost = [label for label in labels.values() if "os_horizon_365d" not in label]
        assert 0 < len(lost) < 104
        assert all(label["os_event"] == "0" for label in lost)

    def test_contradictory_dates_hold_one_label_and_warn_of_the_others(
        self, whole: tuple[Records, list[RowProblem]]
    ) -> None:
        records, problems = whole
        assert [(p.case_id, p.code) for p in problems if p.scope == "label"] == [("R01-106", "LABEL_CONTRADICTION")]
        assert set(records["baseline"]) - set(records["labels"]) == {"R01-106"}
        assert records["surgery"]["R01-106"]["histology_adenocarcinoma"] in "01"
        differing = [p.case_id for p in problems if p.code == "LABEL_MISMATCH"]
        assert len(differing) == 15, "16 of 63 differ; R01-106 is held before it is compared"
        recurrences = [p.case_id for p in problems if p.code == "RECURRENCE_CONTRADICTION"]
        assert recurrences == ["AMC-044", "R01-122"]
        assert "rfs_days" not in records["labels"]["R01-122"]
        assert "os_days" in records["labels"]["R01-122"]

    def test_a_weight_in_kilograms_is_seen(self, whole: tuple[Records, list[RowProblem]]) -> None:
        assert [(p.case_id, p.column) for p in whole[1] if p.code == "OUT_OF_RANGE"] == [("AMC-038", "Weight (lbs)")]
        assert "weight_kg" not in whole[0]["baseline"]["AMC-038"]

    def test_the_article_keeps_147_rows_and_says_why_it_drops_the_others(self, lines: list[dict[str, str]]) -> None:
        records, problems = read(ARTICLE, as_csv(lines))
        assert [len(own) for own in records.values()] == [147, 147, 147]
        dropped = [p for p in problems if p.code == "DROPPED_BY_FILTER"]
        assert len(problems) == len(dropped) == 211 - 147
        assert sum((p.case_id or "").startswith("R01") for p in dropped) == 15
        assert all(record["event_time_source"] == "UploadTime" for record in records["baseline"].values())
        full = {content: set(spec.types) for content, spec in group_specs("stack", ARTICLE, clinical(ARTICLE)).items()}
        assert all(set(record) == full[content] for content, own in records.items() for record in own.values())


def followed(line: dict[str, str]) -> int:
    """Days from surgery to the last contact."""
    surgery = _day(line["CT Date"]) + timedelta(days=int(line["Days between CT and surgery"]))
    return (_day(line["Date of Last Known Alive"]) - surgery).days


def _day(text: str) -> date:
    month, day, year = map(int, text.split("/"))
    return date(year, month, day)
