"""Made-up RNA-seq reads: what they say of themselves is true, and salmon finds it."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cli.sources.reads import read_reads
from local.synthetic.genome import (
    PANEL,
    Genome,
    make_genome,
    reverse_complement,
    write_annotated_genome,
    write_transcriptome,
)
from local.synthetic.reads import READ_LENGTH, RnaSpec, RnaTruth, rna_specs, write_case, write_rna_cohort

GENOME = make_genome()


def _text(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def _names(truth: RnaTruth) -> list[str]:
    return [path.name for path in truth.files]


def test_every_gene_of_the_panel_is_transcribed() -> None:
    assert set(PANEL) <= set(GENOME.genes.values())
    assert 15 <= len(GENOME.genes) <= 25
    assert len({t.transcript_id for t in GENOME.transcripts}) == len(GENOME.transcripts) > len(GENOME.genes)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    spec = RnaSpec("R01-901", 1, fragments=50)
    first, second = (write_case(tmp_path / name, make_genome(3), spec) for name in ("a", "b"))
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]
    assert first.tpm == second.tpm


def test_abundances_are_per_million(tmp_path: Path) -> None:
    truth = write_case(tmp_path, GENOME, RnaSpec("R01-901", 1, fragments=10))
    assert set(truth.tpm) == set(GENOME.genes)
    assert sum(truth.tpm.values()) == pytest.approx(1e6)


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("lanes", [f"A-1_S1_L00{lane}_R{mate}_001.fastq.gz" for lane in (1, 2) for mate in (1, 2)]),
        ("sra", ["A-1_1.fastq.gz", "A-1_2.fastq.gz"]),
        ("dots", ["A-1.R1.fq.gz", "A-1.R2.fq.gz"]),
        ("single", ["A-1.fastq.gz"]),
    ],
)
def test_files_are_named_as_in_the_wild(tmp_path: Path, layout: str, names: list[str]) -> None:
    truth = write_case(tmp_path, GENOME, RnaSpec("A-1", 1, layout, fragments=20))
    assert _names(truth) == names
    lines = [line for path in truth.files for line in _text(path).splitlines()]
    assert {len(line) for line in lines[1::2] if line != "+"} == {READ_LENGTH}
    assert len(lines) == 4 * 20 * (1 if layout == "single" else 2)


def test_a_truncated_case_ends_too_early(tmp_path: Path) -> None:
    truth = write_case(tmp_path, GENOME, RnaSpec("R01-999", 1, fragments=50), truncated=True)
    with pytest.raises(EOFError):
        _text(truth.files[-1])


def test_the_annotation_spells_out_the_transcripts(tmp_path: Path) -> None:
    fasta, gtf, _ = write_annotated_genome(GENOME, tmp_path)
    chromosome = "".join(_text(fasta).splitlines()[1:])
    spliced: dict[str, str] = {}
    strands: dict[str, str] = {}
    for line in _text(gtf).splitlines():
        fields = line.split("\t")
        if len(fields) > 1 and fields[2] == "exon":
            name = fields[8].partition('transcript_id "')[2].partition('"')[0]
            spliced[name] = spliced.get(name, "") + chromosome[int(fields[3]) - 1 : int(fields[4])]
            strands[name] = fields[6]
    for transcript in GENOME.transcripts:
        sequence = spliced[transcript.transcript_id].encode()
        assert transcript.sequence == (
            sequence if strands[transcript.transcript_id] == "+" else reverse_complement(sequence)
        )


def test_a_cohort_has_every_layout_and_both_kinds_of_library() -> None:
    specs = rna_specs([f"R01-{number}" for number in range(901, 907)])
    assert {spec.layout for spec in specs} == {"lanes", "sra", "dots", "single"}
    assert {spec.stranded for spec in specs} == {True, False}


@pytest.mark.parametrize("genome", [False, True])
def test_a_cohort_is_a_folder_that_can_be_uploaded(tmp_path: Path, genome: bool) -> None:
    cases = ["R01-901", "R01-902", "R01-999"]
    truths = write_rna_cohort(tmp_path, cases, reference="human", truncated=["R01-999"], genome=genome)
    found = read_reads(tmp_path)
    assert (found.cases, found.references) == (cases, ["human"])
    assert len(found.files) == sum(len(truth.files) for truth in truths) + 3
    with pytest.raises(EOFError):
        _text(truths[-1].files[-1])


@pytest.fixture(scope="module")
def salmon_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transcriptome's index."""
    if shutil.which("salmon") is None:
        pytest.skip("salmon is not installed")
    folder = tmp_path_factory.mktemp("reference")
    fasta, *_ = write_transcriptome(GENOME, folder)
    _salmon("index", "-t", str(fasta), "-i", str(folder / "index"))
    return folder / "index"


def _salmon(*arguments: str) -> None:
    done = subprocess.run(["salmon", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("spec", rna_specs(["A", "B", "C", "D"]), ids=lambda spec: spec.layout)
def test_salmon_finds_the_truth(salmon_index: Path, tmp_path: Path, spec: RnaSpec) -> None:
    truth = write_case(tmp_path, GENOME, spec)
    firsts = [str(path) for path in truth.files if "_R2_" not in path.name and "_2." not in path.name]
    reads = ["-r", *firsts]
    if spec.layout != "single":
        ones = [str(path) for path in truth.files[::2]]
        reads = ["-1", *ones, "-2", *(str(path) for path in truth.files[1::2])]
    _salmon("quant", "-i", str(salmon_index), "-l", "A", *reads, "-p", "2", "-o", str(tmp_path / "out"))
    found = _gene_tpm(tmp_path / "out" / "quant.sf", GENOME)
    genes = sorted(truth.tpm)
    actual, wanted = (np.array([values[gene] for gene in genes]) for values in (found, truth.tpm))
    assert np.corrcoef(np.log2(actual + 1), np.log2(wanted + 1))[0, 1] > 0.98
    many = wanted > 20000
    assert np.allclose(actual[many], wanted[many], rtol=0.2)
    assert _library_type(tmp_path / "out" / "lib_format_counts.json") == truth.library_type


def _library_type(counts: Path) -> str:
    """Return the type that the mapped reads show; salmon's own detection wants more reads than these."""
    document = json.loads(counts.read_text())
    strands = {name: count for name, count in document.items() if name in ("ISR", "ISF", "SR", "SF") and count}
    most: str = max(strands, key=lambda name: strands[name])
    if strands[most] > 0.9 * sum(strands.values()):
        return most
    return "IU" if most.startswith("I") else "U"


def _gene_tpm(table: Path, genome: Genome) -> dict[str, float]:
    gene_of = {transcript.transcript_id: transcript.gene_id for transcript in genome.transcripts}
    totals = dict.fromkeys(genome.genes, 0.0)
    for line in table.read_text().splitlines()[1:]:
        name, _, _, tpm, _ = line.split("\t")
        totals[gene_of[name]] += float(tpm)
    return totals
