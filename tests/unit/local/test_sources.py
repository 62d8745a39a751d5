"""What a folder or a file holds to upload, by the names of its files: studies, reads, tables."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.sources.modality import find_modalities
from cli.sources.reads import read_reads
from cli.sources.studies import read_studies
from cli.sources.tables import read_tables
from tests.files import put

UID = "1.3.6.1.4.1.32722.99.99.1"
DATED = "09-06-1990-NA-CT SIM-54601"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["R01-001/ct/1.dcm"], ("imaging",)),
        (["R01-001/ct/1-01"], ("imaging",)),
        (["R01-001/s1/ct.nii.gz", "R01-001/s1/tumour_mask.nii.gz"], ("imaging",)),
        (["R01-001/s1/1.dcm.gz"], ("imaging",)),
        (["R01-001/ct.zip", "metadata.csv"], ("imaging",)),
        (["metadata.csv", "LICENSE", "R01-001/ct/series/1-01"], ("imaging",)),
        (["R01-001/a_R1.fastq.gz"], ("genomics",)),
        (["samplesheet.csv"], ("genomics",)),
        (["_references/human/genome.fa.gz"], ("genomics",)),
        (["expression.csv"], ("genomics",)),
        (["a.csv", "dictionary.pdf"], ("clinical",)),
        (["site 2/2024/b.TSV", ".hidden"], ("clinical",)),
        (["imaging/1/ct/1.dcm", "genomics/1/a.fq.gz", "clinical/a.csv"], ("imaging", "genomics", "clinical")),
        (["clinical/ct/series/1.dcm", "R01-001/ct/series/1.dcm"], ("imaging",)),  # a subject called "clinical"
    ],
)
def test_a_folder_is_of_the_modalities_that_its_files_are_of(
    names: list[str], expected: tuple[str, ...], tmp_path: Path
) -> None:
    assert find_modalities(put(tmp_path, *names)) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["CT/R01-001/ct/1.dcm", "RNA/R01-001/a_1.fq.gz"],
        ["R01-001/CT/1.dcm", "R01-001/RNA/a_1.fq.gz"],
        ["imaging/R01-001/ct/1.dcm", "RNA/R01-001/a_1.fq.gz"],
        ["genomics/R01-001/a_1.fq.gz", "masks/R01-001/ct.nii.gz"],
    ],
)
def test_modalities_in_folders_of_other_names_are_never_mixed_or_left_out(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say what it is") as rejection:
        find_modalities(put(tmp_path, *names))
    assert "imaging,genomics,clinical" in rejection.value.hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "clinical"),
        ("a.xlsx", "clinical"),
        ("expression.csv", "genomics"),
        ("a_1.fastq.gz", "genomics"),
        ("ct.zip", "imaging"),
    ],
)
def test_a_file_is_of_one_modality(name: str, expected: str, tmp_path: Path) -> None:
    assert find_modalities(put(tmp_path, name) / name) == (expected,)


def found_studies(folder: Path) -> list[tuple[str, str, int]]:
    return [(study.subject, study.study, len(study.files)) for study in read_studies(folder).studies]


def test_subjects_with_study_folders_and_zips(tmp_path: Path) -> None:
    put(tmp_path, "R01-001/ct/a/1.dcm", "R01-001/ct/b/2", "R01-002/scan.zip")
    assert found_studies(tmp_path) == [("R01-001", "ct", 2), ("R01-002", "scan", 1)]


def test_keys_repeat_the_folders_and_no_file_is_left_out_for_its_extension(tmp_path: Path) -> None:
    names = ["R01-001/ct/notes.txt", "R01-001/ct/series/1-001", "R01-002/scan.ZIP"]
    files = read_studies(put(tmp_path, *names)).files
    assert sorted(file.key for file in files) == names
    assert {file.size for file in files} == {10}


@pytest.mark.parametrize("study", [UID, DATED])
def test_a_folder_of_studies_is_one_subject_when_tcia_named_them(tmp_path: Path, study: str) -> None:
    subject = put(tmp_path / "LUNG1-001", f"{study}/series/1.dcm")
    assert found_studies(subject) == [("LUNG1-001", study, 1)]


def test_a_subject_may_consist_of_zips_named_by_uid(tmp_path: Path) -> None:
    subject = put(tmp_path / "LUNG1-001", f"{UID}.zip")
    assert found_studies(subject) == [("LUNG1-001", UID, 1)]


def test_an_imaging_folder_inside_is_looked_into(tmp_path: Path) -> None:
    put(tmp_path, f"imaging/LUNG1-001/{UID}/1.dcm", "clinical/table.csv", "README.md")
    assert found_studies(tmp_path) == [("LUNG1-001", UID, 1)]


def test_files_outside_studies_are_named_and_hidden_ones_ignored(tmp_path: Path) -> None:
    source = read_studies(put(tmp_path, "R01-001/ct/1.dcm", "R01-001/LICENSE", "R01-001/.DS_Store", "list.csv"))
    assert [path.name for path in source.stray] == ["LICENSE"]
    assert [path.name for path in source.beside] == ["list.csv"]


def test_a_folder_that_cannot_be_listed_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "R01-001/ct/1.dcm", "R01-001/ct/locked/2.dcm")
    listed = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(UsageError, match="locked cannot be read: Permission denied"):
        read_studies(tmp_path)


@pytest.mark.parametrize("names", [(), ("1.dcm", "2.dcm"), ("R01-001/1.dcm",)])
def test_a_folder_without_a_study_is_rejected_with_the_expected_layout(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as rejection:
        read_studies(put(tmp_path, *names))
    assert "<subject>/<study>" in rejection.value.hint


def test_one_subject_instead_of_all_is_told_to_give_the_folder_above(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as rejection:
        read_studies(put(tmp_path / "R01-001", "ct/1.dcm", "ct/2.dcm"))
    assert f"give the folder above it: {tmp_path}" in rejection.value.hint


@pytest.mark.parametrize("study", [UID, DATED])
def test_the_series_of_one_study_are_not_taken_for_studies(tmp_path: Path, study: str) -> None:
    put(tmp_path, f"R01-001/{study}/{UID}.7/1.dcm")
    with pytest.raises(UsageError) as rejection:
        read_studies(tmp_path / "R01-001" / study)
    assert str(tmp_path) in rejection.value.hint


@pytest.mark.parametrize("study", [UID, DATED])
def test_a_folder_one_level_too_high_is_rejected_with_the_right_one(tmp_path: Path, study: str) -> None:
    put(tmp_path, *(f"NSCLC Radiogenomics/R01-00{number}/{study}/{UID}.7/1.dcm" for number in (1, 2)))
    with pytest.raises(UsageError, match="R01-001 in it has studies") as rejection:
        read_studies(tmp_path)
    assert f"Give {tmp_path / 'NSCLC Radiogenomics'}." in rejection.value.hint


@pytest.mark.parametrize("study", ["ct", UID, DATED])
def test_series_named_by_their_uids_are_no_studies(tmp_path: Path, study: str) -> None:
    put(tmp_path, f"R01-001/{study}/{UID}.7/1.dcm", f"R01-001/{study}/{UID}.8/1.dcm")
    assert found_studies(tmp_path) == [("R01-001", study, 2)]


@pytest.mark.parametrize("name", ["nowhere", "one.zip"])
def test_what_is_no_folder_of_subjects_is_rejected(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"There is no|is one file") as rejection:
        read_studies(put(tmp_path, "one.zip") / name)
    assert "<subject>/<study>" in rejection.value.hint


def test_folders_with_reads_are_cases(tmp_path: Path) -> None:
    put(tmp_path, "R01-001/a_R1.fastq.gz", "R01-001/a_R2.fastq.gz", "R01-002/SRR1.sra", "notes/readme.txt")
    found = read_reads(tmp_path)
    assert found.cases == ["R01-001", "R01-002"]
    assert found.unit_ids("nsclc") == ("genomics#nsclc#R01-001", "genomics#nsclc#R01-002")
    assert "genomics/nsclc/R01-001/a_R1.fastq.gz" in object_keys(tmp_path)


def object_keys(folder: Path) -> list[str]:
    found = read_reads(folder)
    return [found.object_key("nsclc", file.key) for file in found.files]


def test_references_belong_to_no_dataset(tmp_path: Path) -> None:
    put(tmp_path, "_references/grch38/genome.fa.gz", "_references/grch38/genes.gtf.gz", "A/a.fq.gz")
    assert read_reads(tmp_path).unit_ids("nsclc") == ("genomics#_references#grch38", "genomics#nsclc#A")
    assert "genomics/_references/grch38/genome.fa.gz" in object_keys(tmp_path)


def test_a_sheet_says_whose_reads_lie_together(tmp_path: Path) -> None:
    put(tmp_path, "reads/a_1.fq.gz", "b_1.fq.gz")
    sheet = "\ufeffsample,fastq_1,fastq_2,strandedness\nB,b_1.fq.gz,,\nB,b_2.fq.gz,,\n"
    assert read_reads(put(tmp_path, "samplesheet.csv", text=sheet)).cases == ["B", "reads"]


@pytest.mark.parametrize("name", ["expression.csv", ""])
def test_a_matrix_is_a_unit_of_its_own(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, "expression.csv") / name
    assert read_reads(path).unit_ids("nsclc") == ("genomics#nsclc#-expression",)
    assert object_keys(path) == ["genomics/nsclc/expression.csv"]


def test_a_download_inside_a_folder_is_found(tmp_path: Path) -> None:
    put(tmp_path, "genomics/A/a.fq.gz", "imaging/A/x.dcm", "genomics/A/.DS_Store")
    assert object_keys(tmp_path) == ["genomics/nsclc/A/a.fq.gz"]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("a_R1.fastq.gz", "", "Whose reads are these"),
        ("a_R1.fastq.gz", "a_R1.fastq.gz", "is one file"),
        ("a_R1.fastq", "a_R1.fastq", "is one file"),
        ("A/readme.txt", "", "no reads"),
        ("A/readme.txt", "nothing", "There is no"),
    ],
)
def test_reads_of_nobody_are_rejected_with_the_expected_layout(
    name: str, given: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as rejection:
        read_reads(put(tmp_path, name) / given)
    assert "<case>/" in rejection.value.hint


@pytest.mark.parametrize("name", ["a.xlsx", "nowhere", ""])
def test_what_is_no_table_is_rejected_with_what_one_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as rejection:
        read_tables(put(tmp_path, "a.xlsx") / name)
    assert "save a spreadsheet as CSV" in rejection.value.hint


@pytest.mark.parametrize("names", [["clinical/a.xlsx"], ["a.xlsx"], ["clinical/a.xlsx", "imaging/A/S/x.dcm"]])
def test_a_folder_whose_table_is_a_spreadsheet_says_so(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.xlsx is no table") as rejection:
        find_modalities(put(tmp_path, *names))
    assert "save a spreadsheet as CSV" in rejection.value.hint


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.zsav", "statistics program"),
        ("a.sas7bdat", "statistics program"),
        ("a.ndjson", "one row a case"),
        ("a.accdb", "one row a case"),
        ("a.xlsb", "Save each sheet as CSV"),
        ("a.tab", "Call a table .csv or .tsv"),
    ],
)
@pytest.mark.parametrize("folder", ["", "clinical/"])
def test_a_table_of_another_program_is_told_how_to_be_taken(
    name: str, advice: str, folder: str, tmp_path: Path
) -> None:
    put(tmp_path, folder + name)
    for given in (tmp_path / folder / name, tmp_path):
        with pytest.raises(UsageError) as rejection:
            find_modalities(given)
        assert advice in rejection.value.hint


@pytest.mark.parametrize(
    "name", ["samplesheet.csv", "accessions.csv", "fastq_list.csv", "SampleSheet.csv", "SraRunTable.txt"]
)
def test_a_sheet_of_reads_alone_is_no_clinical_table(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="says whose reads are whose") as rejection:
        find_modalities(put(tmp_path, name, text="sample,accession\nA,SRR7938741\n") / name)
    assert "give that folder" in rejection.value.hint


@pytest.mark.parametrize("folder", ["Downloads", "results", "00.RawData", "tmp", "out"])
@pytest.mark.parametrize("given", ["", "quant.sf"])
def test_a_quantification_in_a_folder_of_any_computer_is_nobodys(folder: str, given: str, tmp_path: Path) -> None:
    put(tmp_path, f"{folder}/quant.sf")
    with pytest.raises(UsageError, match="Whose is") as rejection:
        read_reads(tmp_path / folder / given)
    assert "called as the case" in rejection.value.hint


def test_a_quantification_says_whose_it_was_taken_for(tmp_path: Path) -> None:
    found = read_reads(put(tmp_path, "R01-001_quant/quant.sf", "R01-002/salmon/quant.sf", "R01-003.genes.results"))
    assert found.quantified == ["R01-001", "R01-002", "R01-003"]


def test_a_table_of_transcripts_alone_is_no_clinical_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which gene") as rejection:
        find_modalities(put(tmp_path, "tx2gene.tsv", text="transcript_id\tgene_id\n") / "tx2gene.tsv")
    assert "beside the folders of the quantifications" in rejection.value.hint


def test_reads_of_no_sample_are_no_case_and_are_not_sent(tmp_path: Path) -> None:
    names = ["Undetermined_S0_R1_001.fastq.gz", "PhiX/a_R1.fastq.gz", "@eaDir/a_R1.fastq.gz"]
    reads = ["A/a_R1.fastq.gz", "A/a_R2.fastq.gz"]
    found = read_reads(put(tmp_path, *names, *reads))
    assert (found.cases, [file.key for file in found.files]) == (["A"], reads)
    assert {path.name for path in found.beside} == {Path(name).name for name in names[:2]}


def test_variants_are_not_said_to_be_taken_once_decompressed(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as rejection:
        find_modalities(put(tmp_path, "a.vcf.gz") / "a.vcf.gz")
    assert "not taken" in rejection.value.hint


def test_a_run_of_the_archive_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as rejection:
        find_modalities(put(tmp_path, "SRR7938741") / "SRR7938741")
    assert "call it <run>.sra" in rejection.value.hint


def test_a_folder_of_texts_holds_no_studies(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="may be notes") as rejection:
        find_modalities(put(tmp_path, "data_clinical_patient.txt"))
    assert "by itself" in rejection.value.hint


@pytest.mark.parametrize(
    "names", [["a.xlsx", "A/S/x.dcm"], ["a.xlsx", "a.csv"], ["clinical/S/x.dcm", "clinical/a.xlsx"]]
)
def test_a_spreadsheet_beside_data_is_left_where_it_lies(names: list[str], tmp_path: Path) -> None:
    assert find_modalities(put(tmp_path, *names))


def test_reads_of_one_case_name_the_folder_above(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as rejection:
        read_reads(put(tmp_path, "A/a_R1.fastq.gz") / "A")
    assert f"the folder above it: {tmp_path}" in rejection.value.hint


GENES = "\tR01-001\tR01-002\nVIM\t1\t2\nTP53\t3\t4\n"


@pytest.mark.parametrize(
    ("names", "given", "keys"),
    [
        (["GSE1.txt"], "GSE1.txt", ["GSE1.txt"]),
        (["GSE1.tsv", "README.txt"], "", ["GSE1.tsv"]),
        (["R01-001/quant.sf", "R01-001/aux_info/fld.gz", "R01-001/cmd_info.json"], "R01-001", ["R01-001/quant.sf"]),
        (["R01-001/salmon/quant.genes.sf"], "R01-001/salmon", ["R01-001/salmon/quant.genes.sf"]),
        (["R01-001/quant.sf"], "R01-001/quant.sf", ["R01-001/quant.sf"]),
        (["x/A/abundance.tsv", "x/B/abundance.tsv", "x/B/run_info.json"], "x", ["A/abundance.tsv", "B/abundance.tsv"]),
        (["A.genes.results", "BReadsPerGene.out.tab"], "", ["A.genes.results", "BReadsPerGene.out.tab"]),
    ],
)
def test_expression_values_go_to_genomics(tmp_path: Path, names: list[str], given: str, keys: list[str]) -> None:
    path = put(tmp_path, *names, text=GENES) / given
    assert find_modalities(path) == ("genomics",)
    found = read_reads(path)
    assert [key for key in found.matrices if key.endswith(tuple(keys))] == found.matrices
    assert sorted(found.matrices) == sorted(file.key for file in found.files if "README" not in file.key)
    assert sorted(found.matrices) == sorted(keys)


@pytest.mark.parametrize(
    "text",
    [
        GENES.replace("VIM", "Vim").replace("TP53", "Kras"),
        "GeneID\tA\tB\n7431\t1\t2\n7157\t3\t4\n",
        "ID_REF\tA\tB\n201426_s_at\t1\t2\n1007_s_at\t3\t4\n",
        "\tA\tB\n201426_s_at\t1\t2\nILMN_1782538\t3\t4\n",
        '"Gene Symbol";"A"\n"x";1\n',
    ],
    ids=["mouse", "Entrez", "probes", "probes without a heading", "quoted heading"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_matrix_of_any_names_is_no_clinical_table(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "m.txt"
    path.write_bytes(text.encode(encoding))
    assert find_modalities(path) == ("genomics",)
    assert read_reads(path).matrices == ["m.txt"]


def test_compressed_matrix_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "GSE1.txt.gz"
    path.write_bytes(gzip.compress(GENES.encode()))
    assert read_reads(path).unit_ids("d") == ("genomics#d#-expression/GSE1.txt.gz",)
    path.write_bytes(gzip.compress(b"Case ID,age\nA,1\n"))
    with pytest.raises(UsageError) as rejection:
        find_modalities(path)
    assert "Decompress it" in rejection.value.hint


def test_clinical_table_beside_a_matrix_is_named_and_not_uploaded_as_one(tmp_path: Path) -> None:
    put(tmp_path, "m.tsv", text=GENES)
    put(tmp_path, "patients.csv", text="Case ID,EGFR,KRAS\nA,1,0\n")
    found = read_reads(tmp_path)
    assert (found.matrices, [path.name for path in found.beside]) == (["m.tsv"], ["patients.csv"])


@pytest.mark.parametrize("name", ["data_clinical_patient.txt", "patients.txt.gz", "patients.tsv"])
def test_clinical_table_of_any_ending_is_not_sent_along_with_a_matrix(tmp_path: Path, name: str) -> None:
    put(tmp_path, "m.tsv", text=GENES)
    text = b"PATIENT_ID\tAGE\nA\t60\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    found = read_reads(tmp_path)
    assert ([file.key for file in found.files], [path.name for path in found.beside]) == (["m.tsv"], [name])


@pytest.mark.parametrize("folders", [("P1_R1", "P1_R2"), ("R1", "R2"), ("P1-read1", "P1-read2")])
@pytest.mark.parametrize("suffix", [("", ""), ("_1", "_2")])
def test_folders_of_mates_are_no_two_cases(tmp_path: Path, folders: tuple[str, str], suffix: tuple[str, str]) -> None:
    put(tmp_path, *(f"{folder}/a{end}.fastq.gz" for folder, end in zip(folders, suffix, strict=True)))
    with pytest.raises(UsageError, match="mates of one case"):
        read_reads(tmp_path)
    put(tmp_path, "samplesheet.csv", text="sample,fastq_1\nA,x.fq.gz\n")
    assert "A" in read_reads(tmp_path).cases, "a sheet says whose they are"


def test_cases_that_are_called_like_mates_may_have_pairs_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, *(f"{case}/a_{mate}.fastq.gz" for case in ("PT1_R1", "PT1_R2") for mate in (1, 2)))
    assert read_reads(tmp_path).cases == ["PT1_R1", "PT1_R2"]


@pytest.mark.parametrize("case", ["Patient 1", "Müller", "-x"])
def test_folder_that_can_be_no_case_is_told_before_an_upload(tmp_path: Path, case: str) -> None:
    with pytest.raises(UsageError, match="cannot be a case") as rejection:
        read_reads(put(tmp_path, "P1/a.fq.gz", f"{case}/a.fq.gz"))
    assert "letters, digits" in rejection.value.hint
    assert f"give {tmp_path / case}" in rejection.value.hint


@pytest.mark.parametrize("folder", ["fastq", "Clean", "Data", "raw_data", "01-cleandata", "Reads", "results"])
def test_folder_that_is_called_by_what_is_in_it_is_no_case(tmp_path: Path, folder: str) -> None:
    with pytest.raises(UsageError, match="called by what is in it") as rejection:
        read_reads(put(tmp_path, f"{folder}/P1/P1_1.fq.gz", f"{folder}/P1/P1_2.fq.gz"))
    assert read_reads(tmp_path / folder).cases == ["P1"]
    assert f"give {tmp_path / folder}" in rejection.value.hint
    put(tmp_path, "samplesheet.csv", text=f"sample,fastq_1\nP1,{folder}/P1/P1_1.fq.gz\n")
    assert "P1" in read_reads(tmp_path).cases, "a sheet says whose they are"


@pytest.mark.parametrize("case", ["7", "data7", "raw-12", "filesystem"])
def test_a_case_may_be_called_nearly_so(tmp_path: Path, case: str) -> None:
    assert read_reads(put(tmp_path, f"{case}/a_R1.fq.gz")).cases == [case]


@pytest.mark.parametrize("name", ["patients.txt", "patients.csv"])
def test_text_table_is_clinical(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, text="Case ID\tEGFR\tKRAS\nA\t1\t0\n") / name
    assert find_modalities(path) == ("clinical",)
    assert read_tables(path).unit_ids("d") == (f"clinical#d#patients.{'tsv' if name.endswith('txt') else 'csv'}",)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.bam", "samtools fastq"),
        ("a.fastq.ora", "orad"),
        ("a.h5ad", "It is a file of AnnData; save adata.to_df()"),
        ("a.RDS", "R's objects"),
        ("a.loom", "loom"),
        ("genome.fa", "_references"),
        ("letter.docx", "Give a folder"),
    ],
)
def test_file_that_is_not_processed_says_what_to_do(tmp_path: Path, name: str, advice: str) -> None:
    with pytest.raises(UsageError) as rejection:
        find_modalities(put(tmp_path, name) / name)
    assert advice in rejection.value.hint


@pytest.mark.parametrize(
    ("encoding", "sheet"),
    [
        ("utf-8", "sample,fastq_1\nA,a.fq.gz\n"),
        ("utf-8", "Sample;fastq_1\nA;a.fq.gz\n"),
        ("utf-16", "sample\tfastq_1\nA\ta.fq.gz\n"),
    ],
)
def test_samples_of_a_sheet_are_those_that_the_pipeline_reads(tmp_path: Path, encoding: str, sheet: str) -> None:
    put(tmp_path, "a.fq.gz")
    (tmp_path / "samplesheet.csv").write_bytes(sheet.encode(encoding))
    assert read_reads(tmp_path).cases == ["A"]


@pytest.mark.parametrize("folder", ["", "genomics/", "P1/", "genomics/P1/"])
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x.h5ad", "AnnData"),
        ("x_R1.fastq.ora", "orad"),
        ("x.bam", "samtools"),
        ("x.xlsx", "CSV"),
        ("SRR12345678", "Sequence Read Archive"),
        ("SRR12345678.lite.1", "Sequence Read Archive"),
        ("reads.tar", "Unpack"),
        ("genome.fa.gz", "_references/<name>/"),
    ],
)
def test_a_folder_of_formats_that_are_not_read_is_no_folder_of_studies(
    tmp_path: Path, folder: str, name: str, advice: str
) -> None:
    put(tmp_path, folder + name)
    with pytest.raises(UsageError, match=name) as rejection:
        find_modalities(tmp_path)
    assert advice in rejection.value.hint


def test_cells_are_told_to_be_a_sparse_matrix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"matrix\.mtx\.gz"):
        find_modalities(put(tmp_path, "10x/barcodes.tsv.gz", "10x/features.tsv.gz", "10x/matrix.mtx.gz"))


def test_reads_that_cannot_be_taken_are_told_beside_studies(tmp_path: Path) -> None:
    put(tmp_path, "imaging/P1/1.2.3/CT_1/1.dcm", "genomics/P1/a_R1.fastq.ora")
    with pytest.raises(UsageError, match=r"a_R1\.fastq\.ora"):
        find_modalities(tmp_path)
    put(tmp_path, "genomics/P1/1.2.3/CT_1/1.dcm")  # a subject may be called so
    assert find_modalities(tmp_path) == ("imaging",)


def test_quantification_of_nobody_is_asked_about(tmp_path: Path) -> None:
    path = put(tmp_path, "a/b/c/quant.sf") / "a"
    with pytest.raises(UsageError, match="Whose is"):
        read_reads(path)


def test_table_of_transcripts_goes_along_with_quantifications(tmp_path: Path) -> None:
    found = read_reads(put(tmp_path, "A/quant.sf", "tx2gene.tsv"))
    assert [file.key for file in found.files] == ["tx2gene.tsv", "A/quant.sf"]
    assert found.unit_ids("d") == ("genomics#d#-expression/A/quant.sf",)
