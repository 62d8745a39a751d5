"""Least privilege: what each role may do, and nothing more."""

import re
from typing import Any

import pytest

from multimodal.imaging.series_manifest import ARCHIVE_BUCKETS
from tests.infrastructure.permissions import ON_EVERYTHING, ROLES
from tests.infrastructure.support import (
    ACCOUNT,
    allowed_actions,
    listed,
    properties,
    resolve,
    resources,
    role_statements,
    statements,
)

FUNCTION_ROLES = {f"{f.removesuffix('Function')}Role" for f in resources("AWS::Serverless::Function")}
BUCKETS = ("RawBucket", "ProcessedBucket", "FeatureStoreBucket")


def wildcards(statement: dict[str, Any]) -> set[str]:
    """Return the actions that a statement allows on all resources."""
    return set(listed(statement["Action"])) if "*" in listed(statement["Resource"]) else set()


def test_every_role_is_in_the_table() -> None:
    assert set(resources("AWS::IAM::Role")) == set(ROLES), "list the role and its actions in permissions.yaml"


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_may_do_what_the_table_says(role: str) -> None:
    actual = set(allowed_actions(role))
    assert actual == ROLES[role], (
        f"more than the table: {sorted(actual - ROLES[role])}; less: {sorted(ROLES[role] - actual)}. "
        "Widen a role only for a call that its code makes, and write the action into permissions.yaml"
    )


@pytest.mark.parametrize("role", sorted(ROLES))
def test_actions_are_single(role: str) -> None:
    actions = [a for s in role_statements(role) for a in listed(s["Action"])]
    assert not [a for a in actions if "*" in a], "name each action"
    assert all("NotAction" not in s and "NotResource" not in s for s in role_statements(role))


@pytest.mark.parametrize("role", sorted(ROLES))
def test_only_listed_actions_name_all_resources(role: str) -> None:
    unlisted = {a for s in role_statements(role) for a in wildcards(s)} - set(ON_EVERYTHING)
    assert not unlisted, f"give {sorted(unlisted)} a resource, or a reason in permissions.yaml"


def test_the_wildcard_check_can_fail() -> None:
    assert wildcards({"Action": "s3:GetObject", "Resource": ["*"]}) - set(ON_EVERYTHING)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_objects_are_named_by_prefix(role: str) -> None:
    named = {r for resource_set in allowed_actions(role).values() for r in resource_set}
    assert not named & {f"{bucket}.Arn/*" for bucket in BUCKETS}, "name the prefix that the role needs"


@pytest.mark.parametrize("role", sorted(ROLES))
def test_roles_pass_roles_to_sagemaker_only(role: str) -> None:
    passing = [s for s in role_statements(role) if "iam:PassRole" in listed(s["Action"])]
    for statement in passing:
        assert listed(statement["Resource"]) in (["ProcessingRole.Arn"], ["ModelsRole.Arn"], ["FeatureStoreRole.Arn"])
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_policies_are_attached_and_not_inline(role: str) -> None:
    # Attached before the role is used, so that nothing that needs the role is made before it may do its work.
    assert "Policies" not in properties(role)
    assert bool(properties(role)["ManagedPolicyArns"]) is bool(ROLES[role])
    assert set(resolve(properties(role)["ManagedPolicyArns"])) <= set(resources("AWS::IAM::ManagedPolicy"))


@pytest.mark.parametrize("role", sorted(ROLES))
def test_roles_trust_one_service(role: str) -> None:
    trust = resolve(properties(role)["AssumeRolePolicyDocument"])["Statement"]
    assert len(trust) == 1
    service = trust[0]["Principal"]["Service"]
    assert re.fullmatch(r"(lambda|states|sagemaker|ecs-tasks|ec2|codebuild|events)\.amazonaws\.com", service)
    if service not in {"lambda.amazonaws.com", "ec2.amazonaws.com"}:  # they do not set the key when they take a role
        assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}, (
            "a confused deputy could use it"
        )


@pytest.mark.parametrize("role", sorted(ROLES))
def test_logs_go_to_the_own_group_only(role: str) -> None:
    writes = allowed_actions(role).get("logs:PutLogEvents", set())
    own = {f"{role.removesuffix('Role').removesuffix('Execution')}LogGroup.Arn"}
    shared = {r for r in writes if re.search("/aws/sagemaker/(ProcessingJobs|studio)", r)}
    assert writes - shared <= own


def test_key_use_of_functions_goes_through_services() -> None:
    roles = (
        "ArrivalsRole",
        "SweepRole",
        "PlanJobsRole",
        "RecordOutcomeRole",
        "FeatureIngestRole",
        "TableIngestRole",
        "DatasetBuildRole",
        "FetchRole",
    )
    for role in roles:
        uses = [s for s in role_statements(role) if any(a.startswith("kms:") for a in listed(s["Action"]))]
        assert uses
        assert all("kms:ViaService" in s["Condition"]["StringEquals"] for s in uses), role


def test_the_jobs_read_studies_and_write_results_only() -> None:
    allowed = allowed_actions("ProcessingRole")
    assert allowed["s3:GetObject"] == {"RawBucket.Arn/imaging/*", "ProcessedBucket.Arn/runs/*/jobs/*"}
    assert allowed["s3:PutObject"] == {"ProcessedBucket.Arn/imaging/*"}
    grant = next(s for s in role_statements("ProcessingRole") if s["Action"] == "kms:CreateGrant")
    assert grant["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def test_a_fetch_reads_the_public_buckets_and_writes_studies_only() -> None:
    allowed = allowed_actions("FetchRole")
    archive = {r for r in allowed["s3:GetObject"] if r.startswith("arn:")}
    assert archive == {f"arn:aws:s3:::{bucket}/*" for bucket in ARCHIVE_BUCKETS}
    assert {r for r in allowed["s3:ListBucket"] if r.startswith("arn:")} == {r.removesuffix("/*") for r in archive}
    written = {"RawBucket.Arn/imaging/*", "ProcessedBucket.Arn/runs/fetch-*", "ProcessedBucket.Arn/plans/*"}
    assert allowed["s3:PutObject"] == written
    assert "s3:DeleteObject" not in allowed


def test_the_state_machine_may_start_itself_by_its_fixed_name() -> None:
    name = resolve(properties("ImagingStateMachine")["Name"])
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{name}"
    execution = f"arn:aws:states:us-east-1:{ACCOUNT}:execution:{name}"
    allowed = allowed_actions("ImagingStateMachineRole")
    assert allowed["states:StartExecution"] == {machine}, "a DISTRIBUTED Map starts its children with it"
    # Executions of a distributed Map are named execution:<machine>/<map>:<id>.
    assert allowed["states:StopExecution"] == {f"{execution}:*", f"{execution}/*"}
    tables = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:{resolve(properties('TablesStateMachine')['Name'])}"
    assert allowed_actions("SweepRole")["states:StartExecution"] == {machine, tables}


def test_waiting_for_a_job_uses_the_managed_rule() -> None:
    allowed = allowed_actions("ImagingStateMachineRole")
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
    assert {a: r for a, r in allowed.items() if a.startswith("events:")} == {
        action: {rule} for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    }


def test_tables_are_read_and_their_results_kept_apart_from_those_of_others() -> None:
    allowed = allowed_actions("TableIngestRole")
    kept = {f"ProcessedBucket.Arn/{prefix}" for prefix in ("runs/*", "clinical/*", "genomics/*/-expression/*")}
    assert allowed["s3:PutObject"] == kept
    assert allowed["s3:GetObject"] == kept | {"RawBucket.Arn/clinical/*", "RawBucket.Arn/genomics/*"}


FOR_PEOPLE = {"UploaderPolicy", "CuratorPolicy", "ImageBuilderPolicy", "ReaderPolicy"}
"""Policies that an account's administrator attaches: see test_access.py."""


def test_every_policy_is_attached_to_one_role() -> None:
    attached = [p for role in ROLES for p in resolve(properties(role)["ManagedPolicyArns"])]
    assert sorted(attached) == sorted(set(resources("AWS::IAM::ManagedPolicy")) - FOR_PEOPLE)
    assert all(statements(policy) for policy in attached)


@pytest.mark.parametrize("role", sorted(FUNCTION_ROLES))
def test_functions_learn_that_an_object_is_missing(role: str) -> None:
    # Without s3:ListBucket on the whole bucket S3 answers 403 for an object that is not there, which the code takes
    # for a wrong deployment.
    read = {r.partition(".")[0].removesuffix("/*") for r in allowed_actions(role).get("s3:GetObject", set())}
    listed_wholly = {
        resource.partition(".")[0]
        for s in role_statements(role)
        if "s3:ListBucket" in listed(s["Action"]) and "Condition" not in s
        for resource in listed(s["Resource"])
    }
    assert read <= listed_wholly
