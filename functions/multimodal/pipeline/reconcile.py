"""Reconcile RawBucket with the ledger: an upload whose event was lost is in no ledger, so nobody misses it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from multimodal.imaging.uploads import studies_of
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality, Unit
from multimodal.observability import Metric, logger
from multimodal.pipeline.arrivals import parse_key

_SUBJECTS = 500
"""How many subjects are listed before their studies are registered: time may end in a large dataset."""


@dataclass(frozen=True)
class Reconciler:
    """Lists what was uploaded and registers what the ledger has never seen (docs/decisions.md#aws-9)."""

    ports: Ports
    quiet_period: int

    def run(self, time_is_left: Callable[[], bool]) -> dict[str, Any]:
        """Compare bucket and ledger.

        Parameters
        ----------
        time_is_left : callable
            False when the listing should end; the next one begins anew.

        Returns
        -------
        dict
            `checked` and `registered` units, and whether everything was listed (`complete`).
        """
        checked = registered = 0
        complete = True
        for units in self._uploaded():
            if not time_is_left():
                complete = False
                break
            news = list(self.ports.parallel_map(self._register, units))
            checked, registered = checked + len(news), registered + sum(news)
        logger().info("reconciled", checked=checked, registered=registered, complete=complete)
        return {"checked": checked, "registered": registered, "complete": complete}

    def _uploaded(self) -> Iterator[list[Unit]]:
        """Yield the units of RawBucket, a subject's or a dataset's at a time."""
        for modality in Modality:
            for dataset in self.ports.raw.folders(f"{modality}/")[0]:
                yield from self._studies(dataset) if modality is Modality.IMAGING else [self._keyed(modality, dataset)]

    def _studies(self, dataset: str) -> Iterator[list[Unit]]:
        subjects = self.ports.raw.folders(f"{Modality.IMAGING}/{dataset}/")[0]
        for start in range(0, len(subjects), _SUBJECTS):
            # Folders only: a study has hundreds of objects.
            some = subjects[start : start + _SUBJECTS]
            yield from self.ports.parallel_map(lambda subject: studies_of(self.ports.raw, dataset, subject), some)

    def _keyed(self, modality: Modality, dataset: str) -> list[Unit]:
        parsed = (parse_key(stored.key).unit for stored in self.ports.raw.objects_under(f"{modality}/{dataset}/"))
        return list(dict.fromkeys(unit for unit in parsed if unit is not None))

    def _register(self, unit: Unit) -> bool:
        if self.ports.ledger.get(unit.unit_id) is not None:
            return False
        now = self.ports.clock()
        is_new = self.ports.ledger.record_arrival(unit, now, now + self.quiet_period, at_once=False)
        if is_new:
            self.ports.metrics.count(Metric.UNITS_RECEIVED, modality=unit.modality)
            logger().warning("upload whose event was lost", correlation_id=unit.correlation_id)
        return is_new
