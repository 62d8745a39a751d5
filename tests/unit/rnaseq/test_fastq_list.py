"""The list of reads: what is accepted, and a refusal with row and column for everything else."""

from pathlib import Path

import pytest

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reads.lanes import ListedLane, check_sample_name, is_sra, read_list
from tests.cases import cases_of

CASES = cases_of(__file__)

HEADER = "RGID,RGSM,RGLB,Lane,Read1File,Read2File\n"
ROW = "rg1,R01,lib,1,s3://raw/a_R1.fastq.gz,s3://raw/a_R2.fastq.gz\n"


def read(tmp_path: Path, content: str | bytes, base: str = "s3://jobs/list.csv", **options: object) -> list[ListedLane]:
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_list(path, "R01", base, **options)  # type: ignore[arg-type]


def rejected(tmp_path: Path, content: str | bytes, **options: object) -> InputRejectedError:
    with pytest.raises(InputRejectedError) as caught:
        read(tmp_path, content, **options)  # type: ignore[arg-type]
    return caught.value


def test_lanes_keep_the_order_of_the_list(tmp_path: Path) -> None:
    rows = "".join(f"rg,R01,lib,{n},s3://raw/{n}_R1.fq.gz,s3://raw/{n}_R2.fq.gz\n" for n in (3, 1, 2))
    assert [lane.lane for lane in read(tmp_path, HEADER + rows)] == [3, 1, 2]


@pytest.mark.parametrize("encoded", [(HEADER + ROW).encode("utf-8-sig"), (HEADER + ROW).replace("\n", "\r\n").encode()])
def test_a_spreadsheets_csv_is_read(tmp_path: Path, encoded: bytes) -> None:
    assert read(tmp_path, encoded) == [
        ListedLane("rg1", "lib", 1, "s3://raw/a_R1.fastq.gz", "s3://raw/a_R2.fastq.gz"),
    ]


def test_single_end_reads_have_no_second_file(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "rg1,R01,lib,1,s3://raw/a.fastq.gz,\n")[0].read2 is None


def test_plain_paths_are_relative_to_a_plain_list(tmp_path: Path) -> None:
    lanes = read(tmp_path, HEADER + "rg1,R01,lib,1,a.fastq,/data/b.fastq\n", base="/lists/list.csv")
    assert (lanes[0].read1, lanes[0].read2) == ("/lists/a.fastq", "/data/b.fastq")


@pytest.mark.parametrize(("row", "column"), CASES["test_a_bad_cell_is_named"])
def test_a_bad_cell_is_named(tmp_path: Path, row: str, column: str) -> None:
    error = rejected(tmp_path, HEADER + ROW + row + "\n", buckets=("raw",))
    assert error.code == ReasonCode.FASTQ_LIST_INVALID
    assert (error.details["row"], error.details["column"]) == (2, column)


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER,
        ROW,
        HEADER.replace("RGID", "ID") + ROW,
        HEADER + "rg1,R01,lib,1,s3://raw/a\n",
        HEADER + ROW + ROW,
        HEADER + ROW + ROW.replace("a_R", "b_R"),
        HEADER + ROW + "rg2,R01,lib,2,s3://raw/a_R2.fastq.gz,s3://raw/b_R2.fastq.gz\n",
        HEADER + ROW + "rg2,R01,lib,2,s3://raw/b.fastq.gz,\n",
        HEADER.encode("utf-16"),
        HEADER.encode() + b"rg\xe9,R01,lib,1,s3://raw/a,\n",
        HEADER + "".join(f"rg{n},R01,lib,1,s3://raw/{n},\n" for n in range(600)),
        HEADER + "x" * 200_000,
        HEADER + "x" * (1 << 20),
    ],
    ids=[
        "empty", "no rows", "no header", "other header", "short row", "row twice", "group twice", "file twice",
        "single and paired", "UTF-16", "latin-1", "too many rows", "huge cell", "too large",
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used(tmp_path: Path, content: str | bytes) -> None:
    assert rejected(tmp_path, content).code == ReasonCode.FASTQ_LIST_INVALID


def test_one_file_as_both_mates(tmp_path: Path) -> None:
    assert rejected(tmp_path, HEADER + "rg1,R01,lib,1,s3://raw/a,s3://raw/a\n").code == ReasonCode.MATES_IDENTICAL


def test_any_bucket_is_good_without_a_limit(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + "rg1,R01,lib,1,s3://elsewhere/a,\n")


@pytest.mark.parametrize("name", ["R01-023", "a", "S_1", "A" * 41, "0"])
def test_good_sample_names(name: str) -> None:
    check_sample_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "--help", "-x", "_a", ";rm -rf /", "../x", "a/b", "a b", "A" * 42, "Ä1", "a\n", "a\0", "١", "$(id)", "a.b"],
)
def test_hostile_sample_names(name: str) -> None:
    with pytest.raises(InputRejectedError) as caught:
        check_sample_name(name)
    assert caught.value.code == ReasonCode.SAMPLE_NAME_INVALID
    assert str(caught.value.details["sample"]).isascii()


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("s3://raw/x.sra", True),
        ("/a/X.SRA", True),
        ("s3://sra-pub-run-odp/sra/SRR7938741/SRR7938741", True),
        ("s3://raw/SRR7938741_1.fastq.gz", False),
        ("s3://raw/SRR7938741/reads.fastq", False),
    ],
)
def test_sra_objects_are_told_by_name(address: str, answer: bool) -> None:
    assert is_sra(address) is answer
