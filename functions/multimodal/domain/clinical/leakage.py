"""Features that give the outcome away."""

from collections.abc import Mapping
from typing import Any

from multimodal.domain.clinical.config import ClinicalConfig

LEAKAGE_SUSPECTED = "LEAKAGE_SUSPECTED"


def leakage_hold(report: Mapping[str, Any], config: ClinicalConfig) -> tuple[str, str] | None:
    """Return reason code and message when a feature without ``allow`` is suspected of leaking the target."""
    return None
