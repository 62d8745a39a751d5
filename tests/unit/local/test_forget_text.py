"""Whether a document names a subject, and what is left of it without."""

import json

import pytest

from cli.removal.matrix import has_column, without_column
from cli.removal.text import as_stored, has_row, mentions, read_text, without_items, without_lines, without_rows
from multimodal.clinical.report.charts import tag


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("imaging/d/R01-1/ct/1.dcm", True),
        ('{"case_id": "R01-1"}', True),
        ("R01-1.quant.sf", True),
        ("R01-10", False),
        ("AR01-1", False),
        ("R01-1-2", False),
        ("R01-1_b", False),
        ("", False),
    ],
)
def test_a_subject_is_a_whole_word(text: str, named: bool) -> None:
    assert mentions(text.encode(), "R01-1") is named


@pytest.mark.parametrize("text", ["Jörg 1", json.dumps("Jörg 1"), "imaging/d/J%C3%B6rg%201/ct"])
def test_it_is_found_as_json_and_addresses_write_it(text: str) -> None:
    assert mentions(text.encode(), "Jörg 1")


def test_a_page_names_a_subject_with_its_special_characters_escaped() -> None:
    assert mentions(str(tag("td", "O'Neil & 1")).encode(), "O'Neil & 1")


TABLE = (
    "\ufeffR01-1;is the name of a column\r\n"
    'Case ID;"note"\r\n'
    'R01-2;"brother of R01-1"\r\n'
    '"R01-1";"two\r\nlines"\r\n'
    " R01-1 ;spaces\r\n"
    "R01-10;other\r\n"
    "x;R01-1"
).encode()


def test_records_with_the_cell_go_and_every_other_byte_stays() -> None:
    kept = 'Case ID;"note"\r\nR01-2;"brother of R01-1"\r\nR01-10;other\r\n'
    assert without_rows(TABLE, "R01-1").decode() == kept
    assert has_row(TABLE, "R01-1")
    assert not has_row(kept.encode(), "R01-1"), "a mention in another patient's cell is no row"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_will_do(delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["case", "x"], ["A", "1"], ["B", "A1"], [""] * 2)) + "\n"
    assert without_rows(text.encode(), "A").decode() == text.replace(f"A{delimiter}1\n", "", 1)


def test_a_case_with_the_signs_of_patterns_is_taken_as_it_is() -> None:
    assert without_rows(b"a.b,1\naxb,2\n", "a.b") == b"axb,2\n"


def test_lines_and_items() -> None:
    assert without_lines(b'["g","R01-1"]\n["g","R01-10"]\n', "R01-1") == b'["g","R01-10"]\n'
    document = {"subjects": ["R01-1", "R01-2"], "deep": [{"cases": ["R01-1"]}], "other": "R01-1"}
    left = {"subjects": ["R01-2"], "deep": [{"cases": []}], "other": "R01-1"}
    assert json.loads(without_items(json.dumps(document).encode(), "R01-1")) == left


def test_compressed_objects_are_read_and_stored_as_such() -> None:
    stored = as_stored("state.jsonl.gz", b"text")
    assert stored != b"text"
    assert stored == as_stored("state.jsonl.gz", b"text"), "the same bytes for the same text"
    assert read_text(stored) == b"text"
    assert read_text(b"text") == as_stored("table.csv", b"text") == b"text"
    assert read_text(stored[:12]) == stored[:12], "what is damaged is looked at as it is"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_a_row_is_found_in_every_encoding_that_a_table_may_have(encoding: str, name: str) -> None:
    text = read_text(as_stored(name, "Case ID,Größe\nR01-1,2\nR01-2,3\n".encode(encoding)))
    assert has_row(text, "R01-1")
    assert without_rows(text, "R01-1").decode("utf-8-sig") == "Case ID,Größe\nR01-2,3\n"


@pytest.mark.parametrize(
    "cell",
    [
        '"R01-1"',
        " R01-1 ",
        '="R01-1"',
        '"=""R01-1"""',
        "R01-1\u00a0",
        '"R01-1\u00a0"',
        "\u2009R01-1",
        "R01-1\u3000",
        "\x1fR01-1",
    ],
)
@pytest.mark.parametrize("row", ["{},2", "2,{}", "{}"])
def test_a_cell_is_the_subject_where_the_pipeline_reads_it_so(cell: str, row: str) -> None:
    others = f"Case ID,x\n{row.format(cell.replace('R01-1', 'R01-10'))}\n"
    assert not has_row(others.encode(), "R01-1")
    assert without_rows(f"{others}{row.format(cell)}\n".encode(), "R01-1") == others.encode()
    assert has_column(f"gene,B,{cell}\nVIM,1,2\n".encode(), "R01-1") is ("=" not in cell)


def test_what_is_no_text_is_looked_at_as_it_is() -> None:
    assert read_text(b"\0\xd8R01-1") == b"\0\xd8R01-1"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\tR01-1\tR01-10\nVIM\t1\t2\n", "\tR01-10\nVIM\t2\n"),
        ("R01-1\tR01-10\nVIM\t1\t2\n", "R01-10\nVIM\t2\n"),
        ("\ufeffR01-1\tR01-10\nVIM\t1\t2\n", "R01-10\nVIM\t2\n"),
        ("#1.2\n1\t2\nName\tDescription\tR01-1\tB\nx\tVIM\t1\t2\n", "#1.2\n1\t2\nName\tDescription\tB\nx\tVIM\t2\n"),
        ('gene;"A";"R01.1"\r\n"a;b";1,5;2,5\r\n', 'gene;A\r\n"a;b";1,5\r\n'),
        ("Geneid\tLength\tbam/R01-1.sorted.bam\tB.bam\nVIM\t9\t1\t2\n", "Geneid\tLength\tB.bam\nVIM\t9\t2\n"),
        ("id\tName\tR01-1\tB\nVIM\tÅ, Ѕ\t1\t2\n", "id\tName\tB\nVIM\tÅ, Ѕ\t2\n"),  # byte 85 is a line end of Latin-1
    ],
)
def test_column_of_a_case_is_removed_from_every_row(text: str, left: str) -> None:
    assert has_column(text.encode(), "R01-1")
    assert without_column(text.encode(), "R01-1") == left.encode()
    assert not has_column(left.encode(), "R01-1")


@pytest.mark.parametrize("text", ["case\tVIM\nR01-1\t1\n", "", "gene,R01-10\nVIM,1\n"])
def test_matrix_without_a_column_of_the_case_stays(text: str) -> None:
    assert not has_column(text.encode(), "R01-1")
    assert without_column(text.encode(), "R01-1") == text.encode()
