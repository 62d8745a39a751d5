"""Whether all files of a result are there."""

from collections.abc import Mapping
from typing import Any

from multimodal.ledger.ports import ObjectStore
from multimodal.ledger.unit import Unit


def missing_artifacts(processed: ObjectStore, unit: Unit, document: Mapping[str, Any]) -> list[str]:
    """Return the names of files that a result lists and that are not in ProcessedBucket with their size.

    SageMaker uploads the files of a job in no promised order, and an upload may break off: `features.json` alone does
    not say that the volumes are there (decision `aws-13`).

    Parameters
    ----------
    processed : ObjectStore
        ProcessedBucket; it is listed, and only when the result lists files.
    unit : Unit
        Whose result it is.
    document : mapping
        The result, with `artifacts`: `name`, `bytes` and `sha256` of each other file. Without, nothing is missing.
    """
    listed = document.get("artifacts") or []
    if not listed:
        return []
    sizes = {found.key: found.size for found in processed.objects_under(unit.result_folder)}
    return [file["name"] for file in listed if sizes.get(unit.result_key(file["name"])) != file["bytes"]]
