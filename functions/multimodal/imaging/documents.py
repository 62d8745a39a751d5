"""The documents that pass between the functions and the radiomics job; `make contracts` writes their JSON schemas.

The models demand what both sides rely on. A newer job may say more.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from multimodal.features.group import Document, RunIdentity

Text = Annotated[str, StringConstraints(min_length=1)]
PositiveInt = Annotated[int, Field(ge=1)]


class Acquisition(Document):
    """How the scan was made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    manufacturer: str | None
    model: str | None
    kernel: str | None
    kvp: float | None
    contrast: str | None
    pixel_spacing_mm: Annotated[
        Annotated[list[float], Field(min_length=2, max_length=2)] | None,
        Field(description="Distance of pixels along a row (x), then along a column (y), of the acquired image"),
    ]
    slice_spacing_mm: float | None
    slice_thickness_mm: float | None


class StudyQc(Document):
    """Quality of a study that was measured."""

    status: Literal["accept", "warn"]
    warnings: list[str] = []


class RoiQc(Document):
    """Quality of a region; `refuse`: never the primary, no features."""

    status: Literal["accept", "warn", "refuse"]
    warnings: list[str]


class Roi(Document):
    """One region of interest and its features; `missing` says why a feature is null."""

    label: str | None
    source: Literal["SEG", "RTSTRUCT", "NIFTI", "NRRD"]
    source_uid: Annotated[str | None, Field(description="SOPInstanceUID, or the name of a volume file")] = None
    segment_number: int | None = None
    primary: bool
    voxels: PositiveInt
    slices: PositiveInt
    volume_ml: Annotated[float, Field(gt=0, description="Voxel count times voxel volume")]
    qc: RoiQc | None = None
    features: dict[str, float | None]
    missing: dict[str, str]


class Versions(BaseModel):
    """Versions of the job and of what it computes with."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, str]

    radiomics_job: str
    pyradiomics: str
    pydicom: str
    dcmstack: str
    nibabel: str
    numpy: str
    SimpleITK: str


class Files(Document):
    """Numbers of the files that were read."""

    dicom: int
    volumes: Annotated[int, Field(description="NIfTI and NRRD files")] = 0
    ignored: int


class Formats(Document):
    """What image and mask were read from, and who says what the units and the orientation are."""

    image: str
    mask: str
    units_and_orientation: Literal["DICOM", "file header only"]


class Provenance(Document):
    """From what, with which settings and by which programs the features were computed."""

    input_hash: Annotated[str, StringConstraints(min_length=16)]
    params: str
    params_hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    versions: Versions
    files: Files
    formats: Formats | None = None


class Suv(Document):
    """How a PET became SUV."""

    rule: Annotated[str, Field(description="Units and decay correction, such as BQML_START")]
    radiopharmaceutical: str | None
    injected_dose_mbq: float | None = None
    uptake_minutes: float | None = None


class PetRejection(Document):
    """Why the PET beside a CT has no features."""

    reason_code: Annotated[str, StringConstraints(pattern="^[A-Z][A-Z_]{2,40}$")]
    message: str
    details: dict[str, Any]


class MeasuredImage(Document):
    """One image that the radiomics job measured: the CT or the PET of a study."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    subject: Text
    modality: Annotated[Literal["CT", "PT"], Field(description="PT: a PET alone, without a region on a CT")] = "CT"
    study_uid: str | None
    series_uid: Annotated[str | None, Field(description="CT series that was measured")]
    acquired_at: Annotated[
        Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")] | None,
        Field(description="Acquisition time of the CT. DICOM times rarely carry a zone; those are written as if UTC."),
    ]
    acquired_at_source: str | None
    run: RunIdentity
    rois: Annotated[list[Roi], Field(min_length=1)]
    acquisition: Acquisition
    qc: StudyQc
    provenance: Provenance
    suv: Suv | None = None


class Artifact(Document):
    """One file of a result."""

    name: Text
    size: Annotated[int, Field(alias="bytes", ge=0)]
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class FeaturesDocument(MeasuredImage):
    """features.json: what the radiomics job measured in one study."""

    artifacts: Annotated[list[Artifact], Field(description="The other files of the result")] = []
    pet: Annotated[MeasuredImage | None, Field(description="The PET of the same study")] = None
    pet_rejection: PetRejection | None = None


class RejectionDocument(Document):
    """rejection.json: why a study has no features."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    subject: str
    run: RunIdentity
    reason_code: Annotated[str, StringConstraints(pattern="^[A-Z][A-Z_]{2,40}$")]
    message: Annotated[str, Field(min_length=10, description="What is wrong and what to do about it")]
    details: dict[str, Any]


class JobUnit(Document):
    """One study of a processing job."""

    unit_id: str
    correlation_id: Annotated[
        str | None, Field(description="Names the study in the job's log instead of its subject")
    ] = None
    dataset: str
    subject: str
    study: str
    path: Annotated[str, Field(description="Folder or .zip, relative to the input folder")]
    content_version: str
    surgery_date: Annotated[
        Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None,
        Field(description="When the tumour was resected, where known; on the (perhaps shifted) calendar of the scan"),
    ] = None


class RoiRule(Document):
    """Which region of a dataset's studies is measured."""

    label: str | None
    property_code: str | None
    object: str | None = None
    label_names: dict[int, str] = {}
    policy: Literal["single", "union", "each", "largest"]


class JobDataset(Document):
    """The imaging section of a dataset, as far as the job needs it."""

    params: str
    roi: RoiRule
    pet: Annotated[str | None, Field(description="Parameter file for PET images; null leaves them alone")] = None


class JobDocument(Document):
    """job.json: the units of one processing job."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    job_id: Annotated[str, StringConstraints(pattern="^img-[0-9a-f]{12}$")]
    run_id: Text
    image: str
    units: Annotated[list[JobUnit], Field(min_length=1)]
    datasets: dict[str, JobDataset]
