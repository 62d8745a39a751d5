"""`_manifest.csv`, `.s5cmd` and `.tcia`: which public DICOM series to copy, whose they are, and under which licence."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.upload_key import is_safe_segment

MANIFEST_STEM = "_manifest"
SUFFIXES = (".csv", ".s5cmd", ".tcia")
MAX_SERIES = 100_000

MAX_PROBLEMS = 20
"""Most problems that are named; the user fixes the first ones and uploads again."""

_NAMED_ROWS = 5

ARCHIVE_BUCKETS = ("idc-open-data", "idc-open-data-two", "idc-open-data-cr")
"""Buckets of the Imaging Data Commons: Registry of Open Data on AWS, "NCI Imaging Data Commons (IDC) Collections"."""

COLUMNS = {
    "patient": ("patientid", "subject id"),
    "study": ("studyinstanceuid", "study uid"),
    "series": ("seriesinstanceuid", "series uid"),
    "modality": ("modality",),
    "address": ("series_aws_url", "aws_url"),
    "licence": ("license_short_name", "license name", "license"),
    "source": ("source_doi", "data description uri"),
    "megabytes": ("series_size_mb",),
}
"""Field → names of its column, in lower case: those of idc-index, then those of NBIA's metadata.csv."""

_WRITTEN = (
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality"),
    *("series_aws_url", "license_short_name", "source_DOI", "series_size_MB"),
)
_NEEDED = ("patient", "study", "series", "address", "licence")
_KNOWN = frozenset(name for names in COLUMNS.values() for name in names)
_NO_LICENCE = frozenset({"", "-", "n/a", "na", "nan", "none", "null", "unknown"})
"""What tables say where there is none, pandas among them."""
_UID = re.compile(r"^[0-9]+(\.[0-9]+)*$")
_MAX_UID = 64  # PS3.5, section 9.1
_ADDRESS = re.compile(r"^s3://([a-z0-9.-]{3,63})/([A-Za-z0-9._/-]*[A-Za-z0-9._-])/?\*?$")
_S5CMD = re.compile(r"""^(?:s5cmd\s.*?)?\bcp\s.*?['"]?(s3://[^\s'"]+)['"]?\s+\S+$""")
_MODALITY = re.compile(r"^[A-Z0-9]{1,16}$")
_NON_COMMERCIAL = re.compile(r"\bNC\b|non-?commercial", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """One public series: where it lies, whose it is, and what its licence and source (a DOI) are.

    Parameters
    ----------
    patient, study, series : str
        PatientID, StudyInstanceUID and SeriesInstanceUID.
    modality : str
        `CT`, `SEG`, …; `SERIES` when the manifest does not say.
    bucket, prefix : str
        Its objects lie directly below `s3://<bucket>/<prefix>/`.
    licence, source : str
        Short name of the licence, as `CC BY-NC 3.0`, and the DOI of the data; the latter may be empty.
    size : int
        Bytes that the manifest declares; 0 when it does not.
    """

    patient: str
    study: str
    series: str
    modality: str
    bucket: str
    prefix: str
    licence: str
    source: str = ""
    size: int = 0

    @property
    def address(self) -> str:
        """Where its objects lie."""
        return f"s3://{self.bucket}/{self.prefix}/"

    @property
    def is_non_commercial(self) -> bool:
        """Whether its licence forbids commercial use."""
        return bool(_NON_COMMERCIAL.search(self.licence))


class UnknownSeriesError(BadInputError):
    """A manifest that names series by UID or address only, of which some are not known here."""

    def __init__(self, name: str, unknown: Sequence[str], count: int) -> None:
        self.unknown = tuple(unknown)
        message = (
            f"{len(unknown):,} of {count:,} series of {name} are not known here, such as {unknown[0][:100]}; "
            "`multimodal fetch` looks them up in idc-index-data, or upload a _manifest.csv with PatientID, "
            "StudyInstanceUID, SeriesInstanceUID, series_aws_url and license_short_name"
        )
        super().__init__(Reason.MANIFEST_INVALID, message, {"unknown": list(unknown[:MAX_PROBLEMS])})


Lookup = Callable[[Sequence[str]], Mapping[str, Series]]
"""SeriesInstanceUIDs and addresses (`s3://…/`) → the series that are known."""


def is_manifest(name: str) -> bool:
    """Whether a file directly in a dataset's folder is a manifest of series."""
    path = PurePosixPath(name)
    return path.stem == MANIFEST_STEM and path.suffix in SUFFIXES


def is_manifest_header(line: str) -> bool:
    """Whether the first line of a table is a manifest's, whatever its file is called.

    Examples
    --------
    >>> is_manifest_header("PatientID;SeriesInstanceUID;series_aws_url"), is_manifest_header("SeriesInstanceUID")
    (True, True)
    >>> is_manifest_header("Case ID,SeriesInstanceUID,Sex")
    False
    """
    header = {cell.strip(' "').lower() for cell in line.strip().lstrip("\ufeff").split(_delimiter(line))}
    beside = {*COLUMNS["study"], *COLUMNS["address"]}
    return bool(header.intersection(COLUMNS["series"])) and bool(header & beside or header <= _KNOWN)


def parse_manifest(name: str, text: str, look_up: Lookup, buckets: Sequence[str] = ARCHIVE_BUCKETS) -> list[Series]:
    """Read a manifest; nothing of it is used unless all of it can be.

    Parameters
    ----------
    name : str
        Its file name: the suffix says what it is.
    text : str
        A CSV with idc-index's columns or NBIA's `metadata.csv`; the commands of `s5cmd` as IDC's portal writes them; or
        NBIA's manifest of SeriesInstanceUIDs.
    look_up : callable
        Finds series that are named by UID or address only.
    buckets : sequence of str
        The only buckets that may be read.

    Returns
    -------
    list of Series
        In the manifest's order, each once.

    Raises
    ------
    UnknownSeriesError
        When the look-up does not know all of them.
    BadInputError
        `MANIFEST_INVALID`: the message names rows and says what to change.
    """
    readers = {".csv": _read_csv, ".s5cmd": _read_s5cmd, ".tcia": _read_tcia}
    reader = readers.get(PurePosixPath(name).suffix.lower())
    if reader is None:
        raise invalid_manifest(name, ["it is none of .csv, .s5cmd and .tcia"])
    if "\ufffd" in text:  # two names with other letters there would become one
        raise invalid_manifest(name, ["it has letters that are not UTF-8; save it as CSV UTF-8"])
    rows = list(_limited(name, reader(name, text.lstrip("\ufeff"))))
    if not rows:
        raise invalid_manifest(name, ["it names no series"])
    named = [row for _, row in rows if isinstance(row, str)]
    known = look_up(list(dict.fromkeys(named))) if named else {}
    unknown = [each for each in dict.fromkeys(named) if each not in known]
    if unknown:
        raise UnknownSeriesError(name, unknown, len(rows))
    return _checked(name, [(number, known[row] if isinstance(row, str) else row) for number, row in rows], buckets)


def invalid_manifest(name: str, problems: Sequence[str]) -> BadInputError:
    """Return the error of a manifest; the first problems are in its message.

    Problems name rows and quote none: what was uploaded under this name may be another table, with patients in it.
    """
    message = (
        f"{name} cannot be used, and nothing was copied: {'; '.join(problems[:3])}; correct it and upload it again"
    )
    return BadInputError(Reason.MANIFEST_INVALID, message, {"problems": list(problems[:MAX_PROBLEMS])})


_Row = tuple[int, Series | str]
"""A line number, and what it says: a series, or a UID or an address to look up."""


def _limited(name: str, rows: Iterable[_Row]) -> Iterator[_Row]:
    for number, row in enumerate(rows):
        if number >= MAX_SERIES:
            raise invalid_manifest(
                name, [f"it names more than {MAX_SERIES:,} series; upload it in parts, one after the other"]
            )
        yield row


def _read_s5cmd(name: str, text: str) -> Iterator[_Row]:
    for number, line in _lines(text):
        found = _S5CMD.match(line)
        address = _ADDRESS.match(found[1]) if found else None
        if not address:
            expected = "cp s3://<bucket>/<series>/* <folder>"
            raise invalid_manifest(name, [f"line {number} is no command of the form {expected!r}"])
        yield number, f"s3://{address[1]}/{address[2]}/"


def _read_tcia(name: str, text: str) -> Iterator[_Row]:
    """Read NBIA's manifest: settings, `ListOfSeriesToDownload=`, and a SeriesInstanceUID in each line after it."""
    lines = iter(list(_lines(text)))
    heading = next((each for each in lines if each[1].lower().startswith("listofseriestodownload=")), None)
    if heading is None:
        raise invalid_manifest(name, ["it has no line ListOfSeriesToDownload="])
    beside = heading[1].partition("=")[2].strip()
    for number, line in chain([(heading[0], beside)] if beside else [], lines):
        if not is_uid(line):
            raise invalid_manifest(name, [f"line {number} is no SeriesInstanceUID"])
        yield number, line


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _read_csv(name: str, text: str) -> Iterator[_Row]:
    try:
        table = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        header = [cell.strip().lower() for cell in next(table, [])]
        places = {field: _place(header, names) for field, names in COLUMNS.items()}
        if places["address"] is None and places["series"] is not None:
            yield from _read_uids(name, _table_rows(name, table, len(header)), places["series"])
            return
        twice = sorted(each for each in set(header) & _KNOWN if header.count(each) > 1)
        if twice:
            raise invalid_manifest(name, [f"the first row has {', '.join(twice)} twice"])
        missing = [field for field in _NEEDED if places[field] is None]
        if missing:
            wanted = ", ".join(COLUMNS[field][0] for field in missing)
            raise invalid_manifest(name, [f"the first row lacks {wanted} (names as in idc-index)"])
        for number, row in _table_rows(name, table, len(header)):
            cells = {field: row[place].strip() if place is not None else "" for field, place in places.items()}
            yield number, _series(name, number, cells)
    except csv.Error as error:
        raise invalid_manifest(name, [f"it is not CSV: {error}"]) from error


def _read_uids(name: str, rows: Iterable[tuple[int, list[str]]], place: int) -> Iterator[_Row]:
    for number, row in rows:
        uid = row[place].strip()
        if not is_uid(uid):
            raise invalid_manifest(name, [f"row {number}: the series is no UID"])
        yield number, uid


def _delimiter(text: str) -> str:
    """Return what separates the columns: commas, or what spreadsheet programs of other countries write instead."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0].lower()
    return max(",;\t", key=lambda each: len(_KNOWN.intersection(cell.strip(' "') for cell in first.split(each))))


def _place(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _table_rows(name: str, table: Iterable[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(table, start=2):
        if any(cell.strip() for cell in row):
            if len(row) != width:
                raise invalid_manifest(name, [f"row {number} has {len(row)} values for {width} columns"])
            yield number, row


def _series(name: str, number: int, cells: Mapping[str, str]) -> Series:
    found = _ADDRESS.match(cells["address"])
    if not found:
        raise invalid_manifest(name, [f"row {number}: series_aws_url is no address s3://<bucket>/<series>/"])
    modality = cells["modality"].upper()
    try:
        size = round(float(cells["megabytes"] or 0) * 1e6)
    except (ValueError, OverflowError):
        size = 0
    return Series(
        cells["patient"],
        cells["study"],
        cells["series"],
        modality if _MODALITY.fullmatch(modality) else "SERIES",
        found[1],
        found[2],
        cells["licence"],
        cells["source"],
        max(size, 0),
    )


def is_uid(text: str) -> bool:
    """Whether a text is a DICOM UID."""
    return len(text) <= _MAX_UID and bool(_UID.fullmatch(text))


def _checked(name: str, rows: Sequence[tuple[int, Series]], buckets: Sequence[str]) -> list[Series]:
    problems: dict[str, list[int]] = {}
    found: dict[str, Series] = {}
    patients: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for number, series in rows:
        for problem in _problems(series, buckets):
            problems.setdefault(problem, []).append(number)
        if found.setdefault(series.series, series) != series:
            problems.setdefault("its series is in an earlier row, with other values", []).append(number)
        if patients.setdefault(series.study, series.patient) != series.patient:
            problems.setdefault("its study has another PatientID in an earlier row", []).append(number)
        if addresses.setdefault(series.address, series.series) != series.series:
            problems.setdefault("its address is another series' address in an earlier row", []).append(number)
    if problems:
        raise invalid_manifest(name, [f"{_rows(numbers)}: {problem}" for problem, numbers in problems.items()])
    return list(found.values())


def _rows(numbers: Sequence[int]) -> str:
    """Return which rows in words.

    Examples
    --------
    >>> _rows([2]), _rows([2, 3]), _rows([2, 3, 7, 9, 10, 11, 12])
    ('row 2', 'rows 2 and 3', 'rows 2, 3, 7, 9, 10 and 2 more')
    """
    named, more = [f"{number}" for number in numbers[:_NAMED_ROWS]], len(numbers) - _NAMED_ROWS
    if more > 0:
        named.append(f"{more:,} more")
    first = ", ".join(named[:-1])
    return f"rows {first} and {named[-1]}" if first else f"row {named[0]}"


def _problems(series: Series, buckets: Sequence[str]) -> Iterator[str]:
    if series.bucket not in buckets:
        yield f"s3://{series.bucket[:63]}/ is none of the archive's buckets ({', '.join(buckets)})"
    if series.licence.lower() in _NO_LICENCE:
        yield "it has no licence; state it in license_short_name"
    if "/" in series.patient or not is_safe_segment(series.patient):
        yield "PatientID is empty or cannot be part of a key"
    for what, uid in (("StudyInstanceUID", series.study), ("SeriesInstanceUID", series.series)):
        if not is_uid(uid):
            yield f"{what} is no UID"


def manifest_text(series: Iterable[Series]) -> str:
    """Return series as `_manifest.csv`."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_WRITTEN)
    for s in series:
        size = f"{s.size / 1e6:.6f}".rstrip("0").rstrip(".")
        writer.writerow([s.patient, s.study, s.series, s.modality, f"{s.address}*", s.licence, s.source, size])
    return table.getvalue()
