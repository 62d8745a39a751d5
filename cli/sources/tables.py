"""Finds the clinical tables of a folder."""

from pathlib import Path

from cli.errors import UsageError
from cli.sources.files import Source, SourceFile, files_below, folder_of, is_table

SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".ods", ".numbers")
TABLES_HINT = "A clinical table is a .csv or .tsv file; save a spreadsheet as CSV (UTF-8) first."


class Tables(Source):
    """Clinical tables."""

    modality = "clinical"

    def unit_ids(self, dataset: str) -> tuple[str, ...]:  # noqa: D102 - as the base says
        return tuple(f"clinical#{dataset}#{file.key}" for file in self.files)


def read_tables(path: Path) -> Tables:
    """Find clinical tables.

    Parameters
    ----------
    path : Path
        A table; or a folder of tables, with folders in it as deep as one likes; or one that has a `clinical` folder.

    Raises
    ------
    UsageError
        When there is no table.
    """
    if path.is_file():
        if not is_table(path) and path.suffix.lower() != ".txt":
            raise UsageError(f"{path} is no table.", hint=TABLES_HINT)
        # The table's own separators decide how it is read, not its name.
        key = path.name if is_table(path) else f"{path.stem}.tsv"
        return Tables([SourceFile(path.resolve(), key, path.stat().st_size)])
    files = list(files_below(folder_of(path, "clinical", TABLES_HINT)))
    beside = [file.path for file in files if not is_table(file.path)]
    found = Tables([file for file in files if is_table(file.path)], beside)
    if not found.files:
        raise UsageError(f"There is no table in {path}.", hint=TABLES_HINT)
    return found
