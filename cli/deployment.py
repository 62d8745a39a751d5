"""A deployed stack, on the laptop cloud or in a real account: its clients and its outputs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.errors import CommandError, UsageError
from cli.laptop import Cloud, read_cloud
from cli.project import DATASET, DATASET_FILES, STACK, STATE

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_featurestore_runtime import SageMakerFeatureStoreRuntimeClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient


_PARALLEL_REQUESTS = 16
_GROUPS = {"imaging": "imaging", "genomics": "rna", "clinical": "scores"}
"""A feature group that a dataset has when, and only when, its file has the section."""
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException"})


@dataclass(frozen=True)
class Deployment:
    """One stack and how to reach it.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack.
    session : boto3.Session
        Credentials and region.
    endpoint : str or None
        URL of the laptop cloud; None for AWS itself.
    """

    stack: str
    session: boto3.Session
    endpoint: str | None = None

    @property
    def config(self) -> Config:
        """Client settings; bucket names go into the path because an IP address has no sub-domains."""
        return Config(
            max_pool_connections=_PARALLEL_REQUESTS,
            retries={"mode": "standard", "max_attempts": 4},
            s3={"addressing_style": "path" if self.endpoint else "auto"},
        )

    @cached_property
    def s3(self) -> "S3Client":
        """Client of S3."""
        return self.session.client("s3", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Client of Lambda, which waits for a whole round; one attempt, as a throttled sweep is asked again anyway."""
        from multimodal.pipeline.sweep import ROUND_SECONDS  # the functions' models take time to import

        # Not `max_attempts`: in a Config it counts the tries after the first.
        once = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=ROUND_SECONDS)
        config = self.config.merge(once)
        return self.session.client("lambda", endpoint_url=self.endpoint, config=config)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """Client of CloudFormation."""
        return self.session.client("cloudformation", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def athena(self) -> "AthenaClient":
        """Client of Athena."""
        return self.session.client("athena", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        """Client of SageMaker."""
        return self.session.client("sagemaker", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def feature_records(self) -> "SageMakerFeatureStoreRuntimeClient":
        """Client of the records of feature groups."""
        return self.session.client("sagemaker-featurestore-runtime", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def states(self) -> "SFNClient":
        """Client of Step Functions."""
        return self.session.client("stepfunctions", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def sqs(self) -> "SQSClient":
        """Client of SQS."""
        return self.session.client("sqs", endpoint_url=self.endpoint, config=self.config)

    @cached_property
    def ledger(self) -> "Table":
        """The ledger table."""
        resource = self.session.resource("dynamodb", endpoint_url=self.endpoint, config=self.config)
        return resource.Table(self.output("LedgerTableName"))

    @cached_property
    def description(self) -> "StackTypeDef":
        """The stack as CloudFormation describes it.

        Raises
        ------
        CommandError
            When there is no such stack.
        """
        try:
            return self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":  # such as an expired token
                raise
            hint = f"`{self._deploy}` deploys one; --stack NAME, AWS_PROFILE and AWS_DEFAULT_REGION say which is meant."
            raise CommandError(f"There is no stack named {self.stack}.", hint=hint) from error

    @property
    def _deploy(self) -> str:
        return "make up" if self.endpoint else "make deploy"

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Outputs of the stack by key."""
        return {item["OutputKey"]: item["OutputValue"] for item in self.description.get("Outputs", [])}

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets that the stack was deployed for."""
        return [name for name in self.parameters.get("DatasetNames", "").split(",") if name]

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters of the stack by name."""
        return {item["ParameterKey"]: item["ParameterValue"] for item in self.description.get("Parameters", [])}

    def output(self, key: str) -> str:
        """Return one output of the stack.

        Raises
        ------
        CommandError
            When the stack has no such output.
        """
        try:
            return self.outputs[key]
        except KeyError:
            raise self._unfinished() or CommandError(
                f"The stack {self.stack} has no output {key}.",
                hint=f"It may be of another version: `{self._deploy}` deploys it again.",
            ) from None

    def _unfinished(self) -> CommandError | None:
        """Return what to do about a stack that was never deployed to its end; None for one that was."""
        status = str(self.description.get("StackStatus", ""))
        if status in {"", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}:
            return None
        if status.endswith("_IN_PROGRESS"):
            hint = "Wait for its end; a change set that was not executed has to be, or deleted."
        elif self.endpoint:
            hint = "`make up` deploys it again, or says why it cannot; .local/logs/sam-deploy.log has the last try."
        else:
            hint = f"`multimodal check --stack {self.stack}` says why not and what to do."
        return CommandError(f"The stack {self.stack} is not deployed: it is {status}.", hint=hint)

    def resource(self, logical_id: str) -> str:
        """Return the physical name of a resource of the template."""
        detail = self.cloudformation.describe_stack_resource(StackName=self.stack, LogicalResourceId=logical_id)[
            "StackResourceDetail"
        ]
        return detail["PhysicalResourceId"]

    def invoke_sweep(self, event: Mapping[str, object]) -> str | None:
        """Invoke the sweep function and return its answer, or None while it is busy: it runs alone.

        Raises
        ------
        CommandError
            When the function failed; its answer is the details.
        """
        name, payload = self.output("SweepFunctionName"), json.dumps(event).encode()
        try:
            answer = self.lambda_.invoke(FunctionName=name, Payload=payload)
        except ClientError as error:
            if error.response["Error"]["Code"] in _THROTTLED:
                return None
            raise
        text = answer["Payload"].read().decode(errors="replace")
        if answer.get("FunctionError"):
            raise CommandError("The sweep function failed; nothing more was requested.", details=text[:500])
        return text

    @property
    def feature_groups(self) -> list[str]:
        """Names of the stack's feature groups."""
        return [name for name in self.output("FeatureGroupNames").split(",") if name]


def chosen_dataset(deployment: Deployment | None, name: str, as_typed: str = "--dataset NAME") -> str:
    """Return the named dataset or, when none is named, the stack's only one, without a stack the template's default.

    `as_typed` is how the command is told which, for the one who has to choose.

    Raises
    ------
    UsageError
        When the stack was not deployed for it (nothing would process it), or has several and none is named.
    """
    known = described_datasets(deployment)
    chosen = name or (known[0] if len(known) == 1 else "" if deployment else DATASET)
    if chosen in known:
        return chosen
    if name:
        raise UsageError(
            f"No dataset {name!r} is {'deployed' if deployment else 'there'}.", hint=there_are(known, deployment)
        )
    raise UsageError("Which dataset is meant?", hint=f"There are: {', '.join(sorted(known))}. Name one: {as_typed}.")


def lacks_section(deployment: Deployment | None, dataset: str, modality: str) -> bool:
    """Whether a dataset of the stack or, without one, of this source tree has no section of a modality."""
    if deployment is not None:
        group = f"{deployment.stack}-{dataset}-{_GROUPS[modality]}-v"
        return not any(name.startswith(group) for name in deployment.feature_groups)
    import yaml  # without a stack alone

    path = DATASET_FILES / f"{dataset}.yaml"
    return path.is_file() and (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(modality) is None


def check_section(deployment: Deployment, dataset: str, modality: str) -> None:
    """Raise `UsageError` when a dataset was deployed without the section of a modality: all of it would be rejected."""
    if lacks_section(deployment, dataset, modality):
        raise UsageError(
            f"The dataset {dataset} is deployed without {modality}: nothing was uploaded.",
            hint=f"With a section {modality} in functions/datasets/{dataset}.yaml, deploy again; or name another.",
        )


def described_datasets(deployment: Deployment | None) -> list[str]:
    """Return the datasets of a stack or, without one, those that this source tree describes."""
    return deployment.datasets if deployment else [path.stem for path in DATASET_FILES.glob("*.yaml")]


def there_are(datasets: Iterable[str], deployment: Deployment | None) -> str:
    """Return which datasets can be named, and how there is another."""
    named = f"There are: {', '.join(sorted(datasets))}."
    if deployment:
        return f"{named} `make up DATASETS=one,another` deploys others; on AWS the parameter DatasetNames does."
    return f"{named} `multimodal dataset draft` describes another."


def reach(stack: str = "") -> Deployment:
    """Reach a stack of an account by name, or without one the laptop cloud of this clone.

    Parameters
    ----------
    stack : str
        Name of the CloudFormation stack; boto3's usual chain gives credentials and region.

    Raises
    ------
    CommandError
        When no laptop cloud is running and no stack is named.
    """
    if stack:
        return Deployment(stack, boto3.Session())
    return connect(STACK, running_cloud().environment())


def running_cloud() -> Cloud:
    """Return the laptop cloud that runs in this clone; `CommandError` when none does."""
    cloud = read_cloud(STATE)
    if cloud is None:
        raise CommandError("No laptop cloud is running.", hint="`make up` starts one; --stack NAME means one on AWS.")
    return cloud


def connect(stack: str, environment: Mapping[str, str]) -> Deployment:
    """Reach a stack on the laptop cloud.

    Parameters
    ----------
    stack : str
        Name of the stack.
    environment : mapping
        The cloud's `AWS_*` variables: endpoint, keys and region. The caller's own variables and
        profiles play no part, so that nothing meant for the laptop ever reaches a real account.
    """
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    return Deployment(stack, session, environment["AWS_ENDPOINT_URL"])
