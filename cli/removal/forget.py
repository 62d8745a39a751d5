"""Lists what a stack holds of one patient and, when asked, removes it (docs/decisions.md#forget-1)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from cli.deployment import Deployment, chosen_dataset
from cli.errors import CommandError, UsageError
from cli.ledger import Unit, read_units
from cli.project import PROGRAM
from cli.removal.findings import Finding, StoredRows
from cli.removal.objects import Bucket
from cli.removal.results import QUERIES, find_results, trained_with
from cli.removal.retention import kept_elsewhere
from cli.removal.store import erase_rows, find_rows
from cli.removal.units import clear_reasons, remove_units, require_no_builds, require_quiet, units_mentioning, units_of
from cli.removal.uploads import find_uploads
from cli.terminal import plural, print_heading, print_line, some
from multimodal.genomics.keys import ACCESSIONS_CASE, SHEET_CASE
from multimodal.ledger.unit import MATRIX_CASE

_NOBODY = {"-", SHEET_CASE, ACCESSIONS_CASE, MATRIX_CASE}
"""What units are about that are no patient's."""
_LATE_MINUTES = 15
"""How long Feature Store takes to bring a record, or a deletion's mark, to the offline store at most."""


@dataclass(frozen=True)
class Traces:
    """Everything of a subject in one dataset.

    Parameters
    ----------
    units, mentions : list of Unit
        The subject's units, and others whose reason names it.
    uploads, results : list of Finding
        Objects of the raw and of the processed bucket.
    rows : list of StoredRows
        Rows of feature groups.
    models : list of str
        Folders of models that were trained with the subject and do not name it.
    """

    dataset: str
    units: list[Unit]
    mentions: list[Unit]
    uploads: list[Finding]
    results: list[Finding]
    rows: list[StoredRows]
    models: list[str]

    @property
    def tables(self) -> list[Finding]:
        """Uploaded tables in which the subject has a row."""
        return [finding for finding in self.uploads if finding.is_table and finding.rewrite]

    @property
    def unexpected(self) -> list[object]:
        """What a removal leaves only when it came meanwhile."""
        uploads = [finding for finding in self.uploads if finding not in self.tables]
        return [*self.units, *self.mentions, *uploads, *self.results]

    @property
    def is_empty(self) -> bool:
        """Whether nothing names the subject."""
        return not (self.unexpected or self.tables or self.rows)

    @property
    def of_all(self) -> list[Finding]:
        """Files that hold every case of the dataset, whether it is the subject's or not."""
        return [finding for finding in self.results if finding.is_of_all]

    @property
    def is_known(self) -> bool:
        """Whether anything is about the subject itself."""
        return bool(self.units or self.mentions or self.uploads or self.rows or len(self.results) > len(self.of_all))


def find_traces(deployment: Deployment, dataset: str, subject: str) -> Traces:
    """Find everything that names the subject in one dataset; nothing is changed."""
    units = read_units(deployment)
    processed = Bucket(deployment, deployment.output("ProcessedBucketName"))
    results = list(find_results(processed, dataset, subject))
    return Traces(
        dataset,
        units_of(units, dataset, subject),
        units_mentioning(units, dataset, subject),
        list(find_uploads(Bucket(deployment, deployment.output("RawBucketName")), dataset, subject)),
        results,
        list(find_rows(deployment, dataset, subject)),
        trained_with(processed, results),
    )


def forget_subject(
    console: Console, deployment: Deployment, subject: str, dataset: str, *, confirmed: bool, rewrite_tables: bool
) -> bool:
    """List what the stack holds of a subject and, when confirmed, remove it.

    Parameters
    ----------
    console : Console
    deployment : Deployment
    subject : str
        The subject of imaging keys, which is the case id and the sample.
    dataset : str
        Empty for every dataset of the stack.
    confirmed : bool
        Remove what was found.
    rewrite_tables : bool
        Upload tables with rows of others anew without the subject's row, and remove their earlier versions.

    Returns
    -------
    bool
        Whether nothing that names the subject is left, or nothing was to be removed yet.

    Raises
    ------
    UsageError
        When there is no such dataset, or the subject cannot be one.
    CommandError
        When something is at work on the subject, or changed while it was removed.
    """
    if not subject.strip() or "/" in subject or subject in _NOBODY:
        raise UsageError("Which subject? Name one as in imaging/<dataset>/<subject>/.")
    names = _datasets(deployment, dataset)
    found = [find_traces(deployment, name, subject) for name in names]
    if not any(traces.is_known for traces in found):
        _print_unknown(console, subject, names)
        return True
    for traces in found:
        _print_traces(console, traces, rewrite_tables=rewrite_tables)
    if confirmed:
        _erase(deployment, subject, found, rewrite_tables=rewrite_tables)
    _print_kept(console, deployment)
    if confirmed:
        return _is_gone(console, deployment, subject, names)
    print_line(console, "Nothing was removed. --yes removes it for good: all versions, without a way back.", "bold")
    if any(traces.tables for traces in found) and not rewrite_tables:
        told = "With --yes alone the table's row stays, and the table's next run brings the patient back;"
        print_line(console, f"{told} --rewrite-tables removes the row as well.", "yellow")
    return True


def _print_unknown(console: Console, subject: str, names: Sequence[str]) -> None:
    """Say so of a misspelt subject: files of builds hold every case, and would be removed for nobody (`forget-1`)."""
    print_line(console, f"Nothing names the subject {subject!r} in {', '.join(names)}. Is it spelt so?", "yellow")
    print_line(console, "Nothing was removed.", "bold")


def _datasets(deployment: Deployment, dataset: str) -> list[str]:
    if dataset:
        chosen_dataset(deployment, dataset)
    return [dataset] if dataset else deployment.datasets


def _print_traces(console: Console, traces: Traces, *, rewrite_tables: bool) -> None:
    if traces.is_empty:
        return
    print_heading(console, traces.dataset)
    for unit in [*traces.units, *traces.mentions]:
        print_line(console, f"ledger    {unit.unit_id}  ({unit.status})")
    for finding in [*traces.uploads, *traces.results]:
        doing = _doing(finding, rewrite_tables=rewrite_tables)
        print_line(console, f"{doing}  {finding.what}: {plural(len(finding.places), 'object')}, {some(finding.places)}")
    for rows in traces.rows:
        if not rows.rows:
            print_line(console, f"rows      {rows.group}: files of an earlier removal are still to be rewritten")
            continue
        how = "erased" if rows.is_iceberg else "only marked as deleted: its offline store is append-only (format Glue)"
        print_line(console, f"rows      {rows.group}: {plural(rows.rows, 'row')}, {how}")
    for folder in traces.models:
        print_line(
            console, f"stays     {folder}: trained with the patient, names nobody; train again without", "yellow"
        )


def _doing(finding: Finding, *, rewrite_tables: bool) -> str:
    if finding.is_table and finding.rewrite and not rewrite_tables:
        return "stays   "
    return "rewrite " if finding.rewrite else "remove  "


def _erase(deployment: Deployment, subject: str, found: Iterable[Traces], *, rewrite_tables: bool) -> None:
    """Remove what was found, in an order that any repetition can take up again.

    What holds every case first, since it is no sign of the subject; then the ledger, so that no run starts; the sheet
    and the tables last, because they say what is the subject's.
    """
    found = list(found)
    units = read_units(deployment)
    require_no_builds(deployment)
    for traces in found:
        require_quiet(units, traces.dataset, subject)
    processed = Bucket(deployment, deployment.output("ProcessedBucketName"))
    _remove_answers(processed)
    for traces in found:
        _replace_or_remove(processed, traces.of_all)
    for traces in found:
        remove_units(deployment, traces.units)
        clear_reasons(deployment, traces.mentions)
    raw = Bucket(deployment, deployment.output("RawBucketName"))
    for traces in found:
        _replace_or_remove(raw, [finding for finding in traces.uploads if not finding.rewrite])
        erase_rows(deployment, traces.rows, subject)
        _replace_or_remove(processed, [finding for finding in traces.results if not finding.is_of_all])
        _replace_or_remove(raw, [f for f in traces.uploads if f.rewrite and (rewrite_tables or not f.is_table)])


def _replace_or_remove(bucket: Bucket, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.rewrite and finding.without:
            bucket.replace(finding.rewrite, finding.without(bucket.read(finding.rewrite)))
        bucket.remove(finding.remove)


def _remove_answers(processed: Bucket) -> None:
    """Remove the answers of all queries: they hold rows of whoever was asked about, and can be asked again."""
    processed.remove(list(processed.versions(QUERIES)))


def _is_gone(console: Console, deployment: Deployment, subject: str, names: Sequence[str]) -> bool:
    """Look once more, and say what is left and what to do about it."""
    left = [find_traces(deployment, name, subject) for name in names]
    _remove_answers(Bucket(deployment, deployment.output("ProcessedBucketName")))
    rest = sum(len(traces.unexpected) for traces in left)
    if rest:
        raise CommandError(f"{plural(rest, 'place')} came while the rest was removed.", hint="Run the command again.")
    lines = [line for traces in left for line in _left(traces)]
    for line in lines or ["Nothing that the stack can see names the subject any more."]:
        print_line(console, line, "yellow" if lines else "bold")
    return not lines


def _left(traces: Traces) -> Iterator[str]:
    for table in traces.tables:
        yield f"! {table.places[0]} still has the patient's row, and its next run brings the patient back."
        yield "  Upload it without the row, or run this again with --rewrite-tables."
    for rows in traces.rows:
        yield f"! {rows.group} still has {plural(rows.rows, 'row')}."
        if rows.is_iceberg:
            yield f"  Feature Store writes late: run this again in {_LATE_MINUTES} minutes."
        else:
            yield "  Rows in the format Glue cannot be erased: docs/runbooks/forget-a-patient.md says what to do."


def _print_kept(console: Console, deployment: Deployment) -> None:
    print_heading(console, "What stays elsewhere, and for how long")
    for line in kept_elsewhere(deployment):
        print_line(console, line, "dim")
    late = (
        f"a record of the last {_LATE_MINUTES} minutes may still be on its way on AWS: repeat `{PROGRAM} forget` then"
    )
    print_line(console, late, "dim")
