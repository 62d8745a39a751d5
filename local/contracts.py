"""Writes what each radiomics parameter file promises, for the functions that make and fill feature groups.

``make contracts`` runs it after a parameter file changed. The functions cannot read the parameter files themselves:
they belong to the container.
"""

import json
from pathlib import Path
from typing import Any

from cli.project import ROOT
from radiomics_job.parameters import feature_names, load_params

PARAMS = ROOT / "containers" / "radiomics" / "src" / "radiomics_job" / "params"
CONTRACTS = ROOT / "functions" / "multimodal" / "contracts" / "imaging_features"


def contract_of(name: str) -> dict[str, Any]:
    """Return the contract of a parameter file: its hash and the features it yields, in order."""
    params = load_params(name)
    return {"params": name, "params_hash": params.hash, "features": list(feature_names(params))}


def write_contracts(folder: Path = CONTRACTS) -> list[Path]:
    """Write the contract of every parameter file; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(PARAMS.glob("*.yaml")):
        path = folder / f"{source.stem}.json"
        path.write_text(json.dumps(contract_of(source.stem), indent=1) + "\n", encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for written_path in write_contracts():
        print(written_path.relative_to(ROOT))
