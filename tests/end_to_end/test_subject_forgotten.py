"""Two patients in all modalities; one is forgotten, and nothing of the other changes.

It needs a stack of its own, since it uploads to the dataset of which other tests count the records: `make e2e-forget`.
"""

import os
import shutil
from collections.abc import Iterator

import pytest

from cli.main import main
from cli.project import DATASET
from tests.end_to_end.patients import BUCKETS, FORGOTTEN, OTHER, TABLE, Patients

pytestmark = [
    pytest.mark.skipif("E2E_FORGET" not in os.environ, reason="it needs a stack of its own (make e2e-forget)"),
    pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (apt install salmon)"),
    pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="a real stack has a real reference under this name"),
]


@pytest.fixture(scope="module")
def forgotten(patients: Patients, cloud_environment: dict[str, str]) -> Iterator[tuple[Patients, dict[str, list[str]]]]:
    """The stack after one was forgotten, and the rows of the other from before."""
    modalities = {name.rsplit("-v", 1)[0].rsplit(f"{DATASET}-", 1)[1] for name in patients.rows(FORGOTTEN)}
    assert {"imaging", "rna", "clinical-baseline", "labels"} <= modalities
    assert len(patients.objects(FORGOTTEN)) > 20, "else the look for it sees nothing"
    before = patients.rows(OTHER)
    with pytest.MonkeyPatch.context() as shell:
        for name in (name for name in cloud_environment if name.startswith("AWS_")):
            shell.setenv(name, cloud_environment[name])
        shell.setenv("MULTIMODAL_STACK", patients.pipeline.deployment.stack)
        shell.setattr("cli.removal.store._COMMIT_SECONDS", 1)  # nobody else's commits are under way here
        assert main(["forget", "--subject", FORGOTTEN, "--dataset", DATASET]) == 0
        assert patients.rows(FORGOTTEN), "without --yes nothing is removed"
        assert main(["forget", "--subject", FORGOTTEN, "--dataset", DATASET, "--yes", "--rewrite-tables"]) == 0
        yield patients, before


def test_nothing_of_the_patient_is_left(forgotten: tuple[Patients, dict[str, list[str]]]) -> None:
    patients, _ = forgotten
    assert patients.items(FORGOTTEN) == []
    assert patients.objects(FORGOTTEN) == set()
    assert patients.rows(FORGOTTEN) == {}


def test_nothing_of_the_other_changed(forgotten: tuple[Patients, dict[str, list[str]]]) -> None:
    patients, before = forgotten
    assert patients.rows(OTHER) == before
    keys = patients.objects(OTHER)
    raw, processed = (patients.pipeline.deployment.output(output) for output in BUCKETS[:2])
    assert any(key.startswith(f"{raw}/imaging/{DATASET}/{OTHER}/") for key in keys)
    for result in ("features.json", "run.json"):
        assert any(key.startswith(processed) and key.endswith(result) for key in keys)


def test_the_table_without_the_row_brings_nobody_back(forgotten: tuple[Patients, dict[str, list[str]]]) -> None:
    patients, before = forgotten
    [unit] = patients.pipeline.wait_for([f"clinical#{DATASET}#{TABLE}"]).values()
    patients.pipeline.settle(3)
    assert unit.status == "COMPLETED", unit.text("reason_message")
    assert patients.rows(FORGOTTEN) == {}
    assert patients.rows(OTHER) == before


def test_a_repetition_has_nothing_to_do(
    forgotten: tuple[Patients, dict[str, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forget", "--subject", FORGOTTEN, "--dataset", DATASET, "--yes", "--rewrite-tables"]) == 0
    assert "Nothing names the subject" in capsys.readouterr().out
