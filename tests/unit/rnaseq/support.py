"""Simulated transcriptomes and reads of known truth, a quantifier that counts nothing, and a call that runs the job."""

import gzip
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnaseq_job.job import JobOptions, Ports, run_job
from rnaseq_job.quantifiers.quantifier import HEADER, BuiltReference, Quantification, Quantifier, QuantifierOptions
from rnaseq_job.reads.lanes import Sample
from rnaseq_job.storage import FolderStorage, Storage

READ_LENGTH = 75
SALMON_MISSING = shutil.which("salmon") is None
WITHOUT_SALMON = "salmon is not installed (Debian: apt-get install salmon)"

_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
_BASES = np.frombuffer(b"ACGT", np.uint8)

Names = Callable[[int, int], bytes]
"""Header of a read, from its number and mate."""


def illumina(number: int, mate: int) -> bytes:
    return b"@A001:45:HXXYY:1:1101:%d:%d %d:N:0:ACGTACGT" % (1000 + number % 300, 1000 + number // 300, mate)


def slashed(number: int, mate: int) -> bytes:
    return b"@read%d/%d" % (number, mate)


def sra_with_mates(number: int, mate: int) -> bytes:
    return b"@SRR1.%d.%d %d length=75" % (number + 1, mate, number + 1)


def sra_plain(number: int, _: int) -> bytes:
    return b"@SRR1.%d %d length=75" % (number + 1, number + 1)


@dataclass(frozen=True)
class Transcriptome:
    """Transcripts of random sequence: none looks like another, so that every read has one home."""

    sequences: dict[str, bytes]
    genes: dict[str, str]

    def write(self, folder: Path) -> Path:
        fasta = folder / "transcripts.fa"
        fasta.write_bytes(b"".join(b">%s\n%s\n" % (name.encode(), text) for name, text in self.sequences.items()))
        rows = "".join(f"{name}\t{gene}\tS{gene}\n" for name, gene in self.genes.items())
        (folder / "transcripts.tsv").write_text("transcript_id\tgene_id\tgene_name\n" + rows, encoding="utf-8")
        return fasta


def transcriptome(genes: int = 40, seed: int = 7) -> Transcriptome:
    random = np.random.default_rng(seed)
    sequences, owners = {}, {}
    for gene in range(genes):
        for number in range(1 + gene % 3):
            name = f"ENST{gene:05}{number}.1"
            sequences[name] = random.choice(_BASES, int(random.integers(500, 2500))).tobytes()
            owners[name] = f"ENSG{gene:05}.2"
    return Transcriptome(sequences, owners)


@dataclass(frozen=True)
class Reads:
    """Simulated reads: FASTQ text of both mates, and the fragments of each transcript."""

    first: bytes
    second: bytes
    truth: dict[str, int]


def simulate(
    source: Transcriptome, fragments: int, seed: int = 1, reverse_share: float = 0.5, names: Names = illumina
) -> Reads:
    """Draw fragments by a skewed abundance that depends on the transcriptome only.

    ``reverse_share`` is the share of fragments whose first read lies on the antisense strand: 1 is an ISR library.
    """
    random = np.random.default_rng(seed)
    transcripts = list(source.sequences)
    abundance = np.random.default_rng(99).lognormal(0, 1.5, len(transcripts))
    weights = abundance * [len(source.sequences[name]) - 300 for name in transcripts]
    drawn = random.choice(len(transcripts), fragments, p=weights / weights.sum())
    mates: tuple[list[bytes], list[bytes]] = ([], [])
    for number, index in enumerate(drawn):
        text = source.sequences[transcripts[index]]
        size = int(np.clip(random.normal(200, 20), 120, 300))
        start = int(random.integers(0, len(text) - size))
        sense = text[start : start + READ_LENGTH]
        antisense = text[start + size - READ_LENGTH : start + size].translate(_COMPLEMENT)[::-1]
        pair = (antisense, sense) if random.random() < reverse_share else (sense, antisense)
        for mate, sequence in enumerate(pair, start=1):
            mates[mate - 1].append(record(names(number, mate), sequence))
    counts = np.bincount(drawn, minlength=len(transcripts))
    return Reads(b"".join(mates[0]), b"".join(mates[1]), dict(zip(transcripts, map(int, counts), strict=True)))


def record(head: bytes, sequence: bytes) -> bytes:
    return b"%s\n%s\n+\n%s\n" % (head, sequence, b"F" * len(sequence))


def some_reads(count: int, mate: int, names: Names = illumina, seed: int = 3, length: int = READ_LENGTH) -> bytes:
    """Random reads of no reference: enough for everything but mapping."""
    letters = np.random.default_rng([seed, mate]).choice(_BASES, (count, length))
    return b"".join(record(names(number, mate), letters[number].tobytes()) for number in range(count))


def write_reads(folder: Path, first: bytes, second: bytes | None, stem: str = "S_S1_L001") -> tuple[str, str]:
    """Write gzipped mates under Illumina's names and give these."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{stem}_R1_001.fastq.gz", f"{stem}_R2_001.fastq.gz" if second is not None else "")
    (folder / names[0]).write_bytes(gzip.compress(first, 1, mtime=0))
    if second is not None:
        (folder / names[1]).write_bytes(gzip.compress(second, 1, mtime=0))
    return names


def write_list(folder: Path, lanes: Sequence[tuple[str, str]], sample: str = "R01-023") -> Path:
    path = folder / "lanes.csv"
    rows = [f"rg{number},{sample},lib1,{number},{one},{two}\n" for number, (one, two) in enumerate(lanes, start=1)]
    path.write_text("RGID,RGSM,RGLB,Lane,Read1File,Read2File\n" + "".join(rows), encoding="utf-8")
    return path


@dataclass
class FakeQuantifier:
    """Leaves tables without reading anything; ``failure`` is raised after the log is written."""

    total: int
    mapped: int | None = None
    failure: Exception | None = None
    detected: str | None = "IU"
    k: int | None = 31
    genes: tuple[str, ...] = ("ENSG2.1", "ENSG1.1")
    seen: list[tuple[Sample, QuantifierOptions]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "fake"

    def version(self) -> str:
        return "1.2.3"

    def kmer_length(self, reference: BuiltReference) -> int | None:
        return self.k

    def quantify(self, sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Quantification:
        self.seen.append((sample, options))
        options.work.mkdir(parents=True)
        (options.work / "fake.log").write_text("what the quantifier said", encoding="utf-8")
        if self.failure is not None:
            raise self.failure
        tables = [options.work / name for name in ("quant.sf", "quant.genes.sf")]
        for table, names in zip(tables, (("ENST9.1", "ENST1.1"), self.genes), strict=True):
            table.write_text("\n".join([HEADER, *(f"{name}\t100\t50.0\t1.5\t10" for name in names)]) + "\n")
        mapped = self.total if self.mapped is None else self.mapped
        command = ("fake", "-o", str(options.work / "out"))
        return Quantification(tables[0], tables[1], self.detected, 0.97, self.total, mapped, command=command)


def write_transcripts(folder: Path) -> Path:
    """Write the table of the reference of `FakeQuantifier`, unless there is one."""
    table = folder / "transcripts.tsv"
    if not table.exists():
        rows = ("transcript_id\tgene_id\tgene_name", "ENST1.1\tENSG1.1\tVIM", "ENST9.1\tENSG2.1\tMT-ND1")
        table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


@dataclass(frozen=True)
class Ran:
    """How a job ended and what it published."""

    code: int
    folder: Path

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    @property
    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    @property
    def run(self) -> Any:
        return self.json("run.json")

    @property
    def rejection(self) -> Any:
        return self.json("rejection.json")

    def column(self, table: str, name: str) -> dict[str, float]:
        lines = (self.folder / table).read_text(encoding="utf-8").splitlines()
        index = lines[0].split("\t").index(name)
        return {cells[0]: float(cells[index]) for cells in (line.split("\t") for line in lines[1:])}


def run_sample(
    root: Path,
    lanes: Path | str,
    quantifier: Quantifier,
    reference: BuiltReference | None = None,
    opener: Callable[[str], Storage] = lambda _: FolderStorage(),
    output: str | None = None,
    **options: Any,
) -> Ran:
    """Run the job on a list of lanes, in folders below ``root``."""
    number = sum(path.name.startswith("scratch") for path in root.iterdir())
    scratch = root / f"scratch{number}"
    scratch.mkdir()
    folder = root / "results"
    built = reference or BuiltReference(root, write_transcripts(root), None, "tiny", "none", "simulated")
    job = JobOptions(
        **{
            "engine": quantifier.name,
            "sample": "R01-023",
            "fastq_list": str(lanes),
            "reference": "reference/",
            "output": output or str(folder),
            "run": {"run_id": "run-1", "job_id": "job-1", "content_version": "7"},
            **options,
        }
    )
    return Ran(run_job(job, Ports(opener, quantifier, lambda *_: built), scratch), folder)


def spearman(one: Mapping[str, float], two: Mapping[str, float]) -> float:
    """Rank correlation over the names of ``one``; equal values share their mean rank."""
    names = sorted(one)
    ranks = [_ranks(np.array([values[name] for name in names])) for values in (one, two)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse])
