"""What runs in a function's worker ends before the worker goes."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from local.emulator import execution_environments
from local.emulator.execution_environments import retire


def worker_at(*, work: bool, time_limit: float = 60) -> Any:
    lock = threading.Lock()
    if work:
        lock.acquire()
    return SimpleNamespace(_lock=lock, config={"Timeout": time_limit})


class Killed:
    """Who was killed, and a way to wait for it."""

    def __init__(self) -> None:
        self.workers: list[Any] = []
        self.happened = threading.Event()

    def kill(self, workers: list[Any]) -> None:
        self.workers += workers
        if workers:
            self.happened.set()


def test_a_worker_at_rest_goes_at_once_and_nobody_waits_for_the_other() -> None:
    rest, busy, killed = worker_at(work=False), worker_at(work=True), Killed()
    retire([rest, None, busy], killed.kill)
    assert killed.workers == [rest]


def test_an_invocation_ends_before_its_worker_goes() -> None:
    busy, killed = worker_at(work=True), Killed()
    retire([busy], killed.kill)
    assert not killed.happened.wait(0.1)
    busy._lock.release()
    assert killed.happened.wait(5)
    assert killed.workers == [busy]


def test_one_that_does_not_end_goes_after_its_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_environments, "GRACE_SECONDS", 0)
    busy, killed = worker_at(work=True, time_limit=0.05), Killed()
    retire([busy], killed.kill)
    assert killed.happened.wait(5)
    assert busy._lock.locked()
