"""How sam is run: with the cloud's settings and none of the user's, and quietly unless it fails."""

import json
import os
import sys
from pathlib import Path

import pytest

from cli.errors import CommandError
from local.cloud import deploy

CLOUD = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "laptop",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for sam that notes how it was called."""
    script = tmp_path / "sam"
    notes = tmp_path / "calls.jsonl"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"open({str(notes)!r}, 'a').write(json.dumps([sys.argv[1:], dict(os.environ)]) + '\\n')\n"
        "print('what sam says')\nsys.exit(int(os.environ.get('SAM_STAND_IN_EXIT', '0') or 0))\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(deploy, "_sam", lambda: script)
    return notes


def read_call(notes: Path) -> tuple[list[str], dict[str, str]]:
    arguments, environment = json.loads(notes.read_text().splitlines()[-1])
    return arguments, environment


def test_nothing_of_the_users_aws_settings_reaches_sam(
    sam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "hospital-production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    deploy.build(CLOUD, work=tmp_path / "work")
    _, environment = read_call(sam)
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == "laptop"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_the_template_is_deployed_with_the_hosts_python_and_a_short_quiet_period(sam: Path, tmp_path: Path) -> None:
    deploy.deploy(CLOUD, work=tmp_path, parameters={"MaxConcurrency": "2"})
    arguments, _ = read_call(sam)
    assert f"PythonRuntime=python3.{sys.version_info.minor}" in arguments
    assert {"QuietPeriodSeconds=3", "MaxConcurrency=2", "--resolve-s3"} <= set(arguments)


def test_success_is_silent_and_keeps_a_log(sam: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    deploy.build(CLOUD, work=tmp_path / "work")
    assert capfd.readouterr().out == ""
    assert (tmp_path / "work" / "logs" / "sam-build.log").read_text() == "what sam says\n"


def test_what_sam_leaves_in_its_temporary_folder_is_removed(sam: Path, tmp_path: Path) -> None:
    deploy.build(CLOUD, work=tmp_path / "work")
    _, environment = read_call(sam)
    temporary = Path(environment["TMPDIR"])
    assert temporary.parent == tmp_path / "work"
    assert not temporary.exists()


def test_failure_shows_the_end_of_sams_output(sam: Path, tmp_path: Path) -> None:
    failing = {**CLOUD, "SAM_STAND_IN_EXIT": "1"}
    with pytest.raises(CommandError) as failure:
        deploy.deploy(failing, work=tmp_path)
    assert "sam deploy" in failure.value.message
    assert failure.value.details == "what sam says"
    assert "sam-deploy.log" in failure.value.hint


def test_an_interruption_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        pytest.raises(KeyboardInterrupt),
        (tmp_path / "log").open("w") as log,
        deploy._process_group(command, log.fileno(), dict(os.environ), tmp_path) as process,
    ):
        raise KeyboardInterrupt
    assert process.poll() is not None
