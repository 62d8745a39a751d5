"""The layers keep apart: handler → service → domain, boto3 only in adapters, the laptop known to nobody it serves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
PACKAGE = FUNCTIONS / "multimodal"
HANDLERS = sorted(FUNCTIONS.glob("*/app.py"))
DEPLOYED = sorted(p for folder in ("functions", "containers") for p in (ROOT / folder).rglob("*.py"))
RNASEQ_STORAGE = ROOT / "containers" / "rnaseq" / "src" / "rnaseq_job" / "storage.py"
"""The one adapter of the RNA-seq job, which fetches reads and stores results itself."""
HANDLER_LINES = 35
"""Half a screen."""


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted names a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def names(path: Path) -> str:
    """Return a short test id."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DEPLOYED, ids=names)
def test_only_adapters_use_boto3(path: Path) -> None:
    aws = [n for n in imports(path) if n.split(".")[0] in {"boto3", "botocore"}]
    if aws and path.parent != PACKAGE / "adapters" and path != RNASEQ_STORAGE:
        pytest.fail(f"{names(path)} imports {aws}: move the call behind a port into multimodal/adapters")


@pytest.mark.parametrize("path", DEPLOYED, ids=names)
def test_deployed_code_knows_neither_laptop_nor_tests(path: Path) -> None:
    assert not [n for n in imports(path) if n.split(".")[0] in {"local", "tests", "ministack", "benchmarks"}]
    assert "ministack" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((PACKAGE / "domain").rglob("*.py")), ids=names)
def test_domain_is_pure(path: Path) -> None:
    outside = {"os", "time", "urllib", "socket", "subprocess", "aws_lambda_powertools", "yaml"}
    found = set(imports(path))
    assert not {n.split(".")[0] for n in found} & outside
    assert not [n for n in found if n.startswith("multimodal.") and not n.startswith("multimodal.domain")]


@pytest.mark.parametrize("path", sorted((PACKAGE / "services").glob("*.py")), ids=names)
def test_services_take_ports(path: Path) -> None:
    assert not [n for n in imports(path) if n.startswith(("multimodal.adapters", "multimodal.bootstrap"))]


@pytest.mark.parametrize("path", HANDLERS, ids=names)
def test_handlers_fit_on_half_a_screen(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= HANDLER_LINES


@pytest.mark.parametrize("path", [p for p in DEPLOYED if p.is_relative_to(FUNCTIONS)], ids=names)
def test_nothing_happens_at_import(path: Path) -> None:
    """A module defines; it makes no client and reads no environment while it is imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        called = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
        assert not [c for c in called if c.startswith(("boto3.", "os.", "Logger", "Metrics"))]


def test_radiomics_job_calls_no_service() -> None:
    modules = sorted((ROOT / "containers" / "radiomics").rglob("*.py"))
    networked = {"boto3", "botocore", "requests", "urllib3", "http", "socket", "aiohttp"}
    assert modules
    assert not [names(p) for p in modules for n in imports(p) if n.split(".")[0] in networked]
