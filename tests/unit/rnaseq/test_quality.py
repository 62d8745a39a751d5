"""Quality of a sample: lengths against k, shares of classes of genes, single-cell reads, what MultiQC reads."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.output.quality import Quality, assess
from rnaseq_job.quantifiers.quantifier import HEADER
from rnaseq_job.reads.checks import LaneFiles, ReadsReport, check_reads
from rnaseq_job.reads.stream import ReadLengths, ReadsFile
from tests.unit.rnaseq.support import (
    FakeQuantifier,
    illumina,
    record,
    run_sample,
    some_reads,
    write_list,
    write_reads,
)

COUNT = 150


def lengths_of(**counts: int) -> ReadLengths:
    found = ReadLengths()
    for name, count in counts.items():
        found.add(np.full(count, int(name[1:])))
    return found


def test_lengths_are_those_of_both_mates_and_all_blocks() -> None:
    both = lengths_of(L75=3) + lengths_of(L20=1, L150=1)
    assert (both.shortest, both.longest, both.mean, both.total) == (20, 150, 79.0, 5)
    assert [both.shorter_than(bases) for bases in (20, 21, 151, 1000)] == [0, 1, 5, 5]
    assert (ReadLengths().shortest, ReadLengths().mean) == (0, 0.0)


def assessed(folder: Path, genes: dict[str, float], k: int | None = 31, **lengths: int) -> Quality:
    """Assess a sample whose genes are called by their symbols."""
    rows = "".join(f"T-{name}\t{name}-id\t{name}\n" for name in genes)
    (folder / "transcripts.tsv").write_text(f"transcript_id\tgene_id\tgene_name\n{rows}")
    table = "".join(f"{name}-id\t9\t9\t1\t{reads}\n" for name, reads in genes.items())
    (folder / "genes.sf").write_text(f"{HEADER}\n{table}")
    return assess(folder / "genes.sf", folder / "transcripts.tsv", lengths_of(**(lengths or {"L75": 1})), k, 0.25)


@pytest.mark.parametrize(
    "symbol",
    ["RNA18SN1", "RNA45SN5", "RNA5-8SN2", "RNA5S17", "RN18S1", "Rn18s-rs5", "n-R5s136", "5S_rRNA", "5_8S_rRNA"],
)
def test_ribosomal_genes_by_their_symbols(tmp_path: Path, symbol: str) -> None:
    found = assessed(tmp_path, {symbol: 20, "VIM": 60, "CD44": 0})
    assert (found.ribosomal_percent, found.mitochondrial_percent, found.genes_detected) == (25.0, None, 2)


@pytest.mark.parametrize(
    "symbol", ["RN7SL1", "RN7SK", "RNASE1", "RNA5", "MTOR", "MT1A", "RPS18", "MRPS5", "RNF5", "Rnf18"]
)
def test_other_genes_are_neither(tmp_path: Path, symbol: str) -> None:
    found = assessed(tmp_path, {symbol: 20, "VIM": 60})
    assert (found.ribosomal_percent, found.mitochondrial_percent) == (None, None)


def test_mitochondrial_rrna_is_of_both_classes(tmp_path: Path) -> None:
    found = assessed(tmp_path, {"MT-RNR2": 30, "mt-Nd1": 30, "VIM": 40})
    assert (found.ribosomal_percent, found.mitochondrial_percent) == (30.0, 60.0)
    assert [warning.partition(" % ")[2][:21] for warning in found.warnings()] == [
        "of the reads are ribo",
        "of the reads are mito",
    ]


def test_nothing_is_known_of_a_sample_without_an_assigned_read(tmp_path: Path) -> None:
    assert assessed(tmp_path, {"MT-ND1": 0}).mitochondrial_percent is None


def test_reads_shorter_than_k(tmp_path: Path) -> None:
    found = assessed(tmp_path, {"VIM": 1}, L30=20, L31=80)
    assert found.short_percent == 20.0
    assert found.warnings() == ["20.0 % of the reads are shorter than k = 31 and cannot be mapped."]
    assert assessed(tmp_path, {"VIM": 1}, k=None, L30=20).short_percent is None
    assert found.as_json()["forward_percent"] == 25.0


def lane(folder: Path, first: bytes, second: bytes) -> ReadsReport:
    files = []
    for number, content in enumerate((first, second), start=1):
        path = folder / f"S_R{number}.fastq.gz"
        path.write_bytes(gzip.compress(content, 1))
        files.append(ReadsFile(path, path.name))
    return check_reads([LaneFiles(files[0], files[1])])


@pytest.mark.parametrize("barcode", [26, 28])
def test_barcodes_of_cells_stop_a_sample(tmp_path: Path, barcode: int) -> None:
    with pytest.raises(InputRejectedError, match=r"S_R1\.fastq\.gz looks like 10x single-cell") as caught:
        lane(tmp_path, some_reads(COUNT, 1, length=barcode), some_reads(COUNT, 2, length=91))
    assert caught.value.code is ReasonCode.READS_SINGLE_CELL
    assert caught.value.details["r1_bases"] == barcode


@pytest.mark.parametrize(("one", "two", "said"), [(76, 12, "S_R2"), (76, 30, "S_R2"), (20, 60, "S_R1")])
def test_umis_and_barcodes_are_no_mates(tmp_path: Path, one: int, two: int, said: str) -> None:
    with pytest.raises(InputRejectedError, match=f"All reads of {said}.fastq.gz have") as caught:
        lane(tmp_path, some_reads(COUNT, 1, length=one), some_reads(COUNT, 2, length=two))
    assert caught.value.code is ReasonCode.READS_SINGLE_CELL


def tailed(count: int, tails: int) -> bytes:
    """First mates of a 3' kit that were sequenced beyond barcode and UMI, `tails` of them with a poly-T."""
    starts = np.random.default_rng(5).choice(np.frombuffer(b"ACGT", np.uint8), (count, 60))
    starts[:tails, 28:58] = ord("T")
    return b"".join(record(illumina(number, 1), start.tobytes()) for number, start in enumerate(starts))


def test_barcodes_that_a_tail_follows_stop_a_sample(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match="single-cell"):
        lane(tmp_path, tailed(COUNT, 100), some_reads(COUNT, 2, length=91))


def test_bulk_reads_pass(tmp_path: Path) -> None:
    assert lane(tmp_path, tailed(COUNT, 70), some_reads(COUNT, 2, length=91)).fragments == COUNT
    short = lane(tmp_path, some_reads(COUNT, 1, length=28), some_reads(COUNT, 2, length=28))
    assert (short.lengths.total, short.lengths.mean) == (2 * COUNT, 28.0)
    assert lane(tmp_path, some_reads(COUNT, 1, length=76), some_reads(COUNT, 2, length=31)).fragments == COUNT
    mixed = some_reads(COUNT, 1, length=28) + record(illumina(COUNT, 1), b"A" * 40)  # barcodes have one length
    assert lane(tmp_path, mixed, some_reads(COUNT + 1, 2, length=91)).fragments == COUNT + 1


def test_reads_shorter_than_k_are_the_reason_why_nothing_mapped(tmp_path: Path) -> None:
    def ended(length: int) -> ReasonCode:
        one, two = (some_reads(COUNT, mate, length=length) for mate in (1, 2))
        lanes = write_list(tmp_path, [write_reads(tmp_path, one, two)])
        ran = run_sample(tmp_path, lanes, FakeQuantifier(COUNT, mapped=0))
        return ReasonCode(ran.rejection["reason_code"])

    assert ended(25) is ReasonCode.READS_TOO_SHORT
    assert ended(31) is ReasonCode.NOTHING_MAPPED
