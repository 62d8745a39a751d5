"""The generated cohort: what is on disk, read back by independent readers, is what the truth says."""

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, SegmentationStorage

from local.synthetic import StudySpec, StudyTruth, cohort_specs, write_cohort, write_corrupt_study, write_study
from local.synthetic.archive import archive_specs
from local.synthetic.dicom import ct_slices
from local.synthetic.phantom import make_phantom

SMALL = replace(cohort_specs()[0], matrix=64, slices=24, slice_spacing_mm=4.0)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> list[StudyTruth]:
    return write_cohort(tmp_path_factory.mktemp("cohort"), zip_last=True)


def read(truth: StudyTruth) -> tuple[list[Dataset], Dataset | None]:
    """CT slices from inferior to superior, and the SEG."""
    if truth.path.suffix == ".zip":
        with zipfile.ZipFile(truth.path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
    else:
        contents = [path.read_bytes() for path in truth.path.rglob("*") if path.is_file()]
    datasets: list[Dataset] = [pydicom.dcmread(BytesIO(content)) for content in contents if content[128:132] == b"DICM"]
    slices = [dataset for dataset in datasets if dataset.SOPClassUID == CTImageStorage]
    segmentations = [dataset for dataset in datasets if dataset.SOPClassUID == SegmentationStorage]
    slices.sort(key=lambda dataset: float(dataset.ImagePositionPatient[2]))
    return slices, segmentations[0] if segmentations else None


def marked_points_lps(segmentation: Dataset) -> NDArray[np.float64]:
    """Patient coordinates of every marked voxel, each frame placed by its own position."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    row, column = np.split(np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), 2)
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    points = []
    for frame, groups in zip(segmentation.pixel_array, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        origin = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        rows, columns = np.nonzero(frame)
        points.append(origin + columns[:, None] * between_columns * row + rows[:, None] * between_rows * column)
    return np.concatenate(points)


def truth_points_lps(truth: StudyTruth) -> NDArray[np.float64]:
    indices = np.argwhere(truth.mask)
    ras = indices @ truth.affine[:3, :3].T + truth.affine[:3, 3]
    points: NDArray[np.float64] = ras * (-1, -1, 1)
    return points


def in_order(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[np.lexsort(np.round(points, 4).T)]


class TestTruth:
    def test_the_segmentation_marks_the_true_voxels_in_patient_coordinates(self, cohort: list[StudyTruth]) -> None:
        for truth in cohort:
            _, segmentation = read(truth)
            assert segmentation is not None

            found = marked_points_lps(segmentation)

            assert len(found) == truth.voxels == truth.mask.sum()
            assert np.allclose(in_order(found), in_order(truth_points_lps(truth)), atol=1e-3)

    def test_the_voxels_fill_the_analytic_ellipsoid(self, cohort: list[StudyTruth]) -> None:
        for truth in cohort:
            points = truth_points_lps(truth)
            distance = (((points - truth.centre_lps_mm) / truth.semi_axes_mm) ** 2).sum(axis=1)
            analytic_ml = 4 / 3 * np.pi * np.prod(truth.semi_axes_mm) / 1000
            half_voxel = np.abs(np.diagonal(truth.affine)[:3]) / 2

            assert distance.max() <= 1 + 1e-9
            assert (np.abs(points.mean(axis=0) - truth.centre_lps_mm) < half_voxel).all()
            assert truth.volume_ml == pytest.approx(analytic_ml, rel=0.12)

    def test_every_ct_slice_lies_where_the_affine_says(self, cohort: list[StudyTruth]) -> None:
        for truth in cohort:
            slices, _ = read(truth)
            assert len(slices) == truth.mask.shape[2]
            for k, dataset in enumerate(slices):
                expected = (truth.affine @ (0, 0, k, 1))[:3] * (-1, -1, 1)
                assert np.allclose(np.array(dataset.ImagePositionPatient, float), expected, atol=1e-3)
                assert float(dataset.PixelSpacing[0]) == pytest.approx(abs(truth.affine[0, 0]), abs=1e-6)

    def test_the_tumour_looks_like_tissue_in_a_lung(self, cohort: list[StudyTruth]) -> None:
        for truth in cohort:
            slices, _ = read(truth)
            hu = np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices], -1)
            hu = hu.transpose(1, 0, 2)
            near = np.zeros_like(truth.mask)
            i, j, k = (round(value) for value in np.argwhere(truth.mask).mean(axis=0))
            reach = int(max(truth.semi_axes_mm) / abs(truth.affine[0, 0])) + 3
            near[i - reach : i + reach + 1, j - reach : j + reach + 1, k] = True

            assert -60 < hu[truth.mask].mean() < 80
            assert hu[truth.mask].std() > 10
            assert np.median(hu[near & ~truth.mask]) < -600

    def test_scan_times_differ_and_agree_with_the_files(self, cohort: list[StudyTruth]) -> None:
        assert len({truth.acquired_at for truth in cohort}) == len(cohort)
        for truth in cohort:
            first = read(truth)[0][0]
            stamp = truth.acquired_at.translate(str.maketrans("", "", "-:TZ"))
            assert f"{first.AcquisitionDate}{first.AcquisitionTime}" == stamp


def test_a_large_cohort_has_no_scan_of_the_future_and_no_two_of_one_time() -> None:
    dated = {spec.acquired_at for spec in cohort_specs(studies=1_000)}
    assert (len(dated), max(dated).year) == (1_000, 2019)


class TestLayout:
    def test_the_cohort_shows_every_layout(self, cohort: list[StudyTruth]) -> None:
        layouts = {(spec.frames_descending, spec.cropped) for spec in cohort_specs()}
        volumes = [truth.volume_ml for truth in cohort]

        assert len(layouts) == 4
        assert {spec.segment_in_shared_groups for spec in cohort_specs()} == {True, False}
        assert {spec.signed_pixels for spec in cohort_specs()} == {True, False}
        assert min(volumes) < 1
        assert max(volumes) > 50

    def test_frames_follow_the_chosen_order_and_cropping(self, cohort: list[StudyTruth]) -> None:
        for truth, spec in zip(cohort, cohort_specs(), strict=True):
            segmentation = read(truth)[1]
            assert segmentation is not None
            heights = [
                float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
                for groups in segmentation.PerFrameFunctionalGroupsSequence
            ]
            covered = int(truth.mask.any(axis=(0, 1)).sum())

            assert heights == sorted(heights, reverse=spec.frames_descending)
            assert len(heights) == (covered if spec.cropped else spec.slices)

    def test_folders_are_those_of_a_tcia_download(self, cohort: list[StudyTruth]) -> None:
        first = cohort[0]
        names = sorted(str(path.relative_to(first.path)) for path in first.path.rglob("*.dcm"))
        slices, segmentation = read(first)
        assert segmentation is not None

        assert (
            (first.path.parent.name, first.path.name)
            == ("R01-901", first.study)
            == (
                first.subject,
                slices[0].StudyInstanceUID,
            )
        )
        assert f"{slices[-1].SeriesInstanceUID}/1-01.dcm" in names  # numbered from the top
        assert f"{segmentation.SeriesInstanceUID}/1-1.dcm" in names
        assert len(names) == len(slices) + 1

    def test_one_study_has_no_extensions_and_a_file_that_is_not_dicom(self, cohort: list[StudyTruth]) -> None:
        bare = cohort[2].path

        assert not list(bare.rglob("*.dcm"))
        assert (bare / "notes.txt").is_file()

    def test_the_last_study_is_a_zip(self, cohort: list[StudyTruth]) -> None:
        assert cohort[-1].path.name == f"{cohort[-1].study}.zip"
        assert zipfile.ZipFile(cohort[-1].path).testzip() is None

    def test_highdicom_accepts_the_segmentations(self, cohort: list[StudyTruth], tmp_path: Path) -> None:
        for truth in cohort:
            slices, dataset = read(truth)
            assert dataset is not None
            dataset.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
            segmentation = highdicom.seg.segread(tmp_path / "seg.dcm")

            volume = segmentation.get_volume(combine_segments=True)

            assert volume.array.sum() == truth.voxels
            assert {uid for _, _, uid in segmentation.get_source_image_uids()} <= {d.SOPInstanceUID for d in slices}

    def test_nothing_could_be_mistaken_for_a_patient(self, cohort: list[StudyTruth]) -> None:
        for dataset in read(cohort[0])[0]:
            assert dataset.Manufacturer == "Synthetic"
            assert "not a patient" in dataset.StudyDescription
            assert dataset.PatientBirthDate == ""


class TestDeterminism:
    def test_the_same_seed_gives_the_same_bytes(self, tmp_path: Path) -> None:
        first, second = (write_study(tmp_path / name, SMALL, zipped=True) for name in ("a", "b"))

        assert first.path.read_bytes() == second.path.read_bytes()

    def test_another_seed_gives_other_tumours_and_identifiers(self) -> None:
        def drop_seed(spec: StudySpec) -> StudySpec:
            return replace(spec, seed=0)

        assert [drop_seed(spec) for spec in cohort_specs(7)] != [drop_seed(spec) for spec in cohort_specs(8)]
        assert len({spec.seed for seed in (7, 8) for spec in cohort_specs(seed)}) == 12

    def test_a_longer_cohort_begins_with_the_shorter_one(self) -> None:
        assert cohort_specs(studies=9)[:6] == cohort_specs(studies=6)
        assert len({spec.subject for spec in cohort_specs(studies=9)}) == 9


class TestFaults:
    def test_without_segmentation_or_ct(self, tmp_path: Path) -> None:
        slices, segmentation = read(write_study(tmp_path / "a", SMALL, without_seg=True))
        assert (len(slices), segmentation) == (24, None)

        slices, segmentation = read(write_study(tmp_path / "b", SMALL, without_ct=True))
        assert slices == []
        assert segmentation is not None

    def test_neither_is_not_a_study(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="at least one series"):
            write_study(tmp_path, SMALL, without_ct=True, without_seg=True)

    def test_empty_mask(self, tmp_path: Path) -> None:
        segmentation = read(write_study(tmp_path, SMALL, empty_mask=True))[1]

        assert segmentation is not None
        assert segmentation.pixel_array.sum() == 0

    def test_segmentation_of_another_series(self, tmp_path: Path) -> None:
        slices, segmentation = read(write_study(tmp_path, SMALL, seg_of_other_series=True))

        assert segmentation is not None
        assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID != slices[0].SeriesInstanceUID
        assert segmentation.FrameOfReferenceUID != slices[0].FrameOfReferenceUID

    def test_missing_slice_is_one_that_the_segmentation_references(self, tmp_path: Path) -> None:
        slices, segmentation = read(write_study(tmp_path, SMALL, missing_ct_slice=True))
        assert segmentation is not None
        there = {dataset.SOPInstanceUID for dataset in slices}
        named = {
            item.ReferencedSOPInstanceUID
            for item in segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
        }

        assert len(slices) == 23
        assert len(named - there) == 1

    def test_the_corrupt_study_has_one_slice_cut_short(self, tmp_path: Path) -> None:
        truth = write_corrupt_study(tmp_path)
        sizes = sorted(path.stat().st_size for path in truth.path.rglob("*.dcm"))
        cut = [path for path in truth.path.rglob("*.dcm") if path.stat().st_size < sizes[-1] * 0.9]

        assert truth.subject == "R01-999"
        damaged = [path for path in cut if pydicom.dcmread(path, stop_before_pixels=True).Modality == "CT"]
        assert len(damaged) == 1
        with pytest.raises((ValueError, EOFError)):
            _ = pydicom.dcmread(damaged[0]).pixel_array


def test_the_archives_patients_are_none_of_the_cohorts() -> None:
    cohort, archive = cohort_specs(studies=60), archive_specs()
    assert not {spec.subject for spec in cohort} & {spec.subject for spec in archive}
    small = [replace(spec, matrix=32, slices=4) for spec in (cohort[0], archive[0])]
    assert len({str(ct_slices(spec, make_phantom(spec))[0].StudyInstanceUID) for spec in small}) == 2
