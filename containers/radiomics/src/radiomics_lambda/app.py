"""Measure a subject's small studies in a function instead of in a processing job.

The image is that of the processing job, and so are the command, its limits and its results. What this function cannot
do exactly as the job would, it leaves undone: it raises before it stores anything, and the state machine starts the
job.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from radiomics_job.cli import main
from radiomics_lambda.transfer import Transfer, fetch, fetch_manifest, store

_PREFIX = "studies-"
_NEEDS_A_JOB = frozenset({"MEMORY_LIMIT", "TIME_LIMIT", "CRASHED"})
"""Reasons that tell of this machine rather than of the study."""


class NeedsProcessingJobError(Exception):
    """These studies are for a processing job; nothing was stored."""


def handler(event: Mapping[str, str], context: object) -> dict[str, int]:
    """Measure the studies of one manifest.

    Parameters
    ----------
    event : mapping of str to str
        `image_uri`, `manifest_uri`, `job_uri` and `output_uri`, as the processing job of the same studies gets them.
    context : object
        Lambda's; not used.

    Returns
    -------
    dict
        `objects`: how many were stored.

    Raises
    ------
    NeedsProcessingJobError
        When another image was planned, when the job ends with an error, or when a study needs more time or memory.
    TransferError
        When an object cannot be fetched or stored.
    """
    _require_image(event["image_uri"])
    transfer = _transfer()
    with _workspace() as work:
        studies, job, results = work / "input", work / "job", work / "output"
        results.mkdir()
        fetch(transfer, event["job_uri"] + "job.json", job / "job.json")
        fetch_manifest(transfer, event["manifest_uri"], studies)
        code = main(["--input-dir", str(studies), "--output-dir", str(results), "--job", str(job / "job.json")])
        _require_results(code, results)
        return {"objects": store(transfer, results, event["output_uri"])}


@cache
def _transfer() -> Transfer:
    """Return the connection, made once per execution environment."""
    return Transfer.connect(os.environ["DATA_KEY_ARN"])


def _require_image(planned: str) -> None:
    """A run that was planned before a deployment is measured with the image that its documents name."""
    if planned != os.environ["IMAGE_URI"]:
        raise NeedsProcessingJobError("the run was planned for another image than this function's")


def _require_results(code: int, results: Path) -> None:
    if code:
        raise NeedsProcessingJobError(f"the radiomics job ended with exit code {code}; the log above says why")
    for path in sorted(results.rglob("rejection.json")):
        reason = json.loads(path.read_text(encoding="utf-8"))["reason_code"]
        if reason in _NEEDS_A_JOB:
            raise NeedsProcessingJobError(f"a study ended with {reason}")


@contextmanager
def _workspace() -> Iterator[Path]:
    """Make a folder for one invocation; one that was stopped by its time limit left its own behind."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield Path(folder)
