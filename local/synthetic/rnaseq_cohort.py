"""A folder of made-up RNA-seq cases with their reference, as `upload --modality genomics` takes it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from local.synthetic.rnaseq import RnaTruth, rna_specs, write_case
from local.synthetic.rnaseq_genome import make_genome, write_annotated_genome, write_transcriptome


def write_rna_cohort(
    folder: Path,
    cases: Sequence[str],
    *,
    reference: str,
    truncated: Collection[str] = (),
    genome: bool = False,
    seed: int = 7,
) -> list[RnaTruth]:
    """Write reads of cases and the reference that they are of.

    Parameters
    ----------
    folder : Path
        Receives `<case>/…` and `_references/<reference>/…`.
    cases : sequence of str
        Names of the cases, such as the subjects of the CT cohort.
    reference : str
        Name of the reference, which the dataset's configuration asks for.
    truncated : collection of str
        Cases whose last file is cut short.
    genome : bool
        Give the reference as genome and annotation; else as transcriptome and table.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of RnaTruth
        In the cases' order.
    """
    made = make_genome(seed)
    write = write_annotated_genome if genome else write_transcriptome
    write(made, folder / "_references" / reference)
    return [write_case(folder, made, spec, truncated=spec.case in truncated) for spec in rna_specs(cases, seed)]
