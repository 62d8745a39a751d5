"""Whose reads lie in a folder: files of several samples must not become one case.

A file belongs to the case when its path has the case's name in it. Others are told apart by what is left of their names
without lanes, flow cells, accessions, barcodes and words for what was done to the reads; of a name that has nothing
left (`SRR7938741_1`, `HXXXXDSX2_L1_1`, `reads_R1`) the folder around it speaks (docs/decisions.md#genomics-25).
"""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from multimodal.genomics.reads import read_name

_PARTS = re.compile(r"[^A-Za-z0-9]+")

_CHIP = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:v|e|f|cl|fp)\d{9,}(?:_\d{1,3})?|(?:lane|run|batch|part|rep|lib|library|flowcell|fc|pool|plate)[._-]?[a-z]|ds\.[0-9a-f]{6,})"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""A chip of DNBSEQ and a barcode's number, which follows it; a run or a pool and its letter."""

_MACHINE = re.compile(
    r"""
    l\d+ | (?:lane|run|rerun|reseq|topup|batch|part|rep|replicate|tech|lib|library|flowcell|pool|chunk|split)\d*
    | [ps]e\d{2,3} | \d{2,3}(?:bp|[ps]e)                            # lengths of reads
    | [sedc]r[rxp]\d+                                              # runs of archives; GSM and SRS are samples
    | [acgtn]{4,}                                                  # barcodes
    | (?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])         # days; six digits may be a patient's number
    | [abh]?h[a-z0-9]{4,7}(?:x[xy2-9]|dsx\w|adxx|drx\w|dmx\w|bgx\w|afx\w|bcx\w|alxx|ccxx|bbxx)\w?  # flow cells
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What sequencers and archives write, and parts of one sample: of several such names none is another patient."""


def _any_of(table: str) -> re.Pattern[str]:
    return re.compile("|".join(table.split()), re.IGNORECASE)


_WORDS = _any_of(
    r"""
    raw clean cleaned trim trimmed filtered filt paired val fastp cutadapt qc dedup sorted merged combined all data
    rawdata cleandata fastqs? fq gz reads? rna rnaseq seq sequences? sequencing resequenced resequencing samples?
    top up extra pass r1 r2 lanes? flowcells? fc libs? library libraries index first second third ii iii new old
    original initial main pilot redo repeat novaseq nextseq hiseq miseq illumina ilmn? dnbseq mgi bgi aviti element
    truseq polya mrna totalrna ribozero stranded forward reverse f r s fw fwd rv rev unpaired fail others? non rrna
    (?:read|mate|pair|pe|end)[123] o[12] umis? singletons? orphans? failed unmerged interleaved copy pe se single
    end sra ena geo download downloads upload output out results? files? project bs ds basespace jan(?:uary)?
    feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? sept?(?:ember)? oct(?:ober)? nov(?:ember)?
    dec(?:ember)?
    """
)
"""What people write beside a sample's name, or for want of one."""


_PARTS_OF_PATIENT = _any_of(
    r"""
    [tn]\d{0,2}
    (?:tumou?r|normal|primary|metastasis|mets?|biopsy|bx|relapse|recurrence|region|tp|timepoint|visit|week|wk|day|month)\d*
    d\d{1,2} c\d+d\d+ \d{1,3}(?:h|hrs?|hours?|mins?|days?|wks?|weeks?|mo|months?) \d+(?:[npum]m|[mun]g|gy)
    cd\d+[a-z]?(?:neg|pos|minus|plus|hi|high|lo|low)? h[234][ab]?(?:k\d+)?(?:ac|me\d) atac atacseq adjacent blood
    pbmcs? plasma csf ascites ffpe frozen pdx organoids? pre post before after baseline
    """
)
"""Words for specimens and times of one patient: their expression is not to be added up. `D701` is a barcode's name."""

_SAMPLE_TYPE = re.compile(r"(?:0[1-9]|1[0-4]|20)[a-d]", re.IGNORECASE)
"""TCGA's code of a sample's type behind the patient's barcode: 01A is the tumour, 11A normal tissue."""


def samples_in(case: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the samples whose reads lie in a case's folder, if they are several.

    Parameters
    ----------
    case : str
        The folder's name.
    paths : iterable of str
        Files of reads, below the folder.

    Returns
    -------
    tuple of str
        Sorted; empty when nothing speaks against one sample.

    Examples
    --------
    >>> samples_in("00_fastq", ["PAT1_R1.fastq.gz", "PAT1_R2.fastq.gz", "PAT2_R1.fastq.gz", "PAT2_R2.fastq.gz"])
    ('PAT1', 'PAT2')
    >>> samples_in("PAT1", ["PAT1_L001_R1.fastq.gz", "PAT1_reseq_L004_R1.fastq.gz", "SRR7938741_1.fastq.gz"])
    ()
    >>> samples_in("PAT1", ["PAT1_T_R1.fastq.gz", "PAT1_N_R1.fastq.gz"])
    ('PAT1_n', 'PAT1_t')
    """
    paths = tuple(paths)
    owners = {_owner(case, path) for path in paths} - {""}
    if len(owners) < 2:
        owners = {f"{case}_{found}" for path in paths if (found := _behind(case, path))}
    return tuple(sorted(owners)) if len(owners) > 1 else ()


def _behind(case: str, path: str) -> str:
    """Return the name that follows the folder's in a file's: `P1` of `NG-12345_P1_lib7_R1`, where it is a project's."""
    own = "[^A-Za-z0-9]*".join((r"(?:^|(?<=[^A-Za-z0-9]))", *_split(case), r"[_.]([^_.]+)"))
    behind = re.compile(own, re.IGNORECASE)
    found = next(filter(None, map(behind.search, _named(path))), None)
    field = found[1] if found else ""
    is_name = _PATIENT.fullmatch(field) and not (_OF_LIBRARY.fullmatch(field) or _PARTS_OF_PATIENT.fullmatch(field))
    return field if is_name and _own_words(field) else ""


_PATIENT = re.compile(r"[a-z]+\d+(?:-\d+)*|[a-z]+-\d+", re.IGNORECASE)
_OF_LIBRARY = re.compile(
    r"[a-h](?:0?[1-9]|1[0-2])|[dnsi][5-9]\d\d|s\d{1,3}|[a-z]{1,2}\d{5,6}|[a-z]{3,5}\d{8,}"
    r"|(?:ud[ibp]|idx|index|bc|barcode|ad|id)-?\d+",
    re.IGNORECASE,
)
"""Wells, names and numbers of indexes and of samples on a flow cell, machines, and companies' numbers of libraries."""


def _owner(case: str, path: str) -> str:
    """Return the case, what the file's name calls its sample, or nothing when it does not say."""
    stem, *folders = _named(path)
    if any(_has(part, case) for part in (stem, *folders)):
        return "_".join([case, *_specimen(case, "_".join((*reversed(folders), stem)))])
    return next((found for part in (stem, *folders) if (found := _own_words(part))), "")


def _named(path: str) -> list[str]:
    """Return what a file's name calls its sample, and the folders around it, the nearest first."""
    name = read_name(path)
    *folders, own = path.split("/")
    return [(name.sample if name else "") or own.split(".", 1)[0], *reversed(folders)]


def _specimen(case: str, path: str) -> list[str]:
    """Return what of a file's name and folders says which of a patient's specimens, or of a study's arms, it is."""
    own = set(_split(case))
    return [part for part in dict.fromkeys(_split(_CHIP.sub("", path))) if part not in own and _is_of_specimen(part)]


def _is_of_specimen(part: str) -> bool:
    """Whether a part of a name tells specimens apart: any word that is not one of sequencing does (`lung`, `ctrl`)."""
    if _PARTS_OF_PATIENT.fullmatch(part) or _SAMPLE_TYPE.fullmatch(part):
        return True
    return part.isalpha() and not _WORDS.fullmatch(part) and not _MACHINE.fullmatch(part)


def _has(text: str, case: str) -> bool:
    """Whether the case's name stands in a text, between anything that is no letter or digit: `P1` is not in `P10`."""
    return plain(case) in names_in(text)


def plain(name: str) -> str:
    """Return a name's letters and digits, small."""
    return "".join(_split(name))


def names_in(text: str) -> set[str]:
    """Return what may be a name in a text, as `plain` writes it: parts between other signs, alone and together.

    Examples
    --------
    >>> sorted(names_in("R01-023_T"))
    ['023', '023t', 'r01', 'r01023', 'r01023t', 't']
    """
    parts = _split(text)
    return {name for start in range(len(parts)) for name in accumulate(parts[start:])}


def _own_words(text: str) -> str:
    """Return a text without what machines and people write beside names."""
    parts = _PARTS.split(_CHIP.sub("", text))
    return "_".join(p for p in parts if p and not _MACHINE.fullmatch(p) and not _WORDS.fullmatch(p))


def _split(text: str) -> Sequence[str]:
    return [part.casefold() for part in _PARTS.split(text) if part]
