"""Entry point of `python -m survival_job`."""

import sys

from survival_job.cli import main

if __name__ == "__main__":
    sys.exit(main())
