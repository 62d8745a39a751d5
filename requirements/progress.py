"""Print a line for every ten packages of pip's output, so that a long installation shows that it goes on.

Run as `pip install … | python requirements/progress.py requirements/dev.txt .venv`. While pip
installs it says nothing: then the packages in the environment are counted. It is no awk script: mawk, which Debian and
Ubuntu have, waits for 4 KiB of input before it looks at a line, and was silent for minutes.
"""

import re
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

_ERROR = re.compile(r"ERROR|\s+error|No matching distribution")


def progress(lines: Iterable[str], packages: int) -> Iterator[str]:
    """Yield what to show of pip's output.

    Examples
    --------
    >>> list(progress(["Collecting a"] * 12 + ["Installing collected packages: a", "ERROR: no"], 12))
    ['  10 of 12 packages fetched', '  installing 12 packages', 'ERROR: no']
    """
    fetched = 0
    for line in lines:
        if line.startswith("Collecting "):
            fetched += 1
            if fetched % 10 == 0:
                yield f"  {fetched} of {packages} packages fetched"
        elif line.startswith("Installing collected packages"):
            yield f"  installing {packages} packages"
        elif _ERROR.match(line):
            yield line.rstrip("\n")


def count_installed(environment: Path, packages: int, ended: threading.Event, seconds: float = 15.0) -> None:
    """Say every some seconds how many packages are in an environment, until all is done."""
    while not ended.wait(seconds):
        there = len(list(environment.glob("lib/python*/site-packages/*.dist-info")))
        show(f"  {min(there, packages)} of {packages} packages installed")


def show(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(pinned: Path, environment: Path) -> None:
    """Show the progress of what pip writes to this process."""
    packages = sum(line[:1].isalnum() for line in pinned.read_text(encoding="utf-8").splitlines())
    ended = threading.Event()
    try:
        for line in progress(sys.stdin, packages):
            show(line)
            if line.startswith("  installing"):
                threading.Thread(target=count_installed, args=(environment, packages, ended), daemon=True).start()
    finally:
        ended.set()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
