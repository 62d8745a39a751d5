"""The stack with DRAGEN: the same template, given a machine image.

Nothing with an FPGA runs on a laptop. The jobs really run, against tests/stand_ins/dragen, which is not DRAGEN: it
refuses options that DRAGEN does not document, and quantifies nothing.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from cli.deployment import Deployment, connect
from cli.ledger import Unit
from cli.project import ACCOUNT, DATASET, REGION
from cli.results import results_prefix
from local.cloud.deploy import build_folder, deploy
from local.synthetic.genome import make_genome, write_annotated_genome
from local.synthetic.reads import RnaSpec, write_case
from rnaseq_job.errors import EXIT_CODES, EXIT_HOST_FAULT, ReasonCode
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.programs import DRAGEN_IMAGE_NAME
from tests.end_to_end.sources import BUILT

STACK = "multimodal-dragen"
LICENCE = "credentials-1=a-user\ncredentials-2=s3cr3t-w0rd\n"
QUEUE = "FpgaQueueArn"
LABEL = "STAND-IN, not DRAGEN"

pytestmark = pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="it would start FPGA instances in a real account")


@pytest.fixture(scope="module")
def dragen(deployment: Deployment, cloud_environment: dict[str, str]) -> Deployment:
    """A second stack, of what was built for the first."""
    secrets = deployment.session.client("secretsmanager", endpoint_url=deployment.endpoint)
    parameters = {
        "DragenAmiId": "ami-0123456789abcdef0",
        "DragenImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{DRAGEN_IMAGE_NAME}",
        "DragenLicenseSecretArn": secrets.create_secret(Name="dragen", SecretString=LICENCE)["ARN"],
    }
    assert deployment.outputs, "built by the first"
    with build_folder(BUILT):
        deploy(cloud_environment, stack=STACK, work=BUILT, parameters=parameters)
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
    assert f"job-definition/{STACK}-dragen:" in variables["SAMPLE_JOB_DEFINITION_ARN"]
    assert f"job-definition/{STACK}-dragen-reference:" in variables["REFERENCE_JOB_DEFINITION_ARN"]


def test_without_the_machine_image_there_is_none(deployment: Deployment) -> None:
    assert "FpgaQueueArn" not in deployment.outputs
    settings = deployment.lambda_.get_function_configuration(FunctionName=deployment.output("SweepFunctionName"))
    variables = settings["Environment"]["Variables"]
    assert variables["GENOMICS_ENGINE"] == "salmon"
    assert variables.get("BATCH_FPGA_QUEUE_ARN", "") == ""
    assert f"job-definition/{deployment.stack}-rnaseq:" in variables["SAMPLE_JOB_DEFINITION_ARN"]
    assert f"job-definition/{deployment.stack}-rnaseq-reference:" in variables["REFERENCE_JOB_DEFINITION_ARN"]


@dataclass(frozen=True)
class Sequenced:
    """What became of the cases: one that goes well, one that DRAGEN refuses, one on a board that fails."""

    pipeline: Pipeline
    mark: str
    units: Mapping[str, Unit]

    def unit(self, name: str) -> Unit:
        return self.units[f"{self.mark}-{name}"]

    def text(self, unit: Unit, name: str) -> str:
        key = f"{results_prefix(unit)}{name}"
        body = self.pipeline.deployment.s3.get_object(Bucket=self.pipeline.processed_bucket, Key=key)["Body"]
        return body.read().decode()

    def files(self, unit: Unit) -> set[str]:
        prefix = results_prefix(unit)
        answer = self.pipeline.deployment.s3.list_objects_v2(Bucket=self.pipeline.processed_bucket, Prefix=prefix)
        return {item["Key"].removeprefix(prefix) for item in answer.get("Contents", [])}


@pytest.fixture(scope="module")
def sequenced(pipeline: Pipeline, dragen: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Sequenced:
    """Three cases and the genome that they are of, uploaded at once to the second stack."""
    folder, genome, mark = tmp_path_factory.mktemp("dragen"), make_genome(), f"D{uuid.uuid4().hex[:6]}"
    second = Pipeline(dragen, pipeline.timeout)
    cases = [f"{mark}-{name}" for name in ("GOOD", "REFUSED", "BOARD")]
    for path in write_annotated_genome(genome, folder / "human"):
        second.store(f"genomics/_references/human/{path.name}", path.read_bytes())
    for case in cases:
        for path in write_case(folder, genome, RnaSpec(case, 5, fragments=400)).files:
            second.store(f"genomics/{DATASET}/{case}/{path.name}", path.read_bytes())
    units = second.wait_for(["genomics#_references#human", *(f"genomics#{DATASET}#{case}" for case in cases)])
    return Sequenced(second, mark, units)


def test_the_hash_table_is_built_from_genome_and_annotation(sequenced: Sequenced) -> None:
    unit = sequenced.units["human"]
    manifest = sequenced.pipeline.result(unit, "dragen.manifest.json")
    assert unit.status == "COMPLETED"
    assert manifest is not None
    names = {name.rpartition("/index/")[2] for name in manifest["files"]["index"]}
    assert {"hash_table.cfg", "anchored_rna/hash_table.cfg"} <= names
    assert manifest["files"]["annotation"].endswith("annotation.gtf")
    assert LABEL in sequenced.text(unit, "dragen.build.log")


def test_a_case_gets_features_of_the_assay_of_dragen(sequenced: Sequenced) -> None:
    unit = sequenced.unit("GOOD")
    run = sequenced.pipeline.result(unit, "run.json")
    assert (unit.status, unit.text("reason_code")) == ("COMPLETED", "")
    assert run is not None
    assert (run["assay"]["engine"], run["reads"]["lanes"], run["reads"]["pairs"]) == ("dragen", 2, 400)
    assert "--fastq-list" in run["provenance"]["command"]
    row = sequenced.pipeline.expression(DATASET)[unit.text("subject")]
    assert (row["engine"], row["genes_missing"], row["reads_total"]) == ("dragen", 0, 400)


def test_the_licence_reaches_dragen_in_a_file_and_nothing_else(sequenced: Sequenced) -> None:
    """The stand-in refuses a file that others can read and a licence in its environment; here it repeats it."""
    unit = sequenced.unit("GOOD")
    log = sequenced.text(unit, "logs/dragen.log")
    assert log.startswith(LABEL)
    assert "--lic-credentials" in log
    assert "***" in log, "it did repeat it"
    everything = [sequenced.text(unit, name) for name in sequenced.files(unit)]
    assert not [text for text in everything if "s3cr3t" in text or "a-user" in text]
    container = sequenced.pipeline.batch_job(unit, QUEUE)["container"]
    assert "s3cr3t" not in str(container)
    logs = sequenced.pipeline.deployment.session.client("logs", endpoint_url=sequenced.pipeline.deployment.endpoint)
    events = logs.get_log_events(
        logGroupName=f"/aws/batch/{STACK}-dragen", logStreamName=container["logStreamName"], startFromHead=True
    )["events"]
    assert events
    assert not [event for event in events if "s3cr3t" in event["message"]]


def test_a_refusal_of_dragen_is_final_and_its_log_is_kept(sequenced: Sequenced) -> None:
    unit = sequenced.unit("REFUSED")
    job = sequenced.pipeline.batch_job(unit, QUEUE)
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", "ENGINE_FAILED")
    assert (job["container"]["exitCode"], len(job["attempts"])) == (EXIT_CODES[ReasonCode.ENGINE_FAILED], 1)
    assert LABEL in sequenced.text(unit, "logs/dragen.log")
    assert "run.json" not in sequenced.files(unit)


def test_a_board_that_fails_is_tried_again_then_told(sequenced: Sequenced) -> None:
    unit = sequenced.unit("BOARD")
    job = sequenced.pipeline.batch_job(unit, QUEUE)
    assert (unit.status, unit.text("reason_code")) == ("FAILED", "JOB_FAILED")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [EXIT_HOST_FAULT] * 3
    assert "rejection.json" not in sequenced.files(unit)
    assert LABEL in sequenced.text(unit, "logs/dragen.log"), "the log of the last attempt"
