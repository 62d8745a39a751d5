"""Where results are, and which a person wants to see."""

import gzip
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cli import results
from cli.deployment import Deployment
from cli.features import GroupTable
from cli.ledger import Unit
from cli.report import Bucket
from cli.results import result_names, results_prefix, save_dataset


@pytest.mark.parametrize(
    ("unit_id", "prefix"),
    [
        ("imaging#d#R01-1#1.2.3", "imaging/d/R01-1/1.2.3/"),
        ("genomics#d#R01-1", "genomics/d/R01-1/"),
        ("genomics#_references#human", "references/human/"),
        ("clinical#d#site/a.csv", "clinical/d/0123/"),
        ("genomics#d#-expression", "genomics/d/-expression/0123/"),
    ],
)
def test_results_lie_under_the_units_own_prefix(unit_id: str, prefix: str) -> None:
    assert results_prefix(Unit({"unit_id": unit_id, "content_version": "0123"})) == prefix


def test_a_case_has_the_table_of_its_genes() -> None:
    assert "R01-1.quant.genes.sf" in result_names(Unit({"unit_id": "genomics#d#R01-1", "subject": "R01-1"}))
    assert "report.html" in result_names(Unit({"unit_id": "clinical#d#a.csv", "content_version": "0123"}))
    assert result_names(Unit({"unit_id": "clinical#d#a.csv"})) == [], "a table that was not read has none"
    assert "overlay.png" in result_names(Unit({"unit_id": "imaging#d#R01-1#1.2.3", "subject": "R01-1"}))


class Stack:
    """A deployment with two datasets, whose processed bucket has the results of some units."""

    stack = "s"
    feature_groups = ("s-d-imaging-v1", "s-d-clinical-baseline-v12", "s-d-rna-v1", "s-d_two-imaging-v1")

    def __init__(self, keys: dict[str, bytes]) -> None:
        self.keys = keys
        self.s3 = SimpleNamespace(get_object=self._get)

    def output(self, _name: str) -> str:
        return "processed"

    def _get(self, *, Bucket: str, Key: str) -> dict[str, BytesIO]:  # noqa: N803 - as S3 calls them
        if Bucket == "processed" and Key in self.keys:
            return {"Body": BytesIO(self.keys[Key])}
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")


@pytest.mark.parametrize("key", ["state.jsonl", "state.jsonl.gz"])
def test_a_line_ends_where_the_pipeline_says_so(key: str) -> None:
    lines = ['["g", "A\u2028B"]', '["g", "C\x85"]']
    content = "".join(f"{line}\n" for line in lines).encode()
    stack: Any = Stack({key: gzip.compress(content) if key.endswith(".gz") else content})
    assert Bucket(stack).lines(key) == lines


def test_a_dataset_is_saved_with_its_tables_and_nothing_of_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def describe(_deployment: Deployment, name: str) -> GroupTable:
        return GroupTable(name, "db", "t", "case_id", "event_time", ("case_id", "x"))

    def read(_deployment: Deployment, group: GroupTable) -> list[dict[str, Any]]:
        return [] if "-rna-" in group.group else [{"case_id": "R01-1", "x": 1.5}]

    monkeypatch.setattr(results, "describe_group", describe)
    monkeypatch.setattr(results, "read_features", read)
    units = [
        Unit({"unit_id": "imaging#d#R01-1#ct", "subject": "R01-1", "study": "ct"}),
        Unit({"unit_id": "imaging#d_two#R01-1#ct", "subject": "R01-1", "study": "ct"}),
        Unit({"unit_id": "clinical#d#a/x.csv", "subject": "a/x.csv", "study": "", "content_version": "1"}),
        *(
            Unit({"unit_id": f"clinical#d#{file}", "subject": file, "study": "", "content_version": version})
            for version, file in (("2", "b/x.csv"), ("3", "b/x.tsv"))
        ),
    ]
    keys = {"imaging/d/R01-1/ct/overlay.png": b"1"} | {f"clinical/d/{n}/report.html": b"2" for n in (1, 2, 3)}
    stack = Stack(keys | {"imaging/d_two/R01-1/ct/qc.json": b"4"})
    saved = save_dataset(cast(Deployment, stack), "d", units, tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in saved) == [
        "R01-1/overlay.png", "clinical-baseline.csv", "clinical/a/x/report.html",
        "clinical/b/x.csv/report.html", "clinical/b/x.tsv/report.html",
        "imaging.csv",
    ]  # fmt: skip
    assert (tmp_path / "imaging.csv").read_text() == "case_id,x\nR01-1,1.5\n"
