"""The imaging section of a dataset file, and what the radiomics parameter file that it names yields."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from multimodal.ledger.dataset_file import Pattern, StrictModel, load_sections, require_section
from multimodal.ledger.errors import ConfigurationError

CONTRACTS = Path(__file__).resolve().parents[1] / "contracts" / "imaging_features"


class RoiChoice(StrictModel):
    """Which region of interest of a study is measured.

    `label` and `property_code` are regular expressions searched in a segment's label and in its coded property
    (`scheme:value:meaning`); `object` is searched in what tells several readers' objects apart: SeriesDescription,
    ContentCreatorName, SeriesInstanceUID and SOPInstanceUID, or the name of a NIfTI or NRRD mask. A study with a lone
    drawn region needs none. `label_names` gives the values of a label map without a table their labels.
    """

    label: Pattern = None
    property_code: Pattern = None
    object: Pattern = None
    label_names: dict[Annotated[int, Field(ge=1, le=65535)], Annotated[str, Field(min_length=1, max_length=64)]] = {}
    policy: Literal["single", "union", "each", "largest"] = "single"


ParamsName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class PetConfig(StrictModel):
    """PET images of the same studies: their parameter file and the version of their own feature group."""

    params: ParamsName = "pet"
    group_version: Annotated[int, Field(ge=1)] = 1


class ImagingConfig(StrictModel):
    """Imaging section: the radiomics parameter file by name, the ROI choice and the version of the feature group.

    With `pet` (`pet: {}` will do) the PET images of a study are measured too. With `shifted_calendar` scans may be
    dated in the future: the calendar was shifted to hide the true dates.
    """

    params: ParamsName
    group_version: Annotated[int, Field(ge=1)] = 1
    roi: RoiChoice = RoiChoice()
    pet: PetConfig | None = None
    shifted_calendar: bool = False


_SECTION = TypeAdapter(ImagingConfig)


def imaging_config(dataset: str) -> ImagingConfig:
    """Return the imaging section of a dataset's file; `ConfigurationError` when it has none or it is not valid."""
    return require_section(dataset, "imaging", _SECTION)


def imaging_datasets(names: Iterable[str]) -> frozenset[str]:
    """Return those of the deployed datasets that have an imaging section."""
    return frozenset(load_sections(names, "imaging", _SECTION))


@dataclass(frozen=True)
class ParameterContract:
    """What a radiomics parameter file yields: the features it yields and the hash of its settings.

    The files under `contracts/imaging_features/` are written by `make contracts` from the container's parameter
    files; a contract test keeps both equal.
    """

    name: str
    params_hash: str
    features: tuple[str, ...]


def load_contract(params: str) -> ParameterContract:
    """Return what the radiomics parameter file `params` yields.

    Raises
    ------
    ConfigurationError
        When the contract file is missing.
    """
    try:
        document = json.loads((CONTRACTS / f"{params}.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        message = f"there is no contract for the parameter file {params!r}; make it with: make contracts"
        raise ConfigurationError(message) from error
    return ParameterContract(document["params"], document["params_hash"], tuple(document["features"]))
