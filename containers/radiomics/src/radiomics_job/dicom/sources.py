"""Where a study's bytes come from: a folder or a zip archive.

Every file is read once and hashed as it is read; pixels that need no unpacking are read again when their slice is
decoded, so that a study's pixels are in memory once (`features-24`).
"""

import errno
import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from radiomics_job.errors import HostFaultError, ReasonCode, StudyRejectedError
from radiomics_job.limits import Limits

PREAMBLE_BYTES = 132
DICOM_MARK = b"DICM"

_LINE_BREAKS = re.compile("[\\n\\r\\x0b\\x0c\\x85\\u2028\\u2029]+")

_ZIP_MARK, GZIP_MARK = b"PK\x03\x04", b"\x1f\x8b"

HEAD_BYTES = 540
"""What tells files apart lies in their first bytes: NIfTI-2's header is the longest that is looked at."""

_NIFTI_SIZES = {size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")}
_NIFTI_MARKS = {b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0"}
_NRRD_MARK = b"NRRD000"
_DATA_ENDINGS = (".raw", ".raw.gz")
_DICOM_ENDINGS = (".dcm", ".dicom", ".dcm.gz")
_APPLE_DOUBLE = b"\x00\x05\x16\x07"
"""Begins what macOS writes beside each file of another file system: `._ct.nii.gz` is no volume."""

_OFFICE_ENDINGS = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp")
"""Zip archives of which nobody means the members."""
_OTHER_FORMATS = (".mha", ".mhd", ".img", ".hdr", ".img.gz", ".mgz", ".mgh", ".mnc")

_FIRST_GROUPS = {b"\x02\x00", b"\x08\x00"}
_FIRST_VRS = {b"UL", b"UI", b"CS", b"OB", b"DA", b"SH", b"LO"}
_LAST_FIRST_ELEMENT, _LONGEST_FIRST_VALUE, _SHORTEST_BARE = 0x0020, 256, 12
"""How a data set without a preamble begins: one of the lowest elements of its group, with a short value."""

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


class FileKind(StrEnum):
    """What a file is."""

    DICOM = "DICOM"
    NIFTI = "NIFTI"
    NRRD = "NRRD"
    DATA = "DATA"  # voxels that a NRRD header in a file of its own may name


@dataclass(frozen=True)
class SourceFile:
    """One file that is read: its name relative to the study and its bytes."""

    name: str
    content: bytes
    """Unpacked for DICOM and NRRD; as it is stored for NIfTI, which is unpacked when its voxels are asked for."""
    kind: FileKind = FileKind.DICOM
    """What it is."""
    place: "Place | None" = None
    """Where the same bytes can be read again; None for what was unpacked."""


@dataclass(frozen=True)
class Place:
    """A file that can be read again."""

    path: Path
    state: tuple[int, int, int]
    """Its number, size and time of change when it was first read."""

    def read(self, offset: int, size: int) -> bytes:
        """Read a part again.

        Raises
        ------
        HostFaultError
            When the file is not the one that was read first: what was hashed would not be what is measured.
        """
        try:
            with self.path.open("rb", buffering=0) as stream:
                unchanged = _state(os.fstat(stream.fileno())) == self.state
                data = os.pread(stream.fileno(), size, offset) if unchanged else b""
        except OSError as error:
            raise HostFaultError(f"a file of the study cannot be read again: {error.strerror}") from error
        if len(data) < size:
            raise HostFaultError("a file of the study changed while the study was read")
        return data


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


@dataclass
class SourceCounts:
    """How many files were read by what they are, and how many others were left aside, by reason."""

    dicom: int = 0
    volumes: int = 0
    """NIfTI and NRRD files."""
    bytes: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """`not_dicom`, `zip_in_zip`, `other_archive`, `other_volume_format`: files that were left aside."""

    @property
    def ignored(self) -> int:
        """Files that were left aside."""
        return self.reasons.total()


def read_source(path: Path, limits: Limits, counts: SourceCounts) -> Iterator[SourceFile]:
    """Yield the DICOM, NIfTI and NRRD files of a study in the order of their names.

    A file is DICOM by its content, whatever its name: it carries the `DICM` mark after the 128-byte preamble, or begins
    with an element of group 0002 or 0008 as files without a preamble do. Such files are also found inside gzip files
    and inside zip archives of a folder. NIfTI and NRRD are known by their marks too; a file of that name without its
    mark is yielded as one, so that damage is told.

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
    names = sorted(files_below(folder))
    _check_budget("files", len(names), limits.files)
    for name in names:
        file = folder / name
        with file.open("rb") as stream:
            if stream.read(len(_ZIP_MARK)) == _ZIP_MARK and not name.lower().endswith(_OFFICE_ENDINGS):
                for member in _read_zip(file, limits, counts):
                    yield replace(member, name=f"{name}/{member.name}")
                continue
            stream.seek(0)
            status = os.fstat(stream.fileno())
            place = Place(file, _state(status))
            found = _file_if_known(stream, name, status.st_size, limits, counts, place)
        if found is not None:
            yield found


def files_below(folder: Path) -> Iterator[str]:
    """List the files of a folder; linked folders are followed, each folder once."""
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=_unreadable, followlinks=True):
        seen.add(os.path.realpath(parent))
        folders[:] = [name for name in folders if os.path.realpath(Path(parent, name)) not in seen]
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
            found = _read_member(archive, member, limits, counts)
            if found is not None:
                yield found


def _read_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits, counts: SourceCounts
) -> SourceFile | None:
    try:
        with archive.open(member) as stream:
            name = member.filename
            return _file_if_known(stream, name, member.file_size, limits, counts)  # type: ignore[arg-type]
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
    # By what it becomes, not by how far it expands: a mask of a small nodule is nearly as empty as a bomb.
    _check_budget("bytes", sum(member.file_size for member in members), limits.study_bytes)


def _file_if_known(
    stream: BinaryIO, name: str, size: int, limits: Limits, counts: SourceCounts, place: Place | None = None
) -> SourceFile | None:
    head = _read_exactly(stream.read, HEAD_BYTES)
    packed = head.startswith(GZIP_MARK)
    kind = _kind(_first_inflated(head, name) if packed else head, name)
    if kind is None:
        counts.reasons[_why_ignored(head, name)] += 1
        return None
    _check_budget("file_bytes", size, limits.file_bytes)
    stream.seek(0)  # one piece: to join two would copy the file
    content = _read_exactly(stream.read, size)
    if packed and kind in (FileKind.DICOM, FileKind.NRRD):  # NRRD has a compression of its own, inside the file
        content = _inflated(content, name, limits)
    counts.dicom += kind is FileKind.DICOM
    counts.volumes += kind in (FileKind.NIFTI, FileKind.NRRD)
    counts.bytes += len(content)
    _check_budget("bytes", counts.bytes, limits.study_bytes)
    return SourceFile(name, content, kind, None if packed else place)


def _kind(head: bytes, name: str) -> FileKind | None:
    lower = name.lower()
    if head.startswith(_APPLE_DOUBLE):
        return None
    if head[128:PREAMBLE_BYTES] == DICOM_MARK or is_bare(head):
        return FileKind.DICOM
    if is_nifti(head) or lower.endswith((".nii", ".nii.gz")):
        return FileKind.NIFTI
    if head.startswith(_NRRD_MARK) or lower.endswith((".nrrd", ".nhdr")):
        return FileKind.NRRD
    if lower.endswith(_DICOM_ENDINGS) and not any(head[:128]):  # a transfer ended in the preamble
        return FileKind.DICOM
    return FileKind.DATA if lower.endswith(_DATA_ENDINGS) else None


def _why_ignored(head: bytes, name: str) -> str:
    if name.lower().endswith(_OTHER_FORMATS):
        return "other_volume_format"
    if head.startswith(GZIP_MARK):
        return "other_archive"
    if name.lower().endswith(_OFFICE_ENDINGS):
        return "not_dicom"
    return "zip_in_zip" if head.startswith(_ZIP_MARK) else "not_dicom"


def is_nifti(head: bytes) -> bool:
    """Tell whether a file begins with a NIfTI-1 or NIfTI-2 header, which states its own size and a mark."""
    return head[:4] in _NIFTI_SIZES and (head[344:348] in _NIFTI_MARKS or head[4:8] in _NIFTI_MARKS)


def _first_inflated(packed: bytes, name: str) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(packed, HEAD_BYTES)
    except zlib.error as error:
        raise _bad_zip("A gzip file is damaged; upload it again.", member=name) from error


def is_bare(content: bytes) -> bool:
    """Tell whether a file begins with its first element, without preamble and mark, as older exports do.

    The first element of group 0002 or 0008 then has a value representation, or (implicit) a short length.
    """
    if len(content) < _SHORTEST_BARE or content[128:PREAMBLE_BYTES] == DICOM_MARK or content[:2] not in _FIRST_GROUPS:
        return False
    element, vr, length = struct.unpack_from("<H2sH", content, 2)
    implicit = int.from_bytes(content[4:8], "little") <= _LONGEST_FIRST_VALUE
    return bool(element <= _LAST_FIRST_ELEMENT and ((vr in _FIRST_VRS and length <= _LONGEST_FIRST_VALUE) or implicit))


def _inflated(packed: bytes, name: str, limits: Limits) -> bytes:
    """Unpack a gzip file that holds DICOM.

    Raises
    ------
    StudyRejectedError
        `ZIP_INVALID` for a damaged one, `INPUT_TOO_LARGE`.
    """
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = inflater.decompress(packed, limits.file_bytes + 1)
    except zlib.error as error:
        raise _bad_zip("A gzip file is damaged; upload it again.", member=name) from error
    _check_budget("file_bytes", len(content), limits.file_bytes)
    if not inflater.eof:
        raise _bad_zip("A gzip file is cut short; upload it again.", member=name)
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


def one_line(text: str) -> str:
    """Give a text of a header on one line: DICOM allows no other (PS3.5, 6.2, LO), Feature Store takes no other.

    Examples
    --------
    >>> one_line("GTV\\r\\nprimary")
    'GTV primary'
    """
    return _LINE_BREAKS.sub(" ", text).strip()


def printable(name: str) -> str:
    """Give a file name as text that UTF-8 can write; other bytes become `?`."""
    return name.encode("utf-8", "replace").decode("utf-8")
