"""Operations of services that the emulator lacks, and checks of their requests against botocore's service models.

botocore itself only checks types and required members before it sends; lengths, patterns, ranges and
enumerations are checked by the service. What passes here is not rejected by AWS for its shape.
"""

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any, Generic, TypeVar

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

from local.emulator.aws import AwsError

_Answer = TypeVar("_Answer")
_REMEMBERED = 4096
"""Texts that fit a pattern, such as names of features, which come with every record."""
_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True)
class Api(Generic[_Answer]):
    """The operations of a service that the laptop cloud has.

    Parameters
    ----------
    service : str
        Name of botocore's model.
    error_code : str
        Error code of a request that breaks the model's constraints.
    operations : mapping
        Function of each operation by name; it takes the checked request and returns the response.
    """

    service: str
    error_code: str
    operations: Mapping[str, Callable[[dict[str, Any]], _Answer]]

    def call(self, name: str, request: dict[str, Any]) -> _Answer:
        """Check a request against the service model and run its operation.

        Raises
        ------
        AwsError
            When the request is rejected.
        """
        operation = self.operations.get(name)
        if operation is None:
            raise AwsError("UnknownOperationException", f"{name or 'this request'} is not part of the laptop cloud")
        check_request(service_model(self.service).operation_model(name), request, self.error_code)
        return operation(request)


@lru_cache(maxsize=8)
def service_model(service: str) -> Any:  # noqa: ANN401 -- botocore's model has no usable type
    """Return botocore's model of a service."""
    return botocore.session.get_session().get_service_model(service)


def check_request(operation: OperationModel, request: Mapping[str, Any], code: str) -> None:
    """Reject a request that breaks the constraints of its operation's input shape.

    Raises
    ------
    AwsError
        With the given code and every violation, in the words AWS uses.
    """
    shape = operation.input_shape
    if shape is None or _checker(shape)([request]):
        return
    problems = list(_problems(shape, request, ""))
    if problems:
        count = len(problems)
        heading = f"{count} validation error{'s' if count > 1 else ''} detected"
        raise AwsError(code, f"{heading}: {'; '.join(problems)}")


@cache
def _checker(shape: Shape) -> Callable[[Sequence[Any]], bool]:
    """Return a function that tells whether several values have no problem, ten times as fast as `_problems` names them.

    A batch of records has ten thousand values: those of one shape are looked at together. Kinds of values that are rare
    in one go the long way.
    """
    if isinstance(shape, StructureShape):
        return partial(_fit_structures, shape)
    if isinstance(shape, ListShape):
        return partial(_fit_lists, shape)
    if shape.type_name == "string" and not getattr(shape, "enum", None):
        return partial(_fit_strings, shape, _pattern_checker(shape.metadata.get("pattern")))
    return lambda values: not any(problem for value in values for problem in _problems(shape, value, ""))


def _fit_structures(shape: StructureShape, values: Sequence[Any]) -> bool:
    if not set(map(type, values)) <= {dict}:
        return False
    names = set().union(*set(map(tuple, values)), shape.required_members)
    if not names <= shape.members.keys():
        return False
    for name in names:
        given = [item for value in values if (item := value.get(name)) is not None]
        if (name in shape.required_members and len(given) < len(values)) or not _checker(shape.members[name])(given):
            return False
    return True


def _fit_lists(shape: ListShape, values: Sequence[Any]) -> bool:
    return (
        set(map(type, values)) <= {list}
        and _are_of_size(shape, values)
        and _checker(shape.member)(list(chain.from_iterable(values)))
    )


def _fit_strings(shape: Shape, matches: Callable[[set[str]], bool], values: Sequence[Any]) -> bool:
    if not set(map(type, values)) <= {str}:
        return False
    different = set(values)
    return _are_of_size(shape, different) and matches(different)


def _are_of_size(shape: Shape, values: Collection[Sized]) -> bool:
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
    return all(low <= size <= high for size in set(map(len, values)))


def _pattern_checker(pattern: str | None) -> Callable[[set[str]], bool]:
    if pattern is None:
        return lambda _: True
    if pattern == ".*":
        return lambda values: "\n" not in "".join(values)
    matches = lru_cache(_REMEMBERED)(partial(_matches, pattern))
    return lambda values: all(map(matches, values))


def _problems(shape: Shape, value: object, path: str) -> Iterator[str]:
    allowed = _TYPES.get(shape.type_name)
    if allowed is None:  # timestamps and blobs: no constraint beyond what the wire format has
        return
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        yield f"Value at '{path}' failed to satisfy constraint: Member must be of type {shape.type_name}"
        return
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        yield from _structure_problems(shape, value, path)
    elif isinstance(shape, ListShape) and isinstance(value, list):
        yield from _bound_problems(shape, len(value), value, path, "length")
        for index, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{path}.{index}.member")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        yield from _bound_problems(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.member")
    elif isinstance(value, str):
        yield from _string_problems(shape, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _bound_problems(shape, value, value, path, "value")


def _structure_problems(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        if name not in shape.members:
            yield f"Unknown member '{_join(path, name)}'; must be one of: {', '.join(shape.members)}"
        elif item is not None:
            yield from _problems(shape.members[name], item, _join(path, name))


def _string_problems(shape: Shape, value: str, path: str) -> Iterator[str]:
    yield from _bound_problems(shape, len(value), value, path, "length")
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield _violation(value, path, f"satisfy regular expression pattern: {pattern}")
    enum = shape.enum if isinstance(shape, StringShape) else []
    if enum and value not in enum:
        yield _violation(value, path, f"satisfy enum value set: [{', '.join(enum)}]")


def _bound_problems(shape: Shape, size: float, value: object, path: str, word: str) -> Iterator[str]:
    """Yield what breaks a shape's bounds, of a length or of a value itself."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _violation(value, path, f"have {word} greater than or equal to {low}")
    if high is not None and size > high:
        yield _violation(value, path, f"have {word} less than or equal to {high}")


def _matches(pattern: str, value: str) -> bool:
    compiled = _compile(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@lru_cache(maxsize=512)
def _compile(pattern: str) -> re.Pattern[str] | None:
    r"""Compile a pattern of the model, or return None when only Java understands it (`\p{L}` and the like)."""
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        return None


def _violation(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _join(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member
