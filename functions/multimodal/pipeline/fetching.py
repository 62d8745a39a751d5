"""Uploaded manifests of public series: read as a whole, then copied study by study."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from multimodal.imaging.fetch import StudyCopier, licences_of, study_items
from multimodal.imaging.known_series import look_up_shipped
from multimodal.imaging.series_manifest import Series, invalid_manifest, is_manifest, parse_manifest
from multimodal.imaging.uploads import NO_NAME
from multimodal.ledger.errors import BadInputError, InvalidRequestError, Reason
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Status, Unit
from multimodal.observability import logger

MANIFEST_STUDY = "manifest-file"
"""Stands for the study in the unit that says what is wrong with a dataset's manifest."""


@dataclass(frozen=True)
class ManifestReader:
    """Turns an uploaded manifest into one item for each study.

    Parameters
    ----------
    ports : Ports
    buckets : sequence of str
        The only buckets that a manifest may name.
    datasets : frozenset of str
        Names of the deployed datasets.
    """

    ports: Ports
    buckets: tuple[str, ...]
    datasets: frozenset[str]

    def read(self, key: str) -> dict[str, Any]:
        """Read the manifest at a key of RawBucket; one that is invalid is noted in the ledger and copies nothing.

        Raises
        ------
        InvalidRequestError
            When the key is no manifest's.
        """
        dataset, name = _parts_of(key)
        try:
            series = self._series(dataset, name, key)
            items = study_items(dataset, series)
        except BadInputError as error:
            logger().warning("manifest rejected", dataset=dataset, reason_code=error.reason_code)
            unit = Unit(dataset, NO_NAME, MANIFEST_STUDY)
            self.ports.ledger.record_invalid_upload(unit, error.reason_code, error.message, error.details)
            return {"study_count": 0, "items_key": ""}
        return self._store(dataset, series, items)

    def _series(self, dataset: str, name: str, key: str) -> list[Series]:
        if dataset not in self.datasets:
            problem = f"no dataset {dataset!r} is deployed; there are {', '.join(sorted(self.datasets))}"
            raise invalid_manifest(name, [problem])
        text = self.ports.raw.read_text(key)
        if text is None:
            raise invalid_manifest(name, ["it is gone"])
        return parse_manifest(name, text, look_up_shipped, self.buckets)

    def _store(self, dataset: str, series: list[Series], items: list[dict[str, Any]]) -> dict[str, Any]:
        digest = hashlib.sha256(repr([asdict(each) for each in series]).encode()).hexdigest()[:16]
        folder = f"runs/fetch-{dataset}-{digest}/"
        self._clear_note(dataset)
        self.ports.processed.write_json(folder + "studies.json", items)
        self.ports.processed.write_text(folder + "licenses.csv", licences_of(series), "text/csv")
        logger().info("manifest read", dataset=dataset, series=len(series), studies=len(items))
        return {"study_count": len(items), "items_key": folder + "studies.json"}

    def _clear_note(self, dataset: str) -> None:
        """What was wrong with an earlier manifest is no more."""
        item = self.ports.ledger.get(Unit(dataset, NO_NAME, MANIFEST_STUDY).unit_id)
        if item:
            nothing = dict.fromkeys(("reason_code", "reason_message", "reason_details"))
            self.ports.ledger.update(item, {"status": Status.COMPLETED.value, **nothing})


def _parts_of(key: str) -> tuple[str, str]:
    match key.split("/"):
        case ["imaging", dataset, name] if is_manifest(name):
            return dataset, name
    raise InvalidRequestError("the key must be imaging/<dataset>/_manifest.csv, .s5cmd or .tcia")


@dataclass(frozen=True)
class StudyFetcher:
    """Copies studies, and notes in the ledger which could not be."""

    ports: Ports
    copier: StudyCopier

    def copy(self, item: Mapping[str, Any], time_is_left: Callable[[], bool]) -> dict[str, Any]:
        """Copy (more of) a study; `done` is False when time ran out before its end."""
        try:
            copied = self.copier.copy(item, time_is_left)
        except BadInputError as error:
            self._record(item, error.reason_code, error.message, error.details)
            return {"done": True}
        logger().info("study fetched", correlation_id=_unit(item).correlation_id, **asdict(copied))
        return {"done": copied.done}

    def fail(self, item: Mapping[str, Any], error: Mapping[str, Any]) -> dict[str, Any]:
        """Note a study whose copy broke off, with what Step Functions says of the error."""
        name = str(error.get("Error"))[:100]
        message = f"the copy from the archive broke off ({name}); upload the manifest again: it goes on"
        self._record(item, Reason.FETCH_FAILED, message, {"cause": str(error.get("Cause"))[:500]})
        return {"done": True}

    def _record(self, item: Mapping[str, Any], reason: str, message: str, details: Mapping[str, Any]) -> None:
        unit = _unit(item)
        logger().warning("study not fetched", correlation_id=unit.correlation_id, reason=reason)
        known = self.ports.ledger.get(unit.unit_id)
        if known and known.run_id:
            # It was fetched or uploaded before: what its run found stays, and a run that goes on ends as it would.
            unit, message = Unit(unit.dataset, NO_NAME, MANIFEST_STUDY), f"study {unit.subject}/{unit.study}: {message}"
        self.ports.ledger.record_invalid_upload(unit, reason, message, details)


def _unit(item: Mapping[str, Any]) -> Unit:
    first = item["series"][0]
    return Unit(item["dataset"], first["patient"], first["study"])
