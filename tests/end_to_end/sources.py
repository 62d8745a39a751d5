"""What the end-to-end tests deploy: the project as it is, with datasets of the tests beside its own."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from cli.project import DATASET, ROOT, STATE
from local.cloud.deploy import build, build_folder, deploy

_DATASETS = Path(__file__).parent / "datasets"
_COPIED = ("functions", "requirements", "stacks", "statemachines")
MATRIX_DATASET = "nsclc_radiogenomics_matrix"
"""The project's example of a dataset that takes a ready expression matrix."""
DATASET_NAMES = [DATASET, MATRIX_DATASET, *sorted(path.stem for path in _DATASETS.glob("*.yaml"))]
"""Every dataset of the deployed stack, the project's own first."""
PART_RECORDS = 200
"""So few that a table of some thousand records has many parts."""
BUILT = STATE / "end-to-end"
"""Where the build lies from which any stack of the tests is deployed."""
PARAMETERS = {"DatasetNames": ",".join(DATASET_NAMES)}


def deploy_sources(
    environment: Mapping[str, str], change: Callable[[Path], None] = lambda _: None, **parameters: str
) -> None:
    """Build and deploy what the tests deploy.

    Parameters
    ----------
    environment : mapping
        The cloud's variables.
    change : callable
        Changes the copy of the project before it is built. All builds share a folder: what they depend on is installed
        there once.
    **parameters : str
        Template parameters beside those of the tests.
    """
    with build_folder(BUILT):
        source = _copy_sources(BUILT / "source")
        change(source)
        build(environment, source=source, work=BUILT)
        deploy(environment, work=BUILT, parameters={**PARAMETERS, **parameters})


def _copy_sources(folder: Path) -> Path:
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
