"""Programs that jobs of the laptop cloud find, and labelled stand-ins for those that this machine does not have."""

import os
import shutil
import subprocess
from pathlib import Path

from cli.project import ROOT
from tests.unit.rnaseq.reference_support import STAND_INS, dragen_machine, install

REAL_TOOLKIT = all(shutil.which(program) for program in ("fasterq-dump", "latf-load", "kar"))
"""Whether the SRA toolkit is installed: then its own program is used, on objects that its own loader made."""
DRAGEN_IMAGE_NAME = "multimodal-local-rnaseq:dragen"
_DRAGEN = """#!/bin/sh
# The job as DRAGEN's image starts it, on a machine whose DRAGEN is the stand-in; a case's name says how that ends.
DRAGEN_STAND_IN=kill@-BOARD,exit=9@-REFUSED,repeat-licence
export DRAGEN_STAND_IN DRAGEN_ROOT={root}
exec {python} -m rnaseq_job "$@"
"""


def stand_ins_on_path(folder: Path) -> str:
    """Return a PATH that ends with what stands in for the SRA toolkit where that is not installed."""
    folder.mkdir(parents=True, exist_ok=True)
    if not REAL_TOOLKIT:
        install(STAND_INS / "fasterq-dump", folder / "fasterq-dump")
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(folder)])


def job_commands(folder: Path) -> dict[str, list[str]]:
    """Return the command of DRAGEN's image: the job on a machine whose DRAGEN is the stand-in."""
    root = dragen_machine(folder / "dragen-machine")
    program = folder / "dragen-job"
    program.write_text(_DRAGEN.format(root=root, python=ROOT / ".venv" / "bin" / "python"), encoding="utf-8")
    return {DRAGEN_IMAGE_NAME: ["/bin/sh", str(program)]}


def sra_object(folder: Path, first: str, second: str) -> Path:
    """Make an SRA object of pairs of reads, given as the text of two FASTQ files."""
    if REAL_TOOLKIT:
        return _real_object(folder, first, second)
    path = folder / "object.sra"
    path.write_text("".join(["SRA\nreads\n", first, "SECOND\n", second]), encoding="utf-8")
    return path


def _real_object(folder: Path, first: str, second: str) -> Path:
    files = []
    for mate, text in (("1", first), ("2", second)):
        path = folder / f"reads_{mate}.fastq"
        path.write_text(text, encoding="utf-8")
        files.append(f"--read{mate}PairFiles={path}")
    load = ["latf-load", "-p", "ILLUMINA", "--quality", "PHRED_33", "-o", str(folder / "db"), *files]
    subprocess.run(load, check=True, capture_output=True)
    subprocess.run(["kar", "-c", str(folder / "object.sra"), "-d", str(folder / "db")], check=True, capture_output=True)
    return folder / "object.sra"
