"""The parameter set of a job: how a mask is made, which features are computed on it, and when a study is rejected.

A parameter file states every setting; nothing is defaulted in code. The hash of the settings is part of every result,
so two values with the same hash were made in the same way.
"""

import dataclasses
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from radiomics_job.errors import InvalidJobError
from radiomics_job.feature_names import (
    FEATURES_BY_CLASS,
    FILTERS,
    SHAPE_CLASSES,
    log_image_name,
    wavelet_image_names,
)

SlicePolicy = Literal["refuse", "resample"]
RoiSource = Literal["SEG", "RTSTRUCT"]
Modality = Literal["CT", "PT"]
"""What is measured, by DICOM's names."""

Action = Literal["accept", "warn", "refuse"]
"""What a yes-or-no check does when it finds something."""

_STRICT: Final = ConfigDict(extra="forbid", defer_build=True)  # one schema of the whole file, when a file is read
_MAX_LOG_WIDTHS: Final = 10


class ParamsError(InvalidJobError):
    """A parameter file cannot be used; the message names the key and says what is expected there."""


def wrong(message: str) -> PydanticCustomError:
    """Return the error of a setting, for validators to raise."""
    return PydanticCustomError("setting", "{message}", {"message": message})


def shown(value: object) -> str:
    """Return a value as a message shows it, not longer than 80 characters."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def must(
    holds: Callable[[Any], bool], wanted: str, convert: Callable[[Any], Any] = lambda value: value
) -> BeforeValidator:
    """Return a validator that says what is expected when a value does not hold."""

    def check(value: object) -> object:
        if not holds(value):
            raise wrong(f"expected {wanted}, found {shown(value)}")
        return convert(value)

    return BeforeValidator(check)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max  # type: ignore[arg-type]  # an integer may be huge


def _number(above: float = -math.inf, up_to: float = math.inf) -> BeforeValidator:
    lower = "" if math.isinf(above) else f" above {above:g}"
    upper = "" if math.isinf(up_to) else f"{' and' if lower else ''} up to {up_to:g}"
    return must(lambda v: _is_number(v) and above < v <= up_to, f"a number{lower}{upper}", float)


def whole(lowest: int, highest: int) -> BeforeValidator:
    """Return a validator of whole numbers within closed bounds."""

    def holds(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest

    return must(holds, f"a whole number from {lowest} to {highest}")


def _numbers(length: int | None = None, above: float = -math.inf) -> BeforeValidator:
    def holds(value: object) -> bool:
        fits = isinstance(value, list | tuple) and length in (None, len(value))
        return fits and all(_is_number(item) and item > above for item in value)  # type: ignore[attr-defined]

    count, bound = "" if length is None else f"{length} ", "" if math.isinf(above) else f" above {above:g}"
    return must(holds, f"a list of {count}numbers{bound}", lambda value: tuple(map(float, value)))


def _ends(wanted: str, above: float = -math.inf, length: int = 2) -> BeforeValidator:
    """Return a validator of a list of numbers of which any but all may be null."""

    def holds(value: object) -> bool:
        listed = isinstance(value, list | tuple) and len(value) == length and set(value) != {None}
        return listed and all(v is None or (_is_number(v) and v > above) for v in value)  # type: ignore[attr-defined]

    return must(holds, wanted, lambda value: tuple(None if v is None else float(v) for v in value))


def _words(*allowed: str, least: int = 1) -> BeforeValidator:
    def holds(value: Any) -> bool:  # noqa: ANN401 – what YAML gave
        listed = isinstance(value, list | tuple) and len(value) >= least and all(word in allowed for word in value)
        return listed and len(set(value)) == len(value)

    count = "one or more " if least else ""
    return must(holds, f"a list of {count}different words out of {', '.join(allowed)}", tuple)


def _one_of(*allowed: str) -> BeforeValidator:
    return must(lambda v: isinstance(v, str) and v in allowed, f"one of {', '.join(allowed)}")


Text = Annotated[str, must(lambda v: isinstance(v, str) and bool(v.strip()), "a text")]
Flag = Annotated[bool, must(lambda v: isinstance(v, bool), "true or false")]
Limit = Annotated[
    float | None,
    must(
        lambda v: v is None or (_is_number(v) and v >= 0),
        "a number of zero or more, or null",
        lambda v: None if v is None else float(v),
    ),
]
Positive = Annotated[float, _number(above=0)]
PositiveOrNull = Annotated[
    float | None,
    must(
        lambda v: v is None or (_is_number(v) and v > 0),
        "a number above 0",
        lambda v: None if v is None else float(v),
    ),
]
Policy = Annotated[SlicePolicy, _one_of("refuse", "resample")]
Finding = Annotated[Action, _one_of("accept", "warn", "refuse")]


@dataclass(frozen=True, config=_STRICT)
class Resampling:
    """Interpolation onto a grid of `spacing_mm` along the canonical axes (left, posterior, superior).

    A spacing of null keeps that axis as it was scanned. `grid` says what the new grid shares with the scan: its first
    `corner` (pyradiomics) or its `centre` (IBSI, also the same for every direction of storage). A mask interpolated
    `linear` holds the voxels whose interpolated share is 0.5 or more.
    """

    spacing_mm: Annotated[
        tuple[float | None, float | None, float | None], _ends("a list of 3 numbers above 0, or null", 0, length=3)
    ]
    image_interpolator: Annotated[str, _one_of("bspline", "linear", "nearest")]
    mask_interpolator: Annotated[str, _one_of("nearest", "linear")]
    round_intensities: Flag
    grid: Annotated[str, _one_of("corner", "centre")] = "corner"


@dataclass(frozen=True, config=_STRICT)
class Resegmentation:
    """Voxels of the ROI that are left out of first order and texture.

    Those outside the closed `range_hu` (an end may be null), and then those farther than `sigma` standard deviations
    from the mean of what is left.
    """

    range_hu: Annotated[tuple[float | None, float | None], _ends("a list of two numbers, of which one may be null")] = (
        None,
        None,
    )
    sigma: PositiveOrNull = None

    @field_validator("range_hu")
    @classmethod
    def _lower_first(cls, value: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
        low, high = value
        if low is not None and high is not None and low >= high:
            raise wrong(f"expected the lower HU first, found [{low:g}, {high:g}]")
        return value

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.sigma is None and self.range_hu == (None, None):
            raise PydanticCustomError("no_range", "missing; state range_hu or sigma")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """The closed HU range, infinite where it is open."""
        low, high = self.range_hu
        return -math.inf if low is None else low, math.inf if high is None else high


@dataclass(frozen=True, config=_STRICT)
class Bins:
    """Grey levels as IBSI numbers them, in place of `bin_width`.

    Either `width` HU from `start` on (in a file: `from`), where level 1 begins, whatever the region holds; or a fixed
    `count` between the region's lowest and highest value.
    """

    width: PositiveOrNull = None
    start: Annotated[float | None, must(lambda v: v is None or _is_number(v), "a number")] = Field(
        default=None, alias="from"
    )
    count: Annotated[int | None, must(lambda v: v is None or _is_count(v), "a whole number from 2 to 5000")] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.count is None) == (self.width is None) or (self.width is None) != (self.start is None):
            raise PydanticCustomError("bins", "expected {width: …, from: …} or {count: …}")
        return self


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= 5000


def _is_wavelet(value: object) -> bool:
    import pywt  # only for the files that name a family

    return isinstance(value, str) and value in pywt.wavelist(kind="discrete")


def _are_bin_widths(value: object) -> bool:
    return isinstance(value, dict) and all(
        name in ("log", "wavelet", *FILTERS) and _is_number(width) and width > 0 for name, width in value.items()
    )


@dataclass(frozen=True, config=_STRICT)
class ExtractionSettings:
    """What pyradiomics computes, and on which image.

    Keys that have a default here may be left out of a file; left out or stated, the default gives the same hash
    (`docs/decisions.md#features-16`).
    """

    max_gray_levels: Annotated[int, whole(2, 5000)]
    resampling: Resampling | None
    resegmentation: Resegmentation | None
    classes: Annotated[tuple[str, ...], _words(*FEATURES_BY_CLASS)]
    log_sigma_mm: Annotated[tuple[float, ...], _numbers(above=0)]
    wavelet_levels: Annotated[int, whole(0, 3)]
    bin_width: PositiveOrNull = None
    """Edges at multiples of the width; the region's lowest bin is level 1, as in pyradiomics."""
    bins: Bins | None = None
    """The other ways of numbering grey levels; one of the two is stated."""
    force_2d: Flag = False
    """Texture within the slices of the acquisition only, pooled over them (IBSI's 2.5D)."""
    distances: Annotated[
        tuple[int, ...], must(lambda v: _are_distances(v), "a list of whole numbers 1 to 10", tuple)
    ] = (1,)
    """Of neighbours, in voxels: GLCM, NGTDM and GLDM."""
    weighting: Annotated[str, _one_of("none", "manhattan", "euclidean", "infinity")] = "none"
    """Merges the directions of GLCM and GLRLM by distance; `none` averages their features."""
    voxel_array_shift: Annotated[float, _number()] = 0.0
    """HU added before Energy, TotalEnergy and RootMeanSquared."""
    log_scale: Annotated[str, _one_of("pyradiomics", "ibsi")] = "pyradiomics"
    """`ibsi`: the responses of IBSI 2, which are (voxel / sigma)² of pyradiomics'."""
    wavelet: Annotated[str, must(_is_wavelet, "a discrete wavelet of PyWavelets, such as coif1 or haar")] = "coif1"
    filters: Annotated[tuple[str, ...], _words(*FILTERS, least=0)] = ()
    """Further filtered images."""
    filter_bin_widths: Annotated[
        dict[str, float], must(_are_bin_widths, f"widths above 0 by filter: log, wavelet, {', '.join(FILTERS)}")
    ] = Field(default_factory=dict)
    """Bin width of filtered images, whose values are on another scale than HU; others take `bin_width`."""

    @field_validator("classes", "filters")
    @classmethod
    def _in_writing_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in (*FEATURES_BY_CLASS, *FILTERS) if name in value)

    @field_validator("log_sigma_mm")
    @classmethod
    def _different(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) != len(value) or len(value) > _MAX_LOG_WIDTHS:
            raise wrong(f"expected at most {_MAX_LOG_WIDTHS} different widths")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.bin_width is None and self.bins is None:
            raise PydanticCustomError("no_bins", "missing; every key has to be stated (or bins in its place)")
        if self.bin_width is not None and self.bins is not None:
            raise PydanticCustomError("no_bins", "stated beside bins; state one of the two")
        grid = self.resampling.spacing_mm if self.resampling else ()
        if self.log_scale == "ibsi" and (len(set(grid)) != 1 or None in grid):
            raise PydanticCustomError("log_scale", "ibsi needs resampling to voxels of equal sides")
        return self

    @property
    def resegmentation_hu(self) -> tuple[float | None, float | None] | None:
        """Closed HU range, or None; an end may be None."""
        return self.resegmentation.range_hu if self.resegmentation else None


def _are_distances(value: object) -> bool:
    listed = isinstance(value, list | tuple) and bool(value) and len(set(value)) == len(value)
    return listed and all(isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 10 for v in value)  # type: ignore[attr-defined]


@dataclass(frozen=True, config=_STRICT)
class GeometryPolicies:
    """What to do with slices that one affine cannot place, and where a soft segmentation becomes a mask.

    `largest_gap_mm` bounds what the policy `resample` may bridge.
    """

    missing_slices: Policy
    uneven_slices: Policy
    largest_gap_mm: Positive
    fractional_threshold: Annotated[float, _number(above=0, up_to=1)]


@dataclass(frozen=True, config=_STRICT)
class Threshold:
    """Limits of one quality number; None means never."""

    warn: Limit
    refuse: Limit


@dataclass(frozen=True, config=_STRICT)
class HuRange:
    """HU expected in a whole CT volume, and what to do with a volume beyond them."""

    lowest: Annotated[float, _number()]
    highest: Annotated[float, _number()]
    beyond: Finding

    @field_validator("highest")
    @classmethod
    def _above_lowest(cls, value: float, info: ValidationInfo) -> float:
        lowest = info.data.get("lowest", -math.inf)
        if lowest >= value:
            raise PydanticCustomError(
                "lowest", "{message}", {"message": f"expected less than highest ({value:g}), found {lowest:g}"}
            )
        return value


@dataclass(frozen=True, config=_STRICT)
class QcLimits:
    """Limits of the quality numbers. Those named `min_…` apply below the limit, the others above it."""

    frame_position_residual_mm: Threshold
    mask_outside_body_fraction: Threshold
    connected_parts: Threshold
    volume_ml: Threshold
    interpolated_slices_fraction: Threshold
    gantry_tilt_degrees: Threshold
    days_ct_to_surgery: Threshold
    min_voxels: Threshold
    min_referenced_slices_fraction: Threshold
    touches_volume_edge: Finding
    frame_of_reference_differs: Finding
    duplicate_slices: Finding
    ct_after_surgery: Finding
    hu_range: HuRange

    @field_validator("*")
    @classmethod
    def _in_order(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 – a value of any field
        if not isinstance(value, Threshold):
            return value
        name, (warn, refuse) = str(info.field_name), (value.warn, value.refuse)
        if name.endswith("_fraction") and max(warn or 0, refuse or 0) > 1:
            raise wrong("expected shares from 0 to 1")
        if warn is not None and refuse is not None and (refuse > warn if name.startswith("min_") else refuse < warn):
            raise wrong("refuse would come before warn; swap the two limits")
        return value


@dataclass(frozen=True, config=_STRICT)
class _Roi:
    source: Annotated[tuple[RoiSource, ...], _words("SEG", "RTSTRUCT")]


@dataclass(frozen=True, config=_STRICT)
class _File:
    schema: Annotated[int, whole(1, 1)]
    description: Text
    extraction: ExtractionSettings
    geometry: GeometryPolicies
    roi: _Roi
    qc: QcLimits
    modality: Annotated[Modality, _one_of("CT", "PT")] = "CT"


@dataclasses.dataclass(frozen=True, slots=True)
class Params:
    """A whole parameter set."""

    name: str
    """File name without its ending; part of every result."""
    description: str
    hash: str
    """SHA-256, hexadecimal, of the canonical JSON of the settings (not of the file: comments do not count)."""
    extraction: ExtractionSettings
    geometry: GeometryPolicies
    qc: QcLimits
    roi_source: tuple[RoiSource, ...]
    """Sources of the mask, the preferred first."""
    modality: Modality = "CT"
    """What is measured: a CT in HU or a PET in SUV."""

    def settings(self) -> dict[str, object]:
        """Everything that can change a result, as plain JSON values: what the hash is made of."""
        fields = dataclasses.asdict(self)
        extraction = _not_default(self.extraction)
        resegmentation = extraction.pop("resegmentation") or {}
        # Files of before bins, sigma and the other keys with a default keep their hash.
        extraction = {"bin_width": self.extraction.bin_width, **extraction}
        extraction["resegmentation_hu"] = self.extraction.resegmentation_hu
        if "sigma" in resegmentation:
            extraction["resegmentation_sigma"] = resegmentation["sigma"]
        fields["extraction"] = extraction
        of_pet = ("modality",) if self.modality != "CT" else ()  # hashes of CT files are older than this key
        return {key: fields[key] for key in ("extraction", "geometry", "qc", "roi_source", *of_pet)}


def _not_default(settings: Any) -> Any:  # noqa: ANN401 – a settings dataclass or a plain value
    """Return settings as a mapping without the keys that are at their default."""
    if not dataclasses.is_dataclass(settings):
        return settings
    fields = {each.name: (getattr(settings, each.name), each) for each in dataclasses.fields(settings)}
    return {name: _not_default(value) for name, (value, each) in fields.items() if value != _default_of(each)}


def _default_of(field: Any) -> Any:  # noqa: ANN401 – of any type
    default = field.default
    if isinstance(default, FieldInfo):
        return default.get_default(call_default_factory=True, validated_data={})
    return default


def load_params(name_or_path: str) -> Params:
    """Load a parameter set that comes with the package, or one of your own.

    Parameters
    ----------
    name_or_path
        `"ct"`, `"ct_resampled"`, `"pet"`, or the path of a YAML file (anything with a separator or a `.yaml`/`.yml`
        ending).

    Raises
    ------
    ParamsError
        When there is no such set, the file is not YAML, or a key is missing, unknown or out of its range.

    Examples
    --------
    >>> load_params("ct").extraction.bin_width
    25.0
    """
    try:
        document = yaml.load(_read(name_or_path), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ParamsError(f"{name_or_path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        file = _reader().validate_python(document)
    except ValidationError as error:
        raise ParamsError(f"{name_or_path}: {explain(error)}") from error
    return _hashed(Path(name_or_path).stem, file)


@cache
def _reader() -> TypeAdapter[_File]:
    return TypeAdapter(_File)


def _hashed(name: str, file: _File) -> Params:
    unhashed = Params(
        name, file.description, "", file.extraction, file.geometry, file.qc, file.roi.source, file.modality
    )
    canonical = json.dumps(unhashed.settings(), sort_keys=True, separators=(",", ":"))
    return dataclasses.replace(unhashed, hash=hashlib.sha256(canonical.encode()).hexdigest())


_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "missing; every key has to be stated",
    "unexpected_keyword_argument": "not a known key here; remove it or correct its spelling",
    "extra_forbidden": "not a known key here; remove it or correct its spelling",
}


_KEYS_OF: Final[Mapping[str, str]] = {"no_bins": "bin_width", "no_range": "range_hu", "log_scale": "log_scale"}
"""Type of an error that is about a mapping as a whole → the key that it names."""


def explain(error: ValidationError) -> str:
    """Return the first thing that is wrong: the dotted name of its key, and what is expected there."""
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "lowest":
        place[-1] = "lowest"
    elif first["type"] in _KEYS_OF:
        place.append(_KEYS_OF[first["type"]])
    message = _MESSAGES.get(first["type"], first["msg"])
    if first["type"] == "dataclass_type":
        message = f"expected a mapping of keys, found {shown(first['input'])}"
    return f"{'.'.join(place) or 'the file'}: {message}"


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


def feature_names(params: Params) -> tuple[str, ...]:
    """Every feature name that a parameter set writes, in writing order.

    Returns
    -------
    tuple of str
        `<image>_<class>_<Feature>`: the unfiltered image first (with the shape classes), then each
        Laplacian-of-Gaussian width, each wavelet band, each further filter. The order depends on the parameter set
        alone.

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
    settings = params.extraction
    dimensions = 2 if settings.force_2d else 3
    wavelets = wavelet_image_names(settings.wavelet_levels, dimensions) if settings.wavelet_levels else ()
    return ("original", *map(log_image_name, settings.log_sigma_mm), *wavelets, *settings.filters)


def _names(image: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{image}_{name}_{feature}" for name in classes for feature in FEATURES_BY_CLASS[name])
