"""Fakes of the ports, with the semantics that the adapters promise."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from multimodal.features.group import Entry, FeatureGroupSpec, FeatureText, FeatureType, Record
from multimodal.ledger.errors import MultimodalError, RetryableError
from multimodal.ledger.ports import OpenObject, StoredObject
from multimodal.ledger.text import decode_text
from multimodal.ledger.unit import LedgerItem, Status, Unit

_FIELDS = {f.name for f in fields(LedgerItem)}
_DEFAULTS = LedgerItem(Unit("d", "s", "t"), Status.RECEIVING)


class FakeClock:
    """A clock that the test moves."""

    def __init__(self, now: int = 1_700_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds


class FakeLedger:
    """Items in memory; a write is rejected when the item is no longer as it was read."""

    def __init__(self) -> None:
        self.items: dict[str, LedgerItem] = {}
        self.extra: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.broken = False
        self.pinned: dict[str, dict[str, str]] = {}
        self.leases: dict[str, tuple[str, int]] = {}

    def record_arrival(self, unit: Unit, now: int, due_at: int, *, at_once: bool) -> bool:
        if self.broken:
            raise RetryableError("throttled")
        old = self.items.get(unit.unit_id)
        item = old or LedgerItem(unit, Status.RECEIVING, times={"received_at": now})
        look = due_at if at_once or item.due_at is None else item.due_at
        self._store(
            replace(
                item,
                last_arrival=now,
                due_at=look,
                open_since=item.open_since or now,
                waiting_since=item.waiting_since or now,
            )
        )
        return old is None

    def request_rerun(self, unit: Unit, requested_at: int, due_at: int) -> bool:
        item = self.items.get(unit.unit_id) or LedgerItem(unit, Status.RECEIVING, last_arrival=due_at)
        if item.rerun_requested_at >= requested_at:
            return False
        self._store(replace(item, rerun_requested_at=requested_at, due_at=due_at, open_since=item.open_since or due_at))
        return True

    def record_invalid_upload(
        self, unit: Unit, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        if self.broken:
            raise RetryableError("throttled")
        item = self.items.get(unit.unit_id) or LedgerItem(unit, Status.QUARANTINED)
        self._store(
            self._changed(
                item,
                {
                    "status": "QUARANTINED",
                    "reason_code": reason,
                    "reason_message": message,
                    "reason_details": details,
                    "kind": "note",
                },
            )
        )

    def record_ignored_upload(self, unit: Unit, message: str, details: Mapping[str, Any]) -> None:
        item = self.items.get(unit.unit_id) or LedgerItem(unit, Status.COMPLETED)
        self._store(
            self._changed(
                item,
                {
                    "status": "COMPLETED",
                    "reason_code": "KEY_IGNORED",
                    "reason_message": message,
                    "reason_details": details,
                    "kind": "note",
                },
            )
        )

    def get(self, unit_id: str) -> LedgerItem | None:
        return self.items.get(unit_id)

    def update(self, item: LedgerItem, changes: Mapping[str, Any]) -> LedgerItem | None:
        if self.items[item.unit_id].version != item.version:
            return None
        self._store(self._changed(item, changes))
        return self.items[item.unit_id]

    def due(self, now: int, limit: int) -> list[str]:
        waiting = [i for i in self.items.values() if i.due_at is not None and i.due_at <= now]
        return [i.unit_id for i in sorted(waiting, key=lambda i: i.due_at or 0)][:limit]

    def open_units(self) -> list[tuple[str, int]]:
        return [(i.unit_id, i.open_since or i.due_at) for i in self.items.values() if i.due_at is not None]

    def put_if_absent(self, name: str, value: Mapping[str, str]) -> Mapping[str, str]:
        return self.pinned.setdefault(name, dict(value))

    def take_lease(self, name: str, holder: str, now: int, until: int) -> bool:
        other, ends = self.leases.get(name, (holder, 0))
        if other != holder and ends > now:
            return False
        self.leases[name] = (holder, until)
        return True

    def release_lease(self, name: str, holder: str) -> None:
        if self.leases.get(name, ("", 0))[0] == holder:
            del self.leases[name]

    def only(self) -> LedgerItem:
        (item,) = self.items.values()
        return item

    def _store(self, item: LedgerItem) -> None:
        self.writes += 1
        self.items[item.unit_id] = replace(item, version=item.version + 1)

    def _changed(self, item: LedgerItem, changes: Mapping[str, Any]) -> LedgerItem:
        known = {n: getattr(_DEFAULTS, n) if v is None else v for n, v in changes.items() if n in _FIELDS}
        if "kind" in changes:
            known["is_note"] = changes["kind"] == "note"
        if "status" in known:
            known["status"] = Status(known["status"])
        times = {n: v for n, v in changes.items() if n.endswith("_at") and n not in _FIELDS and v is not None}
        self.extra.setdefault(item.unit_id, {}).update({n: v for n, v in changes.items() if n not in _FIELDS})
        return replace(item, **known, times={**item.times, **times})


class FakeObjects:
    """A bucket in memory."""

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.content: dict[str, bytes] = {}
        self.modified: dict[str, int] = {}
        self.clock: Callable[[], int] = FakeClock()
        self.lists = 0
        self.encrypted, self.has_checksums = False, True
        self.etags: dict[str, str] = {}
        self.versions: dict[tuple[str, str], bytes] = {}

    def put(self, key: str, body: bytes = b"x") -> None:
        """Store an object; with a KMS key, the same bytes get another ETag each time."""
        self.content[key] = body
        self.modified[key] = self.clock()
        self.etags[key] = f"etag-{hash(body)}" + (f"-{len(self.versions)}" if self.encrypted else "")
        self.versions[key, self.etags[key]] = body

    def same_content(self, pairs: Sequence[tuple[StoredObject, StoredObject]]) -> bool:
        return self.has_checksums and all(
            self.versions[old.key, old.etag] == self.versions[new.key, new.etag] for old, new in pairs
        )

    def objects_under(self, prefix: str) -> Iterable[StoredObject]:
        self.lists += 1
        for key in sorted(self.content):
            if key.startswith(prefix):
                body = self.content[key]
                etag, came = self.etags.get(key, f"etag-{hash(body)}"), self.modified.get(key, 0)
                yield StoredObject(key, len(body), etag, modified_at=came)

    def folders(self, prefix: str) -> tuple[list[str], list[str]]:
        rests = [key[len(prefix) :] for key in self.content if key.startswith(prefix)]
        folders = sorted({rest.split("/")[0] for rest in rests if "/" in rest})
        return folders, sorted(rest for rest in rests if "/" not in rest)

    def read_json(self, key: str) -> Any:
        return json.loads(self.content[key]) if key in self.content else None

    def read_text(self, key: str) -> str | None:
        return decode_text(self.content[key]) if key in self.content else None

    def lines(self, key: str) -> Iterable[str] | None:
        return iter(self.content[key].decode().splitlines()) if key in self.content else None

    def open(self, key: str, etag: str) -> OpenObject | None:
        body = self.content.get(key)
        if body is None or f"etag-{hash(body)}" != etag:
            return None
        return OpenObject(iter([body[:7], body[7:]]), self.modified[key])

    def write_lines(self, key: str, lines: Iterable[str]) -> None:
        self.content[key] = "".join(f"{line}\n" for line in lines).encode()

    def write_text(self, key: str, text: str, media_type: str | None = None) -> None:
        self.content[key] = text.encode()

    def write_if_absent(self, key: str, text: str) -> str:
        return self.content.setdefault(key, text.encode()).decode()

    def write_json(self, key: str, document: Any) -> None:
        self.content[key] = json.dumps(document).encode()

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


class FakeRuns:
    """Executions by name."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.running: set[str] = set()

    def start(self, run_id: str) -> None:
        if run_id not in self.started:
            self.started.append(run_id)
            self.running.add(run_id)

    def is_running(self, run_id: str) -> bool:
        return run_id in self.running


class FakeBatch:
    """Jobs by name."""

    def __init__(self) -> None:
        self.submitted: dict[str, list[str]] = {}
        self.running: set[str] = set()
        self.refusal: MultimodalError | None = None

    def submit(self, name: str, command: Sequence[str], *, builds_reference: bool) -> None:
        assert builds_reference == ("build-reference" in command)
        if self.refusal is not None:
            raise self.refusal
        if name not in self.submitted:
            self.submitted[name] = list(command)
            self.running.add(name)

    def is_running(self, name: str) -> bool:
        return name in self.running

    def count_open(self) -> dict[str, int]:
        if self.refusal is not None:
            raise self.refusal
        return {"RUNNABLE": 1, "RUNNING": len(self.running)}


class FakeJobs:
    """A fixed number of jobs in flight."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def in_flight(self) -> int:
        return self.count


class FakeFeatureStore:
    """Groups and records in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Record]] = []
        self.groups: dict[str, list[dict[str, str]]] = {}
        self.calls: list[str] = []
        self.made: dict[str, int] = {}
        self.texts: dict[str, Mapping[str, FeatureText]] = {}

    def write(self, entries: Sequence[Entry]) -> None:
        self.records.extend(entries)

    def identity(self, group: str) -> str:
        return f"{group} {self.made.get(group, 0)}"

    def remake(self, group: str) -> None:
        """Delete a group with all it holds and make it again."""
        self.made[group] = self.made.get(group, 0) + 1
        self.records = [entry for entry in self.records if entry[0] != group]

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        return self.groups.get(group)

    def create(self, spec: FeatureGroupSpec) -> None:
        self.calls.append(f"create {spec.name}")
        self.groups[spec.name] = [{"FeatureName": n, "FeatureType": t.value} for n, t in spec.features]

    def add(self, group: str, additions: Sequence[tuple[str, FeatureType]]) -> None:
        self.calls.append(f"add {len(additions)} to {group}")
        self.groups[group] += [{"FeatureName": n, "FeatureType": t.value} for n, t in additions]

    def describe(self, group: str, texts: Mapping[str, FeatureText], digest: str) -> int:
        assert set(texts) <= {d["FeatureName"] for d in self.groups[group]}
        self.texts[group] = texts
        return len(texts)


class FakeMetrics:
    """Sums what is counted."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, float]] = {}

    @property
    def values(self) -> dict[str, float]:
        return self.of.setdefault("imaging", {})

    def count(self, metric: str, value: float = 1, modality: str = "imaging") -> None:
        values = self.of.setdefault(modality, {})
        values[str(metric)] = values.get(str(metric), 0) + value
