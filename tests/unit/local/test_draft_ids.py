"""Which column names the case, what may be wrong with its ids, and rows that are no cases by their ids."""

from pathlib import Path

import pytest

from cli.draft.draft import write_draft
from cli.draft.facts import read_facts
from cli.draft.table import draft_table
from cli.errors import CommandError
from tests.unit.functions.clinical_small import Read
from tests.unit.local.test_draft_shapes import drafted

CASES = [f"P-{n:03d}" for n in range(1, 31)]
BODY = "".join(f"{case},{40 + n},{'Male' if n % 2 else 'Female'}\n" for n, case in enumerate(CASES))


def checks(ids: list[str], header: str = "Case ID") -> str:
    rows = [[case, str(40 + n)] for n, case in enumerate(ids)]
    return " | ".join(draft_table(read_facts([header, "Age"], rows)).id_checks)


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        (CASES, ""),
        (["R01-001", "AMC-049"] * 1 + [f"R01-{n:03}" for n in range(2, 30)], ""),
        ([f"R01-{n:03}" if n % 2 else f"R01_{n:03}" for n in range(30)], "capitals, separators or leading zeros"),
        ([f"{'p' if n == 7 else 'P'}-{n:03}" for n in range(30)], "capitals, separators or leading zeros"),
        ([str(n) if n % 2 else f"{n:04}" for n in range(30)], "capitals, separators or leading zeros"),
        ([f"'{case}" for case in CASES], "apostrophe"),
        ([f"{case}\u200b" for case in CASES], "nobody sees"),
        ([f"{case}{'*' if n == 4 else ''}" for n, case in enumerate(CASES)], "a sign of a footnote"),
        ([str(n) for n in range(1, 31)], "number the rows"),
        ([str(n) for n in range(100, 130)], ""),
        ([f"u{n}@example.org" for n in range(30)], "give the cases ids of their own"),
        ([f"Anna Schmidt {n}" for n in range(30)], "give the cases ids of their own"),
    ],
)
def test_ids_that_may_not_join_or_that_identify_are_asked(ids: list[str], asked: str) -> None:
    assert asked in checks(ids) if asked else checks(ids) == ""


@pytest.mark.parametrize(
    ("header", "person"),
    [
        ("MRN", True),
        ("NHS number", True),
        ("record_id", False),
        ("USUBJID", False),
        ("Patient #", False),
        ("pid", False),
    ],
)
def test_a_number_that_a_person_has_elsewhere_is_no_id_of_a_study(header: str, person: bool) -> None:
    assert ("give the cases ids of their own" in checks([str(1234500 + n) for n in range(30)], header)) is person


def test_the_id_of_an_archives_database_gives_way_to_that_of_the_scans() -> None:
    uuids = [f"{n:08x}-aaaa-4bbb-8ccc-dddddddddddd" for n in range(30)]
    rows = [[uuid, f"TCGA-05-{1000 + n}", str(n)] for n, uuid in enumerate(uuids)]
    table = draft_table(read_facts(["case_id", "case_submitter_id", "Hb"], rows))
    assert table.id_source == "case_submitter_id"
    assert "'case_id' could name the case as well" in table.id_checks[0]


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ("Record,Age at diagnosis,Sex of patient\n", ""),
        ("CASE ID,AGE,SEX\n", ""),
        ("[-],[a],[-]\n", ""),
        ("", "*,age at CT; see text,\n"),
        ("", "Average age,55.2,\n"),
        ("", "All patients,55,Both\n"),
    ],
)
def test_a_row_whose_id_has_no_digit_is_no_case(tmp_path: Path, above: str, below: str) -> None:
    text = f"Case ID,Age,Sex\n{above}{BODY}{below}"
    config, written = drafted(tmp_path, text)
    assert {c.source: c.kind for c in config.columns} == {"Age": "number", "Sex": "flag"}
    assert "1 row with an id without a digit" in written
    found = Read(config, [text.encode()])
    assert [record["case_id"] for record in found.records["baseline"]] == CASES
    assert "ID_INVALID" in {problem.code for problem in found.problems}


def test_ids_without_digits_are_ids_where_others_have_none_either(tmp_path: Path) -> None:
    letters = [f"{a}{b}" for a in "ABCDEF" for b in "VWXYZ"]
    _, written = drafted(tmp_path, "id,Age\n" + "".join(f"{case},{40 + n}\n" for n, case in enumerate(letters)))
    assert "without a digit" not in written


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (",Case ID,Age\n" + "".join(f"{n},{case},{n}\n" for n, case in enumerate(CASES)), "column 1"),
        (f"Case ID,Age,Age\n{BODY}", "'Age'"),
        ("Case ID,Age\n" + "".join(f"{'' if n % 3 else case},{n % 9}\n" for n, case in enumerate(CASES)), "20 rows"),
        ("who,Age\n" + "".join(f"P{n // 2},{n % 9}\n" for n in range(30)), "patient_id"),
        ("ID    Age  Sex\nP1    40   M\nP1    40   M\n", "Commas, semicolons or tabs"),
        ("Case ID,Age\n" + "".join(f'"{case},{n}"\n' for n, case in enumerate(CASES)), "around a whole row"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CommandError) as error:
        write_draft(tmp_path / "t.csv", "mine", tmp_path)
    assert complaint in f"{error.value.details} {error.value.hint}"


@pytest.mark.parametrize(
    "first",
    ["P-000,39,Male,1990-01-01", "P-000,39.5,Female,01.01.1990", "id,Anna Schmidt,40,Sex", "id,a@example.org,Sex,Age"],
)
def test_a_case_in_place_of_the_header_is_refused_and_named_nowhere(tmp_path: Path, first: str) -> None:
    rows = "".join(
        f"{case},{40 + n},{'Male' if n % 2 else 'Female'},{1990 + n % 9}-02-03\n" for n, case in enumerate(CASES)
    )
    (tmp_path / "t.csv").write_text(f"{first}\n{rows}")
    with pytest.raises(CommandError, match="no header") as error:
        write_draft(tmp_path / "t.csv", "mine", tmp_path)
    assert "Anna" not in str(error.value) + str(error.value.details)
    assert not (tmp_path / "mine.yaml").exists()


def test_a_date_that_half_of_the_cases_lack_begins_no_case(tmp_path: Path) -> None:
    rows = "".join(f"{case},{40 + n},{'2001-02-03' if n % 3 == 0 else ''}\n" for n, case in enumerate(CASES))
    config, _ = drafted(tmp_path, f"Case ID,Age,Panel date\n{rows}")
    assert config.timepoints["baseline"].event_time == "upload"


@pytest.mark.parametrize("header", ["id,1,2,3", "id,Ann Arbor stage,Child Pugh,Grace score", "id,CD4,2019,T0"])
def test_numbers_and_eponyms_may_be_names_of_columns(tmp_path: Path, header: str) -> None:
    rows = "".join(f"{case},{n % 3},{n % 4},{n % 5}\n" for n, case in enumerate(CASES))
    assert len(drafted(tmp_path, f"{header}\n{rows}")[0].columns) == 3


def test_a_running_number_gives_way_to_the_cases_name() -> None:
    rows = [[str(n), case, str(40 + n)] for n, case in enumerate(CASES, 1)]
    assert draft_table(read_facts(["No.", "Patient ID", "Age"], rows)).id_source == "Patient ID"


def test_ids_of_samples_are_asked() -> None:
    assert "samples or specimens" in checks([f"TCGA-05-{4000 + n}-01" for n in range(30)], "sampleID")


@pytest.mark.parametrize("first", ["Variable", "Item"])
def test_a_table_with_a_column_for_each_case_is_to_be_transposed(tmp_path: Path, first: str) -> None:
    names = ",".join([first, *CASES])
    facts = {"Age": "{}", "Sex": "Male", "Stage": "IIA", "OS_MONTHS": "{}"}
    rows = "".join(",".join([name, *(cell.format(n) for n in range(30))]) + "\n" for name, cell in facts.items())
    (tmp_path / "t.csv").write_text(f"{names}\n{rows}")
    with pytest.raises(CommandError, match="column for each case"):
        write_draft(tmp_path / "t.csv", "mine", tmp_path)


def test_many_questions_are_no_cases(tmp_path: Path) -> None:
    names = ",".join(f"Q{n:02}" for n in range(8))
    rows = "".join(f"{case},{','.join(str((n + k) % 5) for k in range(8))}\n" for n, case in enumerate(CASES))
    assert len(drafted(tmp_path, f"id,{names}\n{rows}")[0].columns) == 8


@pytest.mark.parametrize(("columns", "case"), [(["sample", "_PATIENT"], "_PATIENT"), (["No", "donor"], "donor")])
def test_a_column_called_patient_names_the_case_before_others(columns: list[str], case: str) -> None:
    rows = [[f"S{n}", patient, str(40 + n)] for n, patient in enumerate(CASES, 1)]
    assert draft_table(read_facts([*columns, "Age"], rows)).id_source == case


def test_codes_below_the_header_are_no_case(tmp_path: Path) -> None:
    codes = ',,"{0=neg, 1=pos}","{0=no, 1=yes}"\n'
    rows = "".join(f"Breast_MRI_{n:03},{40 + n},{n % 2},{n % 3 % 2}\n" for n in range(30))
    config, text = drafted(tmp_path, f"Patient Information,Age,ER,HER2\n{codes}{rows}")
    assert {c.source: c.kind for c in config.columns} == {"Age": "number", "ER": "flag", "HER2": "flag"}
    assert "or without an id" in text
