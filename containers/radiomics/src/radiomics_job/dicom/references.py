"""Which images an object says that it was drawn on: listed by series, listed without one, named by each frame."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

CT_CLASSES = frozenset({
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image
})  # fmt: skip

PET_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.128"})
"""Positron Emission Tomography Image."""

ENHANCED_PET_CLASSES = frozenset({
    "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET Image
    "1.2.840.10008.5.1.4.1.1.128.1",  # Legacy Converted Enhanced PET Image
})  # fmt: skip
"""Multi-frame PET, whose doses and units are in functional groups: told, and not measured."""


FrameNumbers: TypeAlias = Mapping[str, frozenset[int]]
"""SOPInstanceUID to ReferencedFrameNumber, from 1; some writers have it for single-frame images too."""


@dataclass(frozen=True, eq=False)
class FrameReference:
    """Where a frame or contour lies, and the images that it names."""

    position: NDArray[np.float64]
    """LPS millimetres; shape (3,)."""
    images: frozenset[str]
    """SOPInstanceUIDs."""
    numbers: FrameNumbers = field(default_factory=dict)
    """Of the images named that are multi-frame, the frames that are meant; all of them where nothing is said."""


@dataclass(frozen=True, eq=False)
class References:
    """The CT images that a region was drawn on, as far as its object says so.

    References to images of another class (the PET that was shown beside the CT) are left out; those that state no
    class count as CT.
    """

    by_series: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """SeriesInstanceUID to the images listed below it: none for a series of another kind of image."""
    loose: frozenset[str] = frozenset()
    """Images that are listed without their series."""
    drawn_on: frozenset[str] = frozenset()
    """Images that the region's own frames or contours name."""
    frame_of_reference_uid: str = ""
    """Empty when absent."""
    frames: tuple[FrameReference, ...] = ()
    """Frame by frame, or contour by contour."""
    names_other_images: bool = False
    """Images that are no CT are among the references."""
    numbers: FrameNumbers = field(default_factory=dict)
    """Of the images named that are multi-frame, the frames that are meant; all of them where nothing is said."""

    @property
    def series(self) -> frozenset[str]:
        """SeriesInstanceUIDs."""
        return frozenset(self.by_series)

    @property
    def listed(self) -> frozenset[str]:
        """Images listed for the whole object, duplicates folded (real files repeat them)."""
        return frozenset(chain(self.loose, *self.by_series.values()))

    @property
    def instances(self) -> frozenset[str]:
        """Images listed for the whole object, or else those that the frames or contours name."""
        return self.listed or self.drawn_on

    def of_series(self, series_uid: str, elsewhere: frozenset[str]) -> frozenset[str]:
        """Give the images that a series should have.

        Parameters
        ----------
        elsewhere : frozenset of str
            Images of the study's other series: references without a series are not counted as missing if there.
        """
        return self.by_series.get(series_uid) or (self.instances - elsewhere)


@dataclass
class _Found:
    """References while they are collected."""

    classes: frozenset[str]
    images: set[str] = field(default_factory=set)
    others: bool = False
    numbers: dict[str, frozenset[int]] = field(default_factory=dict)

    def add(self, items: Iterable[Dataset]) -> None:
        for item in items:
            kind = str(item.get("ReferencedSOPClassUID") or "")
            if kind and kind not in self.classes:
                self.others = True
            elif instance := str(item.get("ReferencedSOPInstanceUID") or ""):
                self.images.add(instance)
                if numbers := _frame_numbers(item):
                    self.numbers[instance] = self.numbers.get(instance, frozenset()) | numbers

    def include(self, other: Self) -> None:
        """Take what another one found."""
        self.images |= other.images
        self.others |= other.others
        for instance, numbers in other.numbers.items():
            self.numbers[instance] = self.numbers.get(instance, frozenset()) | numbers


def _frame_numbers(item: Dataset) -> frozenset[int]:
    value = item.get("ReferencedFrameNumber")
    if value is None or value == "":
        return frozenset()
    return frozenset(int(number) for number in (value if isinstance(value, MultiValue) else [value]))


def segmentation_references(
    dataset: Dataset,
    frames: Sequence[tuple[int, NDArray[np.float64]]] | None = None,
    classes: frozenset[str] = CT_CLASSES,
) -> References:
    """Collect the references of a SEG: ReferencedSeriesSequence, SourceImageSequence, the source images of each frame.

    Parameters
    ----------
    frames : sequence of (int, ndarray)
        Index and position of the frames that hold the segment; all frames when not given.
    classes : frozenset of str
        SOP classes of the images that count.
    """
    series, loose = _listed_series(dataset.get("ReferencedSeriesSequence") or [], "ReferencedInstanceSequence", classes)
    drawn = _Found(classes)
    loose.add(dataset.get("SourceImageSequence") or [])
    drawn.add(_sources((dataset.get("SharedFunctionalGroupsSequence") or [])[:1]))
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or []
    chosen = frames if frames is not None else [(n, np.zeros(3)) for n in range(len(groups))]
    named = _named_one_by_one(((place, _sources(groups[n : n + 1])) for n, place in chosen), classes)
    for _, found in named:
        drawn.include(found)
    return _references(series, loose, drawn, str(dataset.get("FrameOfReferenceUID") or ""), named)


def structure_set_references(
    dataset: Dataset,
    contours: Iterable[tuple[NDArray[np.float64], Sequence[Dataset]]] = (),
    classes: frozenset[str] = CT_CLASSES,
    frame_of_reference_uid: str = "",
) -> References:
    """Collect the references of a region of an RTSTRUCT: what is listed for its frame of reference, and the contours'
    images.

    Parameters
    ----------
    contours : iterable of (ndarray, sequence of pydicom.Dataset)
        A point of each contour of the region (LPS millimetres; shape (3,)), and the items of its ContourImageSequence.
    frame_of_reference_uid : str
        ReferencedFrameOfReferenceUID of the region; empty when absent, which is taken for the object's only one.
    """
    items = [*(dataset.get("ReferencedFrameOfReferenceSequence") or [])]
    frames = {str(item.get("FrameOfReferenceUID") or "") for item in items} - {""}
    frame = frame_of_reference_uid or str(dataset.get("FrameOfReferenceUID") or "")
    if not frame and len(frames) == 1:
        (frame,) = frames
    listed = []
    for item in items:
        if str(item.get("FrameOfReferenceUID") or frame) == frame:
            for study in item.get("RTReferencedStudySequence") or []:
                listed += [*(study.get("RTReferencedSeriesSequence") or [])]
    series, loose = _listed_series(listed, "ContourImageSequence", classes)
    drawn, named = _Found(classes), _named_one_by_one(contours, classes)
    for _, found in named:
        drawn.include(found)
    return _references(series, loose, drawn, frame, named)


def _named_one_by_one(
    frames: Iterable[tuple[NDArray[np.float64], Iterable[Dataset]]], classes: frozenset[str]
) -> list[tuple[NDArray[np.float64], _Found]]:
    """Collect what each frame or contour names; the place of each beside it."""
    named = []
    for position, items in frames:
        found = _Found(classes)
        found.add(items)
        named.append((position, found))
    return named


def _references(
    series: Mapping[str, frozenset[str]],
    loose: _Found,
    drawn: _Found,
    frame_of_reference_uid: str,
    named: Iterable[tuple[NDArray[np.float64], _Found]],
) -> References:
    return References(
        series,
        frozenset(loose.images),
        frozenset(drawn.images),
        frame_of_reference_uid,
        tuple(FrameReference(place, frozenset(each.images), each.numbers) for place, each in named if each.images),
        loose.others or drawn.others,
        {**loose.numbers, **drawn.numbers},
    )


def _listed_series(
    items: Iterable[Dataset], sequence: str, classes: frozenset[str]
) -> tuple[dict[str, frozenset[str]], _Found]:
    """Give the images by series, and those whose series is not stated."""
    found: dict[str, _Found] = {}
    for item in items:
        found.setdefault(str(item.get("SeriesInstanceUID") or ""), _Found(classes)).add(item.get(sequence) or [])
    nameless = found.pop("", _Found(classes))
    nameless.others |= any(each.others for each in found.values())
    return {uid: frozenset(each.images) for uid, each in found.items()}, nameless


def _sources(groups: Iterable[Dataset]) -> Iterator[Dataset]:
    for group in groups:
        for derivation in group.get("DerivationImageSequence") or []:
            yield from derivation.get("SourceImageSequence") or []
