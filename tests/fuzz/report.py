"""What the fuzzer prints: a line that lives while it runs, tables at the end."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.fuzz.worker import Ended

MEBIBYTE = 1024 * 1024


@dataclass
class Tally:
    """The cases of one parser so far."""

    parser: str
    started: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Ended] = field(default_factory=list)
    slowest: float = 0.0
    peak_bytes: int = 0

    def add(self, case: Ended) -> None:
        self.ended = time.monotonic()
        self.outcomes[case.verdict.outcome] += 1
        self.slowest = max(self.slowest, case.verdict.seconds)
        self.peak_bytes = max(self.peak_bytes, case.peak_bytes)
        if case.verdict.failure:
            self.failures.append(case)

    @property
    def cases(self) -> int:
        return self.outcomes.total()

    @property
    def accepted(self) -> int:
        return self.outcomes["accept"] + self.outcomes["warn"]

    @property
    def rate(self) -> float:
        return self.cases / max(self.ended - self.started, 1e-9)

    def line(self) -> str:
        """Describe the state in one line."""
        failures = f"  {len(self.failures)} FAILED" if self.failures else ""
        return f"{self.parser:<9}{self.cases:>8,} cases {self.rate:>6.1f}/s{failures}"


def show_progress(tally: Tally) -> None:
    """Overwrite the line, on a terminal only."""
    if sys.stdout.isatty() and tally.cases % 10 == 0:
        sys.stdout.write(f"\r  {tally.line()}\033[K")
        sys.stdout.flush()


def clear_progress() -> None:
    """Remove the line again."""
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")


def tables(tallies: Sequence[Tally]) -> str:
    """Give the summary by parser and the outcomes by reason code."""
    summary = [
        [
            tally.parser,
            f"{tally.cases:,}",
            f"{tally.rate:.1f}",
            f"{tally.accepted:,}",
            f"{tally.cases - tally.accepted - len(tally.failures):,}",
            f"{len(tally.failures):,}",
            f"{tally.slowest:.2f} s",
            f"{tally.peak_bytes / MEBIBYTE:.0f} MB",
        ]
        for tally in tallies
    ]
    head = ["parser", "cases", "cases/s", "accepted", "refused", "failed", "slowest", "peak memory"]
    total = Counter[str]()
    for tally in tallies:
        total += tally.outcomes
    outcomes = [
        [name, *(f"{tally.outcomes[name]:,}" if tally.outcomes[name] else "·" for tally in tallies)]
        for name, _ in sorted(total.items(), key=_order)
    ]
    return f"{table([head, *summary])}\n\n{table([['outcome', *(tally.parser for tally in tallies)], *outcomes])}"


def _order(item: tuple[str, int]) -> tuple[bool, int, str]:
    """Accepted first, then by how often."""
    name, count = item
    return name not in {"accept", "warn"}, -count, name


def table(rows: Iterable[Sequence[str]]) -> str:
    """Align columns: the first to the left, numbers to the right; a rule below the head."""
    lines = list(rows)
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in lines)
    ]
    return "\n".join("  " + line for line in [text[0], "─" * len(text[0]), *text[1:]])
