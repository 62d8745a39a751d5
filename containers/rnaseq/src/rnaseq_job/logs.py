"""Structured log lines: one JSON object a line on standard error; the sample's name is all they say about a patient."""

from __future__ import annotations

import json
import sys


def log(event: str, **fields: object) -> None:
    """Write one log line.

    Examples
    --------
    >>> log("reads_checked", sample="R01-001", fragments=41_000_000)
    """
    sys.stderr.write(json.dumps({"event": event, **fields}, default=str) + "\n")
    sys.stderr.flush()
