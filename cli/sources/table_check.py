"""Reads clinical tables as the pipeline would, before they leave this machine (`clinical-22`)."""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError
from cli.project import DATASET_FILES, typed
from cli.sources.files import SourceFile
from cli.terminal import plural
from multimodal.ledger.errors import BadInputError, ConfigurationError, Reason

if TYPE_CHECKING:
    from multimodal.clinical.config import ClinicalConfig

_CHUNK = 1 << 20
_SHOWN = 5


@dataclass(frozen=True)
class TableCheck:
    """What the pipeline would make of a clinical table, were it the dataset's first; all empty where it is not known.

    Parameters
    ----------
    file : SourceFile
        The table.
    problem : str
        Why it would be refused as a whole: reason code and message.
    hold : str
        Why nothing of it would be written although it can be read: likewise.
    counts : mapping
        Rows and records, as the ledger's `counts`.
    problems : sequence of mapping
        What costs rows, records, labels or values, as in `report.json`.
    is_whole : bool
        Whether it was read to its end.
    """

    file: SourceFile
    problem: str = ""
    hold: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[Mapping[str, Any]] = ()
    is_whole: bool = True


def require_taken_tables(checks: Sequence[TableCheck], dataset: str) -> None:
    """Refuse to send clinical tables of which the pipeline would take nothing: they may name people.

    Raises
    ------
    CommandError
        With reason code and message of each; its exit code is that of a usage error.
    """
    refused = [check for check in checks if check.problem]
    if refused:
        more = len(refused) - _SHOWN
        lines = [f"{typed(check.file.path)}: {check.problem}" for check in refused[:_SHOWN]]
        raise CommandError(
            f"Nothing was uploaded: {plural(len(refused), 'table')} would be refused.",
            details="\n".join([*lines, *([f"and {more} more"] if more > 0 else [])]),
            hint=f"Read with functions/datasets/{dataset}.yaml, as the pipeline does.",
            exit_code=2,
        )


def check_table(file: SourceFile, dataset: str, seconds: float = math.inf) -> TableCheck:
    """Read a clinical table for at most some seconds, in bounded memory, and say what the pipeline would make of it.

    Nothing is known for a dataset that this source tree does not describe, or without a clinical section.

    Raises
    ------
    CommandError
        When the file or the dataset's cannot be read.
    """
    config = _config_of(dataset)
    if config is None:
        return TableCheck(file)
    try:
        return _read(file, dataset, config, time.monotonic() + seconds)
    except OSError as error:
        raise CommandError(f"{file.path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    except BadInputError as error:
        return TableCheck(file, problem=f"{error.reason_code}: {error.message}.")


def _config_of(dataset: str) -> "ClinicalConfig | None":
    if not (DATASET_FILES / f"{dataset}.yaml").is_file():
        return None
    from multimodal.clinical.lint import clinical_datasets  # the functions' models take time to import

    try:
        return clinical_datasets([dataset]).get(dataset)
    except ConfigurationError as error:
        raise CommandError(f"Nothing was read: {error}", hint="Correct the dataset's file.", exit_code=2) from error


def _read(file: SourceFile, dataset: str, config: "ClinicalConfig", until: float) -> TableCheck:
    from multimodal.clinical.table import ClinicalTable
    from multimodal.tables.check import ACCEPTED_COUNTS, no_rows_message, redacting_errors, spool_rows
    from multimodal.tables.spool import sqlite_spool
    from multimodal.tables.table import UploadContext

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with file.path.open("rb") as opened, sqlite_spool() as spool:
        chunks = iter(partial(opened.read, _CHUNK), b"")
        reader = ClinicalTable(config, "", dataset, chunks, UploadContext(file.key, "", "", now))
        rows, is_whole = redacting_errors(lambda: _last(spool_rows(reader, spool), until))
        counts = {"rows": rows, **spool.judge(now)}
        verdict = redacting_errors(lambda: reader.verdict(spool.repeated(), spool.counts_by_group()))
    hold = ": ".join(verdict.hold or ())
    if is_whole and not hold and not any(counts[name] for name in ACCEPTED_COUNTS):
        hold = f"{Reason.NO_ROW_TAKEN}: {no_rows_message(counts)}"
    problems = json.loads(verdict.reports["report.json"])["validation"]["problems"]
    return TableCheck(file, "", hold, counts, problems, is_whole)


def _last(numbers: Iterator[int], until: float) -> tuple[int, bool]:
    """Return the last of some numbers, and whether it was reached in time."""
    last = 0
    for last in numbers:
        if time.monotonic() > until:
            return last, False
    return last, True
