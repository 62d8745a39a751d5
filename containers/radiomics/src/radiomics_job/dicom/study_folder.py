"""Whether folders are the series of one study, as archives write them, or studies of their own."""

import gzip
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from pydicom import dcmread

from radiomics_job.dicom.reading import PARSER_ERRORS, RTSTRUCT_CLASSES, SEG_CLASSES, strict_parsing
from radiomics_job.dicom.sources import GZIP_MARK, PREAMBLE_BYTES, files_below, is_bare

_TAGS = ["SOPClassUID", "StudyInstanceUID"]

Header = tuple[str, bool]
"""A file's StudyInstanceUID, and whether it is a segmentation or structure set."""


def is_one_study(places: Sequence[Path]) -> bool:
    """Tell whether folders and DICOM files beside them are images and segmentations of one study.

    They are when all have one StudyInstanceUID and no folder holds both images and a segmentation: such a folder is a
    study itself. Of folders that are studies, the first header of the first two is all that is read.

    Parameters
    ----------
    places : sequence of Path
        What lies in a folder; files that are no DICOM, archives among them, are left aside.
    """
    first: set[str] = set()
    for place in places:
        first.update(study for study, _ in islice(_headers(place), 1))
        if len(first) > 1:
            return False
    found = [set(_headers(place)) for place in places]
    both = set[Header]().union(*found)
    return {drawn for _, drawn in both} == {False, True} and len(both) == 2 and all(len(each) < 2 for each in found)


def _headers(place: Path) -> Iterator[Header]:
    """Yield what the readable DICOM files of a folder say; what cannot be read is told when the study is."""
    try:
        files = [place / name for name in files_below(place)] if place.is_dir() else [place]
    except OSError:
        return
    for file in files:
        try:
            with strict_parsing(), _opened(file) as stream:
                bare = is_bare(stream.read(PREAMBLE_BYTES))
                stream.seek(0)
                header = dcmread(stream, stop_before_pixels=True, force=bare, specific_tags=_TAGS)
                found = str(header.StudyInstanceUID), header.SOPClassUID in SEG_CLASSES | RTSTRUCT_CLASSES
        except PARSER_ERRORS:
            continue
        yield found


def _opened(file: Path) -> BinaryIO:
    with file.open("rb") as stream:
        packed = stream.read(len(GZIP_MARK)) == GZIP_MARK
    return cast(BinaryIO, gzip.open(file)) if packed else file.open("rb")
