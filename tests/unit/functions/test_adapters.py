"""Adapters against botocore's own models of the services: what they ask, and what they make of the answers."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from multimodal.aws import feature_store
from multimodal.aws.cloudformation import MAX_ANSWER_BYTES, respond
from multimodal.aws.dataset import S3Files
from multimodal.aws.feature_store import GroupSettings, SageMakerGroups, SageMakerRecords
from multimodal.aws.jobs import QueueJobs, ResultQueue
from multimodal.aws.ledger import _MAX_LISTED, _MAX_TEXT, DynamoDbLedger, _to_dynamo, _update_request
from multimodal.aws.objects import S3Objects
from multimodal.aws.pages import pages
from multimodal.features.group import FeatureText
from multimodal.ledger.errors import BadInputError, ConfigurationError, RetryableError
from multimodal.ledger.ports import StoredObject
from multimodal.ledger.unit import LedgerItem, Status, Unit, case_unit
from multimodal.pipeline.messages import object_created

T = TypeVar("T")

QUEUE, DEFINITION = (
    "arn:aws:batch:us-east-1:111122223333:job-queue/q",
    "arn:aws:batch:us-east-1:111122223333:job-definition/d:1",
)
REFERENCE_DEFINITION = "arn:aws:batch:us-east-1:111122223333:job-definition/d-reference:1"
NAME = "rna-0123456789ab-1"
ASKED = {"jobQueue": QUEUE, "filters": [{"name": "JOB_NAME", "values": [NAME]}]}


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"REGION": "us-east-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{'DEFAULT_' if name == 'REGION' else ''}{name}", value)


@pytest.fixture
def jobs() -> QueueJobs:
    return QueueJobs(QUEUE, DEFINITION, REFERENCE_DEFINITION)


@pytest.fixture
def batch(jobs: QueueJobs) -> Iterator[Stubber]:
    with Stubber(jobs._batch) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _page(*found: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"jobSummaryList": [{"jobId": "i", "jobName": n, "status": s} for n, s in found], **more}


@pytest.mark.parametrize(("builds_reference", "definition"), [(False, DEFINITION), (True, REFERENCE_DEFINITION)])
def test_job_is_submitted_with_its_command_and_the_definition_of_its_rights(
    jobs: QueueJobs, batch: Stubber, *, builds_reference: bool, definition: str
) -> None:
    batch.add_response("list_jobs", _page(), ASKED)
    wanted = {
        "jobName": NAME,
        "jobQueue": QUEUE,
        "jobDefinition": definition,
        "containerOverrides": {"command": ["--engine", "salmon"]},
    }
    batch.add_response("submit_job", {"jobName": NAME, "jobId": "i"}, wanted)
    jobs.submit(NAME, ["--engine", "salmon"], builds_reference=builds_reference)


@pytest.mark.parametrize("status", ["RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED"])
def test_name_that_was_submitted_before_is_not_submitted_again(jobs: QueueJobs, batch: Stubber, status: str) -> None:
    batch.add_response("list_jobs", _page((NAME, status)), ASKED)
    jobs.submit(NAME, [], builds_reference=False)


OLD, NEW = StoredObject("imaging/d/s/t/1.dcm", 3, "old"), StoredObject("imaging/d/s/t/1.dcm", 3, "new")


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"ChecksumCRC64NVME": "a", "ChecksumType": "FULL_OBJECT"}, {"ChecksumCRC64NVME": "a"}, True),
        ({"ChecksumCRC32": "a"}, {"ChecksumCRC32": "b"}, False),
        ({"ChecksumCRC32": "a", "ChecksumSHA256": "c"}, {"ChecksumCRC32": "a", "ChecksumSHA256": "d"}, False),
        ({"ChecksumCRC32": "a"}, {"ChecksumSHA256": "a"}, False),
        ({"ChecksumCRC32": "a-2", "ChecksumType": "COMPOSITE"}, {"ChecksumCRC32": "a-2"}, False),
        ({}, {}, False),
    ],
)
def test_versions_are_the_same_when_a_common_checksum_says_so(
    before: dict[str, str], after: dict[str, str], *, same: bool
) -> None:
    objects = S3Objects("raw")
    versions = [{"Key": OLD.key, "ETag": f'"{each}"', "VersionId": f"v-{each}"} for each in ("new", "old")]
    with Stubber(objects._s3) as stubber:
        stubber.add_response("list_object_versions", {"Versions": versions}, {"Bucket": "raw", "Prefix": OLD.key})
        for name, answer in (("old", before), ("new", after)):
            asked = {"Bucket": "raw", "Key": OLD.key, "VersionId": f"v-{name}", "ChecksumMode": "ENABLED"}
            stubber.add_response("head_object", answer, asked)
        assert objects.same_content([(OLD, NEW)]) is same
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(("code", "kind"), [("SlowDown", RetryableError), ("AccessDenied", ConfigurationError)])
def test_what_boto3s_upload_hides_is_found(tmp_path: Path, code: str, kind: type[Exception]) -> None:
    files = S3Files("processed")
    (tmp_path / "features.csv").write_text("case_id")
    with Stubber(files._s3) as stubber:
        stubber.add_client_error("put_object", code)
        with pytest.raises(kind, match=code):
            files.upload(tmp_path / "features.csv", "datasets/d/b/features.csv", "text/csv")


@pytest.mark.parametrize("stored", ["mine", "another's"])
def test_a_text_is_stored_where_there_is_none(stored: str) -> None:
    objects = S3Objects("processed")
    asked = {"Bucket": "processed", "Key": "k", "Body": b"mine", "ContentType": "text/plain", "IfNoneMatch": "*"}
    with Stubber(objects._s3) as stubber:
        if stored == "mine":
            stubber.add_response("put_object", {}, asked)
        else:
            stubber.add_client_error("put_object", "PreconditionFailed", http_status_code=412, expected_params=asked)
        body = StreamingBody(io.BytesIO(stored.encode()), len(stored))
        stubber.add_response("get_object", {"Body": body, "ContentLength": len(stored)})
        assert objects.write_if_absent("k", "mine") == stored
        stubber.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(RetryableError, match="ConditionalRequestConflict"):
            objects.write_if_absent("k", "mine")


def test_a_version_that_is_gone_or_may_not_be_read_is_another_content() -> None:
    objects = S3Objects("raw")
    with Stubber(objects._s3) as stubber:
        stubber.add_response("list_object_versions", {"Versions": []})
        assert not objects.same_content([(OLD, NEW)])
        both = [{"Key": OLD.key, "ETag": each, "VersionId": each} for each in ("new", "old")]
        stubber.add_response("list_object_versions", {"Versions": both})
        stubber.add_client_error("head_object", "403")
        stubber.add_response("head_object", {"ChecksumCRC32": "a"})
        assert not objects.same_content([(OLD, NEW)])
    assert objects.same_content([])


def test_job_on_a_later_page_is_found_and_longer_names_are_not_it(jobs: QueueJobs, batch: Stubber) -> None:
    batch.add_response("list_jobs", _page((NAME + "0", "RUNNING"), nextToken="t"), ASKED)
    batch.add_response("list_jobs", _page((NAME, "RUNNABLE")), {**ASKED, "nextToken": "t"})
    assert jobs.is_running(NAME)
    batch.add_response("list_jobs", _page((NAME + "0", "RUNNING"), (NAME, "FAILED")), ASKED)
    assert not jobs.is_running(NAME)


def test_open_jobs_of_the_queue_are_counted_by_state_and_none_without_a_queue(jobs: QueueJobs, batch: Stubber) -> None:
    for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING"):
        batch.add_response("list_jobs", _page((NAME, status)), {"jobQueue": QUEUE, "jobStatus": status})
    running = {"jobQueue": QUEUE, "jobStatus": "RUNNING"}
    batch.add_response("list_jobs", _page((NAME, "RUNNING"), (NAME + "0", "RUNNING"), nextToken="t"), running)
    batch.add_response("list_jobs", _page((NAME + "1", "RUNNING")), {**running, "nextToken": "t"})
    assert jobs.count_open() == {"SUBMITTED": 1, "PENDING": 1, "RUNNABLE": 1, "STARTING": 1, "RUNNING": 3}
    assert QueueJobs("", DEFINITION, REFERENCE_DEFINITION).count_open() == {}


@pytest.mark.parametrize(
    ("code", "kind"), [("ClientException", ConfigurationError), ("TooManyRequestsException", RetryableError)]
)
def test_refusals_of_batch_are_lasting_or_passing(
    jobs: QueueJobs, batch: Stubber, code: str, kind: type[Exception]
) -> None:
    batch.add_client_error("list_jobs", code, "m")
    with pytest.raises(kind, match="list jobs"):
        jobs.is_running(NAME)


def test_a_report_reads_every_page_of_the_ledger() -> None:
    ledger = DynamoDbLedger("ledger")
    with Stubber(ledger._client) as stubber:
        pages = [{"Items": [{"unit_id": {"S": "imaging#d#s#t"}, "attempt": {"N": "2"}}]} for _ in range(2)]
        last = {"LastEvaluatedKey": {"unit_id": {"S": "imaging#d#s#t"}}}
        stubber.add_response("scan", pages[0] | last, {"TableName": "ledger"})
        again = {"TableName": "ledger", "ExclusiveStartKey": {"unit_id": "imaging#d#s#t"}}
        stubber.add_response("scan", pages[1], again)
        assert [int(found["attempt"]) for found in ledger.rows()] == [2, 2]
        stubber.assert_no_pending_responses()


def _item(unit: Unit) -> dict[str, Any]:
    text = {"unit_id": unit.unit_id, "modality": unit.modality, "dataset": unit.dataset, "subject": unit.subject}
    found: dict[str, Any] = {
        name: {"S": value} for name, value in {**text, "study": unit.study, "status": "READY"}.items()
    }
    return {"Item": {**found, "version": {"N": "1"}}}


@pytest.mark.parametrize("unit", [Unit("d", "s", "t"), case_unit("d", "R01-023"), case_unit("_references", "human")])
def test_unit_comes_back_from_the_ledger_as_it_was(unit: Unit) -> None:
    ledger = DynamoDbLedger("table")
    with Stubber(ledger._client) as stubber:
        stubber.add_response("get_item", _item(unit))
        found = ledger.get(unit.unit_id)
    assert found is not None
    assert (found.unit, found.unit_id, found.status) == (unit, unit.unit_id, Status.READY)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.25, Decimal("0.25")),
        (-0.0, Decimal(0)),
        (1.2e-128, Decimal("1.2e-128")),
        (2.1219957915e-314, "2.1219957915e-314"),
        (9.9e125, Decimal("9.9e125")),
        (-1e126, "-1e+126"),
        (float("inf"), "inf"),
        (10**38 - 1, Decimal(10**38 - 1)),
        (10**38, "1" + 38 * "0"),
        (True, True),
    ],
)
def test_details_hold_every_number(value: float, kept: object) -> None:
    """A header's garbage is in the details of its rejection, and must not keep the unit from its end."""
    sent = TypeSerializer().serialize(_to_dynamo({"orientation": [value], "pair": (value,)}))
    assert TypeDeserializer().deserialize(sent) == {"orientation": [kept], "pair": [kept]}


def test_a_reason_is_cut_to_what_an_item_holds() -> None:
    request = _update_request(
        {"reason_message": "m" * 10_000, "reason_details": {"problems": ["p" * 10_000] * 900}}, {}, {}
    )
    values = request["ExpressionAttributeValues"]
    assert len(values[":reason_message"]) == _MAX_TEXT
    assert [len(problem) for problem in values[":reason_details"]["problems"]] == [_MAX_TEXT] * _MAX_LISTED


def test_pinned_value_is_the_first_ones() -> None:
    ledger = DynamoDbLedger("table")
    kept = {"value": {"M": {"engine": {"S": "dragen"}}}}
    with Stubber(ledger._client) as stubber:
        stubber.add_response("update_item", {"Attributes": kept})
        assert ledger.put_if_absent("assay#g", {"engine": "salmon"}) == {"engine": "dragen"}


def _sent(write: Callable[[DynamoDbLedger], T], refused: bool, stored: Mapping[str, Any]) -> tuple[T, dict[str, Any]]:
    ledger = DynamoDbLedger("table")
    sent: dict[str, Any] = {}
    with Stubber(ledger._client) as stubber:
        if refused:
            stubber.add_client_error("update_item", "ConditionalCheckFailedException")
        else:
            stubber.add_response("update_item", {"Attributes": stored})
        ledger._client.meta.events.register(
            "provide-client-params.dynamodb.UpdateItem", lambda params, **_: sent.update(params)
        )
        return write(ledger), sent


@pytest.mark.parametrize("refused", [False, True])
def test_a_lease_is_one_conditional_write(refused: bool) -> None:
    taken, sent = _sent(lambda ledger: ledger.take_lease("lease#sweep", "me", 100, 350), refused, {})
    assert taken is not refused
    assert sent["Key"] == {"unit_id": "lease#sweep"}
    assert sent["ConditionExpression"] == (
        "attribute_not_exists(lease_until) OR lease_until <= :now OR holder = :holder"
    )
    values = sent["ExpressionAttributeValues"]
    assert (values[":now"], values[":holder"], values[":lease_until"]) == (100, "me", 350)


@pytest.mark.parametrize("refused", [False, True])
def test_a_unit_changes_only_if_it_is_as_it_was_read(refused: bool) -> None:
    item = LedgerItem(Unit("d", "s", "t"), Status.READY, version=7)
    now = {"dataset": "d", "subject": "s", "study": "t", "modality": "imaging", "status": "PROCESSING"}
    stored = {name: {"S": text} for name, text in now.items()} | {"version": {"N": "8"}}
    changed, sent = _sent(lambda ledger: ledger.update(item, {"status": "PROCESSING"}), refused, stored)
    assert changed == (None if refused else replace(item, status=Status.PROCESSING, version=8))
    assert sent["ReturnValues"] == "ALL_NEW"
    assert sent["ConditionExpression"] == "version = :seen_version"
    assert sent["ExpressionAttributeValues"][":seen_version"] == 7


@pytest.mark.parametrize("refused", [False, True])
def test_an_earlier_request_replaces_no_later_one(refused: bool) -> None:
    requested, sent = _sent(lambda ledger: ledger.request_rerun(Unit("d", "s", "t"), 100, 110), refused, {})
    assert requested is not refused
    assert sent["ConditionExpression"].endswith("OR rerun_requested_at < :rerun_requested_at")
    assert sent["ExpressionAttributeValues"][":rerun_requested_at"] == 100


# Records of Feature Store

GONE = ("ValidationError", "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name g")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> SageMakerRecords:
    monkeypatch.setattr(feature_store, "WRITE_PAUSES", (0.0, 0.0))
    return SageMakerRecords()


@pytest.fixture
def runtime(records: SageMakerRecords) -> Iterator[Stubber]:
    with Stubber(records._runtime) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _entry(number: int) -> dict[str, Any]:
    return {"FeatureGroupName": "g", "Record": [{"FeatureName": "case_id", "ValueAsString": str(number)}]}


def _answer(runtime: Stubber, numbers: range, errors: dict[int, tuple[str, str]], left: list[int]) -> None:
    failed = [{"Entry": _entry(n), "ErrorCode": code, "ErrorMessage": text} for n, (code, text) in errors.items()]
    answer = {"Errors": failed, "UnprocessedEntries": [_entry(n) for n in left]}
    runtime.add_response("batch_write_record", answer, {"Entries": [("g", {"case_id": str(n)}) for n in numbers]})


def _write(records: SageMakerRecords, count: int) -> None:
    records.write([("g", {"case_id": str(n)}) for n in range(count)])


def test_a_batch_arrives_as_botocore_itself_writes_it(records: SageMakerRecords) -> None:
    texts = {"who": 'Łódź "q" \\ 1e-3 😀', "%s": "%(a)s 100%"}
    values = [{"FeatureName": name, "ValueAsString": text} for name, text in texts.items()]
    entries, plain = [{"FeatureGroupName": "g", "Record": values}] * 2, boto3.client("sagemaker-featurestore-runtime")
    assert _body(records._runtime, [("g", texts)] * 2) == _body(plain, entries) == {"Entries": entries}


def _body(client: Any, entries: Sequence[Any]) -> object:
    """Send a batch nowhere; return the body that was sent and signed."""
    sent: list[Any] = []

    def answer(request: Any, **_: object) -> AWSResponse:
        sent.append((request.body, request.headers["Content-Length"]))
        return AWSResponse(request.url, 200, HTTPHeaders(), RawAnswer(b'{"Errors": [], "UnprocessedEntries": []}'))

    client.meta.events.register("before-send", answer)
    client.batch_write_record(Entries=entries)
    ((body, length),) = sent
    assert int(length) == len(body)
    return json.loads(body)


class RawAnswer(io.BytesIO):
    """What urllib3 would hold."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def test_records_are_sent_twenty_five_at_a_time(records: SageMakerRecords, runtime: Stubber) -> None:
    for numbers in (range(25), range(25, 50), range(50, 51)):
        _answer(runtime, numbers, {}, [])
    _write(records, 51)


@pytest.mark.parametrize("error", [GONE, ("ThrottlingException", "slow down"), ("InternalFailure", "")])
def test_what_was_not_written_is_sent_again(
    records: SageMakerRecords, runtime: Stubber, error: tuple[str, str]
) -> None:
    _answer(runtime, range(3), {2: error}, [1])
    _answer(runtime, range(1, 3), {}, [])
    _write(records, 3)


def test_a_group_that_stays_unknown_is_asked_for_again_later(records: SageMakerRecords, runtime: Stubber) -> None:
    for _ in range(3):
        _answer(runtime, range(1), {0: GONE}, [])
    with pytest.raises(RetryableError, match="records of g"):
        _write(records, 1)


@pytest.mark.parametrize("code", [GONE[0], "ResourceNotFound"])
def test_a_whole_request_to_an_unknown_group_is_sent_again(
    records: SageMakerRecords, runtime: Stubber, code: str
) -> None:
    runtime.add_client_error("batch_write_record", code, GONE[1], 404)
    _answer(runtime, range(1), {}, [])
    _write(records, 1)


def test_a_record_that_does_not_fit_its_group_is_bad_input(records: SageMakerRecords, runtime: Stubber) -> None:
    _answer(runtime, range(2), {1: ("ValidationError", "Value 'x' of feature y is not of type Integral")}, [])
    with pytest.raises(BadInputError, match="not of type Integral"):
        _write(records, 2)


@pytest.mark.parametrize("code", ["UnknownOperationException", "AccessDeniedException"])
def test_where_there_are_no_batches_records_are_written_one_by_one(
    records: SageMakerRecords, runtime: Stubber, code: str
) -> None:
    runtime.add_client_error("batch_write_record", code, http_status_code=404)
    runtime.add_response("put_record", {}, _entry(0))
    runtime.add_client_error("put_record", *GONE)
    runtime.add_response("put_record", {}, _entry(1))
    _write(records, 2)


def _describe(stubber: Stubber, created: datetime) -> None:
    stubber.add_response("describe_feature_group", {**GROUP, "CreationTime": created}, {"FeatureGroupName": "g"})


def test_a_group_made_again_under_its_name_has_another_identity(
    records: SageMakerRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC), datetime(2026, 1, 2, 3, 4, 5, 679000, UTC)
    with Stubber(records._sagemaker) as stubber:
        _describe(stubber, first)
        identity = records.identity("g")
        assert identity == f"{GROUP['FeatureGroupArn']} 2026-01-02T03:04:05.678000+00:00"
        assert records.identity("g") == identity, "the answer is used again: the stub has no second one"
        monkeypatch.setattr(feature_store, "IDENTITY_SECONDS", 0.0)
        _describe(stubber, second)
        assert records.identity("g") != identity


def test_a_group_that_is_not_there_has_no_identity_yet(records: SageMakerRecords) -> None:
    with Stubber(records._sagemaker) as stubber:
        stubber.add_client_error("describe_feature_group", "ResourceNotFound", "", 400)
        with pytest.raises(RetryableError, match="feature group g is not there; deploy the stack"):
            records.identity("g")


# Feature groups that are there already

ROLE, KEY = "arn:aws:iam::111122223333:role/store", "arn:aws:kms:us-east-1:111122223333:key/k"
GROUP: dict[str, Any] = {
    "FeatureGroupArn": "arn:aws:sagemaker:us-east-1:111122223333:feature-group/g",
    "FeatureGroupName": "g",
    "RecordIdentifierFeatureName": "case_id",
    "EventTimeFeatureName": "event_time",
    "FeatureDefinitions": [{"FeatureName": "case_id", "FeatureType": "String"}],
    "CreationTime": 0,
    "NextToken": "",
    "FeatureGroupStatus": "Created",
    "OfflineStoreStatus": {"Status": "Active"},
    "RoleArn": ROLE,
    "OfflineStoreConfig": {
        "S3StorageConfig": {"S3Uri": "s3://b/feature-store", "KmsKeyId": KEY},
        "TableFormat": "Glue",
    },
}


def _definitions(**changes: Any) -> Any:
    groups = SageMakerGroups(GroupSettings("b", ROLE, KEY))
    with Stubber(groups._sagemaker) as stubber:
        stubber.add_response("describe_feature_group", {**GROUP, **changes}, {"FeatureGroupName": "g"})
        return groups.definitions("g")


TEXTS = {"x": FeatureText("volume", {"unit": "ml"}), "y": FeatureText("mean", {"unit": "HU", "ibsi": "Q4LE"})}
KNOWN = {
    "FeatureGroupArn": GROUP["FeatureGroupArn"],
    "FeatureGroupName": "g",
    "FeatureType": "String",
    "CreationTime": 0,
    "LastModifiedTime": 0,
}


def _described(answers: Mapping[str, tuple[str, dict[str, str]]], updates: Sequence[dict[str, Any]]) -> int:
    """Describe a group whose features are known as `answers` says, and demand these updates, in order."""
    groups = SageMakerGroups(GroupSettings("b", ROLE, KEY))
    with Stubber(groups._sagemaker) as stubber:
        calls: dict[str, list[dict[str, Any]]] = {}
        for update in updates:
            calls.setdefault(update["FeatureName"], []).append(update)
        for name, (text, parameters) in answers.items():
            listed = [{"Key": k, "Value": v} for k, v in parameters.items()]
            answer = {**KNOWN, "FeatureName": name, "Description": text, "Parameters": listed}
            stubber.add_response("describe_feature_metadata", answer, {"FeatureGroupName": "g", "FeatureName": name})
            for update in calls.pop(name, []) if name != "case_id" else []:
                stubber.add_response("update_feature_metadata", {}, {"FeatureGroupName": "g", **update})
        for update in [u for rest in calls.values() for u in rest]:
            stubber.add_response("update_feature_metadata", {}, {"FeatureGroupName": "g", **update})
        changed = groups.describe("g", TEXTS, "d1")
        stubber.assert_no_pending_responses()
    return changed


def _update(name: str, text: str, removed: Sequence[str] = (), **added: str) -> dict[str, Any]:
    found: dict[str, Any] = {"FeatureName": name, "Description": text}
    if added:
        found["ParameterAdditions"] = [{"Key": key, "Value": value} for key, value in added.items()]
    return found | ({"ParameterRemovals": list(removed)} if removed else {})


LAST = _update("case_id", "the patient", multimodal_texts="d1")


def test_features_of_a_new_group_are_described_and_the_digest_is_written_last() -> None:
    updates = [_update("x", "volume", unit="ml"), _update("y", "mean", unit="HU", ibsi="Q4LE"), LAST]
    assert _described({"case_id": ("", {})}, updates) == 2


def test_a_group_that_is_described_so_already_is_asked_once() -> None:
    assert _described({"case_id": ("the patient", {"multimodal_texts": "d1"})}, []) == 0


def test_only_what_changed_is_described_again_and_others_parameters_stay() -> None:
    answers = {
        "case_id": ("the patient", {"multimodal_texts": "d0"}),
        "x": ("volume", {"unit": "ml", "owner": "somebody"}),
        "y": ("mean", {"unit": "1", "timepoint": "surgery", "owner": "somebody"}),
    }
    updates = [_update("y", "mean", ["timepoint"], unit="HU", ibsi="Q4LE"), LAST]
    assert _described(answers, updates) == 1


def test_a_group_of_this_stack_is_taken_as_it_is() -> None:
    assert _definitions() == GROUP["FeatureDefinitions"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"RoleArn": ROLE + "2"}, "role"),
        ({"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://c/feature-store", "KmsKeyId": KEY}}}, "S3 URI"),
        ({"OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://b/feature-store"}}}, "KMS key"),
        ({"OfflineStoreStatus": {"Status": "Blocked"}}, "status is Blocked"),
        ({"RecordIdentifierFeatureName": "patient"}, "record identifier is patient"),
        ({"EventTimeFeatureName": "when"}, "event time is when"),
    ],
)
def test_a_group_of_another_is_not(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        _definitions(**changes)


@pytest.mark.parametrize(("groups", "status"), [(60, "SUCCESS"), (100, "FAILED")])
def test_cloudformation_is_told_within_what_it_takes(monkeypatch: pytest.MonkeyPatch, groups: int, status: str) -> None:
    sent: list[Any] = []

    def take(request: Any, timeout: int) -> io.BytesIO:
        sent.append(request)
        return io.BytesIO()

    monkeypatch.setattr("urllib.request.urlopen", take)
    event = {"StackId": "arn", "RequestId": "1", "LogicalResourceId": "FeatureGroups", "ResponseURL": "https://answer"}
    respond(
        event,
        "stream",
        {"Names": ",".join(f"multimodal-some_dataset_{n:03}-clinical-labels-v1" for n in range(groups))},
    )
    assert len(sent[0].data) <= MAX_ANSWER_BYTES
    told = json.loads(sent[0].data)
    assert told["Status"] == status
    assert "fewer datasets" in told["Reason"] or told["Data"]["Names"].count(",") == groups - 1


def test_an_announced_result_reads_like_its_event() -> None:
    queue = ResultQueue("https://sqs.us-east-1.amazonaws.com/111122223333/q")
    sent: list[str] = []
    with Stubber(queue._sqs) as sqs:
        sqs.add_response("send_message", {"MessageId": "m"}, {"QueueUrl": queue._url, "MessageBody": ANY})
        queue._sqs.meta.events.register(
            "before-parameter-build.sqs.SendMessage", lambda params, **_: sent.append(params["MessageBody"])
        )
        queue.announce("imaging/d/s/1.2/features.json")
    [body] = sent
    assert object_created({"messageId": "m", "body": body}).key == "imaging/d/s/1.2/features.json"


def test_a_list_goes_on_until_no_page_follows() -> None:
    asked: list[dict[str, str]] = []
    answers = iter(list[dict[str, Any]]([{"keys": [1], "Next": "a"}, {"keys": [], "Next": "b"}, {"keys": [2]}]))

    def operation(**request: str) -> dict[str, Any]:
        asked.append(request)
        return next(answers)

    assert [page["keys"] for page in pages(operation, "Token", "Next", Bucket="b")] == [[1], [], [2]]
    assert asked == [{"Bucket": "b"}, {"Bucket": "b", "Token": "a"}, {"Bucket": "b", "Token": "b"}]
