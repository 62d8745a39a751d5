"""What is left to do in datasets' files: lines with CHECK that nobody has removed, and mistakes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.project import DATASET_FILES, shown
from cli.terminal import plural
from multimodal.ledger.errors import ConfigurationError

CHECK = "# CHECK:"
LOOK = "Look at each guess of the draft, and remove its line when it is right."


def checks_left(names: Iterable[str] | None = None, folder: Path = DATASET_FILES) -> Iterator[str]:
    """Yield a line for each dataset whose file in the source tree has CHECKs left.

    Parameters
    ----------
    names : iterable of str, optional
        Datasets to look at; without, all that have a file. One that has none is passed over.
    folder : Path
        Where dataset files are.
    """
    paths = sorted(folder.glob("*.yaml")) if names is None else [folder / f"{name}.yaml" for name in names]
    for path in paths:
        left = path.read_text(encoding="utf-8").count(CHECK) if path.is_file() else 0
        if left:
            yield f"{shown(path)}: {plural(left, 'CHECK')} left"


def wrong_files(stack: str, names: Iterable[str], folder: Path = DATASET_FILES) -> Iterator[str]:
    """Yield what is wrong with each dataset's file in the source tree, as the deployment would find it in the end."""
    from multimodal.pipeline.dataset import specifications  # the functions' models take time to import

    for name in names:
        if (folder / f"{name}.yaml").is_file():
            try:
                specifications(stack, [name], folder)
            except ConfigurationError as error:
                yield str(error)
