"""Where the laptop cloud of this clone is, and how AWS tools reach it."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cli.processes import command_line, exists

REGION = "us-east-1"
ACCESS_KEY = "test"  # the emulator's account root: IAM enforcement lets it through, as AWS does

CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Emulators started by this process: kept so that they are reaped when they end."""


def client_environment(endpoint: str) -> dict[str, str]:
    """Return the variables with which any AWS tool reaches the cloud at an endpoint and no other.

    Returns
    -------
    dict
        Endpoint, the account root's keys and the region; the empty files and the disabled metadata
        service keep the caller's own profiles out.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


CLIENT_VARIABLES = tuple(client_environment(""))
"""What a shell has exported that talks to a laptop cloud."""


@dataclass(frozen=True)
class Cloud:
    """A running laptop cloud.

    Parameters
    ----------
    endpoint : str
        URL that every AWS client talks to.
    port : int
        Port on 127.0.0.1.
    pid : int
        The emulator's process, which leads the session of everything it starts.
    root : Path
        Folder of the cloud's state and log.
    """

    endpoint: str
    port: int
    pid: int
    root: Path

    @property
    def log(self) -> Path:
        """The emulator's log file."""
        return self.root / "cloud.log"

    def environment(self) -> dict[str, str]:
        """Return the variables with which any AWS tool reaches this cloud and no other."""
        return client_environment(self.endpoint)


def read_cloud(root: Path) -> Cloud | None:
    """Return the cloud that runs in a folder, or None.

    Parameters
    ----------
    root : Path
        The folder it was started with.
    """
    cloud = read_state(root.resolve())
    return cloud if cloud is not None and is_ours(cloud) else None


def is_ours(cloud: Cloud) -> bool:
    """Return whether the process that the state names is still this cloud's emulator."""
    if cloud.pid in CHILDREN:  # a child that just begins has no command line yet, and nobody else its id
        return is_alive(cloud.pid)
    line = command_line(cloud.pid)
    return is_alive(cloud.pid) and "local.cloud.emulator_process" in line and str(cloud.root) in line


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    child = CHILDREN.get(pid)
    return exists(pid) if child is None else child.poll() is None


def read_state(root: Path) -> Cloud | None:
    """Return the cloud that a folder tells of, running or not."""
    try:
        state = json.loads((root / "state.json").read_text())
        return Cloud(str(state["endpoint"]), int(state["port"]), int(state["pid"]), root)
    except (FileNotFoundError, ValueError, KeyError):
        return None


WITHOUT_SALMON = "salmon is not on the PATH (Debian and Ubuntu have it: apt install salmon)."


def has_salmon() -> bool:
    """Whether the program that quantifies reads is installed."""
    return shutil.which("salmon") is not None
