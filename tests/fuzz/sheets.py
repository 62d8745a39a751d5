"""Damages sample sheets, accession lists and the job's lists of reads: their readers answer with rows or typed errors.

python -m tests.fuzz.sheets                       60 seconds
python -m tests.fuzz.sheets --seed 7 --case 123   one case again
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from multimodal.genomics.dates import DatedByColumn, SampleDates
from multimodal.genomics.samplesheet import SampleSheet, parse_accessions, parse_samplesheet
from multimodal.ledger.errors import BadInputError
from rnaseq_job.errors import InputRejectedError
from rnaseq_job.reads.lanes import read_list
from tests.fuzz.clinical import DAMAGES, NASTY
from tests.fuzz.timed import command, run_cases

DATES: Final = SampleDates(DatedByColumn(column="Collected", date_format="%Y-%m-%d"), date(2026, 11, 25))

PATHS: Final = (
    *(
        "a_R1.fastq.gz",
        "./a_R2.fq.gz",
        "/data/run/a_S1_L001_R1_001.fastq.gz",
        "C:\\run\\a_R2.fastq.gz",
        "\\\\nas\\a.fq",
    ),
    *("s3://raw/genomics/d/a_R1.fastq.gz", "s3://other/a.fastq.gz", "s3://", "s3:///a", "https://x/a.fq.gz", "../../a"),
    *("SRR7938741_1.fastq.gz", "a.b.c_1.fastq.gz", "a_I1_001.fastq.gz", "a.fastq.ora", "a.bam", "/", ".", "a\\", "~/a"),
)

TABLES: Final[dict[str, list[list[str]]]] = {
    "sheet": [
        ["sample", "fastq_1", "fastq_2", "strandedness"],
        ["A", "a_R1.fastq.gz", "a_R2.fastq.gz", "auto"],
        ["B-1", "run/b_1.fq.gz", "", "reverse"],
    ],
    "dated": [["Sample", "FASTQ_1", "Collected"], ["A", "a.fastq.gz", "2020-02-01"], ["B", "b.fastq.gz", ""]],
    "fastq_list": [
        ["RGID", "RGSM", "RGLB", "Lane", "Read1File", "Read2File"],
        ["A.1", "A", "A", "1", "s3://raw/genomics/d/a_R1.fastq.gz", "s3://raw/genomics/d/a_R2.fastq.gz"],
        ["A.2", "A", "A", "2", "s3://raw/genomics/d/b_R1.fastq.gz", "s3://raw/genomics/d/b_R2.fastq.gz"],
    ],
    "accessions": [["sample", "accession"], ["A", "SRR7938741"], ["A", "ERR1234567"], ["B", "SRR7938742"]],
}
"""What is damaged."""


def _path(chance: random.Random, table: list[list[str]]) -> None:
    row = chance.choice(table)
    if row:
        row[chance.randrange(len(row))] = chance.choice(PATHS) + chance.choice(("", "", chance.choice(NASTY)))


def content_of(seed: int, number: int) -> str:
    """Return the damaged sheet of a case: the same for the same numbers."""
    chance = random.Random(f"{seed}-{number}")
    table = [list(row) for row in chance.choice(list(TABLES.values()))]
    for _ in range(chance.randrange(5)):
        chance.choice((*DAMAGES, _path, _path))(chance, table)
    delimiter, quote = chance.choice((",", ",", ",", ";", "\t", "|")), chance.choice(("", "", '"'))
    lines = (delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in table)
    return chance.choice(("", "", "\ufeff")) + chance.choice(("\n", "\n", "\r\n", "\r")).join(lines)


def _sample_sheet(text: str) -> int:
    return _rows(parse_samplesheet(text, "d", "raw"))


def _dated_sheet(text: str) -> int:
    return _rows(parse_samplesheet(text, "d", "raw", DATES))


def _accession_list(text: str) -> int:
    return _rows(parse_accessions(text))


def _rows(sheet: SampleSheet) -> int:
    for sample in sheet.samples.values():
        sample.at({key: key.rsplit("/", 1)[-1] for key in sample.keys})
    return sum(len(sample.rows) for sample in sheet.samples.values())


def _job_list(text: str) -> int:
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_text(text, encoding="utf-8", newline="")
        return len(read_list(path, "A", "s3://raw/genomics/d/list.csv", ("raw",)))


READERS: Final[dict[str, Callable[[str], int]]] = {
    "sample sheet": _sample_sheet,
    "dated sample sheet": _dated_sheet,
    "accessions": _accession_list,
    "list of the job": _job_list,
}


def outcomes_of(text: str) -> list[str]:
    """Give a sheet to each reader; return how each ended."""
    return [f"{name}: {_outcome(read, text)}" for name, read in READERS.items()]


def _outcome(read: Callable[[str], int], text: str) -> str:
    try:
        return "read" if read(text) else "read, no row of use"
    except (BadInputError, InputRejectedError):
        return "rejected"


def run(seed: int, numbers: range, seconds: float) -> Counter[str]:
    """Run cases until the time is over."""
    return run_cases("tests.fuzz.sheets", lambda number: outcomes_of(content_of(seed, number)), seed, numbers, seconds)


def main() -> int:
    """Run for a time, or one case."""

    def summary(total: int) -> str:
        return f"{total // len(READERS):,} sheets, each to every reader, only typed errors"

    return command("tests.fuzz.sheets", str(__doc__).splitlines()[0], run, summary)


if __name__ == "__main__":
    sys.exit(main())
