"""Files of reads: what their names say, which file is whose mate, and the list of a sample's lanes.

Sources: Illumina bcl2fastq2 Conversion Software Guide ("FASTQ files": `<sample>_S<n>_L<lane>_R<read>_<segment>`),
NCBI SRA Toolkit (`<run>_1`, `<run>_2`), Trim Galore (`…_val_1`, `…_val_2`), Trimmomatic (`…_1P`, `…_2P`).
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_ENDING = re.compile(r"\.(fastq|fq)(\.gz)?$", re.IGNORECASE)
_SRA_ENDING = re.compile(r"\.sra$", re.IGNORECASE)
_IGNORABLE = re.compile(
    r"^\._|^~\$|_fastqc\.zip$|^desktop\.ini$|\.(md5|md5sums?|sha\d{1,3}(?:sums?)?|crc32|crc|sfv|gzi|fai|bai|crai|csi|tbi|idx"
    r"|vdbcache|png|jpe?g|svg|gif|html?|log|ya?ml)$",
    re.IGNORECASE,
)
"""Checksums, indexes, pictures, logs, and what desktops leave beside files."""

_OF_NOBODY = re.compile(
    r"@eaDir|__MACOSX|\..*|#recycle|\$RECYCLE\.BIN|System Volume Information|lost\+found", re.IGNORECASE
)
"""Folders of desktops and disks."""

_OF_NO_SAMPLE = (
    r"(?:lane\d+_)?(?:Undetermined|Unassigned|Unmatched|Unclassified|PhiX|undecoded|discard(?:ed)?|ambiguous"
    r"|unknown_?(?:aa|barcodes?)|undemultiplexed|no_?match|no_?index)"
)

_NOT_TAKEN = {
    r"\.ora$": "reads compressed by ORA; decompress them (orad, or DRAGEN's --enable-ora-decompression) to .fastq.gz",
    r"\.(u?bam|cram|sam)$": "aligned reads; make reads of them again (samtools collate, samtools fastq -1 R1 -2 R2)",
    r"\.(bz2|zst|xz|7z|rar|tar|tgz|zip|tar\.gz|lz4|lzma|z|br)$": "packed in a way that is not read; unpack it and "
    "upload what is in it (reads as .fastq.gz)",
    r"\.(gpg|pgp|c4gh|enc|aes|crypt4gh)$": "encrypted; decrypt it and upload .fastq.gz",
    r"\.(fastq|fq)(\.gz)?(\.\d+|\.bak|\.old|\.orig|~)$": "a copy, or a second download of a file; take it away, or "
    "give it a name of its own that ends in .fastq.gz",
    r"\.(bcl|cbcl|filter|locs)(\.gz|\.bgzf)?$": "raw output of a sequencer; demultiplex it first (BCL Convert)",
    r"\.(fa|fasta|fna)(\.gz)?$": "sequences without qualities; upload the FASTQ files (a reference belongs to "
    "genomics/_references/<name>/)",
    r"\.(part|partial|aria2|filepart|crdownload|download|tmp|aspx|aspera-ckpt)$": "a transfer that has not ended; "
    "upload the whole file",
    r"^[SED]RR\d{6,9}(\.(sra)?lite)?(\.\d)?$": "an object of the Sequence Read Archive; call it <run>.sra",
    r"\.(spring|dsrc|qual|csfasta|csfastq)$": "reads in a format that quantifiers do not read; make .fastq.gz of it",
    r"\.(fast5|pod5)$": "signals of nanopores; only short reads can be quantified",
    r"_sequence\.txt(\.gz)?$": "reads of an early sequencer by their name; call them _1.fastq.gz and _2.fastq.gz",
    r"\.(csv|tsv|txt|tab)\.gz$|\.(gct|cct|sf|counts|\w*results)(\.gz)?$": "a table; a matrix of expression "
    "lies directly under genomics/<dataset>/",
    r"[._-]I[12](?:[._]\d{3})?\.(fastq|fq)(\.gz)?$": "an index read (barcodes); name the reads, _R1 and _R2",
    rf"^{_OF_NO_SAMPLE}.*\.(fastq|fq)(\.gz)?$": "reads of no sample, or of the sequencer's control",
}
"""Ending → what a file beside reads is, and what to do."""
_INDEX_READ = re.compile(r"[._-]I[12](?:[._]\d{3})?$", re.IGNORECASE)
"""Only where the mate would stand: `I1` may be a part of a sample's name."""

_NO_SAMPLE = re.compile(rf"^{_OF_NO_SAMPLE}(?:_?S0)?(?=[._-]|$)", re.IGNORECASE)
"""What demultiplexers call reads of no sample and of the control: Illumina's, bases2fastq, fgbio, splitBarcode."""
_SAFE_PART = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._+=-]*$")
_LANE = re.compile(r"[._-]L0{0,2}([1-9]\d{0,2})(?=[._-]|$)", re.IGNORECASE)
_SAMPLE_NUMBER = re.compile(r"_S\d+$")
_DONE = (
    "clean|cleaned|trimmed|trim|paired|filtered|filt|sequence|sequences|seq|qc|fastp|cutadapt|sorted|dedup|non_?rrna|norrna"
    "|bbduk|umi|umi_extract|extracted|trimmomatic|trimgalore|skewer|sickle|atria|decontam|hostremoved|qtrim|merged"
)
_END = "(?:R|read|mate|pair|pe|end)"
_MATE_WORDS = {"forward": 1, "reverse": 2}

_FIRST_MATE = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:r|read|mate|pair|pe|end)?1|f|fw|fwd|forward)(?![A-Za-z0-9])", re.IGNORECASE
)
"""What a first mate may be called by, somewhere in its path, when nothing that is known says so."""

_SECOND_MATES = {"f": "r", "fw": "rv", "fwd": "rev", "forward": "reverse"}

_MATES = (
    # Trimmed by Trim Galore: the last number repeats the mate.
    re.compile(r"[._-]R?(?P<mate>[12])(?P<rest>(?:_\d{3})?)_val_(?P=mate)$", re.IGNORECASE),
    # Illumina: _R1_001, _R1, .R1, -R1, R1. A third read is told apart here and rejected when files are paired.
    re.compile(rf"(?:[._-]|(?<![^/])){_END}(?P<mate>[123])(?P<rest>(?:[._]\d{{3}})?)$", re.IGNORECASE),
    # SRA and others: _1, .1; never -1, which ends sample names. Trimmomatic: _1P.
    re.compile(r"[._](?P<mate>[12])(?P<rest>P?)$"),
    re.compile(rf"(?:[._-]|(?<![^/]))(?P<mate>forward|reverse)(?P<rest>(?:[._-](?:{_DONE}))*)$", re.IGNORECASE),
    # China's Genome Sequence Archive: CRR1_f1 beside CRR1_r2.
    re.compile(r"[._-]f(?P<mate>1)(?P<rest>)$"),
    # What was done to the reads follows: _1.clean, _1_trimmed_paired.
    re.compile(rf"[._]{_END}?(?P<mate>[12])(?P<rest>(?:[._-](?:{_DONE}))+)$", re.IGNORECASE),
    # Something follows: _R1_trimmed, .R1.clean. The last one counts: an earlier one is a part of the sample's name.
    re.compile(r"[._-]R(?P<mate>[123])(?P<rest>(?!.*[._-]R[123](?:[._-]|$))[._-].*)$", re.IGNORECASE),
    # The folder says it: R1/sample.
    re.compile(r"(?:^|(?<=/))R(?P<mate>[12])(?P<rest>/.*)$", re.IGNORECASE),
)

_MATE_FOLDER = re.compile(
    r"(?:^|(?<=[/_.-]))(?:R|read|mate|end|pair)?_?[12](?=[/_.-].*/|/)|forward(?=/)|reverse(?=/)", re.IGNORECASE
)
"""A folder of first or of second mates."""

FASTQ_LIST_COLUMNS = ("RGID", "RGSM", "RGLB", "Lane", "Read1File", "Read2File")
"""Columns of DRAGEN's `--fastq-list`."""


@dataclass(frozen=True)
class FastqName:
    """What a name says."""

    pair: str
    """The name without what tells mates apart: two files are mates when this is equal and `mate` is not."""
    mate: int | None
    """1, 2 or (never usable) 3; None when nothing says that the file has a mate."""
    sample: str
    """What precedes sample number, lane and mate; empty when nothing does."""
    lane: int = 1
    """Lane of the flow cell; 1 where the name has none."""
    segment: str = ""
    """bcl2fastq's segment (`001`), or nothing."""
    sra: bool = False
    """Whether it is an SRA object, which holds all mates in one file."""


def is_ignorable(name: str) -> bool:
    """Whether a file beside reads is ignored: an index read, undetermined reads, a checksum, a report."""
    if _IGNORABLE.search(name):
        return True
    stem = _ENDING.sub("", name)
    return stem != name and bool(_INDEX_READ.search(stem) or is_of_no_sample(stem))


def is_of_no_sample(name: str) -> bool:
    """Whether a file or folder is called as a demultiplexer calls reads that belong to no sample, or to its control."""
    return bool(_NO_SAMPLE.match(name))


def is_of_nobody(folder: str) -> bool:
    """Whether a folder holds what desktops and disks keep for themselves (`__MACOSX`, `@eaDir`)."""
    return bool(_OF_NOBODY.fullmatch(folder))


def rule_against_reads(name: str, unknown: str = "not reads that can be used; upload .fastq.gz, .fastq or .sra") -> str:
    """Return why a file is not taken, and what to do; `unknown` for one of no known kind."""
    return next((said for ending, said in _NOT_TAKEN.items() if re.search(ending, name, re.IGNORECASE)), unknown)


def is_reads(name: str) -> bool:
    """Whether a name ends like reads that can be used."""
    return bool(_ENDING.search(name) or _SRA_ENDING.search(name))


def has_safe_parts(path: str) -> bool:
    """Whether every part of a path may be handed to programs and written into tables as it is."""
    return all(_SAFE_PART.fullmatch(part) for part in path.split("/"))


def may_be_mates(paths: Collection[str]) -> list[str]:
    """Return those of some files without a mate in their names that look like the two mates of a pair all the same.

    Two names that differ only in `1` and `2` (or `f` and `r`) may be mates in an unknown naming, or single-end
    reads of two runs; where a third follows (`3`) they are counted.

    Examples
    --------
    >>> may_be_mates(["S_1_x.fq.gz", "S_2_x.fq.gz", "T_x.fq.gz"])
    ['S_1_x.fq.gz', 'S_2_x.fq.gz']
    """
    spelled, found = {path.lower(): path for path in paths}, set[str]()
    for lower, path in spelled.items():
        for first in _FIRST_MATE.finditer(lower):
            before, after = lower[: first.start()], lower[first.end() :]
            stem = first[0].removesuffix("1")
            mate = spelled.get(before + _SECOND_MATES.get(stem, f"{stem}2") + after)
            if mate is not None and f"{before}{stem}3{after}" not in spelled:
                found |= {path, mate}
    return sorted(found)


def read_name(path: str) -> FastqName | None:
    """Parse the name of a file of reads (a path below the sample's folder); None for other files and ignored ones.

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
    mate = found.group("mate").lower()
    return FastqName(f"{stem[: found.start()]}@{rest}", _MATE_WORDS.get(mate) or int(mate), sample, number, segment)


def _search_last_part(pattern: re.Pattern[str], stem: str) -> re.Match[str] | None:
    """Search the file's own name; only the last pattern looks at folders."""
    return pattern.search(stem) if pattern is _MATES[-1] else pattern.search(stem, stem.rfind("/") + 1)


@dataclass(frozen=True)
class Lane:
    """One read group."""

    number: int
    read1: str
    read2: str = ""
    """S3 URIs; `read2` is empty for single-end reads."""


@dataclass(frozen=True)
class Pairing:
    """How a sample's files were paired."""

    lanes: tuple[Lane, ...] = ()
    """Complete lanes, with paths where `Lane` has URIs."""
    unpaired: tuple[str, ...] = ()
    """Files whose mate is not there."""
    clashes: tuple[str, ...] = ()
    """Files that cannot be told apart or used: two of one mate, a third read, or what may be mates and says nowhere
    that it is."""
    mixed: bool = False
    """Whether some reads are paired and others are not."""
    without_mate: tuple[str, ...] = ()
    """Files of reads whose mates were filtered out, which programs write beside pairs: they are counted only."""

    @property
    def only_first_mates(self) -> bool:
        """Whether every file is a first mate without its second: single-end reads, or an upload that goes on."""
        names = [read_name(path) for path in self.unpaired]
        first = bool(names) and all(n is not None and n.mate == 1 for n in names)
        return first and not self.lanes and not may_be_mates(self.unpaired)

    def as_single_end(self) -> "Pairing":
        """Return the same files as lanes of single-end reads."""
        return Pairing(tuple(Lane(_named(path).lane, path) for path in self.unpaired))


_Mates = dict[int | None, list[str]]
"""Mate → its files."""


def pair_files(paths: Iterable[str]) -> Pairing:
    """Pair a sample's files (paths below its folder) by whole names, so that `S1` never meets `S10`.

    Lanes are in the order of their names.
    """
    groups: dict[str, _Mates] = {}
    for path in sorted(paths):
        name = _named(path)
        groups.setdefault(name.pair, {}).setdefault(name.mate, []).append(path)
    usable = {pair: mates for pair, mates in groups.items() if not _is_orphan(pair, groups)}
    clashes = [p for m in usable.values() for mate, ps in m.items() if mate == 3 or len(ps) > 1 for p in ps]
    clashes += [p for m in usable.values() if None in m and len(m) > 1 for ps in m.values() for p in ps]
    clashes += may_be_mates([m[None][0] for m in usable.values() if None in m and not _named(m[None][0]).sra])
    if clashes:
        return Pairing(clashes=tuple(sorted(set(clashes))))
    together = _across_folders(usable)
    pairing = _from_groups({pair: {mate: ps[0] for mate, ps in m.items()} for pair, m in together.items()})
    left = (paths for pair in groups.keys() - usable.keys() for paths in groups[pair].values())
    return replace(pairing, without_mate=tuple(sorted(path for paths in left for path in paths)))


def _named(path: str) -> FastqName:
    name = read_name(path)
    if name is None:
        raise ValueError(f"not a file of reads: {path}")
    return name


def _is_orphan(pair: str, groups: Mapping[str, _Mates]) -> bool:
    """Whether files are what fasterq-dump and trimmers write beside a pair: reads whose mates were filtered out."""
    if set(groups[pair]) == {None} and set(groups.get(f"{pair}@", ())) == {1, 2}:
        return True
    return bool(_LEFT_OVER.search(pair)) and any({1, 2} <= set(groups[p]) and not _LEFT_OVER.search(p) for p in groups)


_LEFT_OVER = re.compile(
    r"[._-](?:unpaired|singletons?|orphans?|unmatched|others?|fail(?:ed)?)(?![a-z])|[._](?:[12]U|[0s]|o[12])$",
    re.IGNORECASE,
)
"""Trimmomatic's `_1U` and `_R1_unpaired`, fastp's and sickle's singletons, `_0` and `_s` of samtools and biobambam."""


def _across_folders(groups: Mapping[str, _Mates]) -> Mapping[str, _Mates]:
    """Join mates that lie in folders of their own (`R1/S_R1.fastq.gz`, `R2/S_R2.fastq.gz`)."""
    joined: dict[str, _Mates] = {}
    for pair, mates in groups.items():
        alone = len(mates) == 1 and None not in mates
        there = joined.setdefault(_MATE_FOLDER.sub("@", pair) if alone else pair, {})
        for mate, paths in mates.items():
            there.setdefault(mate, []).extend(paths)
    return groups if any(len(ps) > 1 for m in joined.values() for ps in m.values()) else joined


def _from_groups(groups: Mapping[str, Mapping[int | None, str]]) -> Pairing:
    single = [Lane(_named(g[None]).lane, g[None]) for g in groups.values() if None in g]
    paired = [Lane(_named(g[1]).lane, g[1], g[2]) for g in groups.values() if {1, 2} <= set(g)]
    unpaired = [path for g in groups.values() if len(g) == 1 and None not in g for path in g.values()]
    several_kinds = bool(single) and bool(paired or unpaired)
    return Pairing(tuple(sorted([*single, *paired], key=lambda x: x.read1)), tuple(unpaired), mixed=several_kinds)


def fastq_list(case: str, lanes: Sequence[Lane]) -> str:
    """Return DRAGEN's list of lanes (with URIs): each is a read group, numbered from 1; RGSM and RGLB are `case`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FASTQ_LIST_COLUMNS)
    for number, lane in enumerate(lanes, start=1):
        writer.writerow([f"{case}.{number}", case, case, lane.number, lane.read1, lane.read2])
    return out.getvalue()
