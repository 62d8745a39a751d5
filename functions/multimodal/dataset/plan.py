"""The plan of a build: which groups are joined, in which version, by which statements. Nothing is read yet."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.lint import clinical_datasets
from multimodal.dataset.columns import (
    CLINICAL,
    IMAGING,
    DatasetColumns,
    GroupColumns,
    group_columns,
    known_by,
    smuggled,
)
from multimodal.dataset.ports import Catalogue, GroupVersion
from multimodal.dataset.request import BuildRequest
from multimodal.dataset.sql import MAX_STATEMENT, Table, cut_of, label_cut, snapshot
from multimodal.genomics.config import genomics_datasets
from multimodal.imaging.config import imaging_config, imaging_datasets, load_contract
from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason

MIN_T0 = {IMAGING: "baseline", CLINICAL: "baseline"}
"""Timepoint of the group that dates day 0."""


@dataclass(frozen=True)
class PlannedGroup:
    """A group of the build: its columns, its version and the statement that picks its records."""

    columns: GroupColumns
    version: GroupVersion
    statement: str
    ignored: Mapping[str, str]
    """Features of the group that are not joined, each with the reason."""


@dataclass(frozen=True)
class BuildPlan:
    """A build that can be made."""

    request: BuildRequest
    columns: DatasetColumns
    groups: tuple[PlannedGroup, ...]
    cohort_pattern: str | None


def dataset_columns(stack: str, dataset: str) -> tuple[DatasetColumns, ClinicalConfig | None]:
    """Return the columns that a dataset's file asks for, and its clinical section."""
    imaging = imaging_config(dataset) if imaging_datasets([dataset]) else None
    genomics, clinical = genomics_datasets([dataset]).get(dataset), clinical_datasets([dataset]).get(dataset)
    groups = group_columns(stack, dataset, imaging, genomics, clinical, load_contract)
    return DatasetColumns(tuple(groups)), clinical


@dataclass(frozen=True)
class Planner:
    """Plans builds of the deployed datasets."""

    catalogue: Catalogue
    stack: str
    dataset_names: Sequence[str]

    def plan(self, request: BuildRequest) -> BuildPlan:
        """Return the plan of a build.

        Raises
        ------
        BadInputError
            `DATASET_UNKNOWN` for a dataset that is not deployed, `BUILD_INVALID` when nothing would be joined.
        ConfigurationError
            When a feature group is missing, or an older one than the dataset's file describes.
        """
        columns, clinical = self._columns(request)
        versions = {group.spec.name: self._version(group) for group in columns.groups}
        t0 = _index_table(request, columns, versions)
        groups = []
        for group in columns.groups:
            version = versions[group.spec.name]
            dating = self._named(group.dated_by).table if group.dated_by else None
            cut = label_cut(request) if group.is_labels else cut_of(request, t0, dating)
            features = [(c.feature, c.kind) for c in group.columns]
            statement = _checked(snapshot(version.table, features, cut), group)
            groups.append(PlannedGroup(group, version, statement, smuggled(group, version.definitions, clinical)))
        return BuildPlan(request, columns, tuple(groups), clinical.id.cohort if clinical else None)

    def _columns(self, request: BuildRequest) -> tuple[DatasetColumns, ClinicalConfig | None]:
        if request.dataset not in self.dataset_names:
            deployed = ", ".join(self.dataset_names)
            message = f"the dataset {request.dataset} is not deployed; there are: {deployed}"
            raise BadInputError(Reason.DATASET_UNKNOWN, message)
        every, clinical = dataset_columns(self.stack, request.dataset)
        missing = sorted(set(request.modalities or ()) - set(every.modalities))
        if missing:
            message = f"the dataset has no {', '.join(missing)}; it has: {', '.join(every.modalities)}"
            raise BadInputError(Reason.BUILD_INVALID, message)
        asked = frozenset(request.modalities) if request.modalities else None
        columns = known_by(every, request.timepoint, asked)
        if not columns.modalities:
            message = f"no group of features is known at {request.timepoint}; ask for a later timepoint"
            raise BadInputError(Reason.BUILD_INVALID, message)
        return columns, clinical

    def _version(self, group: GroupColumns) -> GroupVersion:
        version = self._named(group.spec.name)
        absent = [c.feature for c in group.columns if c.feature not in version.definitions]
        if absent:
            message = f"{group.spec.name} has no feature {', '.join(absent[:3])} yet; deploy the stack again"
            raise ConfigurationError(message)
        return version

    def _named(self, name: str) -> GroupVersion:
        version = self.catalogue.version(name)
        if version is None:
            raise ConfigurationError(f"the feature group {name} does not exist; deploy the stack again")
        return version


def _index_table(request: BuildRequest, columns: DatasetColumns, versions: Mapping[str, GroupVersion]) -> Table | None:
    if request.t0 is None:
        return None
    for group in columns.groups:
        if group.modality == request.t0.of and group.timepoint == MIN_T0[request.t0.of]:
            return versions[group.spec.name].table
    message = f"t0 is of {request.t0.of}, which is not among the groups that are joined; name another, or join it"
    raise BadInputError(Reason.BUILD_INVALID, message)


ROOM = 4_096
"""Characters for where the result goes, and for what else is in the state of a run, which may hold as many."""


def _checked(statement: str, group: GroupColumns) -> str:
    if len(json.dumps(statement)) > MAX_STATEMENT - ROOM:  # as state data its quotes are escaped
        message = f"the statement for {group.spec.name} is longer than Athena takes; divide the group's features"
        raise ConfigurationError(message)
    return statement


def plan_document(plan: BuildPlan) -> dict[str, Any]:
    """Return what is kept of a plan between the steps of a run."""
    return {
        "request": plan.request.model_dump(mode="json"),
        "groups": [
            {
                "group": g.columns.spec.name,
                "arn": g.version.arn,
                "created_at": g.version.created_at,
                "database": g.version.table.database,
                "table": g.version.table.name,
                "statement": g.statement,
                "ignored": dict(g.ignored),
            }
            for g in plan.groups
        ],
    }
