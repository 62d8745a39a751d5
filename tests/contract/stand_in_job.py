"""A stand-in for a job's program: reports what it was given, or misbehaves as its arguments say.

A processing job's first two arguments are its folders of inputs and outputs; a Batch job has none of them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESSING = "/input"  # how the first argument of a processing job ends


def main(*arguments: str) -> int:
    """Do as told."""
    folders = [Path(text) for text in arguments[:2]] if arguments[0].endswith(PROCESSING) else []
    action, *details = arguments[len(folders) :] or ["nothing"]
    if action == "exit":
        print(f"leaving with {details[0]}")  # noqa: T201
        for file in details[1:]:  # the file whose text is the job's last word
            Path(file).write_text(f"because of {details[0]}")
        return int(details[0])
    if action == "exit-before":  # the last attempt that fails, and how
        return int(details[1]) if int(os.environ["AWS_BATCH_JOB_ATTEMPT"]) <= int(details[0]) else 0
    if action == "hang":
        hang(Path(details[0]))
    elif action == "sleep":
        time.sleep(float(details[0]))
    if folders:
        report_files(*folders)
    elif action == "report":
        report_surroundings(*details)
    return 0


def hang(pid_file: Path) -> None:
    """Never end, and have a worker that does neither."""
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    partial = pid_file.with_suffix(".partial")
    partial.write_text(str(worker.pid))
    partial.rename(pid_file)
    time.sleep(600)


def report_files(source: Path, results: Path) -> None:
    """Write report.json: the input files, and which variables there are."""
    files = {str(path.relative_to(source)): path.read_text() for path in source.rglob("*") if path.is_file()}
    job = sorted(path.name for path in (source.parent / "job").glob("*"))
    report = {"files": files, "job_files": job, "environment": sorted(os.environ)}
    (results / "report.json").write_text(json.dumps(report))


def report_surroundings(bucket: str, key: str, *paths: str) -> None:
    """Store what the program sees of its surroundings."""
    import boto3  # a processing job has no use for it

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
