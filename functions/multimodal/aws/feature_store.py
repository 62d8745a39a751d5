"""Feature groups and their records in SageMaker Feature Store (offline store only)."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated
from multimodal.features.group import EVENT_TIME, RECORD_ID, Entry, FeatureGroupSpec, FeatureText, FeatureType, Record
from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason, RetryableError

TableFormat = Literal["Iceberg", "Glue"]
"""Only Iceberg lets one patient's history be erased; the format of a group cannot be changed later."""

MAX_ADDITIONS = 100
"""Features one UpdateFeatureGroup call takes (Amazon SageMaker API reference)."""

DIGEST = "multimodal_texts"
"""Parameter of the record identifier: the digest of what is written about a group's features."""

OWN_PARAMETERS = frozenset({"role", "unit", "timepoint", "ibsi"})
"""Parameters of features that a deployment removes when they are no longer said."""

POLL_SECONDS = 2.0

PATIENCE_SECONDS = 600.0

MAX_BATCH = 25
"""Entries one BatchWriteRecord takes (Amazon SageMaker Feature Store Runtime API reference)."""

IDENTITY_SECONDS = 60.0
"""How long an answer about a group is used again: DescribeFeatureGroup is throttled, and groups are seldom re-made."""

WRITE_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Longest pauses in seconds before unprocessed entries are sent again."""


class SageMakerRecords:
    """Writes records, in batches where the endpoint has BatchWriteRecord and one by one where it has not."""

    def __init__(self) -> None:
        # Without botocore's own look at each of a batch's thousands of values, a third of a request's CPU time: Feature
        # Store looks at them too, and names what is wrong.
        config = Config(parameter_validation=False)
        self._runtime = boto3.client("sagemaker-featurestore-runtime", config=config)
        events, operation = self._runtime.meta.events, "sagemaker-featurestore-runtime.BatchWriteRecord"
        events.register(f"before-parameter-build.{operation}", _set_entries_aside)
        events.register(f"before-call.{operation}", _write_body)
        self._has_batches = True
        self._sagemaker = boto3.client("sagemaker")
        self._identities = dict[str, tuple[float, str]]()

    def identity(self, group: str) -> str:
        """Return a group's ARN and creation time: another one of the same name differs in the second.

        Raises
        ------
        RetryableError
            When there is no such group (yet): the stack is to be deployed.
        """
        asked, identity = self._identities.get(group, (-IDENTITY_SECONDS, ""))
        if not identity or time.monotonic() - asked >= IDENTITY_SECONDS:
            identity = self._ask_identity(group)
            self._identities[group] = (time.monotonic(), identity)
        return identity

    def _ask_identity(self, group: str) -> str:
        with translated(f"describe feature group {group}"):
            try:
                found = self._sagemaker.describe_feature_group(FeatureGroupName=group)
            except ClientError as error:
                if code_of(error) in _MAY_PASS:
                    message = f"the feature group {group} is not there; deploy the stack, then retry"
                    raise RetryableError(message) from error
                raise
        return f"{found['FeatureGroupArn']} {found['CreationTime'].astimezone(UTC).isoformat()}"

    def write(self, entries: Sequence[Entry]) -> None:
        """Write records; those that were not taken for a passing reason are sent again, with growing pauses.

        Parameters
        ----------
        entries : sequence of (str, dict)
            Group and record, any number: they are sent 25 at a time (Feature Store runtime API, BatchWriteRecord).

        Raises
        ------
        BadInputError
            `FEATURES_INVALID` when Feature Store rejects a record itself; the other records of its batch are written.
        RetryableError
            When Feature Store is busy, or does not know the group at this moment. Writing again is safe.
        """
        for start in range(0, len(entries), MAX_BATCH):
            waiting = list(entries[start : start + MAX_BATCH])
            for pause in (*WRITE_PAUSES, None):
                waiting = self._send(waiting)
                if not waiting:
                    break
                if pause is None:
                    raise RetryableError(_left(waiting))
                time.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, so that callers do not meet again

    def _send(self, entries: list[Entry]) -> list[Entry]:
        """Send a batch; return what is to be sent again."""
        if not self._has_batches:
            return [entry for entry in entries if not self._put(*entry)]
        with translated(f"write records to {_names(entries)}"):
            try:
                answer = self._runtime.batch_write_record(Entries=entries)  # type: ignore[arg-type]  # _write_body's
            except ClientError as error:
                if code_of(error) in _NO_SUCH_OPERATION:
                    self._has_batches = False
                    return self._send(entries)
                _raise_if_lasting(code_of(error), _message_of(error), error)
                if code_of(error) in _MAY_PASS:
                    return entries
                raise
        for failed in answer["Errors"]:
            _raise_if_lasting(failed["ErrorCode"], failed["ErrorMessage"])
        left = [*answer["UnprocessedEntries"], *(failed["Entry"] for failed in answer["Errors"])]
        return [(e["FeatureGroupName"], {v["FeatureName"]: v["ValueAsString"] for v in e["Record"]}) for e in left]

    def _put(self, group: str, record: Record) -> bool:
        """Write one record; False when it is to be sent again."""
        with translated(f"write a record to {group}"):
            try:
                self._runtime.put_record(
                    FeatureGroupName=group,
                    Record=[{"FeatureName": name, "ValueAsString": value} for name, value in record.items()],
                )
            except ClientError as error:
                _raise_if_lasting(code_of(error), _message_of(error), error)
                if code_of(error) in _MAY_PASS:
                    return False
                raise
        return True


def _set_entries_aside(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Keep a batch's entries from botocore, which writes each of their thousands of values by several calls.

    That is two thirds of a request's CPU time. Decision: features-21.
    """
    context["entries"], params["Entries"] = params["Entries"], []


def _write_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    """Write the entries that were set aside, before the request is signed."""
    entries = (
        _template(group, tuple(record)) % tuple(map(encode_basestring_ascii, record.values()))
        for group, record in context["entries"]
    )
    params["body"] = f'{{"Entries": [{", ".join(entries)}]}}'.encode()


@lru_cache(maxsize=64)
def _template(group: str, names: tuple[str, ...]) -> str:
    """Return an entry's JSON with `%s` for each value: the names are the same for all records of a group."""
    features = ", ".join(f'{{"FeatureName": {_escaped(name)}, "ValueAsString": %s}}' for name in names)
    return f'{{"FeatureGroupName": {_escaped(group)}, "Record": [{features}]}}'


def _escaped(text: str) -> str:
    return encode_basestring_ascii(text).replace("%", "%%")


_REJECTED = frozenset({"ValidationError", "ValidationException"})

_MAY_PASS = _REJECTED | {"ResourceNotFound"}
"""Once the record itself is not at fault: the group is made at deploy time, and a moment later it may not be seen."""

_NO_SUCH_OPERATION = frozenset(
    {"UnknownOperationException", "UnknownOperation", "404", "405", "AccessDenied", "AccessDeniedException"}
)
"""An endpoint without batches, or an account whose policies do not know them: PutRecord says the same, or works."""


def _left(entries: Sequence[Entry]) -> str:
    message = f"Feature Store did not take {len(entries)} records of {_names(entries)}; they will be sent again"
    return f"{message}. If that goes on, deploy the stack"


def _names(entries: Sequence[Entry]) -> str:
    return ", ".join(sorted({group for group, _ in entries}))


def _message_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def _is_records_fault(code: str, message: str) -> bool:
    """Whether Feature Store rejects the record itself.

    "Resource Not Found" comes as a validation error too, now and then also for a group that is there
    (sagemaker-python-sdk#2606): that passes, or the stack is to be deployed; the record is not at fault.
    """
    return code in _REJECTED and "resource not found" not in message.lower()


def _raise_if_lasting(code: str, message: str, cause: Exception | None = None) -> None:
    if _is_records_fault(code, message):
        raise BadInputError(Reason.FEATURES_INVALID, f"Feature Store rejected the record: {message}") from cause


@dataclass(frozen=True)
class GroupSettings:
    """Where and how offline stores are kept; `table_format` is that of new groups, `Iceberg` or `Glue`."""

    bucket: str
    role_arn: str
    key_arn: str
    table_format: TableFormat = "Iceberg"

    @property
    def uri(self) -> str:
        """Where offline stores begin."""
        return f"s3://{self.bucket}/feature-store"


class SageMakerGroups:
    """Creates and grows feature groups."""

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings
        # Hundreds of features are described one by one: the client keeps to the rate that it is answered with.
        self._sagemaker = boto3.client("sagemaker", config=Config(retries={"mode": "adaptive", "max_attempts": 10}))

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        """Return a group's feature definitions, or None when there is no such group."""
        first = describe_group(self._sagemaker, FeatureGroupName=group)
        if first is None:
            return None
        if first.get("FeatureGroupStatus") != "Created":
            self._wait(group)
        self._require_own(group, first)
        return all_definitions(self._sagemaker, first)

    def create(self, spec: FeatureGroupSpec) -> None:
        """Create a group with an encrypted offline store and wait until it can be written to."""
        with translated(f"create feature group {spec.name}"):
            self._sagemaker.create_feature_group(
                FeatureGroupName=spec.name,
                RecordIdentifierFeatureName=spec.record_id,
                EventTimeFeatureName=spec.event_time,
                FeatureDefinitions=_definitions(spec.features),
                OfflineStoreConfig={
                    "S3StorageConfig": {"S3Uri": self._settings.uri, "KmsKeyId": self._settings.key_arn},
                    "DisableGlueTableCreation": False,
                    "TableFormat": self._settings.table_format,
                },
                RoleArn=self._settings.role_arn,
            )
        self._wait(spec.name)

    def add(self, group: str, additions: Sequence[tuple[str, FeatureType]]) -> None:
        """Add features to a group, a hundred at a time, and wait until they can be written."""
        for start in range(0, len(additions), MAX_ADDITIONS):
            part = _definitions(additions[start : start + MAX_ADDITIONS])
            with translated(f"add features to {group}"):
                self._sagemaker.update_feature_group(FeatureGroupName=group, FeatureAdditions=part)
            self._wait(group)

    def describe(self, group: str, texts: Mapping[str, FeatureText], digest: str) -> int:
        """Write descriptions and parameters of features, as far as they differ; return how many were changed.

        The record identifier's metadata has the digest of all texts; it is written last, so that a deployment with the
        same texts asks for it alone. Parameters that somebody else added stay.

        Raises
        ------
        RetryableError
            When Feature Store is busy. Describing again is safe.
        """
        before = self._metadata(group, RECORD_ID)[1].get(DIGEST)
        if before == digest:
            return 0
        changed = sum(self._describe_feature(group, n, text, is_new=before is None) for n, text in texts.items())
        self._describe_feature(group, RECORD_ID, FeatureText("the patient", {DIGEST: digest}), is_new=True)
        return changed

    def _describe_feature(self, group: str, feature: str, text: FeatureText, *, is_new: bool) -> bool:
        description, found = ("", {}) if is_new else self._metadata(group, feature)
        added = {key: value for key, value in text.parameters.items() if found.get(key) != value}
        removed = sorted((found.keys() & OWN_PARAMETERS) - text.parameters.keys())
        if description == text.description and not added and not removed:
            return False
        request: dict[str, Any] = {"Description": text.description}
        if added:
            request["ParameterAdditions"] = [{"Key": key, "Value": value} for key, value in added.items()]
        if removed:
            request["ParameterRemovals"] = removed
        with translated(f"describe the feature {feature} of {group}"):
            self._sagemaker.update_feature_metadata(FeatureGroupName=group, FeatureName=feature, **request)
        return True

    def _metadata(self, group: str, feature: str) -> tuple[str, dict[str, str]]:
        with translated(f"read the metadata of {feature} of {group}"):
            found = self._sagemaker.describe_feature_metadata(FeatureGroupName=group, FeatureName=feature)
        return found.get("Description", ""), {p["Key"]: p["Value"] for p in found.get("Parameters", [])}

    def _require_own(self, group: str, found: Mapping[str, Any]) -> None:
        """Reject a group that another stack made, or whose offline store takes no records.

        Its table format is not compared: it cannot be changed, and older groups keep theirs.
        """
        store = found.get("OfflineStoreConfig", {})
        storage = store.get("S3StorageConfig", {})
        here = {
            "role": (found.get("RoleArn"), self._settings.role_arn),
            "S3 URI": (str(storage.get("S3Uri", "")).rstrip("/"), self._settings.uri),
            "KMS key": (storage.get("KmsKeyId"), self._settings.key_arn),
            "record identifier": (found.get("RecordIdentifierFeatureName"), RECORD_ID),
            "event time": (found.get("EventTimeFeatureName"), EVENT_TIME),
            "offline store's status": (found.get("OfflineStoreStatus", {}).get("Status", "Active"), "Active"),
        }
        other = [f"{name} is {is_now}, not {wanted}" for name, (is_now, wanted) in here.items() if is_now != wanted]
        if other:
            message = (
                f"the feature group {group} exists and is not this stack's: {'; '.join(other)}. Delete it (its data "
                "in S3 stays), raise group_version in the dataset's file or give the stack another name; then deploy"
            )
            raise ConfigurationError(message)

    def _wait(self, group: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = describe_group(self._sagemaker, FeatureGroupName=group) or {}
            status, last_update = answer.get("FeatureGroupStatus"), answer.get("LastUpdateStatus", {})
            update = last_update.get("Status")
            if status == "CreateFailed" or update == "Failed":
                reason = answer.get("FailureReason") or last_update.get("FailureReason")
                message = f"feature group {group} is not usable ({reason}); if it is empty, delete it and deploy again"
                raise ConfigurationError(message)
            if status == "Created" and update in {None, "Successful"}:
                return
            time.sleep(POLL_SECONDS)
        raise RetryableError(f"feature group {group} is not ready after {PATIENCE_SECONDS:.0f} s")


def describe_group(sagemaker: Any, **request: str) -> dict[str, Any] | None:  # noqa: ANN401 - boto3's client
    """Return a page of DescribeFeatureGroup, or None when there is no such group."""
    with translated(f"describe feature group {request['FeatureGroupName']}"):
        try:
            return dict(sagemaker.describe_feature_group(**request))
        except ClientError as error:
            if code_of(error) == "ResourceNotFound":
                return None
            raise


def all_definitions(sagemaker: Any, page: dict[str, Any]) -> list[dict[str, str]]:  # noqa: ANN401 - boto3's client
    """Return the feature definitions of a group, of which the first page is given."""
    found = list(page["FeatureDefinitions"])
    while token := page.get("NextToken"):
        page = describe_group(sagemaker, FeatureGroupName=page["FeatureGroupName"], NextToken=token) or {}
        found += page.get("FeatureDefinitions", [])
    return found


def _definitions(features: Sequence[tuple[str, FeatureType]]) -> list[Any]:
    return [{"FeatureName": name, "FeatureType": kind.value} for name, kind in features]
