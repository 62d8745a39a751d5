"""Copies files into the raw bucket, several at a time, with progress."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cli.clinical_files import ClinicalFiles, read_clinical_files
from cli.deployment import Deployment
from cli.errors import CommandError, UsageError
from cli.genomics_folders import GenomicsFolder, read_genomics_folder
from cli.modalities import find_modalities
from cli.study_folders import SourceFile, SourceFolder, read_study_folders
from cli.terminal import megabytes, plural, print_line

UNIT_WORDS = {
    "imaging": ("study", "studies"),
    "genomics": ("case, matrix or reference", "cases, matrices and references"),
    "clinical": ("table", "tables"),
}

_THREADS = 8
_EXAMPLES = 3


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded.

    Parameters
    ----------
    unit_ids : tuple of str
        Units of the ledger to expect.
    files, size : int
        Number of files and their bytes.
    """

    unit_ids: tuple[str, ...]
    files: int
    size: int


def check_dataset(deployment: Deployment, name: str) -> None:
    """Refuse a dataset that the stack was not deployed for: nothing would process its studies."""
    if name not in deployment.datasets:
        raise UsageError(
            f"No dataset {name!r} is deployed.",
            hint=f"There are: {', '.join(deployment.datasets)}. `make up DATASETS=one,another` deploys others.",
        )


def upload_path(
    console: Console, deployment: Deployment, path: Path, dataset: str, modality: str | None = None
) -> Iterator[tuple[str, Uploaded]]:
    """Upload a table or a folder, of whichever modality or modalities it is.

    Yields
    ------
    tuple of (str, Uploaded)
        A modality, and what was uploaded of it.
    """
    upload = {"imaging": upload_imaging, "genomics": upload_genomics, "clinical": upload_clinical}
    for name in [modality] if modality else find_modalities(path):
        yield name, upload[name](console, deployment, path, dataset)


def upload_imaging(console: Console, deployment: Deployment, folder: Path, dataset: str) -> Uploaded:
    """Upload a folder of studies under `imaging/<dataset>/`."""
    source = read_study_folders(folder)
    check_dataset(deployment, dataset)
    warn_of_stray_files(console, source)
    return upload_studies(console, deployment, source, dataset)


def upload_studies(console: Console, deployment: Deployment, source: SourceFolder, dataset: str) -> Uploaded:
    """Upload studies that were found before."""
    files = [file for study in source.studies for file in study.files]
    put_files(console, deployment, files, f"imaging/{dataset}/")
    unit_ids = tuple(f"imaging#{dataset}#{study.subject}#{study.study}" for study in source.studies)
    return Uploaded(unit_ids, len(files), sum(file.size for file in files))


def upload_genomics(console: Console, deployment: Deployment, folder: Path, dataset: str) -> Uploaded:
    """Upload reads, tables and references under `genomics/`."""
    source = read_genomics_folder(folder, dataset)
    check_dataset(deployment, dataset)
    return upload_reads(console, deployment, source, dataset)


def upload_reads(console: Console, deployment: Deployment, source: GenomicsFolder, dataset: str) -> Uploaded:
    """Upload reads, tables and references that were found before."""
    put_files(console, deployment, source.files, "genomics/")
    return Uploaded(source.unit_ids(dataset), len(source.files), source.size)


def upload_clinical(console: Console, deployment: Deployment, path: Path, dataset: str) -> Uploaded:
    """Upload a table, or the tables of a folder, under `clinical/<dataset>/`."""
    source = read_clinical_files(path)
    check_dataset(deployment, dataset)
    if source.beside:
        print_line(console, f"! not uploaded, no table: {_examples(source.beside)}", style="yellow")
    return upload_tables(console, deployment, source, dataset)


def upload_tables(console: Console, deployment: Deployment, source: ClinicalFiles, dataset: str) -> Uploaded:
    """Upload tables that were found before."""
    put_files(console, deployment, source.files, f"clinical/{dataset}/")
    return Uploaded(source.unit_ids(dataset), len(source.files), source.size)


def warn_of_stray_files(console: Console, source: SourceFolder) -> None:
    """Say which files are left behind because they are in no study's folder."""
    if source.beside:
        print_line(console, f"     not uploaded, no subject's: {_examples(source.beside)}", style="dim")
    if source.stray:
        text = f"! not uploaded, in no study: {_examples(source.stray)}"
        print_line(console, text, style="yellow")
        print_line(console, "  A study is a folder or a zip inside its subject's folder.", style="yellow")


def _examples(paths: list[Path]) -> str:
    names = ", ".join(f"{path.parent.name}/{path.name}" for path in paths[:_EXAMPLES])
    more = len(paths) - _EXAMPLES
    return f"{plural(len(paths), 'file')} ({names}{f' and {more} more' if more > 0 else ''})"


def put_files(console: Console, deployment: Deployment, files: Iterable[SourceFile], prefix: str) -> None:
    """Put files into the raw bucket.

    Raises
    ------
    CommandError
        When S3 refuses a file; what was uploaded before stays and a repetition does no harm.
    """
    files = list(files)
    bucket = deployment.output("RawBucketName")
    # The files are small and many: they are sent side by side, each in one stream.
    config = TransferConfig(use_threads=False)
    client = deployment.s3
    total = sum(file.size for file in files)
    with _progress(console) as progress, ThreadPoolExecutor(_THREADS) as pool:
        size = megabytes(total)
        task = progress.add_task("", total=max(total, 1), files=0, count=len(files), done="0.0", size=size)

        def put(file: SourceFile) -> None:
            client.upload_file(str(file.path), bucket, prefix + file.key, Config=config)
            progress.update(task, advance=file.size)

        futures = [pool.submit(put, file) for file in files]
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                future.result()
                done = megabytes(int(progress.tasks[0].completed))
                progress.update(task, files=number, done=done)
        except (S3UploadFailedError, OSError) as error:
            pool.shutdown(cancel_futures=True)
            raise CommandError(
                "The upload stopped.", details=str(error), hint="Run the same command again: it does no harm."
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("      "),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[files]:,}/{task.fields[count]:,} files"),
        TextColumn("{task.fields[done]}/{task.fields[size]} MB", style="dim"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
