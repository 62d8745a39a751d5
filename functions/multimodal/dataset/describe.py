"""What is written about each feature of a group in Feature Store: the dictionary's words, as metadata of features."""

import hashlib
import json
import re
from collections.abc import Mapping

from multimodal.dataset.columns import Column, GroupColumns
from multimodal.features.group import MAX_TEXT, FeatureText

_NOT_TAKEN = re.compile(r"[^\w\s.:/=+-]")
"""What a parameter's value may not hold (Amazon SageMaker API reference, FeatureParameter): `mm^3` becomes `mm3`."""


def feature_texts(group: GroupColumns) -> Mapping[str, FeatureText]:
    """Return the description and parameters of each feature that a dataset's file defines."""
    return {column.feature: _text(column, group.timepoint) for column in group.columns}


def _text(column: Column, timepoint: str) -> FeatureText:
    levels = "; ".join(f"{level} = {number:g}" for level, number in column.levels.items())
    description = f"{column.meaning}: {levels}" if levels else column.meaning
    stated = {"role": column.role, "unit": column.unit, "timepoint": timepoint, "ibsi": column.ibsi}
    parameters = {key: _NOT_TAKEN.sub("", value)[:MAX_TEXT] for key, value in stated.items()}
    return FeatureText(description[:MAX_TEXT], {key: value for key, value in parameters.items() if value})


def digest(texts: Mapping[str, FeatureText]) -> str:
    """Return what names the texts of a group: written with the last of them, it tells that all are there."""
    document = {name: [text.description, dict(text.parameters)] for name, text in texts.items()}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
