"""What a dataset's configuration file says (``functions/datasets/<name>.yaml``)."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from multimodal.domain.clinical.config import ClinicalConfig
from multimodal.domain.patterns import Pattern


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RoiChoice(_Strict):
    """Which region of interest of a study is measured.

    ``label`` and ``property_code`` are regular expressions searched in a segment's label and in its coded property
    (``scheme:value:meaning``). A study with a lone region needs neither.
    """

    label: Pattern = None
    property_code: Pattern = None
    policy: Literal["single", "union", "each", "largest"] = "single"


class ImagingConfig(_Strict):
    """Imaging part: the radiomics parameter file by name, the ROI choice and the version of the feature group."""

    params: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    group_version: Annotated[int, Field(ge=1)] = 1
    roi: RoiChoice = RoiChoice()


LibraryType = Literal["A", "IU", "ISR", "ISF", "U", "SR", "SF"]
"""Salmon's and DRAGEN's names; ``A`` lets the engine detect it."""
Gene = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


class GenomicsConfig(_Strict):
    """RNA-seq part: which reference quantifies the reads and which genes become features.

    Parameters
    ----------
    reference : str
        Name of a reference under ``genomics/_references/``.
    library_type : str
        Where the sample sheet does not say more.
    panel : list of str
        Gene symbols, or gene ids exactly as the annotation writes them.
    """

    group_version: Annotated[int, Field(ge=1)] = 1
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]
    library_type: LibraryType = "A"
    panel: Annotated[list[Gene], Field(min_length=1)]


class DatasetConfig(_Strict):
    """A dataset. Its feature groups are a pure function of this file and of the parameter file it names."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    description: str = ""
    imaging: ImagingConfig | None = None
    genomics: GenomicsConfig | None = None
    clinical: ClinicalConfig | None = None

    @model_validator(mode="after")
    def _has_a_modality(self) -> Self:
        if self.imaging is None and self.genomics is None and self.clinical is None:
            raise ValueError("a dataset needs at least one modality: add imaging:, genomics: or clinical:")
        return self
