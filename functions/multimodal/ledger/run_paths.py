"""Where the documents of a run lie in ProcessedBucket, and the listing of a claimed unit among them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from multimodal.ledger.listing import Listing
from multimodal.ledger.ports import StoredObject
from multimodal.ledger.unit import Unit


@dataclass(frozen=True)
class RunPaths:
    """Keys of a run's objects in ProcessedBucket."""

    run_id: str

    @property
    def root(self) -> str:
        """Prefix of everything below."""
        return f"runs/{self.run_id}/"

    @property
    def plan(self) -> str:
        """The units of the run."""
        return f"{self.root}plan.json"

    @property
    def jobs(self) -> str:
        """The array that the state machine's Map reads."""
        return f"{self.root}jobs.json"

    @property
    def arguments(self) -> str:
        """The arguments of the Batch job of a sample."""
        return f"{self.root}arguments.json"

    @property
    def check(self) -> str:
        """What was found when a table was read."""
        return f"{self.root}check.json"

    @property
    def parts(self) -> str:
        """Prefix of a table's records."""
        return f"{self.root}parts/"

    def part(self, number: int) -> str:
        """Some of a table's records, one a line."""
        return f"{self.parts}{number:05d}.jsonl.gz"

    def listing(self, correlation_id: str) -> str:
        """The exact objects of one unit."""
        return f"{self.root}listings/{correlation_id}.json"

    def manifest(self, job: str) -> str:
        """SageMaker manifest of a job."""
        return f"{self.root}jobs/{job}/inputs.manifest"

    def job_folder(self, job: str) -> str:
        """Prefix that holds nothing but `job.json`."""
        return f"{self.root}jobs/{job}/job/"


def listing_document(unit: Unit, listing: Listing) -> dict[str, Any]:
    """Return what is stored of a claimed unit's listing."""
    return {
        "unit_id": unit.unit_id,
        "content_version": listing.content_version,
        "objects": [asdict(o) for o in listing.objects],
    }


def listing_from(document: Mapping[str, Any]) -> Listing:
    """Return the listing that `listing_document` stored."""
    return Listing(tuple(StoredObject(o["key"], o["size"], o["etag"]) for o in document["objects"]))
