"""Texts of a record as values of its features, and what Feature Store rejects.

Sources: Amazon SageMaker developer guide, "Feature Store quotas, naming rules and data types"; PutRecord in the API
reference.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from local.emulator.aws import AwsError

Value = str | int | float
_EVENT_TIME = re.compile(r"(?a)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_INT64 = 2**63
_RECORD_BYTES = 350 * 1024
_IDENTIFIER_BYTES = 2 * 1024


def check_record(
    group: Mapping[str, Any], definitions: Sequence[Mapping[str, str]], record: Mapping[str, str | None]
) -> dict[str, Value]:
    """Convert a record's texts to values, or reject the record.

    Parameters
    ----------
    group : mapping
        The request that created the group.
    definitions : sequence of mapping
        The group's features: name and type.
    record : mapping
        Text of each feature by name; features that are left out have no value.

    Raises
    ------
    AwsError
        ValidationError with the first thing that is wrong.
    """
    types = types_of(tuple((item["FeatureName"], item["FeatureType"]) for item in definitions))
    if not record.keys() <= types.keys():
        unknown = sorted(set(record) - set(types))
        raise _validation_error(f"Feature names {unknown} do not exist in feature group {group['FeatureGroupName']}")
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if not record.get(group[member]):
            raise _validation_error(f"The record has no value for {member} {group[member]}")
    _check_sizes(record, str(record[group["RecordIdentifierFeatureName"]]))
    parse_event_time(str(record[group["EventTimeFeatureName"]]), types[group["EventTimeFeatureName"]])
    return _converted(types, record)


@lru_cache(maxsize=64)
def types_of(definitions: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Return the types of features by name."""
    return dict(definitions)


def parse_event_time(text: str, feature_type: str = "String") -> datetime:
    """Return an event time as a moment in UTC.

    Parameters
    ----------
    text : str
        `yyyy-MM-ddTHH:mm:ssZ` or with `.SSS`, and nothing else; epoch seconds when the feature is Fractional.
    feature_type : str
        Type of the event time feature.

    Raises
    ------
    AwsError
        ValidationError when the text is anything else.
    """
    try:
        if feature_type == "Fractional":
            return datetime.fromtimestamp(float(text), UTC)
        if _EVENT_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except (ValueError, OverflowError):  # not a number, or not a day of the calendar
        pass
    formats = "yyyy-MM-dd'T'HH:mm:ssZ or yyyy-MM-dd'T'HH:mm:ss.SSSZ"
    raise _validation_error(f"Event time '{text}' must be in the format {formats}")


def _check_sizes(record: Mapping[str, str | None], identifier: str) -> None:
    if len(identifier.encode()) > _IDENTIFIER_BYTES:
        raise _validation_error(f"The record identifier is longer than {_IDENTIFIER_BYTES} bytes")
    texts = "".join(record) + "".join(filter(None, record.values()))
    if len(texts.encode()) > _RECORD_BYTES:
        raise _validation_error(f"The record is larger than {_RECORD_BYTES} bytes")


def _converted(types: Mapping[str, str], record: Mapping[str, str | None]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, text in record.items():
        if text is not None:
            try:
                values[name] = _CONVERTERS[types[name]](text)
            except ValueError:
                raise _validation_error(f"Value '{text}' of feature {name} is not of type {types[name]}") from None
    return values


def _integral(text: str) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else _INT64
    if not -_INT64 <= value < _INT64:
        raise ValueError(text)
    return value


def _fractional(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_CONVERTERS: dict[str, Callable[[str], Value]] = {"String": str, "Integral": _integral, "Fractional": _fractional}


def _validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Validation Error: {message}")
