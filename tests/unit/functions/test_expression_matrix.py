"""A ready expression matrix: its configuration, its header, its values, and what is never guessed."""

import csv
import io
import json
import math
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from multimodal.genomics.config import GenomicsConfig
from multimodal.genomics.dates import DatedByColumn
from multimodal.genomics.groups import pin_assay, rna_group
from multimodal.genomics.matrix import ExpressionMatrix
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.listing import CompletionTimeouts, Quarantine
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import LedgerItem, Status, case_unit
from multimodal.pipeline.dataset import DatasetConfig
from multimodal.tables.table import RowProblem, TableVerdict, UploadContext
from tests.cases import cases_of
from tests.unit.functions.fakes import FakeClock, FakeLedger, FakeMetrics, FakeObjects

CASES = cases_of(__file__)

UPLOAD = UploadContext("s3://raw/genomics/d/expression.csv", "upload0123456789", "c" * 16, "2026-11-25T10:00:00Z")
MATRIX = {
    "unit": "TPM",
    "scale": "linear",
    "gene_ids": "symbol",
    "engine": "STAR and RSEM",
    "genome": "hg19",
    "annotation": "GENCODE 19",
}
PANEL = ["VIM", "CD44", "BGN"]


def dataset(panel: Sequence[str] = PANEL, **matrix: Any) -> GenomicsConfig:
    """Return a dataset that takes a matrix."""
    section = {"matrix": MATRIX | matrix, "panel": list(panel)}
    return GenomicsConfig.model_validate(section)


class Read:
    """All that was read of a matrix."""

    def __init__(self, text: str, config: GenomicsConfig | None = None) -> None:
        rows = numbered(text)
        reader = ExpressionMatrix("d", config or dataset(), "stack", next(rows)[1], rows, UPLOAD)
        batches = list(reader.batches())
        self.records = {r.record["case_id"]: r.record for b in batches for r in b.records}
        self.groups = {r.group for b in batches for r in b.records}
        self.problems: list[RowProblem] = [p for b in batches for p in b.problems]
        self.verdict: TableVerdict = reader.verdict()
        self.report: dict[str, Any] = json.loads(self.verdict.reports["report.json"])


def numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV with their numbers."""
    yield from enumerate(csv.reader(io.StringIO(text, newline="")), start=1)


def test_rows_become_records_of_the_rna_group() -> None:
    read = Read("case,VIM,OTHER,CD44\nR01-003,3,100,0\nR01-004,7,5.5,\n")
    assert read.groups == {"stack-d-rna-v1"}
    record = read.records["R01-003"]
    assert (float(record["log2tpm_VIM"]), float(record["log2tpm_CD44"])) == (2.0, 0.0)
    assert "log2tpm_BGN" not in record, "the matrix has no such column: missing, not zero"
    assert (record["genes_missing"], record["genes_ambiguous"]) == ("1", "0")
    assert (record["genes_measured"], record["genes_detected"], record["genes_without_value"]) == ("3", "2", "0")
    assert (record["event_time"], record["event_time_source"]) == (UPLOAD.uploaded_at, "UploadTime")
    assert (record["source_uri"], record["upload_id"]) == (UPLOAD.source_uri, UPLOAD.upload_id)
    assert (record["engine"], record["engine_version"], record["genome"]) == ("STAR and RSEM", "unknown", "hg19")
    assert (record["reference"], record["annotation"], record["unit"]) == ("matrix", "GENCODE 19", "TPM")
    assert "log2tpm_CD44" not in read.records["R01-004"], "an empty cell: missing, not zero"
    assert read.problems == []
    assert read.verdict.summary == {"rows": 2, "records": 2, "rejected": 0}


def test_column_of_days_dates_the_rows_and_is_no_gene() -> None:
    config = dataset().model_copy(update={"event_time": DatedByColumn(column="collected", date_format="%m/%d/%Y")})
    read = Read("case,VIM,collected,CD44\nA,3,5/30/2001,1\nB,3,,1\nC,3,2001-05-30,1\nD,3,11/26/2026,1\n", config)
    assert (read.records["A"]["event_time"], read.records["A"]["event_time_source"]) == (
        "2001-05-30T00:00:00Z",
        "collected",
    )
    assert read.records["A"]["genes_measured"] == "2"
    assert read.records["B"]["event_time_source"] == "UploadTime"
    assert [(p.case_id, p.column, p.code) for p in read.problems] == [
        ("C", "collected", "DATE_INVALID"),
        ("D", "collected", "DATE_INVALID"),
    ]
    with pytest.raises(BadInputError, match=r"0 columns 'collected', which genomics.event_time names"):
        Read("case,VIM,CD44\nA,1,2\n", config)


def test_every_record_fits_the_group_and_names_nothing_else() -> None:
    names = set(rna_group("stack", "d", dataset()).types)
    record = Read("case,VIM,CD44,BGN\nA,1,2,3\n").records["A"]
    assert set(record) == names


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("TPM", "log2tpm_VIM"),
        ("FPKM", "log2fpkm_VIM"),
        ("FPKM-UQ", "log2fpkm_uq_VIM"),
        ("RPKM", "log2rpkm_VIM"),
        ("CPM", "log2cpm_VIM"),
        ("counts", "log2counts_VIM"),
    ],
)
def test_values_of_different_units_share_no_name(unit: str, name: str) -> None:
    read = Read("case,VIM\nA,3\n", dataset(unit=unit))
    assert float(read.records["A"][name]) == 2.0
    assert read.records["A"]["unit"] == unit
    assert [n for n in read.records["A"] if n.startswith("log2")] == [name]


def test_values_that_are_logarithms_already_stay_as_they_are() -> None:
    read = Read("case,VIM,CD44\nA,0.1,3.3\n", dataset(scale="log2_plus_1"))
    assert (read.records["A"]["log2tpm_VIM"], read.records["A"]["log2tpm_CD44"]) == ("0.1", "3.3")


@pytest.mark.parametrize(("scale", "cells"), [("linear", "1,6"), ("log2_plus_1", f"1,{math.log2(7)}")])
def test_genes_of_one_symbol_are_summed_on_the_linear_scale_and_told(scale: str, cells: str) -> None:
    read = Read(f"case,VIM,VIM\nA,{cells}\n", dataset(scale=scale))
    assert float(read.records["A"]["log2tpm_VIM"]) == pytest.approx(3.0, abs=1e-12)
    assert read.records["A"]["genes_ambiguous"] == "1"
    assert read.report["genes"]["panel_ambiguous"] == ["VIM"]
    assert read.report["genes"]["symbols_of_several_columns"] == 1


def test_what_programs_make_of_gene_names_is_reported() -> None:
    read = Read("case,VIM,VIM.1,1-Mar,Sep-2\nA,1,2,3,4\n")
    assert read.report["genes"]["renamed_repeats"] == ["VIM.1"]
    assert read.report["genes"]["made_dates_by_a_spreadsheet"] == ["1-Mar", "Sep-2"]


@pytest.mark.parametrize(
    ("when", "expected", "missing"), [("absent", [None, 2.0], "2"), ("zero", [0.0, 2.0], "1")], ids=["absent", "zero"]
)
def test_missing_cells_are_zero_only_when_the_dataset_says_so(
    when: str, expected: list[float | None], missing: str
) -> None:
    read = Read("case,VIM,CD44,X\nA, NA ,3,\n", dataset(when_missing=when))
    record = read.records["A"]
    assert [float(v) if (v := record.get(f"log2tpm_{g}")) is not None else None for g in ("VIM", "CD44")] == expected
    assert record["genes_missing"] == missing, "a gene without a column is missing whatever the dataset says"
    assert record["genes_without_value"] == "2"


def test_id_column_and_columns_that_are_no_genes() -> None:
    config = dataset(id_column="case", ignore=["batch"])
    read = Read("batch,VIM,case,CD44\nrun 7,1,A,3\n", config)
    assert float(read.records["A"]["log2tpm_CD44"]) == 2.0
    assert read.report["genes"]["columns"] == 2


@pytest.mark.parametrize(("cases", "unnamed"), [("A", ""), ("R01-003", "Case ID")])
def test_first_column_names_the_case_whatever_it_is_called(cases: str, unnamed: str) -> None:
    assert list(Read(f"{unnamed},VIM\n{cases},1\n").records) == [cases]


def test_ensembl_versions_are_compared_or_not_as_the_dataset_says() -> None:
    text = "case,ENSG00000026025.16,ENSG00000026508.19\nA,3,1\n"
    panel = ["ENSG00000026025.14", "ENSG00000182378"]
    ignoring = Read(text, dataset(panel, gene_ids="ensembl", gene_versions="ignore"))
    assert float(ignoring.records["A"]["log2tpm_ENSG00000026025_14"]) == 2.0
    assert ignoring.report["genes"]["panel_missing"] == ["ENSG00000182378"]
    with pytest.raises(BadInputError, match="gene_versions: exact"):
        Read(text, dataset(panel, gene_ids="ensembl"))


# What is rejected


@pytest.mark.parametrize(("cell", "code"), CASES["test_cell_that_is_no_measurement_costs_its_row_and_names_the_gene"])
@pytest.mark.parametrize("gene", ["VIM", "OTHER"])
def test_cell_that_is_no_measurement_costs_its_row_and_names_the_gene(gene: str, cell: str, code: str) -> None:
    cells = {"VIM": "1", "OTHER": "", "CD44": "2"} | {gene: f'"{cell}"'}
    read = Read(f"case,VIM,OTHER,CD44\nA,{','.join(cells.values())}\nB,1,2,3\n")
    (problem,) = read.problems
    assert (problem.row, problem.case_id, problem.column, problem.code) == (2, "A", gene, code)
    assert cell in {"NaN", "inf"} or cell not in problem.message, "no value in what is written down"
    assert list(read.records) == ["B"]


@pytest.mark.parametrize(
    ("config", "row", "advice"),
    [
        (dataset(), "900000,200000", "matrix.unit"),
        (dataset(unit="CPM"), "900000,200000", "matrix.unit"),
        (dataset(scale="log2_plus_1"), "41,1", "matrix.scale"),
        (dataset(unit="counts"), "1e308,1e308", "genomics.matrix"),
    ],
)
def test_values_that_cannot_be_of_the_unit_or_scale_say_so(config: GenomicsConfig, row: str, advice: str) -> None:
    (problem,) = Read(f"case,VIM,CD44\nA,{row}\n", config).problems
    assert problem.code == "VALUE_IMPLAUSIBLE"
    assert advice in problem.message


def test_counts_may_add_up_to_more_than_a_million() -> None:
    assert list(Read("case,VIM,CD44\nA,9000000,2\n", dataset(unit="counts")).records) == ["A"]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("A,1", "ROW_LENGTH"),
        ("A,1,2,3", "ROW_LENGTH"),
        ("A B,1,2", "CASE_NAME_INVALID"),
        ("-x,1,2", "CASE_NAME_INVALID"),
        (",1,2", "CASE_NAME_INVALID"),
        ("../x,1,2", "CASE_NAME_INVALID"),
        ("A,NA,", "NO_VALUES"),
    ],
)
def test_row_that_is_no_record_is_told_and_harms_no_other(row: str, code: str) -> None:
    read = Read(f"case,VIM,CD44\n{row}\n\n , ,\nB,1,2\n")
    assert [(p.row, p.code) for p in read.problems] == [(2, code)]
    assert list(read.records) == ["B"]


def test_header_that_lacks_the_name_of_the_first_column_is_recognised() -> None:
    """As R's `write.table` writes it."""
    read = Read("A1BG,VIM,CD44,BGN\nA,0,1,2,3\n")
    assert "lack the name of the first column" in read.problems[0].message


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("VIM,CD44,BGN\nA,1,2,3\n", dataset()),
        ("VIM,CD44,BGN\n3,1,2\n", dataset(unit="counts")),
        ("ENSG00000000003.1,ENSG00000026025\n3,1\n", dataset(["ENSG00000026025"], gene_ids="ensembl", unit="counts")),
    ],
    ids=["no name", "no column", "ids"],
)
def test_first_value_of_a_row_is_never_taken_for_a_case(text: str, config: GenomicsConfig) -> None:
    with pytest.raises(BadInputError, match="names the case") as refusal:
        Read(text, config)
    assert refusal.value.reason_code == "MATRIX_INVALID"


def test_matrix_of_which_no_row_can_be_taken_is_held() -> None:
    read = Read("case,VIM,CD44\nA,x,1\nB,1\n")
    assert read.verdict.hold is not None
    assert read.verdict.hold[0] == "MATRIX_INVALID"
    assert "no cases accepted of 2; the first (row 2, VIM): not a number" in read.verdict.hold[1]
    assert Read("case,VIM,CD44\nA,x,1\nB,1,2\n").verdict.hold is None


def test_what_is_listed_as_missing_is_missing_with_blanks_around_it() -> None:
    record = Read("case,VIM,CD44\nA, 0 ,3\n", dataset(missing=["0"])).records["A"]
    assert "log2tpm_VIM" not in record
    assert record["genes_without_value"] == "1"


@pytest.mark.parametrize(("when", "expected"), [("absent", None), ("zero", 2.0)])
def test_sum_of_columns_is_not_known_when_one_of_them_is_not(when: str, expected: float | None) -> None:
    record = Read("case,VIM,VIM,CD44\nA,NA,3,1\n", dataset(when_missing=when)).records["A"]
    found = record.get("log2tpm_VIM")
    assert (None if found is None else float(found)) == expected


def test_genes_that_became_dates_are_why_none_is_found() -> None:
    with pytest.raises(BadInputError, match="dates, which a spreadsheet makes of genes") as refusal:
        Read("case,1-Mar,2023-09-02 00:00:00\nA,1,2\n", dataset(["MARCH1", "SEPT2"]))
    assert refusal.value.reason_code == "GENES_NOT_FOUND"


@pytest.mark.parametrize(("text", "code"), CASES["test_matrix_that_cannot_be_used_is_rejected_as_a_whole"])
def test_matrix_that_cannot_be_used_is_rejected_as_a_whole(text: str, code: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        Read(text)
    assert refusal.value.reason_code == code
    assert "R01-003" not in refusal.value.message


@pytest.mark.parametrize("columns", [200_001, 1_000_000])
def test_matrix_of_too_many_columns_is_rejected(columns: int) -> None:
    with pytest.raises(BadInputError, match="at most"):
        list(ExpressionMatrix("d", dataset(), "s", ["VIM"] * columns, [], UPLOAD).batches())


def test_id_that_several_columns_have_is_rejected() -> None:
    text = "case,ENSG00000026025.1,ENSG00000026025.2\nA,1,2\n"
    panel = ["ENSG00000026025"]
    with pytest.raises(BadInputError, match="more than one column"):
        Read(text, dataset(panel, gene_ids="ensembl", gene_versions="ignore"))


@pytest.mark.parametrize(("header", "named"), [("VIM,CD44", "0 columns"), ("case,VIM,case", "2 columns")])
def test_id_column_that_is_not_there_once_is_rejected(header: str, named: str) -> None:
    with pytest.raises(BadInputError, match=named):
        Read(f"{header}\n1,2,3\n", dataset(id_column="case"))


@pytest.mark.parametrize(
    ("highest", "count", "held"), [("24.9", 1_000, True), ("24.9", 999, False), ("26", 1_000, False)]
)
def test_many_genes_that_look_like_logarithms_are_held(highest: str, count: int, *, held: bool) -> None:
    """Of a few genes all may be weak: the report says so, and nothing is held."""
    genes = ["VIM", *(f"G{n}" for n in range(count - 1))]
    text = f"case,{','.join(genes)}\nA,{highest},{','.join(['3.5'] * (count - 1))}\n"
    read = Read(text)
    assert read.report["looks_like_logarithms"] is (highest == "24.9")
    assert (read.verdict.hold is not None) is held
    assert (read.report["held"] is not None) is held
    if read.verdict.hold:
        assert read.verdict.hold[0] == "SCALE_SUSPECTED"
        assert "log2_plus_1" in read.verdict.hold[1]
    assert Read(text, dataset(scale="log2_plus_1", unit="FPKM")).verdict.hold is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e5)), min_size=3, max_size=3))
def test_no_value_is_lost_and_none_is_invented(values: list[float | None]) -> None:
    cells = ["" if v is None else repr(v) for v in values]
    read = Read(f"case,{','.join(PANEL)}\nA,{','.join(cells)}\nB,1,1,1\n")
    if all(v is None for v in values):
        assert [p.code for p in read.problems] == ["NO_VALUES"]
        return
    for gene, value in zip(PANEL, values, strict=True):
        found = read.records["A"].get(f"log2tpm_{gene}")
        assert (found is None) == (value is None)
        if found is not None and value is not None:
            assert 2 ** float(found) - 1 == pytest.approx(value, rel=1e-9, abs=1e-9)


def _wide_rows(cases: int, genes: int) -> Iterator[tuple[int, list[str]]]:
    for case in range(cases):
        yield case + 2, [f"R01-{case:03d}", *(f"{(case + n) % 97}.25" for n in range(genes))]


def _read_wide(cases: int) -> int:
    header = ["case", *PANEL, *(f"GENE{n}" for n in range(22_127 - len(PANEL)))]
    read = ExpressionMatrix("d", dataset(unit="FPKM"), "stack", header, _wide_rows(cases, 22_127), UPLOAD)
    return sum(len(list(batch.records)) for batch in read.batches())


def _peak(cases: int) -> int:
    tracemalloc.start()
    try:
        _read_wide(cases)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_matrix_as_wide_as_the_articles_is_read_in_the_memory_of_a_row() -> None:
    assert _read_wide(130) == 130
    few, many = _peak(3), _peak(30)
    assert many < 1.1 * few, "what is held does not grow with the cases"
    assert many < 20e6


# Configuration


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"panel": ["VIM"]}, "one source"),
        ({"reference": "human", "matrix": MATRIX, "panel": ["VIM"]}, "one source"),
        ({"matrix": MATRIX, "library_type": "A", "panel": ["VIM"]}, "library_type"),
        ({"matrix": MATRIX, "trim": False, "panel": ["VIM"]}, "trim"),
        ({"matrix": MATRIX | {"unit": "reads"}, "panel": ["VIM"]}, "unit"),
        ({"matrix": MATRIX | {"scale": "ln"}, "panel": ["VIM"]}, "scale"),
        ({"matrix": MATRIX | {"genome": " "}, "panel": ["VIM"]}, "genome"),
        ({"matrix": {k: v for k, v in MATRIX.items() if k != "annotation"}, "panel": ["VIM"]}, "annotation"),
        ({"matrix": MATRIX, "panel": ["ENSG00000026025"]}, "ENSG00000026025"),
        ({"matrix": MATRIX | {"gene_ids": "ensembl"}, "panel": ["VIM"]}, "VIM"),
        ({"reference": "human", "panel": ["VIM"], "event_time": {"timepoint": "surgery"}}, "name upload"),
        ({"reference": "human", "panel": ["VIM"], "event_time": {"timepoint": "later"}}, "timepoint"),
        (
            {
                "reference": "human",
                "panel": ["VIM"],
                "event_time": {"timepoint": "surgery"},
                "available_at": "baseline",
            },
            "later than available_at",
        ),
    ],
)
def test_section_that_is_wrong_says_what_to_change(section: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DatasetConfig.model_validate({"schema": 1, "name": "d", "genomics": section})


def test_matrix_of_another_assay_never_enters_the_group() -> None:
    ledger = FakeLedger()
    assay = {"engine": "salmon", "unit": "TPM"}
    pin_assay(ledger, "g", assay)
    pin_assay(ledger, "g", assay)
    with pytest.raises(BadInputError, match="raise group_version") as refusal:
        pin_assay(ledger, "g", assay | {"unit": "FPKM"})
    assert refusal.value.reason_code == "ASSAY_MISMATCH"
    assert refusal.value.details == {"unit": ["TPM", "FPKM"]}


@pytest.mark.parametrize("subject", ["R01-023", "-samplesheet"])
def test_reads_of_a_dataset_that_takes_a_matrix_are_told(subject: str) -> None:
    genomics = dataset()
    raw, unit = FakeObjects("raw"), case_unit("d", subject)
    for mate in (1, 2):
        raw.put(f"genomics/d/R01-023/S_R{mate}.fastq.gz", b"x")
    raw.put("genomics/d/samplesheet.csv", b"sample,fastq_1\nR01-023,R01-023/S_R1.fastq.gz\n")
    readiness = GenomicsReadiness("salmon", "image", "raw", {"d": genomics})
    ports = Ports(FakeLedger(), raw, FakeObjects("processed"), FakeClock(), FakeMetrics())
    rules = genomics_rules(ports, readiness)(unit)
    item = LedgerItem(unit, Status.RECEIVING, open_since=0)
    decision = rules.decide(item, rules.list_objects(unit), CompletionTimeouts(300, 5400), 10_000)
    assert isinstance(decision, Quarantine)
    assert decision.reason == "ROUTE_NOT_CONFIGURED"
