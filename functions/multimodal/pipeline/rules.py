"""How each unit is evaluated: the rules of its modality, and the kind of a table."""

from collections.abc import Callable, Sequence

from multimodal.clinical.lint import clinical_datasets
from multimodal.clinical.table import ClinicalTables
from multimodal.genomics.config import matrix_datasets
from multimodal.genomics.matrix import MatrixTables
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.ledger.evaluate import Rules
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality, Unit
from multimodal.tables.run import KindOf
from multimodal.tables.start import TableRules
from multimodal.tables.table import TableKind


def all_rules(ports: Ports, imaging: Rules, genomics: GenomicsReadiness, kind_of: KindOf) -> Callable[[Unit], Rules]:
    """Return the choice of rules for units of every modality."""
    genomics_of, tables = genomics_rules(ports, genomics), TableRules(ports.raw, kind_of)

    def rules_of(unit: Unit) -> Rules:
        if unit.is_table:
            return tables
        return genomics_of(unit) if unit.modality == Modality.GENOMICS else imaging

    return rules_of


def table_kinds(ports: Ports, stack: str, dataset_names: Sequence[str]) -> KindOf:
    """Return the choice of the kind of a table: one for each modality that has tables."""
    kinds: dict[str, TableKind] = {
        Modality.CLINICAL.value: ClinicalTables(stack, clinical_datasets(dataset_names)),
        Modality.GENOMICS.value: MatrixTables(ports.ledger, stack, matrix_datasets(dataset_names), ports.raw),
    }
    return lambda unit: kinds[unit.modality]
