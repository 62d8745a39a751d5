"""RNA-seq reads of patients whose expression is known: a truth to hold the pipeline against."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from local.synthetic.genome import (
    Genome,
    compressed,
    make_genome,
    reverse_complement,
    write_annotated_genome,
    write_transcriptome,
)

READ_LENGTH: Final = 75
FRAGMENT_MEAN, FRAGMENT_DEVIATION = 200.0, 20.0
_ERRORS_PER_BASE = 0.001
_SUBSTITUTE: Final = {ord(base): other for base, other in zip("ACGT", b"CGTA", strict=True)}
Pair = tuple[bytes, bytes]


@dataclass(frozen=True)
class RnaSpec:
    """One case to make reads of.

    Parameters
    ----------
    case : str
        Its name.
    seed : int
        The same seed gives the same reads.
    layout : str
        How its files are named: `lanes` (bcl2fastq, two lanes), `sra`, `dots` or `single` (one end only).
    stranded : bool
        Whether the first read is always of the other strand than the transcript (ISR), or of either (IU).
    fragments : int
        How many are sequenced.
    """

    case: str
    seed: int
    layout: str = "lanes"
    stranded: bool = True
    fragments: int = 12000


@dataclass(frozen=True)
class RnaTruth:
    """What is known of a case: its reads are a sample of `tpm` (by gene id); the library type is as salmon calls it."""

    case: str
    tpm: dict[str, float]
    library_type: str
    fragments: int
    files: tuple[Path, ...]


def write_rna_cohort(
    folder: Path,
    cases: Sequence[str],
    *,
    reference: str,
    truncated: Collection[str] = (),
    genome: bool = False,
    seed: int = 7,
) -> list[RnaTruth]:
    """Write reads of cases and the reference that they are of.

    Parameters
    ----------
    folder : Path
        Receives `<case>/…` and `_references/<reference>/…`.
    cases : sequence of str
        Names of the cases, such as the subjects of the CT cohort.
    reference : str
        Name of the reference, which the dataset's configuration asks for.
    truncated : collection of str
        Cases whose last file is cut short.
    genome : bool
        Give the reference as genome and annotation; else as transcriptome and table.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of RnaTruth
        In the cases' order.
    """
    made = make_genome(seed)
    write = write_annotated_genome if genome else write_transcriptome
    write(made, folder / "_references" / reference)
    return [write_case(folder, made, spec, truncated=spec.case in truncated) for spec in rna_specs(cases, seed)]


def rna_specs(cases: Sequence[str], seed: int = 7) -> list[RnaSpec]:
    """Describe a cohort in which every naming of files and both kinds of library occur.

    Examples
    --------
    >>> [spec.layout for spec in rna_specs(["R01-901", "R01-902", "R01-903", "R01-904"])]
    ['lanes', 'sra', 'dots', 'single']
    """
    layouts = ("lanes", "sra", "dots", "single")
    return [
        RnaSpec(case, seed * 1000 + index, layouts[index % 4], stranded=index % 3 != 1)
        for index, case in enumerate(cases)
    ]


def write_case(folder: Path, genome: Genome, spec: RnaSpec, *, truncated: bool = False) -> RnaTruth:
    """Write the reads of one case to `<folder>/<case>/`; `truncated` cuts the last file as an interrupted copy does."""
    random = np.random.default_rng([spec.seed, 2])
    shares = random.lognormal(0.0, 1.2, len(genome.transcripts))
    tpm = shares / shares.sum() * 1e6
    pairs = _sequence(random, genome, tpm, spec)
    place = folder / spec.case
    place.mkdir(parents=True, exist_ok=True)
    files = tuple(
        _write(place / name, [pair[mate - 1] for pair in pairs[own]], pattern)
        for name, mate, own, pattern in _files(spec.layout, spec.case)
    )
    if truncated:
        content = files[-1].read_bytes()
        files[-1].write_bytes(content[: len(content) * 2 // 3])
    return RnaTruth(spec.case, _by_gene(genome, tpm), _library_type(spec), len(pairs), files)


def _by_gene(genome: Genome, tpm: NDArray[np.float64]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for transcript, value in zip(genome.transcripts, tpm, strict=True):
        totals[transcript.gene_id] = totals.get(transcript.gene_id, 0.0) + float(value)
    return totals


def _library_type(spec: RnaSpec) -> str:
    if spec.layout == "single":
        return "SR" if spec.stranded else "U"
    return "ISR" if spec.stranded else "IU"


def _sequence(random: np.random.Generator, genome: Genome, tpm: NDArray[np.float64], spec: RnaSpec) -> list[Pair]:
    """Sample fragments: a transcript's share is its abundance times the places at which a fragment fits."""
    room = np.array([len(transcript.sequence) - FRAGMENT_MEAN + 1 for transcript in genome.transcripts])
    weights = tpm * room / (tpm * room).sum()
    chosen = random.choice(len(weights), spec.fragments, p=weights)
    lengths = np.rint(random.normal(FRAGMENT_MEAN, FRAGMENT_DEVIATION, spec.fragments)).astype(int)
    flips = np.zeros(spec.fragments, bool) if spec.stranded else random.random(spec.fragments) < 0.5
    pairs = []
    for index, length, flip in zip(chosen, np.clip(lengths, READ_LENGTH, 300), flips, strict=True):
        sequence = genome.transcripts[index].sequence
        start = int(random.integers(0, len(sequence) - length + 1))
        fragment = sequence[start : start + int(length)]
        sense, other = fragment[:READ_LENGTH], reverse_complement(fragment)[:READ_LENGTH]
        pair = (sense, other) if flip else (other, sense)
        pairs.append((_with_errors(random, pair[0]), _with_errors(random, pair[1])))
    return pairs


def _with_errors(random: np.random.Generator, read: bytes) -> bytes:
    if random.random() > _ERRORS_PER_BASE * READ_LENGTH:
        return read
    place = int(random.integers(0, READ_LENGTH))
    return read[:place] + bytes([_SUBSTITUTE[read[place]]]) + read[place + 1 :]


def _files(layout: str, case: str) -> Iterator[tuple[str, int, slice, str]]:
    """Yield the files of a case: name, mate, which of its pairs, and the pattern of a read's name."""
    mates = (1,) if layout == "single" else (1, 2)
    for lane in (1, 2) if layout == "lanes" else (1,):
        for mate in mates:
            if layout == "lanes":  # as bcl2fastq names them
                pattern = f"SIM:1:SIMFLOW:{lane}:1101:{{x}}:{{y}} {mate}:N:0:ACGTACGT"
                yield f"{case}_S1_L00{lane}_R{mate}_001.fastq.gz", mate, slice(lane - 1, None, 2), pattern
            elif layout == "sra":
                pattern = f"SRR900001.{{number}} {{number}} length={READ_LENGTH}"
                yield f"{case}_{mate}.fastq.gz", mate, slice(None), pattern
            elif layout == "dots":
                yield f"{case}.R{mate}.fq.gz", mate, slice(None), f"read{{number}}/{mate}"
            else:
                yield f"{case}.fastq.gz", mate, slice(None), "read{number}"


def _write(path: Path, reads: Sequence[bytes], pattern: str) -> Path:
    quality = b"I" * READ_LENGTH
    names = (pattern.format(number=n + 1, x=1000 + n, y=2000 + n).encode() for n in range(len(reads)))
    records = (b"@%s\n%s\n+\n%s\n" % (name, read, quality) for name, read in zip(names, reads, strict=True))
    path.write_bytes(compressed(b"".join(records)))
    return path
