"""Scores of gene sets: hand-made ranks, what they do not depend on, and the records that have them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from multimodal.genomics.config import GenomicsConfig, genomics_config
from multimodal.genomics.gene_sets import rank_score, set_scores
from multimodal.genomics.groups import rna_group
from multimodal.genomics.matrix import MatrixTables
from multimodal.pipeline.dataset import load_dataset
from tests.unit.functions.test_expression_matrix import MATRIX
from tests.unit.functions.test_matrix_shapes import SALMON, ShapeWorld
from tests.unit.functions.world import DATASET, RnaWorld

SETS = {"stroma": ["VIM", "CD44"], "rare": ["BGN", "GONE", "LOST"]}


def config(**matrix: Any) -> GenomicsConfig:
    """Return a dataset with two sets."""
    section = {"matrix": MATRIX | matrix, "panel": ["VIM"], "gene_sets": SETS}
    return GenomicsConfig.model_validate(section)


@pytest.mark.parametrize(
    ("members", "score"),
    [
        ([9.0, 8.0], 0.5),  # ranks 5 and 4, the highest that two of five can have
        ([0.0, 1.0], -0.5),
        ([1.0, 8.0], 0.0),  # ranks 2 and 4: mean 3, the lowest is 1.5 and the highest 4.5
        ([2.0], 0.0),
        ([9.0], 0.5),
        ([], None),
        ([0.0, 1.0, 2.0, 8.0, 9.0], None),
    ],
)
def test_score_is_the_mean_rank_between_its_bounds(members: list[float], score: float | None) -> None:
    assert rank_score(members, [0.0, 1.0, 2.0, 8.0, 9.0]) == score


def test_equal_values_share_their_mean_rank() -> None:
    # Ranks of 0, 0, 0, 5 are 2, 2, 2, 4.
    assert rank_score([0.0], [0.0, 0.0, 0.0, 5.0]) == pytest.approx((2 - 1) / (4 - 1) - 0.5)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=40), st.integers(1, 2))
def test_score_is_bounded_and_the_same_on_a_logarithmic_scale(values: list[float], count: int) -> None:
    score = rank_score(values[:count], sorted(values))
    assert score is not None
    assert -0.5 <= score <= 0.5
    logs = [math.log2(v + 1) for v in values]
    if len(set(logs)) == len(set(values)):  # logarithms of neighbours may be one number
        assert rank_score(logs[:count], sorted(logs)) == score


def test_set_of_which_most_is_missing_has_no_score() -> None:
    assert list(set_scores(SETS, {"VIM": 1.0, "BGN": 2.0}, [1.0, 2.0, 3.0])) == ["score_stroma"]


BY_GENE = "gene\tA\tB\nVIM\t9\t1\nCD44\t8\tNA\nX\t1\t5\nY\t2\t6\n"
BY_CASE = "case\tVIM\tCD44\tX\tY\nA\t9\t8\t1\t2\nB\t1\tNA\t5\t6\n"


@pytest.mark.parametrize("text", [BY_GENE, BY_CASE], ids=["genes", "cases"])
@pytest.mark.parametrize(
    ("when", "second"), [("absent", -0.5), ("zero", -0.5)], ids=["of those with a value", "missing ones are zero"]
)
def test_matrix_of_either_orientation_has_scores(text: str, when: str, second: float) -> None:
    world = ShapeWorld()
    world.matrices = MatrixTables(world.ledger, "stack", {"d": config(when_missing=when)})
    world.take_file("m.tsv", text)
    records = world.records()
    assert [float(records[case]["score_stroma"]) for case in "AB"] == [0.5, second]
    assert "score_rare" not in records["A"]
    assert "log2tpm_CD44" not in records["A"], "a gene of a set is no feature by itself"
    assert set(records["A"]) <= set(rna_group("stack", "d", config()).types)


def test_quantification_has_scores() -> None:
    world = ShapeWorld()
    world.matrices = MatrixTables(world.ledger, "stack", {"d": config()})
    world.take_file("A/quant.genes.sf", SALMON + "VIM\t1\t1\t9\t1\nCD44\t1\t1\t8\t1\nX\t1\t1\t1\t1\n")
    assert world.records()["A"]["score_stroma"] == "0.5"


def test_quantified_reads_have_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = genomics_config(DATASET).model_copy(update={"gene_sets": {"strong": ["VIM", "CD44"]}})
    monkeypatch.setattr("multimodal.genomics.records.genomics_config", lambda _: scored)
    world = RnaWorld()
    run = world.start_case()
    key = world.run_case(run, None)
    world.end_job(run)
    world.ingest(key)
    ((_, record),) = world.features.records
    assert float(record["log2tpm_CD44"]) == 2.0
    assert -0.5 <= float(record["score_strong"]) <= 0.5


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [({"a": ["VIM", "VIM"]}, "twice"), ({"A B": ["VIM", "X"]}, "pattern"), ({"a": ["VIM"]}, "at least 2"),
     ({"a": ["ENSG00000026025", "X"]}, "names the panel's genes|ENSG00000026025")],
)  # fmt: skip
def test_sets_that_are_wrong_say_what_to_change(sets: dict[str, list[str]], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        GenomicsConfig.model_validate({"matrix": MATRIX, "panel": ["VIM"], "gene_sets": sets})


def test_shipped_dataset_has_no_sets() -> None:
    assert load_dataset(DATASET).genomics is not None
    assert not genomics_config(DATASET).gene_sets
