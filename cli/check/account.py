"""What belongs to an account: its region's services, service-linked roles and Lake Formation's defaults."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target

SERVICES = ("athena", "batch", "codebuild", "dynamodb", "ecr", "events", "glue", "kms", "lambda", "s3", "sagemaker",
            "sns", "sqs", "stepfunctions")  # fmt: skip

LINKED_ROLES = {"AWSServiceRoleForBatch": "batch.amazonaws.com", "AWSServiceRoleForECS": "ecs.amazonaws.com"}
"""Roles that Batch and ECS act with. Batch makes them by itself, but an account's first deployment may come before."""

DATABASE = "sagemaker_featurestore"
"""Feature Store's database in the Glue catalogue; one for the whole account."""

EVERYBODY = "IAM_ALLOWED_PRINCIPALS"
"""Lake Formation's group of those whom IAM alone lets in."""


def check_region(target: Target) -> Iterator[Finding]:
    """Look whether the region has the services, and whether it has FPGA instances where they are asked for."""
    session, region = target.deployment.session, target.region
    partition = session.get_partition_for_region(region)
    missing = [s for s in SERVICES if region not in session.get_available_regions(s, partition_name=partition)]
    if missing:
        message = f"{region} has no {', '.join(missing)}, as far as the AWS SDK here knows"
        yield warn("region", message, "Deploy to another region, such as us-east-1 or eu-central-1, or renew boto3.")
    else:
        yield ok("region", f"{region} has the services")
    foreign = [arn for arn in target.list_of("ArchiveBucketArns") if not arn.startswith(f"arn:{partition}:")]
    if foreign:
        message = f"ArchiveBucketArns names {foreign[0]}, and IAM here takes ARNs that begin with arn:{partition}: only"
        action = f"Give buckets of this partition, or ArchiveBucketArns=arn:{partition}:s3:::none to fetch nothing."
        yield fail("region", message, action)
    if target.parameters["DragenAmiId"]:
        yield _instances(target, target.list_of("FpgaInstanceTypes"))


def _instances(target: Target, types: list[str]) -> Finding:
    filters = [{"Name": "instance-type", "Values": types}]
    offered = target.pages("ec2", "describe_instance_type_offerings", "InstanceTypeOfferings", Filters=filters)
    found = sorted({str(each["InstanceType"]) for each in offered})
    if found:
        return ok("FPGA instances", f"{', '.join(found)} in {target.region}")
    message = f"{target.region} offers no {' or '.join(types)}"
    return fail("FPGA instances", message, "Deploy where there are some, or leave DragenAmiId empty.")


def check_linked_roles(target: Target) -> Iterator[Finding]:
    """Look for the service-linked roles of Batch and ECS."""
    iam = target.client("iam")
    for role, service in LINKED_ROLES.items():
        try:
            iam.get_role(RoleName=role)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise
            action = f"Before the deployment: aws iam create-service-linked-role --aws-service-name {service}"
            yield warn("service roles", f"{role} is missing; an account's first deployment may fail without", action)
        else:
            yield ok("service roles", role)


def check_lake_formation(target: Target) -> Iterator[Finding]:
    """Look whether Lake Formation lets Feature Store's roles make tables.

    Where the account's defaults were taken from `IAM_ALLOWED_PRINCIPALS`, CreateFeatureGroup ends with "Insufficient
    Lake Formation permission(s)". The roles that would need a grant do not exist before the first deployment, so that
    the grant goes to the database.
    """
    database = _database(target)
    if database is not None:
        open_to_all = _is_open(database.get("CreateTableDefaultPermissions", []))
    else:
        settings = target.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
        open_to_all = all(
            _is_open(settings.get(f"Create{what}DefaultPermissions", [])) for what in ("Database", "Table")
        )
    if open_to_all:
        yield ok("Lake Formation", f"IAM alone decides about tables of {DATABASE}")
        return
    everybody = f'{{"DataLakePrincipalIdentifier":"{EVERYBODY}"}}'
    defaults = f'"CreateTableDefaultPermissions":[{{"Principal":{everybody},"Permissions":["ALL"]}}]'
    verb = "create-database" if database is None else f"update-database --name {DATABASE}"
    yield fail(
        "Lake Formation",
        f"tables of {DATABASE} need grants of Lake Formation, and feature groups would end as CreateFailed",
        f'As its administrator: aws glue {verb} --database-input \'{{"Name":"{DATABASE}",{defaults}}}\' && '
        f"aws lakeformation grant-permissions --principal DataLakePrincipalIdentifier={EVERYBODY} --permissions ALL "
        f'--resource \'{{"Database":{{"Name":"{DATABASE}"}}}}\'',
    )


def _database(target: Target) -> dict[str, Any] | None:
    try:
        return dict(target.client("glue").get_database(Name=DATABASE)["Database"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise


def _is_open(permissions: list[dict[str, Any]]) -> bool:
    return any(
        each.get("Principal", {}).get("DataLakePrincipalIdentifier") == EVERYBODY and "ALL" in each["Permissions"]
        for each in permissions
    )
