"""Quantifications that would be taken with wrong values: the other strand, hidden values, logarithms."""

import pytest

from multimodal.ledger.unit import Status
from tests.unit.functions.test_matrix_doubts import line
from tests.unit.functions.test_matrix_shapes import IDS, SALMON, ShapeWorld


def test_transcripts_of_genes_are_summed_and_told() -> None:
    world = ShapeWorld()
    world.take_file(
        "m.tsv", "tx\tgene_name\tA\n" + "".join(line(f"t{n}", "VIM" if n % 2 else "CD44", 1) for n in range(6))
    )
    assert world.linear("log2tpm_VIM") == {"A": [3.0]}
    assert world.records()["A"]["genes_ambiguous"] == "2"


@pytest.mark.parametrize("name", ["rna-NM_003380.5", "XR_1.2", "transcript:ENST00000224237", "FBtr0071763"])
def test_transcripts_without_a_table_of_genes_are_told(name: str) -> None:
    world = ShapeWorld()
    assert "tx2gene.tsv" in world.message(world.take_file("A/quant.sf", f"{SALMON}{name}\t9\t8\t1\t1\n"))


@pytest.mark.parametrize(("status", "value"), [("OK", 0.0), ("LOWDATA", 0.0), ("HIDATA", None), ("FAIL", None)])
def test_what_cufflinks_did_not_quantify_has_no_value(status: str, value: float | None) -> None:
    """It writes 0 for a gene with more reads than it takes."""
    world = ShapeWorld(unit="FPKM")
    header = line("tracking_id", "class_code", "nearest_ref_id", "gene_id", "gene_short_name", "FPKM", "FPKM_status")
    rows = line("G1", "-", "-", "G1", "VIM", 0, status) + line("G2", "-", "-", "G2", "CD44", 3, "OK")
    world.take_file("R01-001/genes.fpkm_tracking", header + rows)
    assert world.linear("log2fpkm_VIM", "log2fpkm_CD44") == {"R01-001": [value, 3.0]}


def test_spike_ins_among_transcripts_of_gencode_are_genes_of_their_own() -> None:
    world = ShapeWorld()
    transcript = "ENST00000000001.1|ENSG00000026025.1|-|-|VIM-201|VIM|9|\t9\t8\t3\t3\n"
    world.take_file("A/quant.sf", f"{SALMON}ERCC-00002\t9\t8\t5\t5\n{transcript}")
    assert world.linear("log2tpm_VIM") == {"A": [3.0]}


STAR = "N_unmapped\t9\t9\t9\nN_noFeature\t9\t9\t999\nENSG00000026025.1\t300\t8\t292\nENSG00000026508.1\t200\t3\t197\n"


GDC = (
    "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\n"
    "ENSG00000026025.1\tVIM\tpc\t300\t8\t292\nENSG00000026508.1\tCD44\tpc\t200\t3\t197\n"
)


@pytest.mark.parametrize(
    ("name", "text"),
    [("A/ReadsPerGene.out.tab", STAR), ("A/x.augmented_star_gene_counts.tsv", GDC)],
    ids=["STAR", "GDC"],
)
def test_counts_of_the_other_strand_are_refused(name: str, text: str) -> None:
    world = ShapeWorld(unit="counts", strandedness="forward", **IDS)
    assert "the library is of the other strand" in world.message(world.take_file(name, text))
    assert world.features.records == []
    for strandedness, expected in (("reverse", 292.0), ("unstranded", 300.0)):
        right = ShapeWorld(unit="counts", strandedness=strandedness, **IDS)
        right.take_file(name, text)
        assert right.linear("log2counts_ENSG00000026025") == {"A": [expected]}


@pytest.mark.parametrize(("strandedness", "taken"), [("forward", False), ("reverse", False), ("unstranded", True)])
def test_half_of_the_counts_of_an_unstranded_library_are_not_taken(strandedness: str, taken: bool) -> None:
    world = ShapeWorld(unit="counts", strandedness=strandedness, **IDS)
    item = world.take_file("A/ReadsPerGene.out.tab", "N_unmapped\t9\t9\t9\nENSG00000026025.1\t300\t148\t152\n")
    assert world.linear("log2counts_ENSG00000026025") == ({"A": [300.0]} if taken else {})
    assert taken or "the library is not stranded" in world.message(item)


def test_most_counts_on_its_own_strand_are_a_stranded_library() -> None:
    world = ShapeWorld(unit="counts", strandedness="reverse", **IDS)
    world.take_file("A/ReadsPerGene.out.tab", "N_unmapped\t9\t9\t9\nENSG00000026025.1\t300\t40\t260\n")
    assert world.linear("log2counts_ENSG00000026025") == {"A": [260.0]}


@pytest.mark.parametrize(("others", "is_told"), [(999_993, False), (400_000, True), (0, True)])
@pytest.mark.parametrize("name", ["A/quant.genes.sf", "matrix.tsv"])
def test_a_quantification_that_was_cut_short_is_told(name: str, others: int, is_told: bool) -> None:
    """Its last genes are missing, and of the last transcripts' gene a part; a matrix may have fewer genes."""
    world = ShapeWorld(**IDS)
    rows = f"ENSG00000026025.16\t9\t8\t3\t1\nENSG00000026508.1\t9\t8\t4\t1\nENSG00000000003.1\t9\t8\t{others}\t1\n"
    text = (
        SALMON + rows
        if "quant" in name
        else "gene\tA\n" + "".join(f"{row.split()[0]}\t{row.split()[3]}\n" for row in rows.splitlines())
    )
    told = world.ledger.extra[world.take_file(name, text).unit.unit_id].get("warnings") or ()
    warned = [warning for warning in told if "cut short" in warning]
    assert len(warned) == (is_told and "quant" in name)
    assert world.linear("log2tpm_ENSG00000026025") == {"A": [3.0]}


def test_quantification_with_the_copy_on_y() -> None:
    world = ShapeWorld(**IDS)
    world.take_file(
        "A/quant.genes.sf", f"{SALMON}ENSG00000026025.16\t9\t8\t3\t1\nENSG00000026025.16_PAR_Y\t9\t8\t1\t1\n"
    )
    assert world.linear("log2tpm_ENSG00000026025") == {"A": [4.0]}


TRANSCRIPTS = line("transcript_id", "gene_id", "TPM") + line("b", "VIM", "1.5") + line("c", "CD44", 0)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("-1", "never negative"),
        ("1_5", "without underscores"),
        ("NA", "not a number"),
        ("inf", "infinity"),
        ("", "number"),
    ],
)
def test_a_sum_of_transcripts_hides_no_value_that_is_none(cell: str, said: str) -> None:
    world = ShapeWorld()
    message = world.message(world.take_file("A.isoforms.results", TRANSCRIPTS + line("a", "VIM", cell)))
    assert "row 4" in message
    assert said in message


def test_transcripts_are_summed_by_the_datasets_decimal_sign() -> None:
    world = ShapeWorld(decimal="comma")
    world.take_file("A.isoforms.results", (TRANSCRIPTS + line("a", "VIM", "2.25")).replace(".", ","))
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"A": [3.75, 0.0]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("A/quant.genes.sf", SALMON + line("VIM", 1, 1, 3, 3)),
        ("A.isoforms.results", TRANSCRIPTS),
        ("A/ReadsPerGene.out.tab", "N_unmapped\t9\t9\t9\nVIM\t3\t1\t2\n"),
    ],
)
def test_values_of_a_program_are_linear(name: str, text: str) -> None:
    world = ShapeWorld(scale="log2_plus_1", unit="counts" if "Reads" in name else "TPM")
    assert "whose values are linear" in world.message(world.take_file(name, text))
    assert world.features.records == []


@pytest.mark.parametrize("columns", [("raw_count", "counts"), ("est_counts", "expected_count")])
def test_of_two_columns_of_the_unit_none_is_taken(columns: tuple[str, str]) -> None:
    world = ShapeWorld(unit="counts")
    item = world.take_file("R01-001.tsv", line("gene", *columns) + line("VIM", 30, 3))
    assert f"{columns[0]} and {columns[1]} both hold counts" in world.message(item)


def test_a_quantification_with_numbers_of_rows_is_no_matrix_of_its_columns() -> None:
    """As pandas writes it: TPM and NumReads were cases."""
    text = "\t" + SALMON + line(0, "VIM", 1, 1, 3, 3)
    world = ShapeWorld()
    assert "called as a program's quantification" in world.message(world.take_file("A/quant.genes.sf", text))
    assert "'TPM' says what it holds" in world.message(world.take_file("A.tsv", text))
    assert world.features.records == []


@pytest.mark.parametrize("name", ["cohort.genes.results", "study.ReadsPerGene.out.tab"])
def test_a_matrix_of_several_quantifications_may_be_called_as_one(name: str) -> None:
    world = ShapeWorld(unit="counts")
    item = world.take_file(name, line("gene_id", "R-1", "R-2") + line("VIM", 3, 7))
    assert item.status is Status.COMPLETED, world.message(item)
    assert "called as a program's" in world.message(world.take_file(f"A/{name}", line("gene", "R-1") + line("VIM", 3)))


def test_a_strand_that_the_table_lacks_is_not_another_ones() -> None:
    world = ShapeWorld(unit="counts", strandedness="reverse")
    text = line("gene", "unstranded", "forward") + line("VIM", 3, 1)
    assert "no column of the strand" in world.message(world.take_file("A.tsv", text))


def test_counts_of_htseq_with_symbols_are_taken() -> None:
    world = ShapeWorld(unit="counts")
    world.take_file("A.htseq.counts", "ENSG00000026025\tVIM\t3\nENSG00000026508\tCD44\t0\n__no_feature\t\t7\n")
    assert world.linear("log2counts_VIM", "log2counts_CD44") == {"A": [3.0, 0.0]}
