"""Results into Feature Store records: ``features.json``, and what fits any group."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from multimodal.features.group import FeatureGroupSpec, FeatureType, Record
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.unit import LedgerItem

EVENT_TIME_PATTERN = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")
"""The one form of event time that this project writes (Feature Store also takes milliseconds)."""


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
        ``FEATURES_INVALID`` when a value does not fit the group.
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
        ``FEATURES_INVALID`` when the value is not of the feature's type.
    """
    if kind is FeatureType.STRING:
        return str(value)
    number_fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number_fits or (kind is FeatureType.INTEGRAL and value != int(value)):  # type: ignore[call-overload]
        raise BadInputError(Reason.FEATURES_INVALID, f"{name} in {source} is not a {kind.value} number")
    return str(int(value)) if kind is FeatureType.INTEGRAL else repr(float(value))  # type: ignore[call-overload,arg-type]


def record_hash(record: Record) -> str:
    """Return the name of exactly this record, by which a second delivery is recognised."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


class RecordMaker(Protocol):
    """Makes a unit's record from its final result."""

    def parse(self, text: str | None) -> Mapping[str, Any]:
        """Return the result's document; ``FEATURES_INVALID`` when it is not one."""

    def make(self, item: LedgerItem, document: Mapping[str, Any], key: str) -> tuple[FeatureGroupSpec, Record]:
        """Return the group and the record of the result at ``key``."""


def uploaded_at(item: LedgerItem) -> str:
    """Return when the unit's first object arrived, as an event time."""
    moment = datetime.fromtimestamp(item.times.get("received_at", 0), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
