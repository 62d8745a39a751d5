"""Which files of a folder belong to which study."""

from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.study_folders import read_all_files, read_study_folders

UID = "1.3.6.1.4.1.32722.99.99.1"


def make_files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    return root


def found_units(folder: Path) -> list[tuple[str, str, int]]:
    studies = read_study_folders(folder).studies
    return [(study.subject, study.study, len(study.files)) for study in studies]


def test_subjects_with_study_folders_and_zips(tmp_path: Path) -> None:
    make_files(tmp_path, "R01-001/ct/a/1.dcm", "R01-001/ct/b/2", "R01-002/scan.zip")
    assert found_units(tmp_path) == [("R01-001", "ct", 2), ("R01-002", "scan", 1)]


def test_keys_repeat_the_folders_and_no_file_is_left_out_for_its_extension(tmp_path: Path) -> None:
    make_files(tmp_path, "R01-001/ct/series/1-001", "R01-001/ct/notes.txt", "R01-002/scan.ZIP")
    files = [file for study in read_study_folders(tmp_path).studies for file in study.files]
    assert sorted(file.key for file in files) == [
        "R01-001/ct/notes.txt",
        "R01-001/ct/series/1-001",
        "R01-002/scan.ZIP",
    ]
    assert {file.size for file in files} == {10}


@pytest.mark.parametrize("study", [UID, "09-06-1990-NA-CT SIM-54601"])
def test_a_folder_of_studies_is_one_subject_when_tcia_named_them(tmp_path: Path, study: str) -> None:
    subject = make_files(tmp_path / "LUNG1-001", f"{study}/series/1.dcm")
    assert found_units(subject) == [("LUNG1-001", study, 1)]


def test_a_subject_may_consist_of_zips_named_by_uid(tmp_path: Path) -> None:
    subject = make_files(tmp_path / "LUNG1-001", f"{UID}.zip")
    assert found_units(subject) == [("LUNG1-001", UID, 1)]


def test_an_imaging_folder_inside_is_looked_into(tmp_path: Path) -> None:
    make_files(tmp_path, f"imaging/LUNG1-001/{UID}/1.dcm", "clinical/table.csv", "README.md")
    assert found_units(tmp_path) == [("LUNG1-001", UID, 1)]


def test_files_outside_studies_are_named_and_hidden_ones_ignored(tmp_path: Path) -> None:
    make_files(tmp_path, "R01-001/ct/1.dcm", "R01-001/LICENSE", "R01-001/.DS_Store", "list.csv")
    source = read_study_folders(tmp_path)
    assert [path.name for path in source.stray] == ["LICENSE"]
    assert [path.name for path in source.beside] == ["list.csv"]


@pytest.mark.parametrize("names", [(), ("1.dcm", "2.dcm"), ("R01-001/1.dcm",)])
def test_a_folder_without_a_study_is_refused_with_the_expected_layout(tmp_path: Path, names: tuple[str, ...]) -> None:
    make_files(tmp_path, *names)
    with pytest.raises(UsageError) as refusal:
        read_study_folders(tmp_path)
    assert "<subject>/<study>" in refusal.value.hint


def test_one_subject_instead_of_all_is_told_to_give_the_folder_above(tmp_path: Path) -> None:
    subject = make_files(tmp_path / "R01-001", "ct/1.dcm", "ct/2.dcm")
    with pytest.raises(UsageError) as refusal:
        read_study_folders(subject)
    assert f"give the folder above it: {tmp_path}" in refusal.value.hint


@pytest.mark.parametrize("study", [UID, "09-06-1990-NA-CT SIM-54601"])
def test_the_series_of_one_study_are_not_taken_for_studies(tmp_path: Path, study: str) -> None:
    make_files(tmp_path, f"R01-001/{study}/{UID}.7/1.dcm")
    with pytest.raises(UsageError) as refusal:
        read_study_folders(tmp_path / "R01-001" / study)
    assert str(tmp_path) in refusal.value.hint


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        read_study_folders(tmp_path / "nowhere")


def test_other_modalities_keep_their_paths(tmp_path: Path) -> None:
    make_files(tmp_path, "R01-001/a_R1_001.fastq.gz", "samplesheet.csv")
    assert sorted(file.key for file in read_all_files(tmp_path)) == [
        "R01-001/a_R1_001.fastq.gz",
        "samplesheet.csv",
    ]
