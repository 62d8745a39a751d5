"""Images: built from pinned parts, run by nobody special, started by their own entry point."""

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.infrastructure.support import ROOT


@dataclass(frozen=True)
class Image:
    """An image: its folder below containers/ and its Dockerfile."""

    folder: str
    file: str

    @property
    def text(self) -> str:
        return (ROOT / "containers" / self.folder / self.file).read_text(encoding="utf-8")

    @property
    def last_stage(self) -> str:
        """The stage that becomes the image."""
        return re.split(r"^FROM ", self.text, flags=re.MULTILINE)[-1]

    @property
    def scripts(self) -> dict[str, str]:
        """The console scripts of the job's package."""
        project = (ROOT / "containers" / self.folder / "pyproject.toml").read_text(encoding="utf-8")
        found: dict[str, str] = tomllib.loads(project)["project"]["scripts"]
        return found


RADIOMICS, SURVIVAL = Image("radiomics", "Dockerfile"), Image("survival", "Dockerfile")
SALMON, DRAGEN = Image("rnaseq", "salmon.Dockerfile"), Image("rnaseq", "dragen.Dockerfile")
IMAGES = [RADIOMICS, SALMON, DRAGEN, SURVIVAL]
every_image = pytest.mark.parametrize("image", IMAGES, ids=lambda image: f"{image.folder}/{image.file}")


def instructions(name: str, text: str) -> list[str]:
    """Return the arguments of every instruction of a kind, with continued lines joined."""
    return re.findall(rf"^{name}\s+(.+)$", re.sub(r"\\\n", " ", text), flags=re.MULTILINE)


def test_every_dockerfile_is_looked_at() -> None:
    found = {path.relative_to(ROOT / "containers") for path in (ROOT / "containers").glob("*/*Dockerfile")}
    assert {str(path) for path in found} == {f"{image.folder}/{image.file}" for image in IMAGES}


def test_the_salmon_image_is_not_run_by_root() -> None:
    users = instructions("USER", SALMON.last_stage)
    assert users[-1:] == ["1000"]


@pytest.mark.parametrize("image", [RADIOMICS, SURVIVAL], ids=["radiomics", "survival"])
def test_the_images_for_sagemaker_start_as_root_and_drop_it(image: Image) -> None:
    """SageMaker's mounts belong to root: a user of the image cannot write to them (sagemaker-python-sdk issue 4764)."""
    assert instructions("USER", image.last_stage) == []
    (entry_point,) = instructions("ENTRYPOINT", image.last_stage)
    program, *rest = json.loads(entry_point)
    assert (program, rest[-1]) == ("as-job-user", "--")
    assert "/opt/ml/processing/output" in rest
    assert "--uid 1000 --create-home --shell /usr/sbin/nologin job" in image.last_stage


def test_both_have_the_same_entry_point() -> None:
    one, other = (ROOT / "containers" / image.folder / "as-job-user" for image in (RADIOMICS, SURVIVAL))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of root's and drop root")
def test_a_job_writes_to_a_folder_of_roots_without_being_root(tmp_path: Path) -> None:
    """The entry point as the image runs it, for a user that is there everywhere; the job is a shell."""
    entry_point = tmp_path / "as-job-user"
    text = (ROOT / "containers" / "radiomics" / "as-job-user").read_text(encoding="utf-8")
    entry_point.write_text(re.sub(r"\bjob\b(?!-)", "nobody", text).replace("nobody:nobody", "nobody"))
    entry_point.write_text(entry_point.read_text().replace("--regid nobody", "--regid nogroup"))
    output = tmp_path / "output"
    output.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    script = 'id -u; touch "$1/features.json"; grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status; echo "$HOME"'
    command = [
        "sh",
        str(entry_point),
        "sh",
        str(output),
        str(tmp_path / "absent"),
        "--",
        "-c",
        script,
        "job",
        str(output),
    ]
    refused = subprocess.run(
        ["setpriv", "--reuid", "nobody", "--clear-groups", "--", "touch", str(output / "x")],
        check=False,
        capture_output=True,
    )
    assert refused.returncode != 0, "the folder must be one that the user cannot write to"
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    user, capabilities, privileges, home = done.stdout.split("\n")[:4]
    assert int(user) == (output / "features.json").stat().st_uid != 0
    assert int(capabilities.split()[1], 16) == 0, "root and its capabilities are gone for good"
    assert privileges.split()[1] == "1"
    assert home != "/root"


def test_only_dragen_is_run_by_root_and_its_image_says_why() -> None:
    assert instructions("USER", DRAGEN.last_stage) == ["0"], "the card's files belong to root"
    assert "# Root, unlike the other images" in DRAGEN.text


@every_image
def test_the_entry_point_is_the_console_script(image: Image) -> None:
    (entry_point,) = instructions("ENTRYPOINT", image.last_stage)
    (script,) = image.scripts
    assert next(word for word in json.loads(entry_point) if word != "as-job-user") == script


@every_image
def test_the_base_is_pinned(image: Image) -> None:
    bases = re.findall(r"^ARG \w*IMAGE=(\S+)", image.text, re.MULTILINE)
    assert bases
    for base in bases:
        assert re.search(r":\d+\.\d+\.\d+|@sha256:", base), f"pin {base} to a patch version or a digest"
        assert base.startswith("public.ecr.aws/docker/library/"), "Docker Hub refuses CodeBuild's shared addresses"
    assert set(instructions("FROM", image.text)) <= {"${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"}


@every_image
def test_packages_are_checked_against_their_hashes(image: Image) -> None:
    installs = [line for line in instructions("RUN", image.text) if "--requirement" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)
    requirements = (ROOT / "containers" / image.folder / "requirements.txt").read_text(encoding="utf-8")
    names = re.findall(r"^[A-Za-z0-9][^\s;]*==\S+", requirements, flags=re.MULTILINE)
    assert names
    assert requirements.count("--hash=sha256:") >= len(names)


@every_image
@pytest.mark.parametrize("forbidden", ["index-url", "trusted-host", "find-links"])
def test_no_package_index_is_named(image: Image, forbidden: str) -> None:
    assert forbidden not in image.text.lower()


@every_image
def test_the_compiler_stays_behind(image: Image) -> None:
    assert "build-essential" not in image.last_stage


def test_the_radiomics_image_installs_no_program() -> None:
    assert "apt-get" not in RADIOMICS.last_stage


def test_salmon_and_the_toolkit_are_of_named_versions() -> None:
    installed = " ".join(instructions("RUN", SALMON.last_stage))
    for program, variable in (
        ("salmon", "SALMON_VERSION"),
        ("sra-toolkit", "SRA_TOOLKIT_VERSION"),
        ("fastp", "FASTP_VERSION"),
    ):
        assert f'"{program}=${{{variable}}}"' in installed
        (version,) = [v for v in instructions("ARG", SALMON.last_stage) if v.startswith(f"{variable}=")]
        assert re.fullmatch(rf"{variable}=\d+\.\d+\.\d+\*", version), "a value belongs to a version of its quantifier"


def test_the_salmon_image_keeps_to_its_scratch_volume() -> None:
    """The root file system of the job is read-only, and the volume belongs to the image's user."""
    stage = SALMON.last_stage
    assert instructions("VOLUME", stage) == ['["/scratch"]']
    assert stage.index("chown rnaseq:rnaseq /scratch") < stage.index("VOLUME")
    assert all(f"{name}=/scratch" in stage for name in ("TMPDIR", "HOME"))


def test_dragen_itself_is_not_in_its_image() -> None:
    assert not [line for line in instructions("(?:COPY|ADD|RUN)", DRAGEN.text) if "edico" in line or "dragen" in line]


@pytest.mark.parametrize("image", ["radiomics", "rnaseq", "survival"])
def test_an_image_holds_what_the_tests_run_with(image: str) -> None:
    folder = ROOT / "containers" / image
    packages, tested = (pins(path) for path in (folder / "requirements.txt", ROOT / "requirements" / "dev.txt"))
    assert packages.items() <= tested.items()
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=\[ ]", name)[0].lower() for name in project["dependencies"]}
    assert wanted <= packages.keys()


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {name.lower(): version for name, version in found}
