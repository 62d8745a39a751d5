"""Logs of jobs, in the log group where their service puts them."""

from __future__ import annotations

import contextlib
import time

from botocore.exceptions import ClientError

from local.emulator.aws import client

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"


_MAX_LINES = 5000


_MAX_LINE = 8000


_BATCH = 500


def write_log(stream: str, text: str, group: str = LOG_GROUP) -> None:
    """Store a job's output as log events; an empty output stores nothing.

    Parameters
    ----------
    stream : str
        The log stream; made when it is missing.
    text : str
        What the container wrote; of a very long output the end is kept.
    group : str
        The log group; made when it is missing.
    """
    lines = [line[:_MAX_LINE] for line in text.splitlines() if line.strip()][-_MAX_LINES:]
    if not lines:
        return
    logs = client("logs")
    with contextlib.suppress(ClientError):  # the group or the stream exists
        logs.create_log_group(logGroupName=group)
    with contextlib.suppress(ClientError):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    for start in range(0, len(lines), _BATCH):
        events = [{"timestamp": now, "message": line} for line in lines[start : start + _BATCH]]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
