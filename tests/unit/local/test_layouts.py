"""Downloads as archives lay them out: each level is recognised or rejected, as a folder and as keys in S3."""

import gzip
import shutil
import uuid
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from cli.errors import UsageError
from cli.sources.modality import find_modalities
from cli.sources.studies import read_studies
from cli.terminal import make_console
from cli.upload import warn_of_left_files
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key

ROOT = "1.3.6.1.4.1.32722.99"
SERIES = [
    ("R01-001", f"{ROOT}.1", f"{ROOT}.1.1", "CT"),
    ("R01-001", f"{ROOT}.1", f"{ROOT}.1.2", "SEG"),
    ("R01-002", f"{ROOT}.2", f"{ROOT}.2.1", "CT"),
]
WHOLE = [*SERIES, ("R01-002", f"{ROOT}.2", f"{ROOT}.2.2", "SEG")]
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
    assert found(tmp_path / "R01-001") == {("R01-001", f"{ROOT}.1", 2)}


@pytest.mark.parametrize("layout", ["{patient}/{modality}", "{patient}/Series {modality}", "{patient}-{modality}"])
def test_folders_of_one_study_are_its_series_whatever_they_are_called(tmp_path: Path, layout: str) -> None:
    assert found(download(tmp_path, layout, WHOLE)) == {("R01-001", f"{ROOT}.1", 2), ("R01-002", f"{ROOT}.2", 2)}


def test_equal_names_of_files_in_folders_of_one_series_stay_apart(tmp_path: Path) -> None:
    for half in ("IMG000", "IMG001"):
        download(tmp_path / "R01-001" / half, "", SERIES[:1])
    assert {file.key for file in read_studies(tmp_path).files} == {
        f"R01-001/{ROOT}.1/CT_{ROOT}.1.1/{half}/1-01.dcm" for half in ("IMG000", "IMG001")
    }


def test_two_studies_of_a_patient_in_folders_of_their_own_keep_their_names(tmp_path: Path) -> None:
    later = ("R01-001", f"{ROOT}.3", f"{ROOT}.3.1", "CT")
    download(tmp_path / "R01-001" / "baseline", "", SERIES[:1])
    download(tmp_path / "R01-001" / "followup", "", [later])
    assert found(tmp_path) == {("R01-001", "baseline", 1), ("R01-001", "followup", 1)}


@pytest.mark.parametrize("layout", ["{series}", "{modality}_{series}", "{patient}/{modality}"])
def test_zips_of_series_are_sorted_into_studies(tmp_path: Path, layout: str) -> None:
    for file in [*download(tmp_path, layout, WHOLE).rglob("*.dcm")]:
        shutil.make_archive(str(file.parent), "zip", file.parent)
        shutil.rmtree(file.parent)
    assert found(tmp_path) == {("R01-001", f"{ROOT}.1", 2), ("R01-002", f"{ROOT}.2", 2)}


def test_folders_with_a_zip_each_are_subjects_even_with_the_same_study(tmp_path: Path) -> None:
    for subject in ("DICOMDIR", "R01-001"):
        series = download(tmp_path / subject, "{study}", SERIES[:1]) / f"{ROOT}.1"
        shutil.make_archive(str(series), "zip", series)
        shutil.rmtree(series)
    assert found(tmp_path) == {(subject, f"{ROOT}.1", 1) for subject in ("DICOMDIR", "R01-001")}


@pytest.mark.parametrize("place", ["", "R01-001"])
def test_a_disc_is_sorted_by_what_its_files_say(tmp_path: Path, place: str) -> None:
    disc = tmp_path / place
    download(disc, "DICOM/PA0/ST0/SE{modality}", SERIES[:2])
    for name in ("DICOMDIR", "VIEWER/viewer.exe"):
        (disc / name).parent.mkdir(exist_ok=True)
        (disc / name).touch()
    assert found(tmp_path) == {("R01-001", f"{ROOT}.1", 2)}
    source = read_studies(tmp_path)
    assert {path.name for path in (*source.beside, *source.stray)} == {"DICOMDIR", "viewer.exe"}


def test_files_of_all_patients_in_one_folder_are_sorted(tmp_path: Path) -> None:
    for file in download(tmp_path, "{series}").glob("*/*.dcm"):
        file.rename(f"{file.parent}.dcm")
        file.parent.rmdir()
    (tmp_path / "patients.csv").write_text("PatientID,Sex\n")
    assert find_modalities(tmp_path) == ("imaging",)
    assert found(tmp_path) == STUDIES
    assert [path.name for path in read_studies(tmp_path).beside] == ["patients.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "__MACOSX/R01-001/{study}/._x",
        "R01-001/__MACOSX/._x",
        "R01-001/{study}/._1-01.dcm",
        "R01-001/Thumbs.db",
        "@eaDir/R01-001/1/x",
    ],
)
def test_what_operating_systems_leave_is_no_study_and_no_slice(tmp_path: Path, name: str) -> None:
    download(tmp_path, "{patient}/{study}/{series}")
    left = tmp_path / name.format(study=f"{ROOT}.1")
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"\0" * 200)
    assert found(tmp_path) == STUDIES


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    download(tmp_path, "{patient}/{study}/{series}")
    (tmp_path / "R01-001" / f"{ROOT}.1" / "gone.dcm").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"gone\.dcm cannot be read"):
        read_studies(tmp_path)


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


@pytest.mark.parametrize("given", ["cohort/R01-001", "."])
def test_the_only_patients_folder_is_known_by_patient_id_at_a_wrong_level(tmp_path: Path, given: str) -> None:
    download(tmp_path, "cohort/{patient}/baseline/{modality}", SERIES[:2])
    with pytest.raises(UsageError) as rejection:
        read_studies(tmp_path / given)
    assert f"Give the folder above it: {tmp_path / 'cohort'}." in rejection.value.hint
    assert found(tmp_path / "cohort") == {("R01-001", "baseline", 2)}


def test_a_subject_may_be_called_unlike_its_patient_id(tmp_path: Path) -> None:
    download(tmp_path, "S-{patient}/baseline/{modality}", SERIES)
    assert {subject for subject, *_ in found(tmp_path)} == {"S-R01-001", "S-R01-002"}


def test_a_subject_that_is_called_unlike_its_patient_id_is_told_before_the_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So discs and archives of hospitals are laid out; nobody's table would have a row of such a name."""
    download(tmp_path, "PA-{patient}/ST1/SE{modality}", SERIES)
    download(tmp_path, "R01-002/ST1/SE{modality}", SERIES[2:])
    download(tmp_path, "r01_003/ST1/SE{modality}", [("R01-003", f"{ROOT}.3", f"{ROOT}.3.1", "CT")])
    warn_of_left_files(make_console(), read_studies(tmp_path))
    assert "is another: 2 subjects (PA-R01-001, PA-R01-002)" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["bare", "gzip"])
def test_slices_without_a_preamble_or_compressed_are_left_out_of_no_study(tmp_path: Path, form: str) -> None:
    """The job reads them, so the files of one folder must not lose them on the way."""
    for file in download(tmp_path, "{series}").glob("*/*.dcm"):
        content = file.read_bytes()
        shutil.rmtree(file.parent)
        changed = gzip.compress(content) if form == "gzip" else content[132:]
        Path(f"{file.parent}.dcm").write_bytes(content if "99.2" in file.parent.name else changed)
    (tmp_path / "README").write_text("no slice")
    assert found(tmp_path) == STUDIES
    assert [path.name for path in read_studies(tmp_path).beside] == ["README"]


@pytest.mark.parametrize("key", ["__MACOSX/R01-001/1/._1.dcm", "R01-001/__MACOSX/._1.dcm"])
def test_keys_of_what_macos_leaves_are_no_study(key: str) -> None:
    assert parse_key(f"imaging/d/{key}").kind is KeyKind.IGNORED
