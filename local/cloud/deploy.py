"""Builds template.yaml and deploys it with `sam`, unchanged, to the laptop cloud."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cli.errors import CommandError
from cli.project import (
    PYTHON_RUNTIME,
    QUIET_PERIOD_SECONDS,
    RADIOMICS_IMAGE,
    REGION,
    RNASEQ_IMAGE,
    ROOT,
    STACK,
    STATE,
    SURVIVAL_IMAGE,
    shown,
)

PARAMETERS = {
    "PythonRuntime": PYTHON_RUNTIME,
    "QuietPeriodSeconds": str(QUIET_PERIOD_SECONDS),
    "RadiomicsImageUri": RADIOMICS_IMAGE,
    "RnaseqImageUri": RNASEQ_IMAGE,
    "SurvivalImageUri": SURVIVAL_IMAGE,
}

SAM_SECONDS = 600
"""The longest one `sam` command may take; building and deploying take half a minute each."""

_SHOWN_LINES = 15

# samconfig.toml is for real accounts; an environment that it does not define takes nothing from it.
_NO_SAMCONFIG = ("--config-env", "laptop")


@contextmanager
def build_folder(work: Path = STATE, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the folder of the build: another command that builds waits until this one has deployed.

    Parameters
    ----------
    work : Path
        The folder.
    on_wait : callable
        Called once when another command holds it, before it is waited for.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(environment: Mapping[str, str], *, source: Path = ROOT, work: Path = STATE) -> None:
    """Build the functions.

    Parameters
    ----------
    environment : mapping
        The cloud's `AWS_*` variables.
    source : Path
        Folder of template.yaml.
    work : Path
        Where the build, its cache and the log are kept; what has not changed is not built again.
    """
    arguments = ["build", "--template-file", str(source / "template.yaml"), "--cached"]
    arguments += ["--build-dir", str(work / "build"), "--cache-dir", str(work / "cache")]
    arguments += ["--parameter-overrides", *_overrides(PARAMETERS)]
    # sam keeps installed dependencies below the current folder and removes those of other builds there.
    run_sam(arguments, environment, work / "logs" / "sam-build.log", folder=work)


def deploy(
    environment: Mapping[str, str],
    *,
    stack: str = STACK,
    work: Path = STATE,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Deploy what `build` made, or change the stack to it.

    Parameters
    ----------
    environment : mapping
        The cloud's `AWS_*` variables.
    stack : str
        Name of the stack.
    work : Path
        The folder given to `build`.
    parameters : mapping, optional
        Template parameters beyond those of the laptop.
    """
    arguments = ["deploy", "--template-file", str(work / "build" / "template.yaml"), "--stack-name", stack]
    arguments += ["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
    arguments += ["CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    values = {**PARAMETERS, **(parameters or {})}
    arguments += ["--no-progressbar", "--parameter-overrides", *_overrides(values)]
    run_sam(arguments, environment, work / "logs" / "sam-deploy.log", folder=work)


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in parameters.items()]


def run_sam(arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, folder: Path) -> None:
    """Run one `sam` command; its output goes to a log file and is shown only when it fails.

    Raises
    ------
    CommandError
        When the command fails, with the end of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(_sam()), *arguments, *_NO_SAMCONFIG, "--region", REGION]
    with (
        # sam leaves empty folders behind in its temporary folder.
        tempfile.TemporaryDirectory(prefix="sam-", dir=folder) as temporary,
        log.open("w") as output,
        _process_group(command, output.fileno(), _sam_environment(environment, temporary), folder) as process,
    ):
        try:
            code: int | None = process.wait(SAM_SECONDS)
        except subprocess.TimeoutExpired:
            # A custom resource whose function cannot even start never answers, and sam would wait forever.
            code = None
    if code != 0:
        lines = log.read_text(errors="replace").splitlines()
        outcome = "failed" if code is not None else f"did not end within {SAM_SECONDS} s"
        raise CommandError(
            f"`sam {arguments[0]}` {outcome}.",
            details="\n".join([line for line in lines if line.strip()][-_SHOWN_LINES:]),
            hint=f"The whole output is in {shown(log)}.",
        )


def _sam() -> Path:
    path = Path(sys.executable).parent / "sam"
    if not path.exists():
        raise CommandError("The tools are not installed.", hint="`make setup` installs them.")
    return path


def _sam_environment(environment: Mapping[str, str], temporary: str) -> dict[str, str]:
    """Return the environment for sam: the cloud's, and none of the user's own AWS settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    tools = str(Path(sys.executable).parent)
    return {
        **own,
        **environment,
        "PATH": os.pathsep.join([tools, own.get("PATH", "")]),
        "TMPDIR": temporary,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",  # seconds; five by default
        # All functions share one folder of code: it is then kept, zipped and uploaded once, not once per function.
        "SAM_CLI_BETA_BUILD_PERFORMANCE": "1",
        "SAM_CLI_BETA_PACKAGE_PERFORMANCE": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_COLOR": "1",
    }


@contextmanager
def _process_group(
    command: Sequence[str], output: int, environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a process group of its own, of which nothing outlives an interruption."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
