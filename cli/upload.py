"""Copies files into the raw bucket, several at a time, with progress."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from boto3.s3.transfer import TransferConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cli.deployment import Deployment, check_section
from cli.errors import CommandError
from cli.laptop import WITHOUT_SALMON, has_salmon
from cli.markers import Markers
from cli.sources.files import Modality, Source, SourceFile
from cli.sources.modality import find_modalities
from cli.sources.reads import Reads, read_reads, require_route
from cli.sources.studies import Studies, read_studies
from cli.sources.table_check import check_tables, require_taken_tables
from cli.sources.tables import read_tables
from cli.table_rows import print_rows_of_tables, row_findings
from cli.terminal import plural, print_line, some
from multimodal.ledger.text import size_text
from multimodal.ledger.unit import MATRIX_CASE, REFERENCES
from multimodal.ledger.upload_key import KeyKind
from multimodal.pipeline.arrivals import parse_key

READERS: dict[Modality, Callable[[Path], Source]] = {
    "imaging": read_studies,
    "genomics": read_reads,
    "clinical": read_tables,
}
_NOUNS = {"imaging": ("study", "studies"), "genomics": ("case", "cases"), "clinical": ("table", "tables")}
_THREADS = 8


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded: the units of the ledger to expect, the number of files and their bytes.

    `there` are those of the units that were there already and got no file.
    """

    unit_ids: tuple[str, ...]
    files: int
    size: int
    there: tuple[str, ...] = ()

    @property
    def units(self) -> str:
        """The units that were uploaded to, in words.

        Examples
        --------
        >>> Uploaded(("genomics#d#R01-001", "genomics#d#-expression"), 2, 9).units
        '1 case, 1 matrix'
        """
        there = set(self.there)
        return _count(unit_id for unit_id in self.unit_ids if unit_id not in there)

    def told(self, place: str) -> str:
        """Say what was uploaded to a place.

        Examples
        --------
        >>> units = ("clinical#d#a.csv", "clinical#d#b.csv")
        >>> Uploaded(units, 1, 9000, there=units[1:]).told("s3://raw/clinical/d/")
        'Uploaded 1 file (9.0 kB), 1 table, to s3://raw/clinical/d/; 1 table is there already'
        >>> Uploaded(units, 0, 0, there=units).told("s3://raw/clinical/d/")
        'Uploaded nothing to s3://raw/clinical/d/; 2 tables are there already'
        """
        is_or_are = "is" if len(self.there) == 1 else "are"
        rest = f"; {_count(self.there)} {is_or_are} there already" if self.there else ""
        if not self.files:
            return f"Uploaded nothing to {place}{rest}"
        return f"Uploaded {plural(self.files, 'file')} ({size_text(self.size)}), {self.units}, to {place}{rest}"


def _count(unit_ids: Iterable[str]) -> str:
    counts = Counter(map(_nouns, unit_ids))
    return ", ".join(plural(count, *nouns) for nouns, count in counts.items())


def _nouns(unit_id: str) -> tuple[str, str]:
    modality, dataset, *rest = unit_id.split("#")
    if dataset == REFERENCES:
        return ("reference", "references")
    is_matrix = modality == "genomics" and rest[0].partition("/")[0] == MATRIX_CASE
    return ("matrix", "matrices") if is_matrix else _NOUNS[modality]


def upload_path(
    console: Console, deployment: Deployment, path: Path, dataset: str, modality: Modality | None = None
) -> Iterator[tuple[Modality, Uploaded]]:
    """Upload a table or a folder, of whichever modality or modalities it is.

    Yields
    ------
    tuple of (str, Uploaded)
        A modality, and what was uploaded of it.

    Raises
    ------
    UsageError
        When it holds nothing to upload, or what the dataset has no section for; then nothing is sent.
    CommandError
        When nothing of a clinical table would be taken; then nothing is sent either.
    """
    sources = {name: READERS[name](path) for name in ([modality] if modality else find_modalities(path))}
    for name, source in sources.items():
        if any(not file.key.startswith(f"{REFERENCES}/") for file in source.files):
            check_section(deployment, dataset, name)
        if isinstance(source, Reads):
            require_route(source, dataset)
    _check_tables(console, sources.values(), dataset)
    for name, source in sources.items():
        warn_of_left_files(console, source)
        if isinstance(source, Reads) and deployment.endpoint and not has_salmon():
            print_line(console, f"! {WITHOUT_SALMON} Reads wait until it is there.", style="yellow")
        if isinstance(source, Reads) and source.quantified:
            print_line(console, f"     quantifications of {some(source.quantified)}", style="dim")
        yield name, upload_source(console, deployment, source, dataset)


def _check_tables(console: Console, sources: Iterable[Source], dataset: str) -> None:
    """Refuse tables of which nothing would be taken, and say what others would lose."""
    with console.status("Reading tables"):
        checks = {source.modality: check_tables(source, dataset) for source in sources}
    require_taken_tables(checks.get("clinical", []), dataset)
    found = ((check.file.key, row_findings(check)) for each in checks.values() for check in each)
    print_rows_of_tables(console, {name: rows for name, rows in found if rows and rows.lines})


def upload_source(console: Console, deployment: Deployment, source: Source, dataset: str) -> Uploaded:
    """Upload what was found before below `<modality>/<dataset>/`."""
    files = [SourceFile(file.path, source.object_key(dataset, file.key), file.size) for file in source.files]
    there = _stored(deployment, files)
    missing = [file for file in files if not _is_there(file, there)]
    if len(missing) < len(files):
        print_line(console, f"     {plural(len(files) - len(missing), 'file')} there already, as new and as large")
    put_files(console, deployment, missing, markers=Markers(there, missing))
    units, to = dict.fromkeys(source.unit_ids(dataset)), {_unit_of(file.key) for file in missing}
    # A sample sheet, or what it names, may concern any unit.
    untouched = tuple(unit_id for unit_id in units if unit_id not in to) if to <= units.keys() else ()
    left = sorted(key for key in there.keys() - {file.key for file in files} if _unit_of(key) in units)
    _warn_of_left_objects(console, deployment, left)
    return Uploaded(tuple(units), len(missing), sum(file.size for file in missing), untouched)


def _warn_of_left_objects(console: Console, deployment: Deployment, keys: Sequence[str]) -> None:
    """Say what the bucket has of the units beside the files that are uploaded, such as one that was deleted here."""
    if keys:
        what = f"{plural(len(keys), 'object')} of {_count({_unit_of(key) for key in keys})}"
        print_line(console, f"! In the bucket and not in the folder, and taken with the rest: {what}", style="yellow")
        print_line(console, f"  {some(keys)}", style="yellow")
        print_line(
            console,
            f"  Delete what is none of theirs: `aws s3 rm s3://{deployment.output('RawBucketName')}/KEY`.",
            style="yellow",
        )


def _unit_of(key: str) -> str:
    """Return the unit that an object is a part of; empty for markers and what belongs to none."""
    found = parse_key(key)
    return found.unit.unit_id if found.unit and found.kind != KeyKind.MARKER else ""


def _stored(deployment: Deployment, files: list[SourceFile]) -> dict[str, tuple[int, float]]:
    """Return size and time of each object where the files go to."""
    prefixes = {"/".join(file.key.split("/")[:2]) + "/" for file in files}
    pages = deployment.s3.get_paginator("list_objects_v2")
    return {
        item["Key"]: (item["Size"], item["LastModified"].timestamp())
        for prefix in sorted(prefixes)
        for page in pages.paginate(Bucket=deployment.output("RawBucketName"), Prefix=prefix)
        for item in page.get("Contents", [])
    }


def _is_there(file: SourceFile, there: Mapping[str, tuple[int, float]]) -> bool:
    """Whether S3 has a file, of the same size and from after its last change.

    As `aws s3 sync` decides; an ETag says nothing of the content of an object that is encrypted with KMS.
    """
    size, stored = there.get(file.key, (-1, 0.0))
    return size == file.size and stored > file.path.stat().st_mtime


def warn_of_left_files(console: Console, source: Source) -> None:
    """Say which files are not uploaded (of no subject or study, or no tables), and who is called unlike their files."""
    if source.beside and isinstance(source, Studies):
        print_line(console, f"     not uploaded, no subject's: {_files(source.beside)}", style="dim")
    elif source.beside:
        what = "of no case" if isinstance(source, Reads) else "no table"
        print_line(console, f"! not uploaded, {what}: {_files(source.beside)}", style="yellow")
    if isinstance(source, Studies) and source.stray:
        print_line(console, f"! not uploaded, in no study: {_files(source.stray)}", style="yellow")
        print_line(console, "  A study is a folder or a zip inside its subject's folder.", style="yellow")
    if isinstance(source, Studies) and source.renamed:
        count = plural(len(source.renamed), "subject")
        print_line(console, f"! PatientID in their files is another: {count} ({some(source.renamed)})", style="yellow")
        told = "  Their features are kept under the folder's name, which other modalities and tables must have, too."
        print_line(console, told, style="yellow")


def _files(paths: Sequence[Path]) -> str:
    return f"{plural(len(paths), 'file')} ({some([f'{path.parent.name}/{path.name}' for path in paths])})"


def put_files(
    console: Console,
    deployment: Deployment,
    files: Iterable[SourceFile],
    prefix: str = "",
    markers: Markers | None = None,
) -> None:
    """Put files into the raw bucket, and the marker of each folder after the last of its files.

    Raises
    ------
    CommandError
        When a file cannot be read; what was uploaded before stays and a repetition does no harm.
    """
    files = list(files)
    bucket = deployment.output("RawBucketName")
    # The files are small and many: they are sent side by side, each in one stream.
    config = TransferConfig(use_threads=False)
    client = deployment.s3
    total = sum(file.size for file in files)
    with _progress(console) as progress, ThreadPoolExecutor(_THREADS) as pool:
        size = size_text(total)
        task = progress.add_task("", total=max(total, 1), files=0, count=len(files), done=size_text(0), size=size)

        def put(file: SourceFile) -> None:
            client.upload_file(str(file.path), bucket, prefix + file.key, Config=config)
            if marker := markers and markers.after(file.key):
                client.put_object(Bucket=bucket, Key=marker[0], Body=marker[1], ContentType="application/json")
            progress.update(task, advance=file.size)

        futures = [pool.submit(put, file) for file in files]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                future.result()
                done = size_text(int(progress.tasks[0].completed))
                progress.update(task, files=number, done=done)
        except OSError as error:
            pool.shutdown(cancel_futures=True)
            why = f"{error.filename or 'A file'} cannot be read: {error.strerror or error}."
            hint = "Correct that, then run the same command again: what was sent is not sent twice."
            raise CommandError(f"The upload stopped. {why}", hint=hint) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("      "),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[files]:,}/{task.fields[count]:,} files"),
        TextColumn("{task.fields[done]}/{task.fields[size]}", style="dim"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
