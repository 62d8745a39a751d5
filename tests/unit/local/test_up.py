"""What `make up` says: why a deployment failed, what was lost, who is waited for, and what to type next."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from cli.deployment import Deployment
from cli.errors import CommandError
from cli.project import ROOT
from cli.terminal import make_console
from local.cloud import up
from local.cloud.deploy import build_folder
from tests.files import put

NOW = datetime.now(UTC)


def event(name: str, status: str, reason: str = "", seconds: float = 1) -> dict[str, Any]:
    return {
        "StackId": "1",
        "EventId": name + status,
        "StackName": "s",
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "Timestamp": NOW + timedelta(seconds=seconds),
        **({"ResourceStatusReason": reason} if reason else {}),
    }


def stub(deployment: Deployment, events: list[dict[str, Any]] | None) -> None:
    stubber = Stubber(deployment.cloudformation)
    if events is None:
        stubber.add_client_error("describe_stack_events", "ValidationError")
    else:
        stubber.add_response("describe_stack_events", {"StackEvents": events})
    stubber.activate()


@pytest.fixture
def deployment() -> Deployment:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return Deployment("s", session, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [
                event("Other", "CREATE_FAILED", "Resource creation cancelled"),
                event("FeatureGroups", "CREATE_FAILED", "the name is too long"),
                event("FeatureGroups", "CREATE_FAILED", "of an earlier deployment", seconds=-60),
                event("Queue", "CREATE_COMPLETE"),
            ],
            "FeatureGroups: the name is too long",
        ),
        ([event("Queue", "CREATE_COMPLETE")], "the end of sam's output"),
        (None, "the end of sam's output"),
    ],
)
def test_the_reason_is_cloudformations_or_else_sams(
    events: list[dict[str, Any]] | None, expected: str, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deploy(*_: Any, **__: Any) -> None:
        raise CommandError("`sam deploy` failed.", details="the end of sam's output")

    stub(deployment, events)
    monkeypatch.setattr(up, "deploy", deploy)
    monkeypatch.setattr(up, "datetime", FrozenClock)
    with pytest.raises(CommandError) as failure:
        up._deploy(deployment, {}, None)
    assert failure.value.details == expected


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [("ValidationError", CommandError, "no stack named s"), ("ExpiredToken", ClientError, "ExpiredToken")],
)
def test_only_a_stack_that_is_not_there_is_said_to_be_so(
    code: str, error: type[Exception], message: str, deployment: Deployment
) -> None:
    with Stubber(deployment.cloudformation) as stubber:
        stubber.add_client_error("describe_stacks", code)
        with pytest.raises(error, match=message):
            _ = deployment.outputs


class FrozenClock:
    """A clock that stands still."""

    @staticmethod
    def now(_zone: object) -> datetime:
        return NOW


UPLOADED = (
    *(f"imaging/d/R01-901/1.2.3/ct/{number}.dcm" for number in range(3)),
    *("imaging/d/R01-902/1.2.4.zip", "imaging/d/R01-902/1.2.4.zip.meta.json", "imaging/d/_COMPLETE.json"),
    *("genomics/d/R01-901/a_1.fastq.gz", "genomics/d/_references/r/genome.fa.gz", "clinical/d/patients.csv"),
)


@pytest.mark.parametrize(("keys", "ended", "expected"), [(UPLOADED, True, 4), ((), True, 0), (UPLOADED, False, None)])
def test_units_of_a_cloud_that_ended_unexpectedly_are_counted(
    keys: tuple[str, ...], ended: bool, expected: int | None, tmp_path: Path
) -> None:
    put(tmp_path / "s3" / "000000000000" / "laptop-rawbucket-1", *keys)
    if ended:
        cloud = subprocess.Popen([sys.executable, "-c", ""])
        cloud.wait()
        (tmp_path / "state.json").write_text(json.dumps({"endpoint": "http://x", "port": 1, "pid": cloud.pid}))
    assert up.count_lost_units(tmp_path) == expected


def test_another_command_that_builds_is_waited_for_and_named(tmp_path: Path) -> None:
    told: list[str] = []
    hold = "import sys; from pathlib import Path; from local.cloud.deploy import build_folder\n"
    hold += "with build_folder(Path(sys.argv[1])): print('held', flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        release = other.stdin

        def tell() -> None:
            told.append("waiting")
            release.write("\n")
            release.flush()

        with build_folder(tmp_path, on_wait=tell):
            assert told == ["waiting"]
    with build_folder(tmp_path, on_wait=tell):
        assert told == ["waiting"]


@pytest.mark.parametrize(
    ("datasets", "groups", "expected"),
    [
        (["s"], ["laptop-s-labels-v1"], "features labels"),
        (["s", "t"], ["laptop-t-rna-v1", "laptop-s-rna-v2"], "features laptop-s-rna-v2"),
    ],
)
def test_the_next_commands_name_what_is_deployed(datasets: list[str], groups: list[str], expected: str) -> None:
    commands = up.next_commands("laptop", datasets, groups)
    assert f"multimodal {expected}" in commands
    for name in datasets:
        assert f"multimodal upload DIR --dataset {name} --wait" in commands
        assert f"multimodal report --dataset {name} --output my-report/{name}" in commands


def test_a_draft_that_nobody_looked_at_is_named_and_deployed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        up, "checks_left", lambda names: [f"functions/datasets/{name}.yaml: 11 CHECKs left" for name in names]
    )
    monkeypatch.setattr(up, "describe_group", lambda *_: SimpleNamespace(qualified_table="t"))
    groups = ["laptop-mine-baseline-v1"]
    deployed = SimpleNamespace(stack="laptop", datasets=["mine"], feature_groups=groups, output=lambda name: name)
    up._print_use(make_console(), deployed, {})  # type: ignore[arg-type]
    assert "! functions/datasets/mine.yaml: 11 CHECKs left. Look at each guess" in capsys.readouterr().out
