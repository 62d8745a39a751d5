"""AWS Batch on the laptop cloud: resources, requests, runs, retries, dependencies, ends and events."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.local_cloud import (
    ACCOUNT,
    JOB_COMMANDS,
    STAND_IN,
    Account,
    account_fixture,
    allow,
    is_gone,
    wait_for,
    wait_until,
)

_HOST_FAULTS_ONLY: list[dict[str, str]] = [
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onExitCode": "1", "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
]
_FARGATE = {"type": "FARGATE", "maxvCpus": 8, "subnets": ["subnet-1"], "securityGroupIds": ["sg-1"]}

account = account_fixture(extra_env={**JOB_COMMANDS, "MULTIMODAL_BATCH_SECOND": "0.01"})


@pytest.fixture(scope="module")
def roles(account: Account) -> dict[str, str]:
    """A job's two roles."""
    account.bucket("results")
    writes = allow("s3:PutObject", "arn:aws:s3:::results/genomics/*")
    return {
        "jobRoleArn": account.role("job", "ecs-tasks", writes),
        "executionRoleArn": account.role("execution", "ecs-tasks", allow("logs:PutLogEvents")),
    }


@pytest.fixture(scope="module")
def queue(account: Account) -> str:
    """ARN of a queue."""
    batch = account.client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName="fargate",
        type="MANAGED",
        computeResources=_FARGATE,
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    created = batch.create_job_queue(jobQueueName="cpu", priority=1, computeEnvironmentOrder=order)
    return str(created["jobQueueArn"])


def _definition(roles: dict[str, str], **changes: Any) -> dict[str, Any]:
    container = {
        "image": STAND_IN,
        "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "8192"}],
        "volumes": [{"name": "scratch"}],
        "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}],
        "environment": [{"name": "TMPDIR", "value": "/scratch"}],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "/aws/batch/test", "awslogs-stream-prefix": "job"},
        },
        **roles,
    }
    return {
        "jobDefinitionName": "standin",
        "type": "container",
        "platformCapabilities": ["FARGATE"],
        "retryStrategy": {"attempts": 3, "evaluateOnExit": _HOST_FAULTS_ONLY},
        "timeout": {"attemptDurationSeconds": 6000},
        **changes,
        "containerProperties": {**container, **changes.get("containerProperties", {})},
    }


@pytest.fixture(scope="module")
def definition(account: Account, roles: dict[str, str]) -> str:
    """ARN of a job definition that retries host faults."""
    return str(account.client("batch").register_job_definition(**_definition(roles))["jobDefinitionArn"])


class Runner:
    """Submits jobs to the queue and follows them."""

    def __init__(self, account: Account, queue: str, definition: str) -> None:
        self.batch, self.queue, self.definition = account.client("batch"), queue, definition

    def submit(self, name: str, *command: str, **changes: Any) -> str:
        """Submit a job and return its id."""
        request = {
            "jobName": name,
            "jobQueue": self.queue,
            "jobDefinition": self.definition,
            "containerOverrides": {"command": list(command)},
            **changes,
        }
        return str(self.batch.submit_job(**request)["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Describe a job."""
        (found,) = self.batch.describe_jobs(jobs=[job_id])["jobs"]
        return dict(found)

    def ended(self, job_id: str) -> dict[str, Any]:
        """Describe a job once it has ended."""
        return wait_for(lambda: job if (job := self.job(job_id))["status"] in ("SUCCEEDED", "FAILED") else None)

    def run(self, name: str, *command: str, **changes: Any) -> dict[str, Any]:
        """Run a job to its end."""
        return self.ended(self.submit(name, *command, **changes))


@pytest.fixture(scope="module")
def runner(account: Account, queue: str, definition: str) -> Runner:
    """Runs jobs."""
    return Runner(account, queue, definition)


def _report(account: Account, key: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(account.client("s3").get_object(Bucket="results", Key=key)["Body"].read())
    return report


def test_a_job_runs_with_its_role_and_in_its_scratch_volume(account: Account, runner: Runner) -> None:
    variables = [{"name": "THREADS", "value": "2"}, {"name": "WORK", "value": "/scratch/work"}]
    command = ["report", "results", "genomics/report.json", "/scratch/a", "/scratchy"]
    job = runner.run("report", containerOverrides={"command": command, "environment": variables})
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0), job
    report = _report(account, "genomics/report.json")
    scratch = report["temporary"]
    assert report["paths"] == [f"{scratch}/a", "/scratchy"]
    assert (report["environment"]["THREADS"], report["environment"]["WORK"]) == ("2", f"{scratch}/work")
    assert report["environment"]["AWS_BATCH_JOB_ID"] == job["jobId"]
    assert not Path(scratch).exists(), "nothing stays"


def test_a_job_sees_nothing_of_this_computer(account: Account, runner: Runner) -> None:
    runner.run("surroundings", "report", "results", "genomics/surroundings.json")
    variables = _report(account, "genomics/surroundings.json")["environment"]
    assert not [name for name in variables if name.startswith(("S3_", "MULTIMODAL_", "GATEWAY", "MINISTACK"))]
    assert variables["AWS_SESSION_TOKEN"]
    assert variables["HOME"] != os.environ.get("HOME")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_secret_is_fetched_with_the_execution_role(
    account: Account, runner: Runner, roles: dict[str, str], *, allowed: bool
) -> None:
    name = f"licence-{allowed}"
    secret = account.client("secretsmanager").create_secret(Name=name, SecretString="a-user")["ARN"]
    reads = allow("secretsmanager:GetSecretValue", secret if allowed else f"{secret}-another")
    changes = {
        "executionRoleArn": account.role(name, "ecs-tasks", reads),
        "secrets": [{"name": "DRAGEN_LICENSE", "valueFrom": secret}],
    }
    definition = _definition(roles, jobDefinitionName=name, containerProperties=changes)
    revision = account.client("batch").register_job_definition(**definition)["jobDefinitionArn"]
    job = runner.run(name, "report", "results", f"genomics/{name}.json", jobDefinition=revision)
    if allowed:
        assert _report(account, f"genomics/{name}.json")["environment"]["DRAGEN_LICENSE"] == "a-user"
        return
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    assert "unable to pull secrets" in job["container"]["reason"]


def test_a_job_may_do_what_its_role_may_and_no_more(runner: Runner) -> None:
    job = runner.run("denied", "report", "results", "imaging/report.json", retryStrategy={"attempts": 1})
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 1)


def test_the_log_is_kept(account: Account, runner: Runner) -> None:
    job = runner.run("logged", "exit", "70")
    stream = job["attempts"][0]["container"]["logStreamName"]
    assert stream.startswith("job/default/")
    assert account.log_lines("/aws/batch/test", stream) == ["leaving with 70"]


_EXIT_ON_1 = {"attempts": 2, "evaluateOnExit": [{"onExitCode": "1", "action": "EXIT"}]}


@pytest.mark.parametrize(
    ("command", "changes", "status", "codes"),
    [
        pytest.param(("exit", "70"), {}, "FAILED", [70], id="a reason of its own ends it at once"),
        pytest.param(("exit-before", "2", "1"), {}, "SUCCEEDED", [1, 1, 0], id="a fault of the host is retried"),
        pytest.param(("exit", "1"), {}, "FAILED", [1, 1, 1], id="attempts come to an end"),
        pytest.param(
            ("exit", "70"), {"retryStrategy": _EXIT_ON_1}, "FAILED", [70, 70], id="what no rule knows is retried"
        ),
    ],
)
def test_attempts_by_the_retry_strategy(
    runner: Runner, command: tuple[str, ...], changes: dict[str, Any], status: str, codes: list[int]
) -> None:
    job = runner.run("tried", *command, **changes)
    assert (job["status"], job["statusReason"]) == (status, "Essential container in task exited")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == codes


def test_the_time_limit_ends_an_attempt_with_its_workers(runner: Runner, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    job = runner.run("slow", "hang", str(pid_file), timeout={"attemptDurationSeconds": 300})
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout"), job
    assert len(job["attempts"]) == 1, "it would take as long again"
    wait_until(lambda: is_gone(int(pid_file.read_text())))


def test_a_running_job_can_be_terminated_and_not_cancelled(runner: Runner, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    job_id = runner.submit("stopped", "hang", str(pid_file))
    wait_until(pid_file.exists)
    runner.batch.cancel_job(jobId=job_id, reason="not wanted")
    assert runner.job(job_id)["status"] == "RUNNING"
    runner.batch.terminate_job(jobId=job_id, reason="not wanted")
    job = runner.ended(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "not wanted", True)
    assert len(job["attempts"]) == 1
    wait_until(lambda: is_gone(int(pid_file.read_text())))


def test_no_more_jobs_run_at_once_than_there_are_slots(runner: Runner) -> None:
    jobs = [runner.ended(job_id) for job_id in [runner.submit(f"many-{n}", "sleep", "0.3") for n in range(4)]]
    for moment in [job["startedAt"] for job in jobs]:
        assert len([job for job in jobs if job["startedAt"] <= moment < job["stoppedAt"]]) <= 2


def test_a_waiting_job_can_be_cancelled(runner: Runner) -> None:
    busy = [runner.submit(f"busy-{number}", "sleep", "0.5") for number in range(2)]
    waiting = runner.submit("cancelled", "sleep", "0")
    runner.batch.cancel_job(jobId=waiting, reason="not wanted")
    job = runner.ended(waiting)
    assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "not wanted", [])
    for job_id in busy:
        runner.ended(job_id)


def test_a_job_waits_for_those_it_depends_on(runner: Runner) -> None:
    first = runner.submit("first", "sleep", "0.3")
    second = runner.submit("second", "sleep", "0", dependsOn=[{"jobId": first}])
    assert runner.job(second)["status"] == "PENDING"
    assert runner.ended(second)["status"] == "SUCCEEDED"
    assert runner.job(second)["startedAt"] >= runner.job(first)["stoppedAt"]


def test_a_job_fails_with_those_it_depends_on(runner: Runner) -> None:
    first = runner.submit("fails", "exit", "70")
    job = runner.run("follows", "sleep", "0", dependsOn=[{"jobId": first}])
    assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "Dependent Job failed", [])


def test_an_image_without_a_command_cannot_be_pulled(account: Account, runner: Runner, roles: dict[str, str]) -> None:
    image = {"image": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/nobody:1"}
    other = _definition(roles, jobDefinitionName="nobody", containerProperties=image)
    arn = account.client("batch").register_job_definition(**other)["jobDefinitionArn"]
    job = runner.run("unknown-image", "sleep", "0", jobDefinition=arn)
    assert job["status"] == "FAILED"
    assert job["container"]["reason"].startswith("CannotPullContainerError")


def test_jobs_are_found_by_name_in_any_status(runner: Runner) -> None:
    for name in ("rna-0a1-1", "rna-0a1-1", "rna-0a1-10"):
        runner.run(name, "sleep", "0")

    def _listed(*values: str, **more: Any) -> dict[str, Any]:
        filters = [{"name": "JOB_NAME", "values": list(values)}]
        return dict(runner.batch.list_jobs(jobQueue=runner.queue, filters=filters, **more))

    assert [job["jobName"] for job in _listed("RNA-0a1-1")["jobSummaryList"]] == ["rna-0a1-1"] * 2
    assert len(_listed("rna-0a1*")["jobSummaryList"]) == 3
    assert _listed("nobody")["jobSummaryList"] == []
    page = _listed("rna-0a1*", maxResults=2)
    assert len(page["jobSummaryList"]) == 2
    assert len(_listed("rna-0a1*", nextToken=page["nextToken"])["jobSummaryList"]) == 1
    assert {job["status"] for job in page["jobSummaryList"]} == {"SUCCEEDED"}


def test_without_a_filter_running_jobs_are_listed(runner: Runner) -> None:
    job_id = runner.submit("running-now", "sleep", "1")
    wait_until(lambda: runner.job(job_id)["status"] == "RUNNING")
    assert job_id in [job["jobId"] for job in runner.batch.list_jobs(jobQueue="cpu")["jobSummaryList"]]
    runner.ended(job_id)
    succeeded = runner.batch.list_jobs(jobQueue="cpu", jobStatus="SUCCEEDED")["jobSummaryList"]
    assert job_id in [job["jobId"] for job in succeeded]


def test_state_changes_are_published_with_the_job(account: Account, runner: Runner) -> None:
    kind = {"source": ["aws.batch"], "detail-type": ["Batch Job State Change"]}
    take = account.subscribe(**kind, detail={"jobName": ["told"]})
    job = runner.run("told", "exit-before", "1", "1")
    told: list[dict[str, Any]] = []

    def _all() -> bool:
        told.extend(take())
        return any(event["detail"]["status"] == "SUCCEEDED" for event in told)

    wait_until(_all)
    statuses = [event["detail"]["status"] for event in told]
    twice = ["RUNNABLE", "STARTING", "RUNNING"] * 2
    assert sorted(statuses) == sorted(["SUBMITTED", *twice, "SUCCEEDED"])
    (last,) = [event for event in told if event["detail"]["status"] == "SUCCEEDED"]
    assert last["resources"] == [job["jobArn"]]
    detail = last["detail"]
    assert (detail["jobQueue"], detail["jobId"]) == (runner.queue, job["jobId"])
    assert [attempt["container"]["exitCode"] for attempt in detail["attempts"]] == [1, 0]
    assert detail["retryStrategy"]["evaluateOnExit"] == _HOST_FAULTS_ONLY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jobQueue": "nobody"}, "not found"),
        ({"jobDefinition": "no-such-definition"}, "does not exist"),
        ({"jobDefinition": "standin:99"}, "does not exist"),
        ({"timeout": {"attemptDurationSeconds": 5}}, "at least 60"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        ({"retryStrategy": {"evaluateOnExit": [_HOST_FAULTS_ONLY[0]] * 6}}, "at most 5"),
        ({"retryStrategy": {"evaluateOnExit": [{"onReason": "*Spot*", "action": "RETRY"}]}}, "end of a pattern"),
        ({"retryStrategy": {"evaluateOnExit": [{"onExitCode": "x", "action": "EXIT"}]}}, "digits"),
        ({"dependsOn": [{"jobId": "nobody"}]}, "does not exist"),
        ({"arrayProperties": {"size": 2}}, "laptop cloud runs no jobs"),
    ],
)
def test_submissions_that_aws_rejects_are_rejected(runner: Runner, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as rejected:
        runner.submit("rejected", "sleep", "0", **changes)
    assert rejected.value.response["Error"]["Code"] == "ClientException"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "500"}]}, "no size"),
        ({"privileged": True}, "not applicable for Fargate"),
        ({"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 1}]}, "not applicable for Fargate"),
        ({"jobRoleArn": "arn:aws:iam::000000000000:role/nobody"}, "cannot be assumed"),
        ({"mountPoints": [{"sourceVolume": "nothing", "containerPath": "/x"}]}, "is no volume"),
    ],
)
def test_definitions_that_aws_rejects_are_rejected(
    account: Account, roles: dict[str, str], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        account.client("batch").register_job_definition(**_definition(roles, containerProperties=changes))


def test_a_new_revision_is_used_by_name_and_an_inactive_one_is_not(account: Account, roles: dict[str, str]) -> None:
    batch = account.client("batch")
    arns = [batch.register_job_definition(**_definition(roles, jobDefinitionName="revised"))["jobDefinitionArn"]
            for _ in range(2)]  # fmt: skip
    assert [arn.rpartition(":")[2] for arn in arns] == ["1", "2"]
    batch.deregister_job_definition(jobDefinition=arns[1])
    found = batch.describe_job_definitions(jobDefinitionName="revised")["jobDefinitions"]
    assert [(item["revision"], item["status"]) for item in found] == [(2, "INACTIVE"), (1, "ACTIVE")]


@pytest.mark.parametrize(
    ("name", "queues", "definitions"),
    [("both", ["cpu"], ["standin:*"]), ("queue-only", ["cpu"], []), ("definition-only", [], ["standin:*"])],
)
def test_a_function_needs_both_queue_and_definition(
    account: Account, runner: Runner, name: str, queues: list[str], definitions: list[str]
) -> None:
    here = f"arn:aws:batch:us-east-1:{ACCOUNT}"
    resources = [f"{here}:job-queue/{text}" for text in queues]
    resources += [f"{here}:job-definition/{text}" for text in definitions]
    batch = account.client_of_function("batch", name, allow("batch:SubmitJob", resources))
    overrides = {"command": ["sleep", "0"]}
    request: dict[str, Any] = {"jobName": name, "jobQueue": runner.queue, "containerOverrides": overrides}
    request["jobDefinition"] = runner.definition
    if queues and definitions:
        assert runner.ended(batch.submit_job(**request)["jobId"])["status"] == "SUCCEEDED"
    else:
        with pytest.raises(ClientError, match="batch:SubmitJob"):
            batch.submit_job(**request)
    with pytest.raises(ClientError, match="batch:ListJobs"):
        batch.list_jobs(jobQueue=runner.queue)


def _capitalised(value: Any) -> Any:
    """Return a request as a template has it: each member's first letter is a capital, numbers are numbers."""
    if isinstance(value, dict):
        kept = {"awslogs-group", "awslogs-stream-prefix"}
        return {key if key in kept else key[0].upper() + key[1:]: _capitalised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_capitalised(item) for item in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _template(roles: dict[str, str], **more: Any) -> str:
    environment = {**_FARGATE, "type": "FARGATE_SPOT"}
    definition = _definition(
        roles, jobDefinitionName="of-a-stack", timeout={"attemptDurationSeconds": {"Ref": "Limit"}}
    )
    resources = {
        "ComputeEnvironment": {"Type": "MANAGED", "ReplaceComputeEnvironment": False}
        | _capitalised({"computeResources": environment}),
        "JobQueue": {
            "JobQueueName": "of-a-stack",
            "Priority": 1,
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": {"Ref": "ComputeEnvironment"}}],
        },
        "JobDefinition": {**_capitalised(definition), **more},
    }
    template = {
        "Parameters": {"Limit": {"Type": "Number", "Default": 600}},
        "Resources": {
            name: {"Type": f"AWS::Batch::{name}", "Properties": properties} for name, properties in resources.items()
        },
        "Outputs": {name: {"Value": {"Ref": name}} for name in ("JobQueue", "JobDefinition")},
    }
    return json.dumps(template)


def test_cloudformation_makes_changes_and_removes_them(account: Account, runner: Runner, roles: dict[str, str]) -> None:
    template = _template(roles)
    stacks = account.client("cloudformation")
    stacks.create_stack(StackName="batch", TemplateBody=template)
    first = _outputs(account, "CREATE_COMPLETE")
    assert first["JobDefinition"].endswith("job-definition/of-a-stack:1")
    job = runner.run("of-a-stack", "sleep", "0", jobQueue=first["JobQueue"], jobDefinition=first["JobDefinition"])
    assert (job["status"], job["timeout"]) == ("SUCCEEDED", {"attemptDurationSeconds": 600})
    stacks.update_stack(
        StackName="batch",
        TemplateBody=template,
        Parameters=[{"ParameterKey": "Limit", "ParameterValue": "900"}],
    )
    assert _outputs(account, "UPDATE_COMPLETE")["JobDefinition"].endswith(":2")
    stacks.delete_stack(StackName="batch")
    wait_until(lambda: not account.client("batch").describe_job_queues(jobQueues=["of-a-stack"])["jobQueues"])
    with pytest.raises(ClientError, match="not found"):
        runner.submit("too-late", "sleep", "0", jobQueue="of-a-stack")


def test_cloudformation_rejects_what_batch_rejects(account: Account, roles: dict[str, str]) -> None:
    template = _template(roles, Colour="blue")
    stacks = account.client("cloudformation")
    stacks.create_stack(StackName="wrong", TemplateBody=template)

    def _reason() -> str | None:
        events = stacks.describe_stack_events(StackName="wrong")["StackEvents"]
        reasons = [event.get("ResourceStatusReason", "") for event in events]
        return next((reason for reason in reasons if "colour" in reason), None)

    assert "Unknown member" in wait_for(_reason)


def _outputs(account: Account, status: str) -> dict[str, str]:
    def _read() -> dict[str, str] | None:
        (stack,) = account.client("cloudformation").describe_stacks(StackName="batch")["Stacks"]
        assert "FAILED" not in stack["StackStatus"], stack
        assert "ROLLBACK" not in stack["StackStatus"], stack
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        return outputs if stack["StackStatus"] == status else None

    return wait_for(_read)
