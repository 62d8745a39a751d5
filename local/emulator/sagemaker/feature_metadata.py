"""What is written about single features of a group: a description, and parameters of names and values.

Sources: Amazon SageMaker API reference, UpdateFeatureMetadata and DescribeFeatureMetadata.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from local.emulator.aws import AwsError

_MAX_PARAMETERS = 25
_PARAMETER = re.compile(r"[\w\s.:/=+-]{1,255}")
"""Letters, digits, separators and a few signs: FeatureParameter's pattern, in Python's words."""


def update_feature(feature: dict[str, Any], request: Mapping[str, Any]) -> None:
    """Change description and parameters of a feature.

    Parameters
    ----------
    feature : dict
        What is known of it; changed in place.
    request : mapping
        Of UpdateFeatureMetadata.

    Raises
    ------
    AwsError
        ValidationException when nothing is to be changed, or a feature would have too many parameters or such as hold
        a sign that is not taken.
    """
    if not {"Description", "ParameterAdditions", "ParameterRemovals"} & set(request):
        raise AwsError("ValidationException", "At least one of Description, ParameterAdditions and ParameterRemovals "
                       "must be given")  # fmt: skip
    parameters = dict(feature.get("Parameters", {}))
    for key in request.get("ParameterRemovals", []):
        parameters.pop(key, None)
    parameters |= {item["Key"]: item["Value"] for item in request.get("ParameterAdditions", [])}
    wrong = [text for pair in parameters.items() for text in pair if not _PARAMETER.fullmatch(text)]
    if wrong:
        raise AwsError("ValidationException", f"{wrong[0]!r} does not satisfy the pattern {_PARAMETER.pattern}")
    if len(parameters) > _MAX_PARAMETERS:
        raise AwsError("ValidationException", f"A feature holds at most {_MAX_PARAMETERS} parameters")
    feature |= {"Parameters": parameters, "LastModifiedTime": time.time()}
    if "Description" in request:
        feature["Description"] = request["Description"]


def describe_feature(
    name: str, definitions: Sequence[Mapping[str, str]], known: Mapping[str, Any], created: float
) -> dict[str, Any]:
    """Return what is known of a feature, but for its group's name and ARN.

    Raises
    ------
    AwsError
        ResourceNotFound when the group has no such feature.
    """
    kinds = {item["FeatureName"]: item["FeatureType"] for item in definitions}
    if name not in kinds:
        raise AwsError("ResourceNotFound", f"Resource Not Found: Feature {name} does not exist", 404)
    return {
        "FeatureName": name,
        "FeatureType": kinds[name],
        "CreationTime": created,
        "LastModifiedTime": known.get("LastModifiedTime", created),
        "Description": known.get("Description", ""),
        "Parameters": [{"Key": key, "Value": value} for key, value in sorted(known.get("Parameters", {}).items())],
    }
