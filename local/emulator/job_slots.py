"""How many jobs run at the same time on this computer, whichever service they belong to."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache


@lru_cache(maxsize=1)
def job_pool() -> ThreadPoolExecutor:
    """Return the threads that run jobs, one each; further jobs wait in the order in which they came."""
    return ThreadPoolExecutor(int(os.environ.get("MULTIMODAL_JOB_SLOTS", "2")), thread_name_prefix="job")
