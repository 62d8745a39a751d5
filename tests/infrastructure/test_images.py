"""The build of images, in the account and with an engine of one's own: what it runs, and the scripts it runs."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infrastructure.support import ROOT, allowed_actions, properties, resolve, resources, template

PROJECT = resolve(properties("ImagesProject"))


def build_specification() -> dict[str, Any]:
    """Return the parsed build specification."""
    found: dict[str, Any] = yaml.safe_load(PROJECT["Source"]["BuildSpec"])
    return found


def commands() -> list[str]:
    """Return its commands in their order."""
    phases = build_specification()["phases"]
    return [command for phase in ("pre_build", "build") for command in phases[phase]["commands"]]


def choose(tmp_path: Path, image: str, tag: str) -> subprocess.CompletedProcess[str]:
    """Run the first command, which chooses folder, file and address of an image."""
    script = commands()[0].replace("/tmp/image", str(tmp_path / "image"))
    repositories = {f"{name.upper()}_REPOSITORY": f"r/{name}" for name in ("radiomics", "rnaseq", "survival")}
    environment = {"IMAGE": image, "TAG": tag, **repositories}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.mark.parametrize(
    ("image", "lines"),
    [
        ("radiomics", ["FOLDER=radiomics", "FILE=Dockerfile", "URI=r/radiomics:1.0.0"]),
        ("survival", ["FOLDER=survival", "FILE=Dockerfile", "URI=r/survival:1.0.0"]),
        ("salmon", ["FOLDER=rnaseq", "FILE=salmon.Dockerfile", "URI=r/rnaseq:salmon-1.0.0"]),
        ("dragen", ["FOLDER=rnaseq", "FILE=dragen.Dockerfile", "URI=r/rnaseq:dragen-1.0.0"]),
    ],
)
def test_each_image_goes_to_its_repository(tmp_path: Path, image: str, lines: list[str]) -> None:
    assert choose(tmp_path, image, "1.0.0").returncode == 0
    assert (tmp_path / "image").read_text().splitlines() == lines


@pytest.mark.parametrize(("image", "tag", "words"), [("other", "1", "IMAGE must be"), ("salmon", "", "TAG must be")])
def test_a_build_of_nothing_says_what_to_give(tmp_path: Path, image: str, tag: str, words: str) -> None:
    done = choose(tmp_path, image, tag)
    assert done.returncode == 1
    assert words in done.stderr


def test_every_command_is_one_that_bash_takes() -> None:
    assert build_specification()["env"]["shell"] == "bash"
    for command in commands():
        done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_images_are_pushed_to_the_repositories_of_the_stack_only() -> None:
    assert allowed_actions("ImagesRole")["ecr:PutImage"] == {
        f"{name}.Arn" for name in resources("AWS::ECR::Repository")
    }


def test_the_source_lies_apart_from_data() -> None:
    assert PROJECT["Source"]["Location"] == "ProcessedBucket/builds/containers.zip"
    assert allowed_actions("ImagesRole")["s3:GetObject"] == {"ProcessedBucket.Arn/builds/*"}
    assert PROJECT["Artifacts"] == {"Type": "NO_ARTIFACTS"}


def test_only_the_build_of_images_is_privileged() -> None:
    assert PROJECT["Environment"]["PrivilegedMode"] is True, "Docker does not start without"
    assert list(resources("AWS::CodeBuild::Project")) == ["ImagesProject"]


# With an engine of one's own


def make_images(tmp_path: Path, *arguments: str, engines: tuple[str, ...]) -> tuple[list[str], str, int]:
    """Run ``make images`` where only some engines answer; return how they were called, the output and the exit code."""
    tools, calls = tmp_path / "bin", tmp_path / "calls"
    tools.mkdir()
    for name in ("docker", "finch", "podman"):
        answers = f'[ "$1" = info ] || echo {name} "$@" >> {calls}' if name in engines else "exit 1"
        (tools / name).write_text(f"#!/bin/sh\n{answers}\n")
        (tools / name).chmod(0o755)
    path = f"{tools}:/usr/local/bin:/usr/bin:/bin"
    command = ["make", "--no-print-directory", "images", *arguments]
    done = subprocess.run(command, env={"PATH": path}, cwd=ROOT, capture_output=True, text=True, check=False)
    noted = calls.read_text().splitlines() if calls.exists() else []
    return noted, done.stdout + done.stderr, done.returncode


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
BUILD = "--platform linux/amd64 --file containers/"


@needs_make
@pytest.mark.parametrize(
    ("engines", "used"),
    [(("docker", "finch", "podman"), "docker"), (("finch", "podman"), "finch"), (("podman",), "podman")],
)
def test_whichever_engine_runs_builds_the_images_of_both_jobs(
    tmp_path: Path, engines: tuple[str, ...], used: str
) -> None:
    calls, _, code = make_images(tmp_path, engines=engines)
    assert code == 0
    start = f"{used} build --format docker" if used == "podman" else f"{used} build --provenance=false --sbom=false"
    assert calls == [
        f"{start} {BUILD}radiomics/Dockerfile --tag multimodal-radiomics:local containers/radiomics",
        f"{start} {BUILD}rnaseq/salmon.Dockerfile --tag multimodal-rnaseq:salmon-local containers/rnaseq",
        f"{start} {BUILD}survival/Dockerfile --tag multimodal-survival:local containers/survival",
    ]


@needs_make
def test_without_an_engine_one_sentence_says_what_else_there_is(tmp_path: Path) -> None:
    _, said, code = make_images(tmp_path, engines=())
    assert code != 0
    assert said.splitlines()[0].startswith("make images needs Docker, Finch or Podman")
    assert "docs/deploy.md says how AWS builds them" in said


@needs_make
def test_repositories_get_the_tags_that_the_account_would_give(tmp_path: Path) -> None:
    repositories = ["RADIOMICS=r/radiomics", "RNASEQ=r/rnaseq", "SURVIVAL=r/survival", "TAG=1.0.0"]
    every = "IMAGES=radiomics salmon dragen survival"
    calls, _, code = make_images(tmp_path, every, *repositories, engines=("docker",))
    assert code == 0
    pushed = [call.split()[-1] for call in calls if call.startswith("docker push")]
    for number, image in enumerate(("radiomics", "salmon", "dragen", "survival")):
        place = tmp_path / image
        place.mkdir()
        choose(place, image, "1.0.0")
        assert f"URI={pushed[number]}" in (place / "image").read_text().splitlines()


@needs_make
@pytest.mark.parametrize(
    ("argument", "words"), [("RNASEQ=r/rnaseq", "TAG=1.0.0"), ("IMAGES=salmon kallisto", "not kallisto")]
)
def test_what_cannot_be_meant_is_rejected(tmp_path: Path, argument: str, words: str) -> None:
    calls, said, code = make_images(tmp_path, argument, engines=("docker",))
    assert code != 0
    assert words in said
    assert not [call for call in calls if " push " in call]


def test_the_deployment_page_names_every_image_and_every_output_it_needs() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for words in ("start-build", "builds/containers.zip", "<ImagesProjectName>", "radiomics salmon", "dragen"):
        assert words in page, f"a newcomer without Docker needs {words}"
    for output in set(re.findall(r"<([A-Z][A-Za-z]+)>", page)):
        assert output in template()["Outputs"], f"README.md names an output that there is not: {output}"
