"""Files of reads into lanes: which file is whose mate."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from multimodal.genomics.fastq_names import FastqName, may_be_mates, read_name

FASTQ_LIST_COLUMNS = ("RGID", "RGSM", "RGLB", "Lane", "Read1File", "Read2File")
"""Columns of DRAGEN's ``--fastq-list``."""


@dataclass(frozen=True)
class Lane:
    """One read group.

    Parameters
    ----------
    number : int
        Lane of the flow cell.
    read1, read2 : str
        S3 URIs; ``read2`` is empty for single-end reads.
    """

    number: int
    read1: str
    read2: str = ""


@dataclass(frozen=True)
class Pairing:
    """What became of a case's files.

    Parameters
    ----------
    lanes : tuple of Lane
        Complete lanes, with paths where :class:`Lane` has URIs.
    unpaired : tuple of str
        Files whose mate is not there.
    clashes : tuple of str
        Files that cannot be told apart or used: two of one mate, a third read, or what may be mates and says nowhere
        that it is.
    mixed : bool
        Whether some reads are paired and others are not.
    """

    lanes: tuple[Lane, ...] = ()
    unpaired: tuple[str, ...] = ()
    clashes: tuple[str, ...] = ()
    mixed: bool = False

    @property
    def only_first_mates(self) -> bool:
        """Whether every file is a first mate without its second: single-end reads, or an upload that goes on."""
        names = [read_name(path) for path in self.unpaired]
        first = bool(names) and all(n is not None and n.mate == 1 for n in names)
        return first and not self.lanes and not may_be_mates(self.unpaired)

    def as_single_end(self) -> "Pairing":
        """Return the same files as lanes of single-end reads."""
        return Pairing(tuple(Lane(_named(path).lane, path) for path in self.unpaired))


@dataclass
class _Group:
    mates: dict[int | None, list[str]] = field(default_factory=dict)

    def add(self, mate: int | None, path: str) -> None:
        self.mates.setdefault(mate, []).append(path)


def pair_files(paths: Iterable[str]) -> Pairing:
    """Find the mates among a case's files.

    Parameters
    ----------
    paths : iterable of str
        Paths below the case's folder, each a file of reads. What matches are whole names, so that ``S1`` never
        meets ``S10``.

    Returns
    -------
    Pairing
        Lanes in the order of their names.
    """
    groups: dict[str, _Group] = {}
    for path in sorted(paths):
        name = _named(path)
        groups.setdefault(name.pair, _Group()).add(name.mate, path)
    usable = {pair: g.mates for pair, g in groups.items() if not _is_orphan(pair, groups)}
    clashes = [p for m in usable.values() for mate, ps in m.items() if mate == 3 or len(ps) > 1 for p in ps]
    clashes += [p for m in usable.values() if None in m and len(m) > 1 for ps in m.values() for p in ps]
    clashes += may_be_mates([m[None][0] for m in usable.values() if None in m and not _named(m[None][0]).sra])
    if clashes:
        return Pairing(clashes=tuple(sorted(set(clashes))))
    return _from_groups({pair: {mate: ps[0] for mate, ps in m.items()} for pair, m in usable.items()})


def _named(path: str) -> FastqName:
    name = read_name(path)
    if name is None:
        raise ValueError(f"not a file of reads: {path}")
    return name


def _is_orphan(pair: str, groups: Mapping[str, _Group]) -> bool:
    """Whether the file is what fasterq-dump leaves over beside a pair: reads whose mates were dropped."""
    return set(groups[pair].mates) == {None} and set(getattr(groups.get(f"{pair}@"), "mates", ())) == {1, 2}


def _from_groups(groups: Mapping[str, Mapping[int | None, str]]) -> Pairing:
    single = [Lane(_named(g[None]).lane, g[None]) for g in groups.values() if None in g]
    paired = [Lane(_named(g[1]).lane, g[1], g[2]) for g in groups.values() if {1, 2} <= set(g)]
    unpaired = [path for g in groups.values() if len(g) == 1 and None not in g for path in g.values()]
    several_kinds = bool(single) and bool(paired or unpaired)
    return Pairing(tuple(sorted([*single, *paired], key=lambda x: x.read1)), tuple(unpaired), mixed=several_kinds)


def fastq_list(case: str, lanes: Sequence[Lane]) -> str:
    """Return DRAGEN's table of a case's lanes.

    Parameters
    ----------
    case : str
        Name of the case; RGSM and RGLB of every lane.
    lanes : sequence of Lane
        With URIs. Each is a read group of its own, numbered from 1.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FASTQ_LIST_COLUMNS)
    for number, lane in enumerate(lanes, start=1):
        writer.writerow([f"{case}.{number}", case, case, lane.number, lane.read1, lane.read2])
    return out.getvalue()
