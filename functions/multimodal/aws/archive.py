"""Public buckets that studies are copied from."""

from collections.abc import Iterator

import boto3

from multimodal.aws.errors import translated
from multimodal.aws.objects import S3Objects
from multimodal.ledger.ports import StoredObject


class S3Archive:
    """`Archive` whose copies land in one bucket; S3 copies, and no byte comes through the function."""

    def __init__(self, target_bucket: str) -> None:
        self._target = target_bucket
        self._s3 = boto3.client("s3")

    def objects(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys start with `prefix`."""
        return S3Objects(bucket).objects_under(prefix)

    def copy(self, bucket: str, key: str, target: str) -> None:
        """Copy an object of at most 5 GB (Amazon S3 API reference, CopyObject); its tags stay behind."""
        with translated("copy a public object"):
            self._s3.copy_object(
                Bucket=self._target, Key=target, CopySource={"Bucket": bucket, "Key": key}, TaggingDirective="REPLACE"
            )
