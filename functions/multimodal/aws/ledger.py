"""The ledger in DynamoDB: one item per unit, every change one conditional write."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated
from multimodal.aws.pages import pages
from multimodal.ledger.errors import Reason
from multimodal.ledger.ports import Changes
from multimodal.ledger.unit import DUE_SHARDS, LedgerItem, Status, Unit

DUE_INDEX = "due"

_PAGE_NAMES = "ExclusiveStartKey", "LastEvaluatedKey"

_TIME_NAMES = tuple(
    f"{name}_at" for name in ("received", "ready", "processing", "processed", "completed", "quarantined", "failed")
)

_NUMBERS = (
    *("last_arrival", "open_since", "waiting_since", "rerun_requested_at", "handled_rerun_at", "listed_at", "objects"),
    *("bytes", "attempt", "lost_runs", "version", "lease_until", "due_at"),
)

_TEXTS = ("content_version", "run_id", "reason_code", "record_hash", "event_time")


class DynamoDbLedger:
    """`Ledger` on one table.

    Parameters
    ----------
    table_name : str
        Table with partition key `unit_id` and the sparse index `due` (`due_shard`, `due_at`).
    """

    def __init__(self, table_name: str) -> None:
        # The resource's client converts types as the resource does and, unlike the resource, may be used by threads.
        self._client = boto3.resource("dynamodb").meta.client
        self._table = table_name

    def record_arrival(self, unit: Unit, now: int, due_at: int, *, at_once: bool) -> bool:
        """Record that an object of the unit arrived; return whether the unit was new."""
        check = {"due_at": due_at, "due_shard": unit.due_shard}
        changes, firsts = {"last_arrival": now}, _firsts(unit, now)
        old = self._write(unit, changes | check, firsts) if at_once else self._write(unit, changes, firsts | check)
        return not old

    def request_rerun(self, unit: Unit, requested_at: int, due_at: int) -> bool:
        """Request another run of the unit; return False when this or a later request is already recorded."""
        changes = {"rerun_requested_at": requested_at, "due_at": due_at, "due_shard": unit.due_shard}
        firsts = _firsts(unit, due_at) | {"last_arrival": due_at}
        condition = "attribute_not_exists(rerun_requested_at) OR rerun_requested_at < :rerun_requested_at"
        return self._write(unit, changes, firsts, condition) is not None

    def record_invalid_upload(
        self, unit: Unit, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Record an upload that no run can take."""
        why = {"reason_code": reason, "reason_message": message} | ({"reason_details": details} if details else {})
        self._write(unit, {**why, "status": Status.QUARANTINED.value, "kind": "note"}, _firsts(unit, None))

    def record_ignored_upload(self, unit: Unit, message: str, details: Mapping[str, Any]) -> None:
        """Note that files were ignored, which is no failure."""
        why = {"reason_code": Reason.KEY_IGNORED.value, "reason_message": message, "reason_details": details}
        self._write(unit, {**why, "status": Status.COMPLETED.value, "kind": "note"}, _firsts(unit, None))

    def get(self, unit_id: str) -> LedgerItem | None:
        """Return the item as it is now (strongly consistent)."""
        with translated("read the ledger"):
            answer = self._client.get_item(TableName=self._table, Key={"unit_id": unit_id}, ConsistentRead=True)
        return _item_from(answer["Item"]) if "dataset" in answer.get("Item", {}) else None

    def update(self, item: LedgerItem, changes: Changes) -> LedgerItem | None:
        """Apply changes if the item is still as it was read; return it as it is now, or None when it was not."""
        request = _update_request(changes, {}, {":seen_version": item.version})
        row = self._write_if(item.unit_id, "version = :seen_version", request, returned="ALL_NEW")
        return None if row is None else _item_from(row)

    def due(self, now: int, limit: int) -> list[str]:
        """Return ids of up to `limit` units whose check is due, oldest first."""
        found: list[tuple[int, str]] = []
        for shard in range(DUE_SHARDS):
            condition = Key("due_shard").eq(shard) & Key("due_at").lte(now)
            rows = islice(self._pages(KeyConditionExpression=condition, Limit=limit), limit)
            found += [(int(row["due_at"]), str(row["unit_id"])) for row in rows]
        return [unit_id for _, unit_id in sorted(found)[:limit]]

    def open_units(self) -> Iterator[tuple[str, int]]:
        """Yield the id of every unit that has not ended, and when it was first seen."""
        for shard in range(DUE_SHARDS):
            for row in self._pages(KeyConditionExpression=Key("due_shard").eq(shard)):
                yield str(row["unit_id"]), int(row.get("open_since", row["due_at"]))

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield every item as it is stored: the whole table, for reports."""
        with translated("read the ledger"):
            for page in pages(self._client.scan, *_PAGE_NAMES, TableName=self._table):
                yield from page["Items"]

    def put_if_absent(self, name: str, value: Mapping[str, str]) -> Mapping[str, str]:
        """Store a value under a name unless it has one; return the stored value, perhaps another's."""
        request = _update_request({}, {"value": dict(value), "kind": "note", "status": Status.COMPLETED.value}, {})
        with translated("write the ledger"):
            answer = self._client.update_item(
                TableName=self._table, Key={"unit_id": name}, ReturnValues="ALL_NEW", **request
            )
        kept: Any = answer["Attributes"]["value"]
        return dict(kept)

    def take_lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Take a named lease until a time, unless another holder has it; return whether it was taken."""
        changes = {"holder": holder, "lease_until": until, "kind": "note", "status": Status.COMPLETED.value}
        free = "attribute_not_exists(lease_until) OR lease_until <= :now OR holder = :holder"
        return self._write_if(name, free, _update_request(changes, {}, {":now": now})) is not None

    def release_lease(self, name: str, holder: str) -> None:
        """Give a named lease back, if the holder still has it."""
        self._write_if(name, "holder = :seen", _update_request({"lease_until": None}, {}, {":seen": holder}))

    def _pages(self, **query: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 – boto3's keyword arguments
        with translated("query the ledger"):
            for page in pages(self._client.query, *_PAGE_NAMES, TableName=self._table, IndexName=DUE_INDEX, **query):
                yield from page["Items"]

    def _write(
        self, unit: Unit, changes: Changes, firsts: Changes, condition: str | None = None
    ) -> Mapping[str, Any] | None:
        """Return the item as it was before the write, or None when the condition did not hold."""
        return self._write_if(unit.unit_id, condition, _update_request(changes, firsts, {}))

    def _write_if(
        self,
        key: str,
        condition: str | None,
        request: dict[str, Any],
        returned: Literal["ALL_OLD", "ALL_NEW"] = "ALL_OLD",
    ) -> Mapping[str, Any] | None:
        """Return the item as it was before the write or as it is now; None when the condition did not hold."""
        if condition:
            request["ConditionExpression"] = condition
        with translated("write the ledger"):
            try:
                answer = self._client.update_item(
                    TableName=self._table, Key={"unit_id": key}, ReturnValues=returned, **request
                )
            except ClientError as error:
                if code_of(error) == "ConditionalCheckFailedException":
                    return None
                raise
        return answer.get("Attributes", {})


_RECEIVING = Status.RECEIVING.value


def _firsts(unit: Unit, now: int | None) -> dict[str, Any]:
    """Return what is written once, by whichever write comes first."""
    written: dict[str, Any] = {
        "modality": unit.modality,
        "dataset": unit.dataset,
        "subject": unit.subject,
        "study": unit.study,
        "correlation_id": unit.correlation_id,
    }
    if now is not None:
        written |= {"status": _RECEIVING, "received_at": now, "open_since": now, "waiting_since": now}
    return written


_SMALLEST, _BEYOND, _MOST_DIGITS = 1e-128, 1e126, 10**38
"""The range of a number, but for the smallest that boto3 refuses (DynamoDB developer guide, "Data types")."""

_MAX_TEXT, _MAX_LISTED = 2_000, 50
"""Characters and elements of a reason that are kept: an item has at most 400 KB (DynamoDB developer guide, "Quotas"),
and a unit whose reason is not written never ends. Keys of S3, the longest of all other texts, have 1,024 bytes."""


def _update_request(changes: Changes, firsts: Changes, extra: Mapping[str, Any]) -> dict[str, Any]:
    sets = {name: value for name, value in changes.items() if value is not None}
    once = firsts if firsts.keys().isdisjoint(changes) else {n: v for n, v in firsts.items() if n not in changes}
    removes = tuple(name for name in changes if name not in sets)
    expression, names, placeholders = _expression(tuple(sets), tuple(once), removes)
    given = zip(placeholders, (*sets.values(), *once.values()), strict=True)
    values = {name: value if type(value) is int else _to_dynamo(value) for name, value in given}
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values | {":one": 1, **extra},
    }


@lru_cache(maxsize=64)
def _expression(
    sets: tuple[str, ...], once: tuple[str, ...], removes: tuple[str, ...]
) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
    """Return the expression of an update, its names, and those of its values; there are a few dozen of them."""
    assignments = [f"#{n} = :{n}" for n in sets] + [f"#{n} = if_not_exists(#{n}, :{n})" for n in once]
    parts = [f"SET {', '.join(assignments)}"] if assignments else []
    parts += [f"REMOVE {', '.join(f'#{n}' for n in removes)}"] if removes else []
    placeholders = tuple(f":{n}" for n in (*sets, *once))
    return (
        " ".join([*parts, "ADD #version :one"]),
        {f"#{n}": n for n in (*sets, *once, *removes, "version")},
        placeholders,
    )


def _to_dynamo(value: Any) -> Any:  # noqa: ANN401 – any JSON value
    """DynamoDB refuses binary floats; details may hold them, and numbers of damaged headers that only fit as text.

    Long texts and lists are cut: a reason is to be read, and an item with all of it may be none (`_MAX_TEXT`).
    """
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, float):
        return Decimal(repr(value)) if value == 0 or _SMALLEST <= abs(value) < _BEYOND else repr(value)
    if isinstance(value, int):
        return value if abs(value) < _MOST_DIGITS else str(value)
    if isinstance(value, Mapping):
        return {k: _to_dynamo(v) for k, v in value.items()}
    return [_to_dynamo(v) for v in value[:_MAX_LISTED]] if isinstance(value, list | tuple) else value


def _item_from(row: Mapping[str, Any]) -> LedgerItem:
    values: dict[str, Any] = {name: int(row[name]) for name in _NUMBERS if name in row}
    values |= {name: row.get(name) for name in _TEXTS}
    return LedgerItem(
        unit=Unit(row["dataset"], row["subject"], row["study"], row["modality"]),
        status=Status(row["status"]),
        is_note=row.get("kind") == "note",
        times={name: int(row[name]) for name in _TIME_NAMES if name in row},
        **values,
    )
