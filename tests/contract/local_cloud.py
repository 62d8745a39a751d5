"""A laptop cloud for one test module, and short ways to fill it."""

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config

from cli.laptop import Cloud
from local.cloud.cloud import start_cloud, stop_cloud

ACCOUNT = "000000000000"
REGION = "us-east-1"
_Found = TypeVar("_Found")
KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"


STAND_IN = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/standin:local"
"""Image of `stand_in_job`."""

JOB_COMMANDS = {
    "MULTIMODAL_JOB_COMMANDS": json.dumps(
        {"standin": [sys.executable, str(Path(__file__).with_name("stand_in_job.py"))]}
    )
}


_KEYS = """
import os
def handler(event, context):
    return [os.environ[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
"""


class Account:
    """Clients of a cloud and what tests do with them again and again."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        environment = cloud.environment()
        self._session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a client of the account root."""
        if service not in self._clients:
            retries: Any = {"max_attempts": 1, "mode": "standard"}
            config = Config(s3={"addressing_style": "path"}, retries=retries, inject_host_prefix=False)
            self._clients[service] = self._session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.cloud.endpoint,
                config=config,
            )
        return self._clients[service]

    def role(self, name: str, service: str, *statements: dict[str, Any]) -> str:
        """Create a role that a service may assume, with these statements as its policy."""
        trust = {
            **allow("sts:AssumeRole", "", StringEquals={"aws:SourceAccount": ACCOUNT}),
            "Principal": {"Service": f"{service}.amazonaws.com"},
        }
        del trust["Resource"]
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="policy", PolicyDocument=policy(*statements))
        return str(arn)

    def bucket(self, name: str) -> str:
        """Create a bucket whose policy rejects what does not come over TLS."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name)
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        s3.put_bucket_policy(Bucket=name, Policy=policy(statement))
        return name

    def function(self, name: str, code: str, role: str, **settings: Any) -> str:
        """Create a function of one module and return its ARN."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", code)
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()},
            Timeout=20,
            **settings,
        )
        return str(created["FunctionArn"])

    def client_of_function(self, service: str, name: str, *statements: dict[str, Any]) -> Any:
        """Return a client with the keys that a new function of this name and policy gets."""
        self.function(name, _KEYS, self.role(name, "lambda", *statements))
        access, secret, token = json.loads(self.client("lambda").invoke(FunctionName=name)["Payload"].read())
        session = boto3.Session(access, secret, token, region_name=REGION)
        return session.client(service, endpoint_url=self.cloud.endpoint)  # type: ignore[call-overload]

    def log_lines(self, group: str, stream: str) -> list[str]:
        """Return the messages of a log stream."""
        events = self.client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
        return [event["message"] for event in events]

    def subscribe(self, **pattern: Any) -> Callable[[], list[dict[str, Any]]]:
        """Send events of a pattern to a queue; return a function that takes those which came since."""
        url = self.client("sqs").create_queue(QueueName="changes")["QueueUrl"]
        events = self.client("events")
        events.put_rule(Name="changes", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="changes", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:changes"}])

        def _take() -> list[dict[str, Any]]:
            answer = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2)
            return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

        return _take

    def run(self, definition: dict[str, Any], role: str, name: str, payload: object = None) -> dict[str, Any]:
        """Run a state machine to its end and return the execution."""
        states = self.client("stepfunctions")
        arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
        started = states.start_execution(stateMachineArn=arn, input=json.dumps(payload or {}))["executionArn"]

        def _ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = states.describe_execution(executionArn=started)
            return execution if execution["status"] != "RUNNING" else None

        return wait_for(_ended)

    def query(self, sql: str, database: str) -> list[list[str | None]]:
        """Return the rows of an Athena query, its heading first."""
        status = self.run_query(sql, QueryExecutionContext={"Database": database})
        assert status["State"] == "SUCCEEDED", status
        rows = self.client("athena").get_query_results(QueryExecutionId=status["id"])["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]

    def run_query(self, sql: str, **settings: Any) -> dict[str, Any]:
        """Return the status of an Athena query that has ended, with its `id`."""
        athena, location = self.client("athena"), {"OutputLocation": "s3://query-results/"}
        started = athena.start_query_execution(QueryString=sql, ResultConfiguration=location, **settings)
        query = started["QueryExecutionId"]

        def _ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            return execution if execution["Status"]["State"] in ("SUCCEEDED", "FAILED") else None

        return {**wait_for(_ended)["Status"], "id": query}


def wait_for(read: Callable[[], _Found | None], seconds: float = 20.0) -> _Found:
    """Return what a function returns once it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = read()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {seconds} s")


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " in stat.read_text()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    wait_for(lambda: condition() or None)


def allow(actions: str | list[str], resources: str | list[str] = "*", **conditions: Any) -> dict[str, Any]:
    """Return a statement of a policy."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": conditions} if conditions else statement


def policy(*statements: dict[str, Any]) -> str:
    """Return a policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def account_fixture(**settings: Any) -> Callable[..., Iterator[Account]]:
    """Return a module's fixture: a cloud of its own with these settings."""

    @pytest.fixture(scope="module")
    def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
        root: Path = tmp_path_factory.mktemp("cloud")
        cloud = start_cloud(root, die_with_parent=True, **settings)
        yield Account(cloud)
        stop_cloud(cloud)

    return account
