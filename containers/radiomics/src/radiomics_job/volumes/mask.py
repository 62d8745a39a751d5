"""Masks in volume files as regions to choose from, and where they lie on the image's grid."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from radiomics_job.dicom.references import References
from radiomics_job.dicom.series import CtSeries, regular_stack, sort_slices
from radiomics_job.errors import Detail, StudyRejectedError
from radiomics_job.geometry.grid import Grid, rounded
from radiomics_job.roi.placement import PlacedMask, empty_mask, sample_onto
from radiomics_job.roi.rule import LABEL_LENGTH, Candidate, RoiRule
from radiomics_job.volumes.forms import by_form, is_mirrored, on_grid, on_image, shares_grid
from radiomics_job.volumes.roles import bare_name, safe_title
from radiomics_job.volumes.volume import LabelName, Volume, unsupported_volume


def mask_candidates(masks: Sequence[Volume], rule: RoiRule, image: Volume | None = None) -> list[Candidate]:
    """List the regions of mask files: every label of every file.

    A region is called by the segment table of its file; else by the rule's `label_names`; else by those words of the
    file's name that no patient has (`features-22`), with the value behind them where the file holds several.

    Parameters
    ----------
    image : Volume, optional
        The study's image when it is a volume file; a mask may follow its second form.

    Raises
    ------
    StudyRejectedError
        `UNSUPPORTED_VOLUME` when a file that is called a mask holds no labels, or when forms disagree and the mask
        agrees with none; `UNREADABLE_VOLUME`.
    """
    ordered = sorted(masks, key=lambda mask: mask.name)
    titles = [safe_title(bare_name(mask.name), rule) or "mask" for mask in ordered]
    titles = [f"{title} {n}" if titles.count(title) > 1 else title for n, title in enumerate(titles, 1)]
    return [
        candidate
        for mask, title in zip(ordered, titles, strict=True)
        for candidate in _of_file(on_image(mask, image), title, rule)
    ]


def _of_file(mask: Volume, title: str, rule: RoiRule) -> Iterator[Candidate]:
    if not mask.is_label_map:
        raise unsupported_volume(
            mask.name, "it is called a mask but holds other values than a few whole numbers from 0; save it as labels"
        )
    described = {(label.layer, label.value) for label in mask.labels}
    unnamed = [label for label in _unnamed(mask) if (label.layer, label.value) not in described]
    digest = f"sha256:{hashlib.sha256(mask.content).hexdigest()[:32]}"
    facts: dict[str, Detail] = {"regions_not_described": len(unnamed)} if mask.labels else {}
    for label in (*mask.labels, *unnamed):
        name = label.name or rule.label_names.get(label.value if mask.labels else label.number)
        if label in unnamed and mask.labels:
            name = name or f"value {label.value}"
        suffix = f" {label.number}" if mask.labels or _holds_several(mask) else ""
        yield Candidate(
            label=(name or title + suffix)[:LABEL_LENGTH],
            full_label=(name or bare_name(mask.name) + suffix)[:LABEL_LENGTH],
            property_code=label.property_code[:LABEL_LENGTH],
            names=(mask.name[:LABEL_LENGTH],),
            source=mask.format,
            source_uid=digest,
            number=label.number,
            references=References(),
            is_drawn=partial(bool, label.value in mask.values[label.layer]),
            fits=partial(_shares_grid, mask),
            place=partial(_place, mask, label, facts),
        )


def _holds_several(mask: Volume) -> bool:
    return mask.layers > 1 or any(len(values) > 1 for values in mask.values)


def _unnamed(mask: Volume) -> Iterator[LabelName]:
    # Layers of one and the same value are numbered; any other value says itself which label it is.
    is_numbered = mask.layers > 1 and len({value for values in mask.values for value in values}) == 1
    for layer, values in enumerate(mask.values):
        for value in values:
            yield LabelName(layer + 1 if is_numbered else value, "", "", layer, value)


def _place(mask: Volume, label: LabelName, more: Mapping[str, Detail], grid: Grid) -> PlacedMask:
    mask = on_grid(mask, grid)
    voxels = mask.mask(label.layer, label.value)
    if not voxels.any():
        raise empty_mask(file=mask.name[:LABEL_LENGTH], value=label.value)
    same = shares_grid(mask, grid)
    if not same and is_mirrored(mask, grid):
        raise unsupported_volume(
            mask.name,
            "mirrored in the patient, its voxels are exactly the image's: LPS coordinates were written as RAS, or the "
            "other way round; write it with the image's own affine",
        )
    try:
        placed, farthest = sample_onto(voxels, mask.affine, grid)
    except StudyRejectedError as error:
        error.details["same_matrix"] = sorted(mask.shape) == sorted(grid.shape)  # its header may have been lost
        raise
    facts = {"forms_differ_mm": mask.facts.get("forms_differ_mm"), "mask_form": mask.facts.get("form"), **more}
    if same:
        return PlacedMask(placed, "volume", farthest, facts)
    return PlacedMask(placed, "nearest_neighbour", 0.0, {**facts, "resampled_distance_mm": rounded(farthest)})


def _shares_grid(mask: Volume, ct: CtSeries) -> bool:
    try:
        stack = regular_stack(sort_slices(ct))
    except StudyRejectedError:
        return False
    return by_form(mask, stack.grid) is not None
