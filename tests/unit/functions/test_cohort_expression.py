"""Expression of all genes of a cohort: values that were worked out by hand, and when there is no file."""

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pytest

from multimodal.dataset.expression import EXPRESSION, CohortExpression
from tests.unit.functions.dataset_world import FakeFiles
from tests.unit.functions.fakes import FakeObjects

HEAD = "Name\tLength\tEffectiveLength\tTPM\tNumReads\n"
MAP = "transcript_id\tgene_id\tgene_name\nt1\tg1\tVIM\nt2\tg1\tVIM\nt3\tg2\tCD44\nt4\tg3\tBGN\nt5\tg4\t\n"
ASSAY = {"engine": "salmon", "reference": "human", "genome": "GRCh38", "annotation": "GENCODE 44"}

QUANTS = {
    # g1: one transcript three times as strong as the other, swapped in B, so its length differs between the samples.
    "A": "t1\t9\t100\t3\t30\nt2\t9\t300\t1\t30\nt3\t9\t200\t0\t0\nt4\t9\t400\t6\t240\nt5\t9\t500\t0\t0\n",
    "B": "t1\t9\t100\t1\t10\nt2\t9\t300\t3\t90\nt3\t9\t200\t4\t80\nt4\t9\t400\t2\t80\nt5\t9\t700\t0\t0\n",
}


def processed(**changes: Any) -> FakeObjects:
    """Return a bucket with both cases' results and their reference."""
    objects = FakeObjects("processed")
    for case, rows in QUANTS.items():
        files = {"transcripts": f"{case}.quant.sf"}
        objects.put(f"genomics/d/{case}/run.json", json.dumps({"assay": ASSAY, "files": files}).encode())
        objects.put(f"genomics/d/{case}/{case}.quant.sf", (HEAD + rows).encode())
    manifest = {"genome": "GRCh38", "annotation": "GENCODE 44", "files": {"transcripts": "salmon/1/transcripts.tsv"}}
    objects.put("references/human/salmon.manifest.json", json.dumps({**manifest, **changes}).encode())
    objects.put("references/human/salmon/1/transcripts.tsv", MAP.encode())
    return objects


def write(objects: FakeObjects, folder: Path, *cases: str) -> dict[str, Any]:
    """Write the file; return what the manifest says."""
    return CohortExpression(objects, FakeFiles(objects), 500).write("d", cases or ("A", "B"), folder)


def rows_of(folder: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return name, TPM, scaled counts, reads and length of each case and gene."""
    found = duckdb.sql(f"SELECT * FROM read_parquet('{folder / EXPRESSION}')").fetchall()
    return {(row[0], row[1]): row[2:] for row in found}


def test_values_are_the_ones_worked_out_by_hand(tmp_path: Path) -> None:
    assert write(processed(), tmp_path) == {"cases": 2, "without_quantification": 0, "counts": "lengthScaledTPM"}
    rows = rows_of(tmp_path)
    assert list(rows) == [(case, f"g{n}") for case in "AB" for n in (1, 2, 3, 4)]
    # Lengths weighted by TPM: (3·100 + 1·300) / 4 = 150 and (1·100 + 3·300) / 4 = 250; their mean is 200.
    assert (rows["A", "g1"][4], rows["B", "g1"][4]) == (150, 250)
    # TPM × mean length: A 4·200 + 6·400 = 3200 and 300 reads; B 4·200 + 4·200 + 2·400 = 2400 and 260 reads.
    expected = {"A": [4 * 200, 0, 6 * 400, 0], "B": [4 * 200, 4 * 200, 2 * 400, 0]}
    reads = {"A": 300, "B": 260}
    for case, raw in expected.items():
        found = [rows[case, f"g{n}"][2] for n in (1, 2, 3, 4)]
        assert found == pytest.approx([value * reads[case] / sum(raw) for value in raw], rel=1e-12)
        assert sum(found) == pytest.approx(reads[case])
    assert [rows["A", f"g{n}"][:2] for n in (1, 4)] == [("VIM", 4.0), (None, 0.0)]
    # Nothing of g2 in A: the length of the only other sample. Nothing of g4 at all: the mean of its transcripts'.
    assert (rows["A", "g2"][4], rows["A", "g4"][4], rows["B", "g4"][4]) == pytest.approx((200, 600, 600))


def test_length_that_some_samples_lack_is_the_geometric_mean_of_the_others(tmp_path: Path) -> None:
    objects = processed()
    for case, length in (("C", 100), ("D", 900)):
        run = objects.content["genomics/d/A/run.json"].replace(b"A.", f"{case}.".encode())
        objects.put(f"genomics/d/{case}/run.json", run)
        objects.put(f"genomics/d/{case}/{case}.quant.sf", f"{HEAD}t3\t9\t{length}\t1\t1\n".encode())
    write(objects, tmp_path, "A", "C", "D")
    assert rows_of(tmp_path)["A", "g2"][4] == pytest.approx(math.sqrt(100 * 900))


def test_same_cohort_is_the_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(processed(), tmp_path / name)
        files.append((tmp_path / name / EXPRESSION).read_bytes())
    assert files[0] == files[1]


def test_cases_without_a_quantification_are_counted(tmp_path: Path) -> None:
    assert write(processed(), tmp_path, "A", "B", "gone")["without_quantification"] == 1


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        (FakeObjects("processed"), "no case has been quantified"),
        (processed(annotation="GENCODE 45"), "no case has been quantified"),
    ],
)
def test_nothing_is_written_when_nothing_fits(objects: FakeObjects, why: str, tmp_path: Path) -> None:
    assert why in write(objects, tmp_path)["left_out"]
    assert not (tmp_path / EXPRESSION).exists()


def test_transcripts_of_another_reference_are_named(tmp_path: Path) -> None:
    objects = processed()
    objects.put("genomics/d/B/B.quant.sf", f"{HEAD}other\t9\t1\t1\t1\n".encode())
    assert write(objects, tmp_path)["left_out"].startswith("B has transcripts")
    assert not (tmp_path / EXPRESSION).exists()
