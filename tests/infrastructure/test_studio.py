"""The researcher's desk: nothing of it is there by default, it has no internet, and it reads and does nothing else."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infrastructure.support import (
    ROOT,
    STACK,
    allowed_actions,
    listed,
    properties,
    read,
    resolve,
    resources,
    role_statements,
    template,
)

STUDIO = read(ROOT / "stacks" / "studio.yaml")["Resources"]
WRITING = ("Put", "Create", "Delete", "Update", "Start", "Abort", "Stop", "Batch", "Add", "Register")
ANSWERS = "ProcessedBucket.Arn/queries/research/*"


def reach(action: str) -> set[str]:
    """Return the resources on which the researcher may do something."""
    return allowed_actions("ResearcherRole").get(action, set())


def test_none_of_it_is_made_by_default() -> None:
    assert resolve(template()["Parameters"]["StudioVpcOnly"]["Default"]) == "false"
    made = {name for name, r in template()["Resources"].items() if r.get("Condition") == "CreateStudio"}
    assert made == set(STUDIO)
    (assertion,) = template()["Rules"]["StudioHasANetworkOfYours"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcId"}, ""]}]}


def test_the_domain_has_no_internet_and_the_stacks_key() -> None:
    ((_, domain),) = resources("AWS::SageMaker::Domain").items()
    given = domain["Properties"]
    assert (given["AppNetworkAccessType"], given["AuthMode"]) == ("VpcOnly", "IAM")
    assert resolve(given["KmsKeyId"]) == "DataKey.Arn"
    assert given["VpcId"] == {"Ref": "VpcId"}, "never the small network: its subnets are public"
    assert given["DefaultUserSettings"]["SharingSettings"] == {"NotebookOutputOption": "Disabled"}


def test_a_profile_without_a_role_may_do_nothing() -> None:
    default = properties("StudioDomain")["DefaultUserSettings"]["ExecutionRole"]
    assert resolve(default) == "StudioDefaultRole.Arn"
    assert role_statements("StudioDefaultRole") == []
    ((_, profile),) = resources("AWS::SageMaker::UserProfile").items()
    assert resolve(profile["Properties"]["UserSettings"]["ExecutionRole"]) == "ResearcherRole.Arn"


def test_it_reads_features_datasets_reports_and_its_own_answers() -> None:
    assert reach("s3:GetObject") == {
        "ProcessedBucket.Arn/datasets/*",
        "ProcessedBucket.Arn/models/*",
        "FeatureStoreBucket.Arn/feature-store/*",
        ANSWERS,
    }
    listing = [s for s in role_statements("ResearcherRole") if "s3:ListBucket" in listed(s["Action"])]
    (processed,) = (s for s in listing if "ProcessedBucket.Arn" in listed(s["Resource"]))
    prefixes = ["datasets/*", "models/*", "queries/research/*"]
    assert processed["Condition"] == {"StringLike": {"s3:prefix": prefixes}}


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:AbortMultipartUpload"])
def test_it_writes_answers_of_queries_and_no_other_object(action: str) -> None:
    # Athena writes an answer with the rights of whoever asks.
    assert reach(action) == {ANSWERS}


def test_all_else_that_changes_something_is_a_query_or_its_own_notebook() -> None:
    writing = {a for a in allowed_actions("ResearcherRole") if a.partition(":")[2].startswith(WRITING)}
    assert writing == {
        *("s3:PutObject", "s3:AbortMultipartUpload", "athena:StartQueryExecution", "athena:StopQueryExecution"),
        *(f"sagemaker:{verb}{what}" for verb in ("Create", "Delete") for what in ("Space", "App")),
        *("sagemaker:UpdateSpace", "kms:CreateGrant"),
        *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
    }
    (own,) = (s for s in role_statements("ResearcherRole") if "sagemaker:CreateApp" in listed(s["Action"]))
    assert all("StudioDomain/*" in resource for resource in own["Resource"])
    assert own["Condition"]["StringEquals"] == {"sagemaker:SpaceSharingType": "Private"}
    assert own["Condition"]["ArnEquals"]["sagemaker:OwnerUserProfileArn"].endswith("StudioDomain/researcher")


def researcher_may(action: str, resource: str) -> bool:
    """Whether a statement of the role allows an action on a resource, leaving conditions aside."""
    granted = (s for s in role_statements("ResearcherRole") if action in listed(s["Action"]))
    return any(fnmatchcase(resource, pattern) for s in granted for pattern in listed(s["Resource"]))


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "RawBucket.Arn/imaging/d/R01-001/ct/1.dcm"),
        ("s3:GetObject", "RawBucket.Arn/clinical/d/table.csv"),
        ("s3:GetObject", "ProcessedBucket.Arn/imaging/d/R01-001/ct/ct.nii.gz"),
        ("s3:GetObject", "ProcessedBucket.Arn/clinical/d/1/rejected.csv"),
        ("s3:GetObject", "ProcessedBucket.Arn/runs/1/parts/0.jsonl.gz"),
        ("s3:GetObject", "ProcessedBucket.Arn/queries/1.csv"),
        ("s3:PutObject", "ProcessedBucket.Arn/datasets/d/b/dataset.csv"),
        ("s3:PutObject", "FeatureStoreBucket.Arn/feature-store/x"),
        ("s3:ListBucket", "RawBucket.Arn"),
        ("dynamodb:GetItem", "LedgerTable.Arn"),
        ("dynamodb:Scan", "LedgerTable.Arn"),
        ("sagemaker:PutRecord", f"arn:aws:sagemaker:us-east-1:111122223333:feature-group/{STACK}-d-labels-v1"),
        ("sagemaker:DescribeFeatureGroup", "arn:aws:sagemaker:us-east-1:111122223333:feature-group/other-d-labels-v1"),
        ("glue:GetTable", "arn:aws:glue:us-east-1:111122223333:table/sagemaker_featurestore/other_d_labels_v1_1"),
        ("glue:UpdateTable", f"arn:aws:glue:us-east-1:111122223333:table/sagemaker_featurestore/{STACK}_d_labels_v1_1"),
        ("athena:StartQueryExecution", "arn:aws:athena:us-east-1:111122223333:workgroup/primary"),
        ("iam:PassRole", "ResearcherRole.Arn"),
        ("sts:AssumeRole", "SweepRole.Arn"),
        ("lambda:InvokeFunction", "SweepFunction.Arn"),
    ],
)
def test_it_may_not(action: str, resource: str) -> None:
    assert not researcher_may(action, resource)


def test_what_it_may_can_be_asked() -> None:
    table = f"arn:aws:glue:us-east-1:111122223333:table/sagemaker_featurestore/{STACK}_d_labels_v1_1700000000"
    assert researcher_may("glue:GetTable", table)
    assert researcher_may("s3:GetObject", "ProcessedBucket.Arn/datasets/d/b/dataset.parquet")
    group = f"arn:aws:sagemaker:us-east-1:111122223333:feature-group/{STACK}-d-labels-v1"
    assert researcher_may("sagemaker:DescribeFeatureGroup", group)


def test_queries_cannot_choose_where_answers_go_or_how_much_is_read() -> None:
    group: dict[str, Any] = resolve(properties("ResearchWorkGroup"))["WorkGroupConfiguration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["BytesScannedCutoffPerQuery"] >= 10_000_000, "the least that Athena takes"
    assert group["ResultConfiguration"] == {
        "OutputLocation": "s3://ProcessedBucket/queries/research/",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "DataKey.Arn"},
    }
    (uses,) = (s for s in role_statements("ResearcherRole") if "kms:Decrypt" in listed(s["Action"]))
    assert uses["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def test_the_deployment_page_lists_the_endpoints() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    services = ("sagemaker.api", "sagemaker.featurestore-runtime", "athena", "glue", "kms", "sts", "logs", "s3")
    assert [s for s in services if f"`{s}`" not in page] == []
