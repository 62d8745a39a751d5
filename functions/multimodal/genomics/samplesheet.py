"""`samplesheet.csv` and `accessions.csv`: which reads belong to which sample."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from multimodal.genomics.dates import SampleDates
from multimodal.genomics.keys import is_case_name
from multimodal.genomics.owners import names_in, plain
from multimodal.genomics.reads import (
    has_safe_parts,
    is_ignorable,
    is_of_no_sample,
    is_reads,
    read_name,
    rule_against_reads,
)
from multimodal.ledger.errors import BadInputError, Reason
from multimodal.ledger.upload_key import shown_name

STRANDEDNESS = ("auto", "forward", "reverse", "unstranded")
SHEET_COLUMNS = ("sample", "fastq_1", "fastq_2", "strandedness")
ACCESSION_COLUMNS = ("sample", "accession")
MAX_ROWS = 100_000

MAX_PROBLEMS = 20
"""Most problems that are named; the user fixes the first ones and uploads again."""

OPEN_DATA_BUCKET = "sra-pub-run-odp"
"""Where runs of the Sequence Read Archive lie: Registry of Open Data on AWS, "NIH NCBI Sequence Read Archive"."""

_FASTQ_LIST = {"rgsm": "sample", "read1file": "fastq_1", "read2file": "fastq_2"}
"""Column of DRAGEN's `--fastq-list` → that of a sample sheet."""

_EMPTY = frozenset({"", "NA", "N/A", "NaN", "nan", "None", "null", "-", "."})
"""What programs write where there is no second mate; as a sample it would join all rows that lack one."""

_ADDRESS_PARTS = 4
"""So many last parts of a path of another machine are looked for below the dataset."""

_DELIMITERS = (",", ";", "\t")
_ABOVE = re.compile(
    r'(?:(?:[ \t,;]*|"?(?:#(?! ?(?:sample|rgid|rgsm)"?[,;\t])|sep=)[^\r\n]*)(?:\r\n|\r|\n))+', re.IGNORECASE
)
"""Empty lines, comments and Excel's `sep=;` above the header, which may be a comment itself."""
_DRIVE = re.compile(r"^[A-Za-z]:")
_ACCESSION = re.compile(r"^[SED]RR[0-9]{6,9}$")


@dataclass(frozen=True)
class ReadFiles:
    """One row: a lane. `fastq_1` and `fastq_2` are keys in RawBucket, or the address of a public object."""

    row: int
    fastq_1: str
    fastq_2: str = ""


@dataclass
class SheetSample:
    """What a sheet says of one sample."""

    rows: list[ReadFiles] = field(default_factory=list)
    """Its lanes, in the sheet's order."""
    strandedness: str = "auto"
    event_time: str | None = None
    """When the sample was taken, where the dataset's file names a column for it."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with its rows, each with row and column."""
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Other keys that its files may have: a sheet's paths are often those of another machine."""

    def at(self, places: Mapping[str, str]) -> "SheetSample":
        """Return the sample with its files where they were found; a file that two rows would share is a problem."""
        rows = [ReadFiles(r.row, *(places.get(key, key) for key in (r.fastq_1, r.fastq_2))) for r in self.rows]
        keys = Counter(key for row in rows for key in (row.fastq_1, row.fastq_2) if key)
        shared = [shown_name(key) for key, count in keys.items() if count > 1]
        alike = [f"{name} is found for two of its files; give their paths below genomics/<dataset>/" for name in shared]
        return replace(self, rows=rows, problems=[*self.problems, *alike])

    @property
    def keys(self) -> list[str]:
        """Keys of all its files."""
        return [key for row in self.rows for key in (row.fastq_1, row.fastq_2) if key]


@dataclass(frozen=True)
class SampleSheet:
    """A parsed table."""

    samples: Mapping[str, SheetSample]
    """By name. A sample with problems harms no other."""
    problems: tuple[str, ...] = ()
    """Rows that belong to no sample."""


def parse_samplesheet(text: str, dataset: str, raw_bucket: str, dates: SampleDates | None = None) -> SampleSheet:
    """Read `samplesheet.csv`, or the `fastq_list.csv` of BCL Convert and DRAGEN, which has other names for columns.

    Parameters
    ----------
    text : str
        The file; a byte-order mark, any line ends, and semicolons or tabs instead of commas are fine. Paths of another
        machine are matched by their last parts.
    dataset : str
        Relative paths start at `genomics/<dataset>/`.
    raw_bucket : str
        The only bucket that an `s3://` address may name.
    dates : SampleDates, optional
        Which column has the samples' days.

    Raises
    ------
    BadInputError
        `SAMPLESHEET_INVALID` when no row can be used: the message says what to change.
    """

    def add(row: int, values: Mapping[str, str], sample: SheetSample) -> None:
        _add_reads(row, values, sample, lambda value: _key_of(value, dataset, raw_bucket))

    sheet = _parse(text, "samplesheet.csv", SHEET_COLUMNS[:2], SHEET_COLUMNS, add, dates)
    _find_exchanged(sheet.samples)
    return sheet


def _find_exchanged(samples: Mapping[str, SheetSample]) -> None:
    """Note files that are called by another sample of the sheet and not by their own: its columns were sorted apart."""
    called = {plain(name): name for name in samples if re.search("[A-Za-z]", name) and re.search("[0-9]", name)}
    for name, sample in samples.items():
        for row in sample.rows:
            parsed = read_name(row.fastq_1) if row.fastq_1 else None
            found = names_in(parsed.sample if parsed else "")
            others = {called[other] for other in found & called.keys()} - {name}
            if others and plain(name) not in found:
                sample.problems.append(
                    f"row {row.row}: by its name, fastq_1 is of another sample of the sheet, {min(others)}; if the row "
                    "is right, rename the file"
                )


def parse_accessions(text: str, dates: SampleDates | None = None) -> SampleSheet:
    """Read `accessions.csv`; each row is a run of the Sequence Read Archive, read from its public bucket.

    Parameters
    ----------
    text, dates : str, SampleDates
        As of `parse_samplesheet`.

    Raises
    ------
    BadInputError
        `SAMPLESHEET_INVALID` when no row can be used.
    """
    return _parse(text, "accessions.csv", ACCESSION_COLUMNS, ACCESSION_COLUMNS, _add_accession, dates)


_Add = Callable[[int, Mapping[str, str], SheetSample], None]


def _parse(
    text: str, name: str, needed: Sequence[str], known: Sequence[str], add: _Add, dates: SampleDates | None
) -> SampleSheet:
    dated = dates.rule.column.lower() if dates else None
    needed, known = ((*columns, *([dated] if dated else [])) for columns in (needed, known))
    samples: dict[str, SheetSample] = {}
    problems: list[str] = []
    above = SheetSample()
    for row, values in _rows(text, name, needed, known):
        sample = values["sample"]
        if is_of_no_sample(sample):
            continue
        if not sample and values[needed[1]]:
            above.problems.append(f"row {row}, column sample: it is empty; write the name into each of a sample's rows")
        if not is_case_name(sample):
            problems.append(f"row {row}, column sample: it is not letters, digits, - and _ (at most 41)")
        else:
            first = sample not in samples
            above = samples.setdefault(sample, SheetSample())
            add(row, values, above)
            if dates and dated:
                _add_date(row, values[dated], dates, samples[sample], is_first=first)
    _find_repeated(samples)
    _find_alike(samples)
    if not samples:
        raise _invalid(name, problems or ["it has no rows of a sample"])
    return SampleSheet(samples, tuple(problems[:MAX_PROBLEMS]))


def _invalid(name: str, problems: Sequence[str]) -> BadInputError:
    message = f"{name} cannot be used: {'; '.join(problems[:3])}; correct it and upload it again"
    return BadInputError(Reason.SAMPLESHEET_INVALID, message, {"problems": list(problems[:MAX_PROBLEMS])})


def _rows(text: str, name: str, needed: Sequence[str], known: Sequence[str]) -> Iterable[tuple[int, dict[str, str]]]:
    """Yield (row number as a spreadsheet shows it, column → trimmed value) of every row that is not empty."""
    try:
        text = text.lstrip("\ufeff")
        above = _ABOVE.match(text)
        lost = re.split(r"\r\n|\r|\n", above[0]) if above else [""]
        text = text[above.end() if above else 0 :]
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, known), strict=True))
    except csv.Error as error:
        raise _invalid(name, [f"it is not CSV: {error}"]) from error
    header = (
        [_FASTQ_LIST.get(name, name) for name in (cell.strip().lstrip("# ").lower() for cell in lines[0])]
        if lines
        else []
    )
    _check_header(name, header, needed, known)
    if len(lines) > MAX_ROWS:
        raise _invalid(name, [f"more than {MAX_ROWS} rows"])
    for row, line in enumerate(lines[1:], start=len(lost) + 1):
        values = ["" if (cell := value.strip()) in _EMPTY else cell for value in line]
        if any(values):
            if any(values[len(header) :]):
                raise _invalid(name, [f"row {row} has {len(values)} values for {len(header)} columns"])
            yield row, dict.fromkeys(known, "") | dict(zip(header, values, strict=False))


def _delimiter(text: str, known: Sequence[str]) -> str:
    """Return what separates the columns: commas, or what spreadsheet programs of other countries write instead."""
    first = re.split(r"[\r\n]", text.lower(), maxsplit=1)[0]
    columns = {d: {_FASTQ_LIST.get(c := cell.strip(' "#'), c) for cell in first.split(d)} for d in _DELIMITERS}
    return max(_DELIMITERS, key=lambda d: len(columns[d].intersection(known)))


def _check_header(name: str, header: Sequence[str], needed: Sequence[str], known: Sequence[str]) -> None:
    missing = [c for c in needed if c not in header]
    if missing:
        raise _invalid(name, [f"the first row must be {','.join(known)}; {', '.join(missing)} is missing"])
    twice = [c for c, count in Counter(header).items() if c and count > 1]
    if twice:
        raise _invalid(name, [f"the first row names {', '.join(twice)} more than once"])


def _add_reads(row: int, values: Mapping[str, str], sample: SheetSample, key_of: Callable[[str], str]) -> None:
    keys = {}
    for column in ("fastq_1", "fastq_2"):
        try:
            keys[column] = key_of(values[column]) if values[column] else ""
            if keys[column]:
                sample.places[keys[column]] = _other_places(keys[column], values["sample"])
        except ValueError as error:
            sample.problems.append(f"row {row}, column {column}: {error}")
    if not values["fastq_1"]:
        sample.problems.append(f"row {row}, column fastq_1: it is empty; name the file of first (or only) reads")
    _set_strandedness(row, values["strandedness"].lower() or "auto", sample)
    if [_mate_of(keys.get(column, "")) for column in ("fastq_1", "fastq_2")] == [2, 1]:
        sample.problems.append(f"row {row}: by its name, fastq_1 holds second reads and fastq_2 first ones; swap them")
    if len(keys) == 2:
        sample.rows.append(ReadFiles(row, keys["fastq_1"], keys["fastq_2"]))


def _add_date(row: int, cell: str, dates: SampleDates, sample: SheetSample, *, is_first: bool) -> None:
    where = f"row {row}, column {dates.rule.column}"
    try:
        found = dates.of(cell)
    except ValueError as error:
        sample.problems.append(f"{where}: {error}")
        return
    if not is_first and found != sample.event_time:
        sample.problems.append(f"{where}: another row of the sample has another day")
    sample.event_time = found


def _mate_of(key: str) -> int | None:
    name = read_name(key)
    return name.mate if name else None


def _set_strandedness(row: int, value: str, sample: SheetSample) -> None:
    if value not in STRANDEDNESS:
        sample.problems.append(f"row {row}, column strandedness: it is none of {', '.join(STRANDEDNESS)}")
    elif sample.rows and value != sample.strandedness:
        sample.problems.append(f"row {row}, column strandedness: another row of the sample says {sample.strandedness}")
    else:
        sample.strandedness = value


def _key_of(value: str, dataset: str, raw_bucket: str) -> str:
    """Return the key that a sheet's path means."""
    value = value.removeprefix("file://")
    if "://" in value:
        prefix = f"s3://{raw_bucket}/"
        if not value.startswith(prefix):
            raise ValueError(f"it is not in the stack's bucket; copy it to {prefix}genomics/{dataset}/")
        key = value[len(prefix) :]
        if not key.startswith(f"genomics/{dataset}/"):
            # Whoever may write a dataset's sheet gets no other dataset's reads (docs/decisions.md#aws-10).
            raise ValueError(f"it is not the dataset's own; copy it to {prefix}genomics/{dataset}/")
    else:
        key = f"genomics/{dataset}/{_below_dataset(value)}"
    name = key.rsplit("/", 1)[-1]
    if not has_safe_parts(key):
        raise ValueError("it holds what is not letters, digits and . _ + = -; rename the file")
    if not is_reads(name) or is_ignorable(name):
        raise ValueError(f"it is {rule_against_reads(name)}")
    return key


def _below_dataset(path: str) -> str:
    """Return what of a path, perhaps of another machine, may be a path below the dataset's folder.

    Examples
    --------
    >>> _below_dataset("./fastq/a_R1.fq"), _below_dataset("/runs/a/b/c/d/e.fq"), _below_dataset("D:/My runs/7/a_R1.fq")
    ('fastq/a_R1.fq', 'b/c/d/e.fq', '7/a_R1.fq')
    >>> _below_dataset("~/runs/a_R1.fq"), _below_dataset("${DATA}/a_R1.fq"), _below_dataset("my reads/a_R1.fq")
    ('runs/a_R1.fq', 'a_R1.fq', 'a_R1.fq')
    """
    plain = _DRIVE.sub("/", path.replace("\\", "/"))
    parts = [part for part in plain.split("/") if part not in {"", "."}]
    if ".." in parts:  # of the folder where the sheet was written
        parts = parts[len(parts) - parts[::-1].index("..") :]
    foreign = [place for place, part in enumerate(parts[:-1], start=1) if not has_safe_parts(part)]
    parts = parts[max(foreign, default=0) :]  # no folder here can be called as such
    return "/".join(parts[-_ADDRESS_PARTS:] if plain.startswith("/") else parts)


def _other_places(key: str, sample: str) -> tuple[str, ...]:
    """Return keys with ever fewer folders, then in the sample's own folder."""
    modality, dataset, *parts = PurePosixPath(key).parts
    shorter = [parts[start:] for start in range(1, len(parts))]
    places = ["/".join([modality, dataset, *rest]) for rest in [*shorter[:-1], [sample, parts[-1]], [parts[-1]]]]
    return tuple(place for place in dict.fromkeys(places) if place != key)


def _add_accession(row: int, values: Mapping[str, str], sample: SheetSample) -> None:
    accession = values["accession"]
    if not _ACCESSION.fullmatch(accession):
        problem = "it is not the accession of a run (SRR…, ERR… or DRR…)"
        sample.problems.append(f"row {row}, column accession: {problem}")
        return
    sample.rows.append(ReadFiles(row, f"s3://{OPEN_DATA_BUCKET}/sra/{accession}/{accession}"))


def _find_alike(samples: Mapping[str, SheetSample]) -> None:
    """Names that differ only in case or in `-` and `_` are one sample, written twice: each would get a part of it."""
    alike: dict[str, list[str]] = {}
    for name in samples:
        alike.setdefault(name.lower().replace("_", "-"), []).append(name)
    for names in (names for names in alike.values() if len(names) > 1):
        for name in names:
            samples[name].problems.append(
                f"column sample: {', '.join(names)} differ only in case or - and _; write them alike"
            )


def _find_repeated(samples: Mapping[str, SheetSample]) -> None:
    """A file that is listed twice would count twice; both samples are told."""
    uses: dict[str, list[tuple[str, int]]] = {}
    for name, sample in samples.items():
        for row in sample.rows:
            for key in filter(None, (row.fastq_1, row.fastq_2)):
                uses.setdefault(key, []).append((name, row.row))
    for key, places in uses.items():
        if len(places) > 1:
            # A file filled down a column is in every row: all of them, told to each sample, would be gigabytes.
            more = ", …" if len(places) > MAX_PROBLEMS else ""
            rows = ", ".join(str(row) for _, row in places[:MAX_PROBLEMS]) + more
            for name in {name for name, _ in places}:
                samples[name].problems.append(f"rows {rows}: {shown_name(key, name)} is listed more than once")
    for sample in samples.values():
        if len({bool(row.fastq_2) for row in sample.rows}) > 1:
            sample.problems.append("some rows have fastq_2 and others do not; a sample is paired or single-end")
