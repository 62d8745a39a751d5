"""The command `multimodal` against the deployed stack, by the code path of an account: `--stack NAME`."""

import csv
import json
from pathlib import Path

import pytest

from cli.main import main
from cli.project import DATASET
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.studies import Studies

pytestmark = pytest.mark.usefixtures("shell")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(arguments)
    return code, capsys.readouterr().out


def test_status_lists_every_unit(studies: Studies, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "status", "--json")
    subjects = {unit["subject"] for unit in json.loads(out)["units"]}
    assert code == 0
    assert {study.subject for study in studies.all} <= subjects


def test_wait_ends_at_once_and_tells_of_the_rejected_ones(studies: Studies, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "wait", "--timeout", "60")
    assert code == 1
    assert studies.corrupt.subject in out
    assert "NO_SEGMENTATION" in out


def test_features_come_as_a_table_and_as_json(studies: Studies, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys, "features", "imaging", "--json")
    assert code == 0
    assert {study.subject for study in studies.good} <= {row["case_id"] for row in json.loads(out)}
    code, out = run(capsys, "features", "imaging")
    assert code == 0
    assert studies.zipped.subject in out


def test_results_are_saved_as_they_are_in_the_store(
    studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "results", str(tmp_path))
    folder = tmp_path / DATASET
    with (folder / "imaging.csv").open(encoding="utf-8", newline="") as file:
        cases = {row["case_id"] for row in csv.DictReader(file)}
    assert code == 0
    assert {study.subject for study in studies.good} <= cases
    assert list((folder / studies.zipped.subject).rglob("overlay.png"))
    assert list((folder / studies.corrupt.subject).rglob("rejection.json"))
    assert "imaging.csv" in out


def test_the_function_and_the_command_write_the_same_cohort_page(
    first_upload: Pipeline, studies: Studies, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment = first_upload.deployment
    answer = deployment.lambda_.invoke(FunctionName=f"{deployment.stack}-report-build", Payload=b"{}")
    assert "FunctionError" not in answer
    code, _ = run(capsys, "report", "--dataset", DATASET, "--output", str(tmp_path))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert code == 0
    assert all(f"studies/{study.subject}/" in page for study in studies.all)
    key = f"reports/{DATASET}/index.html"
    stored = deployment.s3.get_object(Bucket=first_upload.processed_bucket, Key=key)["Body"].read().decode()
    assert stored.replace("../../", "") == page


def test_the_dashboard_is_drawn_with_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = run(capsys, "dashboard", "--output", str(tmp_path / "dashboard.html"))
    page = (tmp_path / "dashboard.html").read_text(encoding="utf-8")
    assert code == 0
    assert "CT studies from upload to features: received" in page


def test_a_group_in_braces_stands_for_its_newest_records(studies: Studies, capsys: pytest.CaptureFixture[str]) -> None:
    group = f"{{{DATASET}-imaging}}"
    sql = f"SELECT a.case_id, b.volume_ml FROM {group} a JOIN {group} b USING (case_id)"
    code, out = run(capsys, "query", sql, "--json")
    cases = [row["case_id"] for row in json.loads(out)]
    assert code == 0
    assert len(cases) == len(set(cases))
    assert {study.subject for study in studies.good} <= set(cases)


def test_any_sql_can_be_asked(first_upload: Pipeline, studies: Studies, capsys: pytest.CaptureFixture[str]) -> None:
    sql = f"SELECT count(DISTINCT case_id) AS cases FROM {first_upload.group.table}"
    code, out = run(capsys, "query", sql, "--json")
    assert code == 0
    assert json.loads(out)[0]["cases"] >= len(studies.good)


def test_wrong_sql_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "SELECT nonsense FROM nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_a_stack_that_is_not_there_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--stack", "nowhere"]) == 1
    error = capsys.readouterr().err
    assert "nowhere" in error
    assert "Traceback" not in error
