"""Reads clinical tables as the pipeline would, before they leave this machine (`clinical-22`)."""

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from cli.errors import CommandError
from cli.project import DATASET_FILES, typed
from cli.sources.files import Source, SourceFile
from cli.sources.tables import Tables
from cli.terminal import plural
from multimodal.ledger.errors import BadInputError, ConfigurationError

_CHUNK = 1 << 20
_SHOWN = 5


def require_taken_tables(sources: Iterable[Source], dataset: str) -> None:
    """Refuse to send clinical tables of which the pipeline would take nothing: they may name people.

    Raises
    ------
    CommandError
        With reason code and message of each; its exit code is that of a usage error.
    """
    files = [file for source in sources if isinstance(source, Tables) for file in source.files]
    refused = [(file, problem) for file in files if (problem := table_problem(file, dataset))]
    if refused:
        more = len(refused) - _SHOWN
        lines = [f"{typed(file.path)}: {problem}" for file, problem in refused[:_SHOWN]]
        raise CommandError(
            f"Nothing was uploaded: {plural(len(refused), 'table')} would be refused.",
            details="\n".join([*lines, *([f"and {more} more"] if more > 0 else [])]),
            hint=f"Read with functions/datasets/{dataset}.yaml, as the pipeline does.",
            exit_code=2,
        )


def table_problem(file: SourceFile, dataset: str) -> str:
    """Return why nothing of a clinical table would be taken: reason code and message; empty where something may be.

    It is empty, too, for a dataset that this source tree does not describe, or without a clinical section.
    """
    if not (DATASET_FILES / f"{dataset}.yaml").is_file():
        return ""
    from multimodal.clinical.lint import clinical_datasets  # the functions' models take time to import
    from multimodal.clinical.table import ClinicalTable
    from multimodal.tables.check import redacting_errors
    from multimodal.tables.table import UploadContext

    try:
        config = clinical_datasets([dataset]).get(dataset)
    except ConfigurationError as error:
        raise CommandError(f"Nothing was read: {error}", hint="Correct the dataset's file.", exit_code=2) from error
    if config is None:
        return ""
    upload = UploadContext(file.key, "", "", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    try:
        with file.path.open("rb") as opened:
            reader = ClinicalTable(config, "", dataset, iter(partial(opened.read, _CHUNK), b""), upload)
            redacting_errors(lambda: deque(reader.batches(), maxlen=0))
    except OSError as error:
        raise CommandError(f"{file.path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    except BadInputError as error:
        return f"{error.reason_code}: {error.message}."
    return ""
