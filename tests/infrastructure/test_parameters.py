"""Parameters, outputs, network and the sections of samconfig.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from multimodal.pipeline.dataset import load_dataset
from tests.cases import cases_of
from tests.infrastructure.support import ROOT, STACKS, TEMPLATE, properties, read, resolve, resources, template

CASES = cases_of(__file__)

PARAMETERS: dict[str, dict[str, Any]] = template()["Parameters"]
OUTPUTS = template()["Outputs"]
SAMCONFIG: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
LOCAL_DISK = re.compile(r"ml\.(g4dn|g5|g6|\w+d)\.")
"""Instance families whose volume is a local disk and takes no key."""


def accepted(name: str, value: object) -> bool:
    """Whether CloudFormation takes a value for a parameter."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter and value not in parameter["AllowedValues"]:
        return False
    if parameter["Type"] == "Number":
        number = float(str(value))
        return bool(parameter.get("MinValue", number) <= number <= parameter.get("MaxValue", number))
    return re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)) is not None


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_parameters_are_described_and_have_valid_defaults(name: str) -> None:
    assert len(PARAMETERS[name]["Description"]) > 20
    assert accepted(name, PARAMETERS[name]["Default"]), "a deployment without parameters must work"
    if "AllowedPattern" in PARAMETERS[name]:
        assert PARAMETERS[name]["ConstraintDescription"].startswith("must be"), "say what is expected"


def test_parameters_are_shown_in_groups() -> None:
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(p for g in groups for p in g["Parameters"]) == sorted(PARAMETERS)


@pytest.mark.parametrize(("name", "default"), CASES["test_defaults"])
def test_defaults(name: str, default: object) -> None:
    assert PARAMETERS[name]["Default"] == default


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("RadiomicsImageUri", "111122223333.dkr.ecr.us-east-1.amazonaws.com/stack-radiomics:1.0.0", True),
        ("RadiomicsImageUri", "111122223333.dkr.ecr.us-east-1.amazonaws.com/r@sha256:" + "0" * 64, True),
        ("RadiomicsImageUri", "111122223333.dkr.ecr.us-east-1.amazonaws.com/stack-radiomics", False),
        ("RadiomicsImageUri", "docker.io/library/python:3.11", False),
        ("DatasetNames", "nsclc_radiogenomics,another_one", True),
        ("DatasetNames", "a, b", False),
        ("DatasetNames", "", False),
        ("SubnetIds", "subnet-0a,subnet-0b", True),
        ("SubnetIds", "subnet-0a, subnet-0b", False),
        ("VpcId", "vpc-0a", True),
        ("VpcId", "my-vpc", False),
        ("AlarmEmail", "team@example.org", True),
        ("AlarmEmail", "team", False),
        ("QuietPeriodSeconds", 0, False),
        ("QuietPeriodSeconds", 1, True),
        ("ProcessingVolumeSizeGb", 4, False),
        ("ProcessingInstanceType", "ml.m5d.large", False),
        ("EnvironmentName", "production", False),
        ("RnaseqImageUri", "111122223333.dkr.ecr.us-east-1.amazonaws.com/stack-rnaseq:salmon-1.0.0", True),
        ("RnaseqImageUri", "combinelab/salmon", False),
        ("DragenAmiId", "ami-0123456789abcdef0", True),
        ("DragenAmiId", "DRAGEN 4.4", False),
        ("DragenLicenseSecretArn", "arn:aws:secretsmanager:us-east-1:111122223333:secret:dragen-AbCdEf", True),
        ("DragenLicenseSecretArn", "user:password", False),
        ("FpgaInstanceTypes", "f1.4xlarge", True),
        ("FpgaInstanceTypes", "p4d.24xlarge", False),
        ("RnaseqVcpus", 3, False),
        ("RnaseqMemoryMib", 1000, False),
        ("RnaseqStorageGib", 20, False),
        ("GenomicsTimeLimitSeconds", 60, False),
    ],
)
def test_wrong_values_are_rejected_before_anything_is_made(name: str, value: object, taken: bool) -> None:
    assert accepted(name, value) is taken


def test_volumes_of_every_instance_type_take_a_key() -> None:
    types = PARAMETERS["ProcessingInstanceType"]["AllowedValues"]
    assert not [t for t in types if LOCAL_DISK.match(t)], "SageMaker refuses VolumeKmsKeyId for local disks"
    assert LOCAL_DISK.match("ml.m5d.large")


def test_default_datasets_exist() -> None:
    for name in PARAMETERS["DatasetNames"]["Default"].split(","):
        assert load_dataset(name).name == name


def test_outputs() -> None:
    assert set(OUTPUTS) == {
        "RawBucketName",
        "ProcessedBucketName",
        "FeatureStoreBucketName",
        "LedgerTableName",
        "ImagingStateMachineArn",
        "SweepFunctionName",
        "FeatureGroupNames",
        "DashboardUrl",
        "RadiomicsRepositoryUri",
        "AlarmTopicArn",
        "DeadLetterQueueUrls",
        "RedriveQueueUrls",
        "RnaseqRepositoryUri",
        "ImagesProjectName",
        "CpuQueueArn",
        "FpgaQueueArn",
        "TablesStateMachineArn",
        "ModelsStateMachineArn",
        "SurvivalRepositoryUri",
        "DatasetStateMachineArn",
        "DatasetWorkGroupName",
        "StudioDomainId",
        "AccessPolicyArns",
    }
    assert all(len(output["Description"]) > 20 for output in OUTPUTS.values())


def test_the_network_is_given_as_a_whole_or_made() -> None:
    (assertion,) = template()["Rules"]["NetworkIsGivenAsAWhole"]["Assertions"]
    assert "VpcId" in str(assertion["Assert"])
    assert "SubnetIds" in str(assertion["Assert"])
    made = [n for n, r in template()["Resources"].items() if r.get("Condition") == "CreateNetwork"]
    assert {"Vpc", "PublicSubnetA", "PublicSubnetB", "InternetGateway", "S3Endpoint"} <= set(made)


def test_nothing_comes_into_the_network() -> None:
    groups = [group["Properties"] for group in resources("AWS::EC2::SecurityGroup").values()]
    assert groups
    for group in groups:
        assert "SecurityGroupIngress" not in group
        egress = group["SecurityGroupEgress"]
        written = egress if isinstance(egress, list) else [rule for branch in egress["Fn::If"][1:] for rule in branch]
        rules = {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in written}
        assert rules == {("tcp", 443, 443)}
    for subnet in resources("AWS::EC2::Subnet").values():
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


@pytest.mark.parametrize("name", sorted(resources("AWS::ECR::Repository")))
def test_images_are_scanned_and_never_replaced(name: str) -> None:
    repository = resolve(properties(name))
    assert repository["ImageTagMutability"] == "IMMUTABLE", "features name the image that made them"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": "DataKey.Arn"}


@pytest.mark.parametrize("section", ["default", "dev", "prod"])
def test_samconfig_deploys_without_questions_about_the_account(section: str) -> None:
    deploy = SAMCONFIG[section]["deploy"]["parameters"]
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert deploy["resolve_s3"] is True
    assert deploy["confirm_changeset"] is (section == "prod")
    for override in deploy["parameter_overrides"]:
        name, _, value = override.partition("=")
        assert accepted(name, int(value) if PARAMETERS[name]["Type"] == "Number" else value), override


def test_samconfig_holds_nothing_of_one_account() -> None:
    text = (ROOT / "samconfig.toml").read_text(encoding="utf-8")
    assert not re.search(r"\d{12}|arn:aws|vpc-|subnet-|s3_bucket|profile", text)


@pytest.mark.parametrize("path", [TEMPLATE, *STACKS], ids=lambda path: path.name)
def test_the_template_holds_nothing_of_one_account(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("arn:aws:s3:::idc-open-data", "")  # theirs, in that partition
    assert not re.search(r"\b\d{12}\b(?!\})|vpc-0|subnet-0|us-east-1|arn:aws:", text), (
        "use AWS::Region, AWS::AccountId and AWS::Partition"
    )


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.name)
def test_nested_stacks_name_the_whole_stack(path: Path) -> None:
    assert "AWS::StackName" not in path.read_text(encoding="utf-8"), (
        "inside it is the nested stack's name; pass StackName"
    )
    assert "Transform" not in read(path), "a nested stack with a macro needs CAPABILITY_AUTO_EXPAND"
