"""A stand-in for a Batch job's program: reports what it was given, or misbehaves as its arguments say."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3


def main(action: str, *details: str) -> int:
    """Do as told."""
    if action == "report":
        report(*details)
    elif action == "exit":
        print(f"leaving with {details[0]}")  # noqa: T201
        return int(details[0])
    elif action == "exit-before":  # the last attempt that fails, and how
        return int(details[1]) if int(os.environ["AWS_BATCH_JOB_ATTEMPT"]) <= int(details[0]) else 0
    elif action == "hang":
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        partial = Path(details[0]).with_suffix(".partial")
        partial.write_text(str(worker.pid))
        partial.rename(details[0])
        time.sleep(600)
    elif action == "sleep":
        time.sleep(float(details[0]))
    return 0


def report(bucket: str, key: str, *paths: str) -> None:
    """Store what the program sees of its surroundings."""
    Path(tempfile.gettempdir(), "written").write_text("x")
    document = {
        "paths": list(paths),
        "temporary": tempfile.gettempdir(),
        "environment": dict(os.environ),
        "attempt": os.environ["AWS_BATCH_JOB_ATTEMPT"],
    }
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(document).encode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
