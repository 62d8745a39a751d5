"""A subject's rows in the offline stores of the feature groups.

A deletion through Feature Store adds a mark to the offline store and leaves every earlier row (Amazon SageMaker
developer guide, "Delete records from your feature groups"). Only a table of the format Iceberg can be erased from: rows
are deleted, the files that held them are rewritten, and the snapshots that still name the old files expire (Amazon
Athena user guide, "DELETE", "OPTIMIZE", "VACUUM"; docs/decisions.md#forget-2).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from time import sleep
from urllib.parse import urlsplit

from cli.deployment import Deployment
from cli.features import GroupTable, describe_group, groups_of, is_iceberg, run_query, run_statement
from cli.removal.findings import StoredRows
from cli.removal.objects import Bucket

_AGE, _THRESHOLD = "vacuum_max_snapshot_age_seconds", "optimize_rewrite_delete_file_threshold"
_DEFAULTS = {_AGE: 432_000, _THRESHOLD: 2}
"""Athena's: snapshots live for five days, and a file with one deleted row in it is not rewritten."""
_COMMIT_SECONDS, _LAPTOP_COMMIT_SECONDS = 300, 1
"""How long a writer may take from a file to its commit: VACUUM removes files of that age which no snapshot names."""


def find_rows(deployment: Deployment, dataset: str, subject: str) -> Iterator[StoredRows]:
    """Yield the subject's rows in each feature group of a dataset, groups of earlier versions included.

    A group without such a row is among them when an earlier removal deleted rows there and did not come to their files.
    """
    begun = _begun(deployment).read()
    for name in groups_of(deployment, dataset):
        group = describe_group(deployment, name)
        rows = _count(deployment, group, group.qualified_table, subject)
        if rows or name in begun:
            live = _count(deployment, group, f"({group.newest_features_sql})", subject)
            yield StoredRows(name, rows, live, is_iceberg(deployment, name))


def _count(deployment: Deployment, group: GroupTable, relation: str, subject: str) -> int:
    sql = f"SELECT count(*) AS n FROM {relation} AS found WHERE {_condition(group, subject)}"  # noqa: S608
    [counts] = run_query(deployment, sql, database=group.database)
    return int(str(counts["n"]))


def _condition(group: GroupTable, subject: str) -> str:
    value = subject.replace("'", "''")
    return f"\"{group.record_id.lower()}\" = '{value}'"


def erase_rows(deployment: Deployment, found: Iterable[StoredRows], subject: str) -> None:
    """Mark the subject's records as deleted and, in tables of the format Iceberg, erase all its rows and their files.

    A record that is only a mark is not marked again: on AWS a mark arrives some minutes later, and another run of
    the command erases it.
    """
    found = list(found)
    for rows in found:
        if rows.live:
            _mark(deployment, rows.group, subject)
    groups = [describe_group(deployment, rows.group) for rows in found if rows.is_iceberg]
    if groups:
        begun, names = _begun(deployment), {group.group for group in groups}
        begun.write(names.union(begun.read()))
        _erase(deployment, groups, subject)
        begun.write(set(begun.read()) - names)


def _erase(deployment: Deployment, groups: Sequence[GroupTable], subject: str) -> None:
    age = _LAPTOP_COMMIT_SECONDS if deployment.endpoint else _COMMIT_SECONDS
    try:
        for group in groups:
            _set_properties(deployment, group, {_AGE: age, _THRESHOLD: 1})
            run_statement(deployment, group, f"DELETE FROM {group.qualified_table} WHERE {_condition(group, subject)}")  # noqa: S608
            run_statement(deployment, group, f"OPTIMIZE {group.unquoted_name} REWRITE DATA USING BIN_PACK")
        sleep(age + 1)
        for group in groups:
            run_statement(deployment, group, f"VACUUM {group.unquoted_name}")
            _remove_earlier_files(deployment, group)
    finally:
        for group in groups:
            _set_properties(deployment, group, _DEFAULTS)


@dataclass(frozen=True)
class _Begun:
    """Groups of which rows were deleted and the files may still be there: what a crash must not make forgotten."""

    bucket: Bucket
    key: str = "forget/begun.json"

    def read(self) -> list[str]:
        """Return the names of the groups."""
        latest = self.bucket.latest(self.key)
        found: list[str] = json.loads(self.bucket.read(latest)) if latest else []
        return found

    def write(self, groups: Set[str]) -> None:
        """Keep the names of groups; of none, nothing."""
        earlier = list(self.bucket.versions(self.key))
        if groups:
            self.bucket.put(self.key, json.dumps(sorted(groups)).encode())
        self.bucket.remove(earlier)


def _begun(deployment: Deployment) -> _Begun:
    return _Begun(Bucket(deployment, deployment.output("ProcessedBucketName")))


def _mark(deployment: Deployment, group: str, subject: str) -> None:
    deployment.feature_records.delete_record(
        FeatureGroupName=group,
        RecordIdentifierValueAsString=subject,
        EventTime=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        TargetStores=["OfflineStore"],
        DeletionMode="HardDelete",
    )


def _set_properties(deployment: Deployment, group: GroupTable, properties: Mapping[str, int]) -> None:
    values = ", ".join(f"'{name}'='{value}'" for name, value in properties.items())
    run_statement(deployment, group, f"ALTER TABLE {group.unquoted_name} SET TBLPROPERTIES ({values})")


def _remove_earlier_files(deployment: Deployment, group: GroupTable) -> None:
    """Remove the versions that the bucket keeps of files which the table no longer has."""
    store = deployment.sagemaker.describe_feature_group(FeatureGroupName=group.group)["OfflineStoreConfig"]
    place = urlsplit(store["S3StorageConfig"].get("ResolvedOutputS3Uri", ""))
    bucket = Bucket(deployment, place.netloc)
    folder = f"{place.path.strip('/').removesuffix('/data')}/"
    bucket.remove([version for version in bucket.versions(folder) if version.is_marker or not version.is_latest])
