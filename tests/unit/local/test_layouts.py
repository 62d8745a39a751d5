"""Downloads as archives lay them out: each level is recognised or rejected, as a folder and as keys in S3."""

import uuid
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from cli.errors import UsageError
from cli.sources.studies import read_studies
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key

ROOT = "1.3.6.1.4.1.32722.99"
SERIES = [
    ("R01-001", f"{ROOT}.1", f"{ROOT}.1.1", "CT"),
    ("R01-001", f"{ROOT}.1", f"{ROOT}.1.2", "SEG"),
    ("R01-002", f"{ROOT}.2", f"{ROOT}.2.1", "CT"),
]
STUDIES = {("R01-001", f"{ROOT}.1", 2), ("R01-002", f"{ROOT}.2", 1)}

IDC = "nsclc_radiogenomics/{patient}/{study}/{modality}_{series}"
NBIA = "manifest-1/NSCLC Radiogenomics/{patient}/09-06-1990-NA-CT CHEST-{last}/3.000000-THORAX-{last}"
CLASSIC = "manifest-1/NSCLC Radiogenomics/{patient}/{study}/{series}"
RETRIEVER = "nsclc_radiogenomics/{patient}/{study}/{series}"


def download(
    folder: Path, layout: str, series: list[tuple[str, str, str, str]] = SERIES, *, named: bool = True
) -> Path:
    """Write one DICOM header for each series; without `named` it says nothing of patient and study."""
    for patient, study, uid, modality in series:
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = CTImageStorage
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = UID(f"{uid}.1")
        header.SeriesInstanceUID, header.Modality = uid, modality
        if named:
            header.PatientID, header.StudyInstanceUID = patient, study
        made_up = uuid.uuid5(uuid.NAMESPACE_OID, uid)
        place = layout.format(patient=patient, study=study, series=uid, modality=modality, last=study[-1], uuid=made_up)
        path = folder / place / "1-01.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        header.save_as(path, enforce_file_format=True)
    return folder


def found(folder: Path) -> set[tuple[str, str, int]]:
    return {(study.subject, study.study, len(study.files)) for study in read_studies(folder).studies}


def subjects_folder(folder: Path, layout: str) -> Path:
    return folder / layout.partition("/{patient}")[0]


@pytest.mark.parametrize("layout", [IDC, CLASSIC, RETRIEVER])
def test_a_download_is_taken_at_the_folder_of_subjects(tmp_path: Path, layout: str) -> None:
    assert found(subjects_folder(download(tmp_path, layout), layout)) == STUDIES


def test_studies_named_by_date_are_taken_as_they_are_named(tmp_path: Path) -> None:
    assert {subject for subject, _, _ in found(subjects_folder(download(tmp_path, NBIA), NBIA))} == {
        "R01-001",
        "R01-002",
    }


@pytest.mark.parametrize("layout", [IDC, NBIA, CLASSIC, RETRIEVER])
def test_one_level_too_high_names_the_folder_of_subjects(tmp_path: Path, layout: str) -> None:
    with pytest.raises(UsageError) as rejection:
        read_studies(download(tmp_path, layout))
    assert f"Give {subjects_folder(tmp_path, layout)}." in rejection.value.hint


@pytest.mark.parametrize("layout", [IDC, NBIA, CLASSIC, RETRIEVER])
def test_a_patient_is_taken_and_a_study_is_not(tmp_path: Path, layout: str) -> None:
    patient = subjects_folder(download(tmp_path, layout), layout) / "R01-001"
    assert {subject for subject, _, _ in found(patient)} == {"R01-001"}
    with pytest.raises(UsageError):
        read_studies(next(patient.iterdir()))


@pytest.mark.parametrize("layout", ["{series}", "{uuid}", "{modality}_{series}"])
def test_flat_folders_of_series_are_sorted_by_what_their_files_say(tmp_path: Path, layout: str) -> None:
    assert found(download(tmp_path, layout)) == STUDIES
    keys = {file.key for file in read_studies(tmp_path).files}
    assert f"R01-001/{ROOT}.1/SEG_{ROOT}.1.2/1-01.dcm" in keys


def test_series_of_one_patient_are_no_studies_of_a_subject_called_as_their_folder(tmp_path: Path) -> None:
    assert found(download(tmp_path / "tciaDownload", "{series}", SERIES[:2])) == {("R01-001", f"{ROOT}.1", 2)}


def test_series_directly_in_a_patients_folder_are_put_into_their_study(tmp_path: Path) -> None:
    renamed = [(f"patient{patient[-1]}", *rest) for patient, *rest in SERIES]
    download(tmp_path, "{patient}/{series}", [(p, s, u, m) for p, s, u, m in renamed])
    assert {subject for subject, _, _ in found(tmp_path)} == {"patient1", "patient2"}


def test_files_directly_in_a_patients_folder_are_put_into_their_study(tmp_path: Path) -> None:
    for file in download(tmp_path, "{patient}/{series}").glob("*/*/*.dcm"):
        file.rename(f"{file.parent}.dcm")
    for folder in (path for path in tmp_path.glob("*/*") if path.is_dir()):
        folder.rmdir()
    (tmp_path / "R01-001" / "read me.txt").touch()
    nobodys = [("R01-001", f"{ROOT}.1", f"{ROOT}.9", "SR")]
    download(tmp_path / "nobody", "", nobodys, named=False).joinpath("1-01.dcm").rename(tmp_path / "R01-001" / "sr.dcm")
    (tmp_path / "nobody").rmdir()
    source = read_studies(tmp_path)
    assert {(study.subject, study.study, len(study.files)) for study in source.studies} == STUDIES
    assert {file.key.rpartition("/")[0] for file in source.files} == {f"{p}/{s}/{m}_{u}" for p, s, u, m in SERIES}
    assert [path.name for path in source.stray] == ["read me.txt", "sr.dcm"]
    with pytest.raises(UsageError, match="There is no study") as rejection:
        read_studies(tmp_path / "R01-001")
    assert f"give the folder above it: {tmp_path}." in rejection.value.hint


def test_a_zip_in_no_subjects_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "R01-001.zip").touch()
    with pytest.raises(UsageError, match=r"R01-001\.zip lies in no subject's folder"):
        read_studies(tmp_path)


@pytest.mark.parametrize("layout", ["{series}", "{uuid}"])
def test_series_that_do_not_say_whose_they_are_are_rejected(tmp_path: Path, layout: str) -> None:
    with pytest.raises(UsageError, match="no PatientID or StudyInstanceUID"):
        read_studies(download(tmp_path, layout, named=False))


def test_studies_without_folders_for_series_stay_studies(tmp_path: Path) -> None:
    assert found(download(tmp_path, "{patient}/{study}")) == {("R01-001", f"{ROOT}.1", 1), ("R01-002", f"{ROOT}.2", 1)}


@pytest.mark.parametrize("layout", [IDC, NBIA, CLASSIC, RETRIEVER])
def test_keys_of_the_subjects_are_taken_and_those_one_level_too_high_rejected(tmp_path: Path, layout: str) -> None:
    folder = subjects_folder(download(tmp_path, layout), layout)
    files = list(tmp_path.rglob("*.dcm"))
    taken = [parse_key(f"imaging/d/{path.relative_to(folder)}") for path in files]
    assert {key.unit.subject for key in taken if key.unit} == {"R01-001", "R01-002"}
    high = [parse_key(f"imaging/d/{path.relative_to(folder.parent)}") for path in files]
    assert {key.kind for key in high} == {KeyKind.REJECTED}
    assert "one level too high" in high[0].problem


@pytest.mark.parametrize(
    "key",
    [
        f"R01-001/baseline/{ROOT}.1/1.dcm",
        f"R01-001/baseline/{ROOT}.1/DICOM/1.dcm",
        f"R01-001/{ROOT}.1/{ROOT}.1.1/DICOM/1.dcm",
        f"R01-001/{ROOT}.1/CT_{ROOT}.1.1/1.dcm",
        "R01-001/ct/a/b/c/1.dcm",
    ],
)
def test_folders_of_a_users_own_are_no_collection(key: str) -> None:
    assert parse_key(f"imaging/d/{key}").kind is KeyKind.OBJECT
