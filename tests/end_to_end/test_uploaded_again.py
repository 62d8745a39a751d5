"""What happens to a study after its first run: repeated events, late objects, re-runs, retries."""

import json
import random

import pytest

from cli.main import main
from cli.project import DATASET
from cli.retry import request_reruns
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.studies import Studies, unit_id


def test_the_same_upload_again_shuffled_and_with_duplicates_changes_nothing(
    first_upload: Pipeline, studies: Studies
) -> None:
    subjects = [study.subject for study in studies.folders]
    before = first_upload.features(subjects)
    units = {subject: first_upload.unit(subject) for subject in subjects}
    keys = [f"imaging/{DATASET}/{file.key}" for study in studies.folders for file in study.files]
    first_upload.upload(studies.folders)
    first_upload.announce(random.choices(keys, k=2 * len(keys)))
    first_upload.wait_for_arrivals(units.values())
    # The quiet period has to pass before the units are listed again and found unchanged.
    first_upload.settle(8)
    first_upload.wait_for(unit_id(study) for study in studies.folders)
    assert first_upload.features(subjects) == before
    for subject in subjects:
        unit = first_upload.unit(subject)
        assert unit.number("last_arrival") > units[subject].number("last_arrival")
        assert unit.text("content_version") == units[subject].text("content_version")
        assert len(first_upload.runs_of(unit)) == 1


def test_a_late_object_makes_the_next_generation(first_upload: Pipeline, studies: Studies) -> None:
    study = studies.folders[0]
    before = first_upload.unit(study.subject)
    features = first_upload.features([study.subject])[study.subject]
    first_upload.put(f"{study.subject}/{study.study}/late.txt", b"came later, and is not DICOM")
    after = first_upload.wait_for_run(before)
    assert after.status == "COMPLETED"
    assert after.text("content_version") != before.text("content_version")
    assert after.number("objects") == before.number("objects") + 1
    again = first_upload.features([study.subject])[study.subject]
    assert again["volume_ml"] == features["volume_ml"]


def test_a_cohort_file_runs_its_subjects_again(first_upload: Pipeline, studies: Studies) -> None:
    before = first_upload.unit(studies.zipped.subject)
    first_upload.put("_cohort.json", json.dumps({"subjects": [studies.zipped.subject]}).encode())
    after = first_upload.wait_for_run(before)
    assert after.status == "COMPLETED"
    assert after.text("content_version") == before.text("content_version")


def test_the_articles_input_starts_a_run(first_upload: Pipeline, studies: Studies) -> None:
    before = first_upload.unit(studies.zipped.subject)
    payload = {"Subject": [studies.zipped.subject], "Dataset": DATASET, "Bucket": "ignored"}
    first_upload.deployment.states.start_execution(
        stateMachineArn=first_upload.deployment.output("ImagingStateMachineArn"), input=json.dumps(payload)
    )
    after = first_upload.wait_for_run(before)
    assert after.status == "COMPLETED"
    assert first_upload.execution(after.text("run_id"))["status"] == "SUCCEEDED"


def test_a_rejected_unit_runs_again_alone_when_asked(first_upload: Pipeline, studies: Studies) -> None:
    before = first_upload.unit(studies.unsegmented.subject)
    others = {study.subject: first_upload.unit(study.subject).text("run_id") for study in studies.good}
    answers = request_reruns(first_upload.deployment, [before.unit_id])
    assert answers["requested"] == [before.unit_id]
    ready = first_upload.unit(studies.unsegmented.subject)
    assert (ready.status, ready.text("reason_code")) == ("READY", "")
    assert request_reruns(first_upload.deployment, [before.unit_id])["requested"] == []
    after = first_upload.wait_for_run(before)
    assert (after.status, after.text("reason_code")) == ("QUARANTINED", "NO_SEGMENTATION")
    for subject, run_id in others.items():
        assert first_upload.unit(subject).text("run_id") == run_id


@pytest.mark.usefixtures("shell")
def test_the_command_retries_by_subject(
    first_upload: Pipeline, studies: Studies, capsys: pytest.CaptureFixture[str]
) -> None:
    before = first_upload.unit(studies.unsegmented.subject)
    code = main(["retry", "--unit", studies.unsegmented.subject, "--json", "--stack", first_upload.deployment.stack])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["requested"] == [before.unit_id]
    after = first_upload.wait_for_run(before)
    assert after.number("attempt") == before.number("attempt") + 1
    assert (after.status, after.text("reason_code")) == (before.status, before.text("reason_code"))
