"""Parse object keys under `clinical/`."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from multimodal.ledger.unit import Modality, Unit
from multimodal.ledger.upload_key import KeyKind, UploadKey, is_companion, safe_dataset

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})

REFUSED_SUBJECT = "-refused-keys"
"""Stands for the file in the unit of a dataset's refused keys; no table can be called so."""

_SPREADSHEETS = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})

_NOT_JUST_BESIDE = TABLE_SUFFIXES | _SPREADSHEETS | {".txt"}
"""Endings that elsewhere are those of companions; here a table may be meant."""

_NOTICES = ("license", "licence", "readme")
_LAYOUT_RULE = "the object is in no dataset; expected clinical/<dataset>/<file>.csv"
_SPREADSHEET_RULE = "spreadsheets are not taken; save the sheet as CSV (UTF-8) and upload that"

_TABLE_RULE = (
    "not a table that can be read; upload it as .csv or .tsv, one table a file, neither compressed nor in an archive"
)


def parse_clinical_key(segments: Sequence[str]) -> UploadKey:
    """Say what an uploaded key is.

    Parameters
    ----------
    segments : sequence of str
        The key's parts, the first of which is `clinical`; none is unsafe.
    """
    dataset, path = safe_dataset(list(segments)), list(segments[2:])
    if not path:
        return _key(KeyKind.REJECTED, "-", problem=_LAYOUT_RULE)
    suffix = PurePosixPath(path[-1].lower()).suffix
    if _lies_beside(path[-1], suffix):
        return _key(KeyKind.IGNORED, dataset)
    if suffix in TABLE_SUFFIXES:
        return _key(KeyKind.TABLE, dataset, Unit(dataset, "/".join(path), "", Modality.CLINICAL.value))
    rule = _SPREADSHEET_RULE if suffix in _SPREADSHEETS else _TABLE_RULE
    return _key(KeyKind.REJECTED, dataset, problem=rule)


def _key(kind: KeyKind, dataset: str, unit: Unit | None = None, problem: str = "") -> UploadKey:
    return UploadKey(kind, dataset, unit, problem, Modality.CLINICAL.value)


def _lies_beside(name: str, suffix: str) -> bool:
    """Return whether a file only accompanies tables: a notice, a document, or a desktop's leftover."""
    if name.startswith((".", "~$")) or (name.lower().startswith(_NOTICES) and suffix not in TABLE_SUFFIXES):
        return True
    return is_companion(name) and suffix not in _NOT_JUST_BESIDE
