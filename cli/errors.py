"""Errors that a command reports as one sentence and a hint instead of a stack trace."""


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
