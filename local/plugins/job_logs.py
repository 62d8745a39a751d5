"""Logs of processing jobs, in the log group where SageMaker puts them."""

from __future__ import annotations

import contextlib
import time

from botocore.exceptions import ClientError

from local.plugins.aws import client

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_MAX_LINES = 5000
_MAX_LINE = 8000
_BATCH = 500


def write_log(job_name: str, text: str) -> None:
    """Store a job's output as log events; an empty output stores nothing.

    Parameters
    ----------
    job_name : str
        The job; its stream is `<job>/algo-1`.
    text : str
        What the container wrote; of a very long output the end is kept.
    """
    lines = [line[:_MAX_LINE] for line in text.splitlines() if line.strip()][-_MAX_LINES:]
    if not lines:
        return
    logs = client("logs")
    stream = f"{job_name}/algo-1"
    with contextlib.suppress(ClientError):  # the group or the stream exists
        logs.create_log_group(logGroupName=LOG_GROUP)
    with contextlib.suppress(ClientError):
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
    now = int(time.time() * 1000)
    for start in range(0, len(lines), _BATCH):
        events = [{"timestamp": now, "message": line} for line in lines[start : start + _BATCH]]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)
