"""The cohort page: what is counted, who stands out, and pages that load and run nothing."""

import csv
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import pytest

import report_build.app
from multimodal.ledger.ports import StoredObject
from multimodal.ledger.unit import Status
from multimodal.report.build import ReportBuilder
from multimodal.report.cohort import Cohort, funnel, lost, presence
from multimodal.report.metrics import Metric, number
from multimodal.report.page import INDEX, CohortView, linked_results, report_files, study_labels
from multimodal.report.quality_checks import MEANINGS, meaning
from multimodal.report.reading import CohortReader
from multimodal.report.statistics import distribution
from radiomics_job.quality.checks import QcWarning
from tests.html_page import Page
from tests.sample_events import load_event
from tests.unit.functions.fakes import FakeObjects

HOSTILE = "<script>alert(1)</script>"
LEVELS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4}


class Documents:
    """A processed bucket in memory."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents

    def objects_under(self, prefix: str) -> list[StoredObject]:
        return [StoredObject(key, 1, "") for key in self.documents if key.startswith(prefix)]

    def read_json(self, key: str) -> Any:
        return self.documents.get(key)

    def lines(self, key: str) -> Any:
        return self.documents.get(key)


def row(modality: str, subject: str, study: str = "", status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {
        "dataset": "made",
        "modality": modality,
        "subject": subject,
        "study": study,
        "status": status,
        "attempt": 1,
    } | more


def features(subject: str, volume: float, mean: float, **more: Any) -> dict[str, Any]:
    return {
        "subject": subject,
        "study_uid": f"1.2.840.99999.1.{subject}",
        "acquired_at": "2001-03-02T08:15:30Z",
        "rois": [
            {
                "label": "Tumour",
                "source": "SEG",
                "primary": True,
                "voxels": 648,
                "slices": 10,
                "volume_ml": volume,
                "features": {"original_firstorder_Mean": mean, "original_shape_Sphericity": None},
                "missing": {"original_shape_Sphericity": "GANTRY_TILT"},
            }
        ],
        "acquisition": {"manufacturer": "GE", "model": "LightSpeed", "kernel": None, "kvp": 120.0, "contrast": None},
        "qc": {"status": "accept", "warnings": []},
        "run": {"run_id": "run-1", "job_id": "img-1", "content_version": "abc"},
        "provenance": {"params": "ct", "params_hash": "f" * 64, "input_hash": "e" * 64, "versions": {"numpy": "2.3"}},
    } | more


def quality(volume: float) -> dict[str, Any]:
    return {"volume_ml": volume, "voxels": 648, "connected_parts": 1, "hu_max": 700, "findings": []}


def run(mapped: float) -> dict[str, Any]:
    return {
        "assay": {"engine": "salmon", "engine_version": "1.10.1", "reference": "human"},
        "library": {"declared": "A", "detected": "ISR", "conflict": False, "compatible_fragment_ratio": 0.98},
        "metrics": {"total_reads": 12_000, "mapped_percent": mapped},
        "qc": {"genes_detected": 20_000, "warnings": []},
    }


def world(studies: int = 8, subject: str = "P-0") -> tuple[Documents, list[dict[str, Any]]]:
    """Return a bucket and a ledger: studies of which the first is far larger, samples, a table, a refused study."""
    documents: dict[str, Any] = {}
    rows = [row("imaging", "P-99", "s", "QUARANTINED", reason_code="NO_CT", reason_message="Upload the CT images.")]
    for n in range(studies):
        name = subject if n == 0 else f"P-{n}"
        volume = 900.0 if n == 0 else 10.0 + n
        documents[f"imaging/made/{name}/s/features.json"] = features(name, volume, 30.0 + n if n else 999.0)
        documents[f"imaging/made/{name}/s/qc.json"] = quality(volume)
        rows.append(row("imaging", name, "s"))
    for n in range(1, 7):
        documents[f"genomics/made/P-{n}/run.json"] = run(5.0 if n == 1 else 90.0 + n / 10)
        rows.append(row("genomics", f"P-{n}"))
    rows += [
        row("genomics", "-samplesheet"),
        row("clinical", "patients.csv", content_version="u1", counts={"rows": 9, "records": 8, "rejected_rows": 1}),
        row("imaging", "P-1", "s") | {"dataset": "another"},
        row("imaging", "-", "-", kind="note", reason_code="KEY_NOT_ACCEPTED", reason_message="The key is too short."),
    ]
    documents["clinical/made/_state/state.json"] = {"schema": 1, "pending": [], "records": "state.jsonl.gz"}
    documents["state.jsonl.gz"] = [
        json.dumps(["laptop-made-clinical-baseline-v2", f"P-{n}", "h", "t", "u"]) for n in range(3, 12)
    ]
    documents["models/made/b1/20261101T000000-aa/report.html"] = ""
    documents["models/made/b2/20261128T000000-bb/report.html"] = ""
    return Documents(documents), rows


def cohort(studies: int = 8, subject: str = "P-0") -> Cohort:
    documents, rows = world(studies, subject)
    return CohortReader(documents).read("made", rows)


def pages(found: Cohort, results: str = "../../") -> dict[str, str]:
    return dict(report_files(found, results))


def test_values_far_from_the_median_are_outliers() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 40.0}
    found = distribution(values)
    assert found is not None
    # By hand: median 3, absolute deviations 2 1 0 1 37, their median 1; 37 / 1.4826.
    assert [(name, round(z, 3)) for name, z in found.outliers] == [("e", 24.956)]
    assert found.z(3.0) == 0


def test_where_most_values_are_the_same_the_mean_deviation_judges() -> None:
    found = distribution({str(n): 1.0 for n in range(9)} | {"far": 11.0})
    assert found is not None
    assert [(name, round(z, 3)) for name, z in found.outliers] == [("far", round(10 / 1.2533, 3))]


@pytest.mark.parametrize("values", [[5.0] * 9, [1.0, 2.0, 3.0, 400.0], [7.0]])
def test_equal_and_few_values_are_not_judged(values: list[float]) -> None:
    found = distribution({str(n): value for n, value in enumerate(values)})
    assert found is not None
    assert found.outliers == []
    assert found.z(1e9) is None


def test_what_differs_by_less_than_its_precision_is_no_outlier() -> None:
    hounsfield = dict(zip("abcdefg", [650.0, 653.0, 653.0, 653.0, 653.5, 654.0, 656.0], strict=True))
    exact, judged = distribution(hounsfield), distribution(hounsfield, precision=0.01)
    far = distribution(hounsfield | {"metal": 3071.0}, precision=0.01)
    logarithmic = distribution(
        {str(n): 1000.0 + n % 2 for n in range(9)} | {"x": 1005.0}, logarithmic=True, precision=0.01
    )
    constant = distribution(dict.fromkeys("abcdefg", 5.0), precision=0.01)
    assert exact is not None
    assert judged is not None
    assert far is not None
    assert logarithmic is not None
    assert constant is not None
    assert exact.outliers
    assert not judged.outliers
    assert [name for name, _ in far.outliers] == ["metal"]
    assert not logarithmic.outliers
    assert constant.z(6.0) is None
    studies = cohort(7).studies
    highest = dict(zip([study.name for study in studies], [*hounsfield.values(), 653.0], strict=True))
    found = Metric("hu_max", "Highest value", "HU", lambda study: highest[study.name]).of(studies)
    assert found is not None
    assert not found.outliers


def test_the_page_says_what_is_drawn_by_its_logarithm_and_who_is_not_counted() -> None:
    words = Page(pages(cohort())[INDEX]).words
    assert "Tumour volume mL, logarithmic" in words
    assert "Slices with tumour logarithmic" not in words
    assert "at least 1.0 % of the median" in words
    assert "Whoever is only in rejected rows of a table is not among them." in words
    assert "Rows of 1 table were rejected" in words


def test_a_value_that_all_have_has_no_scale() -> None:
    """Only what is drawn is drawn by its logarithm."""
    words = Page(pages(cohort())[INDEX]).words
    same = words[words.index("The same for all:") :].partition(".")[0]
    assert "logarithmic" not in same


def test_sizes_are_judged_by_their_logarithm_and_never_where_one_is_zero() -> None:
    doubling = {str(n): 2.0**n for n in range(12)}
    linear, logarithmic = distribution(doubling), distribution(doubling, logarithmic=True)
    zero = distribution(doubling | {"none": 0.0}, logarithmic=True)
    assert linear is not None
    assert logarithmic is not None
    assert zero is not None
    assert linear.outliers
    assert not logarithmic.outliers
    assert zero.z(0.0) is not None


def test_each_unit_is_counted_once_in_its_modality() -> None:
    found = cohort()
    assert (len(found.studies), len(found.samples), len(found.tables), len(found.notes)) == (9, 6, 1, 1)
    assert funnel(found.studies) == [("uploaded", 9), ("taken by a run", 9), ("measured", 8), ("in Feature Store", 8)]
    assert lost(found.studies) == [("QUARANTINED", "NO_CT", 1)]


def test_a_refused_study_shows_no_result_of_an_earlier_upload() -> None:
    documents, rows = world()
    documents.documents["imaging/made/P-99/s/features.json"] = features("P-99", 1.0, 1.0)
    found = CohortReader(documents).read("made", rows)
    (refused,) = found.refused
    assert refused.unit.subject == "P-99"
    assert refused.result == {}
    assert "P-99" not in found.by_modality["CT"]


def test_who_has_which_modality() -> None:
    found = cohort()
    assert set(found.by_modality) == {"CT", "RNA-seq", "clinical-baseline"}
    counted = {tuple(there.values()): len(having) for there, having in presence(found)}
    # CT P-0…7, RNA-seq P-1…6, clinical P-3…11; P-99 was refused.
    expected = {(1, 1, 1): 4, (1, 1, 0): 2, (1, 0, 0): 1, (1, 0, 1): 1, (0, 0, 1): 4, (0, 0, 0): 1}
    assert counted == {tuple(map(bool, key)): n for key, n in expected.items()}
    assert "no no yes 4 P-10, P-11, P-8, P-9 " in Page(pages(found)[INDEX]).words, (
        "few are named: an id may be misspelt"
    )
    assert "P-100" not in Page(pages(cohort(studies=120))[INDEX]).words.split("Who, of few")[1].split("Each subject")[0]


def test_a_ready_matrix_and_reads_are_one_modality() -> None:
    documents, rows = world()
    documents.documents["genomics/made/-expression/_state/state.json"] = {"schema": 1, "pending": [], "records": "m.gz"}
    documents.documents["m.gz"] = [json.dumps(["laptop-made-rna-v1", f"P-{n}", "h", "t", "u"]) for n in (7, 8)]
    found = CohortReader(documents).read("made", rows)
    assert set(found.by_modality) == {"CT", "RNA-seq", "clinical-baseline"}
    assert found.by_modality["RNA-seq"] == {f"P-{n}" for n in range(1, 9)}


def test_a_cohort_of_a_matrix_says_nothing_of_studies_and_what_the_matrix_lacks() -> None:
    lacks = "14 of the panel's 21 genes are not in the matrix."
    documents, _ = world()
    rows = [row("genomics", "-expression/GSE1.tsv", warnings=[lacks], counts={"rows": 6, "records": 6})]
    text = Page(pages(CohortReader(documents).read("made", rows))[INDEX]).words
    assert f"GSE1.tsv: {lacks}" in text
    for absent in ("-expression", "studies measured", "samples measured", "studies.tsv", "samples.tsv", "mqc.tsv"):
        assert absent not in text


@pytest.mark.parametrize("status", ["RECEIVING", "QUARANTINED"])
def test_a_table_that_was_never_counted_does_not_stop_the_page(status: str) -> None:
    documents, rows = world()
    rows.append(row("clinical", "names.csv", status=status, reason_code="IDENTIFIERS_FOUND", content_version="u2"))
    assert "names.csv" in Page(pages(CohortReader(documents).read("made", rows))[INDEX]).words


def test_a_pet_is_a_modality_of_its_own() -> None:
    documents, rows = world()
    documents.documents["imaging/made/P-1/s/features.json"] = features("P-1", 11.0, 31.0, modality="PT")
    documents.documents["imaging/made/P-2/s/features.json"] = features("P-2", 12.0, 32.0, pet={"modality": "PT"})
    found = CohortReader(documents).read("made", rows)
    assert found.by_modality["PET"] == {"P-1", "P-2"}
    assert found.by_modality["CT"] == {f"P-{n}" for n in range(8) if n != 1}
    files, both = pages(found), ["overlay.png", "pet_overlay.png"]
    assert "CT and PET studies measured 8" in Page(files[INDEX]).words
    assert "Imaging study of P-99" in Page(files["studies/P-99/s.html"]).words, "it was not measured"
    kinds = {"P-1": ("PET study", both[1:]), "P-2": ("CT and PET study", both), "P-3": ("CT study", both[:1])}
    for name, (what, expected) in kinds.items():
        page = Page(files[f"studies/{name}/s.html"])
        assert f"{what} of {name}" in page.words
        assert [picture["src"].rpartition("/")[2] for picture in page.all("img")] == expected
        assert [f"imaging/made/{name}/s/{n}" in linked_results(found) for n in both] == [n in expected for n in both]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "7"])
def test_what_is_no_number_is_missing(value: object) -> None:
    assert number(value) is None


def test_outliers_are_named_with_their_pages() -> None:
    index = Page(pages(cohort())[INDEX])
    assert "15 of 16 uploads became features" in index.words
    assert "Look first at P-0" in index.words
    links = [link["href"] for link in index.all("a")]
    assert links.count("studies/P-0/s.html") >= 3, "headline, volume, mean"
    assert "NO_CT Upload the CT images." in index.words
    assert "The key is too short." in index.words


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["1.2.840.113619.2"], ["P-1"]),
        (["1.2.840.113619.701234", "1.2.840.113619.765432"], ["P-1 …701234", "P-1 …765432"]),
        (["1.2.840.113619.1.99999", "1.2.840.113619.2.99999"], ["P-1 …1.99999", "P-1 …2.99999"]),
        (["ct1", "ct2"], ["P-1 ct1", "P-1 ct2"]),
        (["0123456789", "x0123456789"], ["P-1 0123456789", "P-1 x0123456789"]),
    ],
)
def test_several_studies_of_a_subject_are_told_apart_in_few_characters(names: list[str], labels: list[str]) -> None:
    rows = [row("imaging", "P-1", name) for name in names]
    found = CohortReader(Documents({})).read("made", rows)
    assert list(study_labels(found.studies).values()) == labels
    index = Page(pages(found)[INDEX])
    assert [f"studies/P-1/{name}.html" in {link["href"] for link in index.all("a")} for name in names] == [True] * len(
        names
    )


def test_reports_are_linked_where_they_are() -> None:
    found = cohort()
    links = [link["href"] for link in Page(pages(found)[INDEX]).all("a")]
    assert "../../clinical/made/u1/report.html" in links
    models = [link for link in links if "models/" in link]
    assert [link.split("/")[-3] for link in models] == ["b2", "b1"], "the newest first"
    assert {key for key in linked_results(found) if "P-3" in key} == {
        *(f"imaging/made/P-3/s/{name}" for name in ("overlay.png", "features.json", "qc.json")),
        "genomics/made/P-3/run.json",
    }


def test_models_go_by_their_time_and_the_page_says_of_when_it_is() -> None:
    documents, rows = world()
    documents.documents["models/made/b3/mine/report.html"] = ""
    rows[0] |= {"completed_at": 1_764_000_000}
    rows[1] |= {"quarantined_at": 1_764_323_940}
    rows.append(row("imaging", "P-1", "s", failed_at=2_000_000_000) | {"dataset": "another"})
    found = CohortReader(documents).read("made", rows)
    words = Page(pages(found)[INDEX]).words
    assert "2026-11-28 00:00 UTC, on build b2 2026-11-01 00:00 UTC, on build b1" in words
    assert "b3/mine" in words, "a run that somebody named"
    assert "last result 2025-11-28 09:59 UTC" in words
    assert "last result" not in Page(pages(cohort())[INDEX]).words


def test_a_study_has_its_picture_numbers_and_provenance() -> None:
    page = Page(pages(cohort())["studies/P-0/s.html"])
    (picture,) = page.all("img")
    assert picture["src"] == "../../../../imaging/made/P-0/s/overlay.png"
    assert "900 mL" in picture["alt"]
    for word in ("Q4LE", "GANTRY_TILT", "HU", "f" * 64, "numpy", "LightSpeed"):
        assert word in page.words
    assert "No features." in Page(pages(cohort())["studies/P-99/s.html"]).words


def test_a_study_that_stands_out_says_so_itself() -> None:
    found = cohort()
    view, files = CohortView(found, ""), pages(found)
    assert f"Look first at P-0 : {view.outlying['P-0/s']} of its {len(view.features)} " in Page(files[INDEX]).words
    words = Page(files["studies/P-0/s.html"]).words
    assert "Measured; quality control has no objection. 1 of its 1 radiomic features is an outlier." in words
    assert "of its" not in Page(files["studies/P-3/s.html"]).words


def test_a_study_that_may_be_of_another_patient_is_what_stands_out_first() -> None:
    """By its PatientID, or because another subject has the same study: measured, or rejected and called by its UID."""
    documents, rows = world()
    warned = {"qc": {"status": "warn", "warnings": ["PATIENT_ID_DIFFERS", "GANTRY_TILT"]}}
    uid = "1.2.840.113619.2.55"
    for name, more in (("P-2", warned), ("P-3", {"study_uid": uid}), ("P-4", {"study_uid": None})):
        documents.documents[f"imaging/made/{name}/s/features.json"] = features(name, 12.0, 32.0, **more)
    rows += [row("imaging", name, uid, "QUARANTINED", reason_code="NO_CT") for name in ("P-55", "P-56")]
    rows += [row("imaging", "P-6", "1.2.840.113619.2.77"), row("imaging", "P-6", "1.2.840.113619.2.77x")]
    files = pages(CohortReader(documents).read("made", rows))
    words = Page(files[INDEX]).words
    assert "Look first at P-2 : the files' PatientID is not the subject they were uploaded as" in words
    assert "Look then at P-3 , P-55 , P-56 : the same StudyInstanceUID under several subjects" in words
    assert (words.count("Look first at"), words.count("Look then at P-0")) == (1, 1)
    assert 'class="verdict held"' in pages(CohortReader(documents).read("made", rows[1:9]))[INDEX]
    told = Page(files["studies/P-2/s.html"]).words
    assert "PATIENT_ID_DIFFERS: the files' PatientID is not the subject" in told
    assert "GANTRY_TILT: the slices are sheared" in told
    page = Page(files["studies/P-3/s.html"])
    assert "It has the StudyInstanceUID of P-55 , P-56 : another patient's images, or" in page.words
    assert "another subject has this study" in page.words
    assert "no objection" not in page.words
    assert f"../../studies/P-56/{uid}.html" in {link["href"] for link in page.all("a")}
    assert not any("StudyInstanceUID" in Page(text).words for text in pages(cohort()).values() if text.startswith("<"))


def test_samples_of_the_same_reads_stand_out_first() -> None:
    documents, rows = world()
    for name, digest in (("P-2", "a" * 64), ("P-3", "a" * 64), ("P-4", "b" * 64), ("P-5", "")):
        documents.documents[f"genomics/made/{name}/run.json"] |= {"provenance": {"input_hash": digest}}
    page = Page(pages(CohortReader(documents).read("made", rows))[INDEX])
    assert "Look first at P-2 , P-3 : the same reads under several cases" in page.words
    assert {"samples/P-2.html", "samples/P-3.html"} <= {link["href"] for link in page.all("a")}


def test_every_warning_of_the_job_has_a_sentence() -> None:
    assert set(MEANINGS) == {str(warning) for warning in QcWarning}
    assert meaning("Half of the reads are ribosomal.") == "Half of the reads are ribosomal."


@pytest.mark.parametrize(("reason", "linked"), [("SAME", True), ("UNREADABLE_DICOM", False), (None, False)])
@pytest.mark.parametrize(
    ("upload", "page"), [("imaging/made/P-99/s", "studies/P-99/s"), ("genomics/made/P-99", "samples/P-99")]
)
def test_a_rejected_upload_leads_to_its_details(upload: str, page: str, reason: str | None, linked: bool) -> None:
    """A rejection of an earlier upload, or none at all, is not linked; what it names is on no page."""
    documents, rows = world()
    rows.append(row("genomics", "P-99", status="QUARANTINED", reason_code="READS_TRUNCATED", reason_message="Again."))
    key = f"{upload}/rejection.json"
    if reason:
        same = "NO_CT" if upload.startswith("imaging") else "READS_TRUNCATED"
        code = same if reason == "SAME" else reason
        documents.documents[key] = {"reason_code": code, "details": {"files": ["Doe^Jane.dcm"]}}
    found = CohortReader(documents).read("made", rows)
    files = pages(found)
    links = [link["href"] for link in Page(files[f"{page}.html"]).all("a")]
    assert (f"{'../' * (page.count('/') + 2)}{key}" in links) is linked
    assert (key in linked_results(found)) is linked
    assert not [name for name, text in files.items() if "Doe" in text]
    assert f"{page}.html" in [link["href"] for link in Page(files[INDEX]).all("a")]


def test_a_sample_has_its_numbers_and_provenance() -> None:
    documents, rows = world()
    conflict = {"declared": "ISF", "detected": "ISR", "conflict": True, "warnings": ["Check the kit."]}
    documents.documents["genomics/made/P-1/run.json"] |= {
        "library": conflict,
        "run": {"run_id": "rna-1"},
        "provenance": {"input_hash": "c" * 64, "rnaseq_job_version": "0.1.0", "command": ["salmon", "Doe_Jane.fastq"]},
    }
    files = pages(CohortReader(documents).read("made", rows))
    page = Page(files["samples/P-1.html"])
    assert "Measured, with 1 warning of quality control. Check the kit." in page.words
    for word in ("salmon 1.10.1", "human", "ISF", "ISR", "rna-1", "c" * 64, "0.1.0"):
        assert word in page.words
    z = re.search(r"Mapped 5 % (\S+)", page.words)
    assert z is not None
    assert float(z[1].replace("\u2212", "-")) < -3.5, "of the cohort's samples, which have 90 %"
    links = [link["href"] for link in page.all("a")]
    assert "../../../genomics/made/P-1/run.json" in links
    assert "Doe" not in page.words


def test_pages_load_and_run_nothing_and_link_to_what_is_there() -> None:
    files = pages(cohort())
    for name, text in files.items():
        if not name.endswith(".html"):
            continue
        page = Page(text)
        assert not {"script", "link", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in page.found}
        assert not re.search(r"url\(|@import|javascript:|https?://", text)
        assert not [key for _, given in page.found for key in given if key.startswith("on")]
        assert "default-src 'none'" in text
        targets = [link["href"] for link in page.all("a")]
        ids = [given["id"] for _, given in page.found if "id" in given]
        assert len(ids) == len(set(ids))
        assert {t[1:] for t in targets if t.startswith("#")} <= set(ids)
        own = [unquote(t) for t in targets if not t.startswith(("#", "../"))]
        assert set(own) <= set(files)


def test_pages_can_be_read_without_eyes_and_mouse() -> None:
    for name, text in pages(cohort()).items():
        if not name.endswith(".html"):
            continue
        page = Page(text)
        assert [given["lang"] for given in page.all("html")] == ["en"]
        assert len(page.all("main")) == len(page.all("h1")) == 1
        assert text.index("<title>") < text.index("<body>")
        levels = [LEVELS[tag] for tag, _ in page.found if tag in LEVELS]
        assert all(after - before <= 1 for before, after in pairwise(levels)), "none is skipped"
        assert all(given.get("alt") for given in page.all("img"))
        assert all(given.get("aria-label") and given["role"] == "img" for given in page.all("svg"))
        if page.all("table"):
            page.assert_tables_can_be_heard()
        assert page.all("a")[0]["href"] == "#main"


def test_nothing_but_the_subject_names_a_patient() -> None:
    for text in pages(cohort()).values():
        assert "1.2.840.99999" not in text
        assert "2001-03-02" not in text


def test_hostile_names_stay_text() -> None:
    files = pages(cohort(subject=f"{HOSTILE}&=x"))
    for text in files.values():
        assert not text.startswith("=")
        assert "<script" not in text or "\t" in text
    Page(files[INDEX])


def test_a_cohort_of_nothing_says_so() -> None:
    files = pages(CohortReader(Documents({})).read("made", []))
    page = Page(files[INDEX])
    assert "Nothing has been uploaded to this dataset yet." in page.words
    assert not page.all("svg")
    assert files["studies.tsv"].count("\n") == 1


@pytest.mark.parametrize("status", [status.value for status in Status])
def test_a_study_of_every_status_has_a_page(status: str) -> None:
    found = CohortReader(Documents({})).read("made", [row("imaging", "P-1", "s", status)])
    Page(pages(found)["studies/P-1/s.html"])
    Page(pages(found)[INDEX])


@pytest.mark.parametrize("status", [status.value for status in Status])
def test_a_sample_of_every_status_has_a_page(status: str) -> None:
    found = CohortReader(Documents({})).read("made", [row("genomics", "P-1", status=status)])
    Page(pages(found)["samples/P-1.html"])


def test_files_have_every_number() -> None:
    files = pages(cohort())
    studies = list(csv.DictReader(io.StringIO(files["studies.tsv"]), delimiter="\t"))
    first = next(each for each in studies if each["subject"] == "P-0")
    assert (float(first["volume_ml"]), float(first["original_firstorder_Mean"])) == (900.0, 999.0)
    assert (first["voxels"], first["original_shape_Sphericity"]) == ("648", "")
    assert next(each for each in studies if each["subject"] == "P-99")["reason"] == "NO_CT"
    quality_lines = files["imaging_qc_mqc.tsv"].splitlines()
    assert quality_lines[0] == "# id: imaging_qc"
    assert "# plot_type: table" in quality_lines
    (head, *rows) = [line for line in quality_lines if not line.startswith("#")]
    assert head.startswith("Sample\tvolume_ml\t")
    assert [line.split("\t")[0] for line in rows] == [f"P-{n}" for n in range(8)]


def test_the_same_cohort_gives_the_same_pages() -> None:
    assert pages(cohort()) == pages(cohort())


class Rows:
    """A ledger's items."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.items = rows

    def rows(self) -> list[dict[str, Any]]:
        return self.items


def stored(documents: Documents) -> FakeObjects:
    bucket = FakeObjects()
    for key, found in documents.documents.items():
        text = "\n".join(found) if isinstance(found, list) else json.dumps(found)
        bucket.put(key, text.encode())
    return bucket


def test_a_report_is_written_again_only_when_something_changed() -> None:
    documents, rows = world()
    bucket, ledger = stored(documents), Rows(rows)
    builder = ReportBuilder(ledger, bucket, ["made", "another"])
    assert builder.build() == {"made": 20, "another": 6}
    assert b"15 of 16 uploads" in bucket.content["reports/made/index.html"]
    assert builder.build() == {}
    rows[1] = rows[1] | {"status": "PROCESSING", "attempt": 2}
    assert builder.build() == {"made": 20}
    assert b"14 of 16 uploads" in bucket.content["reports/made/index.html"]
    rows[2] |= {"completed_at": 1_764_323_940}
    assert builder.build() == {"made": 20}
    assert b"last result 2025-11-28" in bucket.content["reports/made/index.html"], "it says of when it is"
    bucket.put("models/made/b3/20261129T000000-cc/report.html")
    assert set(builder.build()) == {"made"}
    assert b"20261129T000000-cc" in bucket.content["reports/made/index.html"]


def test_a_note_without_a_reason_is_nothing_to_mend() -> None:
    """A sample sheet that was taken and a manifest that was corrected leave such notes."""
    documents, rows = world()
    rows.append(row("genomics", "-samplesheet-1", kind="note"))
    found = CohortReader(documents).read("made", rows)
    assert len(found.notes) == 1
    assert pages(found)[INDEX] == pages(cohort())[INDEX]


@pytest.mark.parametrize("name", ["features.json", "qc.json"])
@pytest.mark.parametrize("content", [b'{"rois": [{"prim', b'"text"', b"[]", b'{"rois": null, "findings": null}'])
def test_a_damaged_document_leaves_the_other_studies_shown(name: str, content: bytes) -> None:
    documents, rows = world()
    bucket = stored(documents)
    bucket.put(f"imaging/made/P-1/s/{name}", content)
    found = dict(report_files(CohortReader(bucket).read("made", rows)))
    assert "P-2" in Page(found[INDEX]).words
    assert "studies/P-1/s.html" in found


@pytest.mark.parametrize(
    "content", [b'{"qc": {"warn', b'"text"', b"[]", b'{"qc": null, "library": null, "assay": null}']
)
def test_a_damaged_document_leaves_the_other_samples_shown(content: bytes) -> None:
    documents, rows = world()
    bucket = stored(documents)
    bucket.put("genomics/made/P-1/run.json", content)
    found = dict(report_files(CohortReader(bucket).read("made", rows)))
    assert "90.2" in Page(found[INDEX]).words
    assert "samples/P-1.html" in found


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "x", 10**400, [1]])
def test_what_is_no_finite_number_is_shown_as_missing(value: object) -> None:
    documents, rows = world()
    study = documents.documents["imaging/made/P-1/s/features.json"]
    study["rois"][0] |= {"volume_ml": value, "features": {"original_firstorder_Mean": value}}
    documents.documents["imaging/made/P-1/s/qc.json"] = {"volume_ml": value, "voxels": value, "findings": []}
    words = Page(pages(CohortReader(documents).read("made", rows))["studies/P-1/s.html"]).words
    assert "Volume, mL" in words
    assert {"nan", "inf", "None"}.isdisjoint(words.split())


def test_a_check_of_a_unit_that_waits_is_no_change() -> None:
    documents, rows = world()
    ledger, bucket = Rows(rows), stored(documents)
    ReportBuilder(ledger, bucket, ["made"]).build()
    ledger.items = [each | {"version": 7, "due_at": 9} for each in rows]
    assert ReportBuilder(ledger, bucket, ["made"]).build() == {}


def test_the_handler_is_wired_by_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("STACK_NAME", "METRICS_NAMESPACE", "LEDGER_TABLE", "PROCESSED_BUCKET"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("DATASET_NAMES", "made,another")
    report_build.app.report_builder.cache_clear()
    documents, rows = world()
    wired = replace(report_build.app.report_builder(), ledger=Rows(rows), processed=stored(documents))
    monkeypatch.setattr(report_build.app, "report_builder", lambda: wired)
    context: Any = None
    assert set(report_build.app.handler(load_event("report_build_scheduled"), context)) == {"made", "another"}
