"""FASTA files, one sequence in memory at a time: a human chromosome is up to 250 MB, the genome 3 GB."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rnaseq_job.reference.source import invalid, reading

BASES = b"ACGTNRYSWKMBDHV"
"""Nucleotides and their ambiguity codes. No U: salmon would replace each by a random base without a word."""

_LETTERS = BASES + BASES.lower()
_WIDTH = 80


@dataclass(frozen=True)
class Record:
    """One sequence.

    Parameters
    ----------
    name : str
        Header up to the first white space.
    sequence : bytes
        Upper-case letters of `BASES`: soft masking does not matter to any engine here.
    """

    name: str
    sequence: bytes


def records_of(path: Path) -> Iterator[Record]:
    """Yield the sequences of a FASTA file in their order.

    Raises
    ------
    InputRejectedError
        REFERENCE_INVALID for an empty or damaged file, a name that occurs twice, a sequence without bases or with
        letters that are none.
    """
    seen: set[str] = set()
    with reading(path) as file:
        for name, lines in _blocks(file, path):
            if name in seen:
                raise invalid(f"{path.name} holds {name} twice. Remove one of the two.", file=path.name, name=name)
            seen.add(name)
            yield Record(name, _sequence(path, name, lines))
    if not seen:
        raise invalid(f"{path.name} holds no sequence. Upload the FASTA file again.", file=path.name)


def _blocks(file: BinaryIO, path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Yield names and the lines below them."""
    name, lines = "", list[bytes]()
    for line in file:
        if not line.startswith(b">"):
            lines.append(line.rstrip())
            continue
        if name:
            yield name, lines
        elif any(lines):
            raise _not_fasta(path)
        name, lines = _name(line, path), []
    if name:
        yield name, lines
    elif any(lines):
        raise _not_fasta(path)


def _name(line: bytes, path: Path) -> str:
    words = line[1:].split(maxsplit=1)
    if not words or line[1:2].isspace():
        raise invalid(f"{path.name} holds a sequence without a name. Give every '>' line a name.", file=path.name)
    try:
        return words[0].decode("ascii")
    except UnicodeDecodeError as error:
        raise invalid(f"{path.name} holds a name that is not ASCII text.", file=path.name) from error


def _sequence(path: Path, name: str, lines: list[bytes]) -> bytes:
    sequence = b"".join(lines)
    wrong = sequence.translate(None, _LETTERS)
    if wrong:
        shown = wrong[:10].decode("latin-1")
        raise invalid(
            f"{path.name}: {name} holds letters that are no DNA bases ({shown!r}). "
            "Use a DNA FASTA file (no RNA, no protein, no alignment).",
            file=path.name,
            name=name,
            letters=len(wrong),
        )
    if not sequence:
        raise invalid(f"{path.name}: {name} has no bases. Was the file cut short?", file=path.name, name=name)
    return sequence.upper()


def _not_fasta(path: Path) -> Exception:
    return invalid(f"{path.name} is not FASTA: its first line must begin with '>'.", file=path.name)


def write_record(file: BinaryIO, record: Record) -> None:
    """Write one sequence in lines of 80."""
    file.write(b">" + record.name.encode() + b"\n")
    sequence = record.sequence
    for start in range(0, len(sequence), _WIDTH):
        file.write(sequence[start : start + _WIDTH])
        file.write(b"\n")
