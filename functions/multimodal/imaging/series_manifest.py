"""`_manifest.csv`, `.s5cmd` and `.tcia`: which public DICOM series to copy, whose they are, and under which licence."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.text import csv_text
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
    "patient": ("patientid", "subjectid"),
    "study": ("studyinstanceuid", "studyuid"),
    "series": ("seriesinstanceuid", "seriesuid", "seriesid"),
    "modality": ("modality",),
    "address": ("seriesawsurl", "awsurl"),
    "licence": ("licenseshortname", "licensename", "license"),
    "source": ("sourcedoi", "datadescriptionuri"),
    "megabytes": ("seriessizemb",),
}
"""Field → `_plain` names of its column: those of idc-index, then those of NBIA's tables and programs."""

_WRITTEN = (
    *("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality"),
    *("series_aws_url", "license_short_name", "source_DOI", "series_size_MB"),
)
_NAMES = dict(zip(COLUMNS, _WRITTEN, strict=True))
_NEEDED = ("patient", "study", "series", "address", "licence")
_KNOWN = frozenset(name for names in COLUMNS.values() for name in names)
_OF_ARCHIVES = re.compile(
    r"(unnamed\d*)?|(patient|subject)(id|age|sex)|modality|manufacturer\w*|(pixel|photometric)\w+|project|fileformat|"
    r"\w*(series|study|sop|image|instance|transfersyntax|bodypart|protocol|software|collection|analysis|license|doi|ur[il]|"
    r"aws|gcs|crdc|idcversion|filesize|filelocation|timestamp|datereleased)\w*"
)
"""`_plain` names of columns that describe images and archives, not a patient's tumour, treatment or outcome."""
_NO_LICENCE = re.compile(
    r"\W*(n\W?a|nan|nil|null|none|unknown|un(specified|licensed|defined)|tbd|missing|pending|to be \w+|"
    r"(no|not) (licen[cs]e|data|information|value|available|applicable|specified|stated|given|provided|known|set))?\W*",
    re.IGNORECASE,
)
"""What tables say where there is none, pandas among them."""
_UID = re.compile(r"^[0-9]+(\.[0-9]+)*$")
_MAX_UID = 64  # PS3.5, section 9.1
_ADDRESS = re.compile(r"^s3://([a-z0-9.-]{3,63})/([A-Za-z0-9._/-]*[A-Za-z0-9._-])/?\*?$")
_SOURCE = re.compile(r"""(?:^|[\s'"])((?:s3|gs)://[^\s'"]+)""")
"""The first address of a line: of whatever command, option and quotation marks, what is copied."""
_PREAMBLE = re.compile(r'\A(?:[^\S\r\n]*(?:#[^\r\n]*|"?sep=[^\r\n]{1,2})?(?:\r\n|\r|\n))+')
"""Lines before a table's header: blank ones, comments, and the separator as Excel writes it."""
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


def is_manifest_table(text: str) -> bool:
    """Whether the beginning of a table is a manifest's: it has addresses, or series and nothing but what archives say.

    Examples
    --------
    >>> is_manifest_table("PatientID;Sex;series_aws_url"), is_manifest_table("Study UID,Series UID,File Size")
    (True, True)
    >>> is_manifest_table("Case ID,StudyInstanceUID,SeriesInstanceUID,Stage")
    False
    """
    table = text.removeprefix("\ufeff")
    table = _PREAMBLE.sub("", table)
    header = {_plain(cell) for cell in _first_line(table).split(_delimiter(table))}
    if header.intersection(COLUMNS["address"]):
        return True
    return bool(header.intersection(COLUMNS["series"])) and all(map(_OF_ARCHIVES.fullmatch, header))


def _plain(column: str) -> str:
    """Return a column's name in lower case without blanks and signs: `Series UID` is `seriesuid`."""
    return re.sub(r"[\W_]", "", column).lower()


def parse_manifest(name: str, text: str, look_up: Lookup, buckets: Sequence[str] = ARCHIVE_BUCKETS) -> list[Series]:
    """Read a manifest; nothing of it is used unless all of it can be.

    Parameters
    ----------
    name : str
        Its file name: `.s5cmd` and `.tcia` say what it is, of any other the text does.
    text : str
        A CSV with idc-index's columns or NBIA's `metadata.csv`; the commands of `s5cmd` as IDC's portal writes them, or
        others of one address a line; or NBIA's manifest of SeriesInstanceUIDs, or nothing but these.
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
    if "\ufffd" in text:  # two names with other letters there would become one
        raise invalid_manifest(name, ["it has letters that are not UTF-8; save it as CSV UTF-8"])
    text = text.removeprefix("\ufeff")
    rows = list(_limited(name, _reader(name, text)(name, text)))
    if not rows:
        raise invalid_manifest(name, ["it names no series"])
    named = [row for _, row in rows if isinstance(row, str)]
    _reject(
        name,
        ((number, _foreign(row.split("/")[2], buckets)) for number, row in rows if isinstance(row, str) and "/" in row),
    )
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


def _reader(name: str, text: str) -> Callable[[str, str], Iterator[_Row]]:
    """Return what reads a text: lists of commands and of UIDs are saved under all kinds of names (`fetch-3`)."""
    suffix, first = PurePosixPath(name).suffix.lower(), next(_lines(text), (0, ""))[1]
    if suffix == ".s5cmd" or _SOURCE.search(first):
        return _read_commands
    is_list = first.lower().startswith("downloadserverurl") or is_uid(first.rstrip(","))
    return _read_list if suffix == ".tcia" or is_list else _read_csv


def _read_commands(name: str, text: str) -> Iterator[_Row]:
    for number, line in _lines(text):
        found = _SOURCE.search(line)
        address = _ADDRESS.match(found[1]) if found else None
        if not address:
            expected = "cp s3://<bucket>/<series>/* <folder>"
            raise invalid_manifest(name, [f"line {number} is no command of the form {expected!r}"])
        yield number, f"s3://{address[1]}/{address[2]}/"


def _read_list(name: str, text: str) -> Iterator[_Row]:
    """Read SeriesInstanceUIDs, below NBIA's settings and `ListOfSeriesToDownload=` where these are there."""
    for number, line in _lines(text):
        setting, equals, values = line.partition("=")
        if equals and setting.strip().lower() != "listofseriestodownload":
            continue
        for uid in re.split(r"[\s,;\"']+", (values if equals else line).strip(" ,;\"'")):
            if uid and not is_uid(uid):
                raise invalid_manifest(name, [f"line {number} is no SeriesInstanceUID"])
            if uid:
                yield number, uid


def _foreign(bucket: str, buckets: Sequence[str]) -> str:
    """Return what is wrong with a bucket; empty when it may be read."""
    if bucket in buckets:
        return ""
    return f"s3://{bucket[:63]}/ is none of the archive's buckets ({', '.join(buckets)})"


def _reject(name: str, problems: Iterable[tuple[int, str]]) -> None:
    """Reject a manifest that has rows with problems; each problem is told once, with its rows."""
    rows: dict[str, list[int]] = {}
    for number, problem in problems:
        if problem:
            rows.setdefault(problem, []).append(number)
    if rows:
        raise invalid_manifest(name, [f"{_rows(numbers)}: {problem}" for problem, numbers in rows.items()])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _read_csv(name: str, text: str) -> Iterator[_Row]:
    preamble = _PREAMBLE.match(text)
    start = preamble.end() if preamble else 0
    first = len(text[:start].splitlines()) + 2
    table = csv.reader(io.StringIO(text[start:], newline=""), delimiter=_delimiter(text[start:]), strict=True)
    try:
        header = [_plain(cell) for cell in next(table, [])]
        places = {
            field: next((header.index(name) for name in names if name in header), None)
            for field, names in COLUMNS.items()
        }
        rows = _table_rows(name, table, len(header), first)
        missing = [field for field in _NEEDED if places[field] is None]
        if missing and places["series"] is not None:
            yield from _read_uids(name, rows, places["series"])
            return
        twice = sorted(each for each in set(header) & _KNOWN if header.count(each) > 1)
        if twice:
            raise invalid_manifest(name, [f"the first row has {', '.join(twice)} twice"])
        if missing:
            wanted = ", ".join(_NAMES[field] for field in missing)
            raise invalid_manifest(name, [f"the first row lacks {wanted} (names as in idc-index)"])
        for number, row in rows:
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
    first = _first_line(text)
    return max(",;\t", key=lambda each: len(_KNOWN.intersection(map(_plain, first.split(each)))))


def _first_line(text: str) -> str:
    return re.split(r"[\r\n]", text, maxsplit=1)[0]


def _table_rows(name: str, table: Iterable[list[str]], width: int, first: int) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(table, start=first):
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
    found: dict[str, Series] = {}
    patients: dict[str, str] = {}
    addresses: dict[str, str] = {}

    def problems(series: Series) -> Iterator[str]:
        yield from _problems(series, buckets)
        if found.setdefault(series.series, series) != series:
            yield "its series is in an earlier row, with other values"
        if patients.setdefault(series.study, series.patient) != series.patient:
            yield "its study has another PatientID in an earlier row"
        if addresses.setdefault(series.address, series.series) != series.series:
            yield "its address is another series' address in an earlier row"

    _reject(name, ((number, problem) for number, series in rows for problem in problems(series)))
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
    yield _foreign(series.bucket, buckets)
    if _NO_LICENCE.fullmatch(series.licence):
        yield "it has no licence; state it in license_short_name"
    if "/" in series.patient or not is_safe_segment(series.patient):
        yield "PatientID is empty or cannot be part of a key"
    for what, uid in (("StudyInstanceUID", series.study), ("SeriesInstanceUID", series.series)):
        if not is_uid(uid):
            yield f"{what} is no UID"


def manifest_text(series: Iterable[Series]) -> str:
    """Return series as `_manifest.csv`."""
    rows = [
        (s.patient, s.study, s.series, s.modality, f"{s.address}*", s.licence, s.source, _megabytes(s)) for s in series
    ]
    return csv_text([_WRITTEN, *rows])


def _megabytes(series: Series) -> str:
    return f"{series.size / 1e6:.6f}".rstrip("0").rstrip(".")
