"""What becomes of each column of a table, and why."""

from typing import Any

from multimodal.clinical.config import ClinicalConfig, Column
from multimodal.clinical.leakage import status_of
from multimodal.clinical.profile import ProfileSummary


def columns_section(config: ClinicalConfig, summary: ProfileSummary) -> list[dict[str, Any]]:
    """Return the report's part on columns, in the configuration's order."""
    return [
        {
            "column": column.source,
            "kind": column.kind,
            "available_at": column.available_at,
            "status": status_of(config, column),
            "why": _why(config, column),
            "unit": _unit(column),
            "features": [name for name, _ in column.features] if config.is_feature(column) else [],
            **summary.columns[column.source].document(),
        }
        for column in config.columns
    ]


def _unit(column: Column) -> str:
    return column.unit if column.kind in ("number", "date_difference") else ""


def _why(config: ClinicalConfig, column: Column) -> str:
    status, stage = status_of(config, column), column.available_at.replace("_", " ")
    if column.kind == "drop":
        return column.reason
    if column.kind == "date":
        return "a date: event times, differences and labels are made of it"
    if status == "allowed":
        return f"known at {stage}; allowed because: {column.allow}"
    if status == "feature":
        return f"known at {stage}, before treatment begins"
    if status == "blocked":
        return f"known only at {stage}: a model could not have it when it predicts"
    if column.available_at not in config.stages:
        return f"known at {stage}, and the configuration has no group for that stage"
    return "the configuration says feature: false; it serves reports and labels"
