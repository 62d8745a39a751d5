"""When a study is complete and may start."""

from dataclasses import dataclass

from multimodal.domain.completeness import Blocked, Decision, Patience, Refuse, decide
from multimodal.domain.listing import Listing
from multimodal.domain.reasons import Reason
from multimodal.domain.units import LedgerItem, Unit
from multimodal.ports import ObjectStore
from multimodal.services.look_up import list_study, promised_objects


@dataclass(frozen=True)
class Readiness:
    """What the deployment can process.

    Parameters
    ----------
    image_uri : str
        The radiomics image; empty while none was given.
    datasets : frozenset of str
        Names of the datasets that have an imaging configuration.
    """

    image_uri: str
    datasets: frozenset[str]


class ImagingRules:
    """:class:`multimodal.services.review_unit.Rules` of imaging studies."""

    def __init__(self, raw: ObjectStore, readiness: Readiness) -> None:
        self._raw, self._readiness = raw, readiness

    def look_up(self, unit: Unit) -> Listing:
        """List the study's folder and its zip."""
        return list_study(self._raw, unit)

    def decide(self, item: LedgerItem, listing: Listing, patience: Patience, now: int) -> Decision:
        """Decide by zip, marker or quiet period."""
        if item.unit.dataset not in self._readiness.datasets:
            return unknown_dataset(item.unit)
        return decide(item, listing, promised_objects(self._raw, listing), patience, now)

    def blocked(self, unit: Unit) -> Blocked | None:
        """Say that no image is deployed."""
        if self._readiness.image_uri:
            return None
        message = (
            "no radiomics image is deployed; push one, deploy with RadiomicsImageUri, and the unit starts by itself"
        )
        return Blocked(Reason.IMAGE_NOT_SET, message)


def unknown_dataset(unit: Unit) -> Refuse:
    """Refuse a unit for whose dataset nothing is configured."""
    message = (
        f"no {unit.modality} configuration for dataset {unit.dataset!r} is deployed; add functions/datasets/"
        f"{unit.dataset}.yaml, name it in DatasetNames, deploy, then retry"
    )
    return Refuse(Reason.DATASET_UNKNOWN, message, {})
