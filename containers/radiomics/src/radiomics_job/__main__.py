import gc
import os
import sys
from typing import NoReturn

_FEW_COLLECTIONS = 100_000
"""Objects between two searches for cycles: they are a tenth of a small study's CPU time and find next to nothing."""


def main() -> NoReturn:
    """Run the job as a program, and end with its exit code."""
    gc.set_threshold(_FEW_COLLECTIONS)
    from radiomics_job.cli import main as run  # after the threshold: imports make most objects

    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # every file is closed and every study's process joined: to take the libraries apart costs 0.1 s


if __name__ == "__main__":
    main()
