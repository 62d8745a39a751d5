"""Keys under clinical/, and a matrix that a dataset does not take."""

import pytest

from multimodal.ledger.unit import Status, Unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from tests.cases import cases_of
from tests.unit.functions.world import DATASET, World

CASES = cases_of(__file__)


@pytest.mark.parametrize(("key", "kind", "file"), CASES["test_every_key_under_clinical_has_a_meaning"])
def test_every_key_under_clinical_has_a_meaning(key: str, kind: str, file: str | None) -> None:
    parsed = parse_key(key)
    assert parsed.kind is KeyKind[kind], parsed.problem
    assert (parsed.unit.subject if parsed.unit else None) == file
    assert parsed.kind is not KeyKind.REJECTED or len(parsed.problem) > 20
    assert parsed.unit is None or (parsed.unit.table_key, parsed.unit.is_table) == (key, True)


def test_spreadsheets_are_told_what_to_do() -> None:
    assert "save the sheet as CSV" in parse_key("clinical/d/a.xlsx").problem


def test_a_rejected_key_is_a_note_of_its_dataset_and_its_name_is_not_logged(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.upload(f"clinical/{DATASET}/Jane Doe.xlsx", f"clinical/{DATASET}/Jane Doe.csv")
    item = world.ledger.get(f"clinical#{DATASET}#-refused-keys")
    assert item is not None
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "KEY_NOT_ACCEPTED")
    world.tick(1)
    assert "Jane" not in capsys.readouterr().out
    assert world.metrics.of["clinical"]["ObjectsRefused"] == 1


def test_a_matrix_of_a_dataset_without_one_is_rejected_with_what_to_add(world: World) -> None:
    world.upload(f"genomics/{DATASET}/expression.csv", body=b"case,CD44\nA,1\n")
    world.tick(1)
    unit = Unit(DATASET, "-expression", "", "genomics")
    item = world.ledger.get(unit.unit_id)
    assert item is not None
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "ROUTE_NOT_CONFIGURED")
    assert "genomics.matrix" in world.ledger.extra[unit.unit_id]["reason_message"]
    assert unit.table_key == f"genomics/{DATASET}/expression.csv"
    assert unit.result_folder == f"genomics/{DATASET}/-expression/"
