"""``run.json`` and the panel's values into a Feature Store record."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from multimodal.features.group import (
    parse_document,
)

Number = float | int | None


class _Open(BaseModel):
    """A newer job may say more; what is read here must be right."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Assay(_Open):
    engine: Literal["salmon", "dragen"]
    engine_version: str
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]
    genome: str
    annotation: str
    unit: Annotated[str, Field(pattern="^TPM$")]


class _Files(_Open):
    genes: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Library(_Open):
    declared: str
    detected: str | None
    compatible_fragment_ratio: Number
    conflict: bool


class _Metrics(_Open):
    total_reads: int | None
    mapped_percent: Number


class _Provenance(_Open):
    input_hash: str
    rnaseq_job_version: str


class RunDocument(_Open):
    """The parts of ``run.json`` that the record is made from."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    subject: str
    assay: _Assay
    files: _Files
    library: _Library
    metrics: _Metrics
    provenance: _Provenance

    @classmethod
    def parse(cls, text: str | None) -> Mapping[str, Any]:
        """Return the parsed document.

        Raises
        ------
        BadInputError
            ``FEATURES_INVALID``, naming the first field that is wrong.
        """
        return parse_document(cls, text, "run.json")
