"""Which images a segmentation or a structure set says it was drawn on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset


@dataclass(frozen=True)
class References:
    """The images that an object was drawn on, as far as it says so.

    Parameters
    ----------
    series : frozenset of str
        SeriesInstanceUIDs.
    instances : frozenset of str
        SOPInstanceUIDs, duplicates folded (real files repeat them).
    frame_of_reference_uid : str
        Empty when absent.
    """

    series: frozenset[str]
    instances: frozenset[str]
    frame_of_reference_uid: str


def segmentation_references(dataset: Dataset) -> References:
    """Collect the references of a SEG: ReferencedSeriesSequence and the source images of each frame."""
    series, instances = set(), set()
    for item in dataset.get("ReferencedSeriesSequence") or []:
        series.add(str(item.get("SeriesInstanceUID") or ""))
        instances |= set(_instances(item, "ReferencedInstanceSequence"))
    if not instances:
        instances = set(_frame_sources(dataset))
    return References(
        frozenset(series - {""}), frozenset(instances - {""}), str(dataset.get("FrameOfReferenceUID") or "")
    )


def structure_set_references(dataset: Dataset) -> References:
    """Collect the references of an RTSTRUCT from its ReferencedFrameOfReferenceSequence."""
    series, instances, frame = set(), set(), ""
    for reference in dataset.get("ReferencedFrameOfReferenceSequence") or []:
        frame = frame or str(reference.get("FrameOfReferenceUID") or "")
        for study in reference.get("RTReferencedStudySequence") or []:
            for item in study.get("RTReferencedSeriesSequence") or []:
                series.add(str(item.get("SeriesInstanceUID") or ""))
                instances |= set(_instances(item, "ContourImageSequence"))
    return References(frozenset(series - {""}), frozenset(instances - {""}), frame)


def _frame_sources(dataset: Dataset) -> Iterator[str]:
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*shared, *(dataset.get("PerFrameFunctionalGroupsSequence") or [])):
        for derivation in group.get("DerivationImageSequence") or []:
            yield from _instances(derivation, "SourceImageSequence")


def _instances(item: Dataset, sequence: str) -> Iterator[str]:
    for reference in item.get(sequence) or []:
        yield str(reference.get("ReferencedSOPInstanceUID") or "")
