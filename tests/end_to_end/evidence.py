"""What a run of these tests leaves behind for `tests/evidence`: policies, calls, alarms, and where a patient stands.

Each worker has a laptop cloud of its own, so no test of this folder sees all calls.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

from cli.deployment import connect
from cli.project import STACK
from local.emulator.calls import FILE
from tests.end_to_end.canaries import search

POLICIES, LEAKS, ALARMS = "policies.json", "leaks.json", "alarms.json"


def keep_evidence(cloud_root: Path, environment: Mapping[str, str], folder: Path) -> None:
    """Write what a cloud knows at the end of its tests into a folder of its own below `folder`."""
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    endpoint = environment["AWS_ENDPOINT_URL"]
    own = folder / cloud_root.parent.name
    own.mkdir(parents=True, exist_ok=True)
    (own / FILE).write_text((cloud_root / FILE).read_text())
    (own / POLICIES).write_text(json.dumps(list(_granted(session, endpoint)), indent=1))
    (own / ALARMS).write_text(json.dumps(_alarms(session, endpoint), indent=1))
    (own / LEAKS).write_text(json.dumps(search(connect(STACK, environment)), indent=1))


def _alarms(session: boto3.Session, endpoint: str) -> dict[str, bool]:
    """Return whether each alarm rings, by its name without the stack's; a laptop cloud's alarm never ends by itself."""
    metrics, found = session.client("cloudwatch", endpoint_url=endpoint), dict[str, bool]()
    for page in metrics.get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            name = re.sub(rf"^({STACK}|multimodal-dragen)-", "", alarm["AlarmName"])
            found[name] = found.get(name, False) or alarm["StateValue"] == "ALARM"
    return found


def _granted(session: boto3.Session, endpoint: str) -> Iterator[dict[str, Any]]:
    """Yield every statement of every role of every stack, with the role's name and its logical id."""
    iam = session.client("iam", endpoint_url=endpoint)
    for name, logical_id in _roles(session, endpoint):
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            document: Any = found["PolicyVersion"]["Document"]
            for statement in document["Statement"]:
                yield {"role": name, "logical_id": logical_id, "statement": statement}


def _roles(session: boto3.Session, endpoint: str) -> Iterator[tuple[str, str]]:
    cloudformation = session.client("cloudformation", endpoint_url=endpoint)
    for stack in cloudformation.get_paginator("list_stacks").paginate():
        for summary in stack["StackSummaries"]:
            found = cloudformation.list_stack_resources(StackName=summary["StackName"])
            for resource in found["StackResourceSummaries"]:
                if resource["ResourceType"] == "AWS::IAM::Role":
                    yield resource["PhysicalResourceId"], resource["LogicalResourceId"]
