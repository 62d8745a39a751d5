"""AWS Batch: events of its jobs.

Seam: `ministack.services.eventbridge._put_events` (`allow_aws_source`).
"""

from __future__ import annotations

import json
from typing import Any


def publish(job: dict[str, Any]) -> None:
    """Publish `Batch Job State Change` for a job as DescribeJobs returns it.

    Parameters
    ----------
    job : dict
        The event's detail.
    """
    from ministack.services import eventbridge

    entry = {
        "Source": "aws.batch",
        "DetailType": "Batch Job State Change",
        "Resources": [job["jobArn"]],
        "Detail": json.dumps(job),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
