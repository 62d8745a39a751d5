"""RNA-seq folders as people have them."""

from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.genomics_folders import read_genomics_folder


def _write(folder: Path, *names: str, text: str = "x") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_folders_with_reads_are_cases(tmp_path: Path) -> None:
    _write(tmp_path, "R01-001/a_R1.fastq.gz", "R01-001/a_R2.fastq.gz", "R01-002/SRR1.sra", "notes/readme.txt")
    found = read_genomics_folder(tmp_path, "nsclc")
    assert found.cases == ["R01-001", "R01-002"]
    assert found.unit_ids("nsclc") == ("genomics#nsclc#R01-001", "genomics#nsclc#R01-002")
    assert "nsclc/R01-001/a_R1.fastq.gz" in [file.key for file in found.files]


def test_references_belong_to_no_dataset(tmp_path: Path) -> None:
    _write(tmp_path, "_references/grch38/genome.fa.gz", "_references/grch38/genes.gtf.gz", "A/a.fq.gz")
    found = read_genomics_folder(tmp_path, "nsclc")
    assert found.unit_ids("nsclc") == ("genomics#_references#grch38", "genomics#nsclc#A")
    assert "_references/grch38/genome.fa.gz" in [file.key for file in found.files]


def test_a_sheet_says_whose_reads_lie_together(tmp_path: Path) -> None:
    _write(tmp_path, "reads/a_1.fq.gz", "b_1.fq.gz")
    _write(
        tmp_path, "samplesheet.csv", text="\ufeffsample,fastq_1,fastq_2,strandedness\nB,b_1.fq.gz,,\nB,b_2.fq.gz,,\n"
    )
    assert read_genomics_folder(tmp_path, "nsclc").cases == ["B", "reads"]


def test_a_matrix_is_a_unit_of_its_own(tmp_path: Path) -> None:
    found = read_genomics_folder(_write(tmp_path, "expression.csv"), "nsclc")
    assert found.unit_ids("nsclc") == ("genomics#nsclc#-expression",)
    assert [file.key for file in found.files] == ["nsclc/expression.csv"]


def test_a_download_inside_a_folder_is_found(tmp_path: Path) -> None:
    _write(tmp_path, "genomics/A/a.fq.gz", "imaging/A/x.dcm", "genomics/A/.DS_Store")
    assert [file.key for file in read_genomics_folder(tmp_path, "nsclc").files] == ["nsclc/A/a.fq.gz"]


def test_reads_of_nobody_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Whose reads are these"):
        read_genomics_folder(_write(tmp_path, "a_R1.fastq.gz"), "nsclc")


def test_a_folder_without_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no reads"):
        read_genomics_folder(_write(tmp_path, "A/readme.txt"), "nsclc")
    with pytest.raises(UsageError, match="not a folder"):
        read_genomics_folder(tmp_path / "nothing", "nsclc")
