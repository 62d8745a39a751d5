"""`multimodal fetch`: which manifests it takes, what it shows, where series are looked up, and what it uploads."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest
from rich.console import Console

from cli import fetch, idc_index
from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.fetch import first_patients, print_series, read_source, upload_manifest, watch_copies
from cli.main import main
from cli.removal.objects import Bucket, Version
from cli.removal.uploads import find_uploads
from multimodal.imaging.series_manifest import Series, manifest_text, parse_manifest

CT = Series("LUNG1-001", "1.2.3", "1.2.3.1", "CT", "idc-open-data", "a-b", "CC BY-NC 3.0", "10.7937/x", 5_000_000)
SEG = Series("LUNG1-002", "1.2.4", "1.2.4.1", "SEG", "idc-open-data", "c-d", "CC BY 4.0")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index as idc-index-data has it, of one series."""
    path = tmp_path / "idc_index.parquet"
    duckdb.sql(
        "copy (select 'LUNG1-001' PatientID, '1.2.3' StudyInstanceUID, '1.2.3.1' SeriesInstanceUID, 'CT' Modality, "
        "'s3://idc-open-data/a-b/*' series_aws_url, 'CC BY-NC 3.0' license_short_name, '10.7937/x' source_DOI, "
        f"5.0::double series_size_MB) to '{path}' (format parquet)"
    )
    monkeypatch.setattr(idc_index, "index_file", lambda: path)
    return path


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tcia", "ListOfSeriesToDownload=\n1.2.3.1\n"),
        ("b.s5cmd", "cp s3://idc-open-data/a-b/* .\n"),
    ],
)
def test_series_are_looked_up_in_the_index(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_source(str(path)) == [CT]


@pytest.mark.usefixtures("index")
def test_series_that_the_index_lacks_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.tcia").write_text("ListOfSeriesToDownload=\n1.2.3.1\n9.9.9\n")
    with pytest.raises(CommandError, match=r"1 series are not in the index, such as 9\.9\.9"):
        read_source(str(tmp_path / "a.tcia"))


def test_shipped_series_need_no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_index(_: Sequence[str]) -> Mapping[str, Series]:
        raise AssertionError("all are shipped")

    monkeypatch.setattr(fetch, "look_up_index", no_index)
    series = read_source("nsclc_radiogenomics")
    (tmp_path / "a.tcia").write_text("ListOfSeriesToDownload=\n" + "\n".join(s.series for s in series))
    assert read_source(str(tmp_path / "a.tcia")) == series


def test_without_an_index_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "idc_index_data", None)
    (tmp_path / "a.tcia").write_text("ListOfSeriesToDownload=\n9.9.9\n")
    with pytest.raises(CommandError) as refusal:
        read_source(str(tmp_path / "a.tcia"))
    assert "pip install idc-index-data" in refusal.value.hint


@pytest.mark.parametrize("source", ["nowhere.csv", "no_such_cohort", "."])
def test_what_is_no_manifest_names_those_that_are(source: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read_source(source)
    assert "nsclc_radiogenomics" in refusal.value.hint


def test_a_hundred_thousand_series_are_looked_up_at_once(index: Path) -> None:
    duckdb.sql(
        f"copy (select r.* replace ('1.2.3.' || n as SeriesInstanceUID, 's3://idc-open-data/' || n || '/*' as "
        f"series_aws_url) from read_parquet('{index}') r, range(100000) t(n)) to '{index}2' (format parquet)"
    )
    index.with_name(f"{index.name}2").rename(index)
    start = time.process_time()
    found = idc_index.look_up_index(
        [*(f"1.2.3.{n}" for n in range(50_000)), *(f"s3://idc-open-data/{n}/" for n in range(50_000, 100_000))]
    )
    assert time.process_time() - start < 10, "not each name with each row: that takes a minute"
    assert len(found) == 200_000


def test_a_manifest_may_be_in_utf_16_and_called_as_one_likes(tmp_path: Path) -> None:
    (tmp_path / "series of ours.tsv").write_text(manifest_text([CT, SEG]).replace(",", "\t"), encoding="utf-16")
    assert read_source(str(tmp_path / "series of ours.tsv")) == [CT, SEG]


def test_a_manifest_that_cannot_be_used_says_which_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(manifest_text([CT]).replace("CC BY-NC 3.0", ""))
    with pytest.raises(CommandError, match=r"row 2.*has no licence") as refusal:
        read_source(str(tmp_path / "a.csv"))
    assert "upload" not in f"{refusal.value.message} {refusal.value.hint}", "it was not uploaded"


def test_a_manifest_that_cannot_be_used_names_its_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(manifest_text([CT, SEG]).replace("idc-open-data", "theirs"))
    with pytest.raises(CommandError, match=r"a\.csv cannot be used: rows 2 and 3: s3://theirs/ is none of"):
        read_source(str(tmp_path / "a.csv"))


def test_a_dry_run_says_so_and_knows_the_datasets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text(manifest_text([CT, SEG]))
    arguments = ["fetch", str(tmp_path / "a.csv"), "--dry-run", "--dataset"]
    assert main([*arguments, "nsclc_radiogenomics"]) == 0
    assert "dry run: nothing was copied" in capsys.readouterr().out
    assert main([*arguments, "nosuch"]) == 2
    assert "No dataset 'nosuch' is there" in capsys.readouterr().err


def test_licences_are_shown_and_non_commercial_ones_warned_of() -> None:
    console = Console(record=True, width=120)
    print_series(console, [CT, SEG])
    text = console.export_text()
    assert "2 patients, 2 studies, 2 series" in text
    assert "CC BY-NC 3.0" in text
    assert "https://doi.org/10.7937/x" in text
    assert "1 series may not be used commercially" in text


def test_the_first_patients_are_taken_whole() -> None:
    later = Series("LUNG1-001", "1.2.9", "1.2.9.1", "CT", "idc-open-data", "e", "CC BY 4.0")
    assert first_patients([CT, SEG, later], 1) == [CT, later]
    assert first_patients([CT, SEG], None) == [CT, SEG]
    many = [replace(CT, patient=f"P{n}", series=f"1.2.3.{n}") for n in range(30_000)]
    start = time.process_time()
    assert first_patients(many, None) == many
    assert time.process_time() - start < 5, "not all patients anew for each series: that takes a minute"


def test_the_manifest_that_is_uploaded_is_the_one_that_was_shown() -> None:
    put: dict[str, Any] = {}
    double = SimpleNamespace(
        stack="s",
        datasets=["d"],
        feature_groups=["s-d-imaging-v1"],
        endpoint=None,
        output=lambda _: "raw",
        s3=SimpleNamespace(put_object=lambda **call: put.update(call)),
    )
    deployment = cast(Deployment, double)
    assert upload_manifest(deployment, [CT, SEG], "d") == ["imaging#d#LUNG1-001#1.2.3", "imaging#d#LUNG1-002#1.2.4"]
    assert (put["Bucket"], put["Key"]) == ("raw", "imaging/d/_manifest.csv")
    assert parse_manifest("_manifest.csv", put["Body"].decode(), lambda _: {}) == [CT, SEG]
    with pytest.raises(UsageError, match="No dataset 'other'"):
        upload_manifest(deployment, [CT], "other")
    double.feature_groups = ["s-d-labels-v1", "s-d-scores-v1", "s-other-imaging-v1"]
    put.clear()
    with pytest.raises(UsageError, match="d is deployed without imaging"):
        upload_manifest(deployment, [CT], "d")
    assert not put


def test_a_manifest_is_written_anew_without_a_patient_who_is_forgotten() -> None:
    key = "imaging/d/_manifest.csv"
    stored = {key: manifest_text([CT, SEG]).encode()}

    class Uploads:
        """A bucket of one object."""

        name = "raw"

        def versions(self, prefix: str, delimiter: str = "") -> list[Version]:
            assert delimiter in ("", "/")
            return [Version("raw", each, "1", is_latest=True) for each in stored if each.startswith(prefix)]

        def read(self, version: Version) -> bytes:
            return stored[version.key]

    [finding] = find_uploads(cast(Bucket, Uploads()), "d", "LUNG1-001")
    assert finding.is_table
    assert finding.without is not None
    left = finding.without(stored[key]).decode()
    assert parse_manifest("_manifest.csv", left, lambda _: {}) == [SEG]


def test_the_laptop_cloud_says_that_it_has_no_such_archive() -> None:
    s3 = SimpleNamespace(list_buckets=lambda: {"Buckets": [{"Name": "raw"}]})
    double = SimpleNamespace(datasets=["d"], endpoint="http://127.0.0.1:1", s3=s3)
    double.stack, double.feature_groups = "s", ["s-d-imaging-v2"]
    deployment = cast(Deployment, double)
    with pytest.raises(CommandError, match="no s3://idc-open-data/") as refusal:
        upload_manifest(deployment, [CT], "d")
    assert "local.synthetic.archive" in refusal.value.hint


def test_copies_are_those_of_the_executions_that_the_manifest_started() -> None:
    own, others = '{"key": "imaging/d/_manifest.csv"}', ('{"key": "imaging/e/_manifest.csv"}', "[]")
    running = {"old": ("SUCCEEDED", own)}

    def listed(**_: str) -> dict[str, Any]:
        return {"executions": [{"executionArn": arn, "status": status} for arn, (status, _) in running.items()]}

    states = SimpleNamespace(
        list_executions=listed, describe_execution=lambda **asked: {"input": running[asked["executionArn"]][1]}
    )
    is_copying = watch_copies(cast(Deployment, SimpleNamespace(resource=str, states=states)), "d")
    running |= {"e": ("SUCCEEDED", others[0]), "child": ("FAILED", others[1])}
    assert is_copying(), "not yet begun"
    running["new"] = ("RUNNING", own)
    assert is_copying()
    running["new"] = ("SUCCEEDED", own)
    assert not is_copying()
    running["new"] = ("TIMED_OUT", own)
    with pytest.raises(CommandError, match="TIMED_OUT"):
        is_copying()
