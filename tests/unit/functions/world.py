"""The services of the imaging path, wired to fakes, and the steps that tests take with them."""

import json
from typing import Any

from multimodal.adapters.package_files import load_contract, load_dataset
from multimodal.domain.completeness import Patience
from multimodal.domain.jobs import JobSettings, RunPaths
from multimodal.domain.units import LedgerItem, Unit
from multimodal.services.ingest_features import IngestFeatures
from multimodal.services.plan_run import ClaimSubjects, PlanRun
from multimodal.services.record_outcome import RecordJob, SummarizeRun
from multimodal.services.register_arrivals import RegisterArrivals, Upload
from multimodal.services.review_unit import Readiness, ReviewUnit
from multimodal.services.settle_unit import SettleUnit
from multimodal.services.start_run import ClaimUnits
from multimodal.services.sweep import Sweep
from tests.unit.functions.fakes import (
    FakeClock,
    FakeFeatureStore,
    FakeJobs,
    FakeLedger,
    FakeMeter,
    FakeObjects,
    FakeRuns,
)

DATASET = "nsclc_radiogenomics"
QUIET = 300
FORCE = 5400
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/radiomics:1"


class World:
    """A stack in memory."""

    def __init__(self, image: str = IMAGE, concurrency: int = 50, in_flight: int = 0) -> None:
        self.clock, self.meter, self.ledger, self.runs = FakeClock(), FakeMeter(), FakeLedger(), FakeRuns()
        self.raw, self.processed, self.features = FakeObjects("raw"), FakeObjects("processed"), FakeFeatureStore()
        review = ReviewUnit(
            self.ledger,
            self.raw,
            self.clock,
            self.meter,
            Patience(QUIET, FORCE),
            Readiness(image, frozenset({DATASET})),
        )
        claim = ClaimUnits(self.ledger, self.processed, self.clock, self.meter)
        settle = SettleUnit(self.ledger, self.processed, self.clock, self.meter)
        self.register = RegisterArrivals(self.ledger, self.raw, self.clock, self.meter, QUIET)
        self.sweep = Sweep(self.ledger, self.runs, self.clock, self.meter, review, claim, settle)
        self.plan = PlanRun(
            self.processed,
            FakeJobs(in_flight),
            ClaimSubjects(self.ledger, self.raw, self.clock, review, claim),
            JobSettings("raw", "processed", image, 5, 7200),
            concurrency,
            load_dataset,
        )
        self.record_job = RecordJob(self.processed, self.ledger, settle)
        self.summarize = SummarizeRun(self.processed, self.ledger)
        self.ingest = IngestFeatures(
            self.ledger,
            self.processed,
            self.features,
            self.clock,
            self.meter,
            "stack",
            load_dataset,
            load_contract,
        )

    def upload(self, *keys: str, body: bytes = b"x", times: int = 1) -> set[str]:
        """Put objects and deliver their events ``times`` times in one batch."""
        for key in keys:
            self.raw.put(key, body)
        events = [Upload(f"m{i}-{n}", key, self.clock()) for n in range(times) for i, key in enumerate(keys)]
        return self.register(events)

    def tick(self, seconds: int = 0) -> dict[str, Any]:
        """Let time pass and sweep."""
        self.clock.advance(seconds)
        return self.sweep(lambda: True)

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
            run = {"run_id": document["run_id"], "job_id": document["job_id"], "generation": unit["generation"]}
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
        "run": {"run_id": None, "job_id": None, "generation": None},
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
        "run": {"run_id": None, "job_id": None, "generation": None},
        "reason_code": reason,
        "message": "a file could not be read; upload it again",
        "details": {"files": 1},
    }
