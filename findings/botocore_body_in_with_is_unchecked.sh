#!/usr/bin/env bash
# botocore: `with get_object(...)["Body"] as body: body.read()` takes a cut object for a whole one.
#
# Expected: leaving `with` aside, the same reader. `StreamingBody.read()` compares what came with Content-Length and raises
#   IncompleteReadError (docstring of StreamingBody: auto validation of content length); StreamingChecksumBody compares the
#   checksum as well.
# Seen: `__enter__` returns urllib3's own stream instead of the body, so that inside of the block nothing is compared: an object
#   whose connection ends early is read without an error, and a wrong checksum passes.
# Versions: botocore 1.43.127, urllib3 2.8.0, Python 3.11, 2026-11-28.
# Here: bodies are closed with contextlib.closing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.43.127 urllib3==2.8.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import io
import sys

from botocore.exceptions import IncompleteReadError
from botocore.response import StreamingBody


def body():
    """Ten bytes were announced, and seven come."""
    return StreamingBody(io.BytesIO(b"1234567"), 10)


def plainly():
    return body().read()


def in_a_block():
    with body() as stream:
        return stream.read()


def outcome(read):
    try:
        return f"{len(read())} bytes and no error"
    except IncompleteReadError as error:
        return str(error)


print("expected, and so without `with`:", outcome(plainly))
print("with `with`:                    ", outcome(in_a_block))
sys.exit(0 if "no error" in outcome(in_a_block) and "no error" not in outcome(plainly) else 1)
PY
