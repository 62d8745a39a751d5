"""Whether the studies of one subject are of one patient, by the PatientID in their files."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli.errors import UsageError
from cli.sources.files import SourceFile

_HEAD_BYTES = 64 * 1024
"""PatientID stands in the first few kilobytes of a file: the rest is not read."""

_GZIP, _FIRST_GROUPS = b"\x1f\x8b", (b"\x02\x00", b"\x08\x00")
"""How a file begins that is compressed, and one of DICOM without its preamble: the job reads both."""

_TAGS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")

_HINT = (
    "Each subject's folder must hold the studies of one patient; the folder may be one level too high. PatientID says "
    "whose a file is."
)


@dataclass
class Study:
    """One study of one subject: the files of a folder, or one zip."""

    subject: str
    study: str
    files: list[SourceFile]


def reject_mixed_patients(studies: list[Study]) -> list[str]:
    """Refuse to make one case of several patients; return the subjects that are called unlike their PatientID.

    A file of each series is looked at.

    Raises
    ------
    UsageError
        When files of one subject state different PatientIDs, which the message does not repeat; or when the only
        PatientID is the name of a folder above or below the subject's.
    """
    patients: dict[str, set[str]] = {}
    for study in studies:
        patients.setdefault(study.subject, set()).update(_patients(study))
    for subject, found in patients.items():
        if len(found) > 1:
            raise UsageError(f"The files of subject {subject} belong to {len(found)} patients.", hint=_HINT)
    everybody = set[str]().union(*patients.values())
    if len(everybody) == 1 and everybody.isdisjoint(patients):
        _reject_other_level(studies[0].files[0].path, *everybody)
    return [subject for subject, found in patients.items() if any(_bare(name) != _bare(subject) for name in found)]


def _bare(identifier: str) -> str:
    """Return letters and digits alone, which is what the job compares (`PATIENT_ID_DIFFERS`)."""
    return "".join(filter(str.isalnum, identifier)).casefold()


def _reject_other_level(file: Path, patient: str) -> None:
    """Refuse the only patient's files when their PatientID is a folder's name, but not the subject's."""
    own = next((folder for folder in file.parents if folder.name == patient), None)
    if own:
        message = f"{own.name} is the patient's folder, by PatientID in its files, but would not be the subject."
        raise UsageError(message, hint=f"Give the folder above it: {own.parent}.")


def _patients(study: Study) -> Iterator[str]:
    folders: set[Path] = set()
    for file in study.files:
        if file.path.parent not in folders:
            header = header_of(file.path)
            if header:
                folders.add(file.path.parent)
                yield from {header.patient} - {""}


@dataclass(frozen=True)
class Header:
    """What says where a DICOM file belongs; each may be empty."""

    patient: str
    study: str
    series: str
    modality: str


def header_of(path: Path) -> Header | None:
    """Return what a DICOM file, or the first one of a zip, says of where it belongs; None when there is none."""
    try:
        if path.suffix.lower() != ".zip":
            with path.open("rb") as stream:
                return _read_header(stream)
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as stream:
                    if header := _read_header(stream):
                        return header
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        pass  # what is wrong with a file is for the pipeline to say
    return None


def _read_header(stream: IO[bytes]) -> Header | None:
    head = stream.read(_HEAD_BYTES)
    if head.startswith(_GZIP):
        head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _HEAD_BYTES)
    is_marked = head[128:132] == b"DICM"
    if not is_marked and head[:2] not in _FIRST_GROUPS:
        return None
    import pydicom

    try:
        # Without the mark, as older exports are, pydicom has to be told that it is DICOM.
        dataset = pydicom.dcmread(io.BytesIO(head), force=True, specific_tags=list(_TAGS), stop_before_pixels=True)
        header = Header(*(str(dataset.get(tag) or "").strip() for tag in _TAGS))
    except Exception:  # noqa: BLE001 - pydicom raises almost anything on damaged files, which the pipeline will name
        return None
    return header if is_marked or header.series else None
