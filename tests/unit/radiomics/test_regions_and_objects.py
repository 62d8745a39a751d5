"""Several segments, several objects, several kinds of object: what is measured is what was asked for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from radiomics_job.parameters import load_params
from radiomics_job.roi.rule import RoiPolicy, RoiRule
from tests.builders.dicom import (
    Inside,
    Points,
    Scan,
    SegOptions,
    save,
    save_ct,
    save_study,
    segmentation,
    structure_set,
    tumour,
    vessel,
)
from tests.unit.radiomics.support import run_study

SCAN = Scan()
Build = Callable[[Path], Path]
BOTH = SegOptions(regions={"Tumour": tumour, "Vessel": vessel}, order="shuffled")


def _either(points: Points) -> NDArray[np.bool_]:
    return np.asarray(tumour(points) | vessel(points))


def _two_objects(folder: Path) -> Path:
    save_ct(folder, SCAN)
    save(segmentation(SCAN, SegOptions(order="descending", name="first")), folder / "seg" / "1")
    second = SegOptions(regions={"Vessel": vessel}, crop=(4, 40, 6, 44), order="shuffled", name="second")
    save(segmentation(SCAN, second), folder / "seg" / "2")
    return folder


def _one_object(folder: Path) -> Path:
    return save_study(folder, SCAN, BOTH)


@pytest.mark.parametrize("build", [_one_object, _two_objects], ids=["one_object", "two_objects"])
@pytest.mark.parametrize(
    ("rule", "inside"),
    [
        (RoiRule(label="Tumour"), tumour),
        (RoiRule(property_code="108369002 Vessel$|108369001 Vessel$"), vessel),
        (RoiRule(policy=RoiPolicy.UNION), _either),
        (RoiRule(label=".", policy=RoiPolicy.LARGEST), tumour),
    ],
    ids=["label", "property_code", "union", "largest"],
)
def test_the_chosen_region_is_right(tmp_path: Path, build: Build, rule: RoiRule, inside: Inside) -> None:
    study = build(tmp_path / "in")
    result = run_study(study, tmp_path / "out", rule=rule)
    result.assert_right_in_patient_space(inside)


@pytest.mark.parametrize("build", [_one_object, _two_objects], ids=["one_object", "two_objects"])
def test_without_a_rule_several_regions_are_ambiguous(tmp_path: Path, build: Build) -> None:
    result = run_study(build(tmp_path / "in"), tmp_path / "out")
    assert result.status == "ROI_AMBIGUOUS"
    assert result.rejection["details"]["matching"] == 2


def test_each_region_has_its_features_and_the_mask_its_numbers(tmp_path: Path) -> None:
    result = run_study(_one_object(tmp_path / "in"), tmp_path / "out", rule=RoiRule(policy=RoiPolicy.EACH))
    seg, _ = result.volume("seg.nii.gz")
    first, second = result.features["rois"]
    assert [first["label"], second["label"], first["primary"], second["primary"]] == ["Tumour", "Vessel", True, False]
    assert np.array_equal(seg == 1, tumour(result.places()))
    assert np.array_equal(seg == 2, vessel(result.places()) & ~tumour(result.places()))
    alone = run_study(tmp_path / "in", tmp_path / "alone", rule=RoiRule(label="Vessel"))
    assert second["features"] == alone.features["rois"][0]["features"]


def test_the_parameter_file_chooses_between_contours_and_segmentation(tmp_path: Path) -> None:
    study = save_study(tmp_path / "in", SCAN)
    half = np.array([SCAN.spacing[1], SCAN.spacing[0], 0]) / 2
    square = [SCAN.points(k)[[20, 20, 30, 30], [15, 33, 33, 15]] - half for k in (8, 9)]
    save(structure_set(SCAN, {"Square": square}), study / "rt")
    contours_first = replace(load_params("ct"), roi_source=("RTSTRUCT", "SEG"))
    first, second = run_study(study, tmp_path / "a"), run_study(study, tmp_path / "b", contours_first)
    first.assert_right_in_patient_space()
    assert [second.features["rois"][0][key] for key in ("source", "label", "voxels")] == ["RTSTRUCT", "Square", 360]


def _repeated(seg: Dataset) -> Dataset:
    """The same object with its third frame there twice."""
    pixels = seg.pixel_array
    seg.PerFrameFunctionalGroupsSequence.append(seg.PerFrameFunctionalGroupsSequence[2])
    seg.NumberOfFrames = len(seg.PerFrameFunctionalGroupsSequence)
    bits = np.packbits(np.concatenate([pixels, pixels[2:3]]).ravel(), bitorder="little").tobytes()
    seg.PixelData = bits + b"\0" * (len(bits) % 2)
    return seg


def test_a_frame_that_is_there_twice_is_one(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    save(_repeated(segmentation(SCAN)), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize(("threshold", "voxels"), [(0.5, "inside"), (0.9, "none")])
def test_a_soft_segmentation_becomes_a_mask_at_the_threshold(tmp_path: Path, threshold: float, voxels: str) -> None:
    params = load_params("ct")
    params = replace(params, geometry=replace(params.geometry, fractional_threshold=threshold))
    study = save_study(tmp_path / "in", SCAN, SegOptions(kind="FRACTIONAL"))  # 200 of 255 inside, 0 outside
    result = run_study(study, tmp_path / "out", params)
    if voxels == "none":
        assert result.status == "EMPTY_MASK"
    else:
        result.assert_right_in_patient_space()


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_number_that_the_segment_sequence_lacks_is_a_region_and_told(tmp_path: Path, kind: str) -> None:
    dataset = segmentation(SCAN, replace(BOTH, kind=kind))
    dataset.SegmentSequence = dataset.SegmentSequence[:1]
    save_ct(tmp_path / "in", SCAN)
    save(dataset, tmp_path / "in" / "seg")
    asked = run_study(tmp_path / "in", tmp_path / "asked", rule=RoiRule(label="Tumour"))
    if kind != "LABELMAP":  # which cannot hold where they overlap
        asked.assert_right_in_patient_space()
    assert ("REGIONS_NOT_DESCRIBED" in asked.qc["warnings"], asked.qc["regions_not_described"]) == (True, 1)
    any_region = run_study(tmp_path / "in", tmp_path / "any")
    assert any_region.status == "ROI_AMBIGUOUS"
    assert any_region.rejection["details"]["labels"] == ["Tumour", "segment 2"]
