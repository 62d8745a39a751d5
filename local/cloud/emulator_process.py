"""The emulator's process: `python -m local.cloud.emulator_process ROOT`, run inside `.venv-emulator` by the cloud.

It installs the plug-ins, serves until it is stopped, and ends with everything it started: functions and
processing jobs belong to the session that this process leads.
"""

import gc
import os
import signal
import sys
import threading
import time

from cli.processes import send_signal, session_members
from local.emulator import install_all
from local.emulator.seams import broken_seams

_WATCH_SECONDS = 0.5
_COLLECT_AFTER = 50_000
"""New objects until Python looks for garbage: a batch of records has six thousand, with which it looked ten times."""


def main() -> int:
    """Run the emulator until it is stopped."""
    broken = broken_seams()
    if broken:
        print("The emulator was changed and plug-ins no longer fit:", *broken, sep="\n", file=sys.stderr)
        return 1
    install_all()
    parent = os.environ.get("MULTIMODAL_PARENT_PID")
    if parent:
        threading.Thread(target=_follow, args=(int(parent),), daemon=True).start()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    sys.argv = sys.argv[:1]  # the emulator parses the command line too
    from ministack.app import main as serve

    serve()
    return 0


def _follow(parent: int) -> None:
    """End this process soon after its parent has ended, for whatever reason."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(2 * _WATCH_SECONDS)
    _end_session()
    os._exit(1)


def _end_session() -> None:
    for pid in session_members(os.getpid()):
        send_signal(pid, signal.SIGKILL)


if __name__ == "__main__":
    code = 1
    try:
        code = main()
    finally:
        _end_session()
        sys.stdout.flush()
        os._exit(code)  # worker threads may still wait for jobs that no longer exist
