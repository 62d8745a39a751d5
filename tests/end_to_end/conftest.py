"""One deployed stack for all end-to-end tests: on the laptop cloud, or the one that `SMOKE_STACK` names.

Side by side (`-n 2 --dist loadfile`), each worker has a laptop cloud of its own: much of the time is spent waiting.
"""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from cli.deployment import Deployment, connect
from cli.project import STACK
from local.cloud.cloud import start_cloud, stop_cloud
from tests.end_to_end.evidence import keep_evidence
from tests.end_to_end.patients import Patients, upload_patients
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.programs import job_commands, stand_ins_on_path
from tests.end_to_end.sources import deploy_sources
from tests.end_to_end.studies import Studies, write_studies

_LAPTOP_TIMEOUT = 120.0
_ACCOUNT_TIMEOUT = 3600.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.end_to_end)
            if "SMOKE_STACK" in os.environ:  # real jobs take minutes to start, and the quiet period is minutes
                item.add_marker(pytest.mark.timeout(2 * _ACCOUNT_TIMEOUT))


@pytest.fixture(scope="session")
def cloud_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the laptop cloud's state."""
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def cloud_environment(cloud_root: Path) -> Iterator[dict[str, str]]:
    """The variables with which tools reach the laptop cloud."""
    programs = cloud_root.parent / "programs"
    extra = {"PATH": stand_ins_on_path(programs), "MULTIMODAL_JOB_COMMANDS": json.dumps(job_commands(programs))}
    cloud = start_cloud(cloud_root, die_with_parent=True, extra_env=extra)
    yield dict(cloud.environment())
    if folder := os.environ.get("E2E_EVIDENCE"):
        keep_evidence(cloud_root, cloud.environment(), Path(folder))
    stop_cloud(cloud_root)


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The stack under test."""
    if stack := os.environ.get("SMOKE_STACK"):
        return Deployment(stack, boto3.Session(), os.environ.get("AWS_ENDPOINT_URL"))
    environment: dict[str, str] = request.getfixturevalue("cloud_environment")
    deploy_sources(environment)
    return connect(STACK, environment)


@pytest.fixture(scope="session")
def pipeline(deployment: Deployment) -> Pipeline:
    """The stack, ready to be driven."""
    return Pipeline(deployment, _ACCOUNT_TIMEOUT if os.environ.get("SMOKE_STACK") else _LAPTOP_TIMEOUT)


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    """Studies that no earlier test session has uploaded."""
    return write_studies(tmp_path_factory.mktemp("studies"), f"T{uuid.uuid4().hex[:6]}")


@pytest.fixture(scope="session")
def first_upload(pipeline: Pipeline, studies: Studies) -> Pipeline:
    """The pipeline after all studies were uploaded at once and have ended."""
    pipeline.upload(studies.all)
    study = studies.marked
    pipeline.put(f"{study.subject}/{study.study}/_COMPLETE.json", b'{"objects": %d}' % len(study.files))
    pipeline.wait_for(studies.unit_ids)
    pipeline.features(study.subject for study in studies.good)
    return pipeline


@pytest.fixture(scope="session")
def patients(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Patients:
    """The pipeline after some patients were uploaded, of whom two have all modalities."""
    return upload_patients(pipeline, tmp_path_factory.mktemp("patients"))


@pytest.fixture
def shell(request: pytest.FixtureRequest, first_upload: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell in which the command `multimodal` means the stack under test, as for somebody with an account."""
    if "SMOKE_STACK" not in os.environ:
        environment: dict[str, str] = request.getfixturevalue("cloud_environment")
        for name in (name for name in environment if name.startswith("AWS_")):
            monkeypatch.setenv(name, environment[name])
    monkeypatch.setenv("MULTIMODAL_STACK", first_upload.deployment.stack)
