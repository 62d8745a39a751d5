"""What a dataset's configuration file says (``functions/datasets/<name>.yaml``)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from multimodal.clinical.lint import UsableConfig
from multimodal.genomics.config import GenomicsConfig
from multimodal.imaging.config import ImagingConfig
from multimodal.ledger.dataset_file import StrictModel


class DatasetConfig(StrictModel):
    """A dataset. Its feature groups are a pure function of this file and of the parameter file it names."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    description: str = ""
    imaging: ImagingConfig | None = None
    genomics: GenomicsConfig | None = None
    clinical: UsableConfig | None = None

    @model_validator(mode="after")
    def _has_a_modality(self) -> Self:
        if self.imaging is None and self.genomics is None and self.clinical is None:
            raise ValueError("a dataset needs at least one modality: add imaging:, genomics: or clinical:")
        return self
