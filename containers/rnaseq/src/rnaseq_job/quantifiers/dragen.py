"""The DRAGEN engine: the RNA command of the article this project follows, on several lanes and with current options.

Against the article's command: lanes are named in a fastq list; the library type is detected or declared; what later
versions dropped (`--alt-aware`) or have as a default is gone; the delimiter of read names is given only when the
names need it; and a licence, where there is one, is a file and never a part of the command.
"""

import csv
import gzip
import re
from dataclasses import dataclass, field
from pathlib import Path

from rnaseq_job.errors import InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.dragen_host import DragenHost
from rnaseq_job.quantifiers.quantifier import BuiltReference, Quantification, QuantifierOptions
from rnaseq_job.reads.lanes import COLUMNS, Lane, Sample

LIBRARY_TYPES = ("A", "IU", "ISR", "ISF", "U", "SR", "SF")
_MATE_SUFFIX = re.compile(rb"@(\S+[._])([12])(?:\s|$)")
_GZIP_MAGIC = b"\x1f\x8b"
_ALL_READS = "MAPPING/ALIGNING SUMMARY"


def hash_table_arguments(genome: Path, folder: Path) -> list[str]:
    """Return the options that build the hash table of a genome, with DRAGEN's second table for RNA.

    Examples
    --------
    >>> " ".join(hash_table_arguments(Path("hg38.fa"), Path("table")))
    '--build-hash-table true --ht-reference hg38.fa --ht-build-rna-hashtable true --output-directory table'
    """
    return [
        *("--build-hash-table", "true", "--ht-reference", str(genome)),
        *("--ht-build-rna-hashtable", "true", "--output-directory", str(folder)),
    ]


@dataclass(frozen=True)
class Run:
    """The files of one run."""

    sample: str
    """Sample of the list, and the prefix of every result."""
    fastq_list: Path
    """DRAGEN's list of lanes."""
    reference: Path
    annotation: Path
    """Hash table folder and GTF."""
    library_type: str
    """One of `LIBRARY_TYPES`."""
    output: Path
    intermediate: Path
    """Folders that exist."""
    mate_suffix: bool = False
    """Whether names end in `.1` and `.2`."""


def rna_arguments(run: Run) -> list[str]:
    """Return the options of the RNA pipeline; pure, so that a test can hold it against the article."""
    return [
        *("--enable-rna", "true", "--enable-rna-quantification", "true", "--annotation-file", str(run.annotation)),
        *("--enable-map-align", "true", "--enable-map-align-output", "true"),
        *("--enable-sort", "true", "--enable-duplicate-marking", "true"),
        *("--ref-dir", str(run.reference)),
        *("--fastq-list", str(run.fastq_list), "--fastq-list-sample-id", run.sample),
        *("--rna-library-type", run.library_type),
        *("--output-directory", str(run.output), "--output-file-prefix", run.sample),
        *("--intermediate-results-dir", str(run.intermediate)),
        *(("--input-qname-suffix-delimiter", ".") if run.mate_suffix else ()),
    ]


@dataclass(frozen=True)
class DragenQuantifier:
    """DRAGEN of this host.

    Its log is `dragen.log` in `QuantifierOptions.work`, also after a failure.
    """

    host: DragenHost = field(default_factory=DragenHost.here)
    """The machine; by default this one."""

    @property
    def name(self) -> str:
        """`dragen`."""
        return "dragen"

    def version(self) -> str:
        """Return the installed version."""
        return self.host.version()

    def kmer_length(self, reference: BuiltReference) -> None:
        """Return None: DRAGEN does not say which reads are too short for it."""

    def quantify(self, sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Quantification:
        """Map and quantify a sample; see `rnaseq_job.quantifiers.quantifier.Quantifier`."""
        run = _prepare(sample, reference, options)
        log = options.work / "dragen.log"
        command = self.host.run(rna_arguments(run), log, options.licence)
        return _collect(run, sample.paired, log, command)


def _prepare(sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Run:
    if reference.annotation is None:
        raise InvalidJobError(f"reference {reference.name} has no GTF, which DRAGEN needs: build it for DRAGEN")
    if options.library_type not in LIBRARY_TYPES:
        raise InvalidJobError(f"library type {options.library_type} is none of {', '.join(LIBRARY_TYPES)}")
    folders = [options.work / name for name in ("dragen", "intermediate")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    fastq_list = options.work / "fastq_list.csv"
    write_fastq_list(fastq_list, sample)
    return Run(
        sample.name,
        fastq_list,
        reference.index,
        reference.annotation,
        options.library_type,
        folders[0],
        folders[1],
        needs_mate_suffix(sample),
    )


def write_fastq_list(path: Path, sample: Sample) -> None:
    """Write DRAGEN's list of lanes, with the staged files."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for lane in sample.lanes:
            second = str(lane.read2) if lane.read2 else ""
            writer.writerow([lane.read_group, sample.name, lane.library, lane.lane, str(lane.read1), second])


def needs_mate_suffix(sample: Sample) -> bool:
    """Return whether mates are named `@SRR1.7.1` and `@SRR1.7.2`, as fastq-dump with read ids writes them.

    Without ids both mates are `@SRR1.7`: cutting at the dot would then give every read of the run one name.

    Raises
    ------
    InputRejectedError
        READS_INVALID when lanes differ in it: the option holds for all of them; or when `_` stands before the mate,
        which is none of the delimiters that DRAGEN knows (/ . :).
    """
    answers = {_mate_mark(lane) for lane in sample.lanes}
    if len(answers) > 1:
        raise InputRejectedError(
            ReasonCode.READS_INVALID,
            "Some lanes name mates with .1 and .2 at the end and others do not. Write all lanes with the same tool.",
        )
    mark = answers.pop()
    if mark == b"_":
        raise InputRejectedError(
            ReasonCode.READS_INVALID,
            "The names of mates end in _1 and _2, which DRAGEN does not take for marks of mates. Write them with /1 "
            "and /2, or without.",
        )
    return mark == b"."


def _mate_mark(lane: Lane) -> bytes:
    """Return what stands before the mate's number at the end of a read's name; nothing where names are alike."""
    if lane.read2 is None:
        return b""
    first, second = (_MATE_SUFFIX.match(_first_line(path)) for path in (lane.read1, lane.read2))
    if not (first and second) or first[1] != second[1] or (first[2], second[2]) != (b"1", b"2"):
        return b""
    return first[1][-1:]


def _first_line(path: Path) -> bytes:
    with path.open("rb") as raw:
        compressed = raw.peek(2)[:2] == _GZIP_MAGIC
        return gzip.GzipFile(fileobj=raw).readline() if compressed else raw.readline()


def _collect(run: Run, paired: bool, log: Path, command: tuple[str, ...]) -> Quantification:
    transcripts = _result(run, "quant.sf")
    genes = _result(run, "quant.genes.sf")
    metrics = _result(run, "quant.metrics.csv", "quant_metrics.csv")  # the name changed between versions
    mapping = _result(run, "mapping_metrics.csv")
    counts, quality = _metrics(mapping, _ALL_READS), _metrics(metrics)
    return Quantification(
        transcripts=transcripts,
        genes=genes,
        detected_library_type=_library_type(quality),
        compatible_fragment_ratio=_compatible_ratio(quality),
        total=_fragments(counts, "Total input reads", paired),
        mapped=_fragments(counts, "Mapped reads", paired),
        logs=(log, metrics, mapping),
        command=command,
    )


def _result(run: Run, *endings: str) -> Path:
    """Find a result under one of its names."""
    for ending in endings:
        path = run.output / f"{run.sample}.{ending}"
        if path.is_file() and path.stat().st_size:
            return path
    present = sorted(path.name for path in run.output.iterdir())[:20]
    raise InputRejectedError(
        ReasonCode.ENGINE_FAILED,
        f"DRAGEN ended without {run.sample}.{endings[0]}. Its log says why.",
        {"missing": f"{run.sample}.{endings[0]}", "present": list(present)},
    )


def _metrics(path: Path, section: str | None = None) -> dict[str, str]:
    """Read `section,read group,metric,value[,percent]`; rows of other sections are left out."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) > 3 and section in (None, row[0])]
    return {row[2]: row[3] for row in rows}


def _number(metrics: dict[str, str], name: str) -> int | None:
    value = metrics.get(name, "")
    return int(value) if value.isdecimal() else None


def _fragments(metrics: dict[str, str], name: str, paired: bool) -> int | None:
    """Return fragments: DRAGEN counts the two reads of a pair as two."""
    reads = _number(metrics, name)
    return reads // 2 if paired and reads is not None else reads


def _library_type(metrics: dict[str, str]) -> str | None:
    value = metrics.get("Library orientation", "")
    return value if value in LIBRARY_TYPES[1:] else None


def _compatible_ratio(metrics: dict[str, str]) -> float | None:
    """Return the share of fragments on the transcript's strand among those on either: salmon's measure."""
    fit, mismatched = _number(metrics, "Transcript fragments"), _number(metrics, "Strand mismatched fragments")
    if fit is None or mismatched is None or fit + mismatched == 0:
        return None
    return fit / (fit + mismatched)
