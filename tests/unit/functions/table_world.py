"""The stack in memory with tables, and what the state machine does with them."""

import csv
import io
from typing import Any

from multimodal.ledger.unit import LedgerItem, Unit
from multimodal.pipeline.retry import rerun
from multimodal.tables.check import CheckTable
from multimodal.tables.write import FailTable, FinishTable, IngestPart
from tests.unit.functions.world import DATASET, World


class CrashError(Exception):
    """The function was gone in the middle of its work."""


class TableWorld(World):
    """The same stack, and the steps of tables; parts hold four records, progress is noted after two."""

    def __init__(self) -> None:
        super().__init__()
        self.check = CheckTable(self.ports, self.kind_of, self.features, part_records=4).check
        self.ingest_part = IngestPart(self.ports, self.features, chunk_records=2).ingest
        self.finish = FinishTable(self.ports).finish
        self.fail = FailTable(self.ports).fail

    def put_table(self, rows: str, name: str = "a.csv", header: str = "case_id,x") -> None:
        """Upload a table a second later than the one before."""
        self.clock.advance(1)
        lines = [header, *rows.split()]
        self.upload(f"clinical/{DATASET}/{name}", body="\n".join(lines).encode())

    def start(self) -> str:
        """Sweep and return the one run that was started."""
        before = len(self.table_runs.started)
        assert self.tick(1)["tables"] == 1
        (run,) = self.table_runs.started[before:]
        return run

    def execute(self, run: str) -> dict[str, Any]:
        """Do what the state machine does with a run; return what its first step said."""
        answer: dict[str, Any] = {}
        try:
            answer = self.check(run, lambda: True)
            for part in answer["parts"]:
                while self.ingest_part(run, part, lambda: True)["more"]:
                    pass
            if answer["decision"] in {"ingest", "finish"}:
                self.finish(run)
        except CrashError:
            pass
        except Exception as error:  # noqa: BLE001 – as States.ALL
            self.fail(run, {"Error": type(error).__name__, "Cause": f'{{"errorMessage": "{error}"}}'})
        self.table_runs.running.discard(run)
        return answer

    def take(self, rows: str, name: str = "a.csv", header: str = "case_id,x") -> dict[str, Any]:
        """Upload a table and take it."""
        self.put_table(rows, name, header)
        return self.execute(self.start())

    def table(self, name: str = "a.csv") -> LedgerItem:
        """Return a table's ledger item."""
        item = self.ledger.get(Unit(DATASET, name, "", "clinical").unit_id)
        assert item is not None
        return item

    def counts(self, name: str = "a.csv") -> dict[str, int]:
        """Return a table's counts."""
        return dict(self.ledger.extra[self.table(name).unit_id]["counts"])

    def report(self, report: str, name: str = "a.csv") -> str:
        """Return a report on a table."""
        return self.processed.content[f"clinical/{DATASET}/{self.table(name).content_version}/{report}"].decode()

    def rejected(self, name: str = "a.csv") -> list[dict[str, str]]:
        """Return the rows that were not taken."""
        return list(csv.DictReader(io.StringIO(self.report("rejected.csv", name))))

    def values(self, feature: str = "x") -> dict[str, str]:
        """Return what a reader of the store sees of a feature: of the latest event time what was written last."""
        newest: dict[str, tuple[str, str]] = {}
        for _, record in self.features.records:
            if feature in record and record["event_time"] >= newest.get(record["case_id"], ("", ""))[0]:
                newest[record["case_id"]] = (record["event_time"], record[feature])
        return {case: value for case, (_, value) in sorted(newest.items())}

    def written(self) -> list[tuple[str, str]]:
        """Return case and value of every record of the features' group, in the order of writing; then forget them."""
        found = [(r["case_id"], r["x"]) for _, r in self.features.records if "x" in r]
        self.features.records.clear()
        return found

    def retry(self, name: str = "a.csv") -> None:
        """Request another run, as an operator does."""
        unit_id = self.table(name).unit_id
        assert rerun(self.ports, [unit_id])["requested"] == [unit_id]
