"""The PET of a study: from the dataset's file to the job, to a record of its own, to columns of a joined dataset."""

from typing import Any

import pytest

from multimodal.dataset import plan
from multimodal.dataset.columns import pet_columns
from multimodal.features.group import FeatureGroups
from multimodal.imaging import records
from multimodal.imaging.config import ImagingConfig, PetConfig, imaging_config, load_contract
from multimodal.imaging.jobs import job_document
from multimodal.imaging.records import pet_group
from multimodal.ledger.claim import PlannedUnit
from multimodal.ledger.listing import Listing
from multimodal.ledger.unit import Status
from multimodal.pipeline.dataset import DatasetConfig, FeatureGroupDeployer, load_dataset
from tests.unit.functions.fakes import FakeFeatureStore
from tests.unit.functions.world import DATASET, World, features_document, slices

CT_GROUP, PET_GROUP = f"stack-{DATASET}-imaging-v1", f"stack-{DATASET}-pet-v2"
PET = PetConfig(group_version=2)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> ImagingConfig:
    config = imaging_config(DATASET).model_copy(update={"pet": PET})
    monkeypatch.setattr(records, "imaging_config", lambda _: config)
    return config


def pet_document(**changes: Any) -> dict[str, Any]:
    document = features_document(value=7.25)
    document["provenance"] |= {"params": "pet", "params_hash": load_contract("pet").params_hash}
    document |= {"modality": "PT", "series_uid": "1.2.3.9", "acquired_at": "2011-05-06T11:00:00Z"}
    suv = {"rule": "BQML_START", "radiopharmaceutical": "FDG", "injected_dose_mbq": 370.0, "uptake_minutes": 61.5}
    return document | {"suv": suv} | changes


def ingested(document: dict[str, Any]) -> World:
    world = World()
    world.upload(*slices(3))
    world.run_job(world.jobs(world.sweep_until_run())[0], document)
    world.ingest(world.features_key())
    return world


@pytest.mark.usefixtures("config")
def test_a_pet_beside_a_ct_is_a_record_of_its_own_group() -> None:
    world = ingested(features_document() | {"pet": pet_document()})
    (ct_group, ct), (pet_name, pet) = world.features.records
    assert (ct_group, pet_name) == (CT_GROUP, PET_GROUP)
    assert (ct["original_firstorder_Mean"], pet["original_firstorder_Mean"]) == ("1.5", "7.25")
    assert (pet["case_id"], pet["event_time"], pet["series_uid"]) == ("R01-001", "2011-05-06T11:00:00Z", "1.2.3.9")
    assert (pet["suv_rule"], pet["radiopharmaceutical"], pet["uptake_minutes"]) == ("BQML_START", "FDG", "61.5")
    assert not records.OF_CT_ONLY & set(pet)
    assert set(pet) <= set(pet_group("stack", DATASET, PET, load_contract("pet")).types)
    assert world.item().status is Status.COMPLETED
    world.ingest(world.features_key())
    assert len(world.features.records) == 2


@pytest.mark.usefixtures("config")
def test_a_pet_alone_is_a_record_of_the_pet_group_only() -> None:
    world = ingested(pet_document())
    assert [group for group, _ in world.features.records] == [PET_GROUP]


@pytest.mark.usefixtures("config")
def test_a_pet_that_was_rejected_leaves_the_ct_its_record() -> None:
    rejection = {"reason_code": "SUV_NOT_POSSIBLE", "message": "no weight", "details": {"attribute": "PatientWeight"}}
    world = ingested(features_document() | {"pet_rejection": rejection})
    assert [group for group, _ in world.features.records] == [CT_GROUP]


@pytest.mark.usefixtures("config")
def test_a_pet_of_other_settings_is_rejected_with_its_ct() -> None:
    other = pet_document()
    other["provenance"]["params_hash"] = "0" * 64
    world = ingested(features_document() | {"pet": other})
    assert (world.item().status, world.item().reason_code) == (Status.QUARANTINED, "PARAMS_MISMATCH")
    assert world.features.records == []


def test_without_a_pet_section_its_features_have_no_group() -> None:
    world = ingested(features_document() | {"pet": pet_document()})
    assert world.item().reason_code == "PARAMS_MISMATCH"


def test_the_job_is_told_of_the_parameter_file(config: ImagingConfig) -> None:
    planned = PlannedUnit(f"imaging#{DATASET}#R01-001#1.2.3", DATASET, "R01-001", "1.2.3", "v", 1, 1, 1, "listing")
    for configured, expected in ((config, "pet"), (imaging_config(DATASET), None)):
        document = job_document("run", "image", [planned], {planned.unit_id: Listing(())}, {DATASET: configured})
        assert document["datasets"][DATASET].get("pet") == expected


def test_its_group_is_deployed_and_its_columns_are_joined(
    config: ImagingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_imaging(name: str) -> DatasetConfig:
        return load_dataset(name).model_copy(update={"imaging": config, "genomics": None, "clinical": None})

    store: FeatureGroups = FakeFeatureStore()
    assert FeatureGroupDeployer(store, only_imaging, load_contract).deploy("stack", [DATASET]) == [CT_GROUP, PET_GROUP]
    monkeypatch.setattr(plan, "imaging_config", lambda _: config)
    columns, _ = plan.dataset_columns("stack", DATASET)
    assert columns.modalities[:2] == ("imaging", "pet")
    by_name = {column.feature: column for column in pet_columns("stack", DATASET, PET, load_contract("pet")).columns}
    assert by_name["original_firstorder_Mean"].unit == "SUV"
    assert by_name["original_firstorder_Energy"].unit == "SUV^2"
    assert by_name["uptake_minutes"].unit == "min"
