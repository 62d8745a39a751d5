"""What an object key can mean, and which names are safe in one."""

import re
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from multimodal.ledger.unit import Modality, Unit

MARKER_NAME = "_COMPLETE.json"

MAX_SEGMENT_BYTES = 255
"""Longest part of a key: jobs download objects to files of that name."""

_COMPANION_SUFFIXES = {*(".csv", ".tsv", ".json", ".txt", ".md", ".tcia", ".xlsx"), *(".xls", ".pdf", ".html", ".xml")}

_COMPANION_NAMES = {"license", "readme", ".ds_store", "thumbs.db"}

_ENDING = re.compile(
    r"([._-](s\d{1,4}|l\d{3}|lane\d{1,3}|reads?|[ri]?[123]|\d{3}))*"
    r"(\.(fastq|fq|fasta|fa|sra|sralite|ora|cram|ba[im]|cbcl|pod5|fast5|gz|bz2|zst|xz|zip|tar|tgz|7z|rar|dcm|ima|nii|nrrd|seg|mha"
    r"|csv|tsv|txt|json|xml|html|pdf|docx?|xls[xbm]?|ods|png|jpe?g|tiff?|vcf|bed|tbi|h5|h5ad|loom|rds|parquet|mtx|gct|gtf|gff3?"
    r"|log|md5))*$",
    re.IGNORECASE,
)
"""What programs put behind a name: sample number, lane, mate and formats. A list: any other ending may be a name."""

_ACCESSION = re.compile(r"[SED]RR[0-9]{6,9}")
"""A run of the Sequence Read Archive, which names no patient."""

SEGMENT_RULE = (
    "a part of the key is empty, '.' or '..', longer than 255 bytes, or holds '#', a backslash or a control "
    "character; rename it and upload again"
)


class KeyKind(StrEnum):
    """What the object is for."""

    OBJECT = "object"
    ARCHIVE = "archive"
    MARKER = "marker"
    COHORT = "cohort"
    TABLE = "table"
    IGNORED = "ignored"
    REJECTED = "rejected"

    __hash__ = str.__hash__  # an enumeration's own is Python code, and kinds are counted for every object


class UploadKey(NamedTuple):
    """A parsed key: its kind, the dataset it names, the unit it belongs to and, if rejected, why."""

    kind: KeyKind
    dataset: str = ""
    unit: Unit | None = None
    problem: str = ""
    modality: str = Modality.IMAGING.value


_UNSAFE = ("#", "\\", "//", "/./", "/../")
"""What `is_safe_segment` rejects in a printable path between slashes, the length of its parts excepted."""


def _is_safe_path(path: str) -> bool:
    """Whether every part of a path is a safe segment; asked of every object that arrives, and so of the whole path."""
    framed = f"/{path}/"
    if not path.isprintable() or any(map(framed.__contains__, _UNSAFE)):
        return False
    return (path.isascii() and len(path) <= MAX_SEGMENT_BYTES) or all(map(is_safe_segment, path.split("/")))


@lru_cache(maxsize=4096)  # a study's keys have all but their last part in common
def is_safe_segment(segment: str) -> bool:
    """Whether a part of a key can name a file, and a part of a unit id, without surprises."""
    if segment in {"", ".", ".."} or "#" in segment or "\\" in segment or not segment.isprintable():
        return False
    return len(segment.encode()) <= MAX_SEGMENT_BYTES


def shown_name(key: str, own: str = "") -> str:
    """Return a file's name for messages and the ledger: `*` stands for what may name a patient (decision `prove-3`).

    Hospitals' exports are called by the patient; the folder and the ending still find the file. A file that is called
    `own`, as its unit is, or by a public accession keeps its name.

    Examples
    --------
    >>> shown_name("genomics/d/R01-001/Doe-Jane-19470317_S1_L002_R2_001.fastq.gz", "R01-001")
    '*_S1_L002_R2_001.fastq.gz'
    >>> shown_name("genomics/d/R01-001/R01-001_S1_L002_R2_001.fastq.gz", "R01-001")
    'R01-001_S1_L002_R2_001.fastq.gz'
    >>> shown_name("genomics/d/R01-001/SRR7938741_1.fastq.gz")
    'SRR7938741_1.fastq.gz'
    >>> shown_name("genomics/d/R01-001/R01-001.DoeJane", "R01-001")
    '*'
    """
    name = key.rpartition("/")[2]
    rest = name.removeprefix(own) if own else name
    if rest != name and _ENDING.fullmatch(rest):
        return name
    matched = _ENDING.search(name)
    ending = matched[0] if matched else ""
    return name if _ACCESSION.fullmatch(name.removesuffix(ending)) else f"*{ending}"


def shown_key(key: str) -> str:
    """Return a key with its file's name as `shown_name` has it.

    Examples
    --------
    >>> shown_key("imaging/d/DOE^JANE.dcm")
    'imaging/d/*.dcm'
    """
    return f"{key.rpartition('/')[0]}/{shown_name(key)}"[:300]


def safe_dataset(segments: list[str]) -> str:
    """Return the dataset of a key's segments, or `-` when it has none that can be written down."""
    return segments[1] if len(segments) > 1 and is_safe_segment(segments[1]) else "-"


def is_companion(name: str) -> bool:
    """Whether a file is one that downloads bring along: a licence, a table, a report."""
    lowered = name.lower()
    return lowered in _COMPANION_NAMES or PurePosixPath(lowered).suffix in _COMPANION_SUFFIXES


def parse_segments(key: str, parse: Callable[[list[str]], UploadKey]) -> UploadKey:
    """Parse a key whose parts are all safe; folder markers are ignored, other keys rejected."""
    if key.endswith("/"):
        return UploadKey(KeyKind.IGNORED)
    segments = key.split("/")
    if len(segments) > 1 and not _is_safe_path(key[len(segments[0]) + 1 :]):
        # Metrics count by it, and a folder of no modality may be called by a patient.
        modality = segments[0] if segments[0] in tuple(Modality) else Modality.IMAGING.value
        return UploadKey(KeyKind.REJECTED, safe_dataset(segments), problem=SEGMENT_RULE, modality=modality)
    return parse(segments)
