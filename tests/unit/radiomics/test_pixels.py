"""Stored pixels to Hounsfield units: signs, padding, unused bits, compressed transfer syntaxes."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from radiomics_job.dicom.ct_slice import hounsfield, read_ct_slices
from radiomics_job.dicom.reading import read_study
from radiomics_job.dicom.series import group_series
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.dicom.stacking import stack_series
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from radiomics_job.parameters import GeometryPolicies
from tests.builders import jpeg_lossless
from tests.builders.dicom import Scan, ct_slice, save, save_ct, segmentation, uid
from tests.builders.dicom import hounsfield as hounsfield_at
from tests.unit.radiomics.support import run_study

SCAN = Scan(slices=10, step=3.7)


def _decode(dataset: Dataset) -> list[int]:
    dataset.Rows, dataset.Columns = 1, 4
    return [int(value) for value in hounsfield(next(read_ct_slices(dataset, "x", Limits())))[0]]


def _with(stored: list[int], dtype: str, **attributes: object) -> Dataset:
    dataset = ct_slice(SCAN, 0)
    dataset.PixelData = np.array(stored, dtype).tobytes()
    dataset.PixelRepresentation = int(dtype == "<i2")
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_signed_pixels() -> None:
    assert _decode(_with([-2000, 0, 1, 3000], "<i2", RescaleIntercept=-24)) == [-2024, -24, -23, 2976]


def test_bits_above_those_stored_are_no_part_of_the_value() -> None:
    overlay = 0x8000
    assert _decode(_with([overlay | 1024, 1023, 4095, 0], "<u2", BitsStored=12, HighBit=11)) == [0, -1, 3071, -1024]


def test_twelve_bit_signs_are_extended() -> None:
    assert _decode(_with([0x0FFF, 0x0800, 5, 0], "<i2", BitsStored=12, HighBit=11, RescaleIntercept=0)) == [
        -1,
        -2048,
        5,
        0,
    ]


def test_padding_may_leave_the_range_and_is_clipped() -> None:
    assert _decode(_with([65535, 1024, 0, 1], "<u2", PixelPaddingValue=65535)) == [32767, 0, -1024, -1023]


def test_padding_of_signed_pixels_may_be_written_as_the_unsigned_number_of_its_bits() -> None:
    padded = _with([-32768, 1024, 0, 1], "<i2")
    padded.add_new("PixelPaddingValue", "US", 32768)
    assert _decode(padded) == [-32768, 0, -1024, -1023]


def test_packed_pixels_are_not_called_damaged() -> None:
    with pytest.raises(StudyRejectedError) as caught:
        _decode(_with([0, 1, 2], "<u2", BitsAllocated=12, BitsStored=12, HighBit=11))
    assert (caught.value.code, caught.value.details) == (ReasonCode.UNSUPPORTED_DICOM, {"attribute": "BitsAllocated"})


def test_other_values_beyond_the_range_are_refused() -> None:
    with pytest.raises(StudyRejectedError) as caught:
        _decode(_with([65534, 1024, 0, 1], "<u2", PixelPaddingValue=65535))
    assert caught.value.code is ReasonCode.UNSUPPORTED_DICOM
    assert caught.value.details == {"minimum_hu": -1024.0, "maximum_hu": 64510.0}


def test_a_fractional_slope_is_rounded_to_whole_units() -> None:
    assert _decode(_with([0, 1, 2, 3], "<u2", RescaleSlope=0.6, RescaleIntercept=-10)) == [-10, -9, -9, -8]


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=["rle", "jpeg2000", "jpeg_ls"])
def test_compressed_slices_have_the_same_values(tmp_path: Path, syntax: UID) -> None:
    for k in range(SCAN.slices):
        dataset = ct_slice(SCAN, k)
        dataset.compress(syntax, generate_instance_uid=False)
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1], ids=["process_14", "selection_value_1"])
def test_lossless_jpeg_has_the_same_values(tmp_path: Path, syntax: UID) -> None:
    for k in range(SCAN.slices):
        dataset = ct_slice(SCAN, k)
        stored = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
        dataset.PixelData = encapsulate([jpeg_lossless.encode(stored)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
        save(dataset, tmp_path / "in" / str(k))
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def test_a_compressed_segmentation_has_the_same_voxels(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN)
    seg = segmentation(SCAN)
    frames = seg.pixel_array.astype(np.uint8)
    seg.BitsAllocated, seg.BitsStored, seg.HighBit = 8, 8, 7
    seg.PixelData = frames.tobytes()
    seg.compress(RLELossless, generate_instance_uid=False)
    save(seg, tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()


def test_damaged_compressed_pixels_are_unreadable(tmp_path: Path) -> None:
    save_ct(tmp_path / "in", SCAN, skip=(3,))
    dataset = ct_slice(SCAN, 3)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    data = bytearray(dataset.PixelData)
    data[200:] = bytes(len(data) - 200)
    dataset.PixelData = bytes(data)
    save(dataset, tmp_path / "in" / "bad")
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    result = run_study(tmp_path / "in", tmp_path / "out")
    assert (result.status, result.rejection["details"]["files"]) == ("UNREADABLE_DICOM", ["bad"])


@pytest.mark.parametrize(("columns", "rows"), [(1, 6), (6, 1), (1, 1)])
def test_a_slice_of_one_column_or_row_that_is_there_twice_is_dropped(tmp_path: Path, columns: int, rows: int) -> None:
    scan = Scan(columns=columns, rows=rows, slices=4)
    save_ct(tmp_path, scan)
    again = ct_slice(scan, 2)
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = UID(uid("again"))
    save(again, tmp_path / "again.dcm")
    (series,) = group_series(read_study(read_source(tmp_path, Limits(), SourceCounts()), Limits()).ct)

    stack, volume = stack_series(series, Limits(), GeometryPolicies("refuse", "refuse", 10.0, 0.5), hounsfield)

    assert stack.duplicates == 1
    np.testing.assert_array_equal(volume, np.stack([hounsfield_at(scan.points(k)).T for k in range(4)], axis=-1))
