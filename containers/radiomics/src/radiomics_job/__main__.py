import gc
import sys

_FEW_COLLECTIONS = 100_000
"""Objects between two searches for cycles: they are a tenth of a small study's CPU time and find next to nothing."""


def main() -> int:
    """Run the job as a program, and give its exit code."""
    gc.set_threshold(_FEW_COLLECTIONS)
    from radiomics_job.cli import main as run  # after the threshold: imports make most objects

    return run()


if __name__ == "__main__":
    sys.exit(main())
