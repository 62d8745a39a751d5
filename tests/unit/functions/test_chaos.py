"""Nothing lost, nothing twice: the pipeline under lost and doubled events, killed rounds, lost runs and failing jobs.

Hypothesis chooses what happens. After each history every upload is accounted for: a good study has one record, a
bad one
is quarantined with its reason. `CHAOS_EXAMPLES=2000` tries more histories (`make chaos`).
"""

import os
from collections import Counter
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from multimodal.ledger.outcome import SHORTAGE_RECHECK_SECONDS
from multimodal.ledger.unit import LedgerItem, Status, Unit
from multimodal.pipeline.arrivals import Upload
from multimodal.pipeline.reconcile import Reconciler
from multimodal.pipeline.retry import rerun
from multimodal.pipeline.sweep import LEASE_NAME, ROUND_SECONDS
from tests.unit.functions.fakes import FakeLedger
from tests.unit.functions.world import DATASET, QUIET, World, features_document, rejection_document, slices

EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "25"))
SUBJECTS = [f"R01-{n:03d}" for n in range(6)]
BAD = set(SUBJECTS[::3])
CAPACITY = "CapacityError: Unable to provision requested ML compute capacity."


class KilledError(BaseException):
    """The process of a function ended, as at its time limit: nothing of it runs any more."""


class MortalLedger(FakeLedger):
    """A ledger in whose n-th write the process is killed, before or after it took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.after = False

    def _store(self, item: LedgerItem) -> None:
        dies = self.left == 0
        self.left = None if self.left is None or dies else self.left - 1
        if dies and not self.after:
            raise KilledError
        super()._store(item)
        if dies:
            raise KilledError


class MortalWorld(World):
    """A stack in memory whose functions can be killed."""

    def __init__(self) -> None:
        like = World()
        like.ledger = MortalLedger()
        super().__init__(like=like)


class Pipeline(RuleBasedStateMachine):
    """What may happen to uploads and to what works on them."""

    histories: ClassVar[list[Counter[str]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.world, self.faults = MortalWorld(), 0
        self.messages = 0

    @property
    def ledger(self) -> MortalLedger:
        assert isinstance(self.world.ledger, MortalLedger)
        return self.world.ledger

    @initialize(subjects=st.sets(st.sampled_from(SUBJECTS), min_size=2))
    def copied(self, subjects: set[str]) -> None:
        """A few studies are copied; one event of each is lost."""
        for subject in sorted(subjects):
            self.upload(subject, [0, 1])

    @rule(subject=st.sampled_from(SUBJECTS), told=st.lists(st.integers(0, 2), max_size=6))
    def upload(self, subject: str, told: list[int]) -> None:
        """Three objects of a study; their events come in any order, some twice and some never."""
        keys = slices(3, subject)
        for key in keys:
            if key not in self.world.raw.content:
                self.world.raw.put(key)
        self.faults += len(set(range(3)) - set(told)) + len(told) - len(set(told))
        events = [Upload(f"m{self.messages + n}", keys[i], self.world.clock()) for n, i in enumerate(told)]
        self.messages += len(events)
        self.world.register(events)

    @rule(subject=st.sampled_from(SUBJECTS), times=st.integers(0, 2))
    def mark(self, subject: str, times: int) -> None:
        """The marker of a study that is whole; its event comes once, twice or never."""
        key = slices(1, subject)[0]
        if key not in self.world.raw.content:
            return
        marker = f"{Unit(DATASET, subject, '1.2.3').folder}_COMPLETE.json"
        self.world.raw.put(marker, b'{"objects": 3}')
        self.faults += times != 1
        self.messages += 1
        self.world.register([Upload(f"m{self.messages}", marker, self.world.clock())] * times)

    @rule(seconds=st.sampled_from([1, 60, QUIET, 1000, SHORTAGE_RECHECK_SECONDS]))
    def round(self, seconds: int) -> None:
        """A round of the sweep."""
        self.world.tick(seconds)

    @rule(writes=st.integers(0, 8), after=st.booleans())
    def killed_round(self, writes: int, after: bool) -> None:
        """A round that is killed at one of its writes; its lease stays."""
        self.ledger.left, self.ledger.after = writes, after
        try:
            self.world.tick(60)
        except KilledError:
            self.faults += 1
            self.ledger.leases[LEASE_NAME] = ("dead", self.world.clock() + ROUND_SECONDS)
        finally:
            self.ledger.left = None

    @rule(outcome=st.sampled_from(["good", "failed", "capacity", "unrecorded", "lost"]))
    def run_ends(self, outcome: str) -> None:
        """The oldest run ends, well or not; or it vanishes, before its job or before its outcome was recorded."""
        run = min(self.world.runs.running, default=None, key=self.world.runs.started.index)
        if run is None:
            return
        self.faults += outcome != "good"
        if outcome != "lost":
            for job in self.world.jobs(run):
                self._job_ends(job, outcome)
        self.world.runs.running.discard(run)

    def _job_ends(self, job: dict[str, Any], outcome: str) -> None:
        if outcome in {"good", "unrecorded"}:
            self._write_results(job)
        if outcome == "unrecorded":
            return
        reason = CAPACITY if outcome == "capacity" else "AlgorithmError: exit code 137"
        answer = self.world.record_job(
            job, {"status": "Completed" if outcome == "good" else "Failed", "reason": reason}
        )
        if answer["decision"] == "retry":
            self._write_results(answer["job"])
            self.world.record_job(answer["job"], {"status": "Completed", "reason": ""})

    def _write_results(self, job: dict[str, Any]) -> None:
        document = self.world.processed.read_json(job["job_uri"].removeprefix("s3://processed/") + "job.json")
        for unit in document["units"]:
            run = {
                "run_id": document["run_id"],
                "job_id": document["job_id"],
                "content_version": unit["content_version"],
            }
            bad = unit["subject"] in BAD
            content = rejection_document() if bad else features_document(unit["subject"])
            address = Unit(unit["dataset"], unit["subject"], unit["study"])
            name = "rejection.json" if bad else "features.json"
            self.world.processed.write_json(address.result_key(name), {**content, "run": run})

    @rule(subject=st.sampled_from(SUBJECTS), times=st.integers(1, 2))
    def result_event(self, subject: str, times: int) -> None:
        """The event of a result comes, perhaps twice, or again."""
        key = self.world.features_key(subject)
        if key in self.world.processed.content:
            self.faults += times - 1
            for _ in range(times):
                self.world.ingest(key)

    @rule()
    def night(self) -> None:
        """The nightly reconciliation."""
        Reconciler(self.world.ports, QUIET).run(lambda: True)

    @invariant()
    def a_record_is_written_once_and_only_of_good_studies(self) -> None:
        written = [str(dict(record)["case_id"]) for _, record in self.world.features.records]
        assert len(written) == len(set(written)), "a record was written twice"
        assert not BAD & set(written)

    def teardown(self) -> None:
        """Let the faults end: a night, working rounds and runs, replayed dead letters, a retry of what failed."""
        Reconciler(self.world.ports, QUIET).run(lambda: True)
        for _ in range(40):
            self.world.tick(SHORTAGE_RECHECK_SECONDS)
            while self.world.runs.running:
                self.run_ends("good")
            while self.world.announced:  # also results whose event was lost
                self.world.ingest(self.world.announced.pop())
            failed = [i.unit_id for i in self.ledger.items.values() if i.status is Status.FAILED]
            if failed:
                rerun(self.world.ports, failed)
            elif all(item.due_at is None for item in self.ledger.items.values()):
                break
        self._check()
        statuses = Counter(item.status.value for item in self.ledger.items.values())
        Pipeline.histories.append(Counter(faults=self.faults, uploaded=len(self.ledger.items)) + statuses)

    def _check(self) -> None:
        uploaded = {key.split("/")[2] for key in self.world.raw.content}
        ended = {item.unit.subject: item for item in self.ledger.items.values()}
        assert set(ended) == uploaded, "an upload is in no ledger"
        for subject, item in ended.items():
            wanted = (Status.QUARANTINED, "UNREADABLE_DICOM") if subject in BAD else (Status.COMPLETED, None)
            assert (item.status, item.reason_code) == wanted, f"{subject} of {DATASET}"
        written = {str(dict(record)["case_id"]) for _, record in self.world.features.records}
        assert written == uploaded - BAD


Pipeline.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=30, deadline=None, derandomize=EXAMPLES == 25, database=None
)
TestPipeline = Pipeline.TestCase


def test_faults_were_injected() -> None:
    """Runs last: histories without a fault would show nothing."""
    total = sum(Pipeline.histories, Counter[str]())
    assert total["faults"] > 0
    assert total["uploaded"] == total[Status.COMPLETED] + total[Status.QUARANTINED] > 0
    print(f"{len(Pipeline.histories)} histories: {dict(total)}")  # noqa: T201 – for docs/reliability.md
