"""The two kinds of failure.

Everything the project raises on purpose derives from :class:`MultimodalError` and is either worth another try
(:class:`RetryableError`) or the input's fault (:class:`BadInputError`). Step Functions matches these names in
its ``Retry`` and ``Catch``; queue consumers report only retryable failures back to SQS.
"""


class MultimodalError(Exception):
    """Base of every error the project raises on purpose."""


class RetryableError(MultimodalError):
    """A passing fault of a service: the same call may succeed later."""


class BadInputError(MultimodalError):
    """The input cannot be used; the message tells the user what to do.

    Parameters
    ----------
    reason_code : str
        One of :class:`multimodal.ledger.reasons.Reason`, or a code the radiomics job wrote.
    message : str
        What is wrong and what to do about it. Never holds a patient identifier beyond the subject key.
    details : dict, optional
        Numbers and names behind the message.
    """

    def __init__(self, reason_code: str, message: str, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.message = message
        self.details = details or {}


class InvalidRequestError(BadInputError):
    """A request to a function or a state machine that does not say what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("INVALID_REQUEST", message)


class ConfigurationError(MultimodalError):
    """The deployment itself is wrong: a missing setting or a dataset file that cannot be read."""
