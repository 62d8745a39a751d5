"""Keys under clinical/, and a matrix that a dataset does not take."""

import pytest

from multimodal.ledger.unit import Status, Unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from tests.unit.functions.world import DATASET, World


@pytest.mark.parametrize(
    ("key", "kind", "file"),
    [
        ("clinical/d/a.csv", KeyKind.TABLE, "a.csv"),
        ("clinical/d/2024/site 1/ä+b.TSV", KeyKind.TABLE, "2024/site 1/ä+b.TSV"),
        ("clinical/d/readme.csv", KeyKind.TABLE, "readme.csv"),
        ("clinical/d/LICENSE", KeyKind.IGNORED, None),
        ("clinical/d/License.txt", KeyKind.IGNORED, None),
        ("clinical/d/dictionary.pdf", KeyKind.IGNORED, None),
        ("clinical/d/notes.md", KeyKind.IGNORED, None),
        ("clinical/d/._a.csv", KeyKind.IGNORED, None),
        ("clinical/d/~$a.xlsx", KeyKind.IGNORED, None),
        ("clinical/d/.DS_Store", KeyKind.IGNORED, None),
        ("clinical/d/", KeyKind.IGNORED, None),
        ("clinical/d/a.xlsx", KeyKind.REJECTED, None),
        ("clinical/d/a.xls", KeyKind.REJECTED, None),
        ("clinical/d/a.csv.gz", KeyKind.REJECTED, None),
        ("clinical/d/a.zip", KeyKind.REJECTED, None),
        ("clinical/d/a.txt", KeyKind.REJECTED, None),
        ("clinical/d/a.parquet", KeyKind.REJECTED, None),
        ("clinical/d/a", KeyKind.REJECTED, None),
        ("clinical/a.csv", KeyKind.REJECTED, None),
        ("clinical/d/../a.csv", KeyKind.REJECTED, None),
        ("clinical/d/a#b.csv", KeyKind.REJECTED, None),
        ("clinical/d/a\nb.csv", KeyKind.REJECTED, None),
        ("other/d/a.csv", KeyKind.REJECTED, None),
    ],
)
def test_every_key_under_clinical_has_a_meaning(key: str, kind: KeyKind, file: str | None) -> None:
    parsed = parse_key(key)
    assert parsed.kind is kind, parsed.problem
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
