"""Brings a sample's files to the scratch folder, under names of the job's own making."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rnaseq_job.errors import InputRejectedError, ReasonCode
from rnaseq_job.fastq_checks import LaneFiles
from rnaseq_job.fastq_list import ListedLane, check_layout, file_name, is_sra, read_list, shown
from rnaseq_job.fastq_stream import ReadsFile
from rnaseq_job.samples import Lane, Sample
from rnaseq_job.storage import Storage

Opener: TypeAlias = Callable[[str], Storage]
"""Gives the storage of an address."""

WORKING_ROOM = 1.25
"""Scratch space that a sample needs, in multiples of its reads: the reads, and the engine's own files."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class StagedSample:
    """A sample on this machine, and its files under the names that the user knows."""

    sample: Sample
    files: tuple[LaneFiles, ...]


def fetch_list(uri: str, sample: str, buckets: Sequence[str], folder: Path, opener: Opener) -> list[ListedLane]:
    """Fetch and read the list of reads.

    Raises
    ------
    InputRejectedError
        FASTQ_LIST_INVALID, MATES_IDENTICAL; see `read_list`.
    """
    path = folder / "fastq_list.csv"
    try:
        opener(uri).download(uri, path)
    except FileNotFoundError as error:
        raise InputRejectedError(
            ReasonCode.FASTQ_LIST_INVALID, f"There is no list of reads at {shown(uri)}.", {}
        ) from error
    return read_list(path, sample, uri, buckets)


def stage_sample(name: str, listed: Sequence[ListedLane], folder: Path, opener: Opener) -> StagedSample:
    """Bring every file of a sample to a folder.

    Files on this machine are linked, not copied. An SRA object becomes FASTQ.

    Parameters
    ----------
    name : str
        The sample.
    listed : sequence of ListedLane
        Its lanes; their order stays.
    folder : Path
        Receives ``lane001_R1.fastq.gz`` and so on.
    opener : callable
        Gives the storage of an address.

    Raises
    ------
    InputRejectedError
        READS_NOT_FOUND, INPUT_TOO_LARGE, SRA_INVALID, or FASTQ_LIST_INVALID for lanes with and without mates.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(_addresses(listed), folder, opener)
    staged = [_stage_lane(number, lane, folder, opener) for number, lane in enumerate(listed, start=1)]
    check_layout([lane.read2 is not None for lane, _ in staged])
    return StagedSample(Sample(name, tuple(lane for lane, _ in staged)), tuple(files for _, files in staged))


def _addresses(listed: Sequence[ListedLane]) -> Iterator[str]:
    for lane in listed:
        yield lane.read1
        if lane.read2 is not None:
            yield lane.read2


def _check_room(addresses: Iterator[str], folder: Path, opener: Opener) -> None:
    """Find every file and add up their sizes before the first is fetched."""
    needed = 0
    for address in addresses:
        found = opener(address).stat(address)
        if found is None:
            raise _not_found(address)
        needed += 0 if _is_here(address) else found.size
    free = shutil.disk_usage(folder).free
    if needed * WORKING_ROOM > free:
        raise InputRejectedError(
            ReasonCode.INPUT_TOO_LARGE,
            f"The reads take {needed} bytes, and the job's disk has {free} free. Give the job more ephemeral storage.",
            {"bytes": needed, "free_bytes": free},
        )


def _stage_lane(number: int, listed: ListedLane, folder: Path, opener: Opener) -> tuple[Lane, LaneFiles]:
    stem = folder / f"lane{number:03}"
    name = shown(file_name(listed.read1))
    if is_sra(listed.read1):
        read1, read2 = _from_sra(listed.read1, stem, opener)
        names = (f"{name} (first reads)", f"{name} (second reads)")
    else:
        read1 = _fetch(listed.read1, stem.with_name(f"{stem.name}_R1"), opener)
        read2 = _fetch(listed.read2, stem.with_name(f"{stem.name}_R2"), opener) if listed.read2 else None
        names = (name, shown(file_name(listed.read2 or "")))
    lane = Lane(listed.read_group, listed.library, listed.lane, read1, read2)
    return lane, LaneFiles(ReadsFile(read1, names[0]), ReadsFile(read2, names[1]) if read2 else None)


def _from_sra(address: str, stem: Path, opener: Opener) -> tuple[Path, Path | None]:
    from rnaseq_job.sra import to_fastq

    path = stem.with_suffix(".sra")
    _bring(address, path, opener)
    try:
        return to_fastq(path, stem.with_name(f"{stem.name}_sra"))
    finally:
        path.unlink(missing_ok=True)  # the reads are there twice now, and disks are small


def _fetch(address: str, stem: Path, opener: Opener) -> Path:
    """Stage a file and name it by what it is: engines go by the name, users' names are not always true."""
    path = stem.with_suffix(".part")
    _bring(address, path, opener)
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return path.replace(stem.with_suffix(".fastq.gz" if compressed else ".fastq"))


def _bring(address: str, path: Path, opener: Opener) -> None:
    if _is_here(address):
        path.symlink_to(Path(address).resolve())
        return
    try:
        opener(address).download(address, path)
    except FileNotFoundError as error:
        raise _not_found(address) from error


def _is_here(address: str) -> bool:
    return "://" not in address


def _not_found(address: str) -> InputRejectedError:
    name = shown(file_name(address))
    return InputRejectedError(
        ReasonCode.READS_NOT_FOUND,
        f"{name} is in the list of reads but not in the storage. Upload it, or take it off the list.",
        {"file": name},
    )
