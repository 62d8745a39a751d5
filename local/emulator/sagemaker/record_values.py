"""Texts of a record as values of its features, and what Feature Store rejects.

Sources: Amazon SageMaker developer guide, "Feature Store quotas, naming rules and data types"; PutRecord in the API
reference.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from local.emulator.aws import AwsError

RESERVED_NAMES = frozenset({"is_deleted", "write_time", "api_invocation_time"})
DUCKDB_TYPES = {"String": "VARCHAR", "Fractional": "DOUBLE", "Integral": "BIGINT"}
ADDED_COLUMNS = (("write_time", "TIMESTAMP"), ("api_invocation_time", "TIMESTAMP"), ("is_deleted", "BOOLEAN"))
"""What SageMaker adds to every row, with DuckDB's types."""
_EVENT_TIME = re.compile(r"(?a)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_INT64 = 2**63
_JSON_NUMBERS = re.compile(
    r"(?a)(?:(?:-?(?:0|[1-9]\d{0,99})(?:\.\d+(?:[eE][+-]?\d{1,2})?|[eE][+-]?\d{1,2})|-?[1-9]\d{0,14}|0),)*"
)
"""Finite numbers that JSON, Python and DuckDB read alike, each with a comma after it."""
_RECORD_BYTES = 350 * 1024
_IDENTIFIER_BYTES = 2 * 1024


@dataclass(frozen=True, eq=False)
class Features:
    """What records of a group must fit, and the columns of its table.

    Parameters
    ----------
    group : str
        Name of the group.
    types : mapping
        Type of each feature by its name, in order.
    record_id, event_time : str
        The features that every record needs.
    """

    group: str
    types: Mapping[str, str]
    record_id: str
    event_time: str

    @classmethod
    def of_group(cls, request: Mapping[str, Any], definitions: Sequence[Mapping[str, str]]) -> "Features":
        """Return those of a group by the request that created it and its present definitions."""
        types = {item["FeatureName"]: item["FeatureType"] for item in definitions}
        names = (request[member] for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"))
        return cls(request["FeatureGroupName"], types, *names)

    @cached_property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Names in lower case and DuckDB's types: the features, then what SageMaker adds."""
        return (*((name.lower(), DUCKDB_TYPES[kind]) for name, kind in self.types.items()), *ADDED_COLUMNS)

    @cached_property
    def names_by_type(self) -> Mapping[str, Sequence[str]]:
        """Names of the features of each type, in order."""
        return {kind: [name for name, its in self.types.items() if its == kind] for kind in DUCKDB_TYPES}


def check_record(features: Features, record: Mapping[str, str | None]) -> dict[str, str]:
    """Convert a record's texts to values, or reject the record.

    Parameters
    ----------
    features : Features
        The group's.
    record : mapping
        Text of each feature by name; features that are left out have no value.

    Returns
    -------
    dict
        By DuckDB's type a JSON array: the values of the features of that type in order, null where there is none.

    Raises
    ------
    AwsError
        ValidationError with the first thing that is wrong.
    """
    types = features.types
    if not record.keys() <= types.keys():
        raise _validation_error(
            f"Feature names {sorted(record.keys() - types.keys())} do not exist in feature group {features.group}"
        )
    for member, name in (
        ("RecordIdentifierFeatureName", features.record_id),
        ("EventTimeFeatureName", features.event_time),
    ):
        if not record.get(name):
            raise _validation_error(f"The record has no value for {member} {name}")
    _check_sizes(record, str(record[features.record_id]))
    parse_event_time(str(record[features.event_time]), types[features.event_time])
    return _converted(features, record)


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


def _converted(features: Features, record: Mapping[str, str | None]) -> dict[str, str]:
    try:
        return {
            DUCKDB_TYPES[kind]: _ARRAYS[kind](list(map(record.get, names)))
            for kind, names in features.names_by_type.items()
        }
    except ValueError:
        name = next(name for name, text in record.items() if not _fits(features.types[name], text))
        raise _validation_error(
            f"Value '{record[name]}' of feature {name} is not of type {features.types[name]}"
        ) from None


def _fits(kind: str, text: str | None) -> bool:
    try:
        return bool(_ARRAYS[kind]([text]))
    except ValueError:
        return False


def _integrals(texts: Sequence[str | None]) -> str:
    return json.dumps([None if text is None else _integral(text) for text in texts])


def _integral(text: str) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else _INT64
    if not -_INT64 <= value < _INT64:
        raise ValueError(text)
    return value


def _fractionals(texts: Sequence[str | None]) -> str:
    """Return numbers as JSON, in their own words where these are JSON: Python takes long to find the shortest ones."""
    given = [text for text in texts if text is not None]
    numbers = "".join(f"{text}," for text in given)
    if len(given) == len(texts) == numbers.count(",") and _JSON_NUMBERS.fullmatch(numbers):
        return f"[{numbers[:-1]}]"
    return json.dumps([None if text is None else _fractional(text) for text in texts])


def _fractional(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_ARRAYS: dict[str, Callable[[Sequence[str | None]], str]] = {
    "String": json.dumps,
    "Fractional": _fractionals,
    "Integral": _integrals,
}


def _validation_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Validation Error: {message}")
