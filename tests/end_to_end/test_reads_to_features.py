"""RNA-seq reads go in, gene-expression features come out, and they are the ones that the reads were made of."""

import math
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import yaml

from cli.features import Row
from cli.ledger import Unit
from cli.project import DATASET, ROOT
from cli.sources.reads import read_reads
from cli.upload import upload_source
from local.synthetic.genome import PANEL, make_genome
from local.synthetic.reads import RnaTruth, write_rna_cohort
from tests.end_to_end.canaries import rename_reads
from tests.end_to_end.pipeline import Pipeline, silent_console

pytestmark = [
    pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (apt install salmon)"),
    pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="a real stack has a real reference under this name"),
]
LAYOUTS = 4


@dataclass(frozen=True)
class Reads:
    """What was uploaded, and what became of it.

    Parameters
    ----------
    truths : mapping
        What is known of each case.
    truncated : str
        The case whose upload was cut short.
    reference : str
        Name of the reference.
    units : mapping
        The units by case.
    """

    truths: Mapping[str, RnaTruth]
    truncated: str
    reference: str
    units: Mapping[str, Unit]

    @property
    def good(self) -> list[str]:
        """Cases that get features."""
        return [case for case in self.truths if case != self.truncated]


@pytest.fixture(scope="module")
def reads(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Reads:
    """Cases in every layout and their reference, uploaded at once."""
    folder = tmp_path_factory.mktemp("reads")
    config = yaml.safe_load((ROOT / "functions" / "datasets" / f"{DATASET}.yaml").read_text())
    reference, mark = config["genomics"]["reference"], uuid.uuid4().hex[:6]
    cases = [f"T{mark}-{number}" for number in range(1, LAYOUTS + 2)]
    truths = write_rna_cohort(folder, cases, reference=reference, truncated=cases[-1:])
    for index in (0, -1):  # one that goes well and one that does not
        files = rename_reads(truths[index].files, cases[index])
        truths[index] = replace(truths[index], files=files)
    uploaded = upload_source(silent_console(), pipeline.deployment, read_reads(folder), DATASET)
    units = pipeline.wait_for(uploaded.unit_ids)
    return Reads({truth.case: truth for truth in truths}, cases[-1], reference, units)


@pytest.fixture(scope="module")
def rows(pipeline: Pipeline, reads: Reads) -> dict[str, Row]:
    """The newest record of each case."""
    return pipeline.expression(DATASET)


def test_the_reference_is_built_once(pipeline: Pipeline, reads: Reads) -> None:
    assert reads.units[reads.reference].status == "COMPLETED"
    assert pipeline.result(reads.units[reads.reference], "salmon.manifest.json")


def test_every_good_case_gets_features(reads: Reads, rows: dict[str, Row]) -> None:
    assert {case: reads.units[case].status for case in reads.good} == dict.fromkeys(reads.good, "COMPLETED")
    assert set(reads.good) <= set(rows)


def test_a_truncated_upload_is_rejected_with_its_reason(reads: Reads, rows: dict[str, Row]) -> None:
    unit = reads.units[reads.truncated]
    assert (unit.status, unit.text("reason_code")) == ("QUARANTINED", "READS_TRUNCATED")
    assert reads.truncated not in rows


def test_features_are_what_the_reads_were_made_of(reads: Reads, rows: dict[str, Row]) -> None:
    genes = {name: gene for gene, name in make_genome().genes.items()}
    for case in reads.good:
        wanted = np.array([math.log2(reads.truths[case].tpm[genes[name]] + 1) for name in PANEL])
        found = np.array([float(str(rows[case][f"log2tpm_{name}"])) for name in PANEL])
        assert np.corrcoef(found, wanted)[0, 1] > 0.98
        assert np.abs(found - wanted)[wanted > math.log2(20000)].max() < 0.35


def test_the_library_is_recognised(reads: Reads, rows: dict[str, Row]) -> None:
    assert {case: rows[case]["library_type"] for case in reads.good} == {
        case: reads.truths[case].library_type for case in reads.good
    }


def test_the_same_reads_are_not_run_twice(pipeline: Pipeline, reads: Reads) -> None:
    before = reads.units[reads.good[0]]
    keys = [f"genomics/{DATASET}/{before.text('subject')}/{path.name}" for path in reads.truths[reads.good[0]].files]
    pipeline.announce(keys)
    pipeline.settle(12)
    after = pipeline.unit(before.text("subject"))
    assert (after.status, after.text("run_id")) == (before.status, before.text("run_id"))
