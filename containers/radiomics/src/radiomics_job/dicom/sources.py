"""Where a study's bytes come from: a folder or a zip archive, every file read at most once."""

import errno
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydicom.dataset import Dataset

from radiomics_job.errors import ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits

PREAMBLE_BYTES = 132
DICOM_MARK = b"DICM"

_BOUNDED_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What zipfile unpacks piece by piece. It unpacks bzip2 and LZMA without any bound: 400 bytes become 400 MB at once."""

_ZIP_ERRORS = (
    AssertionError,
    AttributeError,
    LookupError,
    OverflowError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class SourceFile:
    """One DICOM file: its name relative to the study and its bytes."""

    name: str
    content: bytes


@dataclass
class SourceCounts:
    """How many files were DICOM by content, and how many others were left aside."""

    dicom: int = 0
    ignored: int = 0
    bytes: int = 0


def read_source(path: Path, limits: Limits, counts: SourceCounts) -> Iterator[SourceFile]:
    """Yield the DICOM files of a study in the order of their names.

    A file is DICOM when it carries the `DICM` mark after the 128-byte preamble, whatever its name.

    Parameters
    ----------
    path : Path
        A folder, or a file with a zip archive.
    counts : SourceCounts
        Filled while iterating.

    Raises
    ------
    StudyRejectedError
        `EMPTY_STUDY`, `ZIP_INVALID` or `INPUT_TOO_LARGE`.
    """
    if path.is_dir():
        yield from _read_folder(path, limits, counts)
    elif path.is_file():
        yield from _read_zip(path, limits, counts)
    else:
        raise StudyRejectedError(
            ReasonCode.EMPTY_STUDY, "The study has no files. Upload its DICOM files.", {"dicom": 0, "ignored": 0}
        )


def _read_folder(folder: Path, limits: Limits, counts: SourceCounts) -> Iterator[SourceFile]:
    names = sorted(_files_below(folder))
    _check_budget("files", len(names), limits.files)
    for name in names:
        file = folder / name
        with file.open("rb") as stream:
            content = _content_if_dicom(stream, file.stat().st_size, limits, counts)
        if content is not None:
            yield SourceFile(name, content)


def _files_below(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder, onerror=_unreadable, followlinks=False):
        for name in names:
            path = Path(parent, name)
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def _unreadable(error: OSError) -> None:
    """A folder that cannot be listed must not pass as an empty one."""
    raise error


def _read_zip(path: Path, limits: Limits, counts: SourceCounts) -> Iterator[SourceFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (*_ZIP_ERRORS, OSError) as error:
        _raise_host_fault(error)
        raise _bad_zip("The archive cannot be opened; upload the zip again.") from error
    with archive:
        files = (m for m in archive.infolist() if not m.filename.endswith("/"))
        members = sorted(files, key=lambda member: member.filename)
        _check_members(members, limits)
        for member in members:
            content = _read_member(archive, member, limits, counts)
            if content is not None:
                yield SourceFile(member.filename, content)


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits, counts: SourceCounts
) -> bytes | None:
    try:
        with archive.open(member) as stream:
            return _content_if_dicom(stream, member.file_size, limits, counts)  # type: ignore[arg-type]
    except (*_ZIP_ERRORS, OSError) as error:
        _raise_host_fault(error)
        raise _bad_zip("A member of the archive is damaged; upload the zip again.", member=member.filename) from error


def _raise_host_fault(error: Exception) -> None:
    """Pass on what the machine did; damage shows as EINVAL (a seek before the start), or without a number (bzip2)."""
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise error


def _check_members(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    _check_budget("files", len(members), limits.files)
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or "\0" in member.filename or not name.name:
            raise _bad_zip("A member's path leaves the archive; zip the study folder itself.", member=member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise _bad_zip("The archive holds a link; zip the files themselves.", member=member.filename)
        if member.compress_type not in _BOUNDED_METHODS:
            raise _bad_zip("The archive is compressed in an unusual way; make an ordinary zip.", member=member.filename)
        if member.flag_bits & 0x1:
            raise _bad_zip("The archive is encrypted; upload it without a password.", member=member.filename)
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    _check_budget("bytes", size, limits.study_bytes)
    if size > limits.zip_ratio * max(packed, 1):
        raise _bad_zip("The archive expands too far to be a DICOM study.", bytes=size, compressed_bytes=packed)


def _content_if_dicom(stream: BinaryIO, size: int, limits: Limits, counts: SourceCounts) -> bytes | None:
    head = _read_exactly(stream.read, PREAMBLE_BYTES)
    if head[128:] != DICOM_MARK:
        counts.ignored += 1
        return None
    _check_budget("file_bytes", size, limits.file_bytes)
    content = head + stream.read(max(0, size - len(head)))
    counts.dicom += 1
    counts.bytes += len(content)
    _check_budget("bytes", counts.bytes, limits.study_bytes)
    return content


def _read_exactly(read: Callable[[int], bytes], size: int) -> bytes:
    data = read(size)
    while len(data) < size:
        more = read(size - len(data))
        if not more:
            break
        data += more
    return data


def _check_budget(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise StudyRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            f"The study exceeds the budget of {limit} {name}; upload one study per folder.",
            {name: value, "limit": limit},
        )


def _bad_zip(message: str, **details: str | int) -> StudyRejectedError:
    shown = {name: printable(value) if isinstance(value, str) else value for name, value in details.items()}
    return StudyRejectedError(ReasonCode.ZIP_INVALID, message, shown)


def printable(name: str) -> str:
    """Give a file name as text that UTF-8 can write; other bytes become `?`."""
    return name.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class References:
    """The images that an object was drawn on, as far as it says so."""

    series: frozenset[str]
    """SeriesInstanceUIDs."""
    instances: frozenset[str]
    """SOPInstanceUIDs, duplicates folded (real files repeat them)."""
    frame_of_reference_uid: str
    """Empty when absent."""


def segmentation_references(dataset: Dataset) -> References:
    """Collect the references of a SEG: ReferencedSeriesSequence and the source images of each frame."""
    series, instances = set(), set()
    for item in dataset.get("ReferencedSeriesSequence") or []:
        series.add(str(item.get("SeriesInstanceUID") or ""))
        instances |= set(_instances(item, "ReferencedInstanceSequence"))
    if not instances:
        instances = set(_frame_sources(dataset))
    return References(
        frozenset(series - {""}), frozenset(instances - {""}), str(dataset.get("FrameOfReferenceUID") or "")
    )


def structure_set_references(dataset: Dataset) -> References:
    """Collect the references of an RTSTRUCT from its ReferencedFrameOfReferenceSequence."""
    series, instances, frame = set(), set(), ""
    for reference in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        frame = frame or str(reference.get("FrameOfReferenceUID") or "")
        for study in reference.get("RTReferencedStudySequence") or []:
            for item in study.get("RTReferencedSeriesSequence") or []:
                series.add(str(item.get("SeriesInstanceUID") or ""))
                instances |= set(_instances(item, "ContourImageSequence"))
    return References(frozenset(series - {""}), frozenset(instances - {""}), frame)


def _frame_sources(dataset: Dataset) -> Iterator[str]:
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*shared, *(dataset.get("PerFrameFunctionalGroupsSequence") or [])):
        for derivation in group.get("DerivationImageSequence") or []:
            yield from _instances(derivation, "SourceImageSequence")


def _instances(item: Dataset, sequence: str) -> Iterator[str]:
    for reference in item.get(sequence) or []:
        yield str(reference.get("ReferencedSOPInstanceUID") or "")
