"""Feature Store on the laptop cloud: groups, records and what Athena reads of them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.local_cloud import Account, account_fixture, allow, wait_for

account = account_fixture()

_FEATURES = {"case_id": "String", "event_time": "String", "Volume_ML": "Fractional", "slices": "Integral"}


def _definitions(features: dict[str, str]) -> list[dict[str, str]]:
    return [{"FeatureName": name, "FeatureType": kind} for name, kind in features.items()]


def _create(account: Account, name: str, role: str, *, wait: bool = True, **changes: Any) -> dict[str, Any]:
    request = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": "case_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": _definitions(_FEATURES),
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}},
        "RoleArn": role,
        **changes,
    }
    account.client("sagemaker").create_feature_group(**request)
    return _ready(account, name) if wait else {}


def _describe(account: Account, name: str) -> dict[str, Any]:
    group: dict[str, Any] = account.client("sagemaker").describe_feature_group(FeatureGroupName=name)
    return group


def _ready(account: Account, name: str) -> dict[str, Any]:
    def _read() -> dict[str, Any] | None:
        group = _describe(account, name)
        pending = group["FeatureGroupStatus"] == "Creating"
        pending |= group.get("LastUpdateStatus", {}).get("Status") == "InProgress"
        return None if pending else group

    return wait_for(_read)


def _put(account: Account, name: str, **values: str) -> None:
    record = [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()]
    account.client("sagemaker-featurestore-runtime").put_record(FeatureGroupName=name, Record=record)


def _rows(account: Account, name: str, columns: str) -> list[list[str | None]]:
    catalog = _describe(account, name)["OfflineStoreConfig"]["DataCatalogConfig"]
    sql = f'SELECT {columns} FROM "{catalog["TableName"]}" ORDER BY case_id'
    return account.query(sql, catalog["Database"])


@pytest.fixture(scope="module")
def role(account: Account) -> str:
    """A role that may write the offline store."""
    account.bucket("feature-store")
    account.bucket("query-results")
    return account.role("store", "sagemaker", allow("s3:PutObject", "arn:aws:s3:::feature-store/offline/*"))


def test_creating_a_group_takes_a_moment(account: Account, role: str) -> None:
    _create(account, "pending", role, wait=False)
    assert _describe(account, "pending")["FeatureGroupStatus"] == "Creating"
    with pytest.raises(ClientError, match="not in status Created"):
        _put(account, "pending", case_id="c", event_time="2020-01-01T00:00:00Z")
    assert _ready(account, "pending")["FeatureGroupStatus"] == "Created"


def test_a_record_is_read_back_through_athena(account: Account, role: str) -> None:
    group = _create(account, "round-trip", role)
    table = group["OfflineStoreConfig"]["DataCatalogConfig"]["TableName"]
    assert table.startswith("round_trip_")
    assert _rows(account, "round-trip", "*")[1:] == []
    _put(account, "round-trip", case_id="R01-001", event_time="2001-02-03T04:05:06Z", Volume_ML="156.3", slices="21")
    assert _rows(account, "round-trip", "case_id, event_time, volume_ml, slices, is_deleted, year, hour") == [
        ["case_id", "event_time", "volume_ml", "slices", "is_deleted", "year", "hour"],
        ["R01-001", "2001-02-03T04:05:06Z", "156.3", "21", "false", "2001", "04"],
    ]


def test_files_lie_where_sagemaker_puts_them(account: Account, role: str) -> None:
    group = _create(account, "layout", role)
    _put(account, "layout", case_id="c", event_time="2001-02-03T04:05:06.789Z")
    uri = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    prefix = uri.removeprefix("s3://feature-store/")
    assert prefix.startswith("offline/000000000000/sagemaker/us-east-1/offline-store/layout-")
    assert prefix.endswith("/data")
    listed = account.client("s3").list_objects_v2(Bucket="feature-store", Prefix=f"{prefix}/")["Contents"]
    assert len(listed) == 1
    assert listed[0]["Key"].startswith(f"{prefix}/year=2001/month=02/day=03/hour=04/20010203T040506Z_")
    assert listed[0]["Key"].endswith(".parquet")


def test_an_added_feature_is_null_in_older_records(account: Account, role: str) -> None:
    _create(account, "grown", role)
    _put(account, "grown", case_id="a", event_time="2020-01-01T00:00:00Z", Volume_ML="1")
    client = account.client("sagemaker")
    client.update_feature_group(FeatureGroupName="grown", FeatureAdditions=_definitions({"Kernel": "String"}))
    with pytest.raises(ClientError, match="do not exist"):
        _put(account, "grown", case_id="b", event_time="2020-01-01T00:00:00Z", Kernel="B30f")
    with pytest.raises(ClientError, match="try again later"):
        client.update_feature_group(FeatureGroupName="grown", FeatureAdditions=_definitions({"x": "String"}))
    group = _ready(account, "grown")
    assert group["LastUpdateStatus"]["Status"] == "Successful"
    assert _rows(account, "grown", "case_id, kernel")[1:] == [["a", None]]
    _put(account, "grown", case_id="b", event_time="2020-01-01T00:00:00Z", Kernel="B30f")
    assert _rows(account, "grown", "case_id, volume_ml, kernel")[1:] == [["a", "1.0", None], ["b", None, "B30f"]]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"event_time": "2020-01-01T00:00:00Z"}, "no value for RecordIdentifierFeatureName"),
        ({"case_id": "c"}, "no value for EventTimeFeatureName"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00+00:00"}, "must be in the format"),
        ({"case_id": "c", "event_time": "2020-02-30T00:00:00Z"}, "must be in the format"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "volume_ml": "1"}, "do not exist"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "Volume_ML": "large"}, "not of type Fractional"),
        ({"case_id": "c", "event_time": "2020-01-01T00:00:00Z", "slices": "2.0"}, "not of type Integral"),
    ],
)
def test_records_that_do_not_fit_are_rejected(account: Account, role: str, record: dict[str, str], words: str) -> None:
    if not account.client("sagemaker").list_feature_groups(NameContains="strict")["FeatureGroupSummaries"]:
        _create(account, "strict", role)
    with pytest.raises(ClientError, match=words) as rejected:
        _put(account, "strict", **record)
    assert rejected.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"FeatureGroupName": "no spaces"}, "regular expression"),
        ({"FeatureDefinitions": _definitions({**_FEATURES, "CASE_ID": "String"})}, "unique without regard to case"),
        ({"FeatureDefinitions": _definitions({**_FEATURES, "write_time": "String"})}, "reserved"),
        ({"RecordIdentifierFeatureName": "missing"}, "must be a feature of type"),
        ({"EventTimeFeatureName": "slices"}, "must be a feature of type"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "Could not assume role"),
    ],
)
def test_groups_that_aws_rejects_are_rejected(account: Account, role: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words) as rejected:
        _create(account, "rejected", role, **changes)
    assert rejected.value.response["Error"]["Code"] == "ValidationException"


def test_a_group_exists_once(account: Account, role: str) -> None:
    _create(account, "once", role)
    with pytest.raises(ClientError) as rejected:
        _create(account, "once", role)
    assert rejected.value.response["Error"]["Code"] == "ResourceInUse"
    account.client("sagemaker").delete_feature_group(FeatureGroupName="once")
    with pytest.raises(ClientError) as missing:
        _describe(account, "once")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"


def test_there_is_no_online_store(account: Account, role: str) -> None:
    _create(account, "offline", role)
    runtime = account.client("sagemaker-featurestore-runtime")
    with pytest.raises(ClientError, match="Online store is not enabled"):
        runtime.get_record(FeatureGroupName="offline", RecordIdentifierValueAsString="c")
    answer = runtime.batch_get_record(
        Identifiers=[{"FeatureGroupName": "offline", "RecordIdentifiersValueAsString": ["c"]}]
    )
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError"]


def test_the_groups_role_writes(account: Account, role: str) -> None:
    weak = account.role("weak", "sagemaker", allow("s3:GetObject"))
    _create(account, "weak", weak)
    with pytest.raises(ClientError) as rejected:
        _put(account, "weak", case_id="c", event_time="2020-01-01T00:00:00Z")
    assert rejected.value.response["Error"]["Code"] == "AccessForbidden"


def _entry(name: str, **values: str) -> dict[str, Any]:
    return {
        "FeatureGroupName": name,
        "Record": [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()],
    }


@pytest.mark.parametrize("table_format", ["Glue", "Iceberg"])
def test_a_batch_is_written_but_for_the_entries_that_are_rejected(
    account: Account, role: str, table_format: str
) -> None:
    name = f"batch-{table_format.lower()}"
    store = {"S3StorageConfig": {"S3Uri": "s3://feature-store/offline"}, "TableFormat": table_format}
    _create(account, name, role, OfflineStoreConfig=store)
    good = [_entry(name, case_id=f"c{n}", event_time=f"20{n:02}-01-01T00:00:00Z", slices=str(n)) for n in range(22)]
    bad = [
        _entry(name, case_id="c", event_time="2020-01-01T00:00:00Z", slices="many"),
        _entry("nowhere", case_id="c", event_time="2020-01-01T00:00:00Z"),
    ]
    answer = account.client("sagemaker-featurestore-runtime").batch_write_record(Entries=[*bad, *good])
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert [error["Entry"] for error in answer["Errors"]] == bad
    assert answer["UnprocessedEntries"] == []
    assert sorted(row[1] or "" for row in _rows(account, name, "case_id, slices")[1:]) == sorted(
        str(n) for n in range(22)
    )
    assert _describe(account, name)["OfflineStoreConfig"]["TableFormat"] == table_format


def test_a_batch_takes_twenty_five(account: Account, role: str) -> None:
    entries = [_entry("g", case_id="c")] * 26
    with pytest.raises(ClientError) as rejected:
        account.client("sagemaker-featurestore-runtime").batch_write_record(Entries=entries)
    assert rejected.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("mode", ["SoftDelete", "HardDelete"])
def test_a_deleted_record_leaves_a_tombstone(account: Account, role: str, mode: str) -> None:
    name = f"deleted-{mode.lower()}"
    _create(account, name, role)
    _put(account, name, case_id="c", event_time="2020-01-01T00:00:00Z", slices="3")
    account.client("sagemaker-featurestore-runtime").delete_record(
        FeatureGroupName=name,
        RecordIdentifierValueAsString="c",
        EventTime="2020-01-02T00:00:00Z",
        DeletionMode=mode,
    )
    rows = _rows(account, name, "case_id, slices, is_deleted")[1:]
    assert sorted(rows, key=str) == [["c", "3", "false"], ["c", None, "true"]]


def test_a_batch_needs_permission_for_each_of_its_groups(account: Account, role: str) -> None:
    for name in ("allowed", "denied"):
        _create(account, name, role)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/allowed"
    may_write = allow("sagemaker:BatchWriteRecord", arn)
    runtime = account.client_of_function("sagemaker-featurestore-runtime", "writer", may_write)
    good, bad = (_entry(name, case_id="c", event_time="2020-01-01T00:00:00Z") for name in ("allowed", "denied"))
    assert runtime.batch_write_record(Entries=[good, good])["Errors"] == []
    for entries in ([bad], [good, bad]):
        with pytest.raises(ClientError) as rejected:
            runtime.batch_write_record(Entries=entries)
        assert rejected.value.response["Error"]["Code"] == "AccessDeniedException"
