"""Damages clinical tables on purpose: their reader and the draft answer with a result or a typed error.

python -m tests.fuzz.clinical                       60 seconds
python -m tests.fuzz.clinical --seed 7 --case 123   one case again
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.draft.draft import write_draft
from cli.errors import CommandError
from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.table import ClinicalTable
from multimodal.ledger.errors import BadInputError
from multimodal.tables.spool import sqlite_spool
from multimodal.tables.state import spooled
from tests.fuzz.timed import command, run_cases
from tests.unit.functions.clinical_small import ROW, SMALL, UPLOAD, UPLOADED_AT

NASTY = (
    *(
        "",
        " ",
        "\t",
        '"',
        '""',
        "'",
        ",",
        ";",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\ufeff",
        "#",
        "# 1",
        "sep=;",
        "=1+1",
        "-",
        "--",
        ".",
    ),
    *(
        "90+",
        ">=90",
        "89.9",
        "<0.5",
        "<",
        "+",
        "%",
        "12 %",
        "1,5",
        "1.234,5",
        "1 234",
        "1\u202f234",
        "NaN",
        "inf",
        "1e999",
    ),
    *(
        "-0",
        "0" * 400,
        "9" * 400,
        "٣",
        "１２",
        "12-Mar-98",
        "12MAR1998:10:30:00",
        "1998-03-12T25:00",
        "31.02.1998",
        "0000-00-00",
    ),
    *(
        "99999",
        "-99999",
        "1/1/0001",
        "1/1/9999",
        "Miller, Ann",
        "555-123-4567",
        "\u202e",
        "é",
        "\U0001f600",
        "x" * 3000,
    ),
)
_ENCODINGS = ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32", "latin-1")
_RULES: tuple[dict[str, Any], ...] = (
    {},
    {"several_rows": {"take": "last", "fill": True, "columns": {"Packs": "mean", "Seen": "max", "Sex": "last"}}},
    {"several_rows": {"take": "nearest", "by": "Seen", "anchor": "CT Date", "columns": {"Packs": "min"}}},
    {"date_format": "%d-%b-%y", "two_digit_years_from": 1930, "shifted_calendar": True},
    {"date_format": "days since 1899-12-30", "decimal": ",", "thousands": "."},
    {
        "labels": {
            "died": "Status",
            "time": "Survived",
            "endpoints": {"rfs": {"event": "Recurrence", "time": "Survived"}},
        }
    },
    {
        "id": {"source": "Case ID", "pattern": ".*"},
        "rows": [{"keep_when": {"column": "Sex", "values": ["Male"]}, "reason": "x" * 10}],
    },
)
CONFIGS = tuple(ClinicalConfig.model_validate({**SMALL, **rule}) for rule in _RULES)

Damage = Callable[[random.Random, list[list[str]]], None]


def _cell(chance: random.Random, table: list[list[str]]) -> None:
    row = chance.choice(table)
    if row:
        row[chance.randrange(len(row))] = chance.choice(NASTY) + chance.choice(("", chance.choice(NASTY)))


def _length(chance: random.Random, table: list[list[str]]) -> None:
    row = chance.choice(table)
    row[chance.randrange(len(row) + 1) :] = [chance.choice(NASTY)] * chance.randrange(4)


def _line(chance: random.Random, table: list[list[str]]) -> None:
    table.insert(chance.randrange(len(table) + 1), [chance.choice(NASTY) for _ in range(chance.randrange(1, 20))])


def _column(chance: random.Random, table: list[list[str]]) -> None:
    place, cell = chance.randrange(20), chance.choice(NASTY)
    for row in table[chance.randrange(2) :]:
        row[place : place + 1] = [cell]


def _copy(chance: random.Random, table: list[list[str]]) -> None:
    table.append(list(chance.choice(table)))


DAMAGES: tuple[Damage, ...] = (_cell, _cell, _cell, _length, _line, _column, _copy)


def content_of(seed: int, number: int) -> bytes:
    """Return the damaged table of a case: the same for the same numbers."""
    chance = random.Random(f"{seed}-{number}")
    table = [list(ROW), *([f"C-{n:03}", *list(ROW.values())[1:]] for n in range(chance.randrange(1, 30)))]
    for _ in range(chance.randrange(6)):
        chance.choice(DAMAGES)(chance, table)
    delimiter = chance.choice((",", ",", ";", "\t", "|"))
    quote = chance.choice(('"', '"', ""))
    lines = (delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in table)
    content = chance.choice(("\n", "\r\n", "\r")).join(lines).encode(chance.choice(_ENCODINGS), "replace")
    for _ in range(chance.choice((0, 0, 0, 1, 5))):
        cut = chance.randrange(len(content) + 1)
        content = content[:cut] + chance.randbytes(chance.randrange(3)) + content[cut + chance.randrange(9) :]
    return content


def outcome_of(content: bytes, config: ClinicalConfig, folder: Path) -> str:
    """Read a table to its end and judge it, and draft a file from it; return how that ended."""
    return f"{_read(content, config)}, draft {_drafted(content, folder)}"


def _read(content: bytes, config: ClinicalConfig) -> str:
    pieces = (content[start : start + 701] for start in range(0, len(content), 701))
    table = ClinicalTable(config, "stack", "small", pieces, UPLOAD)
    try:
        with sqlite_spool() as spool:
            for batch in table.batches():
                spool.add(map(spooled, batch.records), batch.problems)
            spool.judge(UPLOADED_AT)
            verdict = table.verdict(spool.repeated(), spool.counts_by_group())
    except BadInputError as error:
        table.refusal(error)
        return str(error.reason_code)
    return "held" if verdict.hold else "read"


def _drafted(content: bytes, folder: Path) -> str:
    path = folder / "table.csv"
    path.write_bytes(content)
    try:
        drafted, _ = write_draft(path, "mine", folder)
    except CommandError as error:
        # The draft itself must always load.
        if "would not pass" in str(error):
            raise
        return "refused"
    drafted.unlink()
    return "made"


def run(seed: int, numbers: range, seconds: float) -> Counter[str]:
    """Run cases until the time is over."""
    with tempfile.TemporaryDirectory() as folder:

        def outcomes(number: int) -> list[str]:
            return [outcome_of(content_of(seed, number), CONFIGS[number % len(CONFIGS)], Path(folder))]

        return run_cases("tests.fuzz.clinical", outcomes, seed, numbers, seconds)


def main() -> int:
    """Run for a time, or one case."""

    def summary(total: int) -> str:
        return f"{total:,} tables, only typed errors"

    return command("tests.fuzz.clinical", str(__doc__).splitlines()[0], run, summary)


if __name__ == "__main__":
    sys.exit(main())
