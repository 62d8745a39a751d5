"""The manifest of a build: everything that it was made of, and nothing of when."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from multimodal.dataset.checks import Counted
from multimodal.dataset.columns import SURVIVAL
from multimodal.dataset.plan import BuildPlan, PlannedGroup
from multimodal.dataset.split import PARTS

RULES = {
    "latest": "of several event times of a case, the last counts",
    "first": "of several event times of a case, the first counts",
    "nearest": "of several event times of a case, the one nearest to t0 counts; of two equally near ones, the earlier",
}

DATED_BY_UPLOAD = (
    "a record that only its upload dates is never left out by as_of or by the window around t0: nothing says when its "
    "facts were true"
)

LABELS = "labels are the newest that were written: as_of and the window do not cut them"


def manifest_of(
    plan: BuildPlan,
    counted: Counted,
    complete: int,
    strata: Mapping[str, Mapping[str, int]],
    query: str,
    width: int,
    hashes: Mapping[str, str],
    expression: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest.

    Parameters
    ----------
    plan : BuildPlan
    counted : Counted
    complete : int
        Cases that have every modality.
    strata : mapping
        Stratum → part → cases.
    query : str
        The statement that joined the snapshots.
    width : int
        Columns of the dataset.
    hashes : mapping
        SHA-256 of each file.
    expression : mapping
        What the file of all genes holds, or why there is none.
    """
    request = plan.request
    manifest: dict[str, Any] = {
        "schema": 1,
        "dataset": request.dataset,
        "as_of": request.as_of,
        "written_before": request.written_before,
        "cases": counted.cases,
        "columns": width,
        "complete_cases": f"{complete} of {counted.cases} cases have all modalities",
        "modalities": {modality: _modality(plan, counted, modality) for modality in plan.columns.modalities},
        "survival": _survival(plan),
        "parameters": request.model_dump(mode="json", exclude={"cases", "build"}),
        "cohort": _cohort(plan),
        "rules": [RULES[request.records], DATED_BY_UPLOAD, LABELS],
        "groups": [_group(group, counted) for group in plan.groups],
        "left_out": dict(plan.columns.left_out),
        "split": {"parts": _sums(strata.values()), "strata": {name: dict(parts) for name, parts in strata.items()}},
        "queries": {**{g.columns.spec.name: g.statement for g in plan.groups}, "join": query},
        "code": code_version(),
        "expression": dict(expression),
        "files": dict(hashes),
    }
    return {"build": request.build or build_name(manifest), **manifest}


def build_name(manifest: Mapping[str, Any]) -> str:
    """Return a name that follows from the content: the same state and parameters are the same build."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, without holding it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def code_version() -> dict[str, str]:
    """Return what names the code that made a dataset: a hash of this package, and the engine's version."""
    import duckdb

    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return {"multimodal.dataset": digest.hexdigest()[:12], "duckdb": str(duckdb.__version__)}


def _modality(plan: BuildPlan, counted: Counted, modality: str) -> dict[str, Any]:
    names = [g.columns.spec.name for g in plan.groups if g.columns.modality == modality]
    return {
        "group": names[0],
        "groups": names,
        "rows": max(counted.rows[name] for name in names),
        "cases": counted.cases_of(plan, modality),
    }


def _survival(plan: BuildPlan) -> dict[str, str | None]:
    labels = {c.feature for c in plan.columns.labels.columns} if plan.columns.labels else set()
    has_both = set(SURVIVAL.values()) <= labels
    return {key: f"label__{name}" if has_both else None for key, name in SURVIVAL.items()}


def _cohort(plan: BuildPlan) -> dict[str, Any]:
    cohort = plan.request.cohort
    if cohort is not None:
        return {"base": "listed cases", "sha256": hashlib.sha256("\n".join(cohort).encode()).hexdigest()}
    labels = plan.columns.labels
    return {"base": labels.spec.name if labels else "all cases that any group has"}


def _group(group: PlannedGroup, counted: Counted) -> dict[str, Any]:
    name = group.columns.spec.name
    cases, several, by_upload, without_t0 = counted.within[name]
    return {
        "group": name,
        "modality": group.columns.modality or "labels",
        "timepoint": group.columns.timepoint,
        "arn": group.version.arn,
        "created_at": group.version.created_at,
        "table": f"{group.version.table.database}.{group.version.table.name}",
        "rows": counted.rows[name],
        "cases": cases,
        "cases_with_several_event_times": several,
        "dated_by": group.columns.dated_by,
        "cases_dated_by_upload": by_upload,
        "cases_without_days_from_t0": without_t0,
        "not_joined": dict(group.ignored),
    }


def _sums(strata: Iterable[Mapping[str, int]]) -> dict[str, int]:
    counts = list(strata)
    return {part: sum(stratum[part] for stratum in counts) for part in PARTS}
