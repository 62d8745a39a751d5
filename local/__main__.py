"""Entry point of `python -m local`."""

import sys

_INTERRUPTED = 130


def run() -> int:
    """Run the command line; before `make setup`, or on Ctrl-C while it is still loading, say so in a sentence."""
    try:
        from local.cli import main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "local":
            raise  # a fault of this project, not of the user's setup
        text = "This Python lacks the project's packages: run `make setup`, then `.venv/bin/python -m local …`."
        print(text, file=sys.stderr)
        return 1
    return main()


if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:
        print("\n  Interrupted.", file=sys.stderr)
        sys.exit(_INTERRUPTED)
