"""The researcher's notebook, from top to bottom in its own environment, against the laptop cloud.

The groups are those of the project's dataset, the dataset is built by the function's own code; no template is deployed.
"""

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli.deployment import Deployment
from cli.features import run_query
from cli.project import DATASET, ROOT
from multimodal.aws.dataset import S3Files, SageMakerCatalogue
from multimodal.aws.objects import S3Objects
from multimodal.dataset.build import DatasetBuild
from multimodal.dataset.plan import Planner, dataset_columns
from tests.contract.local_cloud import Account, account_fixture, allow, wait_for

PYTHON = ROOT / ".venv-notebook" / "bin" / "python"
NOTEBOOK = ROOT / "notebooks" / "explore_features.ipynb"
STACK, BUCKET, STORE, CASES, SCANNED_TWICE = "laptop", "processed", "store", 24, "R01-001"
MEASURED = {"clinical-baseline": 20, "imaging": 120, "labels": 8, "rna": 21}
"""Columns of each group that both have, at least."""
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": sys.argv[2]}}).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
said = [output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs]
images = sum("image/png" in output.get("data", {}) for output in outputs)
with open(sys.argv[2] + "/outputs.json", "w") as file:
    json.dump({"said": said, "images": images}, file)
"""

account = account_fixture()


def make_groups(account: Account) -> None:
    """Make the dataset's feature groups as the stack would."""
    role = account.role("store", "sagemaker", allow("s3:*", f"arn:aws:s3:::{account.bucket(STORE)}/*"))
    sagemaker, (columns, _) = account.client("sagemaker"), dataset_columns(STACK, DATASET)
    for spec in (group.spec for group in columns.groups):
        sagemaker.create_feature_group(
            FeatureGroupName=spec.name,
            RecordIdentifierFeatureName="case_id",
            EventTimeFeatureName="event_time",
            FeatureDefinitions=[{"FeatureName": n, "FeatureType": kind.value} for n, kind in spec.features],
            OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{STORE}/feature-store"}, "TableFormat": "Iceberg"},
            RoleArn=role,
        )
        wait_for(partial(is_created, sagemaker, spec.name))


def is_created(sagemaker: Any, name: str) -> bool | None:
    """Return True once a group can be written to."""
    return sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created" or None


def records() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield made-up records: a third of the cases has no CT, some no RNA, one was scanned twice."""
    dice = random.Random(3)
    for number in range(1, CASES + 1):
        ids: dict[str, object] = {"case_id": f"R01-{number:03d}", "event_time": "2001-02-03T00:00:00Z"}
        size, age = dice.lognormvariate(2, 1), dice.randint(40, 80)
        yield (
            "labels",
            {**ids, "os_event": number % 2, "os_days": dice.randint(50, 2000), "survival_status": number % 2},
        )
        yield "clinical-baseline", {**ids, "age_years": age, "sex_female": number % 2}
        if number % 3:
            yield "imaging", {**ids, "volume_ml": size, "original_shape_Sphericity": dice.random()}
        if number % 5:
            yield "rna", {**ids, "log2tpm_CD4": dice.random() * 9, "log2tpm_VIM": dice.random() * 9}
    again = {"case_id": SCANNED_TWICE, "event_time": "2001-05-06T00:00:00Z"}
    yield "imaging", {**again, "volume_ml": 77.5, "original_shape_Sphericity": 0.5}


@pytest.fixture(scope="module")
def built(account: Account) -> dict[str, Any]:
    """The feature groups with their records, and a dataset of them."""
    make_groups(account)
    runtime = account.client("sagemaker-featurestore-runtime")
    for content, values in records():
        record = [{"FeatureName": name, "ValueAsString": str(value)} for name, value in values.items()]
        runtime.put_record(FeatureGroupName=f"{STACK}-{DATASET}-{content}-v1", Record=record)
    account.bucket(BUCKET)
    environment = account.cloud.environment()
    deployment = Deployment(STACK, account._session, environment["AWS_ENDPOINT_URL"])
    deployment.__dict__["outputs"] = {"ProcessedBucketName": BUCKET}
    with pytest.MonkeyPatch.context() as shell:
        for name in (name for name in environment if name.startswith("AWS_")):
            shell.setenv(name, environment[name])
        shell.setattr(boto3, "DEFAULT_SESSION", None)
        objects, files = S3Objects(BUCKET), S3Files(BUCKET)
        planner = Planner(SageMakerCatalogue(), STACK, [DATASET])
        service = DatasetBuild(objects, objects, files, planner, lambda: 1_800_000_000)
        queries = service.plan("run", {"request": {"dataset": DATASET}})["queries"]
        for number in queries:
            query = service.query("run", number)
            run_query(deployment, query["sql"], database=query["database"])
        return service.write("run")


@pytest.fixture(scope="module")
def outputs(account: Account, built: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the cells of the notebook answered."""
    if not PYTHON.exists():
        pytest.skip("the notebook's environment is not there (make .venv-notebook/.ready)")
    folder = tmp_path_factory.mktemp("notebook")
    settings = {"MULTIMODAL_STACK": STACK, "MULTIMODAL_DATASET": DATASET, "MULTIMODAL_BUCKET": BUCKET}
    environment = {**os.environ, **dict(account.cloud.environment()), **settings}
    environment.pop("PYTHONPATH", None)
    command = [str(PYTHON), "-c", RUN, str(NOTEBOOK), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "outputs.json").read_text())


def test_the_sdk_and_the_dataset_agree_and_differ_where_it_is_said(outputs: Any) -> None:
    said = "\n".join(outputs["said"])
    assert "sagemaker 2.257.7" in said
    assert f"{CASES - 1} of {CASES} cases are in one row of the SDK's" in said
    for content in ("clinical-baseline", "imaging", "labels", "rna"):
        columns, same = re.search(rf"(?m)^{content} +(\d+) +(\d+)$", said).groups()  # type: ignore[union-attr]
        assert columns == same, content
        assert int(columns) >= MEASURED[content], content
    assert "The SDK has 1 rows more than cases, the dataset none." in said


def test_missing_modalities_and_curves_are_drawn(outputs: Any) -> None:
    both = sum(1 for number in range(1, CASES + 1) if number % 3 and number % 5)
    assert f"{both} of {CASES} cases have all modalities" in "\n".join(outputs["said"])
    assert outputs["images"] == 2


def test_no_output_is_kept_in_the_repository() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_pinned_version_is_the_one_that_is_documented() -> None:
    pinned = (ROOT / "requirements" / "notebook.in").read_text(encoding="utf-8")
    assert "sagemaker==2.257.7" in pinned
    assert "2.257.7" in Path(ROOT / "docs" / "laptop.md").read_text(encoding="utf-8")
