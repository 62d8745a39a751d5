"""What is rejected before a deployment to a real account is built."""

from pathlib import Path

import pytest

from cli.account import check_deployment, main
from cli.errors import CommandError
from cli.laptop import client_environment

KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell without any AWS settings."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", *client_environment("")):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("section", ["default", "dev", "prod"])
def test_credentials_and_a_region_are_enough(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **KEYS, AWS_DEFAULT_REGION="eu-central-1")
    check_deployment(section, {})


def test_a_shell_of_the_laptop_cloud_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **KEYS, AWS_DEFAULT_REGION="eu-central-1")
    with pytest.raises(CommandError, match=r"AWS_ENDPOINT_URL is set to http://127\.0\.0\.1:1") as refusal:
        check_deployment("default", client_environment("http://127.0.0.1:1"))
    assert "unset AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID" in refusal.value.hint


def test_an_endpoint_of_one_service_counts_too() -> None:
    with pytest.raises(CommandError, match="AWS_ENDPOINT_URL_S3"):
        check_deployment("default", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})


@pytest.mark.parametrize("section", ["prodd", "version", ""])
def test_an_unknown_section_is_rejected_with_those_there_are(section: str) -> None:
    with pytest.raises(CommandError) as refusal:
        check_deployment(section, {})
    assert refusal.value.hint.endswith("default, dev, prod")


def test_missing_credentials_are_told_before_the_build() -> None:
    with pytest.raises(CommandError, match="no AWS credentials"):
        check_deployment("default", {})


def test_a_missing_region_is_told_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **KEYS)
    with pytest.raises(CommandError, match="No AWS region"):
        check_deployment("default", {})


def test_a_region_of_the_section_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_variables(monkeypatch, **KEYS)
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text('[default.deploy.parameters]\nregion = "eu-west-1"\n')
    check_deployment("default", {}, samconfig)


def test_an_unknown_profile_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CommandError, match="nobody"):
        check_deployment("default", {})


def test_a_refusal_is_a_sentence_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prodd"]) == 1
    assert "samconfig.toml has no section prodd" in capsys.readouterr().err


def test_a_draft_that_nobody_looked_at_is_named_before_a_deployment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_variables(monkeypatch, **KEYS, AWS_DEFAULT_REGION="eu-central-1")
    monkeypatch.setattr("cli.account.checks_left", lambda: ["functions/datasets/mine.yaml: 11 CHECKs left"])
    assert main(["default"]) == 0
    assert "! functions/datasets/mine.yaml: 11 CHECKs left. Look at each guess" in capsys.readouterr().err
