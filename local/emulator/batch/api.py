"""The AWS Batch API, and what its requests are about, as IAM sees it.

Seam: `ministack.app.SERVICE_HANDLERS`, whose own handler says that every job has succeeded without running it.
The emulator checks a caller for one resource a request; submitting a job is about two, its queue and its definition,
each of which a policy has to allow.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from local.emulator.aws import AwsError, Response, error_response
from local.emulator.batch import jobs, resources, template_types
from local.emulator.batch.jobs import Job, describe
from local.emulator.batch.resources import client_error, find_queue
from local.emulator.iam import require_caller_allows, second_batch_resource
from local.emulator.requests import Api, service_model

_SUMMARY = ("jobArn", "jobId", "jobName", "createdAt", "status", "statusReason", "startedAt", "stoppedAt",
            "jobDefinition", "isCancelled", "isTerminated")  # fmt: skip

_MOST_DESCRIBED = 100


def install() -> None:
    """Serve Batch, and let CloudFormation make what is of Batch."""
    from ministack import app

    app.SERVICE_HANDLERS["batch"] = handle_request
    template_types.install()


async def handle_request(
    method: str, path: str, headers: Mapping[str, str], body: bytes | str, query: Mapping[str, list[str]]
) -> Response:
    """Answer one request; the work is done off the event loop, because it publishes events."""
    try:
        name = _operations_by_path().get((method, path.rstrip("/").lower()), "")
        request = json.loads(body) if body else {}
        resource = second_batch_resource(name, request)
        if resource:
            require_caller_allows(headers, query, f"batch:{name}", resource)
        document = await asyncio.to_thread(_API.call, name, request)
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
    except AwsError as error:
        return error_response(error)


def describe_jobs(request: dict[str, Any]) -> dict[str, Any]:
    """Describe jobs by id or ARN; those that are not there are left out."""
    wanted = [reference.rpartition("/")[2] for reference in request["jobs"]]
    if len(wanted) > _MOST_DESCRIBED:
        raise client_error(f"At most {_MOST_DESCRIBED} jobs can be described at once")
    return {"jobs": [describe(job) for job in jobs.all_jobs() if job.job_id in wanted]}


def list_jobs(request: dict[str, Any]) -> dict[str, Any]:
    """List jobs of a queue by name, in any status, or else by status, newest first."""
    if "jobQueue" not in request:
        raise client_error("The laptop cloud lists the jobs of a job queue only")
    queue = find_queue(request["jobQueue"])["jobQueueArn"]
    selected = _selection(request)
    found = [job for job in jobs.all_jobs() if job.queue["jobQueueArn"] == queue and selected(job)]
    start, size = int(request.get("nextToken", "0")), int(request.get("maxResults", 100))
    page = {"jobSummaryList": [_summary(job) for job in found[start : start + size]]}
    return {**page, "nextToken": str(start + size)} if start + size < len(found) else page


def _selection(request: dict[str, Any]) -> Callable[[Job], bool]:
    filters = request.get("filters", [])
    if not filters:
        status = request.get("jobStatus", jobs.RUNNING)
        return lambda job: job.status == status
    if len(filters) > 1 or filters[0].get("name") != "JOB_NAME":
        raise client_error("The laptop cloud filters jobs by JOB_NAME only, and one filter at a time is allowed")
    names = [value.lower() for value in filters[0].get("values", [])]
    starts = tuple(name[:-1] for name in names if name.endswith("*"))
    return lambda job: job.name.lower() in names or job.name.lower().startswith(starts)


def _summary(job: Job) -> dict[str, Any]:
    described = describe(job)
    ended = {key: job.last[key] for key in ("exitCode", "reason") if key in job.last}
    return {**{key: described[key] for key in _SUMMARY if key in described}, "container": ended}


@lru_cache(maxsize=1)
def _operations_by_path() -> dict[tuple[str, str], str]:
    model = service_model("batch")
    routes = {name: model.operation_model(name).http for name in model.operation_names}
    return {(http["method"], http["requestUri"].lower()): name for name, http in routes.items()}


_API = Api(
    "batch",
    "ClientException",
    {
        "SubmitJob": jobs.submit_job,
        "DescribeJobs": describe_jobs,
        "ListJobs": list_jobs,
        "CancelJob": jobs.cancel_job,
        "TerminateJob": jobs.terminate_job,
        "CreateComputeEnvironment": resources.create_compute_environment,
        "DescribeComputeEnvironments": resources.describe_compute_environments,
        "CreateJobQueue": resources.create_job_queue,
        "DescribeJobQueues": resources.describe_job_queues,
        "RegisterJobDefinition": resources.register_job_definition,
        "DeregisterJobDefinition": resources.deregister_job_definition,
        "DescribeJobDefinitions": resources.describe_job_definitions,
    },
)
