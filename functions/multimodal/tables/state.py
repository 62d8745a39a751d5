"""What the feature groups hold of a dataset's tables, so that a corrected file writes only what changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from multimodal.features.group import EVENT_TIME, EVENT_TIME_SOURCE, RECORD_ID, UPLOAD_TIME, Record
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.tables.table import Definitions, TableRecord

PROVENANCE = frozenset({"source_uri", "upload_id", "correlation_id"})
"""Features that say where a record came from; they do not make it another record."""

UNKNOWN = ""
"""Fingerprint of a record that a run may have written, or not, before it broke off: it equals no other."""


def fingerprint(record: Record) -> str:
    """Return the name of a record's content.

    The same row in another file, or uploaded again, has the same: where it came from does not count, and an event time
    that is only the time of the upload does not either.
    """
    return _name_of(record, _json(_content(record)))


def _content(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in PROVENANCE}


def _name_of(record: Record, content: str) -> str:
    if record.get(EVENT_TIME_SOURCE) == UPLOAD_TIME:
        content = _json({n: v for n, v in record.items() if n not in PROVENANCE and n != EVENT_TIME})
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class SpooledRecord(NamedTuple):
    """A record with what decides about it; `line` is the whole of it."""

    group: str
    case_id: str
    row: int
    fingerprint: str
    event_time: str
    line: str


def spooled(found: TableRecord) -> SpooledRecord:
    """Return a record as it is spooled and, if it is to be written, put into a part."""
    record = found.record
    content = _json(_content(record))
    origin = _json({name: record[name] for name in PROVENANCE if name in record})
    line = f"[{_json(found.group)},{content},{origin}]"
    name = _name_of(record, content)
    return SpooledRecord(found.group, record[RECORD_ID], found.row, name, record[EVENT_TIME], line)


def from_line(line: str) -> tuple[str, Record]:
    """Return the group and the record of a part's line."""
    group, content, origin = json.loads(line)
    return group, content | origin


@dataclass(frozen=True)
class StateEntry:
    """A record that a group holds."""

    group: str
    case_id: str
    fingerprint: str
    """See `fingerprint`; `UNKNOWN` when nobody knows which content was written last."""
    event_time: str
    """Latest event time that was written for the case."""
    uploaded_at: str
    """When the file came that last said so. A file that came earlier does not change it, whenever it is processed."""

    def line(self) -> str:
        """Return the entry as a line of the state's file."""
        return _json([self.group, self.case_id, self.fingerprint, self.event_time, self.uploaded_at])

    @classmethod
    def from_line(cls, line: str) -> "StateEntry":
        """Return the entry of a line."""
        return cls(*json.loads(line))


@dataclass(frozen=True)
class Pending:
    """A run of an upload that began to write and has not ended: what it wrote is not known."""

    run: str
    parts: int
    uploaded_at: str
    upload_id: str = ""


@dataclass(frozen=True)
class DatasetState:
    """The small part of the state."""

    run: str = ""
    """The run that made it; empty before the first."""
    records: str = ""
    """Key of the file of `StateEntry`; empty before the first."""
    profile: str = ""
    """Key of the profile of the upload that was taken last; empty without one."""
    definitions: Definitions = field(default_factory=dict)
    """What each feature meant when it was last written."""
    pending: tuple[Pending, ...] = ()
    """Runs that broke off."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """Group → identity of the one that was last written to (`FeatureRecords.identity`)."""

    def lost(self, identities: Mapping[str, str]) -> frozenset[str]:
        """Return the groups that were deleted and made again since: they hold nothing of what the state says."""
        return frozenset(name for name, now in identities.items() if self.groups.get(name, now) != now)

    def base_of(self, upload_id: str) -> str:
        """Name what an upload's records are written on top of: the state, and runs of others that broke off.

        Those may have written over what an earlier run of the upload wrote, which is then written again.
        """
        others = sorted(p.run for p in self.pending if p.upload_id != upload_id)
        return " ".join([self.run, *others])

    def document(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {"schema": 1, **asdict(self)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "DatasetState":
        """Return the state that `document` made, or that of a dataset without any."""
        if document is None:
            return cls()
        pending = tuple(Pending(**each) for each in document["pending"])
        names = ("run", "records", "profile", "definitions", "groups")
        return cls(**{name: document[name] for name in names if name in document}, pending=pending)


def check_definitions(kept: Definitions, now: Definitions) -> None:
    """Reject a configuration under which features of a group that has records would mean something else.

    Raises
    ------
    BadInputError
        `DEFINITION_CHANGED`, naming the features. New features, and features that are gone, are fine.
    """
    changed = [
        f"{group}: {feature}"
        for group, features in now.items()
        for feature, meaning in features.items()
        if kept.get(group, {}).get(feature, meaning) != meaning
    ]
    if changed:
        message = (
            f"the configuration changes what {len(changed)} features mean of which the feature group already has "
            f"values ({', '.join(changed[:5])}); raise group_version in the dataset's file, deploy, then retry"
        )
        raise BadInputError(Reason.DEFINITION_CHANGED, message, {"features": changed[:50]})


def merged_definitions(kept: Definitions, now: Definitions) -> Definitions:
    """Return what is kept after a table was taken; a feature that is gone may come back with its old meaning only."""
    groups = sorted({*kept, *now})
    return {group: {**kept.get(group, {}), **now.get(group, {})} for group in groups}


def part_hash(base: str, upload_id: str, lines: Iterable[str]) -> str:
    """Return the name of a part: the same records of the same upload on top of the same state."""
    digest = hashlib.sha256(f"{base}\n{upload_id}\n".encode())
    for line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()[:32]
