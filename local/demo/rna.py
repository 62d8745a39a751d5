"""The RNA-seq part of the demo: reads of the same made-up patients, when there is a program to count them with."""

from collections.abc import Collection, Sequence
from pathlib import Path

import yaml
from rich.console import Console

from cli.deployment import Deployment
from cli.features import describe_group, find_group, read_features
from cli.project import DATASET, DATASET_FILES
from cli.rows import print_features
from cli.sources.reads import Reads, read_reads
from cli.terminal import print_heading
from local.synthetic.reads import write_rna_cohort

MADE_UP_REFERENCE = "The made-up reference has 24 genes, which share the million of TPM: real values are far lower."


def write_reads(folder: Path, subjects: Sequence[str], truncated: Collection[str]) -> Reads:
    """Make up reads of patients and the reference that the dataset's configuration names."""
    config = yaml.safe_load((DATASET_FILES / f"{DATASET}.yaml").read_text(encoding="utf-8"))
    write_rna_cohort(folder, subjects, reference=config["genomics"]["reference"], truncated=truncated)
    return read_reads(folder)


def show_expression(console: Console, deployment: Deployment) -> None:
    """Print the gene-expression features."""
    group = describe_group(deployment, find_group(deployment, "rna"))
    rows = read_features(deployment, group)
    print_heading(console, "Gene expression, log2(TPM + 1), read back in the same way")
    print_features(console, group, rows, whole="rna.csv")
