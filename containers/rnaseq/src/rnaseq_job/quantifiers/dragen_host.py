"""The DRAGEN installation of the host: where it is, what it needs, how it is run and what its failures mean.

DRAGEN is not part of the image. The host's installation is mounted, and the container needs /dev/shm, /dev/bus and a
high limit of open files (DRAGEN 4.4 and 4.5, "Docker Requirements"). Nothing here reconfigures or resets the FPGA: a
board that fails is a fault of the host, and AWS Batch runs the job again, most likely on another one.
"""

import os
import re
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rnaseq_job import runtime
from rnaseq_job.errors import HostFaultError, InputRejectedError, InvalidJobError, ReasonCode, disk_is_full
from rnaseq_job.quantifiers.quantifier import LICENCE_VARIABLE

ROOT_VARIABLE = "DRAGEN_ROOT"
"""Another root folder than `/`, for an installation elsewhere and for tests."""

_SHARED_MEMORY = "dev/shm"

_OPEN_FILES = 65_535
"""What DRAGEN's own quick start sets; its documentation asks for 720,000."""

_OWNER_ONLY = 0o600
_TAIL = 2_000

_COMMAND_ECHO = "--output-directory"
"""Marks the lines in which DRAGEN repeats its command: names of files must not be read as complaints."""

_SHELL_SIGNALS = tuple(128 + number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR2))
"""A temperature alarm ends DRAGEN with SIGUSR2; its launcher passes signals on as a shell does."""

_HOST_FAULTS = re.compile(
    r"Received external signal -- aborting dragen"
    r"|issue has been detected with the dragen card"
    r"|(could not|fail|error|unable)[^\n]*partial.?reconfig|partial.?reconfig[^\n]*(fail|error|timed? ?out)"
    r"|board[^\n]*(bad state|reset)|dragen_reset"
    r"|FPGA[^\n]*(fail|error|not found|not detected|timed? ?out|hang|alarm)"
    r"|Cannot allocate memory|bad_alloc",
    re.IGNORECASE,
)

_DISK_FULL = "No space left on device"
_LICENCE_FAULTS = re.compile(
    r"licen[cs]e[^\n]*(expired|invalid|denied|fail|not found|not valid|no valid|exceeded|unauthori[sz]ed|unreachable)"
    r"|(could not|unable to|fail\w*|invalid|no valid|expired)[^\n]*licen[cs]e",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class DragenHost:
    """A machine with DRAGEN."""

    root: Path = Path("/")
    """`/`; other folders are for installations elsewhere and for tests."""

    @classmethod
    def here(cls) -> Self:
        """Return this machine, or what `DRAGEN_ROOT` names."""
        return cls(Path(os.environ.get(ROOT_VARIABLE) or "/"))

    def program(self) -> Path:
        """Find DRAGEN.

        Raises
        ------
        InvalidJobError
            When it is not there.
        """
        usual = self.root / "opt/edico/bin/dragen"
        newer = sorted((self.root / "opt/dragen").glob("*/bin/dragen"))  # on servers, since 4.3
        for candidate in (usual, *newer):
            if os.access(candidate, os.X_OK):
                return candidate
        raise InvalidJobError(
            f"DRAGEN is not installed at {usual}: run on an instance of DRAGEN's AMI and mount the host's /opt/edico"
        )

    def check(self) -> None:
        """Reject to start where DRAGEN cannot run, and say everything that is missing at once.

        Raises
        ------
        InvalidJobError
            With the settings of the job definition to change.
        """
        self.program()
        missing = []
        if not os.access(self.root / _SHARED_MEMORY, os.W_OK):
            missing.append(f"/{_SHARED_MEMORY} is not writable: mount the host's")
        if not (self.root / "dev/bus").exists():
            missing.append("/dev/bus is absent: add it as a device")
        if self._open_files() < _OPEN_FILES:
            missing.append(f"only {self._open_files()} open files are allowed: set the ulimit nofile to 720000")
        if missing:
            raise InvalidJobError(f"DRAGEN cannot run in this container: {'; '.join(missing)}")

    def version(self) -> str:
        """Return DRAGEN's version, as it writes it."""
        with tempfile.TemporaryDirectory() as folder:
            tail = runtime.run([str(self.program()), "--version"], Path(folder) / "version.log", _NO_SECRET).tail
        found = re.search(r"dragen version (\S+)", tail, re.IGNORECASE)
        if not found:
            raise InvalidJobError(f"dragen --version answers {tail.strip()!r}")
        return found[1]

    def run(self, arguments: Sequence[str], log: Path, licence: Path | None = None) -> tuple[str, ...]:
        """Run DRAGEN to its end.

        Parameters
        ----------
        arguments : sequence of str
            Options, without the program and the licence.
        log : Path
            Receives its output, without the licence's content; stays also after a failure.
        licence : Path, optional
            A licence file; by default one is made of `DRAGEN_LICENSE` and removed afterwards.

        Returns
        -------
        tuple of str
            The command that ran. It names the licence file, never its content.

        Raises
        ------
        InputRejectedError
            ENGINE_FAILED, or INPUT_TOO_LARGE when the disk is full.
        InvalidJobError
            When the container or the licence does not let it run.
        HostFaultError
            When it was killed, or the FPGA or memory failed.
        """
        self.check()
        with _licence(licence) as file:
            options = ["--lic-credentials", str(file)] if file else []
            command = [str(self.program()), *arguments, *options]
            try:
                ended = runtime.run(command, log, _NO_SECRET)
            finally:
                _remove_secrets(log, file)
        _check_ended(ended.code, log)
        return tuple(command)

    def _open_files(self) -> int:
        """Return the hard limit of this process."""
        limits = (self.root / "proc/self/limits").read_text(encoding="ascii")
        found = re.search(r"^Max open files +\S+ +(\d+|unlimited)", limits, re.MULTILINE)
        return _OPEN_FILES if found is None or found[1] == "unlimited" else int(found[1])


_NO_SECRET = {LICENCE_VARIABLE: ""}
"""DRAGEN gets the licence as a file only: it writes its environment into diagnostic files."""


@contextmanager
def _licence(given: Path | None) -> Iterator[Path | None]:
    """Yield a licence file that only this user can read, for as long as DRAGEN runs."""
    text = os.environ.get(LICENCE_VARIABLE, "")
    if given is not None or not text.strip():
        _check_mode(given)
        yield given  # without a licence, the AMI brings its own
        return
    descriptor, name = tempfile.mkstemp(prefix="licence-")  # created with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text if text.endswith("\n") else text + "\n")
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _check_mode(given: Path | None) -> None:
    if given is not None and given.stat().st_mode & 0o777 != _OWNER_ONLY:
        raise InvalidJobError(f"{given}: the licence file must be readable by its owner only (chmod 600)")


def _remove_secrets(log: Path, licence: Path | None) -> None:
    """Blank the licence's values in DRAGEN's output: nobody promises that it does not repeat them."""
    if licence is None or not log.exists():
        return
    content = log.read_bytes()
    cleaned = content
    for secret in _secrets(licence.read_bytes()):
        cleaned = cleaned.replace(secret, b"***")
    if cleaned != content:
        log.write_bytes(cleaned)


def _secrets(licence: bytes) -> list[bytes]:
    """Return every line and every value of the file, longest first, so that no value leaves a part of itself."""
    lines = [line.strip() for line in licence.splitlines()]
    values = [line.partition(b"=")[2].strip() for line in lines]
    return sorted({item for item in (*lines, *values) if len(item) > 2}, key=len, reverse=True)


def _check_ended(code: int, log: Path) -> None:
    if code == 0:
        return
    output = log.read_text(encoding="utf-8", errors="replace")
    said = "\n".join(line for line in output.splitlines() if _COMMAND_ECHO not in line)
    fault = _HOST_FAULTS.search(said)
    if fault or code in _SHELL_SIGNALS or code == -signal.SIGUSR2:
        raise HostFaultError(f"DRAGEN's host failed (exit code {code}): {fault[0] if fault else 'ended by a signal'}")
    if _DISK_FULL in said:
        raise disk_is_full()
    refused = _LICENCE_FAULTS.search(said)
    if refused:
        raise InvalidJobError(f"DRAGEN rejects its licence ({refused[0]}): check the secret behind {LICENCE_VARIABLE}")
    raise InputRejectedError(
        ReasonCode.ENGINE_FAILED,
        f"DRAGEN ended with exit code {code}. Its last lines are in the details, all of them in its log.",
        {"exit_code": code, "log": output[-_TAIL:]},
    )
