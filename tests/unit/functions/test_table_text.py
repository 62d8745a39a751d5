"""Bytes of a table into rows: encodings, other kinds of files, delimiters, quotes and limits."""

import codecs
import csv
import gzip
import io
import random
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator

import pytest

from multimodal.ledger.errors import BadInputError
from multimodal.tables.rows import MAX_RECORD, TableRows, TableText

NAMES = {"Case ID", "Größe", "Note"}
TABLE = 'Case ID,Größe,Note\r\nC-1,"1,5","two\r\nlines"\r\nC-2,3,–\r\n'
ROWS = [["C-1", "1,5", "two\nlines"], ["C-2", "3", "–"]]


def table(chunks: Iterable[bytes], max_columns: int = 50) -> TableRows:
    return TableRows(chunks, lambda header: sum(name in NAMES for name in header), max_columns=max_columns)


def read(chunks: Iterable[bytes], **limits: int) -> list[list[str]]:
    return [row for _, rows in table(chunks, **limits).batches(100, 10_000) for row in rows]


def refusal(chunks: Iterable[bytes], **limits: int) -> tuple[str, str]:
    with pytest.raises(BadInputError) as caught:
        read(chunks, **limits)
    return caught.value.reason_code, caught.value.message


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TABLE.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + TABLE.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + TABLE.encode("utf-32-le"), "utf-32-le"),
        (TABLE.encode("windows-1252"), "windows-1252"),
        (TABLE.replace("\r\n", "\n").encode(), "utf-8"),
        (TABLE.replace("\r\n", "\r").encode(), "utf-8"),
        (TABLE.rstrip().encode(), "utf-8"),
    ],
)
def test_every_encoding_and_line_end_gives_the_same_rows(content: bytes, encoding: str, size: int) -> None:
    found = table(pieces(content, size))
    assert found.header == ["Case ID", "Größe", "Note"]
    assert [row for _, rows in found.batches(100, 10_000) for row in rows] == ROWS
    assert found.encoding == encoding


def test_latin_1_letters_far_into_the_file_are_found() -> None:
    lines = "Case ID,Note\n" + "C-1,plain\n" * 50_000 + "C-2,Käse\n"
    assert read(pieces(lines.encode("latin-1"), 65_536))[-1] == ["C-2", "Käse"]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "TABLE_EMPTY", "empty"),
        (codecs.BOM_UTF8, "TABLE_EMPTY", "empty"),
        (gzip.compress(TABLE.encode(), mtime=0), "NOT_CSV", "gzip"),
        (b"%PDF-1.7\n", "NOT_CSV", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "NOT_CSV", "old Excel workbook"),
        (b"<html><body>sign in</body></html>", "NOT_CSV", "web page"),
        (b"PAR1\x15\x04", "NOT_CSV", "Parquet"),
        (b"$FL2@(#) SPSS DATA FILE", "NOT_CSV", "SPSS"),
        (b"<stata_dta><header>", "NOT_CSV", "Stata"),
        (b"HEADER RECORD*******LIBRARY HEADER", "NOT_CSV", "SAS"),
        (b'[{"case_id": "C-1"}]', "NOT_CSV", "JSON"),
        (b'{"resourceType": "Patient"}\n', "NOT_CSV", "JSON"),
        (b"[\n {", "NOT_CSV", "JSON"),
        (b"Case ID,Note\nC-1,a\0b\n", "NOT_CSV", "NUL bytes"),
        (TABLE.encode("utf-16-le"), "ENCODING_UNKNOWN", "without a byte-order mark"),
        ("Case ID,Größe\n".encode() + "C-1,Käse\n".encode("latin-1"), "ENCODING_UNKNOWN", "not UTF-8"),
        (b"Case ID,Note\nC-1,\x81\n", "ENCODING_UNKNOWN", "neither UTF-8 nor Windows-1252"),
        (codecs.BOM_UTF16_LE + b"C", "ENCODING_UNKNOWN", "UTF-16-LE"),
    ],
)
def test_what_is_no_table_is_told_what_to_do(content: bytes, code: str, words: str) -> None:
    found, message = refusal([content])
    assert found == code
    assert words in message
    assert "upload" in message


def test_a_workbook_is_told_to_be_exported() -> None:
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    code, message = refusal(pieces(workbook.getvalue(), 5))
    assert code == "NOT_CSV"
    assert ".xlsx" in message
    assert "export the table as CSV" in message


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_fits_the_header(delimiter: str) -> None:
    # Rows are full of the other delimiters; only the header decides.
    text = delimiter.join(["Case ID", "Note"]) + "\n" + delimiter.join(["C-1", '"a,b;c\td,e;f\tg"']) + "\n"
    found = table([text.encode()])
    assert found.delimiter == delimiter
    assert [rows for _, rows in found.batches(9, 99)] == [[["C-1", "a,b;c\td,e;f\tg"]]]


def test_another_delimiter_is_named() -> None:
    assert refusal([b"Case ID|Note\nC-1|x\n"]) == (
        "HEADER_NOT_RECOGNISED",
        "the columns are separated by '|'; export the table with commas, semicolons or tabs",
    )


def test_a_name_in_the_header_may_have_a_line_break() -> None:
    found = table([b'Case ID,"Note\nof the ward"\nC-1,x\n'])
    assert found.header == ["Case ID", "Note\nof the ward"]
    assert [first for first, _ in found.batches(9, 99)] == [2]


def test_rows_are_counted_as_a_spreadsheet_counts_them() -> None:
    text = 'Case ID,Note\nC-1,"a\nb\nc"\n\nC-2,d\nC-3,e\n'
    assert list(table([text.encode()]).batches(2, 10_000)) == [
        (2, [["C-1", "a\nb\nc"], []]),
        (4, [["C-2", "d"], ["C-3", "e"]]),
    ]


def test_a_batch_ends_with_its_characters_too() -> None:
    text = "Case ID,Note\n" + "C-1,0123456789\n" * 10
    assert [len(rows) for _, rows in table([text.encode()]).batches(100, 45)] == [3, 3, 3, 1]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('Case ID,Note\nC-1,"never closed\nC-2,x\n', "row 2"),
        ('Case ID,Note\nC-1,x\nC-2,"a"b\nC-3,c\n', "row 3"),
        ('Case ID,"Note\nC-1,x\n', "row 1"),
    ],
)
def test_quotes_that_do_not_match_name_their_row(text: str, row: str) -> None:
    code, message = refusal([text.encode()])
    assert code == "QUOTES_UNBALANCED"
    assert row in message


def test_a_quote_within_a_cell_is_a_character() -> None:
    assert read([b'Case ID,Note\nC-1,5" nodule\nC-2,"say ""a"""\n']) == [["C-1", '5" nodule'], ["C-2", 'say "a"']]


def test_a_text_that_is_written_as_a_formula_is_the_text_also_when_it_was_saved_again() -> None:
    rows = '="001",x\n"=""002""",="3.5"\nC-3,"=SUM(A1)"\n'
    assert read([f"Case ID,Note\n{rows}".encode()]) == [["001", "x"], ["002", "3.5"], ["C-3", "=SUM(A1)"]]


@pytest.mark.parametrize("seed", range(40))
def test_lines_with_and_without_quotes_are_read_as_the_csv_module_reads_them(seed: int) -> None:
    draw = random.Random(seed)
    body = "".join(
        draw.choices(
            ["a", "é", ",", ";", " ", "\n", '"', '"b"', '"c,\nd"', ',"",'], [6, 2, 8, 1, 1, 4, 1, 2, 2, 1], k=60
        )
    )
    try:
        expected = list(csv.reader(io.StringIO(body), strict=True))
    except csv.Error:
        assert refusal([f"Case ID,Note\n{body}".encode()])[0] == "QUOTES_UNBALANCED"
    else:
        assert read([f"Case ID,Note\n{body}".encode()]) == expected


@pytest.mark.parametrize(
    "header",
    [
        'Case ID,a "large" nodule,Note',
        '"Case ID","a;b",Note',
        'Case ID,"Note, long"',
        '"Case ID;x",Note',
        "Case ID,Note",
    ],
)
def test_a_header_is_divided_where_its_delimiter_stands(header: str) -> None:
    cells = [name.strip() for name in next(csv.reader([header], strict=True))]
    found = table([f"{header}\n1,2,3\n".encode()])
    assert found.delimiter == ","
    assert found.header == cells


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_has_as_many_characters_as_the_csv_module_takes(quote: str) -> None:
    cell = "x" * csv.field_size_limit()
    assert read([f"Case ID,Note\n1,{quote}{cell}{quote}\n".encode()]) == [["1", cell]]
    assert refusal([f"Case ID,Note\n1,{quote}{cell}x{quote}\n".encode()])[0] == "ROW_TOO_LONG"


def _endless(start: bytes, piece: bytes, megabytes: int) -> Iterator[bytes]:
    yield start
    for _ in range(megabytes):
        yield piece * (1_000_000 // len(piece))


@pytest.mark.parametrize(
    ("start", "piece", "code"),
    [
        (b"Case ID,Note\nC-1,", b"x", "ROW_TOO_LONG"),
        (b'Case ID,Note\nC-1,"', b"x", "ROW_TOO_LONG"),
        (b'Case ID,Note\nC-1,"', b"C-2,x\n", "ROW_TOO_LONG"),
        (b'Case ID,Note\nC-1,"', b'""\n', "ROW_TOO_LONG"),
        (b"Case ID,Note\nC-1", b",", "ROW_TOO_LONG"),
        (b"Case ID,Note,", b"x", "ROW_TOO_LONG"),
        (b'Case ID,"Note', b"x\n", "ROW_TOO_LONG"),
        (b"Case ID,Note", b",c", "TOO_MANY_COLUMNS"),
    ],
)
def test_a_gigabyte_in_one_row_is_rejected_early_and_in_little_memory(start: bytes, piece: bytes, code: str) -> None:
    content = _endless(start, piece, 1_000)
    tracemalloc.start()
    try:
        assert refusal(content)[0] == code
        assert tracemalloc.get_traced_memory()[1] < 12 * MAX_RECORD
    finally:
        tracemalloc.stop()
    assert sum(1 for _ in content) > 990, "the rest was never read"


def test_a_million_columns_are_rejected() -> None:
    header = ",".join(["Case ID", *(f"c{i}" for i in range(1_000_000))])
    code, message = refusal(pieces(header.encode(), 65_536))
    assert (code, "at most 50" in message) == ("TOO_MANY_COLUMNS", True)


def test_a_few_columns_too_many_are_counted() -> None:
    code, message = refusal([",".join(f"c{i}" for i in range(51)).encode()])
    assert code == "TOO_MANY_COLUMNS"
    assert "has 51 columns; at most 50" in message


def test_pieces_of_any_size_are_cut_before_they_are_decoded() -> None:
    text = "Case ID,Note\n" + "C-1,x\n" * 400_000
    longest = max(map(len, TableText([text.encode()])))
    assert longest <= 256 * 1024


@pytest.mark.parametrize(
    ("above", "lines"),
    [
        ("", 0),
        ("\n", 1),
        (",,,\n\n", 2),
        ("sep=,\n", 1),
        ('"sep=;"\r\n', 1),
        ("#Patient,Age\n#The patient,Age in years\n#STRING,NUMBER\n#1,1\n", 4),
        ('"#a note, of an export"\n', 1),
    ],
)
def test_what_stands_above_the_header_is_passed_over_and_counted(above: str, lines: int) -> None:
    rows = TableRows([f"{above}id,age\nA,1\nB,2\n".encode()], len, max_columns=9)
    assert rows.header == ["id", "age"]
    assert list(rows.batches(10, 1000)) == [(lines + 2, [["A", "1"], ["B", "2"]])]
