"""Quotas: new accounts have none of some instance types and little of other things.

Source: AWS, Service Quotas user guide. Quotas are found by their name, because the codes of SageMaker's differ by type.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target

ENOUGH_CONCURRENCY = 50
"""Executions at once of the functions of a busy stack; new accounts have 10."""

PROCESSING = "{} for processing job usage"

FARGATE = ("Fargate On-Demand vCPU resource count", "Fargate Spot vCPU resource count")

FPGA = "Running On-Demand F instances"

NETWORKS = "VPCs per Region"

COMPUTE_ENVIRONMENTS = 50
"""Most compute environments of an account and region (AWS Batch user guide, service quotas)."""


def check_lambda(target: Target) -> Iterator[Finding]:
    """Look at how many functions may run at once."""
    limit = int(target.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    if limit >= ENOUGH_CONCURRENCY:
        yield ok("Lambda", f"{limit} executions at once")
        return
    yield warn(
        "Lambda",
        f"{limit} executions at once; a large upload is recorded slowly and throttled",
        "Raise the quota `Concurrent executions`: aws service-quotas request-service-quota-increase "
        "--service-code lambda --quota-code L-B99A9384 --desired-value 1000",
    )


def check_processing(target: Target) -> Iterator[Finding]:
    """Look at how many processing jobs of the instance type may run at once."""
    kind, wanted = target.parameters["ProcessingInstanceType"], int(target.parameters["MaxConcurrency"])
    quota = find_quota(target, "sagemaker", PROCESSING.format(kind))
    lower = "Or set ProcessingInstanceType to a type with a quota, or MaxConcurrency to what there is."
    yield _compare("SageMaker jobs", quota, PROCESSING.format(kind), least=1, wanted=wanted, or_else=lower)


def check_genomics(target: Target) -> Iterator[Finding]:
    """Look at the processors that jobs of Batch may have, and at the number of its compute environments."""
    if target.parameters["DragenAmiId"]:
        least, wanted = int(target.parameters["DragenVcpus"]), int(target.parameters["FpgaMaxVcpus"])
        quota = find_quota(target, "ec2", FPGA)
        yield _compare("FPGA instances", quota, FPGA, least=least, wanted=wanted, or_else="Or set FpgaMaxVcpus.")
    else:
        least, wanted = int(target.parameters["RnaseqVcpus"]), int(target.parameters["RnaseqMaxVcpus"])
        for name in FARGATE:
            quota = find_quota(target, "fargate", name)
            yield _compare("Batch jobs", quota, name, least=least, wanted=wanted, or_else="Or set RnaseqMaxVcpus.")
    yield from _check_environments(target)


def _check_environments(target: Target) -> Iterator[Finding]:
    count = len(list(target.pages("batch", "describe_compute_environments", "computeEnvironments")))
    if not target.status and count + 2 > COMPUTE_ENVIRONMENTS:
        message = f"{count} of {COMPUTE_ENVIRONMENTS} compute environments are there; this stack makes two"
        yield fail("Batch", message, "Delete some, or deploy to another region.")
    else:
        yield ok("Batch", f"{count} of {COMPUTE_ENVIRONMENTS} compute environments")


def check_networks(target: Target) -> Iterator[Finding]:
    """Look whether the account may have the networks that the stack makes: one of the jobs and one of the fast lane."""
    there, wanted = _networks(target.deployed), _networks(target.parameters | {"RadiomicsImageUri": "to come"})
    added = len(wanted - there)
    if not added:
        return
    count, quota = len(list(target.pages("ec2", "describe_vpcs", "Vpcs"))), find_quota(target, "vpc", NETWORKS)
    if quota is not None and count + added > quota["Value"]:
        message = f"{count} networks are there, and the quota is {quota['Value']:.0f}; this stack makes {added} more"
        instead = "Give VpcId and SubnetIds, set ImagingCompute=processing, or "
        yield fail("networks", message, f"{instead}{_raise_quota(quota, count + added)}")
    else:
        yield ok("networks", f"{count} are there; this stack makes {added} more")


def _networks(parameters: Mapping[str, str]) -> set[str]:
    """Return what networks a stack of these parameters has of its own; none without parameters."""
    jobs = {"jobs"} if parameters and not parameters.get("VpcId") else set()
    fast = parameters.get("ImagingCompute") == "auto" and bool(parameters.get("RadiomicsImageUri"))
    return jobs | ({"fast lane"} if fast else set())


def _compare(
    subject: str, quota: dict[str, Any] | None, name: str, *, least: int, wanted: int, or_else: str
) -> Finding:
    """Return how a quota relates to what one job needs and to what the parameters ask for."""
    if quota is None:
        action = f"Look for it: https://console.aws.amazon.com/servicequotas. {or_else}"
        return warn(subject, f"could not look: there is no quota named `{name}`", action)
    value = quota["Value"]
    if value >= wanted:
        return ok(subject, f"{value:.0f} of {wanted} wanted (`{name}`)")
    message = f"`{name}` is {value:.0f}; {wanted} are wanted, and one job needs {least}"
    action = f"Now: {_raise_quota(quota, wanted)} {or_else}"
    return fail(subject, message, action) if value < least else warn(subject, message, action)


def _raise_quota(quota: dict[str, Any], value: int) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --service-code {quota['ServiceCode']} "
        f"--quota-code {quota['QuotaCode']} --desired-value {value}"
    )


def find_quota(target: Target, service: str, name: str) -> dict[str, Any] | None:
    """Return a quota by its name: as it was applied to the account, else AWS's default; None when there is none."""
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        for quota in target.pages("service-quotas", operation, "Quotas", ServiceCode=service):
            if quota["QuotaName"] == name:
                return quota
    return None
