"""Uploads, events, sweeps, jobs' ends and ingestions in any order: what is there in the end is what counts."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from multimodal.genomics.samples import SampleListing
from multimodal.ledger.errors import RetryableError
from multimodal.ledger.unit import END_STATUSES, LedgerItem, Status, Unit, case_unit
from multimodal.pipeline.arrivals import Upload
from tests.unit.functions.world import DATASET, QUIET, REFERENCE, RnaWorld, reads, rejection_document

ROOT = f"genomics/{DATASET}"
CASES = ("S1", "S10")
REFERENCE_FILES = [f"genomics/_references/{REFERENCE}/{name}" for name in ("genome.fa.gz", "genes.gtf.gz")]
FILES = [key for case in CASES for key in reads(case, lanes=2)] + REFERENCE_FILES
STEPS, ROUNDS = 60, 20
SEEDS = range(30)


Update = Callable[[LedgerItem, Mapping[str, Any]], LedgerItem | None]


class Chaos:
    """A stack to which things happen in an order that a seed chooses."""

    def __init__(self, seed: int, *, sheet: bool) -> None:
        self.random, self.world, self.sheet = random.Random(seed), RnaWorld(built=False), sheet
        self.undelivered: list[str] = []
        self.uploading = True
        self.results: list[str] = []
        self.outcomes: dict[str, str] = {}
        self.world.ledger.update = self.interrupted(self.world.ledger.update)  # type: ignore[assignment, method-assign]

    def interrupted(self, update: Update) -> Update:
        """Let uploads arrive between a decision and the write that it leads to."""

        def late(item: LedgerItem, changes: Mapping[str, Any]) -> LedgerItem | None:
            if self.uploading and self.random.random() < 0.1:
                self.put()
                self.deliver(everything=True)
            return update(item, changes)

        return late

    def run(self) -> None:
        """Let things happen, each followed by a look at what must hold at all times."""
        steps = [self.put, self.deliver, self.tick, self.end_job, self.ingest]
        for _ in range(STEPS):
            self.random.choices(steps, [3, 3, 4, 3, 2])[0]()
            self.check_one_job_at_a_time()

    def put(self) -> None:
        """Put an object, new or with another content, whose event comes whenever it comes."""
        sheet = f"{ROOT}/samplesheet.csv"
        key = self.random.choice([*FILES, *([sheet] * 4 if self.sheet else [])])
        body = self.sheet_text() if key == sheet else f"content {self.random.randrange(3)}"
        self.world.raw.put(key, body.encode())
        self.undelivered.append(key)

    def sheet_text(self) -> str:
        """A sheet that says now this, now that of the cases; sometimes it does not name one of them."""
        rows = ["sample,fastq_1,fastq_2,strandedness"]
        for case in self.random.sample(CASES, self.random.choice([1, 2, 2])):
            files = [key.removeprefix(f"{ROOT}/") for key in reads(case, lanes=self.random.choice([1, 2]))]
            said = self.random.choice(["auto", "reverse"])
            rows += [f"{case},{first},{second},{said}" for first, second in zip(files[::2], files[1::2], strict=True)]
        return "\n".join(rows) + "\n"

    def deliver(self, everything: bool = False) -> None:
        """Deliver events: some or all, shuffled, some twice."""
        self.random.shuffle(self.undelivered)
        count = len(self.undelivered) if everything else self.random.randint(0, len(self.undelivered))
        keys, self.undelivered = self.undelivered[:count], self.undelivered[count:]
        keys += self.random.sample(keys, len(keys) // 2)
        self.world.register([Upload(f"m{n}", key, self.world.clock()) for n, key in enumerate(keys)])

    def tick(self) -> None:
        """Let time pass; Batch may be too busy to take jobs."""
        self.world.batch.refusal = RetryableError("throttled") if self.random.random() < 0.1 else None
        self.world.tick(self.random.choice([0, 1, 30, QUIET, QUIET + 60, 1000]))
        self.world.batch.refusal = None

    def end_job(self, always_well: bool = False) -> None:
        """End a running job: well, with a refusal, or badly; its event may be lost."""
        running = sorted(self.world.batch.running)
        if not running:
            return
        run = self.random.choice(running)
        how = "well" if always_well else self.random.choice(["well", "well", "well", "refused", "badly"])
        self.outcomes[run] = how
        self.world.batch.running.discard(run)
        self.leave_result(run, how)
        if always_well or self.random.random() > 0.2:
            for _ in range(self.random.choice([1, 1, 2])):
                self.world.end_job(run, "SUCCEEDED" if how == "well" else "FAILED")

    def leave_result(self, run: str, how: str) -> None:
        """Do what the job does before it ends."""
        if run.startswith("ref-"):
            if how == "well":
                self.world.build()
        elif how != "badly":
            document = rejection_document("MATES_UNEQUAL") if how == "refused" else None
            self.results.append(self.world.run_case(run, document, case=case_of(self.world, run)))

    def ingest(self) -> None:
        """Deliver the event of a result, again and again."""
        if not self.results:
            return
        key = self.random.choice(self.results)
        if key.endswith("run.json"):
            try:
                self.world.ingest(key)
            except RetryableError:
                return  # it is delivered again

    def settle(self) -> None:
        """Upload the rest, deliver everything, and let all jobs end well, until no check is scheduled any more."""
        rest = [key for key in FILES if key not in self.world.raw.content]
        for key in rest:
            self.world.raw.put(key, b"content 0")
        self.undelivered += rest
        self.deliver(everything=True)
        for number in range(ROUNDS):
            self.uploading = number < ROUNDS // 2
            self.world.tick(1000)
            while self.world.batch.running:
                self.end_job(always_well=True)
                self.check_one_job_at_a_time()
            for key in self.results:
                if key.endswith("run.json"):
                    self.world.ingest(key)

    def check_one_job_at_a_time(self) -> None:
        """No case and no reference ever has two jobs at work."""
        working = Counter(case_of(self.world, run) for run in self.world.batch.running)
        assert max(working.values(), default=0) <= 1, working


def case_of(world: RnaWorld, run: str) -> str:
    """Whose job it is, by its arguments."""
    command = world.arguments(run)
    return command[command.index("--name" if run.startswith("ref-") else "--sample") + 1]


def expected_content_version(world: RnaWorld, unit: Unit) -> str | None:
    """What the objects that are there now are called; None for a case that the sheet names no longer: it stays."""
    listing = world.rules_of(unit).list_objects(unit)
    return None if isinstance(listing, SampleListing) and listing.unlisted else listing.content_version


def units_of(chaos: Chaos) -> list[Unit]:
    units = [case_unit(DATASET, case) for case in CASES] + [case_unit("_references", REFERENCE)]
    return [unit for unit in units if chaos.world.ledger.get(unit.unit_id) is not None]


@pytest.mark.parametrize("sheet", [False, True])
def test_in_the_end_the_last_content_counts(sheet: bool) -> None:
    seen = Counter[str]()
    for seed in SEEDS:
        chaos = Chaos(seed, sheet=sheet)
        chaos.run()
        chaos.settle()
        for unit in units_of(chaos):
            item = chaos.world.ledger.get(unit.unit_id)
            assert item is not None
            seen[item.status] += 1
            if item.status in {Status.COMPLETED, Status.FAILED} or item.reason_code == "MATES_UNEQUAL":
                assert expected_content_version(chaos.world, unit) in {item.content_version, None}, (seed, unit, item)
            if item.status in END_STATUSES:
                assert item.due_at is None, (seed, item)
            if item.status is Status.COMPLETED and not unit.is_reference:
                assert chaos.outcomes[str(item.run_id)] == "well", (seed, item)
    assert seen[Status.COMPLETED] > len(SEEDS), seen
    assert not seen[Status.PROCESSING], seen
    assert not seen[Status.PROCESSED], seen


def _lane(world: RnaWorld, number: int) -> None:
    world.upload(reads()[number], body=b"another content")


def _sheet(world: RnaWorld, number: int) -> None:
    files = ",".join(key.removeprefix(f"{ROOT}/") for key in reads())
    world.upload(
        f"{ROOT}/samplesheet.csv", body=f"sample,fastq_1,fastq_2,strandedness\nR01-023,{files},reverse\n".encode()
    )


@pytest.mark.parametrize("change", [_lane, _sheet])
def test_what_changes_while_the_job_runs_is_run_afterwards_once(change: Callable[[RnaWorld, int], None]) -> None:
    world = RnaWorld()
    run = world.start_case()
    first = world.case().content_version
    world.clock.advance(5)
    change(world, 1)
    assert world.tick(1)["jobs"] == 0, "not beside the job that runs"
    world.ingest(world.run_case(run))
    world.end_job(run)
    for _ in range(3):
        world.tick(QUIET + 60)
    assert len(world.batch.submitted) == 2
    assert world.case().content_version != first
    again = list(world.batch.submitted)[-1]
    world.ingest(world.run_case(again))
    world.end_job(again)
    for _ in range(3):
        world.tick(QUIET + 60)
    assert (world.case().status, len(world.batch.submitted)) == (Status.COMPLETED, 2)


@pytest.mark.parametrize("folder", ["--help", ";rm -rf", "..", "-x", "a b", "$(x)", "a\nb"])
def test_case_with_a_hostile_name_is_told_in_the_ledger_and_never_run(folder: str) -> None:
    world = RnaWorld()
    world.upload(*(f"{ROOT}/{folder}/S_R{mate}.fastq.gz" for mate in (1, 2)))
    for _ in range(3):
        assert world.tick(QUIET + 60)["jobs"] == 0
    item = world.case("-refused-keys")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "KEY_NOT_ACCEPTED")
    assert folder in world.ledger.extra[item.unit_id]["reason_details"]["example_key"]
    assert set(world.ledger.items) == {item.unit_id}
