"""Ordinary files are read in one pass, and their pixels again when a slice is decoded: with pydicom's own result."""

import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from radiomics_job.dicom.ct_slice import as_written, hounsfield
from radiomics_job.dicom.elements import ordinary_elements, tag_of
from radiomics_job.dicom.reading import read_study
from radiomics_job.dicom.sources import SourceCounts, read_source
from radiomics_job.errors import HostFaultError
from radiomics_job.limits import Limits
from tests.builders.dicom import Scan, ct_slice, save, save_ct, segmentation, structure_set
from tests.unit.radiomics.support import run_study
from tests.unit.radiomics.test_damaged_files import EXAMPLES, damaged

SCAN = Scan(slices=6, step=6.0, columns=24, rows=22, spacing=(1.6, 1.7))

LARGE = 500
NEEDED = {
    int(tag_of(keyword)): tag_of(keyword)
    for keyword in ("SOPClassUID", "SpecificCharacterSet", "ImagePositionPatient", "Rows", "PixelData")
}


class Every(dict[int, BaseTag]):
    """Every tag."""

    def get(self, key: int, default: object = None) -> BaseTag:
        return BaseTag(key)


def elements(dataset: Dataset) -> list[RawDataElement]:
    return [element for element in dataset.values() if isinstance(element, RawDataElement)]


def assert_like_pydicom(content: bytes, needed: Mapping[int, BaseTag] | None = None) -> bool:
    """Compare a file that is read here with what pydicom makes of it; tell whether it was read here."""
    found = ordinary_elements(content, Every() if needed is None else needed, LARGE)
    if found is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = read_partial(BytesIO(content), defer_size=LARGE, specific_tags=[*(needed or ())])
    assert elements(found) == elements(expected)
    assert [*found.keys()] == [*expected.keys()]
    assert [*found.file_meta.keys()] == [*expected.file_meta.keys()]
    for keyword in ("MediaStorageSOPClassUID", "TransferSyntaxUID"):
        assert as_written(found.file_meta, keyword) == as_written(expected.file_meta, keyword)
    assert found.original_encoding == expected.original_encoding
    assert found.original_character_set == expected.original_character_set
    return True


def files() -> Iterator[bytes]:
    square = SCAN.points(3)[[5, 5, 15, 15], [5, 15, 15, 5]]
    for dataset in (ct_slice(SCAN, 2), segmentation(SCAN), structure_set(SCAN, {"GTV": [square]})):
        buffer = BytesIO()
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
        yield buffer.getvalue()


def test_what_is_read_in_one_pass_is_what_pydicom_reads() -> None:
    ours = [assert_like_pydicom(content) for content in files()]
    examples = [assert_like_pydicom(path.read_bytes()) for path in EXAMPLES]
    assert ours[0]
    assert sum(examples) > 10


def with_sequences(dataset: Dataset, depth: int) -> bytes:
    """A file in which sequences of undefined length, one inside the other, lie before what is needed."""
    item = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedSOPInstanceUID = "1.2.3"
        outer.add_new(0x00081140, "SQ", [item, Dataset()])
        outer[0x00081140].is_undefined_length = True
        for each in outer[0x00081140].value:
            each.is_undefined_length_sequence_item = bool(depth % 2)
        item = outer
    dataset.add_new(0x00081140, "SQ", [item])
    dataset[0x00081140].is_undefined_length = True
    item.is_undefined_length_sequence_item = True
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_sequences_of_undefined_length_that_are_not_needed_are_passed_over(depth: int) -> None:
    content = with_sequences(ct_slice(SCAN, 2), depth)
    assert assert_like_pydicom(content, NEEDED)
    assert ordinary_elements(content, Every(), LARGE) is None


def test_damage_of_what_is_passed_over_changes_nothing_that_is_needed() -> None:
    generator, read = random.Random(2), 0
    nested = [with_sequences(ct_slice(SCAN, 2), depth) for depth in (1, 2)]
    for _ in range(300):
        with suppress(OSError):  # pydicom looks into sequences that nobody asks for
            read += assert_like_pydicom(damaged(generator.choice(nested), generator), NEEDED)
    assert 10 < read < 290


def test_damage_is_left_to_pydicom_or_read_as_pydicom_reads_it() -> None:
    generator = random.Random(1)
    whole = [*files()]
    read = sum(assert_like_pydicom(damaged(generator.choice(whole), generator)) for _ in range(600))
    assert 20 < read < 580


@pytest.mark.parametrize("change", ["removed", "longer", "other bytes"])
def test_a_file_that_changes_between_its_two_reads_is_a_fault_of_the_machine(tmp_path: Path, change: str) -> None:
    save_ct(tmp_path, replace(SCAN, columns=300, rows=200))
    study = read_study(read_source(tmp_path, Limits(), SourceCounts()), Limits())
    file = tmp_path / study.ct[0].name
    before = hounsfield(study.ct[0])
    assert (before == hounsfield(study.ct[0])).all()
    if change == "removed":
        file.unlink()
    elif change == "longer":
        file.write_bytes(file.read_bytes() + b"\0")
    else:
        file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(HostFaultError, match=r"again|changed"):
        hounsfield(study.ct[0])


def test_images_that_repeat_a_header_but_for_one_element_keep_their_own(tmp_path: Path) -> None:
    """Slices of two scales and kernels in one folder: what one header says is not taken for another's."""
    for k in range(SCAN.slices):
        image = ct_slice(SCAN, k, intercept=-1024.0 + 8 * (k % 2), slope=1.0 + (k % 3 == 0))
        save(image, tmp_path / "in" / f"{k}")
    save(segmentation(SCAN), tmp_path / "in" / "seg")
    run_study(tmp_path / "in", tmp_path / "out").assert_right_in_patient_space()
