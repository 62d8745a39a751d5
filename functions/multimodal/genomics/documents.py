"""`run.json`, as the RNA-seq job writes it and functions read it; `make contracts` writes its JSON schema.

The models demand what both sides rely on. A newer job may say more.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from multimodal.features.group import Document, RunIdentity

Count = Annotated[int, Field(ge=0)]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]


class Assay(Document):
    """What makes values comparable: one feature-group version holds one assay."""

    engine: Literal["salmon", "dragen"]
    engine_version: Annotated[str, StringConstraints(min_length=1)]
    reference: Name
    genome: str
    annotation: str
    unit: Literal["TPM"]
    library_type: str | None = None


class Files(BaseModel):
    """Names of the files beside this one."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, FileName]

    transcripts: FileName
    genes: FileName
    metrics: FileName


class Library(Document):
    """The library type that was declared and the one that the reads show."""

    declared: str
    detected: str | None
    compatible_fragment_ratio: Annotated[float, Field(ge=0, le=1)] | None
    conflict: bool
    warnings: list[str]


class Reads(Document):
    """What was read; `pairs` or `reads`, as the library is paired or single-end."""

    pairs: Count = 0
    reads: Count = 0
    lanes: Annotated[int, Field(ge=1)]
    bytes: Count
    without_mate: Count = 0


class MappedReads(Document):
    """How many fragments belong to a transcript."""

    total_reads: Count | None
    mapped_reads: Count | None
    mapped_percent: Annotated[float, Field(ge=0, le=100)] | None


Percent = Annotated[float, Field(ge=0, le=100)]


class ReadLength(Document):
    """Bases of the reads, before trimming."""

    shortest: Count
    mean: Annotated[float, Field(ge=0)]
    longest: Count


class Quality(Document):
    """What a person looks at; percentages are null where they cannot be known (no such gene, no k, no strand)."""

    read_length: ReadLength
    shorter_than_k_percent: Percent | None
    forward_percent: Percent | None
    genes_detected: Count
    mitochondrial_percent: Percent | None
    ribosomal_percent: Percent | None
    warnings: list[str]


class Provenance(Document):
    """From what, and by which program, the values were computed."""

    input_hash: Annotated[str, StringConstraints(min_length=16)]
    rnaseq_job_version: str
    command: list[str] = []


class RunDocument(Document):
    """run.json: what the RNA-seq job measured in one case."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    subject: Name
    run: RunIdentity
    assay: Assay
    files: Files
    library: Library
    reads: Reads
    metrics: MappedReads
    qc: Quality | None = None
    provenance: Provenance
