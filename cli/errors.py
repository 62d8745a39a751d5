"""Errors that a command reports as one sentence and a hint instead of a stack trace."""

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError


class CommandError(Exception):
    """Something the user can understand and act on.

    Parameters
    ----------
    message : str
        What went wrong, in one sentence.
    hint : str
        What to do about it; may be empty.
    details : str
        Output of a tool that explains the failure, shown below the message; may be empty.
    exit_code : int
        1 when the work did not succeed, 2 when the command was used wrongly.
    """

    def __init__(self, message: str, *, hint: str = "", details: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        self.exit_code = exit_code


class UsageError(CommandError):
    """The command line asks for something that cannot be done."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=2)


_LOG_IN = "Run `aws sso login` or `aws configure`, or set AWS_PROFILE to a profile that has credentials."
_WHERE = "Look at the network, and at the region in AWS_DEFAULT_REGION or the profile: a stack is in one region."
_REFUSALS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("NoCredentials", "PartialCredentials", "CredentialRetrieval", "NoAuthToken"),
        "There are no AWS credentials.",
        _LOG_IN,
    ),
    (
        ("Expired", "TokenRefreshRequired", "SSOToken", "TokenRetrieval", "LoginToken"),
        "The AWS credentials have expired.",
        _LOG_IN,
    ),
    (
        ("InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", "AuthFailure", "Signature"),
        "AWS does not accept the credentials.",
        f"{_LOG_IN} So is a clock that is wrong by minutes, and a region that has to be enabled first.",
    ),
    (
        ("AccessDenied", "Unauthorized", "NotAuthorized", "Forbidden", "403"),
        "The credentials in use may not do this.",
        "`aws sts get-caller-identity` says whose they are; docs/deploy.md says which policies people get.",
    ),
    (("NoRegion",), "No AWS region is set.", "For example: export AWS_DEFAULT_REGION=us-east-1"),
    (
        ("ProfileNotFound",),
        "AWS_PROFILE names a profile that is not there.",
        "Unset it, or name one that `aws configure` made.",
    ),
    (
        ("Throttl", "TooManyRequests", "LimitExceeded", "SlowDown", "ProvisionedThroughput", "503"),
        "AWS takes no more requests at the moment.",
        "Run the same command again in a minute: it goes on where it was.",
    ),
    (
        ("Endpoint", "InvalidRegion", "Connect", "ReadTimeout", "HTTPClient", "SSLError", "RetriesExceeded"),
        "AWS cannot be reached.",
        _WHERE,
    ),
    (
        ("NoSuchBucket", "ResourceNotFound", "QueueDoesNotExist", "StateMachineDoesNotExist"),
        "A part of the stack is not there.",
        "It was deleted, or the deployment did not end: deploy again, or ask `multimodal check --stack NAME`.",
    ),
)
"""Beginnings or parts of the codes and exceptions of AWS's clients, what they mean, and what to do."""


_OF_CREDENTIALS = 3
"""How many of the first refusals concern every request alike."""


def concerns_credentials(error: ClientError | BotoCoreError) -> bool:
    """Return whether AWS would refuse every other request for the same reason."""
    return any(part in _code_of(error) for parts, _, _ in _REFUSALS[:_OF_CREDENTIALS] for part in parts)


def _code_of(error: ClientError | BotoCoreError | Boto3Error) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", "")) or type(error).__name__


def aws_error(error: ClientError | BotoCoreError | Boto3Error) -> CommandError:
    """Return an error of AWS, or of the way there, as a sentence that says what to do; AWS's own words are the details.

    Transfers of boto3 raise an error of their own, which has no more than the text of AWS's.

    Examples
    --------
    >>> answer = {"Error": {"Code": "ExpiredToken", "Message": "The security token included in the request is expired"}}
    >>> print(aws_error(ClientError(answer, "DescribeStacks")))
    The AWS credentials have expired.
    """
    if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
        error = error.__context__
    for parts, message, hint in _REFUSALS:
        if any(part in _code_of(error) for part in parts):
            return CommandError(message, hint=hint, details=str(error))
    return CommandError("AWS refused a request.", details=str(error))
