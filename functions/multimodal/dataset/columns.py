"""Columns of a joined dataset: which feature of which group each is, what it means, and when it is known.

All of it follows from the dataset's file. A group's own definitions decide nothing: whatever somebody added to a group
is left out, and named in the manifest. Decision: dataset-3.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from multimodal.clinical.column_config import TIMEPOINTS, FeatureColumn, OneHot, Ordinal, Timepoint
from multimodal.clinical.config import ClinicalConfig, Survival
from multimodal.clinical.records import LABELS, group_specs
from multimodal.features.group import FeatureGroupSpec, FeatureType
from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import DatedByTimepoint, EventTime
from multimodal.genomics.gene_sets import set_feature
from multimodal.genomics.groups import gene_feature, rna_group
from multimodal.imaging.config import ImagingConfig, ParameterContract, PetConfig
from multimodal.imaging.radiomic_features import radiomic_feature
from multimodal.imaging.records import imaging_group, pet_group
from multimodal.ledger.errors import ConfigurationError

IMAGING, PET, RNA, CLINICAL = "imaging", "pet", "rna", "clinical"

ACQUISITION = ("manufacturer", "model", "kernel", "kvp", "contrast", "slice_thickness_mm")
"""How a scan was made: for the harmonisation of scanners, never a feature."""

PET_ACQUISITION = ("manufacturer", "model", "radiopharmaceutical", "injected_dose_mbq", "uptake_minutes", "suv_rule")
"""The same of a PET."""

SURVIVAL = {"time": "os_days", "event": "os_event"}


@dataclass(frozen=True)
class Column:
    """A feature of a group and the column that it becomes.

    Parameters
    ----------
    feature : str
        Name of the feature in its group.
    kind : FeatureType
    role : str
        `feature`, `acquisition` or `label`.
    unit, meaning, source : str
        As the dictionary tells them; the source is a column of a table, a gene, or a document.
    levels : mapping
        Of an ordinal column: number by level.
    ibsi : str
        Code of a radiomic feature in the standard of the Image Biomarker Standardisation Initiative.
    """

    feature: str
    kind: FeatureType
    role: str
    unit: str
    meaning: str
    source: str
    levels: Mapping[str, float] = field(default_factory=dict)
    ibsi: str = ""


@dataclass(frozen=True)
class GroupColumns:
    """A feature group of a dataset and its columns; `modality` is empty for the labels.

    `dated_by` names the group whose records say when the facts were true of those that only their upload dates.
    """

    modality: str
    spec: FeatureGroupSpec
    timepoint: str
    columns: tuple[Column, ...]
    dated_by: str | None = None

    @property
    def is_labels(self) -> bool:
        """Whether these are what models predict."""
        return not self.modality

    def name_of(self, column: Column) -> str:
        """Return the name of a column in the joined dataset."""
        return f"{'label' if self.is_labels else self.modality}__{column.feature}"


@dataclass(frozen=True)
class DatasetColumns:
    """The groups of a dataset, labels last, and why others are left out (group → reason)."""

    groups: tuple[GroupColumns, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the columns."""
        return tuple(dict.fromkeys(group.modality for group in self.groups if not group.is_labels))

    @property
    def labels(self) -> GroupColumns | None:
        """The labels' group."""
        return next((group for group in self.groups if group.is_labels), None)


def known_by(groups: DatasetColumns, latest: Timepoint, modalities: frozenset[str] | None) -> DatasetColumns:
    """Return the groups whose facts are known at a timepoint, of some modalities or of all; labels always stay."""
    kept, left_out = [], dict(groups.left_out)
    for group in groups.groups:
        if group.is_labels:
            kept.append(group)
        elif modalities is not None and group.modality not in modalities:
            left_out[group.spec.name] = "its modality was not asked for"
        elif TIMEPOINTS.index(group.timepoint) > TIMEPOINTS.index(latest):
            left_out[group.spec.name] = f"known at {group.timepoint}, which is later than {latest}"
        else:
            kept.append(group)
    return DatasetColumns(tuple(kept), left_out)


def group_columns(
    stack: str,
    dataset: str,
    imaging: ImagingConfig | None,
    genomics: GenomicsConfig | None,
    clinical: ClinicalConfig | None,
    contracts: Callable[[str], ParameterContract],
) -> list[GroupColumns]:
    """Return the columns of each group that the sections of a dataset's file ask for, labels last.

    `contracts` says what a radiomics parameter file yields.
    """
    groups: list[GroupColumns] = []
    if imaging is not None:
        groups.append(imaging_columns(stack, dataset, imaging, contracts(imaging.params)))
        if imaging.pet is not None:
            groups.append(pet_columns(stack, dataset, imaging.pet, contracts(imaging.pet.params)))
    if genomics is not None:
        groups.append(rna_columns(stack, dataset, genomics, clinical))
    return groups if clinical is None else [*groups, *clinical_columns(stack, dataset, clinical)]


def imaging_columns(stack: str, dataset: str, config: ImagingConfig, contract: ParameterContract) -> GroupColumns:
    """Return the columns of the imaging group: the primary region's volume and radiomic features, and the scanner."""
    spec = imaging_group(stack, dataset, config, contract)
    return GroupColumns(IMAGING, spec, "baseline", _radiomic_columns(spec, contract, ACQUISITION, "CT"))


def pet_columns(stack: str, dataset: str, config: PetConfig, contract: ParameterContract) -> GroupColumns:
    """Return the columns of the PET group: as of the CT, in SUV."""
    spec = pet_group(stack, dataset, config, contract)
    return GroupColumns(PET, spec, "baseline", _radiomic_columns(spec, contract, PET_ACQUISITION, "PET"))


def _radiomic_columns(
    spec: FeatureGroupSpec, contract: ParameterContract, acquisition: Sequence[str], image: str
) -> tuple[Column, ...]:
    columns = [_measured("volume_ml", "volume of the primary region of interest", "ml")]
    for name in contract.features:
        known = radiomic_feature(name)
        unit = known.unit.replace("HU", _VALUE_UNITS[image])
        columns.append(_measured(name, f"radiomic feature {name} of the primary region", unit, known.ibsi))
    columns += [
        Column(n, spec.types[n], "acquisition", _ACQUISITION_UNITS.get(n, ""), f"{n} of the {image}", "DICOM")
        for n in acquisition
    ]
    return tuple(columns)


def _measured(name: str, meaning: str, unit: str, ibsi: str = "") -> Column:
    return Column(name, FeatureType.FRACTIONAL, "feature", unit, meaning, "features.json", ibsi=ibsi)


_VALUE_UNITS = {"CT": "HU", "PET": "SUV"}

_ACQUISITION_UNITS = {"kvp": "kV", "slice_thickness_mm": "mm", "injected_dose_mbq": "MBq", "uptake_minutes": "min"}


def rna_columns(stack: str, dataset: str, config: GenomicsConfig, clinical: ClinicalConfig | None) -> GroupColumns:
    """Return the columns of the RNA group: the panel's genes, and the scores of gene sets.

    Raises
    ------
    ConfigurationError
        When `event_time` names a timepoint that no clinical column dates.
    """
    unit = f"log2({config.unit} + 1)"
    columns = tuple(
        Column(gene_feature(g, config.unit), FeatureType.FRACTIONAL, "feature", unit, f"expression of the gene {g}", g)
        for g in config.panel
    )
    sets = tuple(
        Column(
            set_feature(name),
            FeatureType.FRACTIONAL,
            "feature",
            "",
            f"rank score of the gene set {name} (singscore)",
            name,
        )
        for name in config.gene_sets
    )
    dated_by = _dating_group(stack, dataset, config.event_time, clinical)
    return GroupColumns(RNA, rna_group(stack, dataset, config), config.available_at, (*columns, *sets), dated_by)


def _dating_group(stack: str, dataset: str, rule: EventTime, clinical: ClinicalConfig | None) -> str | None:
    if not isinstance(rule, DatedByTimepoint):
        return None
    if clinical is None or rule.timepoint not in dated_timepoints(clinical):
        message = (
            f"dataset {dataset!r}: genomics.event_time names the timepoint {rule.timepoint}, which clinical.timepoints "
            "gives no event_time by a column; name another, or event_time: upload"
        )
        raise ConfigurationError(message)
    return group_specs(stack, dataset, clinical)[rule.timepoint].name


def dated_timepoints(clinical: ClinicalConfig) -> tuple[str, ...]:
    """Return the timepoints that have a group of features and whose facts a column dates."""
    return tuple(t for t in clinical.feature_timepoints if clinical.timepoints[t].event_time != "upload")


def clinical_columns(stack: str, dataset: str, config: ClinicalConfig) -> list[GroupColumns]:
    """Return the columns of each timepoint's group and, last, of the labels."""
    specs = group_specs(stack, dataset, config)
    groups = [
        GroupColumns(CLINICAL, specs[t], t, tuple(c for own in config.features_of(t) for c in _of_column(own)))
        for t in config.feature_timepoints
    ]
    if config.labels:
        groups.append(GroupColumns("", specs[LABELS], "outcome", tuple(_of_labels(config.labels))))
    return groups


def _of_column(column: FeatureColumn) -> Iterator[Column]:
    levels: dict[str, list[str]] = {}
    if isinstance(column, OneHot):
        for value, name in column.levels.items():
            levels.setdefault(name, []).append(value)
    for name, kind in column.features:
        if name == f"{column.name}_missing":
            meaning = f"1 where {column.source} is not known"
        elif name == f"{column.name}_other":
            meaning = f"1 where {column.source} is another value than those listed"
        else:
            meaning = f"{column.source} is {' or '.join(levels[name])}" if name in levels else column.source
        ranks = column.levels if isinstance(column, Ordinal) and name == column.name else {}
        yield Column(name, kind, "feature", getattr(column, "unit", ""), meaning, column.source, ranks)


_LABELS = {
    "survival_status": ("", "1 died, 0 alive when last seen, whenever that was"),
    "os_event": ("", "1 died, 0 censored"),
    "os_days": ("days", "days to death or last contact"),
    "rfs_event": ("", "1 recurrence or death, 0 censored"),
    "rfs_days": ("days", "days to recurrence, death or last contact"),
}


def _of_labels(labels: Survival) -> Iterator[Column]:
    origin = f", counted from {labels.origin}" if labels.origin else ""
    sources = ", ".join(dict.fromkeys(labels.columns))
    known = _LABELS | dict(_of_endpoints(labels))
    for name, kind in labels.features:
        unit, meaning = known.get(
            name, ("", f"{name}: 1 died by then, 0 lived longer, null when lost sight of earlier")
        )
        yield Column(name, kind, "label", unit, f"{meaning}{origin if unit == 'days' else ''}", sources)


def _of_endpoints(labels: Survival) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, endpoint in labels.endpoints.items():
        yield f"{name}_event", ("", f"1 the event of {endpoint.event}, 0 censored")
        yield f"{name}_days", ("days", f"days to the event of {endpoint.event}, or to censoring")


def smuggled(group: GroupColumns, definitions: Mapping[str, str], clinical: ClinicalConfig | None) -> dict[str, str]:
    """Return the features of a group in the store that the dataset's file does not give it, each with what it is.

    Somebody may have added a column that is known too late. Whatever it is, it is not joined.
    """
    late = (
        {name: c.available_at for c in clinical.columns for name, _ in getattr(c, "features", ())} if clinical else {}
    )
    extra = [name for name in definitions if name not in group.spec.types]
    return {
        name: f"known at {late[name]} by the dataset's file" if name in late else "not in the dataset's file"
        for name in sorted(extra)
    }
