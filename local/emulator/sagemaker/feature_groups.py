"""SageMaker Feature Store: feature groups with an offline store.

Creating and growing a group take a moment, as in AWS: callers must wait for
`Created` and for the last update's `Successful`. The online store is not emulated: a group is offline only.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from local.emulator.aws import AwsError, arn
from local.emulator.iam import require_assumable
from local.emulator.sagemaker.feature_metadata import describe_feature, update_feature
from local.emulator.sagemaker.offline_store import append_row, create_table, extend_table
from local.emulator.sagemaker.offline_table import OfflineTable
from local.emulator.sagemaker.record_values import RESERVED_NAMES, Features

Answer = dict[str, Any] | Future[dict[str, Any]]
"""Of an operation on records: that of a write comes when the record is there."""

PENDING_SECONDS = 1.0
_MAX_FEATURES = 2500
_lock = threading.RLock()


@dataclass
class FeatureGroup:
    """One feature group; its times are epoch seconds.

    `definitions` are its features in order; `additions`, those of an update, join them a moment after `updating_since`.
    `metadata` is what is written about single features.
    """

    request: dict[str, Any]
    definitions: list[dict[str, str]]
    table: OfflineTable
    additions: list[dict[str, str]] = field(default_factory=list)
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    updating_since: float | None = None
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.features = Features.of_group(self.request, self.definitions)

    @property
    def name(self) -> str:
        """Name of the group."""
        return str(self.request["FeatureGroupName"])

    @property
    def arn(self) -> str:
        """ARN of the group."""
        return arn("sagemaker", "feature-group", self.name)

    @property
    def status(self) -> str:
        """FeatureGroupStatus: `Creating` for a moment, then `Created`."""
        return "Creating" if time.time() < self.created + PENDING_SECONDS else "Created"

    @property
    def update_status(self) -> str | None:
        """Status of the last update; None when there was none."""
        if self.updating_since is None:
            return None
        return "InProgress" if time.time() < self.updating_since + PENDING_SECONDS else "Successful"

    def apply_update(self) -> None:
        """Add the features of an update that is due."""
        if self.additions and self.update_status == "Successful":
            self.definitions = [*self.definitions, *self.additions]
            self.additions = []
            self.features = Features.of_group(self.request, self.definitions)


_groups: dict[str, FeatureGroup] = {}


def create_feature_group(request: dict[str, Any]) -> dict[str, Any]:
    """Create a group with its Glue table.

    Raises
    ------
    AwsError
        ResourceInUse when the name is taken, ValidationException when the request makes no sense.
    """
    _check_group(request)
    require_assumable(request.get("RoleArn", ""))
    with _lock:
        if request["FeatureGroupName"] in _groups:
            raise AwsError("ResourceInUse", f"Resource Already Exists: FeatureGroup with name "
                           f"{request['FeatureGroupName']} already exists. Choose a different name.")  # fmt: skip
        definitions = [dict(item) for item in request["FeatureDefinitions"]]
        group = FeatureGroup(request, definitions, OfflineTable.for_request(request))
        create_table(group.table, group.features)
        group.created = group.modified = time.time()
        _groups[group.name] = group
    return {"FeatureGroupArn": group.arn}


def describe_feature_group(request: dict[str, Any]) -> dict[str, Any]:
    """Return a group as it is now."""
    group = _find(request["FeatureGroupName"])
    store = group.request["OfflineStoreConfig"]
    document: dict[str, Any] = {
        "FeatureGroupArn": group.arn,
        "FeatureGroupName": group.name,
        "RecordIdentifierFeatureName": group.request["RecordIdentifierFeatureName"],
        "EventTimeFeatureName": group.request["EventTimeFeatureName"],
        "FeatureDefinitions": group.definitions,
        "CreationTime": group.created,
        "LastModifiedTime": group.modified,
        "OfflineStoreConfig": {
            **store,
            "S3StorageConfig": {**store["S3StorageConfig"], "ResolvedOutputS3Uri": group.table.uri},
            "DisableGlueTableCreation": False,
            "DataCatalogConfig": {
                "TableName": group.table.name,
                "Catalog": "AwsDataCatalog",
                "Database": group.table.database,
            },
        },
        "RoleArn": group.request["RoleArn"],
        "FeatureGroupStatus": group.status,
        "OfflineStoreStatus": {"Status": "Active"},
        "Description": group.request.get("Description", ""),
        "NextToken": "",
    }
    if group.update_status:
        document["LastUpdateStatus"] = {"Status": group.update_status}
    return document


def update_feature_group(request: dict[str, Any]) -> dict[str, Any]:
    """Add features to a group; nothing else can be changed, as in AWS.

    Raises
    ------
    AwsError
        ValidationException when a feature exists, or while the group is being made or changed.
    """
    with _lock:
        group = _find(request["FeatureGroupName"])
        additions = [dict(item) for item in request.get("FeatureAdditions", [])]
        if not additions:
            raise _invalid("The laptop cloud can only add features to a group")
        if group.status != "Created" or group.update_status == "InProgress":
            raise _invalid(f"Feature group {group.name} is being created or updated: try again later")
        _check_definitions([*group.definitions, *additions])
        group.additions, group.updating_since, group.modified = additions, time.time(), time.time()
        extend_table(group.table, Features.of_group(group.request, [*group.definitions, *additions]))
    return {"FeatureGroupArn": group.arn}


def update_feature_metadata(request: dict[str, Any]) -> dict[str, Any]:
    """Describe a feature, or give it parameters.

    Raises
    ------
    AwsError
        ResourceNotFound when there is no such group or feature.
    """
    with _lock:
        describe_feature_metadata({key: request[key] for key in ("FeatureGroupName", "FeatureName")})
        group = _find(request["FeatureGroupName"])
        update_feature(group.metadata.setdefault(request["FeatureName"], {}), request)
    return {}


def describe_feature_metadata(request: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a feature.

    Raises
    ------
    AwsError
        ResourceNotFound when there is no such group or feature.
    """
    group, name = _find(request["FeatureGroupName"]), request["FeatureName"]
    described = describe_feature(name, group.definitions, group.metadata.get(name, {}), group.created)
    return {"FeatureGroupArn": group.arn, "FeatureGroupName": group.name, **described}


def delete_feature_group(request: dict[str, Any]) -> dict[str, Any]:
    """Delete a group; as in AWS its data in S3 and its Glue table stay."""
    with _lock:
        del _groups[_find(request["FeatureGroupName"]).name]
    return {}


def list_feature_groups(request: dict[str, Any]) -> dict[str, Any]:
    """Return summaries of the groups by name, in one page."""
    with _lock:
        groups = sorted(_groups.values(), key=lambda group: group.name)
    return {
        "FeatureGroupSummaries": [
            {
                "FeatureGroupName": group.name,
                "FeatureGroupArn": group.arn,
                "CreationTime": group.created,
                "FeatureGroupStatus": group.status,
                "OfflineStoreStatus": {"Status": "Active"},
            }
            for group in groups
            if request.get("NameContains", "") in group.name
        ]
    }


def put_record(request: dict[str, Any]) -> Future[dict[str, Any]]:
    """Append a record to the offline store; the answer comes when it is there.

    Raises
    ------
    AwsError
        ValidationError when the record does not fit the group, ResourceNotFound when there is no group.
    """
    group = _writable(request)
    if "TtlDuration" in request:
        raise AwsError("ValidationError", "TtlDuration needs a group with an online store")
    record = {item["FeatureName"]: item.get("ValueAsString") for item in request["Record"]}
    if len(record) != len(request["Record"]):
        raise AwsError("ValidationError", "Validation Error: a feature occurs more than once in the record")
    return append_row(group.table, group.features, record)


def batch_write_record(request: dict[str, Any]) -> Future[dict[str, Any]]:
    """Append up to 25 records; an entry that is rejected is answered with its error, the others are written."""
    lifetime = {"TtlDuration": request["TtlDuration"]} if "TtlDuration" in request else {}
    answer: Future[dict[str, Any]] = Future()
    written, errors = list[tuple[dict[str, Any], Future[dict[str, Any]]]](), list[dict[str, Any]]()
    for entry in request["Entries"]:
        try:
            written.append((entry, put_record({**lifetime, **entry})))
        except AwsError as error:
            errors.append(_entry_error(entry, error))
    waiting = _Countdown(len(written))

    def _one_is_written(_: Future[dict[str, Any]]) -> None:
        if waiting.is_last():
            answer.set_result({"Errors": [*errors, *_failed(written)], "UnprocessedEntries": []})

    for _, future in written:
        future.add_done_callback(_one_is_written)
    if not written:
        answer.set_result({"Errors": errors, "UnprocessedEntries": []})
    return answer


class _Countdown:
    """Tells the last of several threads that it is."""

    def __init__(self, count: int) -> None:
        self._left, self._lock = count, threading.Lock()

    def is_last(self) -> bool:
        """Count one down."""
        with self._lock:
            self._left -= 1
            return self._left == 0


def _failed(written: list[tuple[dict[str, Any], Future[dict[str, Any]]]]) -> list[dict[str, Any]]:
    return [
        _entry_error(entry, error) for entry, future in written if isinstance(error := future.exception(), AwsError)
    ]


def _entry_error(entry: dict[str, Any], error: AwsError) -> dict[str, Any]:
    return {"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message}


def delete_record(request: dict[str, Any]) -> Future[dict[str, Any]]:
    """Append a tombstone: the record's identifier, the event time of its deletion, and `is_deleted`.

    Both modes do so in an offline store; what they differ in is the online store, which no group here has. Earlier
    rows stay until they are erased (Amazon SageMaker developer guide, "Delete records from your feature groups").
    """
    group = _writable(request)
    identifier, when = request["RecordIdentifierValueAsString"], request["EventTime"]
    record = {group.features.record_id: identifier, group.features.event_time: when}
    return append_row(group.table, group.features, record, is_deleted=True)


def _writable(request: dict[str, Any]) -> FeatureGroup:
    group = _find(request["FeatureGroupName"])
    if group.status != "Created":
        raise AwsError("ValidationError", f"Feature group {group.name} is not in status Created")
    if "OnlineStore" in request.get("TargetStores", []):
        raise AwsError("ValidationError", f"Online store is not enabled for feature group {group.name}")
    return group


def get_record(request: dict[str, Any]) -> dict[str, Any]:
    """Reject the call: records are read from the online store, which no group here has."""
    group = _find(request["FeatureGroupName"])
    raise AwsError("ValidationError", f"Online store is not enabled for feature group {group.name}")


def batch_get_record(request: dict[str, Any]) -> dict[str, Any]:
    """Answer every identifier with the error that GetRecord gives."""
    errors = []
    for identifier in request["Identifiers"]:
        try:
            get_record(identifier)
        except AwsError as error:
            errors += [
                {
                    "FeatureGroupName": identifier["FeatureGroupName"],
                    "RecordIdentifierValueAsString": value,
                    "ErrorCode": error.code,
                    "ErrorMessage": error.message,
                }
                for value in identifier["RecordIdentifiersValueAsString"]
            ]
    return {"Records": [], "Errors": errors, "UnprocessedIdentifiers": []}


OPERATIONS = {
    "CreateFeatureGroup": create_feature_group,
    "DescribeFeatureGroup": describe_feature_group,
    "UpdateFeatureGroup": update_feature_group,
    "DeleteFeatureGroup": delete_feature_group,
    "ListFeatureGroups": list_feature_groups,
    "UpdateFeatureMetadata": update_feature_metadata,
    "DescribeFeatureMetadata": describe_feature_metadata,
}
RECORD_OPERATIONS: dict[str, Callable[[dict[str, Any]], Answer]] = {
    "PutRecord": put_record,
    "BatchWriteRecord": batch_write_record,
    "DeleteRecord": delete_record,
    "GetRecord": get_record,
    "BatchGetRecord": batch_get_record,
}


def _find(name: str) -> FeatureGroup:
    """Return a group by its name or ARN."""
    with _lock:
        group = _groups.get(name.rpartition("/")[2])
        if group is None:
            raise AwsError("ResourceNotFound", f"Resource Not Found: FeatureGroup with name {name} does not exist", 404)
        group.apply_update()
        return group


def _check_group(request: dict[str, Any]) -> None:
    if request.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
        raise _invalid("The laptop cloud has no online store")
    if "OfflineStoreConfig" not in request:
        raise _invalid("Validation Error: at least one of OnlineStoreConfig and OfflineStoreConfig is needed")
    _check_definitions(request["FeatureDefinitions"])
    types = {item["FeatureName"]: item["FeatureType"] for item in request["FeatureDefinitions"]}
    for member, allowed in (
        ("RecordIdentifierFeatureName", ("String", "Integral")),
        ("EventTimeFeatureName", ("String", "Fractional")),
    ):
        if types.get(request[member]) not in allowed:
            raise _invalid(f"{member} {request[member]} must be a feature of type {' or '.join(allowed)}")


def _check_definitions(definitions: list[dict[str, str]]) -> None:
    names = [item["FeatureName"].lower() for item in definitions]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _invalid(f"Feature names must be unique without regard to case: {', '.join(repeated)}")
    reserved = sorted(RESERVED_NAMES.intersection(names))
    if reserved:
        raise _invalid(f"Feature names are reserved: {', '.join(reserved)}")
    if len(definitions) > _MAX_FEATURES:
        raise _invalid(f"A feature group holds at most {_MAX_FEATURES} features")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
