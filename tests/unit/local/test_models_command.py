"""`multimodal models`: which build and model are meant, and what is said of a run's end."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from cli import models
from cli.errors import CommandError, UsageError
from tests.screen import Screen


class Objects:
    """A bucket's listing: the later in the list, the newer."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 - as boto3 names them
        return self.paginate(Bucket, Prefix)[0]

    def download_file(self, _bucket: str, key: str, target: str) -> None:
        Path(target).write_text(key, encoding="utf-8")

    def get_paginator(self, _name: str) -> "Objects":
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - as boto3 names them
        assert Bucket == "processed"
        listed = enumerate(self.keys)
        contents = [{"Key": k, "LastModified": datetime(2026, 1, 1 + n, tzinfo=UTC)} for n, k in listed]
        return [{"Contents": [item for item in contents if str(item["Key"]).startswith(Prefix)]}]


class Runs:
    """A state machine whose runs end in a given way."""

    def __init__(self, **end: str) -> None:
        self.end, self.asked = end, dict[str, Any]()

    def start_execution(self, **request: str) -> dict[str, str]:
        self.asked = json.loads(request["input"])
        return {"executionArn": f"arn:{request['name']}"}

    def describe_execution(self, **_: str) -> dict[str, str]:
        return self.end


def deployment(objects: Any = None, runs: Runs | None = None) -> Any:
    outputs = {"ProcessedBucketName": "processed", "ModelsStateMachineArn": "arn:models"}
    return SimpleNamespace(s3=objects, states=runs, output=outputs.__getitem__)


def test_the_newest_finished_build_and_model_are_meant() -> None:
    there = deployment(
        Objects(
            "datasets/made/b1/manifest.json",
            "datasets/made/b2/manifest.json",
            "datasets/made/b3/dataset.csv",
            "models/made/b1/run-1/results.json",
            "models/made/b2/run-2/model.json",
        )
    )
    assert models.find_build(there, "made") == "b2"
    assert models.find_build(there, "made", "b1") == "b1"
    assert models.find_model(there, "made") == "b1/run-1"


@pytest.mark.parametrize(("build", "said"), [("b9", "no build b9"), ("", "no build")])
def test_a_build_that_is_not_there_is_named(build: str, said: str) -> None:
    objects = Objects("datasets/made/b1/manifest.json") if build else Objects()
    with pytest.raises(UsageError, match=said) as caught:
        models.find_build(deployment(objects), "made", build)
    assert "multimodal dataset build --dataset made" in caught.value.hint


def run(runs: Runs, timeout: float = 5.0) -> dict[str, Any]:
    console = Screen()
    return models.run_models(console, deployment(runs=runs), {"action": "train"}, "Training", timeout)


@pytest.mark.parametrize("command", [models.train, models.score])
def test_a_dataset_that_is_not_deployed_is_named(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "reach", lambda _: SimpleNamespace(datasets=["nsclc_radiogenomics"]))
    with pytest.raises(UsageError, match="No dataset 'nsclc' is deployed") as refusal:
        command("nsclc")
    assert "nsclc_radiogenomics" in refusal.value.hint
    monkeypatch.setattr(models, "reach", lambda _: SimpleNamespace(datasets=["two", "one"]))
    with pytest.raises(UsageError, match="Which dataset is meant") as refusal:
        command("")
    assert refusal.value.hint == f"There are: one, two. Name one: multimodal models {command.__name__} --dataset NAME."


def test_a_run_that_succeeds_gives_its_output() -> None:
    runs = Runs(status="SUCCEEDED", output='{"key": "models/made/b1/r/"}')
    assert run(runs) == {"key": "models/made/b1/r/"}
    assert runs.asked == {"action": "train"}


def test_a_folder_of_results_says_what_it_holds(tmp_path: Path) -> None:
    there = deployment(Objects("models/made/b1/r1/report.html", "models/made/b1/r2/report.html"))
    (path,) = models.save_run(there, {"key": "models/made/b1/r1/", "run": "r1"}, tmp_path)
    assert path == tmp_path / "models-r1" / "report.html"
    assert path.read_text(encoding="utf-8") == "models/made/b1/r1/report.html"


@pytest.mark.parametrize(
    ("error", "cause", "details", "has_hint"),
    [
        ("ModelsRejected", "TOO_FEW_EVENTS: add cases", "TOO_FEW_EVENTS: add cases", True),
        ("RetryableError", '{"errorMessage": "busy", "errorType": "RetryableError"}', "busy", False),
        ("JobFailed", "AlgorithmError: exit code 1", "AlgorithmError: exit code 1", False),
    ],
)
def test_a_run_that_fails_says_why(error: str, cause: str, details: str, has_hint: bool) -> None:
    with pytest.raises(CommandError) as caught:
        run(Runs(status="FAILED", error=error, cause=cause))
    assert caught.value.details == details
    assert bool(caught.value.hint) is has_hint


def test_a_run_that_takes_too_long_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_POLL_SECONDS", 0.01)
    with pytest.raises(CommandError, match="did not end") as caught:
        run(Runs(status="RUNNING"), timeout=0.05)
    assert "It goes on: arn:" in caught.value.hint


def test_results_are_printed_with_intervals_and_the_difference() -> None:
    one = {"name": "rna", "model": "ridge", "stratum": "common", "cases": 50, "events": 20}
    one |= {"c_index": {"estimate": 0.7, "low": 0.6, "high": 0.8}, "difference": None}
    out = io.StringIO()
    models.print_results(Console(file=out, width=120), {"findings": ["It does not help."], "sets": [one]})
    assert "It does not help." in out.getvalue()
    assert "0.700 (0.600 to 0.800)" in out.getvalue()


class Store:
    """A bucket that keeps what is put into it."""

    def __init__(self) -> None:
        self.put = dict[str, bytes]()

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert (Bucket, ContentType) == ("processed", "text/csv")
        self.put[Key] = Body


def test_a_robustness_file_is_put_beside_the_model(tmp_path: Path) -> None:
    path, store = tmp_path / "mine.csv", Store()
    path.write_text("feature,icc,icc_low\noriginal_x,0.9,0.8\n", encoding="utf-8")
    models.upload_robustness(deployment(store), path, "models/made/b1/r/robustness.csv")
    assert store.put == {"models/made/b1/r/robustness.csv": path.read_bytes()}


@pytest.mark.parametrize("text", ["", "feature,icc\nx,0.9\n", "case_id;icc_low\n"])
def test_another_file_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    path, store = tmp_path / "robustness.csv", Store()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="lacks the columns") as caught:
        models.upload_robustness(deployment(store), path, "k")
    assert "--perturb" in caught.value.hint
    assert not store.put
