"""Starts, finds and stops the laptop cloud: one emulator process and everything it starts.

The emulator needs libraries that the project's own tools cannot share an environment with, so it runs in
`.venv-emulator` as a process of its own; this module runs in the caller's environment. The emulator leads
a session of its own: whatever it starts (functions, processing jobs) belongs to that session, and stopping
the cloud ends exactly that session.
"""

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cli.laptop import CHILDREN, REGION, Cloud, is_alive, is_ours, read_cloud, read_state
from cli.processes import command_line, send_signal, session_members

REPOSITORY = Path(__file__).resolve().parents[2]
INTERPRETER = REPOSITORY / ".venv-emulator" / "bin" / "python"
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS, RESTART_SECONDS = 10.0, 90.0
_POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 30
_PORT_ATTEMPTS = 3
_REMOVALS = 16
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Reaches this computer without the proxy that the user's settings may name."""


class CloudError(RuntimeError):
    """The cloud did not come up, or did not go away."""


def start_cloud(
    root: Path,
    *,
    enforce_iam: bool = True,
    job_slots: int = 2,
    extra_env: Mapping[str, str] | None = None,
    die_with_parent: bool = False,
) -> Cloud:
    """Start a cloud, or return the one that already runs in this folder.

    A cloud starts empty: what an earlier one left in the folder is removed first.

    Parameters
    ----------
    root : Path
        Folder of its state and log; made when missing.
    enforce_iam : bool
        Whether the functions' and jobs' calls are checked against their roles' policies.
    job_slots : int
        How many processing jobs run at the same time; the others wait.
    extra_env : mapping, optional
        More variables for the emulator.
    die_with_parent : bool
        Whether the cloud also ends when the calling process does, for whatever reason.

    Raises
    ------
    CloudError
        When it is not healthy in time; the message ends with the last lines of its log.
    """
    root = root.resolve()
    if running := read_cloud(root):
        return running
    stop_cloud(root)
    _clear(root)
    (root / "tmp").mkdir(parents=True)
    settings = _settings(root, enforce_iam, job_slots, extra_env or {}, die_with_parent)
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        cloud = _spawn(root, settings)
        try:
            if _wait_until_healthy(cloud):
                return cloud
        except BaseException:  # Ctrl-C too: nothing that was started stays
            stop_cloud(cloud)
            raise
        stop_cloud(cloud)
        if attempt == _PORT_ATTEMPTS or "already in use" not in _log_tail(cloud.log):
            break
    raise CloudError(f"The laptop cloud did not start; the end of {cloud.log} says:\n{_log_tail(cloud.log)}")


def restart_cloud(cloud: Cloud, extra_env: Mapping[str, str]) -> Cloud:
    """Stop a cloud that keeps its state (`keeping_state`), and start it again where it was.

    Raises
    ------
    CloudError
        When it does not end in peace, so that its state is lost, or is not healthy in time.
    """
    send_signal(cloud.pid, signal.SIGTERM)
    if not _wait_until(lambda: not is_ours(cloud), RESTART_SECONDS):
        raise CloudError(f"The laptop cloud did not end:\n{_log_tail(cloud.log)}")
    _end_session(cloud)
    again = _spawn(cloud.root, _settings(cloud.root, True, 2, extra_env, True), cloud.port)
    if not _wait_until_healthy(again):
        stop_cloud(again)
        raise CloudError(f"The laptop cloud did not start again:\n{_log_tail(again.log)}")
    return again


def keeping_state(root: Path) -> dict[str, str]:
    """Return the variables with which a cloud keeps its state in its folder when it ends in peace."""
    return {"PERSIST_STATE": "1", "STATE_DIR": str(root / "state")}


def stop_cloud(target: Cloud | Path) -> bool:
    """Stop a cloud with everything it started, and remove its data; nothing else is touched.

    Parameters
    ----------
    target : Cloud or Path
        The cloud, or the folder it was started with.

    Returns
    -------
    bool
        Whether there was anything to stop.

    Raises
    ------
    CloudError
        When a process of the cloud survives.
    """
    cloud = target if isinstance(target, Cloud) else read_state(target.resolve())
    if cloud is None:
        return False
    was_running = is_ours(cloud)
    if was_running:
        send_signal(cloud.pid, signal.SIGTERM)
        _wait_until(lambda: not is_ours(cloud), STOP_SECONDS)
    leftovers = _end_session(cloud)
    _clear(cloud.root)
    (cloud.root / "state.json").unlink(missing_ok=True)
    return was_running or leftovers


def _settings(
    root: Path, enforce_iam: bool, job_slots: int, extra: Mapping[str, str], die_with_parent: bool
) -> dict[str, str]:
    """Return the emulator's whole environment.

    Nothing is inherited but the search path: the functions inherit this environment, and neither the caller's
    AWS settings and profiles nor its Python paths may leak into them.
    """
    settings = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(root / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AUTH": "true" if enforce_iam else "false",
        "S3_PERSIST": "1",  # otherwise every byte ever uploaded stays in memory
        "S3_DATA_DIR": str(root / "s3"),
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{root}/no-docker.sock",  # the same behaviour with and without Docker
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # would listen on a fixed port of every interface
        "MULTIMODAL_JOB_SLOTS": str(job_slots),
        "MULTIMODAL_CLOUD_ROOT": str(root),
    }
    if die_with_parent:
        settings["MULTIMODAL_PARENT_PID"] = str(os.getpid())
    return {**settings, **extra}


def _spawn(root: Path, settings: dict[str, str], port: int = 0) -> Cloud:
    if not INTERPRETER.exists():
        raise CloudError(f"{INTERPRETER.parent.parent.name}/ is missing; `make setup` creates it.")
    again, port = bool(port), port or _free_port()
    environment = {**settings, "GATEWAY_PORT": str(port), "AWS_ENDPOINT_URL": f"http://{HOST}:{port}"}
    with (root / "cloud.log").open("ab" if again else "wb") as log:
        process = subprocess.Popen(
            [str(INTERPRETER), "-m", "local.cloud.emulator_process", str(root)],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    CHILDREN[process.pid] = process
    cloud = Cloud(f"http://{HOST}:{port}", port, process.pid, root)
    _write_state(cloud)
    return cloud


def _wait_until_healthy(cloud: Cloud) -> bool:
    return _wait_until(lambda: _answers(cloud) or not is_alive(cloud.pid), START_SECONDS) and is_alive(cloud.pid)


def _answers(cloud: Cloud) -> bool:
    try:
        with _DIRECT.open(f"{cloud.endpoint}/_ministack/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end_session(cloud: Cloud) -> bool:
    """Kill what is left of the cloud's session and return whether there was anything."""
    found = False

    def _none_left() -> bool:
        nonlocal found
        left = session_members(cloud.pid)
        if is_ours(cloud):
            left.append(cloud.pid)
        found = found or bool(left)
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        return not left

    if _foreign_leader(cloud):
        return False
    if not _wait_until(_none_left, STOP_SECONDS):
        raise CloudError(f"Processes of the laptop cloud (session {cloud.pid}) could not be stopped.")
    return found


def _foreign_leader(cloud: Cloud) -> bool:
    """Whether the process id was given to another program since: its session is not ours to end."""
    # A process that is just ending has no command line any more: that is ours, not another program.
    return is_alive(cloud.pid) and command_line(cloud.pid) != "" and not is_ours(cloud)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(_POLL_SECONDS)
    return condition()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _clear(root: Path) -> None:
    for name in ("s3", "tmp", "jobs", "runtime", "state"):
        remove_folder(root / name)


def remove_folder(folder: Path) -> None:
    """Remove a folder, its parts side by side: each warm function leaves thousands of small files in it."""
    with ThreadPoolExecutor(_REMOVALS) as pool:
        list(pool.map(partial(shutil.rmtree, ignore_errors=True), folder.glob("*/*/*")))
    shutil.rmtree(folder, ignore_errors=True)


def _write_state(cloud: Cloud) -> None:
    state = {**dataclasses.asdict(cloud), "root": str(cloud.root)}
    (cloud.root / "state.json").write_text(json.dumps(state, indent=2) + "\n")


def _log_tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
