"""The report as one self-contained page."""

from collections.abc import Mapping
from typing import Any


def render_html(report: Mapping[str, Any]) -> str:
    """Return the page of a report."""
    return "<!doctype html>"
