"""Lambda functions of the project's own images: their handler as a process of this computer, like the images' jobs.

Seam: `ministack.services.lambda_svc._execute_function_docker`, which runs every function of an image in Docker. What it
hands over to is `_execute_function_warm`, the pool of execution environments that functions of a zip have
(`execution_environments.py`).
"""

import os
from contextvars import copy_context
from functools import partial
from typing import Any

from local.emulator.containers import image_source, job_pool, job_server

_ZIP = b"image"
"""What stands for the code of a function that has none; it must not be empty."""


def install() -> None:
    """Run functions of the project's images; those of any other stay ministack's affair.

    With `MULTIMODAL_PREPARE_JOBS` the packages of the jobs are imported before the first one comes.
    """
    from ministack.services import lambda_svc

    if os.environ.get("MULTIMODAL_PREPARE_JOBS"):
        job_server()

    original = lambda_svc._execute_function_docker

    def _execute_function_docker(func: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
        config = func.get("config") or func
        if image_source(config.get("ImageUri", "")) is None:
            return dict(original(func, event, request_id))
        stand_in = {**func, "config": as_python(config), "code_zip": _ZIP}
        work = partial(lambda_svc._execute_function_warm, stand_in, event, request_id)
        return dict(job_pool().submit(copy_context().run, work).result())  # it takes a job's memory, so a job's slot

    lambda_svc._execute_function_docker = _execute_function_docker


def as_python(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration whose handler is the image's command, as awslambdaric takes it."""
    (handler,) = config["ImageConfigResponse"]["ImageConfig"]["Command"]
    return {**config, "Runtime": "python3", "Handler": handler}
