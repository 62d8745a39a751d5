"""An expression matrix from upload to records, taken by the table engine as the deployed one takes it."""

import csv
import io
from typing import Any

import pytest

from multimodal.genomics.config import matrix_datasets
from multimodal.genomics.matrix import MatrixTables
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.unit import LedgerItem, Status, Unit
from tests.unit.functions.table_world import TableWorld
from tests.unit.functions.test_expression_matrix import dataset
from tests.unit.functions.world import DATASET

UNIT = Unit("d", "-expression", "", "genomics")


class MatrixWorld(TableWorld):
    """A stack whose dataset `d` takes a matrix."""

    def __init__(self, **matrix: Any) -> None:
        super().__init__()
        self.configure(**matrix)

    def configure(self, version: int = 1, **matrix: Any) -> None:
        """Deploy another configuration."""
        config = dataset(**matrix).model_copy(update={"group_version": version})
        self.matrices = MatrixTables(self.ledger, "stack", {"d": config})

    def take_matrix(self, body: bytes) -> LedgerItem:
        """Upload a matrix and take it; return its item."""
        self.clock.advance(1)
        self.upload("genomics/d/expression.csv", body=body)
        return self.execute_next()

    def execute_next(self) -> LedgerItem:
        """Do what the state machine does with the next run."""
        self.execute(self.start())
        item = self.ledger.get(UNIT.unit_id)
        assert item is not None
        return item

    def report_on(self, item: LedgerItem, name: str) -> str:
        """Return a report."""
        return self.processed.content[f"genomics/d/-expression/{item.content_version}/{name}"].decode()


MATRIX = "case,VIM,CD44\nA,1,2\nB,3,\nC,-1,0\nA,1,2\n"


@pytest.mark.parametrize(
    "body",
    [
        MATRIX.encode(),
        MATRIX.replace(",", ";").encode(),
        MATRIX.replace(",", "\t").encode("utf-16"),
        ("\ufeff" + MATRIX).replace("\n", "\r\n").encode(),
    ],
    ids=["csv", "semicolons", "tabs in UTF-16", "CRLF with a mark"],
)
def test_rows_are_records_and_wrong_ones_are_told(body: bytes) -> None:
    world = MatrixWorld()
    item = world.take_matrix(body)
    assert item.status is Status.COMPLETED
    ((group, record),) = world.features.records
    assert (group, record["case_id"], float(record["log2tpm_VIM"])) == ("stack-d-rna-v1", "B", 2.0)
    rejected = list(csv.DictReader(io.StringIO(world.report_on(item, "rejected.csv"))))
    assert [(r["row"], r["case_id"], r["code"]) for r in rejected] == [
        ("2", "A", "DUPLICATE_ID"),
        ("4", "C", "VALUE_NEGATIVE"),
        ("5", "A", "DUPLICATE_ID"),
    ]
    assert world.ledger.pinned["assay#stack-d-rna-v1"]["unit"] == "TPM"


def test_genes_of_the_panel_that_the_matrix_lacks_are_told_until_it_has_them() -> None:
    world = MatrixWorld()
    for body, told in (
        (b"case,VIM\nA,1\n", ["2 of the panel's 3 genes are not in the matrix: CD44, BGN."]),
        (b"case,VIM,CD44,BGN\nA,1,2,3\n", None),
        (
            b"gene,A\nVIM,1\nCD44,2\n2-Sep,3\n",
            ["1 of the panel's 3 genes are not in the matrix: BGN. 1 names are dates, as spreadsheets make of genes."],
        ),
        (
            b"case,VIM,CD44,BGN,VIM.1\nA,1,2,3,9\n",
            ["Numbered names may be more of genes of the panel, and are not added up: VIM.1."],
        ),
    ):
        assert world.take_matrix(body).status is Status.COMPLETED
        assert world.ledger.extra[UNIT.unit_id].get("warnings") == told


def test_corrected_matrix_writes_only_what_changed() -> None:
    world = MatrixWorld()
    world.take_matrix(b"case,VIM\nA,1\nB,3\n")
    world.features.records.clear()
    assert world.take_matrix(b"case,VIM\nA,1\nB,7\n").status is Status.COMPLETED
    assert [(r["case_id"], float(r["log2tpm_VIM"])) for _, r in world.features.records] == [("B", 3.0)]


def test_matrix_of_which_no_row_is_taken_is_not_completed() -> None:
    world = MatrixWorld()
    item = world.take_matrix(b"case,VIM\nA,x\nB,y\n")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "MATRIX_INVALID")
    assert "VALUE_INVALID" in world.report_on(item, "rejected.csv")
    assert (world.features.records, world.ledger.pinned) == ([], {})
    assert world.take_matrix(b"case,VIM\nA,1\n").status is Status.COMPLETED


def test_matrix_of_another_assay_is_quarantined_and_nothing_of_it_is_written() -> None:
    world = MatrixWorld()
    world.take_matrix(b"case,VIM\nA,1\n")
    world.configure(genome="GRCh38")
    item = world.take_matrix(b"case,VIM\nA,2\n")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "ASSAY_MISMATCH")
    assert len(world.features.records) == 1
    world.configure(version=2, genome="GRCh38")
    assert world.take_matrix(b"case,VIM\nA,2\n\n").status is Status.COMPLETED
    assert world.features.records[-1][0] == "stack-d-rna-v2"


@pytest.mark.parametrize("change", [{"scale": "log2_plus_1"}, {"when_missing": "zero"}])
def test_configuration_that_gives_values_another_meaning_needs_a_new_version(change: dict[str, Any]) -> None:
    world = MatrixWorld()
    world.take_matrix(b"case,VIM\nA,1\n")
    world.configure(**change)
    assert world.take_matrix(b"case,VIM\nA,2\n").reason_code == "DEFINITION_CHANGED"


def test_matrix_that_looks_like_logarithms_is_held_until_the_dataset_says_so() -> None:
    world = MatrixWorld()
    genes = ["VIM", *(f"G{n}" for n in range(9_999))]
    item = world.take_matrix(f"case,{','.join(genes)}\nA,{','.join(['6.5'] * 10_000)}\n".encode())
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "SCALE_SUSPECTED")
    assert (world.features.records, world.ledger.pinned) == ([], {})
    world.configure(scale="log2_plus_1")
    world.ledger.request_rerun(UNIT, world.clock(), world.clock())
    assert world.execute_next().status is Status.COMPLETED
    assert world.features.records[0][1]["log2tpm_VIM"] == "6.5"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "TABLE_EMPTY"),
        (b"case|VIM|CD44\nA|1|2\n", "HEADER_NOT_RECOGNISED"),
        (b"PK\x03\x04 a workbook", "NOT_CSV"),
        (b"case,VIM\n" + b"A" * 9_000_000, "ROW_TOO_LONG"),
        (b"case,VIM\nA,\xff\xfe\x00", "NOT_CSV"),
    ],
)
def test_file_that_is_no_matrix_is_quarantined_with_its_reason(body: bytes, code: str) -> None:
    world = MatrixWorld()
    item = world.take_matrix(body)
    assert (item.status, item.reason_code) == (Status.QUARANTINED, code)
    assert world.features.records == []


def test_shipped_datasets_that_take_a_matrix() -> None:
    assert list(matrix_datasets([DATASET, "nsclc_radiogenomics_matrix"])) == ["nsclc_radiogenomics_matrix"]
    kind = MatrixTables(MatrixWorld().ledger, "stack", matrix_datasets(["nsclc_radiogenomics_matrix"]))
    (features,) = kind.definitions("nsclc_radiogenomics_matrix").values()
    assert len(features) == 21


def test_reader_refuses_before_anything_is_read_when_there_is_no_header() -> None:
    world = MatrixWorld()
    with pytest.raises(BadInputError):
        world.matrices.open("d", [], None, None)  # type: ignore[arg-type]
