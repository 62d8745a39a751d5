"""What documents and comments name is there: files, anchors, decisions, commands with their options, make targets."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from cli.main import app
from tests.infrastructure.support import ROOT

FOLDERS = ("functions", "containers", "cli", "local", "stacks", "statemachines", "benchmarks", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("findings/*.md")])
SOURCES = sorted(p for each in FOLDERS for p in ROOT.glob(f"{each}/**/*.*") if p.suffix in {".py", ".yaml"})
DECISIONS = set(re.findall(r'<a id="([a-z-]+-\d+)"></a>', (ROOT / "docs/decisions.md").read_text(encoding="utf-8")))
SERIES = "|".join(sorted({name.rpartition("-")[0] for name in DECISIONS}))
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)#?([^)\s]*)\)")
_DECISION = re.compile(rf"(?:decisions\.md#|decision `?|\(`?|`)((?:{SERIES})-\d+)\b(?!\.)")
_COMMAND = re.compile(r"(?:^\s*\$ |`)(multimodal|make) ([^`\n#|]*)", re.MULTILINE)


def relative(path: Path) -> str:
    """Return a short test id."""
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of headings, and those it names itself."""
    text = path.read_text(encoding="utf-8")
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", head.lower()) for head in re.findall(r"^#+ (.*)$", text, re.M))
    return {re.sub(r"[^\w\- ]", "", head).replace(" ", "-") for head in plain} | set(re.findall(r'id="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        path = Path(os.path.normpath(page.parent / target)) if target else page
        assert path.exists(), target
        assert not anchor or path.suffix != ".md" or anchor in anchors(path), f"{target}#{anchor}"


def test_tests_that_are_named_are_there() -> None:
    there = {path.name for path in ROOT.glob("tests/**/*.py")}
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+\.py)`", page.read_text(encoding="utf-8"))}
    assert len(named) > 10
    assert named - there == set()


def test_modules_that_are_named_are_there() -> None:
    there = [f"/{relative(path)}" for path in SOURCES]
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", text))
    assert len(named) > 10
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in there)] == []


def test_every_subject_of_the_functions_has_its_api_page() -> None:
    subjects = {path.parent.name for path in ROOT.glob("functions/multimodal/*/__init__.py")}
    named = re.findall(r"^::: multimodal\.(\w+)$", (ROOT / "docs/api/functions.md").read_text(encoding="utf-8"), re.M)
    assert sorted(named) == sorted(subjects)


def test_api_pages_find_their_packages() -> None:
    plugins = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["plugins"]
    (settings,) = (each["mkdocstrings"] for each in plugins if "mkdocstrings" in each)
    paths = settings["handlers"]["python"]["paths"]
    for page in ROOT.glob("docs/api/*.md"):
        for package in re.findall(r"^::: ([\w.]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert any((ROOT / path / package.replace(".", "/")).exists() for path in paths), package


def test_decisions_that_are_named_are_there() -> None:
    named = {
        (relative(path), found)
        for path in [*PAGES, *SOURCES]
        for found in _DECISION.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 200, "the pattern finds nothing any more"
    assert [each for each in sorted(named) if each[1] not in DECISIONS] == []


def commands() -> dict[tuple[str, ...], Any]:
    """Return every command of `multimodal` by its words."""

    def below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield words, command
        for name, each in getattr(command, "commands", {}).items():
            yield from below((*words, name), each)

    return dict(below((), typer.main.get_command(app)))


def test_commands_and_options_that_are_named_are_there() -> None:
    known = commands()
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong, count = [], 0
    for page in PAGES:
        for program, line in _COMMAND.findall(page.read_text(encoding="utf-8").replace("\\\n", " ")):
            count += 1
            words = [word.rstrip(".,;:)") for word in line.split()]
            problem = words[:1] if words and program == "make" and words[0] not in targets else []
            if program == "multimodal":
                problem = unknown(known, words)
            wrong += [f"{relative(page)}: {program} {line}: {each}" for each in problem]
    assert count > 100
    assert wrong == []


def unknown(known: dict[tuple[str, ...], Any], words: list[str]) -> list[str]:
    """Return the words of a command line that are no command and no option."""
    path: tuple[str, ...] = ()
    while len(path) < len(words) and (*path, words[len(path)]) in known:
        path = (*path, words[len(path)])
    command, rest = known[path], words[len(path) :]
    options = {"--help", *(name for each in command.params for name in (*each.opts, *each.secondary_opts))}
    missing = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options]
    return missing + [word for word in rest[:1] if hasattr(command, "commands") and re.match(r"[a-z]", word)]
