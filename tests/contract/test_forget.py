"""Forgetting a subject where objects have versions, the ledger has conditions and feature groups are Iceberg or not."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.features import Row, describe_group, read_features, run_query
from cli.removal.forget import find_traces, forget_subject
from cli.removal.objects import Bucket
from cli.removal.retract import retract_table
from cli.removal.text import mentions
from multimodal.clinical.report.tallies import case_hash
from tests.contract.local_cloud import Account, account_fixture, allow, wait_for
from tests.screen import Screen

account = account_fixture()
RAW, PROCESSED, STORE, TABLE, D = "raw", "processed", "store", "ledger", "d"
X, Y = "R01-1", "R01-10"
"""The name of one is the beginning of the other's."""
GZ = gzip.compress


def state(records: str, pending: tuple[str, ...] = ()) -> bytes:
    return json.dumps({"records": records, "pending": [{"run": run} for run in pending]}).encode()


UPLOADS: list[tuple[str, bytes]] = [
    *((f"imaging/{D}/{case}/ct/1.dcm", b"slice") for case in (X, X, Y)),
    (f"imaging/{D}/{X}.zip", b"in no subject's folder"),
    (f"imaging/{D}/_cohort.json", json.dumps({"subjects": [X, Y]}).encode()),
    (f"imaging/{D}/scans.tsv", f"participant_id\tage\n{X}\t50\n{Y}\t52\n".encode()),
    (f"genomics/{D}/{X}/a_R1.fastq.gz", b"reads"),
    (f"genomics/{D}/pool/one_R1.fastq.gz", b"reads"),
    (f"genomics/{D}/pool/ten_R1.fastq.gz", b"reads"),
    (
        f"genomics/{D}/samplesheet.csv",
        f"sample,fastq_1,fastq_2\n{X},pool/one_R1.fastq.gz,\n{Y},pool/ten_R1.fastq.gz,\n".encode(),
    ),
    (f"genomics/{D}/manifest of reads.txt", f"{X}\tpool/one_R1.fastq.gz\n{Y}\tpool/ten_R1.fastq.gz\n".encode()),
    (f"genomics/{D}/expression.csv", f"case,TP53\n{X},1\n{Y},2\n".encode()),
    (f"genomics/{D}/GSE1.txt.gz", GZ(f"\t{X}\t{Y}\nTP53\t1\t2\n".encode())),
    (f"genomics/{D}/star_salmon/merged.gene_counts.tsv", f"gene_id\t{X}\t{Y}\nTP53\t1\t2\n".encode()),
    (f"genomics/{D}/{Y}/purity.csv", f"sample,purity\n{X},0.4\n{Y},0.5\n".encode()),
    (f"genomics/{D}/salmon/{X}/quant.sf", b"Name\tTPM\n"),
    (f"clinical/{D}/a/table.csv", f"Case ID,age\n{X},50\n".encode()),
    (f"clinical/{D}/a/table.csv", f"Case ID,age\n{X},51\n{Y},52\n".encode()),
    (f"clinical/{D}/{X}.csv", b"Case ID,age\nsomebody,1\n"),
    ("clinical/other/table.csv", f"Case ID,age\n{X},50\n".encode()),
]
RESULTS: list[tuple[str, bytes]] = [
    *((f"imaging/{D}/{case}/ct/features.json", b"{}") for case in (X, Y)),
    (f"genomics/{D}/{X}/run.json", b"{}"),
    (f"clinical/{D}/_state/old.jsonl.gz", GZ(f'["g","{X}"]\n'.encode())),
    (f"clinical/{D}/_state/new.jsonl.gz", GZ(f'["g","{X}"]\n["g","{Y}"]\n'.encode())),
    (f"clinical/{D}/_state/state.json", state(f"clinical/{D}/_state/new.jsonl.gz", ("broken",))),
    (f"clinical/{D}/1/rejected.csv", f"row,case_id\n2,{X}\n3,{Y}\n".encode()),
    (f"clinical/{D}/1/profile.json", json.dumps({"cases": [case_hash(X), case_hash(Y)]}).encode()),
    ("runs/broken/parts/00000.jsonl.gz", GZ(f'["g",{{"case_id":"{X}"}}]\n["g",{{"case_id":"{Y}"}}]\n'.encode())),
    (
        "runs/both/plan.json",
        json.dumps({"units": [{"dataset": D, "subject": X}, {"dataset": D, "subject": Y}]}).encode(),
    ),
    ("runs/both/jobs.json", b"[]"),
    ("runs/broken/plan.json", json.dumps({"units": [{"dataset": D, "subject": "a/table.csv"}]}).encode()),
    ("runs/other/plan.json", json.dumps({"units": [{"dataset": "other", "subject": X}]}).encode()),
    ("runs/another/plan.json", json.dumps({"units": [{"dataset": D, "subject": Y}]}).encode()),
    ("runs/build/dataset.json", json.dumps({"request": {"dataset": D}}).encode()),
    ("runs/build/snapshots/0/part", b"PAR1 of whole groups"),
    (f"datasets/{D}/with/dataset.csv", f"case_id\n{X}\n{Y}\n".encode()),
    (f"datasets/{D}/with/dataset.parquet", b"PAR1"),
    (f"datasets/{D}/without/dataset.csv", f"case_id\n{Y}\n".encode()),
    (f"models/{D}/with/1/results.json", b"{}"),
    (f"models/{D}/with/2/predictions.csv", f"case_id\n{X}\n".encode()),
    (f"reports/{D}/index.html", f"<th>{X}</th>".encode()),
    (f"reports/{D}/_made.json", b'{"state": "s"}'),
    ("reports/other/index.html", f"<th>{X}</th>".encode()),
    (f"plans/{D}/plan.json", json.dumps({"refused": [{"example": f"imaging/{D}/{X}/a#b"}]}).encode()),
    (f"plans/{D}/plan.html", b"<h1>Plan</h1>"),
    ("queries/1.csv", b"an answer"),
]
LEFT = {
    *(f"imaging/{D}/{Y}/ct/1.dcm", f"imaging/{D}/_cohort.json", f"genomics/{D}/pool/ten_R1.fastq.gz"),
    *(f"genomics/{D}/GSE1.txt.gz", f"genomics/{D}/manifest of reads.txt"),
    *(f"genomics/{D}/samplesheet.csv", f"genomics/{D}/expression.csv", f"clinical/{D}/a/table.csv"),
    *(f"genomics/{D}/star_salmon/merged.gene_counts.tsv", f"genomics/{D}/{Y}/purity.csv"),
    *("clinical/other/table.csv", f"imaging/{D}/scans.tsv"),
    *(f"imaging/{D}/{Y}/ct/features.json", f"clinical/{D}/_state/new.jsonl.gz", f"clinical/{D}/_state/state.json"),
    *(f"clinical/{D}/1/rejected.csv", f"clinical/{D}/1/profile.json", "runs/broken/parts/00000.jsonl.gz"),
    *("runs/broken/plan.json", "runs/other/plan.json"),
    "reports/other/index.html",
    *("runs/another/plan.json", f"datasets/{D}/without/dataset.csv", f"models/{D}/with/1/results.json"),
}
UNITS: list[dict[str, Any]] = [
    *({"unit_id": f"imaging#{D}#{c}#ct", "dataset": D, "subject": c, "status": "COMPLETED"} for c in (X, Y)),
    {"unit_id": f"genomics#{D}#{X}", "dataset": D, "subject": X, "status": "QUARANTINED", "version": 3},
    {"unit_id": f"clinical#{D}#a/table.csv", "dataset": D, "subject": "a/table.csv", "status": "COMPLETED"},
    {"unit_id": f"imaging#{D}#-#-", "dataset": D, "subject": "-", "kind": "note", "reason_message": f"key {X}.zip"},
    {
        **{"unit_id": f"genomics#{D}#-samplesheet", "dataset": D, "subject": "-samplesheet", "status": "QUARANTINED"},
        **{"version": 7, "reason_code": "SAMPLESHEET_INVALID", "reason_details": {"problems": [f"row 2: {X}"]}},
    },
    {"unit_id": f"imaging#other#{X}#ct", "dataset": "other", "subject": X, "status": "COMPLETED"},
]


@pytest.fixture(scope="module")
def deployment(account: Account) -> Deployment:
    """Two buckets with versions and a ledger, as a stack would have them."""
    environment = account.cloud.environment()
    found = Deployment("stack", account._session, environment["AWS_ENDPOINT_URL"])
    outputs = {"RawBucketName": RAW, "ProcessedBucketName": PROCESSED, "LedgerTableName": TABLE}
    parameters = [{"ParameterKey": "DatasetNames", "ParameterValue": f"{D},empty"}]
    found.__dict__.update(outputs=outputs, description={"Parameters": parameters})
    for bucket in (RAW, PROCESSED):
        account.bucket(bucket)
        enabled = {"Status": "Enabled"}
        account.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    account.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "unit_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "unit_id", "KeyType": "HASH"}],
    )
    return found


@pytest.fixture
def filled(deployment: Deployment) -> Iterator[Deployment]:
    """The stack with two patients, of whom one was deleted without its versions once."""
    for name, objects in ((RAW, UPLOADS), (PROCESSED, RESULTS)):
        for key, body in objects:
            deployment.s3.put_object(Bucket=name, Key=key, Body=body)
    deployment.s3.delete_object(Bucket=RAW, Key=f"genomics/{D}/{X}/a_R1.fastq.gz")
    for unit in UNITS:
        deployment.ledger.put_item(Item=unit)
    yield deployment
    for name in (RAW, PROCESSED):
        bucket = Bucket(deployment, name)
        bucket.remove(list(bucket.versions("")))
    for unit in UNITS:
        deployment.ledger.delete_item(Key={"unit_id": unit["unit_id"]})


def forget(deployment: Deployment, subject: str = X, dataset: str = "", **options: bool) -> tuple[bool, str]:
    settings = {"confirmed": True, "rewrite_tables": True, **options}
    console = Screen(200)
    gone = forget_subject(console, deployment, subject, dataset, **settings)
    return gone, console.text


def everything(deployment: Deployment) -> dict[str, list[bytes]]:
    """Every key of both buckets with the content of each of its versions, the latest first."""
    found: dict[str, list[bytes]] = {}
    for name in (RAW, PROCESSED):
        bucket = Bucket(deployment, name)
        for version in bucket.versions(""):
            found.setdefault(version.key, []).append(bucket.read(version))
    return found


def items(deployment: Deployment) -> dict[str, dict[str, Any]]:
    return {str(item["unit_id"]): dict(item) for item in deployment.ledger.scan()["Items"]}


def named(deployment: Deployment) -> set[str]:
    """Whatever names the subject: keys, contents, hashes and ledger items, of the other dataset too."""
    hashed = case_hash(X).encode()
    objects = {
        key
        for key, bodies in everything(deployment).items()
        if mentions(key.encode(), X) or any(mentions(body, X) or hashed in body for body in bodies)
    }
    return objects | {name for name, item in items(deployment).items() if mentions(str(item).encode(), X)}


def test_a_dry_run_lists_everything_and_changes_nothing(filled: Deployment) -> None:
    before = everything(filled), items(filled)
    gone, said = forget(filled, confirmed=False)
    assert gone
    assert (everything(filled), items(filled)) == before
    for words in (
        *(f"imaging#{D}#{X}#ct", f"imaging/{D}/{X}/ct/1.dcm", f"datasets/{D}/with/", "rewrite   a row of"),
        *(f"models/{D}/with/1/: trained with the patient", "Nothing was removed", "access logs", "365 days"),
    ):
        assert words in said
    assert f"{Y}/ct" not in said


@pytest.mark.parametrize("rewrite_tables", [True, False])
def test_a_dry_run_names_the_option_for_tables_where_it_is_missing(filled: Deployment, *, rewrite_tables: bool) -> None:
    said = forget(filled, confirmed=False, rewrite_tables=rewrite_tables)[1]
    assert ("--rewrite-tables removes the row" in said) is not rewrite_tables


def test_nothing_of_the_subject_is_left_and_everything_of_the_other_is(filled: Deployment) -> None:
    others = {name: item for name, item in items(filled).items() if Y in name or "table" in name}
    assert len(named(filled)) > 20, "else the look for it sees nothing"
    assert forget(filled)[0]
    others_dataset = {"clinical/other/table.csv", "runs/other/plan.json", "reports/other/index.html"}
    assert named(filled) == {*others_dataset, f"imaging#other#{X}#ct"}
    left = everything(filled)
    assert set(left) == LEFT
    assert all(len(versions) == 1 for versions in left.values())
    assert left[f"clinical/{D}/a/table.csv"] == [f"Case ID,age\n{Y},52\n".encode()]
    assert left[f"genomics/{D}/star_salmon/merged.gene_counts.tsv"] == [f"gene_id\t{Y}\nTP53\t2\n".encode()]
    assert left[f"genomics/{D}/{Y}/purity.csv"] == [f"sample,purity\n{Y},0.5\n".encode()]
    assert left[f"imaging/{D}/scans.tsv"] == [f"participant_id\tage\n{Y}\t52\n".encode()]
    assert left[f"clinical/{D}/_state/new.jsonl.gz"] == [f'["g","{Y}"]\n'.encode()]
    assert json.loads(left[f"clinical/{D}/1/profile.json"][0]) == {"cases": [case_hash(Y)]}
    now = items(filled)
    assert {name: now[name] for name in others} == others
    sheet = now[f"genomics#{D}#-samplesheet"]
    assert (sheet["reason_code"], sheet["version"]) == ("SAMPLESHEET_INVALID", 8)


def test_a_repetition_finds_nothing(filled: Deployment) -> None:
    forget(filled)
    before = everything(filled)
    gone, said = forget(filled)
    assert gone
    assert "Nothing names the subject" in said
    assert everything(filled) == before


def test_tables_of_many_patients_stay_unless_asked_for(filled: Deployment) -> None:
    gone, said = forget(filled, rewrite_tables=False)
    assert not gone
    assert "still has the patient's row" in said
    assert "--rewrite-tables" in said
    table = everything(filled)[f"clinical/{D}/a/table.csv"]
    assert table[0] == f"Case ID,age\n{X},51\n{Y},52\n".encode()
    assert len(table) == 1, "the earlier version was of use to nobody"
    assert forget(filled)[0]


@pytest.mark.parametrize("status", ["PROCESSING", "PROCESSED"])
@pytest.mark.parametrize("unit", [f"imaging#{D}#{X}#ct", f"clinical#{D}#a/table.csv"])
def test_nothing_is_removed_while_something_is_at_work(filled: Deployment, unit: str, status: str) -> None:
    item = next(each for each in UNITS if each["unit_id"] == unit)
    filled.ledger.put_item(Item={**item, "status": status})
    before = everything(filled)
    with pytest.raises(CommandError, match="Nothing was removed: still at work"):
        forget(filled)
    assert everything(filled) == before


def test_a_run_of_another_patient_is_no_reason_to_wait(filled: Deployment) -> None:
    item = next(each for each in UNITS if each["unit_id"] == f"imaging#{D}#{Y}#ct")
    filled.ledger.put_item(Item={**item, "status": "PROCESSING"})
    assert forget(filled)[0]


def test_a_unit_that_starts_meanwhile_is_left_alone(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = find_traces(filled, D, X)
    unit: dict[str, Any] = {
        "unit_id": f"genomics#{D}#{X}",
        "dataset": D,
        "subject": X,
        "status": "QUARANTINED",
        "version": 4,
    }
    filled.ledger.put_item(Item=unit)
    monkeypatch.setattr("cli.removal.forget.find_traces", lambda *_: seen)
    with pytest.raises(CommandError, match="changed meanwhile"):
        forget(filled)
    assert f"genomics#{D}#{X}" in items(filled)
    assert f"genomics/{D}/{X}/a_R1.fastq.gz" in everything(filled)


def test_a_table_that_is_uploaded_meanwhile_is_not_replaced(filled: Deployment) -> None:
    bucket, key = Bucket(filled, RAW), f"clinical/{D}/a/table.csv"
    (latest,) = (version for version in bucket.versions(key) if version.is_latest)
    filled.s3.put_object(Bucket=RAW, Key=key, Body=b"Case ID,age\nnew,1\n")
    with pytest.raises(CommandError, match="changed meanwhile"):
        bucket.replace(latest, b"old")


class _CrashError(Exception):
    pass


def _crashing(calls: int, action: Callable[..., Any]) -> Callable[..., Any]:
    """Return an action that ends the program after some calls."""
    left = [calls]

    def act(*arguments: Any, **named_arguments: Any) -> Any:
        if not left[0]:
            raise _CrashError
        left[0] -= 1
        return action(*arguments, **named_arguments)

    return act


@pytest.mark.parametrize("subject", ["R01-2", "R01", "r01-1"])
def test_a_misspelt_subject_costs_nobody_anything(filled: Deployment, subject: str) -> None:
    before = everything(filled), items(filled)
    gone, said = forget(filled, subject)
    assert gone
    assert "Is it spelt so?" in said
    assert (everything(filled), items(filled)) == before


@pytest.mark.parametrize("writes", [0, 1, 2, 8, 16, 21, 26])
def test_after_a_crash_a_repetition_removes_the_rest(
    filled: Deployment, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    with monkeypatch.context() as patched:
        act = _crashing(writes, lambda write, *arguments: write(*arguments))
        remove, replace = Bucket.remove, Bucket.replace
        patched.setattr(Bucket, "remove", lambda *a: act(remove, *a))
        patched.setattr(Bucket, "replace", lambda *a: act(replace, *a))
        with pytest.raises(_CrashError):
            forget(filled)
    assert forget(filled)[0]
    assert set(everything(filled)) == LEFT


@pytest.mark.parametrize(("subject", "dataset"), [("", ""), ("-samplesheet", ""), ("a/b", ""), (X, "unknown")])
def test_what_cannot_be_meant_is_refused(deployment: Deployment, subject: str, dataset: str) -> None:
    with pytest.raises(UsageError):
        forget(deployment, subject, dataset)


def _group(account: Account, role: str, name: str, table_format: str) -> None:
    sagemaker = account.client("sagemaker")
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="case_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[
            {"FeatureName": n, "FeatureType": "String"} for n in ("case_id", "event_time", "note", "source_uri")
        ],
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": f"s3://{STORE}/feature-store"}, "TableFormat": table_format},
        RoleArn=role,
    )
    wait_for(lambda: sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"] == "Created" or None)


@pytest.fixture(scope="module")
def groups(account: Account, deployment: Deployment) -> dict[str, str]:
    """A group of each format with two records of each patient, the second of which corrects the first."""
    account.bucket(STORE)
    versioning = {"Status": "Enabled"}
    account.client("s3").put_bucket_versioning(Bucket=STORE, VersioningConfiguration=versioning)
    stored = allow("s3:*", [f"arn:aws:s3:::{STORE}/*", f"arn:aws:s3:::{STORE}"])
    role = account.role("store", "sagemaker", stored)
    names = {kind: f"stack-{D}-{kind.lower()}-v1" for kind in ("Iceberg", "Glue")}
    records = account.client("sagemaker-featurestore-runtime")
    for kind, name in names.items():
        _group(account, role, name, kind)
        for case, note in ((X, "first"), (Y, "first"), (X, "second"), (Y, "second")):
            values = {"case_id": case, "event_time": "2020-01-01T00:00:00Z", "note": f"{note} of {case}"}
            record = [{"FeatureName": key, "ValueAsString": value} for key, value in values.items()]
            records.put_record(FeatureGroupName=name, Record=record)
    return names


def stored(deployment: Deployment, group: str, subject: str) -> list[Row]:
    table = describe_group(deployment, group)
    sql = f"SELECT * FROM {table.qualified_table} WHERE case_id = '{subject}' ORDER BY note"
    return run_query(deployment, sql, database=table.database)


def in_files(deployment: Deployment, group: str, subject: str) -> bool:
    """Whether any version of any file of a group has the subject's name in its bytes."""
    bucket = Bucket(deployment, STORE)
    return any(mentions(bucket.read(v), subject) for v in bucket.versions("feature-store/") if f"/{group}" in v.key)


def test_rows_of_iceberg_are_erased_with_their_files_and_those_of_glue_are_named(
    deployment: Deployment, groups: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    iceberg, glue = groups["Iceberg"], groups["Glue"]
    before = {name: stored(deployment, name, Y) for name in groups.values()}
    assert len(before[iceberg]) == len(stored(deployment, iceberg, X)) == 2
    assert in_files(deployment, iceberg, X), "else the look for it sees nothing"
    gone, said = forget(deployment)
    assert not gone, "of the Glue group"
    assert f"{glue} still has" in said
    assert iceberg not in said.rpartition("What stays")[2]
    assert stored(deployment, iceberg, X) == []
    assert not in_files(deployment, iceberg, X)
    assert in_files(deployment, iceberg, Y)
    assert [row["is_deleted"] for row in stored(deployment, glue, X)].count(True) == 1
    assert {name: stored(deployment, name, Y) for name in groups.values()} == before
    assert read_features(deployment, describe_group(deployment, glue))[0]["case_id"] == Y, "the mark hides it"
    forget(deployment)
    assert len(stored(deployment, glue, X)) == 3, "a repetition adds no mark"


def test_an_erasure_that_broke_off_before_the_files_is_finished(
    deployment: Deployment, groups: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"case_id": "late", "event_time": "2020-01-01T00:00:00Z", "note": "of late"}
    values = [{"FeatureName": key, "ValueAsString": value} for key, value in record.items()]
    deployment.feature_records.put_record(FeatureGroupName=groups["Iceberg"], Record=values)  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        patched.setattr("cli.removal.store.sleep", _crashing(0, bool))
        with pytest.raises(_CrashError):
            forget(deployment, "late")
    assert stored(deployment, groups["Iceberg"], "late") == []
    assert in_files(deployment, groups["Iceberg"], "late")
    forget(deployment, "late")
    assert not in_files(deployment, groups["Iceberg"], "late")
    assert list(Bucket(deployment, PROCESSED).versions("forget/")) == []


WRONG, RIGHT = f"clinical/{D}/wrong.csv", f"clinical/{D}/right.csv"


@pytest.fixture
def tables(filled: Deployment, groups: dict[str, str]) -> Iterator[list[Row]]:
    """Two tables of an Iceberg group: the second corrects the case A of the first and adds the case B."""
    bucket, group = Bucket(filled, PROCESSED), groups["Iceberg"]
    for case, note, key in (("A", "right", RIGHT), ("A", "wrong", WRONG), ("B", "wrong", WRONG)):
        values = {
            "case_id": case,
            "event_time": "2020-01-01T00:00:00Z",
            "note": note,
            "source_uri": f"s3://{RAW}/{key}",
        }
        record: Any = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
        filled.feature_records.put_record(FeatureGroupName=group, Record=record)
    for key, status in ((WRONG, "COMPLETED"), (RIGHT, "COMPLETED"), (f"clinical/{D}/held.csv", "QUARANTINED")):
        filled.s3.put_object(Bucket=RAW, Key=key, Body=b"Case ID,age\n")
        name = key.rpartition("/")[2]
        item = {
            "unit_id": f"clinical#{D}#{name}",
            "dataset": D,
            "subject": name,
            "status": status,
            "content_version": f"of-{name}",
        }
        filled.ledger.put_item(Item=item)
    entries = [[group, case, "f", "2020", "2026"] for case in ("A", "B", "C")]
    lines = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    bucket.put(f"clinical/{D}/_state/new.jsonl.gz", GZ(lines.encode()))
    pending = [{"run": run, "parts": 1, "uploaded_at": "2026"} for run in ("of-wrong", "of-right")]
    for run, name in (("of-wrong", "wrong.csv"), ("of-right", "right.csv")):
        unit = {"unit_id": f"clinical#{D}#{name}", "content_version": f"before-{name}"}
        bucket.put(f"runs/{run}/plan.json", json.dumps({"units": [unit]}).encode())
        bucket.put(f"runs/{run}/parts/00000.jsonl.gz", GZ(b'["g",{"case_id":"A"}]\n'))
        for content in (f"before-{name}", f"of-{name}"):
            bucket.put(f"clinical/{D}/{content}/rejected.csv", b"A,age,NOT_A_NUMBER\n")
    made: dict[str, Any] = {"run": "before", "records": f"clinical/{D}/_state/new.jsonl.gz", "pending": pending}
    made["profile"] = f"clinical/{D}/of-wrong.csv/profile.json"
    bucket.put(f"clinical/{D}/_state/state.json", json.dumps(made).encode())
    yield stored(filled, group, "A")
    run_query(filled, f"DELETE FROM {describe_group(filled, group).qualified_table} WHERE note IN ('right', 'wrong')",
              database=describe_group(filled, group).database)  # fmt: skip
    for name in ("wrong.csv", "right.csv", "held.csv"):
        filled.ledger.delete_item(Key={"unit_id": f"clinical#{D}#{name}"})


def retract(deployment: Deployment, key: str = WRONG, *, confirmed: bool = True, purge: bool = False) -> str:
    console = Screen(200)
    retract_table(console, deployment, key, confirmed=confirmed, purge=purge)
    return console.text


def _state(deployment: Deployment) -> tuple[dict[str, Any], list[str]]:
    bucket = Bucket(deployment, PROCESSED)
    read = {key: bucket.latest(key) for key in everything(deployment) if key.startswith(f"clinical/{D}/_state/")}
    document = json.loads(bucket.read(read[f"clinical/{D}/_state/state.json"]))  # type: ignore[arg-type]
    records = bucket.read(read[document["records"]]).decode()  # type: ignore[arg-type]
    return document, [json.loads(line)[1] for line in records.splitlines()]


def test_a_table_is_taken_back_and_the_others_run_again(
    filled: Deployment, groups: dict[str, str], tables: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str] = []
    monkeypatch.setattr("cli.removal.retract.request_reruns", lambda _deployment, ids: again.extend(ids))
    assert [row["note"] for row in tables] == ["right", "wrong"]
    counted = retract(filled, confirmed=False)
    assert "rows of 2 cases" in counted
    assert stored(filled, groups["Iceberg"], "A") == tables
    retract(filled, f"s3://{RAW}/{WRONG}")
    assert [row["note"] for row in stored(filled, groups["Iceberg"], "A")] == ["right"]
    assert stored(filled, groups["Iceberg"], "B") == []
    assert stored(filled, groups["Iceberg"], Y), "another table's rows"
    state, cases = _state(filled)
    assert cases == ["C"], "the next table that has A or B writes it"
    assert (state["run"] != "before", state["profile"]) == (True, "")
    assert [each["run"] for each in state["pending"]] == ["of-right"]
    assert again[-1:] == [f"clinical#{D}#right.csv"], "what it had corrected comes back; a held table is not started"
    assert f"clinical#{D}#held.csv" not in again
    assert f"clinical#{D}#wrong.csv" not in items(filled)
    assert Bucket(filled, RAW).latest(WRONG) is None
    assert len([v for v in Bucket(filled, RAW).versions(WRONG) if not v.is_marker]) == 1, "not forgotten"
    with pytest.raises(UsageError, match="No table was uploaded"):
        retract(filled)
    retract(filled, confirmed=False, purge=True)
    assert list(Bucket(filled, RAW).versions(WRONG)), "only counted"
    other = f"{WRONG}.csv"
    filled.s3.put_object(Bucket=RAW, Key=other, Body=b"x")
    assert "with all versions" in retract(filled, purge=True)
    assert [version.key for version in Bucket(filled, RAW).versions(WRONG)] == [other]
    with pytest.raises(UsageError, match="No table was uploaded"):
        retract(filled, purge=True)


@pytest.mark.usefixtures("tables")
def test_a_table_is_taken_back_with_its_versions(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.removal.retract.request_reruns", lambda *_: None)
    processed, before = Bucket(filled, PROCESSED), everything(filled)
    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "remove", _crashing(1, Bucket.remove))
        with pytest.raises(_CrashError):
            retract(filled, purge=True)
    assert "90 days" not in retract(filled, purge=True)
    assert list(Bucket(filled, RAW).versions(WRONG)) == []
    gone = {key for key in before if key not in everything(filled)}
    assert gone == {
        *(f"runs/of-wrong/{name}" for name in ("plan.json", "parts/00000.jsonl.gz")),
        *(f"clinical/{D}/{when}-wrong.csv/rejected.csv" for when in ("before", "of")),
        WRONG,
    }
    assert not [each.key for each in processed.versions("") if each.key in gone]


@pytest.mark.usefixtures("groups", "tables")
def test_after_a_table_that_wrote_nothing_no_other_runs(filled: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[str] = []
    monkeypatch.setattr("cli.removal.retract.request_reruns", lambda _deployment, ids: again.extend(ids))
    text = retract(filled, f"clinical/{D}/held.csv")
    assert ("held.csv is taken back" in text, "run again" in text, again) == (True, False, [])
    assert f"clinical#{D}#held.csv" not in items(filled)


def test_a_retraction_that_broke_off_before_the_rows_is_finished(
    filled: Deployment, groups: dict[str, str], tables: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[str] = []
    monkeypatch.setattr("cli.removal.retract.request_reruns", lambda _deployment, ids: again.extend(ids))
    with monkeypatch.context() as patched:
        patched.setattr("cli.removal.retract.run_statement", _crashing(0, bool))
        with pytest.raises(_CrashError):
            retract(filled)
    assert stored(filled, groups["Iceberg"], "A") == tables
    retract(filled)
    assert stored(filled, groups["Iceberg"], "B") == []


@pytest.mark.parametrize(
    ("key", "message"),
    [(f"imaging/{D}/{X}/ct/1.dcm", "no clinical table"), (f"clinical/{D}/never.csv", "No table"), ("x", "no clinical")],
)
@pytest.mark.usefixtures("groups")
def test_what_no_table_is_cannot_be_taken_back(filled: Deployment, key: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        retract(filled, key)


@pytest.mark.usefixtures("tables")
def test_nothing_is_taken_back_while_a_table_is_at_work(filled: Deployment) -> None:
    item = {"unit_id": f"clinical#{D}#right.csv", "dataset": D, "subject": "right.csv", "status": "PROCESSING"}
    filled.ledger.put_item(Item=item)
    with pytest.raises(CommandError, match=r"still at work: right\.csv"):
        retract(filled)
    assert Bucket(filled, RAW).latest(WRONG)


@pytest.mark.usefixtures("tables")
def test_rows_that_cannot_be_deleted_are_told(filled: Deployment, groups: dict[str, str]) -> None:
    values = {"case_id": "G", "event_time": "2020-01-01T00:00:00Z", "note": "n", "source_uri": f"s3://{RAW}/{WRONG}"}
    record: Any = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
    filled.feature_records.put_record(FeatureGroupName=groups["Glue"], Record=record)
    with pytest.raises(CommandError, match="cannot be deleted"):
        retract(filled)
    assert Bucket(filled, RAW).latest(WRONG)
