"""What the patches hold in memory, kept over a restart with ministack's own state (`PERSIST_STATE`, `STATE_DIR`).

What was running is not running afterwards, as where a host is lost: processing jobs have failed, Batch jobs too, and
ministack ends executions itself. Nobody is told, so that what waited for them has to find out.

Seams: `ministack.app.save_all` and `_load_persisted_state`, which its start and its end call.
"""

import copyreg
import os
import pickle  # nosec B403: the file is the one that this module wrote
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.emulator import server
from local.emulator.batch import jobs as batch_jobs
from local.emulator.batch import resources
from local.emulator.batch.attempts import INTERRUPTED
from local.emulator.sagemaker import feature_groups, offline_store, processing

_HELD: Mapping[str, dict[str, Any]] = {
    "processing jobs": processing._jobs,
    "feature groups": feature_groups._groups,
    "Batch jobs": batch_jobs._jobs,
    "compute environments": resources._environments,
    "queues": resources._queues,
    "definitions": resources._definitions,
}


def install() -> None:
    """Keep the patches' state beside ministack's."""
    if os.environ.get("PERSIST_STATE") != "1":
        return
    from ministack import app

    copyreg.pickle(threading.Event, lambda _: (threading.Event, ()))  # nobody waits for one of before
    path = Path(os.environ["STATE_DIR"]) / "patches.pickle"
    save_all, load = app.save_all, app._load_persisted_state

    # The rows that are gathered are written by requests to the emulator, which answers none when it saves its state.
    server.before_end.append(lambda: offline_store.flush(group.table for group in feature_groups._groups.values()))

    def _save_all(services: Mapping[str, Callable[[], Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(_HELD))
        save_all(services)

    def _load_persisted_state() -> None:
        load()
        if path.exists():
            _restore(pickle.loads(path.read_bytes()))  # noqa: S301 # nosec B301: as above

    app.save_all, app._load_persisted_state = _save_all, _load_persisted_state


def _restore(held: Mapping[str, dict[str, Any]]) -> None:
    for name, things in held.items():
        _HELD[name].update(things)
    for job in processing._jobs.values():
        if job.status in (processing.IN_PROGRESS, processing.STOPPING):
            job.status, job.failure_reason, job.ended = "Failed", "InternalServerError", job.modified
    for batch_job in batch_jobs._jobs.values():
        if batch_job.status not in batch_jobs.ENDED:
            batch_job.status, batch_job.status_reason = batch_jobs.FAILED, INTERRUPTED
            batch_job.stopped = batch_job.created
    offline_store.reopen(group.table for group in feature_groups._groups.values())
