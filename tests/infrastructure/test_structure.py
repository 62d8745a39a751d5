"""What import-linter's contracts in pyproject.toml cannot say of the code's structure."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
HANDLERS = sorted(FUNCTIONS.glob("*/app.py"))
HANDLER_LINES, FILE_LINES = 20, 100
"""A handler fits on half a screen; with its settings and its wiring, on two."""


def name(path: Path) -> str:
    """Return a short test id."""
    return str(path.relative_to(FUNCTIONS))


@pytest.mark.parametrize("path", HANDLERS, ids=name)
def test_handlers_fit_on_half_a_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (handler,) = (n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == "handler")
    assert (handler.end_lineno or 0) - handler.lineno < HANDLER_LINES
    assert len(text.splitlines()) <= FILE_LINES


def test_the_root_template_stays_short() -> None:
    lines = (ROOT / "template.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 1_900, "put new resources into the nested stack of their subject (stacks/)"


@pytest.mark.parametrize(
    "path", [ROOT / "template.yaml", *sorted((ROOT / "stacks").glob("*.yaml"))], ids=lambda p: p.name
)
def test_no_template_is_for_one_partition_only(path: Path) -> None:
    named = [line for line in path.read_text(encoding="utf-8").splitlines() if "arn:aws:" in line]
    # Public archives are where they are; `multimodal check` tells other partitions what to give instead.
    assert [line for line in named if "s3:::idc-open-data" not in line] == []


@pytest.mark.parametrize("path", sorted(FUNCTIONS.rglob("*.py")), ids=name)
def test_nothing_happens_at_import(path: Path) -> None:
    """A module defines; it makes no client and reads no environment while it is imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        called = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
        assert not [c for c in called if c.startswith(("boto3.", "os.", "Logger", "Metrics"))]


def test_no_file_holds_the_marks_of_an_unfinished_merge() -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    files = [path for path in map(ROOT.joinpath, filter(None, names.split("\0"))) if path.is_file()]
    if not files:
        pytest.skip("no checkout of git")
    unfinished = re.compile(rb"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path in files if unfinished.search(path.read_bytes())] == []


def test_all_jobs_state_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    stated = {
        path.parent.name: re.findall(r'^__version__ = "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in ROOT.glob("containers/*/src/*_job/__init__.py")
    }
    assert stated == {name: [project] for name in ("radiomics_job", "rnaseq_job", "survival_job")}
