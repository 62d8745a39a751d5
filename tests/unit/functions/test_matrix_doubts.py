"""Matrices that would be taken with wrong values: counts as TPM, the other strand, numbers of rows as cases."""

import math
from collections.abc import Callable

import pytest

from multimodal.genomics.keys import parse_key
from multimodal.ledger.unit import Status
from multimodal.ledger.upload_key import KeyKind
from tests.unit.functions.test_matrix_shapes import IDS, ShapeWorld

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
