"""Watches units move through the pipeline until all have ended."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.deployment import Deployment
from cli.errors import CommandError
from cli.ledger import STATUSES_WITHOUT_FEATURES, Unit, by_kind, count_statuses, describe_units, of_dataset, read_units
from cli.project import PROGRAM
from cli.terminal import INDENT, STATUS_STYLES, duration, make_table, plural, print_line

_POLL_SECONDS = 0.5
_NUDGE_SECONDS = 0.5

# Events take a moment from S3 to the queue: the ledger is believed to be whole only after this long.
_SETTLE_SECONDS = 3.0
_FEW_FOR_A_RATE = 3
_STAGES = ("RECEIVING", "READY", "PROCESSING", "PROCESSED", "COMPLETED")
_LIVE_MARGIN_LINES = 12


@dataclass(frozen=True)
class Outcome:
    """How waiting ended.

    Parameters
    ----------
    units : list of Unit
        The units waited for.
    seconds : float
        How long it took.
    timed_out : bool
        Whether some had not ended.
    problems : tuple of str
        What went wrong with the sweep meanwhile.
    blocked : frozenset of str
        Ids of units that wait for a reference whose build was quarantined or failed.
    moved : bool
        Whether anything happened to the units meanwhile.
    """

    units: list[Unit]
    seconds: float
    timed_out: bool
    problems: tuple[str, ...] = ()
    blocked: frozenset[str] = frozenset()
    moved: bool = True

    @property
    def without_features(self) -> list[Unit]:
        """Units without features that nothing but a person or a further upload will move."""
        return [unit for unit in self.units if unit.status in STATUSES_WITHOUT_FEATURES or self.is_stuck(unit)]

    def is_stuck(self, unit: Unit) -> bool:
        """Whether an open unit waits for what does not come by itself: the rest of its objects, or a reference."""
        return unit.waits_for_rest or unit.unit_id in self.blocked

    @property
    def succeeded(self) -> bool:
        """Whether every unit has its features in the store."""
        return bool(self.units) and not self.timed_out and not self.without_features


@contextmanager
def nudged_sweep(deployment: Deployment, read: Callable[[], Sequence[Unit]] | None = None) -> Iterator[list[str]]:
    """Invoke the sweep when a check is due while the block runs: its own schedule is once a minute.

    Parameters
    ----------
    deployment : Deployment
    read : callable, optional
        Gives the units as they were read last, for whoever reads them anyway; not given: the ledger is read.

    Yields
    ------
    list of str
        Filled with what the sweep function reported as its own failure; empty when all is well.
    """
    problems: list[str] = []
    stop = threading.Event()
    deployment.output("SweepFunctionName")  # a stack without it is told at once, and not by the thread

    def nudge() -> None:
        while not stop.is_set():
            problem = _nudge(deployment, read or (lambda: read_units(deployment)))
            if problem and problem not in problems:
                problems.append(problem)
            stop.wait(_NUDGE_SECONDS)

    thread = threading.Thread(target=nudge, name="sweep", daemon=True)
    thread.start()
    try:
        yield problems
    finally:
        stop.set()
        thread.join(timeout=5)


def _nudge(deployment: Deployment, read: Callable[[], Sequence[Unit]]) -> str:
    """Invoke the sweep if it has something to check, and return its problem; one that is running is as good."""
    try:
        now = time.time()
        if any(0 < unit.number("due_at") <= now for unit in read()):
            deployment.invoke_sweep({})
    except CommandError as error:
        return error.details or error.message
    except (ClientError, BotoCoreError) as error:
        return str(error)
    return ""


def wait_for_units(
    console: Console,
    deployment: Deployment,
    *,
    unit_ids: Sequence[str] = (),
    dataset: str = "",
    arriving: bool = False,
    timeout: float = 600.0,
    is_copying: Callable[[], bool] | None = None,
    note: str = "",
) -> Outcome:
    """Show units on their way until all have ended.

    Parameters
    ----------
    console : Console
        Where they are shown: as a live table on a terminal, as lines in a log.
    deployment : Deployment
        The stack.
    unit_ids : sequence of str
        Units to wait for; without any, all that the ledger has or is about to have.
    dataset : str
        Without `unit_ids`: all of this dataset alone.
    arriving : bool
        Whether objects of those units, which may have ended before, were uploaded a moment ago.
    timeout : float
        Seconds after which waiting ends.
    is_copying : callable, optional
        Whether somebody else still puts the units' objects there; units that are not there then do not come.
    note : str
        Id of the ledger's note that says what of the copying failed.

    Raises
    ------
    CommandError
        When nothing has been uploaded, or the stack has no image to process it with.
    """
    started = time.monotonic()
    view = _LiveView(console) if console.is_terminal else _LogView(console)
    before: int | None = None
    known = read_units(deployment)  # first, so that what is due already is checked at once
    at_first = {unit.unit_id: unit for unit in known}
    wanted, copying, still = frozenset(unit_ids), is_copying is not None, 0.0
    with nudged_sweep(deployment, lambda: known) as problems, view:
        while True:
            named = [unit for unit in known if unit.unit_id in wanted or _says(unit, note)]
            units = named if wanted else of_dataset(known, dataset)
            outcome = Outcome(units, time.monotonic() - started, timed_out=False, blocked=_blocked(units, known))
            settled = sum(unit.is_settled for unit in units)
            before = settled if before is None else before
            view.show(units, outcome.seconds, time_left(settled - before, len(units) - settled, outcome.seconds))
            complete = not copying if is_copying else len(units) >= len(wanted)
            ended = complete and all(u.is_settled or outcome.is_stuck(u) for u in units)
            if ended and (_have_arrived(deployment, outcome.seconds - still) if arriving or not unit_ids else True):
                return replace(outcome, moved=any(at_first.get(unit.unit_id) != unit for unit in units))
            if copying and outcome.seconds > timeout:
                hint = f"They go on; `{PROGRAM} status` shows each study."
                raise CommandError(f"The copies have not ended within {duration(timeout)}.", hint=hint)
            if outcome.seconds > timeout:
                return replace(outcome, timed_out=True, problems=tuple(problems))
            _check_image(units)
            time.sleep(_POLL_SECONDS)
            if copying and is_copying:  # asked first: what the ledger says later is then true of all copies
                copying, still = is_copying(), time.monotonic() - started
            known = read_units(deployment)


def _says(unit: Unit, note: str) -> bool:
    """Whether a unit is the note, and has something to say."""
    return unit.unit_id == note and unit.status in STATUSES_WITHOUT_FEATURES


def _blocked(units: list[Unit], known: list[Unit]) -> frozenset[str]:
    """Return the ids of units whose reference was quarantined or failed; the reason's message names it."""
    bad = [u for u in known if u.what == "reference" and u.is_settled and u.status in STATUSES_WITHOUT_FEATURES]
    names = [f"the reference {unit.unit_id.rpartition('#')[2]!r} " for unit in bad]
    waiting = [u for u in units if u.status == "READY" and u.text("reason_code") == "REFERENCE_NOT_READY"]
    return frozenset(u.unit_id for u in waiting if any(name in u.text("reason_message") for name in names))


def _have_arrived(deployment: Deployment, seconds: float) -> bool:
    return seconds > _SETTLE_SECONDS and not _messages(deployment)


def _messages(deployment: Deployment) -> int:
    """Return how many arrivals the ledger does not know of yet."""
    attributes = deployment.sqs.get_queue_attributes(
        QueueUrl=deployment.resource("ArrivalsQueue"),
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(int(count) for count in attributes.values())


def _check_image(units: list[Unit]) -> None:
    open_units = [unit for unit in units if not unit.is_settled]
    if open_units and all(unit.is_waiting_for_image for unit in open_units):
        raise CommandError(
            f"{plural(len(open_units), 'unit waits', 'units wait')} for a container image (IMAGE_NOT_SET).",
            # The ledger says which: each kind of unit has a parameter of its own.
            hint=" ".join(
                f"{text[:1].upper()}{text[1:]}." for text in sorted({u.text("reason_message") for u in open_units})
            ),
        )


class _LiveView:
    """One row per unit, with the stages it has passed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = Spinner("dots")
        self._live = Live(console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, units: list[Unit], seconds: float, left: str) -> None:
        self._spinner.update(text=Text(f"{_summary(units)}   {duration(seconds)}{left}"))
        content = Group(Text(), self._table(units), Text(), self._spinner)
        self._live.update(Padding(content, (0, 0, 0, INDENT + 5)))

    def _table(self, units: list[Unit]) -> Table:
        table = make_table("Subject", "Study", "Stage", "")
        room = max(3, self._console.height - _LIVE_MARGIN_LINES)
        # Those still on their way first: the others are done moving.
        for unit in sorted(units, key=lambda unit: (unit.is_settled, unit.unit_id))[:room]:
            table.add_row(unit.subject, unit.short_what, _bar(unit), _stage(unit))
        if len(units) > room:
            table.add_row(Text(f"… and {len(units) - room} more", style="dim"))
        return table


def _bar(unit: Unit) -> Text:
    if unit.status in STATUSES_WITHOUT_FEATURES:
        return Text("■" * len(_STAGES), style="red")
    passed = _STAGES.index(unit.status) + 1 if unit.status in _STAGES else 0
    style = STATUS_STYLES.get(unit.status, "")
    return Text("■" * passed, style=style) + Text("·" * (len(_STAGES) - passed), style="dim")


def _stage(unit: Unit) -> Text:
    style = STATUS_STYLES.get(unit.status, "")
    reason = unit.text("reason_code")
    return Text(unit.status, style=style) + Text(f"  {reason}" if reason else "", style="dim")


class _LogView:
    """One line whenever the counts change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Lines need no tidying."""

    def show(self, units: list[Unit], seconds: float, left: str) -> None:
        counts = count_statuses(units)
        if counts != self._last:
            print_line(self._console, f"     {seconds:6.1f} s   {_summary(units)}{left}")
            self._last = counts


def _summary(units: list[Unit]) -> str:
    return describe_units(units) or "no unit has arrived yet"


def time_left(ended: int, left: int, seconds: float) -> str:
    """Say how long the units that are left will take, at the rate of those that ended while they were watched.

    Examples
    --------
    >>> time_left(ended=10, left=30, seconds=60)
    ', about 3 min left'
    >>> time_left(ended=1, left=9, seconds=5)
    ''
    """
    if ended < _FEW_FOR_A_RATE or not left:
        return ""
    rest = seconds / ended * left
    return f", about {math.ceil(rest / 60)} min left" if rest > 60 else f", about {math.ceil(rest)} s left"


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print how many units ended well and, for each that did not, why."""
    done = " and ".join(
        f"{count_statuses(members).get('COMPLETED', 0)} of {plural(len(members), kind)}"
        for kind, members in by_kind(outcome.units).items()
    )
    text = f"{done} COMPLETED in {duration(outcome.seconds)}" if outcome.moved else f"Nothing new: {done} COMPLETED"
    rejected = sum(unit.counts.get("rejected_rows", 0) for unit in outcome.units if unit.status == "COMPLETED")
    but = f", but {plural(rejected, 'row')} of tables rejected" if rejected else ""
    style = "" if not outcome.succeeded else "yellow" if rejected else "green"
    print_line(console, f"{text}{but}.", style=style)
    if outcome.timed_out:
        waiting = [unit for unit in outcome.units if not (unit.is_settled or outcome.is_stuck(unit))]
        print_line(console, f"Still on their way when time ran out: {len(waiting)}.", style="red")
    if outcome.blocked:
        count = plural(len(outcome.blocked), "unit waits", "units wait")
        print_line(console, f"{count} for a reference that failed: fix it, then `{PROGRAM} retry` it.", style="red")
    for problem in outcome.problems:
        print_line(console, f"The sweep function failed: {problem}", style="red")
