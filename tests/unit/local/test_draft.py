"""The draft of a dataset's file: guesses that load as they are, and nothing of a person in them."""

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.draft.column import Names, slug
from cli.draft.document import render
from cli.draft.draft import default_name, write_draft
from cli.draft.facts import Facts, read_facts
from cli.draft.guess import sounds_identifying, timepoint_of
from cli.draft.ids import id_pattern
from cli.draft.table import draft_table
from cli.errors import CommandError, UsageError
from cli.main import main
from cli.project import DATASET
from multimodal.pipeline.dataset import DatasetConfig, load_dataset
from tests.cases import cases_of

TABLES = cases_of(__file__)

CASES = [f"P-{n:03d}" for n in range(1, 31)]


def draft(**columns: list[Any]) -> dict[str, Any]:
    """Draft a table of 30 cases and return its clinical section, checked; `_` in a name stands for a blank."""
    table = {"Case ID": CASES} | {name.replace("_", " "): values for name, values in columns.items()}
    return draft_of(table)


def draft_of(table: dict[str, list[Any]]) -> dict[str, Any]:
    """Draft a table and return its clinical section, checked."""
    text = text_of(table)
    DatasetConfig.model_validate(yaml.safe_load(text))
    return dict(yaml.safe_load(text)["clinical"])


def text_of(table: dict[str, list[Any]]) -> str:
    """Return the draft's text."""
    rows = [[str(cell) for cell in row] for row in zip(*table.values(), strict=True)]
    return render(draft_table(read_facts(list(table), rows)), "mine")


def only(clinical: dict[str, Any]) -> dict[str, Any]:
    """Return the first column that is not the case."""
    return dict(clinical["columns"][0])


def cycled(*values: Any) -> list[Any]:
    """Return 30 values."""
    return [values[n % len(values)] for n in range(30)]


AGE: dict[str, list[Any]] = {"Age": [20 + n for n in range(30)]}


@pytest.mark.parametrize(
    ("header", "values", "kind", "expected"),
    [
        ("Smoker", cycled("Yes", "No"), "flag", {"true": ["Yes"], "false": ["No"]}),
        ("Smoker", cycled("yes", "No", "Yes"), "flag", {"true": ["yes", "Yes"], "false": ["No"]}),
        ("Smoker", cycled("1", "0"), "flag", {"true": ["1"], "false": ["0"]}),
        ("Node (choice=LUL)", cycled("Unchecked"), "flag", {"true": ["Checked"], "name": "node_lul"}),
        ("Sex", cycled("Male", "Female"), "flag", {"true": ["Female"], "name": "sex_female"}),
        ("Site", cycled("North", "South", "East"), "one_hot", {}),
        ("Stage", cycled("T2", "T1b", "Tis", "T1a"), "ordinal", {"levels": {"Tis": 0, "T1a": 1, "T1b": 2, "T2": 3}}),
        ("Stage", cycled("III", "I", "IV", "II"), "ordinal", {"levels": {"I": 0, "II": 1, "III": 2, "IV": 3}}),
        ("ECOG score", cycled(0, 2, 1), "ordinal", {"levels": {"0": 0, "1": 1, "2": 2}}),
        ("Pain", cycled("severe", "mild"), "ordinal", {"levels": {"mild": 0, "severe": 1}}),
        ("Share", cycled("25 - 50%", "0%", ">0 - 25%"), "ordinal", {"levels": {"0%": 0, ">0 - 25%": 1, "25 - 50%": 2}}),
        ("Weight (lbs)", [150 + n for n in range(30)], "number", {"unit": "kg", "factor": 0.45359237, "min": 0}),
        ("Haemoglobin", [10.5 + n for n in range(30)], "number", {"unit": "unknown", "max": 100}),
        ("Age", AGE["Age"], "number", {"unit": "years", "max": 89, "age": True, "integral": True}),
        ("Shift", [n - 10 for n in range(30)], "number", {"min": -20, "max": 50}),
        ("CT Date", [f"{1 + n % 12}/{1 + n % 28}/2001" for n in range(30)], "date", {}),
        ("Group", cycled("A"), "drop", {}),
        ("Empty", cycled("NA", ""), "drop", {}),
        ("Größe in Fuß", [5.5 + n / 50 for n in range(30)], "number", {"name": "grosse_in_fuss"}),
        ("Story", [f"sentence number {n}" for n in range(30)], "drop", {}),
        ("Few rows a level", [f"w{n % 15}" for n in range(30)], "drop", {}),
        ("Year of entry", [2000 + n % 5 for n in range(30)], "drop", {}),
    ],
)
def test_kind_is_guessed_from_name_and_values(
    header: str, values: list[Any], kind: str, expected: dict[str, Any]
) -> None:
    column = only(draft_of({"Case ID": CASES, header: values, "Anything": cycled("x", "y", "z")}))
    assert column["kind"] == kind
    assert {key: column[key] for key in expected} == expected


@pytest.mark.parametrize(("header", "timepoint"), TABLES["test_what_sounds_like_the_future_is_late"])
def test_what_sounds_like_the_future_is_late(header: str, timepoint: str) -> None:
    assert timepoint_of(header) == timepoint


def test_late_columns_never_become_features() -> None:
    clinical = draft(
        Age=AGE["Age"],
        Time_to_Death=[n * 10 for n in range(30)],
        Vital_status=cycled("Dead", "Alive"),
        Chemotherapy=cycled("Yes", "No", "No"),
        Recurrence_site=cycled("local", "distant", "none seen"),
    )
    config = DatasetConfig.model_validate({"schema": 1, "name": "mine", "clinical": clinical}).clinical
    assert config is not None
    assert [c.source for c in config.columns if config.is_feature(c)] == ["Age"]


def test_missing_values_are_told_apart_from_findings() -> None:
    clinical = draft(
        Age=[*AGE["Age"][:28], "N/A", "Not Collected"], EGFR=cycled("Mutant", "Wildtype", "Unknown", "n/a")
    )
    assert clinical["missing"] == ["N/A", "Not Collected", "n/a"]
    egfr = clinical["columns"][1]
    assert (egfr["missing"], sorted(egfr["levels"])) == (["Unknown"], ["Mutant", "Wildtype"])


def test_words_among_numbers_mean_missing_when_rows_share_them_and_are_written_nowhere_else() -> None:
    weights = [*range(60, 87), "refused", "refused", "80, says Mr Miller"]
    table: dict[str, list[Any]] = {"Case ID": CASES, "Weight (kg)": weights}
    column = only(draft_of(table))
    assert (column["kind"], column["missing"]) == ("number", ["refused"])
    assert "Miller" not in text_of(table)
    assert "some cells are no numbers" in text_of(table)


def test_values_of_a_tiny_table_are_nobodys_levels() -> None:
    table: dict[str, list[Any]] = {"Case ID": ["A", "B"], "Remarked by": ["Ann Miller", "Joe Smith"], "Age": [40, 50]}
    assert only(draft_of(table))["kind"] == "drop"
    assert "Miller" not in text_of(table)


def test_dates_of_the_day_first_are_seen() -> None:
    clinical = draft(Visit=[f"{1 + n % 28:02d}/{1 + n % 12:02d}/2001" for n in range(30)], Age=AGE["Age"])
    assert clinical["date_format"] == "%d/%m/%Y"
    assert clinical["timepoints"]["baseline"]["event_time"] == {"column": "Visit"}


def test_day_and_month_that_could_be_either_are_to_be_checked() -> None:
    dates = [f"{1 + n % 12}/{1 + n % 12}/2001" for n in range(30)]
    text = text_of({"Case ID": CASES, "Visit": dates, "Age": AGE["Age"]})
    assert "# CHECK: day and month could be the other way round." in text


def test_event_times_and_labels_come_from_the_tables_dates() -> None:
    dates = [f"{1 + n % 12}/{1 + n % 28}/2001" for n in range(30)]
    clinical = draft(
        CT_Date=dates,
        Days_from_CT_to_surgery=list(range(1, 31)),
        Histology=cycled("adeno", "squamous", "other"),
        Survival_Status=cycled("Dead", "Alive"),
        Date_of_Death=[d if n % 2 == 0 else "" for n, d in enumerate(dates)],
        Date_of_Last_Known_Alive=[d.replace("2001", "2003") for d in dates],
    )
    assert clinical["timepoints"]["surgery"]["event_time"] == {
        "column": "CT Date",
        "plus_days": "Days from CT to surgery",
    }
    assert clinical["labels"]["origin"] == "surgery"
    assert clinical["labels"]["death"] == "Date of Death"
    assert clinical["target"] == {"column": "Survival Status", "positive": ["Alive"]}


def test_column_that_is_another_ones_copy_is_dropped() -> None:
    clinical = draft(Adjuvant=cycled("Yes", "No"), Chemotherapy=cycled("Yes", "No"))
    assert clinical["columns"][1]["kind"] == "drop"
    assert "equal to Adjuvant" in clinical["columns"][1]["reason"]


def test_copy_of_a_late_column_is_no_event_time() -> None:
    dates = [f"{1 + n % 12}/{1 + n % 28}/2001" for n in range(30)]
    clinical = draft(Last_visit=dates, CT_Date=dates, Age=AGE["Age"])
    assert clinical["timepoints"]["baseline"]["event_time"] == "upload"


# Persons


SECRETS: dict[str, list[Any]] = {
    "Patient name": [f"Jane Doe{chr(65 + n % 26)}{n}" for n in range(30)],
    "Phone": [f"555-010-{1000 + n}" for n in range(30)],
    "Contact": [f"someone{n}@example.org" for n in range(30)],
    "SSN": [f"900-11-{2000 + n}" for n in range(30)],
    "MRN": [f"{7000000 + n}" for n in range(30)],
    "Date of birth": [f"3/{1 + n % 28}/1950" for n in range(30)],
    "Comments": [f"told me that {n}" for n in range(30)],
    "Sample ID": [f"S{n:05d}X" for n in range(30)],
    "Referrer": [f"Mister Number{n}" for n in range(30)],
}


@pytest.mark.parametrize("header", SECRETS)
def test_what_identifies_a_person_is_dropped_and_written_nowhere(header: str) -> None:
    table: dict[str, list[Any]] = {"Case ID": CASES, header: SECRETS[header], "Age": AGE["Age"]}
    text = text_of(table)
    assert only(draft_of(table))["kind"] == "drop"
    assert not [value for value in (*SECRETS[header], *CASES) if value in text]


def test_columns_to_remove_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_csv(tmp_path / "t.csv", {"Case ID": CASES, "Patient name": SECRETS["Patient name"], **AGE})
    _, found = write_draft(table, "mine", tmp_path)
    assert found.identifying == ["Patient name"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("ids", "pattern"),
    [
        (["R01-001", "AMC-049"], r"[A-Z]\d{2}-\d{3}|[A-Z]{3}-\d{3}"),
        (["7", "12"], r"\d|\d{2}"),
        (["a.b", "c.d"], r"[a-z]\.[a-z]"),
        ([f"{'x' * n}" for n in range(1, 9)], r"[A-Za-z0-9][A-Za-z0-9_.-]*"),
    ],
)
def test_pattern_of_ids_has_their_shape_and_none_of_them(ids: list[str], pattern: str) -> None:
    assert id_pattern(ids) == pattern


# The file


HEADERS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn"]),
    min_size=1,
).filter(lambda text: 0 < len(text.strip()) <= 60)
CELLS = st.sampled_from(
    ["", "NA", "Yes", "No", "true", "1", "2.5", "null", "a: b", "#x", "- y", "{z}", "'q'", '"', "%", "é"]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(HEADERS, st.lists(CELLS, min_size=12, max_size=12), min_size=1, max_size=6))
def test_any_table_gives_a_file_that_passes_the_check(columns: dict[str, list[str]]) -> None:
    stripped = {header.strip(): cells for header, cells in columns.items()}
    stripped.pop("Case ID", None)
    table = {"Case ID": CASES[:12], **stripped, "Age": [str(n + 30) for n in range(12)]}
    clinical = draft_of(table)
    assert [c["source"] for c in clinical["columns"]] == list(table)[1:]


NAMED = st.sampled_from(
    [
        "age",
        "Age (months)",
        "sex",
        "T stage",
        "grade",
        "OS_MONTHS",
        "OS_STATUS",
        "vital status",
        "scan date",
        "Jahr",
        "glucose",
        "glucose_unit",
        "value",
        "unit",
        "ER",
        "redcap_event_name",
        "labs_complete",
        "Patient",
        "No",
        "sample",
        "cens",
        "death date",
        "last contact date",
        "PFS",
        "PFS months",
        "Center",
    ]
)
KINDS = st.sampled_from(
    [
        ("+", "-", "++", "neg"),
        ("1.0", "0.0"),
        ("T1", "TX", "Tis"),
        ("IIA", "3a", "Stage IV", "Occult"),
        ("DOD", "AWD", "lost", "Alive"),
        ("<5", "5", ">10", "90+"),
        ("1,5", "2.5", "1.234,5"),
        ("2001-01-02", "1900-01-01", "0000-00-00", "03.2001"),
        ("01/02/2003", "13/02/2003"),
        ("mg/dL", "mmol/L"),
        ("'--", "#N/A", ".N", ""),
        ("1-Mar", "0", "01", "999", "-99"),
        ("Adeno", "adeno", "bone;brain", "unknown primary"),
        ("43000", "44000", "20000", "2020"),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMED, st.tuples(KINDS, KINDS, st.randoms(use_true_random=False)), min_size=1, max_size=8))
def test_what_registries_write_gives_a_file_that_passes_the_check(columns: dict[str, Any]) -> None:
    table = {name: [r.choice(first + second) for _ in range(24)] for name, (first, second, r) in columns.items()}
    clinical = draft_of({"Case ID": [f"C-{n:03}" for n in range(24)], **table})
    assert len(clinical["columns"]) == len(columns)


def test_names_are_valid_and_never_given_twice() -> None:
    names = Names()
    given_names = [
        names.of_column(header, 7) for header in ("Event time", "event-time", "1st visit", "%GG", "日本", "x")
    ]
    assert given_names == ["event_time_2", "event_time_3", "x_1st_visit", "percent_gg", "column_7", "x_x"]
    assert slug("not otherwise specified carcinoma", 20) == "not_otherwise"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Lung Study-2018.csv", "lung_study_2018"), ("2018 data.csv", "data"), (f"{'a' * 40}.csv", "a" * 31)],
)
def test_dataset_is_called_like_its_table(name: str, expected: str) -> None:
    assert default_name(Path(name)) == expected


def write_csv(path: Path, table: dict[str, list[Any]]) -> Path:
    """Write a table and return its path."""
    text = io.StringIO()
    csv.writer(text).writerows([list(table), *zip(*table.values(), strict=True)])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "mine.csv", {"Case ID": CASES, **AGE})
    path, _ = write_draft(table, folder=tmp_path)
    before = path.read_text()
    with pytest.raises(CommandError, match="not overwritten"):
        write_draft(table, folder=tmp_path)
    assert path.read_text() == before


@pytest.mark.parametrize("name", ["README.md", "cohort.xlsx"])
def test_what_an_upload_would_not_take_for_a_table_is_not_drafted(tmp_path: Path, name: str) -> None:
    table = write_csv(tmp_path / name, {"Case ID": CASES, **AGE})
    with pytest.raises(UsageError, match="is no table"):
        write_draft(table, "mine", tmp_path)
    assert not (tmp_path / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("Case ID,Age\n", "no rows"), ("A,B\nx,1\nx,1\n", "names the case"), ("A,B\nx,1\n,1\n", "names the case")],
)
def test_table_that_cannot_be_drafted_leaves_nothing(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(CommandError, match=complaint):
        write_draft(tmp_path / "t.csv", "mine", tmp_path)
    assert list(tmp_path.glob("*.yaml")) == []


@pytest.mark.parametrize(
    "content",
    [
        "Case ID;Größe;Age\nA;1,80;40\n".encode("cp1252"),
        "Case ID\tGröße\tAge\nA\t1,80\t40\n".encode("utf-16"),
        '\ufeffCase ID,Größe,Age\r\nA,"1,\r\n80",40\r\n'.encode(),
    ],
    ids=["semicolons in Windows-1252", "tabs in UTF-16", "CRLF with a mark"],
)
def test_table_is_read_as_an_upload_of_it_would_be(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    _, found = write_draft(tmp_path / "t.csv", "mine", tmp_path)
    assert [column.source for column in found.columns] == ["Größe", "Age"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 workbook", r"t\.csv: the table cannot be read: it is a zip .* export the table as CSV"),
        (b"Case ID|Age\nA|1\n", r"t\.csv: "),
        (b'Case ID,Age\nA,"1\n', r"t\.csv: the quotes of row 2 do not match"),
        (b"", r"t\.csv: the file is empty"),
    ],
)
def test_file_that_is_no_table_is_rejected_with_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(CommandError, match=message):
        write_draft(tmp_path / "t.csv", "mine", tmp_path)


def test_header_must_name_every_column_once(tmp_path: Path) -> None:
    for header in ("Case ID,Age,Age", "Case ID,,Age", f"Case ID,Age,{'x' * 257}"):
        (tmp_path / "t.csv").write_text(f"{header}\nA,1,2\nB,2,1\n")
        with pytest.raises(CommandError, match="header"):
            write_draft(tmp_path / "t.csv", "mine", tmp_path)


def test_command_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.draft.draft.write_draft", lambda csv, name, **_: write_draft(csv, name, tmp_path))
    table = write_csv(tmp_path / "t.csv", {"Case ID": CASES, "Patient name": SECRETS["Patient name"], **AGE})
    assert main(["dataset", str(table), "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "Remove before you upload: Patient name" in said
    assert "DatasetNames" in said
    assert main(["dataset", str(table), "--name", "Mine!"]) == 2
    assert main(["dataset", str(tmp_path / "none.csv"), "--name", "other"]) == 2


# The real table


@pytest.mark.skipif("MULTIMODAL_REAL_DATA" not in os.environ, reason="MULTIMODAL_REAL_DATA is not set")
def test_draft_of_the_real_table_is_nearly_what_was_written_by_hand(tmp_path: Path) -> None:
    (table,) = (Path(os.environ["MULTIMODAL_REAL_DATA"]) / "clinical").glob("*.csv")
    path, _ = write_draft(table, "nsclc", tmp_path)
    drafted = load_dataset("nsclc", tmp_path).clinical
    by_hand = load_dataset(DATASET).clinical
    assert drafted is not None
    assert by_hand is not None
    found = {c.source: (c.kind, c.available_at, set(c.values or ())) for c in drafted.columns}
    wanted = {c.source: (c.kind, c.available_at, set(c.values or ())) for c in by_hand.columns}
    assert {source for source in wanted if found.get(source) != wanted[source]} == {"PET Date"}
    assert drafted.by_source["PET Date"].kind == "date", "by hand it is dropped: no feature is made of it"
    assert drafted.timepoints == by_hand.timepoints
    assert drafted.labels is not None
    assert drafted.labels.features == by_hand.labels.features if by_hand.labels else False
    assert not re.search(r"R01-|AMC-|/19[89]\d", path.read_text())


IDENTIFYING_HEADERS = """
    patient_name, last_name, firstName, date_of_birth, BirthDate, zip_code, PLZ, home_phone, PhoneNumber,
    email_address, street_address, patient_mrn, medical_record_number, nhs_number, accession_number,
    ReferringPhysicianName, free_text_notes, Vorname, Nachname, Geburtsdatum, Straße, Wohnort, Telefonnummer,
    Hausarzt, Bemerkungen, nom, prénom, date_naissance, code_postal, médecin, apellidos, fecha_nacimiento, teléfono,
    dirección, ssn, SocialSecurityNumber, MRN, dob, DOB, patient.dob, Patient Name, surname, givenName,
    mothersMaidenName, next_of_kin, faxNumber, eMail, cell_number, PatientAddress, city, Postcode, passport_no,
    drivers_license, InsuranceID, PatientBirthDate, PatientTelephoneNumbers, OtherPatientNames, OperatorsName,
    comments, clinical_notes, Remarks, year_of_birth, birth_place, Kommentar, Versichertennummer, KVNR, surgeon,
    attending_physician, hospital_number, chart_number, web_url, ip_address, InstitutionAddress,
    NameOfPhysiciansReadingStudy, AccessionNumber, account_number, MedicalRecordNumber, geb_dat, Anschrift
"""
"""As exports, DICOM and data dictionaries spell them, in four languages."""

OUTCOME_HEADERS = """
    OS_STATUS, OS_MONTHS, DFS_STATUS, PFS_MONTHS, Overall Survival (Months), Disease Free Status, OS.time, DSS,
    vital_status, days_to_death, days_to_last_follow_up, Survival.time, deadstatus.event, Survival_Censor, fup_days,
    time, status, futime, fustat, Survival months, deathtime, los, Todesdatum, Überlebenszeit, pCR, RFS,
    DaysToDeath, VitalStatus, overallSurvival, relapse_date, RecurrenceFlag, ProgressionFree, lastFollowUp,
    date_last_contact, cause_of_death, death_date, DeathDate, DateOfDeath, DSS_STATUS, PFI.time, DFI,
    new_tumor_event, event, censored, time_to_event, survie_globale, décès, fecha_muerte, supervivencia_meses,
    Rezidiv, survtime, surv_time, efs_months, TTP_days, DMFS, is_dead, died, alive
"""
"""Of cBioPortal, GDC, TCGA-CDR, R's packages and others."""

HARMLESS_HEADERS = """
    Time of CT, smoking_status, Event-related potential, marital_status, slice_time, age_at_diagnosis, sex, gender,
    bmi, weight_kg, height_cm, ecog_score, T_stage, pN, histology, EGFR, KRAS_status, tumour_size_mm,
    slice_thickness, kvp, manufacturer, scan_date, ct_date, hemoglobin, creatinine, eGFR, pack_years, ethnicity,
    race, laterality, lobe, diabetes, copd, fev1, dlco, cea_level, ldh, platelet_count, wbc, albumin,
    menopausal_status, parity, number_of_children, education_level, income_band, asbestos_exposure, family_history,
    comorbidity_index, charlson, performance_status, grade, tumor_location, nodule_count, spiculation, SUVmax, mtv,
    tlg, kernel, contrast_agent, phase, study_name, gene_name, filename, birth_weight, post_menopausal, er_status,
    pr_status, her2, ki67, psa, gleason, psa_density, prostate_volume, bone_density, systolic_bp, heart_rate,
    temperature, spo2, timepoint, visit, arm, site, center, scanner_model, field_strength, echo_time,
    repetition_time, acquisition_time, exposure_time, platelets, neutrophils, cortisol, vitamin_d, alcohol,
    exercise, diet, sleep_hours, status_of_smoking, mutation_status, method, batch, plate_id, well, lane,
    report_type, body_site
"""
"""Which sound a little like one or the other."""


def headers(text: str) -> list[str]:
    return [header.strip() for header in text.replace("\n", " ").split(",")]


@pytest.mark.parametrize("header", headers(IDENTIFYING_HEADERS))
def test_a_column_that_names_a_person_is_seen_in_any_spelling(header: str) -> None:
    assert sounds_identifying(Facts(header, 1))


@pytest.mark.parametrize("header", headers(OUTCOME_HEADERS))
def test_an_outcome_is_never_known_at_the_beginning(header: str) -> None:
    assert timepoint_of(header) == "outcome"


@pytest.mark.parametrize("header", headers(HARMLESS_HEADERS))
def test_other_columns_are_left_alone(header: str) -> None:
    assert not sounds_identifying(Facts(header, 1))
    assert timepoint_of(header) in {"baseline", "surgery"}


@pytest.mark.parametrize(("prefix", "header"), [("N", "ajcc_pathologic_n"), ("cT", "clinical T"), ("G", "Grade")])
def test_what_could_not_be_assessed_is_no_level(prefix: str, header: str) -> None:
    column = only(draft(**{header: cycled(f"{prefix}1", f"{prefix}X", f"{prefix}2")}))
    assert list(column["levels"]) == [f"{prefix}1", f"{prefix}2"]
    assert column["missing"] == [f"{prefix}X"]


@pytest.mark.parametrize(
    ("header", "values", "true", "false"),
    [
        ("OS_STATUS", cycled("1:DECEASED", "0:LIVING"), ["1:DECEASED"], ["0:LIVING"]),
        ("status", cycled("1", "2"), ["2"], ["1"]),
        ("deadstatus.event", cycled("1", "0"), ["1"], ["0"]),
        ("vital_status", cycled("Dead", "Alive"), ["Dead"], ["Alive"]),
        ("Vitalstatus", cycled("lebt", "verstorben"), ["verstorben"], ["lebt"]),
        ("Vitalstatus", cycled("1", "0"), ["1"], ["0"]),
        ("Zustand", cycled("am Leben", "gestorben"), ["gestorben"], ["am Leben"]),
        ("Situation", cycled("vivante", "Décédée"), ["Décédée"], ["vivante"]),
    ],
)
def test_who_died_becomes_the_target(header: str, values: list[Any], true: list[str], false: list[str]) -> None:
    clinical = draft_of({"Case ID": CASES, "age": AGE["Age"], header: values})
    column = next(c for c in clinical["columns"] if c["source"] == header)
    assert (column["kind"], column["true"], column["false"], column["feature"]) == ("flag", true, false, False)
    assert clinical["labels"]["died"] == clinical["target"]["column"] == header


def test_a_table_without_an_outcome_asks_for_it() -> None:
    assert "no outcome found" in text_of({"Case ID": CASES, **AGE})


@pytest.mark.parametrize("header", ["age_at_diagnosis", "AgeAtDiagnosis", "Alter_Jahre", "patient.age"])
def test_an_age_is_one_in_any_spelling(header: str) -> None:
    assert only(draft_of({"Case ID": CASES, header: AGE["Age"]}))["age"] is True


def test_numbers_may_begin_or_end_with_their_point() -> None:
    assert only(draft(Ratio=[f".{n + 10}" for n in range(15)] + [f"{n}." for n in range(15)]))["kind"] == "number"
