"""What the name of a file of reads says: which mate it holds, of which lane, and which file is its partner.

Sources: Illumina bcl2fastq2 Conversion Software Guide ("FASTQ files": ``<sample>_S<n>_L<lane>_R<read>_<segment>``),
NCBI SRA Toolkit (``<run>_1``, ``<run>_2``), Trim Galore (``…_val_1``, ``…_val_2``).
"""

import re
from dataclasses import dataclass

_ENDING = re.compile(r"\.(fastq|fq)\.gz$", re.IGNORECASE)
_SRA_ENDING = re.compile(r"\.sra$", re.IGNORECASE)
_IGNORABLE_ENDING = re.compile(r"\.(md5|md5sum|md5sums|sha1|sha256|crc32|crc|sfv)$|(_fastqc\.zip)$", re.IGNORECASE)
_INDEX_READ = re.compile(r"[._-]I[12](?=[._-]|$)", re.IGNORECASE)
_UNDETERMINED = re.compile(r"^Undetermined(?=[._-]|$)", re.IGNORECASE)
_SAFE_PART = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._+=-]*$")
_LANE = re.compile(r"[._-]L0{0,2}([1-9]\d{0,2})(?=[._-]|$)", re.IGNORECASE)
_SAMPLE_NUMBER = re.compile(r"_S\d+$")

_MATES = (
    # Trimmed by Trim Galore: the last number repeats the mate.
    re.compile(r"[._-]R?(?P<mate>[12])(?P<rest>(?:_\d{3})?)_val_(?P=mate)$", re.IGNORECASE),
    # Illumina: _R1_001, _R1, .R1, -R1. A third read is told apart here and refused by whoever pairs.
    re.compile(r"[._-]R(?P<mate>[123])(?P<rest>(?:[._]\d{3})?)$", re.IGNORECASE),
    # SRA and others: _1, .1; never -1, which ends sample names.
    re.compile(r"[._](?P<mate>[12])(?P<rest>)$"),
    # Something follows: _R1_trimmed, .R1.clean.
    re.compile(r"[._-]R(?P<mate>[123])(?P<rest>[._-].*)$", re.IGNORECASE),
    # The folder says it: R1/sample.
    re.compile(r"(?:^|(?<=/))R(?P<mate>[12])(?P<rest>/.*)$", re.IGNORECASE),
)


@dataclass(frozen=True)
class FastqName:
    """What a name says.

    Parameters
    ----------
    pair : str
        The name without what tells mates apart: two files are mates when this is equal and ``mate`` is not.
    mate : int or None
        1, 2 or (never usable) 3; None when nothing says that the file has a mate.
    sample : str
        What precedes sample number, lane and mate; empty when nothing does.
    lane : int
        Lane of the flow cell; 1 where the name has none.
    segment : str
        bcl2fastq's segment (``001``), or nothing.
    sra : bool
        Whether it is an SRA object, which holds all mates in one file.
    """

    pair: str
    mate: int | None
    sample: str
    lane: int = 1
    segment: str = ""
    sra: bool = False


def is_ignorable(name: str) -> bool:
    """Whether a file beside reads is none that is wanted: an index read, undetermined reads, a checksum, a report."""
    if _IGNORABLE_ENDING.search(name):
        return True
    stem = _ENDING.sub("", name)
    return stem != name and bool(_INDEX_READ.search(stem) or _UNDETERMINED.match(stem))


def is_reads(name: str) -> bool:
    """Whether a name ends like reads that can be used."""
    return bool(_ENDING.search(name) or _SRA_ENDING.search(name))


def has_safe_parts(path: str) -> bool:
    """Whether every part of a path may be handed to programs and written into tables as it is."""
    return all(_SAFE_PART.fullmatch(part) for part in path.split("/"))


def read_name(path: str) -> FastqName | None:
    """Say what the name of a file of reads means.

    Parameters
    ----------
    path : str
        Path below the case's folder.

    Returns
    -------
    FastqName or None
        None when it is no file of reads, or one to ignore.

    Examples
    --------
    >>> read_name("R01-023_S3_L002_R2_001.fastq.gz")
    FastqName(pair='R01-023_S3_L002@_001', mate=2, sample='R01-023', lane=2, segment='001', sra=False)
    """
    name = path.rsplit("/", 1)[-1]
    if is_ignorable(name) or not is_reads(name):
        return None
    if _SRA_ENDING.search(name):
        return FastqName(path, None, _SRA_ENDING.sub("", name), sra=True)
    return _from_stem(_ENDING.sub("", path))


def _from_stem(stem: str) -> FastqName:
    matches = (_search_last_part(pattern, stem) for pattern in _MATES)
    found = next((m for m in matches if m), None)
    before = (stem[: found.start()] if found else stem).rsplit("/", 1)[-1]
    lane = _LANE.search(stem.rsplit("/", 1)[-1])
    sample = _SAMPLE_NUMBER.sub("", _LANE.sub("", before))
    number = int(lane.group(1)) if lane else 1
    if found is None:
        return FastqName(stem, None, sample, number)
    rest = found.group("rest")
    segment = rest[1:] if re.fullmatch(r"[._]\d{3}", rest) else ""
    return FastqName(f"{stem[: found.start()]}@{rest}", int(found.group("mate")), sample, number, segment)


def _search_last_part(pattern: re.Pattern[str], stem: str) -> re.Match[str] | None:
    """Search the file's own name; only the last pattern looks at folders."""
    return pattern.search(stem) if pattern is _MATES[-1] else pattern.search(stem, stem.rfind("/") + 1)
