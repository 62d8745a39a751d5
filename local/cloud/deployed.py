"""What a running cloud was last deployed from: when that is what is here now, nothing needs to be built again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.project import ROOT

SOURCES = ("template.yaml", "stacks", "statemachines", "functions", "requirements/duckdb")
"""All that `sam build` and `sam deploy` take."""


def is_deployed(root: Path, parameters: Mapping[str, str] | None, source: Path = ROOT) -> bool:
    """Return whether a cloud runs exactly these sources, with each parameter that is given.

    Parameters
    ----------
    root : Path
        Folder of the cloud's state.
    parameters : mapping or None
        Template parameters beyond those of the laptop; one that is not given keeps its value.
    source : Path
        Folder of template.yaml.
    """
    known = _known(root)
    given = (parameters or {}).items()
    return known.get("sources") == _digest(source) and given <= known["parameters"].items()


def remember(root: Path, parameters: Mapping[str, str] | None, source: Path = ROOT) -> None:
    """Write down what was deployed, in a folder that goes with the cloud's data."""
    path = _path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"sources": _digest(source), "parameters": dict(parameters or {})}))


def forget(root: Path) -> None:
    """Forget what was deployed: a deployment that begins may be interrupted."""
    _path(root).unlink(missing_ok=True)


def _known(root: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(_path(root).read_text()))
    except FileNotFoundError:
        return {}


def _path(root: Path) -> Path:
    return root / "runtime" / "deployed.json"


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(_files(source)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(source)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(source: Path) -> Iterator[Path]:
    for name in SOURCES:
        top = source / name
        found = top.rglob("*") if top.is_dir() else [top]
        yield from (path for path in found if path.is_file() and path.parent.name != "__pycache__")
