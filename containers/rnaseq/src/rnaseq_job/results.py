"""The result documents of a sample, and the order in which its results replace those of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rnaseq_job.errors import Detail, InputRejectedError, InvalidJobError
from rnaseq_job.logs import log
from rnaseq_job.outputs import Tables
from rnaseq_job.storage import Storage

SCHEMA: Final = 1
RUN_FILE: Final = "run.json"
REJECTION_FILE: Final = "rejection.json"
LOG_FOLDER: Final = "logs"


@dataclass(frozen=True)
class Publisher:
    """Puts results below the output prefix.

    Parameters
    ----------
    storage : Storage
        Of the output.
    prefix : str
        Address without a slash at its end.
    scratch : Path
        Where documents are written before they go.
    """

    storage: Storage
    prefix: str
    scratch: Path

    def success(self, tables: Tables, document: Mapping[str, Detail]) -> None:
        """Publish tables and, last, ``run.json``.

        The verdicts of an earlier run go first: at no time does a verdict stand beside tables that are not its own,
        and an interrupted job leaves none.
        """
        self._remove_verdicts()
        for table in (tables.metrics, tables.transcripts, tables.genes):
            self.storage.upload(table, f"{self.prefix}/{table.name}")
        self._document(RUN_FILE, document)

    def rejection(self, document: Mapping[str, Detail]) -> None:
        """Publish ``rejection.json`` in place of an earlier run's verdict; its tables stay, as without a verdict."""
        self._remove_verdicts()
        self._document(REJECTION_FILE, document)

    def logs(self, logs: Iterable[Path], folder: Path) -> None:
        """Publish logs that lie below a folder, named by their place in it."""
        for path in logs:
            name = "-".join(part for part in path.relative_to(folder).parts if part != LOG_FOLDER)
            self.storage.upload(path, f"{self.prefix}/{LOG_FOLDER}/{name}")

    def _remove_verdicts(self) -> None:
        for name in (RUN_FILE, REJECTION_FILE):
            try:
                self.storage.remove(f"{self.prefix}/{name}")
            except InvalidJobError as error:  # a role that may not delete: run ids still tell the verdicts apart
                log("earlier_verdict_stays", file=name, reason=str(error))

    def _document(self, name: str, content: Mapping[str, Detail]) -> None:
        path = self.scratch / name
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
        self.storage.upload(path, f"{self.prefix}/{name}")


def rejection(subject: str, run: Mapping[str, str | None], error: InputRejectedError) -> dict[str, Detail]:
    """Give the content of ``rejection.json``; the same schema as the radiomics job's."""
    return {
        "schema": SCHEMA,
        "subject": subject,
        "run": dict(run),
        "reason_code": str(error.code),
        "message": error.message,
        "details": error.details,
    }
