"""Lambda functions of the project's own images: their handler as a process of this computer, like the images' jobs.

Seam: `ministack.services.lambda_svc._execute_function_docker`, which runs every function of an image in Docker. What it
hands over to is `_execute_function_warm`, the pool of execution environments that functions of a zip have
(`execution_environments.py`).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache, partial
from typing import Any

from local.emulator.containers import image_source, job_server

_MEMORY = 2 * 1024**3
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
        return dict(_invocations().submit(copy_context().run, work).result())

    lambda_svc._execute_function_docker = _execute_function_docker


@lru_cache(maxsize=1)
def _invocations() -> ThreadPoolExecutor:
    """Return the threads that run invocations, one each; further ones wait, as this computer is no account."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ThreadPoolExecutor(invocations_at_once(os.cpu_count() or 1, memory), thread_name_prefix="image-function")


def invocations_at_once(processors: int, memory: int) -> int:
    """Return how many invocations run at a time: one more than processors, since one fetches while others measure.

    Parameters
    ----------
    processors : int
    memory : int
        Bytes of the computer's memory, of which a large study of the fast lane takes one to two gigabytes.

    Examples
    --------
    >>> invocations_at_once(2, 8 * 1024**3)
    3
    >>> invocations_at_once(16, 16 * 1024**3)
    8
    """
    return min(processors + 1, max(2, memory // _MEMORY))


def as_python(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration whose handler is the image's command, as awslambdaric takes it."""
    (handler,) = config["ImageConfigResponse"]["ImageConfig"]["Command"]
    return {**config, "Runtime": "python3", "Handler": handler}
