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
from cli.errors import CommandError
from cli.features import GroupTable, describe_group, run_query
from cli.forget.findings import StoredRows
from cli.forget.objects import Bucket

_AGE, _THRESHOLD = "vacuum_max_snapshot_age_seconds", "optimize_rewrite_delete_file_threshold"
_DEFAULTS = {_AGE: 432_000, _THRESHOLD: 2}
"""Athena's: snapshots live for five days, and a file with one deleted row in it is not rewritten."""
_COMMIT_SECONDS, _LAPTOP_COMMIT_SECONDS = 300, 1
"""How long a writer may take from a file to its commit: VACUUM removes files of that age which no snapshot names."""
_TRIES = 20
_MORE = "MORE_RUNS_NEEDED"


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


def groups_of(deployment: Deployment, dataset: str) -> list[str]:
    """Return the names of a dataset's feature groups, those of earlier versions included."""
    pages = deployment.sagemaker.get_paginator("list_feature_groups").paginate(NameContains=f"-{dataset}-")
    names = [each["FeatureGroupName"] for page in pages for each in page["FeatureGroupSummaries"]]
    return sorted(name for name in names if name.startswith(f"{deployment.stack}-{dataset}-"))


def _condition(group: GroupTable, subject: str) -> str:
    value = subject.replace("'", "''")
    return f"\"{group.record_id.lower()}\" = '{value}'"


def is_iceberg(deployment: Deployment, group: str) -> bool:
    """Whether rows of a group can be erased."""
    store = deployment.sagemaker.describe_feature_group(FeatureGroupName=group)["OfflineStoreConfig"]
    return store.get("TableFormat") == "Iceberg"


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
            run_statement(deployment, group, f"OPTIMIZE {_name(group)} REWRITE DATA USING BIN_PACK")
        sleep(age + 1)
        for group in groups:
            run_statement(deployment, group, f"VACUUM {_name(group)}")
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


def _name(group: GroupTable) -> str:
    """Return the table as statements that maintain it name it: without quotes."""
    return f"{group.database}.{group.table}"


def _set_properties(deployment: Deployment, group: GroupTable, properties: Mapping[str, int]) -> None:
    values = ", ".join(f"'{name}'='{value}'" for name, value in properties.items())
    run_statement(deployment, group, f"ALTER TABLE {_name(group)} SET TBLPROPERTIES ({values})")


def run_statement(deployment: Deployment, group: GroupTable, sql: str) -> None:
    """Run a statement, again while Athena says that there is more to do."""
    for _ in range(_TRIES):
        try:
            run_query(deployment, sql, database=group.database)
        except CommandError as error:
            if _MORE not in error.details:
                raise
        else:
            return
    raise CommandError(f"Athena is not done with {_name(group)}.", hint="Run the command again.")


def _remove_earlier_files(deployment: Deployment, group: GroupTable) -> None:
    """Remove the versions that the bucket keeps of files which the table no longer has."""
    store = deployment.sagemaker.describe_feature_group(FeatureGroupName=group.group)["OfflineStoreConfig"]
    place = urlsplit(store["S3StorageConfig"].get("ResolvedOutputS3Uri", ""))
    bucket = Bucket(deployment, place.netloc)
    folder = f"{place.path.strip('/').removesuffix('/data')}/"
    bucket.remove([version for version in bucket.versions(folder) if version.is_marker or not version.is_latest])
