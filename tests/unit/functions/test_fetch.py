"""Fetching public series: manifests as they are downloaded, bad ones, and copies that are whole or not there."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fetch import app
from multimodal.imaging.completeness import ImagingRules
from multimodal.imaging.fetch import BATCH, LICENCE_NAME, StudyCopier, study_items
from multimodal.imaging.known_series import look_up_shipped, read_shipped, shipped_manifests
from multimodal.imaging.series_manifest import (
    ARCHIVE_BUCKETS,
    MAX_SERIES,
    Series,
    UnknownSeriesError,
    is_manifest_table,
    manifest_text,
    parse_manifest,
)
from multimodal.ledger.errors import BadInputError, InvalidRequestError, RetryableError
from multimodal.ledger.listing import Complete, CompletionTimeouts, Decision, Quarantine, Wait
from multimodal.ledger.ports import Ports, StoredObject
from multimodal.ledger.unit import LedgerItem, Status, Unit
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key
from multimodal.pipeline.fetching import ManifestReader, StudyFetcher
from multimodal.planning.estimate import Settings
from multimodal.planning.uploaded import PlanWriter
from tests.unit.functions.fakes import FakeClock, FakeLedger, FakeMetrics, FakeObjects

DATASET = "nsclc_radiogenomics"
UUID = "01234567-89ab-4cde-8f01-23456789abc"
CT = Series("R01-001", "1.2.3", "1.2.3.1", "CT", "idc-open-data", f"{UUID}1", "CC BY 3.0", "10.1/x", 2_500_000)
SEG = Series("R01-001", "1.2.3", "1.2.3.2", "SEG", "idc-open-data", f"{UUID}2", "CC BY 4.0")
OTHER = Series("R01-002", "1.2.4", "1.2.4.1", "CT", "idc-open-data-two", f"{UUID}3", "CC BY-NC 3.0")
ALL = [CT, SEG, OTHER]
MANIFEST = f"imaging/{DATASET}/_manifest.csv"


def _known(names: Sequence[str]) -> Mapping[str, Series]:
    known = {name: series for series in ALL for name in (series.series, series.address)}
    return {name: known[name] for name in names if name in known}


def _refused(name: str, text: str) -> str:
    with pytest.raises(BadInputError) as caught:
        parse_manifest(name, text, _known)
    assert caught.value.reason_code == "MANIFEST_INVALID"
    return caught.value.message


# Manifests


def test_a_manifest_that_was_written_reads_back_the_same() -> None:
    assert parse_manifest("_manifest.csv", manifest_text(ALL), _known) == ALL


def test_columns_may_come_in_any_order_and_case_with_others_between() -> None:
    text = "\ufeffmodality,extra,LICENSE_SHORT_NAME,series_aws_url,seriesInstanceUID,StudyInstanceUID,PatientID\r\n"
    text += f"seg,x,CC BY 4.0,s3://idc-open-data/{UUID}2/*,1.2.3.2,1.2.3,R01-001\r\n\r\n"
    assert parse_manifest("_manifest.csv", text, _known) == [SEG]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_spreadsheets_separate_columns_in_their_own_way(delimiter: str) -> None:
    text = manifest_text(ALL).replace(",", delimiter)
    assert parse_manifest("_manifest.csv", text, _known) == ALL


def test_the_portals_commands_are_looked_up_by_address() -> None:
    text = f"# comment\n\ncp s3://idc-open-data/{UUID}1/* .\n"
    text += f"s5cmd --no-sign-request cp 's3://idc-open-data/{UUID}2/*' ./x\n"
    assert parse_manifest("_manifest.s5cmd", text, _known) == [CT, SEG]


@pytest.mark.parametrize(
    "command",
    [
        'sync {}* "C:\\\\my folder"',
        """cp "{}*" '/home/me/my folder/'""",
        "cp --show-progress {}* /home/me/my\\ folder/ # CT",
        "aws s3 sync --no-sign-request {} ./x",
        "aws s3 cp --recursive '{}' s3://mine/x/",
        "{}*",
    ],
)
@pytest.mark.parametrize("name", ["download.s5cmd", "download.sh", "download.txt"])
def test_a_command_is_read_by_its_first_address(command: str, name: str) -> None:
    text = "#!/bin/sh\r\n" + "\r\n".join(command.format(series.address) for series in ALL)
    assert parse_manifest(name, text, _known) == ALL


def test_commands_of_a_foreign_bucket_are_told_as_such() -> None:
    message = _refused("_manifest.s5cmd", f"cp s3://idc-open-data/{UUID}1/* .\ncp s3://public-datasets-idc/x/* .\n")
    assert "row 2: s3://public-datasets-idc/ is none of the archive's buckets" in message


@pytest.mark.parametrize("name", ["list.tcia", "list.txt", "list.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "1.2.3.1\n1.2.4.1\n",
        "# lung\n\n1.2.3.1,\n1.2.4.1,\n",
        "downloadServerUrl=https://example.org/x=y\nListOfSeriesToDownload = '1.2.3.1', '1.2.4.1'\n",
    ],
)
def test_series_are_listed_with_and_without_nbias_settings(name: str, text: str) -> None:
    assert parse_manifest(name, text, _known) == [CT, OTHER]


@pytest.mark.parametrize("before", ['"sep=,"\r\n', "# idc-index 0.13\n\n", "\n \n"])
def test_lines_before_a_table_are_passed_over_and_counted(before: str) -> None:
    assert parse_manifest("_manifest.csv", before + manifest_text(ALL), _known) == ALL
    row = len(before.splitlines()) + 2
    assert f"row {row}: it has no licence" in _refused(
        "_manifest.csv", before + manifest_text([replace(CT, licence="")])
    )


@pytest.mark.parametrize("dropped", ["PatientID", "StudyInstanceUID", "series_aws_url", "license_short_name"])
def test_series_without_patient_study_address_or_licence_are_looked_up(dropped: str) -> None:
    assert parse_manifest("_manifest.csv", manifest_text(ALL).replace(dropped, "note", 1), _known) == ALL


@pytest.mark.parametrize(
    "licence", ["", "NaN", "<NA>", "?", "n/a", "Not specified", "no license", "TBD", "to be confirmed"]
)
def test_a_licence_that_says_nothing_is_none(licence: str) -> None:
    assert "row 2: it has no licence" in _refused("_manifest.csv", manifest_text([replace(CT, licence=licence)]))


@pytest.mark.parametrize(
    "licence", ["CC0", "National Library of Medicine Terms and Conditions; May 21, 2019", "No rights reserved"]
)
def test_a_licence_of_any_name_is_one(licence: str) -> None:
    series = replace(CT, licence=licence)
    assert parse_manifest("_manifest.csv", manifest_text([series]), _known) == [series]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("PatientID,StudyInstanceUID,SeriesInstanceUID,series_aws_url,split", True),
        (
            ",collection_id,PatientID,PatientSex,StudyInstanceUID,SeriesInstanceUID,crdc_series_uuid,series_size_MB",
            True,
        ),
        ("Series UID;Collection;3rd Party Analysis;Subject ID;Study UID;Number of Images;File Location", True),
        ("sep=;\nSeriesInstanceUID", True),
        ("case_id,StudyInstanceUID,SeriesInstanceUID,age,stage,os_days", False),
        ("PatientID,PatientSex,StudyInstanceUID,SeriesInstanceUID,Histology", False),
        ("PatientID,StudyInstanceUID,Manufacturer", False),
    ],
)
def test_a_clinical_table_that_names_series_is_no_manifest(header: str, expected: bool) -> None:
    assert is_manifest_table(f"\ufeff{header}\n1,2\n") is expected


def test_nbias_manifest_is_looked_up_by_uid() -> None:
    text = "downloadServerUrl=https://example.org/x\nmanifestVersion=3.0\nListOfSeriesToDownload=\n1.2.3.1\n1.2.4.1\n"
    assert parse_manifest("_manifest.tcia", text, _known) == [CT, OTHER]
    assert parse_manifest("_manifest.tcia", text.replace("=\n1.2.3.1", "=1.2.3.1"), _known) == [CT, OTHER]


def test_nbias_table_of_series_is_looked_up_by_uid() -> None:
    text = "Series UID,Collection,Subject ID,Study UID,Modality,License Name\n1.2.3.2,N,R01-001,1.2.3,SEG,CC BY\n"
    assert parse_manifest("_manifest.csv", text, _known) == [SEG]


def test_a_series_that_is_named_twice_is_fetched_once() -> None:
    assert parse_manifest("_manifest.csv", manifest_text([CT, CT]), _known) == [CT]


@pytest.mark.parametrize(
    ("series", "part"),
    [
        (replace(CT, bucket="somebodys-bucket"), "none of the archive's buckets"),
        (replace(CT, bucket="idc-open-data-evil"), "none of the archive's buckets"),
        (replace(CT, licence=""), "has no licence"),
        (replace(SEG, series="1.2.3.3"), "another series' address"),
        (replace(CT, patient=""), "PatientID"),
        (replace(CT, patient="../x"), "PatientID"),
        (replace(CT, patient="a#b"), "PatientID"),
        (replace(CT, study="x"), "StudyInstanceUID is no UID"),
        (replace(CT, series="1." * 40 + "1"), "is no UID"),
    ],
)
def test_what_is_wrong_with_a_row_is_named_and_nothing_is_used(series: Series, part: str) -> None:
    message = _refused("_manifest.csv", manifest_text([SEG, series]))
    assert part in message
    assert "row 3" in message
    assert "nothing was copied" in message


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("_manifest.csv", "", "lacks PatientID"),
        ("_manifest.csv", manifest_text([]), "names no series"),
        ("_manifest.csv", "PatientID,series_aws_url\nR01-001,s3://a/b/\n", "StudyInstanceUID, SeriesInstanceUID"),
        ("_manifest.csv", manifest_text([CT]) + "R01-002\n", "row 3 has 1 values for 8 columns"),
        ("_manifest.csv", manifest_text([CT]).replace("s3://idc", "https://idc"), "is no address"),
        ("_manifest.csv", 'PatientID,"x\n', "not CSV"),
        ("_manifest.csv", manifest_text([CT]).replace("R01", "\ufffd"), "not UTF-8"),
        ("_manifest.csv", manifest_text([CT]).replace("Modality", "patientid"), "patientid twice"),
        ("_manifest.s5cmd", "rm -rf /\n", "line 1 is no command"),
        ("_manifest.s5cmd", "cp /etc/passwd .\n", "line 1 is no command"),
        ("_manifest.s5cmd", f"cp gs://idc-open-data/{UUID}1/* .\n", "line 1 is no command"),
        ("_manifest.tcia", "ListOfSeriesToDownload=\nhello\n", "line 2 is no SeriesInstanceUID"),
        ("_manifest.tcia", "ListOfSeriesToDownload=\n", "names no series"),
    ],
)
def test_text_that_is_no_manifest_is_told(name: str, text: str, part: str) -> None:
    assert part in _refused(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_manifest.tcia", "ListOfSeriesToDownload=\nJane Doe,1950-01-31\n"),
        ("_manifest.s5cmd", "Jane Doe,1950-01-31\n"),
        ("_manifest.csv", "SeriesInstanceUID\nJane Doe\n"),
        ("_manifest.csv", manifest_text([CT]).replace("s3://", "Jane Doe")),
        ("_manifest.csv", manifest_text([replace(CT, study="Jane Doe", series="Jane Doe", licence="")])),
        ("_manifest.csv", manifest_text([CT, SEG]).replace("1.2.3.2", "Jane Doe").replace("1.2.3.1", "Jane Doe")),
    ],
)
def test_no_value_of_a_table_that_is_no_manifest_is_quoted(name: str, text: str) -> None:
    assert "Jane" not in _refused(name, text)


def test_what_is_wrong_with_all_rows_is_said_once() -> None:
    rows = [replace(CT, bucket="other", series=f"1.2.3.{n}") for n in range(50)]
    assert _refused("_manifest.csv", manifest_text(rows)).count("none of the archive's buckets") == 1


def test_a_study_of_two_patients_is_no_study() -> None:
    message = _refused("_manifest.csv", manifest_text([CT, replace(SEG, patient="R01-009")]))
    assert "another PatientID" in message


def test_a_series_with_two_addresses_is_ambiguous() -> None:
    assert "with other values" in _refused("_manifest.csv", manifest_text([CT, replace(CT, prefix="x")]))


def test_unknown_series_are_counted_and_the_way_out_is_named() -> None:
    with pytest.raises(UnknownSeriesError, match=r"1 of 2 series of _manifest\.tcia.*multimodal fetch"):
        parse_manifest("_manifest.tcia", "ListOfSeriesToDownload=\n1.2.3.1\n9.9.9\n", _known)


def test_a_manifest_of_more_than_a_hundred_thousand_series_is_refused() -> None:
    line = manifest_text([CT]).splitlines()[1] + "\n"
    assert "more than 100,000" in _refused("_manifest.csv", manifest_text([]) + line * (MAX_SERIES + 1))


# What is shipped


def test_the_articles_cohort_is_shipped() -> None:
    series = read_shipped("nsclc_radiogenomics")
    assert len({s.patient for s in series}) == 144
    assert {s.modality for s in series} == {"CT", "SEG"}
    assert round(sum(s.size for s in series) / 1e9, 1) == 21.8
    assert {s.licence for s in series} == {"CC BY 3.0"}
    assert all(s.bucket in ARCHIVE_BUCKETS for s in series)
    of_studies: dict[str, set[str]] = {}
    for each in series:
        of_studies.setdefault(each.study, set()).add(each.modality)
    assert all(modalities == {"CT", "SEG"} for modalities in of_studies.values())


def test_the_models_segmentations_are_of_other_patients_and_name_their_source() -> None:
    own, ai = read_shipped("nsclc_radiogenomics"), read_shipped("nsclc_radiogenomics_ai")
    assert not {s.patient for s in own} & {s.patient for s in ai}
    assert {(s.licence, s.source) for s in ai if s.modality == "SEG"} == {("CC BY 4.0", "10.5281/zenodo.8345959")}


def test_shipped_series_are_found_by_uid_and_by_address() -> None:
    assert shipped_manifests() == ["nsclc_radiogenomics", "nsclc_radiogenomics_ai"]
    one = read_shipped("nsclc_radiogenomics")[0]
    assert look_up_shipped([one.series, one.address, "9.9"]) == {one.series: one, one.address: one}


# Copies


class FakeArchive:
    """Public buckets in memory; a copy lands in RawBucket, and every one is counted."""

    def __init__(self, raw: FakeObjects | None = None) -> None:
        self.raw = raw or FakeObjects("raw")
        self.sources: dict[tuple[str, str], bytes] = {}
        self.copies: list[str] = []
        self.breaks_at = "nowhere"

    def hold(self, series: Series, count: int) -> None:
        for number in range(count):
            self.sources[series.bucket, f"{series.prefix}/{number:04d}.dcm"] = b"d" * (number + 1)

    def objects(self, bucket: str, prefix: str) -> Iterable[StoredObject]:
        return [
            StoredObject(k, len(v), "e") for (b, k), v in self.sources.items() if b == bucket and k.startswith(prefix)
        ]

    def copy(self, bucket: str, key: str, target: str) -> None:
        if self.breaks_at in target:
            raise RetryableError("copy a public object: NoSuchKey")
        self.copies.append(target)
        self.raw.put(target, self.sources[bucket, key])


class RecordedObjects(FakeObjects):
    """A bucket that remembers the order of what arrived."""

    def __init__(self, bucket: str) -> None:
        super().__init__(bucket)
        self.arrived: list[str] = []

    def put(self, key: str, body: bytes = b"x") -> None:
        super().put(key, body)
        self.arrived.append(key)

    def write_text(self, key: str, text: str, media_type: str | None = None) -> None:
        self.put(key, text.encode())


class Fetch:
    """The service on fakes."""

    def __init__(self) -> None:
        self.raw, self.processed, self.ledger = RecordedObjects("raw"), FakeObjects("processed"), FakeLedger()
        self.archive = FakeArchive(self.raw)
        self.ports = Ports(self.ledger, self.raw, self.processed, FakeClock(), FakeMetrics())
        self.reader = ManifestReader(self.ports, ARCHIVE_BUCKETS, frozenset({DATASET}))
        self.fetcher = StudyFetcher(self.ports, StudyCopier(self.archive, self.raw))

    def run(self, series: Sequence[Series]) -> int:
        """Upload a manifest and do what the state machine does; return how many studies it named."""
        self.raw.put(MANIFEST, manifest_text(series).encode())
        answer = self.reader.read(MANIFEST)
        for item in self.processed.read_json(answer["items_key"]) if answer["study_count"] else []:
            while not self.fetcher.copy(item, lambda: False)["done"]:
                pass
        return int(answer["study_count"])

    def decision(self, waited: int = 1_000) -> Decision:
        """Return what the pipeline makes of R01-001's study when it looks at it `waited` seconds after an arrival."""
        unit = Unit(DATASET, "R01-001", "1.2.3")
        item = LedgerItem(unit, Status.RECEIVING, last_arrival=1_000)
        rules = ImagingRules(self.raw, "image", frozenset({DATASET}))
        return rules.decide(item, rules.list_objects(unit), CompletionTimeouts(300, 5_400), 1_000 + waited)

    def there(self) -> set[str]:
        return {o.key for o in self.raw.objects_under(f"imaging/{DATASET}/") if not o.key.endswith("_manifest.csv")}


@pytest.fixture
def fetch() -> Fetch:
    service = Fetch()
    service.archive.hold(CT, 3)
    service.archive.hold(SEG, 1)
    service.archive.hold(OTHER, 2)
    return service


def test_studies_land_by_patient_and_study_with_licence_and_marker(fetch: Fetch) -> None:
    assert fetch.run(ALL) == 2
    folder = f"imaging/{DATASET}/R01-001/1.2.3"
    assert {key for key in fetch.there() if key.startswith(folder)} == {
        *(f"{folder}/CT_1.2.3.1/{n:04d}.dcm" for n in range(3)),
        f"{folder}/SEG_1.2.3.2/0000.dcm",
        f"{folder}/{LICENCE_NAME}",
        f"{folder}/_COMPLETE.json",
    }
    assert fetch.raw.read_json(f"{folder}/_COMPLETE.json") == {"objects": 5}
    rows = list(csv.DictReader(io.StringIO(fetch.raw.read_text(f"{folder}/{LICENCE_NAME}"))))
    assert [(row["SeriesInstanceUID"], row["license_short_name"]) for row in rows] == [
        ("1.2.3.1", "CC BY 3.0"),
        ("1.2.3.2", "CC BY 4.0"),
    ]
    parsed = {parse_key(key).unit for key in fetch.there()}
    assert {(u.subject, u.study) for u in parsed if u} == {("R01-001", "1.2.3"), ("R01-002", "1.2.4")}


def test_a_second_fetch_copies_and_writes_nothing(fetch: Fetch) -> None:
    fetch.run(ALL)
    before = {o.key: o.etag for o in fetch.raw.objects_under("imaging/")}
    copies = len(fetch.archive.copies)
    fetch.run(ALL)
    assert len(fetch.archive.copies) == copies
    assert {o.key: o.etag for o in fetch.raw.objects_under("imaging/")} == before


def test_a_fetch_that_broke_off_copies_what_is_missing(fetch: Fetch) -> None:
    fetch.run(ALL)
    lost = f"imaging/{DATASET}/R01-001/1.2.3/CT_1.2.3.1/0001.dcm"
    short = f"imaging/{DATASET}/R01-002/1.2.4/CT_1.2.4.1/0001.dcm"
    del fetch.raw.content[lost]
    fetch.raw.put(short, b"d")
    fetch.archive.copies.clear()
    fetch.run(ALL)
    assert sorted(fetch.archive.copies) == [lost, short]


def test_a_large_study_goes_on_where_time_ran_out_and_is_not_complete_before_its_end(fetch: Fetch) -> None:
    fetch.archive.hold(CT, 2 * BATCH + 5)
    [item] = study_items(DATASET, [CT])
    assert fetch.fetcher.copy(item, lambda: False) == {"done": False}
    assert len(fetch.archive.copies) == BATCH
    assert isinstance(fetch.decision(), Wait)
    while not fetch.fetcher.copy(item, lambda: False)["done"]:
        pass
    assert len(fetch.archive.copies) == len(set(fetch.archive.copies)) == 2 * BATCH + 5
    assert fetch.raw.read_json(f"imaging/{DATASET}/R01-001/1.2.3/_COMPLETE.json") == {"objects": 2 * BATCH + 6}
    assert isinstance(fetch.decision(), Complete)
    assert fetch.raw.arrived[-1].endswith("_COMPLETE.json"), "it starts the study at once"


@pytest.mark.parametrize("earlier", [[], [CT]])
def test_a_copy_that_breaks_off_never_leaves_half_a_study_to_run(fetch: Fetch, earlier: list[Series]) -> None:
    fetch.run(earlier)
    fetch.archive.breaks_at = "SEG_1.2.3.2"
    [item] = study_items(DATASET, [CT, SEG])
    with pytest.raises(RetryableError):
        fetch.fetcher.copy(item, lambda: True)
    fetch.fetcher.fail(item, {"Error": "RetryableError", "Cause": "NoSuchKey"})
    assert isinstance(fetch.decision(), Wait)
    assert isinstance(fetch.decision(waited=6_000), Quarantine)
    fetch.archive.breaks_at = "nowhere"
    fetch.fetcher.copy(item, lambda: True)
    assert isinstance(fetch.decision(), Complete)


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.COMPLETED])
def test_a_failed_copy_leaves_a_study_that_a_run_has_taken_as_it_is(fetch: Fetch, status: Status) -> None:
    unit = Unit(DATASET, "R01-001", "1.2.3")
    fetch.ledger.items[unit.unit_id] = LedgerItem(unit, status, run_id="run-1", content_version="v")
    fetch.run([CT, replace(SEG, prefix="gone")])
    item, noted = fetch.ledger.get(unit.unit_id), fetch.ledger.get(f"imaging#{DATASET}#-#manifest-file")
    assert item is not None
    assert (item.status, item.reason_code, item.is_note) == (status, None, False)
    assert noted is not None
    assert noted.reason_code == "SERIES_NOT_FOUND"


def test_a_study_of_more_series_than_an_item_holds_is_refused(fetch: Fetch) -> None:
    many = [replace(CT, series=f"1.2.3.{n}", prefix=f"{UUID}{n}") for n in range(1500)]
    assert fetch.run(many) == 0
    assert fetch.ledger.only().reason_code == "MANIFEST_INVALID"


def test_a_segmentation_that_is_fetched_later_joins_its_study_and_keeps_the_licences(fetch: Fetch) -> None:
    fetch.run([CT])
    fetch.run([SEG])
    folder = f"imaging/{DATASET}/R01-001/1.2.3"
    assert fetch.raw.read_json(f"{folder}/_COMPLETE.json") == {"objects": 5}
    assert {"CC BY 3.0", "CC BY 4.0"} <= set(
        (fetch.raw.read_text(f"{folder}/{LICENCE_NAME}") or "").replace("\n", ",").split(",")
    )


def test_a_series_that_the_archive_lacks_leaves_nothing_of_its_study(fetch: Fetch) -> None:
    missing = replace(SEG, series="1.2.3.9", prefix="gone")
    assert fetch.run([CT, missing, OTHER]) == 2
    assert not {key for key in fetch.there() if "/R01-001/" in key}
    assert {key for key in fetch.there() if "/R01-002/" in key}, "the other study is fetched"
    item = fetch.ledger.get("imaging#nsclc_radiogenomics#R01-001#1.2.3")
    assert item is not None
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "SERIES_NOT_FOUND")


def test_an_invalid_manifest_copies_nothing_and_is_noted_until_a_valid_one_comes(fetch: Fetch) -> None:
    assert fetch.run([CT, replace(SEG, bucket="somebodys")]) == 0
    assert not fetch.there()
    unit = f"imaging#{DATASET}#-#manifest-file"
    noted = fetch.ledger.get(unit)
    assert noted is not None
    assert (noted.status, noted.reason_code) == (Status.QUARANTINED, "MANIFEST_INVALID")
    assert fetch.run(ALL) == 2
    noted = fetch.ledger.get(unit)
    assert noted is not None
    assert (noted.status, noted.reason_code) == (Status.COMPLETED, None)


def test_a_dataset_that_is_not_deployed_gets_nothing(fetch: Fetch) -> None:
    fetch.raw.put("imaging/other/_manifest.csv", manifest_text(ALL).encode())
    assert fetch.reader.read("imaging/other/_manifest.csv")["study_count"] == 0
    assert fetch.ledger.get("imaging#other#-#manifest-file") is not None


def test_a_copy_that_broke_off_is_noted_with_its_cause(fetch: Fetch) -> None:
    [item] = study_items(DATASET, [CT])
    fetch.fetcher.fail(item, {"Error": "ConfigurationError", "Cause": "NoSuchBucket"})
    noted = fetch.ledger.only()
    assert noted.reason_code == "FETCH_FAILED"


@pytest.mark.parametrize("key", ["imaging/d/x.csv", "clinical/d/_manifest.csv", "imaging/d/e/_manifest.csv"])
def test_only_a_manifest_is_read(fetch: Fetch, key: str) -> None:
    with pytest.raises(InvalidRequestError):
        fetch.reader.read(key)


@pytest.mark.parametrize("name", ["_manifest.csv", "_manifest.s5cmd", "_manifest.tcia", "_plan.json"])
def test_a_request_is_no_upload_of_a_study(name: str) -> None:
    assert parse_key(f"imaging/{DATASET}/{name}").kind is KeyKind.IGNORED


# Plans that are asked for by an upload


def _plan(fetch: Fetch, request: str, settings: Settings | None = None) -> dict[str, Any] | None:
    key = f"imaging/{DATASET}/_plan.json"
    fetch.raw.put(key, request.encode())
    written = PlanWriter(fetch.ports, frozenset({DATASET}), settings or Settings()).write(key)["key"]
    return fetch.processed.read_json(written) if written else None


def test_an_uploaded_request_plans_what_is_there(fetch: Fetch) -> None:
    fetch.run(ALL)
    document = _plan(fetch, "{}")
    assert document is not None
    assert document["found"]["studies"]["units"] == 2
    assert "<svg" in (fetch.processed.read_text(f"plans/{DATASET}/plan.html") or "")


def test_an_uploaded_request_plans_a_cohort_that_is_not_there(fetch: Fetch) -> None:
    document = _plan(fetch, json.dumps({"studies": 162, "study_megabytes": 152, "concurrency": 50}))
    assert document is not None
    assert document["imaging"][0]["units"] == 162


def test_an_uploaded_request_is_planned_with_the_stacks_parameters(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("STACK_NAME", "METRICS_NAMESPACE", "LEDGER_TABLE", "RAW_BUCKET", "PROCESSED_BUCKET", "DATASET_NAMES"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("ARCHIVE_BUCKET_ARNS", "arn:aws:s3:::idc-open-data")
    parameters = {"MaxConcurrency": "7", "ImagingCompute": "processing", "ProcessingInstanceType": "ml.r5.4xlarge"}
    monkeypatch.setenv("PLAN_PARAMETERS", json.dumps(parameters))
    for cached in (app.settings, app.ports, app.planner):
        cached.cache_clear()
    document = _plan(fetch, '{"studies": 20}', app.planner().settings)
    for cached in (app.settings, app.ports, app.planner):
        cached.cache_clear()
    assert document is not None
    assert [share["name"] for share in document["imaging"]] == ["SageMaker Processing"]
    assert document["settings"]["concurrency"] == 7
    assert "ml.r5.4xlarge" in document["imaging"][0]["quota"]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"studies": 0}', '{"studies": 1e9}', '{"other": 1}', '{"concurrency": -1}']
)
def test_a_request_that_says_nothing_clear_is_noted(fetch: Fetch, text: str) -> None:
    assert _plan(fetch, text) is None
    assert fetch.ledger.only().reason_code == "PLAN_INVALID"


def test_a_step_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "metrics", lambda: SimpleNamespace(flush=lambda: None))

    class Context:
        """Has time for ever."""

        def get_remaining_time_in_millis(self) -> int:
            return 900_000

    with pytest.raises(InvalidRequestError, match="step must be"):
        app.handler({"step": "dance"}, Context())  # type: ignore[arg-type]
