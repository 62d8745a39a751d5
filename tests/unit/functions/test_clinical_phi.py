"""What could identify a person, and what only looks like it in a clinical table."""

import json
import time
from contextlib import suppress

import pytest

from multimodal.clinical.config import DAYS_PER_UNIT, ClinicalConfig
from multimodal.clinical.lint import problems
from multimodal.clinical.phi import IdentifierGate, Kind, kind_of
from multimodal.ledger.errors import BadInputError
from tests.unit.functions.clinical_small import csv_text, encoded, raw, read, rejected, rows, with_column


def _cells(lines: str) -> list[str]:
    """Return the cells of a list: one line or more, with bars between the cells."""
    return [cell for line in lines.strip().splitlines() for cell in line.split(" | ")]


IDENTIFYING = [
    (kind, cell)
    for kind, lines in {
        Kind.NAME: """
Nguyen Van An | Nguyễn Thị Minh | Müller, Jürgen | Agnieszka Kowalska | Yamamoto Hiroshi | Singh, Gurpreet
Siobhán O'Brien | SMITH JOHN | john smith | Smith J | Smith, J. R. | María José García | van der Berg, Pieter
Anna-Maria Schmidt | Frau Schneider | Prof. Dr. Weber | Wang, Xiaoming | Kim Min-jun | Ivanov Ivan Ivanovich
Иванова, Мария | Παπαδόπουλος Γιώργος | Oluwaseun Adeyemi | da Silva, João | Dvořák, Jan | Mehmet Yılmaz
Rajesh Kumar | Smith, John, Jr. | patient name: John Smith | seen by Dr. Patel | DOE^JANE | A. B. Clark
Jo\u200bhn Smith
""",
        Kind.PHONE: """
(555) 123-4567 | 1-555-123-4567 | 020 7946 0958 | +49 30 901820 | 0171 1234567 | 01 42 68 53 00 | 03-1234-5678
98765-43210 | ph-12345 | (11) 91234-5678 | Tel.: 089/123456 | phone: 555-1234 | 0049 30 901820 | ５５５-１２３-４５６７
06.12.34.56.78
""",
        Kind.MRN: """
13800138000 | MRN1234567 | MRN12 | nhs-12345 | Med Rec No 123456 | Patient ID: 4451234 | NHS 9434765919 | 00123456
Hospital No. A12345 | Fallnummer 1234567 | Pat.-Nr. 123456 | Akten-Nr.: 12345
""",
        Kind.EMAIL: """
JANE_DOE@EXAMPLE.CO.UK | jane.doe (at) example.org | jane doe at example dot org | j@localhost
""",
        Kind.SSN: """
123-45-6789 | 123 45 6789 | ssn-123 | SSN 123456789 | 123.456.789-09 | 010190-123A | 010190-1234 | RSSMRA85T10A562S
AB123456C | AB 12 34 56 C | 1EG4-TE5-MK73
""",
        Kind.ADDRESS: """
123 Main Street | 12 Elm Ave, Springfield | Hauptstraße 5 | Hauptstr. 12, 10115 Berlin | 5 rue de la Paix
PO Box 1234 | Via Roma 1 | SW1A 2AA | Palo Alto, CA 94305 | https://hospital.example/patients/123
www.example.org/jane | Dorpsstraat 12
""",
        Kind.BIRTH_DATE: """
DOB 01/02/1950 | dob-12 | date of birth: 1950-01-02 | geb. 12.03.1950 | né le 12/03/1950 | nacido el 12/03/1950
geb. 1950 | geboren am 3. 5. 1950 | né le 3 mars 1950 | Født: 1950
""",
        Kind.AGE_ABOVE_89: """
aged 92 | Age: 95 | age-95 | 92-year-old | 93 y/o | 92-jähriger Mann | 92 ans
""",
    }.items()
    for cell in _cells(lines)
]
HARMLESS = _cells("""
Adenocarcinoma | Squamous cell carcinoma | Adenosquamous carcinoma | Large cell neuroendocrine carcinoma
Small Cell Carcinoma | Invasive Ductal Carcinoma | Invasive Mucinous Adenocarcinoma
NSCLC NOS (not otherwise specified) | Adenocarcinoma, mucinous | Carcinoma, Squamous Cell | Ewing Sarcoma
Wilms Tumor | Hodgkin Lymphoma | Hodgkin lymphoma, nodular sclerosis | Non-Hodgkin Lymphoma | Burkitt Lymphoma
Kaposi Sarcoma | Merkel Cell Carcinoma | Paget Disease | Barrett Esophagus | Crohn Disease | Graves Disease
Hashimoto Thyroiditis | Wilson Disease | Parkinson Disease | Alzheimer Disease | Lynch Syndrome | Li-Fraumeni Syndrome
Cushing Syndrome | Marfan Syndrome | Down Syndrome | Turner Syndrome | Brenner Tumor | Krukenberg Tumor
Warthin Tumor | Gleason 3+4 | Gleason Score 7 | Karnofsky 90 | ECOG 1 | Child-Pugh A | Clark Level IV | Breslow 1.2 mm
Ann Arbor Stage II | Ann Arbor | T1a | T2b N1 M0 | pT2aN0M0 | cT3 N2 M1b | Stage IIIA | Stage IV
G2 Moderately differentiated | Other, Type I: Well to moderately differentiated | R0 | Grade 3 | EGFR L858R
EGFR exon 19 deletion | KRAS G12C | KRAS p.Gly12Cys | BRAF V600E | TP53 R175H | c.2573T>G | p.Leu858Arg
NM_005228.5:c.2573T>G | chr7:55259515 | rs121434568 | EML4-ALK | ROS1 fusion | MET exon 14 skipping | PD-L1 50%
PD-L1 TPS 1-49% | Ki-67 20% | HER2 3+ | ER positive | Carboplatin | Cisplatin + Pemetrexed | Carboplatin/Paclitaxel
Pembrolizumab 200 mg | Pembrolizumab | Nivolumab | Osimertinib 80 mg | FOLFOX | R-CHOP | Docetaxel 75 mg/m2
Paclitaxel weekly | 5-FU | Dexamethasone 4 mg | Vitamin D | Aspirin 81 mg | Right Upper Lobe | Left Lower Lobe
Right Middle Lobe | Left Lingula | Lung, NOS | Upper lobe, lung | Head of pancreas | Wedge Resection | Lobectomy
VATS Lobectomy | Pneumonectomy | Sublobar Resection | Open Biopsy | Core Needle Biopsy | Chemotherapy
Radiation Therapy | Stereotactic Body Radiotherapy | 60 Gy in 30 fractions | 2 x 30 Gy | Former Smoker | Never Smoker
Current Smoker | Native Hawaiian/Pacific Islander | African-American | Hispanic/Latino | Caucasian | Asian | White
Not Collected | Not Recorded In Database | N/A | Unknown | Not Applicable | Complete Response | Partial Response
Stable Disease | Progressive Disease | Lost to Follow Up | Alive With Disease | Alive | Dead | Died of disease
Distant | Regional | Local | Yes | No | Present | Absent | Checked | Positive | Negative | Wildtype | Mutant
Stanford | Palo Alto VA | Palo Alto | Stanford Hospital | Massachusetts General Hospital | Mayo Clinic | Mount Sinai
Johns Hopkins | Site 03 | Center A | C34.1 | C34.11 | 8140/3 | 8070/3 | ICD-10 C34.9 | R01-001 | AMC-038
TCGA-05-4244 | GSM3405678 | LOT-12345 | A1B2C3 | 1.2.840.113619.2.55.3 | 0.5-1.0 | 10-20 | 1-2 | 65-74 | 2019-2021
12/31/1999 | 1994-01-31 | 1990 | 0% | >0 - 25% | 75 - < 100% | <1 cm | > 3 cm | 2.5 x 3.1 cm | 12 mm | 120 kVp
1.25 mm | Siemens Sensation 64 | GE LightSpeed VCT | GE Medical Systems | Philips Brilliance | Toshiba Aquilion | B31f
STANDARD | Lung kernel | CT Chest With Contrast | PET CT | Supine | HFS | Family history: mother, breast
No evidence of disease | Bilateral pleural effusion | Mediastinal lymphadenopathy | COPD | Diabetes Mellitus
Type 2 Diabetes | Hypertension | Coronary Artery Disease | Atrial Fibrillation | Asbestos | Grade II, WHO | WHO 2015
AJCC 7th Edition | AJCC 8 | RECIST 1.1 | Cycle 3 Day 1 | Week 12 | Month 6 | 120/80 | 36.6 | 98 | 1,234 | 3.4e5
Solid | Part-solid | Ground glass | Peripheral, spiculated | Central | Tis | Nx | M1a | VA | Male | Female | Cox Maze
Mary Bird Perkins Cancer Center | Dana Farber | May | Rose Bengal | Jewish | Roman Catholic | Penicillin allergy
Grover Disease | AB12-0034 | 10234-001A | SAMN01234567 | E-MTAB-1234 | 1.3.12.2 | 60 Gy in 2 plein | LC123456 | T10A562
Angaben 5 | Weg 5 | recién nacido 38 semanas | Nacido vivo 2 | geb. 12 Kinder | 90 ans et plus | 90 años o más
""")


@pytest.mark.parametrize(("kind", "cell"), IDENTIFYING)
def test_what_identifies_a_person_is_seen(kind: Kind, cell: str) -> None:
    assert kind_of(cell) is kind


def test_words_of_medicine_are_no_names() -> None:
    assert len(HARMLESS) > 200
    assert [cell for cell in HARMLESS if kind_of(cell)] == []


@pytest.mark.parametrize("column", ["Sex", "Age", "CT Date", "Case ID", "Note", "Death", "Recurrence"])
@pytest.mark.parametrize(
    "cell", ["Jürgen Müller", "020 7946 0958", "jane.doe@example.org", "123-45-6789", "MRN 1234567"]
)
def test_the_table_is_rejected_in_whatever_column_it_is(column: str, cell: str) -> None:
    error = rejected(encoded(csv_text(rows({}, {column: cell}))))
    assert error.reason_code == "IDENTIFIERS_FOUND"
    assert list(error.details["columns"]) == [column]  # type: ignore[call-overload]
    assert cell not in error.message + json.dumps(error.details, ensure_ascii=False)


@pytest.mark.parametrize("cell", [">90", "91+", "91", "92.5", "over 90", "94 yrs", "97 years", "between 85 and 95"])
def test_an_age_above_89_is_seen_however_it_is_written(cell: str) -> None:
    assert rejected(encoded(csv_text(rows({"Age": cell})))).details == {"columns": {"Age": {"AGE_ABOVE_89": 1}}}


@pytest.mark.parametrize("cell", ["zz97", "R01-097", "1997-98", "12-95"])
def test_digits_of_something_else_are_no_age(cell: str) -> None:
    assert [code for _, _, code, _ in read({"Age": cell}).found] == ["NOT_A_NUMBER"]


def test_no_message_repeats_a_level_that_is_not_declared() -> None:
    found = read({"Sex": "zorblax"}, {"Smoking": "formar"})
    assert [p.code for p in found.problems] == ["UNKNOWN_LEVEL", "UNKNOWN_LEVEL"]
    assert "zorblax" not in found.problems[0].message
    assert "perhaps to 'Former'" in found.problems[1].message


def test_declared_as_a_level_a_value_passes() -> None:
    study = with_column(
        "Note",
        kind="one_hot",
        name="note",
        feature=False,
        reason=None,
        levels={"Anna Karenina": "note_a", "12345678": "note_b"},
    )
    found = read({"Note": "Anna Karenina"}, {"Note": "12345678"}, config=ClinicalConfig.model_validate(study))
    assert found.problems == []


@pytest.mark.parametrize("cells", [["Zorblax Quux"], ["王 小明"], ["Kowalczyk"]])
def test_a_column_of_different_names_is_one_of_names(cells: list[str]) -> None:
    gate = IdentifierGate()
    letters = "abcdefghijkl"
    found = {
        "Zorblax Quux": [f"Zorb{c} Quux{c}" for c in letters],
        "王 小明": [chr(0x4E00 + n) + " 小明" for n in range(12)],
        "Kowalczyk": ["Smith", "Jones", "Brooks", "Walker", "Weber", "Novak", "Rossi", "Silva", "Nguyen", "Tanaka"],
    }[cells[0]]
    for cell in found:
        gate.scan("Note", cell, 1)
    with pytest.raises(BadInputError, match="NAME"):
        gate.check()


@pytest.mark.parametrize("beginning", ["a", "A-", "1", "a@", "Aa ", "1 ", ".", "+1 ", "St 1"])
@pytest.mark.parametrize("column", ["Note", "Age", "Death", "Sex", "Case ID"])
def test_a_long_cell_takes_no_long_time(beginning: str, column: str) -> None:
    started = time.perf_counter()
    with suppress(BadInputError):
        read({column: (beginning * 131_000)[:131_000] + "x"})
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("case", ["Doe, Jane", "Müller Jürgen", "jane@x.org", "123-45-6789"])
def test_an_id_pattern_that_says_nothing_explains_no_name(case: str) -> None:
    study = ClinicalConfig.model_validate(raw(id={"source": "Case ID", "pattern": r"[\x20-\x7e\u00fc]+"}))
    error = rejected(encoded(csv_text(rows({}, {"Case ID": f'"{case}"'}))), study)
    assert error.details["columns"].keys() == {"Case ID"}  # type: ignore[attr-defined]


def test_ids_that_are_addresses_are_seen_whatever_their_pattern() -> None:
    study = ClinicalConfig.model_validate(raw(id={"source": "Case ID", "pattern": r"[a-z]\d@[a-z]\.[a-z]{3}"}))
    error = rejected(encoded(csv_text(rows({"Case ID": "u1@x.org"}))), study)
    assert error.details["columns"] == {"Case ID": {"EMAIL": 1}}


@pytest.mark.parametrize(("pattern", "case"), [(r".+", "C-001"), (r"\d+", "12345678"), (r"\w+", "TCGA_05_4244")])
def test_plain_ids_of_a_loose_pattern_pass(pattern: str, case: str) -> None:
    study = ClinicalConfig.model_validate(raw(id={"source": "Case ID", "pattern": pattern}))
    assert read({"Case ID": case}, config=study).only("baseline")["case_id"] == case


@pytest.mark.parametrize("unit", ["days", "weeks", "months", "years"])
def test_an_age_above_89_years_is_one_in_any_unit(unit: str) -> None:
    per_year = 365.25 / DAYS_PER_UNIT[unit]
    study = ClinicalConfig.model_validate(with_column("Age", unit=unit, bounds="limit", integral=True))
    taken = read({"Age": f"{89 * per_year:.0f}"}, {"Age": f"{89.4 * per_year:.0f}"}, config=study)
    assert [record["age"] for record in taken.records["baseline"]][-1] == str(int(89 * per_year))
    error = rejected(encoded(csv_text(rows({"Age": f"{91 * per_year:.0f}"}))), study)
    assert error.details == {"columns": {"Age": {"AGE_ABOVE_89": 1}}}


def test_an_age_must_be_said_to_be_one() -> None:
    (found,) = problems(ClinicalConfig.model_validate(with_column("Age", age=None)))
    assert "'Age': is an age; add age: true" in found
    assert list(problems(ClinicalConfig.model_validate(with_column("Age", age=True)))) == []
