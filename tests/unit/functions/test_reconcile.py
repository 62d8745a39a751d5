"""Uploads whose events were lost are found in the bucket."""

import pytest

from multimodal.ledger.unit import Status, Unit, case_unit
from multimodal.pipeline.reconcile import Reconciler
from tests.unit.functions.world import DATASET, QUIET, World

LOST = {
    f"imaging/{DATASET}/R01-001/1.2.3/s/1.dcm": Unit(DATASET, "R01-001", "1.2.3"),
    f"imaging/{DATASET}/R01-002/1.2.4.zip": Unit(DATASET, "R01-002", "1.2.4"),
    f"genomics/{DATASET}/R01-003/R01-003_1.fastq.gz": case_unit(DATASET, "R01-003"),
    f"clinical/{DATASET}/patients.csv": Unit(DATASET, "patients.csv", "", "clinical"),
}


@pytest.fixture
def world() -> World:
    return World()


def reconcile(world: World) -> dict[str, object]:
    return Reconciler(world.ports, QUIET).run(lambda: True)


def test_every_upload_that_no_event_told_of_is_registered_once(world: World) -> None:
    for key in LOST:
        world.raw.put(key)
    assert reconcile(world) == {"checked": len(LOST), "registered": len(LOST), "complete": True}
    assert set(world.ledger.items) == {unit.unit_id for unit in LOST.values()}
    assert reconcile(world) == {"checked": len(LOST), "registered": 0, "complete": True}


def test_a_lost_study_is_started_and_a_known_one_left_alone(world: World) -> None:
    world.upload(f"imaging/{DATASET}/R01-009/1.2.9/s/1.dcm")
    world.raw.put(next(iter(LOST)))
    world.tick(QUIET)
    known = world.item("R01-009", "1.2.9")
    assert known.status is Status.PROCESSING
    assert reconcile(world)["registered"] == 1
    assert world.item("R01-009", "1.2.9") == known
    assert world.tick(QUIET)["started"] == 1
    assert world.item().status is Status.PROCESSING


def test_a_listing_without_time_says_so(world: World) -> None:
    world.raw.put(next(iter(LOST)))
    assert Reconciler(world.ports, QUIET).run(lambda: False) == {"checked": 0, "registered": 0, "complete": False}
