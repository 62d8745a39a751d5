"""What the end-to-end tests deploy: the project as it is, with datasets of the tests beside its own."""

import re
import shutil
from pathlib import Path

from cli.project import DATASET, ROOT

_DATASETS = Path(__file__).parent / "datasets"
_COPIED = ("functions", "stacks", "statemachines")
MATRIX_DATASET = "nsclc_radiogenomics_matrix"
"""The project's example of a dataset that takes a ready expression matrix."""
DATASET_NAMES = [DATASET, MATRIX_DATASET, *sorted(path.stem for path in _DATASETS.glob("*.yaml"))]
"""Every dataset of the deployed stack, the project's own first."""
PART_RECORDS = 200
"""So few that a table of some thousand records has many parts."""
PARAMETERS = {"DatasetNames": ",".join(DATASET_NAMES)}


def copy_sources(folder: Path) -> Path:
    """Copy all that `sam build` takes, and add the tests' datasets; return the folder."""
    for name in _COPIED:
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", folder)
    for path in _DATASETS.glob("*.yaml"):
        shutil.copy(path, folder / "functions" / "datasets")
    run = folder / "functions" / "multimodal" / "tables" / "run.py"
    text, replaced = re.subn(r"^PART_RECORDS = .*$", f"PART_RECORDS = {PART_RECORDS}", run.read_text(), flags=re.M)
    assert replaced == 1, f"PART_RECORDS stands no longer in {run}"
    run.write_text(text)
    return folder
