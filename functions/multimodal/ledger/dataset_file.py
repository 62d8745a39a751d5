"""Dataset files (`functions/datasets/<name>.yaml`): each modality validates the header and its own section."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from multimodal.ledger.errors import ConfigurationError, Reason
from multimodal.ledger.listing import Quarantine
from multimodal.ledger.unit import Unit

DATASETS = Path(__file__).resolve().parents[2] / "datasets"

T = TypeVar("T")


class StrictModel(BaseModel):
    """A part of a configuration file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _compiles(pattern: str, flags: int = 0) -> str:
    try:
        re.compile(pattern, flags)
    except (re.error, ValueError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)] | None
"""A text that compiles as a regular expression."""

AsciiPattern = Annotated[str, AfterValidator(partial(_compiles, flags=re.ASCII))]
"""The same with `re.ASCII`, with which Python then has it compiled already when a table is read."""


class DatasetHeader(BaseModel):
    """What every dataset file states, whatever its modalities."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    description: str = ""


_HEADER = TypeAdapter(DatasetHeader)


def load_section(name: str, section: str, model: TypeAdapter[T]) -> T | None:
    """Return a dataset file's section, or None when the file has none; other sections are not validated.

    Parameters
    ----------
    name : str
        Name of the dataset, and of its file without `.yaml`.
    section : str
        Top-level key of the section.
    model : TypeAdapter
        What the section must hold.

    Raises
    ------
    ConfigurationError
        When there is no such file or it is not valid; the message names the key that is wrong.
    """
    path = DATASETS / f"{name}.yaml"
    return _section(path, stamp_of(path), section, model)


def load_sections(names: Iterable[str], section: str, model: TypeAdapter[T]) -> dict[str, T]:
    """Return a section of those of some dataset files that have it."""
    found = ((name, load_section(name, section, model)) for name in names)
    return {name: part for name, part in found if part is not None}


def require_section(name: str, section: str, model: TypeAdapter[T]) -> T:
    """Return a dataset file's section; a file without it is a `ConfigurationError` too."""
    found = load_section(name, section, model)
    if found is None:
        raise ConfigurationError(f"functions/datasets/{name}.yaml has no section {section}: add it, then deploy")
    return found


def quarantine_unknown_dataset(unit: Unit) -> Quarantine:
    """Quarantine a unit whose dataset has no configuration for its modality."""
    message = (
        f"no {unit.modality} configuration for dataset {unit.dataset!r} is deployed; "
        f"{_how_to_configure(unit.dataset, unit.modality)}, deploy, then retry"
    )
    return Quarantine(Reason.DATASET_UNKNOWN, message, {})


def _how_to_configure(name: str, section: str) -> str:
    """Return what has to be added so that a deployment has a dataset's section: the file, the section, or its name."""
    path = DATASETS / f"{name}.yaml"
    if not path.is_file():
        return f"add functions/datasets/{name}.yaml with a section {section}, name it in DatasetNames"
    if (parse_file(path, stamp_of(path)) or {}).get(section) is None:
        return f"functions/datasets/{name}.yaml has no section {section}: add it"
    return f"name {name} in DatasetNames"


def stamp_of(path: Path) -> tuple[int, int]:
    """Return modification time (ns) and size (bytes): a file that changed is read anew."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no dataset file functions/datasets/{path.name}") from error
    return found.st_mtime_ns, found.st_size


def validated(path: Path, model: TypeAdapter[T], document: object, *at: str) -> T:
    """Return a part of a dataset file as its model; `at` is where in the file it stands."""
    try:
        return model.validate_python(document)
    except ValidationError as error:
        places = dict[str, list[str]]()
        for each in error.errors():
            places.setdefault(each["msg"], []).append(_place(document, at, each["loc"]))
        explained = "; ".join(f"{', '.join(where)}: {message}" for message, where in places.items())
        raise ConfigurationError(f"{path.name}: {explained}") from error


def _place(document: object, at: Sequence[str], keys: Sequence[int | str]) -> str:
    """Return where in a file something is; a list's entry that has a `source`, a column, is called by that."""
    parts = list(at)
    for key in keys:
        parts.append(str(key))
        if isinstance(document, list) and isinstance(key, int) and key < len(document):
            document = document[key]
            source = document.get("source") if isinstance(document, dict) else None
            parts[-1] = f"'{source}'" if source else str(key)
        elif isinstance(document, dict) and key in document:
            document = document[key]
    return ".".join(parts) or "file"


def check_name(path: Path, header: DatasetHeader) -> None:
    """Reject a file that names another dataset than its file name does."""
    if header.name != path.stem:
        raise ConfigurationError(f"{path.name} names its dataset {header.name!r}; file name and name must be equal")


@lru_cache(maxsize=64)
def parse_file(path: Path, _stamp: tuple[int, int]) -> Any:  # noqa: ANN401 – any YAML
    """Return a dataset file's content, parsed once for each stamp of the file."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path.name} is not YAML: {error}") from error


@lru_cache(maxsize=256)
def _section(path: Path, stamp: tuple[int, int], section: str, model: TypeAdapter[T]) -> T | None:
    document = parse_file(path, stamp)
    check_name(path, validated(path, _HEADER, document))
    return None if document.get(section) is None else validated(path, model, document[section], section)
