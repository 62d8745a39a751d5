"""Keys under `genomics/` and `references/`: what an upload is, and where sheets and built references are."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from multimodal.genomics.matrix_names import (
    WHOSE_RULE,
    case_of_quantification,
    is_beside_quantification,
    is_matrix,
    is_notice,
    is_quantification,
    matrix_unit,
    rule_against,
    rule_against_format,
)
from multimodal.genomics.reads import (
    has_safe_parts,
    is_ignorable,
    is_of_no_sample,
    is_of_nobody,
    is_reads,
    rule_against_reads,
)
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.unit import REFERENCES, Modality, Unit, case_unit
from multimodal.ledger.upload_key import MARKER_NAME, KeyKind, UploadKey, is_companion, parse_segments, safe_dataset

CASE_PATTERN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")
SHEET_CASE, ACCESSIONS_CASE = "-samplesheet", "-accessions"
SHEETS = {"samplesheet.csv": SHEET_CASE, "fastq_list.csv": SHEET_CASE, "accessions.csv": ACCESSIONS_CASE}
"""File name → what stands for the case in the unit of a dataset's sheet of samples; no case can be called so.

`fastq_list.csv` is what BCL Convert and DRAGEN write; a `samplesheet.csv` beside it takes precedence.
"""

REFUSED_CASE, IGNORED_CASE = "-refused-keys", "-ignored-keys"
"""What stands for the case in the units that note a dataset's rejected and its ignored keys."""

IGNORED_RULE = (
    "files that are neither reads nor expression (READMEs, checksums, reports, other tables in a case's folder) are "
    "ignored; details has the last of them. A matrix lies directly under genomics/<dataset>/"
)
_REFERENCE_FILE = re.compile(
    r"^(?:[^/]+\.(?:fa|fasta|fna|gtf)(?:\.b?gz)?|transcripts\.tsv(?:\.b?gz)?|reference\.json)$", re.IGNORECASE
)

_LAYOUT_RULE = (
    "the object is not inside a case; expected genomics/<dataset>/<case>/….fastq.gz, or samplesheet.csv, "
    "accessions.csv or a matrix of expression (.csv, .tsv, .txt, .gct, also .gz) directly under genomics/<dataset>/"
)

CASE_RULE = (
    "a case's name must be letters, digits, - and _, at most 41, and begin with a letter or digit; rename the folder"
)

_NAME_RULE = "names of reads and of their folders must be letters, digits and . _ + = -; rename the file"
_BESIDE_REFERENCE = re.compile(r"\.(?:dict|sizes|2bit|bed|b?gz\.md5)$", re.IGNORECASE)
"""What archives keep beside a genome and nobody needs here."""

_GFF = re.compile(r"\.gff3?(?:\.b?gz)?$", re.IGNORECASE)
_GFF_RULE = (
    "a GFF3 file, which names transcripts and genes in other ways; take the GTF of the same release, or make one "
    "(gffread -T annotation.gff3 -o annotation.gtf)"
)
_REFERENCE_RULE = (
    "not a file of a reference; expected *.fa(.gz) and *.gtf(.gz), transcripts.tsv or reference.json directly under "
    "genomics/_references/<name>/"
)


def is_case_name(name: str) -> bool:
    """Whether a name may be a case or a sample."""
    return bool(CASE_PATTERN.fullmatch(name))


def is_sheet(unit: Unit) -> bool:
    """Whether the unit is a sheet that assigns reads to samples, and not a case."""
    return unit.modality == Modality.GENOMICS and unit.subject in SHEETS.values()


def sheet_keys(dataset: str, sheet_case: str) -> list[str]:
    """Return the keys that a dataset's sheet of samples may have, the one that takes precedence first."""
    return [f"genomics/{dataset}/{name}" for name, case in SHEETS.items() if case == sheet_case]


def parse_genomics_key(segments: Sequence[str]) -> UploadKey:
    """Classify an uploaded key, of which `segments` are the parts; the first is `genomics`, none is unsafe."""
    dataset, rest = safe_dataset(list(segments)), list(segments[2:])
    match rest:
        case [_, *_] if dataset == REFERENCES:
            return _parse_reference(rest)
        case [name] if name in SHEETS:
            return _key(KeyKind.TABLE, dataset, case_unit(dataset, SHEETS[name]))
        case [_, *_] if is_quantification(rest[-1]):
            return _parse_quantification(dataset, rest)
        case [name] if is_matrix(name):
            return _key(KeyKind.TABLE, dataset, matrix_unit(dataset, name))
        case [name] if is_reads(name) and not is_ignorable(name):
            # Only a sample sheet can say whose reads these are.
            return _checked_reads(dataset, case_unit(dataset, SHEET_CASE), rest)
        case [*folders, _] if any(is_of_no_sample(folder) or is_of_nobody(folder) for folder in folders):
            return _key(KeyKind.IGNORED, dataset)
        case [case, *path] if path:
            return _parse_case(dataset, case, path)
    if len(rest) == 1 and (rule := rule_against(rest[0])):
        return _key(KeyKind.REJECTED, dataset, problem=rule)
    if rest and is_notice(rest[-1]):
        return _key(KeyKind.IGNORED, dataset)
    return _ignored_or_rejected(dataset, segments[-1], rule_against_reads(segments[-1], _LAYOUT_RULE))


def _key(kind: KeyKind, dataset: str, unit: Unit | None = None, problem: str = "") -> UploadKey:
    return UploadKey(kind, dataset, unit, problem, Modality.GENOMICS.value)


def _parse_quantification(dataset: str, path: list[str]) -> UploadKey:
    case = case_of_quantification("/".join(path))
    if not case:
        return _key(KeyKind.REJECTED, dataset, problem=WHOSE_RULE)
    if not is_case_name(case):
        return _key(KeyKind.REJECTED, dataset, problem=CASE_RULE)
    return _key(KeyKind.TABLE, dataset, matrix_unit(dataset, "/".join(path)))


def _ignored_or_rejected(dataset: str, name: str, rule: str) -> UploadKey:
    if is_companion(name) or is_ignorable(name):
        return _key(KeyKind.IGNORED, dataset)
    return _key(KeyKind.REJECTED, dataset, problem=rule)


def _parse_case(dataset: str, case: str, path: list[str]) -> UploadKey:
    if not is_case_name(case):
        return _key(KeyKind.REJECTED, dataset, problem=rule_against_format(case) or CASE_RULE)
    unit = case_unit(dataset, case)
    if path == [MARKER_NAME]:
        return _key(KeyKind.MARKER, dataset, unit)
    if is_reads(path[-1]) and not is_ignorable(path[-1]):
        return _checked_reads(dataset, unit, path)
    if is_beside_quantification(path):
        return _key(KeyKind.IGNORED, dataset)
    formats = filter(None, map(rule_against_format, path))  # a Zarr store is a folder
    rule = next(formats, "") or rule_against_reads(path[-1], "")
    if not rule and is_notice(path[-1]):
        return _key(KeyKind.IGNORED, dataset)
    return _ignored_or_rejected(dataset, path[-1], rule or rule_against_reads(path[-1]))


def _checked_reads(dataset: str, unit: Unit, path: list[str]) -> UploadKey:
    if not has_safe_parts("/".join(path)):
        return _key(KeyKind.REJECTED, dataset, problem=_NAME_RULE)
    return _key(KeyKind.OBJECT, dataset, unit)


def _parse_reference(rest: list[str]) -> UploadKey:
    name, path = rest[0], rest[1:]
    if not path or not is_case_name(name):
        return _ignored_or_rejected(REFERENCES, PurePosixPath(rest[-1]).name, _REFERENCE_RULE)
    unit = case_unit(REFERENCES, name)
    if path == [MARKER_NAME]:
        return _key(KeyKind.MARKER, REFERENCES, unit)
    if _REFERENCE_FILE.fullmatch("/".join(path)) and has_safe_parts(path[0]):
        return _key(KeyKind.OBJECT, REFERENCES, unit)
    if _BESIDE_REFERENCE.search(path[-1]):
        return _key(KeyKind.IGNORED, REFERENCES)
    return _ignored_or_rejected(REFERENCES, path[-1], _GFF_RULE if _GFF.search(path[-1]) else _REFERENCE_RULE)


def parse_key(key: str) -> UploadKey:
    """Classify an uploaded key under `genomics/`."""
    return parse_segments(key, parse_genomics_key)


def reference_unit(name: str) -> Unit:
    """Return the unit of a reference."""
    return case_unit(REFERENCES, name)


def manifest_key(name: str, engine: str) -> str:
    """Return the key of what is written last when a reference was built for an engine: its presence means ready."""
    return reference_unit(name).result_key(f"{engine}.manifest.json")


def transcripts_key(name: str, manifest: Mapping[str, Any]) -> str:
    """Return the key of a built reference's table of transcripts, gene ids and symbols.

    Each build has a folder of its own; the manifest says which file of it is the table.
    """
    path = str((manifest.get("files") or {}).get("transcripts") or "transcripts.tsv")
    if not has_safe_parts(path):
        message = "the reference's manifest names no table; build the reference again"
        raise BadInputError(Reason.FEATURES_INVALID, message)
    return reference_unit(name).result_key(path)
