"""What can be wrong with a clinical configuration beyond a single field, in words a data manager understands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multimodal.domain.clinical.config import ClinicalConfig


def problems(config: ClinicalConfig) -> Iterator[str]:
    """Yield every problem of a configuration; none when it can be used."""
    names = [name for c in config.columns for name in (c.source, *c.aliases)]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"the column {name!r} is described more than once"
