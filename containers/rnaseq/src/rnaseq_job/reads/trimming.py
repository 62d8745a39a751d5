"""Adapter and quality trimming with fastp, for datasets that ask for it (`genomics.trim`).

Source: Chen S. et al., fastp: an ultra-fast all-in-one FASTQ preprocessor, Bioinformatics 34 (2018) i884.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rnaseq_job.errors import Detail, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.reads.lanes import Lane, Sample
from rnaseq_job.runtime import run

PROGRAM: Final = "fastp"

LEAST_LENGTH: Final = 20
"""Trimmed reads that are shorter are dropped, with their mates."""

_MOST_THREADS: Final = 16
_VERSION = re.compile(r"fastp (\d\S*)")


@dataclass(frozen=True)
class Trimmed:
    """A trimmed sample."""

    sample: Sample
    fragments: int
    """Pairs, or single reads, that are left."""
    version: str
    """Of fastp."""
    reports: tuple[Path, ...]
    """fastp's JSON report of each lane."""
    counts: dict[str, int]
    """Sums over the lanes: reads and bases before and after, reads with an adapter."""

    def as_json(self) -> dict[str, Detail]:
        """Return what run.json says of it."""
        return {"program": f"{PROGRAM} {self.version}", **self.counts}


def trim_reads(sample: Sample, folder: Path, threads: int) -> Trimmed:
    """Trim every lane of a checked sample; the untrimmed files are removed, as disks are small.

    Parameters
    ----------
    folder : Path
        Receives the trimmed files and fastp's reports and logs.

    Raises
    ------
    InputRejectedError
        ENGINE_FAILED when fastp fails, READS_EMPTY when nothing is left.
    InvalidJobError
        When fastp is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    version = _version(folder)
    lanes = tuple(_trim(sample.name, number, lane, folder, threads) for number, lane in enumerate(sample.lanes, 1))
    reports = tuple(folder / f"{_name(sample.name, number)}.fastp.json" for number in range(1, len(sample.lanes) + 1))
    counts = _counts([json.loads(report.read_text(encoding="utf-8")) for report in reports])
    if not counts["reads_after"]:
        raise InputRejectedError(
            ReasonCode.READS_EMPTY,
            "No read is left after adapters and bases of low quality were trimmed. Look at fastp's report, or set "
            "trim: false in the dataset's file.",
            dict(counts),
        )
    fragments = counts["reads_after"] // (2 if sample.paired else 1)
    return Trimmed(Sample(sample.name, lanes), fragments, version, reports, counts)


def trim_arguments(lane: Lane, outputs: Sequence[Path], report: Path, threads: int) -> list[str]:
    """Build fastp's argument list; adapters are detected, from overlapping mates or from frequent ends.

    Examples
    --------
    >>> lane = Lane("1", "lib", 1, Path("a.fastq"), None)
    >>> trim_arguments(lane, [Path("b.fastq.gz")], Path("a.json"), 2)[:5]
    ['fastp', '--in1', 'a.fastq', '--out1', 'b.fastq.gz']
    """
    files = [path for path in (lane.read1, lane.read2) if path is not None]
    pairs = enumerate(zip(files, outputs, strict=True), start=1)
    return [
        PROGRAM,
        *(word for mate, (path, output) in pairs for word in (f"--in{mate}", str(path), f"--out{mate}", str(output))),
        *(["--detect_adapter_for_pe"] if lane.read2 else []),
        *("--cut_tail", "--length_required", str(LEAST_LENGTH), "--compression", "1", "--dont_eval_duplication"),
        *("--thread", str(min(threads, _MOST_THREADS)), "--json", str(report), "--html", "/dev/null"),
    ]


def _trim(sample: str, number: int, lane: Lane, folder: Path, threads: int) -> Lane:
    """Trim one lane; it is named after the sample on the way, because reports of fastp are named after its input."""
    name = _name(sample, number)
    sources = [path for path in (lane.read1, lane.read2) if path is not None]
    named = [_linked(path, folder / f"{name}_R{mate}") for mate, path in enumerate(sources, 1)]
    outputs = [folder / f"trimmed{number:03}_R{mate}.fastq.gz" for mate in range(1, len(sources) + 1)]
    source = Lane(lane.read_group, lane.library, lane.lane, named[0], named[1] if lane.read2 else None)
    ended = run(trim_arguments(source, outputs, folder / f"{name}.fastp.json", threads), folder / f"{name}.fastp.log")
    if ended.code != 0:
        raise InputRejectedError(
            ReasonCode.ENGINE_FAILED,
            f"fastp ended with exit code {ended.code}; the end of its log is in the details.",
            {"exit_code": ended.code, "log": ended.tail},
        )
    for path in (*named, *sources):
        path.unlink()
    return Lane(lane.read_group, lane.library, lane.lane, outputs[0], outputs[1] if lane.read2 else None)


def _linked(path: Path, stem: Path) -> Path:
    link = stem.with_name(stem.name + "".join(path.suffixes[-2:]))
    link.symlink_to(path.absolute())
    return link


def _name(sample: str, number: int) -> str:
    return f"{sample}_L{number:03}"


def _version(folder: Path) -> str:
    ended = run([PROGRAM, "--version"], folder / "version.txt")
    found = _VERSION.search(ended.tail)
    if not found:
        raise InvalidJobError(f"{PROGRAM} --version answers {ended.tail.strip()[:200]!r}; install fastp again")
    return found[1]


def _counts(reports: Sequence[dict[str, Any]]) -> dict[str, int]:
    before = [report["summary"]["before_filtering"] for report in reports]
    after = [report["summary"]["after_filtering"] for report in reports]
    adapters = [report.get("adapter_cutting", {}) for report in reports]
    return {
        "reads_before": sum(int(part["total_reads"]) for part in before),
        "reads_after": sum(int(part["total_reads"]) for part in after),
        "bases_before": sum(int(part["total_bases"]) for part in before),
        "bases_after": sum(int(part["total_bases"]) for part in after),
        "reads_with_adapter": sum(int(part.get("adapter_trimmed_reads", 0)) for part in adapters),
    }
