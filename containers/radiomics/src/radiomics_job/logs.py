"""Structured log lines: one JSON object a line on standard error, with no patient identifier but the subject key."""

import json
import sys


def log(event: str, **fields: object) -> None:
    """Write one log line.

    Examples
    --------
    >>> log("study_done", subject="R01-001", status="accept")
    """
    sys.stderr.write(json.dumps({"event": event, **fields}, sort_keys=False, default=str) + "\n")
    sys.stderr.flush()
