"""Where results are, and which a person wants to see."""

from __future__ import annotations

import pytest

from local.ledger import Unit
from local.results import result_names, results_prefix


@pytest.mark.parametrize(
    ("unit_id", "prefix"),
    [
        ("imaging#d#R01-1#1.2.3", "imaging/d/R01-1/1.2.3/"),
        ("genomics#d#R01-1", "genomics/d/R01-1/"),
        ("genomics#_references#human", "references/human/"),
    ],
)
def test_results_lie_under_the_units_own_prefix(unit_id: str, prefix: str) -> None:
    assert results_prefix(Unit({"unit_id": unit_id})) == prefix


def test_a_case_has_the_table_of_its_genes() -> None:
    assert "R01-1.quant.genes.sf" in result_names(Unit({"unit_id": "genomics#d#R01-1", "subject": "R01-1"}))
    assert "overlay.png" in result_names(Unit({"unit_id": "imaging#d#R01-1#1.2.3", "subject": "R01-1"}))
