"""`multimodal check`, against answers that botocore's models allow."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from cli.check import images
from cli.check.account import check_lake_formation, check_linked_roles, check_region
from cli.check.command import CHECKS, run_checks
from cli.check.drafts import check_drafts
from cli.check.finding import Check, Finding, Level
from cli.check.images import DOCKER, check_images
from cli.check.network import check_network
from cli.check.quotas import check_genomics, check_lambda, check_networks, check_processing
from cli.check.stack import LOG_GROUPS, MAX_STACK_NAME, check_groups, check_key, check_mail, check_names, check_status
from cli.check.target import Target
from cli.deployment import Deployment
from cli.draft.left import checks_left, wrong_files
from cli.main import main
from local.commands import run as local_main
from tests.infrastructure.support import properties, resources

STACK, ACCOUNT, REGION = "multimodal", "111122223333", "eu-central-1"
URI = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/multimodal-radiomics"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
EVERYBODY = [{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]


SESSION = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)


@cache
def client_of(service: str) -> Any:
    """Return a client, made once for all tests: reading a service's model takes longer than a test."""
    return SESSION.client(service)  # type: ignore[call-overload]


class World:
    """An account whose clients answer what a test says, once each and in this order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stubs: ExitStack) -> None:
        self.session = SESSION
        self._stubs = stubs
        self._clients = dict[str, tuple[Any, Stubber]]()
        monkeypatch.setattr(Target, "client", lambda _, service: self._client(service)[0])
        monkeypatch.setattr(Deployment, "cloudformation", property(lambda _: self._client("cloudformation")[0]))

    def _client(self, service: str) -> tuple[Any, Stubber]:
        if service not in self._clients:
            client = client_of(service)
            self._clients[service] = (client, self._stubs.enter_context(Stubber(client)))
        return self._clients[service]

    def answers(
        self, service: str, operation: str, answer: dict[str, Any], asked: dict[str, Any] | None = None
    ) -> None:
        """Let the next call be answered."""
        self._client(service)[1].add_response(operation, answer, asked)

    def refuses(self, service: str, operation: str, code: str) -> None:
        """Let the next call fail."""
        self._client(service)[1].add_client_error(operation, code)

    def has_stack(self, status: str, *, outputs: dict[str, str] | None = None, **parameters: str) -> None:
        """Let there be a stack."""
        stack: dict[str, Any] = {"StackName": STACK, "CreationTime": "2026-01-01", "StackStatus": status}
        stack["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        stack["Outputs"] = [{"OutputKey": key, "OutputValue": value} for key, value in (outputs or {}).items()]
        self.answers("cloudformation", "describe_stacks", {"Stacks": [stack]})

    def has_no_stack(self) -> None:
        """Let there be none."""
        self.refuses("cloudformation", "describe_stacks", "ValidationError")

    def run(self, check: Check, **given: str) -> list[Finding]:
        """Return what a check finds; every answer was asked for."""
        found = list(run_checks(Target(Deployment(STACK, self.session), given), (("it", check),)))
        for _, stub in self._clients.values():
            stub.assert_no_pending_responses()
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with ExitStack() as stubs:
        yield World(monkeypatch, stubs)


def quota(name: str, value: float, service: str = "sagemaker") -> dict[str, Any]:
    return {"Quotas": [{"ServiceCode": service, "QuotaCode": "L-1", "QuotaName": name, "Value": value}]}


@pytest.mark.parametrize(("limit", "level"), [(1000, Level.OK), (10, Level.WARN)])
def test_few_executions_at_once_are_told(world: World, limit: int, level: Level) -> None:
    world.answers("lambda", "get_account_settings", {"AccountLimit": {"ConcurrentExecutions": limit}})
    assert [each.level for each in world.run(check_lambda)] == [level]


@pytest.mark.parametrize(("value", "level"), [(0.0, Level.FAIL), (4.0, Level.WARN), (50.0, Level.OK)])
def test_the_quota_of_the_instance_type_is_compared_with_the_most_jobs(
    world: World, value: float, level: Level
) -> None:
    world.has_no_stack()
    world.answers("service-quotas", "list_service_quotas", quota("ml.m5.large for processing job usage", value))
    (found,) = world.run(check_processing, ProcessingInstanceType="ml.m5.large")
    assert found.level is level
    assert ("--quota-code L-1 --desired-value 50" in found.action) is (level is not Level.OK)


def test_a_quota_that_was_never_changed_is_found_among_the_defaults(world: World) -> None:
    world.has_no_stack()
    world.answers("service-quotas", "list_service_quotas", {"Quotas": []})
    defaults = quota("ml.r5.large for processing job usage", 0.0)
    world.answers("service-quotas", "list_aws_default_service_quotas", defaults, {"ServiceCode": "sagemaker"})
    (found,) = world.run(check_processing)
    assert (found.level, found.message.split(";")[0]) == (Level.FAIL, "`ml.r5.large for processing job usage` is 0")


def test_parameters_of_the_stack_count_until_others_are_given(world: World) -> None:
    world.has_stack("CREATE_COMPLETE", MaxConcurrency="8", ProcessingInstanceType="ml.c5.xlarge")
    world.answers("service-quotas", "list_service_quotas", quota("ml.c5.xlarge for processing job usage", 8.0))
    assert [each.level for each in world.run(check_processing)] == [Level.OK]


def test_processors_of_fargate_must_hold_one_job(world: World) -> None:
    world.has_no_stack()
    world.answers("service-quotas", "list_service_quotas", quota("Fargate On-Demand vCPU resource count", 6.0))
    world.answers("service-quotas", "list_service_quotas", quota("Fargate Spot vCPU resource count", 16.0))
    world.answers("batch", "describe_compute_environments", {"computeEnvironments": []})
    assert [each.level for each in world.run(check_genomics)] == [Level.FAIL, Level.WARN, Level.OK]


def test_a_fifth_network_is_told_before_the_deployment(world: World) -> None:
    world.has_no_stack()
    world.answers("ec2", "describe_vpcs", {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(5)]})
    world.answers("service-quotas", "list_service_quotas", quota("VPCs per Region", 5.0, "vpc"))
    (found,) = world.run(check_networks)
    assert (found.level, "Give VpcId" in found.action) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("deployed", "added"),
    [
        ({}, 2),
        ({"ImagingCompute": "auto", "RadiomicsImageUri": ""}, 1),
        ({"ImagingCompute": "auto", "RadiomicsImageUri": URI}, 0),
        ({"ImagingCompute": "processing", "RadiomicsImageUri": URI}, 0),
        ({"VpcId": "vpc-1", "ImagingCompute": "auto", "RadiomicsImageUri": ""}, 1),
    ],
)
def test_the_network_of_the_fast_lane_counts_before_there_is_an_image(
    world: World, deployed: dict[str, Any], added: int
) -> None:
    if deployed:
        world.has_stack("CREATE_COMPLETE", **deployed)
    else:
        world.has_no_stack()
    if added:
        world.answers("ec2", "describe_vpcs", {"Vpcs": [{"VpcId": f"vpc-{n}"} for n in range(4)]})
        world.answers("service-quotas", "list_service_quotas", quota("VPCs per Region", 5.0, "vpc"))
    found = world.run(check_networks)
    assert [each.level for each in found] == ([Level.OK if added == 1 else Level.FAIL] if added else [])


def test_missing_service_linked_roles_come_with_the_command_that_makes_them(world: World) -> None:
    world.refuses("iam", "get_role", "NoSuchEntity")
    world.refuses("iam", "get_role", "NoSuchEntity")
    found = world.run(check_linked_roles)
    assert [each.level for each in found] == [Level.WARN, Level.WARN]
    assert [each.action.rpartition(" ")[2] for each in found] == ["batch.amazonaws.com", "ecs.amazonaws.com"]


@pytest.mark.parametrize(("permissions", "level"), [(EVERYBODY, Level.OK), ([], Level.FAIL)])
def test_lake_formations_defaults_decide_while_there_is_no_database(
    world: World, permissions: list[dict[str, Any]], level: Level
) -> None:
    world.refuses("glue", "get_database", "EntityNotFoundException")
    names = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
    settings = {"DataLakeSettings": dict.fromkeys(names, permissions)}
    world.answers("lakeformation", "get_data_lake_settings", settings)
    (found,) = world.run(check_lake_formation)
    assert found.level is level
    assert ("glue create-database" in found.action) is (level is Level.FAIL)


def test_the_database_decides_where_it_is_there(world: World) -> None:
    database = {"Name": "sagemaker_featurestore", "CreateTableDefaultPermissions": []}
    world.answers("glue", "get_database", {"Database": database})
    (found,) = world.run(check_lake_formation)
    assert (found.level, "glue update-database" in found.action) == (Level.FAIL, True)


def test_a_region_without_fpga_instances_is_told(world: World) -> None:
    world.has_no_stack()
    world.answers("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": []})
    found = world.run(check_region, DragenAmiId="ami-1")
    assert [each.level for each in found] == [Level.OK, Level.FAIL]


@pytest.mark.parametrize(
    ("arns", "level"), [("arn:aws-us-gov:s3:::own,arn:aws:s3:::idc", Level.FAIL), ("arn:aws:s3:::idc", None)]
)
def test_buckets_of_another_partition_are_told_before_iam_refuses_them(
    world: World, arns: str, level: Level | None
) -> None:
    world.has_no_stack()
    found = world.run(check_region, ArchiveBucketArns=arns)
    assert [each.level for each in found] == [Level.OK, *([level] if level else [])]


def network(world: World, *, gateway: str, endpoints: tuple[str, ...] = (), zones: str = "ab") -> None:
    """Let there be a VPC with a subnet in each zone and one route table."""
    subnets = [
        {"SubnetId": f"subnet-{zone}", "AvailabilityZone": zone, "AvailableIpAddressCount": 250} for zone in zones
    ]
    routes = [{"GatewayId": "vpce-1", "State": "active"}] if "s3" in endpoints else []
    if gateway:
        kind = "GatewayId" if gateway.startswith("igw") else "NatGatewayId"
        routes.append({kind: gateway, "DestinationCidrBlock": "0.0.0.0/0", "State": "active"})
    services = [{"ServiceName": f"com.amazonaws.{REGION}.{name}"} for name in endpoints]
    world.answers("ec2", "describe_subnets", {"Subnets": subnets})
    world.answers(
        "ec2", "describe_route_tables", {"RouteTables": [{"Associations": [{"Main": True}], "Routes": routes}]}
    )
    world.answers("ec2", "describe_vpc_endpoints", {"VpcEndpoints": services})
    world.answers("ec2", "describe_managed_prefix_lists", {"PrefixLists": [{"PrefixListId": "pl-1"}]})


@pytest.mark.parametrize(
    ("gateway", "endpoints", "production", "levels"),
    [
        ("nat-1", (), True, [Level.OK, Level.OK, Level.OK]),
        ("", ("s3", "ecr.api", "ecr.dkr", "logs"), True, [Level.OK, Level.OK, Level.OK]),
        ("", ("s3",), True, [Level.OK, Level.WARN, Level.OK]),
        ("", (), True, [Level.OK, Level.FAIL, Level.WARN, Level.OK]),
        ("igw-1", (), True, [Level.OK, Level.FAIL, Level.OK, Level.OK]),
        ("igw-1", (), False, [Level.OK, Level.WARN, Level.OK]),
    ],
)
def test_subnets_need_ways_to_what_jobs_use(
    world: World,
    gateway: str,
    endpoints: tuple[str, ...],
    production: bool,
    levels: list[Level],
) -> None:
    world.has_no_stack()
    network(world, gateway=gateway, endpoints=endpoints)
    stage = "prod" if production else "dev"
    found = world.run(check_network, VpcId="vpc-1", SubnetIds="subnet-a,subnet-b", EnvironmentName=stage)
    assert [each.level for each in found] == levels


@pytest.mark.parametrize(("given", "level"), [("pl-1", Level.OK), ("pl-2", Level.FAIL)])
def test_a_prefix_list_of_something_else_is_told(world: World, given: str, level: Level) -> None:
    world.has_no_stack()
    network(world, gateway="nat-1")
    found = world.run(check_network, VpcId="vpc-1", SubnetIds="subnet-a,subnet-b", S3PrefixListId=given)
    assert found[-1].level is level


def test_subnets_of_another_network_are_named(world: World) -> None:
    world.has_no_stack()
    network(world, gateway="nat-1", zones="a")
    found = world.run(check_network, VpcId="vpc-1", SubnetIds="subnet-a,subnet-b")
    assert (found[0].level, "subnet-b" in found[0].message, "subnet-a" in found[0].message) == (Level.FAIL, True, False)


def image(media: str, manifest: dict[str, Any]) -> dict[str, Any]:
    return {"images": [{"imageManifest": json.dumps(manifest), "imageManifestMediaType": media}], "failures": []}


@pytest.mark.parametrize(("architecture", "level"), [("amd64", Level.OK), ("arm64", Level.FAIL)])
def test_an_image_is_for_the_processors_of_the_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch, architecture: str, level: Level
) -> None:
    monkeypatch.setattr(images, "download", lambda _: json.dumps({"architecture": architecture}).encode())
    world.has_no_stack()
    asked = {"registryId": ACCOUNT, "repositoryName": "multimodal-radiomics", "imageIds": [{"imageTag": "1.0.0"}]}
    answer = image(DOCKER, {"config": {"digest": "sha256:" + "a" * 64}})
    world.answers("ecr", "batch_get_image", answer, {**asked, "acceptedMediaTypes": ANY})
    world.answers("ecr", "get_download_url_for_layer", {"downloadUrl": "https://x"})
    found = world.run(check_images, RadiomicsImageUri=f"{URI}:1.0.0")
    assert [each.level for each in found] == [level, Level.WARN, Level.WARN]


def test_sagemaker_takes_no_index(world: World) -> None:
    world.has_no_stack()
    manifests = [{"platform": {"architecture": "amd64"}}, {"platform": {"architecture": "unknown"}}]
    for _ in range(2):
        world.answers("ecr", "batch_get_image", image(OCI_INDEX, {"manifests": manifests}))
    digest = f"{URI}@sha256:{'0' * 64}"
    found = world.run(check_images, RadiomicsImageUri=digest, RnaseqImageUri=digest)
    assert [each.level for each in found] == [Level.FAIL, Level.OK, Level.WARN]


def test_an_image_that_is_not_there_and_one_of_another_region_are_told(world: World) -> None:
    world.has_no_stack()
    world.refuses("ecr", "batch_get_image", "RepositoryNotFoundException")
    elsewhere = URI.replace(REGION, "us-east-1")
    found = world.run(check_images, RadiomicsImageUri=f"{URI}:1", SurvivalImageUri=f"{elsewhere}:1")
    assert [each.level for each in found] == [Level.FAIL, Level.WARN, Level.FAIL]


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("ROLLBACK_COMPLETE", Level.FAIL),
        ("UPDATE_ROLLBACK_FAILED", Level.FAIL),
        ("UPDATE_IN_PROGRESS", Level.WARN),
        ("UPDATE_COMPLETE", Level.OK),
    ],
)
def test_a_stack_that_takes_no_deployment_is_told(world: World, status: str, level: Level) -> None:
    world.has_stack(status)
    assert [each.level for each in world.run(check_status)] == [level]


@pytest.mark.parametrize("left", LOG_GROUPS)
def test_what_an_earlier_stack_left_is_in_the_way(world: World, left: str) -> None:
    world.has_no_stack()
    for prefix in LOG_GROUPS:
        there = [{"logGroupName": f"{prefix}multimodal-x"}] if prefix == left else []
        world.answers("logs", "describe_log_groups", {"logGroups": there})
    world.refuses("kms", "describe_key", "NotFoundException")
    (found,) = world.run(check_names)
    assert (found.level, f"{left}multimodal-x" in found.action) == (Level.FAIL, True)


@pytest.mark.parametrize(("stack", "level"), [("Multimodal", Level.WARN), ("m" * 50, Level.FAIL)])
def test_a_name_that_the_stack_cannot_bear_is_told(world: World, stack: str, level: Level) -> None:
    world.has_no_stack()
    for _ in LOG_GROUPS:
        world.answers("logs", "describe_log_groups", {"logGroups": []})
    world.refuses("kms", "describe_key", "NotFoundException")
    found = list(check_names(Target(Deployment(stack, world.session), {})))
    assert [each.level for each in found] == [level, Level.OK]


def test_the_longest_name_of_a_stack_fits_what_its_names_become() -> None:
    functions = [properties(f)["FunctionName"]["Fn::Sub"] for f in resources("AWS::Serverless::Function")]
    assert max(len(name.replace("${AWS::StackName}", "x" * MAX_STACK_NAME)) for name in functions) == 64


@pytest.mark.parametrize(("state", "level"), [("Enabled", Level.OK), ("PendingDeletion", Level.FAIL)])
def test_a_key_that_cannot_be_used_is_told(world: World, state: str, level: Level) -> None:
    world.has_stack("CREATE_COMPLETE")
    world.answers("kms", "describe_key", {"KeyMetadata": {"KeyId": "k", "KeyState": state}})
    assert [each.level for each in world.run(check_key)] == [level]


def described(name: str, **more: object) -> dict[str, Any]:
    return {
        "FeatureGroupArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:feature-group/{name}",
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "case_id",
        "EventTimeFeatureName": "event_time",
        "CreationTime": "2026-01-01",
        "NextToken": "",
        "FeatureGroupStatus": "Created",
        "FeatureDefinitions": [{"FeatureName": "case_id", "FeatureType": "String"}],
        **more,
    }


def test_each_group_is_compared_with_what_the_dataset_asks_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from multimodal.features.group import FeatureGroupSpec, FeatureType
    from multimodal.pipeline import dataset

    specs = [FeatureGroupSpec(f"multimodal-d-{n}", (("case_id", FeatureType.STRING),)) for n in range(4)]
    monkeypatch.setattr(dataset, "specifications", lambda stack, names: specs if (stack, names) else [])
    world.has_stack("CREATE_COMPLETE", DatasetNames="d")
    fraction = [{"FeatureName": "case_id", "FeatureType": "Fractional"}]
    blocked = {"Status": "Blocked", "BlockedReason": "the role is gone"}
    world.answers("sagemaker", "describe_feature_group", described("multimodal-d-0"))
    world.answers("sagemaker", "describe_feature_group", described("multimodal-d-1", OfflineStoreStatus=blocked))
    world.answers("sagemaker", "describe_feature_group", described("multimodal-d-2", FeatureDefinitions=fraction))
    world.refuses("sagemaker", "describe_feature_group", "ResourceNotFound")
    found = world.run(check_groups)
    assert [each.level for each in found] == [Level.OK, Level.FAIL, Level.FAIL, Level.OK]
    assert "the role is gone" in found[1].message


def test_groups_of_an_earlier_stack_cannot_be_adopted(world: World) -> None:
    from multimodal.pipeline.dataset import specifications

    names = [spec.name for spec in specifications(STACK, ["nsclc_radiogenomics"])]
    world.has_no_stack()
    world.answers("sagemaker", "describe_feature_group", described(names[0]), {"FeatureGroupName": names[0]})
    for _ in names[1:]:
        world.refuses("sagemaker", "describe_feature_group", "ResourceNotFound")
    levels = [each.level for each in world.run(check_groups)]
    assert levels == [Level.FAIL, *[Level.OK] * (len(names) - 1)]


def test_more_groups_than_a_deployment_can_name_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from multimodal.features.group import FeatureGroupSpec
    from multimodal.pipeline import dataset

    specs = [FeatureGroupSpec(f"multimodal-{'d' * 40}-{n}", ()) for n in range(70)]
    monkeypatch.setattr(dataset, "specifications", lambda stack, names: specs if (stack, names) else [])
    world.has_no_stack()
    for _ in specs:
        world.refuses("sagemaker", "describe_feature_group", "ResourceNotFound")
    assert [each.level for each in world.run(check_groups)].count(Level.FAIL) == 1


def test_a_subscription_that_nobody_confirmed_is_told(world: World) -> None:
    world.has_stack("CREATE_COMPLETE", outputs={"AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t"})
    pending = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "you@example.org"}
    world.answers("sns", "list_subscriptions_by_topic", {"Subscriptions": [pending]})
    (found,) = world.run(check_mail)
    assert (found.level, "you@" in found.message) == (Level.WARN, False)


def test_a_check_that_is_not_allowed_says_so_and_ends_no_other(world: World) -> None:
    world.refuses("lambda", "get_account_settings", "AccessDeniedException")
    (found,) = world.run(check_lambda)
    assert (found.level, found.message) == (
        Level.WARN,
        "could not look: GetAccountSettings answered AccessDeniedException",
    )


@pytest.mark.parametrize("code", ["ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"])
def test_wrong_credentials_end_all_checks(world: World, code: str) -> None:
    world.refuses("lambda", "get_account_settings", code)
    with pytest.raises(ClientError, match=code):
        world.run(check_lambda)


def test_a_mistake_in_a_datasets_file_is_told_before_a_deployment(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("schema: 1\nname: mine\nimaging: {params: CT!}\n")
    (tmp_path / "other.yaml").write_text("schema: 1\nname: other\nimaging: {params: none}\n")
    for module in ("cli.check.drafts", "local.cloud.up"):
        monkeypatch.setattr(f"{module}.wrong_files", partial(wrong_files, folder=tmp_path))
    monkeypatch.setattr("local.cloud.up.DATASET_FILES", tmp_path)
    world.has_no_stack()
    found, other = world.run(check_drafts, DatasetNames="mine,other,elsewhere")
    assert (found.level, other.level) == (Level.FAIL, Level.FAIL)
    assert "'none'" in other.message, "what it names is not there"
    assert found.message.startswith("mine.yaml: imaging.params: ")
    assert local_main(["up", "--datasets", "mine"]) == 2
    assert "mine.yaml: imaging.params" in capsys.readouterr().err


def test_a_draft_that_nobody_looked_at_is_told(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "# Every line with CHECK is a guess\nid:\n  # CHECK: a\n  source: x\n  # CHECK: b\n"
    (tmp_path / "drafted.yaml").write_text(text)
    (tmp_path / "looked_at.yaml").write_text("id:\n  source: x\n")
    monkeypatch.setattr("cli.check.drafts.checks_left", partial(checks_left, folder=tmp_path))
    world.has_no_stack()
    (found,) = world.run(check_drafts, DatasetNames="drafted,looked_at,elsewhere")
    assert (found.level, found.message) == (Level.WARN, f"{tmp_path}/drafted.yaml: 2 CHECKs left")
    world.has_no_stack()
    assert [each.level for each in world.run(check_drafts, DatasetNames="looked_at")] == [Level.OK]
    assert list(checks_left(folder=tmp_path)) == [found.message]


def test_every_check_is_run_by_the_command() -> None:
    from cli.check import account, drafts, network, quotas, stack

    modules = (account, drafts, images, network, quotas, stack)
    written = {value for each in modules for name, value in vars(each).items() if name.startswith("check_")}
    assert {check for _, check in CHECKS} == written


def test_a_parameter_without_a_value_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "VpcId", "--stack", STACK]) == 2
    assert "VpcId is not NAME=value" in capsys.readouterr().err
