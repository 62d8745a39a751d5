"""Print a line for every ten packages of pip's output, so that a long installation shows that it goes on.

Run as `pip install … | python requirements/progress.py requirements/dev.txt`. It is no awk script: mawk, which Debian
and Ubuntu have, waits for 4 KiB of input before it looks at a line, and was silent for minutes.
"""

import re
import sys
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


if __name__ == "__main__":
    pinned = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    for shown in progress(sys.stdin, sum(line[:1].isalnum() for line in pinned)):
        sys.stdout.write(f"{shown}\n")
        sys.stdout.flush()
