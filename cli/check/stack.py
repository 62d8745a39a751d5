"""The stack itself: its state, what an earlier one left behind, its key, its groups and who hears its alarms."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target

if TYPE_CHECKING:
    from multimodal.features.group import FeatureGroupSpec


MAX_NAMES = 3_500
"""Bytes of all groups' names: a custom resource answers with up to 4,096 (AWS CloudFormation user guide, quotas)."""


LOG_GROUPS = ("/aws/lambda/", "/aws/vendedlogs/states/", "/aws/batch/", "/aws/codebuild/")
"""What the names of the stack's log groups begin with, before the stack's own name."""

MAX_STACK_NAME = 64 - len("-record-outcome")
"""Longest name of a stack: the longest name of a function is 64 characters (AWS Lambda API reference)."""


def check_status(target: Target) -> Iterator[Finding]:
    """Look whether the stack can be deployed as it is."""
    status = target.status
    if not status:
        yield ok("stack", f"{target.stack} is not there yet")
    elif status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}:
        action = f"aws cloudformation delete-stack --stack-name {target.stack}; buckets, key and table of data stay."
        yield fail("stack", f"{target.stack} is {status} and cannot be updated", action)
    elif status == "UPDATE_ROLLBACK_FAILED":
        action = f"aws cloudformation continue-update-rollback --stack-name {target.stack}"
        yield fail("stack", f"{target.stack} is {status}", action)
    elif status.endswith("_IN_PROGRESS"):
        yield warn("stack", f"{target.stack} is {status}", "Wait until it has ended.")
    else:
        yield ok("stack", f"{target.stack} is {status}")


def check_names(target: Target) -> Iterator[Finding]:
    """Look whether an earlier stack left what has a fixed name; buckets and tables get new names every time."""
    if target.status:
        return
    if len(target.stack) > MAX_STACK_NAME:
        action = f"Deploy under a name of at most {MAX_STACK_NAME} characters (--stack-name, samconfig.toml)."
        yield fail("names", f"{target.stack} is too long: functions' names begin with it and end at 64", action)
    if target.stack != target.stack.lower():
        action = "Deploy under a name in lower case: people's policies name the tables of feature groups, which are."
        yield warn("names", f"{target.stack} has capitals, and Athena's tables have none", action)
    names = sorted(name for prefix in LOG_GROUPS for name in _log_groups(target, f"{prefix}{target.stack}-"))
    for name in names:
        action = f"Keep what you need of it, then: aws logs delete-log-group --log-group-name {name}"
        yield fail("names", f"the log group {name} is there already", action)
    alias = f"alias/{target.stack}-data"
    if _has_key(target, alias):
        action = f"aws kms delete-alias --alias-name {alias} (the key and what it encrypts stay)"
        yield fail("names", f"{alias} is there already", action)
    elif not names:
        yield ok("names", "free")


def _log_groups(target: Target, prefix: str) -> list[str]:
    groups = target.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    return [str(group["logGroupName"]) for group in groups]


def _has_key(target: Target, alias: str) -> bool:
    try:
        target.client("kms").describe_key(KeyId=alias)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            return False
        raise
    return True


def check_key(target: Target) -> Iterator[Finding]:
    """Look whether the stack's key can be used."""
    if target.status:
        alias = f"alias/{target.stack}-data"
        key = target.client("kms").describe_key(KeyId=alias)["KeyMetadata"]
        state = key["KeyState"]
        if state == "Enabled":
            yield ok("key", "enabled")
        else:
            verb = "cancel-key-deletion" if state == "PendingDeletion" else "enable-key"
            yield fail("key", f"{state}: nothing can be read or written", f"aws kms {verb} --key-id {key['KeyId']}")


def check_groups(target: Target) -> Iterator[Finding]:
    """Look whether each feature group takes records, grows as the dataset's file asks, or can be made."""
    from multimodal.ledger.errors import ConfigurationError  # the functions' models take a second to load
    from multimodal.pipeline.dataset import specifications

    try:
        specs = specifications(target.stack, target.list_of("DatasetNames"))
    except ConfigurationError as error:
        yield fail("feature groups", str(error), "Correct the dataset's file.")
        return
    size = len(",".join(spec.name for spec in specs))
    if size > MAX_NAMES:
        message = f"the names of {len(specs)} groups are {size:,} bytes, more than a custom resource may answer with"
        yield fail("feature groups", message, "Deploy some of DatasetNames as a stack of their own.")
    for spec in specs:
        yield _check_group(target, spec)


def _check_group(target: Target, spec: "FeatureGroupSpec") -> Finding:
    from multimodal.features.group import plan_additions
    from multimodal.ledger.errors import ConfigurationError

    found = _describe(target, spec.name)
    if found is None:
        return ok("feature groups", f"{spec.name} is made by the deployment")
    if not target.status:
        action = (
            f"Its data in S3 stays: aws sagemaker delete-feature-group --feature-group-name {spec.name}; or raise "
            "group_version in the dataset's file, or choose another stack name."
        )
        return fail("feature groups", f"{spec.name} is of an earlier stack, with another bucket, key and role", action)
    store = found.get("OfflineStoreStatus", {})
    if found["FeatureGroupStatus"] != "Created" or store.get("Status", "Active") != "Active":
        reason = found.get("FailureReason") or store.get("BlockedReason") or found["FeatureGroupStatus"]
        return fail("feature groups", f"{spec.name} takes no records: {reason}", "Fix that, then deploy again.")
    try:
        added = plan_additions(spec, found["FeatureDefinitions"])
    except ConfigurationError as error:
        return fail("feature groups", str(error), "Raise group_version in the dataset's file.")
    return ok("feature groups", f"{spec.name}{f' gets {len(added)} more features' if added else ''}")


def _describe(target: Target, name: str) -> dict[str, Any] | None:
    """Return a feature group with the definitions of all pages, or None when there is none."""
    sagemaker = target.client("sagemaker")
    try:
        found = page = dict(sagemaker.describe_feature_group(FeatureGroupName=name))
        while token := page.get("NextToken"):
            page = sagemaker.describe_feature_group(FeatureGroupName=name, NextToken=token)
            found["FeatureDefinitions"] += page["FeatureDefinitions"]
    except sagemaker.exceptions.ResourceNotFound:
        return None
    return found


def check_mail(target: Target) -> Iterator[Finding]:
    """Look whether somebody hears the alarms."""
    topic = target.output("AlarmTopicArn")
    listed = target.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic) if topic else ()
    subscribers = list(listed)
    pending = [each["Endpoint"] for each in subscribers if each["SubscriptionArn"] == "PendingConfirmation"]
    if pending:
        message = f"{len(pending)} of {len(subscribers)} subscriptions of the alarms are not confirmed"
        yield warn("alarms", message, "Open the mail of AWS Notifications and confirm it.")
    elif subscribers or target.parameters["AlarmEmail"]:
        yield ok("alarms", "confirmed" if subscribers else "AlarmEmail gets a mail to confirm")
    else:
        level = fail if target.is_production else warn
        yield level("alarms", "nobody hears them", "Give AlarmEmail, then confirm the mail that it gets.")
