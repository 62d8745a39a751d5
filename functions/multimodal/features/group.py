"""Feature groups and their records as Feature Store takes them."""

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import repeat
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason
from multimodal.ledger.unit import LedgerItem

_EVENT_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
"""The one form of event time that this project writes (Feature Store also takes milliseconds)."""

Record = dict[str, str]
"""Feature name → value, as Feature Store takes them."""

Entry = tuple[str, Record]
"""A feature group's name and a record for it."""

RECORD_ID = "case_id"

EVENT_TIME = "event_time"

EVENT_TIME_SOURCE = "event_time_source"

UPLOAD_TIME = "UploadTime"
"""The source of an event time that is only when the upload came: nothing in it says when its facts were true."""

MAX_FEATURES = 2500

MAX_NAME = 64

NAME_PATTERN = re.compile(r"^[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}$")

RESERVED = frozenset({"is_deleted", "write_time", "api_invocation_time", "year", "month", "day", "hour"})


class FeatureType(StrEnum):
    """Feature Store's types."""

    STRING = "String"
    FRACTIONAL = "Fractional"
    INTEGRAL = "Integral"


_STRING, _FRACTIONAL = FeatureType.STRING, FeatureType.FRACTIONAL  # a look-up in the class costs as much as a test


def of_type(kind: FeatureType, *names: str) -> tuple[tuple[str, FeatureType], ...]:
    """Return features of one type."""
    return tuple(zip(names, repeat(kind), strict=False))


@dataclass(frozen=True)
class FeatureGroupSpec:
    """A feature group as it should be."""

    name: str
    features: tuple[tuple[str, FeatureType], ...]
    record_id: str = RECORD_ID
    event_time: str = EVENT_TIME

    @cached_property
    def types(self) -> dict[str, FeatureType]:
        """Type by feature name."""
        return dict(self.features)


def check_group(spec: FeatureGroupSpec) -> None:
    """Reject a group that Feature Store or Athena would not take.

    Source: Amazon SageMaker API reference (CreateFeatureGroup, FeatureDefinition); Athena lower-cases column names,
    so names must differ by more than case.
    """
    if len(spec.name) > MAX_NAME:
        raise ConfigurationError(
            f"the feature group {spec.name} would have a name of {len(spec.name)} characters, and Feature Store takes "
            f"{MAX_NAME}; give the stack or the dataset a shorter name"
        )
    names = [name for name, _ in spec.features]
    bad = [n for n in (spec.name, *names) if len(n) > MAX_NAME or not NAME_PATTERN.match(n) or n.lower() in RESERVED]
    if bad:
        raise ConfigurationError(f"not a name Feature Store takes (letters, digits, - and _, up to 64): {bad[:5]}")
    twice = [name for name, count in Counter(n.lower() for n in names).items() if count > 1]
    if twice:
        raise ConfigurationError(f"feature names must differ by more than case: {twice[:5]}")
    if len(names) > MAX_FEATURES:
        raise ConfigurationError(f"{spec.name} has {len(names)} features; a group takes {MAX_FEATURES}")


def plan_additions(spec: FeatureGroupSpec, current: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, FeatureType], ...]:
    """Compare a group's specification with its present definitions.

    Parameters
    ----------
    spec : FeatureGroupSpec
        What the configuration asks for.
    current : sequence of mapping
        `FeatureDefinitions` of DescribeFeatureGroup.

    Returns
    -------
    tuple
        Features to add. A group that has more than the specification (a rollback) is left as it is.

    Raises
    ------
    ConfigurationError
        When a feature would change its type: Feature Store cannot do that; a new `group_version` can.
    """
    present = {d["FeatureName"]: d["FeatureType"] for d in current}
    changed = [name for name, kind in spec.features if name in present and present[name] != kind]
    if changed:
        message = f"{spec.name}: the type of {changed[:5]} changed, which Feature Store cannot do; raise group_version"
        raise ConfigurationError(message)
    return tuple((name, kind) for name, kind in spec.features if name not in present)


class FeatureRecords(Protocol):
    """Records of feature groups."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Write records; writing one again changes nothing that a reader sees."""

    def identity(self, group: str) -> str:
        """Return what tells a group from one of the same name that was deleted; `RetryableError` when there is none."""


MAX_STRING = 358_400
"""Bytes of a value (SageMaker API, FeatureValue.ValueAsString)."""

MAX_INTEGRAL = 2**63
"""Integral features are signed numbers of 64 bits."""

_MAX_FLOAT = sys.float_info.max
_MIN_FLOAT, _MIN_INTEGRAL = -_MAX_FLOAT, -MAX_INTEGRAL

_NUMBER = (int, float)  # int | float would be made anew for each value

_NO_LINE = re.compile("[\n\r\x85\u2028\u2029\ud800-\udfff]")
"""What the pattern `.*` of a value leaves out (Feature Store runtime API, FeatureValue), and UTF-8 cannot hold."""

MAX_TEXT = 255
"""Characters of a feature's description, and of a parameter's value (SageMaker API, UpdateFeatureMetadata)."""


@dataclass(frozen=True)
class FeatureText:
    """What is written about a feature: a description, and parameters by key."""

    description: str
    parameters: Mapping[str, str]


class FeatureGroups(Protocol):
    """Feature groups."""

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        """Return a group's feature definitions, or None when there is no such group."""

    def create(self, spec: FeatureGroupSpec) -> None:
        """Create a group and wait until it can be written to."""

    def add(self, group: str, additions: Sequence[tuple[str, FeatureType]]) -> None:
        """Add features to a group and wait until they can be written."""

    def describe(self, group: str, texts: Mapping[str, FeatureText], digest: str) -> int:
        """Write what features mean, as far as it is not there; return how many were changed."""


def fit(values: Mapping[str, Any], spec: FeatureGroupSpec, source: str) -> Record:
    """Return values as Feature Store takes them; missing ones are left out.

    Parameters
    ----------
    values : mapping
        Feature name → value.
    spec : FeatureGroupSpec
        The group the record must fit.
    source : str
        Name of the document the values came from, for the message.

    Raises
    ------
    BadInputError
        `FEATURES_INVALID` when a value does not fit the group.
    """
    unknown = sorted(name for name in values if name not in spec.types)
    if unknown:
        message = f"{source} has features the group {spec.name} lacks; redeploy with a grown configuration"
        raise BadInputError(Reason.FEATURES_INVALID, message, {"unknown": unknown[:10], "count": len(unknown)})
    return {n: as_text(n, v, spec.types[n], source) for n, v in values.items() if v is not None and v != ""}


def as_text(name: str, value: object, kind: FeatureType, source: str) -> str:
    """Return one value as Feature Store takes it.

    Raises
    ------
    BadInputError
        `FEATURES_INVALID` when the value is not of the feature's type.
    """
    if kind is _STRING:
        return _line(name, str(value), source)
    if isinstance(value, _NUMBER) and not isinstance(value, bool) and _MIN_FLOAT <= value <= _MAX_FLOAT:
        if kind is _FRACTIONAL:
            return fractional_text(float(value))
        whole = int(value)
        if whole == value and _MIN_INTEGRAL < whole < MAX_INTEGRAL:
            return str(whole)
    raise BadInputError(Reason.FEATURES_INVALID, f"{name} in {source} is not a {kind.value} number")


def fractional_text(value: float) -> str:
    """Return a finite number as `as_text` does for a fractional feature."""
    return repr(value + 0.0)  # -0.0 is 0.0: equal numbers are equal texts, hashes and bytes


def _line(name: str, text: str, source: str) -> str:
    if len(text.encode(errors="replace")) > MAX_STRING:
        message = f"{name} in {source} is longer than the {MAX_STRING:,} bytes that Feature Store takes; shorten it"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    if _NO_LINE.search(text):
        message = f"{name} in {source} has a line break, or half a character, which Feature Store does not take"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    return text


def record_hash(record: Record, group_identity: str) -> str:
    """Return the name of exactly this record in exactly this group, by which a second delivery is recognised.

    What was lost with a deleted group is so written again to the one that took its name (decision `features-group-1`).
    """
    return hashlib.sha256(json.dumps([record, group_identity], sort_keys=True).encode()).hexdigest()[:32]


class RecordMaker(Protocol):
    """Makes a unit's record from its final result."""

    document_model: ClassVar[type[BaseModel]]
    """What the result must be."""

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the group and the record of the result at `key`."""

    def beside(
        self, item: LedgerItem, document: Mapping[str, Any], key: str
    ) -> Sequence[tuple[FeatureGroupSpec, Record]]:
        """Return further groups and records of the same result."""


def uploaded_at(item: LedgerItem) -> str:
    """Return when the unit's first object arrived, as an event time."""
    return event_time_of(item.times.get("received_at", 0))


def event_time_of(moment: float) -> str:
    """Return seconds since 1970 as an event time."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_event_time(text: str) -> bool:
    """Whether a text is a moment of the calendar in the form of this project's event times.

    Examples
    --------
    >>> [is_event_time(text) for text in ("2026-02-28T09:30:00Z", "2026-02-30T09:30:00Z", "2026-02-28")]
    [True, False, False]
    """
    try:
        datetime.fromisoformat(text)
    except ValueError:  # a 30th of February
        return False
    return _EVENT_TIME.fullmatch(text) is not None


class Document(BaseModel):
    """A document, or a part of one: no conversions, additional properties are allowed."""

    model_config = ConfigDict(extra="allow", strict=True)


class RunIdentity(Document):
    """Null outside the pipeline. The only part that differs between two runs over the same input."""

    run_id: str | None
    job_id: str | None
    content_version: str | None


def valid_document(model: type[BaseModel], document: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401 – any JSON
    """Return a document of which `model` names what must be right.

    Raises
    ------
    BadInputError
        `FEATURES_INVALID`, naming the first field that is wrong.
    """
    try:
        model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} is not valid at {where}: {first['msg']}") from error
    return dict(document)


def parse_json(text: str | None, name: str) -> Any:  # noqa: ANN401 – any JSON
    """Return a parsed document; `FEATURES_INVALID` when it is not JSON."""
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} is not JSON") from error
