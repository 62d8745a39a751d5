"""Write some of a table's records."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from multimodal.features.group import FeatureRecords
from multimodal.ledger.claim import RunPaths
from multimodal.ledger.errors import BadInputError
from multimodal.ledger.ports import Ports
from multimodal.observability import Metric, logger
from multimodal.tables.limits import CHUNK_RECORDS
from multimodal.tables.run import TableRun, TableRuns
from multimodal.tables.state import from_line


class IngestPart:
    """The step that the state machine takes for every part, again while there is more.

    Parameters
    ----------
    runs
        Service.
    ports, features
        Ports.
    chunk_records : int
        Records after which progress is noted.
    """

    def __init__(
        self,
        runs: TableRuns,
        ports: Ports,
        features: FeatureRecords,
        chunk_records: int = CHUNK_RECORDS,
    ) -> None:
        self._runs, self.ports, self._features = runs, ports, features
        self._chunk_records = chunk_records

    def ingest(self, run: str, number: int, time_is_left: Callable[[], bool]) -> dict[str, Any]:
        """Write the part's records while time is left; go on where an earlier call, or an earlier run, ended.

        Parameters
        ----------
        run : str
            Name of the run.
        number : int
            Number of the part.
        time_is_left : callable
            False when the call should end; the state machine calls again.

        Returns
        -------
        dict
            ``more`` says whether records are left.
        """
        found = self._runs.find(run)
        answer = {"run_id": run, "part": number, "more": False}
        if self._runs.holds(found) is None:
            logger().warning("table not held, nothing written", run_id=run, part=number)
            return answer
        part = self._runs.check(run)["parts"][number]
        done = self._write(found, number, part["hash"], time_is_left)
        return answer | {"more": done < part["records"]}

    def _write(self, found: TableRun, number: int, part_hash: str, time_is_left: Callable[[], bool]) -> int:
        key = found.paths.progress(found.upload_id, part_hash)
        done = int((self.ports.processed.read_json(key) or {"done": 0})["done"])
        lines = islice(self._runs.lines(RunPaths(found.run).part(number)), done, None)
        while chunk := list(islice(lines, self._chunk_records)):
            list(self.ports.parallel_map(self._put, chunk))
            done += len(chunk)
            self.ports.processed.write_json(key, {"done": done})
            self.ports.metrics.count(Metric.FEATURE_RECORDS_WRITTEN, len(chunk), found.unit.modality)
            if not time_is_left():
                break
        logger().info(
            "records written", correlation_id=found.unit.correlation_id, run_id=found.run, part=number, done=done
        )
        return done

    def _put(self, line: str) -> None:
        group, record = from_line(line)
        try:
            self._features.put(group, record)
            return
        except BadInputError as error:
            code = error.reason_code
        # Without Feature Store's own words, which quote the value.
        message = (
            f"Feature Store refused a record of {group}; deploy the stack again, so that the group fits it, and retry"
        )
        raise BadInputError(code, message)
