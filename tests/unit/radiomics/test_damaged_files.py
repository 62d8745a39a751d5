"""Damaged and malformed files end in a typed rejection, or are left aside; never in another error."""

import random
from pathlib import Path

import pydicom
import pytest

from radiomics_job.dicom.reading import read_study
from radiomics_job.dicom.sources import SourceCounts, SourceFile, read_source
from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits
from tests.builders.dicom import Scan, save, save_ct, segmentation, structure_set
from tests.unit.radiomics.support import run_study

SCAN = Scan(slices=6, step=6.0, columns=24, rows=22, spacing=(1.6, 1.7))

EXAMPLES = sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm"))
"""Pydicom's own test files, many of them malformed."""


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_pydicoms_own_examples_are_read_or_refused(file: Path) -> None:
    try:
        study = read_study([SourceFile("file", file.read_bytes())], Limits())
    except StudyRejectedError as error:
        refused: ReasonCode | None = error.code
        found = 0
    else:
        refused = None
        found = len(study.ct) + len(study.segmentations) + len(study.structure_sets) + study.other
    assert refused in {None, ReasonCode.UNREADABLE_DICOM, ReasonCode.UNSUPPORTED_DICOM}
    assert (found == 0) == (refused is not None)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["ct", "seg", "rt"])
def test_random_damage_is_typed(tmp_path: Path, kind: str, seed: int) -> None:
    """A short, repeatable fuzz: bytes changed, removed and repeated."""
    save_ct(tmp_path / "in", SCAN)
    square = SCAN.points(3)[[5, 5, 15, 15], [5, 15, 15, 5]]
    victim = {
        "ct": next((tmp_path / "in" / "ct-a").iterdir()),
        "seg": save(segmentation(SCAN), tmp_path / "in" / "seg"),
        "rt": save(structure_set(SCAN, {"GTV": [square]}), tmp_path / "in" / "rt"),
    }[kind]
    whole, generator = victim.read_bytes(), random.Random(seed)
    for _ in range(5):
        victim.write_bytes(damaged(whole, generator))
        status = run_study(tmp_path / "in", tmp_path / "out").status
        assert status in {"accept", "warn", *ReasonCode}


def damaged(whole: bytes, generator: random.Random) -> bytes:
    data = bytearray(whole)
    for _ in range(generator.choice([1, 4, 32])):
        at = generator.randrange(132, min(len(data), generator.choice([600, 1500, len(data)])))
        change = generator.randrange(3)
        if change == 0:
            data[at] = generator.randrange(256)
        elif change == 1:
            del data[at : at + generator.randrange(1, 20)]
        else:
            data[at:at] = data[at : at + generator.randrange(1, 60)]
    return bytes(data)


@pytest.mark.parametrize("lost", [1, 20, 200, 400])
def test_a_structure_set_that_was_cut_short_loses_no_contour_silently(tmp_path: Path, lost: int) -> None:
    square = SCAN.points(3)[[5, 5, 15, 15], [5, 15, 15, 5]]
    file = save(structure_set(SCAN, {"GTV": [square] * 20}), tmp_path / "rt")
    file.write_bytes(file.read_bytes()[:-lost])
    with pytest.raises(StudyRejectedError) as caught:
        read_study(read_source(tmp_path, Limits(), SourceCounts()), Limits())
    assert caught.value.code is ReasonCode.UNREADABLE_DICOM
