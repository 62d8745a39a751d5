"""salmon: selective alignment to a transcriptome, on any processor."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from isal import igzip

from rnaseq_job.errors import Detail, HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.quantifier import (
    BuiltReference,
    Quantification,
    QuantifierOptions,
    check_covered,
    check_genes,
    read_genes,
    write_gene_map,
)
from rnaseq_job.reads.lanes import Lane, Sample
from rnaseq_job.reads.records import LINES
from rnaseq_job.runtime import Ended, run

PROGRAM: Final = "salmon"
_VERSION = re.compile(r"salmon (\d\S*)")

PROBE_FRAGMENTS: Final = 100_000
"""Fragments from which strands are told when a library type is declared."""

PROBE_BYTES: Final = 1 << 27
"""No more than that is written of them: reads may be 64 KiB long, and disks are small."""

_REPORTS = ("aux_info/meta_info.json", "libParams/flenDist.txt", "lib_format_counts.json")
"""What MultiQC's module for salmon reads."""

_UNMAPPED = "insufficient_assigned_fragments"


@dataclass(frozen=True)
class SalmonQuantifier:
    """Runs salmon."""

    program: str = PROGRAM
    """Its name or path."""

    @property
    def name(self) -> str:
        """Name as on the command line."""
        return "salmon"

    def version(self) -> str:
        """Return the installed version."""
        return salmon_version(self.program)

    def kmer_length(self, reference: BuiltReference) -> int | None:
        """Return k, as salmon's index records it."""
        info = reference.index / "info.json"
        return int(_read(info)["k"]) if info.is_file() else None

    def quantify(self, sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Quantification:
        """Run salmon on a checked sample.

        Raises
        ------
        InputRejectedError
            REFERENCE_INVALID, NOTHING_MAPPED, ENGINE_FAILED.
        HostFaultError
            When a signal ended it.
        """
        options.work.mkdir(parents=True, exist_ok=True)
        genes, output = read_genes(reference.transcripts), options.work / "salmon"
        gene_map = options.work / "genes_of_transcripts.tsv"
        write_gene_map(genes, gene_map)
        command = quant_arguments(self.program, sample, reference.index, gene_map, options, output)
        try:
            _check_ended(run(command, options.work / "salmon.log"), output)
        except InputRejectedError as error:
            raise self._explained(error, sample, reference, options) from error
        check_covered(output / "quant.sf", genes)
        check_genes(output / "quant.genes.sf", genes)
        detected, forward, ratio = self._library(sample, reference, options, output)
        counts = _read(output / "aux_info" / "meta_info.json")
        return Quantification(
            transcripts=output / "quant.sf",
            genes=output / "quant.genes.sf",
            detected_library_type=detected,
            compatible_fragment_ratio=ratio,
            forward_share=forward,
            reports=tuple(name for name in _REPORTS if (output / name).is_file()),
            total=int(counts["num_processed"]),
            mapped=int(counts["num_mapped"]),
            logs=(options.work / "salmon.log", output / "logs" / "salmon_quant.log"),
            command=tuple(command),
        )

    def _library(
        self, sample: Sample, reference: BuiltReference, options: QuantifierOptions, output: Path
    ) -> tuple[str | None, float | None, float | None]:
        """Detect the library type: its name, the share of forward fragments, and the share that fits the type.

        Left to detect it, salmon takes small samples for unstranded without a look; its counts tell. With a declared
        type it drops the fragments that do not fit *before* it counts them, and reports that all fit: so the first
        fragments are mapped once more, with either strand allowed.
        """
        if options.library_type == DETECT:
            formats = _read(output / "lib_format_counts.json")
            detected, forward = detect(formats, sample.paired)
            return detected or str(formats["expected_format"]), forward, float(formats["compatible_fragment_ratio"])
        detected, forward = self._probe(sample, reference, options)
        return detected, forward, None if forward is None else compatible_share(options.library_type, forward)

    def _probe(
        self, sample: Sample, reference: BuiltReference, options: QuantifierOptions
    ) -> tuple[str | None, float | None]:
        """Detect the library type of the first fragments: its name, and the share of forward ones."""
        folder = options.work / "probe"
        command = probe_arguments(self.program, _first_fragments(sample, folder), reference.index, options, folder)
        ended = run(command, options.work / "probe.log")
        if ended.code != 0:  # too few of the first fragments mapped; the whole sample's result stands
            return None, None
        return detect(_read(folder / "salmon" / "lib_format_counts.json"), sample.paired)

    def _explained(
        self, error: InputRejectedError, sample: Sample, reference: BuiltReference, options: QuantifierOptions
    ) -> InputRejectedError:
        """Return why nothing mapped: with the wrong strand declared, salmon drops every fragment."""
        if error.code is not ReasonCode.NOTHING_MAPPED or options.library_type == DETECT:
            return error
        detected, _ = self._probe(sample, reference, options)
        if detected in {None, options.library_type}:
            return error
        message = (
            f"The library was declared {options.library_type}, and its reads look like {detected}, so that next to "
            "none fits. Correct strandedness in samplesheet.csv, or genomics.library_type in the dataset's file."
        )
        return InputRejectedError(error.code, message, {**error.details, "detected": detected})


def salmon_version(program: str = PROGRAM) -> str:
    """Return the installed version, as `salmon --version` prints it after its name.

    Raises
    ------
    InvalidJobError
        When salmon is not installed, does not start or does not say.
    """
    with tempfile.TemporaryDirectory() as folder:
        ended = run([program, "--version"], Path(folder) / "version.log")
    found = _VERSION.search(ended.tail)
    if ended.code != 0 or not found:
        raise InvalidJobError(f"{program} --version answers {ended.tail.strip()[:200]!r}; install salmon again")
    return found[1]


def quant_arguments(
    program: str, sample: Sample, index: Path, gene_map: Path, options: QuantifierOptions, output: Path
) -> list[str]:
    """Build salmon's argument list; GC bias is modelled for pairs only, as it takes the fragment's ends.

    Examples
    --------
    >>> lane = Lane("1", "lib", 1, Path("a.fastq"), None)
    >>> options = QuantifierOptions("A", 2, Path("work"))
    >>> quant_arguments("salmon", Sample("R01", (lane,)), Path("index"), Path("map.tsv"), options, Path("out"))[4:8]
    ['-l', 'A', '-r', 'a.fastq']
    """
    return [
        *_mapping_arguments(program, sample, index, options.library_type),
        *("-g", str(gene_map)),
        *(["--gcBias"] if sample.paired else []),
        *("--seqBias", "--validateMappings"),
        *("-p", str(options.threads), "-o", str(output)),
    ]


def probe_arguments(program: str, sample: Sample, index: Path, options: QuantifierOptions, folder: Path) -> list[str]:
    """Build the argument list of the run that only tells the strands."""
    either = "IU" if sample.paired else "U"
    mapping = _mapping_arguments(program, sample, index, either)
    return [*mapping, "--skipQuant", "-p", str(options.threads), "-o", str(folder / "salmon")]


def _mapping_arguments(program: str, sample: Sample, index: Path, library_type: str) -> list[str]:
    firsts = [str(lane.read1) for lane in sample.lanes]
    seconds = [str(lane.read2) for lane in sample.lanes]
    reads = ["-1", *firsts, "-2", *seconds] if sample.paired else ["-r", *firsts]
    return [program, "quant", "-i", str(index), "-l", library_type, *reads]


def _check_ended(ended: Ended, output: Path) -> None:
    """Distinguish unmapped reads from other failures, by what salmon left rather than by its words."""
    if ended.code == 0:
        return
    if ended.code < 0:
        raise HostFaultError(f"salmon ended by signal {-ended.code}")
    meta = output / "aux_info" / "meta_info.json"
    counts = _read(meta) if meta.is_file() else {}
    if _UNMAPPED in counts.get("quant_errors", []):
        raise InputRejectedError(
            ReasonCode.NOTHING_MAPPED,
            "Next to no read belongs to the reference: another species, genomic DNA, or a wrong reference. Compare the "
            "sample with the dataset's reference.",
            {"total": int(counts["num_processed"]), "mapped": int(counts["num_mapped"])},
        )
    raise InputRejectedError(
        ReasonCode.ENGINE_FAILED,
        f"salmon ended with exit code {ended.code}; the end of its log is in the details, all of it in logs/.",
        {"exit_code": ended.code, "log": ended.tail},
    )


def _first_fragments(sample: Sample, folder: Path) -> Sample:
    """Write the first fragments of the first lane; lanes of one library have one preparation."""
    folder.mkdir(parents=True, exist_ok=True)
    lane = sample.lanes[0]
    sources = [path for path in (lane.read1, lane.read2) if path]
    targets = [folder / f"R{mate}.fastq" for mate, _ in enumerate(sources, start=1)]
    _copy_heads(sources, targets)
    first, second = targets[0], targets[1] if lane.read2 else None
    return Sample(sample.name, (Lane(lane.read_group, lane.library, lane.lane, first, second),))


def _copy_heads(sources: Sequence[Path], targets: Sequence[Path]) -> None:
    """Copy the first fragments, each with all its mates, up to either limit and at least one."""
    with ExitStack() as stack:
        files = [stack.enter_context(target.open("wb")) for target in targets]
        fragments = zip(*(_records(_lines(source)) for source in sources), strict=False)
        size = 0
        for fragment in islice(fragments, PROBE_FRAGMENTS):
            for file, record in zip(files, fragment, strict=True):
                file.write(record)
            size += sum(map(len, fragment))
            if size >= PROBE_BYTES:
                return


def _records(lines: Iterator[bytes]) -> Iterator[bytes]:
    while record := b"".join(islice(lines, LINES)):
        yield record


def _lines(source: Path) -> Iterator[bytes]:
    """Yield the lines of checked reads, which are short."""
    if source.suffix == ".gz":
        with igzip.open(source, "rb") as compressed:  # type: ignore[no-untyped-call]
            yield from compressed
    else:
        with source.open("rb") as plain:
            yield from plain


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HostFaultError(f"salmon left no usable {path.name}: {error}") from error
    return dict(content)


DETECT: Final = "A"
PAIRED_TYPES: Final = ("IU", "ISR", "ISF")
SINGLE_TYPES: Final = ("U", "SR", "SF")
LIBRARY_TYPES: Final = (DETECT, *PAIRED_TYPES, *SINGLE_TYPES)
STRANDEDNESSES: Final = ("auto", "forward", "reverse", "unstranded")

STRANDED_SHARE: Final = 0.7
"""From this share of one strand on, a library counts as stranded; the border that salmon's own detection uses."""

LOW_COMPATIBLE_RATIO: Final = 0.8
"""Below, a library's type is in doubt: other cDNA (contamination, genomic DNA) or a wrong declaration."""

_STRANDS = {"forward": "SF", "reverse": "SR", "unstranded": "U"}


@dataclass(frozen=True)
class LibraryReport:
    """What run.json says about the library."""

    declared: str
    """As given; `A` for none."""
    detected: str | None
    """None when the quantifier does not say."""
    compatible_fragment_ratio: float | None
    """Share of mapped fragments that fit the type in use."""
    conflict: bool
    """Whether declared and detected differ."""
    warnings: tuple[str, ...] = field(default=())
    """Sentences for people."""


def declared_type(library_type: str | None, strandedness: str | None, paired: bool) -> str:
    """Return the quantifier's library type from the two ways to declare it.

    Raises
    ------
    InvalidJobError
        When both are given and differ.
    InputRejectedError
        FASTQ_LIST_INVALID when the type is one of pairs and the reads are single, or the reverse.
    """
    by_strand = _of_strandedness(strandedness, paired)
    if library_type and by_strand and library_type != by_strand:
        raise InvalidJobError(f"--library-type {library_type} and --strandedness {strandedness} contradict each other")
    declared = library_type or by_strand or DETECT
    if declared in (SINGLE_TYPES if paired else PAIRED_TYPES):
        raise InputRejectedError(
            ReasonCode.FASTQ_LIST_INVALID,
            f"Library type {declared} does not fit {'paired' if paired else 'single-end'} reads. Declare one of "
            f"{', '.join(PAIRED_TYPES if paired else SINGLE_TYPES)} or {DETECT}.",
            {"library_type": declared, "paired": paired},
        )
    return declared


def _of_strandedness(strandedness: str | None, paired: bool) -> str | None:
    if strandedness in (None, "auto"):
        return None
    return ("I" if paired else "") + _STRANDS[str(strandedness)]


def detect(counts: Mapping[str, int], paired: bool) -> tuple[str | None, float | None]:
    """Detect the library type from counts of mapped fragments by strand, and the share of the forward strand.

    Parameters
    ----------
    counts : mapping
        salmon's, of a run that took fragments of either strand: `ISF`, `ISR` or `SF`, `SR`.
    paired : bool
        Whether the reads have mates; orphans (one mate mapped) are then left out.

    Returns
    -------
    str or None
        The type; None when nothing mapped.
    float or None
        Forward fragments / all fragments.

    Examples
    --------
    >>> detect({"ISF": 2, "ISR": 98}, paired=True)
    ('ISR', 0.02)
    """
    inward = "I" if paired else ""
    forward, reverse = counts.get(f"{inward}SF", 0), counts.get(f"{inward}SR", 0)
    if not forward + reverse:
        return None, None
    share = forward / (forward + reverse)
    if share >= STRANDED_SHARE:
        return f"{inward}SF", share
    return inward + ("SR" if share <= 1 - STRANDED_SHARE else "U"), share


def compatible_share(declared: str, forward_share: float) -> float:
    """Return the share of fragments that a declared type lets pass.

    Examples
    --------
    >>> compatible_share("ISR", 0.25)
    0.75
    """
    if declared.endswith("SF"):
        return forward_share
    return 1 - forward_share if declared.endswith("SR") else 1.0


def library_report(declared: str, detected: str | None, ratio: float | None) -> LibraryReport:
    """Compare declared with detected; differences warn, because the cohort's declaration may be right on purpose."""
    conflict = declared != DETECT and detected is not None and declared != detected
    warnings: list[str] = []
    if conflict:
        warnings.append(
            f"The library was declared {declared}, but its reads look like {detected}. Check the kit; a wrong "
            "declaration loses or misplaces reads."
        )
    if ratio is not None and ratio < LOW_COMPATIBLE_RATIO:
        warnings.append(
            f"Only {ratio:.0%} of the mapped fragments fit the library type; expect {LOW_COMPATIBLE_RATIO:.0%} or more."
        )
    return LibraryReport(declared, detected, ratio, conflict, tuple(warnings))


def as_json(report: LibraryReport) -> dict[str, Detail]:
    """Return the report as run.json holds it."""
    ratio = report.compatible_fragment_ratio
    return {
        "declared": report.declared,
        "detected": report.detected,
        "compatible_fragment_ratio": None if ratio is None else round(ratio, 6),
        "conflict": report.conflict,
        "warnings": list(report.warnings),
    }
