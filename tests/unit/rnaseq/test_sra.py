"""SRA objects to FASTQ: with a labelled stand-in for fasterq-dump, and with the real one where it is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rnaseq_job.errors import InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.reads.sra import dump_arguments, to_fastq
from tests.unit.rnaseq.reference_support import on_path

REAL = all(shutil.which(program) for program in ("fasterq-dump", "latf-load", "kar"))
needs_toolkit = pytest.mark.skipif(not REAL, reason="the SRA toolkit is not installed (apt install sra-toolkit)")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in first on the path and give a folder."""
    monkeypatch.setenv("PATH", on_path(tmp_path / "bin", "fasterq-dump"))
    return tmp_path


def an_object(folder: Path, kind: str) -> Path:
    path = folder / "SRR1"
    path.write_text(f"SRA\n{kind}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("paired", ("reads_1.fastq", "reads_2.fastq")),
        ("single", ("reads.fastq", None)),
        ("orphans", ("reads_1.fastq", "reads_2.fastq")),
        ("first-only", ("reads_1.fastq", None)),
    ],
)
def test_pairs_and_single_reads(stand_in: Path, kind: str, names: tuple[str, str | None]) -> None:
    found = to_fastq(an_object(stand_in, kind), stand_in / "out")
    paths = (found.first, found.second)
    assert tuple(path.name if path else None for path in paths) == names
    assert all(path.read_text().startswith("@SRR1.1") for path in paths if path)


def test_reads_without_a_mate_are_left_out_and_counted(stand_in: Path) -> None:
    assert to_fastq(an_object(stand_in, "orphans"), stand_in / "out").without_mate == 1
    assert not (stand_in / "out/reads.fastq").exists()


@pytest.mark.parametrize(("kind", "said"), [("empty", "holds no read"), ("other", "exit code 3")])
def test_what_is_no_sra_object_is_rejected(stand_in: Path, kind: str, said: str) -> None:
    with pytest.raises(InputRejectedError, match=said) as caught:
        to_fastq(an_object(stand_in, kind), stand_in / "out")
    assert caught.value.code == ReasonCode.SRA_INVALID
    assert "STAND-IN" in str(caught.value.details["log"])


def test_an_object_that_fills_the_disk_is_too_large(stand_in: Path) -> None:
    with pytest.raises(InputRejectedError, match="disk is full") as caught:
        to_fastq(an_object(stand_in, "full-disk"), stand_in / "out")
    assert caught.value.code == ReasonCode.INPUT_TOO_LARGE


def test_a_missing_toolkit_is_an_invalid_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidJobError, match="fasterq-dump is not installed"):
        to_fastq(an_object(tmp_path, "paired"), tmp_path / "out")


def test_command_line() -> None:
    assert " ".join(dump_arguments(Path("/r/x.sra"), Path("/w"), 2)) == (
        "fasterq-dump --split-3 --skip-technical --threads 2 --temp /w --outdir /w --outfile reads.fastq /r/x.sra"
    )


# --- the real toolkit -------------------------------------------------------------------------------------------------


def load(folder: Path, mates: tuple[str, ...]) -> Path:
    """Make a real SRA object with the toolkit's own loader."""
    files = []
    for mate in mates:
        path = folder / f"reads_{mate}.fastq"
        path.write_text(
            "".join(f"@R{n}/{mate}\n{'ACGTTGCA' * 5}{'ACGT'[n % 4] * 10}\n+\n{'I' * 50}\n" for n in range(200))
        )
        files.append(f"--read{mate}PairFiles={path}" if len(mates) == 2 else str(path))
    run = ["latf-load", "-p", "ILLUMINA", "--quality", "PHRED_33", "-o", str(folder / "db"), *files]
    subprocess.run(run, check=True, capture_output=True)
    subprocess.run(["kar", "-c", str(folder / "x.sra"), "-d", str(folder / "db")], check=True, capture_output=True)
    return folder / "x.sra"


@needs_toolkit
@pytest.mark.parametrize("mates", [("1", "2"), ("1",)])
def test_real_objects_are_read_whole(tmp_path: Path, mates: tuple[str, ...]) -> None:
    found = to_fastq(load(tmp_path, mates), tmp_path / "out")
    assert (found.second is not None) == (len(mates) == 2)
    assert all(path.read_text().count("\n") == 800 for path in (found.first, found.second) if path)


@needs_toolkit
def test_real_object_that_was_cut_short_is_rejected(tmp_path: Path) -> None:
    path = load(tmp_path, ("1", "2"))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputRejectedError) as caught:
        to_fastq(path, tmp_path / "out")
    assert caught.value.code == ReasonCode.SRA_INVALID
