"""botocore's errors into the domain's."""

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from multimodal.ledger.errors import ConfigurationError, RetryableError

_LASTING = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
        *("NoSuchBucket", "ResourceNotFound", "ResourceNotFoundException", "StateMachineDoesNotExist"),
        *("ValidationError", "ValidationException", "InvalidName"),
        # Batch's only name for a request that it will never take: a queue or definition that is not there or disabled.
        "ClientException",
    }
)


def code_of(error: ClientError) -> str:
    """Return AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


class translated:  # noqa: N801 -- read as a statement; a generator would cost more than what most calls do here
    """Run AWS calls; raise the domain's errors instead of botocore's.

    Raises
    ------
    ConfigurationError
        When the call can never succeed as the stack is deployed (a permission, a missing resource).
    RetryableError
        For everything else: throttling, time-outs, internal errors.
    """

    __slots__ = ("_action",)

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise the domain's error for what botocore raised; `upload_file` hides that in an error of boto3's own."""
        if isinstance(error, Boto3Error):
            error = error.__context__ if isinstance(error.__context__, ClientError) else error
        if isinstance(error, ClientError):
            message = f"{self._action}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
            raise (ConfigurationError if code_of(error) in _LASTING else RetryableError)(message) from error
        if isinstance(error, BotoCoreError | Boto3Error):
            raise RetryableError(f"{self._action}: {error}") from error
