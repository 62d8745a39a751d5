"""Feature groups as the configuration asks for, at deploy time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from multimodal.clinical.schema import clinical_groups
from multimodal.features.group import FeatureGroups, FeatureGroupSpec, plan_change
from multimodal.genomics.schema import rna_group
from multimodal.imaging.config import ParameterContract
from multimodal.imaging.records import imaging_group
from multimodal.observability import logger
from multimodal.pipeline.dataset import DatasetConfig


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
        specs = [spec for name in dataset_names for spec in self._specs(stack, name)]
        current = {spec.name: self.groups.definitions(spec.name) for spec in specs}
        changes = [(spec, None if (now := current[spec.name]) is None else plan_change(spec, now)) for spec in specs]
        for spec, change in changes:
            if change is None:
                self.groups.create(spec)
            elif change.additions:
                self.groups.add(spec.name, change.additions)
            logger().info("feature group is as configured", group=spec.name, features=len(spec.features))
        return [spec.name for spec in specs]

    def _specs(self, stack: str, dataset: str) -> list[FeatureGroupSpec]:
        config = self.datasets(dataset)
        specs = []
        if config.imaging is not None:
            specs.append(imaging_group(stack, dataset, config.imaging, self.contracts(config.imaging.params)))
        if config.genomics is not None:
            specs.append(rna_group(stack, dataset, config.genomics))
        if config.clinical is not None:
            specs.extend(clinical_groups(stack, dataset, config.clinical))
        return specs
