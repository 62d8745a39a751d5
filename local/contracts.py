"""Write the contracts between functions and containers; `make contracts` runs it.

What each radiomics parameter file yields is for the functions that make and fill feature groups: they cannot read the
parameter files themselves, which belong to the container. The JSON schemas of the documents come from their models.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cli.project import ROOT
from multimodal.clinical.report.documents import ClinicalReport
from multimodal.genomics.documents import RunDocument
from multimodal.imaging.documents import FeaturesDocument, JobDocument, RejectionDocument
from radiomics_job.parameters import feature_names, load_params

PARAMS = ROOT / "containers" / "radiomics" / "src" / "radiomics_job" / "params"
CONTRACTS = ROOT / "functions" / "multimodal" / "contracts" / "imaging_features"

MODELS: dict[str, type[BaseModel]] = {
    "clinical_report": ClinicalReport,
    "features": FeaturesDocument,
    "job": JobDocument,
    "rejection": RejectionDocument,
    "run": RunDocument,
}
"""Name of a schema in `contracts/` → the model of the document."""


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a document; its description is the model's docstring."""
    schema = _without_titles(model.model_json_schema(by_alias=True))
    title = schema.pop("description").rstrip(".")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def _without_titles(part: Any) -> Any:  # noqa: ANN401 – any JSON
    """Drop the titles that pydantic makes of the names of fields and classes."""
    if isinstance(part, list):
        return [_without_titles(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {name: _without_titles(v) for name, v in part.items() if name != "title" or not isinstance(v, str)}


def contract_of(name: str) -> dict[str, Any]:
    """Return the contract of a parameter file: its hash and the features it yields, in order."""
    params = load_params(name)
    return {"params": name, "params_hash": params.hash, "features": list(feature_names(params))}


def write_contracts(folder: Path = CONTRACTS) -> list[Path]:
    """Write the contract of every parameter file and the schema of every document; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(PARAMS.glob("*.yaml")):
        path = folder / f"{source.stem}.json"
        path.write_text(json.dumps(contract_of(source.stem), indent=1) + "\n", encoding="utf-8")
        written.append(path)
    for name, model in MODELS.items():
        path = folder.parent / f"{name}.schema.json"
        path.write_text(json.dumps(schema_of(model), indent=2) + "\n", encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for written_path in write_contracts():
        print(written_path.relative_to(ROOT))
