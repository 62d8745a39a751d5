"""What people may do: each of their policies allows one kind of work, and the buckets refuse what no job could read."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infrastructure.support import listed, properties, resolve, resources, statements

PEOPLE = ["UploaderPolicy", "CuratorPolicy", "ImageBuilderPolicy", "ReaderPolicy"]
TAG = "${aws:PrincipalTag/multimodal-dataset}"


def may(policy: str, action: str, resource: str, dataset: str = "") -> bool:
    """Return whether a policy allows an action on a resource to a principal with a dataset's tag, conditions aside."""
    effects = [
        statement["Effect"]
        for statement in statements(policy)
        if action in listed(statement["Action"])
        and any(fnmatchcase(resource, each.replace(TAG, dataset or "\0")) for each in listed(statement["Resource"]))
    ]
    return bool(effects) and "Deny" not in effects


@pytest.mark.parametrize("key", ["imaging/nsclc/s/t/1.dcm", "genomics/nsclc/c/r_1.fastq.gz", "clinical/nsclc/t.csv"])
def test_an_uploader_uploads_to_the_dataset_of_the_tag_and_to_no_other(key: str) -> None:
    assert may("UploaderPolicy", "s3:PutObject", f"RawBucket.Arn/{key}", "nsclc")
    assert not may("UploaderPolicy", "s3:PutObject", f"RawBucket.Arn/{key}", "other")
    assert not may("UploaderPolicy", "s3:PutObject", f"RawBucket.Arn/{key}"), "without a tag nothing is allowed"


@pytest.mark.parametrize("key", ["imaging/nsclc/_cohort.json", "datasets/nsclc/_build.json"])
def test_requests_and_references_have_writers_of_their_own(key: str) -> None:
    assert not may("UploaderPolicy", "s3:PutObject", f"RawBucket.Arn/{key}", "nsclc")
    assert may("CuratorPolicy", "s3:PutObject", f"RawBucket.Arn/{key}")
    reference = "RawBucket.Arn/genomics/_references/human/genome.fa.gz"
    assert not may("UploaderPolicy", "s3:PutObject", reference, "_references")
    assert may("CuratorPolicy", "s3:PutObject", reference)
    assert not may("CuratorPolicy", "s3:PutObject", "RawBucket.Arn/imaging/nsclc/s/t/1.dcm")


def test_only_who_builds_images_writes_what_they_are_built_from() -> None:
    key = "ProcessedBucket.Arn/builds/containers.zip"
    assert [p for p in PEOPLE if may(p, "s3:PutObject", key, "builds")] == ["ImageBuilderPolicy"]


def test_a_reader_sees_results_and_writes_nothing_but_answers() -> None:
    assert may("ReaderPolicy", "s3:GetObject", "ProcessedBucket.Arn/imaging/d/s/t/features.json")
    for key in ("RawBucket.Arn/imaging/d/s/t/1.dcm", "ProcessedBucket.Arn/runs/r/plan.json"):
        assert not may("ReaderPolicy", "s3:GetObject", key)
    written = [listed(s["Resource"]) for s in statements("ReaderPolicy") if "s3:PutObject" in listed(s["Action"])]
    assert written == [["ProcessedBucket.Arn/queries/*"]]
    actions = {action for s in statements("ReaderPolicy") for action in listed(s["Action"])}
    assert not any(action.startswith(("dynamodb:", "states:", "lambda:", "batch:")) for action in actions)


@pytest.mark.parametrize("policy", PEOPLE)
def test_people_decrypt_through_s3_alone(policy: str) -> None:
    (statement,) = [s for s in statements(policy) if "kms:Decrypt" in listed(s["Action"])]
    assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    assert "*" not in {resource for s in statements(policy) for resource in listed(s["Resource"])}


def denied(headers: dict[str, str]) -> bool:
    """Return whether the policy of RawBucket refuses an upload with these headers, by IAM's rules for absent keys."""
    return any(
        all(
            _holds(operator, key, wanted, headers)
            for operator, keys in s["Condition"].items()
            for key, wanted in keys.items()
        )
        for s in statements("RawBucketPolicy")
        if s["Action"] == "s3:PutObject"
    )


def _holds(operator: str, key: str, wanted: Any, headers: dict[str, str]) -> bool:
    found = headers.get(key.removeprefix("s3:"))
    if operator == "Null":
        return (found is None) is (wanted == "true")
    assert operator in {"StringNotEquals", "ArnNotEquals"}
    return bool(found != wanted)


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"x-amz-server-side-encryption": "aws:kms"}, False),
        (
            {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "DataKey.Arn"},
            False,
        ),
        ({"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "other"}, True),
        ({"x-amz-server-side-encryption": "AES256"}, True),
        ({"x-amz-server-side-encryption-customer-algorithm": "AES256"}, True),
    ],
)
def test_an_upload_is_encrypted_with_the_key_of_the_data(headers: dict[str, str], *, refused: bool) -> None:
    assert denied(headers) is refused


def test_the_flow_log_of_each_network_is_kept_where_access_logs_are() -> None:
    logs = [properties(log) for log in resources("AWS::EC2::FlowLog")]
    assert {resolve(log["ResourceId"]) for log in logs} == {*resources("AWS::EC2::VPC"), resolve({"Ref": "VpcId"})}
    assert {log["TrafficType"] for log in logs} == {"ALL"}
    assert {resolve(log["LogDestination"]) for log in logs} == {"AccessLogBucket.Arn/flow-logs/"}
    (delivery,) = [s for s in statements("AccessLogBucketPolicy") if s["Sid"] == "FlowLogs"]
    assert "AccessLogBucket.Arn/flow-logs/*" in delivery["Resource"]
