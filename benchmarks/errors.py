"""Errors of the benchmarks."""

from cli.errors import CommandError

FAILED = 3
"""Exit code of a benchmark that could not be measured: neither met nor missed."""


class BenchmarkError(CommandError):
    """A benchmark could not be measured."""

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, details=details, exit_code=FAILED)
