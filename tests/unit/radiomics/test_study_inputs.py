"""How files arrive: without endings, among others, zipped; and what the results say about them."""

import hashlib
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from radiomics_job.limits import Limits
from tests.builders.dicom import Scan, SegOptions, save, save_study, structure_set, tumour
from tests.builders.volumes import affine_of, nifti
from tests.unit.radiomics.support import run_study

SCAN = Scan(slices=12, step=3.1)


def test_files_without_endings_are_dicom_and_others_are_counted(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    (study / "LICENSE.txt").write_text("text")
    (study / "empty").write_bytes(b"")
    (study / "_COMPLETE.json").write_text("{}")
    result = run_study(study, tmp_path / "out")
    assert result.features["provenance"]["files"] == {"dicom": SCAN.slices + 1, "volumes": 0, "ignored": 3}
    assert result.files == {"ct.nii.gz", "seg.nii.gz", "overlay.png", "features.json", "qc.json"}


def test_features_list_every_other_file_with_its_size_and_hash(tmp_path: Path) -> None:
    result = run_study(save_study(tmp_path / "in", SCAN), tmp_path / "out")
    listed = {each["name"]: (each["bytes"], each["sha256"]) for each in result.features["artifacts"]}
    assert listed.keys() == result.files - {"features.json"}
    for name, facts in listed.items():
        content = (result.folder / name).read_bytes()
        assert facts == (len(content), hashlib.sha256(content).hexdigest())


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    first, second = run_study(study, tmp_path / "a"), run_study(study, tmp_path / "b")
    for name in first.files:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes(), name


def test_a_zip_gives_the_same_result_as_its_folder(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    archive = _zip(study, tmp_path / "in.zip")
    folder, zipped = run_study(study, tmp_path / "a"), run_study(archive, tmp_path / "b")
    for name in folder.files:
        assert (folder.folder / name).read_bytes() == (zipped.folder / name).read_bytes(), name


def _zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder.parent))
    return path


@pytest.mark.parametrize("name", ["../outside", "/absolute", "a/../../b", "..\\windows"])
def test_a_zip_member_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    archive = _zip(save_study(tmp_path / "in", SCAN), tmp_path / "in.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, b"x")
    result = run_study(archive, tmp_path / "out")
    assert (result.status, result.files) == ("ZIP_INVALID", {"rejection.json"})


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    archive = _zip(save_study(tmp_path / "in", SCAN), tmp_path / "in.zip")
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(link, "/etc/passwd")
    assert run_study(archive, tmp_path / "out").status == "ZIP_INVALID"


def test_a_zip_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("bomb", bytes(64 * 1024 * 1024))
    assert run_study(path, tmp_path / "out").status == "ZIP_INVALID"


def test_an_archive_is_bounded_by_what_it_becomes(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    empty = nifti(np.zeros((400, 400, 40), np.uint8), affine_of(SCAN))
    with zipfile.ZipFile(study / "nodule_mask.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("nodule_mask.nii", empty)
    run_study(study, tmp_path / "out").assert_right_in_patient_space()
    limits = Limits(study_bytes=len(empty) - 1)
    assert run_study(study, tmp_path / "small", limits=limits).status == "INPUT_TOO_LARGE"


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    archive = _zip(save_study(tmp_path / "in", SCAN), tmp_path / "in.zip")
    archive.write_bytes(archive.read_bytes()[:-400])
    assert run_study(archive, tmp_path / "out").status == "ZIP_INVALID"


def test_a_damaged_zip_member_is_refused(tmp_path: Path) -> None:
    archive = _zip(save_study(tmp_path / "in", SCAN), tmp_path / "in.zip")
    data = bytearray(archive.read_bytes())
    data[400:900] = bytes(500)
    archive.write_bytes(data)
    assert run_study(archive, tmp_path / "out").status == "ZIP_INVALID"


def test_a_structure_set_beside_a_segmentation_is_no_error(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    save(structure_set(SCAN, {"Lung": [SCAN.points(3)[[0, 0, 5], [0, 5, 5]]]}), study / "rt")
    result = run_study(study, tmp_path / "out")
    result.assert_right_in_patient_space()
    assert [roi["source"] for roi in result.features["rois"]] == ["SEG"]


def test_the_feature_document_says_where_it_comes_from(tmp_path: Path) -> None:
    result = run_study(save_study(tmp_path / "in", SCAN), tmp_path / "out")
    document = result.features
    assert (document["acquired_at"], document["acquired_at_source"]) == ("2020-01-03T04:05:00Z", "AcquisitionDate")
    assert document["acquisition"] == {
        "manufacturer": "Phantoms",
        "model": None,
        "kernel": "B30f",
        "kvp": 120.0,
        "contrast": None,
        "pixel_spacing_mm": [0.8, 0.9],
        "slice_spacing_mm": 3.1,
        "slice_thickness_mm": 9.9,
    }
    assert document["run"] == {"run_id": None, "job_id": None, "content_version": None}
    roi = document["rois"][0]
    voxels = int(SCAN.mask().sum())
    assert (roi["label"], roi["source"], roi["segment_number"], roi["primary"]) == ("Tumour", "SEG", 1, True)
    assert roi["voxels"] == voxels
    assert roi["volume_ml"] == pytest.approx(voxels * 0.8 * 0.9 * 3.1 / 1000, rel=1e-6)
    assert roi["slices"] == int(SCAN.mask().any(axis=(1, 2)).sum())
    assert len(roi["features"]) == 120
    assert roi["features"]["original_shape_VoxelVolume"] == pytest.approx(roi["volume_ml"] * 1000, rel=1e-6)


def test_the_input_hash_depends_on_content_not_on_names(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    first = run_study(study, tmp_path / "a").features["provenance"]["input_hash"]
    victim = next((study / "ct-a").iterdir())
    victim.rename(study / "renamed")
    assert run_study(study, tmp_path / "b").features["provenance"]["input_hash"] == first
    save(structure_set(SCAN, {}), study / "rt")
    assert run_study(study, tmp_path / "c").features["provenance"]["input_hash"] != first


def test_a_region_at_the_edge_is_marked(tmp_path: Path) -> None:
    options = SegOptions(regions={"Tumour": lambda p: np.asarray(tumour(p) | (tumour(p - [0, 0, 9.0])))})
    result = run_study(save_study(tmp_path / "in", SCAN, options), tmp_path / "out")
    assert (result.status, result.qc["warnings"]) == ("warn", ["TOUCHES_VOLUME_EDGE"])
