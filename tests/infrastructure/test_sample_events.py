"""The sample events are what the functions take."""

import json
import re

import pytest

from multimodal.imaging.jobs import JobSettings, Lane, map_item
from multimodal.ledger.claim import PlannedUnit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from multimodal.pipeline.messages import parsed_uploads
from tests.infrastructure.support import STATEMACHINES, all_states, properties
from tests.infrastructure.test_functions import FUNCTIONS, snake_case
from tests.sample_events import event_names, load_event

STEPS = {
    "fetch": ("fetch", ["WritePlan", "ReadManifest", "CopyStudy", "RecordFailure"]),
    "tables": ("table_ingest", ["CheckTable", "IngestPart", "FinishTable", "RecordTableFailure"]),
    "dataset_build": ("dataset_build", ["PlanBuild", "NameQuery", "WriteDataset", "RecordFailure"]),
}
"""State machine → its function, and the states that call it."""


@pytest.mark.parametrize(("machine", "state"), [(m, state) for m, (_, states) in STEPS.items() for state in states])
def test_a_step_is_what_the_state_machine_sends(machine: str, state: str) -> None:
    document = json.loads((STATEMACHINES / f"{machine}.asl.json").read_text(encoding="utf-8"))
    payload = dict(all_states(document["States"]))[state]["Parameters"]["Payload"]
    sample = load_event(f"{STEPS[machine][0]}_{payload['step']}")
    assert (set(sample), sample["step"]) == ({name.removesuffix(".$") for name in payload}, payload["step"])


@pytest.mark.parametrize("name", event_names())
def test_every_sample_belongs_to_a_function(name: str) -> None:
    assert any(name.startswith(snake_case(f)) for f in FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_sample(function: str) -> None:
    assert any(name.startswith(snake_case(function)) for name in event_names())


def test_arrivals_hold_every_kind_of_upload() -> None:
    uploads, unreadable = parsed_uploads(load_event("arrivals_batch"))
    assert not unreadable
    kinds = {parse_key(u.key).kind for u in uploads}
    assert kinds >= {KeyKind.OBJECT, KeyKind.ARCHIVE, KeyKind.MARKER, KeyKind.COHORT, KeyKind.TABLE}
    assert len({u.key for u in uploads}) < len(uploads), "one object comes twice"


def test_features_name_a_unit() -> None:
    (upload,), _ = parsed_uploads(load_event("feature_ingest_batch"))
    unit = parse_key(upload.key).unit
    assert unit is not None
    assert upload.key == unit.result_key("features.json")


@pytest.mark.parametrize("name", ["record_outcome_job_completed", "record_outcome_job_failed"])
def test_the_sample_job_has_the_fields_of_a_planned_one(name: str) -> None:
    unit = PlannedUnit("imaging#d#s#t", "d", "s", "t", "0" * 16, 1, 10, 1000, "runs/r/listings/x.json")
    item = map_item("run-1", [unit], JobSettings("raw", "processed", "image", 5, 7200), Lane.PROCESSING)
    job = load_event(name)["job"]
    assert set(job) == set(item)
    assert {k: type(v) for k, v in job.items()} == {k: type(v) for k, v in item.items()}


def test_custom_resource_events_carry_the_properties_of_the_template() -> None:
    wanted = set(properties("FeatureGroups"))
    for kind in ("create", "update", "delete"):
        event = load_event(f"feature_groups_{kind}")
        assert event["RequestType"].lower() == kind
        assert set(event["ResourceProperties"]) == wanted


def test_both_forms_of_a_run_are_there() -> None:
    assert set(load_event("plan_jobs_run")["input"]) == {"run_id"}
    assert {"Subject", "Dataset"} <= set(load_event("plan_jobs_subjects")["input"])


@pytest.mark.parametrize("name", event_names())
def test_samples_hold_no_real_account(name: str) -> None:
    accounts = set(re.findall(r"(?<![\w.])\d{12}(?![\w.])", json.dumps(load_event(name))))
    assert accounts <= {"111122223333"}


def test_an_unknown_sample_names_those_that_exist() -> None:
    with pytest.raises(FileNotFoundError, match="plan_jobs_run"):
        load_event("nothing")
