"""The command line: exit codes, errors without stack traces, JSON for scripts."""

import csv
import json
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import boto3
import pytest
from boto3.exceptions import Boto3Error, RetriesExceededError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)

from cli import deployment
from cli import main as commands
from cli.deployment import Deployment
from cli.errors import CommandError, aws_error
from cli.features import GroupTable
from cli.ledger import Unit
from cli.main import main
from cli.project import PROGRAM
from cli.upload import Uploaded
from cli.wait import Outcome
from local import commands as local_commands
from local.cloud import up
from local.commands import run as local_main

UNIT = Unit({"unit_id": "imaging#d#R01-001#ct", "subject": "R01-001", "study": "ct", "status": "COMPLETED"})
REFUSED = Unit(
    {
        "unit_id": "imaging#d#R01-002#ct",
        "subject": "R01-002",
        "study": "ct",
        "status": "QUARANTINED",
        "reason_code": "NO_CT",
        "reason_message": "there is no CT series among 3 files",
    }
)


class StandIn:
    """A deployment of which only the name and the datasets are asked."""

    stack = "laptop"
    datasets = ("d",)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "reach", lambda _stack: cast(Deployment, StandIn()))
    monkeypatch.setattr(commands, "read_units", lambda _deployment: [UNIT, REFUSED])


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("arguments", [("fly",), ("upload",), ("wait", "--timeout", "-1"), ("query",)])
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert f"Usage: {PROGRAM}" in capsys.readouterr().err


def test_without_a_cloud_it_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MULTIMODAL_STACK", raising=False)
    monkeypatch.setattr(deployment, "read_cloud", lambda _root: None)
    code, _, error = run(capsys, "status")
    assert code == 1
    assert "No laptop cloud is running." in error
    assert "make up" in error
    assert "--stack" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("is_running", [True, False])
def test_down_says_what_is_deleted_and_which_variables_to_unset(
    is_running: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_commands, "read_cloud", lambda _root: object() if is_running else None)
    monkeypatch.setattr(local_commands, "stop_cloud", lambda _root: is_running)
    code, out = local_main(["down"]), capsys.readouterr().out
    assert code == 0
    if is_running:
        assert "deleting its uploads, ledger and features" in out.splitlines()[0]
        assert "unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID" in out
    else:
        assert out.strip() == "No cloud was running."


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("count", [1, 40])
def test_a_query_names_the_record_first_and_counts_the_columns_it_leaves_out(
    count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {**{f"some_feature_{number}": 0.5 for number in range(count)}, "case_id": "R01-001"}
    monkeypatch.setattr(StandIn, "feature_groups", [], raising=False)
    monkeypatch.setattr(commands, "run_query", lambda *_, **__: [row])
    code, out, _ = run(capsys, "query", "select 1")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:2] == ["case_id", "some_feature_0"]
    shown = len(lines[0].split())
    assert lines[-1].strip() == (
        "1 row" if count == 1 else f"1 row; {count + 1 - shown} more columns; --json and --output have all"
    )
    assert (shown == 2) is (count == 1)


@pytest.mark.usefixtures("running")
def test_a_query_writes_all_columns_to_a_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"case_id": "R01-001", "event_time": "2001", "event_time_2": None, **{f"f{n}": n / 2 for n in range(99)}}]
    monkeypatch.setattr(StandIn, "feature_groups", [], raising=False)
    monkeypatch.setattr(commands, "run_query", lambda *_, **__: rows)
    code, out, _ = run(capsys, "query", "select 1", "--output", str(tmp_path / "new" / "rows.csv"))
    assert (code, "rows.csv: 1 row" in out) == (0, True)
    with (tmp_path / "new" / "rows.csv").open() as file:
        [row] = csv.DictReader(file)
    assert row == {name: "" if value is None else str(value) for name, value in rows[0].items()}
    monkeypatch.setattr(commands, "run_query", lambda *_, **__: [])
    assert run(capsys, "query", "select 1", "--output", str(tmp_path / "none.csv"))[0] == 0


@pytest.mark.usefixtures("running")
def test_status_as_json_is_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "status", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["counts"] == {"COMPLETED": 1, "QUARANTINED": 1}
    assert document["units"][1]["reason_code"] == "NO_CT"


@pytest.mark.usefixtures("running")
def test_status_as_a_table_shows_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "status")
    assert code == 0
    assert "there is no CT series among 3 files" in out


@pytest.mark.usefixtures("running")
def test_status_of_one_dataset_shows_its_units_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unit(name: str) -> Unit:
        item = {"unit_id": f"imaging#{name}#S-{name}#ct", "subject": f"S-{name}", "study": "ct", "status": "COMPLETED"}
        return Unit({**item, "dataset": name})

    monkeypatch.setattr(StandIn, "datasets", ["d", "e", "f"], raising=False)
    monkeypatch.setattr(commands, "read_units", lambda _: [unit("d"), unit("e"), unit("gone")])
    for name in ("d", "gone"):
        code, out, _ = run(capsys, "status", "--dataset", name)
        assert (code, f"S-{name}" in out, "S-e" in out) == (0, True, False)
    document = json.loads(run(capsys, "status", "--dataset", "e", "--json")[1])
    assert [found["dataset"] for found in document["units"]] == ["e"]
    code, out, _ = run(capsys, "status", "--dataset", "f")
    assert (code, "Nothing of f has been uploaded yet." in out) == (0, True)
    assert run(capsys, "status", "--dataset", "unheard_of")[0] == 2
    assert run(capsys, "wait", "--dataset", "unheard_of")[0] == 2
    asked = list[str]()

    def wait(*_: Any, dataset: str, **__: Any) -> Outcome:
        asked.append(dataset)
        return Outcome([], 0.0, timed_out=False)

    monkeypatch.setattr(commands, "wait_for_units", wait)
    assert "nothing of f has been uploaded" in run(capsys, "wait", "--dataset", "f")[1]
    assert asked == ["f"]


@pytest.mark.usefixtures("running")
def test_retry_makes_rejected_units_ready(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def note(_deployment: Deployment, unit_ids: list[str]) -> dict[str, list[str]]:
        asked.extend(unit_ids)
        return {"requested": unit_ids}

    monkeypatch.setattr(commands, "request_reruns", note)
    code, out, _ = run(capsys, "retry", "--reason", "NO_CT")
    assert (code, asked) == (0, [REFUSED.unit_id])
    assert "R01-002" in out


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("arguments", "expected"), [(("--reason", "NO_SUCH"), 1), ((), 2)])
def test_retry_of_nothing_is_not_a_success(
    arguments: tuple[str, ...], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "retry", *arguments)[0] == expected


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome([UNIT], 3.0, timed_out=False), 0),
        (Outcome([UNIT, REFUSED], 3.0, timed_out=False), 1),
        (Outcome([UNIT], 3.0, timed_out=True), 1),
        (Outcome([], 3.0, timed_out=False), 1),
    ],
)
def test_wait_exits_with_0_only_when_every_unit_succeeded(
    outcome: Outcome, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "wait_for_units", lambda *_, **__: outcome)
    code, out, _ = run(capsys, "wait")
    assert code == expected
    assert ("NO_CT" in out) is bool(outcome.without_features)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), None),
        (("--datasets", "nsclc_radiogenomics,nsclc_radiogenomics_article"), True),
        (("--datasets", "no"), False),
    ],
)
def test_up_deploys_the_datasets_that_are_named_if_they_have_a_file(
    arguments: tuple[str, ...],
    expected: bool | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[Any] = []

    def launch(*_: Any, parameters: dict[str, str] | None) -> Any:
        asked.append(parameters)
        raise CommandError("Far enough.")

    monkeypatch.setattr(up, "launch", launch)
    code, error = local_main(["up", *arguments]), capsys.readouterr().err
    assert (code, "nsclc_radiogenomics, " in error) == ((2, True) if expected is False else (1, False))
    assert asked == ([] if expected is False else [{"DatasetNames": arguments[1]} if expected else None])


@pytest.mark.usefixtures("running")
def test_results_have_a_folder_for_each_dataset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def save(_deployment: Deployment, _dataset: str, _units: list[Unit], folder: Path) -> list[Path]:
        folder.mkdir()
        return [folder / "imaging.csv", folder / "R01-001" / "overlay.png"]

    monkeypatch.setattr(StandIn, "datasets", ["d", "e"], raising=False)
    monkeypatch.setattr(commands, "save_dataset", save)
    code, out, _ = run(capsys, "results", str(tmp_path))
    assert code == 0
    assert [line.strip() for line in out.splitlines()] == [
        f"{tmp_path / name}/: 2 files, with imaging.csv" for name in ("d", "e")
    ]


@pytest.mark.usefixtures("running")
def test_results_of_nothing_name_no_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(commands, "save_dataset", lambda *_: [])
    code, out, _ = run(capsys, "results", str(tmp_path))
    assert (code, "d: there is nothing yet" in out, str(tmp_path) in out) == (0, True, False)


@pytest.mark.usefixtures("running")
def test_a_bad_query_is_told_the_names_in_braces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise CommandError("Athena could not run the query.", details="no such table")

    groups = ["laptop-d-imaging-v1", "laptop-d-labels-v1"]
    monkeypatch.setattr(StandIn, "feature_groups", groups, raising=False)
    monkeypatch.setattr(commands, "describe_group", lambda _, name: GroupTable(name, "db", "t_1764", "id", "at", ()))
    monkeypatch.setattr(commands, "run_query", refuse)
    code, _, error = run(capsys, "query", "select x")
    assert (code, "{imaging}, {labels}" in error, "t_1764" in error) == (1, True, False)


@pytest.mark.parametrize("name", ["README.md", "notes.pdf", "table"])
def test_a_file_that_cannot_be_uploaded_is_told_what_can(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("words")
    code, _, error = run(capsys, "plan", str(tmp_path / name))
    said = " ".join(error.split())
    assert code == 2
    assert f"{name} is no file of a kind that can be uploaded" in said
    assert "Give a folder of studies" in said


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("named", [("--dataset", "d"), ()])  # "d" is the stack's only one
@pytest.mark.parametrize(("waited_for", "expected"), [([UNIT], 0), ([REFUSED], 1)])
def test_upload_can_wait_for_what_it_uploaded_and_nothing_else(
    waited_for: list[Unit],
    expected: int,
    named: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ids = tuple(unit.unit_id for unit in waited_for)
    asked: list[Any] = []

    def wait(*_: Any, **options: Any) -> Outcome:
        asked.append(options)
        return Outcome(waited_for, 3.0, timed_out=False)

    monkeypatch.setattr(StandIn, "output", lambda _self, _name: "raw", raising=False)
    monkeypatch.setattr(commands, "upload_path", lambda *_: [("imaging", Uploaded(ids, 2, 9))])
    monkeypatch.setattr(commands, "wait_for_units", wait)
    code, out, _ = run(capsys, "upload", ".", *named, "--wait", "--timeout", "9")
    assert (code, asked) == (expected, [{"unit_ids": list(ids), "arriving": True, "timeout": 9.0}])
    assert "1 study, to s3://raw/imaging/d/" in out


@pytest.mark.usefixtures("running")
def test_a_wrong_folder_is_told_before_anything_is_uploaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "upload", str(tmp_path / "nowhere"), "--dataset", "d")
    assert code == 2
    assert "There is no" in error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CommandError("It failed.", hint="Do this."), 1),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), 1),
        (PermissionError(13, "Permission denied", "/results"), 2),
        (FileNotFoundError(2, "No such file or directory", "/proc/results"), 2),
        (OSError(30, "Read-only file system", "/results"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_expected_errors_have_no_stack_trace(
    error: BaseException, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Deployment:
        raise error

    monkeypatch.setattr(commands, "reach", fail)
    code, _, text = run(capsys, "status")
    assert code == expected
    assert text.strip()
    assert "Traceback" not in text


def _refused(code: str, operation: str = "DescribeStacks") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as AWS says it"}}, operation)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_refused("ExpiredToken"), "aws sso login"),
        (_refused("ExpiredTokenException", "Invoke"), "aws sso login"),
        (_refused("RequestExpired"), "aws sso login"),
        (SSOTokenLoadError(error_msg="x", profile_name="p"), "aws sso login"),
        (UnauthorizedSSOTokenError(), "aws sso login"),
        (NoCredentialsError(), "aws configure"),
        (_refused("InvalidClientTokenId"), "clock"),
        (_refused("UnrecognizedClientException"), "clock"),
        (_refused("SignatureDoesNotMatch"), "clock"),
        (_refused("AccessDenied"), "which policies"),
        (_refused("AccessDeniedException", "Invoke"), "which policies"),
        (NoRegionError(), "AWS_DEFAULT_REGION"),
        (InvalidRegionError(region_name="mars 1"), "AWS_DEFAULT_REGION"),
        (ProfileNotFound(profile="x"), "AWS_PROFILE"),
        (_refused("ThrottlingException"), "in a minute"),
        (_refused("ProvisionedThroughputExceededException", "Scan"), "in a minute"),
        (_refused("SlowDown", "ListObjectsV2"), "in a minute"),
        (EndpointConnectionError(endpoint_url="https://cloudformation.eu-mars-1.amazonaws.com"), "AWS_DEFAULT_REGION"),
        (ConnectTimeoutError(endpoint_url="https://x"), "AWS_DEFAULT_REGION"),
        (RetriesExceededError(Boto3Error("broken")), "AWS_DEFAULT_REGION"),
        (_refused("ResourceNotFoundException", "Scan"), "multimodal check"),
        (_refused("NoSuchBucket", "ListObjectsV2"), "multimodal check"),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_what_aws_refuses_is_said_with_what_to_do(error: ClientError | BotoCoreError | Boto3Error, said: str) -> None:
    found = aws_error(error)
    assert said in f"{found.message} {found.hint}"
    assert found.message != "AWS refused a request."
    assert found.details == str(error)


@pytest.fixture
def in_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.usefixtures("in_a_region")
@pytest.mark.parametrize("command", [("status",), ("retry", "--all"), ("results", "{folder}")])
def test_an_expired_login_ends_every_command_with_what_to_do(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise _refused("ExpiredToken")

    monkeypatch.setattr(Deployment, "cloudformation", SimpleNamespace(describe_stacks=refuse))
    code, out, text = run(capsys, *(word.format(folder=tmp_path) for word in command), "--stack", "hospital")
    assert (code, out) == (1, "")
    assert "aws sso login" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("CREATE_IN_PROGRESS", "Wait"),
        ("REVIEW_IN_PROGRESS", "change set"),
        ("ROLLBACK_COMPLETE", "multimodal check --stack hospital"),
        ("DELETE_FAILED", "multimodal check --stack hospital"),
        ("UPDATE_COMPLETE", "of another version"),
    ],
)
@pytest.mark.usefixtures("in_a_region")
@pytest.mark.parametrize("command", [("status",), ("retry", "--all"), ("results", "{folder}")])
def test_a_stack_that_is_half_deployed_is_said_to_be_so(
    command: tuple[str, ...],
    status: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(Deployment, "description", {"StackName": "hospital", "StackStatus": status})
    arguments = [word.format(folder=tmp_path) for word in command]
    code, _, text = run(capsys, *arguments, "--stack", "hospital")
    assert code == 1
    assert said in " ".join(text.split())


def test_a_stack_of_the_laptop_that_is_half_deployed_names_make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deployment, "description", {"StackName": "laptop", "StackStatus": "ROLLBACK_COMPLETE"})
    with pytest.raises(CommandError) as refusal:
        Deployment("laptop", boto3.Session(), endpoint="http://127.0.0.1:1").output("RawBucketName")
    assert "`make up` deploys it again" in refusal.value.hint


@pytest.mark.parametrize(
    "command",
    [
        ("results",),
        ("report", "--output"),
        ("plan", "--output"),
        ("dataset", "build", "--output"),
        ("models", "train", "--output"),
    ],
)
def test_a_file_is_no_folder_to_write_into(
    command: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table.csv"
    file.touch()
    code, _, error = run(capsys, *command, str(file))
    assert code == 2
    assert "is a file" in error


@pytest.mark.parametrize("command", [("report",), ("dataset", "build"), ("models", "train"), ("models", "score")])
def test_a_dataset_is_named_by_one_option(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *command, "--dataset", "lung", "--help")[0] == 0
    assert run(capsys, *command, "lung")[0] == 2


def test_a_folder_is_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "dashboard", "--output", str(tmp_path))
    assert code == 2
    assert "is a directory" in error


@pytest.mark.parametrize("deployed", [True, False])
def test_env_can_be_evaluated_and_names_what_the_stack_puts_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deployed: bool
) -> None:
    class _Stack:
        @property
        def outputs(self) -> dict[str, str]:
            if not deployed:
                raise CommandError("No stack.")
            return {"DashboardUrl": "https://x/#dashboards&a=$(false)", "LedgerTableName": "t"}

    cloud = SimpleNamespace(environment=lambda: {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    monkeypatch.setattr("cli.main.running_cloud", lambda: cloud)
    monkeypatch.setattr("cli.main.connect", lambda *_: _Stack())
    out = StringIO()
    with redirect_stdout(out):
        assert main(["env"]) == 0
    assert ("# LedgerTableName=t" in out.getvalue()) is deployed
    script = 'AWS_PROFILE=p; eval "$1"; echo "$AWS_ENDPOINT_URL ${AWS_PROFILE-none}"'
    done = subprocess.run(["sh", "-c", script, "sh", out.getvalue()], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("http://127.0.0.1:1 none\n", "")
