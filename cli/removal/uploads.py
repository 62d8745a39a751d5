"""What the raw bucket holds of a subject: its own folders, its reads by the sample sheet, and its rows in tables."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from cli.removal.findings import Finding
from cli.removal.matrix import has_column, without_column
from cli.removal.objects import Bucket, Version, side_by_side
from cli.removal.text import has_row, mentions, without_items, without_rows
from multimodal.genomics.keys import SHEET_CASE, sheet_keys
from multimodal.genomics.matrix_names import (
    case_of_quantification,
    is_beside_quantification,
    is_quantification,
    is_text,
)
from multimodal.genomics.samplesheet import parse_samplesheet
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.text import decode_text

_LISTS = ("imaging/{}/_cohort.json", "datasets/{}/_build.json")
_TABLES = {"genomics/{}/": "", "clinical/{}/": "", "imaging/{}/": "/"}
"""Where tables may be → what divides folders that hold none: images lie in folders."""


def is_of(key: str, subject: str) -> bool:
    """Whether a key below `<modality>/<dataset>/` has a folder or a file that is called as the subject."""
    path = key.split("/")[2:]
    if any(part == subject or part.partition(".")[0] == subject for part in path):
        return True
    return bool(path) and is_quantification(path[-1]) and case_of_quantification("/".join(path)) == subject


def _is_own(key: str, subject: str) -> bool:
    """Whether an upload is the subject's; reads in another case's folder are not, whatever they are called."""
    modality, _, *path = key.split("/")
    if modality != "genomics" or path[0].startswith(subject) or is_quantification(path[-1]):
        return is_of(key, subject)
    return False


def find_uploads(raw: Bucket, dataset: str, subject: str) -> Iterator[Finding]:
    """Yield what the raw bucket holds of a subject of one dataset; reads come before the sheet that names them."""
    for modality in ("imaging", "genomics", "clinical"):
        prefix = f"{modality}/{dataset}/{subject if modality == 'imaging' else ''}"
        own = tuple(version for version in raw.versions(prefix) if _is_own(version.key, subject))
        if own:
            yield Finding(f"uploads under {modality}/{dataset}/", own)
    reads = tuple(_sheeted_reads(raw, dataset, subject))
    if reads:
        yield Finding(f"reads that the sample sheet of genomics/{dataset}/ gives to the subject", reads)
    for pattern in _LISTS:
        yield from _listed(raw, pattern.format(dataset), subject)
    for pattern, delimiter in _TABLES.items():
        yield from _rows(raw, raw.versions(pattern.format(dataset), delimiter), subject)


def _sheeted_reads(raw: Bucket, dataset: str, subject: str) -> Iterator[Version]:
    """Yield reads that any version of the dataset's sheet gives to the subject, wherever they lie."""
    places: set[tuple[str, ...]] = set()
    for version in (version for key in sheet_keys(dataset, SHEET_CASE) for version in raw.versions(key)):
        try:
            sheet = parse_samplesheet(decode_text(raw.read(version)), dataset, raw.name)
        except BadInputError:  # it gives no reads to anybody
            continue
        sample = sheet.samples.get(subject)
        places |= {(key, *sample.places.get(key, ())) for key in sample.keys} if sample else set()
    for keys in sorted(places):
        found = ([version for version in raw.versions(key) if version.key == key] for key in keys)
        yield from next((versions for versions in found if versions), [])  # the first place is the file's, no other


def _listed(raw: Bucket, key: str, subject: str) -> Iterator[Finding]:
    named = [version for version, text in _texts(raw, raw.versions(key)) if mentions(text, subject)]
    yield from _replaced(f"a list in {key}", named, lambda text: without_items(text, subject), is_table=False)


def _rows(raw: Bucket, versions: Iterable[Version], subject: str) -> Iterator[Finding]:
    found: dict[str, list[Version]] = {}
    columns: dict[str, list[Version]] = {}
    tables = (version for version in versions if _is_table(version.key))
    for version, text in _texts(raw, tables):
        if is_of(version.key, subject):
            continue
        if version.key.startswith("genomics/") and has_column(text, subject):
            columns.setdefault(version.key, []).append(version)
        elif has_row(text, subject):
            found.setdefault(version.key, []).append(version)
    for key, versions in found.items():
        yield from _replaced(f"a row of {key}", versions, partial(without_rows, subject=subject), is_table=True)
    for key, versions in columns.items():
        yield from _replaced(f"a column of {key}", versions, partial(without_column, subject=subject), is_table=True)


def _replaced(
    what: str, versions: list[Version], without: Callable[[bytes], bytes], *, is_table: bool
) -> Iterator[Finding]:
    """Yield an object's earlier versions, to be removed, and its latest one, to be written anew."""
    earlier = tuple(version for version in versions if not version.is_latest)
    if earlier:
        yield Finding(f"{what}, earlier versions", earlier)
    for version in versions:
        if version.is_latest:
            yield Finding(what, (version,), version, without, is_table)


def _is_table(key: str) -> bool:
    """Whether a key is of a table: beside reads and images by its name, and no quantification of one sample.

    Those that the pipeline does not take stay as they were uploaded (`star_salmon/….gene_counts.tsv`).
    """
    modality, _, *path = key.split("/")
    if modality == "clinical":
        return True
    name, in_folder = path[-1], len(path) > 1
    if in_folder and (is_quantification(name) or is_beside_quantification(path)):
        return False
    has_ending = "." in name.removesuffix(".gz")  # without one it may be reads, or an image
    return is_text(name) and (has_ending or (modality == "genomics" and not in_folder))


def _texts(raw: Bucket, versions: Iterable[Version]) -> list[tuple[Version, bytes]]:
    found = list(versions)
    return list(zip(found, side_by_side(raw.read, found), strict=True))
