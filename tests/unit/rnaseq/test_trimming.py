"""Trimming with fastp itself, on reads whose adapters are known."""

import json
import shutil
from pathlib import Path

import pytest

from local.synthetic.genome import reverse_complement
from rnaseq_job.errors import InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.reads import trimming
from rnaseq_job.reads.lanes import Lane, Sample
from rnaseq_job.reads.trimming import trim_reads
from tests.unit.rnaseq.support import FakeQuantifier, illumina, record, run_sample, some_reads, write_list, write_reads

needs_fastp = pytest.mark.skipif(shutil.which("fastp") is None, reason="fastp is not installed (apt-get install fastp)")

COUNT = 400
ADAPTER = b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCA"


def with_adapters(count: int) -> tuple[bytes, bytes]:
    """Pairs of 75 bases; every other fragment has 50, so that both its reads run into an adapter."""
    inserts = [
        text[:50] if number % 2 else text for number, text in enumerate(_bases(some_reads(count, 1, length=150)))
    ]
    mates = (inserts, [reverse_complement(insert) for insert in inserts])
    texts = [
        b"".join(record(illumina(number, mate), (insert + ADAPTER)[:75]) for number, insert in enumerate(ends))
        for mate, ends in enumerate(mates, start=1)
    ]
    return texts[0], texts[1]


def _bases(reads: bytes) -> list[bytes]:
    return reads.split(b"\n")[1::4]


def sample_of(folder: Path, *contents: bytes) -> Sample:
    paths = [folder / f"lane001_R{mate}.fastq" for mate in range(1, len(contents) + 1)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return Sample("R01-023", (Lane("rg1", "lib", 1, paths[0], paths[1] if len(paths) > 1 else None),))


@needs_fastp
def test_adapters_go_and_are_counted(tmp_path: Path) -> None:
    sample = sample_of(tmp_path, *with_adapters(COUNT))
    trimmed = trim_reads(sample, tmp_path / "trimmed", 1)
    assert trimmed.fragments == COUNT
    assert trimmed.counts["bases_before"] == 2 * COUNT * 75
    assert trimmed.counts["reads_with_adapter"] == COUNT  # both mates of every other fragment
    assert trimmed.counts["bases_after"] == COUNT * (75 + 50)
    assert not sample.lanes[0].read1.exists(), "the untrimmed reads still take room"
    command = json.loads(trimmed.reports[0].read_text())["command"]
    assert "R01-023_L001_R1.fastq " in command, "MultiQC would not know whose report it is"


@needs_fastp
def test_mates_stay_together(tmp_path: Path) -> None:
    first, second = some_reads(COUNT, 1), some_reads(COUNT, 2)
    bad = second.replace(b"F" * 75, b"#" * 75, 40)  # 40 second reads of no quality cost their mates
    trimmed = trim_reads(sample_of(tmp_path, first, bad), tmp_path / "trimmed", 1)
    assert trimmed.fragments == COUNT - 40
    assert trimmed.counts["reads_after"] == 2 * (COUNT - 40)


@needs_fastp
def test_nothing_left_is_a_rejection(tmp_path: Path) -> None:
    reads = some_reads(COUNT, 1).replace(b"F" * 75, b"#" * 75)
    with pytest.raises(InputRejectedError, match="No read is left") as caught:
        trim_reads(sample_of(tmp_path, reads), tmp_path / "trimmed", 1)
    assert caught.value.code is ReasonCode.READS_EMPTY


@needs_fastp
def test_a_job_trims_when_it_is_told_to(tmp_path: Path) -> None:
    names = write_reads(tmp_path, *with_adapters(COUNT))
    ran = run_sample(tmp_path, write_list(tmp_path, [names]), FakeQuantifier(COUNT), trim=True)
    assert ran.code == 0
    assert ran.run["assay"]["engine_version"].startswith("1.2.3, fastp 0.")
    assert ran.run["qc"]["trimming"]["reads_after"] == 2 * COUNT
    assert "multiqc/R01-023/R01-023_L001.fastp.json" in ran.files
    assert (tmp_path / names[0]).exists(), "the user's own file is gone"


def test_without_fastp_the_job_is_described_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "PROGRAM", "no-such-fastp")
    with pytest.raises(InvalidJobError, match="is not installed"):
        trim_reads(sample_of(tmp_path, some_reads(3, 1)), tmp_path / "trimmed", 1)
