"""Objects by the Common Runtime: one signed request each, and only bytes whose checksum is right."""

import base64
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from awscrt.exceptions import AwsCrtError

from radiomics_lambda.objects import Objects, _address

CONTENT = bytes(range(256)) * 200
SUM = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()


class _S3(BaseHTTPRequestHandler):
    """Answers a key's name: `whole`, `damaged`, `short`, or that it is not there."""

    protocol_version = "HTTP/1.1"
    requests: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        self.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        name = self.path.rpartition("/")[2]
        body = {"damaged": b"!" + CONTENT[1:], "short": CONTENT[:-1]}.get(name, CONTENT)
        self.send_response(200 if name in ("whole", "damaged", "short", "a%20b%2B.dcm") else 404)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.send_header("x-amz-checksum-crc32", SUM)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = name == "short"

    def do_PUT(self) -> None:
        self.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if body == CONTENT and not self.path.endswith("denied") else 403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """An S3 at the endpoint that the environment names; gives the requests that it gets."""
    handler: Any = type("S3", (_S3,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield handler.requests
    server.shutdown()
    server.server_close()


def test_an_object_is_one_signed_request(requests: list[tuple[str, dict[str, str]]], tmp_path: Path) -> None:
    Objects.connect().read("raw", "imaging/d/a b+.dcm", tmp_path / "file").result()
    assert (tmp_path / "file").read_bytes() == CONTENT
    ((path, headers),) = requests
    assert path == "/raw/imaging/d/a%20b%2B.dcm"
    assert "AKID/" in headers["authorization"]
    assert "/eu-west-1/s3/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"
    assert headers["x-amz-checksum-mode"].lower() == "enabled", "S3 sends no checksum unless it is asked to"


@pytest.mark.parametrize(
    "key", ["imaging/d/R01-001/1.2/a.dcm", "a b+c/~x_y-z.dcm", "ä/ß%20.dcm", "a//b/", "=1&2?3#4;5:6@7!8$9'(0)*,.dcm"]
)
@pytest.mark.usefixtures("requests")
def test_an_objects_address_is_what_botocore_makes_of_it(key: str) -> None:
    addresses = Objects.connect().addresses
    host, path = _address(addresses, "raw")
    whole = addresses.generate_presigned_url("get_object", Params={"Bucket": "raw", "Key": key})
    assert f"http://{host}{path}{quote(key, safe='/~')}" == whole


@pytest.mark.parametrize(
    ("key", "error"),
    [("damaged", "CHECKSUM_MISMATCH"), ("missing", "INVALID_RESPONSE_STATUS")],
)
@pytest.mark.usefixtures("requests")
def test_what_is_not_the_object_is_an_error(tmp_path: Path, key: str, error: str) -> None:
    with pytest.raises(AwsCrtError, match=error):
        Objects.connect().read("raw", key, tmp_path / "file").result()


@pytest.mark.usefixtures("requests")
def test_a_stream_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AwsCrtError):
        Objects.connect().read("raw", "short", tmp_path / "file").result()


def test_a_file_is_stored_by_one_signed_request_with_its_checksum(
    requests: list[tuple[str, dict[str, str]]], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    headers = {"Content-Type": "image/png", "x-amz-server-side-encryption": "aws:kms"}
    Objects.connect().write("processed", "d/a b+.png", tmp_path / "file", headers).result()
    ((path, sent),) = requests
    assert path == "/processed/d/a%20b%2B.png"
    assert (sent["content-type"], sent["x-amz-server-side-encryption"]) == ("image/png", "aws:kms")
    assert sent["x-amz-checksum-crc32"] == SUM
    signed = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"x-amz-server-side-encryption", "x-amz-checksum-crc32"} <= set(signed)


@pytest.mark.usefixtures("requests")
def test_what_may_not_be_stored_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    with pytest.raises(AwsCrtError, match="INVALID_RESPONSE_STATUS"):
        Objects.connect().write("processed", "denied", tmp_path / "file", {}).result()
