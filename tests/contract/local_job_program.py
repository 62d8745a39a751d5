"""A stand-in for a job's program: reports what it was given, or misbehaves as its arguments say."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(input_dir: str, output_dir: str, action: str = "", detail: str = "") -> int:
    """Do as told and write report.json."""
    if action == "exit":
        print(f"leaving with {detail}")  # noqa: T201
        return int(detail)
    if action == "hang":
        worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        partial = Path(detail).with_suffix(".partial")
        partial.write_text(str(worker.pid))
        partial.rename(detail)
        time.sleep(600)
    if action == "sleep":
        time.sleep(float(detail))
    source = Path(input_dir)
    files = {str(path.relative_to(source)): path.read_text() for path in source.rglob("*") if path.is_file()}
    job = sorted(path.name for path in (source.parent / "job").glob("*"))
    report = {"files": files, "job_files": job, "environment": sorted(os.environ)}
    Path(output_dir, "report.json").write_text(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
