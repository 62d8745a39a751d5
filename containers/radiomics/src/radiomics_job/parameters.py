"""The parameter set of a job: how a mask is made, which features are computed on it, and when a study is
refused.

A parameter file states every setting; nothing is defaulted in code. The hash of the settings is part of every
result, so two values with the same hash were made in the same way.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal, cast

import yaml

from radiomics_job.feature_names import FEATURES_BY_CLASS, SHAPE_CLASSES, log_image_name, wavelet_image_names
from radiomics_job.quality.limits import QcLimits, read_qc_limits
from radiomics_job.settings_reader import ParamsError, SettingsReader

__all__ = [
    "ExtractionSettings",
    "GeometryPolicies",
    "Params",
    "ParamsError",
    "Resampling",
    "RoiSource",
    "load_params",
]


SCHEMA_VERSION: Final = 1


SlicePolicy = Literal["refuse", "resample"]


RoiSource = Literal["SEG", "RTSTRUCT"]


_INTERPOLATORS: Final = ("bspline", "linear", "nearest")


_MAX_LOG_WIDTHS = 10


_MAX_WAVELET_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Resampling:
    """Interpolation onto a grid of `spacing_mm` along the canonical axes (left, posterior, superior)."""

    spacing_mm: tuple[float, float, float]
    image_interpolator: str
    mask_interpolator: str
    round_intensities: bool


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """What pyradiomics computes, and on which image.

    `resegmentation_hu` is the closed HU range outside which voxels of the ROI are left out of first order and
    texture.
    """

    bin_width: float
    max_gray_levels: int
    resampling: Resampling | None
    resegmentation_hu: tuple[float, float] | None
    classes: tuple[str, ...]
    log_sigma_mm: tuple[float, ...]
    wavelet_levels: int


@dataclass(frozen=True, slots=True)
class GeometryPolicies:
    """What to do with slices that one affine cannot place, and where a soft segmentation becomes a mask.

    `largest_gap_mm` bounds what the policy `resample` may bridge.
    """

    missing_slices: SlicePolicy
    uneven_slices: SlicePolicy
    largest_gap_mm: float
    fractional_threshold: float


@dataclass(frozen=True, slots=True)
class Params:
    """A whole parameter set.

    Attributes
    ----------
    name
        File name without its ending; part of every result.
    hash
        SHA-256, hexadecimal, of the canonical JSON of the settings (not of the file: comments do not count).
    roi_source
        Sources of the mask, the preferred first.
    """

    name: str
    description: str
    hash: str
    extraction: ExtractionSettings
    geometry: GeometryPolicies
    qc: QcLimits
    roi_source: tuple[RoiSource, ...]

    def settings(self) -> dict[str, object]:
        """Everything that can change a result, as plain JSON values: what the hash is made of."""
        fields = dataclasses.asdict(self)
        return {key: fields[key] for key in ("extraction", "geometry", "qc", "roi_source")}


def load_params(name_or_path: str) -> Params:
    """Load a parameter set that comes with the package, or one of your own.

    Parameters
    ----------
    name_or_path
        `"ct"`, `"ct_resampled"`, or the path of a YAML file (anything with a separator or a `.yaml`/`.yml`
        ending).

    Returns
    -------
    Params
        The checked settings.

    Raises
    ------
    ParamsError
        When there is no such set, the file is not YAML, or a key is missing, unknown or out of its range.

    Examples
    --------
    >>> load_params("ct").extraction.bin_width
    25.0
    """
    text = _read(name_or_path)
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"{name_or_path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        return _parse(document, Path(name_or_path).stem)
    except ParamsError as error:
        raise ParamsError(f"{name_or_path}: {error}") from error


def _read(name_or_path: str) -> str:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.name != name_or_path:
        return _read_file(path)
    packaged = resources.files("radiomics_job") / "params" / f"{name_or_path}.yaml"
    if not packaged.is_file():
        raise ParamsError(f"{name_or_path}: no such parameter set; there are {', '.join(_packaged_names())}")
    return packaged.read_text(encoding="utf-8")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: the parameter file cannot be read: {error}") from error


def _packaged_names() -> list[str]:
    folder = resources.files("radiomics_job") / "params"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def _parse(document: object, name: str) -> Params:
    top = SettingsReader(document)
    top.whole("schema", at_least=SCHEMA_VERSION, at_most=SCHEMA_VERSION)
    roi = top.section("roi")
    unhashed = Params(
        name=name,
        description=top.text("description"),
        hash="",
        extraction=_extraction(top.section("extraction")),
        geometry=_geometry(top.section("geometry")),
        qc=read_qc_limits(top.section("qc")),
        roi_source=cast("tuple[RoiSource, ...]", roi.choices("source", ("SEG", "RTSTRUCT"))),
    )
    roi.finish()
    top.finish()
    canonical = json.dumps(unhashed.settings(), sort_keys=True, separators=(",", ":"))
    return dataclasses.replace(unhashed, hash=hashlib.sha256(canonical.encode()).hexdigest())


def _extraction(reader: SettingsReader) -> ExtractionSettings:
    settings = ExtractionSettings(
        bin_width=reader.number("bin_width", above=0),
        max_gray_levels=reader.whole("max_gray_levels", at_least=2, at_most=5000),
        resampling=_resampling(reader.optional_section("resampling")),
        resegmentation_hu=_resegmentation(reader.optional_section("resegmentation")),
        classes=_in_writing_order(reader.choices("classes", tuple(FEATURES_BY_CLASS))),
        log_sigma_mm=reader.numbers("log_sigma_mm", above=0),
        wavelet_levels=reader.whole("wavelet_levels", at_least=0, at_most=_MAX_WAVELET_LEVELS),
    )
    if len(set(settings.log_sigma_mm)) != len(settings.log_sigma_mm) or len(settings.log_sigma_mm) > _MAX_LOG_WIDTHS:
        raise reader.error("log_sigma_mm", f"expected at most {_MAX_LOG_WIDTHS} different widths")
    reader.finish()
    return settings


def _in_writing_order(classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in FEATURES_BY_CLASS if name in classes)


def _resampling(reader: SettingsReader | None) -> Resampling | None:
    if reader is None:
        return None
    x, y, z = reader.numbers("spacing_mm", length=3, above=0)
    settings = Resampling(
        spacing_mm=(x, y, z),
        image_interpolator=reader.choice("image_interpolator", _INTERPOLATORS),
        mask_interpolator=reader.choice("mask_interpolator", ("nearest",)),
        round_intensities=reader.flag("round_intensities"),
    )
    reader.finish()
    return settings


def _resegmentation(reader: SettingsReader | None) -> tuple[float, float] | None:
    if reader is None:
        return None
    lowest, highest = reader.numbers("range_hu", length=2)
    if lowest >= highest:
        raise reader.error("range_hu", f"expected the lower HU first, found [{lowest:g}, {highest:g}]")
    reader.finish()
    return lowest, highest


def _geometry(reader: SettingsReader) -> GeometryPolicies:
    policies = ("refuse", "resample")
    settings = GeometryPolicies(
        missing_slices=cast("SlicePolicy", reader.choice("missing_slices", policies)),
        uneven_slices=cast("SlicePolicy", reader.choice("uneven_slices", policies)),
        largest_gap_mm=reader.number("largest_gap_mm", above=0),
        fractional_threshold=reader.number("fractional_threshold", above=0, up_to=1),
    )
    reader.finish()
    return settings


def feature_names(params: Params) -> tuple[str, ...]:
    """Every feature name that a parameter set writes, in writing order.

    Parameters
    ----------
    params
        The loaded parameter set.

    Returns
    -------
    tuple of str
        `<image>_<class>_<Feature>`: the unfiltered image first (with the shape classes), then each
        Laplacian-of-Gaussian width, then each wavelet band. The order depends on the parameter set alone.

    Examples
    --------
    >>> from radiomics_job.parameters import load_params
    >>> len(feature_names(load_params("ct")))
    120
    """
    classes = params.extraction.classes
    original = _names("original", classes)
    filtered = (
        name
        for image in image_names(params)[1:]
        for name in _names(image, tuple(c for c in classes if c not in SHAPE_CLASSES))
    )
    return (*original, *filtered)


def image_names(params: Params) -> tuple[str, ...]:
    """Names of the images that features are computed on, `original` first, as pyradiomics spells them."""
    return (
        "original",
        *map(log_image_name, params.extraction.log_sigma_mm),
        *wavelet_image_names(params.extraction.wavelet_levels),
    )


def _names(image: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{image}_{name}_{feature}" for name in classes for feature in FEATURES_BY_CLASS[name])
