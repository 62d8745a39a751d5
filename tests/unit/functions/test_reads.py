"""Names of reads, mates, sample sheets, and what keys under genomics/ mean."""

import csv
import io
import re
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal.genomics.dates import DatedByColumn, SampleDates
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.owners import samples_in
from multimodal.genomics.reads import Lane, fastq_list, is_ignorable, pair_files, read_name
from multimodal.genomics.samplesheet import SampleSheet, SheetSample, parse_accessions, parse_samplesheet
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.unit import Unit, case_unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from tests.cases import cases_of

CASES = cases_of(__file__)

HEADER = "sample,fastq_1,fastq_2,strandedness\n"


@pytest.mark.parametrize(("name", "sample", "lane", "mate", "segment"), CASES["test_every_naming_is_understood"])
def test_every_naming_is_understood(name: str, sample: str, lane: int, mate: int | None, segment: str) -> None:
    found = read_name(name)
    assert found is not None
    assert (found.sample, found.lane, found.mate, found.segment) == (sample, lane, mate, segment)


@pytest.mark.parametrize(
    "name",
    [
        "S_S1_L001_I1_001.fastq.gz",
        "S_I2.fastq.gz",
        "Undetermined_S0_L001_R1_001.fastq.gz",
        *("undecoded_1.fq.gz", "discard_2.fq.gz", "Unknown_AA_S0_L001_R1_001.fastq.gz", "no_match_R1.fastq.gz"),
        "S_R1.fastq.gz.md5",
        "S_R1_fastqc.zip",
        "checksums.sha256",
        "._S_R1.fastq.gz",
        "S_R1.fastq.gz.gzi",
        "SRR7938741.sra.vdbcache",
        "quality.PNG",
        "report.html",
        "cutadapt.log",
    ],
)
def test_what_is_no_sample_is_ignored(name: str) -> None:
    assert is_ignorable(name)
    assert read_name(name) is None


@pytest.mark.parametrize("name", ["S.bam", "S.cram", "S_R1.fastq.bz2", "", "fastq.gz", "S_R1.fastq.gz.tmp"])
def test_what_are_no_reads_are_none(name: str) -> None:
    assert read_name(name) is None


def test_lanes_segments_and_folders_pair_by_their_whole_names() -> None:
    files = [
        "a/S1_S1_L001_R1_001.fastq.gz",
        "a/S1_S1_L001_R2_001.fastq.gz",
        "a/S1_S1_L001_R1_002.fastq.gz",
        "a/S1_S1_L001_R2_002.fastq.gz",
        "b/S1_S1_L001_R1_001.fastq.gz",
        "b/S1_S1_L001_R2_001.fastq.gz",
        "S10_R1.fastq.gz",
        "S10_R2.fastq.gz",
        "S1_R1.fastq.gz",
        "S1_R2.fastq.gz",
    ]
    pairing = pair_files(reversed(files))
    assert {(lane.read1, lane.read2) for lane in pairing.lanes} == set(zip(files[::2], files[1::2], strict=True))
    assert pairing == pair_files(files), "in any order"


SAMPLES = st.one_of(
    st.sampled_from(
        ["S1", "S10", "R01-023", "a_R1_b", "tumour_R2", "x_1", "x_2", "L001", "s_L002_x", "P-I1", "x_I2_y", "A_S1"]
    ),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,10}[A-Za-z0-9])?", fullmatch=True),
)
NAMINGS = [
    "{sample}_S{number}_L{lane:03}_R{mate}_{segment:03}.fastq.gz",
    "{sample}_L{lane}_R{mate}_{segment:03}.fq.gz",
    "flowcell{lane}/{sample}_S{number}_R{mate}_{segment:03}.fastq.gz",
    "{segment}/{sample}_L{lane:03}_{mate}.fastq.gz",
    "{segment}/{sample}.L{lane}.R{mate}.FQ.GZ",
    "{segment}/lane{lane}/{sample}_R{mate}_val_{mate}.fq.gz",
    "{segment}/lane{lane}/{sample}_R{mate}_trimmed.fq.gz",
    "{segment}/lane{lane}/{sample}_{mate}.clean.fq.gz",
    "{segment}/lane{lane}/{sample}_{mate}P.fq.gz",
]


@given(
    samples=st.sets(SAMPLES, min_size=1, max_size=3),
    naming=st.sampled_from(NAMINGS),
    lanes=st.sets(st.integers(1, 8), min_size=1, max_size=3),
    segments=st.integers(1, 3),
    random=st.randoms(use_true_random=False),
)
def test_every_file_meets_its_own_mate_and_none_is_lost(
    samples: set[str], naming: str, lanes: set[int], segments: int, random: Random
) -> None:
    """Whatever the sample is called; names that look like mates, lanes and index reads are in it on purpose."""
    expected = {
        tuple(naming.format(sample=sample, number=number, lane=lane, segment=segment, mate=mate) for mate in (1, 2))
        for number, sample in enumerate(sorted(samples), start=1)
        for lane in lanes
        for segment in range(1, segments + 1)
    }
    files = [name for pair in expected for name in pair]
    random.shuffle(files)
    assert not any(map(is_ignorable, (name.rsplit("/", 1)[-1] for name in files)))
    pairing = pair_files(files)
    assert {(lane.read1, lane.read2) for lane in pairing.lanes} == expected
    assert (pairing.unpaired, pairing.clashes, pairing.mixed) == ((), (), False)


@pytest.mark.parametrize(
    "names",
    [
        ["S_1_x.fq.gz", "S_2_x.fq.gz"],
        ["S_1_001.fastq.gz", "S_2_001.fastq.gz"],
        ["S_f.fastq.gz", "S_r.fastq.gz"],
        ["S_Fwd.fastq.gz", "S_Rev.fastq.gz"],
        ["R1_S.fastq.gz", "R2_S.fastq.gz"],
        ["S_1.bwa.fastq.gz", "S_2.bwa.fastq.gz"],
        ["read1/S.fastq.gz", "read2/S.fastq.gz"],
    ],
)
def test_mates_in_a_naming_that_nobody_knows_are_never_taken_for_two_lanes(names: list[str]) -> None:
    pairing = pair_files([*names, "other.fastq.gz"])
    assert (set(pairing.clashes), pairing.lanes) == (set(names), ())


@pytest.mark.parametrize(
    "naming",
    [
        "R{}",
        "read{}",
        "S_read{}",
        "S.pair{}",
        "S_pe{}",
        "S_mate{}_trimmed",
        "S_{}.non_rRNA",
        "S_{}.merged",
        "S.umi_extract_{}",
        "run1/R{}",
    ],
)
def test_namings_of_mates_are_pairs(naming: str) -> None:
    names = [f"{naming.format(mate)}.fastq.gz" for mate in (1, 2)]
    pairing = pair_files(names)
    assert [(lane.read1, lane.read2) for lane in pairing.lanes] == [tuple(names)]
    assert samples_in("S", names) == ()


@pytest.mark.parametrize("done", ["", "_paired", ".clean"])
def test_forward_and_reverse_reads_are_pairs(done: str) -> None:
    for before in ("", "S_"):
        names = [f"{before}{mate}{done}.fq.gz" for mate in ("forward", "reverse")]
        assert [(lane.read1, lane.read2) for lane in pair_files(names).lanes] == [tuple(names)]


def test_runs_of_chinas_archive_are_pairs() -> None:
    names = ["CRR1_f1.fastq.gz", "CRR1_r2.fastq.gz", "CRR2_f1.fastq.gz", "CRR2_r2.fastq.gz"]
    assert [(lane.read1, lane.read2) for lane in pair_files(names).lanes] == [tuple(names[:2]), tuple(names[2:])]


@pytest.mark.parametrize("folders", [("R1", "R2"), ("read_1", "read_2"), ("x/forward", "x/reverse"), ("P1_1", "P1_2")])
def test_mates_in_folders_of_their_own_are_mates(folders: tuple[str, str]) -> None:
    paths = [f"{folder}/P1_L00{lane}_R{mate}.fq.gz" for mate, folder in enumerate(folders, 1) for lane in (1, 2)]
    assert [(lane.read1, lane.read2) for lane in pair_files(paths).lanes] == [
        (paths[lane], paths[lane + 2]) for lane in (0, 1)
    ]
    both = [f"{folder}/P1_R{mate}.fq.gz" for folder in folders for mate in (1, 2)]
    assert [(lane.read1, lane.read2) for lane in pair_files(both).lanes] == [(both[0], both[1]), (both[2], both[3])]
    assert pair_files([both[0], both[2]]).unpaired == (both[0], both[2]), "two lanes whose second mates have not come"


def test_mates_that_look_like_first_ones_twice_are_no_single_end_reads() -> None:
    assert not pair_files(["a_R1_b_f.fastq.gz", "a_R1_b_r.fastq.gz"]).only_first_mates


def test_files_that_are_counted_are_lanes() -> None:
    names = [f"S_{number}_x.fastq.gz" for number in (1, 2, 3)]
    assert [lane.read1 for lane in pair_files(names).lanes] == names


def test_s1_never_meets_s10() -> None:
    pairing = pair_files(["S1_R1.fastq.gz", "S10_R2.fastq.gz"])
    assert (pairing.lanes, set(pairing.unpaired)) == ((), {"S1_R1.fastq.gz", "S10_R2.fastq.gz"})


def test_single_end_is_said_by_names_without_mates_or_by_first_mates_alone() -> None:
    assert pair_files(["a.fastq.gz", "b.fastq.gz"]).lanes == (Lane(1, "a.fastq.gz"), Lane(1, "b.fastq.gz"))
    first = pair_files(["S_L001_R1.fastq.gz", "S_L002_R1.fastq.gz"])
    assert first.only_first_mates
    assert [lane.number for lane in first.as_single_end().lanes] == [1, 2]
    assert not pair_files(["S_L001_R1.fastq.gz", "S_L002_R2.fastq.gz"]).only_first_mates


@pytest.mark.parametrize(
    ("files", "clashes"),
    [
        (["S_R1.fastq.gz", "S_R1.fq.gz", "S_R2.fq.gz"], 2),
        (["S_R1.fastq.gz", "S_R2.fastq.gz", "S_R3.fastq.gz"], 1),
        (["S_R1.fastq.gz", "S_r1.fastq.gz"], 2),
    ],
)
def test_files_that_cannot_be_told_apart_are_named(files: list[str], clashes: int) -> None:
    assert len(pair_files(files).clashes) == clashes


def test_reads_without_mates_that_fasterq_dump_leaves_over_are_named_to_be_counted() -> None:
    files = ["SRR7.fastq.gz", "SRR7_1.fastq.gz", "SRR7_2.fastq.gz"]
    assert pair_files(files).without_mate == ("SRR7.fastq.gz",)
    assert pair_files(files[1:]).without_mate == ()


def test_what_fasterq_dump_leaves_over_is_left_out_and_real_mixtures_are_told() -> None:
    pairing = pair_files(["SRR1_1.fastq.gz", "SRR1_2.fastq.gz", "SRR1.fastq.gz"])
    assert (pairing.mixed, len(pairing.lanes)) == (False, 1)
    assert pair_files(["SRR1_1.fastq.gz", "SRR1_2.fastq.gz", "SRR2.fastq.gz"]).mixed
    assert pair_files(["SRR1_1.fastq.gz", "SRR2.fastq.gz"]).mixed


@pytest.mark.parametrize(
    "names",
    [
        ("P1_1P.fq.gz", "P1_2P.fq.gz", "P1_1U.fq.gz", "P1_2U.fq.gz"),
        ("P1_R1_paired.fq.gz", "P1_R2_paired.fq.gz", "P1_R1_unpaired.fq.gz", "P1_R2_unpaired.fq.gz"),
        ("P1_R1.fq.gz", "P1_R2.fq.gz", "P1_singletons.fq.gz"),
        (
            "P1_forward_paired.fq.gz",
            "P1_reverse_paired.fq.gz",
            "P1_forward_unpaired.fq.gz",
            "P1_reverse_unpaired.fq.gz",
        ),
        ("P1_1.fq.gz", "P1_2.fq.gz", "P1_0.fq.gz", "P1_s.fq.gz"),
        ("P1_1.fq.gz", "P1_2.fq.gz", "P1_o1.fq.gz", "P1_o2.fq.gz", "P1_s.fq.gz"),
        ("P1_1.fastp.fq.gz", "P1_2.fastp.fq.gz", "P1_1.fail.fq.gz", "P1_2.fail.fq.gz"),
        ("P1_1.merged.fq.gz", "P1_2.merged.fq.gz", "P1.other.fq.gz", "P1.singleton.fq.gz"),
    ],
)
def test_what_trimmers_leave_over_is_no_lane(names: tuple[str, ...]) -> None:
    """Unpaired first and second reads are no mates of each other."""
    pairing = pair_files(names)
    assert (pairing.lanes, pairing.without_mate, pairing.mixed) == ((Lane(1, *names[:2]),), names[2:], False)
    assert samples_in("P1", names) == ()
    assert not pair_files(names[2:]).without_mate, "alone they are what there is"


def test_fastq_list_has_dragens_columns_and_a_read_group_for_each_lane() -> None:
    text = fastq_list("R01-023", [Lane(2, "s3://b/a_R1.fq.gz", "s3://b/a_R2.fq.gz"), Lane(2, "s3://b/c.fq.gz")])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["RGID", "RGSM", "RGLB", "Lane", "Read1File", "Read2File"]
    assert [r["RGID"] for r in rows] == ["R01-023.1", "R01-023.2"]
    assert [r["Read2File"] for r in rows] == ["s3://b/a_R2.fq.gz", ""]


@pytest.mark.parametrize(("key", "kind", "case"), CASES["test_every_key_under_genomics_has_a_meaning"])
def test_every_key_under_genomics_has_a_meaning(key: str, kind: str, case: str | None) -> None:
    parsed = parse_key(key)
    assert parsed.kind is KeyKind[kind], parsed.problem
    assert (parsed.unit.subject if parsed.unit else None) == case
    assert parsed.kind is not KeyKind.REJECTED or len(parsed.problem) > 20


def test_units_of_both_modalities_have_addresses_of_their_own() -> None:
    assert Unit("d", "s", "t").unit_id == "imaging#d#s#t"
    assert case_unit("d", "R01-023").unit_id == "genomics#d#R01-023"
    assert case_unit("d", "R01-023").result_key("run.json") == "genomics/d/R01-023/run.json"
    assert case_unit("_references", "human").folder == "genomics/_references/human/"
    assert case_unit("_references", "human").result_key("x") == "references/human/x"


@pytest.mark.parametrize("name", ["", "-a", "_a", "a b", "a.b", "a/b", "a\n", "ä", "a" * 42])
def test_case_names_that_could_be_options_or_paths_are_rejected(name: str) -> None:
    assert not is_case_name(name)


def _sheet(rows: str, header: str = HEADER) -> SampleSheet:
    return parse_samplesheet(header + rows, "d", "raw")


def test_sheet_names_lanes_strandedness_and_keys() -> None:
    sheet = _sheet(
        "A,x/A_1.fq.gz,x/A_2.fq.gz,Reverse\nA,s3://raw/genomics/d/y/A_1.fq.gz,y/A_2.fq.gz,reverse\nB,B.fq.gz,,\n"
    )
    assert sheet.samples["A"].keys == [
        f"genomics/d/{n}" for n in ("x/A_1.fq.gz", "x/A_2.fq.gz", "y/A_1.fq.gz", "y/A_2.fq.gz")
    ]
    assert (sheet.samples["A"].strandedness, sheet.samples["B"].strandedness) == ("reverse", "auto")
    assert [s.problems for s in sheet.samples.values()] == [[], []]


DATES = SampleDates(DatedByColumn(column="Collected", date_format="%d.%m.%Y"), date(2026, 11, 25))


def _dated(rows: str) -> dict[str, SheetSample]:
    header = "sample,fastq_1,fastq_2,strandedness,collected\n"
    return dict(parse_samplesheet(header + rows, "d", "raw", DATES).samples)


def test_a_sheet_whose_columns_were_sorted_apart_is_told() -> None:
    """A file that another sample of the sheet is called by, and not its own, is that sample's."""
    rows = "P1,P2_L001_R1.fastq.gz\nP2,x/P1_S1_R1.fq.gz\nR01-003,R01_003_R1.fq.gz\nR01-004,run7_R1.fq.gz\n"
    rows += "P3_T,P3_T_R1.fq.gz\nP3,P3_N_R1.fq.gz\nQ5,P3_Q5_R1.fq.gz\n"
    samples = parse_samplesheet(f"sample,fastq_1\n{rows}", "d", "raw").samples
    told = {name: sample.problems for name, sample in samples.items() if sample.problems}
    assert told.keys() == {"P1", "P2"}
    assert "of another sample of the sheet, P2" in told["P1"][0]


def test_sheet_dates_its_samples_when_the_dataset_says_how() -> None:
    found = _dated("A,a1.fq.gz,,,30.05.2001\nA,a2.fq.gz,,,30.05.2001\nB,b.fq.gz,,,\n")
    assert {name: (s.event_time, s.problems) for name, s in found.items()} == {
        "A": ("2001-05-30T00:00:00Z", []),
        "B": (None, []),
    }


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("2001-05-30", r"row 2, column Collected: it is no date like 30\.05\.2001"),
        ("31.02.2001", "no date like"),
        ("26.11.2026", "after the upload"),
        ("30.05.1699", "long ago"),
    ],
)
def test_day_that_cannot_be_is_told_and_harms_no_other_sample(cell: str, problem: str) -> None:
    found = _dated(f"A,a.fq.gz,,,{cell}\nB,b.fq.gz,,,01.01.2001\n")
    assert re.search(problem, found["A"].problems[0])
    assert found["B"].problems == []


def test_calendar_that_was_shifted_into_the_future_is_taken() -> None:
    rule = DatedByColumn(column="Collected", date_format="%d.%m.%Y", shifted_calendar=True)
    assert SampleDates(rule, date(2026, 11, 25)).of("30.05.2100") == "2100-05-30T00:00:00Z"


@pytest.mark.parametrize("days", [("30.05.2001", "31.05.2001"), ("30.05.2001", ""), ("", "30.05.2001")])
def test_sample_of_two_days_is_told(days: tuple[str, str]) -> None:
    found = _dated("".join(f"A,a{n}.fq.gz,,,{day}\n" for n, day in enumerate(days)))
    assert "another day" in found["A"].problems[0]


def test_sheet_without_the_column_that_dates_it_is_told() -> None:
    with pytest.raises(BadInputError, match="collected is missing"):
        parse_samplesheet(HEADER + "A,a.fq.gz,,\n", "d", "raw", DATES)


def test_accessions_are_dated_alike() -> None:
    found = parse_accessions("sample,accession,Collected\nA,SRR123456,30.05.2001\n", DATES)
    assert found.samples["A"].event_time == "2001-05-30T00:00:00Z"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_sheet_of_any_spreadsheet_program_is_read(ends: str, delimiter: str) -> None:
    rows = '"Sample", fastq_1,FASTQ_2,strandedness,batch\n"A", a.fq.gz ,,auto,1\n\n,,,\n'
    text = "\ufeff" + rows.replace(",", delimiter).replace("\n", ends)
    assert parse_samplesheet(text, "d", "raw").samples["A"].keys == ["genomics/d/a.fq.gz"]


@pytest.mark.parametrize(("row", "problem"), CASES["test_bad_row_is_told_by_row_and_column_and_harms_no_other_sample"])
def test_bad_row_is_told_by_row_and_column_and_harms_no_other_sample(row: str, problem: str) -> None:
    sheet = _sheet(f"{row}\nGOOD,good.fq.gz,,\n")
    assert problem in " ".join(sheet.samples["A"].problems)
    assert sheet.samples["GOOD"].problems == []


def test_samples_that_differ_in_hyphens_alone_are_written_alike_first() -> None:
    sheet = _sheet("R01-1,a.fq.gz,,\nR01_1,b.fq.gz,,\nGOOD,good.fq.gz,,\n")
    assert all("R01-1, R01_1 differ only" in sheet.samples[name].problems[0] for name in ("R01-1", "R01_1"))
    assert sheet.samples["GOOD"].problems == []


def test_a_file_filled_down_the_column_is_told_briefly() -> None:
    sheet = _sheet("".join(f"S{number},a.fq.gz,,\n" for number in range(3_000)))
    assert all(len(problem) < 200 for sample in sheet.samples.values() for problem in sample.problems)
    assert "rows 2, 3, 4, " in sheet.samples["S2999"].problems[0]


def test_file_in_two_samples_is_told_to_both() -> None:
    sheet = _sheet("A,a.fq.gz,,\nB,a.fq.gz,,\n")
    assert sheet.samples["A"].problems == sheet.samples["B"].problems == ["rows 2, 3: *.fq.gz is listed more than once"]


def test_a_row_without_its_sample_stops_the_sample_above_which_it_may_belong_to() -> None:
    """As spreadsheets write merged cells: the sample would have one of its lanes."""
    sheet = parse_samplesheet(
        HEADER + "A,a_1.fq.gz,a_2.fq.gz,\n,b_1.fq.gz,b_2.fq.gz,\nC,c.fq.gz,,\n,,,auto\n", "d", "raw"
    )
    assert sheet.samples["A"].problems == [
        "row 3, column sample: it is empty; write the name into each of a sample's rows"
    ]
    assert sheet.samples["C"].problems == [], "the row has no reads"


def test_rows_of_no_sample_are_ignored() -> None:
    rows = "1,{0},lib,1,{0}_S1_L001_R1_001.fastq.gz,{0}_S1_L001_R2_001.fastq.gz\n"
    text = "RGID,RGSM,RGLB,Lane,Read1File,Read2File\n" + rows.format("A") + rows.format("Undetermined")
    sheet = parse_samplesheet(text, "d", "raw")
    assert (list(sheet.samples), sheet.problems) == (["A"], ())


@pytest.mark.parametrize("above", ["\n", " , ,\r\n", "# of the core facility\n#2\n", "sep=,\r\n", '"#x"\n\n'])
def test_what_stands_above_the_header_is_skipped_and_rows_keep_their_numbers(above: str) -> None:
    sheet = parse_samplesheet(f"\ufeff{above}{HEADER}A,a.fq.gz,,\nB,,,\n", "d", "raw")
    assert [row.fastq_1 for row in sheet.samples["A"].rows] == ["genomics/d/a.fq.gz"]
    number = above.count("\n") + 3
    assert sheet.samples["B"].problems[0].startswith(f"row {number}, column fastq_1")


@pytest.mark.parametrize(
    "header", ["#sample,fastq_1\n", "# Sample;FASTQ_1\r\n", '"#sample"\t"fastq_1"\n', "#RGSM,Read1File\n"]
)
@pytest.mark.parametrize("above", ["", "# sample sheet of the core facility\n"])
def test_a_header_that_is_a_comment_is_the_header(above: str, header: str) -> None:
    delimiter = next(d for d in ",;\t" if d in header)
    sheet = parse_samplesheet(f"{above}{header}A{delimiter}a.fq.gz\n", "d", "raw")
    assert [row.row for row in sheet.samples["A"].rows] == [2 + bool(above)]


def test_row_with_a_bad_name_belongs_to_no_sample_and_is_told() -> None:
    sheet = _sheet("A,a.fq.gz,,\n-x,b.fq.gz,,\n")
    assert list(sheet.samples) == ["A"]
    assert sheet.problems == ("row 3, column sample: it is not letters, digits, - and _ (at most 41)",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the first row must be sample,fastq_1,fastq_2,strandedness; sample, fastq_1 is missing"),
        ("sample|fastq_1\nA|a.fq.gz", "is missing"),
        ("name,fastq_1\n", "sample is missing"),
        ("sample,sample,fastq_1\n", "more than once"),
        (HEADER, "no rows"),
        (HEADER + "A,a.fq.gz,,,,x\n", "row 2 has 6 values for 4 columns"),
        (HEADER + "-,a.fq.gz,,\n", "row 2, column sample"),
        (HEADER + '"A,a.fq.gz,,\n', "not CSV"),
    ],
)
def test_sheet_that_cannot_be_used_says_what_to_change(text: str, complaint: str) -> None:
    with pytest.raises(BadInputError, match="upload it again") as caught:
        parse_samplesheet(text, "d", "raw")
    assert complaint in caught.value.message
    assert caught.value.reason_code == "SAMPLESHEET_INVALID"


@pytest.mark.parametrize("accession", ["SRR12345", "SRR1234567890", "srr1234567", "SRX123456", "SRR123456/../x"])
def test_accession_is_one_that_the_job_knows_as_a_run(accession: str) -> None:
    sheet = parse_accessions(f"sample,accession\nA,{accession}\n")
    assert "row 2, column accession" in sheet.samples["A"].problems[0]


def test_accessions_become_addresses_in_the_public_bucket() -> None:
    sheet = parse_accessions("sample,accession\nA,SRR7225775\nA,ERR123456\nB,GSM1\n")
    assert sheet.samples["A"].keys == [
        "s3://sra-pub-run-odp/sra/SRR7225775/SRR7225775",
        "s3://sra-pub-run-odp/sra/ERR123456/ERR123456",
    ]
    assert "row 4, column accession" in sheet.samples["B"].problems[0]
