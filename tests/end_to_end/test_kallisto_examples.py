"""Human reads that Debian ships with kallisto, uploaded as a user does it; kallisto's own result is there, too.

The package's README does not say where the reads are from; their names carry the RefSeq transcript of each.
"""

import csv
import gzip
import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli import main as command
from cli.features import Row
from cli.ledger import Unit
from cli.main import main
from cli.results import results_prefix
from local.synthetic.genome import compressed
from tests.end_to_end.pipeline import Pipeline

EXAMPLE = Path("/usr/share/doc/kallisto/test")
DATASET, REFERENCE = "kallisto_examples", "kallisto"
READS, FIRST_LANE_READS = 10_000, 3_000
COUNTS_TOLERANCE, FEATURES_TOLERANCE = 0.01, 0.15
"""Two lanes against one file: relative for reads of a gene (or one read), absolute for log2(TPM + 1). It is salmon's
own noise, and docs/reference/feature-groups.md states both."""
KALLISTO_TOLERANCE = 0.03
"""salmon against kallisto: relative, for reads of a gene. Their TPM differ by more: salmon's effective lengths are
corrected for bias."""

pytestmark = [
    pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (apt install salmon)"),
    pytest.mark.skipif(
        not (EXAMPLE / "reads_1.fastq.gz").is_file(),
        reason="kallisto-examples is not installed (apt install kallisto-examples)",
    ),
    pytest.mark.skipif("SMOKE_STACK" in os.environ, reason="the dataset is deployed on the laptop only"),
]


@dataclass(frozen=True)
class Uploaded:
    """The same reads twice: in one pair of files, and in two lanes."""

    joined: Unit
    lanes: Unit
    rows: Mapping[str, Row]

    def row(self, unit: Unit) -> Row:
        return self.rows[unit.text("subject")]


def annotation() -> dict[str, tuple[str, str]]:
    """Gene id and symbol of each transcript, from the package's GTF."""
    found = {}
    with gzip.open(EXAMPLE / "transcripts.gtf.gz", "rt") as lines:
        for line in lines:
            value = dict(re.findall(r'(\w+) "([^"]*)"', line))
            if "transcript_id" in value:
                transcript, gene = (f"{value[f'{n}_id']}.{value[f'{n}_version']}" for n in ("transcript", "gene"))
                found[transcript] = (gene, value["gene_name"])
    return found


def kallistos_counts() -> dict[str, float]:
    """Reads of each gene by its id, as kallisto found them in these files."""
    genes, totals = annotation(), dict[str, float]()
    with (EXAMPLE / "quant_out" / "abundance.tsv").open(newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            gene = genes[row["target_id"]][0]
            totals[gene] = totals.get(gene, 0.0) + float(row["est_counts"])
    return totals


def write_folder(folder: Path, joined: str, lanes: str) -> None:
    """Write what a user has: a folder for each case, and the reference with its table."""
    reference = folder / "_references" / REFERENCE
    reference.mkdir(parents=True)
    shutil.copy(EXAMPLE / "transcripts.fasta.gz", reference)
    with gzip.open(EXAMPLE / "transcripts.fasta.gz", "rt") as fasta:
        names = [line[1:].strip() for line in fasta if line.startswith(">")]
    rows = ["\t".join([name, *annotation()[name]]) for name in names]
    (reference / "transcripts.tsv").write_text("\n".join(["transcript_id\tgene_id\tgene_name", *rows]) + "\n")
    (reference / "reference.json").write_text(json.dumps({"genome": "GRCh38", "annotation": "Ensembl 90 (HOXC)"}))
    for case in (joined, lanes):
        (folder / case).mkdir()
    for mate in (1, 2):
        source = EXAMPLE / f"reads_{mate}.fastq.gz"
        shutil.copy(source, folder / joined)
        text, cut = gzip.decompress(source.read_bytes()).splitlines(keepends=True), 4 * FIRST_LANE_READS
        for lane, part in enumerate((text[:cut], text[cut:]), start=1):
            path = folder / lanes / f"{lanes}_S1_L00{lane}_R{mate}_001.fastq.gz"
            path.write_bytes(compressed(b"".join(part)))


@pytest.fixture(scope="module")
def uploaded(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Uploaded:
    """Both cases after `multimodal upload`."""
    folder, mark = tmp_path_factory.mktemp("kallisto"), uuid.uuid4().hex[:6]
    joined, lanes = f"K{mark}-JOINED", f"K{mark}-LANES"
    write_folder(folder, joined, lanes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "reach", lambda _stack: pipeline.deployment)
        assert main(["upload", str(folder), "--dataset", DATASET, "--modality", "genomics"]) == 0
    cases = [f"genomics#{DATASET}#{case}" for case in (joined, lanes)]
    units = pipeline.wait_for([f"genomics#_references#{REFERENCE}", *cases])
    return Uploaded(units[joined], units[lanes], pipeline.expression(DATASET))


def test_features_come_out(uploaded: Uploaded) -> None:
    for unit in (uploaded.joined, uploaded.lanes):
        assert (unit.status, unit.text("reason_code")) == ("COMPLETED", "")
        row = uploaded.row(unit)
        assert (row["reads_total"], row["genes_missing"], row["genome"]) == (READS, 0, "GRCh38")
        assert float(str(row["mapped_percent"])) > 85


def test_genes_have_the_reads_that_kallisto_gives_them(pipeline: Pipeline, uploaded: Uploaded) -> None:
    assert counts_of(pipeline, uploaded.joined) == pytest.approx(kallistos_counts(), rel=KALLISTO_TOLERANCE, abs=2)


def test_two_lanes_equal_the_joined_sample(pipeline: Pipeline, uploaded: Uploaded) -> None:
    joined, lanes = (counts_of(pipeline, unit) for unit in (uploaded.joined, uploaded.lanes))
    assert joined.keys() == lanes.keys()
    for gene, count in joined.items():
        assert lanes[gene] == pytest.approx(count, rel=COUNTS_TOLERANCE, abs=1), gene
    one, other = uploaded.row(uploaded.joined), uploaded.row(uploaded.lanes)
    for name in (name for name in one if name.startswith("log2tpm_")):
        assert float(str(other[name])) == pytest.approx(float(str(one[name])), abs=FEATURES_TOLERANCE), name
    run = pipeline.result(uploaded.lanes, "run.json")
    assert run is not None
    assert (run["reads"]["lanes"], run["reads"]["pairs"]) == (2, READS)


def counts_of(pipeline: Pipeline, unit: Unit) -> dict[str, float]:
    """Reads of each gene, from the whole table."""
    key = f"{results_prefix(unit)}{unit.text('subject')}.quant.genes.sf"
    body = pipeline.deployment.s3.get_object(Bucket=pipeline.processed_bucket, Key=key)["Body"].read().decode()
    return {row["Name"]: float(row["NumReads"]) for row in csv.DictReader(body.splitlines(), delimiter="\t")}
