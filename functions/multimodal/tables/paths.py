"""Where the results of tables lie in ProcessedBucket."""

from dataclasses import dataclass

from multimodal.ledger.unit import Unit

REPORT_NAME = "report.json"
REJECTED_NAME = "rejected.csv"
INGEST_NAME = "ingest.json"


@dataclass(frozen=True)
class TablePaths:
    """Keys of what is kept of a dataset's tables; those of one dataset share their state."""

    unit: Unit

    @property
    def state(self) -> str:
        """Which records the feature groups hold; names the file of them."""
        return f"{self.unit.result_folder}_state/state.json"

    def records(self, run: str) -> str:
        """The records that the groups hold once a run is through, one a line."""
        return f"{self.unit.result_folder}_state/{run}.jsonl.gz"

    def report(self, upload_id: str, name: str) -> str:
        """A report on one upload."""
        return f"{self.unit.result_folder}{upload_id}/{name}"

    def progress(self, upload_id: str, part_hash: str) -> str:
        """How many records of a part are written; by content, so that another run goes on where one broke off."""
        return f"{self.unit.result_folder}{upload_id}/parts/{part_hash}.json"
