"""Feature groups and their records in SageMaker Feature Store (offline store only)."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from multimodal.aws.errors import code_of, translated
from multimodal.features.group import FeatureGroupSpec, FeatureType, Record
from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason, RetryableError

MAX_ADDITIONS = 100
"""Features one UpdateFeatureGroup call takes (Amazon SageMaker API reference)."""

POLL_SECONDS = 2.0

PATIENCE_SECONDS = 600.0


class SageMakerRecords:
    """Writes records."""

    def __init__(self) -> None:
        self._runtime = boto3.client("sagemaker-featurestore-runtime")

    def put(self, group: str, record: Record) -> None:
        """Write one record.

        Raises
        ------
        BadInputError
            `FEATURES_INVALID` when Feature Store refuses the record itself.
        """
        values: list[Any] = [{"FeatureName": name, "ValueAsString": value} for name, value in record.items()]
        with translated(f"write a record to {group}"):
            try:
                self._runtime.put_record(FeatureGroupName=group, Record=values)
            except ClientError as error:
                if code_of(error) in {"ValidationError", "ValidationException"}:
                    message = f"Feature Store refused the record: {error.response['Error'].get('Message', '')}"
                    raise BadInputError(Reason.FEATURES_INVALID, message) from error
                if code_of(error) == "ResourceNotFound":
                    # The group is made at deploy time; a moment after that a record may still find none.
                    raise RetryableError(f"there is no feature group {group} (yet); deploy the stack") from error
                raise


@dataclass(frozen=True)
class GroupSettings:
    """Where and how offline stores are kept."""

    bucket: str
    role_arn: str
    key_arn: str


class SageMakerGroups:
    """Creates and grows feature groups."""

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings
        self._sagemaker = boto3.client("sagemaker")

    def definitions(self, group: str) -> Sequence[Mapping[str, Any]] | None:
        """Return a group's feature definitions, or None when there is no such group."""
        first = self._describe(group)
        if first is None:
            return None
        if first.get("FeatureGroupStatus") != "Created":
            self._wait(group)
        found = list(first["FeatureDefinitions"])
        while token := first.get("NextToken"):
            first = self._describe(group, token) or {}
            found += first.get("FeatureDefinitions", [])
        return found

    def create(self, spec: FeatureGroupSpec) -> None:
        """Create a group with an encrypted offline store and wait until it can be written to."""
        with translated(f"create feature group {spec.name}"):
            self._sagemaker.create_feature_group(
                FeatureGroupName=spec.name,
                RecordIdentifierFeatureName=spec.record_id,
                EventTimeFeatureName=spec.event_time,
                FeatureDefinitions=_definitions(spec.features),
                OfflineStoreConfig={
                    "S3StorageConfig": {
                        "S3Uri": f"s3://{self._settings.bucket}/feature-store",
                        "KmsKeyId": self._settings.key_arn,
                    },
                    "DisableGlueTableCreation": False,
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

    def _describe(self, group: str, token: str | None = None) -> Mapping[str, Any] | None:
        request = {"FeatureGroupName": group} | ({"NextToken": token} if token else {})
        with translated(f"describe feature group {group}"):
            try:
                return dict(self._sagemaker.describe_feature_group(**request))
            except ClientError as error:
                if code_of(error) == "ResourceNotFound":
                    return None
                raise

    def _wait(self, group: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._describe(group) or {}
            status, update = (
                answer.get("FeatureGroupStatus"),
                answer.get("LastUpdateStatus", {}).get("Status"),
            )
            if status == "CreateFailed" or update == "Failed":
                reason = answer.get("FailureReason") or answer.get("LastUpdateStatus", {}).get("FailureReason")
                message = f"feature group {group} is not usable ({reason}); if it is empty, delete it and deploy again"
                raise ConfigurationError(message)
            if status == "Created" and update in {None, "Successful"}:
                return
            time.sleep(POLL_SECONDS)
        raise RetryableError(f"feature group {group} is not ready after {PATIENCE_SECONDS:.0f} s")


def _definitions(features: Sequence[tuple[str, FeatureType]]) -> list[Any]:
    return [{"FeatureName": name, "FeatureType": kind.value} for name, kind in features]
