"""One run of a processing job: inputs in, the image's command, outputs out.

Inputs and outputs are moved with the job role's own permissions. The command runs as a process of this computer with
the container's paths replaced by the job's folder. It gets no AWS variables and no credentials: a job that calls AWS
fails here as it does with network isolation.
"""

import json
import mimetypes
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from local.emulator.aws import Credentials, client
from local.emulator.containers import (
    HOST_LOST,
    STOPPED,
    TIMED_OUT,
    image_command,
    job_environment,
    job_folder,
    run_program,
    write_log,
)
from local.emulator.iam import role_credentials

CONTAINER_ROOT = "/opt/ml/processing"
_MESSAGE_FOLDER, _MESSAGE_FILE, _MESSAGE_LENGTH = "/opt/ml/output", "message", 1024
"""What a container writes there at its end is the job's ExitMessage (Amazon SageMaker developer guide, Build Your Own
Processing Container; API reference, DescribeProcessingJob)."""

_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_PARALLEL = 8
_Item = TypeVar("_Item")
_DEFAULT_LIMIT_SECONDS = 86400


@dataclass(frozen=True)
class Outcome:
    """How a job ended: Completed, Failed or Stopped, and why, as DescribeProcessingJob says it."""

    status: str
    failure_reason: str = ""
    exit_message: str = ""


def run_job(request: dict[str, Any], stop: threading.Event) -> Outcome:
    """Run the job of a CreateProcessingJob request to its end, which `stop` hastens."""
    credentials = role_credentials(request["RoleArn"], "SageMaker")
    with job_folder(request["ProcessingJobName"]) as work:
        try:
            download_inputs(request, work, credentials)
            outcome = _run_command(request, work, stop)
            if outcome.status == "Completed":
                upload_outputs(request, work, credentials)
        except TransferError as error:
            outcome = Outcome("Failed", f"ClientError: {error}")
    return outcome


def _run_command(request: dict[str, Any], work: Path, stop: threading.Event) -> Outcome:
    specification = request["AppSpecification"]
    entry = image_command(specification["ImageUri"])
    if entry is None:
        return Outcome("Failed", f"ClientError: Cannot pull {specification['ImageUri']}: the laptop knows no "
                       "command for it")  # fmt: skip
    said = work / "exit"
    said.mkdir()
    arguments = [
        text.replace(CONTAINER_ROOT, str(work)).replace(_MESSAGE_FOLDER, str(said))
        for text in specification.get("ContainerArguments", [])
    ]
    _make_output_folders(request, work)
    environment = {**job_environment(work, "radiomics", "survival"), **request.get("Environment", {})}
    limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_LIMIT_SECONDS)
    code, ended_by, log = run_program([*entry, *arguments], work, environment, stop, limit)
    write_log(_LOG_GROUP, f"{request['ProcessingJobName']}/algo-1", log)
    if ended_by == TIMED_OUT:
        return Outcome("Stopped", "MaxRuntimeExceeded: the job ran longer than MaxRuntimeInSeconds")
    if ended_by == STOPPED:
        return Outcome("Stopped")
    if ended_by == HOST_LOST:
        return Outcome("Failed", "InternalServerError: We encountered an internal error. Please try again.")
    message = _exit_message(said / _MESSAGE_FILE)
    if code == 0:
        return Outcome("Completed", "", message)
    return Outcome("Failed", f"AlgorithmError: See job logs for more information (exit code {code})", message)


def _exit_message(path: Path) -> str:
    return path.read_text(errors="replace")[:_MESSAGE_LENGTH] if path.is_file() else ""


def _make_output_folders(request: dict[str, Any], work: Path) -> None:
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" in output:
            local_folder(work, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)


class TransferError(Exception):
    """An input or an output could not be moved."""


def download_inputs(request: dict[str, Any], work: Path, credentials: Credentials) -> None:
    """Fetch every input of a job into its folder, which stands for /opt/ml/processing.

    Raises
    ------
    TransferError
        When an object is missing or the role may not read it.
    """
    s3 = client("s3", credentials)
    for item in request.get("ProcessingInputs", []):
        source = item["S3Input"]
        folder = local_folder(work, source["LocalPath"])
        folder.mkdir(parents=True, exist_ok=True)
        bucket, key = _split(source["S3Uri"])
        if source["S3DataType"] == "ManifestFile":
            objects = _manifest_objects(s3, bucket, key)
        else:
            objects = [(bucket, found, name) for found, name in _prefix_objects(s3, bucket, key)]
        _fetch_all(s3, objects, folder)


def upload_outputs(request: dict[str, Any], work: Path, credentials: Credentials) -> None:
    """Store every output of a job.

    Raises
    ------
    TransferError
        When the role may not write there.
    """
    s3 = client("s3", credentials)
    settings = request.get("ProcessingOutputConfig", {})
    key_id = settings.get("KmsKeyId")
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
    for item in settings.get("Outputs", []):
        bucket, prefix = _split(item["S3Output"]["S3Uri"])
        folder = local_folder(work, item["S3Output"]["LocalPath"])
        files = sorted(path for path in folder.rglob("*") if path.is_file())

        def _store(path: Path, bucket: str = bucket, prefix: str = prefix, folder: Path = folder) -> None:
            key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}".lstrip("/")
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            s3.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": kind, **extra})

        _in_parallel(_store, files, "Data upload failed")


def _manifest_objects(s3: Any, bucket: str, key: str) -> list[tuple[str, str, str]]:  # noqa: ANN401
    """Return bucket, key and local name of the objects a manifest lists: exactly those, no prefixes."""
    try:
        entries = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        prefix = entries[0]["prefix"]
        names = [str(name) for name in entries[1:]]
    except ClientError as error:
        raise TransferError(f"The manifest s3://{bucket}/{key} cannot be read: {error}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise TransferError(f"s3://{bucket}/{key} is not a manifest of a prefix and names") from error
    return [(*_split(prefix + name), name) for name in names]


def _prefix_objects(s3: Any, bucket: str, prefix: str) -> list[tuple[str, str]]:  # noqa: ANN401
    """Return key and local name of every object whose key starts with a prefix, folders excepted."""
    try:
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except ClientError as error:
        raise TransferError(f"s3://{bucket}/{prefix} cannot be listed: {error}") from error
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    parent = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
    files = [(key, key[len(parent) :].lstrip("/")) for key in keys if not key.endswith("/")]
    if not files:
        raise TransferError(f"No S3 objects found under S3 URL 's3://{bucket}/{prefix}'")
    return files


def _fetch_all(s3: Any, objects: list[tuple[str, str, str]], folder: Path) -> None:  # noqa: ANN401
    root = folder.resolve()

    def _fetch(item: tuple[str, str, str]) -> None:
        bucket, key, name = item
        target = (folder / name).resolve()
        if not target.is_relative_to(root):
            raise TransferError(f"s3://{bucket}/{key} would leave its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(target))

    _in_parallel(_fetch, objects, "Data download failed")


def _in_parallel(work: Callable[[_Item], None], items: Iterable[_Item], failure: str) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                future.result()
            except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
                raise TransferError(f"{failure}: {error}") from error


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise TransferError(f"{uri} is not an S3 URI")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}/")


def local_folder(work: Path, container_path: str) -> Path:
    """Return where a path of the container is on this computer."""
    return work / container_path.removeprefix(CONTAINER_ROOT).strip("/")
