"""The header of a clinical table, and PHI detection."""

from typing import Any

import pytest

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.phi import IdentifierGate, Kind, kind_of
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.outcome import MAX_MESSAGE
from multimodal.tables.rows import TableRows
from tests.cases import cases_of
from tests.unit.functions.clinical_small import ROW, Read, csv_text, encoded, read, rejected, rows, small, with_column

CASES = cases_of(__file__)


def header_rejected(header: str) -> BadInputError:
    return rejected([header.encode()])


HEADER = ",".join(ROW)


def test_order_does_not_matter_and_blanks_around_names_do_not_count() -> None:
    names = list(reversed(ROW))
    text = csv_text(rows({}), names).replace(",".join(names), " , ".join(names), 1)
    assert Read(small(), encoded(text)).records == read({}).records


def test_a_column_of_which_nothing_is_made_may_be_absent_unless_something_asks_for_it() -> None:
    document = with_column("Remark", kind="drop", available_at="baseline", reason="free text, of no use")
    config = ClinicalConfig.model_validate(document)
    with_remark = csv_text([{**row, "Remark": ""} for row in rows({})], [*ROW, "Remark"])
    assert Read(config, encoded(with_remark)).records == Read(config, encoded(csv_text(rows({})))).records
    document["rows"] = [{"drop_when": {"column": "Remark", "values": ["withdrawn"]}, "reason": "consent was withdrawn"}]
    error = rejected([HEADER.encode()], ClinicalConfig.model_validate(document))
    assert (error.reason_code, "'Remark'" in error.message) == ("COLUMNS_MISSING", True)


def test_an_alias_is_the_column() -> None:
    config = ClinicalConfig.model_validate(with_column("Sex", aliases=["Gender"]))
    text = csv_text(rows({})).replace("Sex", "Gender", 1)
    assert Read(config, encoded(text)).records == read({}).records


@pytest.mark.parametrize(
    ("header", "code", "words"),
    [
        (HEADER + ",Insurance", "COLUMNS_NOT_DECLARED", "'Insurance'"),
        (HEADER.replace("Sex", ",Sex"), "COLUMNS_NOT_DECLARED", "column 2 (without a name)"),
        (HEADER.replace("Sex", "Gender"), "COLUMNS_NOT_DECLARED", "'Gender'; and these are missing: 'Sex'"),
        (HEADER + "," + "x" * 300, "COLUMNS_NOT_DECLARED", "…"),
        (HEADER + ",Age", "COLUMNS_DUPLICATED", "'Age'"),
        (HEADER.replace("Sex,", ""), "COLUMNS_MISSING", "'Sex'"),
        ("Sex", "COLUMNS_MISSING", "and 4 more"),
        ("a,b,c", "HEADER_NOT_RECOGNISED", "begin with its header"),
        (HEADER.lower(), "HEADER_NOT_RECOGNISED", "begin with its header"),
        ("a title of the table\n" * 12 + HEADER, "HEADER_NOT_RECOGNISED", "begin with its header"),
        (HEADER, "TABLE_EMPTY", "no rows"),
        (HEADER + "\n\n" + "," * 15 + "\n", "TABLE_EMPTY", "no rows"),
    ],
)
def test_a_header_that_does_not_fit_is_rejected_before_any_row(header: str, code: str, words: str) -> None:
    error = header_rejected(header)
    assert error.reason_code == code
    assert words in error.message


def test_what_is_refused_is_told_in_whole_sentences_that_fit_into_the_ledger() -> None:
    others = ",".join(f"{n} laboratory value {'of a visit ' * (n % 30)}" for n in range(200))
    document = with_column("Extra 0", kind="drop", available_at="baseline", reason="free text, of no use")
    unused = document["columns"][-1]
    document["columns"] += [{**unused, "source": f"Extra {n} {'y' * 200}"} for n in range(1, 30)]
    document["rows"] = [
        {"drop_when": {"column": c["source"], "values": ["x"]}, "reason": "consent was withdrawn"}
        for c in document["columns"]
        if c["source"].startswith("Extra")
    ]
    config = ClinicalConfig.model_validate(document)
    told = [rejected([h.encode()], config).message for h in (HEADER, f"{HEADER},{others}")]
    told.append(rejected([f"{HEADER},{HEADER},{HEADER}".encode()]).message)
    assert all(len(message) <= MAX_MESSAGE for message in told)
    for message, end in zip(told, ("all its columns", "remove them from the table", "keep one"), strict=True):
        assert (message.endswith(end), " more" in message) == (True, True)


def test_identifiers_in_many_columns_are_told_in_whole_sentences_that_fit_into_the_ledger() -> None:
    gate = IdentifierGate()
    for n in range(100):
        gate.count(f"column {n} {'z' * 100}", Kind.AGE_ABOVE_89 if n % 2 else Kind.NAME, 3)
    with pytest.raises(BadInputError) as error:
        gate.check()
    assert (len(error.value.message) <= MAX_MESSAGE, "more. Nothing was taken" in error.value.message) == (True, True)


def test_a_name_and_an_alias_of_one_column_are_a_duplicate() -> None:
    config = ClinicalConfig.model_validate(with_column("Sex", aliases=["Gender"]))
    error = rejected([(HEADER + ",Gender").encode()], config)
    assert error.reason_code == "COLUMNS_DUPLICATED"


def test_a_table_without_a_header_shows_none_of_its_cells() -> None:
    error = header_rejected("C-001,John Smith,61,Never\n")
    assert error.reason_code == "HEADER_NOT_RECOGNISED"
    assert "Smith" not in error.message


def test_a_column_named_like_a_person_is_told_by_its_place() -> None:
    error = header_rejected(HEADER + ",Mary Jones,jane@example.org")
    assert error.reason_code == "COLUMNS_NOT_DECLARED"
    assert "column 17 (its name looks like personal data), column 18" in error.message
    assert "Jones" not in repr(error.details) + error.message


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("Mary Jones", Kind.NAME),
        ("Jones, Mary", Kind.NAME),
        ("Jones, Mary A.", Kind.NAME),
        ("O'Brien, Patrick", Kind.NAME),
        ("JONES^MARY^A", Kind.NAME),
        ("seen by Dr. Okonkwo", Kind.NAME),
        ("jane.doe@example.org", Kind.EMAIL),
        ("123-45-6789", Kind.SSN),
        ("SSN 123-45-6789", Kind.SSN),
        ("(650) 555-0100", Kind.PHONE),
        ("650-555-0100", Kind.PHONE),
        ("+44 20 7946 0958", Kind.PHONE),
        ("tel 5550100", Kind.PHONE),
        ("MRN 0042", Kind.MRN),
        ("MRN: 123456", Kind.MRN),
        ("00123456", Kind.MRN),
        ("Squamous cell carcinoma", None),
        ("Large Cell Carcinoma", None),
        ("Native Hawaiian/Pacific Islander", None),
        ("African American", None),
        ("Not Recorded In Database", None),
        ("Other, Type I: Well to moderately differentiated", None),
        ("Stage II, Grade 3", None),
        ("10/20/1995", None),
        ("1995-10-20", None),
        ("200.655", None),
        ("123456", None),
        (">0 - 25%", None),
        ("T2a", None),
    ],
)
def test_kinds_of_identifier(cell: str, kind: Kind | None) -> None:
    assert kind_of(cell) is kind


@pytest.mark.parametrize(
    ("cells", "column", "kind"), CASES["test_cells_that_could_name_a_person_refuse_the_whole_table"]
)
def test_cells_that_could_name_a_person_refuse_the_whole_table(cells: dict[str, str], column: str, kind: str) -> None:
    table = csv_text(rows({}, {key: f'"{value}"' for key, value in cells.items()}, {}))
    error = rejected(encoded(table))
    assert error.reason_code == "IDENTIFIERS_FOUND"
    assert error.details == {"columns": {column: {kind: 1}}}
    (value,) = cells.values()
    assert value not in error.message


def test_identifiers_in_rows_that_are_left_out_refuse_the_table_too() -> None:
    config = small(rows=[{"drop_ids": "C-002", "reason": "another study of the same ward"}])
    table = csv_text(rows({}, {"Note": "Mary Jones"}))
    assert rejected(encoded(table), config).reason_code == "IDENTIFIERS_FOUND"


def test_cells_are_counted_to_the_end_and_nothing_is_encoded_any_more() -> None:
    lines = [{"Note": "Mary Jones" if i % 2 else "fine", "Case ID": f"C-{i % 1000:03}"} for i in range(3_000)]
    table = csv_text([{**ROW, **line} for line in lines])
    assert rejected(encoded(table)).details == {"columns": {"Note": {"NAME": 1_500}}}


def test_a_column_of_many_different_capitalised_words_is_taken_for_names() -> None:
    letters = "ABCDEFGHIJKLMNOP"
    table = csv_text(rows(*({"Note": f"{a}unar {b}osk"} for a, b in zip(letters, reversed(letters), strict=True))))
    assert rejected(encoded(table)).details == {"columns": {"Note": {"NAME": 16}}}
    few = csv_text(rows(*({"Note": ("Large Cell", "Lower Lobe", "fine")[i % 3]} for i in range(60))))
    assert Read(small(), encoded(few)).rows == 60


def test_no_problem_shows_a_value_that_could_be_a_name() -> None:
    found = read({"Smoking": "Zorblax Quux"}, {"Smoking": "sometimes"})
    assert "Zorblax" not in found.problems[0].message
    assert "none of the column's levels (Never, Former, Current); correct it, or add" in found.problems[1].message
    assert "sometimes" not in found.problems[1].message


@pytest.mark.parametrize("document", [with_column("Age", age=False)])
def test_an_age_above_89_is_a_number_where_it_is_not_said_to_be_an_age(document: dict[str, Any]) -> None:
    assert read({"Age": "93"}, config=ClinicalConfig.model_validate(document)).only("baseline")["age"] == "93.0"


@pytest.mark.parametrize(
    "above",
    [
        "Lung cohort\n",
        "Lung cohort, export of 2019\n",
        "Lung cohort" + "," * 15 + "\n\n",
        '"Lung cohort, stage I"\nAll rights reserved\n# comment\n',
        "sep=,\nLung cohort\n",
        ",,,Habits,,,Imaging,,,,,,,,,\n",
        "Lung cohort\n,,,Habits,,,Imaging,,,,,,,,,\n",
    ],
)
def test_titles_above_the_header_are_passed_over_and_counted(above: str) -> None:
    found = Read(small(), encoded(above + csv_text(rows({}, {"Sex": "?"}))))
    assert [record["case_id"] for record in found.records["baseline"]] == ["C-001"]
    assert [(p.row, p.column) for p in found.problems] == [(above.count("\n") + 3, "Sex")]


def test_a_header_without_names_at_its_end_is_padded() -> None:
    text = csv_text(rows({})).replace("\n", ",,\n")
    assert len(Read(small(), encoded(text)).records["baseline"]) == 1


@pytest.mark.parametrize("text", ["id\nA\nB\n", "id,x\nA,1\nB,2\n", ",A,B\ng1,1,2\n", "A\tB\ng1\t1\t2\n"])
def test_a_header_of_few_names_is_no_title(text: str) -> None:
    table = TableRows(encoded(text), len, max_columns=10)
    assert table.header == [cell.strip() for cell in text.partition("\n")[0].replace("\t", ",").split(",")]
    assert [first for first, _ in table.batches(10, 1000)] == [2]


def test_an_error_below_a_short_header_keeps_its_row() -> None:
    table = TableRows(encoded("id,x\n\n" + "y" * 200 + "\n", piece=10), len, max_columns=10, max_record=100)
    with pytest.raises(BadInputError, match="row 3 is longer"):
        list(table.batches(10, 1000))


def test_rows_that_are_only_together_longer_than_a_row_can_be_are_read() -> None:
    """As pandas writes a matrix: the first cell of the header is empty, so that the rows below it are looked at."""
    rows = [f"c{n}," + ",".join(["1.25"] * 12) for n in range(30)]
    header = "," + ",".join(f"g{n}" for n in range(12))
    table = TableRows(encoded("\n".join([header, *rows]), piece=10_000), len, max_columns=20, max_record=200)
    assert sum(len(batch) for _, batch in table.batches(100, 10_000)) == 30
