"""Where things are in the source tree, and the names used on the laptop."""

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
DEMO_OUTPUT = ROOT / "demo-output"
DATASET_FILES = ROOT / "functions" / "datasets"
REGION = "us-east-1"
ACCOUNT = "000000000000"

STACK = "laptop"
"""Short: a feature group's name is stack, dataset and content, of 64 characters at most."""

DATASET = "nsclc_radiogenomics"
RADIOMICS_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/multimodal-local-radiomics:local"
RNASEQ_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/multimodal-local-rnaseq:local"
SURVIVAL_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/multimodal-local-survival:local"
PYTHON_RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
QUIET_PERIOD_SECONDS = 3


def shown(path: Path) -> str:
    """Return a path as the user would type it: relative to the current folder when it is inside it."""
    resolved = path.resolve()
    here = Path.cwd().resolve()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(resolved)


def typed(path: Path | str) -> str:
    """Return a path as it stands in a command: quoted where it has blanks or signs that shells read."""
    return shlex.quote(shown(Path(path)))


PROGRAM = "multimodal"
"""What the user types before a command's name."""
