"""Matrices and quantifications in the shapes of programs and portals: taken, or refused with advice."""

import bz2
import csv
import gzip
import io
import json
from typing import Any

import pytest

from multimodal.genomics.dates import DatedByColumn
from multimodal.genomics.keys import parse_key
from multimodal.genomics.matrix import MatrixTables
from multimodal.genomics.matrix_names import case_of_quantification
from multimodal.ledger.unit import LedgerItem, Status, Unit
from multimodal.ledger.upload_key import KeyKind
from tests.unit.functions.table_world import TableWorld
from tests.unit.functions.test_expression_matrix import dataset

SALMON = "Name\tLength\tEffectiveLength\tTPM\tNumReads\n"
IDS: dict[str, Any] = {
    "gene_ids": "ensembl",
    "gene_versions": "ignore",
    "panel": ["ENSG00000026025", "ENSG00000026508"],
}


class ShapeWorld(TableWorld):
    """A stack whose dataset `d` takes matrices of genes VIM and CD44."""

    def __init__(self, panel: tuple[str, ...] = ("VIM", "CD44"), **matrix: Any) -> None:
        super().__init__()
        self.matrices = MatrixTables(self.ledger, "stack", {"d": dataset(panel, **matrix)})

    def take_file(self, name: str, body: str | bytes) -> LedgerItem:
        """Upload a file under its own name and take it; return its item."""
        key = f"genomics/d/{name}"
        self.upload(key, body=body.encode() if isinstance(body, str) else body)
        unit = parse_key(key).unit
        assert unit is not None
        assert unit.table_key == key
        self.execute(self.start())
        item = self.ledger.get(unit.unit_id)
        assert item is not None
        return item

    def records(self) -> dict[str, dict[str, str]]:
        """Return the last record of each case."""
        return {r["case_id"]: r for _, r in self.features.records}

    def linear(self, *features: str) -> dict[str, list[float | None]]:
        """Return values of each case on their linear scale."""
        return {
            case: [None if (v := r.get(f)) is None else round(2 ** float(v) - 1, 6) for f in features]
            for case, r in self.records().items()
        }

    def report_on(self, item: LedgerItem, name: str) -> str:
        """Return a report on the file."""
        return self.processed.content[f"genomics/d/-expression/{item.content_version}/{name}"].decode()

    def message(self, item: LedgerItem) -> str:
        """Return why it was not taken."""
        return str(self.ledger.extra[item.unit_id]["reason_message"])


TRUTH = {"R01-001": [3.0, 0.0], "R01-002": [7.0, 1.5]}

SHAPES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "GEO, empty first cell": ("GSE1_RSEM.txt", "\tR01-001\tR01-002\nA1BG\t5\t6\nVIM\t3\t7\nCD44\t0\t1.5\n", {}),
    "R, no first cell": ("m.tsv", '"R01-001"\t"R01-002"\n"VIM"\t3\t7\n"CD44"\t0\t1.5\n', {}),
    "R's names": ("m.csv", '"","R01.001","R01.002"\n"VIM",3,7\n"CD44",0,1.5\n', {"case_names": "undo_r"}),
    "featureCounts": (
        "fc.txt",
        '# Program:featureCounts v2.0.3; Command:"featureCounts" "-a" "x.gtf"\n'
        "Geneid\tChr\tStart\tEnd\tStrand\tLength\t/data/bam/R01-001.Aligned.sortedByCoord.out.bam\tR01-002.bam\n"
        "VIM\t10;10\t1;5\t4;9\t+;+\t8\t3\t7\nCD44\t11\t1\t9\t+\t9\t0\t1.5\n",
        {},
    ),
    "nf-core merged": (
        "salmon.merged.gene_tpm.tsv",
        "gene_id\tgene_name\tR01-001\tR01-002\nENSG00000026025\tVIM\t3\t7\nENSG00000026508\tCD44\t0\t1.5\n",
        {},
    ),
    "GCT whose descriptions are numbers": (
        "m.gct",
        "#1.2\n2\t2\nNAME\tlocus_number\tR01-001\tR01-002\nVIM\t7431\t3\t7\nCD44\t960\t0\t1.5\n",
        {},
    ),
    "GCT 1.3 with annotations of its genes": (
        "m.gct",
        "#1.3\n2\t2\t3\t0\nid\tpr_gene_symbol\tpr_is_lm\tpr_bin\tR01-001\tR01-002\n"
        "7431\tVIM\t1\t4\t3\t7\n960\tCD44\t0\t9\t0\t1.5\n",
        {},
    ),
    "GCT": (
        "m.gct",
        "#1.2\n2\t2\nName\tDescription\tR01-001\tR01-002\nENSG00000026025.1\tVIM\t3\t7\nENSG00000026508.2\tCD44\t0\t1.5\n",
        {},
    ),
    "cBioPortal": (
        "data_mrna_seq_v2_rsem.txt",
        "Hugo_Symbol\tEntrez_Gene_Id\tR01-001\tR01-002\n\t100\t1\t1\nVIM\t7431\t3\t7\nCD44\t960\t0\t1.5\n",
        {},
    ),
    "Xena": ("HiSeqV2", "sample\tR01-001\tR01-002\nVIM\t3\t7\nCD44\t0\t1.5\n", {}),
    "Firehose": (
        "rsem.data.txt",
        "Hybridization REF\tR01-001\tR01-002\ngene_id\tnormalized_count\tnormalized_count\n?|1\t1\t1\nVIM|7431\t3\t7\n"
        "CD44|960\t0\t1.5\n",
        {},
    ),
    "DepMap": ("OmicsExpression.csv", ",VIM (7431),CD44 (960)\nR01-001,3,0\nR01-002,7,1.5\n", {}),
    "GEO series matrix": (
        "GSE1_series_matrix.txt",
        '!Series_title\t"x"\n!Sample_title\t"a"\t"b"\n\n!series_matrix_table_begin\n"ID_REF"\t"R01-001"\t"R01-002"\n'
        '"VIM"\t3\t7\n"CD44"\t0\t1.5\n!series_matrix_table_end\n',
        {},
    ),
    "GTEx's BED, whose header is a comment": (
        "m.tsv",
        "#chr\tstart\tend\tgene_id\tR01-001\tR01-002\nchr10\t1\t2\tVIM\t3\t7\nchr11\t1\t2\tCD44\t0\t1.5\n",
        {},
    ),
    "biom, as a table": (
        "m.txt",
        "\ufeff# Constructed from biom file\r\n#ID\tR01-001\tR01-002\r\nVIM\t3\t7\r\nCD44\t0\t1.5\r\n",
        {},
    ),
    "a header twice, once as a comment": (
        "m.txt",
        "#gene\tR01-001\tR01-002\ngene\tR01-001\tR01-002\nVIM\t3\t7\nCD44\t0\t1.5\n",
        {},
    ),
    "decimal comma": ("m.csv", "gene;R01-001;R01-002\nVIM;3,0;7\nCD44;0;1,5\n", {"decimal": "comma"}),
    "delimiter behind the last cell": ("m.tsv", "gene\tR01-001\tR01-002\t\nVIM\t3\t7\t\nCD44\t0\t1.5\t\n", {}),
    "delimiter behind the last cell of rows": ("m.tsv", "gene\tR01-001\tR01-002\nVIM\t3\t7\t\nCD44\t0\t1.5\t\n", {}),
    "CRLF and a mark": ("Expression.CSV", "\ufeffgene,R01-001,R01-002\r\nVIM,3,7\r\nCD44,0,1.5\r\n", {}),
    "DESeq2's columns first": (
        "m.tsv",
        "gene\tbaseMean\tpadj\tR01-001\tR01-002\nVIM\t5\t0.1\t3\t7\nCD44\t1\t0.2\t0\t1.5\n",
        {},
    ),
    "annotation last": ("m.tsv", "id\tR01-001\tR01-002\tgene_name\ng1\t3\t7\tVIM\ng2\t0\t1.5\tCD44\n", {}),
    "cases as rows": ("expression.tsv", "case\tVIM\tCD44\nR01-001\t3\t0\nR01-002\t7\t1.5\n", {}),
}


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("shape", SHAPES)
def test_matrix_of_any_shape_becomes_the_same_records(shape: str, compressed: bool) -> None:
    name, text, matrix = SHAPES[shape]
    world = ShapeWorld(**matrix)
    body = gzip.compress(text.encode()) if compressed else text.encode()
    item = world.take_file(f"{name}.gz" if compressed else name, body)
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == TRUTH


QUANTIFICATIONS: dict[str, tuple[str, str, str]] = {
    "salmon genes": ("{}/quant.genes.sf", SALMON + "{1}\t9\t8\t3\t30\n{2}\t9\t8\t0\t0\n", "TPM"),
    "DRAGEN": ("{}/{}.quant.genes.sf", SALMON + "{1}\t9\t8\t3\t30\n{2}\t9\t8\t0\t0\n", "TPM"),
    "salmon transcripts of GENCODE": (
        "{}/salmon/quant.sf",
        "Name\tLength\tEffectiveLength\tTPM\tNumReads\nENST00000000001.1|{1}|-|-|VIM-201|VIM|9|\t9\t8\t1\t3\n"
        "ENST00000000002.1|{1}|-|-|VIM-202|VIM|9|\t9\t8\t2\t3\nENST00000000003.1|{2}|-|-|CD44-201|CD44|9|\t9\t8\t0\t3\n",
        "TPM",
    ),
    "kallisto of GENCODE": (
        "{}/abundance.tsv",
        "target_id\tlength\teff_length\test_counts\ttpm\nENST00000000001.1|{1}|-|-|VIM-201|VIM|9|\t9\t8\t1\t3\n"
        "ENST00000000003.1|{2}|-|-|CD44-201|CD44|9|\t9\t8\t0\t0\n",
        "TPM",
    ),
    "RSEM genes": (
        "{}.genes.results",
        "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM\n"
        "{1}_VIM\tt1,t2\t9\t8\t3\t1\t2\n{2}_CD44\tt3\t9\t8\t0\t0\t0\n",
        "counts",
    ),
    "RSEM isoforms": (
        "{}/x.isoforms.results",
        "transcript_id\tgene_id\tlength\teffective_length\texpected_count\tTPM\tFPKM\tIsoPct\n"
        "t1\t{1}\t9\t8\t3\t1\t2\t9\nt2\t{1}\t9\t8\t3\t1\t1\t9\nt3\t{2}\t9\t8\t0\t0\t0\t9\n",
        "FPKM",
    ),
    "STAR": (
        "{}ReadsPerGene.out.tab",
        "N_unmapped\t9\t9\t9\nN_multimapping\t1\t1\t1\nN_noFeature\t1\t1\t1\nN_ambiguous\t1\t1\t1\n{1}\t3\t1\t2\n{2}\t0\t0\t0\n",
        "counts",
    ),
    "HTSeq": ("{}.htseq.counts", "{1}\t3\n{2}\t0\n__no_feature\t7\n__ambiguous\t1\n", "counts"),
    "GDC": (
        "{}/8f9d2c1e-1111-2222-3333-444455556666.rna_seq.augmented_star_gene_counts.tsv",
        "# gene-model: GENCODE v36\ngene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\t"
        "tpm_unstranded\tfpkm_unstranded\tfpkm_uq_unstranded\nN_unmapped\t\t\t9\t9\t9\t\t\t\n"
        "{1}\tVIM\tprotein_coding\t30\t1\t1\t9\t8\t3\n{2}\tCD44\tprotein_coding\t1\t1\t1\t9\t8\t0\n",
        "FPKM-UQ",
    ),
    "StringTie": (
        "{}/gene_abund.tab",
        "Gene ID\tGene Name\tReference\tStrand\tStart\tEnd\tCoverage\tFPKM\tTPM\n{1}\tVIM\tchr10\t+\t1\t9\t5\t2\t3\n"
        "{2}\tCD44\tchr11\t+\t1\t9\t0\t0\t0\n",
        "TPM",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", QUANTIFICATIONS)
def test_quantification_of_one_sample_becomes_its_record(shape: str) -> None:
    name, text, unit = QUANTIFICATIONS[shape]
    text = text.replace("{1}", "ENSG00000026025.16").replace("{2}", "ENSG00000026508.19")
    world = ShapeWorld(unit=unit, **IDS)
    item = world.take_file(name.replace("{}", "R01-001"), text)
    assert item.status is Status.COMPLETED, world.message(item)
    feature = f"log2{unit.replace('-', '_').lower()}_ENSG00000026"
    assert world.linear(f"{feature}025", f"{feature}508") == {"R01-001": [3.0, 0.0]}
    assert world.records()["R01-001"]["genes_measured"] == "2", "rows that count reads are no genes"


def test_column_of_star_is_the_one_of_the_libraries_strand() -> None:
    world = ShapeWorld(unit="counts", strandedness="reverse", **IDS)
    world.take_file("A/ReadsPerGene.out.tab", "N_unmapped\t9\t9\t9\nENSG00000026025.1\t30\t1\t29\n")
    assert world.linear("log2counts_ENSG00000026025") == {"A": [29.0]}


def test_table_of_genes_and_counts_is_of_the_case_that_its_file_is_called_by() -> None:
    world = ShapeWorld(unit="counts")
    assert world.take_file("R01-001.tsv", "gene\tcount\nVIM\t3\nCD44\t0\n").status is Status.COMPLETED
    assert world.linear("log2counts_VIM") == {"R01-001": [3.0]}


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("R01-001.txt", "R01-001"),
        ("R01-001_counts.txt", "R01-001"),
        ("R01-001_htseq.tsv", "R01-001"),
        ("counts.txt", ""),
    ],
)
def test_counts_without_a_header_are_of_the_case_that_their_file_is_called_by(name: str, case: str) -> None:
    world = ShapeWorld(unit="counts")
    item = world.take_file(name, "VIM\t3\nCD44\t0\n__no_feature\t7\n")
    assert world.linear("log2counts_VIM") == ({case: [3.0]} if case else {})
    assert case or "does not say whose" in world.message(item)


@pytest.mark.parametrize("name", ["R01-001_tpm.csv", "R01-001.gene_tpm.tsv", "R01-001-expression.tsv", "R01-001.tsv"])
def test_what_a_file_holds_is_no_part_of_the_cases_name(name: str) -> None:
    world = ShapeWorld()
    world.take_file(name, "gene\tTPM\nVIM\t3\n".replace("\t", "," if name.endswith("csv") else "\t"))
    assert world.linear("log2tpm_VIM") == {"R01-001": [3.0]}


@pytest.mark.parametrize("header", ["", "transcript_id\tgene_id\tgene_name\n"])
def test_transcripts_are_summed_by_the_genes_that_a_table_beside_the_cases_names(header: str) -> None:
    world = ShapeWorld()
    world.matrices = MatrixTables(world.ledger, "stack", {"d": dataset()}, world.raw)
    table = SALMON + "ENST00000000001.2\t1\t1\t1\t1\nENST00000000002.1\t1\t1\t2\t1\n"
    assert "tx2gene.tsv" in world.message(world.take_file("A/quant.sf", table))
    world.upload(
        "genomics/d/tx2gene.tsv", body=f"{header}ENST00000000001.2\tg1\tVIM\nENST00000000002.1\tg1\tVIM\n".encode()
    )
    assert world.ledger.get("genomics#d#-ignored-keys") is None
    assert world.take_file("B/quant.sf", table).status is Status.COMPLETED
    assert world.linear("log2tpm_VIM") == {"B": [3.0]}
    item = world.take_file("C/quant.sf", table + "ENST00000000003.1\t1\t1\t2\t1\n")
    assert "row 4 has a transcript that tx2gene.tsv lacks" in world.message(item)


def test_quantifications_of_several_cases_join_one_group() -> None:
    world = ShapeWorld()
    for case, value in (("A", 1), ("B", 3)):
        assert world.take_file(f"{case}/quant.genes.sf", f"{SALMON}VIM\t1\t1\t{value}\t1\n").status is Status.COMPLETED
    assert world.linear("log2tpm_VIM") == {"A": [1.0], "B": [3.0]}


@pytest.mark.parametrize(
    ("name", "body", "code", "advice"),
    [
        ("a.tsv", "gene\tR01.001\nVIM\t1\n", "MATRIX_INVALID", "case_names: undo_r"),
        ("a.tsv", "gene\tX1\tX2\nVIM\t1\t2\n", "MATRIX_INVALID", "begin with X"),
        ("a.tsv", "gene\tA_TPM\tA_counts\nVIM\t1\t2\n", "MATRIX_INVALID", "say what they hold"),
        ("a.tsv", "gene\tFPKM.A\tFPKM.B\nVIM\t1\t2\n", "MATRIX_INVALID", "say what they hold"),
        ("a.tsv", "gene\tA\tB\tA counts\nVIM\t1\t2\t9\n", "MATRIX_INVALID", "by its case alone"),
        ("a.tsv", "VIM\t3\t4\nCD44\t1\t2\n", "MATRIX_INVALID", "first row is a gene's"),
        ("a.tsv", "A1BG\t3\t4\nCD44\t1\t2\n", "MATRIX_INVALID", "first row is a gene's"),
        ("a.tsv", "gene\tVIM\tCD44\nVIM\t1\t0.2\nCD44\t0.2\t1\n", "MATRIX_INVALID", "what are cases?"),
        ("a.tsv", "gene\tA\tB\nVIM\t1\n", "MATRIX_INVALID", "row 2 has 2 cells"),
        ("a.tsv", "gene\tlog2FoldChange\tpadj\nVIM\t1\t0.1\n", "MATRIX_INVALID", "no column of a case"),
        ("salmon.merged.gene_lengths.tsv", "gene\tA\nVIM\t1\n", "MATRIX_INVALID", "name says lengths"),
        ("salmon.merged.gene_counts_length_scaled.tsv", "gene\tA\nVIM\t1\n", "MATRIX_INVALID", "name says counts"),
        ("GSE1_FPKM.txt", "gene\tA\nVIM\t1\n", "MATRIX_INVALID", "name says fpkm"),
        ("a.tsv", "gene\tA\nTP53\t1\n", "GENES_NOT_FOUND", "row or column"),
        ("a.tsv", "gene\tA\n1-Mar\t1\n2-Sep\t1\n", "GENES_NOT_FOUND", "dates"),
        ("a.tsv", "gene\tA\tB\nVIM\t-1.5\t-2\n", "MATRIX_INVALID", "never negative"),
        ("a.csv", "gene;A;B\nVIM;1,5;2,5\n", "MATRIX_INVALID", "decimal: comma"),
        ("a.gct", "#1.3\n1\t2\t0\t1\nid\tA\tB\nage\t6\t7\nVIM\t1\t2\n", "MATRIX_INVALID", "version 1.2"),
        ("a.txt", '"A" "B"\n"VIM" 1 2\n', "MATRIX_INVALID", "separated by tabs or commas"),
        ("s.txt", '!series_matrix_table_begin\n"ID_REF"\t"A"\n!series_matrix_table_end\n', "MATRIX_INVALID", "no rows"),
        ("A/quant.sf", SALMON + "ENST00000000001\t1\t1\t1\t1\n", "MATRIX_INVALID", "quant.genes.sf"),
        ("A.genes.results", "gene_id\texpected_count\nVIM\t1\n", "MATRIX_INVALID", "unit: TPM"),
        ("A.htseq.counts", "VIM\t3\n", "MATRIX_INVALID", "unit: TPM"),
        ("a.tsv.gz", gzip.compress(b"gene\tA\nVIM\t1\n" * 999, mtime=0)[:-9], "NOT_CSV", "gzip"),
        ("a.tsv", bz2.compress(b"gene\tA\n"), "NOT_CSV", "bzip2"),
        ("a.tsv", "", "TABLE_EMPTY", "empty"),
        ("a.txt", "Dear colleague, please find the data attached\n", "MATRIX_INVALID", "no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_gets_the_reason_that_fits(name: str, body: str | bytes, code: str, advice: str) -> None:
    world = ShapeWorld()
    item = world.take_file(name, body)
    assert item.status is Status.QUARANTINED
    assert advice in world.message(item)
    assert item.reason_code == code
    assert world.features.records == []


def test_cell_that_is_no_value_costs_its_case_and_no_other() -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", "gene\tA\tB\tC D\tA1\nX\t1\tx\t1\t1\nVIM\t3\t4\t5\tNA\nCD44\tNA\t1\t1\t\n")
    assert item.status is Status.COMPLETED
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"A": [3.0, None]}
    rows = list(csv.DictReader(io.StringIO(world.report_on(item, "rejected.csv"))))
    assert [(r["row"], r["case_id"], r["column"], r["code"]) for r in rows] == [
        ("3", "B", "X", "VALUE_INVALID"),
        ("4", "", "", "CASE_NAME_INVALID"),
        ("5", "A1", "", "NO_VALUES"),
    ]
    assert rows[0]["message"].startswith("row 2: ")
    report = json.loads(world.report_on(item, "report.json"))
    assert (report["rows_are"], report["genes"]["columns"]) == ("genes", 3)


@pytest.mark.parametrize("cell", ["#N/A", "n.d.", "TRUE"])
def test_a_first_case_without_any_value_is_rejected_and_not_left_out_as_text(cell: str) -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", f"gene\tA\tB\nVIM\t{cell}\t3\nCD44\t{cell}\t1\n")
    assert [*world.records()] == ["B"]
    assert [row["case_id"] for row in csv.DictReader(io.StringIO(world.report_on(item, "rejected.csv")))] == ["A"]


def test_case_may_be_called_as_some_first_columns_are() -> None:
    world = ShapeWorld()
    world.take_file("m.tsv", "ID\tX\tname\tLength\nVIM\t3\t4\t999\n")
    assert world.linear("log2tpm_VIM") == {"X": [3.0], "name": [4.0]}


def test_case_in_two_columns_is_taken_from_neither() -> None:
    world = ShapeWorld()
    item = world.take_file("m.tsv", "gene\tA\tB\tA\nVIM\t3\t4\t5\n")
    assert world.linear("log2tpm_VIM") == {"B": [4.0]}
    assert world.report_on(item, "rejected.csv").count("DUPLICATE_ID") == 2


@pytest.mark.parametrize("ids", [False, True])
def test_gene_of_several_rows_is_summed_by_symbol_and_refused_by_id(ids: bool) -> None:
    world = ShapeWorld(**IDS) if ids else ShapeWorld()
    name = "ENSG00000026025" if ids else "VIM"
    item = world.take_file("m.tsv", f"gene\tA\n{name}{'.1' if ids else ''}\t3\n{name}\t4\n")
    if ids:
        assert "more than one row" in world.message(item)
    else:
        assert world.linear("log2tpm_VIM") == {"A": [7.0]}
        assert world.records()["A"]["genes_ambiguous"] == "1"


def test_both_orientations_give_the_same_records() -> None:
    genes, cases = ["VIM", "CD44", "X"], ["A", "B", "C"]
    values = [["1", "NA", "3"], ["0", "5", "6"], ["7", "0", ""]]
    by_case = ["case\t" + "\t".join(genes), *("\t".join([c, *row]) for c, row in zip(cases, values, strict=True))]
    columns = list(zip(*values, strict=True))
    by_gene = ["gene\t" + "\t".join(cases), *("\t".join([g, *row]) for g, row in zip(genes, columns, strict=True))]
    found = []
    for lines in (by_case, by_gene):
        world = ShapeWorld()
        world.take_file("m.tsv", "\n".join(lines))
        found.append({case: {n: v for n, v in r.items() if n != "upload_id"} for case, r in world.records().items()})
    assert found[0] == found[1]
    assert list(found[0]) == cases


@pytest.mark.parametrize("unit", ["FPKM", "TPM"])
def test_values_that_add_up_to_a_million_are_no_fpkm(unit: str) -> None:
    world = ShapeWorld(unit=unit)
    rows = "".join(f"G{n}\t100\t100\n" for n in range(9_999))
    item = world.take_file("m.tsv", f"gene\tA\tB\nVIM\t100\t100\n{rows}")
    assert item.reason_code == (None if unit == "TPM" else "SCALE_SUSPECTED")


def test_row_that_dates_the_samples_is_no_gene() -> None:
    world = ShapeWorld()
    config = dataset().model_copy(update={"event_time": DatedByColumn(column="surgery_date")})
    world.matrices = MatrixTables(world.ledger, "stack", {"d": config})
    item = world.take_file("m.tsv", "gene\tA\tB\nsurgery_date\t2001-05-30\tsoon\nVIM\t3\t4\n")
    assert world.records()["A"]["event_time"] == "2001-05-30T00:00:00Z"
    assert "DATE_INVALID" in world.report_on(item, "rejected.csv")
    assert list(world.records()) == ["A"]


# Names


@pytest.mark.parametrize(
    ("path", "case"),
    [
        ("R01-001/quant.sf", "R01-001"),
        ("salmon/R01-001/quant.sf", "R01-001"),
        ("R01-001/star_salmon/quant.genes.sf.gz", "R01-001"),
        ("R01-001_quant.sf", "R01-001"),
        ("R01-001_quant/quant.sf", "R01-001"),
        ("R01-001.gene.abundance.txt", "R01-001"),
        ("quants/R01-001.salmon/quant.genes.sf", "R01-001"),
        ("R01-001_star_salmon/quant.sf", "R01-001"),
        ("R01-001_ReadsPerGene.out.tab", "R01-001"),
        ("results/R01-001/abundance.tsv", "R01-001"),
        ("cohort/R01-001/abundance.tsv", ""),
        ("results/quant.sf", ""),
        ("Downloads/quant.sf", ""),
        ("abundance.tsv", ""),
        ("8f9d2c1e-1111-2222-3333-444455556666.rna_seq.augmented_star_gene_counts.tsv", ""),
    ],
)
def test_path_says_whose_quantification_it_is(path: str, case: str) -> None:
    assert case_of_quantification(path) == case
    assert parse_key(f"genomics/d/{path}").kind is (KeyKind.TABLE if case else KeyKind.REJECTED)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("expression.csv", KeyKind.TABLE),
        ("Expression.csv", KeyKind.TABLE),
        ("GSE103584_R01_NSCLC_RNAseq.txt.gz", KeyKind.TABLE),
        ("HiSeqV2", KeyKind.TABLE),
        ("TCGA.LUAD.sampleMap_HiSeqV2.gz", KeyKind.TABLE),
        ("genome.fa.gz", KeyKind.REJECTED),
        ("S_R1.fastq.gz", KeyKind.OBJECT),
        ("patients.xlsx", KeyKind.REJECTED),
        ("x.h5ad", KeyKind.REJECTED),
        ("README.txt", KeyKind.IGNORED),
        ("md5sums.txt", KeyKind.IGNORED),
        ("samplesheet.csv", KeyKind.TABLE),
        ("R01-001/notes.txt", KeyKind.IGNORED),
        ("R01-001/aux_info/fld.gz", KeyKind.IGNORED),
        ("R01-001/S_R1.fastq.gz", KeyKind.OBJECT),
    ],
)
def test_name_decides_only_whether_a_file_may_be_a_matrix(name: str, kind: KeyKind) -> None:
    assert parse_key(f"genomics/d/{name}").kind is kind


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("h5ad", "AnnData"),
        ("h5ad.gz", "AnnData"),
        ("zarr/.zarray", "AnnData"),
        ("loom", "a loom file"),
        ("rds", "R's objects"),
        ("RData", "R's objects"),
        ("mtx.gz", "Matrix Market"),
        ("h5", "HDF5"),
        ("parquet", "Parquet"),
        ("npz", "array"),
    ],
)
@pytest.mark.parametrize("folder", ["", "R01-001/"])
def test_a_format_that_is_not_read_is_called_by_its_name(folder: str, ending: str, said: str) -> None:
    found = parse_key(f"genomics/d/{folder}expr.{ending}")
    assert (found.kind, said in found.problem, "as text" in found.problem) == (KeyKind.REJECTED, True, True)


@pytest.mark.parametrize("name", ["README.txt", "R01-001/counts.txt", "R01-001/aux_info/fld.gz", "slides.pdf"])
def test_nothing_is_ignored_without_a_note(name: str) -> None:
    world = ShapeWorld()
    world.upload(f"genomics/d/{name}")
    item = world.ledger.get("genomics#d#-ignored-keys")
    assert item is not None
    assert (item.status, item.is_note) == (Status.COMPLETED, True)
    details = world.ledger.extra[item.unit_id]["reason_details"]
    assert (details["objects_in_batch"], details["example_key"][:11]) == (1, "genomics/d/"), (
        "its name may be a person's"
    )
    world.upload("clinical/d/README.txt")
    assert world.ledger.get("clinical#d#-ignored-keys") is None


def test_matrices_of_a_dataset_share_their_state_and_each_is_a_unit() -> None:
    named = parse_key("genomics/d/a.tsv").unit
    assert named == Unit("d", "-expression/a.tsv", "", "genomics")
    assert named.is_table
    assert named.result_folder == Unit("d", "-expression", "", "genomics").result_folder == "genomics/d/-expression/"


@pytest.mark.parametrize("cell", ["1.234", "1.234,5", "0.5"])
def test_a_dot_among_decimal_commas_is_never_a_decimal_point(cell: str) -> None:
    world = ShapeWorld(decimal="comma")
    world.take_file("m.csv", f"gene;R01-001;R01-002\nVIM;3,5;7\nCD44;{cell};1,5\n")
    assert list(world.records()) == ["R01-002"], "the other case has its values"


LABELS = [
    "{1}:{0}",
    "{0}:{1}.7",
    "{0}_{1}",
    "{1}.3-{0}",
    "{0}..{2}.",
    "{0}..{1}.",
    "{0};{2}",
    "{0} {1}",
    "MSTRG.{2}|{0}",
    "HGNC:{2}|{0}",
    "{1}|{0}|protein_coding",
    "gene-{0}",
    "gene:{1}|{0}",
    "GRCh38_{0}",
]
"""Names of genes as StringTie, RefSeq's GFF3, Cell Ranger and people join them; `..` is R's bracket."""


@pytest.mark.parametrize("rows_are", ["genes", "cases"])
@pytest.mark.parametrize(
    ("label", "matrix"), [*((each, {}) for each in LABELS), *((each, IDS) for each in LABELS if "{1}" in each)]
)
def test_a_gene_is_found_among_the_names_of_its_label(label: str, matrix: dict[str, Any], rows_are: str) -> None:
    genes = [label.format("VIM", "ENSG00000026025", 7431), label.format("CD44", "ENSG00000026508", 960)]
    table = [["x", *genes], ["R01-001", "3", "0"], ["R01-002", "7", "1.5"]]
    world = ShapeWorld(**matrix)
    rows = table if rows_are == "cases" else [*zip(*table, strict=True)]
    item = world.take_file("m.tsv", "".join("\t".join(row) + "\n" for row in rows))
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear(*(f"log2tpm_{gene}" for gene in matrix.get("panel", ("VIM", "CD44")))) == TRUTH


@pytest.mark.parametrize("label", ["VIM;VIM-AS1", "VIM///CD44", "VIM, CD44", "VIM:TTN"])
def test_a_label_of_several_genes_is_none_of_them(label: str) -> None:
    world = ShapeWorld()
    world.take_file("m.tsv", f"gene\tA\n{label}\t3\nCD44\t1\n")
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == {"A": [None, 1.0]}


@pytest.mark.parametrize(
    "column",
    [
        "{}.genes.results",
        "rsem/{}/{}.genes.results",
        "quants/{}_quant/quant.sf",
        "{}_quant",
        "{}.salmon",
        "{}.txt",
        "C:\\data\\{}.CEL.gz",
        "/data/{}.Aligned.sortedByCoord.out.md.bam",
    ],
)
def test_a_column_that_is_called_by_a_file_is_of_its_case(column: str) -> None:
    names = [column.replace("{}", case) for case in TRUTH]
    world = ShapeWorld()
    item = world.take_file("m.tsv", "\t".join(["gene", *names]) + "\nVIM\t3\t7\nCD44\t0\t1.5\n")
    assert item.status is Status.COMPLETED, world.message(item)
    assert world.linear("log2tpm_VIM", "log2tpm_CD44") == TRUTH


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["log2_R1", "log2_R2"], "say what they hold"),
        (["R1_zscore", "R2_zscore"], "say what they hold"),
        (["R1.AVG_Signal", "R2.AVG_Signal"], "say what they hold"),
        (["R1.counts", "R2.counts"], "say what they hold"),
        (["log2(TPM+1)"], "'log2(TPM+1)' says what it holds"),
        (["zscore"], "'zscore' says what it holds"),
    ],
)
def test_columns_that_say_another_scale_are_no_cases(columns: list[str], said: str) -> None:
    world = ShapeWorld()
    item = world.take_file("R01-001.tsv", "\t".join(["gene", *columns]) + "\nVIM" + "\t3" * len(columns) + "\n")
    assert said in world.message(item)
    assert world.features.records == []


@pytest.mark.parametrize("name", ["data_cna.txt", "data_methylation_hm450.txt", "gtex_percentile.tsv", "ratios.tsv"])
def test_a_name_that_says_no_expression_refuses_the_file(name: str) -> None:
    world = ShapeWorld()
    assert "its name says" in world.message(world.take_file(name, "gene\tA\nVIM\t1\n"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("R01-001.bam", "aligned reads"),
        ("R01-001_R1.fastq.bz2", "unpack it"),
        ("hg38.fa.gz", "genomics/_references/"),
        ("x.pdbx", "not inside a case"),
        ("salmon_tx2gene.tsv", "is called tx2gene.tsv"),
        ("tx2gene.csv", "is called tx2gene.tsv"),
    ],
)
def test_a_file_beside_the_cases_is_called_what_it_is(name: str, said: str) -> None:
    assert said in parse_key(f"genomics/d/{name}").problem
