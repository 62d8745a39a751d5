"""Cases by number for a time: what the fuzzers of tables and of sheets share."""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable

Run = Callable[[int, range, float], Counter[str]]


def run_cases(
    module: str, outcomes: Callable[[int], Iterable[str]], seed: int, numbers: range, seconds: float
) -> Counter[str]:
    """Run cases until the time is over; an error that is not typed ends it with the case's number."""
    ended, until = Counter[str](), time.monotonic() + seconds
    for number in numbers:
        try:
            ended.update(outcomes(number))
        except Exception as error:
            error.add_note(f"again: python -m {module} --seed {seed} --case {number}")
            raise
        if time.monotonic() > until:
            break
    return ended


def command(module: str, description: str, run: Run, summary: Callable[[int], str]) -> int:
    """Run for a time, or one case, and print how many ended in which way."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--case", type=int)
    options = parser.parse_args()
    numbers = range(10**9) if options.case is None else range(options.case, options.case + 1)
    ended = run(options.seed, numbers, options.seconds)
    lines = [f"seed {options.seed}: {summary(ended.total())}"]
    lines += [f"{count:7,}  {outcome}" for outcome, count in ended.most_common()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
