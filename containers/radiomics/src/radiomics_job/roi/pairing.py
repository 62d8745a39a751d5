"""Which CT series a region was drawn on: by what its frames name, by what its object lists, else by space.

Decision record: `features-13`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from radiomics_job.dicom.ct_slice import CtSlice
from radiomics_job.dicom.references import References
from radiomics_job.dicom.series import NO_COMMON_FRAME, CtSeries, acquisitions, is_one_stack
from radiomics_job.errors import Detail, ReasonCode, StudyRejectedError
from radiomics_job.geometry.grid import slice_normal

MOST_LOCALIZERS = 4
"""Listed images that may be absent beside a region whose own images are all here: archives keep back the scouts that
structure sets list. More are an upload that is under way."""

_NEARLY_PARALLEL = 0.9998
"""Cosine of about one degree: images that are turned by more lie in other planes, whatever their positions."""

_SPACING_NOISE = 0.01
"""Share of the pixel spacing up to which a difference is the writer's, and not another reconstruction."""

_TOLD_APART_BY = (
    ("FrameOfReferenceUID", "frame_of_reference_uid"),
    ("ConvolutionKernel", "kernel"),
    ("Rows", "rows"),
    ("Columns", "columns"),
    ("PixelSpacing", "spacing"),
    ("ImageOrientationPatient", "orientation"),
)
"""What images of one series are grouped by: the attribute, and where an image has it."""

Fits = Callable[[CtSeries], bool]


@dataclass(frozen=True, eq=False)
class Pairing:
    """The CT that was chosen for a segmentation, and why."""

    ct: CtSeries
    """The chosen series."""
    method: str
    """`referenced_series`, `referenced_instances`, `frame_of_reference`, `geometry`."""
    referenced: int
    found: int
    """Images of this CT that the segmentation references, and how many of them are here; both 0 without references."""
    frame_of_reference_matches: bool | None
    """None when either side does not state one."""
    own_images_here: bool = False
    """Every image that the region's own frames or contours name is here, though not all that are listed."""
    rewritten: bool = False
    """The series is here and none of the images named, yet every frame or contour lies on one of its slices."""
    taken_by: str | None = None
    """What told the region's images from others of the series: `instances`, `acquisition`, `object`; None for all."""
    set_aside: int = 0
    """Images of the series that were not taken for that reason."""
    regions_elsewhere: int = 0
    """Other regions that are asked for, left aside because they lie on another series or in another frame."""

    def describe(self, candidates: int) -> dict[str, Detail]:
        """Say what was taken and why, for `qc.json`."""
        stated: dict[str, Detail] = {
            "method": self.method,
            "ct_series_candidates": candidates,
            "referenced_instances": self.referenced,
            "found_instances": self.found,
            "frame_of_reference_matches": self.frame_of_reference_matches,
        }
        if self.rewritten:
            stated["references_rewritten"] = True
        if self.regions_elsewhere:
            stated["regions_elsewhere"] = self.regions_elsewhere
        if self.taken_by:
            stated |= {"images_taken_by": self.taken_by, "images_set_aside": self.set_aside}
        return stated


def pair(
    references: References,
    candidates: Sequence[CtSeries],
    fits: Fits,
    least_found: float = 1.0,
    others: Mapping[str, str] | None = None,
) -> Pairing:
    """Choose the CT series of a region.

    Parameters
    ----------
    fits : callable
        Tells whether the region's own geometry lies on a series' slices; asked last.
    least_found : float
        Share of the referenced CT instances that must be present.
    others : mapping of str to str, optional
        SeriesInstanceUID to Modality of the study's series that are no CT.

    Raises
    ------
    StudyRejectedError
        `SEG_REFERENCES_OTHER_SERIES`, `INCOMPLETE_STUDY`, `CT_AMBIGUOUS` or `GEOMETRY_MISMATCH`.
    """
    if references.series or references.instances or references.names_other_images:
        ct, method = _by_reference(references, candidates, fits, others or {})
    else:
        ct, method = _by_space(references, candidates, fits)
    elsewhere = frozenset(uid for other in candidates if other.uid != ct.uid for uid in other.instance_uids)
    wanted = references.of_series(ct.uid, elsewhere)
    found = len(wanted & ct.instance_uids)
    named = found > 0 or bool(references.series)
    pairing = Pairing(ct, method, len(wanted) if named else 0, found, _same_frame(references, ct))
    pairing = _checked(pairing, references, wanted, fits, least_found)
    _check_frame(pairing, references, fits)
    _check_between(ct, references, candidates, fits)
    return _narrowed(pairing, references, fits)


def _check_frame(pairing: Pairing, references: References, fits: Fits) -> None:
    """Refuse coordinates of another frame of reference, unless the object itself says that they are this CT's.

    An export that rewrote the CT's UIDs leaves the CT listed under the region's frame, or named by frames or contours
    that lie on its slices.
    """
    ct = pairing.ct
    listed = ct.uid in references.series or bool(references.listed & ct.instance_uids)
    named = bool(references.drawn_on & ct.instance_uids)
    if _in_other_frame(references, ct) and not listed and not (named and fits(ct)):
        raise _other_frame(pairing.referenced, pairing.found)


def _check_between(ct: CtSeries, references: References, candidates: Sequence[CtSeries], fits: Fits) -> None:
    """Refuse a stack between whose slices other images of its series lie that the region was drawn on as well.

    Kernel, orientation, spacing, matrix or frame of reference told them apart; without them the region would be put on
    some of its slices only. A region that lies on the stack's slices loses nothing by another reconstruction, or by a
    few images that are listed and are no slices (tracking of a bolus).
    """
    for other in candidates:
        if other is ct or other.uid != ct.uid or not _nearly_parallel(ct, other):
            continue
        noise = _differs_by_noise(ct.slices[0], other.slices[0])
        between = _within(other.slices, ct.slices)
        drawn_on = [image for image in between if _is_named(image, references.drawn_on, references)]
        listed = [image for image in between if _is_named(image, references.listed, references)]
        meant = bool(drawn_on or (listed if references.listed else between))
        if not noise:
            meant = (bool(drawn_on) or len(listed) > MOST_LOCALIZERS) and not fits(ct)
        if meant:
            raise _not_one_volume(ct, other, len(between))


def _nearly_parallel(ct: CtSeries, other: CtSeries) -> bool:
    normals = [slice_normal(series.slices[0].orientation) for series in (ct, other)]
    return bool(abs(normals[0] @ normals[1]) > _NEARLY_PARALLEL)


def _differs_by_noise(one: CtSlice, other: CtSlice) -> bool:
    """Tell whether nothing but a little of the orientation or of the pixel spacing tells two images apart."""
    differ = {*_differences(one, other)} - {"ImageOrientationPatient", "PixelSpacing"}
    return not differ and np.allclose(one.spacing, other.spacing, rtol=_SPACING_NOISE, atol=0)


def _differences(one: CtSlice, other: CtSlice) -> list[Detail]:
    return [keyword for keyword, name in _TOLD_APART_BY if not np.array_equal(getattr(one, name), getattr(other, name))]


def _not_one_volume(ct: CtSeries, other: CtSeries, between: int) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.CT_AMBIGUOUS,
        "Between the slices of the CT lie other images of its series that differ from them (rejection.json says in "
        "what), so that they are no one volume, and the segmentation was drawn on both. Export the series with one "
        "value for all its images, or upload only the images that the segmentation was drawn on.",
        {"slices": len(ct.slices), "between": between, "differ_in": _differences(ct.slices[0], other.slices[0])},
    )


def _in_other_frame(references: References, ct: CtSeries) -> bool:
    """Tell whether both state a frame of reference, and not the same."""
    return ct.frame_of_reference_uid != NO_COMMON_FRAME and _same_frame(references, ct) is False


def _other_frame(referenced: int = 0, found: int = 0) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.SEG_REFERENCES_OTHER_SERIES,
        "The region was drawn in another frame of reference than the CT's, so that its coordinates say nothing about "
        "the CT; no spatial registration is applied. Transfer the region to the CT in the program that drew it and "
        "export it again; if de-identification gave the CT new UIDs, use a program that replaces FrameOfReferenceUID "
        "in both.",
        {"frame_of_reference_matches": False, "referenced": referenced, "found": found},
    )


def _checked(
    pairing: Pairing, references: References, wanted: frozenset[str], fits: Fits, least_found: float
) -> Pairing:
    """Judge images that are named and not here."""
    ct, missing = pairing.ct, pairing.referenced - pairing.found
    own = references.drawn_on & (wanted | ct.instance_uids)
    if missing and own and own <= ct.instance_uids and missing <= MOST_LOCALIZERS:
        return replace(pairing, own_images_here=True)
    if missing and not pairing.found and pairing.frame_of_reference_matches and fits(ct):
        return replace(pairing, rewritten=True)
    if pairing.found < least_found * pairing.referenced:
        raise incomplete(pairing.referenced, pairing.found)
    return pairing


def incomplete(referenced: int, found: int) -> StudyRejectedError:
    """Build the rejection for CT instances that are not there (yet)."""
    message = f"The segmentation references {referenced} CT images, {found} of them are here. Upload the rest."
    if not found:
        message = (
            f"The segmentation references {referenced} images of this CT series by UIDs that none of its images here "
            "has, and it does not lie on their slices in one frame of reference. Upload the images it was drawn on; if "
            "an export gave them new UIDs, export the segmentation with them, or set "
            "qc.min_referenced_slices_fraction.refuse to 0 in the parameter file."
        )
    return StudyRejectedError(ReasonCode.INCOMPLETE_STUDY, message, {"referenced": referenced, "found": found})


def _by_reference(
    references: References, candidates: Sequence[CtSeries], fits: Fits, others: Mapping[str, str]
) -> tuple[CtSeries, str]:
    named = [ct for ct in candidates if ct.uid in references.series]
    own = [ct for ct in candidates if references.drawn_on & _uids(ct)]
    if own and named and not {ct.uid for ct in own} & {ct.uid for ct in named}:
        raise _contradictory(own, named)
    if own:  # the most specific statement
        best = _most_referenced(references.drawn_on, own, references, fits)
        return best, "referenced_series" if best in named else "referenced_instances"
    if named:  # a list of the whole series counts its bolus tracking too: the place before the number
        near = [ct for ct in named if fits(ct)] if len(named) > 1 else named
        return _most_referenced(references.instances, near or named, references, fits), "referenced_series"
    sharing = [ct for ct in candidates if references.instances & ct.instance_uids]
    if sharing:
        return _most_referenced(references.instances, sharing, references, fits), "referenced_instances"
    raise _foreign(references, candidates, others)


def _uids(ct: CtSeries) -> frozenset[str]:
    return frozenset(uid for image in ct.slices for uid in image.uids)


def _most_referenced(
    images: frozenset[str], candidates: Sequence[CtSeries], references: References, fits: Fits
) -> CtSeries:
    """Of several groups (a series may hold several orientations), the one that holds most referenced images.

    Groups that hold equally many are told apart by what the whole object lists, then by where the region lies.
    """
    best = _largest(candidates, images, references)
    if len(best) > 1:
        best = _largest(best, references.instances, references)
    if len(best) > 1:
        best = [ct for ct in best if fits(ct)] or best
    if len(best) > 1:
        raise _ambiguous(best)
    return best[0]


def _largest(candidates: Sequence[CtSeries], images: frozenset[str], references: References) -> list[CtSeries]:
    counts = [sum(_is_named(image, images, references) for image in ct.slices) for ct in candidates]
    if not any(counts):
        counts = [len(ct.slices) for ct in candidates]
    return [ct for ct, count in zip(candidates, counts, strict=True) if count == max(counts)]


def _foreign(references: References, candidates: Sequence[CtSeries], others: Mapping[str, str]) -> StudyRejectedError:
    kinds = sorted({others[uid] for uid in references.series if uid in others})
    message = (
        "The segmentation was drawn on a CT series that is not in this study. Upload that series with it; if "
        "de-identification gave the CT new UIDs but left the old ones in the segmentation's references, use a program "
        "that replaces both."
    )
    if kinds or (references.names_other_images and not references.instances):
        message = (
            f"The segmentation was drawn on images of another kind ({', '.join(kinds) or 'not CT'}), not on this "
            "study's CT. Upload the segmentation that was drawn on the CT."
        )
    return StudyRejectedError(
        ReasonCode.SEG_REFERENCES_OTHER_SERIES,
        message,
        {
            "referenced": len(references.instances),
            "found": 0,
            "referenced_series": len(references.series),
            "referenced_modalities": [*kinds],
            "ct_series": len({ct.uid for ct in candidates}),
        },
    )


def _by_space(references: References, candidates: Sequence[CtSeries], fits: Fits) -> tuple[CtSeries, str]:
    frame = references.frame_of_reference_uid
    same = [ct for ct in candidates if frame and ct.frame_of_reference_uid == frame]
    if len(same) == 1:
        return same[0], "frame_of_reference"
    if all(_in_other_frame(references, ct) for ct in candidates):
        raise _other_frame()
    fitting = [ct for ct in (same or candidates) if fits(ct)]
    if len(fitting) == 1:
        return fitting[0], "geometry"
    if fitting or same:
        raise _ambiguous(fitting or same)
    raise StudyRejectedError(
        ReasonCode.GEOMETRY_MISMATCH,
        "The segmentation names no CT, shares no frame of reference with one and lies on none's slices. "
        "Export it with references to its CT series.",
        {"ct_series": len(candidates)},
    )


def _ambiguous(candidates: Sequence[CtSeries]) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.CT_AMBIGUOUS,
        "Several CT series fit the segmentation and nothing says which it was drawn on. Upload only that series, or "
        "export the segmentation with a reference to it.",
        {
            "ct_series": len(candidates),
            "slices": [len(ct.slices) for ct in candidates],
            "differ_in": _differences(candidates[0].slices[0], candidates[1].slices[0]),
        },
    )


def _contradictory(own: Sequence[CtSeries], named: Sequence[CtSeries]) -> StudyRejectedError:
    return StudyRejectedError(
        ReasonCode.CT_AMBIGUOUS,
        "The segmentation lists one CT series, and its frames or contours name images of another. Export it with "
        "references to the series it was drawn on, or upload only that series.",
        {"ct_series": len(own) + len(named)},
    )


def _same_frame(references: References, ct: CtSeries) -> bool | None:
    if not references.frame_of_reference_uid or not ct.frame_of_reference_uid:
        return None
    return references.frame_of_reference_uid == ct.frame_of_reference_uid


def _narrowed(pairing: Pairing, references: References, fits: Fits) -> Pairing:
    """Of a series that is no single stack (phases, passes, time points), take the images that the region names.

    By the images themselves where the object lists them; else by the acquisition, else by the multi-frame object, of
    those that the frames name. A region that names none is on the acquisition whose slices alone it lies on.
    """
    images = pairing.ct.slices
    named, listed = _told_apart(images, references)
    if not named:
        return on_own_planes(pairing, fits)
    one_stack = is_one_stack(images)
    if one_stack and 1 < len(named) == len(_within(images, named)):
        return pairing
    acquired = acquisitions(images)
    # A list of every other image is believed where the region lies on no other.
    believed = listed and fits(replace(pairing.ct, slices=tuple(named)))
    if one_stack and not _interleaved(images, named, acquired, listed=believed):
        return pairing
    theirs = {acquired[image] for image in named} - {""}
    objects = {image.instance_uid for image in named}
    ways = {
        "instances": named,
        "acquisition": [image for image in images if acquired[image] in theirs],
        "object": [image for image in images if image.instance_uid in objects],
    }
    if not listed:  # the frames of a region name only some of its CT
        ways["instances"] = ways.pop("instances")
    for way, taken in ways.items():
        if len(taken) > 1 and len(taken) < len(images) and is_one_stack(taken):
            ct = replace(pairing.ct, slices=tuple(taken))
            return replace(pairing, ct=ct, taken_by=way, set_aside=len(images) - len(taken))
    return pairing


def _told_apart(images: Sequence[CtSlice], references: References) -> tuple[list[CtSlice], bool]:
    """Give the images that a region names, and whether as a list of its CT: a list of the whole series tells nothing
    apart, the frames or contours may.
    """
    named = [image for image in images if _is_named(image, references.instances, references)]
    by_frame = any(image.is_one_of_several and image.instance_uid in references.numbers for image in named)
    if len(named) < len(images):
        return named, bool(references.listed) and not by_frame
    return [image for image in images if _is_named(image, references.drawn_on, references)], False


def _is_named(image: CtSlice, uids: frozenset[str], references: References) -> bool:
    """Tell whether references name an image: of a multi-frame one, the frame."""
    if not image.uids & uids:
        return False
    numbers = references.numbers.get(image.instance_uid) if image.is_one_of_several else None
    return numbers is None or image.frame + 1 in numbers


def on_own_planes(pairing: Pairing, fits: Fits) -> Pairing:
    """Of acquisitions that lie between each other's slices, take the one that a region lies on that names no image."""
    images = pairing.ct.slices
    acquired = acquisitions(images)
    parts: dict[str, list[CtSlice]] = {}
    for image in images:
        parts.setdefault(acquired[image], []).append(image)
    if not any(len(_within(images, part)) > len(part) for part in parts.values() if len(part) > 1):
        return pairing
    stacks = [
        replace(pairing.ct, slices=tuple(part)) for part in parts.values() if len(part) > 1 and is_one_stack(part)
    ]
    on = [ct for ct in stacks if fits(ct)]
    if len(on) != 1:
        return pairing
    return replace(pairing, ct=on[0], taken_by="acquisition", set_aside=len(images) - len(on[0].slices))


def _interleaved(
    images: Sequence[CtSlice], named: Sequence[CtSlice], acquired: Mapping[CtSlice, str], *, listed: bool
) -> bool:
    """Tell whether images of other acquisitions lie between those of the one that is named: phases half a step apart
    look even.

    Where nothing tells acquisitions apart, an object that lists every other image of the whole series does.
    """
    theirs = {acquired[image] for image in named}
    if len(theirs) == 1 and theirs != {""}:
        between = {acquired[image] for image in _within(images, [each for each in images if acquired[each] in theirs])}
        if len(between) > 1 and "" not in between:
            return True
    return listed and _is_every_other(images, named)


def _is_every_other(images: Sequence[CtSlice], named: Sequence[CtSlice]) -> bool:
    """Tell whether images are every second (third, …) one along the stack, from its first to its last."""
    normal = slice_normal(named[0].orientation)
    ordered = sorted(images, key=lambda image: float(image.position @ normal))
    places = [index for index, image in enumerate(ordered) if image in named]
    steps = {after - before for before, after in pairwise(places)}
    step = max(steps, default=1)
    return len(steps) == 1 and step > 1 and places[0] < step and len(ordered) - places[-1] <= step < len(places)


def _within(images: Sequence[CtSlice], named: Sequence[CtSlice]) -> list[CtSlice]:
    """Return the images that lie between the first and the last of some."""
    normal = slice_normal(named[0].orientation)
    along = [float(image.position @ normal) for image in named]
    return [image for image in images if min(along) <= float(image.position @ normal) <= max(along)]
