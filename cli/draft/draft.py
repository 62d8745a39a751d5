"""`multimodal dataset draft`: a first `functions/datasets/<name>.yaml` from a clinical table."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from rich.console import Console

from cli.draft.dictionary import describe, of_comments, read_dictionary
from cli.draft.document import render
from cli.draft.facts import Facts, has_digit, read_facts, read_rows
from cli.draft.ids import id_column, id_pattern, odd_ids
from cli.draft.table import draft_table
from cli.draft.table_draft import TableDraft
from cli.draft.written import is_date
from cli.errors import CommandError, UsageError
from cli.project import DATASET, DATASET_FILES, PROGRAM, shown, typed
from cli.terminal import plural, print_line
from multimodal.clinical.numerals import Numeral
from multimodal.clinical.phi import Kind, kind_of
from multimodal.ledger.errors import ConfigurationError
from multimodal.pipeline.dataset import load_dataset

_MAX_HEADER = 256
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")


def draft(console: Console, csv: Path, name: str = "", dates: str = "", dictionary: Path | None = None) -> None:
    """Draft a dataset's file and print what to do next."""
    path, table = write_draft(csv, name, dates=dates, dictionary=dictionary)
    _print_next_steps(console, csv, path, table)


def write_draft(
    csv: Path, name: str = "", folder: Path = DATASET_FILES, dates: str = "", dictionary: Path | None = None
) -> tuple[Path, TableDraft]:
    """Write the draft of a table.

    Parameters
    ----------
    csv : Path
        The table.
    name : str
        Name of the dataset; made of the file's name when empty.
    folder : Path
        Where dataset files are.
    dates : str
        `day-first` or `month-first`: order of day and month where dates could be read either way.
    dictionary : Path, optional
        REDCap's data dictionary of the table.

    Returns
    -------
    tuple of (Path, TableDraft)
        The file and what it says.

    Raises
    ------
    CommandError
        When the table cannot be read, or the dataset has a file already; nothing is written then.
    """
    name = name or default_name(csv)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a dataset.", hint="Small letters, digits and _, up to 31: --name my_study"
        )
    path = folder / f"{name}.yaml"
    if path.exists():
        raise UsageError(
            f"{shown(path)} is there already and is not overwritten.",
            hint="Draft under another name (--name …) and copy its clinical: section.",
        )
    facts, odd = _read(csv)
    described = describe(facts, read_dictionary(dictionary) if dictionary else {})
    if dictionary and not described:
        raise CommandError(
            f"{dictionary.name} describes no column of {csv.name}.", hint="Is it that of another project?"
        )
    table = draft_table(facts, dates)
    table.id_checks += [_ODD_ROWS.format(plural(odd, "row"))] if odd else []
    path.write_text(render(table, name), encoding="utf-8")
    try:
        load_dataset(name, folder)
    except ConfigurationError as error:
        path.unlink()
        raise CommandError("The draft would not pass the check of dataset files.", details=str(error)) from error
    return path, table


_ODD_ROWS = (
    "{} with an id without a digit, unlike the others, or without an id: taken for no case (a second header, a mean); "
    "an upload rejects them"
)


def _read(csv: Path) -> tuple[list[Facts], int]:
    """Return what a table's columns hold, and how many of its rows are no cases by their ids."""
    source = read_rows(csv)
    _check_header(source.header)
    facts = read_facts(source.header, _without_numbers(source.rows))
    _check_names(facts)
    case = id_column(facts)
    _check_direction(facts)
    odd = odd_ids(case)
    if odd:
        facts = read_facts(source.header, read_rows(csv).rows, case.place)
    describe(facts, of_comments(source.header, source.comments, source.delimiter))
    return facts, odd


def _without_numbers(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield a table's rows; refuse a first one that numbers the columns, which an upload would take for a case."""
    first = [[cell.strip() for cell in row] for row in islice(rows, 2)]
    numbers = bool(first) and len(first[0]) > 2 and first[0] == [str(n + 1) for n in range(len(first[0]))]
    if numbers and not any(row[:1] == ["2"] for row in first):  # case 1 may have 2 and 3 in its columns
        raise CommandError("The first row below the header numbers the columns.", hint="Remove it.")
    yield from chain(first, rows)


def _check_header(header: Sequence[str]) -> None:
    names = [name.strip() for name in header]
    unnamed = [f"column {place}" for place, name in enumerate(names, 1) if not 0 < len(name) <= _MAX_HEADER]
    twice = sorted({repr(name) for name in names if names.count(name) > 1 and name})
    if unnamed or twice:
        raise CommandError(
            f"The header must name every column, each once and in at most {_MAX_HEADER} characters.",
            details=f"Not so: {', '.join(unnamed + twice)}.",
            hint="An upload would be refused as well. Remove row numbers and a row of groups above, and name the rest.",
        )


def _check_names(facts: Sequence[Facts]) -> None:
    """Refuse a table whose first row is a case: its cells would be written down as names of columns."""
    as_data = [fact for fact in facts if _reads_as_cell(fact)]
    reaching = [fact for fact in as_data if kind_of(fact.source) not in (None, Kind.NAME)]
    if reaching or (len(as_data) > 1 and 2 * len(as_data) >= len(facts)):
        places = ", ".join(str(fact.place) for fact in as_data)
        raise CommandError(
            "The first row seems to be a case and no header.",
            details=f"What it has in the columns {places} looks like cells.",
            hint="Write a row of names above it. Nothing was drafted.",
        )


def _check_direction(facts: Sequence[Facts]) -> None:
    """Refuse a table with a column for each case: numbers and words below each other, under names like ids."""
    first, *others = facts
    numbered = [fact for fact in others if has_digit(fact.source)]
    mixed = [fact for fact in numbered if fact.numbers and fact.no_numbers]
    alike = len(id_pattern(fact.source for fact in numbered).split("|")) == 1
    are_cases = len(mixed) >= _FEWEST_CASES and 10 * len(mixed) >= 9 * len(others) and alike
    if are_cases and not any(map(has_digit, first.values)):
        raise CommandError(
            "The table seems to have a column for each case.",
            hint="Transpose it: a row for each case, and a column for each fact. Nothing was drafted.",
        )


_FEWEST_CASES = 5


def _reads_as_cell(fact: Facts) -> bool:
    """Whether a column's name is a cell of it, a date, a person's, or a number that is none of a count from 1."""
    name = fact.source
    if name in map(str, range(fact.place + 1)):
        return False
    is_number = Numeral().reader()(name) is not None
    return name in fact.values or is_number or is_date(name) or kind_of(name) is not None


def default_name(csv: Path) -> str:
    """Return a dataset's name made of a file's."""
    return re.sub(r"[^a-z0-9]+", "_", csv.stem.lower()).lstrip("_0123456789")[:31].rstrip("_")


def _print_next_steps(console: Console, csv: Path, path: Path, table: TableDraft) -> None:
    print_line(
        console, f"Drafted {shown(path)}: {plural(1 + len(table.columns), 'column')} of {plural(table.rows, 'row')}."
    )
    if table.identifying:
        print_line(console, f"Remove before you upload: {', '.join(table.identifying)}.", style="yellow")
    print_line(console, f"1. Look at every line with CHECK ({plural(table.checks, 'column')}, and what is above them).")
    print_line(console, f"2. `make up DATASETS={DATASET},{path.stem}` deploys it here; on AWS, DatasetNames names it.")
    print_line(console, f"3. {PROGRAM} upload {typed(csv)} --dataset {path.stem}")
    print_line(console, f"4. {PROGRAM} results my-results saves what became of it; read its report.html first.")
