"""The command line: exit codes that Batch can act on."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import rnaseq_job
from rnaseq_job import cli
from rnaseq_job.errors import EXIT_CODES, HostFaultError, ReasonCode
from rnaseq_job.job import Ports
from rnaseq_job.quantifiers.quantifier import BuiltReference
from rnaseq_job.storage import open_storage
from tests.unit.rnaseq.support import FakeQuantifier, some_reads, write_list, write_reads, write_transcripts

COUNT = 30


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a good command line, for a quantifier that counts nothing."""
    lanes = write_list(tmp_path, [write_reads(tmp_path, some_reads(COUNT, 1), some_reads(COUNT, 2))])
    _install(monkeypatch, FakeQuantifier(COUNT), tmp_path)
    options = {
        "--engine": "salmon",
        "--sample": "R01-023",
        "--fastq-list": str(lanes),
        "--reference": "references/tiny/",
        "--output": str(tmp_path / "results") + "/",
        "--scratch": str(tmp_path / "scratch"),
        "--run-id": "run-1",
    }
    return [word for option in options.items() for word in option]


def _install(monkeypatch: pytest.MonkeyPatch, quantifier: FakeQuantifier, folder: Path) -> None:
    def ports(_: str) -> Ports:
        built = BuiltReference(folder, write_transcripts(folder), None, "tiny", "none", "simulated")
        return Ports(open_storage, quantifier, lambda *_: built)

    monkeypatch.setattr(cli, "default_ports", ports)


def with_option(command: list[str], name: str, value: str) -> list[str]:
    index = command.index(name)
    return [*command[: index + 1], value, *command[index + 2 :]]


def test_success(tmp_path: Path, command: list[str]) -> None:
    assert cli.main(command) == 0
    run = json.loads((tmp_path / "results" / "run.json").read_text())
    assert run["run"] == {"run_id": "run-1", "job_id": None, "content_version": None}
    assert list((tmp_path / "scratch").iterdir()) == [], "the scratch folder is not empty"


def test_arguments_may_come_in_a_file(tmp_path: Path, command: list[str]) -> None:
    given = tmp_path / "arguments.json"
    given.write_text(json.dumps(command))
    assert cli.main(["--arguments", str(given)]) == 0
    assert (tmp_path / "results" / "run.json").exists()


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b'["--sample", 1]', b"\xff", b'["--arguments", "arguments.json"]', b"[]"]
)
def test_a_file_of_arguments_that_is_none_is_no_fault_of_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    given = tmp_path / "arguments.json"
    if content is not None:
        given.write_bytes(content)
    try:
        code = cli.main(["--arguments", str(given)])
    except SystemExit as stopped:  # argparse
        code = int(str(stopped.code))
    assert code == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("name", ["--help", "-h", "--version", ";rm", "../", "", "ä"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_hostile_sample_name_is_a_name(tmp_path: Path, command: list[str], name: str, tied: bool) -> None:
    index = command.index("--sample")
    given = [f"--sample={name}"] if tied else ["--sample", name]
    assert cli.main([*command[:index], *given, *command[index + 2 :]]) == EXIT_CODES[ReasonCode.SAMPLE_NAME_INVALID]
    assert json.loads((tmp_path / "results" / "rejection.json").read_text())["run"]["run_id"] == "run-1"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--engine", "kallisto"),
        ("--output", "https://host/x"),
        ("--fastq-list", "ftp://host/x"),
        ("--output", "s3://"),
    ],
)
def test_a_job_that_is_described_wrongly(command: list[str], option: str, value: str) -> None:
    try:
        code = cli.main(with_option(command, option, value))
    except SystemExit as stopped:  # argparse
        code = int(str(stopped.code))
    assert code == 2


@pytest.mark.parametrize("threads", ["0", "-1", "many"])
def test_threads_are_a_number(command: list[str], threads: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*command, f"--threads={threads}"])
    assert stopped.value.code == 2


@pytest.mark.parametrize("failure", [HostFaultError("killed"), OSError(errno.EIO, "Input/output error")])
def test_faults_of_the_machine_are_the_only_ones_worth_a_retry(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    _install(monkeypatch, FakeQuantifier(COUNT, failure=failure), tmp_path)
    assert cli.main(command) == 1


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_an_input_that_fills_the_disk_is_rejected_and_not_tried_again(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    _install(monkeypatch, FakeQuantifier(COUNT, failure=OSError(full, "full")), tmp_path)
    assert cli.main(command) == EXIT_CODES[ReasonCode.INPUT_TOO_LARGE]
    verdict = json.loads((tmp_path / "results" / "rejection.json").read_text())
    assert verdict["reason_code"] == "INPUT_TOO_LARGE"
    assert "larger" in verdict["message"]


def test_the_job_id_comes_from_batch(tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "batch-7")
    cli.main(command)
    assert json.loads((tmp_path / "results" / "run.json").read_text())["run"]["job_id"] == "batch-7"


def test_foreign_buckets(tmp_path: Path, command: list[str]) -> None:
    lanes = write_list(tmp_path, [("s3://foreign/a", "s3://foreign/b")])
    code = cli.main([*with_option(command, "--fastq-list", str(lanes)), "--allowed-bucket", "raw"])
    assert code == EXIT_CODES[ReasonCode.FASTQ_LIST_INVALID]


def test_references_are_built_by_a_subcommand(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def build(arguments: list[str]) -> int:
        given.extend(arguments)
        return 7

    monkeypatch.setattr("rnaseq_job.reference.cli.build", build)
    assert cli.main(["build-reference", "--name", "x"]) == 7
    assert given == ["--name", "x"]


def test_reason_codes_have_exit_codes_of_their_own() -> None:
    codes = list(EXIT_CODES.values())
    assert len(set(codes)) == len(ReasonCode)
    assert all(64 <= code < 126 for code in codes)


def test_a_job_that_is_stopped_ends_its_engine_and_cleans_up(tmp_path: Path) -> None:
    """Spot capacity that is taken back and time limits arrive as SIGTERM."""
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in = programs / "salmon"
    stand_in.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo salmon 1; exit; fi\necho $$ > {tmp_path}/pid\n'
                      "exec sleep 60\n")  # fmt: skip
    stand_in.chmod(0o755)
    lanes = write_list(tmp_path, [write_reads(tmp_path, some_reads(COUNT, 1), some_reads(COUNT, 2))])
    (tmp_path / "transcripts.tsv").write_text("transcript_id\tgene_id\tgene_name\n")
    program = (
        "import sys; from pathlib import Path\n"
        "from rnaseq_job import cli; from rnaseq_job.job import Ports; from rnaseq_job.storage import open_storage\n"
        "from rnaseq_job.quantifiers.salmon import SalmonQuantifier\n"
        "from rnaseq_job.quantifiers.quantifier import BuiltReference\n"
        f"root = Path({str(tmp_path)!r})\n"
        "built = BuiltReference(root, root / 'transcripts.tsv', None, '', '', '')\n"
        "cli.default_ports = lambda _: Ports(open_storage, SalmonQuantifier(), lambda *_: built)\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    source = str(Path(rnaseq_job.__file__).parents[1])
    options = ["--engine", "salmon", "--sample", "R01-023", "--fastq-list", str(lanes), "--reference", "x"]
    places = ["--output", str(tmp_path / "results"), "--scratch", str(tmp_path / "scratch")]
    job = subprocess.Popen(
        [sys.executable, "-c", program, *options, *places],
        env={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": source},
        stderr=subprocess.DEVNULL,
    )
    try:
        _until((tmp_path / "pid").exists)
        job.send_signal(signal.SIGTERM)
        assert job.wait(20) == 128 + signal.SIGTERM
    finally:
        job.kill()
    assert list((tmp_path / "scratch").iterdir()) == []
    pid = int((tmp_path / "pid").read_text())
    _until(lambda: not _alive(pid))


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
