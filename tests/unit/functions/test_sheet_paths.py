"""A sample sheet names files as another machine had them; they are found below the dataset, and never twice."""

import pytest

from multimodal.genomics.keys import parse_key
from multimodal.genomics.samplesheet import parse_samplesheet
from multimodal.ledger.unit import Status
from tests.unit.functions.test_genomics import ROOT, _list_of
from tests.unit.functions.world import FORCE, QUIET, RnaWorld

SHEET = "sample,fastq_1,fastq_2\n"
FASTQ_LIST = "RGID,RGSM,RGLB,Lane,Read1File,Read2File\n"


def lanes(world: RnaWorld, case: str = "R01-023") -> list[tuple[str, str]]:
    """Return the keys that the case's job was given."""
    rows = _list_of(world, list(world.batch.submitted)[-1], case)
    return [tuple(row[column].split(f"{ROOT}/", 1)[1] for column in ("Read1File", "Read2File")) for row in rows]  # type: ignore[misc]


FOLDERS = (
    "/data/runs/7/pool/",
    "./pool/",
    "../pool/",
    "D:\\runs\\pool\\",
    "pool/",
    "C:\\Jörg Ö\\pool\\",
    "/home/me/R01-023/",
    "~/pool/",
    "${DATA}/pool/",
    "my runs/pool/",
    "file:///data/pool/",
)


@pytest.mark.parametrize(
    ("folder", "stored"),
    [
        (folder, stored)
        for folder in FOLDERS
        for stored in ("pool/", "R01-023/", "")
        if stored != "pool/" or "pool" in folder
    ],
)
def test_paths_of_another_machine(folder: str, stored: str) -> None:
    world = RnaWorld()
    names = [f"a_{mate}.fq.gz" for mate in (1, 2)]
    world.upload(*(f"{ROOT}/{stored}{name}" for name in names))
    row = ",".join(["R01-023", *(folder + name for name in names)])
    world.upload(f"{ROOT}/samplesheet.csv", body=f"{SHEET}{row}\n".encode())
    world.tick(QUIET + 60)
    world.tick(1)
    assert lanes(world) == [tuple(stored + name for name in names)]


@pytest.mark.parametrize("empty", ["NA", "-", "None", "nan", "N/A"])
def test_a_word_for_nothing_is_nothing(empty: str) -> None:
    sheet = parse_samplesheet(f"{SHEET}A,a.fq.gz,{empty}\n{empty},b.fq.gz,\n{empty},c.fq.gz,\n", "d", "raw")
    assert [(row.fastq_1, row.fastq_2) for row in sheet.samples["A"].rows] == [("genomics/d/a.fq.gz", "")]
    assert list(sheet.samples) == ["A"], "rows without a sample are none of one sample"
    assert [problem[:5] for problem in sheet.problems] == ["row 3", "row 4"]


def test_columns_that_a_spreadsheet_left_empty_do_no_harm() -> None:
    sheet = parse_samplesheet("sample,fastq_1,fastq_2,,\nA,a_1.fq.gz,a_2.fq.gz,,\n,,,,\n", "d", "raw")
    assert (list(sheet.samples), sheet.problems) == (["A"], ())


def test_one_file_is_not_taken_for_two_of_the_sheet() -> None:
    world = RnaWorld()
    world.upload(*(f"{ROOT}/R01-023/a_{mate}.fq.gz" for mate in (1, 2)))
    rows = "".join(f"R01-023,/x/L{lane}/a_1.fq.gz,/x/L{lane}/a_2.fq.gz\n" for lane in (1, 2))
    world.upload(f"{ROOT}/samplesheet.csv", body=(SHEET + rows).encode())
    for _ in range(3):
        assert world.tick(FORCE)["jobs"] == 0
    item = world.case()
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "SAMPLESHEET_INVALID")
    assert "*_1.fq.gz is found for two of its files" in world.ledger.extra[item.unit_id]["reason_message"]


def test_the_list_of_bcl_convert_is_a_sample_sheet() -> None:
    world = RnaWorld()
    rows = [
        f"AC.GT.{lane},R01-023,lib,{lane},/out/L{lane}_R1_001.fastq.gz,/out/L{lane}_R2_001.fastq.gz" for lane in (1, 2)
    ]
    world.upload(*(f"{ROOT}/fastq/L{lane}_R{mate}_001.fastq.gz" for lane in (1, 2) for mate in (1, 2)))
    world.upload(f"{ROOT}/fastq_list.csv", body=(FASTQ_LIST + "\n".join(rows)).encode())
    for _ in range(2):
        world.tick(QUIET + 60)
    assert world.case("fastq").status is not Status.COMPLETED
    item = world.case()
    assert item.status is Status.RECEIVING, "out/ is not the folder in which they lie, so they are waited for"
    world.upload(*(f"{ROOT}/R01-023/L{lane}_R{mate}_001.fastq.gz" for lane in (1, 2) for mate in (1, 2)))
    world.tick(QUIET + 60)
    assert [one for one, _ in lanes(world)] == [f"R01-023/L{lane}_R1_001.fastq.gz" for lane in (1, 2)]


def test_a_sample_sheet_takes_precedence_over_a_list_beside_it() -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/a_1.fq.gz", f"{ROOT}/a_2.fq.gz")
    world.upload(f"{ROOT}/fastq_list.csv", body=(FASTQ_LIST + "1,OTHER,lib,1,a_1.fq.gz,a_2.fq.gz\n").encode())
    world.upload(f"{ROOT}/samplesheet.csv", body=(SHEET + "R01-023,a_1.fq.gz,a_2.fq.gz\n").encode())
    world.tick(QUIET + 60)
    world.tick(1)
    assert lanes(world) == [("a_1.fq.gz", "a_2.fq.gz")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_sheets_of_spreadsheet_programs_are_read_in_their_encoding(encoding: str) -> None:
    world = RnaWorld()
    world.upload(f"{ROOT}/R01-023/a_1.fq.gz", f"{ROOT}/R01-023/a_2.fq.gz")
    sheet = f"{SHEET}R01-023,a_1.fq.gz,a_2.fq.gz\r\n".replace(",", "\t")
    world.upload(f"{ROOT}/samplesheet.csv", body=sheet.encode(encoding))
    world.tick(QUIET + 60)
    world.tick(1)
    assert lanes(world) == [("R01-023/a_1.fq.gz", "R01-023/a_2.fq.gz")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("S_I1_001.fastq.gz,S_R1_001.fastq.gz", "is an index read"),
        ("Undetermined_S0_L001_R1_001.fastq.gz,", "is reads of no sample"),
        ("S_R1_001.fastq.ora,", "compressed by ORA"),
    ],
)
def test_a_file_of_a_sheet_that_holds_no_reads_of_the_sample_is_called_what_it_is(row: str, said: str) -> None:
    sheet = parse_samplesheet(f"{SHEET}R01-023,{row}\n", "d", "raw")
    assert said in sheet.samples["R01-023"].problems[0]


def test_third_reads_are_told_and_taken_where_a_sheet_names_them() -> None:
    world = RnaWorld()
    reads = [f"{ROOT}/R01-023/S_S1_L001_R{number}_001.fastq.gz" for number in (1, 2, 3)]
    world.upload(*reads, reads[0].replace("_R1_", "_I1_"))
    world.tick(QUIET + 60)
    item = world.case()
    assert item.reason_code == "READS_AMBIGUOUS"
    assert "the mates are R1 and R3" in world.ledger.extra[item.unit_id]["reason_message"]
    row = ",".join(["R01-023", *(f"S_S1_L001_R{number}_001.fastq.gz" for number in (1, 3))])
    world.upload(f"{ROOT}/samplesheet.csv", body=f"{SHEET}{row}\n".encode())
    for _ in range(3):
        world.tick(FORCE)
    assert lanes(world) == [tuple(f"R01-023/S_S1_L001_R{number}_001.fastq.gz" for number in (1, 3))]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Doe-Jane.tsv.gz", "a table; a matrix"),
        ("R01-023.bam", "samtools"),
        ("R01-023.gct", "a table; a matrix"),
        ("R01-023_R1.fastq.ora", "orad"),
        ("R01-023_R1.fastq.bz2", "unpack it"),
        ("Doe.Jane.cbcl", "demultiplex"),
        ("R01-023.pod5", "nanopores"),
        ("R01-023_R1.fasta", "without qualities"),
        ("R01-023.vcf", "not reads that can be used"),
    ],
)
def test_a_refusal_names_its_file_and_what_to_do(name: str, said: str) -> None:
    world = RnaWorld()
    world.upload(*(f"{ROOT}/R01-023/R01-023_R{mate}.fastq.gz" for mate in (1, 2)), f"{ROOT}/R01-023/{name}")
    world.tick(QUIET + 60)
    item = world.case()
    message = world.ledger.extra[item.unit_id]["reason_message"]
    shown = name if name.startswith("R01-023") else f"*.{name.partition('.')[2].removeprefix('Jane.')}:"
    assert (item.reason_code, shown in message, said in message) == ("KEY_NOT_ACCEPTED", True, True)
    assert "Jane" not in str(world.ledger.extra[item.unit_id])


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("ubam", "samtools"),
        ("fastq.gz.c4gh", "decrypt it"),
        ("fastq.gz.1", "second download"),
        ("fastq.gz~", "second download"),
        ("fastq.gz.aria2", "has not ended"),
        ("fastq.lz4", "unpack it"),
        ("sf", "a table; a matrix"),
    ],
)
def test_an_ending_says_what_a_file_is(ending: str, said: str) -> None:
    assert said in parse_key(f"{ROOT}/R01-023/a.{ending}").problem


NEIGHBOURS = ("a.gzi", "._x_R1.fastq.gz", "q.png", "S.vdbcache", "SHA256SUMS", "MD5", "a.sha512", ".command.sh")


def test_neighbours_that_harm_nothing_are_counted_and_left_alone() -> None:
    world = RnaWorld()
    reads = [f"{ROOT}/R01-023/R01-023_R{mate}.fastq" for mate in (1, 2)]
    world.upload(*reads, *(f"{ROOT}/R01-023/{name}" for name in NEIGHBOURS))
    assert world.tick(QUIET + 60)["jobs"] == 1
    assert (world.case().objects, lanes(world)) == (2, [("R01-023/R01-023_R1.fastq", "R01-023/R01-023_R2.fastq")])
