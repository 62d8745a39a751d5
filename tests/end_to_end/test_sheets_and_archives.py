"""A sample sheet with good and bad rows, runs of a public archive, and a genome that comes after the reads.

Reads that are bad go through the whole pipeline: the job ends with the exit code of the reason, and the reason stands
in the ledger. (That each reason has an exit code, and every other way of being bad, is for the job's own tests.)
"""

import gzip
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from cli.features import Row
from cli.ledger import Unit
from local.synthetic.genome import Genome, compressed, make_genome, write_annotated_genome
from local.synthetic.reads import RnaSpec, RnaTruth, write_case
from rnaseq_job.errors import EXIT_CODES, ReasonCode
from tests.end_to_end.pipeline import Pipeline
from tests.end_to_end.programs import sra_object

DATASET, REFERENCE, PANEL = "sheeted", "annotated", ["CD44", "VIM", "COL4A1", "ACTB", "TP53"]
ARCHIVE, ACCESSION = "sra-pub-run-odp", "SRR9000001"
FRAGMENTS = 4_000
LONG_LINE = 300_000_000
HOSTILE = ("--help", ";rm -rf", "../x")
ROOT = f"genomics/{DATASET}"

pytestmark = [
    pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (apt install salmon)"),
    pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="the dataset and the archive's bucket are the laptop's"),
]

BAD_READS = {
    "UNEQUAL": ReasonCode.MATES_UNEQUAL,
    "SWAPPED": ReasonCode.MATES_SWAPPED,
    "SAME": ReasonCode.MATES_IDENTICAL,
    "EMPTY": ReasonCode.READS_EMPTY,
    "CUT": ReasonCode.READS_TRUNCATED,
    "LONG": ReasonCode.READS_TOO_LONG,
}
BAD_ROWS = {
    "FOREIGN": "column fastq_1: it is not in the stack's bucket",
    "TWICE": "*.fq.gz is listed more than once",
    "STRANDED": "column strandedness: it is none of auto",
}


@dataclass
class Sheet:
    """The sample sheet under construction: rows, and the objects that they name."""

    mark: str
    rows: list[str] = field(default_factory=lambda: ["sample,fastq_1,fastq_2,strandedness"])
    objects: dict[str, bytes] = field(default_factory=dict)

    def name(self, sample: str) -> str:
        return f"S{self.mark}-{sample}"

    def add(self, sample: str, *contents: bytes, endings: tuple[str, ...] = ("_1.fq.gz", "_2.fq.gz")) -> None:
        """Add a lane of a sample and the files that hold it."""
        names = [f"pool/{sample}.{len(self.rows)}{e}" for e in endings[: len(contents)]]
        self.objects |= dict(zip((f"{ROOT}/{name}" for name in names), contents, strict=True))
        self.row(self.name(sample), *names, *[""] * (2 - len(names)), "auto")

    def row(self, sample: str, *cells: str) -> int:
        """Add a row as it is; return its number."""
        self.rows.append(",".join([sample, *cells]))
        return len(self.rows)


@dataclass(frozen=True)
class Sheeted:
    """What became of everything."""

    sheet: Sheet
    truth: RnaTruth
    units: Mapping[str, Unit]
    rows: Mapping[str, Row]

    def unit(self, sample: str) -> Unit:
        return self.units[self.sheet.name(sample)]

    def row(self, sample: str) -> Row:
        return self.rows[self.sheet.name(sample)]

    def objects(self, sample: str) -> list[str]:
        return [key for key in self.sheet.objects if f"/{sample}." in key]


def lines_of(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines(keepends=True)


def add_good(sheet: Sheet, truth: RnaTruth, folder: Path) -> bytes:
    """Add two lanes, single-end reads and an SRA object of the same fragments; return the object."""
    lanes = [path.read_bytes() for path in truth.files]
    sheet.add("LANES", *lanes[:2])
    sheet.add("LANES", *lanes[2:])
    sheet.add("SINGLE", lanes[0])
    texts = ["".join(part.decode() for path in truth.files[mate::2] for part in lines_of(path)) for mate in (0, 1)]
    content = sra_object(folder, *(numbered(text, mate) for mate, text in enumerate(texts, start=1))).read_bytes()
    sheet.add("SRA", content, endings=(".sra",))
    return content


def numbered(text: str, mate: int) -> str:
    """Name reads as the archive does."""
    lines = text.splitlines()
    lines[::4] = [f"@{ACCESSION}.{number}/{mate}" for number in range(1, len(lines) // 4 + 1)]
    return "\n".join(lines) + "\n"


def add_bad(sheet: Sheet, truth: RnaTruth) -> None:
    """Add a sample for each way in which reads can be bad."""
    first, second = (path.read_bytes() for path in truth.files[:2])
    lines = lines_of(truth.files[1])
    sheet.add("UNEQUAL", first, compressed(b"".join(lines[:-4])))
    sheet.add("SWAPPED", second, first)
    sheet.add("SAME", first, first)
    sheet.add("EMPTY", compressed(b""), compressed(b""))
    sheet.add("CUT", first, second[: len(second) // 2])
    sheet.add("LONG", compressed(b"@r\n" + b"A" * LONG_LINE + b"\n"))


@pytest.fixture(scope="module")
def sheeted(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Sheeted:
    """The sheet, the reads and a run in the archive first; the genome when all of them wait for it."""
    folder, sheet, genome = tmp_path_factory.mktemp("sheeted"), Sheet(uuid.uuid4().hex[:6]), make_genome()
    truth = write_case(folder, genome, RnaSpec("R", 77, fragments=FRAGMENTS))
    content = add_good(sheet, truth, folder)
    add_bad(sheet, truth)
    add_bad_rows(sheet)
    archived = sheet.name("ARCHIVED")
    put_into_archive(pipeline, content)
    for key, body in sheet.objects.items():
        pipeline.store(key, body)
    pipeline.store(f"{ROOT}/accessions.csv", f"sample,accession\n{archived},{ACCESSION}\n".encode())
    pipeline.store(f"{ROOT}/samplesheet.csv", "\n".join([*sheet.rows, ""]).encode())
    waiting = [sheet.name(sample) for sample in ("LANES", "SINGLE", "SRA", *BAD_READS)]
    pipeline.reach([f"genomics#{DATASET}#{n}" for n in (*waiting, archived)], "READY", "REFERENCE_NOT_READY")
    put_references(pipeline, genome, folder)
    rejected = [*(sheet.name(sample) for sample in BAD_ROWS), "-samplesheet"]
    ids = [f"genomics#{DATASET}#{name}" for name in (*waiting, archived, *rejected)]
    units = pipeline.wait_for([*ids, f"genomics#_references#{REFERENCE}", "genomics#_references#mismatched"])
    return Sheeted(sheet, truth, units, pipeline.expression(DATASET))


def add_bad_rows(sheet: Sheet) -> None:
    """Add rows that cannot be used; their files are there all the same."""
    sheet.row(sheet.name("FOREIGN"), "s3://elsewhere/a_1.fq.gz", "", "")
    for _ in range(2):
        sheet.row(sheet.name("TWICE"), "pool/twice.fq.gz", "", "")
    sheet.row(sheet.name("STRANDED"), "pool/stranded.fq.gz", "", "sideways")
    for number, name in enumerate(HOSTILE):
        sheet.row(name, f"pool/hostile{number}.fq.gz", "", "")


def put_into_archive(pipeline: Pipeline, content: bytes) -> None:
    """Put a run where the archive has its public ones: on the laptop, in a bucket of that name."""
    s3 = pipeline.deployment.s3
    s3.create_bucket(Bucket=ARCHIVE)
    s3.put_object(Bucket=ARCHIVE, Key=f"sra/{ACCESSION}/{ACCESSION}", Body=content)


def put_references(pipeline: Pipeline, genome: Genome, folder: Path) -> None:
    """Upload the genome with its annotation, and another whose chromosome has another name."""
    for path in write_annotated_genome(genome, folder / REFERENCE):
        content = path.read_bytes()
        pipeline.store(f"genomics/_references/{REFERENCE}/{path.name}", content)
        if path.name == "genome.fa.gz":
            content = compressed(gzip.decompress(content).replace(b">chr1", b">1"))
        pipeline.store(f"genomics/_references/mismatched/{path.name}", content)


def test_reads_that_came_before_their_reference_get_features(sheeted: Sheeted) -> None:
    for sample in ("LANES", "SINGLE", "SRA", "ARCHIVED"):
        assert (sheeted.unit(sample).status, sheeted.unit(sample).text("reason_code")) == ("COMPLETED", ""), sample
        assert sheeted.row(sample)["genes_missing"] == 0


def test_the_reference_is_aware_of_decoys(pipeline: Pipeline, sheeted: Sheeted) -> None:
    manifest = pipeline.result(sheeted.units[REFERENCE], "salmon.manifest.json")
    assert manifest is not None
    assert (manifest["decoys"], manifest["genome"]) == (1, "simulated")


def test_features_are_what_the_reads_were_made_of(sheeted: Sheeted) -> None:
    genes = {name: gene for gene, name in make_genome().genes.items()}
    wanted = np.array([np.log2(sheeted.truth.tpm[genes[name]] + 1) for name in PANEL])
    for sample in ("LANES", "SRA", "ARCHIVED"):
        found = np.array([float(str(sheeted.row(sample)[f"log2tpm_{name}"])) for name in PANEL])
        assert np.abs(found - wanted).max() < 0.6, sample


def test_lanes_single_reads_and_archives_are_counted_as_they_are(pipeline: Pipeline, sheeted: Sheeted) -> None:
    expected = {
        "LANES": (2, FRAGMENTS),
        "SINGLE": (1, FRAGMENTS // 2),
        "SRA": (1, FRAGMENTS),
        "ARCHIVED": (1, FRAGMENTS),
    }
    for sample, (lanes, fragments) in expected.items():
        run = pipeline.result(sheeted.unit(sample), "run.json")
        assert run is not None
        assert run["reads"]["lanes"] == lanes
        assert sheeted.row(sample)["reads_total"] == run["reads"].get("pairs", run["reads"].get("reads")) == fragments
    assert sheeted.row("SINGLE")["library_type"] in {"U", "SR"}
    assert sheeted.row("LANES")["library_type"] == "ISR"


@pytest.mark.parametrize(("sample", "reason"), BAD_READS.items())
def test_bad_reads_have_an_exit_code_and_a_reason_of_their_own(
    pipeline: Pipeline, sheeted: Sheeted, sample: str, reason: ReasonCode
) -> None:
    unit = sheeted.unit(sample)
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", str(reason))
    assert unit.text("reason_message")
    job = pipeline.batch_job(unit)
    assert (job["status"], len(job["attempts"])) == ("FAILED", 1), "bad input is not tried again"
    assert job["container"]["exitCode"] == EXIT_CODES[reason]
    assert sheeted.sheet.name(sample) not in sheeted.rows


@pytest.mark.parametrize(("sample", "problem"), BAD_ROWS.items())
def test_a_bad_row_is_told_by_row_and_column(sheeted: Sheeted, sample: str, problem: str) -> None:
    unit = sheeted.unit(sample)
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", "SAMPLESHEET_INVALID")
    numbers = [
        n for n, row in enumerate(sheeted.sheet.rows, start=1) if row.startswith(f"{sheeted.sheet.name(sample)},")
    ]
    assert all(str(number) in unit.text("reason_message") for number in numbers)
    assert problem in unit.text("reason_message")
    assert unit.text("run_id") == ""


def test_hostile_names_are_told_by_row(sheeted: Sheeted) -> None:
    sheet = sheeted.units["-samplesheet"]
    assert (sheet.status, sheet.text("reason_code")) == ("QUARANTINED", "SAMPLESHEET_INVALID")
    problems = sheet.item["reason_details"]["problems"]
    rows = {
        name: number for number, row in enumerate(sheeted.sheet.rows, 1) if (name := row.partition(",")[0]) in HOSTILE
    }
    for name, number in rows.items():
        assert any(each.startswith(f"row {number}, column sample: it is not") for each in problems), name


def test_an_annotation_of_another_genome_is_rejected(pipeline: Pipeline, sheeted: Sheeted) -> None:
    unit = sheeted.units["mismatched"]
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", "REFERENCE_INVALID")
    assert "chr" in unit.text("reason_message")
    assert pipeline.batch_job(unit)["container"]["exitCode"] == EXIT_CODES[ReasonCode.REFERENCE_INVALID]
    assert pipeline.result(unit, "salmon.manifest.json") is None


@pytest.fixture(scope="module")
def again(pipeline: Pipeline, sheeted: Sheeted) -> dict[str, Unit]:
    """The units after half of a lane was uploaded anew, a mate was fixed, and the same sheet once more."""
    for key, path in zip(sheeted.objects("LANES")[2:], sheeted.truth.files[2:], strict=True):
        lines = lines_of(path)
        pipeline.store(key, compressed(b"".join(lines[: len(lines) // 8 * 4])))
    pipeline.store(sheeted.objects("UNEQUAL")[1], sheeted.truth.files[1].read_bytes())
    pipeline.store(f"{ROOT}/samplesheet.csv", "\n".join([*sheeted.sheet.rows, ""]).encode())
    return {sample: pipeline.wait_for_run(sheeted.unit(sample)) for sample in ("LANES", "UNEQUAL")}


def test_a_lane_uploaded_again_is_another_content_version(
    pipeline: Pipeline, sheeted: Sheeted, again: dict[str, Unit]
) -> None:
    before, after = sheeted.unit("LANES"), again["LANES"]
    assert after.status == "COMPLETED"
    assert after.text("content_version") != before.text("content_version")
    assert pipeline.expression(DATASET)[before.text("subject")]["reads_total"] == FRAGMENTS * 3 // 4


def test_the_same_sheet_again_runs_nothing_else(pipeline: Pipeline, sheeted: Sheeted, again: dict[str, Unit]) -> None:
    for sample in ("SINGLE", "SRA", "SAME"):
        assert pipeline.unit(sheeted.sheet.name(sample)).text("run_id") == sheeted.unit(sample).text("run_id"), sample


def test_a_verdict_replaces_the_earlier_one(pipeline: Pipeline, sheeted: Sheeted, again: dict[str, Unit]) -> None:
    after = again["UNEQUAL"]
    assert sheeted.unit("UNEQUAL").text("reason_code") == "MATES_UNEQUAL"
    assert (after.status, after.text("reason_code")) == ("COMPLETED", "")
    assert pipeline.result(after, "run.json") is not None
    assert pipeline.result(after, "rejection.json") is None
