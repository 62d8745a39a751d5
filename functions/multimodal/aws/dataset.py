"""Feature groups in their version, and objects as files: what a build of a dataset needs of AWS."""

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import boto3

from multimodal.aws.errors import translated
from multimodal.aws.feature_store import all_definitions, describe_group
from multimodal.aws.objects import listed
from multimodal.dataset.ports import GroupVersion
from multimodal.dataset.sql import Table


class SageMakerCatalogue:
    """`Catalogue` over the feature groups of the account."""

    def __init__(self) -> None:
        self._sagemaker = boto3.client("sagemaker")

    def version(self, group: str) -> GroupVersion | None:
        """Return a group's version, or None when there is no such group."""
        first = describe_group(self._sagemaker, FeatureGroupName=group)
        if first is None:
            return None
        catalog = first["OfflineStoreConfig"]["DataCatalogConfig"]
        return GroupVersion(
            first["FeatureGroupArn"],
            first["CreationTime"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            Table(catalog["Database"], catalog["TableName"]),
            {d["FeatureName"]: d["FeatureType"] for d in all_definitions(self._sagemaker, first)},
        )


class S3Files:
    """`Files` of one bucket."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3 = boto3.client("s3")

    def download(self, prefix: str, folder: Path) -> Sequence[Path]:
        """Store every object below a prefix in a folder, as `0.parquet`, `1.parquet` …; return the files."""
        with translated("download snapshots"):
            answers = listed(self._s3, self._bucket, prefix)
            keys = [found["Key"] for page in answers for found in page.get("Contents", []) if found["Size"]]
            files = [folder / f"{number}.parquet" for number in range(len(keys))]
            for key, file in zip(keys, files, strict=True):
                self._s3.download_file(self._bucket, key, str(file))
        return files

    def fetch(self, key: str, path: Path) -> None:
        """Store one object as a file."""
        with translated("download a quantification"):
            self._s3.download_file(self._bucket, key, str(path))

    def upload(self, path: Path, key: str, media_type: str) -> None:
        """Store a file as an object."""
        with translated("write an object"):
            self._s3.upload_file(str(path), self._bucket, key, ExtraArgs={"ContentType": media_type})
