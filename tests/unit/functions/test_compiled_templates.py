"""Templates stay compiled in the package, and one that changed is compiled anew."""

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from multimodal.compiled_templates import CompiledBeside, compile_templates


def environment(folder: Path) -> Environment:
    return Environment(loader=FileSystemLoader(folder), autoescape=True, bytecode_cache=CompiledBeside(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html.j2").write_text("old {{ name }}", encoding="utf-8")
    compile_templates(environment(tmp_path))
    return tmp_path


def test_a_compiled_template_is_not_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Environment, "_parse", None)
    assert environment(folder).get_template("page.html.j2").render(name="<a>") == "old &lt;a&gt;"


def test_a_folder_that_was_moved_takes_its_compiled_templates_along(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = folder.rename(folder.with_name("elsewhere"))
    monkeypatch.setattr(Environment, "_parse", None)
    assert environment(moved).get_template("page.html.j2").render(name="a") == "old a"


def test_a_template_that_changed_is_compiled_anew(folder: Path) -> None:
    (folder / "page.html.j2").write_text("new {{ name }}", encoding="utf-8")
    assert environment(folder).get_template("page.html.j2").render(name="a") == "new a"


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "page.html.j2").write_text("{{ name }}", encoding="utf-8")
    (tmp_path / "__pycache__").write_text("a file where the folder would be", encoding="utf-8")
    assert environment(tmp_path).get_template("page.html.j2").render(name="a") == "a"
