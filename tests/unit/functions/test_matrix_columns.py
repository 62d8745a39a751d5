"""Which columns and rows of a matrix are genes, which are cases, and which are neither."""

from typing import Any

import pytest

from multimodal.genomics.gene_columns import called_by
from multimodal.ledger.unit import Status
from tests.unit.functions.test_matrix_doubts import line, lying
from tests.unit.functions.test_matrix_shapes import ShapeWorld

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


@pytest.mark.parametrize("shared", ["batch_id", "project_id", "Plate ID", "center.id"])
def test_a_number_that_many_cases_have_names_none(shared: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", line("sample", shared, "VIM") + line("s1", 1, 3) + line("s2", 1, 7))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM") == {"s1": [3.0], "s2": [7.0]}


@pytest.mark.parametrize(("column", "cells"), [("stage", ("T1", "T2")), ("date of scan", ("2001-05-30", "2001-06-01"))])
def test_words_of_numbered_cases_are_no_names(column: str, cells: tuple[str, str]) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", line("case", "VIM", column) + line(1, 3, cells[0]) + line(2, 7, cells[1]))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM") == {"1": [3.0], "2": [7.0]}


@pytest.mark.parametrize("place", ["RMA", "VST", "LOG"])
def test_cases_of_a_place_hold_no_logarithms(place: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", line("gene", f"{place}-001", f"{place}_002") + line("VIM", 3, 7))
    assert item.status is Status.COMPLETED, world.message(item)


@pytest.mark.parametrize("above", ["", "# made by x, on 2024-05-30\n", "# a, b, c\n#d, e, f\n"])
@pytest.mark.parametrize("header", ["#gene,R01-001,R01-002", "# gene,R01-001,R01-002", '"#gene","R01-001","R01-002"'])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_that_is_a_comment_is_the_header(above: str, header: str, delimiter: str) -> None:
    world = ShapeWorld()
    table = f"{header}\nVIM,3,7\nCD44,0,1.5\n".replace(",", delimiter)
    item = world.take_file("m.csv", above + table)
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM") == {"R01-001": [3.0], "R01-002": [7.0]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("cases", ["R01-001,R01-002", "101,102"])
@pytest.mark.parametrize("first", ["gene", "", "Hugo_Symbol"])
def test_a_comment_with_as_many_words_is_no_header(delimiter: str, cases: str, first: str) -> None:
    """Its words would be the cases."""
    world = ShapeWorld()
    table = f"# counts,made by x,in Bern\n{first},{cases}\nVIM,3,7\nCD44,0,1.5\n".replace(",", delimiter)
    world.take_file("m.csv", table)
    assert world.linear("log2tpm_VIM") == dict(zip(cases.split(","), [[3.0], [7.0]], strict=True))


@pytest.mark.parametrize("name", ["cohort_with_cnv_tpm.tsv", "methylation_study_TPM.txt", "gene_tpm_tx2gene.tsv"])
def test_a_name_with_the_unit_is_of_expression(name: str) -> None:
    world = ShapeWorld()
    item = world.take_file(name, line("gene", "R-1") + line("VIM", 3))
    assert item.status is Status.COMPLETED, world.message(item)


@pytest.mark.parametrize("called", ["{}_quant", "{}.genes.results", "/data/{}.Aligned.sortedByCoord.out.bam", "{}.txt"])
@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_a_case_that_is_called_by_a_file_is_the_same_whichever_way_round(called: str, rows_are: str) -> None:
    first, second = (called.replace("{}", case) for case in ("R01-001", "R01-002"))
    world = ShapeWorld()
    item = world.take_file("m.tsv", lying(rows_are, [["x", "VIM", "CD44"], [first, 3, 0], [second, 7, 1.5]]))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM") == {"R01-001": [3.0], "R01-002": [7.0]}


@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_exact_names_of_cases_stay(rows_are: str) -> None:
    world = ShapeWorld(case_names="exact")
    world.take_file("m.tsv", lying(rows_are, [["x", "VIM", "CD44"], ["A1_quant", 3, 0], ["B2_salmon", 7, 1.5]]))
    assert world.linear("log2tpm_VIM") == {"A1_quant": [3.0], "B2_salmon": [7.0]}


@pytest.mark.parametrize("step", ["md", "_sorted", ".umi"])
def test_a_long_cell_of_steps_is_read_in_one_go(step: str) -> None:
    """Searched from each of its letters, it would take minutes."""
    assert called_by("P1" + step * 50_000 + ".bam")[0] == "P1"
    assert called_by(step * 50_000)[0] == step * 50_000


@pytest.mark.parametrize("label", ["ENSG00000002586.20{}_CD99", "ENSG00000002586.20{}|CD99", "CD99;ENSG00000002586{}"])
@pytest.mark.parametrize("rows_are", ["genes", "cases"])
def test_the_copy_on_y_is_summed_whatever_stands_beside_its_id(label: str, rows_are: str) -> None:
    world = ShapeWorld(panel=("ENSG00000002586",), gene_ids="ensembl", gene_versions="ignore")
    table: list[list[object]] = [["x", label.format(""), label.format("_PAR_Y")], ["A-1", 3, 1], ["B-2", 7, 2]]
    item = world.take_file("m.tsv", lying(rows_are, table))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_ENSG00000002586") == {"A-1": [4.0], "B-2": [9.0]}


def test_one_row_of_a_wide_matrix_counts_nothing() -> None:
    genes = ["VIM", *(f"G{at}A" for at in range(50_000))]
    rows = [line(case, f"H{case}", *range(len(genes))) for case in (101, 102)]
    world = ShapeWorld(unit="counts")
    item = world.take_file("m.tsv", line("case", "hospital", *genes) + "".join(rows))
    assert set(world.records()) == {"101", "102"}, world.message(item)
