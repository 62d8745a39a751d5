"""Images: built from pinned parts, run by nobody special, started by their own entry point."""

import re
import tomllib

import pytest

from tests.infrastructure.support import ROOT

DOCKERFILE = (ROOT / "containers" / "radiomics" / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "containers" / "radiomics" / "pyproject.toml").read_text(encoding="utf-8"))


def last_stage() -> str:
    """Return the stage that becomes the image."""
    return re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[-1]


def instructions(name: str, text: str = DOCKERFILE) -> list[str]:
    """Return the arguments of every instruction of a kind."""
    return re.findall(rf"^{name}\s+(.+)$", text, flags=re.MULTILINE)


def test_the_image_is_not_run_by_root() -> None:
    users = instructions("USER", last_stage())
    assert users, "add a USER instruction to the last stage"
    assert users[-1] not in {"root", "0"}


def test_the_entry_point_is_the_console_script() -> None:
    (entry_point,) = instructions("ENTRYPOINT", last_stage())
    (script,) = PROJECT["project"]["scripts"]
    assert entry_point == f'["{script}"]', "the state machine gives arguments only"


def test_the_base_is_pinned() -> None:
    bases = [*instructions("ARG PYTHON_IMAGE=?"), *re.findall(r"^ARG \w*IMAGE=(\S+)", DOCKERFILE, re.MULTILINE)]
    assert bases
    for base in bases:
        assert re.search(r":\d+\.\d+\.\d+|@sha256:", base), f"pin {base} to a patch version or a digest"


def test_packages_are_checked_against_their_hashes() -> None:
    installs = [line for line in instructions("RUN") if "--requirement" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)
    requirements = (ROOT / "containers" / "radiomics" / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^[A-Za-z0-9][^\s;]*==\S+", requirements, flags=re.MULTILINE)
    assert names
    assert requirements.count("--hash=sha256:") >= len(names)


@pytest.mark.parametrize("forbidden", ["index-url", "trusted-host", "find-links"])
def test_no_package_index_is_named(forbidden: str) -> None:
    assert forbidden not in DOCKERFILE.lower()


def test_the_compiler_stays_behind() -> None:
    assert "build-essential" not in last_stage()
    assert "apt-get" not in last_stage()
