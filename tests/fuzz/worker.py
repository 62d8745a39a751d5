"""Forked processes that run many cases each, with a memory limit; their parent watches the clock."""

import ctypes
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.cases import build, studies
from tests.fuzz.oracle import LIMITS, Truth, Verdict, judge, memory_bound, truth_of

CASES_PER_WORKER = 500
"""A fresh process now and then: what a case leaves behind in libraries must not be another one's failure."""

TIMEOUT_SECONDS = LIMITS.seconds
"""Wall clock of one case."""

_ONE_ARENA = (-8, 1)
"""glibc mallopt M_ARENA_MAX: threads that reserve 64 MiB each would be mistaken for memory that is used."""


@dataclass(frozen=True)
class Ended:
    """One case that ended."""

    number: int
    verdict: Verdict
    peak_bytes: int


@dataclass(frozen=True)
class Plan:
    """What to run: cases `first`, `first + 1`, … until the time or their number is up."""

    parser: str
    seed: int
    seconds: float | None = None
    cases: int | None = None
    first: int = 0


def run(plan: Plan) -> Iterator[Ended]:
    """Run cases one after the other and give each as it ends; a case that ends its process is one of them."""
    deadline = None if plan.seconds is None else time.monotonic() + plan.seconds
    last = None if plan.cases is None else plan.first + plan.cases
    number = plan.first
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place = Path(folder).resolve()
        truths = {study.name: truth_of(plan.parser, study, place / "truth") for study in studies(plan.parser)}
        while (last is None or number < last) and (deadline is None or time.monotonic() < deadline):
            stop = number + CASES_PER_WORKER if last is None else min(last, number + CASES_PER_WORKER)
            for ended in _one_worker(plan, range(number, stop), deadline, place, truths):
                number = ended.number + 1
                yield ended


def _one_worker(
    plan: Plan, numbers: range, deadline: float | None, place: Path, truths: dict[str, Truth]
) -> Iterator[Ended]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(plan, numbers, deadline, place, truths, theirs), daemon=True)
    process.start()
    theirs.close()
    number, peak = numbers.start, 0
    try:
        while True:
            if not ours.poll(TIMEOUT_SECONDS):
                yield Ended(number, Verdict("hung", f"no end after {TIMEOUT_SECONDS:g} s", TIMEOUT_SECONDS), peak)
                return
            try:
                ended: Ended | None = ours.recv()
            except EOFError:
                process.join()
                yield Ended(number, Verdict("died", f"the process ended with {_end(process.exitcode)}", 0.0), peak)
                return
            if ended is None:
                return
            number, peak = ended.number + 1, ended.peak_bytes
            yield ended
    finally:
        process.kill()
        process.join()
        ours.close()


def _end(code: int | None) -> str:
    return f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name


def _work(
    plan: Plan, numbers: range, deadline: float | None, place: Path, truths: dict[str, Truth], report: Connection
) -> None:
    """Run cases in this process and leave without the parent's clean-up."""
    _quiet()
    _limit_memory()
    start, folder = resident_bytes(), place / str(os.getpid())
    for number in numbers:
        if deadline is not None and time.monotonic() >= deadline:
            break
        case = build(plan.parser, plan.seed, number)
        verdict = judge(case, folder / case.name, truths.get(case.study.name))
        report.send(Ended(number, verdict, max(0, _peak_bytes() - start)))
    report.send(None)
    os._exit(0)


def _quiet() -> None:
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    for name in ("pydicom", "radiomics", "nibabel.global"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with Path(os.devnull).open("w") as nowhere:  # decoders write there by themselves
        os.dup2(nowhere.fileno(), 2)


def _limit_memory() -> None:
    """Allow what a study within its budgets may need, beyond the address space that the process has already."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).mallopt(*_ONE_ARENA)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bound = pages * os.sysconf("SC_PAGE_SIZE") + memory_bound(LIMITS)
    resource.setrlimit(resource.RLIMIT_AS, (bound, resource.getrlimit(resource.RLIMIT_AS)[1]))


def resident_bytes() -> int:
    """Memory of this process that is in use now."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    unit = 1024 if sys.platform == "linux" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
