"""The key, the buckets and the ledger: encrypted, private, versioned, kept."""

from fnmatch import fnmatch
from typing import Any

import pytest

from cli.removal.retention import ACCESS_LOG_DAYS, MESSAGE_DAYS, NONCURRENT_DAYS
from tests.infrastructure.support import ACCOUNT, REGION, listed, properties, resolve, resources, statements, template

BUCKETS = sorted(resources("AWS::S3::Bucket"))
DATA_BUCKETS = sorted(set(BUCKETS) - {"AccessLogBucket"})
KEPT = ["DataKey", "LedgerTable", *resources("AWS::ECR::Repository"), *BUCKETS]


def admitted(service: str) -> list[dict[str, Any]]:
    """Return the key's statements that admit a service."""
    return [s for s in statements("DataKey") if service in listed(s["Principal"].get("Service", []))]


def denies_plain_http(policy: list[dict[str, Any]], targets: set[str]) -> bool:
    """Whether a resource policy refuses everybody's calls that are not made over TLS."""
    return any(
        s["Effect"] == "Deny"
        and s["Principal"] == "*"
        and set(listed(s["Resource"])) == targets
        and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for s in policy
    )


def test_the_key_is_rotated() -> None:
    assert properties("DataKey")["EnableKeyRotation"] is True


@pytest.mark.parametrize("service", ["events", "cloudwatch"])
def test_the_key_lets_services_in(service: str) -> None:
    found = admitted(f"{service}.amazonaws.com")
    assert found, f"{service} drops its messages silently when the key does not let it in"
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= set(listed(found[0]["Action"]))


@pytest.mark.parametrize("service", ["s3", "sns", "sqs"])
def test_the_key_lets_in_no_service_that_sends_nothing(service: str) -> None:
    assert not admitted(f"{service}.amazonaws.com")


def test_the_key_lets_every_log_group_in() -> None:
    (statement,) = admitted(f"logs.{REGION}.amazonaws.com")
    patterns = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    for name, group in resources("AWS::Logs::LogGroup").items():
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{resolve(group['Properties']['LogGroupName'])}"
        assert any(fnmatch(arn, p) for p in patterns), f"the key does not let {name} in: it could not be created"


def test_the_account_governs_the_key() -> None:
    assert any(
        s["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"} and s["Action"] == "kms:*"
        for s in statements("DataKey")
    ), "without it nobody can change the key any more, and no IAM policy counts"


def test_nobody_else_may_use_the_key() -> None:
    for statement in statements("DataKey"):
        assert statement["Principal"] != "*"
        assert "*" not in listed(statement["Principal"].get("AWS", ""))


@pytest.mark.parametrize("name", DATA_BUCKETS)
def test_data_buckets_are_encrypted_with_the_key(name: str) -> None:
    (rule,) = resolve(properties(name))["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "DataKey.Arn"}
    assert rule["BucketKeyEnabled"] is True, "without a bucket key every object costs a call to KMS"


def test_the_log_bucket_uses_the_one_encryption_that_log_delivery_takes() -> None:
    (rule,) = properties("AccessLogBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_private_versioned_and_tidy(name: str) -> None:
    bucket = properties(name)
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rule, *_ = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] > 0
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0
    assert "BucketName" not in bucket, "a fixed name can be taken in another account"


def test_what_runs_and_builds_needed_expires_and_no_result_does() -> None:
    _, *rules = properties("ProcessedBucket")["LifecycleConfiguration"]["Rules"]
    assert {r["Prefix"]: r["ExpirationInDays"] for r in rules} == {"runs/": 90, "builds/": 30}
    assert all(r["Status"] == "Enabled" for r in rules)


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_take_tls_only(name: str) -> None:
    assert denies_plain_http(statements(f"{name}Policy"), {f"{name}.Arn", f"{name}.Arn/*"})
    assert resolve(properties(f"{name}Policy")["Bucket"]) == name


def test_the_tls_check_can_fail() -> None:
    half = [s | {"Resource": "RawBucket.Arn"} for s in statements("RawBucketPolicy")]
    assert not denies_plain_http(half, {"RawBucket.Arn", "RawBucket.Arn/*"})


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_admit_nobody_by_policy(name: str) -> None:
    allows = [s for s in statements(f"{name}Policy") if s["Effect"] == "Allow"]
    logs = {"logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"}
    services = logs if name == "AccessLogBucket" else set()
    assert {s["Principal"]["Service"] for s in allows} == services
    assert all(s["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT} for s in allows)


@pytest.mark.parametrize("name", DATA_BUCKETS)
def test_access_to_data_is_logged(name: str) -> None:
    assert resolve(properties(name)["LoggingConfiguration"]["DestinationBucketName"]) == "AccessLogBucket"
    # S3 checks on creation that it may write there.
    assert template()["Resources"][name]["DependsOn"] == "AccessLogBucketPolicy"


@pytest.mark.parametrize("name", ["RawBucket", "ProcessedBucket"])
def test_arrivals_are_told_to_eventbridge(name: str) -> None:
    told = properties(name)["NotificationConfiguration"]
    assert told == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize("name", KEPT)
def test_data_outlives_the_stack(name: str) -> None:
    resource = template()["Resources"][name]
    # RetainExceptOnCreate: a first deployment that fails leaves nothing behind.
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_ledger() -> None:
    table = resolve(properties("LedgerTable"))
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "DataKey.Arn"}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [{"AttributeName": "unit_id", "KeyType": "HASH"}]
    assert "TimeToLiveSpecification" not in table, "what was uploaded stays accounted for"


def test_the_index_of_due_units() -> None:
    (index,) = properties("LedgerTable")["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due"
    assert [k["AttributeName"] for k in index["KeySchema"]] == ["due_shard", "due_at"]
    # Read by the sweep to tell the age of the oldest unfinished unit.
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["open_since"]}


def test_what_is_said_to_stay_stays_as_long() -> None:
    logs = properties("AccessLogBucket")["LifecycleConfiguration"]["Rules"][0]
    assert logs["ExpirationInDays"] == ACCESS_LOG_DAYS
    uploads = properties("RawBucket")["LifecycleConfiguration"]["Rules"][0]
    assert uploads["NoncurrentVersionExpiration"] == {"NoncurrentDays": NONCURRENT_DAYS}
    periods = {queue["Properties"].get("MessageRetentionPeriod") for queue in resources("AWS::SQS::Queue").values()}
    assert max(filter(None, periods)) == MESSAGE_DAYS * 86_400
    assert properties("LedgerTable")["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
