"""Reads clinical tables and matrices as the pipeline would, before they leave this machine (`clinical-22`)."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from cli.errors import CommandError
from cli.project import DATASET_FILES, typed
from cli.sources.files import Modality, Source, SourceFile
from cli.sources.reads import Reads
from cli.sources.tables import Tables
from cli.terminal import plural
from multimodal.genomics.matrix_names import is_quantification
from multimodal.ledger.errors import BadInputError, ConfigurationError, MultimodalError, Reason
from multimodal.ledger.ports import Ledger

if TYPE_CHECKING:
    from multimodal.tables.table import TableKind

_CHUNK = 1 << 20
_SHOWN = 5

_STACK = "x"
"""Begins the names of groups that records would go to; nobody sees it."""


@dataclass(frozen=True)
class TableCheck:
    """What the pipeline would make of a table, were it the dataset's first; all empty where it is not known.

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
    warnings : sequence of str
        Sentences on what is taken.
    is_whole : bool
        Whether it was read to its end.
    is_matrix : bool
        Whether it is a matrix of expression.
    """

    file: SourceFile
    problem: str = ""
    hold: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    is_whole: bool = True
    is_matrix: bool = False


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


def check_tables(source: Source, dataset: str, seconds: float = math.inf) -> list[TableCheck]:
    """Read the clinical tables or the matrices of a source, each for at most some seconds, in bounded memory.

    A quantification of one sample is left to the pipeline: what its transcripts belong to may lie in the bucket.

    Raises
    ------
    CommandError
        When a file or the dataset's cannot be read.
    """
    if isinstance(source, Reads):
        keys = {key for key in source.matrices if not is_quantification(key.rpartition("/")[2])}
        return [check_table(file, dataset, seconds, "genomics") for file in source.files if file.key in keys]
    return [check_table(file, dataset, seconds) for file in source.files] if isinstance(source, Tables) else []


def check_table(
    file: SourceFile, dataset: str, seconds: float = math.inf, modality: Modality = "clinical"
) -> TableCheck:
    """Read one table and say what the pipeline would make of it.

    Nothing is known for a dataset that this source tree does not describe, or that takes no such table.
    """
    kind = _kind_of(modality, dataset)
    if kind is None:
        return TableCheck(file)
    try:
        read = _read(file, f"s3://raw/{modality}/{dataset}/{file.key}", dataset, kind, time.monotonic() + seconds)
        return replace(read, is_matrix=modality == "genomics")
    except OSError as error:
        raise CommandError(f"{file.path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    except BadInputError as error:
        return TableCheck(file, problem=f"{error.reason_code}: {error.message}.")
    except MultimodalError as error:  # a fault of the reader, told without the cell that it fell over
        hint = "It is a fault of this program, which the pipeline would have, too: please report it."
        raise CommandError(f"{file.path} could not be read to its end: {error}.", hint=hint) from error


def _kind_of(modality: Modality, dataset: str) -> "TableKind | None":
    if not (DATASET_FILES / f"{dataset}.yaml").is_file():
        return None
    from multimodal.clinical.lint import clinical_datasets  # the functions' models take time to import
    from multimodal.clinical.table import ClinicalTables
    from multimodal.genomics.config import matrix_datasets
    from multimodal.genomics.matrix import MatrixTables

    try:
        if modality == "clinical":
            return ClinicalTables(_STACK, sections) if (sections := clinical_datasets([dataset])) else None
        matrices = matrix_datasets([dataset])
    except ConfigurationError as error:
        raise CommandError(f"Nothing was read: {error}", hint="Correct the dataset's file.", exit_code=2) from error
    # The ledger keeps the groups' assays, which are not judged here.
    return MatrixTables(cast(Ledger, None), _STACK, matrices) if matrices else None


def _read(file: SourceFile, uri: str, dataset: str, kind: "TableKind", until: float) -> TableCheck:
    from multimodal.clinical.report.build import ProblemTally
    from multimodal.tables.check import ACCEPTED_COUNTS, no_rows_message, redacting_errors, spool_rows
    from multimodal.tables.spool import sqlite_spool
    from multimodal.tables.table import UploadContext

    now, tally = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), ProblemTally()
    with file.path.open("rb") as opened, sqlite_spool() as spool:
        chunks = iter(partial(opened.read, _CHUNK), b"")
        reader = redacting_errors(lambda: kind.open(dataset, chunks, UploadContext(uri, "", "", now), None))
        rows, is_whole = redacting_errors(lambda: _last(spool_rows(reader, spool), until))
        counts = {"rows": rows, **spool.judge(now)}
        verdict = redacting_errors(lambda: reader.verdict(spool.repeated(), spool.counts_by_group()))
        for problem in spool.problems():
            tally.add(problem)
    hold = ": ".join(verdict.hold or ())
    if is_whole and not hold and not any(counts[name] for name in ACCEPTED_COUNTS):
        hold = f"{Reason.NO_ROW_TAKEN}: {no_rows_message(counts)}"
    return TableCheck(file, "", hold, counts, tally.document(), verdict.warnings, is_whole)


def _last(numbers: Iterator[int], until: float) -> tuple[int, bool]:
    """Return the last of some numbers, and whether it was reached in time."""
    last = 0
    for last in numbers:
        if time.monotonic() > until:
            return last, False
    return last, True
