"""One run of a processing job: inputs in, the image's command, outputs out.

The command runs as a process of this computer with the container's paths replaced by the job's folder. It gets
no AWS variables and no credentials: a job that calls AWS fails here as it does with network isolation.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator.job_logs import write_log
from local.emulator.processing_transfer import (
    CONTAINER_ROOT,
    TransferError,
    download_inputs,
    local_folder,
    upload_outputs,
)
from local.emulator.roles import role_credentials

REPOSITORY = Path(__file__).resolve().parents[2]


_POLL_SECONDS = 0.05


_TERM_SECONDS = 3.0


_DEFAULT_LIMIT_SECONDS = 86400


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    status : str
        Completed, Failed or Stopped.
    failure_reason, exit_message : str
        As DescribeProcessingJob returns them; empty when there is nothing to say.
    """

    status: str
    failure_reason: str = ""
    exit_message: str = ""


def run_job(request: dict[str, Any], stop: threading.Event) -> Outcome:
    """Run one job to its end.

    Parameters
    ----------
    request : dict
        The CreateProcessingJob request.
    stop : threading.Event
        Set when the job is to stop.
    """
    name = request["ProcessingJobName"]
    work = Path(os.environ["MULTIMODAL_CLOUD_ROOT"]) / "jobs" / name
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    credentials = role_credentials(request["RoleArn"], "SageMaker")
    try:
        download_inputs(request, work, credentials)
        outcome = _run_command(request, work, stop)
        if outcome.status == "Completed":
            upload_outputs(request, work, credentials)
    except TransferError as error:
        outcome = Outcome("Failed", f"ClientError: {error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return outcome


def image_command(image_uri: str) -> list[str] | None:
    """Return the command that stands for an image's entry point, or None when it is not known.

    `MULTIMODAL_JOB_COMMANDS`, a JSON object of a part of the image's repository and its command, comes before
    the project's own images.
    """
    configured: dict[str, list[str]] = json.loads(os.environ.get("MULTIMODAL_JOB_COMMANDS", "{}"))
    python = str(REPOSITORY / ".venv" / "bin" / "python")
    repository = image_uri.partition("/")[2]
    own = {name: [python, "-m", f"{name}_job"] for name in ("radiomics", "rnaseq")}
    for part, command in [*configured.items(), *own.items()]:
        if part in repository:
            return command
    return None


def _run_command(request: dict[str, Any], work: Path, stop: threading.Event) -> Outcome:
    specification = request["AppSpecification"]
    entry = image_command(specification["ImageUri"])
    if entry is None:
        return Outcome("Failed", f"ClientError: Cannot pull {specification['ImageUri']}: the laptop knows no "
                       "command for it")  # fmt: skip
    arguments = [text.replace(CONTAINER_ROOT, str(work)) for text in specification.get("ContainerArguments", [])]
    _make_output_folders(request, work)
    log = work / "tmp" / "container.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*entry, *arguments],
            cwd=work,
            env=_environment(request, work),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,  # its own group, so that stopping it stops its workers; the session stays ours
        )
    limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_LIMIT_SECONDS)
    try:
        outcome = _wait(process, stop, time.monotonic() + limit)
    finally:
        end_group(process)
        write_log(f"{request['ProcessingJobName']}/algo-1", log.read_text(errors="replace"))
    return outcome


def _wait(process: subprocess.Popen[bytes], stop: threading.Event, deadline: float) -> Outcome:
    while process.poll() is None:
        if stop.is_set():
            return Outcome("Stopped")
        if time.monotonic() > deadline:
            return Outcome("Stopped", "MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds")
        time.sleep(_POLL_SECONDS)
    if process.returncode == 0:
        return Outcome("Completed")
    reason = f"AlgorithmError: See job logs for more information (exit code {process.returncode})"
    return Outcome("Failed", reason, f"exit code {process.returncode}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Stop whatever is left of the command's process group, first politely."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):  # the group is empty, or (macOS) only zombies are left
            break
        try:
            process.wait(_TERM_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _environment(request: dict[str, Any], work: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(work / "tmp"),
        "TMPDIR": str(work / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(REPOSITORY / "containers" / "radiomics" / "src"),
        **request.get("Environment", {}),
    }


def _make_output_folders(request: dict[str, Any], work: Path) -> None:
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" in output:
            local_folder(work, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
