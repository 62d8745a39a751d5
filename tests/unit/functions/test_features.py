"""From ``features.json`` to a record, once; and the groups that take it."""

import hashlib
import re
from typing import Any

import pytest
import yaml

from multimodal.features.group import FeatureGroupSpec, FeatureType, as_text, check_group, fit, plan_additions
from multimodal.imaging import records
from multimodal.imaging.config import ParameterContract, imaging_config, load_contract
from multimodal.imaging.records import imaging_group
from multimodal.ledger.errors import BadInputError, ConfigurationError, RetryableError
from multimodal.ledger.unit import Status
from multimodal.pipeline.dataset import DatasetConfig, FeatureGroupDeployer, load_dataset
from tests.unit.functions.fakes import FakeFeatureStore
from tests.unit.functions.world import DATASET, QUIET, World, features_document, slices

GROUP = f"stack-{DATASET}-imaging-v1"


def _processed(document: dict[str, Any] | None = None) -> World:
    world = World()
    world.upload(*slices(3))
    job = world.jobs(world.sweep_until_run())[0]
    world.run_job(job, document)
    return world


def test_record_carries_identity_time_features_acquisition_and_origin() -> None:
    world = _processed()
    world.ingest(world.features_key())
    ((group, record),) = world.features.records
    assert group == GROUP
    assert record["case_id"] == "R01-001"
    assert record["event_time"] == "2011-05-04T10:20:30Z"
    assert record["event_time_source"] == "AcquisitionDate"
    assert float(record["original_firstorder_Mean"]) == 1.5
    assert record["kernel"] == "B30f"
    assert record["correlation_id"] == world.item().unit.correlation_id
    assert record["source_uri"] == f"s3://processed/{world.features_key()}"
    assert "contrast" not in record, "a missing value is left out, not written as text"
    assert world.item().status is Status.COMPLETED
    assert world.item().due_at is None


def test_record_fits_the_group_exactly() -> None:
    world = _processed()
    world.ingest(world.features_key())
    spec = imaging_group("stack", DATASET, imaging_config(DATASET), load_contract("ct"))
    assert set(world.features.records[0][1]) <= set(spec.types)
    assert set(spec.types) - set(world.features.records[0][1]) == {"contrast", "qc_warnings"}


def test_second_delivery_and_equal_rerun_write_nothing() -> None:
    world = _processed()
    world.ingest(world.features_key())
    world.ingest(world.features_key())
    world.clock.advance(9)
    world.ledger.request_rerun(world.item().unit, world.clock(), world.clock())
    run = world.tick()["run_id"]
    assert isinstance(run, str)
    world.run_job(world.jobs(run)[0])
    world.ingest(world.features_key())
    assert len(world.features.records) == 1
    assert world.item().status is Status.COMPLETED


def test_a_record_lost_with_its_group_is_written_again_by_a_rerun() -> None:
    world = _processed()
    world.ingest(world.features_key())
    ((group, record),) = world.features.records
    world.features.remake(group)
    world.clock.advance(9)
    world.ledger.request_rerun(world.item().unit, world.clock(), world.clock())
    world.run_job(world.jobs(str(world.tick()["run_id"]))[0])
    world.ingest(world.features_key())
    assert world.features.records == [(group, record)]
    assert world.item().status is Status.COMPLETED


def test_features_may_arrive_before_the_jobs_end_is_recorded(world: World) -> None:
    world.upload(*slices(3))
    run = world.sweep_until_run()
    job = world.jobs(run)[0]
    recorded = world.record_job
    world.record_job = lambda *_: {}
    document = features_document("R01-001")
    world.run_job(job, {**document, "qc": {**document["qc"], "warnings": ["HU_RANGE"]}})
    world.ingest(world.features_key())
    assert world.item().status is Status.COMPLETED
    assert world.ledger.extra[world.item().unit_id].get("warnings") == ["HU_RANGE"], "and what it warns of is not lost"
    recorded(job, {"status": "Completed", "reason": ""})
    assert world.metrics.values["UnitsProcessed"] == 1, "the funnel counts it once, whoever came first"
    assert world.item().status is Status.COMPLETED
    assert world.summarize(run)["status"] == "SUCCEEDED"


def _document_with_volume() -> dict[str, Any]:
    digest = hashlib.sha256(b"volume").hexdigest()
    return {**features_document(), "artifacts": [{"name": "ct.nii.gz", "bytes": 6, "sha256": digest}]}


def _volume_key(world: World) -> str:
    return world.features_key().replace("features.json", "ct.nii.gz")


def _running(world: World, document: dict[str, Any]) -> dict[str, Any]:
    """Leave features of a job that has not ended."""
    world.upload(*slices(3))
    job = world.jobs(world.sweep_until_run())[0]
    ended, world.record_job = world.record_job, lambda *_: {}
    world.run_job(job, document)
    world.record_job = ended
    return job


@pytest.mark.parametrize("body", [None, b"vol"])
def test_a_unit_is_not_completed_while_a_file_of_its_result_is_missing_or_cut(world: World, body: bytes | None) -> None:
    _running(world, _document_with_volume())
    if body is not None:
        world.processed.put(_volume_key(world), body)
    with pytest.raises(RetryableError, match=r"ct\.nii\.gz"):
        world.ingest(world.features_key())
    assert (world.item().status, world.features.records) == (Status.PROCESSING, [])
    assert len(world.pauses) == 3
    world.processed.put(_volume_key(world), b"volume")
    world.ingest(world.features_key())
    assert world.item().status is Status.COMPLETED


def test_a_file_that_comes_a_moment_later_costs_no_further_delivery(world: World) -> None:
    _running(world, _document_with_volume())
    world.on_pause = lambda: world.processed.put(_volume_key(world), b"volume")
    world.ingest(world.features_key())
    assert (world.item().status, len(world.pauses)) == (Status.COMPLETED, 1)


def test_a_job_that_ended_without_all_files_is_run_again_and_then_failed(world: World) -> None:
    job = _running(world, _document_with_volume())
    assert world.record_job(job, {"status": "Failed", "reason": "stopped"})["decision"] == "retry"
    world.record_job(job, {"status": "Completed", "reason": ""})
    assert (world.item().status, world.item().reason_code) == (Status.FAILED, "RESULT_MISSING")


def test_scan_without_a_date_takes_the_upload_time_and_says_so() -> None:
    world = _processed({**features_document(), "acquired_at": None, "acquired_at_source": None})
    world.ingest(world.features_key())
    record = world.features.records[0][1]
    assert record["event_time_source"] == "UploadTime"
    assert record["event_time"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("kind", [FeatureType.FRACTIONAL, FeatureType.INTEGRAL])
def test_a_zero_has_no_sign(kind: FeatureType) -> None:
    assert as_text("x", -0.0, kind, "s") == as_text("x", 0.0, kind, "s")


def test_a_scan_of_the_future_is_quarantined_unless_the_calendar_was_shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {**features_document(), "acquired_at": "2108-05-04T10:20:30Z"}
    world = _processed(document)
    world.ingest(world.features_key())
    assert (world.item().status, world.features.records) == (Status.QUARANTINED, [])
    assert "AcquisitionDate, 2108-05-04, is yet to come" in world.ledger.extra[world.item().unit_id]["reason_message"]

    shifted = imaging_config(DATASET).model_copy(update={"shifted_calendar": True})
    monkeypatch.setattr(records, "imaging_config", lambda _: shifted)
    world = _processed(document)
    world.ingest(world.features_key())
    assert world.features.records[0][1]["event_time"] == "2108-05-04T10:20:30Z"


def test_other_settings_than_the_groups_are_quarantined() -> None:
    document = features_document()
    document["provenance"]["params_hash"] = "b" * 64
    world = _processed(document)
    world.ingest(world.features_key())
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "PARAMS_MISMATCH")
    assert world.features.records == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rois", 0, "features", "original_firstorder_Mean"), "high"),
        (("rois", 0, "features", "not_a_feature"), 1.0),
        (("rois", 0, "primary"), False),
        (("rois",), []),
        (("acquisition", "kvp"), "120"),
        (("acquisition", "patient_name"), "x"),
        (("acquired_at",), "2011-05-04T10:20:30+00:00"),
        (("acquired_at",), "2011-05-04T10:20:30Z\n"),
        (("acquired_at",), "2011-02-30T10:20:30Z"),
        (("acquired_at",), "2011-05-04T25:20:30Z"),
        (("acquired_at",), "2023-11-16T10:20:30Z"),
        (("provenance",), {}),
    ],
)
def test_document_that_does_not_fit_is_quarantined_with_the_field(path: tuple[Any, ...], value: object) -> None:
    document = features_document()
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    world = _processed(document)
    world.ingest(world.features_key())
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "FEATURES_INVALID")
    assert world.features.records == []


def test_features_without_a_unit_are_left_alone(world: World) -> None:
    world.processed.write_json(world.features_key(), features_document())
    world.ingest(world.features_key())
    assert world.features.records == []


def test_group_is_a_pure_function_of_the_configuration() -> None:
    config, contract = imaging_config(DATASET), load_contract("ct")
    assert imaging_group("stack", DATASET, config, contract) == imaging_group("stack", DATASET, config, contract)
    names = [n for n, _ in imaging_group("stack", DATASET, config, contract).features]
    assert len(contract.features) == 120
    assert names[:2] == ["case_id", "event_time"]
    assert all(name in names for name in contract.features)


def _imaging_only(name: str) -> DatasetConfig:
    return load_dataset(name).model_copy(update={"genomics": None, "clinical": None})


def test_groups_are_created_then_grown_and_never_shrunk() -> None:
    store = FakeFeatureStore()
    small = ParameterContract("ct", "h", ("a", "b"))
    large = ParameterContract("ct", "h", ("a", "b", "c"))
    for contract, call in ((small, f"create {GROUP}"), (large, f"add 1 to {GROUP}"), (small, ""), (large, "")):
        store.calls.clear()
        deployer = FeatureGroupDeployer(store, _imaging_only, lambda _, c=contract: c)  # type: ignore[misc]
        assert deployer.deploy("stack", [DATASET]) == [GROUP]
        assert store.calls == ([call] if call else [])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FeatureType.FRACTIONAL, float("nan")),
        (FeatureType.FRACTIONAL, float("-inf")),
        (FeatureType.FRACTIONAL, "1.5"),
        (FeatureType.FRACTIONAL, True),
        (FeatureType.INTEGRAL, 1.5),
        (FeatureType.INTEGRAL, 2**63),
        (FeatureType.INTEGRAL, float("inf")),
        (FeatureType.INTEGRAL, 10**400),
        (FeatureType.FRACTIONAL, 10**400),
        (FeatureType.STRING, "ä" * 179_201),
        (FeatureType.STRING, "GTV-1\r\n"),
        (FeatureType.STRING, "half \ud800"),
    ],
)
def test_a_value_that_feature_store_does_not_take_is_told_by_its_name(kind: FeatureType, value: object) -> None:
    spec = FeatureGroupSpec("g", (("x", kind),))
    with pytest.raises(BadInputError, match=r"x in features\.json"):
        fit({"x": value}, spec, "features.json")


def test_the_longest_text_is_taken_and_an_unknown_feature_is_not() -> None:
    spec = FeatureGroupSpec("g", (("x", FeatureType.STRING),))
    assert len(fit({"x": "a" * 358_400}, spec, "features.json")["x"]) == 358_400
    with pytest.raises(BadInputError, match="lacks; redeploy"):
        fit({"y": 1}, spec, "features.json")


def test_deployment_says_what_features_mean() -> None:
    store = FakeFeatureStore()
    FeatureGroupDeployer(store, load_dataset, load_contract).deploy("stack", [DATASET])
    mean = store.texts[GROUP]["original_firstorder_Mean"]
    assert "original_firstorder_Mean" in mean.description
    assert mean.parameters == {"role": "feature", "unit": "HU", "timepoint": "baseline", "ibsi": "Q4LE"}
    grade = store.texts[f"stack-{DATASET}-clinical-surgery-v1"]["pathological_n"]
    assert grade.description == "Pathological N stage: N0 = 0; N1 = 1; N2 = 2"
    assert store.texts[f"stack-{DATASET}-labels-v1"]["os_days"].parameters["timepoint"] == "outcome"
    for text in (text for texts in store.texts.values() for text in texts.values()):
        assert len(text.description) <= 255
        assert all(re.fullmatch(r"[\w\s.:/=+-]{1,255}", value) for value in text.parameters.values())


def test_a_busy_service_postpones_descriptions_and_fails_no_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> int:
        raise RetryableError("Throttling")

    store = FakeFeatureStore()
    monkeypatch.setattr(store, "describe", busy)
    assert GROUP in FeatureGroupDeployer(store, load_dataset, load_contract).deploy("stack", [DATASET])


def test_change_of_type_is_rejected_and_says_what_to_do() -> None:
    spec = FeatureGroupSpec("g", (("x", FeatureType.STRING),))
    with pytest.raises(ConfigurationError, match="raise group_version"):
        plan_additions(spec, [{"FeatureName": "x", "FeatureType": "Fractional"}])


@pytest.mark.parametrize(
    "names", [("a.b",), ("write_time",), ("A", "a"), ("x" * 65,), tuple(f"f{i}" for i in range(2501))]
)
def test_names_that_feature_store_or_athena_would_not_take_are_rejected(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        check_group(FeatureGroupSpec("g", tuple((n, FeatureType.STRING) for n in names)))


def test_a_name_made_too_long_by_its_separators_is_rejected_and_says_what_to_shorten() -> None:
    name = "a-stack-" + "x" * 35 + "-clinical-baseline-v1"
    assert len(name) == 64
    check_group(FeatureGroupSpec(name, ()))
    with pytest.raises(ConfigurationError, match=r"of 65 characters.*shorter name"):
        check_group(FeatureGroupSpec("a" + name, ()))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"imaging": None}, "at least one modality"),
        ({"imaging": {"params": "CT!"}}, "imaging.params"),
        ({"imaging": {"params": "ct", "roi": {"label": "("}}}, "regular expression"),
        ({"imaging": {"params": "ct", "roi": {"policy": "first"}}}, "imaging.roi.policy"),
        ({"imagng": {}}, "imagng"),
        ({"schema": 2}, "schema"),
        ({"name": "other"}, "must be equal"),
    ],
)
def test_dataset_file_that_is_wrong_names_the_key(tmp_path: Any, change: dict[str, Any], complaint: str) -> None:
    document = {"schema": 1, "name": "mine", "imaging": {"params": "ct"}, **change}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError, match=complaint):
        load_dataset("mine", tmp_path)


def test_every_shipped_dataset_loads() -> None:
    assert isinstance(load_dataset(DATASET), DatasetConfig)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"schema": 1}'])
def test_what_is_no_features_document_is_quarantined(text: str | None) -> None:
    world = _processed()
    if text is None:
        del world.processed.content[world.features_key()]
    else:
        world.processed.content[world.features_key()] = text.encode()
    world.ingest(world.features_key())
    assert world.item().reason_code == "FEATURES_INVALID"


def test_stale_second_delivery_harms_neither_a_completed_nor_a_rerunning_unit() -> None:
    world = _processed()
    world.ingest(world.features_key())
    key = world.features_key()
    world.processed.content[key] = world.processed.content[key].replace(b'"params_hash": "', b'"params_hash": "x')
    world.ingest(key)
    assert world.item().status is Status.COMPLETED
    world.clock.advance(9)
    world.ledger.request_rerun(world.item().unit, world.clock(), world.clock())
    assert world.tick(QUIET)["run_id"] is not None
    world.ingest(key)
    assert world.item().status is Status.PROCESSING


def test_a_result_that_comes_after_its_unit_was_given_up_is_not_written() -> None:
    world = _processed()
    world.ledger.update(world.item(), {"status": "FAILED", "reason_code": "RUN_LOST"})
    world.ingest(world.features_key())
    assert (world.item().status, world.features.records) == (Status.FAILED, [])


def test_job_that_outlives_its_run_does_not_write_over_a_newer_record() -> None:
    world = _processed()
    world.ingest(world.features_key())
    late = features_document(value=9.0) | {"run": {"run_id": "run-given-up", "job_id": "j", "content_version": "g"}}
    world.processed.write_json(world.features_key(), late)
    world.ingest(world.features_key())
    assert len(world.features.records) == 1
