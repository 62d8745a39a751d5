"""The stack with DRAGEN: the same template, given a machine image. Nothing with an FPGA runs on a laptop."""

from __future__ import annotations

import os

import pytest

from local.deploy import deploy
from local.deployment import Deployment, connect
from local.project import ACCOUNT, REGION

STACK = "multimodal-dragen"

pytestmark = pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="it would start FPGA instances in a real account")


@pytest.fixture(scope="module")
def dragen(deployment: Deployment, cloud_environment: dict[str, str]) -> Deployment:
    """A second stack, of what was built for the first."""
    parameters = {
        "DragenAmiId": "ami-0123456789abcdef0",
        "DragenImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/multimodal-local-rnaseq:dragen",
        "DragenLicenseSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:dragen-AbCdEf",
    }
    assert deployment.outputs, "built by the first"
    deploy(cloud_environment, stack=STACK, parameters=parameters)
    return connect(STACK, cloud_environment)


def test_there_is_a_queue_of_fpga_instances(dragen: Deployment) -> None:
    batch = dragen.session.client("batch", endpoint_url=dragen.endpoint)
    (queue,) = batch.describe_job_queues(jobQueues=[dragen.output("FpgaQueueArn")])["jobQueues"]
    environments = [entry["computeEnvironment"] for entry in queue["computeEnvironmentOrder"]]
    (found,) = batch.describe_compute_environments(computeEnvironments=environments)["computeEnvironments"]
    assert found["computeResources"]["instanceTypes"] == ["f2.6xlarge"]
    assert found["computeResources"]["ec2Configuration"][0]["imageIdOverride"] == "ami-0123456789abcdef0"
    assert found["computeResources"]["launchTemplate"]["version"] == "1"


def test_the_sweep_is_told_so(dragen: Deployment) -> None:
    settings = dragen.lambda_.get_function_configuration(FunctionName=dragen.output("SweepFunctionName"))
    variables = settings["Environment"]["Variables"]
    assert variables["GENOMICS_ENGINE"] == "dragen"
    assert variables["RNASEQ_IMAGE_URI"].endswith(":dragen")
    assert variables["BATCH_FPGA_QUEUE_ARN"] == dragen.output("FpgaQueueArn")
    assert f"job-definition/{STACK}-dragen:" in variables["DRAGEN_JOB_DEFINITION_ARN"]


def test_without_the_machine_image_there_is_none(deployment: Deployment) -> None:
    assert "FpgaQueueArn" not in deployment.outputs
    settings = deployment.lambda_.get_function_configuration(FunctionName=deployment.output("SweepFunctionName"))
    variables = settings["Environment"]["Variables"]
    assert variables["GENOMICS_ENGINE"] == "salmon"
    assert (variables.get("BATCH_FPGA_QUEUE_ARN", ""), variables.get("DRAGEN_JOB_DEFINITION_ARN", "")) == ("", "")
    assert f"job-definition/{deployment.stack}-rnaseq:" in variables["RNASEQ_JOB_DEFINITION_ARN"]
