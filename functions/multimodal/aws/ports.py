"""The services' ports as AWS provides them: a function's app wires its service to these."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache

from multimodal.aws.ledger import DynamoDbLedger
from multimodal.aws.objects import S3Objects
from multimodal.ledger.ports import Ports, R, T
from multimodal.observability import CloudWatchMetrics
from multimodal.settings import Settings

THREADS = 10
"""As many as boto3 keeps connections open for."""

_thread = threading.local()


def clock() -> int:
    """Return epoch seconds."""
    return int(time.time())


@lru_cache(maxsize=1)
def metrics() -> CloudWatchMetrics:
    """Return the function's metrics."""
    return CloudWatchMetrics(Settings.from_environment().METRICS_NAMESPACE)


def connect(ledger_table: str, raw_bucket: str = "", processed_bucket: str = "") -> Ports:
    """Return a function's ports; a bucket without a name is one that the function does not use."""
    raw, processed = S3Objects(raw_bucket), S3Objects(processed_bucket)
    return Ports(DynamoDbLedger(ledger_table), raw, processed, clock, metrics(), parallel_map)


def parallel_map(action: Callable[[T], R], items: Iterable[T], /) -> Iterable[R]:
    """Apply a function to many items in threads, which wait for S3 and DynamoDB concurrently.

    Each thread takes the next item when it is done with one: a future for each item would cost more than registering
    an arrival does. All threads have ended when it returns or raises what the first of them raised. Within such a
    thread it is done one after the other: threads that all wait for more of themselves never end.
    """
    given = list(items)
    if getattr(_thread, "is_of_the_pool", False):
        return [action(item) for item in given]
    todo, done = enumerate(given), dict[int, R]()

    def work() -> None:
        for index, item in todo:
            done[index] = action(item)

    workers = [_threads().submit(work) for _ in range(min(THREADS, len(given)))]
    wait(workers)
    for worker in workers:
        worker.result()
    return [done[index] for index in range(len(given))]


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS, initializer=_mark_thread)


def _mark_thread() -> None:
    _thread.is_of_the_pool = True
