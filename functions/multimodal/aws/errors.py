"""botocore's errors into the domain's."""

from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Run AWS calls; raise the domain's errors instead of botocore's.

    Raises
    ------
    ConfigurationError
        When the call can never succeed as the stack is deployed (a permission, a missing resource).
    RetryableError
        For everything else: throttling, time-outs, internal errors.
    """
    try:
        yield
    except ClientError as error:
        message = f"{action}: {code_of(error)}: {error.response.get('Error', {}).get('Message', '')}"
        raise (ConfigurationError if code_of(error) in _LASTING else RetryableError)(message) from error
    except BotoCoreError as error:
        raise RetryableError(f"{action}: {error}") from error
