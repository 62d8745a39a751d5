"""Patients in all modalities, for what is about the whole of a patient."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from cli.features import describe_group, run_query
from cli.project import DATASET, ROOT
from cli.removal.objects import Bucket, side_by_side
from cli.removal.text import mentions
from cli.sources.reads import read_reads
from cli.sources.studies import read_studies
from cli.upload import upload_source
from local.synthetic import cohort_specs, write_study
from local.synthetic.clinical import write_clinical_table
from local.synthetic.reads import write_rna_cohort
from tests.end_to_end.pipeline import Pipeline, silent_console
from tests.end_to_end.studies import small

FORGOTTEN, OTHER = "R01-981", "R01-982"
"""The two that have CT and reads beside their row in the table."""
CASES = [FORGOTTEN, OTHER, *(f"R01-{number}" for number in range(983, 993))]
TABLE = "forget/patients.csv"
BUCKETS = ("RawBucketName", "ProcessedBucketName", "FeatureStoreBucketName")


@dataclass(frozen=True)
class Patients:
    """The stack with both patients."""

    pipeline: Pipeline

    def rows(self, subject: str) -> dict[str, list[str]]:
        """All rows of a subject in every feature group of its dataset, as text and in order."""
        found: dict[str, list[str]] = {}
        deployment = self.pipeline.deployment
        for name in (group for group in deployment.feature_groups if f"-{DATASET}-" in group):
            group = describe_group(deployment, name)
            sql = f"SELECT * FROM {group.qualified_table} WHERE case_id = '{subject}'"
            rows = run_query(deployment, sql, database=group.database)
            found[name] = sorted(json.dumps(row, sort_keys=True) for row in rows)
        return {name: rows for name, rows in found.items() if rows}

    def objects(self, subject: str) -> set[str]:
        """Addresses of all versions of objects that name a subject in their key or their content."""
        found = set[str]()
        for output in BUCKETS:
            bucket = Bucket(self.pipeline.deployment, self.pipeline.deployment.output(output))
            versions = list(bucket.versions(""))
            for version, text in zip(versions, side_by_side(bucket.read, versions), strict=True):
                if mentions(version.key.encode(), subject) or subject.encode() in text:
                    found.add(f"{bucket.name}/{version.key}")
        return found

    def items(self, subject: str) -> list[str]:
        """Items of the ledger that name a subject."""
        pages = self.pipeline.deployment.ledger.scan(ConsistentRead=True)["Items"]
        return [str(item["unit_id"]) for item in pages if mentions(str(item).encode(), subject)]


def upload_patients(pipeline: Pipeline, folder: Path) -> Patients:
    """Upload CT and reads of two patients and a table of twelve, at once, and wait for all of it."""
    pipeline = replace(pipeline, timeout=3 * pipeline.timeout)  # for all three kinds of jobs on two cores
    for name in ("studies", "reads"):
        (folder / name).mkdir()
    pair = (FORGOTTEN, OTHER)
    for subject, spec in zip(pair, cohort_specs(seed=23, studies=2), strict=True):
        write_study(folder / "studies", small(replace(spec, subject=subject)))
    config = yaml.safe_load((ROOT / "functions" / "datasets" / f"{DATASET}.yaml").read_text())
    write_rna_cohort(folder / "reads", pair, reference=config["genomics"]["reference"])
    write_clinical_table(folder / "patients.csv", CASES)
    console, deployment = silent_console(), pipeline.deployment
    sources = [read_studies(folder / "studies"), read_reads(folder / "reads")]
    unit_ids = [unit for source in sources for unit in upload_source(console, deployment, source, DATASET).unit_ids]
    pipeline.store(f"clinical/{DATASET}/{TABLE}", (folder / "patients.csv").read_bytes())
    pipeline.wait_for([*unit_ids, f"clinical#{DATASET}#{TABLE}"])
    return Patients(pipeline)
