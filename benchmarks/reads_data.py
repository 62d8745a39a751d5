"""Writes the reads that the genomics benchmarks run on, with their transcriptome; the same bytes every time.

A process of its own (`python -m benchmarks.reads_data`): what it needs in memory must not count for the process that
starts and measures the two sides. Names and qualities are like those of a current Illumina run (four quality values),
packed by gzip at level 6: about a fifth of their size, as such files are.
"""

import argparse
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from local.synthetic.genome import reverse_complement

GENES, ISOFORMS = 3_000, 4
READ_LENGTH: Final = 100
GZIP_LEVEL: Final = 6
_EXON_LENGTHS: Final = (100, 500)
_EXONS: Final = (5, 10)
_FRAGMENT_MEAN, _FRAGMENT_DEVIATION, _FRAGMENT_MOST = 220.0, 25.0, 320
_QUALITIES: Final = np.frombuffer(b"F:,#", np.uint8)
_QUALITY_SHARES: Final = (0.92, 0.05, 0.025, 0.005)
_ERRORS_PER_BASE: Final = 0.002
_BASES: Final = np.frombuffer(b"ACGT", np.uint8)
_CHUNK: Final = 50_000

Chunk = tuple[bytes, bytes]
"""Text of R1 and R2."""


def write_reference(folder: Path, genes: int = GENES) -> list[bytes]:
    """Write `transcripts.fa`, `transcripts.tsv` and `reference.json`: genes of several exons, each with
    isoforms that lack one of them.

    Returns
    -------
    list of bytes
        The transcripts' sequences.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(31)
    sequences, fasta, rows = [], [], ["transcript_id\tgene_id\tgene_name"]
    for gene in range(genes):
        lengths = random.integers(*_EXON_LENGTHS, int(random.integers(*_EXONS)))
        exons = [_BASES[random.integers(0, 4, length)].tobytes() for length in lengths]
        for number in range(ISOFORMS):
            name = f"ENST{gene * ISOFORMS + number:011d}.1"
            sequences.append(b"".join(exons if number == 0 else exons[:number] + exons[number + 1 :]))
            fasta.append(b">%s\n%s\n" % (name.encode(), sequences[-1]))
            rows.append(f"{name}\tENSG{gene:011d}.1\tGENE{gene}")
    (folder / "transcripts.fa").write_bytes(b"".join(fasta))
    (folder / "transcripts.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    about = {"genome": "simulated", "annotation": "simulated 1"}
    (folder / "reference.json").write_text(json.dumps(about), encoding="utf-8")
    return sequences


def write_reads(folder: Path, sequences: list[bytes], fragments: int) -> list[Path]:
    """Write `reads_R1.fastq.gz` and `reads_R2.fastq.gz`, of a stranded library, and `lanes.csv`.

    Returns
    -------
    list of Path
        The two files of reads.
    """
    paths = [folder / f"reads_R{mate}.fastq.gz" for mate in (1, 2)]
    with (
        gzip.open(paths[0], "wb", GZIP_LEVEL) as one,
        gzip.open(paths[1], "wb", GZIP_LEVEL) as two,
        ThreadPoolExecutor(2) as threads,
    ):
        for texts in _chunks(sequences, fragments):
            list(threads.map(lambda file, text: file.write(text), (one, two), texts))
    row = ",".join(["rg1", "BENCH", "lib1", "1", *map(str, paths)])
    (folder / "lanes.csv").write_text(f"RGID,RGSM,RGLB,Lane,Read1File,Read2File\n{row}\n", encoding="utf-8")
    return paths


def _chunks(sequences: list[bytes], fragments: int) -> Iterator[Chunk]:
    random = np.random.default_rng(32)
    room = np.array([max(0, len(sequence) - _FRAGMENT_MOST) for sequence in sequences])
    weights = random.lognormal(0.0, 1.5, len(sequences)) * room
    weights /= weights.sum()
    for start in range(0, fragments, _CHUNK):
        count = min(_CHUNK, fragments - start)
        heads = _heads(random, start, fragments, count)
        chosen = random.choice(len(sequences), count, p=weights)
        lengths = np.clip(random.normal(_FRAGMENT_MEAN, _FRAGMENT_DEVIATION, count), READ_LENGTH, _FRAGMENT_MOST)
        pairs = [_pair(random, sequences[index], int(length)) for index, length in zip(chosen, lengths, strict=True)]
        yield _text(random, heads, pairs, 1), _text(random, heads, pairs, 2)


def _heads(random: np.random.Generator, start: int, fragments: int, count: int) -> list[bytes]:
    """Return names as a sequencer does: tile by tile, with the cluster's place on it."""
    tiles = 1101 + (start + np.arange(count)) * 378 // fragments
    places = random.integers(1_000, 37_000, (count, 2))
    return [b"%d:%d:%d" % (tile, x, y) for tile, (x, y) in zip(tiles, places, strict=True)]


def _pair(random: np.random.Generator, sequence: bytes, length: int) -> Chunk:
    start = int(random.integers(0, len(sequence) - length + 1))
    fragment = sequence[start : start + length]
    return reverse_complement(fragment)[:READ_LENGTH], fragment[:READ_LENGTH]


def _text(random: np.random.Generator, heads: list[bytes], pairs: list[Chunk], mate: int) -> bytes:
    reads = _with_errors(random, b"".join(pair[mate - 1] for pair in pairs))
    qualities = random.choice(_QUALITIES, (len(pairs), READ_LENGTH), p=_QUALITY_SHARES)
    return b"".join(
        b"@A00123:45:HXXYYDSX2:1:%s %d:N:0:ACGTACGT+TGCATGCA\n%s\n+\n%s\n"
        % (head, mate, read.tobytes(), quality.tobytes())
        for head, read, quality in zip(heads, reads, qualities, strict=True)
    )


def _with_errors(random: np.random.Generator, bases: bytes) -> NDArray[np.uint8]:
    letters = np.frombuffer(bases, np.uint8).copy()
    wrong = random.random(len(letters)) < _ERRORS_PER_BASE
    letters[wrong] = _BASES[random.integers(0, 4, int(wrong.sum()))]
    return letters.reshape(-1, READ_LENGTH)


def main() -> None:
    """Write reference and reads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fragments", type=int, required=True)
    options = parser.parse_args()
    write_reads(options.folder, write_reference(options.folder / "source"), options.fragments)


if __name__ == "__main__":
    main()
