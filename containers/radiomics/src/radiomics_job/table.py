"""The features of all studies of a job as one CSV, for whoever runs the job by hand."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from radiomics_job.study import StudyTask

TABLE_FILE = "features.csv"

_FACTS = ("subject", "study", "modality", "label", "primary", "status", "warnings", "voxels", "volume_ml")


def write_table(tasks: Sequence[StudyTask], folder: Path) -> Path | None:
    """Write one row for each region of each study that has features: whose it is, status, warnings, the features.

    Returns
    -------
    Path or None
        The file; None when no study has features.
    """
    rows = [row for task in tasks for row in _rows(task)]
    table = folder / TABLE_FILE
    if not rows:
        table.unlink(missing_ok=True)  # of an earlier run
        return None
    columns = [*dict.fromkeys([*_FACTS, *(name for row in rows for name in row)])]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return table


def _rows(task: StudyTask) -> Iterator[dict[str, object]]:
    path = task.folder / "features.json"
    if not path.is_file():
        return
    document = json.loads(path.read_text(encoding="utf-8"))
    for image in filter(None, (document, document.get("pet"))):
        for roi in image["rois"]:
            facts = {name: roi[name] for name in ("label", "primary", "voxels", "volume_ml")}
            quality = {"status": roi["qc"]["status"], "warnings": " ".join(roi["qc"]["warnings"])}
            named = {"subject": task.subject, "study": task.folder.name, "modality": image["modality"]}
            yield {**named, **facts, **quality, **roi["features"]}
