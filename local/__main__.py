"""The laptop's own commands, `python -m local up|down|demo`; `make` runs them."""

import sys

if __name__ == "__main__":
    try:
        from local.commands import run  # takes a second, in which Ctrl-C is answered, too

        sys.exit(run())
    except KeyboardInterrupt:
        print("\n  Interrupted.", file=sys.stderr)
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"local", "cli"}:
            raise  # a fault of this project, not of the user's set-up
        sys.exit("This Python lacks the project's packages: run `make setup`, then use `make up`, `make demo`.")
