"""The parts of a reference: FASTA, GTF, splicing, the transcript table. Truth is worked out by hand."""

import gzip
from pathlib import Path

import pytest

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.reference.annotation import read_annotation
from rnaseq_job.reference.manifest import parse
from rnaseq_job.reference.sequences import Cut, copy_genome, copy_transcripts, cut_transcripts, records_of
from rnaseq_job.reference.source import find_source, part_of, source_hash
from rnaseq_job.reference.table import Row, ambiguous_symbols, choose, read_table, rows_for_fasta, rows_of
from rnaseq_job.storage import FolderStorage
from tests.cases import cases_of
from tests.unit.rnaseq.reference_support import AMBIGUOUS, CHROMOSOME, FORWARD, GENOME, GTF, REVERSE, exon, text

CASES = cases_of(__file__)


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rejected(path: Path) -> str:
    """Read a FASTA file that must be rejected."""
    with pytest.raises(InputRejectedError) as caught:
        list(records_of(path))
    assert caught.value.code == ReasonCode.REFERENCE_INVALID
    return text(caught.value)


def cut(tmp_path: Path, gtf: str = GTF, genome: str = GENOME) -> dict[str, str]:
    annotation = read_annotation(put(tmp_path / "a.gtf", gtf))
    cut_transcripts([put(tmp_path / "g.fa", genome)], annotation, tmp_path / "plain.fa", tmp_path / "t.fa")
    return {record.name: record.sequence.decode() for record in records_of(tmp_path / "t.fa")}


# --- splicing ---------------------------------------------------------------------------------------------------------


def test_exons_are_joined_on_both_strands(tmp_path: Path) -> None:
    assert cut(tmp_path) == {"T1.1": FORWARD, "T2.3": REVERSE, "T3.1": AMBIGUOUS}


def test_order_of_exon_lines_does_not_matter(tmp_path: Path) -> None:
    lines = GTF.splitlines(keepends=True)
    assert cut(tmp_path, "".join(reversed(lines))) == {"T1.1": FORWARD, "T2.3": REVERSE, "T3.1": AMBIGUOUS}


def test_genome_is_written_whole_beside_the_transcripts(tmp_path: Path) -> None:
    cut(tmp_path)
    written = {record.name: record.sequence.decode() for record in records_of(tmp_path / "plain.fa")}
    assert written == {"chr1": CHROMOSOME, "chrX": "ACGTNRYACGT"}


def test_long_sequences_survive_line_breaks(tmp_path: Path) -> None:
    genome = ">c\n" + "ACGTTGCA" * 50 + "\n"
    found = cut(tmp_path, exon("c", 79, 83, "+", "T", "G") + exon("c", 159, 241, "+", "T", "G"), genome)
    bases = "ACGTTGCA" * 50
    assert found["T"] == bases[78:83] + bases[158:241]


def test_exon_may_end_at_the_last_base_but_not_behind_it(tmp_path: Path) -> None:
    assert cut(tmp_path, exon("chr1", 30, 30, "+", "T", "G"))["T"] == "A"
    with pytest.raises(InputRejectedError, match="another genome build") as caught:
        cut(tmp_path, exon("chr1", 30, 31, "+", "T", "G"))
    assert caught.value.details["length"] == 30


@pytest.mark.parametrize("copy", ["ENST00000381192.10_PAR_Y", "ENSTR0000381192.3"])
def test_pseudo_autosomal_copies_are_left_out_and_counted(tmp_path: Path, copy: str) -> None:
    annotation = read_annotation(put(tmp_path / "a.gtf", GTF + exon("chrX", 1, 4, "+", copy, "G")))
    found = cut_transcripts([put(tmp_path / "g.fa", GENOME)], annotation, tmp_path / "p.fa", tmp_path / "t.fa")
    assert (found.par_copies, copy in found.transcripts, len(found.transcripts)) == (1, False, 3)


# One gene of two exons on X, and what may be its copy on Y; the last two columns: whether it is, and why.
SEXES = ">X\n" + "ACGT" * 10 + "\n>Y\n" + "ACGT" * 10 + "\n"


def twins(x: str, y: str, more: str = "", lengths: tuple[int, int] = (4, 4)) -> str:
    def gene(chromosome: str, gene_id: str, transcript: str, second: int) -> str:
        symbol = ' gene_name "CD99";' if not gene_id.startswith("CD99") else ""
        lines = (
            exon(chromosome, 1, 4, "+", transcript, gene_id),
            exon(chromosome, 9, 8 + second, "+", transcript, gene_id),
        )
        return "".join(line.rstrip("\n") + symbol + (more if chromosome == "Y" else "") + "\n" for line in lines)

    return gene("X", x, f"t.{x}", lengths[0]) + gene("Y", y, f"u.{y}", lengths[1])


@pytest.mark.parametrize(
    ("gtf", "is_copy"),
    [
        (twins("ENSG00000002586.20", "ENSG00000292348.1", ' tag "PAR";', (4, 7)), True),
        (twins("ENSG00000002586.20", "ENSG00000292348.1"), True),
        (twins("ENSG00000002586.20", "ENSG00000292348.1", lengths=(4, 7)), False),
        (twins("CD99", "CD99_1", lengths=(4, 7)), True),
        (twins("CD99", "CD99-2", lengths=(4, 7)), True),
        (twins("CD99", "CD99", lengths=(4, 4)), True),
        (twins("ENSG00000002586.20", "ENSG00000002586.20_PAR_Y", lengths=(4, 7)), True),
    ],
)
def test_one_gene_on_both_sex_chromosomes_is_counted_on_x(tmp_path: Path, gtf: str, *, is_copy: bool) -> None:
    annotation = read_annotation(put(tmp_path / "a.gtf", gtf))
    found = cut_transcripts([put(tmp_path / "g.fa", SEXES)], annotation, tmp_path / "p.fa", tmp_path / "t.fa")
    assert (found.par_copies, len(found.transcripts)) == ((1, 1) if is_copy else (0, 2))
    kept = copy_genome([tmp_path / "g.fa"], annotation, tmp_path / "p.fa").transcripts
    genes = {row.gene_id for row in rows_of(annotation, kept)}
    assert len(genes) == (1 if is_copy else 2), "for a quantifier that cuts transcripts itself the two are summed"
    fasta = put(tmp_path / "c.fa", "".join(f">{name}\nACGTACGT\n" for name in annotation.transcripts))
    copied = Cut()
    copy_transcripts([fasta], tmp_path / "t.fa", annotation, copied)
    assert copied.par_copies == int(is_copy)


@pytest.mark.parametrize(
    ("x", "y"), [("NC_000086.8", "NC_000087.8"), ("CP068255.2", "CP086569.2"), ("CM000685.2", "CM000686.2")]
)
def test_sex_chromosomes_are_known_by_the_archives_names(tmp_path: Path, x: str, y: str) -> None:
    gtf = twins("CD99", "CD99_1").replace("X\t", f"{x}\t").replace("Y\t", f"{y}\t")
    annotation = read_annotation(put(tmp_path / "a.gtf", gtf))
    fasta = put(tmp_path / "g.fa", SEXES.replace(">X", f">{x}").replace(">Y", f">{y}"))
    assert cut_transcripts([fasta], annotation, tmp_path / "p.fa", tmp_path / "t.fa").par_copies == 1


@pytest.mark.parametrize(
    ("feature", "attribute"), [("gene", "gene_name"), ("transcript", "gene_name"), ("exon", "gene_symbol")]
)
def test_symbol_is_read_wherever_the_annotation_has_it(tmp_path: Path, feature: str, attribute: str) -> None:
    line = exon("chr1", 1, 4, "+", "T", "G")
    named = line.replace("\texon\t", f"\t{feature}\t").rstrip("\n") + f' {attribute} "VIM";\n'
    gtf = named if feature == "exon" else named + line
    assert read_annotation(put(tmp_path / "a.gtf", gtf)).gene_names == {"G": "VIM"}


@pytest.mark.parametrize("name", ["NM_003380.5", "ENST00000224237.9", "uc001abc.2"])
def test_transcripts_that_are_called_genes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputRejectedError, match=r"a\.gtf, line 1.*Table Browser"):
        read_annotation(put(tmp_path / "a.gtf", exon("chr1", 1, 4, "+", name, name)))


def test_transcripts_that_ncbi_does_not_know_are_one_for_each_gene(tmp_path: Path) -> None:
    gtf = exon("chr1", 1, 4, "+", "unknown_transcript_1", "TRNF") + exon(
        "chr1", 9, 12, "+", "unknown_transcript_1", "RNR1"
    )
    found = cut(tmp_path, gtf)
    assert found == {"TRNF_unknown_transcript_1": CHROMOSOME[:4], "RNR1_unknown_transcript_1": CHROMOSOME[8:12]}


def test_small_rnas_that_share_a_name_stay_two_genes(tmp_path: Path) -> None:
    gtf = "".join(
        exon(c, 1, 8, "+", f"t{c}", f"ENSG0000000000{n}").rstrip("\n") + ' gene_name "Y_RNA";\n'
        for n, c in enumerate("XY")
    )
    annotation = read_annotation(put(tmp_path / "a.gtf", gtf))
    found = cut_transcripts([put(tmp_path / "g.fa", SEXES)], annotation, tmp_path / "p.fa", tmp_path / "t.fa")
    assert (found.par_copies, found.transcripts) == (0, ["tX", "tY"])
    assert ambiguous_symbols(rows_of(annotation, found.transcripts)) == ["Y_RNA"]


def numbered(chromosome: str, start: int, end: int, strand: str, number: int) -> str:
    return exon(chromosome, start, end, strand, "NM_1", "G").rstrip("\n") + f" exon_number {number};\n"


def test_a_transcript_id_at_several_places_is_a_transcript_for_each(tmp_path: Path) -> None:
    gtf = (
        numbered("X", 1, 3, "+", 1) + numbered("X", 5, 7, "+", 2) + numbered("X", 11, 14, "+", 1)
        + numbered("X", 17, 18, "+", 2) + numbered("X", 21, 22, "+", 3) + numbered("Y", 21, 24, "-", 1)
    )  # fmt: skip
    assert cut(tmp_path, gtf, SEXES) == {"NM_1": "ACGACG", "NM_1_dup1": "GTACACAC", "NM_1_dup2": "ACGT"}


@pytest.mark.parametrize("second", [("Y", "+"), ("X", "-")])
def test_another_chromosome_or_strand_is_another_place(tmp_path: Path, second: tuple[str, str]) -> None:
    gtf = exon("X", 1, 4, "+", "T", "G") + exon(second[0], 6, 9, second[1], "T", "G")
    assert list(cut(tmp_path, gtf, SEXES)) == ["T", "T_dup1"]


def test_places_far_apart_without_exon_numbers_are_no_transcript(tmp_path: Path) -> None:
    gtf = exon("X", 1, 3, "+", "T", "G") + exon("X", 6_000_000, 6_000_003, "+", "T", "G")
    with pytest.raises(InputRejectedError, match="exon_number"):
        read_annotation(put(tmp_path / "a.gtf", gtf))


def test_masked_transcripts_are_counted(tmp_path: Path) -> None:
    annotation = read_annotation(put(tmp_path / "a.gtf", exon("chrX", 5, 5, "+", "T", "G")))
    assert cut_transcripts([put(tmp_path / "g.fa", GENOME)], annotation, tmp_path / "p", tmp_path / "t").masked == 1


@pytest.mark.parametrize(("genome", "gtf"), [(GENOME.replace(">chr", ">"), GTF), (GENOME, GTF.replace("chr", ""))])
def test_prefix_on_one_side_only_is_rejected_with_numbers(tmp_path: Path, genome: str, gtf: str) -> None:
    with pytest.raises(InputRejectedError, match="3 of 3 transcripts") as caught:
        cut(tmp_path, gtf, genome)
    assert caught.value.code == ReasonCode.REFERENCE_INVALID
    assert "prefix 'chr'" in caught.value.message
    assert caught.value.details["transcripts_without_sequence"] == 3
    assert len(caught.value.details["absent"]) == len(caught.value.details["genome"]) == 2  # type: ignore[arg-type]


def test_a_part_of_the_annotation_is_not_dropped(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match=r"1 of 4 transcripts.*HSCHR1"):
        cut(tmp_path, GTF + exon("HSCHR1_ALT", 1, 2, "+", "T9", "G9"))


def test_genome_for_dragen_is_held_against_the_annotation_too(tmp_path: Path) -> None:
    genome = put(tmp_path / "g.fa", GENOME)
    short = read_annotation(put(tmp_path / "a.gtf", GTF))
    assert copy_genome([genome], short, tmp_path / "p.fa").transcripts == ["T1.1", "T2.3", "T3.1"]
    for more, message in (
        (exon("chr9", 1, 2, "+", "T", "G"), "does not have"),
        (exon("chr1", 5, 99, "+", "T", "G"), "base 99"),
    ):
        annotation = read_annotation(put(tmp_path / "b.gtf", GTF + more))
        with pytest.raises(InputRejectedError, match=message):
            copy_genome([genome], annotation, tmp_path / "p.fa")


# --- FASTA ------------------------------------------------------------------------------------------------------------


def test_fasta_names_end_at_white_space_and_letters_become_upper_case(tmp_path: Path) -> None:
    found = list(records_of(put(tmp_path / "g.fa", ">1 dna:chromosome REF\r\nac\r\n\r\nGT\r\n>2\tx\nNN")))
    assert [(record.name, record.sequence) for record in found] == [("1", b"ACGT"), ("2", b"NN")]


@pytest.mark.parametrize(("content", "said"), CASES["test_broken_fasta_is_rejected"])
def test_broken_fasta_is_rejected(tmp_path: Path, content: str, said: str) -> None:
    assert said in rejected(put(tmp_path / "g.fa", content))


@pytest.mark.parametrize("kept", [20, 40, -9, -1])
def test_truncated_gzip_is_rejected(tmp_path: Path, kept: int) -> None:
    packed = gzip.compress((">a\n" + "".join("ACGT"[n * n % 7 % 4] for n in range(9_000)) + "\n").encode())
    assert "cut short" in rejected(put(tmp_path / "g.fa.gz", packed[:kept]))


def test_damaged_gzip_is_rejected(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b">a\n" + b"ACGT" * 999 + b"\n"))
    packed[-6] ^= 1  # in the checksum
    assert "damaged" in rejected(put(tmp_path / "g.fa.gz", bytes(packed)))


def test_gzip_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    parts = gzip.compress(b">a\nAC\n") + gzip.compress(b"GT\n>b\nA\n")
    assert [record.sequence for record in records_of(put(tmp_path / "g.fa.gz", parts))] == [b"ACGT", b"A"]


# --- GTF --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no exon"),
        ("#only a comment\n", "no exon"),
        (GTF.replace("\texon\t", "\tCDS\t"), "no exon"),
        ("chr1\t1\t2\n", "line 1: 3 columns"),
        (exon("c", 5, 4, "+", "T", "G"), "no interval"),
        (exon("c", 0, 4, "+", "T", "G"), "no interval"),
        (exon("c", 1, 4, ".", "T", "G"), "no strand"),
        (exon("c", 1, 4, "+", "T", ""), "no gene_id"),
        (exon("c", 1, 4, "+", "T", "").replace('gene_id "', 'ID=x; "'), "expected GTF, not GFF3"),
        (exon("c", 1, 4, "+", "T", "my gene"), "'my gene' holds a blank"),
        (exon("c", 1, 4, "+", "", "G"), "transcript_id"),
        (exon("c", 1, 4, "+", "T", "G") * 2, "overlap"),
        (exon("c", 1, 4, "+", "T", "G") + exon("c", 4, 8, "+", "T", "G"), "overlap"),
        (exon("c", 1, 4, "+", "T", "G") + exon("c", 6, 8, "+", "T", "H"), "line 2: transcript T lies in two genes"),
        (exon("c", 1, 4, "+", "T", "G").encode() + b"\xff\xfe\n", "not text"),
    ],
)
def test_broken_gtf_is_rejected(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(InputRejectedError, match=said) as caught:
        read_annotation(put(tmp_path / "a.gtf", content))
    assert caught.value.code == ReasonCode.REFERENCE_INVALID


def test_truncated_gtf_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match="cut short"):
        read_annotation(put(tmp_path / "a.gtf.gz", gzip.compress(GTF.encode())[:-12]))


def test_attributes_are_told_apart_by_their_whole_name(tmp_path: Path) -> None:
    line = exon("c", 1, 2, "+", "T", "G", "SYMBOL").replace("gene_id", 'old_gene_id "WRONG"; gene_id')
    annotation = read_annotation(put(tmp_path / "a.gtf", line))
    assert (annotation.transcripts["T"].gene_id, annotation.gene_names) == ("G", {"G": "SYMBOL"})


# --- transcript table -------------------------------------------------------------------------------------------------


def test_table_has_the_annotations_own_ids_and_an_id_for_a_missing_symbol(tmp_path: Path) -> None:
    annotation = read_annotation(put(tmp_path / "a.gtf", GTF + exon("chr1", 1, 2, "+", "T4.1", "G4.1")))
    assert rows_of(annotation, ["T1.1", "T4.1"]) == [Row("T1.1", "G1.1", "ALPHA"), Row("T4.1", "G4.1", "G4.1")]


def ensembl(tmp_path: Path) -> Path:
    """Write a GTF as Ensembl does: the version is an attribute of its own."""
    lines = [
        exon("1", 1, 9, "+", name, "ENSG1", "ALPHA").rstrip() + f' transcript_version "{version}";\n'
        for name, version in (("ENST1", 5), ("ENST2", 7))
    ]
    return put(tmp_path / "ensembl.gtf", "".join(lines))


def test_ensembl_version_of_its_own_attribute_is_part_of_the_id(tmp_path: Path) -> None:
    rows = rows_for_fasta(read_annotation(ensembl(tmp_path)), ["ENST2.7", "ENST1.5"], "cdna.fa")
    assert rows == [Row("ENST2.7", "ENSG1", "ALPHA"), Row("ENST1.5", "ENSG1", "ALPHA")]


@pytest.mark.parametrize(
    ("ids", "said"), [(["ENST1.5", "ENST2.8"], "1 of 2.*ENST2.8.*versions differ"), (["NM_1"], "1 of 1.*one source")]
)
def test_transcripts_that_the_annotation_lacks_are_rejected(tmp_path: Path, ids: list[str], said: str) -> None:
    with pytest.raises(InputRejectedError, match=said) as caught:
        rows_for_fasta(read_annotation(ensembl(tmp_path)), ids, "cdna.fa")
    assert caught.value.details["missing"] == 1


def test_gencode_headers_are_cut_at_the_first_bar(tmp_path: Path) -> None:
    fasta = put(tmp_path / "t.fa", ">ENST1.5|ENSG1.2|x|y|\nACGT\n>ENST1.5_PAR_Y|ENSG1.2_PAR_Y|\nACGT\n")
    found = Cut()
    copy_transcripts([fasta], tmp_path / "out.fa", None, found)
    assert (found.transcripts, found.par_copies) == (["ENST1.5"], 1)
    assert (tmp_path / "out.fa").read_text() == ">ENST1.5\nACGT\n"


def test_without_an_annotation_equal_sequences_of_one_symbol_are_one_gene(tmp_path: Path) -> None:
    long, short = "ACGGT" * 60, "ACGGT" * 59
    names = ("X1", "Y1", "OTHER", "U1", "U2")
    fasta = "".join(f">{name}\n{short if name[0] == 'U' else long}\n" for name in names)
    genes = ("GX\tCD99", "GY\tCD99", "GO\tOTHER", "GU1\tU6", "GU2\tU6")
    lines = "".join(f"{name}\t{gene}\n" for name, gene in zip(names, genes, strict=True))
    table = read_table(put(tmp_path / "transcripts.tsv", "transcript_id\tgene_id\tgene_name\n" + lines))
    found = Cut()
    copy_transcripts([put(tmp_path / "t.fa", fasta)], tmp_path / "out.fa", None, found)
    rows = choose(table, found.transcripts, "t.fa", "transcripts.tsv", found.twins)
    assert [(row.transcript_id, row.gene_id) for row in rows] == [
        ("X1", "GX"),
        ("Y1", "GX"),
        ("OTHER", "GO"),
        ("U1", "GU1"),
        ("U2", "GU2"),
    ], "small RNAs and genes of other symbols stay apart"


def test_headers_that_are_equal_before_the_bar_are_duplicates(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match="T1 twice"):
        copy_transcripts([put(tmp_path / "t.fa", ">T1|a\nACGT\n>T1|b\nACGT\n")], tmp_path / "out.fa", None, Cut())


def test_symbols_of_several_genes_are_ambiguous_but_not_those_of_both_sex_chromosomes() -> None:
    rows = [
        Row("t1", "ENSG00000000001.1", "SAME"),
        Row("t2", "ENSG00000000002.1", "SAME"),
        Row("t3", "ENSG00000182378.15", "PLCXD1"),
        Row("t4", "ENSG00000182378.15_PAR_Y", "PLCXD1"),
        Row("t5", "ENSG00000002586.13", "CD99"),
        Row("t6", "ENSGR0000002586.13", "CD99"),
        Row("t7", "ENSG00000000001.1", "SAME"),
    ]
    assert ambiguous_symbols(rows) == ["SAME"]


def test_chromosomes_among_the_transcripts_of_a_table_are_told() -> None:
    with pytest.raises(InputRejectedError, match="upload the genome's GTF"):
        choose({"T1": Row("T1", "G1", "VIM")}, ["T1", "1", "MT"], "gentrome.fa", "transcripts.tsv")


def test_table_must_cover_the_fasta(tmp_path: Path) -> None:
    table = read_table(put(tmp_path / "transcripts.tsv", "transcript_id\tgene_id\tgene_name\nT1\tG1\tA\nT2\tG2\t\n"))
    assert choose(table, ["T2"], "t.fa", "transcripts.tsv") == [Row("T2", "G2", "G2")]
    with pytest.raises(InputRejectedError, match="lacks 1 of 2"):
        choose(table, ["T1", "T3"], "t.fa", "transcripts.tsv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "no row"),
        ("transcript_id\tgene_id\tgene_name\n", "no row"),
        ("T1\tG1\tA\n", "must begin"),
        ("transcript_id,gene_id,gene_name\nT1,G1,A\n", "must begin"),
        ("transcript_id\tgene_id\tgene_name\nT1\tG1\n", "line 2"),
        ("transcript_id\tgene_id\tgene_name\nT1\tG1\tA\nT1\tG2\tA\n", "line 3: T1 occurs twice"),
        ("transcript_id\tgene_id\tgene_name\nT1\tmy gene\tA\n", "line 2: an id holds a blank"),
    ],
)
def test_broken_table_is_rejected(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(InputRejectedError, match=said):
        read_table(put(tmp_path / "transcripts.tsv", content))


# --- source and manifest ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "part"), CASES["test_parts_are_told_by_name"])
def test_parts_are_told_by_name(name: str, part: str | None) -> None:
    assert part_of(name) == part


def test_two_tables_are_rejected(tmp_path: Path) -> None:
    put(tmp_path / "transcripts.tsv", "a")
    put(tmp_path / "transcripts.tsv.gz", "a")
    with pytest.raises(InputRejectedError, match=r"transcripts\.tsv\.gz and transcripts\.tsv are both a table"):
        find_source(FolderStorage(), f"{tmp_path}/")


def test_source_without_fasta_and_empty_files_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match="holds no FASTA"):
        find_source(FolderStorage(), f"{tmp_path}/")
    put(tmp_path / "a.fa", "")
    with pytest.raises(InputRejectedError, match=r"a\.fa is empty"):
        find_source(FolderStorage(), f"{tmp_path}/")


def test_source_hash_sees_content_of_the_same_size_and_ignores_notes(tmp_path: Path) -> None:
    def digest() -> str:
        return source_hash(find_source(FolderStorage(), f"{tmp_path}/"))

    put(tmp_path / "a.fa", ">a\nA\n")
    first = digest()
    put(tmp_path / "README", "notes")
    assert digest() == first
    put(tmp_path / "a.fa", ">a\nC\n")
    assert digest() != first


@pytest.mark.parametrize("text_of", ["", "[]", "{}", '{"schema": 2}'])
def test_manifest_of_another_kind_is_rejected(text_of: str) -> None:
    with pytest.raises(InputRejectedError, match="Build the reference again"):
        parse(text_of.encode(), "salmon")
