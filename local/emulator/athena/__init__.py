"""Athena: SQL in Athena's dialect, answered by DuckDB over the objects of the Glue tables."""


def install() -> None:
    """Run queries here instead of in ministack."""
    from local.emulator.athena import execution  # sqlglot is in the emulator's environment alone

    execution.install()
