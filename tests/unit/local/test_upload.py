"""Uploading with progress: on a terminal, in a log, and when S3 refuses."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

import cli.main
from cli.deployment import Deployment
from cli.errors import CommandError, UsageError, aws_error
from cli.upload import upload_path
from tests.files import put
from tests.screen import Screen


def make_deployment(
    upload_file: Callable[..., None],
    there: Sequence[tuple[str, int, datetime]] = (),
    put_object: Callable[..., None] = lambda **_: None,
) -> Deployment:
    contents: list[dict[str, Any]] = [{"Key": key, "Size": size, "LastModified": time} for key, size, time in there]
    paginator = SimpleNamespace(
        paginate=lambda Bucket, Prefix: [{"Contents": [o for o in contents if o["Key"].startswith(Prefix)]}]  # noqa: N803
    )
    s3 = SimpleNamespace(upload_file=upload_file, get_paginator=lambda _: paginator, put_object=put_object)
    names, contents_of = ["d", "nsclc_radiogenomics"], ("imaging", "rna", "labels", "scores")
    double = SimpleNamespace(output=lambda _: "raw", s3=s3, datasets=names, endpoint="http://x", stack="laptop")
    double.feature_groups = [f"laptop-{name}-{content}-v1" for name in names for content in contents_of]
    return cast(Deployment, double)


@pytest.fixture(params=[True, False])
def console(request: pytest.FixtureRequest) -> Screen:
    """A terminal, and a log."""
    return Screen(force_terminal=request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path, "R01-001/ct/1.dcm", "R01-001/ct/2", "R01-001/stray.txt", "R01-002/ct/1.dcm")


def test_every_file_of_a_study_is_put_under_its_dataset(folder: Path, console: Screen) -> None:
    keys: list[str] = []

    def upload_file(_path: str, bucket: str, key: str, **_: Any) -> None:
        assert bucket == "raw"
        keys.append(key)

    [(modality, uploaded)] = upload_path(console, make_deployment(upload_file), folder, "d")
    assert sorted(keys) == [f"imaging/d/{name}" for name in ("R01-001/ct/1.dcm", "R01-001/ct/2", "R01-002/ct/1.dcm")]
    assert uploaded.unit_ids == ("imaging#d#R01-001#ct", "imaging#d#R01-002#ct")
    assert (modality, uploaded.files, uploaded.size, uploaded.units) == ("imaging", 3, 30, "2 studies")
    assert "stray.txt" in console.text


@pytest.mark.parametrize("lacking", ["imaging", "genomics", "clinical"])
def test_a_folder_with_what_the_dataset_has_no_section_for_is_refused_whole(
    lacking: str, tmp_path: Path, console: Screen
) -> None:
    names = ("imaging/P1/ct/1.dcm", "genomics/P1/a_1.fastq.gz", "genomics/P1/a_2.fastq.gz", "clinical/t.csv")
    sent, group = list[str](), {"imaging": "imaging", "genomics": "rna", "clinical": "scores"}[lacking]
    deployment = make_deployment(lambda *given, **_: sent.append(given[2]))
    kept = [name for name in deployment.feature_groups if name != f"laptop-d-{group}-v1"]
    deployment.feature_groups[:] = kept
    with pytest.raises(UsageError, match=f"d is deployed without {lacking}: nothing was uploaded"):
        list(upload_path(console, deployment, put(tmp_path, *names), "d"))
    assert not sent
    deployment.feature_groups.append(f"laptop-d-{group}-v1")
    list(upload_path(console, deployment, put(tmp_path, *names), "d"))
    assert len(sent) == len(names)


@pytest.mark.parametrize(
    ("dataset", "names", "said"),
    [
        ("nsclc_radiogenomics", ["matrix.tsv"], "takes reads, not a ready matrix"),
        ("nsclc_radiogenomics_matrix", ["P1/a.fastq.gz"], "takes a ready matrix, not reads"),
        ("nsclc_radiogenomics_matrix", ["P1/a.fastq.gz", "matrix.tsv"], ""),
        ("nsclc_radiogenomics_matrix", ["P1/a.fastq.gz", "_references/h/g.fa", "_references/h/g.gtf"], ""),
    ],
)
def test_reads_and_matrices_that_the_dataset_does_not_take_are_not_sent(
    dataset: str, names: list[str], said: str, tmp_path: Path, console: Screen
) -> None:
    sent = list[str]()
    deployment = make_deployment(lambda *given, **_: sent.append(given[2]))
    deployment.feature_groups.append(f"laptop-{dataset}-rna-v1")
    folder = put(tmp_path, *names)
    if "matrix.tsv" in names:
        (folder / "matrix.tsv").write_text("gene\tP1\tP2\nVIM\t1.5\t2.5\nEGFR\t3.5\t4.5\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said) if said else nullcontext():
        list(upload_path(console, deployment, folder, dataset, "genomics"))
    assert bool(sent) is not bool(said)


def test_a_reference_needs_no_section_of_the_dataset(tmp_path: Path, console: Screen) -> None:
    sent = list[str]()
    deployment = make_deployment(lambda *given, **_: sent.append(given[2]))
    deployment.feature_groups.clear()
    folder = put(tmp_path, "_references/human/g.fa", "_references/human/g.gtf")
    list(upload_path(console, deployment, folder, "d", "genomics"))
    assert sorted(sent) == ["genomics/_references/human/g.fa", "genomics/_references/human/g.gtf"]


def test_what_is_there_already_is_not_sent_again(folder: Path, console: Screen) -> None:
    keys: list[str] = []
    later, earlier = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(minutes=1)
    there = [("imaging/d/R01-001/ct/1.dcm", 10, later), ("imaging/d/R01-001/ct/2", 10, earlier)]
    there.append(("imaging/d/R01-002/ct/1.dcm", 9, later))
    deployment = make_deployment(lambda _path, _bucket, key, **_: keys.append(key), there)
    [(_, uploaded)] = upload_path(console, deployment, folder, "d")
    assert sorted(keys) == ["imaging/d/R01-001/ct/2", "imaging/d/R01-002/ct/1.dcm"], "changed; another size"
    assert (uploaded.files, uploaded.size, len(uploaded.unit_ids)) == (2, 20, 2)
    assert "1 file there already" in console.text


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (["R01-001/ct/2"], "Uploaded 1 file (10 B), 1 study, to x; 1 study is there already"),
        (["R01-001/ct/2", "R01-002/ct/1.dcm"], "Uploaded 2 files (20 B), 2 studies, to x"),
        ([], "Uploaded nothing to x; 2 studies are there already"),
    ],
)
def test_only_units_that_got_a_file_are_told_as_uploaded(
    sent: list[str], told: str, folder: Path, console: Screen
) -> None:
    later = datetime.now(UTC) + timedelta(minutes=1)
    names = {"R01-001/ct/1.dcm", "R01-001/ct/2", "R01-002/ct/1.dcm"}
    there = [(f"imaging/d/{name}", 10, later) for name in names.difference(sent)]
    [(_, uploaded)] = upload_path(console, make_deployment(lambda *_, **__: None, there), folder, "d")
    assert uploaded.told("x") == told
    assert "In the bucket" not in console.text


def test_a_sample_sheet_may_concern_every_case(tmp_path: Path, console: Screen) -> None:
    reads = [f"R01-{n}/s_{mate}.fastq.gz" for n in (1, 2) for mate in (1, 2)]
    put(tmp_path, *reads)
    (tmp_path / "samplesheet.csv").write_text("sample,fastq_1,fastq_2\nR01-1,R01-1/s_1.fastq.gz,R01-1/s_2.fastq.gz\n")
    there = [(f"genomics/d/{name}", 10, datetime.now(UTC) + timedelta(minutes=1)) for name in reads]
    [(_, uploaded)] = upload_path(console, make_deployment(lambda *_, **__: None, there), tmp_path, "d", "genomics")
    assert uploaded.told("x") == "Uploaded 1 file (67 B), 2 cases, to x"


def test_objects_of_a_study_that_are_no_longer_in_the_folder_are_named(folder: Path, console: Screen) -> None:
    time = datetime.now(UTC) + timedelta(minutes=1)
    of_study = [f"imaging/d/R01-001/ct/{name}" for name in ("1.dcm", "2", "3.dcm", "_COMPLETE.json")]
    others = ["imaging/d/R01-009/ct/9.dcm", "imaging/d/series.csv", "imaging/d/R01-002/mr/9.dcm"]
    there = [(key, 10, time) for key in (*of_study, *others)]
    list(upload_path(console, make_deployment(lambda *_, **__: None, there), folder, "d"))
    told = console.text
    assert "In the bucket and not in the folder, and taken with the rest: 1 object of 1 study" in told
    assert "imaging/d/R01-001/ct/3.dcm" in told
    assert not any(key in told for key in others)


def _marked(folder: Path, console: Screen, there: Sequence[str] = (), refused: str = "?") -> dict[str, bytes]:
    """Upload, and return the markers, each of which has to come after its folder's files."""
    keys, markers = list[str](), dict[str, bytes]()
    time = datetime.now(UTC) + timedelta(minutes=1)

    def upload_file(path: str, _bucket: str, key: str, **_: Any) -> None:
        if refused in path:
            raise S3UploadFailedError("refused")
        keys.append(key)

    def put_object(Bucket: str, Key: str, Body: bytes, **_: Any) -> None:  # noqa: N803
        study = Key.removesuffix("_COMPLETE.json")
        names = {f"imaging/d/{file.relative_to(folder)}" for file in folder.rglob("*") if file.is_file()} - set(there)
        assert (Bucket, {name for name in names if name.startswith(study)} - set(keys)) == ("raw", set())
        markers[Key] = Body

    with suppress(S3UploadFailedError):
        deployment = make_deployment(upload_file, [(key, 10, time) for key in there], put_object)
        list(upload_path(console, deployment, folder, "d"))
    return markers


def test_each_study_is_marked_as_whole_after_its_last_file(tmp_path: Path, console: Screen) -> None:
    folder = put(tmp_path, *(f"R01-001/ct/series/{n}.dcm" for n in range(40)), "R01-002/ct/1.dcm", "R01-003/ct.zip")
    there = ["imaging/d/R01-001/ct/series/7.dcm", "imaging/d/R01-001/ct/of-another.dcm"]
    there += ["imaging/d/R01-001/ct/_COMPLETE.json", "imaging/d/R01-004/ct/1.dcm"]
    assert _marked(folder, console, there) == {
        "imaging/d/R01-001/ct/_COMPLETE.json": b'{"objects": 41}',
        "imaging/d/R01-002/ct/_COMPLETE.json": b'{"objects": 1}',
    }


def test_a_study_whose_upload_broke_off_or_that_has_its_own_marker_is_not_marked(
    tmp_path: Path, console: Screen
) -> None:
    folder = put(tmp_path, "R01-001/ct/1.dcm", "R01-001/ct/2.dcm", "R01-002/ct/1.dcm", "R01-002/ct/_COMPLETE.json")
    assert not _marked(folder, console, refused="R01-001/ct/2.dcm")


@pytest.mark.parametrize("refused", ["?", "_R2_"])
def test_reads_are_not_marked_for_a_marker_says_that_no_mates_come(
    tmp_path: Path, console: Screen, refused: str
) -> None:
    put(tmp_path, "R01-001/s_S1_L001_R1_001.fastq.gz", "R01-001/s_S1_L001_R2_001.fastq.gz")
    assert not _marked(tmp_path, console, refused=refused)


@pytest.mark.parametrize("there", [True, False])
def test_reads_without_salmon_are_uploaded_with_a_warning(
    tmp_path: Path, console: Screen, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr("cli.upload.has_salmon", lambda: there)
    source = put(tmp_path, "R01-001/R01-001_1.fastq.gz", "R01-001/R01-001_2.fastq.gz")
    list(upload_path(console, make_deployment(lambda *_, **__: None), source, "d", "genomics"))
    assert ("salmon is not on the PATH" in console.text) is not there


@pytest.mark.parametrize(
    ("code", "told"), [("ExpiredToken", "credentials have expired"), ("SlowDown", "no more requests")]
)
def test_a_refusal_of_s3_is_told_as_what_it_is(folder: Path, console: Screen, code: str, told: str) -> None:
    def upload_file(path: str, *_: Any, **__: Any) -> None:
        try:
            raise ClientError({"Error": {"Code": code}}, "PutObject")
        except ClientError as error:
            raise S3UploadFailedError(f"Failed to upload {path}: {error}")  # noqa: B904 – as boto3 does

    with pytest.raises(S3UploadFailedError) as failure:
        list(upload_path(console, make_deployment(upload_file), folder, "d"))
    found = aws_error(failure.value)
    assert told in found.message
    assert code in found.details


@pytest.mark.parametrize("name", ["nsclc_radiogenomic", "", "../a"])
def test_a_dataset_that_is_not_deployed_is_rejected_with_those_that_are(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(cli.main, "reach", lambda _: make_deployment(lambda _path, _bucket, key, **_: keys.append(key)))
    assert cli.main.main(["upload", str(put(folder, "clinical/a.csv")), "--dataset", name]) == 2
    assert "d, nsclc_radiogenomics" in capsys.readouterr().err
    assert keys == []


def test_tables_of_a_folder_are_put_with_their_folders_and_the_rest_is_named(tmp_path: Path, console: Screen) -> None:
    put(tmp_path / "clinical", "a.csv", "site 2/b.TSV", ".hidden.csv", "dictionary.xlsx")
    keys: list[str] = []
    deployment = make_deployment(lambda _path, _bucket, key, **_: keys.append(key))
    [(_, uploaded)] = upload_path(console, deployment, tmp_path, "d")
    assert sorted(keys) == ["clinical/d/a.csv", "clinical/d/site 2/b.TSV"]
    assert sorted(uploaded.unit_ids) == ["clinical#d#a.csv", "clinical#d#site 2/b.TSV"]
    assert "dictionary.xlsx" in console.text


@pytest.mark.parametrize(
    ("name", "unit_id", "units"),
    [("a.csv", "clinical#d#a.csv", "1 table"), ("expression.csv", "genomics#d#-expression", "1 matrix")],
)
def test_one_file_is_enough(name: str, unit_id: str, units: str, tmp_path: Path, console: Screen) -> None:
    deployment = make_deployment(lambda *_, **__: None)
    [(_, uploaded)] = upload_path(console, deployment, put(tmp_path, name) / name, "d")
    assert (uploaded.unit_ids, uploaded.units) == ((unit_id,), units)


@pytest.mark.parametrize("name", ["imaging/R01-001/ct/1.dcm", "genomics/R01-001/a_1.fastq.gz", "clinical/a.csv"])
def test_a_file_that_cannot_be_read_is_told_before_anything_is_sent(
    name: str, tmp_path: Path, console: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a part of its study would be there, and the hint would be to try it again."""
    put(tmp_path, "imaging/R01-001/ct/0.dcm", name)
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path / name)
    sent = list[str]()
    deployment = make_deployment(lambda _path, _bucket, key, **_: sent.append(key))
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(UsageError, match=f"{name} cannot be read: Permission denied"):
            list(upload_path(console, deployment, path, "d"))
    assert sent == []


def test_a_file_that_vanishes_during_the_upload_is_named(folder: Path, console: Screen) -> None:
    def vanish(path: str, *_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", path)

    with pytest.raises(CommandError, match=r"The upload stopped\. .*/ct/.* cannot be read: No such file") as stopped:
        list(upload_path(console, make_deployment(vanish), folder, "d"))
    assert "run the same command again" in stopped.value.hint
