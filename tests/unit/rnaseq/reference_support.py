"""A tiny genome with its annotation, worked out by hand, and a machine with the stand-in for DRAGEN."""

import gzip
import json
import os
import random
import sys
from pathlib import Path

from rnaseq_job.errors import InputRejectedError
from rnaseq_job.reference.cli import build

STAND_INS = Path(__file__).resolve().parents[2] / "stand_ins"

CHROMOSOME = "AACCGGTTACGTACGTTTGGCCAATTGACA"
"""30 bases, base 1 first. The truth below is cut from it by eye."""

GENOME = f">chr1 made up\n{CHROMOSOME[:20].lower()}\n{CHROMOSOME[20:]}\n>chrX\nACGTNRYACGT\n"

FORWARD = "AACC" + "ACGT" + "GACA"
"""T1, chr1 forward: bases 1-4, 9-12 and 27-30."""
REVERSE = "TGTC" + "GGCC" + "GG"
"""T2, chr1 reverse: GACA (27-30) read from the other strand is TGTC, GGCC (19-22) is GGCC, CC (3-4) is GG."""
AMBIGUOUS = "TRYNACG"
"""T3, chrX reverse: CGTNRYA (2-8); the complement of R (A or G) is Y (C or T)."""


def exon(chromosome: str, start: int, end: int, strand: str, transcript: str, gene: str, name: str = "") -> str:
    """Give one line as GENCODE writes it."""
    symbol = f' gene_name "{name}";' if name else ""
    attributes = f'gene_id "{gene}"; transcript_id "{transcript}"; gene_type "x; y";{symbol} level 2;'
    return f"{chromosome}\ttest\texon\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n"


GTF = "".join(
    [
        "##description: made up\n",
        exon("chr1", 1, 4, "+", "T1.1", "G1.1", "ALPHA"),
        exon("chr1", 9, 12, "+", "T1.1", "G1.1", "ALPHA"),
        exon("chr1", 27, 30, "+", "T1.1", "G1.1", "ALPHA"),
        exon("chr1", 27, 30, "-", "T2.3", "G2.2", "BETA"),  # the order of GENCODE: downwards
        exon("chr1", 19, 22, "-", "T2.3", "G2.2", "BETA"),
        exon("chr1", 3, 4, "-", "T2.3", "G2.2", "BETA"),
        exon("chrX", 2, 8, "-", "T3.1", "G3.1", "BETA"),
    ]
)


def write_source(folder: Path, **files: str) -> Path:
    """Write files named ``genome_fa_gz`` as genome.fa.gz and so on; .gz ones compressed."""
    folder.mkdir(parents=True, exist_ok=True)
    for key, content in files.items():
        path = folder / key.replace("_", ".")
        data = content.encode()
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return folder


def big_source(folder: Path) -> Path:
    """Write a genome of two chromosomes on which salmon can work, with four transcripts in three genes."""
    chance = random.Random(7)
    bases = {name: "".join(chance.choice("ACGT") for _ in range(3_000)) for name in ("chr1", "chr2")}
    lines = [
        exon("chr1", 101, 400, "+", "T1.1", "G1.1", "ALPHA"),
        exon("chr1", 601, 900, "+", "T1.1", "G1.1", "ALPHA"),
        exon("chr1", 1501, 2100, "-", "T2.1", "G2.1", "BETA"),
        exon("chr2", 101, 700, "+", "T3.1", "G3.1"),
        exon("chr2", 401, 900, "+", "T4.1", "G3.1"),
    ]
    fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in bases.items())
    description = json.dumps({"genome": "tiny", "annotation": "by hand"})
    return write_source(folder, genome_fa_gz=fasta, genes_gtf_gz="".join(lines), reference_json=description)


def build_it(source: Path, output: Path, quantifier: str = "salmon", *more: str) -> int:
    """Run the command line of the builder."""
    places = ["--source", str(source), "--output", str(output), "--scratch", str(output.parent / "scratch")]
    return build(["--engine", quantifier, "--name", "tiny", *places, "--threads", "1", *more])


def manifest_of(output: Path, quantifier: str = "salmon") -> dict[str, object]:
    """Read the manifest of a quantifier."""
    content = json.loads((output / f"{quantifier}.manifest.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def dragen_machine(root: Path) -> Path:
    """Make a root folder with the stand-in in DRAGEN's place and all that the host check looks for."""
    program = root / "opt/edico/bin/dragen"
    program.parent.mkdir(parents=True)
    install(STAND_INS / "dragen", program)
    for folder in ("dev/shm", "dev/bus", "proc/self"):
        (root / folder).mkdir(parents=True)
    write_limit(root, 720_000)
    return root


def install(stand_in: Path, program: Path) -> None:
    """Copy a stand-in, bound to this interpreter: looking for one takes longer than all that it does."""
    source = stand_in.read_text(encoding="utf-8").partition("\n")[2]
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o755)


def write_limit(root: Path, files: int) -> None:
    """Set what the machine says of open files."""
    (root / "proc/self/limits").write_text(
        f"Limit                     Soft Limit           Hard Limit           Units     \n"
        f"Max open files            1024                 {files}               files     \n",
        encoding="ascii",
    )


def on_path(folder: Path, program: str) -> str:
    """Give a PATH on which a stand-in comes first."""
    folder.mkdir(parents=True, exist_ok=True)
    install(STAND_INS / program, folder / program)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def text(error: InputRejectedError) -> str:
    """Give everything that a user reads of a rejection."""
    return f"{error.message} {error.details}"
