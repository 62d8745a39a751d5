"""Damages studies on purpose and checks that the job answers each with a result or a reason, within bounds.

python -m tests.fuzz                                     60 seconds for each parser
python -m tests.fuzz --parser zip --seconds 10 --seed 7
python -m tests.fuzz --parser seg --seed 7 --case 1234   one case again
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

from tests.fuzz.cases import PARSERS, build
from tests.fuzz.oracle import LIMITS, memory_bound
from tests.fuzz.report import MEBIBYTE, Tally, clear_progress, show_progress, tables
from tests.fuzz.worker import Ended, Plan, run

FAILURES = Path(".local/fuzz")
MOST_FAILURES = 20
"""Kept per parser; the first ones say enough."""


def main() -> int:
    """Run the fuzzer and give its exit code: 1 when a case failed."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a failure shows at once
    options = _options()
    parsers = PARSERS if options.parser == "all" else (options.parser,)
    print(
        f"Fuzzing {', '.join(parsers)}: seed {options.seed}, {_length(options)} per parser, at most "
        f"{memory_bound(LIMITS) / MEBIBYTE:.0f} MB and {LIMITS.seconds:g} s per case.\n"
    )
    tallies = [_fuzz(parser, options) for parser in parsers]
    print(tables(tallies))
    failed = sum(len(tally.failures) for tally in tallies)
    total = sum(tally.cases for tally in tallies)
    print(f"\n{failed} of {total:,} cases failed." if failed else f"\nAll {total:,} cases ended as they should.")
    return 1 if failed else 0


def _fuzz(parser: str, options: argparse.Namespace) -> Tally:
    tally = Tally(parser)
    for ended in run(_plan(parser, options)):
        tally.add(ended)
        if ended.verdict.failure:
            clear_progress()
            _keep(parser, options.seed, ended)
        show_progress(tally)
        if len(tally.failures) >= MOST_FAILURES:
            break
    clear_progress()
    return tally


def _plan(parser: str, options: argparse.Namespace) -> Plan:
    if options.case is not None:
        return Plan(parser, options.seed, cases=1, first=options.case)
    if options.cases is not None:
        return Plan(parser, options.seed, cases=options.cases)
    return Plan(parser, options.seed, seconds=options.seconds)


def _keep(parser: str, seed: int, ended: Ended) -> None:
    """Write the input of a failed case and say how to run it again."""
    case = build(parser, seed, ended.number)
    folder = FAILURES / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    case.save(folder)
    facts = {
        "parser": parser, "seed": seed, "case": case.number, "study": case.study.name, "changes": case.changes,
        "expected": case.expected.name, "outcome": ended.verdict.outcome, "failure": ended.verdict.failure,
    }  # fmt: skip
    (folder / "case.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"FAILED  {case.name}: {case.study.name}, {' + '.join(case.changes)}")
    print(f"        {str(ended.verdict.failure).replace(chr(10), chr(10) + '        ')}")
    print(f"        input: {folder}")
    print(f"        again: python -m tests.fuzz --parser {parser} --seed {seed} --case {case.number}\n")


def _length(options: argparse.Namespace) -> str:
    if options.case is not None:
        return f"case {options.case}"
    return f"{options.seconds:g} s" if options.cases is None else f"{options.cases} cases"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=str(__doc__).splitlines()[0])
    parser.add_argument("--parser", choices=[*PARSERS, "all"], default="all")
    parser.add_argument("--seconds", type=float, default=60.0, help="per parser (default 60)")
    parser.add_argument("--seed", type=int, help="default: another one each time; it is printed")
    parser.add_argument("--cases", type=int, help="this many cases per parser instead of seconds")
    parser.add_argument("--case", type=int, help="only the case of this number")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    return options


if __name__ == "__main__":
    sys.exit(main())
