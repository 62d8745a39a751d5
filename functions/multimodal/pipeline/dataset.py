"""The check of a whole dataset file, and the feature groups that it asks for, at deploy time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ConfigDict, TypeAdapter, model_validator

from multimodal.clinical.lint import UsableConfig
from multimodal.dataset.columns import GroupColumns, dated_timepoints, group_columns
from multimodal.dataset.describe import digest, feature_texts
from multimodal.features.group import FeatureGroups, FeatureGroupSpec, FeatureType, plan_additions
from multimodal.features.scores import scores_group
from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import DatedByTimepoint
from multimodal.imaging.config import ImagingConfig, ParameterContract, load_contract
from multimodal.ledger.dataset_file import DATASETS, DatasetHeader, check_name, parse_file, stamp_of, validated
from multimodal.ledger.errors import RetryableError
from multimodal.observability import logger


class DatasetConfig(DatasetHeader):
    """A dataset. Its feature groups are a pure function of this file and of the parameter file it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    imaging: ImagingConfig | None = None
    genomics: GenomicsConfig | None = None
    clinical: UsableConfig | None = None

    @model_validator(mode="after")
    def _has_a_modality(self) -> Self:
        if self.imaging is None and self.genomics is None and self.clinical is None:
            raise ValueError("a dataset needs at least one modality: add imaging:, genomics: or clinical:")
        return self

    @model_validator(mode="after")
    def _dates_its_samples(self) -> Self:
        rule = self.genomics.event_time if self.genomics else None
        dated = dated_timepoints(self.clinical) if self.clinical else ()
        if isinstance(rule, DatedByTimepoint) and rule.timepoint not in dated:
            raise ValueError(
                f"genomics.event_time names {rule.timepoint}, which clinical.timepoints does not date by a column; "
                f"name {' or '.join(dated) or 'upload'}"
            )
        return self


PARALLEL_GROUPS = 8
"""Groups that are created or grown at the same time: each takes some ten seconds to become usable."""

_WHOLE_FILE = TypeAdapter(DatasetConfig)


def load_dataset(name: str, folder: Path = DATASETS) -> DatasetConfig:
    """Return a dataset's whole configuration.

    Raises
    ------
    ConfigurationError
        When there is no such file or it is not valid; the message names the key that is wrong.
    """
    path = folder / f"{name}.yaml"
    config = validated(path, _WHOLE_FILE, parse_file(path, stamp_of(path)))
    check_name(path, config)
    return config


@dataclass(frozen=True)
class FeatureGroupDeployer:
    """Creates groups that are missing and adds the features that existing ones lack; removes nothing, ever."""

    groups: FeatureGroups
    datasets: Callable[[str], DatasetConfig]
    contracts: Callable[[str], ParameterContract]

    def deploy(self, stack: str, dataset_names: Sequence[str]) -> list[str]:
        """Make the groups of every dataset so; return their names.

        All specifications are made and compared before the first change, so that a configuration that cannot be
        deployed changes nothing.

        Raises
        ------
        ConfigurationError
            When a configuration asks for what Feature Store cannot do.
        """
        configs = {name: self.datasets(name) for name in dataset_names}
        groups = {name: _groups_of(stack, config, self.contracts) for name, config in configs.items()}
        specs = [spec for name in dataset_names for spec in _specs_of(stack, configs[name], groups[name])]
        current = {spec.name: self.groups.definitions(spec.name) for spec in specs}
        additions = {s.name: plan_additions(s, found) for s in specs if (found := current[s.name]) is not None}
        with ThreadPoolExecutor(PARALLEL_GROUPS) as pool:
            list(pool.map(lambda spec: self._change(spec, additions.get(spec.name)), specs))
            list(pool.map(self._describe, (group for own in groups.values() for group in own)))
        return [spec.name for spec in specs]

    def _change(self, spec: FeatureGroupSpec, additions: Sequence[tuple[str, FeatureType]] | None) -> None:
        """Create a group (`additions` is None) or let it grow."""
        if additions is None:
            self.groups.create(spec)
        elif additions:
            self.groups.add(spec.name, additions)
        logger().info("feature group is as configured", group=spec.name, features=len(spec.features))

    def _describe(self, group: GroupColumns) -> None:
        """Write what the features mean; the next deployment does what a busy service prevents."""
        texts = feature_texts(group)
        try:
            changed = self.groups.describe(group.spec.name, texts, digest(texts))
        except RetryableError as error:
            logger().warning("features not described", group=group.spec.name, reason=str(error))
            return
        logger().info("features described", group=group.spec.name, changed=changed)


def _groups_of(stack: str, config: DatasetConfig, contracts: Callable[[str], ParameterContract]) -> list[GroupColumns]:
    return group_columns(stack, config.name, config.imaging, config.genomics, config.clinical, contracts)


def _specs_of(stack: str, config: DatasetConfig, groups: Sequence[GroupColumns]) -> list[FeatureGroupSpec]:
    specs = [group.spec for group in groups]
    if config.clinical is not None:
        specs.append(scores_group(stack, config.name))  # models are trained on the labels of a clinical table
    return specs


def specifications(stack: str, dataset_names: Sequence[str], folder: Path = DATASETS) -> list[FeatureGroupSpec]:
    """Return the feature groups that a deployment of these datasets makes or lets grow.

    Raises
    ------
    ConfigurationError
        When a dataset's file is not valid.
    """
    configs = (load_dataset(name, folder) for name in dataset_names)
    return [spec for each in configs for spec in _specs_of(stack, each, _groups_of(stack, each, load_contract))]
