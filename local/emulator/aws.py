"""Access to the emulated account from inside the emulator: clients of its own endpoint, and AWS errors.

Plug-ins reach S3, Glue and the other services through the public API, as a separate service would, so that
events, versions and IAM checks happen as they do for any caller. Clients block, so they are used on worker
threads only, never on the event loop that answers them.
"""

import json
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
REGION = os.environ.get("MINISTACK_REGION", "us-east-1")
Response = tuple[int, dict[str, str], bytes]
_session_lock = threading.Lock()  # making a client from a shared session is not thread-safe


@dataclass(frozen=True)
class Credentials:
    """Keys with which a client signs; those of a role come with a session token."""

    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 -- the emulator's account root
    token: str | None = None


def arn(service: str, kind: str, name: str) -> str:
    """Return the ARN of something in the emulated account; an ARN stays as it is.

    Examples
    --------
    >>> arn("batch", "job", "j-1")
    'arn:aws:batch:us-east-1:000000000000:job/j-1'
    """
    return name if name.startswith("arn:") else f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{name}"


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI.

    Examples
    --------
    >>> split_uri("s3://bucket/some/key")
    ('bucket', 'some/key')
    """
    parts = urlsplit(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/")


class AwsError(Exception):
    """An error response of a service: its code, as in the service model, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@lru_cache(maxsize=64)
def client(service: str, credentials: Credentials = Credentials()) -> Any:  # noqa: ANN401 -- frozen
    """Return a client of the emulator's own endpoint.

    Parameters
    ----------
    service : str
        As boto3 names it.
    credentials : Credentials
        Who calls; the account root when left out.
    """
    with _session_lock:
        return boto3.session.Session(
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            region_name=REGION,
        ).client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
            config=Config(
                max_pool_connections=16,
                retries={"mode": "standard", "max_attempts": 3},
                s3={"addressing_style": "path"},
            ),
        )


def publish_event(source: str, detail_type: str, resource: str, detail: dict[str, Any]) -> None:
    """Publish an event as a service of AWS does, which PutEvents allows nobody else.

    Seam: `ministack.services.eventbridge._put_events` (`allow_aws_source`).
    """
    from ministack.services import eventbridge

    entry = {"Source": source, "DetailType": detail_type, "Resources": [resource], "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


@lru_cache(maxsize=16)
def shared_document(body: bytes) -> dict[str, Any]:
    """Return a request's JSON document, or an empty one when it is none; it is shared and not to be changed.

    A batch of records is half a megabyte: who checks the caller and who answers read it once, however many callers
    write side by side.
    """
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def json_response(document: dict[str, Any]) -> Response:
    """Return a success response in the JSON protocol."""
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def error_response(error: AwsError) -> Response:
    """Return an error response that both JSON protocols understand."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
    body = {"__type": error.code, "message": error.message, "Message": error.message}
    return error.status, headers, json.dumps(body).encode()
