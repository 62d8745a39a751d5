"""Finds the studies of a folder, laid out as downloads of archives are."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import starmap
from pathlib import Path

from cli.errors import UsageError
from cli.sources.files import Source, SourceFile, entries, files_below, folder_of, is_zip
from cli.sources.patients import Header, Study, header_of, reject_mixed_patients
from multimodal.imaging.layouts import SERIES_NAME, SERIES_UID, SERIES_UUID, STUDY_DATE, STUDY_NAME
from multimodal.ledger.upload_key import is_safe_segment

_SERIES_HINT = (
    "These are folders of series, as they lie in the buckets of the Imaging Data Commons, but their files do not say "
    "which patient and study they belong to. Put them into folders: <patient>/<study>/<series>/."
)

_STUDIES_HINT = "Expected <subject>/<study>/… or <subject>/<study>.zip, as TCIA downloads are laid out."


@dataclass
class Studies(Source):
    """Imaging studies in the order of their names.

    `stray` files lie directly in a subject's folder, in no study; `renamed` subjects are called unlike the PatientID in
    their files.
    """

    modality = "imaging"
    studies: list[Study] = field(default_factory=list)
    stray: list[Path] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        return tuple(f"imaging#{dataset}#{study.subject}#{study.study}" for study in self.studies)


def read_studies(folder: Path) -> Studies:
    """Find the studies of a folder, laid out as in TCIA downloads.

    Parameters
    ----------
    folder : Path
        A folder of subjects; or one subject, when everything in it is named as TCIA names studies; or a folder that
        has an `imaging` folder of subjects.

    Raises
    ------
    UsageError
        When it is no folder, holds no study, is one level too low or too high, or mixes patients.
    """
    if is_zip(folder):
        raise UsageError(
            f"{folder} is one file.",
            hint="Give the folder of subjects; a zip of several subjects, of tables or of reads is unpacked first. "
            f"{_STUDIES_HINT}",
        )
    folder = folder_of(folder, "imaging", _STUDIES_HINT)
    if STUDY_NAME.fullmatch(folder.name):  # its series would be taken for studies
        raise UsageError(
            f"{folder} is named as TCIA names a study, not as a folder of subjects.",
            hint=f"Give the folder of subjects above it, such as {folder.parent.parent}. {_STUDIES_HINT}",
        )
    found = Studies(studies=_arranged_series(folder))
    if not (found.studies or SERIES_NAME.fullmatch(folder.name)):
        found.studies = _arranged_files(folder)
    if found.studies:
        found.beside = _left_out(folder, found.studies)
        return _checked_studies(found)
    subjects = [folder] if _is_subject(folder) else [path for path in entries(folder) if path.is_dir()]
    if subjects != [folder]:
        found.beside += [path for path in entries(folder) if path.is_file()]
        _reject_collections(folder, subjects)
    for subject in subjects:
        _read_subject(subject, found)
    if not found.studies:
        _reject_loose_zips(folder, found.beside)
        # Files one level below mean that this is one subject, with studies in it.
        if subjects and all(SERIES_UUID.fullmatch(path.name) for path in subjects):
            raise UsageError(f"There is no study in {folder}.", hint=_SERIES_HINT)
        is_subject = found.stray or any(map(header_of, found.beside))
        hint = f"If it is one subject's folder, give the folder above it: {folder.parent}. " if is_subject else ""
        raise UsageError(f"There is no study in {folder}.", hint=hint + _STUDIES_HINT)
    return _checked_studies(found)


def _reject_loose_zips(folder: Path, files: Iterable[Path]) -> None:
    zips = [path for path in files if is_zip(path)]
    if zips:
        hint = f"A zip is a study and lies in its subject's folder: {folder}/<subject>/{zips[0].name}. A zip of several"
        raise UsageError(f"{zips[0].name} lies in no subject's folder.", hint=f"{hint} subjects is unpacked first.")


def _checked_studies(found: Studies) -> Studies:
    found.files = [file for study in found.studies for file in study.files]
    found.renamed = reject_mixed_patients(found.studies)
    return found


def _arranged_series(folder: Path, subject: str = "") -> list[Study]:
    """Return the studies of a folder that holds nothing but series, each a folder or a zip, by what their files say.

    So lie series in the buckets of the Imaging Data Commons (called by UUIDs), so TCIA's tools for Python download them
    (called by SeriesInstanceUIDs), and so people export them (`CT` and `SEG`; `IMG000`): nothing but the files says
    which belong together (decision `laptop-13`).

    Parameters
    ----------
    folder : Path
        Any folder; what is none of series gives an empty list.
    subject : str
        The patient's folder that they lie in; not given: PatientID is the subject.

    Raises
    ------
    UsageError
        When the files do not say whose they are.
    """
    places = [path for path in entries(folder) if path.is_dir() or is_zip(path)]
    headers = {path: header for path in places if (header := _header_of_series(path))}
    studies = [(header.patient, header.study) for header in headers.values() if header.study]
    is_shared = len(set(studies)) < len(studies)
    if len(headers) < len(places) or not (is_shared or all(starmap(_is_called_as, headers.items()))):
        return []
    found: dict[tuple[str, str], Study] = {}
    for path, header in headers.items():
        if not (subject or _is_name(header.patient)) or not _is_name(header.study):
            raise UsageError(f"The files of {path} have no PatientID or StudyInstanceUID to go by.", hint=_SERIES_HINT)
        if is_zip(path):
            _put(found, header, subject, SourceFile(path, path.name, path.stat().st_size))
        elif _is_called_as(path, header):
            for file in files_below(path):
                _put(found, header, subject, file)
        else:
            for file in files_below(path, f"{path.name}/"):
                _put(found, _own_header(file, subject) or header, subject, file)
    return list(found.values())


def _arranged_files(folder: Path, subject: str = "") -> list[Study]:
    """Return the studies of a folder that holds DICOM files and no study, or a CD's DICOMDIR, by what the files say."""
    below = entries(folder)
    is_disc = any(path.name.upper() == "DICOMDIR" and path.is_file() for path in below)
    if not is_disc and any(path.is_dir() or is_zip(path) for path in below):
        return []
    found: dict[tuple[str, str], Study] = {}
    for file in files_below(folder):
        if header := _own_header(file, subject):
            _put(found, header, subject, file)
    return list(found.values())


def _own_header(file: SourceFile, subject: str) -> Header | None:
    """Return the header of a DICOM file that says where it belongs."""
    header = header_of(file.path)
    return header if header and all(map(_is_name, (subject or header.patient, header.study, header.series))) else None


def _left_out(folder: Path, studies: Iterable[Study]) -> list[Path]:
    taken = {file.path for study in studies for file in study.files}
    return [file.path for file in files_below(folder) if file.path not in taken]


def _put(found: dict[tuple[str, str], Study], header: Header, subject: str, file: SourceFile) -> None:
    """Put a file into its series' folder of its study."""
    whose = subject or header.patient
    study = found.setdefault((whose, header.study), Study(whose, header.study, []))
    place = f"{whose}/{header.study}/{header.modality or 'SERIES'}_{header.series}/{file.key}"
    study.files.append(replace(file, key=place))


def _is_name(text: str) -> bool:
    return is_safe_segment(text) and "/" not in text


def _header_of_series(place: Path) -> Header | None:
    """Return the header of the first DICOM file of a zip, or of a folder without folders and zips."""
    files = entries(place) if place.is_dir() else [place]
    if place.is_dir() and any(path.is_dir() or is_zip(path) for path in files):
        return None
    header = next(filter(None, map(header_of, files)), None)
    return header if header and header.series else None


def _is_called_as(place: Path, header: Header) -> bool:
    """Whether a folder or a zip is called as its series, or as archives call one."""
    name = place.stem if is_zip(place) else place.name
    uid = SERIES_UID.fullmatch(name)
    return uid[1] == header.series if uid else bool(SERIES_UUID.fullmatch(name))


def _reject_collections(folder: Path, subjects: Iterable[Path]) -> None:
    """Reject a folder that is too high: its subjects' folders hold subjects, all of which would become one case."""
    for collection in subjects:
        for parent, folders, _ in os.walk(collection):
            folders.sort()
            subject = Path(parent)
            if subject == collection or STUDY_NAME.fullmatch(subject.name):
                continue
            if any(_is_study(subject / name) for name in folders):
                raise UsageError(
                    f"{subject.parent.name} looks like a folder of subjects: {subject.name} in it has studies.",
                    hint=f"Give {subject.parent}. {_STUDIES_HINT}",
                )


def _is_study(folder: Path) -> bool:
    """Whether a folder is surely a study's; series are named by UIDs as well, but have no folders in them."""
    if not folder.is_dir() or not STUDY_NAME.fullmatch(folder.name):
        return False
    return bool(STUDY_DATE.fullmatch(folder.name)) or any(path.is_dir() for path in entries(folder))


def _is_subject(folder: Path) -> bool:
    studies = [path for path in entries(folder) if path.is_dir() or is_zip(path)]
    names = [path.stem if is_zip(path) else path.name for path in studies]
    return bool(names) and all(STUDY_NAME.fullmatch(name) for name in names)


def _read_subject(subject: Path, found: Studies) -> None:
    arranged = _arranged_series(subject, subject.name) or _arranged_files(subject, subject.name)
    if arranged:
        found.studies += arranged
        found.stray += _left_out(subject, arranged)
        return
    for path in entries(subject):
        if path.is_dir():
            files = list(files_below(path, f"{subject.name}/{path.name}/"))
            if files:
                found.studies.append(Study(subject.name, path.name, files))
        elif is_zip(path):
            file = SourceFile(path, f"{subject.name}/{path.name}", path.stat().st_size)
            found.studies.append(Study(subject.name, path.stem, [file]))
        else:
            found.stray.append(path)
