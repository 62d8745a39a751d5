"""The services, wired to fakes, and the steps that tests take with them."""

import json
from collections.abc import Callable
from typing import Any

from multimodal.features.group import RecordMaker
from multimodal.features.ingest import FeatureIngest
from multimodal.genomics.config import genomics_config
from multimodal.genomics.jobs import BatchJobRecorder, JobStarter, RnaJobSettings
from multimodal.genomics.matrix import MatrixTables
from multimodal.genomics.readiness import GenomicsReadiness, genomics_rules
from multimodal.genomics.records import RnaRecords
from multimodal.imaging.completeness import ImagingRules
from multimodal.imaging.config import load_contract
from multimodal.imaging.jobs import JobSettings
from multimodal.imaging.records import ImagingRecords
from multimodal.imaging.runs import JobRecorder, RunPlanner, RunSummarizer, StudyStarter, SubjectClaims
from multimodal.ledger.claim import Starter, UnitClaims
from multimodal.ledger.evaluate import Rules, UnitEvaluator
from multimodal.ledger.listing import CompletionTimeouts
from multimodal.ledger.outcome import OutcomeRecorder
from multimodal.ledger.ports import Ports
from multimodal.ledger.run_paths import RunPaths
from multimodal.ledger.unit import LedgerItem, Unit, case_unit
from multimodal.pipeline.arrivals import ArrivalRegistrar, Upload
from multimodal.pipeline.sweep import Sweep
from multimodal.tables.start import TableRules, TableStarter
from multimodal.tables.table import TableKind
from tests.unit.functions.fake_tables import FakeKind
from tests.unit.functions.fakes import (
    FakeBatch,
    FakeClock,
    FakeFeatureStore,
    FakeJobs,
    FakeLedger,
    FakeMetrics,
    FakeObjects,
    FakeRuns,
)

DATASET = "nsclc_radiogenomics"
QUIET = 300
FORCE = 5400
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/radiomics:1"


class World:
    """A stack in memory."""

    def __init__(
        self,
        image: str = IMAGE,
        concurrency: int = 50,
        in_flight: int = 0,
        like: "World | None" = None,
        fast_lane_megabytes: int = 0,
    ) -> None:
        self.clock, self.metrics, self.ledger, self.runs = FakeClock(), FakeMetrics(), FakeLedger(), FakeRuns()
        self.raw, self.processed, self.features = FakeObjects("raw"), FakeObjects("processed"), FakeFeatureStore()
        self.batch, self.table_runs = FakeBatch(), FakeRuns()
        self.kind = FakeKind(DATASET)
        self.matrices: TableKind = MatrixTables(self.ledger, "stack", {})
        self.raw.clock = self.processed.clock = self.clock
        if like is not None:
            # The same stack, deployed anew with another image.
            self.clock, self.ledger, self.raw, self.processed = like.clock, like.ledger, like.raw, like.processed
        config = genomics_config(DATASET)
        self.ports = ports = Ports(self.ledger, self.raw, self.processed, self.clock, self.metrics)
        imaging = ImagingRules(self.raw, image, frozenset({DATASET}))
        genomics = genomics_rules(ports, GenomicsReadiness("salmon", image, "raw", {DATASET: config}))
        self.table_datasets = {"clinical": {DATASET}, "genomics": {"d"}}
        tables = TableRules(self.raw, self.table_datasets)
        self.rules_of: Callable[[Unit], Rules] = lambda unit: (
            tables if unit.is_table else genomics(unit) if unit.modality == "genomics" else imaging
        )
        self.evaluator = UnitEvaluator(ports, CompletionTimeouts(QUIET, FORCE), self.rules_of)
        self.claims, self.recorder = UnitClaims(ports), OutcomeRecorder(ports)
        rna = RnaJobSettings("raw", "processed", "salmon", image)
        starters: dict[str, Starter] = {
            "imaging": StudyStarter(self.runs, self.claims),
            "genomics": JobStarter(ports, self.batch, self.claims, rna, {DATASET: config}),
            "tables": TableStarter(ports, self.table_runs, self.claims),
        }
        self.register = ArrivalRegistrar(ports, QUIET).register
        self.announced: list[str] = []
        self.sweep = Sweep(ports, self.evaluator, self.recorder, starters, self.announced.append, self.batch)
        subjects = SubjectClaims(ports, self.evaluator, self.claims)
        settings = JobSettings("raw", "processed", image, 5, 7200, fast_lane_megabytes)
        self.plan = RunPlanner(ports, FakeJobs(in_flight), subjects, settings, concurrency).plan
        self.record_job = JobRecorder(ports, self.recorder).record_job
        self.summarize = RunSummarizer(ports).summarize
        makers: dict[str, RecordMaker] = {
            "imaging": ImagingRecords(ports, "stack"),
            "genomics": RnaRecords(ports, "stack"),
        }
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        self.ingest = FeatureIngest(ports, self.features, makers, self._pause).ingest
        self.record_batch_job = BatchJobRecorder(ports, self.recorder).record_job

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_pause()

    def kind_of(self, unit: Unit) -> TableKind:
        """Return the kind of a table."""
        return self.kind if unit.modality == "clinical" else self.matrices

    def upload(self, *keys: str, body: bytes = b"x", times: int = 1) -> set[str]:
        """Put objects and deliver their events ``times`` times in one batch."""
        for key in keys:
            self.raw.put(key, body)
        events = [Upload(f"m{i}-{n}", key, self.clock()) for n in range(times) for i, key in enumerate(keys)]
        return self.register(events)

    def tick(self, seconds: int = 0) -> dict[str, Any]:
        """Let time pass and sweep."""
        self.clock.advance(seconds)
        return self.sweep.run(lambda: True)

    def item(self, subject: str = "R01-001", study: str = "1.2.3") -> LedgerItem:
        """Return a unit's ledger item."""
        item = self.ledger.get(Unit(DATASET, subject, study).unit_id)
        assert item is not None
        return item

    def jobs(self, run: str) -> list[dict[str, Any]]:
        """Plan a run and return its jobs."""
        self.plan("exec", {"run_id": run})
        return list(self.processed.read_json(RunPaths(run).jobs))

    def run_job(self, job: dict[str, Any], result: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what the container and the state machine do: leave results, then record the job as completed."""
        document = self.processed.read_json(job["job_uri"].removeprefix("s3://processed/") + "job.json")
        for unit in document["units"]:
            run = {
                "run_id": document["run_id"],
                "job_id": document["job_id"],
                "content_version": unit["content_version"],
            }
            content = result or features_document(unit["subject"])
            name = "rejection.json" if "reason_code" in content else "features.json"
            address = Unit(unit["dataset"], unit["subject"], unit["study"])
            self.processed.write_json(address.result_key(name), {**content, "run": run})
        return self.record_job(job, {"status": "Completed", "reason": ""})

    def sweep_until_run(self) -> str:
        """Wait out the quiet period and return the run that was started."""
        run = self.tick(QUIET + 60)["run_id"]
        assert isinstance(run, str)
        return run

    def features_key(self, subject: str = "R01-001", study: str = "1.2.3") -> str:
        """Key of a unit's features."""
        return Unit(DATASET, subject, study).result_key("features.json")


def slices(count: int, subject: str = "R01-001", study: str = "1.2.3") -> list[str]:
    """Return keys of a study's slices."""
    return [f"imaging/{DATASET}/{subject}/{study}/series/1-{i:02d}.dcm" for i in range(1, count + 1)]


def features_document(subject: str = "R01-001", value: float = 1.5) -> dict[str, Any]:
    """Return a valid ``features.json`` for the default parameter file."""
    contract = load_contract("ct")
    roi = {
        "label": "tumour",
        "source": "SEG",
        "source_uid": "2.25.1",
        "segment_number": 1,
        "primary": True,
        "voxels": 100,
        "slices": 5,
        "volume_ml": 0.3,
        "features": dict.fromkeys(contract.features, value),
        "missing": {},
    }
    versions = dict.fromkeys(
        ("radiomics_job", "pyradiomics", "pydicom", "dcmstack", "nibabel", "numpy", "SimpleITK"), "1"
    )
    document = {
        "schema": 1,
        "subject": subject,
        "study_uid": "1.2.3",
        "series_uid": "1.2.3.4",
        "acquired_at": "2011-05-04T10:20:30Z",
        "acquired_at_source": "AcquisitionDate",
        "run": {"run_id": None, "job_id": None, "content_version": None},
        "rois": [roi],
        "acquisition": {
            "manufacturer": "Synthetic",
            "model": "S1",
            "kernel": "B30f",
            "kvp": 120.0,
            "contrast": None,
            "pixel_spacing_mm": [0.7, 0.8],
            "slice_spacing_mm": 3.0,
            "slice_thickness_mm": 3.0,
        },
        "qc": {"status": "accept", "warnings": []},
        "provenance": {
            "input_hash": "a" * 64,
            "params": "ct",
            "params_hash": contract.params_hash,
            "versions": versions,
            "files": {"dicom": 10, "ignored": 0},
        },
    }
    return dict(json.loads(json.dumps(document)))


def rejection_document(reason: str = "UNREADABLE_DICOM") -> dict[str, Any]:
    """Return a valid ``rejection.json``."""
    return {
        "schema": 1,
        "subject": "R01-001",
        "run": {"run_id": None, "job_id": None, "content_version": None},
        "reason_code": reason,
        "message": "a file could not be read; upload it again",
        "details": {"files": 1},
    }


REFERENCE = "human"
GENES = {"ENSG1": "CD44", "ENSG2": "VIM", "ENSG3": "VIM", "ENSG4": "BGN", "ENSG5": "OTHER"}
TPM = {"ENSG1": 3.0, "ENSG2": 1.0, "ENSG3": 6.0, "ENSG5": 100.0}


class RnaWorld(World):
    """The same stack, with a built reference, and the steps of the genomics path."""

    def __init__(self, image: str = IMAGE, *, built: bool = True, like: World | None = None) -> None:
        super().__init__(image, like=like)
        if built:
            self.build()

    def build(self) -> None:
        """Leave what the job that builds a reference leaves."""
        rows = "".join(f"T{gene}\t{gene}\t{symbol}\n" for gene, symbol in GENES.items())
        header = "transcript_id\tgene_id\tgene_name\n"
        for engine in ("salmon", "dragen"):
            table = f"{engine}/0123456789ab/transcripts.tsv"
            self.processed.write_text(f"references/{REFERENCE}/{table}", header + rows)
            self.processed.write_json(
                f"references/{REFERENCE}/{engine}.manifest.json",
                {"engine_version": "1.10.1", "files": {"transcripts": table}},
            )

    def case(self, name: str = "R01-023", dataset: str = DATASET) -> LedgerItem:
        """Return a case's ledger item."""
        item = self.ledger.get(case_unit(dataset, name).unit_id)
        assert item is not None
        return item

    def start_case(self, *keys: str) -> str:
        """Upload reads, wait and return the job."""
        self.upload(*(keys or reads()))
        assert self.tick(QUIET + 60)["jobs"] == 1
        return list(self.batch.submitted)[-1]

    def arguments(self, name: str) -> list[str]:
        """Return what a job is told: its command, or the file that a sample's command names."""
        command = self.batch.submitted[name]
        named = command[1].removeprefix("s3://processed/") if command[0] == "--arguments" else None
        return command if named is None else list(json.loads(self.processed.content[named]))

    def end_job(self, name: str, status: str = "SUCCEEDED", **detail: Any) -> dict[str, Any]:
        """Deliver Batch's event of a job's end."""
        self.batch.running.discard(name)
        return self.record_batch_job({"jobName": name, "status": status, "statusReason": "it ended", **detail})

    def run_case(self, run: str, document: dict[str, Any] | None = None, case: str = "R01-023") -> str:
        """Do what the container does: leave the table and then ``run.json``; return the latter's key."""
        unit, content = case_unit(DATASET, case), document or run_document(case)
        table = "".join(f"{gene}\t1\t1\t{tpm}\t9\n" for gene, tpm in sorted(TPM.items()))
        header = "Name\tLength\tEffectiveLength\tTPM\tNumReads\n"
        self.processed.write_text(unit.result_key(f"{case}.quant.genes.sf"), header + table)
        name = "rejection.json" if "reason_code" in content else "run.json"
        self.processed.write_json(
            unit.result_key(name), {**content, "run": {"run_id": run, "job_id": run, "content_version": "g"}}
        )
        return unit.result_key(name)


def reads(case: str = "R01-023", lanes: int = 1) -> list[str]:
    """Return keys of a case's paired reads as bcl2fastq names them."""
    names = [f"{case}_S1_L{lane:03d}_R{mate}_001.fastq.gz" for lane in range(1, lanes + 1) for mate in (1, 2)]
    return [f"genomics/{DATASET}/{case}/{name}" for name in names]


def run_document(case: str = "R01-023") -> dict[str, Any]:
    """Return a valid ``run.json``."""
    return {
        "schema": 1,
        "subject": case,
        "run": {"run_id": None, "job_id": None, "content_version": None},
        "assay": {
            "engine": "salmon",
            "engine_version": "1.10.1",
            "reference": REFERENCE,
            "genome": "GRCh38",
            "annotation": "GENCODE 44",
            "unit": "TPM",
            "library_type": "A",
        },
        "files": {
            "transcripts": f"{case}.quant.sf",
            "genes": f"{case}.quant.genes.sf",
            "metrics": f"{case}.quant.metrics.csv",
        },
        "library": {
            "declared": "A",
            "detected": "ISR",
            "compatible_fragment_ratio": 0.98,
            "conflict": False,
            "warnings": [],
        },
        "reads": {"pairs": 1000, "lanes": 1, "bytes": 5000},
        "metrics": {"total_reads": 1000, "mapped_reads": 900, "mapped_percent": 90.0},
        "qc": {
            "read_length": {"shortest": 75, "mean": 75.5, "longest": 76},
            "shorter_than_k_percent": 0.0,
            "forward_percent": 1.5,
            "genes_detected": 12000,
            "mitochondrial_percent": 12.5,
            "ribosomal_percent": 1.25,
            "warnings": [],
            "trimming": None,
        },
        "provenance": {"input_hash": "a" * 64, "rnaseq_job_version": "0.1.0", "command": ["salmon"]},
    }
