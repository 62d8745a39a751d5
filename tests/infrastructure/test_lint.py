"""The linters' verdict on the template: as it is written and as SAM expands it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.audit import accepted
from tests.infrastructure.support import REGION, ROOT, STACKS, TEMPLATE, expanded

TOOLS = Path(sys.executable).parent


def run_tool(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the virtual environment as on a computer without an AWS account."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    offline = {"SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": REGION}
    tool = str(TOOLS / command[0])
    return subprocess.run(
        [tool, *command[1:]], cwd=ROOT, env={**clean, **offline}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Run cfn-lint with its informational rules, once for all templates: its start takes longer than most of them."""
    broken = json.loads(json.dumps(expanded()))
    broken["Resources"]["ArrivalsQueue"]["Properties"]["VisibilityTimeout"] = 1
    folder = tmp_path_factory.mktemp("expanded")
    for name, document in (("expanded.json", expanded()), ("broken.json", broken)):
        (folder / name).write_text(json.dumps(document))
    paths = [TEMPLATE, *STACKS, folder / "expanded.json", folder / "broken.json"]
    options = ["--include-checks", "I", "--regions", REGION, "--format", "json"]
    result = run_tool("cfn-lint", *options, "--template", *map(str, paths))
    found: dict[str, list[str]] = {path.name: [] for path in paths}
    for each in json.loads(result.stdout):
        found[Path(each["Filename"]).name].append(f"{each['Rule']['Id']} {each['Location']['Path']}: {each['Message']}")
    return found


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_the_template_has_no_finding(path: Path, findings: dict[str, list[str]]) -> None:
    assert findings[path.name] == []


def test_the_expanded_template_has_no_finding(findings: dict[str, list[str]]) -> None:
    assert findings["expanded.json"] == []


def test_an_error_that_only_expansion_shows_is_found(findings: dict[str, list[str]]) -> None:
    assert findings["broken.json"]


SAM_VALIDATE = """
import json, sys
from click.testing import CliRunner
from samcli.cli.main import cli
region, *paths = sys.argv[1:]
for path in paths:
    result = CliRunner().invoke(cli, ["validate", "--lint", "--region", region, "--template-file", path])
    print(json.dumps([path, result.exit_code, result.output]))
"""


@pytest.fixture(scope="module")
def validated() -> dict[str, tuple[int, str]]:
    """Run `sam validate --lint` on each template, in one process for the same reason."""
    result = run_tool("python", "-c", SAM_VALIDATE, REGION, *map(str, [TEMPLATE, *STACKS]))
    return {Path(path).name: (code, said) for path, code, said in map(json.loads, result.stdout.splitlines())}


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_sam_takes_the_template(path: Path, validated: dict[str, tuple[int, str]]) -> None:
    code, said = validated[path.name]
    assert code == 0, f"sam validate --lint:\n{said}"


def test_few_rules_of_the_audit_are_accepted_each_with_a_reason() -> None:
    """The tools themselves have an environment of their own (`prove-4`)."""
    reasons = set(accepted().values())
    assert len(reasons) <= 14
    assert len(accepted()) <= 29
    assert all(len(reason) > 10 for reason in reasons)
