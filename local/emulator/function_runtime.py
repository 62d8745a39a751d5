"""Lambda: functions see only what they bring along, and their errors keep their names.

Seams:

- `ministack.core.lambda_runtime._detect_runtime_binary`: functions run in an interpreter without any package
  and with a cleaned environment, so that a dependency that is not deployed is missing here too;
- `ministack.services.lambda_svc._execute_function_warm`: an error carries the name of the exception's class,
  as in AWS, so that Retry and Catch of a state machine can go by it.
"""

from __future__ import annotations

import os
import re
import sys
import venv
from pathlib import Path
from typing import Any

_CLASS_NAME = re.compile(r"(?:\w+\.)*(\w+)(?::.*)?")


_TRACEBACK = "Traceback (most recent call last):"


_CLEAN_ENVIRONMENT = '''\
"""Keeps the emulator's own variables out of the functions; their configured ones are set after this."""
import os

_KEPT = ("AWS_", "_LAMBDA", "LAMBDA_", "_MS_", "PATH", "LANG", "TZ", "TMPDIR")
for _name in list(os.environ):
    if not _name.startswith(_KEPT):
        del os.environ[_name]
os.environ["HOME"] = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
'''


def install() -> None:
    """Give functions an interpreter of their own and errors their names."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    interpreter = make_interpreter(Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "runtime")
    detect, execute = lambda_runtime._detect_runtime_binary, lambda_svc._execute_function_warm

    def _detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        return (str(interpreter), script) if runtime.startswith("python") else (binary, script)

    def _execute_function_warm(func: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = exception_name(result.get("log", "")) or body["errorType"]
        return result

    lambda_runtime._detect_runtime_binary = _detect_runtime_binary
    lambda_svc._execute_function_warm = _execute_function_warm


def make_interpreter(folder: Path) -> Path:
    """Make an environment without packages and return its interpreter.

    Parameters
    ----------
    folder : Path
        Where to make it.
    """
    venv.create(folder, clear=True, symlinks=True, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "lib" / version / "site-packages" / "sitecustomize.py").write_text(_CLEAN_ENVIRONMENT)
    return folder / "bin" / "python"


def exception_name(log: str) -> str | None:
    """Return the class name of the exception of the last traceback in a text.

    Parameters
    ----------
    log : str
        What a function wrote, its traceback at the end.

    Returns
    -------
    str or None
        Without its module, as Lambda reports it; None when there is no traceback.

    Examples
    --------
    >>> exception_name("Traceback (most recent call last):\\n  File ...\\njson.JSONDecodeError: no")
    'JSONDecodeError'
    """
    _, found, trace = log.rpartition(_TRACEBACK)
    if not found:
        return None
    headline = next((line for line in trace.splitlines() if line and not line[0].isspace()), "")
    matched = _CLASS_NAME.fullmatch(headline)
    return matched.group(1) if matched else None
