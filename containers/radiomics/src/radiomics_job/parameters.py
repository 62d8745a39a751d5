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
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from radiomics_job.errors import InvalidJobError
from radiomics_job.feature_names import FEATURES_BY_CLASS, SHAPE_CLASSES, log_image_name, wavelet_image_names

SlicePolicy = Literal["refuse", "resample"]
RoiSource = Literal["SEG", "RTSTRUCT"]
Modality = Literal["CT", "PT"]
"""What is measured, by DICOM's names."""

Action = Literal["accept", "warn", "refuse"]
"""What a yes-or-no check does when it finds something."""

_STRICT: Final = ConfigDict(extra="forbid")
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


def _words(*allowed: str) -> BeforeValidator:
    def holds(value: Any) -> bool:  # noqa: ANN401 – what YAML gave
        listed = isinstance(value, list | tuple) and bool(value) and all(word in allowed for word in value)
        return listed and len(set(value)) == len(value)

    return must(holds, f"a list of one or more different words out of {', '.join(allowed)}", tuple)


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
Policy = Annotated[SlicePolicy, _one_of("refuse", "resample")]
Finding = Annotated[Action, _one_of("accept", "warn", "refuse")]


@dataclass(frozen=True, config=_STRICT)
class Resampling:
    """Interpolation onto a grid of `spacing_mm` along the canonical axes (left, posterior, superior)."""

    spacing_mm: Annotated[tuple[float, float, float], _numbers(length=3, above=0)]
    image_interpolator: Annotated[str, _one_of("bspline", "linear", "nearest")]
    mask_interpolator: Annotated[str, _one_of("nearest")]
    round_intensities: Flag


@dataclass(frozen=True, config=_STRICT)
class Resegmentation:
    """Voxels of the ROI outside this closed HU range are left out of first order and texture."""

    range_hu: Annotated[tuple[float, float], _numbers(length=2)]

    @field_validator("range_hu")
    @classmethod
    def _lower_first(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise wrong(f"expected the lower HU first, found [{value[0]:g}, {value[1]:g}]")
        return value


@dataclass(frozen=True, config=_STRICT)
class ExtractionSettings:
    """What pyradiomics computes, and on which image.

    `resegmentation_hu` is the closed HU range outside which voxels of the ROI are left out of first order and texture.
    """

    bin_width: Positive
    max_gray_levels: Annotated[int, whole(2, 5000)]
    resampling: Resampling | None
    resegmentation: Resegmentation | None
    classes: Annotated[tuple[str, ...], _words(*FEATURES_BY_CLASS)]
    log_sigma_mm: Annotated[tuple[float, ...], _numbers(above=0)]
    wavelet_levels: Annotated[int, whole(0, 3)]

    @field_validator("classes")
    @classmethod
    def _in_writing_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in FEATURES_BY_CLASS if name in value)

    @field_validator("log_sigma_mm")
    @classmethod
    def _different(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(value)) != len(value) or len(value) > _MAX_LOG_WIDTHS:
            raise wrong(f"expected at most {_MAX_LOG_WIDTHS} different widths")
        return value

    @property
    def resegmentation_hu(self) -> tuple[float, float] | None:
        """Closed HU range, or None."""
        return self.resegmentation.range_hu if self.resegmentation else None


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
        extraction = {k: v for k, v in fields["extraction"].items() if k != "resegmentation"}
        fields["extraction"] = {**extraction, "resegmentation_hu": self.extraction.resegmentation_hu}
        of_pet = ("modality",) if self.modality != "CT" else ()  # hashes of CT files are older than this key
        return {key: fields[key] for key in ("extraction", "geometry", "qc", "roi_source", *of_pet)}


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
        document = yaml.safe_load(_read(name_or_path))
    except yaml.YAMLError as error:
        raise ParamsError(f"{name_or_path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        file: _File = TypeAdapter(_File).validate_python(document)
    except ValidationError as error:
        raise ParamsError(f"{name_or_path}: {explain(error)}") from error
    return _hashed(Path(name_or_path).stem, file)


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


def explain(error: ValidationError) -> str:
    """Return the first thing that is wrong: the dotted name of its key, and what is expected there."""
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "lowest":
        place[-1] = "lowest"
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
