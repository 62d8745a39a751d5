"""Upload → features, with a corrupt study and one without a segmentation among good ones."""

import re

import pytest
from rich.console import Console

from cli.ledger import print_units, read_units
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.studies import Studies


def test_good_studies_complete_whether_folder_zip_or_marked(first_upload: Pipeline, studies: Studies) -> None:
    statuses = {study.subject: first_upload.unit(study.subject).status for study in studies.good}
    assert set(statuses.values()) == {"COMPLETED"}, statuses
    assert len(statuses) == len(studies.good)


def test_each_good_study_has_one_record(first_upload: Pipeline, studies: Studies) -> None:
    rows = first_upload.features_now(study.subject for study in studies.all)
    assert sorted(rows) == sorted(study.subject for study in studies.good)


def test_the_store_holds_exactly_the_values_of_features_json(first_upload: Pipeline, studies: Studies) -> None:
    rows = first_upload.features(study.subject for study in studies.good)
    for study in studies.good:
        document = first_upload.result(first_upload.unit(study.subject), "features.json")
        assert document is not None
        [roi] = [roi for roi in document["rois"] if roi["primary"]]
        row = rows[study.subject]
        stored = {name: row[name] for name in roi["features"]}
        assert stored == pytest.approx(roi["features"], rel=1e-12, abs=0)
        assert len(stored) > 50
        assert row["volume_ml"] == pytest.approx(roi["volume_ml"], rel=1e-12)
        assert row["roi_voxels"] == roi["voxels"]


def test_the_volume_is_that_of_the_tumour(first_upload: Pipeline, studies: Studies) -> None:
    rows = first_upload.features(study.subject for study in studies.good)
    for subject, row in rows.items():
        assert row["volume_ml"] == pytest.approx(studies.volumes_ml[subject], rel=1e-3)


def test_event_time_is_when_the_patient_was_scanned(first_upload: Pipeline, studies: Studies) -> None:
    rows = first_upload.features(study.subject for study in studies.good)
    for study in studies.good:
        document = first_upload.result(first_upload.unit(study.subject), "features.json")
        assert document is not None
        assert rows[study.subject]["event_time"] == document["acquired_at"]
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", document["acquired_at"])


def test_one_correlation_id_from_the_ledger_to_the_record(first_upload: Pipeline, studies: Studies) -> None:
    rows = first_upload.features(study.subject for study in studies.good)
    for study in studies.good:
        unit = first_upload.unit(study.subject)
        assert rows[study.subject]["correlation_id"] == unit.text("correlation_id") != ""


def test_the_corrupt_study_is_quarantined_with_its_reason(first_upload: Pipeline, studies: Studies) -> None:
    unit = first_upload.unit(studies.corrupt.subject)
    rejection = first_upload.result(unit, "rejection.json")
    assert rejection is not None
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", rejection["reason_code"])
    assert unit.text("reason_message")
    assert first_upload.result(unit, "features.json") is None


def test_a_refusal_is_visible_in_status(first_upload: Pipeline, studies: Studies) -> None:
    console = Console(record=True, width=200, quiet=False)
    print_units(console, read_units(first_upload.deployment))
    text = console.export_text()
    [row] = [line for line in text.splitlines() if studies.unsegmented.subject in line and "QUARANTINED" in line]
    assert "NO_SEGMENTATION" in row
    unit = first_upload.unit(studies.unsegmented.subject)
    assert unit.text("reason_message") in text


def test_the_executions_end_tells_that_a_unit_was_rejected(first_upload: Pipeline, studies: Studies) -> None:
    for study in (studies.corrupt, studies.unsegmented):
        execution = first_upload.execution(first_upload.unit(study.subject).text("run_id"))
        assert execution["status"] == "FAILED"
        assert re.search(r"\d+ of \d+ unit", execution.get("cause", "")), execution


def test_nothing_is_retried_for_ever(first_upload: Pipeline, studies: Studies) -> None:
    rejected = [first_upload.unit(study.subject) for study in (studies.corrupt, studies.unsegmented)]
    first_upload.settle(6)
    for unit in rejected:
        assert first_upload.unit(unit.text("subject")).item == unit.item
        assert len(first_upload.runs_of(unit)) == 1


def test_each_study_ran_once_in_one_job(first_upload: Pipeline, studies: Studies) -> None:
    for study in studies.good:
        unit = first_upload.unit(study.subject)
        run_id = unit.text("run_id")
        assert first_upload.runs_of(unit) == [run_id]
        [job_id] = [job for job, units in first_upload.jobs_of(run_id).items() if unit.unit_id in units]
        assert first_upload.attempts_at(job_id) == [], "small studies take the fast lane"
