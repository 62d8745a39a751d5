"""A running cloud is deployed to again when anything that goes into it has changed, and only then."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local.cloud.cloud import stop_cloud
from local.cloud.deployed import forget, is_deployed, remember
from tests.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    names = ("stacks/one.yaml", "statemachines/one.json", "functions/sweep/app.py", "template.yaml", "README.md")
    return put(tmp_path / "source", *names)


@pytest.fixture
def root(tmp_path: Path, source: Path) -> Path:
    """A cloud to which the sources were deployed with one dataset."""
    folder = tmp_path / "state"
    assert not is_deployed(folder, None, source)
    remember(folder, {"DatasetNames": "a"}, source)
    return folder


def _edit(source: Path) -> None:
    (source / "functions" / "sweep" / "app.py").write_text("changed")


def _rename(source: Path) -> None:
    (source / "stacks" / "one.yaml").rename(source / "stacks" / "two.yaml")


def _remove(source: Path) -> None:
    shutil.rmtree(source / "statemachines")


def _compile(source: Path) -> None:
    cached = source / "functions" / "sweep" / "__pycache__" / "app.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"\0")


def _document(source: Path) -> None:
    (source / "README.md").write_text("changed")


@pytest.mark.parametrize(
    ("change", "still"), [(_edit, False), (_rename, False), (_remove, False), (_compile, True), (_document, True)]
)
def test_what_goes_into_it_counts(source: Path, root: Path, change: Callable[[Path], None], still: bool) -> None:
    assert is_deployed(root, None, source)
    change(source)
    assert is_deployed(root, None, source) is still


def test_parameters_keep_their_value_until_another_is_given(source: Path, root: Path) -> None:
    assert is_deployed(root, {"DatasetNames": "a"}, source)
    assert not is_deployed(root, {"DatasetNames": "a,b"}, source)


def test_a_deployment_that_has_begun_is_none(source: Path, root: Path) -> None:
    forget(root)
    assert not is_deployed(root, None, source)


def test_a_cloud_that_was_stopped_has_nothing(source: Path, root: Path) -> None:
    state = {"endpoint": "http://127.0.0.1:1", "port": 1, "pid": 999_999_999, "root": str(root)}
    (root / "state.json").write_text(json.dumps(state))
    stop_cloud(root)
    assert not is_deployed(root, None, source)
