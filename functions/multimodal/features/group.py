"""A feature group as Feature Store takes it: its definition, what is wrong with one, how one grows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from multimodal.ledger.errors import ConfigurationError

Record = dict[str, str]
"""Feature name → value, as Feature Store takes them."""

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


@dataclass(frozen=True)
class FeatureGroupSpec:
    """A feature group as it should be."""

    name: str
    features: tuple[tuple[str, FeatureType], ...]
    record_id: str = RECORD_ID
    event_time: str = EVENT_TIME

    @property
    def types(self) -> dict[str, FeatureType]:
        """Type by feature name."""
        return dict(self.features)


def check_group(spec: FeatureGroupSpec) -> None:
    """Refuse a group that Feature Store or Athena would not take.

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
    twice = _repeated(names)
    if twice:
        raise ConfigurationError(f"feature names must differ by more than case: {twice[:5]}")
    if len(names) > MAX_FEATURES:
        raise ConfigurationError(f"{spec.name} has {len(names)} features; a group takes {MAX_FEATURES}")


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for name in (n.lower() for n in names):
        if name in seen:
            repeated.append(name)
        seen.add(name)
    return repeated


@dataclass(frozen=True)
class GroupChange:
    """What must be done to a group so that it is as its specification says."""

    additions: tuple[tuple[str, FeatureType], ...] = ()


def plan_change(spec: FeatureGroupSpec, current: Sequence[Mapping[str, Any]]) -> GroupChange:
    """Compare a group's specification with its present definitions.

    Parameters
    ----------
    spec : FeatureGroupSpec
        What the configuration asks for.
    current : sequence of mapping
        ``FeatureDefinitions`` of DescribeFeatureGroup.

    Returns
    -------
    GroupChange
        Features to add. A group that has more than the specification (a rollback) is left as it is.

    Raises
    ------
    ConfigurationError
        When a feature would change its type: Feature Store cannot do that; a new ``group_version`` can.
    """
    present = {d["FeatureName"]: d["FeatureType"] for d in current}
    changed = [name for name, kind in spec.features if name in present and present[name] != kind]
    if changed:
        message = f"{spec.name}: the type of {changed[:5]} changed, which Feature Store cannot do; raise group_version"
        raise ConfigurationError(message)
    return GroupChange(tuple((name, kind) for name, kind in spec.features if name not in present))


class FeatureRecords(Protocol):
    """Records of feature groups."""

    def put(self, group: str, record: Record) -> None:
        """Write one record."""


class FeatureGroups(Protocol):
    """Feature groups."""

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        """Return a group's feature definitions, or None when there is no such group."""

    def create(self, spec: FeatureGroupSpec) -> None:
        """Create a group and wait until it can be written to."""

    def add(self, group: str, additions: Sequence[tuple[str, FeatureType]]) -> None:
        """Add features to a group and wait until they can be written."""
