"""PET beside CT: SUV by the standard's rules or the attribute in the way; regions on its grid; their own document."""

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import UID

from local.synthetic.dicom import item, set_pixels
from radiomics_job.cli import main
from radiomics_job.dicom.reading import read_study
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.dicom.suv import suv_scale
from radiomics_job.errors import InvalidJobError, StudyRejectedError
from radiomics_job.job import of_modality
from radiomics_job.limits import Limits
from radiomics_job.parameters import load_params
from radiomics_job.pet.series import pet_series, stack_suv
from tests.builders.dicom import CORONAL, Scan, save, save_ct, save_study, segmentation, tumour, uid
from tests.builders.pet import F18_SECONDS, GRID, Pet, pet_slice, save_pet, segmentation_on_pet, uptake
from tests.unit.radiomics.support import Result, run_study

CT = Scan(columns=36, rows=32, slices=14, spacing=(1.3, 1.4), step=2.8)
_CT_PARAMS, PET = load_params("ct"), load_params("pet")
QUICK = replace(_CT_PARAMS, extraction=replace(_CT_PARAMS.extraction, classes=("firstorder",)))


def run(tmp_path: Path) -> Result:
    return run_study(tmp_path / "in", tmp_path / "out", QUICK, pet=PET)


def suv_of(folder: Path, pet: Pet) -> tuple[str, float, Any]:
    """The rule, the largest error of SUV relative to the truth, and the facts."""
    files = read_study(read_source(save_pet(folder, pet), Limits(), SourceCounts()), Limits())
    (series,) = pet_series(files, Limits())
    scale = suv_scale(series.slices)
    _, volume = stack_suv(series, scale, Limits(), PET.geometry)
    truth = np.stack([uptake(pet.scan.points(k)).T for k in range(pet.scan.slices)], axis=-1)
    return scale.rule, float(np.abs(volume / truth - 1).max()), scale.facts


def tracer(**values: Any) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, k: int) -> None:
        for keyword, value in values.items():
            setattr(dataset.RadiopharmaceuticalInformationSequence[0], keyword, value)

    return change


def image(**values: Any) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, k: int) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def ge_scan_start(dataset: Dataset, k: int) -> None:
    dataset.SeriesTime = "235900"
    dataset.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20200103100000.00")


def philips(offset: int, factor: float, creator: str = "Philips PET Private Group") -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, k: int) -> None:
        dataset.private_block(0x7053, creator, create=True).add_new(offset, "DS", f"{factor:.10g}")
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) / factor:.12g}"  # counts

    return change


def frame_times(dataset: Dataset, k: int) -> None:
    """A series made anew later: each bed position refers to the scan start by its FrameReferenceTime."""
    dataset.SeriesTime = "180000"
    begun, duration = (k // 4) * 60.0, 120.0
    decayed = np.log(2) / F18_SECONDS * duration
    mean = F18_SECONDS / np.log(2) * np.log(decayed / (1 - np.exp(-decayed)))
    dataset.FrameReferenceTime, dataset.ActualFrameDuration = f"{(begun + mean) * 1000:.10g}", str(int(duration * 1000))


def first_slice_in_whole_units(dataset: Dataset, k: int) -> None:
    """The first slice has a slope of 1 (findings/simpleitk_pet_takes_the_type_of_its_first_slice.sh)."""
    if k == 0:
        stored = dataset.pixel_array * float(dataset.RescaleSlope)
        dataset.RescaleSlope = 1
        set_pixels(dataset, np.rint(stored).astype(np.uint16))


def over_midnight(dataset: Dataset, k: int) -> None:
    dataset.SeriesTime, dataset.AcquisitionTime = "002000", f"00{20 + k // 4}00"
    dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = "232000"


def stale_date_time(dataset: Dataset, k: int) -> None:
    """De-identification moved the study's dates and forgot this one."""
    dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20140611090000"


def told_in_another_zone(dataset: Dataset, k: int) -> None:
    """The injection in UTC, all else by the scanner's clock; both zones are stated."""
    dataset.TimezoneOffsetFromUTC = "+0530"
    injection = dataset.RadiopharmaceuticalInformationSequence[0]
    del injection.RadiopharmaceuticalStartTime
    injection.RadiopharmaceuticalStartDateTime = "20200103033000.00+0000"


ZIRCONIUM = {
    "RadionuclideHalfLife": 282276.0,
    "RadiopharmaceuticalStartDateTime": "20200101100000",
    "RadiopharmaceuticalStartTime": "100000",
}


def nuclide(code: str) -> list[Dataset]:
    return [item(CodeValue=code, CodingSchemeDesignator="SCT", CodeMeaning="of the tracer")]


@pytest.mark.parametrize(
    ("pet", "rule"),
    [
        (Pet(), "BQML_START"),
        (Pet(correction="ADMIN"), "BQML_ADMIN"),
        (Pet(units="GML"), "GML"),
        (Pet(units="GML", change=image(CorrectedImage="ATTN")), "GML"),
        (Pet(change=tracer(RadiopharmaceuticalStartDateTime="20200103090000.000000")), "BQML_START"),
        (Pet(change=tracer(RadionuclideHalfLife="6588", RadionuclideCodeSequence=nuclide("77004003"))), "BQML_START"),
        (Pet(change=first_slice_in_whole_units), "BQML_START"),
        (Pet(change=over_midnight), "BQML_START"),
        (Pet(change=stale_date_time), "BQML_START"),
        (Pet(change=told_in_another_zone), "BQML_START"),
        (Pet(change=ge_scan_start), "BQML_START"),
        (Pet(change=frame_times), "BQML_START"),
        (Pet(units="CNTS", change=philips(0x09, 3.7)), "PHILIPS_START"),
        (Pet(half_life=282276.0, uptake_seconds=2 * 86400.0, change=tracer(**ZIRCONIUM)), "BQML_START"),
    ],
)  # fmt: skip
def test_suv_is_the_truth_by_the_standards_rules(tmp_path: Path, pet: Pet, rule: str) -> None:
    found, error, facts = suv_of(tmp_path / "in", pet)
    assert (found, facts["radiopharmaceutical"]) == (rule, "FDG")
    assert error < 1e-3  # stored values are 16-bit
    if rule.endswith("START"):
        assert facts["uptake_minutes"] == pytest.approx(pet.uptake_seconds / 60, abs=0.01)


def test_philips_own_suv_factor_counts_first(tmp_path: Path) -> None:
    activity, factor = Pet().factor, 0.0031

    def counts(dataset: Dataset, k: int) -> None:
        philips(0x09, 3.7)(dataset, k)
        block = dataset.private_block(0x7053, "Philips PET Private Group")
        block.add_new(0x00, "DS", str(factor))
        dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * 3.7 / activity / factor:.12g}"

    found, error, _ = suv_of(tmp_path / "in", Pet(units="CNTS", change=counts))
    assert found == "PHILIPS_SUV"
    assert error < 1e-3


def later(**values: Any) -> Callable[[Dataset, int], None]:
    """Return a change of all images but the first: what images of one series contradict each other in."""
    change = image(**values)
    return lambda dataset, k: change(dataset, k) if k else None


@pytest.mark.parametrize(
    ("pet", "attribute"),
    [
        (Pet(change=image(PatientWeight="0")), "PatientWeight"),
        (Pet(change=image(PatientWeight=None)), "PatientWeight"),
        (Pet(change=image(PatientWeight="70000")), "PatientWeight"),
        (Pet(change=image(Units="PROPCNTS")), "Units"),
        (Pet(change=image(Units="CNTS")), "Units"),
        (Pet(change=lambda dataset, k: setattr(dataset, "Units", "BQML" if k else "GML")), "Units"),
        (Pet(units="GML", change=image(SUVType="LBM")), "SUVType"),
        (Pet(correction="NONE"), "DecayCorrection"),
        (Pet(change=image(CorrectedImage=["DECY"])), "CorrectedImage"),
        (Pet(change=image(CorrectedImage=["ATTN"])), "CorrectedImage"),
        (Pet(change=image(RadiopharmaceuticalInformationSequence=[])), "RadiopharmaceuticalInformationSequence"),
        (Pet(change=tracer(RadionuclideTotalDose="370")), "RadionuclideTotalDose"),
        (Pet(change=tracer(RadionuclideTotalDose=None)), "RadionuclideTotalDose"),
        (Pet(change=tracer(RadionuclideHalfLife="-6586")), "RadionuclideHalfLife"),
        (Pet(change=tracer(RadionuclideHalfLife="109.77")), "RadionuclideHalfLife"),
        (Pet(change=tracer(RadionuclideHalfLife="1.8295")), "RadionuclideHalfLife"),
        (Pet(change=tracer(RadionuclideHalfLife="6586200")), "RadionuclideHalfLife"),
        (Pet(change=tracer(RadionuclideCodeSequence=nuclide("C-131A3"))), "RadionuclideHalfLife"),
        (Pet(change=tracer(RadiopharmaceuticalStartDateTime="20200103053000")), "RadiopharmaceuticalStartDateTime"),
        (Pet(correction="NONE", change=image(CorrectedImage=["ATTN"])), "DecayCorrection"),
        (Pet(change=tracer(RadiopharmaceuticalStartTime="")), "RadiopharmaceuticalStartTime"),
        (Pet(change=tracer(RadiopharmaceuticalStartTime="2500")), "RadiopharmaceuticalStartTime"),
        (Pet(change=tracer(RadiopharmaceuticalStartTime="100500")), "RadiopharmaceuticalStartTime"),
        (Pet(half_life=282276.0), "RadiopharmaceuticalStartTime"),
        (Pet(change=image(SeriesTime="180000")), "SeriesTime"),
        (Pet(change=image(AcquisitionTime="")), "AcquisitionTime"),
        (Pet(change=image(AcquisitionDate="")), "AcquisitionDate"),
        (Pet(change=image(RescaleSlope=0)), "RescaleSlope"),
        (Pet(units="GML", change=image(CorrectedImage=["DECY"])), "CorrectedImage"),
        (Pet(change=later(PatientWeight="80")), "PatientWeight"),
        (Pet(change=later(SeriesTime="090000")), "SeriesTime"),
        (Pet(change=later(CorrectedImage=["ATTN"])), "CorrectedImage"),
        (Pet(units="CNTS", change=philips(0x09, 3.7, "Another Vendor")), "Units"),
    ],
)  # fmt: skip
def test_what_suv_lacks_is_named(tmp_path: Path, pet: Pet, attribute: str) -> None:
    with pytest.raises(StudyRejectedError) as caught:
        suv_of(tmp_path / "in", pet)
    assert (str(caught.value.code), caught.value.details) == ("SUV_NOT_POSSIBLE", {"attribute": attribute})


def _mask_truth(result: Result, name: str) -> None:
    mask, affine = result.volume(name)
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in mask.shape), indexing="ij"), axis=-1)
    places = (indices @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1]
    suv, _ = result.volume("pet.nii.gz")
    assert np.abs(suv / uptake(places) - 1).max() < 1e-3
    wrong = (mask == 1) ^ tumour(places)
    near = np.zeros_like(wrong)
    for axis, reach in enumerate((0.7, 0.7, 1.4)):  # half a CT voxel
        for sign in (-reach, reach):
            step = np.zeros(3)
            step[axis] = sign
            near |= tumour(places + step) != tumour(places)
    assert not (wrong & ~near).any()


def test_a_region_of_the_ct_is_measured_on_the_pet_too(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet")
    result = run(tmp_path)
    assert result.status == "accept"
    assert result.files >= {"ct.nii.gz", "seg.nii.gz", "overlay.png", "pet.nii.gz", "pet_seg.nii.gz", "pet_overlay.png"}
    result.assert_right_in_patient_space()
    _mask_truth(result, "pet_seg.nii.gz")
    features, pet = result.features, result.features["pet"]
    assert (features["modality"], pet["modality"]) == ("CT", "PT")
    assert (pet["provenance"]["params"], pet["series_uid"]) == ("pet", GRID.series_uid)
    assert pet["suv"] == {
        "rule": "BQML_START",
        "radiopharmaceutical": "FDG",
        "injected_dose_mbq": 370.0,
        "uptake_minutes": 60.0,
    }
    inside = result.volume("pet.nii.gz")[0][result.volume("pet_seg.nii.gz")[0] == 1]
    assert pet["rois"][0]["features"]["original_firstorder_Mean"] == pytest.approx(inside.mean(), rel=1e-5)
    assert pet["acquired_at"] == "2020-01-03T10:00:00Z"
    assert (result.qc["pet"]["placement"], result.qc["pet"]["mask_outside_body_fraction"]) == ("from_ct", None)
    assert 0 < result.qc["pet"]["sampled_from_ct_mm"] < 2.0
    picture = np.asarray(Image.open(result.folder / "pet_overlay.png").convert("L"))
    assert picture.shape[0] > 100


def test_suv_that_no_patient_has_is_told(tmp_path: Path) -> None:
    tenfold = Pet(change=tracer(RadionuclideTotalDose="3.7e6"))
    save_pet(save_study(tmp_path / "in", CT) / "pet", tenfold)
    result = run(tmp_path)
    assert "SUV_RANGE" in result.qc["pet"]["warnings"]
    assert result.qc["pet"]["suv_max"] > 500


@pytest.mark.parametrize(("injected", "minutes"), [("095500", 5.0), ("031000", 410.0)])
def test_an_uptake_time_that_no_protocol_has_is_told(tmp_path: Path, injected: str, minutes: float) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet", Pet(change=tracer(RadiopharmaceuticalStartTime=injected)))
    pet = run(tmp_path).qc["pet"]
    assert "UPTAKE_TIME" in pet["warnings"]
    assert (pet["uptake_minutes"], pet["uptake_usual_minutes"]) == (minutes, [10, 240])


def test_without_a_parameter_file_the_pet_is_left_alone(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet")
    plain = run_study(tmp_path / "in", tmp_path / "out", QUICK)
    assert "pet" not in plain.features
    assert not {name for name in plain.files if name.startswith("pet")}


def test_a_region_drawn_on_the_pet_counts_before_the_cts(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", CT)
    save_pet(tmp_path / "in" / "pet")
    save(segmentation_on_pet(), tmp_path / "in" / "seg_pet")
    alone = run(tmp_path)  # nothing was drawn on the CT
    assert alone.features["modality"] == "PT"
    assert (alone.qc["placement"], alone.qc["pairing"]["method"]) == ("frames", "referenced_series")
    mask, _ = alone.volume("pet_seg.nii.gz")
    assert np.count_nonzero(mask) == GRID.mask().sum()
    assert "ct.nii.gz" not in alone.files


def test_what_the_pet_lacks_is_told_when_the_region_was_drawn_on_it(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", CT)
    save_pet(tmp_path / "in" / "pet", Pet(change=image(PatientWeight="0")))
    save(segmentation_on_pet(), tmp_path / "in" / "seg_pet")
    assert run(tmp_path).rejection["details"] == {"attribute": "PatientWeight"}


@pytest.mark.parametrize("keyword", ["Units", "CorrectedImage"])
def test_damage_of_a_pet_leaves_the_ct_beside_it_alone(tmp_path: Path, keyword: str) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet")
    file = tmp_path / "in" / "pet" / "pt003"
    tag, vr = pydicom.dcmread(file)[keyword].tag, pydicom.dcmread(file)[keyword].VR.encode()
    head = struct.pack("<HH", tag.group, tag.element)
    file.write_bytes(file.read_bytes().replace(head + vr, head + b"\x55\xb8"))
    result = run(tmp_path)
    assert result.features["pet_rejection"]["reason_code"] in {"SUV_NOT_POSSIBLE", "UNREADABLE_DICOM"}


def test_what_an_image_is_may_stand_in_its_file_meta_information_alone(tmp_path: Path) -> None:
    def silent(dataset: Dataset, k: int) -> None:
        if k == 3:
            del dataset.SOPClassUID

    save_pet(tmp_path / "in", Pet(change=silent))
    save(segmentation_on_pet(), tmp_path / "in" / "seg")
    assert run(tmp_path).qc["ct_slices"] == GRID.slices


def test_a_pet_study_needs_no_ct(tmp_path: Path) -> None:
    save_pet(tmp_path / "in" / "pet")
    assert run(tmp_path).status == "NO_SEGMENTATION"
    save(segmentation_on_pet(), tmp_path / "in" / "seg_pet")
    result = run(tmp_path)
    assert result.features["modality"] == "PT"
    assert result.features["rois"][0]["voxels"] == GRID.mask().sum()


def test_a_pet_that_cannot_be_measured_is_told_beside_the_ct(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet", Pet(change=image(PatientWeight="0")))
    result = run(tmp_path)
    assert (result.status, result.qc["warnings"]) == ("warn", ["PET_NOT_MEASURED"])
    assert result.features["pet_rejection"]["reason_code"] == "SUV_NOT_POSSIBLE"
    assert result.qc["pet_rejection"]["details"] == {"attribute": "PatientWeight"}
    assert "pet.nii.gz" not in result.files


MULTI_FRAME = ("1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1")


def save_enhanced_pet(folder: Path, kind: str) -> None:
    """Write a multi-frame PET; its functional groups play no part here."""
    dataset = pet_slice(Pet(scan=replace(GRID, name="enhanced")), 0)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(kind)
    save(dataset, folder / "enhanced")


@pytest.mark.parametrize("kind", MULTI_FRAME)
def test_a_multi_frame_pet_is_told_and_not_passed_over(tmp_path: Path, kind: str) -> None:
    save_enhanced_pet(save_study(tmp_path / "in", CT) / "pet", kind)
    result = run(tmp_path)
    assert (result.status, result.qc["warnings"]) == ("warn", ["PET_NOT_MEASURED"])
    told = result.features["pet_rejection"]
    assert (told["reason_code"], UID(kind).name in told["message"]) == ("UNSUPPORTED_DICOM", True)
    assert run_study(tmp_path / "in", tmp_path / "plain", QUICK).status == "accept"
    save_pet(tmp_path / "in" / "single")
    assert run(tmp_path).features["pet"]["series_uid"] == GRID.series_uid


def test_a_multi_frame_pet_alone_is_refused_by_its_name(tmp_path: Path) -> None:
    save_enhanced_pet(tmp_path / "in" / "pet", MULTI_FRAME[0])
    save(segmentation_on_pet(), tmp_path / "in" / "seg_pet")
    result = run(tmp_path)
    assert (result.status, "Enhanced PET Image Storage" in result.rejection["message"]) == ("UNSUPPORTED_DICOM", True)


def test_a_region_of_a_ct_that_is_not_here_is_placed_by_the_frame_of_reference(tmp_path: Path) -> None:
    save_pet(tmp_path / "in" / "pet")
    save(segmentation(CT), tmp_path / "in" / "seg")
    result = run(tmp_path)
    assert (result.features["modality"], result.qc["placement"]) == ("PT", "nearest_neighbour")
    assert result.qc["warnings"] == ["MASK_RESAMPLED"]
    _mask_truth(result, "pet_seg.nii.gz")


@pytest.mark.parametrize(
    ("change", "code"),
    [(image(FrameOfReferenceUID=uid("elsewhere")), "GEOMETRY_MISMATCH"), (lambda dataset, k: None, "PET_AMBIGUOUS")],
)
def test_space_and_series_must_be_certain(tmp_path: Path, change: Callable[[Dataset, int], Any], code: str) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet", Pet(change=change))
    if code == "PET_AMBIGUOUS":
        save_pet(tmp_path / "in" / "again", Pet(scan=replace(GRID, name="again")))
    assert run(tmp_path).features["pet_rejection"]["reason_code"] == code


def test_a_series_without_attenuation_correction_is_left_out(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet")
    uncorrected = Pet(scan=replace(GRID, name="nac"), change=image(CorrectedImage=["DECY"]))
    save_pet(tmp_path / "in" / "nac", uncorrected)
    assert run(tmp_path).features["pet"]["series_uid"] == GRID.series_uid


def test_a_projection_beside_the_slices_is_no_second_series(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet")
    projection = pet_slice(Pet(scan=replace(GRID, name="mip", orientation=CORONAL)), 3)
    save(projection, tmp_path / "in" / "mip")
    assert run(tmp_path).features["pet"]["series_uid"] == GRID.series_uid


def test_a_damaged_pet_does_not_refuse_a_ct_that_nobody_measures_it_with(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in", CT) / "pet", Pet(change=lambda dataset, k: setattr(dataset, "Rows", 400)))
    assert run_study(tmp_path / "in", tmp_path / "out", QUICK).status == "accept"
    assert run(tmp_path).features["pet_rejection"]["reason_code"] == "UNREADABLE_DICOM"


def test_a_job_description_names_the_parameter_file_of_pet(tmp_path: Path) -> None:
    save_pet(save_study(tmp_path / "in" / "d" / "s" / "t", CT) / "pet")
    unit = {"dataset": "d", "subject": "s", "study": "t", "path": "d/s/t"}
    dataset = {"params": "ct", "pet": "pet", "roi": {"label": "Tumour", "label_names": {"2": "Tumour"}}}
    job = {"schema": 1, "units": [unit], "datasets": {"d": dataset}}
    (tmp_path / "in" / "job.json").write_text(json.dumps(job))
    folders = ["--input-dir", str(tmp_path / "in"), "--output-dir", str(tmp_path / "out")]
    assert main([*folders, "--workers", "1"]) == 0
    features = json.loads((tmp_path / "out" / "d" / "s" / "t" / "features.json").read_text())
    assert (features["modality"], features["pet"]["modality"], len(features["pet"]["rois"])) == ("CT", "PT", 1)
    (tmp_path / "in" / "job.json").write_text(json.dumps(job | {"datasets": {"d": dataset | {"pet": "ct"}}}))
    assert main([*folders, "--workers", "1"]) == 2


def test_parameter_files_are_of_one_kind_of_image() -> None:
    assert len({PET.hash, _CT_PARAMS.hash}) == 2
    for params, modality in ((PET, "CT"), (_CT_PARAMS, "PT")):
        with pytest.raises(InvalidJobError, match="modality"):
            of_modality(params, modality)
