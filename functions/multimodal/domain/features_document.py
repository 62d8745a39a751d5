"""``features.json`` as the radiomics job writes it (``contracts/features.schema.json``), checked on reading."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multimodal.domain.errors import BadInputError
from multimodal.domain.reasons import Reason


class _Open(BaseModel):
    """A newer job may say more; what is read here must be right."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Roi(_Open):
    label: str | None
    source: str
    primary: bool
    voxels: int
    slices: int
    volume_ml: float
    features: dict[str, float | int | None]


class _Acquisition(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    manufacturer: str | None
    model: str | None
    kernel: str | None
    kvp: float | int | None
    contrast: str | None
    pixel_spacing_mm: Annotated[list[float | int], Field(min_length=2, max_length=2)] | None
    slice_spacing_mm: float | int | None
    slice_thickness_mm: float | int | None


class _Provenance(_Open):
    params_hash: str
    input_hash: str
    versions: dict[str, str]


class FeaturesDocument(_Open):
    """The parts of ``features.json`` that the record is made from."""

    acquired_at: str | None
    rois: list[_Roi]
    acquisition: _Acquisition
    qc: dict[str, Any]
    provenance: _Provenance

    @classmethod
    def parse(cls, text: str | None) -> Mapping[str, Any]:
        """Return the parsed document.

        Raises
        ------
        BadInputError
            ``FEATURES_INVALID``, naming the first field that is wrong.
        """
        return parse_document(cls, text, "features.json")


def parse_document(model: type[BaseModel], text: str | None, name: str) -> Mapping[str, Any]:
    """Return a parsed document of which ``model`` names what must be right.

    Raises
    ------
    BadInputError
        ``FEATURES_INVALID``, naming the first field that is wrong.
    """
    try:
        document = json.loads(text or "")
        model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} is not valid at {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} is not JSON") from error
    return dict(document)
