"""CPU time and peak memory of each stage of one process.

Uses nothing but the standard library and no module of the project, so that the process it times stays what it is.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

START_UP = "Start-up and imports"
READ = "Read and stack CT"
SEGMENTATION = "Segmentation onto CT"
QUALITY = "Quality control"
NIFTI = "NIfTI files"
OVERLAY = "Overlay"
FEATURES = "120 features"
REST = "Everything else"
STAGES = (START_UP, READ, SEGMENTATION, QUALITY, NIFTI, OVERLAY, FEATURES, REST)
"""Of the imaging benchmark's sides, in the order of the table."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


_RESET_PEAK = "5"
"""What Linux takes as the order to start the peak of resident memory anew."""


class StageClock:
    """Charges CPU time (user and system, all threads) and peak resident memory to the stage that is running.

    Make it right after the imports: what the process used until then is charged to `START_UP`. A stage inside
    another one interrupts it, so that the stages add up to the whole. What lies in no stage is charged to `REST`.

    Examples
    --------
    >>> clock = StageClock()
    >>> with clock.stage("Read"):
    ...     pass
    >>> list(clock.stages)
    ['Start-up and imports', 'Everything else', 'Read']
    """

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}
        self._open = [START_UP]
        self._cpu = 0.0
        self._charge()
        self._open = [REST]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Charge the block to a stage."""
        self._charge()
        self._open.append(name)
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def timed(self, name: str, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return the same function, charged to a stage."""

        @wraps(function)
        def charged(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with self.stage(name):
                return function(*args, **kwargs)

        return charged

    def write(self, path: Path) -> None:
        """Write `{stage: {"cpu_s": …, "peak_bytes": …}}` as JSON."""
        self._charge()
        path.write_text(json.dumps(self.stages), encoding="utf-8")

    def _charge(self) -> None:
        cpu = time.process_time()
        entry = self.stages.setdefault(self._open[-1], {"cpu_s": 0.0, "peak_bytes": 0})
        entry["cpu_s"] += cpu - self._cpu
        entry["peak_bytes"] = max(entry["peak_bytes"], _take_peak())
        self._cpu = cpu


def _take_peak() -> int:
    """Peak of resident memory since the last call, in bytes; 0 where the system does not tell."""
    peak = 0
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
        _CLEAR_REFS.write_text(_RESET_PEAK, encoding="ascii")
    return peak
