"""Matrices that would be taken with wrong values: counts as TPM, the other strand, numbers of rows as cases."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from multimodal.genomics.keys import parse_key
from multimodal.ledger.unit import Status
from multimodal.ledger.upload_key import KeyKind
from tests.unit.functions.test_matrix_shapes import IDS, SALMON, ShapeWorld

GENES = ["VIM", "CD44", *(f"G{n}" for n in range(1_200))]


def line(*cells: object) -> str:
    return "\t".join(map(str, cells)) + "\n"


def lying(rows_are: str, table: list[list[object]]) -> str:
    """Return a table of cases as it is, or with genes as rows."""
    return "".join(line(*row) for row in (table if rows_are == "cases" else zip(*table, strict=True)))


def of_genes(values: Callable[[int], object]) -> str:
    """Return a matrix of two cases with 1,202 genes as rows."""
    rows = (line(gene, values(at), values(at)) for at, gene in enumerate(GENES))
    return line("gene", "R-0", "R-1") + "".join(rows)


def of_cases(values: Callable[[int], object]) -> str:
    """Return the same with a case as row."""
    return line("case", *GENES) + line("R-0", *(values(at) for at in range(len(GENES))))


@pytest.mark.parametrize("text", [of_genes(lambda at: at % 700), of_cases(lambda at: at % 700)], ids=["genes", "cases"])
@pytest.mark.parametrize("unit", ["TPM", "FPKM", "CPM"])
def test_whole_numbers_are_no_tpm(text: str, unit: str) -> None:
    world = ShapeWorld(unit=unit)
    item = world.take_file("m.tsv", text)
    assert item.reason_code == "SCALE_SUSPECTED"
    assert "unit: counts" in world.message(item)
    assert world.features.records == []


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("counts", lambda at: at % 700),
        ("TPM", lambda at: 832 if at < 1_200 else 100),  # rounded, and near a million together
        ("TPM", lambda at: at % 700 + (0.5 if at == 1_201 else 0)),
    ],
)
def test_counts_and_rounded_tpm_are_taken(unit: str, values: Callable[[int], object]) -> None:
    assert ShapeWorld(unit=unit).take_file("m.tsv", of_genes(values)).status is Status.COMPLETED


def share(at: int) -> float:
    """Return TPM of 1,202 genes that add up to a million."""
    return 1e6 * (at + 1) / (1_202 * 1_203 / 2)


@pytest.mark.parametrize("form", [of_genes, of_cases])
@pytest.mark.parametrize(
    ("logarithm", "said"),
    [(math.log1p, "natural"), (lambda v: math.log10(v + 1), "decimal"), (lambda v: math.log2(v + 1), "")],
    ids=["ln", "log10", "log2"],
)
def test_logarithms_of_another_base_are_held(
    form: Callable[[Callable[[int], object]], str], logarithm: Callable[[float], float], said: str
) -> None:
    world = ShapeWorld(scale="log2_plus_1")
    item = world.take_file("m.tsv", form(lambda at: logarithm(share(at))))
    assert item.reason_code == ("SCALE_SUSPECTED" if said else None)
    assert f"taken as {said} logarithms" in world.message(item) if said else item.status is Status.COMPLETED


@pytest.mark.parametrize("form", [of_genes, of_cases])
def test_logarithms_of_more_than_a_million_are_no_tpm(form: Callable[[Callable[[int], object]], str]) -> None:
    """Counts of Xena, intensities of RMA, DESeq2's VST: all are positive logarithms."""
    text = form(lambda at: math.log2(40 * share(at) + 1))
    world = ShapeWorld(scale="log2_plus_1")
    item = world.take_file("m.tsv", text)
    assert item.reason_code == "SCALE_SUSPECTED"
    assert "add up to 40.0 million" in world.message(item)
    assert ShapeWorld(scale="log2_plus_1", unit="counts").take_file("m.tsv", text).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data_mrna_seq_v2_rsem_zscores_ref_all_samples.txt", "zscores"),
        ("deseq2.vst.tsv", "vst"),
        ("vst_normalized_counts.tsv", "vst"),
        ("x_rlog.tsv", "rlog"),
        ("GSE1_RMA.txt", "rma"),
        ("log2FC.tsv", "log2fc"),
        ("logCPM.tsv", "logarithms"),
        ("tcga_log2_tpm.tsv", "logarithms"),
        ("log2(tpm+1).tsv", "logarithms"),
    ],
)
def test_a_name_that_says_other_values_refuses_the_file(name: str, said: str) -> None:
    world = ShapeWorld()
    assert f"its name says {said}" in world.message(world.take_file(name, "gene\tA\nVIM\t3\n"))
    assert world.features.records == []


@pytest.mark.parametrize("name", ["catalog_tpm.tsv", "analogue.tsv", "prognosis_log.tsv", "pharma.tsv", "salmon.tsv"])
def test_a_word_within_another_says_nothing(name: str) -> None:
    assert ShapeWorld().take_file(name, "gene\tA\nVIM\t3\n").status is Status.COMPLETED


@pytest.mark.parametrize(
    "header", ["sample\tgene\tvalue", "gene\tsample_id\tTPM", "case_id\tgene_name\tTPM", "gene\tPatient ID\texpr"]
)
@pytest.mark.parametrize("cases", [("A", "B"), ("101", "102")])
def test_a_row_per_gene_and_case_is_never_added_up(header: str, cases: tuple[str, str]) -> None:
    is_first = header.split("\t")[0] != "gene"
    rows = [(case, gene) if is_first else (gene, case) for case in cases for gene in ("VIM", "CD44")]
    world = ShapeWorld()
    item = world.take_file("m.tsv", header + "\n" + "".join(line(*row, 3) for row in rows))
    assert "names a case in each row" in world.message(item)
    assert world.features.records == []


@pytest.mark.parametrize(
    "header", ["gene\ttissue\tTPM", "gene\tSAMPID\tTPM", "gene_id\tgroup\tcount", "gene\ttissue\tA", "gene\tTPM"]
)
def test_genes_that_all_have_several_rows_are_of_several_cases(header: str) -> None:
    rows = [(gene, kind, 3) for kind in ("lung", "liver") for gene in ("VIM", "CD44", "X")]
    text = header + "\n" + "".join(line(*(row if header.count("\t") == 2 else row[::2])) for row in rows)
    world = ShapeWorld(unit="counts" if "count" in header else "TPM")
    assert "nearly all genes have several rows" in world.message(world.take_file("R01-001.tsv", text))
    assert world.features.records == []


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


def test_a_list_of_mutations_is_no_matrix() -> None:
    """cBioPortal's `data_mutations.txt`: its numbers (depths, positions) would be cases."""
    text = line("Hugo_Symbol", "Chromosome", "Tumor_Sample_Barcode", "t_depth") + line("VIM", "10", "A-01", 30) * 2
    world = ShapeWorld()
    assert "'Tumor_Sample_Barcode' names a case" in world.message(world.take_file("data_mutations.txt", text))
    assert world.features.records == []


@pytest.mark.parametrize(
    ("name", "header", "said"),
    [
        ("m.tsv", "gene\tvalue", "'value' says what it holds"),
        ("m.tsv", "gene\tExpression", "'Expression' says what it holds"),
        ("m.tsv", "gene\tPatient", "'Patient' says what it holds"),
        ("expression.tsv", "gene\tTPM", "does not say whose"),
        ("gene_tpm.tsv", "gene\tTPM", "does not say whose"),
        ("m.tsv", "gene\tX17\tAB2", "as R writes names"),
    ],
)
def test_what_values_are_called_is_no_case(name: str, header: str, said: str) -> None:
    world = ShapeWorld()
    assert said in world.message(world.take_file(name, f"{header}\nVIM{chr(9)}3{chr(9) * header.count('AB2')}\n"))
    assert world.features.records == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("7431", "numbers, as Entrez's"),
        ("201426_s_at", "probes"),
        ("ILMN_1782538", "probes"),
        ("ENST00000224237", "transcripts"),
        ("NM_003380.5", "transcripts"),
        ("Vim", "in other letters"),
        ("ENSG00000026025", "Ensembl gene ids"),
    ],
)
def test_names_of_genes_that_are_not_the_panels_are_called_by_their_kind(name: str, said: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", line("gene", "101", "102") + line(name, 3, 4) + line("OTHER", 1, 1))
    assert (item.reason_code, said in world.message(item)) == ("GENES_NOT_FOUND", True)


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


@pytest.mark.parametrize(
    ("name", "unit"), [("x_fpkm-uq.tsv", "FPKM"), ("x.fpkm.tsv", "FPKM-UQ"), ("x_fpkm_uq.tsv", "FPKM")]
)
def test_fpkm_and_fpkm_uq_are_told_apart_by_the_name(name: str, unit: str) -> None:
    world = ShapeWorld(unit=unit)
    assert "its name says" in world.message(world.take_file(name, "gene\tA\nVIM\t1\n"))
    right = "FPKM" if unit == "FPKM-UQ" else "FPKM-UQ"
    assert ShapeWorld(unit=right).take_file(name, "gene\tA\nVIM\t1\n").status is Status.COMPLETED


@pytest.mark.parametrize("header", ["R01.001\tR01.001.1", "R01.001\tR01.002\tR01.002.1"])
def test_a_column_that_r_numbered_is_no_case(header: str) -> None:
    world = ShapeWorld(case_names="undo_r")
    cells = "\t1" * (header.count("\t") + 1)
    assert "which a program numbered" in world.message(world.take_file("m.tsv", f"gene\t{header}\nVIM{cells}\n"))
    assert world.features.records == []


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


@pytest.mark.parametrize("rows_are", ["genes", "cases"])
@pytest.mark.parametrize(("cells", "taken"), [((-0.4, 1.1), 1), ((-0.4, -1.1), 0)])
def test_negative_values_of_several_cases_say_that_the_others_are_of_the_same_kind(
    rows_are: str, cells: tuple[float, float], taken: int
) -> None:
    """Of z-scores of a panel, some case has no negative one; a slip in one case costs that case."""
    table: list[list[object]] = [["x", "VIM", "CD44"], ["A", cells[0], 0.2], ["B", 2.1, cells[1]], ["C", 1.5, 0.3]]
    world = ShapeWorld()
    item = world.take_file("m.tsv", lying(rows_are, table))
    assert list(world.records()) == (["B", "C"] if taken else [])
    assert item.reason_code == (None if taken else "SCALE_SUSPECTED")
    assert taken or "2 cases have negative values" in world.message(item)


OF_CASES = ["age", "Sex", "t_stage", "vitalStatus", "OS.time", "Patient ID", "library_size", "nCount_RNA", "N_unmapped"]


@pytest.mark.parametrize("name", [*OF_CASES, "__no_feature"])
@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_what_describes_cases_or_sums_up_genes_is_no_gene(name: str, rows_are: str) -> None:
    table: list[list[object]] = [["x", name, "VIM", "CD44"], ["A-1", 7e6, 3, 0], ["B-2", 9e6, 7, 1.5]]
    asked: dict[str, Any] = {"id_column": "x"} if name == "Patient ID" and rows_are == "cases" else {}
    world = ShapeWorld(**asked)
    item = world.take_file("m.tsv", lying(rows_are, table))
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"A-1": [3.0, 0.0], "B-2": [7.0, 1.5]}, world.message(item)
    assert {record["genes_measured"] for record in world.records().values()} == {"2"}


@pytest.mark.parametrize("gene", ["BMI1", "RIN1", "AGER", "TIMELESS", "SEXN", "MET", "HLA-A", "SUMO1", "STAG2", "PID1"])
@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_a_gene_that_is_called_nearly_so_is_one(gene: str, rows_are: str) -> None:
    table: list[list[object]] = [["x", "VIM", gene], ["A", 3, 1], ["B", 7, 2]]
    world = ShapeWorld()
    world.take_file("m.tsv", lying(rows_are, table))
    assert world.records()["A"]["genes_measured"] == "2"


@pytest.mark.parametrize("cells", [("F", "M"), ("IA", "NA"), ("2001-05-30", "2001-06-01"), ("tumour", "n.d.")])
@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_words_of_cases_are_no_gene_and_are_told(cells: tuple[str, str], rows_are: str) -> None:
    table: list[list[object]] = [["x", "note", "VIM", "CD44"], ["A", cells[0], 3, 0], ["B", cells[1], 7, 1.5]]
    world = ShapeWorld()
    item = world.take_file("m.tsv", lying(rows_are, table))
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"A": [3.0, 0.0], "B": [7.0, 1.5]}
    assert '"note"' in world.report_on(item, "report.json")


@pytest.mark.parametrize("second", ["patient", "Case ID", "submitter_id"])
def test_of_two_columns_that_name_cases_the_dataset_says_which(second: str) -> None:
    text = line("sample", second, "VIM") + line("s1", 101, 3) + line("s2", 102, 7)
    world = ShapeWorld()
    assert "both seem to name the case" in world.message(world.take_file("m.tsv", text))
    world = ShapeWorld(id_column=second)
    world.take_file("m.tsv", text)
    assert world.linear("log2tpm_VIM") == {"101": [3.0], "102": [7.0]}
    world = ShapeWorld(ignore=[second])
    world.take_file("m.tsv", text)
    assert world.linear("log2tpm_VIM") == {"s1": [3.0], "s2": [7.0]}


@pytest.mark.parametrize("first", ["", "Unnamed: 0", "index"])
@pytest.mark.parametrize("second", ["patient", "case_id", "Sample ID", "ID", "submitter_id", "bcr_patient_barcode"])
def test_numbers_of_rows_are_no_cases(first: str, second: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.csv", f"{first},{second},VIM,CD44\n0,101,3,0\n1,102,7,1.5\n")
    assert f"{second!r} seems to name the case" in world.message(item)
    assert world.features.records == []


ABOUT = [
    "n_exons",
    "Transcript count",
    "num_transcripts",
    "start_position",
    "end_position",
    "gene_length_kb",
    "percentage_gene_gc_content",
    "entrezgene_accession",
]
STATISTICS = [
    "svalue",
    "p.adjust",
    "adj.P.Val",
    "padj_TvsN",
    "log2FC_tumour_normal",
    "mean_tumour",
    "p_value_adjusted",
    *("std", "CV", "q25", "n_samples", "fold_change", "Tumor_mean", "percent_expressed", "gene_chr", "gene_start"),
]


@pytest.mark.parametrize("at", [1, 3], ids=["in front", "behind"])
@pytest.mark.parametrize("column", [*ABOUT, *STATISTICS])
def test_columns_of_genes_and_of_all_cases_are_no_cases(column: str, at: int) -> None:
    table: list[list[object]] = [["symbol", "A", "B"], ["VIM", 3, 7], ["CD44", 0, 1]]
    for row, cell in zip(table, (column, 100, 9), strict=True):
        row.insert(at, cell)
    world = ShapeWorld(unit="counts")
    assert world.take_file("m.tsv", "".join(line(*row) for row in table)).status is Status.COMPLETED
    assert world.linear("log2counts_VIM", "log2counts_CD44") == {"A": [3.0, 0.0], "B": [7.0, 1.0]}


@pytest.mark.parametrize("column", ["t", "B", "F", "LR"])
def test_a_statistic_of_limma_or_edger_is_no_case(column: str) -> None:
    text = line("gene", column, "AveExpr", "R-1") + line("VIM", 5, 0.1, 3)
    for table, cases in ((text, ["R-1"]), (text.replace("AveExpr", "padj"), [column, "R-1"])):
        world = ShapeWorld()
        world.take_file("m.tsv", table)
        assert list(world.records()) == cases


@pytest.mark.parametrize("version", ["ignore", "exact"])
@pytest.mark.parametrize("copy", ["ENSG00000026025.16_PAR_Y", "ENSGR0000026025.16"])
@pytest.mark.parametrize(
    "text",
    [
        "gene\tA\n{copy}\t1\nENSG00000026025.16\t3\nENSG00000026508.19\t2\n",
        "case\tENSG00000026025.16\t{copy}\tENSG00000026508.19\nA\t3\t1\t2\n",
    ],
    ids=["genes", "cases"],
)
def test_a_gene_on_x_and_y_is_one_gene(text: str, copy: str, version: str) -> None:
    panel = ["ENSG00000026025.16", "ENSG00000026508.19"]
    world = ShapeWorld(**IDS | {"panel": panel, "gene_versions": version})
    item = world.take_file("m.tsv", text.replace("{copy}", copy))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_ENSG00000026025_16", "log2tpm_ENSG00000026508_19") == {"A": [4.0, 2.0]}
    assert world.records()["A"]["genes_ambiguous"] == "1", "that it was summed is told"


def test_a_gene_that_is_twice_on_x_is_refused_as_before() -> None:
    world = ShapeWorld(**IDS)
    item = world.take_file("m.tsv", "gene\tA\nENSG00000026025.1\t3\nENSG00000026025.2\t1\n")
    assert "more than one row" in world.message(item)


def test_quantification_with_the_copy_on_y() -> None:
    world = ShapeWorld(**IDS)
    world.take_file(
        "A/quant.genes.sf", f"{SALMON}ENSG00000026025.16\t9\t8\t3\t1\nENSG00000026025.16_PAR_Y\t9\t8\t1\t1\n"
    )
    assert world.linear("log2tpm_ENSG00000026025") == {"A": [4.0]}


@pytest.mark.parametrize("name", ["44621", "1. Mrz", "03.09.2024", "2-Sept", "Dez 01", "3/1/2024", "1-Mar"])
def test_genes_that_a_spreadsheet_made_dates_are_told(name: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", f"gene\tA\nVIM\t3\n{name}\t1\n")
    assert f'"{name}"' in world.report_on(item, "report.json")


@pytest.mark.parametrize(("gene", "told"), [("VIM.1", True), ("VIM_1", True), ("VIM-2", True), ("NKX2-1", False)])
def test_repeats_of_a_gene_of_the_panel_under_a_number_are_told(gene: str, told: bool) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", f"gene\tA\nVIM\t3\n{gene}\t1\n")
    assert (f'"{gene}"' in world.report_on(item, "report.json")) is told


@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_versions_of_ids_are_no_repeats(rows_are: str) -> None:
    table: list[list[object]] = [["x", "ENSG00000026025.6", "ENSG00000026508.9"], ["A", 3, 1]]
    world = ShapeWorld(**IDS)
    item = world.take_file("m.tsv", lying(rows_are, table))
    assert '"renamed_repeats": []' in world.report_on(item, "report.json")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("counts.txt.summary", KeyKind.IGNORED),
        ("Unmatched/x_R1.fastq.gz", KeyKind.IGNORED),
        ("A/unclassified_R1.fastq.gz", KeyKind.IGNORED),
        ("star.ReadsPerGene.out.tab", KeyKind.REJECTED),
        ("R01-001.ReadsPerGene.out.tab", KeyKind.TABLE),
        ("meta_mrna_seq_v2_rsem.txt", KeyKind.IGNORED),
        ("R01-001/isoforms.fpkm_tracking", KeyKind.IGNORED),
        ("R01-001/SJ.out.tab", KeyKind.IGNORED),
        ("R01-001/R01-001.Log.final.out", KeyKind.IGNORED),
        ("R01-001/t_data.ctab", KeyKind.IGNORED),
    ],
)
def test_programs_and_leftovers_are_nobodys_name(path: str, kind: KeyKind) -> None:
    assert parse_key(f"genomics/d/{path}").kind is kind


@pytest.mark.parametrize("column", ["t", "F", "Pool", "copies", "water"])
def test_a_column_unlike_the_cases_is_asked_about(column: str) -> None:
    """A name without a digit among names that have one; the file may say that cases are called so."""
    text = line("gene", "R01-001", "R01-002", column) + line("VIM", 3, 7, 2) + line("CD44", 0, 1.5, 1)
    world = ShapeWorld()
    item = world.take_file("m.tsv", text)
    assert item.status is Status.QUARANTINED
    assert f"its column '{column}' is called unlike the cases" in world.message(item)
    world = ShapeWorld(case_names="exact")
    assert world.take_file("m.tsv", text).status is Status.COMPLETED
    assert sorted(world.records()) == sorted(["R01-001", "R01-002", column])


@pytest.mark.parametrize("cells", [("M1", "M2"), ("-", "-"), ("", "")])
def test_text_behind_the_cases_is_left_out(cells: tuple[str, str]) -> None:
    text = line("gene", "R01-001", "R01-002", "tf_family") + line("VIM", 3, 7, cells[0])
    world = ShapeWorld()
    item = world.take_file("m.tsv", text + line("CD44", 0, 1.5, cells[1]))
    assert item.status is Status.COMPLETED
    assert sorted(world.records()) == ["R01-001", "R01-002"]


@pytest.mark.parametrize(
    "header",
    ["fpkm_A1 fpkm_A2 reads_A1 reads_A2", "A1_reads A2_reads A1_expected_count A2_abundance", "A1_fpkm gene_chr"],
)
def test_what_companies_write_beside_the_case_is_no_case(header: str) -> None:
    """BGI's and Novogene's tables have values of two kinds, or the chromosome, beside."""
    names = header.split()
    world = ShapeWorld()
    item = world.take_file("m.tsv", line("gene", *names) + line("VIM", *range(3, 3 + len(names))))
    assert item.status is Status.QUARANTINED
    assert "say what they hold beside the case" in world.message(item)


@pytest.mark.parametrize("form", [of_genes, of_cases])
@pytest.mark.parametrize("unit", ["FPKM", "counts"])
@pytest.mark.parametrize("logarithm", [lambda v: math.log2(v + 1), math.log1p], ids=["log2", "ln"])
def test_logarithms_of_tpm_are_no_fpkm_and_no_counts(
    logarithm: Callable[[float], float], unit: str, form: Callable[[Callable[[int], object]], str]
) -> None:
    """As on the linear scale: what adds up to a million is TPM."""
    world = ShapeWorld(scale="log2_plus_1", unit=unit)
    item = world.take_file("m.tsv", form(lambda at: logarithm(share(at))))
    assert item.reason_code == "SCALE_SUSPECTED"
    assert "add up to a million" in world.message(item)
    other = form(lambda at: logarithm(share(at) * 0.7))
    assert ShapeWorld(scale="log2_plus_1", unit=unit).take_file("m.tsv", other).status is Status.COMPLETED


@pytest.mark.parametrize("form", [of_genes, of_cases])
@pytest.mark.parametrize("unit", ["TPM", "FPKM", "counts"])
def test_values_from_0_to_1_are_no_log2(unit: str, form: Callable[[Callable[[int], object]], str]) -> None:
    world = ShapeWorld(scale="log2_plus_1", unit=unit)
    item = world.take_file("m.tsv", form(lambda at: at / 1_202))
    assert item.reason_code == "SCALE_SUSPECTED"
    assert "no value of 1202 genes is above 5" in world.message(item)


@pytest.mark.parametrize("total", [10_000, 250_000])
@pytest.mark.parametrize("unit", ["TPM", "CPM", "counts", "FPKM"])
def test_cases_that_all_add_up_to_another_number_were_scaled_otherwise(unit: str, total: int) -> None:
    """As scanpy and Seurat scale to 10,000; some genes of TPM add up to another number in every case."""

    def text(scaled: bool) -> str:
        columns = [[share((at * step) % 1_202) ** 9 for at in range(1_202)] for step in (1, 3, 5)]
        genes = len(GENES) if scaled else len(GENES) - 100
        factors = [total / sum(column) for column in columns]
        rows = (line(GENES[at], *(c[at] * f for c, f in zip(columns, factors, strict=True))) for at in range(genes))
        return line("gene", "R-0", "R-1", "R-2") + "".join(rows)

    world = ShapeWorld(unit=unit)
    item = world.take_file("m.tsv", text(scaled=True))
    assert item.reason_code == (None if unit == "FPKM" else "SCALE_SUSPECTED")
    assert unit == "FPKM" or f"add up to {total:,}, which {unit} do not" in world.message(item)
    assert ShapeWorld(unit=unit).take_file("m.tsv", text(scaled=False)).status is Status.COMPLETED


@pytest.mark.parametrize("first", ["gene", "Hugo_Symbol", "ensembl_gene_id"])
@pytest.mark.parametrize("end", ["\t", ""], ids=["empty name", "no name"])
def test_a_last_column_without_a_name_moves_no_value_to_the_case_before(first: str, end: str) -> None:
    """Such as sums that somebody added; R leaves out the first name instead."""
    text = f"{first}\tR01-001\tR01-002{end}\n" + line("VIM", 3, 7, 10) + line("CD44", 0, 1.5, 1.5)
    world = ShapeWorld()
    assert "its last column has no name" in world.message(world.take_file("m.tsv", text))
    assert world.features.records == []


@pytest.mark.parametrize("names", ["R01-001\tR01-002", "symbol\tR01-001\tR01-002"])
def test_a_first_column_without_a_name_is_that_of_genes(names: str) -> None:
    rows = [("VIM", 3, 7), ("CD44", 0, 1.5)]
    lead = [("E1",), ("E2",)] if names.startswith("symbol") else [(), ()]
    text = f"{names}\n" + "".join(line(*above, *row) for above, row in zip(lead, rows, strict=True))
    world = ShapeWorld()
    world.take_file("m.tsv", text)
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"R01-001": [3.0, 0.0], "R01-002": [7.0, 1.5]}


@pytest.mark.parametrize("rows_are", ["genes", "cases"])
@pytest.mark.parametrize(("header", "row"), [(",,", ",,"), ("", ",,"), (",,", "")])
def test_empty_columns_at_the_end_are_none(header: str, row: str, rows_are: str) -> None:
    table: list[list[object]] = [["x", "VIM", "CD44"], ["R01-001", 3, 0], ["R01-002", 7, 1.5]]
    first, *rest = lying(rows_are, table).replace("\t", ",").splitlines()
    world = ShapeWorld()
    item = world.take_file("m.csv", "".join(f"{text}\n" for text in (first + header, *(each + row for each in rest))))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"R01-001": [3.0, 0.0], "R01-002": [7.0, 1.5]}


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("", "who", ("Anna", "Bert")), ("X", "name", ("a", "b")), ("nr", "code", ("P1", "P2"))],
)
def test_numbers_of_rows_beside_names_in_words_are_no_cases(first: str, second: str, words: tuple[str, str]) -> None:
    text = line(first, second, "VIM") + line(1, words[0], 3) + line(2, words[1], 7)
    world = ShapeWorld()
    assert f"{second!r} may name the case" in world.message(world.take_file("m.tsv", text))
    world = ShapeWorld(id_column=second)
    world.take_file("m.tsv", text)
    assert sorted(world.records()) == sorted(words)


@pytest.mark.parametrize("words", [("F", "M"), ("IA", "IA")])
def test_numbered_cases_beside_words_stay_cases(words: tuple[str, str]) -> None:
    world = ShapeWorld()
    world.take_file("m.tsv", line("case", "which", "VIM") + line(1, words[0], 3) + line(2, words[1], 7))
    assert world.linear("log2tpm_VIM") == {"1": [3.0], "2": [7.0]}
