"""A ready expression matrix goes in, the panel's features come out; a corrected one changes only what was corrected.

The first is as GEO publishes this cohort's (a row per gene, compressed, under a name of its own), the second has a row
per case.
"""

import csv
import gzip
import io
import math
import os
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import yaml

from cli.features import Row
from cli.ledger import Unit
from cli.project import ROOT
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.sources import MATRIX_DATASET

pytestmark = pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="a real dataset's matrix would be replaced")
FIRST, CORRECTED = "GSE1_rnaseq.txt.gz", "expression.csv"
UNIT_IDS = {
    FIRST: f"genomics#{MATRIX_DATASET}#-expression/{FIRST}",
    CORRECTED: f"genomics#{MATRIX_DATASET}#-expression",
}
GENES = 22_127
"""As many as the article's matrix has, of fewer cases."""
ABSENT = "BGN"
"""A gene of the panel that the matrix lacks."""


def panel() -> list[str]:
    """The dataset's genes."""
    config = yaml.safe_load((ROOT / "functions" / "datasets" / f"{MATRIX_DATASET}.yaml").read_text())
    return list(config["genomics"]["panel"])


class Matrix:
    """A generated matrix."""

    def __init__(self, cases: Sequence[str]) -> None:
        dice = random.Random(7)
        present = [gene for gene in panel() if gene != ABSENT]
        self.genes = [*present, *(f"GENE{n}" for n in range(GENES - len(present)))]
        self.rows = {case: [f"{dice.expovariate(0.05):.3f}" for _ in self.genes] for case in cases}

    def value(self, case: str, gene: str) -> float:
        """log2(FPKM + 1) of a gene."""
        return math.log2(float(self.rows[case][self.genes.index(gene)]) + 1)

    def by_gene(self) -> bytes:
        """The file with a row per gene, compressed."""
        lines = ["\t".join(["", *self.rows])]
        columns = zip(*self.rows.values(), strict=True)
        lines += ["\t".join([gene, *column]) for gene, column in zip(self.genes, columns, strict=True)]
        return gzip.compress("\n".join(lines).encode())

    def csv(self) -> bytes:
        """The file with a row per case."""
        text = io.StringIO()
        csv.writer(text).writerows([["Case ID", *self.genes], *([c, *cells] for c, cells in self.rows.items())])
        return text.getvalue().encode()


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded, and the unit after each of the two uploads."""

    matrix: Matrix
    first: Unit
    records: Mapping[str, Row]


def put(pipeline: Pipeline, name: str, content: bytes) -> Unit:
    """Upload a matrix and wait until it has ended; return its unit."""
    key = f"genomics/{MATRIX_DATASET}/{name}"
    pipeline.deployment.s3.put_object(Bucket=pipeline.raw_bucket, Key=key, Body=content)
    (unit,) = pipeline.wait_for([UNIT_IDS[name]]).values()
    return unit


@pytest.fixture(scope="module")
def uploaded(pipeline: Pipeline) -> Uploaded:
    """A matrix of six cases, one of which has a negative value."""
    mark = uuid.uuid4().hex[:6]
    matrix = Matrix([f"M{mark}-{n}" for n in range(6)])
    matrix.rows[f"M{mark}-5"][100] = "-1.0"
    unit = put(pipeline, FIRST, matrix.by_gene())
    return Uploaded(matrix, unit, pipeline.expression(MATRIX_DATASET))


def test_every_good_case_is_a_record(uploaded: Uploaded) -> None:
    assert (uploaded.first.status, uploaded.first.text("reason_code")) == ("COMPLETED", "")
    assert set(uploaded.records) == set(list(uploaded.matrix.rows)[:5])


def test_features_are_the_matrix_s_values_with_their_unit_in_the_name(uploaded: Uploaded) -> None:
    for case, row in uploaded.records.items():
        for gene in panel():
            found = row[f"log2fpkm_{gene}"]
            if gene == ABSENT:
                assert found is None, "missing, not zero"
            else:
                assert float(str(found)) == pytest.approx(uploaded.matrix.value(case, gene), abs=1e-9)
        assert (row["unit"], int(str(row["genes_missing"])), int(str(row["genes_measured"]))) == ("FPKM", 1, GENES)


def test_row_that_is_wrong_is_written_down_with_its_reason(pipeline: Pipeline, uploaded: Uploaded) -> None:
    bucket, prefix = pipeline.processed_bucket, f"genomics/{MATRIX_DATASET}/-expression/"
    found = pipeline.deployment.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    (key,) = [item["Key"] for item in found if item["Key"].endswith("/rejected.csv")]
    body = pipeline.deployment.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    (row,) = csv.DictReader(io.StringIO(body))
    assert (row["case_id"], row["code"], row["column"]) == (
        list(uploaded.matrix.rows)[5],
        "VALUE_NEGATIVE",
        uploaded.matrix.genes[100],
    )


def test_corrected_matrix_adds_the_case_and_leaves_the_others(pipeline: Pipeline, uploaded: Uploaded) -> None:
    case = list(uploaded.matrix.rows)[5]
    uploaded.matrix.rows[case][100] = "1.0"
    after = put(pipeline, CORRECTED, uploaded.matrix.csv())
    assert after.status == "COMPLETED"
    now = pipeline.expression(MATRIX_DATASET)
    assert float(str(now[case]["log2fpkm_VIM"])) == pytest.approx(uploaded.matrix.value(case, "VIM"), abs=1e-9)
    assert {c: now[c]["upload_id"] for c in uploaded.records} == {
        c: row["upload_id"] for c, row in uploaded.records.items()
    }
