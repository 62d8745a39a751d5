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
        ("clinical#d#site/a.csv", "clinical/d/0123/"),
        ("genomics#d#-expression", "genomics/d/-expression/0123/"),
    ],
)
def test_results_lie_under_the_units_own_prefix(unit_id: str, prefix: str) -> None:
    assert results_prefix(Unit({"unit_id": unit_id, "generation": "0123"})) == prefix


def test_a_case_has_the_table_of_its_genes() -> None:
    assert "R01-1.quant.genes.sf" in result_names(Unit({"unit_id": "genomics#d#R01-1", "subject": "R01-1"}))
    assert "report.html" in result_names(Unit({"unit_id": "clinical#d#a.csv", "generation": "0123"}))
    assert result_names(Unit({"unit_id": "clinical#d#a.csv"})) == [], "a table that was not read has none"
    assert "overlay.png" in result_names(Unit({"unit_id": "imaging#d#R01-1#1.2.3", "subject": "R01-1"}))
