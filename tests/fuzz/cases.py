"""Cases: which study, with which damage. A case is a function of the parser, the seed and its number alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fuzz import archives, damage, tree, volumes
from tests.fuzz.damage import Change, Expected
from tests.fuzz.seeds import Seed, archive_seeds, ct_seeds, segmentation_seeds, structure_set_seeds

SEEDS = {
    "seg": segmentation_seeds,
    "rtstruct": structure_set_seeds,
    "ct": ct_seeds,
    "zip": archive_seeds,
    "nifti": volumes.nifti_seeds,
    "nrrd": volumes.nrrd_seeds,
}
PARSERS = tuple(SEEDS)

_GROUPS = (damage.HARMLESS, damage.LOSSES, damage.DAMAGE)
_GROUP_WEIGHTS = (2, 3, 6)


@dataclass(frozen=True)
class Case:
    """A study with damage."""

    parser: str
    """One of `PARSERS`."""
    seed: int
    number: int
    """What it was made from."""
    study: Seed
    """The study before."""
    content: bytes | dict[str, bytes]
    """An archive, or the files of a folder."""
    changes: tuple[str, ...]
    """Names of the changes, in order."""
    expected: Expected
    """What the job must give."""

    @property
    def name(self) -> str:
        return f"{self.parser}-{self.seed}-{self.number}"

    def save(self, folder: Path) -> Path:
        """Write the study below a folder that exists, and give the path of the archive or the study's folder."""
        if isinstance(self.content, bytes):
            (folder / "in.zip").write_bytes(self.content)
            return folder / "in.zip"
        for name, data in self.content.items():
            path = folder / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder / "in"


@cache
def studies(parser: str) -> tuple[Seed, ...]:
    """List the undamaged studies of a parser."""
    return tuple(SEEDS[parser]())


def undamaged(parser: str, study: Seed) -> Case:
    """Make the case that changes nothing."""
    content = study.content() if parser != "zip" else archives.write(_archive(study))
    return Case(parser, 0, -1, study, content, (), Expected.SAME)


def build(parser: str, seed: int, number: int) -> Case:
    """Make a case; equal arguments give equal bytes."""
    generator = random.Random(f"{parser}/{seed}/{number}")
    study = generator.choice(studies(parser))
    content: bytes | dict[str, bytes]
    if parser in volumes.CHANGES:
        content, changes = volumes.damaged(parser, study, generator)
    else:
        content, changes = (_damaged_archive if parser == "zip" else _damaged_files)(study, generator)
    expected = max((change.expected for change in changes), default=Expected.SAME)
    return Case(parser, seed, number, study, content, tuple(change.name for change in changes), expected)


def _damaged_files(study: Seed, generator: random.Random) -> tuple[dict[str, bytes], list[Change]]:
    """Damage one file, or every file in the same way: what all slices share passes more checks."""
    changes = _choose(generator)
    victims = list(study.victims) if generator.random() < 0.5 else [generator.choice(study.victims)]
    content, state = study.content(), generator.random()
    for name in victims:
        content[name] = _damaged_file(study, name, changes, random.Random(state))
    return content, changes


def _choose(generator: random.Random) -> list[Change]:
    changes = []
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        group: Sequence[Change] = generator.choices(_GROUPS, _GROUP_WEIGHTS)[0]
        changes += generator.choices(group, [change.weight for change in group])
    return sorted(changes, key=lambda change: change.bytes is not None)  # the tree first, then its bytes


def _damaged_file(study: Seed, name: str, changes: Sequence[Change], generator: random.Random) -> bytes:
    file = study.tree_of(name)
    for change in changes:
        if change.tree:
            change.tree(file, generator)
    content = tree.write(file)
    for change in changes:
        if change.bytes and content:
            content = change.bytes(content, generator)
    return content


def _archive(study: Seed) -> archives.Archive:
    return archives.Archive([archives.packed(name.encode(), data) for name, data in sorted(study.files.items())])


def _damaged_archive(study: Seed, generator: random.Random) -> tuple[bytes, list[Change]]:
    archive, changes = _archive(study), []
    for _ in range(generator.choice([0, 1, 1, 1, 2, 3])):
        group = generator.choices((archives.HARMLESS, archives.DAMAGE), (1, 3))[0]
        chosen = generator.choices(group, [item.change.weight for item in group])[0]
        if archive.members:
            chosen.apply(archive, generator)
            changes.append(chosen.change)
    content = archives.write(archive)
    if not changes or generator.random() < 0.2:
        change = generator.choices(archives.BYTES, [change.weight for change in archives.BYTES])[0]
        assert change.bytes
        content = change.bytes(content, generator)
        changes.append(change)
    return content, changes
