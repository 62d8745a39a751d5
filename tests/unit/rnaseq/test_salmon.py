"""salmon itself, on a transcriptome that is simulated here, so that the truth is known.

salmon is not bit-reproducible: estimates of one sample differ between runs by far less than the tolerances below.
"""

import gzip
import signal
import subprocess
from pathlib import Path

import pytest

from rnaseq_job.cli import main
from rnaseq_job.errors import EXIT_CODES, HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.quantifier import HEADER, BuiltReference, QuantifierOptions, check_genes
from rnaseq_job.quantifiers.salmon import (
    PROBE_BYTES,
    SalmonQuantifier,
    _first_fragments,
    probe_arguments,
    quant_arguments,
)
from rnaseq_job.reads.lanes import Lane, Sample
from tests.unit.rnaseq.support import (
    SALMON_MISSING,
    WITHOUT_SALMON,
    Ran,
    Reads,
    Transcriptome,
    illumina,
    record,
    run_sample,
    simulate,
    some_reads,
    spearman,
    transcriptome,
    write_list,
    write_reads,
)

needs_salmon = pytest.mark.skipif(SALMON_MISSING, reason=WITHOUT_SALMON)

FRAGMENTS = 12_000
LANES_TOLERANCE = 0.02
"""Two lanes against one file: the same fragments in the same order, so only salmon's own noise is left."""

MINIMUM_CORRELATION = 0.95
EXPRESSED = 10
"""Fragments from which a gene counts as expressed: below, ranks are those of chance."""


def paired(folder: str = "") -> Sample:
    lanes = [Lane(f"rg{n}", "lib", n, Path(f"{folder}L{n}_1.fq"), Path(f"{folder}L{n}_2.fq")) for n in (1, 2)]
    return Sample("R01", tuple(lanes))


OPTIONS = QuantifierOptions("ISR", 3, Path("work"))


def test_a_table_of_genes_that_are_not_the_references_is_rejected(tmp_path: Path) -> None:
    """salmon cuts an id at a blank and then reads all that follow askew, with success."""
    table = tmp_path / "quant.genes.sf"
    table.write_text(f"{HEADER}\nG1\t9\t9\t5\t1\nmy\t9\t9\t5\t1\n")
    check_genes(table, {"t1": "G1", "t2": "my"})
    with pytest.raises(InputRejectedError, match="1 rows of the table of genes") as caught:
        check_genes(table, {"t1": "G1", "t2": "my gene"})
    assert caught.value.details["examples"] == ["my"]


@pytest.mark.parametrize("mates", [1, 2])
def test_the_probe_writes_whole_fragments_up_to_a_limit_of_bytes(tmp_path: Path, mates: int) -> None:
    """Reads of 64 KiB would make 13 GB of 100,000 fragments."""
    record = b"@r\n%s\n+\n%s\n" % (b"A" * 65_000, b"F" * 65_000)
    paths = [tmp_path / f"{mate}.fastq.gz" for mate in range(mates)]
    for path in paths:
        path.write_bytes(gzip.compress(record * 1_500, 1))
    lane = Lane("1", "lib", 1, paths[0], paths[1] if mates == 2 else None)
    (probe,) = _first_fragments(Sample("R01", (lane,)), tmp_path / "probe").lanes
    sizes = [path.stat().st_size for path in (probe.read1, probe.read2) if path]
    assert len(sizes) == mates
    assert len(set(sizes)) == 1
    assert sizes[0] % len(record) == 0
    assert PROBE_BYTES <= sum(sizes) < PROBE_BYTES + mates * len(record)


def test_arguments_of_a_paired_sample_with_two_lanes() -> None:
    given = quant_arguments("salmon", paired(), Path("index"), Path("map.tsv"), OPTIONS, Path("out"))
    assert " ".join(given) == (
        "salmon quant -i index -l ISR -1 L1_1.fq L2_1.fq -2 L1_2.fq L2_2.fq -g map.tsv --gcBias --seqBias "
        "--validateMappings -p 3 -o out"
    )


def test_arguments_of_a_single_end_sample() -> None:
    sample = Sample("R01", (Lane("rg", "lib", 1, Path("a.fq"), None),))
    given = quant_arguments("salmon", sample, Path("index"), Path("map.tsv"), OPTIONS, Path("out"))
    assert " ".join(given) == (
        "salmon quant -i index -l ISR -r a.fq -g map.tsv --seqBias --validateMappings -p 3 -o out"
    )


@needs_salmon
def test_reads_shorter_than_the_indexs_k_are_named_as_such(
    built: BuiltReference, source: Transcriptome, tmp_path: Path
) -> None:
    """They are of the right species: 25 bases of each transcript, where the index has k-mers of 31."""
    texts = list(source.sequences.values())
    reads = b"".join(record(illumina(n, 1), texts[n % len(texts)][n : n + 25]) for n in range(400))
    ran = run_sample(tmp_path, write_list(tmp_path, [write_reads(tmp_path, reads, None)]), SalmonQuantifier(), built)
    assert ran.rejection["reason_code"] == "READS_TOO_SHORT"
    assert (ran.rejection["details"]["k"], ran.rejection["details"]["shorter_than_k"]) == (31, 400)


def test_the_probe_takes_either_strand() -> None:
    given = probe_arguments("salmon", paired(), Path("index"), OPTIONS, Path("probe"))
    assert given[4:6] == ["-l", "IU"]
    assert "--skipQuant" in given


@pytest.fixture(scope="module")
def source() -> Transcriptome:
    return transcriptome()


@pytest.fixture(scope="module")
def built(source: Transcriptome, tmp_path_factory: pytest.TempPathFactory) -> BuiltReference:
    folder = tmp_path_factory.mktemp("reference")
    fasta = source.write(folder)
    command = ["salmon", "index", "-t", str(fasta), "-i", str(folder / "index"), "-k", "31", "-p", "1"]
    subprocess.run(command, check=True, capture_output=True)
    return BuiltReference(folder / "index", folder / "transcripts.tsv", None, "tiny", "none", "simulated")


@pytest.fixture(scope="module")
def reads(source: Transcriptome) -> Reads:
    return simulate(source, FRAGMENTS)


@pytest.fixture(scope="module")
def sample(built: BuiltReference, reads: Reads, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Quantify the unstranded pairs once for several tests."""
    root = tmp_path_factory.mktemp("sample")
    return run_sample(
        root, write_list(root, [write_reads(root, reads.first, reads.second)]), SalmonQuantifier(), built, threads=2
    )


def by_gene(source: Transcriptome, reads: Reads) -> dict[str, float]:
    truth: dict[str, float] = {}
    for name, count in reads.truth.items():
        truth[source.genes[name]] = truth.get(source.genes[name], 0) + count
    return truth


@needs_salmon
def test_expression_is_found_again(sample: Ran, source: Transcriptome, reads: Reads) -> None:
    assert sample.code == 0
    counts = sample.column("R01-023.quant.genes.sf", "NumReads")
    expressed = {gene: count for gene, count in by_gene(source, reads).items() if count >= EXPRESSED}
    assert len(expressed) > 20
    assert spearman(expressed, counts) >= MINIMUM_CORRELATION
    assert sum(counts.values()) == pytest.approx(FRAGMENTS, rel=0.05)


@needs_salmon
def test_abundance_is_that_of_transcripts_not_of_reads(sample: Ran, source: Transcriptome, reads: Reads) -> None:
    """TPM removes the length: it ranks as fragments per base of the transcript."""
    density = {
        name: count / (len(source.sequences[name]) - 200) for name, count in reads.truth.items() if count >= EXPRESSED
    }
    assert spearman(density, sample.column("R01-023.quant.sf", "TPM")) >= MINIMUM_CORRELATION
    for table in ("R01-023.quant.sf", "R01-023.quant.genes.sf"):
        assert sum(sample.column(table, "TPM").values()) == pytest.approx(1e6, rel=1e-4)


@needs_salmon
def test_genes_are_those_of_the_annotation_and_sorted(sample: Ran, source: Transcriptome) -> None:
    names = list(sample.column("R01-023.quant.genes.sf", "TPM"))
    assert names == sorted(set(source.genes.values()))
    assert set(sample.column("R01-023.quant.sf", "TPM")) == set(source.sequences)


@needs_salmon
def test_what_run_json_says_of_salmon(sample: Ran) -> None:
    run = sample.run
    assert run["assay"]["engine"] == "salmon"
    assert run["assay"]["engine_version"][0].isdigit()
    assert run["metrics"]["total_reads"] == FRAGMENTS == run["reads"]["pairs"]
    assert run["metrics"]["mapped_percent"] > 95
    assert run["library"] == {
        "declared": "A",
        "detected": "IU",
        "compatible_fragment_ratio": pytest.approx(1),
        "conflict": False,
        "warnings": [],
    }
    assert run["provenance"]["command"][:2] == ["salmon", "quant"]
    assert not any(word.startswith("/") for word in run["provenance"]["command"][6:10])
    assert {"logs/salmon.log", "logs/salmon-salmon_quant.log"} <= sample.files


@needs_salmon
def test_two_lanes_equal_the_joined_sample(tmp_path: Path, sample: Ran, built: BuiltReference, reads: Reads) -> None:
    cut = 4 * (FRAGMENTS // 3)
    firsts, seconds = _split(reads.first, cut), _split(reads.second, cut)
    lanes = [write_reads(tmp_path, firsts[n], seconds[n], f"S_L00{n + 1}") for n in (0, 1)]
    ran = run_sample(tmp_path, write_list(tmp_path, lanes), SalmonQuantifier(), built, threads=2)
    assert (ran.run["reads"]["lanes"], ran.run["reads"]["pairs"]) == (2, FRAGMENTS)
    joined, split = (one.column("R01-023.quant.genes.sf", "NumReads") for one in (sample, ran))
    assert joined.keys() == split.keys()
    for gene, count in joined.items():
        assert split[gene] == pytest.approx(count, rel=LANES_TOLERANCE, abs=1)


def _split(text: bytes, cut: int) -> tuple[bytes, bytes]:
    lines = text.splitlines(keepends=True)
    return b"".join(lines[:cut]), b"".join(lines[cut:])


@needs_salmon
def test_single_end_reads(tmp_path: Path, built: BuiltReference, source: Transcriptome, reads: Reads) -> None:
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, None)])
    ran = run_sample(tmp_path, lanes, SalmonQuantifier(), built)
    assert ran.run["library"]["detected"] == "U"
    assert "--gcBias" not in ran.run["provenance"]["command"]
    expressed = {gene: count for gene, count in by_gene(source, reads).items() if count >= EXPRESSED}
    assert spearman(expressed, ran.column("R01-023.quant.genes.sf", "NumReads")) >= MINIMUM_CORRELATION


@needs_salmon
def test_a_stranded_library_is_detected(tmp_path: Path, built: BuiltReference, source: Transcriptome) -> None:
    reads = simulate(source, FRAGMENTS, reverse_share=1)
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second)])
    assert run_sample(tmp_path, lanes, SalmonQuantifier(), built).run["library"]["detected"] == "ISR"


@needs_salmon
@pytest.mark.parametrize("mates", [True, False])
def test_a_strandedness_conflict_warns(
    tmp_path: Path, built: BuiltReference, source: Transcriptome, mates: bool
) -> None:
    """salmon calls every fragment compatible here, having dropped the others: the job must not believe it."""
    reads = simulate(source, 4_000, reverse_share=0.97)
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second if mates else None)])
    run = run_sample(tmp_path, lanes, SalmonQuantifier(), built, strandedness="forward").run
    assert run["library"]["declared"] == ("ISF" if mates else "SF")
    assert run["library"]["detected"] == ("ISR" if mates else "SR")
    assert run["library"]["conflict"]
    assert len(run["library"]["warnings"]) == 2
    assert run["library"]["compatible_fragment_ratio"] == pytest.approx(0.03, abs=0.02)


@needs_salmon
@pytest.mark.parametrize("mates", [True, False])
def test_a_wrong_strand_is_told_where_it_leaves_no_read(
    tmp_path: Path, built: BuiltReference, source: Transcriptome, mates: bool
) -> None:
    reads = simulate(source, 2_000, reverse_share=1)
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second if mates else None)])
    rejection = run_sample(tmp_path, lanes, SalmonQuantifier(), built, strandedness="forward").rejection
    assert rejection["reason_code"] == ReasonCode.NOTHING_MAPPED
    assert "look like " + ("ISR" if mates else "SR") in rejection["message"]
    assert "another species" not in rejection["message"]


@needs_salmon
def test_a_true_declaration_is_confirmed(tmp_path: Path, built: BuiltReference, source: Transcriptome) -> None:
    reads = simulate(source, 4_000, reverse_share=0.97)
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second)])
    library = run_sample(tmp_path, lanes, SalmonQuantifier(), built, strandedness="reverse").run["library"]
    assert (library["detected"], library["conflict"], library["warnings"]) == ("ISR", False, [])
    assert library["compatible_fragment_ratio"] == pytest.approx(0.97, abs=0.02)


@needs_salmon
def test_reads_of_another_species(tmp_path: Path, built: BuiltReference) -> None:
    lanes = write_list(tmp_path, [write_reads(tmp_path, some_reads(500, 1), some_reads(500, 2))])
    ran = run_sample(tmp_path, lanes, SalmonQuantifier(), built)
    assert ran.code == EXIT_CODES[ReasonCode.NOTHING_MAPPED]
    assert ran.rejection["details"] == {"total": 500, "mapped": 0}
    assert "logs/salmon.log" in ran.files


@needs_salmon
@pytest.mark.parametrize("change", ["unversioned", "without the last", "without a gene"])
def test_transcripts_without_a_gene_are_no_genes(
    tmp_path: Path, built: BuiltReference, reads: Reads, change: str
) -> None:
    rows = built.transcripts.read_text().splitlines()
    if change == "unversioned":
        rows = [row.replace(".1\t", "\t", 1) for row in rows]
    else:
        rows[-1:] = [] if change == "without the last" else [rows[-1].split("\t")[0] + "\t\t"]
    table = tmp_path / "transcripts.tsv"
    table.write_text("\n".join(rows) + "\n")
    other = BuiltReference(built.index, table, None, "tiny", "none", "simulated")
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second)])
    ran = run_sample(tmp_path, lanes, SalmonQuantifier(), other)
    assert ran.code == EXIT_CODES[ReasonCode.REFERENCE_INVALID]
    assert ran.rejection["details"]["missing"] == (80 - 1 if change == "unversioned" else 1)


@needs_salmon
def test_a_refusal_of_salmon_shows_the_end_of_its_log(tmp_path: Path, built: BuiltReference) -> None:
    other = BuiltReference(tmp_path, built.transcripts, None, "tiny", "none", "simulated")
    lanes = write_list(tmp_path, [write_reads(tmp_path, some_reads(50, 1), some_reads(50, 2))])
    ran = run_sample(tmp_path, lanes, SalmonQuantifier(), other)
    assert ran.code == EXIT_CODES[ReasonCode.ENGINE_FAILED]
    assert ran.rejection["details"]["exit_code"] > 0
    assert ran.rejection["details"]["log"]


@needs_salmon
def test_from_a_transcriptome_to_results_on_the_command_line(
    tmp_path: Path, source: Transcriptome, reads: Reads
) -> None:
    """Both commands as the laptop cloud and Batch call them, with the real parts between them."""
    (tmp_path / "source").mkdir()
    source.write(tmp_path / "source")
    built, results = tmp_path / "references" / "tiny", tmp_path / "results" / "R01-023"
    places = ["--source", f"{tmp_path}/source/", "--output", f"{built}/"]
    assert main(["build-reference", "--engine", "salmon", "--name", "tiny", *places]) == 0
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second)])
    given = ["--fastq-list", str(lanes), "--reference", f"{built}/", "--output", f"{results}/"]
    assert main(["--engine", "salmon", "--sample", "R01-023", *given]) == 0
    assert Ran(0, results).run["assay"]["reference"] == "tiny"
    assert len(Ran(0, results).column("R01-023.quant.genes.sf", "TPM")) == len(set(source.genes.values()))


@needs_salmon
def test_a_reference_that_is_not_built(tmp_path: Path, reads: Reads) -> None:
    lanes = write_list(tmp_path, [write_reads(tmp_path, reads.first, reads.second)])
    given = ["--fastq-list", str(lanes), "--reference", f"{tmp_path}/none/", "--output", f"{tmp_path}/results/"]
    code = main(["--engine", "salmon", "--sample", "R01-023", *given])
    assert code == EXIT_CODES[ReasonCode.REFERENCE_NOT_READY]


def program(folder: Path, body: str) -> str:
    """Make something that is called like salmon."""
    path = folder / "salmon"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS])
def test_death_by_a_signal_is_the_machines_fault(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "transcripts.tsv").write_text("transcript_id\tgene_id\n")
    built = BuiltReference(tmp_path, tmp_path / "transcripts.tsv", None, "", "", "")
    with pytest.raises(HostFaultError, match=f"signal {int(number)}"):
        SalmonQuantifier(program(tmp_path, f"kill -{int(number)} $$")).quantify(
            paired(), built, QuantifierOptions("A", 1, tmp_path / "work")
        )


def test_a_table_without_its_columns_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "transcripts.tsv").write_text("tx\tgene\n")
    built = BuiltReference(tmp_path, tmp_path / "transcripts.tsv", None, "", "", "")
    with pytest.raises(InputRejectedError, match="REFERENCE_INVALID"):
        SalmonQuantifier().quantify(paired(), built, QuantifierOptions("A", 1, tmp_path / "work"))


def test_the_version(tmp_path: Path) -> None:
    assert SalmonQuantifier(program(tmp_path, "echo salmon 1.2.3")).version() == "1.2.3"


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidJobError, match="not installed"):
        SalmonQuantifier(str(tmp_path / "none")).version()
    with pytest.raises(InvalidJobError):
        SalmonQuantifier(program(tmp_path, "exit 127")).version()
