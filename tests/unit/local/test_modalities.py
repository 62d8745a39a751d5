"""What an upload is follows from the names of its files."""

from pathlib import Path

import pytest

from cli.modalities import find_modalities


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["R01-001/ct/1.dcm"], "imaging"),
        (["R01-001/ct/1-01"], "imaging"),
        (["R01-001/ct.zip", "metadata.csv"], "imaging"),
        (["metadata.csv", "LICENSE", "R01-001/ct/series/1-01"], "imaging"),
        (["R01-001/a_R1.fastq.gz"], "genomics"),
        (["samplesheet.csv"], "genomics"),
        (["_references/human/genome.fa.gz"], "genomics"),
        (["expression.csv"], "genomics"),
        (["a.csv", "dictionary.pdf"], "clinical"),
        (["site 2/2024/b.TSV", ".hidden"], "clinical"),
        ([], "imaging"),
    ],
)
def test_a_folder_is_of_the_modality_that_its_files_are_of(names: list[str], expected: str, tmp_path: Path) -> None:
    assert find_modalities(put(tmp_path, *names)) == (expected,)


@pytest.mark.parametrize(("name", "expected"), [("a.csv", "clinical"), ("expression.csv", "genomics")])
def test_a_file_is_a_table_or_a_ready_matrix(name: str, expected: str, tmp_path: Path) -> None:
    assert find_modalities(put(tmp_path, name) / name) == (expected,)


def test_a_folder_may_have_all_of_them(tmp_path: Path) -> None:
    put(tmp_path, "imaging/R01-001/ct/1.dcm", "genomics/R01-001/a.fq.gz", "clinical/a.csv")
    assert find_modalities(tmp_path) == ("imaging", "genomics", "clinical")


def test_a_subject_may_be_called_clinical(tmp_path: Path) -> None:
    put(tmp_path, "clinical/ct/series/1.dcm", "R01-001/ct/series/1.dcm")
    assert find_modalities(tmp_path) == ("imaging",)
