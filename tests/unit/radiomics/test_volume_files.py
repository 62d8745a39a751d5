"""NIfTI and NRRD studies: the same voxels and the same features as the same scan as DICOM, or a reason."""

import gzip
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiomics_job.parameters import load_params
from radiomics_job.quality.checks import look_like_hounsfield
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from radiomics_job.volumes.roles import safe_title
from tests.builders.dicom import AXIAL, CORONAL, OBLIQUE, SAGITTAL, Scan, save_ct, save_study, tumour, vessel
from tests.builders.volumes import Nifti, Nrrd, affine_of, image_of, mask_of, nifti, nrrd, save
from tests.unit.radiomics.support import Result, run_study, store

SCAN = Scan(columns=40, rows=36, slices=16, step=2.6)
AFFINE = affine_of(SCAN)
IMAGE, MASK = image_of(SCAN), mask_of(SCAN)
PAIR = {"image.nii.gz": nifti(IMAGE, AFFINE), "mask.nii.gz": nifti(MASK, AFFINE)}
_CT = load_params("ct")
QUICK = replace(_CT, extraction=replace(_CT.extraction, classes=("firstorder",)))


def run(tmp_path: Path, files: dict[str, bytes], **more: Any) -> Result:
    return run_study(save(tmp_path / "in", files), tmp_path / "out", **({"params": QUICK} | more))


def rejected(tmp_path: Path, files: dict[str, bytes], code: str, **more: Any) -> Any:
    result = run(tmp_path, files, **more)
    assert result.status == code
    return result.rejection


def values(result: Result) -> dict[str, float]:
    found: dict[str, float] = result.features["rois"][0]["features"]
    return found


def as_nifti(voxels: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    return nifti(voxels, affine)


def as_lps(voxels: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    return nrrd(voxels, affine, Nrrd(encoding="gzip"))


def as_ras(voxels: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    return nrrd(voxels, affine, Nrrd(space="right-anterior-superior"))


def as_las(voxels: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    return nrrd(voxels, affine, Nrrd(space="left-anterior-superior"))


@pytest.mark.parametrize(
    ("orientation", "axes", "flips", "write", "ending"),
    [
        (AXIAL, (0, 1, 2), (False, False, False), as_nifti, ".nii.gz"),
        (AXIAL, (0, 1, 2), (True, True, False), as_nifti, ".nii"),
        (AXIAL, (2, 0, 1), (False, True, True), as_nifti, ".nii.gz"),
        (CORONAL, (0, 1, 2), (True, False, True), as_nifti, ".nii.gz"),
        (SAGITTAL, (0, 1, 2), (False, False, False), as_nifti, ".nii.gz"),
        (SAGITTAL, (1, 2, 0), (False, True, False), as_lps, ".nrrd"),
        (OBLIQUE, (0, 1, 2), (False, False, False), as_nifti, ".nii.gz"),
        (OBLIQUE, (0, 1, 2), (False, True, False), as_lps, ".nrrd"),
        (AXIAL, (0, 1, 2), (False, False, False), as_lps, ".nrrd"),
        (AXIAL, (0, 1, 2), (False, False, True), as_ras, ".nrrd"),
        (CORONAL, (2, 1, 0), (True, False, False), as_las, ".nrrd"),
    ],
)  # fmt: skip
def test_every_way_of_storing_gives_the_features_of_the_dicom_study(
    tmp_path: Path,
    orientation: tuple[float, ...],
    axes: tuple[int, ...],
    flips: tuple[bool, ...],
    write: Any,
    ending: str,
) -> None:
    scan = Scan(columns=38, rows=34, slices=16, spacing=(1.1, 1.2), step=2.6, orientation=orientation)
    dicom = run_study(save_study(tmp_path / "dicom", scan), tmp_path / "of_dicom")
    stored = {n: store(v, affine_of(scan), axes, flips) for n, v in (("ct", image_of(scan)), ("ct_seg", mask_of(scan)))}
    result = run(tmp_path, {name + ending: write(*volume) for name, volume in stored.items()}, params=_CT)
    result.assert_right_in_patient_space()
    assert result.status == dicom.status
    assert result.qc["placement"] == "volume"
    assert [*values(result)] == [*values(dicom)]
    for name, value in values(dicom).items():
        assert values(result)[name] == pytest.approx(value, rel=1e-5, abs=1e-9), name


def test_what_no_dicom_vouched_for_is_said(tmp_path: Path) -> None:
    features = run(tmp_path, PAIR).features
    formats = {"image": "NIFTI", "mask": "NIFTI", "units_and_orientation": "file header only"}
    assert features["provenance"]["formats"] == formats
    assert features["provenance"]["files"] == {"dicom": 0, "volumes": 2, "ignored": 0}
    assert (features["study_uid"], features["series_uid"], features["acquired_at"]) == (None, None, None)
    assert features["acquisition"]["slice_spacing_mm"] == pytest.approx(2.6)
    assert features["acquisition"]["manufacturer"] is None
    roi = features["rois"][0]
    assert (roi["label"], roi["source"], roi["source_uid"][:7]) == ("mask", "NIFTI", "sha256:")


def test_a_dicom_ct_takes_a_mask_of_its_own_grid(tmp_path: Path) -> None:
    save_ct(tmp_path / "in" / "dicom", SCAN)
    reference = run_study(save_study(tmp_path / "dicom", SCAN), tmp_path / "of_dicom", QUICK)
    turned = store(MASK, AFFINE, (0, 1, 2), (True, True, True))
    result = run(tmp_path, {"totalsegmentator/lesion.nii.gz": nifti(*turned)})
    result.assert_right_in_patient_space()
    assert values(result) == values(reference)
    assert (result.features["rois"][0]["label"], result.qc["pairing"]["method"]) == ("lesion", "only_image")
    assert result.features["provenance"]["formats"]["units_and_orientation"] == "DICOM"


def test_of_two_dicom_ct_the_one_on_the_masks_grid_is_taken(tmp_path: Path) -> None:
    save_ct(tmp_path / "in" / "a", SCAN)
    save_ct(tmp_path / "in" / "b", Scan(columns=40, rows=36, slices=20, step=2.1, name="b"))
    result = run(tmp_path, {"mask.nii.gz": PAIR["mask.nii.gz"]})
    result.assert_right_in_patient_space()
    assert result.qc["pairing"] | {"method": "geometry", "ct_series_candidates": 2} == result.qc["pairing"]


def test_a_mask_on_another_grid_is_resampled_and_told(tmp_path: Path) -> None:
    other = Scan(columns=30, rows=28, slices=12, spacing=(1.3, 1.1), step=3.3)
    result = run(tmp_path, PAIR | {"mask.nii.gz": nifti(mask_of(other), affine_of(other))})
    assert result.qc["placement"] == "nearest_neighbour"
    assert "MASK_RESAMPLED" in result.qc["warnings"]
    assert result.qc["resampled_distance_mm"] > 0.5
    result.assert_near_truth(tumour, (1.3, 1.1, 3.3))


@pytest.mark.parametrize("signs", [(-1, -1), (-1, 1), (1, -1)])
@pytest.mark.parametrize("dicom", [False, True])
def test_a_mask_whose_place_is_the_images_mirrored_is_refused(
    tmp_path: Path, signs: tuple[int, int], dicom: bool
) -> None:
    files = {"mask.nii.gz": nifti(MASK, np.diag([*signs, 1, 1]) @ AFFINE)}
    if dicom:
        save_ct(tmp_path / "in", SCAN)
    else:
        files["image.nii.gz"] = PAIR["image.nii.gz"]
    assert "mirrored" in rejected(tmp_path, files, "UNSUPPORTED_VOLUME")["message"]


def test_a_mask_that_lost_its_header_is_refused(tmp_path: Path) -> None:
    lost = nifti(MASK, np.eye(4))
    details = rejected(tmp_path, PAIR | {"mask.nii.gz": lost}, "GEOMETRY_MISMATCH")["details"]
    assert details["same_matrix"] is True
    assert details["voxels_outside"] > 0


@pytest.mark.parametrize(("units", "scale", "stated"), [(1, 0.001, True), (3, 1000.0, True), (0, 1.0, False)])
def test_lengths_are_read_in_the_unit_of_the_header(tmp_path: Path, units: int, scale: float, stated: bool) -> None:
    scaled = np.diag([scale, scale, scale, 1.0]) @ AFFINE
    files = {name: nifti(v, scaled, Nifti(units=units)) for name, v in (("ct.nii", IMAGE), ("seg.nii", MASK))}
    result = run(tmp_path, files)
    result.assert_right_in_patient_space()
    assert result.qc["spatial_unit_stated"] is stated


def test_stored_values_are_scaled(tmp_path: Path) -> None:
    stored = ((IMAGE.astype(np.int32) + 1024) * 2).astype(np.uint16)
    image = nifti(stored, AFFINE, Nifti(slope=0.5, intercept=-1024.0, order=">"))
    run(tmp_path, PAIR | {"image.nii.gz": image}).assert_right_in_patient_space()


@pytest.mark.parametrize(("stored", "slope"), [(255, 1 / 255), (100, 0.01), (7, 1 / 7)])
def test_labels_that_a_scale_makes_of_bytes_are_whole_numbers(tmp_path: Path, stored: int, slope: float) -> None:
    mask = nifti(MASK * np.uint8(stored), AFFINE, Nifti(slope=slope))
    run(tmp_path, PAIR | {"mask.nii.gz": mask}).assert_right_in_patient_space()


def test_forms_that_disagree_are_told(tmp_path: Path) -> None:
    shifted = AFFINE.copy()
    shifted[:3, 3] += [30.0, 0.0, 0.0]
    both = nifti(IMAGE, shifted, Nifti(sform=AFFINE, qform_code=1))
    result = run(tmp_path, PAIR | {"image.nii.gz": both})
    result.assert_right_in_patient_space()  # the sform counts
    assert "FORMS_DIFFER" in result.qc["warnings"]
    assert result.qc["forms_differ_mm"] > 20


def shifted_by(millimetres: float) -> NDArray[np.float64]:
    shifted = AFFINE.copy()
    shifted[:3, 3] += [millimetres, 0.0, 0.0]
    return shifted


def test_a_spacing_that_the_sform_contradicts_is_told(tmp_path: Path) -> None:
    """Resampled by a program that left `pixdim` as it was, which other programs read."""
    stale = Nifti(changes={80: ("f", 2 * SCAN.spacing[1])})
    result = run(tmp_path, {"ct.nii": nifti(IMAGE, AFFINE, stale), "mask.nii": nifti(MASK, AFFINE)})
    result.assert_right_in_patient_space()
    assert "FORMS_DIFFER" in result.qc["warnings"]


def test_a_tilted_volume_may_state_the_distance_along_the_normal(tmp_path: Path) -> None:
    tilted = replace(SCAN, shift=(0.0, 0.9))
    affine = affine_of(tilted)
    along = float(np.linalg.norm(affine[:3, 2]))
    for spacing in (along, tilted.step):
        how = Nifti(changes={88: ("f", spacing)})
        result = run(
            tmp_path, {"ct.nii": nifti(image_of(tilted), affine, how), "mask.nii": nifti(mask_of(tilted), affine, how)}
        )
        result.assert_right_in_patient_space()
        assert result.qc["warnings"] == ["GANTRY_TILT"]


def test_a_mask_that_follows_the_images_qform_is_measured_on_its_own_voxels(tmp_path: Path) -> None:
    """As ITK draws it on an image whose sform it does not take: five millimetres beside the place that we give it."""
    both = nifti(IMAGE, shifted_by(5.0), Nifti(sform=AFFINE, qform_code=1))
    for mask in (nifti(MASK, shifted_by(5.0)), nifti(MASK, shifted_by(5.0), Nifti(sform=AFFINE, qform_code=1))):
        result = run(tmp_path, {"image.nii.gz": both, "mask.nii.gz": mask})
        result.assert_right_in_patient_space()
        assert (result.qc["placement"], result.qc["warnings"]) == ("volume", ["FORMS_DIFFER"])
    assert run(tmp_path, {"mask.nii.gz": nifti(MASK, shifted_by(5.0))}).qc["mask_form"] == "qform of the image"


def test_a_mask_whose_qform_alone_is_the_images_is_placed_by_it(tmp_path: Path) -> None:
    save_ct(tmp_path / "in" / "dicom", SCAN)
    mask = nifti(MASK, AFFINE, Nifti(sform=shifted_by(5.0), qform_code=1))
    result = run(tmp_path, {"mask.nii.gz": mask})
    result.assert_right_in_patient_space()
    assert (result.qc["mask_form"], result.qc["warnings"]) == ("qform", ["FORMS_DIFFER"])


@pytest.mark.parametrize("named", ["image", "mask"])
def test_forms_that_disagree_and_a_mask_on_neither_are_refused(tmp_path: Path, named: str) -> None:
    files = {"image.nii.gz": nifti(IMAGE, AFFINE), "mask.nii.gz": nifti(MASK, shifted_by(2.5))}
    voxels = IMAGE if named == "image" else MASK
    files[f"{named}.nii.gz"] = nifti(voxels, shifted_by(5.3), Nifti(sform=shifted_by(9.6), qform_code=1))
    rejection = rejected(tmp_path, files, "UNSUPPORTED_VOLUME")
    assert rejection["details"]["file"] == f"{named}.nii.gz"
    assert "neither" in rejection["message"]


def test_a_qform_alone_is_enough(tmp_path: Path) -> None:
    plain = np.diag([0.9, 0.8, 2.6, 1.0])
    plain[:3, 3] = [-17.1, -14.4, -19.3]
    places = (
        np.stack(np.meshgrid(*(np.arange(n) for n in IMAGE.shape), indexing="ij"), -1) @ plain[:3, :3] + plain[:3, 3]
    )
    inside = tumour(places * [-1, -1, 1]).astype(np.uint8)
    only = Nifti(sform=np.zeros((4, 4)), sform_code=0, qform_code=1)
    result = run(tmp_path, {"ct.nii": nifti(IMAGE, plain, only), "seg.nii": nifti(inside, plain, only)})
    seg, _ = result.volume("seg.nii.gz")
    assert np.array_equal(seg == 1, tumour(result.places()))
    assert result.qc["form"] == "qform"


def test_the_name_of_a_mask_file_that_may_name_a_patient_stays_out_of_results(tmp_path: Path) -> None:
    files = {"Doe_Jane_19700101_ct.nii.gz": PAIR["image.nii.gz"], "Doe_Jane_19700101_seg.nii.gz": PAIR["mask.nii.gz"]}
    for rule in (RoiRule(), RoiRule(label="(?i).*jane.*"), RoiRule(object=".*")):
        result = run(tmp_path, files, rule=rule)
        written = (result.folder / "qc.json").read_text() + (result.folder / "features.json").read_text()
        assert "Doe" not in written
        assert "19700101" not in written


@pytest.mark.parametrize(
    ("name", "pattern", "title"),
    [
        ("Doe_Jane_4711_GTV-1_seg", None, "GTV-1"),
        ("lesion_02", None, "lesion-02"),
        ("left_lung.mask", None, "left lung"),
        ("sub-01_desc-boost_mask", "boost", "boost"),
        ("4711_19700101", "4711", ""),
        ("tumour_4711", None, "tumour"),
    ],
)
def test_words_of_a_file_name_that_no_patient_has_are_kept(name: str, pattern: str | None, title: str) -> None:
    assert safe_title(name, RoiRule(label=pattern)) == title


def test_masks_of_one_title_are_numbered(tmp_path: Path) -> None:
    files = {"ct.nii.gz": PAIR["image.nii.gz"], "masks/anna.nii.gz": nifti(mask_of(SCAN, vessel), AFFINE)}
    files["masks/berta.nii.gz"] = PAIR["mask.nii.gz"]
    each = run(tmp_path, files, rule=RoiRule(policy=RoiPolicy.EACH)).features["rois"]
    assert [roi["label"] for roi in each] == ["mask 2", "mask 1"]
    assert rejected(tmp_path, {}, "ROI_AMBIGUOUS")["details"]["labels"] == ["anna", "berta"]


VALUES = {0: ("nothing drawn", None), 1: ("organ", vessel), 2: ("lesion", tumour)}


def label_map() -> NDArray[np.uint8]:
    labels = mask_of(SCAN, vessel)
    labels[MASK == 1] = 2
    return labels


def test_a_label_map_is_chosen_from_by_value_or_by_the_datasets_names(tmp_path: Path) -> None:
    files = PAIR | {"mask.nii.gz": nifti(label_map(), AFFINE)}
    message = rejected(tmp_path, files, "ROI_AMBIGUOUS")["details"]
    assert message["labels"] == ["mask 1", "mask 2"]
    for rule in (RoiRule(label="2$"), RoiRule(label="lesion", label_names={1: "organ", 2: "lesion"})):
        result = run_study(tmp_path / "in", tmp_path / "chosen", QUICK, rule)
        result.assert_right_in_patient_space()
        assert result.features["rois"][0]["segment_number"] == 2
    each = run_study(tmp_path / "in", tmp_path / "each", QUICK, RoiRule(policy=RoiPolicy.EACH)).features["rois"]
    union = run_study(tmp_path / "in", tmp_path / "union", QUICK, RoiRule(policy=RoiPolicy.UNION)).features["rois"]
    assert [roi["label"] for roi in each] == ["mask 2", "mask 1"]
    assert union[0]["voxels"] == each[0]["voxels"] + each[1]["voxels"] == np.count_nonzero(label_map())


def test_masks_in_files_of_their_own_are_called_by_them(tmp_path: Path) -> None:
    files = {"case.nii.gz": PAIR["image.nii.gz"], "masks/liver.nii.gz": nifti(mask_of(SCAN, vessel), AFFINE)}
    files["masks/tumour.nii.gz"] = PAIR["mask.nii.gz"]
    result = run(tmp_path, files, rule=RoiRule(label="tumour"))
    result.assert_right_in_patient_space()
    assert rejected(tmp_path, {}, "ROI_AMBIGUOUS")["details"]["labels"] == ["liver", "tumour"]


def slicer_fields(layers: bool) -> dict[str, str]:
    code = "Segmentation category and type~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^~Anatomic"
    fields = {"Segment0_ID": "Segment_1", "Segment0_Name": "Organ", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    fields |= {"Segment1_Name": "Tumör", "Segment1_LabelValue": "1" if layers else "2"}
    fields |= {"Segment1_Layer": "1" if layers else "0", "Segment1_Extent": "0 9 0 9 0 9"}
    return fields | {
        "Segment1_Tags": f"TerminologyEntry:{code}|",
        "Segmentation_ContainedRepresentationNames": "Binary|",
    }


@pytest.mark.parametrize("layers", [False, True])
def test_a_segmentation_of_slicer_is_read_with_its_table(tmp_path: Path, layers: bool) -> None:
    voxels = np.stack([mask_of(SCAN, vessel), MASK]) if layers else label_map()
    seg = nrrd(voxels, AFFINE, Nrrd(fields=slicer_fields(layers), layers=layers, encoding="gzip"))
    files = {"CT.nrrd": nrrd(IMAGE, AFFINE), "Untitled.seg.nrrd": seg}
    for name, rule in (("label", RoiRule(label="^Tumör$")), ("code", RoiRule(property_code="SCT:4147007 Mass"))):
        result = run_study(save(tmp_path / "in", files), tmp_path / name, QUICK, rule)
        result.assert_right_in_patient_space()
        roi = result.features["rois"][0]
        assert (roi["label"], roi["source"], roi["segment_number"]) == ("Tumör", "NRRD", 2)
    each = run_study(tmp_path / "in", tmp_path / "each", QUICK, RoiRule(policy=RoiPolicy.EACH))
    sizes = [roi["voxels"] for roi in each.features["rois"]]
    overlap = int((MASK & mask_of(SCAN, vessel)).sum()) if layers else 0
    assert sum(sizes) == np.count_nonzero(label_map()) + overlap


def test_a_value_that_the_segment_table_lacks_is_a_region_and_told(tmp_path: Path) -> None:
    voxels = label_map()
    voxels[2:5, 2:5, 2:5] = 7
    seg = nrrd(voxels, AFFINE, Nrrd(fields=slicer_fields(layers=False)))
    files = {"CT.nrrd": nrrd(IMAGE, AFFINE), "Untitled.seg.nrrd": seg}
    result = run(tmp_path, files, rule=RoiRule(label="Tum"))
    result.assert_right_in_patient_space()
    assert ("REGIONS_NOT_DESCRIBED" in result.qc["warnings"], result.qc["regions_not_described"]) == (True, 1)
    assert rejected(tmp_path, {}, "ROI_AMBIGUOUS")["details"]["labels"] == ["Organ", "Tumör", "value 7"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: re.sub(rb"data file: .*\n", b"data file: LIST\na.raw\nb.raw\n", content), "several files"),
        (lambda content: re.sub(rb"data file: .*\n", b"data file: ct%03d.raw 1 16 1\n", content), "several files"),
        (lambda content: re.sub(rb"endian: .*\n", b"", content), "lacks endian"),
        (lambda content: re.sub(rb"space origin: .*\n", b"", content), "lacks space origin"),
        (lambda content: re.sub(rb"space directions: .*\n", b"", content), "lacks space directions"),
    ],
)
def test_what_a_nrrd_header_lacks_is_named(tmp_path: Path, change: Any, said: str) -> None:
    content = change(nrrd(IMAGE, AFFINE, Nrrd(data_file="ct.raw")))
    files = {"ct.nhdr": content, "ct.raw": IMAGE.tobytes(order="F"), "seg.nrrd": nrrd(MASK, AFFINE)}
    code = "UNREADABLE_VOLUME" if "lacks" in said else "UNSUPPORTED_VOLUME"
    assert said in rejected(tmp_path, files, code)["message"]


def test_a_segment_table_that_names_one_value_twice_is_refused(tmp_path: Path) -> None:
    fields = slicer_fields(layers=False) | {"Segment1_LabelValue": "1"}
    files = {"CT.nrrd": nrrd(IMAGE, AFFINE), "a.seg.nrrd": nrrd(label_map(), AFFINE, Nrrd(fields=fields))}
    rejected(tmp_path, files, "UNREADABLE_VOLUME")


def test_a_nrrd_file_that_was_compressed_as_a_whole_is_unpacked(tmp_path: Path) -> None:
    files = {"image.nrrd.gz": as_lps(IMAGE, AFFINE), "mask.seg.nrrd.gz": as_ras(MASK, AFFINE)}
    run(tmp_path, files).assert_right_in_patient_space()


def test_a_header_with_its_voxels_in_another_file(tmp_path: Path) -> None:
    voxels = IMAGE.tobytes(order="F")
    detached = {"ct.nhdr": nrrd(IMAGE, AFFINE, Nrrd(encoding="gzip", data_file="ct.raw.gz")), "ct.raw.gz": voxels}
    mask = {"seg.nhdr": nrrd(MASK, AFFINE, Nrrd(data_file="seg.raw", lines=("byte skip: 5",)))}
    files = detached | mask | {"seg.raw": b"12345" + MASK.tobytes(order="F")}
    run(tmp_path, files).assert_right_in_patient_space()
    (tmp_path / "in" / "ct.raw.gz").unlink()
    assert rejected(tmp_path, {}, "INCOMPLETE_STUDY")["details"] == {"file": "ct.nhdr", "missing": "ct.raw.gz"}


def test_a_data_file_outside_the_study_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "ct.raw").write_bytes(IMAGE.tobytes(order="F"))
    for name in ("../ct.raw", str(tmp_path / "ct.raw")):
        files = {"ct.nhdr": nrrd(IMAGE, AFFINE, Nrrd(data_file=name)), "seg.nrrd": nrrd(MASK, AFFINE)}
        rejected(tmp_path, files, "INCOMPLETE_STUDY")


IMAGE_FILE, MASK_FILE = PAIR["image.nii.gz"], PAIR["mask.nii.gz"]


@pytest.mark.parametrize(
    "names",
    [
        ("sub-01_ct.nii.gz", "sub-01_desc-tumour_mask.nii.gz"),
        ("sub-01/sub-01_ct.nii", "sub-01/sub-01_dseg.nii"),
        ("imagesTr/lung_001_0000.nii.gz", "labelsTr/lung_001.nii.gz"),
        ("ct.nii.gz", "ct_seg.nii.gz"),
        ("patient.nii.gz", "tumour.nii.gz"),
        ("GTV_scan.nii.gz", "GTV.nii.gz"),
    ],
)
def test_names_and_values_say_which_is_the_image(tmp_path: Path, names: tuple[str, str]) -> None:
    run(tmp_path, {names[0]: IMAGE_FILE, names[1]: MASK_FILE}).assert_right_in_patient_space()


def test_images_that_are_no_ct_are_set_aside_beside_it(tmp_path: Path) -> None:
    files = {"CT.nii.gz": IMAGE_FILE, "PET.nii.gz": IMAGE_FILE, "SUV.nii.gz": IMAGE_FILE, "SEG.nii.gz": MASK_FILE}
    result = run(tmp_path, files)
    result.assert_right_in_patient_space()
    assert result.features["provenance"]["files"]["volumes"] == 4
    assert (result.status, "pet_rejection" in result.features) == ("accept", False)
    asked = run(tmp_path / "asked", files, pet=load_params("pet"))
    assert asked.qc["warnings"] == ["PET_NOT_MEASURED"]
    assert "as DICOM" in asked.features["pet_rejection"]["message"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.nii": IMAGE_FILE, "b.nii": IMAGE_FILE, "a_mask.nii": MASK_FILE}, "VOLUMES_AMBIGUOUS"),
        ({"case_0000.nii": IMAGE_FILE, "case_0001.nii": IMAGE_FILE, "case.nii": MASK_FILE}, "VOLUMES_AMBIGUOUS"),
        ({"ct.nii": IMAGE_FILE, "ct_mask.nii": IMAGE_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": IMAGE_FILE}, "NO_SEGMENTATION"),
        ({"SUV.nii": IMAGE_FILE, "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"mask.nii": MASK_FILE}, "NO_CT"),
        ({"ct.nii": IMAGE_FILE, "mask.nii": nifti(np.zeros_like(MASK), AFFINE)}, "EMPTY_MASK"),
        ({"ct.nii": IMAGE_FILE[:-1], "mask.nii": MASK_FILE}, "UNREADABLE_VOLUME"),
        ({"ct.nii": IMAGE_FILE, "mask.nii": b"not a volume"}, "UNREADABLE_VOLUME"),
        ({"ct.nii": nifti(IMAGE, AFFINE, Nifti(sform_code=0)), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE, AFFINE, Nifti(units=5)), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE.astype(np.complex64), AFFINE), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(np.stack([IMAGE, IMAGE], -1), AFFINE), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE * np.float32(np.nan), AFFINE), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE * np.float32(1e3), AFFINE), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE, AFFINE * np.nan), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nii": nifti(IMAGE[:, :, :1], AFFINE), "mask.nii": MASK_FILE}, "MISSING_SLICES"),
        ({"ct.nrrd": nrrd(IMAGE, AFFINE, Nrrd(space=None)), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nrrd": nrrd(IMAGE, AFFINE, Nrrd(space="scanner-xyz")), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nrrd": nrrd(IMAGE, AFFINE, Nrrd(encoding="bzip2")), "mask.nii": MASK_FILE}, "UNSUPPORTED_VOLUME"),
        ({"ct.nrrd": nrrd(IMAGE, AFFINE)[:-2], "mask.nii": MASK_FILE}, "UNREADABLE_VOLUME"),
        ({"ct.nrrd": nrrd(IMAGE, AFFINE)[:20], "mask.nii": MASK_FILE}, "UNREADABLE_VOLUME"),
        ({"ct.mha": b"ObjectType = Image", "mask.nii": MASK_FILE}, "NO_CT"),
    ],
)  # fmt: skip
def test_what_is_left_open_is_refused_by_its_reason(tmp_path: Path, files: dict[str, bytes], code: str) -> None:
    details = rejected(tmp_path, files, code)["details"]
    if code == "VOLUMES_AMBIGUOUS":
        assert len(details["images"]) == 2
    if code.startswith("UN"):
        assert details["file"] in files


def test_a_compressed_file_that_is_cut_or_changed_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(IMAGE_FILE, 1)
    changed = bytearray(packed)
    changed[-6] ^= 255  # the checksum
    for content in (packed[:-200], bytes(changed)):
        folder = save(tmp_path / "in", {"mask.nii": MASK_FILE})
        (folder / "ct.nii.gz").write_bytes(content)
        result = run_study(folder, tmp_path / "out")
        assert (result.status, result.rejection["details"]) == ("UNREADABLE_VOLUME", {"file": "ct.nii.gz"})


def test_a_file_of_many_gzip_members_is_read_as_one(tmp_path: Path) -> None:
    """As bgzip writes it: a member for every 64 kB, here for every kB."""
    members = b"".join(gzip.compress(IMAGE_FILE[at : at + 1000], 1) for at in range(0, len(IMAGE_FILE), 1000))
    whole, _ = run(tmp_path / "one", PAIR).volume("ct.nii.gz")
    folder = save(tmp_path / "many", {"mask.nii": MASK_FILE})
    (folder / "image.nii.gz").write_bytes(members)
    parts, _ = run_study(folder, tmp_path / "out", params=QUICK).volume("ct.nii.gz")
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize("scaled", [lambda hu: (hu + 1024) / 300.0, lambda hu: hu / 1000.0, lambda hu: hu + 1024.5])
def test_real_numbers_that_rounding_would_ruin_are_refused(tmp_path: Path, scaled: Any) -> None:
    real = nifti(scaled(IMAGE.astype(np.float32)).astype(np.float32), AFFINE)
    assert "real numbers" in rejected(tmp_path, PAIR | {"image.nii.gz": real}, "UNSUPPORTED_VOLUME")["message"]


def test_interpolated_hounsfield_units_are_rounded(tmp_path: Path) -> None:
    run(tmp_path, PAIR | {"image.nii.gz": nifti(IMAGE + np.float32(0.3), AFFINE)}).assert_right_in_patient_space()


def test_values_that_cannot_be_hounsfield_units_are_told(tmp_path: Path) -> None:
    stored = nifti((IMAGE + 1024).astype(np.int16), AFFINE)
    assert "VALUES_NOT_HU" in run(tmp_path, PAIR | {"image.nii.gz": stored}).qc["warnings"]
    assert look_like_hounsfield(IMAGE)
    assert not look_like_hounsfield(IMAGE - 1024)
    rejected(tmp_path, PAIR | {"image.nii.gz": nifti(IMAGE - 1024, AFFINE)}, "QC_REFUSED")  # all of it is air
