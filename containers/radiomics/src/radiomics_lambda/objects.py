"""Objects of S3 by AWS's Common Runtime, which takes a quarter of boto3's processor time for each (`fast-4`)."""

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlsplit

import boto3
from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup
from awscrt.s3 import (
    S3ChecksumAlgorithm,
    S3ChecksumConfig,
    S3ChecksumLocation,
    S3Client,
    S3RequestTlsMode,
    S3RequestType,
    create_default_s3_signing_config,
)
from botocore import UNSIGNED
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client as Addresses


@dataclass(frozen=True)
class Objects:
    """A connection that fetches and stores whole objects, each by one request.

    What is started goes on by itself; its future ends with `AwsCrtError` when the object is not there, may not be read
    or written, or broke off.

    Parameters
    ----------
    client : awscrt.s3.S3Client
        Signs, sends, tries again and checks what came.
    addresses : boto3's client of S3
        Knows where a bucket is: region, partition and endpoint are botocore's affair.
    """

    client: S3Client
    addresses: "Addresses"

    @classmethod
    def connect(cls) -> Self:
        """Connect with the function's own role, whose keys Lambda puts into the environment."""
        addresses = boto3.client("s3", config=Config(signature_version=UNSIGNED))
        region = addresses.meta.region_name
        loop = EventLoopGroup(1)
        keys = AwsCredentialsProvider.new_environment()
        client = S3Client(
            bootstrap=ClientBootstrap(loop, DefaultHostResolver(loop)),
            region=region,
            signing_config=create_default_s3_signing_config(region=region, credential_provider=keys),
            tls_mode=_TLS[urlsplit(addresses.meta.endpoint_url).scheme],
        )
        return cls(client, addresses)

    def read(self, bucket: str, key: str, path: Path) -> "Future[None]":
        """Write an object to a file; its bytes are in memory, twice while they grow, until all are there."""
        started: Future[None] = self.client.make_request(
            type=S3RequestType.DEFAULT,  # GET_OBJECT asks twice when it is to check the sum
            operation_name="GetObject",
            request=self._request("GET", bucket, key, {}),
            recv_filepath=str(path),
            checksum_config=S3ChecksumConfig(validate_response=True),
        ).finished_future
        return started

    def write(self, bucket: str, key: str, path: Path, headers: Mapping[str, str]) -> "Future[None]":
        """Store a file with its checksum, which S3 compares and keeps."""
        length = {"Content-Length": str(path.stat().st_size)}
        started: Future[None] = self.client.make_request(
            type=S3RequestType.DEFAULT,  # PUT_OBJECT would store large files in parts
            operation_name="PutObject",
            request=self._request("PUT", bucket, key, {**headers, **length}),
            send_filepath=str(path),
            checksum_config=S3ChecksumConfig(S3ChecksumAlgorithm.CRC32, S3ChecksumLocation.HEADER),
        ).finished_future
        return started

    def _request(self, method: str, bucket: str, key: str, headers: Mapping[str, str]) -> HttpRequest:
        host, path = _address(self.addresses, bucket)
        return HttpRequest(method, path + quote(key, safe="/~"), HttpHeaders([("Host", host), *headers.items()]))


@lru_cache
def _address(addresses: "Addresses", bucket: str) -> tuple[str, str]:
    """Return host and path of a bucket: asking botocore for each object takes more than half of its processor time."""
    url = urlsplit(addresses.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))
    return url.netloc, url.path.removesuffix("k")


_TLS = {"https": S3RequestTlsMode.ENABLED, "http": S3RequestTlsMode.DISABLED}
