"""The job around the quantifier: what is published, in which order, after success, rejection and failure."""

import gzip
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from rnaseq_job.errors import EXIT_CODES, HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.quantifier import LICENCE_VARIABLE, BuiltReference, Quantification, QuantifierOptions
from rnaseq_job.reads.lanes import Sample
from rnaseq_job.reads.sra import SraReads
from rnaseq_job.storage import FolderStorage, StoredFile
from tests.unit.rnaseq.support import FakeQuantifier, Ran, run_sample, some_reads, write_list, write_reads

COUNT = 60
CONTRACTS = Path(__file__).parents[3] / "functions" / "multimodal" / "contracts"


class WatchedStorage(FolderStorage):
    """Notes what is done to the output, and may refuse or fail."""

    def __init__(self, refuse_removal: bool = False, failing: str = "") -> None:
        self.steps: list[str] = []
        self._refuse_removal, self._failing = refuse_removal, failing

    def upload(self, path: Path, uri: str) -> None:
        if self._failing and uri.endswith(self._failing):
            raise HostFaultError("S3 is away")
        self.steps.append(f"put {Path(uri).name}")
        super().upload(path, uri)

    def remove(self, uri: str) -> None:
        if self._refuse_removal:
            raise InvalidJobError("AccessDenied")
        self.steps.append(f"remove {Path(uri).name}")
        super().remove(uri)


@pytest.fixture
def lanes(tmp_path: Path) -> Path:
    names = [
        write_reads(tmp_path, some_reads(COUNT, 1, seed=n), some_reads(COUNT, 2, seed=n), f"S_L00{n}") for n in (1, 2)
    ]
    return write_list(tmp_path, names)


@pytest.fixture
def single_lane(tmp_path: Path) -> Path:
    return write_list(tmp_path, [write_reads(tmp_path, some_reads(COUNT, 1), None)])


def test_a_sample_is_published_under_dragens_names(tmp_path: Path, lanes: Path) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, mapped=90))
    assert ran.code == 0
    assert ran.files == {
        "R01-023.quant.sf",
        "R01-023.quant.genes.sf",
        "R01-023.quant.metrics.csv",
        "run.json",
        "multiqc/R01-023/R01-023_mqc.json",
        "logs/fake.log",
    }
    assert list(ran.column("R01-023.quant.genes.sf", "TPM")) == ["ENSG1.1", "ENSG2.1"]
    assert list(ran.column("R01-023.quant.sf", "TPM")) == ["ENST9.1", "ENST1.1"]


def test_run_json_says_what_was_done(tmp_path: Path, lanes: Path) -> None:
    run = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, mapped=90)).run
    assert len(run["provenance"].pop("input_hash")) == 64
    assert run.pop("reads").pop("bytes") > 0
    assert run == {
        "schema": 1,
        "subject": "R01-023",
        "run": {"run_id": "run-1", "job_id": "job-1", "content_version": "7"},
        "assay": {
            "engine": "fake",
            "engine_version": "1.2.3",
            "reference": "tiny",
            "genome": "none",
            "annotation": "simulated",
            "unit": "TPM",
            "library_type": "A",
        },
        "files": {
            "transcripts": "R01-023.quant.sf",
            "genes": "R01-023.quant.genes.sf",
            "metrics": "R01-023.quant.metrics.csv",
        },
        "library": {
            "declared": "A",
            "detected": "IU",
            "compatible_fragment_ratio": 0.97,
            "conflict": False,
            "warnings": [],
        },
        "metrics": {"total_reads": 120, "mapped_reads": 90, "mapped_percent": 75.0},
        "qc": {
            "read_length": {"shortest": 75, "mean": 75.0, "longest": 75},
            "shorter_than_k_percent": 0.0,
            "forward_percent": None,
            "genes_detected": 2,
            "mitochondrial_percent": 50.0,
            "ribosomal_percent": None,
            "warnings": [],
            "trimming": None,
        },
        "provenance": {"rnaseq_job_version": "0.1.0", "command": ["fake", "-o", "engine/out"]},
    }


def test_the_same_sample_gives_the_same_bytes(tmp_path: Path, lanes: Path) -> None:
    def published() -> dict[str, bytes]:
        ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT))
        return {name: (ran.folder / name).read_bytes() for name in ran.files}

    assert published() == published()


def test_counts_of_pairs_and_of_single_reads(tmp_path: Path, lanes: Path) -> None:
    reads = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT)).run["reads"]
    assert (reads["pairs"], reads["lanes"]) == (2 * COUNT, 2)
    single = write_list(tmp_path, [write_reads(tmp_path, some_reads(COUNT, 1), None, "single")])
    reads = run_sample(tmp_path, single, FakeQuantifier(COUNT)).run["reads"]
    assert (reads["reads"], reads["lanes"], "pairs" in reads) == (COUNT, 1, False)


def test_metrics_have_dragens_rows(tmp_path: Path, lanes: Path) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, mapped=90))
    assert (ran.folder / "R01-023.quant.metrics.csv").read_text().splitlines() == [
        "RNA QUANTIFICATION SUMMARY,,Library orientation,IU",
        "RNA QUANTIFICATION SUMMARY,,Total Genes,2",
        "RNA QUANTIFICATION SUMMARY,,Total Transcripts,2",
        "RNA QUANTIFICATION SUMMARY,,Total fragments,120",
        "RNA QUANTIFICATION SUMMARY,,Transcript fragments,90",
        "RNA QUANTIFICATION SUMMARY,,Transcript fragments percent,75.0",
        "RNA QUANTIFICATION SUMMARY,,Compatible fragment ratio,0.97",
    ]


@pytest.mark.parametrize("name", ["R01-023.quant.metrics.csv", "R01-023.quant_metrics.csv"])
def test_an_engines_own_metrics_are_kept(tmp_path: Path, lanes: Path, name: str) -> None:
    class WithMetrics(FakeQuantifier):
        def quantify(self, sample: Sample, reference: BuiltReference, options: QuantifierOptions) -> Quantification:
            found = super().quantify(sample, reference, options)
            (found.transcripts.parent / name).write_text("RNA QUANTIFICATION SUMMARY,,Library orientation,ISR\n")
            return found

    ran = run_sample(tmp_path, lanes, WithMetrics(2 * COUNT))
    assert (ran.folder / "R01-023.quant.metrics.csv").read_text().endswith("Library orientation,ISR\n")


def test_staged_files_have_the_jobs_own_names(tmp_path: Path) -> None:
    """Whatever users call their files, a quantifier sees neither options nor wrong endings."""
    (tmp_path / "--help.fastq.gz").write_bytes(some_reads(COUNT, 1))  # plain text, whatever it is called
    (tmp_path / "$(id).txt").write_bytes(some_reads(COUNT, 2))
    quantifier = FakeQuantifier(COUNT)
    assert run_sample(tmp_path, write_list(tmp_path, [("--help.fastq.gz", "$(id).txt")]), quantifier).code == 0
    lane = quantifier.seen[0][0].lanes[0]
    assert lane.read2 is not None
    assert [path.name for path in (lane.read1, lane.read2)] == ["lane001_R1.fastq", "lane001_R2.fastq"]


def test_uploads_end_with_the_verdict_and_begin_by_removing_the_last_one(tmp_path: Path, lanes: Path) -> None:
    storage = WatchedStorage()
    run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), opener=lambda _: storage)
    assert storage.steps == [
        "remove run.json",
        "remove rejection.json",
        "put R01-023.quant.metrics.csv",
        "put R01-023.quant.sf",
        "put R01-023.quant.genes.sf",
        "put R01-023_mqc.json",
        "put run.json",
        "put fake.log",
    ]


def test_a_verdict_replaces_the_other(tmp_path: Path, lanes: Path) -> None:
    refusal = InputRejectedError(ReasonCode.ENGINE_FAILED, "no", {})
    assert "run.json" in run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT)).files
    rejected = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, failure=refusal))
    assert "rejection.json" in rejected.files
    assert "run.json" not in rejected.files
    accepted = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT))
    assert "rejection.json" not in accepted.files
    assert "run.json" in accepted.files


def test_a_role_that_may_not_delete_still_publishes(
    tmp_path: Path, lanes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = WatchedStorage(refuse_removal=True)
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), opener=lambda _: storage)
    assert ran.code == 0
    assert "earlier_verdict_stays" in capsys.readouterr().err


def test_an_interrupted_upload_leaves_no_verdict(tmp_path: Path, lanes: Path) -> None:
    run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT))
    storage = WatchedStorage(failing=".quant.genes.sf")
    with pytest.raises(HostFaultError):
        run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), opener=lambda _: storage)
    assert not {"run.json", "rejection.json"} & Ran(0, tmp_path / "results").files


@pytest.mark.parametrize(
    "failure",
    [
        InputRejectedError(ReasonCode.ENGINE_FAILED, "It took none.", {"exit_code": 3}),
        HostFaultError("killed"),
    ],
)
def test_logs_are_published_after_a_failure(tmp_path: Path, lanes: Path, failure: Exception) -> None:
    quantifier = FakeQuantifier(2 * COUNT, failure=failure)
    if isinstance(failure, HostFaultError):
        with pytest.raises(HostFaultError):
            run_sample(tmp_path, lanes, quantifier)
    else:
        assert run_sample(tmp_path, lanes, quantifier).code == EXIT_CODES[ReasonCode.ENGINE_FAILED]
    assert (tmp_path / "results" / "logs" / "fake.log").read_text() == "what the quantifier said"


def test_a_lost_log_does_not_hide_the_result(tmp_path: Path, lanes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), opener=lambda _: WatchedStorage(failing=".log"))
    assert ran.code == 0
    assert "logs_not_published" in capsys.readouterr().err


def truncated(folder: Path) -> None:
    path = folder / "S_L001_R1_001.fastq.gz"
    path.write_bytes(path.read_bytes()[:-20])


def unequal(folder: Path) -> None:
    (folder / "S_L001_R2_001.fastq.gz").write_bytes(some_reads(COUNT - 3, 2, seed=1))


def absent(folder: Path) -> None:
    (folder / "S_L002_R2_001.fastq.gz").unlink()


def copied(folder: Path) -> None:
    content = (folder / "S_L001_R1_001.fastq.gz").read_bytes()
    (folder / "S_L001_R2_001.fastq.gz").write_bytes(content)


def swapped(folder: Path) -> None:
    one, two = folder / "S_L002_R1_001.fastq.gz", folder / "S_L002_R2_001.fastq.gz"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncated, ReasonCode.READS_TRUNCATED),
        (unequal, ReasonCode.MATES_UNEQUAL),
        (absent, ReasonCode.READS_NOT_FOUND),
        (copied, ReasonCode.MATES_IDENTICAL),
        (swapped, ReasonCode.MATES_SWAPPED),
    ],
)
def test_bad_reads_are_rejected_before_the_engine_runs(
    tmp_path: Path, lanes: Path, spoil: Callable[[Path], None], reason: ReasonCode
) -> None:
    spoil(tmp_path)
    quantifier = FakeQuantifier(2 * COUNT)
    ran = run_sample(tmp_path, lanes, quantifier)
    assert ran.code == EXIT_CODES[reason]
    assert ran.files == {"rejection.json"}
    assert quantifier.seen == []
    assert (ran.rejection["reason_code"], ran.rejection["subject"]) == (reason, "R01-023")
    assert ran.rejection["run"] == {"run_id": "run-1", "job_id": "job-1", "content_version": "7"}
    _validate(ran.rejection)


def _validate(rejection: object) -> None:
    schema = json.loads((CONTRACTS / "rejection.schema.json").read_text())
    jsonschema.validate(rejection, schema)


@pytest.mark.parametrize("name", ["--help", ";rm -rf /", "../../x", "", "ä", "a" * 300])
def test_a_hostile_sample_name_is_rejected_without_being_used(tmp_path: Path, lanes: Path, name: str) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(COUNT), sample=name)
    assert ran.code == EXIT_CODES[ReasonCode.SAMPLE_NAME_INVALID]
    assert ran.files == {"rejection.json"}
    assert ran.rejection["subject"].isascii()
    _validate(ran.rejection)


def test_reads_of_other_buckets_are_rejected_unread(tmp_path: Path) -> None:
    asked: list[str] = []

    def opener(uri: str) -> FolderStorage:
        asked.append(uri)
        return FolderStorage()

    lanes = write_list(tmp_path, [("s3://foreign/a_R1.fastq.gz", "s3://foreign/a_R2.fastq.gz")])
    ran = run_sample(tmp_path, lanes, FakeQuantifier(COUNT), opener=opener, buckets=("raw",))
    assert ran.rejection["reason_code"] == ReasonCode.FASTQ_LIST_INVALID
    assert not any(uri.startswith("s3://") for uri in asked)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    ran = run_sample(tmp_path, tmp_path / "none.csv", FakeQuantifier(COUNT))
    assert ran.rejection["reason_code"] == ReasonCode.FASTQ_LIST_INVALID


def test_reads_that_do_not_fit_on_the_disk(tmp_path: Path) -> None:
    class Huge(FolderStorage):
        def stat(self, uri: str) -> StoredFile | None:
            return StoredFile(uri, 1 << 60) if uri.startswith("s3://") else super().stat(uri)

    lanes = write_list(tmp_path, [("s3://raw/a_R1.fastq.gz", "s3://raw/a_R2.fastq.gz")])
    ran = run_sample(tmp_path, lanes, FakeQuantifier(COUNT), opener=lambda _: Huge())
    assert ran.rejection["reason_code"] == ReasonCode.INPUT_TOO_LARGE
    assert ran.rejection["details"]["bytes"] == 2 << 60


def test_an_engine_that_read_less_is_not_believed(tmp_path: Path, lanes: Path) -> None:
    with pytest.raises(HostFaultError, match="119 of 120"):
        run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT - 1))
    assert not (tmp_path / "results" / "run.json").exists()


def test_nothing_mapped(tmp_path: Path, lanes: Path) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, mapped=0))
    assert ran.code == EXIT_CODES[ReasonCode.NOTHING_MAPPED]


def test_a_table_with_other_columns_is_rejected(tmp_path: Path, lanes: Path) -> None:
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT, genes=("ENSG1\textra",)))
    assert ran.rejection["reason_code"] == ReasonCode.ENGINE_FAILED


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("left", [0, 7])
def test_reads_without_mates_beside_pairs_are_counted(
    tmp_path: Path, lanes: Path, left: int, *, compressed: bool
) -> None:
    path, content = tmp_path / "SRR7.fastq.gz", some_reads(left, 1) if left else b""
    path.write_bytes(gzip.compress(content) if compressed else content)
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), without_mate=(str(path),))
    assert (ran.run["reads"]["without_mate"], ran.run["reads"]["pairs"]) == (left, 2 * COUNT)


def test_damaged_reads_without_mates_are_named(tmp_path: Path, lanes: Path) -> None:
    path = tmp_path / "SRR7938741.fastq.gz"
    path.write_bytes(gzip.compress(some_reads(50, 1))[:-9])
    ran = run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT), without_mate=(str(path),))
    assert (ran.rejection["reason_code"], ran.rejection["details"]) == ("READS_TRUNCATED", {"file": path.name})


def test_the_declared_library_type_reaches_the_engine_and_the_assay(tmp_path: Path, lanes: Path) -> None:
    quantifier = FakeQuantifier(2 * COUNT, detected="ISR")
    ran = run_sample(tmp_path, lanes, quantifier, strandedness="forward")
    assert quantifier.seen[0][1].library_type == "ISF"
    assert ran.run["assay"]["library_type"] == "ISF"
    assert ran.run["library"]["conflict"]
    assert ran.run["library"]["warnings"]


def test_a_paired_type_for_single_reads_is_rejected(tmp_path: Path, single_lane: Path) -> None:
    ran = run_sample(tmp_path, single_lane, FakeQuantifier(COUNT), library_type="ISR")
    assert ran.rejection["reason_code"] == ReasonCode.FASTQ_LIST_INVALID


def test_the_licence_goes_into_a_private_file_only(
    tmp_path: Path, lanes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LICENCE_VARIABLE, "user:secret-word")
    quantifier = FakeQuantifier(2 * COUNT)
    ran = run_sample(tmp_path, lanes, quantifier)
    licence = quantifier.seen[0][1].licence
    assert licence is not None
    assert licence.read_text() == "user:secret-word"
    assert stat.S_IMODE(licence.stat().st_mode) == 0o600
    assert LICENCE_VARIABLE not in os.environ
    published = b"".join((ran.folder / name).read_bytes() for name in ran.files)
    assert b"secret-word" not in published + capsys.readouterr().err.encode()


def test_an_sra_object_becomes_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def to_fastq(path: Path, folder: Path) -> SraReads:
        assert path.read_bytes() == b"an SRA object"
        folder.mkdir()
        for mate in (1, 2):
            (folder / f"{mate}.fastq").write_bytes(some_reads(COUNT, mate))
        return SraReads(folder / "1.fastq", folder / "2.fastq", without_mate=7)

    monkeypatch.setattr("rnaseq_job.reads.sra.to_fastq", to_fastq)
    (tmp_path / "SRR7938741.sra").write_bytes(b"an SRA object")
    ran = run_sample(tmp_path, write_list(tmp_path, [("SRR7938741.sra", "")]), FakeQuantifier(COUNT))
    assert (ran.run["reads"]["pairs"], ran.run["reads"]["without_mate"]) == (COUNT, 7)
    assert (tmp_path / "SRR7938741.sra").exists(), "the user's own file was removed"


def test_log_lines_are_json_and_name_nothing_but_the_sample(
    tmp_path: Path, lanes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_sample(tmp_path, lanes, FakeQuantifier(2 * COUNT))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == [
        "reads_staged",
        "reads_checked",
        "reference_staged",
        "quantified",
        "sample_done",
    ]
    assert all(line["sample"] == "R01-023" for line in lines)
