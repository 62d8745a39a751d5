"""The build of images in the account: what it runs, and the script it runs."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infrastructure.support import allowed_actions, properties, resolve, resources

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
    environment = {"IMAGE": image, "TAG": tag, "RADIOMICS_REPOSITORY": "r/radiomics", "RNASEQ_REPOSITORY": "r/rnaseq"}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)


pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@pytest.mark.parametrize(
    ("image", "lines"),
    [
        ("radiomics", ["FOLDER=radiomics", "FILE=Dockerfile", "URI=r/radiomics:1.0.0"]),
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
