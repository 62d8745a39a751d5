"""Result files: written beside, then moved into place, so that a half-written result is never seen."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from radiomics_job.errors import StudyRejectedError

RESULT_NAMES = ("ct.nii.gz", "seg.nii.gz", "overlay.png", "qc.json", "features.json", "rejection.json")
"""Everything a study's result folder may hold, in the order in which it is moved into place: the verdict comes last."""

SCHEMA = 1


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON whose bytes depend on the content only; not-a-number is refused.

    Raises
    ------
    ValueError
        For NaN and infinity, which JSON does not have.
    """
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Round for display; null for what is not a number."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


@contextmanager
def publishing(folder: Path, scratch: Path) -> Iterator[Path]:
    """Give a scratch folder whose files become the study's result when the block ends without an error.

    Parameters
    ----------
    folder : Path
        The study's result folder. Results of an earlier run are replaced; other files in it are left alone.
    scratch : Path
        A folder of the same file system that no one else uses; removed in the end.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        folder.mkdir(parents=True, exist_ok=True)
        for name in reversed(RESULT_NAMES):
            (folder / name).unlink(missing_ok=True)
        for name in RESULT_NAMES:
            if (scratch / name).exists():
                (scratch / name).replace(folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def rejection(subject: str, run: Mapping[str, object], error: StudyRejectedError) -> dict[str, object]:
    """Give the content of ``rejection.json``."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        "reason_code": str(error.code),
        "message": error.message,
        "details": error.details,
    }
