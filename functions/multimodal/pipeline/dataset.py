"""The check of a whole dataset file, for deployment and for drafts: all sections at once, and no unknown one."""

from pathlib import Path
from typing import Self

from pydantic import ConfigDict, TypeAdapter, model_validator

from multimodal.clinical.lint import UsableConfig
from multimodal.genomics.config import GenomicsConfig
from multimodal.imaging.config import ImagingConfig
from multimodal.ledger.dataset_file import DATASETS, DatasetHeader, check_name, parse_file, stamp_of, validated


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
