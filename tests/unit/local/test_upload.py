"""Uploading with progress: on a terminal, in a log, and when S3 refuses."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from boto3.exceptions import S3UploadFailedError
from rich.console import Console

from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.study_folders import read_study_folders
from cli.upload import upload_clinical, upload_imaging, upload_studies


def make_deployment(upload_file: Callable[..., None]) -> Deployment:
    s3 = SimpleNamespace(upload_file=upload_file)
    double = SimpleNamespace(output=lambda _: "raw", s3=s3, datasets=["d", "nsclc_radiogenomics"])
    return cast(Deployment, double)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("R01-001/ct/1.dcm", "R01-001/ct/2", "R01-001/stray.txt", "R01-002/ct/1.dcm"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    return tmp_path


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_file_of_a_study_is_put_under_its_dataset(folder: Path, is_terminal: bool) -> None:
    console = Console(file=StringIO(), width=100, force_terminal=is_terminal)
    keys: list[str] = []

    def upload_file(_path: str, bucket: str, key: str, **_: Any) -> None:
        assert bucket == "raw"
        keys.append(key)

    uploaded = upload_imaging(console, make_deployment(upload_file), folder, "d")

    assert sorted(keys) == [f"imaging/d/{name}" for name in ("R01-001/ct/1.dcm", "R01-001/ct/2", "R01-002/ct/1.dcm")]
    assert uploaded.unit_ids == ("imaging#d#R01-001#ct", "imaging#d#R01-002#ct")
    assert (uploaded.files, uploaded.size) == (3, 30)
    assert isinstance(console.file, StringIO)
    assert "stray.txt" in console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_refusal_of_s3_is_told_without_a_stack_trace(folder: Path, is_terminal: bool) -> None:
    def upload_file(path: str, *_: Any, **__: Any) -> None:
        raise S3UploadFailedError(f"Failed to upload {path}: AccessDenied")

    console = Console(file=StringIO(), width=100, force_terminal=is_terminal)
    with pytest.raises(CommandError) as failure:
        upload_studies(console, make_deployment(upload_file), read_study_folders(folder), "d")
    assert "AccessDenied" in failure.value.details


@pytest.mark.parametrize("name", ["nsclc_radiogenomic", "", "../a"])
def test_a_dataset_that_is_not_deployed_is_refused_with_those_that_are(folder: Path, name: str) -> None:
    console = Console(file=StringIO(), width=100)
    keys: list[str] = []
    deployment = make_deployment(lambda _path, _bucket, key, **_: keys.append(key))
    with pytest.raises(UsageError) as refusal:
        upload_imaging(console, deployment, folder, name)
    assert "d, nsclc_radiogenomics" in refusal.value.hint
    with pytest.raises(UsageError):
        upload_clinical(console, deployment, write_table(folder / "clinical" / "a.csv"), name)
    assert keys == []


def write_table(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Case ID\nR01-001\n")
    return path


def test_tables_of_a_folder_are_put_with_their_folders_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "site 2/b.TSV", ".hidden.csv", "dictionary.xlsx"):
        write_table(tmp_path / "clinical" / name)
    console, keys = Console(file=StringIO(), width=100), list[str]()
    deployment = make_deployment(lambda _path, _bucket, key, **_: keys.append(key))
    uploaded = upload_clinical(console, deployment, tmp_path, "d")
    assert sorted(keys) == ["clinical/d/a.csv", "clinical/d/site 2/b.TSV"]
    assert sorted(uploaded.unit_ids) == ["clinical#d#a.csv", "clinical#d#site 2/b.TSV"]
    assert isinstance(console.file, StringIO)
    assert "dictionary.xlsx" in console.file.getvalue()


def test_one_table_is_enough(tmp_path: Path) -> None:
    deployment = make_deployment(lambda *_, **__: None)
    uploaded = upload_clinical(Console(file=StringIO()), deployment, write_table(tmp_path / "a.csv"), "d")
    assert uploaded.unit_ids == ("clinical#d#a.csv",)


@pytest.mark.parametrize("name", ["a.xlsx", "nowhere", ""])
def test_what_is_no_table_is_refused_with_what_one_is(tmp_path: Path, name: str) -> None:
    write_table(tmp_path / "a.xlsx")
    with pytest.raises(UsageError) as refusal:
        upload_clinical(Console(file=StringIO()), make_deployment(lambda *_, **__: None), tmp_path / name, "d")
    assert "save a spreadsheet as CSV" in refusal.value.hint
