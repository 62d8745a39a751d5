"""salmon: selective alignment to a transcriptome, on any processor."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from isal import igzip

from rnaseq_job.engine import BuiltReference, EngineOptions, Quantification
from rnaseq_job.errors import HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.fastq_records import LINES
from rnaseq_job.library_type import DETECT, compatible_share, detect
from rnaseq_job.process import Ended, run
from rnaseq_job.samples import Lane, Sample
from rnaseq_job.tables import check_covered, check_genes, read_genes, write_gene_map

PROBE_FRAGMENTS: Final = 100_000
"""Fragments from which strands are told when a library type is declared."""

PROBE_BYTES: Final = 1 << 27
"""No more than that is written of them: reads may be 64 KiB long, and disks are small."""

_UNMAPPED = "insufficient_assigned_fragments"


@dataclass(frozen=True)
class SalmonEngine:
    """Runs salmon.

    Parameters
    ----------
    program : str
        Its name or path.
    """

    program: str = "salmon"

    @property
    def name(self) -> str:
        """Name as on the command line."""
        return "salmon"

    def version(self) -> str:
        """Give the installed version, as ``salmon --version`` prints it after its name.

        Raises
        ------
        InvalidJobError
            When salmon is not installed or does not start.
        """
        with tempfile.TemporaryDirectory() as folder:
            ended = run([self.program, "--version"], Path(folder) / "version.log")
        words = ended.tail.split()
        if ended.code != 0 or not words:
            raise InvalidJobError(f"{self.program} --version failed: {ended.tail.strip()[:200]}")
        return words[-1]

    def quantify(self, sample: Sample, reference: BuiltReference, options: EngineOptions) -> Quantification:
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
        _judge(run(command, options.work / "salmon.log"), output)
        check_covered(output / "quant.sf", genes)
        check_genes(output / "quant.genes.sf", genes)
        detected, ratio = self._library(sample, reference, options, output)
        counts = _read(output / "aux_info" / "meta_info.json")
        return Quantification(
            transcripts=output / "quant.sf",
            genes=output / "quant.genes.sf",
            detected_library_type=detected,
            compatible_fragment_ratio=ratio,
            total=int(counts["num_processed"]),
            mapped=int(counts["num_mapped"]),
            logs=(options.work / "salmon.log", output / "logs" / "salmon_quant.log"),
            command=tuple(command),
        )

    def _library(
        self, sample: Sample, reference: BuiltReference, options: EngineOptions, output: Path
    ) -> tuple[str | None, float | None]:
        """Tell the library type.

        Left to detect it, salmon takes small samples for unstranded without a look; its counts tell. With a declared
        type it drops the fragments that do not fit *before* it counts them, and reports that all fit: so the first
        fragments are mapped once more, with either strand allowed.
        """
        if options.library_type == DETECT:
            formats = _read(output / "lib_format_counts.json")
            detected, _ = detect(formats, sample.paired)
            return detected or str(formats["expected_format"]), float(formats["compatible_fragment_ratio"])
        folder = options.work / "probe"
        command = probe_arguments(self.program, _first_fragments(sample, folder), reference.index, options, folder)
        ended = run(command, options.work / "probe.log")
        if ended.code != 0:  # too few of the first fragments mapped; the whole sample's result stands
            return None, None
        detected, forward = detect(_read(folder / "salmon" / "lib_format_counts.json"), sample.paired)
        return detected, None if forward is None else compatible_share(options.library_type, forward)


def quant_arguments(
    program: str, sample: Sample, index: Path, gene_map: Path, options: EngineOptions, output: Path
) -> list[str]:
    """Build salmon's argument list.

    Parameters
    ----------
    program : str
        salmon.
    sample : Sample
        Its lanes are mapped one after the other.
    index, gene_map : Path
        From the reference.
    options : EngineOptions
        Library type and threads.
    output : Path
        Folder for the results.

    Returns
    -------
    list of str
        GC bias is modelled for pairs only: it takes the fragment's ends.

    Examples
    --------
    >>> lane = Lane("1", "lib", 1, Path("a.fastq"), None)
    >>> options = EngineOptions("A", 2, Path("work"))
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


def probe_arguments(program: str, sample: Sample, index: Path, options: EngineOptions, folder: Path) -> list[str]:
    """Build the argument list of the run that only tells the strands."""
    either = "IU" if sample.paired else "U"
    mapping = _mapping_arguments(program, sample, index, either)
    return [*mapping, "--skipQuant", "-p", str(options.threads), "-o", str(folder / "salmon")]


def _mapping_arguments(program: str, sample: Sample, index: Path, library_type: str) -> list[str]:
    firsts = [str(lane.read1) for lane in sample.lanes]
    seconds = [str(lane.read2) for lane in sample.lanes]
    reads = ["-1", *firsts, "-2", *seconds] if sample.paired else ["-r", *firsts]
    return [program, "quant", "-i", str(index), "-l", library_type, *reads]


def _judge(ended: Ended, output: Path) -> None:
    """Tell reads that do not belong to the reference from other failures, by what salmon left rather than its words."""
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
