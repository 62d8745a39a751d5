"""How each unit is evaluated: the rules of its modality, or those of tables."""

from collections.abc import Callable, Sequence

from multimodal.clinical.lint import clinical_datasets
from multimodal.genomics.config import matrix_datasets
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.ledger.evaluate import Rules
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality, Unit
from multimodal.tables.start import TableRules


def all_rules(
    ports: Ports, imaging: Rules, genomics: GenomicsReadiness, dataset_names: Sequence[str]
) -> Callable[[Unit], Rules]:
    """Return the choice of rules for units of every modality."""
    genomics_of = genomics_rules(ports, genomics)
    configured = {
        Modality.CLINICAL.value: frozenset(clinical_datasets(dataset_names)),
        Modality.GENOMICS.value: frozenset(matrix_datasets(dataset_names)),
    }
    tables = TableRules(ports.raw, configured)

    def rules_of(unit: Unit) -> Rules:
        if unit.is_table:
            return tables
        return genomics_of(unit) if unit.modality == Modality.GENOMICS else imaging

    return rules_of
