"""Lambda's execution environments: processes of the deployed code, with nothing else of this computer.

Seams, all in `ministack.core.lambda_runtime`: `Worker`, whose `_spawn` unpacks the code for each process and runs it
with the emulator's own packages and variables; `_detect_runtime_binary`, which has the program that it runs;
`execution_credentials`; `_RESERVED_RUNTIME_ENV_VARS`; `kill_workers`, which here lets invocations end first (`retire`).
And `ministack.services.lambda_svc._resolve_layer_zip`.

Here processes of the same code share one folder, which is read-only in AWS, and are forked (`fork_server.py`).
"""

import hashlib
import io
import json
import os
import queue
import sys
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from local.emulator.aws import REGION
from local.emulator.containers import image_source, job_server
from local.emulator.fork_server import ONE_THREAD, ForkServer

_INHERITED = ("PATH", "LANG", "TZ", "TMPDIR", "AWS_ENDPOINT_URL")
_IMPORTED = ("boto3", "boto3.dynamodb.conditions", "botocore.handlers", "aws_lambda_powertools",
             "aws_lambda_powertools.metrics", "pydantic", "yaml")  # fmt: skip
"""What functions commonly take long to import; one that the code does not have is left out."""
_SERVICES = ("s3", "dynamodb", "sagemaker", "sagemaker-featurestore-runtime", "stepfunctions", "sqs", "batch")
"""Those that several functions are clients of."""
_LINES = 200
"""Most lines that a module may print before its function is ready, as in ministack."""

_lock = threading.Lock()
_servers: dict[Path, ForkServer] = {}


def install() -> None:
    """Start Python functions this way."""
    from ministack.core import lambda_runtime

    original = lambda_runtime.Worker._spawn

    def _spawn(self: Any) -> None:  # noqa: ANN401 -- a Worker
        is_ours = self.config.get("Runtime", "").startswith("python")
        (partial(_start, lambda_runtime) if is_ours else original)(self)

    lambda_runtime.Worker._spawn = _spawn
    kill_workers = lambda_runtime.kill_workers
    lambda_runtime.kill_workers = lambda workers: retire(workers, kill_workers)


GRACE_SECONDS = 5
"""How much longer than its function's time limit a retired worker may take."""


def retire(workers: Iterable[Any], kill: Callable[[list[Any]], None]) -> None:
    """Let workers go: those at rest at once, each other when its invocation has ended, as AWS does on an update.

    A round of the sweep that a deployment killed would hold its lease, and so stop all rounds, for minutes.

    Parameters
    ----------
    workers : iterable of Worker or None
        The emulator's workers of one or more functions, already out of their pools.
    kill : callable
        Ends the processes of workers.
    """
    doomed = [worker for worker in workers if worker is not None]
    busy = [worker for worker in doomed if worker._lock.locked()]
    kill([worker for worker in doomed if worker not in busy])
    for worker in busy:
        threading.Thread(target=_retire_later, args=(worker, kill), daemon=True, name="retired-worker").start()


def _retire_later(worker: Any, kill: Callable[[list[Any]], None]) -> None:  # noqa: ANN401 -- a Worker
    if worker._lock.acquire(timeout=float(worker.config.get("Timeout", 3)) + GRACE_SECONDS):
        worker._lock.release()
    kill([worker])


def _start(lambda_runtime: Any, worker: Any) -> None:  # noqa: ANN401 -- the emulator has no types
    """Start a worker's process and wait until it has imported its handler."""
    config = worker.config
    folder = image_source(config.get("ImageUri", "")) or unpacked(worker.code_zip, str(config["CodeSha256"]))
    server = job_server() if config.get("ImageUri") else _server(folder)
    variables = {
        name: value
        for name, value in config.get("Environment", {}).get("Variables", {}).items()
        if name not in lambda_runtime._RESERVED_RUNTIME_ENV_VARS
    }
    environment = {
        **function_environment(config, folder),
        **(_image_environment() if config.get("ImageUri") else {}),
        **lambda_runtime.execution_credentials(config),
        **variables,
        "_LAMBDA_LAYERS_DIRS": os.pathsep.join(str(each) for each in _layers(config)),  # for ministack's program
    }
    _, program = lambda_runtime._detect_runtime_binary(config["Runtime"])
    worker._proc = process = _start_with_pipes(server, program, folder, environment)
    worker._stderr_queue = queue.Queue()
    worker._stderr_thread = threading.Thread(target=worker._read_stderr, daemon=True, name=f"stderr-{worker.func_name}")
    worker._stderr_thread.start()
    module, _, handler = config["Handler"].rpartition(".")
    first = {
        "code_dir": str(folder),
        "module": module.replace("/", "."),
        "handler": handler,
        "function_name": config["FunctionName"],
        "memory": config.get("MemorySize", 128),
        "arn": config.get("FunctionArn", ""),
    }
    process.stdin.write(json.dumps(first) + "\n")
    _await_ready(process.stdout)


def _layers(config: Mapping[str, Any]) -> list[Path]:
    """Return the folders of a function's layers, which AWS lays into `/opt`."""
    from ministack.services.lambda_svc import _resolve_layer_zip

    found = [_resolve_layer_zip(layer) for layer in config.get("Layers") or ()]
    return [unpacked(code, f"layer-{hashlib.sha256(code).hexdigest()}") for code in found if code]


def _start_with_pipes(server: ForkServer, program: str, folder: Path, environment: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Start a process whose streams are pipes, as `subprocess.PIPE` makes them."""
    (read_in, write_in), (read_out, write_out), (read_err, write_err) = os.pipe(), os.pipe(), os.pipe()
    process: Any = server.start(program, folder, environment, [read_in, write_out, write_err])
    for descriptor in (read_in, write_out, write_err):
        os.close(descriptor)
    process.stdin = os.fdopen(write_in, "w", buffering=1)
    process.stdout, process.stderr = os.fdopen(read_out), os.fdopen(read_err)
    return process


def _await_ready(lines: io.TextIOBase) -> None:
    for _ in range(_LINES):
        line = lines.readline()
        if not line:
            break
        if line.startswith("{"):
            answer = json.loads(line)
            if answer["status"] == "ready":
                return
            raise RuntimeError(f"Worker init failed: {answer.get('error')}")
    raise RuntimeError("The function's process ended before it was ready")


def function_environment(config: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Return what Lambda itself sets for a function.

    Source: AWS Lambda developer guide, "Defined runtime environment variables". Those that begin with an underscore
    are for ministack's program.

    Parameters
    ----------
    config : mapping
        The function's configuration, as GetFunctionConfiguration returns it.
    folder : Path
        Its code.
    """
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "HOME": str(folder),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": str(config.get("FunctionName", "")),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": str(config.get("Version", "$LATEST")),
        "AWS_LAMBDA_LOG_STREAM_NAME": str(uuid.uuid4()),
        "_LAMBDA_FUNCTION_ARN": str(config.get("FunctionArn", "")),
        "_LAMBDA_TIMEOUT": str(config.get("Timeout", 3)),
    }


def _image_environment() -> dict[str, str]:
    """Return what an image sets for itself, and a `/tmp` of its own, which every environment has in AWS."""
    own = Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "jobs" / f"function-{uuid.uuid4()}"
    own.mkdir(parents=True)
    return {"TMPDIR": str(own), **ONE_THREAD}


def unpacked(code: bytes, digest: str) -> Path:
    """Return the folder of a function's code, unpacked when it is met for the first time.

    Parameters
    ----------
    code : bytes
        The zip.
    digest : str
        What tells it from other code.
    """
    folder = Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "runtime" / digest.replace("/", "_")
    with _lock:
        if not folder.exists():
            partly = folder.with_suffix(".part")
            with zipfile.ZipFile(io.BytesIO(code)) as archive:
                archive.extractall(partly)
            partly.rename(folder)
    return folder


def _server(folder: Path) -> ForkServer:
    with _lock:
        server = _servers.get(folder)
        if server is None or not server.is_running:
            # The folder is one version of the code for ever, so that its modules may be imported too.
            apps = [f"{app.parent.name}.app" for app in sorted(folder.glob("*/app.py"))]
            server = ForkServer([sys.executable, "-I", "-S"], [*_IMPORTED, *apps], folder, _SERVICES)
            _servers[folder] = server
        return server
