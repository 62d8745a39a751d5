"""What runs in a function's worker ends before the worker goes."""

import threading
import time
from types import SimpleNamespace

import pytest

from local.emulator import execution_environments
from local.emulator.execution_environments import let_invocations_end


def test_an_invocation_ends_before_its_worker_goes() -> None:
    worker = SimpleNamespace(_lock=threading.Lock())
    worker._lock.acquire()
    threading.Timer(0.1, worker._lock.release).start()
    started = time.monotonic()
    let_invocations_end([worker])
    assert time.monotonic() - started >= 0.05
    assert not worker._lock.locked()


def test_one_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_environments, "END_SECONDS", 0.05)
    worker = SimpleNamespace(_lock=threading.Lock())
    worker._lock.acquire()
    let_invocations_end([worker, worker])
    assert worker._lock.locked()
