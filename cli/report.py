"""The command `multimodal report`: the cohort page of a dataset, made from the ledger and the results."""

import gzip
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import ClientError

from cli.deployment import Deployment, chosen_dataset, reach
from cli.ledger import read_units
from cli.options import Dataset, Stack
from cli.output_folder import remove_outdated
from cli.project import shown
from cli.terminal import make_console, plural, print_line

if TYPE_CHECKING:
    from multimodal.ledger.ports import StoredObject

_THREADS = 16

_TOP = '<header class="top">'
"""Where the page of a table and that of models begin."""


def report(
    dataset: Dataset = "",
    output: Annotated[
        Path, typer.Option(help="Write the pages into this folder.", metavar="DIR", file_okay=False)
    ] = Path("report"),
    stack: Stack = "",
) -> None:
    """Write the cohort page: what became of every upload, and which studies and samples stand out."""
    console, deployment = make_console(), reach(stack)
    chosen = chosen_dataset(deployment, dataset, "multimodal report --dataset NAME")
    with console.status(f"Reading {chosen}"):
        written = save_report(deployment, chosen, output)
    remove_outdated(console, "report", output, written)
    print_line(console, f"{plural(len(written), 'file')} in {shown(output)}/")
    print_line(console, shown(written[-1]))


def save_report(deployment: Deployment, dataset: str, folder: Path) -> list[Path]:
    """Write the report and what it links to into a folder.

    Returns
    -------
    list of Path
        The files; the cohort page is the last.
    """
    from multimodal.report.page import linked_results, report_files  # the templates take a second to load
    from multimodal.report.reading import CohortReader

    bucket = Bucket(deployment)
    with ThreadPoolExecutor(_THREADS) as pool:
        cohort = CohortReader(bucket, pool.map).read(dataset, [unit.item for unit in read_units(deployment)])
        saved = [path for path in pool.map(lambda key: bucket.save(key, folder / key), linked_results(cohort)) if path]
    for path in saved:
        if path.name == "report.html":
            add_way_back(path, folder, dataset)
    for name, text in report_files(cohort, results=""):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        saved.append(path)
    return saved


def add_way_back(page: Path, folder: Path, dataset: str) -> None:
    """Link a page of a table or of models, which was made before the cohort page, back to it."""
    up = "../" * (len(page.relative_to(folder).parts) - 1)
    link = f'<p><a href="{up}index.html">← Cohort {escape(dataset)}</a></p>'
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(_TOP, _TOP + link, 1), encoding="utf-8")


@dataclass(frozen=True)
class Bucket:
    """The processed bucket of a deployment, as `multimodal.report.reading.Documents` wants it."""

    deployment: Deployment

    def objects_under(self, prefix: str) -> Iterator["StoredObject"]:
        """Yield the objects whose keys start with `prefix`."""
        from multimodal.ledger.ports import StoredObject

        pages = self.deployment.s3.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", []):
                yield StoredObject(found["Key"], found["Size"], found["ETag"].strip('"'))

    def read_json(self, key: str) -> Any | None:  # noqa: ANN401 – any JSON
        """Return a parsed object, or None when there is none."""
        content = self._read(key)
        return None if content is None else json.loads(content)

    def lines(self, key: str) -> Iterable[str] | None:
        """Return an object's lines, decompressed, or None when there is none."""
        content = self._read(key)
        if content is None:
            return None
        lines = (gzip.decompress(content) if key.endswith(".gz") else content).splitlines()
        return [line.decode() for line in lines]  # of bytes: in a text, U+2028 ends a line, too

    def save(self, key: str, path: Path) -> Path | None:
        """Copy an object to a file; None when there is none."""
        content = self._read(key)
        if content is None:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    @property
    def _name(self) -> str:
        return self.deployment.output("ProcessedBucketName")

    def _read(self, key: str) -> bytes | None:
        try:
            return self.deployment.s3.get_object(Bucket=self._name, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
