"""What the names of columns say: persons and outcomes are seen in any spelling, and other columns are left alone.

The lists were written from what REDCap, OMOP, FHIR, GDC, cBioPortal, TCIA, SEER, COSD, CDISC, DICOM, i2b2, PCORnet and
hospital exports call their columns, before the draft's words were looked at; what was missed led to kinds of words. The
first run on the public schemas (cBioPortal, hospital systems) saw 51 of 70 persons and 43 of 49 outcomes, and left 124
of 125 others alone.

`national_dictionaries` has what was then missed of ten further lists (NAACCR, ICGC ARGO, GDC, ADT-GEKID, HL7 v2,
CDISC, DATASUS, RHC, SNDS, COSD, CPRD, SRTR, EBMT, IDC, hospital systems in the seven languages). By names alone, the
first runs on the last four saw 283 of 388 persons and 334 of 400 outcomes; with values 376 and, doubt being late, 376,
and left 544 of 565 others alone.
The last list (NLST, PLCO, NCDB, SEER*Stat, NSQIP, STS, CIBMTR, HES, Clarity, Millennium, VA, UK Biobank; 73, 106 and
147 names): by names alone 49 persons and 66 outcomes, with values 71 and 101, and 143 of the others left alone. Of 64
outcomes, 40 persons and 50 others of hospitals in four languages 49, 36 and 49 were right at first, by names alone.
`registers_and_cohorts` (HCUP, eICU, GENIE BPC, METABRIC, ICGC ARGO, STS, trials' files, TCIA's spreadsheets, Nordic,
Dutch, German, Australian, Polish and Czech registers; 184, 211 and 255 names): at first 96 persons and 141 outcomes by
names alone; with values 12 persons and 20 outcomes were features. `not_looked_at` is as it was first written (CanReg,
NHANES, SIM, PMSI, CMBD, Danish registers, ADNI): no word was written for it.
"""

import pytest
from pydicom._dicom_dict import DicomDictionary

from cli.draft.facts import Facts, read_facts
from cli.draft.guess import LATE, sounds_identifying, timepoint_of
from cli.draft.headers import is_early, is_identifying, late_timepoint, unknown_words
from cli.draft.table import draft_table
from tests.cases import cases_of
from tests.unit.local.test_draft_shapes import AGE, draft

HEADERS = cases_of(__file__)
LISTS = (
    *("registries", "hospitals", "exchange_formats", "exports", "public_schemas", "intensive_care_and_trials"),
    *("national_dictionaries", "registers_and_cohorts"),
)
NEARLY_ALL, MOST = 0.97, 0.85


def headers(kind: str, origin: str) -> list[str]:
    return [name.strip() for name in dict(HEADERS[kind])[origin].split(",")]


def is_late(header: str) -> bool:
    return timepoint_of(header) in LATE


def is_person(header: str) -> bool:
    return sounds_identifying(Facts(header, 1))


@pytest.mark.parametrize("origin", LISTS)
def test_nearly_all_headers_of_persons_are_seen(origin: str) -> None:
    names = headers("identifying", origin)
    missed = [name for name in names if not is_person(name)]
    assert len(missed) <= (1 - NEARLY_ALL) * len(names), missed


@pytest.mark.parametrize("origin", LISTS)
def test_nearly_no_outcome_is_taken_for_early(origin: str) -> None:
    names = headers("late", origin)
    missed = [name for name in names if not is_late(name)]
    assert len(missed) <= (1 - NEARLY_ALL) * len(names), missed


@pytest.mark.parametrize("origin", LISTS)
def test_nearly_all_harmless_headers_are_left_alone(origin: str) -> None:
    names = headers("harmless", origin)
    alarms = [name for name in names if is_person(name) or is_late(name)]
    assert len(alarms) <= (1 - NEARLY_ALL) * len(names), alarms


def test_dicoms_own_dictionary() -> None:
    """Of the attributes that hold a person's name (VR PN) nearly all are seen; of those of acquisition, few are."""
    found = [(tag >> 16, entry[0], entry[4]) for tag, entry in DicomDictionary.items() if entry[4]]
    persons = [name for _, kind, name in found if kind == "PN"]
    others = [name for group, kind, name in found if group in {0x18, 0x28} and kind in {"DS", "IS", "US", "FD", "CS"}]
    assert sum(map(is_person, persons)) >= 0.9 * len(persons)
    assert sum(is_person(name) or is_late(name) for name in others) <= 0.02 * len(others)


@pytest.mark.parametrize(
    ("header", "person"),
    [
        ("dateofbirth", True),
        ("mrna_cluster", False),
        ("fraction_genome_altered", False),
        ("addressable_mutation", False),
        ("streetlight", False),
        ("name_of_scanner_model", False),
        ("ManufacturerModelName", False),
        ("drug_name", False),
        ("drug_name_patient_name", True),
        ("gene_signature", False),
        ("consent_signature", True),
        ("BCR_FREE_MONTHS", False),
        ("free_text_description", True),
    ],
)
def test_a_word_counts_as_what_it_is_beside_its_neighbours(header: str, person: bool) -> None:
    assert is_identifying(header) is person


@pytest.mark.parametrize(
    ("header", "timepoint"),
    [
        ("deadlift_kg", ""),
        ("chemokine_cxcl9", ""),
        ("prior_chemo", ""),
        ("treatment_arm", ""),
        ("recurrence_at_diagnosis", ""),
        ("change_from_baseline", "outcome"),
        ("death_before_discharge", "outcome"),
        ("bcr_abl1", ""),
        ("bcr_free_months", "outcome"),
        ("ttf1", ""),
        ("rfsmonths", "outcome"),
        ("lastfu", "outcome"),
        ("fumo", ""),
        ("heart_failure", ""),
        ("treatment_failure", "outcome"),
        ("AE1_AE3_stain", ""),
        ("resp_rate", ""),
        ("resp_wk12", "outcome"),
        ("nivolumab_given", "post_treatment"),
        ("qol_12m", "post_treatment"),
        ("weight_loss_6m", ""),
    ],
)
def test_a_thing_of_the_end_is_told_from_one_of_before(header: str, timepoint: str) -> None:
    assert late_timepoint(header) == timepoint


def test_what_sounds_neither_late_nor_early_is_asked() -> None:
    late, harmless = ([name for origin in LISTS for name in headers(kind, origin)] for kind in ("late", "harmless"))
    assert not any(is_early(name) for name in late if not is_late(name) and not is_person(name)), "an outcome not seen"
    known = [name for name in harmless if is_early(name)]
    assert len(known) >= MOST * len(harmless), "and not everything is"


@pytest.mark.parametrize(("header", "asked"), [("rspns_cat", True), ("Ki-67 (%)", False), ("V3", True), ("OS", False)])
def test_a_column_of_which_the_name_says_no_time_is_asked_about(header: str, asked: bool) -> None:
    _, text = draft({header: [n % 2 for n in range(30)], "Age": AGE})
    assert ("CHECK: when is it known?" in text) is asked


@pytest.mark.parametrize("origin", ["registers_and_cohorts", "not_looked_at"])
@pytest.mark.parametrize("kind", ["late", "identifying"])
def test_no_name_passes_for_early_unasked_for_a_part_of_it(kind: str, origin: str) -> None:
    """A late or identifying name that no word was written for becomes no feature, or is asked about."""
    names = headers(kind, origin)
    rows = [[f"P-{n}", *(f"{(n * 7 + k) % 29}.5" for k in range(len(names)))] for n in range(30)]
    columns = draft_table(read_facts(["Case ID", *names], rows)).columns
    features = [c for c in columns if c.kind != "drop" and c.settings.get("feature", True)]
    assert [c.source for c in features if not any("is it known before the treatment" in ask for ask in c.checks)] == []


def test_nearly_no_name_that_is_understood_is_asked_about() -> None:
    names = [name for origin in LISTS for name in headers("harmless", origin) if is_early(name)]
    assert sum(bool(unknown_words(name)) for name in names) <= 0.12 * len(names)


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["ld_1_cm", "ld_2_cm", "ld_3_cm"], ["ld_2_cm", "ld_3_cm"]),
        (["v1_ldh", "v2_ldh"], ["v2_ldh"]),
        (["ldh_0", "ldh_1"], ["ldh_1"]),
        (["tp53", "tp63"], []),
        ([f"score_{n}" for n in range(1, 20)], []),
        (["size_2_cm", "size_5_cm"], []),
    ],
)
def test_the_later_of_a_numbered_few_are_asked_about(names: list[str], asked: list[str]) -> None:
    rows = [[f"P-{n}", *(f"{(n * 7 + k) % 29}.5" for k in range(len(names)))] for n in range(30)]
    columns = draft_table(read_facts(["Case ID", *names], rows)).columns
    assert [c.source for c in columns if any("later than the first" in ask for ask in c.checks)] == asked


@pytest.mark.parametrize(
    ("header", "cells"), [("visit_link", range(734561, 734591)), ("SiteLink", range(10**6, 10**6 + 30))]
)
def test_long_whole_numbers_of_one_row_each_are_no_measurement_unasked(header: str, cells: range) -> None:
    clinical, text = draft({header: list(cells), "Age": AGE})
    found = next(c for c in clinical["columns"] if c["source"] == header)
    assert found["kind"] == "drop" or "does it number persons, stays or samples?" in text


def test_a_unit_of_a_hospital_is_no_unit_of_a_measurement() -> None:
    clinical, _ = draft({"unit_type": [("MICU", "SICU", "CCU")[n % 3] for n in range(30)], "Age": AGE})
    assert next(c for c in clinical["columns"] if c["source"] == "unit_type")["kind"] == "one_hot"


@pytest.mark.parametrize("header", ["ålder", "Wiek", "vek", "leeft", "alder_vid_diagnos"])
def test_an_age_is_one_in_further_languages(header: str) -> None:
    clinical, _ = draft({header: AGE})
    assert next(c for c in clinical["columns"] if c["source"] == header)["age"] is True


@pytest.mark.parametrize(
    ("header", "early"), [("APOE4", True), ("TSC1_mut", True), ("BPQ020", True), ("sepsis_30d", False), ("ld_4", True)]
)
def test_a_gene_alone_is_early_and_an_event_within_days_is_not(header: str, early: bool) -> None:
    assert (is_early(header) and not is_late(header)) is early


@pytest.mark.parametrize(
    "header",
    ["PM2.5 (µg/m3)", "T1_post", "T1w post contrast", "postcontrast_mean", "CHA2DS2-VASc", "sl_1", "Child-Pugh"],
)
def test_units_sequences_and_scores_are_no_visits_and_no_places(header: str) -> None:
    assert (is_early(header), is_late(header), is_identifying(header)) == (True, False, False)


def test_a_score_that_is_adjusted_for_age_is_none() -> None:
    clinical, _ = draft({"Age-adjusted CCI": [n % 12 for n in range(30)], "age": AGE})
    found = next(c for c in clinical["columns"] if c["source"] == "Age-adjusted CCI")
    assert (found["unit"], "age" in found) == ("unknown", False)


RADIOMIC = (
    *("glszm_SmallAreaEmphasis", "glszm_SizeZoneNonUniformityNormalized", "glrlm_LongRunHighGrayLevelEmphasis"),
    *("glcm_ClusterTendency", "glcm_ClusterShade", "glcm_MaximumProbability", "glcm_DifferenceAverage", "glcm_Imc1"),
    *("gldm_DependenceEntropy", "shape_Maximum2DDiameterColumn", "shape_MajorAxisLength", "ngtdm_Busyness"),
    *("firstorder_RobustMeanAbsoluteDeviation", "firstorder_90Percentile", "firstorder_RootMeanSquared"),
)


def test_what_pyradiomics_computes_is_drafted_unasked() -> None:
    names = [f"log-sigma-{sigma}-0-mm-3D_{name}" for sigma in range(1, 6) for name in RADIOMIC]
    rows = [[f"P-{n}", *(f"{(n * 37 + k * k) % 9973 / 7:.4f}" for k in range(len(names)))] for n in range(30)]
    columns = draft_table(read_facts(["Case ID", *names], rows)).columns
    assert {c.source for c in columns if c.timepoint in LATE or c.kind != "number"} == set()
    assert {ask for c in columns for ask in c.checks if "range is a guess" not in ask} == set()
