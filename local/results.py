"""Copies what the jobs wrote (features, quality control, overlays, rejections) to a local folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import ClientError

from local.deployment import Deployment
from local.ledger import Unit

RESULT_NAMES = ("features.json", "qc.json", "overlay.png", "rejection.json")
_THREADS = 8


def results_prefix(unit: Unit) -> str:
    """Return where a unit's results are in the processed bucket."""
    return f"imaging/{unit.text('dataset')}/{unit.text('subject')}/{unit.text('study')}/"


def save_results(deployment: Deployment, units: Iterable[Unit], folder: Path) -> list[Path]:
    """Copy the results of units to `<folder>/<subject>/`, or `<folder>/<subject>/<study>/` where there are several.

    Returns
    -------
    list of Path
        The files that were written; a unit has features or a rejection, not both.
    """
    units = list(units)
    studies = Counter(unit.text("subject") for unit in units)
    wanted = [(unit, name) for unit in units for name in RESULT_NAMES]

    def save(item: tuple[Unit, str]) -> Path | None:
        unit, name = item
        subject = unit.text("subject")
        place = folder / subject if studies[subject] == 1 else folder / subject / unit.text("study")
        return _save(deployment, results_prefix(unit) + name, place / name)

    with ThreadPoolExecutor(_THREADS) as pool:
        return [path for path in pool.map(save, wanted) if path]


def _save(deployment: Deployment, key: str, path: Path) -> Path | None:
    try:
        body = deployment.s3.get_object(Bucket=deployment.output("ProcessedBucketName"), Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.read())
    return path
