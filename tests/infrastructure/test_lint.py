"""The linters' verdict on the template: as it is written and as SAM expands it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def cfn_lint(path: Path) -> subprocess.CompletedProcess[str]:
    """Run cfn-lint with its informational rules."""
    return run_tool("cfn-lint", "--include-checks", "I", "--regions", REGION, "--template", str(path))


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_the_template_has_no_finding(path: Path) -> None:
    result = cfn_lint(path)
    assert result.returncode == 0, f"cfn-lint found:\n{result.stdout}{result.stderr}"


def test_the_expanded_template_has_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "expanded.json"
    path.write_text(json.dumps(expanded()))
    result = cfn_lint(path)
    assert result.returncode == 0, f"cfn-lint found, in what SAM makes of the template:\n{result.stdout}"


def test_an_error_that_only_expansion_shows_is_found(tmp_path: Path) -> None:
    document = json.loads(json.dumps(expanded()))
    document["Resources"]["ArrivalsQueue"]["Properties"]["VisibilityTimeout"] = 1
    path = tmp_path / "expanded.json"
    path.write_text(json.dumps(document))
    assert cfn_lint(path).returncode != 0


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_sam_takes_the_template(path: Path) -> None:
    result = run_tool("sam", "validate", "--lint", "--region", REGION, "--template-file", str(path))
    assert result.returncode == 0, f"sam validate --lint:\n{result.stdout}{result.stderr}"
