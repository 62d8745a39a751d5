"""What `make setup` shows while pip installs."""

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[3] / "requirements"


def test_packages_are_counted_while_pip_still_runs(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.txt"
    pinned.write_text("boto3==1.0 \\\n    --hash=sha256:00\n# a comment\njinja2==3.0\n")
    command = [sys.executable, str(REQUIREMENTS / "progress.py"), str(pinned)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("Collecting boto3==1.0\n  Downloading boto3\n" * 10)
        process.stdin.flush()
        assert process.stdout.readline() == "  10 of 2 packages fetched\n"  # the pipe is still open
        shown, _ = process.communicate("Installing collected packages: boto3\nERROR: no space left\n", timeout=60)
    assert shown.splitlines() == ["  installing 2 packages", "ERROR: no space left"]
