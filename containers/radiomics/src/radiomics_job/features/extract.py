"""Radiomic features of one ROI.

pyradiomics' feature classes are run one by one, so that a region too small for one class still gets the
values of the others; a feature that is not defined there is null and carries its reason.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from radiomics import getFeatureClasses

from radiomics_job.feature_names import FEATURES_BY_CLASS, SHAPE_CLASSES, TEXTURE_CLASSES
from radiomics_job.features.images import MOST_BINS, Binning, binning_of, flat_options, highest_level, images, numbered
from radiomics_job.features.shape import MeshShape
from radiomics_job.geometry.grid import Canonical, Intensity, canonical_orientation, largest_slice
from radiomics_job.parameters import Bins, ExtractionSettings, Params, feature_names, image_names
from radiomics_job.roi.regions import (
    Region,
    SitkImage,
    Volume,
    crop_to_mask,
    cut_region,
    mask_image,
    one_slice,
)

SHEAR_TOLERANCE_DEGREES: Final = 0.1
"""Axes farther from right angles than this make lengths and surfaces wrong, since pyradiomics takes them for
right.
"""

_KEPT_WHEN_FLAT: Final = {"shape": {"VoxelVolume"}, "shape2D": {"PixelSurface"}}
"""Sizes by counting, true for any ROI; everything else of a shape class comes from a mesh or from principal
axes.
"""

_KEPT_WHEN_SHEARED: Final = {"VoxelVolume", "MeshVolume"}
"""Shear keeps volumes, given a spacing whose product is the true volume of a voxel."""

_KINDS: Final = ("a single voxel", "a line of voxels", "a flat layer of voxels")

# What pyradiomics raises on input that a class cannot digest. MemoryError is left to the caller.
_PYRADIOMICS_ERRORS: Final = (ValueError, IndexError, KeyError, RuntimeError, ArithmeticError, AssertionError)


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """The features of one ROI."""

    values: dict[str, float | None]
    """Every name of `feature_names(params)`, in that order; null where it is not defined."""
    missing: dict[str, str]
    """For each null, why."""


def extract_features(
    ct: NDArray[Intensity], mask: NDArray[np.bool_], affine: NDArray[np.float64], params: Params, *, slice_axis: int = 2
) -> FeatureResult:
    """Compute every feature of a parameter set for one ROI.

    Parameters
    ----------
    ct
        HU, or SUV of a PET, indexed (i, j, k) = (column, row, slice).
    mask
        The ROI on the same grid.
    affine
        4×4, (i, j, k) to RAS mm.
    slice_axis
        Axis of the arrays that counts the acquired slices; shape2D looks at the slice with the largest area
        across it (of equals, the most inferior, anterior or right one).

    Returns
    -------
    FeatureResult
        The same values for every way of storing the same volume, and the same as from the whole volume.

    Raises
    ------
    ValueError
        When the arrays do not match, or the affine does not span space.

    Examples
    --------
    >>> from radiomics_job.parameters import load_params
    >>> ct = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)
    >>> mask = np.zeros(ct.shape, dtype=bool)
    >>> mask[2:5, 2:5, 2:5] = True
    >>> extract_features(ct, mask, np.eye(4), load_params("ct")).values["original_shape_VoxelVolume"]
    27.0
    """
    if ct.ndim != 3 or ct.shape != mask.shape:
        raise ValueError(f"CT {ct.shape} and mask {mask.shape} have to be the same three-dimensional grid")
    orientation = canonical_orientation(affine)
    results = _Results()
    with _quiet():
        _extract(
            Volume(orientation.apply(ct), orientation.apply(mask), orientation.spacing),
            orientation,
            params,
            slice_axis,
            results,
        )
    return results.complete(feature_names(params))


@dataclass(slots=True)
class _Results:
    """Values and reasons as they come; `complete` puts them in order and accounts for every name."""

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def refuse(
        self, image: str, feature_class: str, reason: str, kept: frozenset[str] | set[str] = frozenset()
    ) -> None:
        """Give a reason for every feature of a class but those kept."""
        for feature in FEATURES_BY_CLASS[feature_class]:
            if feature not in kept:
                self.reasons[f"{image}_{feature_class}_{feature}"] = reason

    def refuse_image(self, image: str, classes: tuple[str, ...], reason: str) -> None:
        """Give one reason for every feature of an image."""
        for feature_class in classes:
            self.refuse(image, feature_class, reason)

    def complete(self, names: tuple[str, ...]) -> FeatureResult:
        """Order everything, and let a reason outrank a value."""
        values: dict[str, float | None] = {}
        missing: dict[str, str] = {}
        for name in names:
            value = self.values.get(name)
            reason = self.reasons.get(name)
            if reason is None and value is None:
                reason = "pyradiomics did not compute it"
            elif reason is None and value is not None and not np.isfinite(value):
                reason = f"not defined for this region (pyradiomics returned {value:g})"
            values[name] = None if reason is not None else value
            if reason is not None:
                missing[name] = reason
        return FeatureResult(values, missing)


def _extract(volume: Volume, orientation: Canonical, params: Params, slice_axis: int, results: _Results) -> None:
    settings = params.extraction
    if not volume.mask.any():
        return _refuse_everything(params, "the region has no voxel", results)
    slice_axis = orientation.axis_of(slice_axis)
    shear = orientation.shear_degrees()
    if shear > SHEAR_TOLERANCE_DEGREES:
        volume = replace(volume, spacing=_volume_keeping_spacing(orientation, slice_axis))
    try:
        region = cut_region(volume, settings)
    except _PYRADIOMICS_ERRORS as error:
        return _refuse_everything(params, f"the volume cannot be resampled: {_last_line(error)}", results)
    if not region.mask_array().any():
        return _refuse_everything(params, "no voxel of the region is left on the resampled grid", results)
    _shapes(region, settings, slice_axis, results)
    _intensities(region, params, slice_axis, results)
    if shear > SHEAR_TOLERANCE_DEGREES:
        _refuse_sheared(params, shear, results)
    return None


def _refuse_everything(params: Params, reason: str, results: _Results) -> None:
    for image in image_names(params):
        results.refuse_image(image, params.extraction.classes, reason)


def _volume_keeping_spacing(orientation: Canonical, slice_axis: int) -> tuple[float, float, float]:
    spacing = list(orientation.spacing)
    spacing[slice_axis] *= abs(float(np.linalg.det(orientation.directions)))
    return spacing[0], spacing[1], spacing[2]


def _refuse_sheared(params: Params, shear: float, results: _Results) -> None:
    reason = f"the slices are sheared by {shear:.1f} degrees (gantry tilt): lengths on this grid would be wrong"
    results.refuse("original", "shape", reason, _KEPT_WHEN_SHEARED)
    for sigma_image in (name for name in image_names(params) if name.startswith("log-")):
        results.refuse_image(sigma_image, params.extraction.classes, reason)


# --- the mask alone -----------------------------------------------------------------------------------------
def _shapes(region: Region, settings: ExtractionSettings, slice_axis: int, results: _Results) -> None:
    if "shape" in settings.classes:
        _shape_class("shape", region.mask, 3, {}, results)
    if "shape2D" in settings.classes:
        index = largest_slice(region.mask_array(), slice_axis)
        # pyradiomics counts axes the other way round: its 0 is the superior axis.
        flat = {"force2D": True, "force2Ddimension": 2 - slice_axis}
        _shape_class("shape2D", one_slice(region.mask, slice_axis, index), 2, flat, results)


def _shape_class(name: str, mask: SitkImage, needed: int, options: dict[str, Any], results: _Results) -> None:
    _, cropped = crop_to_mask(mask, mask)
    _run_class("original", name, cropped, cropped, options, results)
    dimensions = _dimensions(Region(cropped, cropped).mask_array())
    if dimensions < needed:
        where = "the region" if name == "shape" else "the region's largest slice"
        reason = f"{where} is {_KINDS[dimensions]}: it has no {needed}D shape"
        results.refuse("original", name, reason, _KEPT_WHEN_FLAT[name])


def _dimensions(mask: NDArray[np.bool_]) -> int:
    """How many dimensions the voxel centres span: 0 a point, 1 a line (also a diagonal one), 2 a plane, 3 a
    solid.
    """
    centres = np.argwhere(mask)
    # The scatter matrix has the rank of the centres and is 3×3, however many voxels there are.
    offsets = (centres - centres[0]).astype(np.float64)
    return int(np.linalg.matrix_rank(offsets.T @ offsets))


# --- the intensities ----------------------------------------------------------------------------------------
def _intensities(region: Region, params: Params, slice_axis: int, results: _Results) -> None:
    settings = params.extraction
    classes = tuple(name for name in settings.classes if name not in SHAPE_CLASSES)
    mask = _resegmented(region, settings)
    if mask is None:
        for image in image_names(params):
            results.refuse_image(image, classes, _out_of_range(settings))
        return
    computed = set()
    for name, image in images(region, settings, slice_axis):
        computed.add(name)
        _image_features(name, *crop_to_mask(image, mask), slice_axis, settings, results)
    for name in set(image_names(params)) - computed:
        results.refuse_image(name, classes, "the volume is too small for this filter")


def _resegmented(region: Region, settings: ExtractionSettings) -> SitkImage | None:
    """Leave out voxels by their HU; None when fewer than two are left."""
    if settings.resegmentation is None:
        return region.mask
    values, kept = region.image_array(), region.mask_array()
    low, high = settings.resegmentation.limits
    kept = kept & (values >= low) & (values <= high)
    sigma = settings.resegmentation.sigma
    if sigma is not None and kept.any():
        mean, deviation = values[kept].mean(), values[kept].std()
        kept &= (values >= mean - sigma * deviation) & (values <= mean + sigma * deviation)
    return mask_image(kept, like=region.mask) if np.count_nonzero(kept) > 1 else None


def _out_of_range(settings: ExtractionSettings) -> str:
    low, high = settings.resegmentation_hu or (None, None)
    lower, upper = (f"{end:g}" if end is not None else "any" for end in (low, high))
    return f"fewer than two voxels of the region lie within {lower} to {upper} HU"


def _image_features(
    name: str, image: SitkImage, mask: SitkImage, slice_axis: int, settings: ExtractionSettings, results: _Results
) -> None:
    region, binning = Region(image, mask), binning_of(name, settings)
    classes = tuple(each for each in settings.classes if each not in SHAPE_CLASSES)
    try:
        levels = highest_level(region.image_array()[region.mask_array()], binning)
    except ValueError as error:
        return results.refuse_image(name, classes, str(error))
    if levels > MOST_BINS:
        reason = "the values of this image are not finite or too far apart to be binned"
        return results.refuse_image(name, classes, reason)
    obstacle = _texture_obstacle(region, levels, binning, slice_axis, settings)
    options = _options(binning, slice_axis, settings)
    for feature_class in classes:
        if obstacle is not None and feature_class in TEXTURE_CLASSES:
            results.refuse(name, feature_class, obstacle)
        else:
            _run_class(name, feature_class, image, mask, options, results)
    return None


def _options(binning: Binning, slice_axis: int, settings: ExtractionSettings) -> dict[str, Any]:
    """Return the options of pyradiomics' feature classes."""
    return {
        **({"bins": binning} if isinstance(binning, Bins) else {"binWidth": binning}),
        "distances": list(settings.distances),
        "weightingNorm": None if settings.weighting == "none" else settings.weighting,
        "voxelArrayShift": settings.voxel_array_shift,
        **flat_options(settings, slice_axis),
    }


def _texture_obstacle(
    region: Region, levels: float, binning: Binning, slice_axis: int, settings: ExtractionSettings
) -> str | None:
    """Why a region has no texture, or None."""
    if not _any_touch(region.mask_array(), slice_axis if settings.force_2d else None):
        where = " within a slice" if settings.force_2d else ""
        return f"no two voxels of the region touch{where}: it has no texture"
    if levels > settings.max_gray_levels:
        how = f" at bin width {binning:g}" if not isinstance(binning, Bins) else ""
        return f"{levels:.0f} grey levels{how}, more than {settings.max_gray_levels}"
    return None


def _any_touch(mask: NDArray[np.bool_], across: int | None = None) -> bool:
    """Whether any voxel has one of its 26 neighbours in the mask, or of its 8 in the slice `across` an axis."""
    half = [offset for offset in product((1, 0, -1), repeat=3) if offset > (0, 0, 0)]
    near = [offset for offset in half if across is None or offset[across] == 0]
    return any(bool((_shifted(mask, offset, 1) & _shifted(mask, offset, -1)).any()) for offset in near)


def _shifted(mask: NDArray[np.bool_], offset: tuple[int, ...], sign: int) -> NDArray[np.bool_]:
    steps = (sign * step for step in offset)
    return mask[tuple(slice(max(step, 0), size + min(step, 0)) for step, size in zip(steps, mask.shape, strict=True))]


# --- pyradiomics --------------------------------------------------------------------------------------------
def _run_class(
    image_name: str, class_name: str, image: SitkImage, mask: SitkImage, options: dict[str, Any], results: _Results
) -> None:
    try:
        of_name = MeshShape if class_name == "shape" else numbered(getFeatureClasses()[class_name])
        calculator = of_name(image, mask, label=1, **options)
        for feature in FEATURES_BY_CLASS[class_name]:
            calculator.enableFeatureByName(feature)
        computed = calculator.execute()
    except _PYRADIOMICS_ERRORS as error:
        results.refuse(image_name, class_name, f"pyradiomics could not compute {class_name}: {_last_line(error)}")
        return
    for feature, value in computed.items():
        number = _number(value)
        # A region of one grey level: pyradiomics' guard against log(0) leaves a few 1e-16 below zero.
        results.values[f"{image_name}_{class_name}_{feature}"] = max(number, 0.0) if "Entropy" in feature else number


def _last_line(error: BaseException) -> str:
    """What an error says; ITK puts source files and addresses before it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _number(value: object) -> float:
    number = complex(np.asarray(value).item())  # eigenvalue features may come as complex
    return number.real if number.imag == 0 else float("nan")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence pyradiomics and NumPy for the time of one extraction: what went wrong comes back as reasons."""
    # A feature class logs under the module of its last subclass, so under ours as well.
    loggers = [logging.getLogger(name) for name in ("radiomics", __name__.rpartition(".")[0])]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
