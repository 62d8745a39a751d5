"""The command `multimodal dataset build`: what it asks for, what it prints, and how it fails."""

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import dataset as command
from cli.main import main

MANIFEST = {
    "build": "v1",
    "cases": 3,
    "columns": 10,
    "complete_cases": "1 of 3 cases have all modalities",
    "modalities": {"imaging": {"cases": 2}, "clinical": {"cases": 3}},
    "split": {"parts": {"train": 2, "validation": 0, "test": 1}},
    "left_out": {"s-d-rna-v1": "its modality was not asked for"},
    "rules": ["of several event times of a case, the last counts"],
    "groups": [
        {
            "group": "s-d-imaging-v1",
            "not_joined": {"score": "not in the dataset's file"},
            "cases_dated_by_upload": 1,
            "cases_with_several_event_times": 1,
        }
    ],
}


class Stack:
    """A stack whose state machine ends at once."""

    def __init__(self, status: str = "SUCCEEDED", cause: str = "") -> None:
        self.datasets = ["d"]
        self.asked: list[dict[str, Any]] = []
        self._status, self._cause = status, cause
        self.states = SimpleNamespace(start_execution=self._start, describe_execution=self._describe)
        self.s3 = SimpleNamespace(get_object=self._get, download_file=self._download)

    def output(self, key: str) -> str:
        return key

    def _start(self, *, stateMachineArn: str, input: str) -> dict[str, str]:  # noqa: N803 - boto3's names
        assert stateMachineArn == "DatasetStateMachineArn"
        self.asked.append(json.loads(input)["asked"]["request"])
        return {"executionArn": "run"}

    def _describe(self, **_: str) -> dict[str, str]:
        output = json.dumps({"key": "datasets/d/v1/"})
        return {"status": self._status, "output": output, "cause": self._cause}

    def _get(self, **_: str) -> dict[str, BytesIO]:
        return {"Body": BytesIO(json.dumps(MANIFEST).encode())}

    def _download(self, _bucket: str, key: str, target: str) -> None:
        Path(target).write_text(key, encoding="utf-8")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack()
    monkeypatch.setattr(command, "reach", lambda _: made)
    return made


def test_defaults_ask_for_little(stack: Stack) -> None:
    assert main(["dataset", "build"]) == 0
    assert stack.asked == [{"dataset": "d", "timepoint": "surgery", "records": "latest", "require_events": True}]


def test_every_option_reaches_the_request(stack: Stack, tmp_path: Path) -> None:
    cases = tmp_path / "cases.txt"
    cases.write_text("R01-002\n\n R01-001 \n", encoding="utf-8")
    options = ["--name", "v1", "--as-of", "2020-01-01", "--written-before", "2026-01-01", "--cases", str(cases)]
    options += ["--modalities", "imaging, clinical", "--timepoint", "baseline", "--t0", "imaging", "--days-after", "9"]
    assert main(["dataset", "build", "--dataset", "d", *options, "--records", "first", "--without-events"]) == 0
    assert stack.asked == [
        {
            "dataset": "d",
            "build": "v1",
            "as_of": "2020-01-01",
            "written_before": "2026-01-01",
            "cases": ["R01-002", "R01-001"],
            "modalities": ["imaging", "clinical"],
            "timepoint": "baseline",
            "t0": {"of": "imaging", "days_before": 36500, "days_after": 9},
            "records": "first",
            "require_events": False,
        }
    ]


def test_it_says_what_the_dataset_lacks_and_copies_it(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "build", "--output", str(tmp_path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for part in ("3 rows, 10 columns; 1 of 3 cases", "imaging 2", "rna-v1 is left out", "score is not joined"):
        assert part in out
    assert "dated by their upload" in out
    assert {path.name for path in (tmp_path / "dataset-v1").iterdir()} == set(command.FILES)


def test_the_manifest_alone_is_printed_for_scripts(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "build", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == MANIFEST


def test_why_it_was_not_built_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "reach", lambda _: Stack("FAILED", "rna has no record"))
    assert main(["dataset", "build"]) == 1
    assert "rna has no record" in capsys.readouterr().err


def test_several_datasets_must_be_told_apart(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.datasets = ["d", "e"]
    assert main(["dataset", "build"]) == 2
    assert "d, e" in capsys.readouterr().err


def test_a_list_of_cases_that_cannot_be_read_is_named(stack: Stack, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n", encoding="utf-8")
    for path in (empty, tmp_path / "none.txt"):
        assert main(["dataset", "build", "--cases", str(path)]) == 2
    assert not stack.asked


def test_a_list_that_is_too_long_says_the_other_way(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = tmp_path / "cases.txt"
    cases.write_text("\n".join(f"R01-{n:06d}" for n in range(30_000)), encoding="utf-8")
    assert main(["dataset", "build", "--cases", str(cases)]) == 2
    assert "_build.json" in capsys.readouterr().err
