"""The image of a study that is measured, and its regions with their verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from numpy.typing import NDArray

from radiomics_job.dicom.acquisition import acquired_at, acquired_on
from radiomics_job.dicom.series import SliceStack
from radiomics_job.dicom.suv import SuvScale
from radiomics_job.errors import Detail
from radiomics_job.geometry.grid import Intensity
from radiomics_job.measurement import MeasuredRoi, PlacedRegion, measure_region
from radiomics_job.parameters import Params
from radiomics_job.quality.checks import check_limits, describe_image, look_like_hounsfield, refusal
from radiomics_job.roi.pairing import Pairing
from radiomics_job.volumes.volume import Volume


@dataclass(frozen=True, eq=False)
class StudyImage:
    """The image that was measured: a CT, or a PET."""

    stack: SliceStack
    """Its slices and grid."""
    volume: NDArray[Intensity]
    """Hounsfield units or SUV; shape (columns, rows, slices)."""
    pairing: Pairing
    """Why this series was taken."""
    candidates: int
    """Series of this kind in the study."""
    surgery_date: date | None = None
    """Where the job description knows."""
    unusable: int = 0
    """CT objects that were set aside: screen saves and other images without place or scale."""
    patient_differs: bool = False
    """The files' PatientID is not the subject."""
    volume_file: Volume | None = None
    """The NIfTI or NRRD file that it comes from; None for DICOM."""
    suv: SuvScale | None = None
    """How a PET became SUV; None for a CT."""

    @property
    def modality(self) -> str:
        """`CT` or `PT`."""
        return "CT" if self.suv is None else "PT"

    @cached_property
    def acquired(self) -> tuple[str | None, str | None]:
        """Acquisition time and the attribute that it came from."""
        return acquired_at(ct.dataset for ct in self.stack.slices)

    @cached_property
    def numbers(self) -> dict[str, Detail]:
        """The quality numbers of the CT itself."""
        beside: dict[str, Detail] = {
            "ct_images_unusable": self.unusable,
            "patient_id_differs": self.patient_differs,
        }
        if self.volume_file is not None:
            beside |= {**self.volume_file.facts, "values_look_like_hu": look_like_hounsfield(self.volume)}
        if self.suv is not None:
            usual = self.suv.usual_uptake_minutes
            beside |= {
                "uptake_minutes": self.suv.facts.get("uptake_minutes"),
                "uptake_usual_minutes": [*usual] if usual else None,
            }
        return describe_image(self.stack, self.volume) | beside

    @cached_property
    def days_to_surgery(self) -> int | None:
        """Whole days from the CT to surgery, negative for a later CT; None where either date is unknown."""
        if self.surgery_date is None:
            return None
        scanned = acquired_on(ct.dataset for ct in self.stack.slices)
        return None if scanned is None else (self.surgery_date - scanned).days

    def measure(self, regions: Sequence[PlacedRegion], params: Params) -> list[MeasuredRoi]:
        """Measure regions and hold their numbers against the parameter file's limits; the primary one comes first.

        Raises
        ------
        StudyRejectedError
            `QC_REFUSED` when the primary region passes a limit that refuses; as `measure_region`.
        """
        rois = [self._measure(region, params) for region in regions]
        refused = refusal(rois[0].findings)
        if refused is not None:
            raise refused
        return rois

    def _measure(self, region: PlacedRegion, params: Params) -> MeasuredRoi:
        roi = measure_region(region, self.volume, self.stack, params)
        return roi.with_findings(check_limits(self.numbers, roi.numbers, self.pairing, self.days_to_surgery, params.qc))
