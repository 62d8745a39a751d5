"""What a FASTA file of a reference is, whatever it is called: a transcriptome taken for decoys loses its reads."""

import shutil
from pathlib import Path

import pytest

from rnaseq_job.errors import InputRejectedError
from rnaseq_job.reference.annotation import read_annotation, read_annotations
from rnaseq_job.reference.roles import Role, gene_of_spike_in, known_names, role_of
from rnaseq_job.reference.sequences import Cut, copy_transcripts
from rnaseq_job.reference.table import rows_for_fasta
from tests.unit.rnaseq.reference_support import build_it, exon, manifest_of, write_source

needs_salmon = pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed")

MOTIF = "ACGTTGCATTGACCAGTACCATGGA"


def bases(number: int, length: int = 400) -> str:
    """Return bases that are unlike those of any other number."""
    return "".join("ACGT"[(n * n * (number + 3) + n // (number + 2)) % 4] for n in range(length))


def fasta(**sequences: str) -> str:
    return "".join(f">{name.replace('__', '.')}\n{sequence}\n" for name, sequence in sequences.items())


def ensembl_gtf(*transcripts: str) -> str:
    """Return transcripts of chromosome 1, one gene each, with Ensembl's version in an attribute of its own."""
    lines = [exon("1", 1 + 500 * n, 400 + 500 * n, "+", name, f"G{n}") for n, name in enumerate(transcripts)]
    return "".join(line.rstrip("\n") + ' transcript_version "2";\n' for line in lines)


def header(name: str, kind: str, region: str = "1") -> str:
    return f"{name}.2 {kind} chromosome:GRCh38:{region}:1:400:1 gene:G.1 gene_biotype:x"


@pytest.mark.parametrize(
    ("name", "content", "role"),
    [
        ("Homo_sapiens.GRCh38.ncrna.fa", f">{header('T1', 'ncrna')}\nACGT\n", Role.TRANSCRIPTOME),
        ("genome.fa", ">T1.2\nACGT\n", Role.TRANSCRIPTOME),
        ("transcripts.fa", ">1 dna:chromosome\nACGT\n", Role.GENOME),
        ("gentrome.fa", ">T1.2\nACGT\n>T2.2\nACGT\n>1\nACGT\n", Role.GENTROME),
        ("ERCC92.fa", ">ERCC-00002\nACGT\n>ERCC-00003\nACGT\n", Role.SPIKE_INS),
        ("ERCC.fa", ">ERCC_00002\nACGT\n", Role.SPIKE_INS),
        ("rnasequin_sequences.fa", ">R1_101_1\nACGT\n>R2_6_2\nACGT\n", Role.SPIKE_INS),
        # Names that the annotation does not know: how archives write headers, then length, then the file's name.
        ("rna.fna", ">NM_000014.6 Homo sapiens\nACGT\n", Role.TRANSCRIPTOME),
        ("some.fa", ">X9.1 cds primary_assembly:GRCh38:7:1:9:1\nACGT\n", Role.TRANSCRIPTOME),
        ("rna.fa", ">NC_000001.11 Homo sapiens\nACGT\n", Role.GENOME),
        ("mrna.fa", ">a\nACGT\n", Role.TRANSCRIPTOME),
        ("mrna.fa", f">a\n{'ACGT' * 300_000}\n", Role.GENOME),
        ("hg19.fa", ">a\nACGT\n", Role.GENOME),
    ],
)
def test_role_by_content(tmp_path: Path, name: str, content: str, role: Role) -> None:
    (tmp_path / "a.gtf").write_text(ensembl_gtf("T1", "T2"))
    (tmp_path / name).write_text(content)
    assert role_of(tmp_path / name, known_names(read_annotation(tmp_path / "a.gtf"), ()))[0] is role


def test_transcripts_of_a_sequin_are_of_its_gene() -> None:
    assert [gene_of_spike_in(name) for name in ("R1_101_1", "ERCC-00002", "SIRV101")] == [
        "R1_101",
        "ERCC-00002",
        "SIRV101",
    ]


@needs_salmon
def test_non_coding_rna_beside_cdna_is_transcripts_and_haplotypes_are_left_out(tmp_path: Path) -> None:
    on_haplotype = header("T9", "cdna", "CHR_HSCHR6_MHC_COX_CTG1")
    source = write_source(
        tmp_path / "s",
        Homo_cdna_all_fa_gz=f">{header('T0', 'cdna')}\n{bases(0)}\n>{on_haplotype}\n{bases(9)}\n",
        Homo_ncrna_fa_gz=f">{header('T1', 'ncrna')}\n{bases(1)}\n",
        Homo_gtf_gz=ensembl_gtf("T0", "T1"),
    )
    assert build_it(source, tmp_path / "o") == 0
    manifest = manifest_of(tmp_path / "o")
    assert (manifest["transcripts"], manifest["decoys"]) == (2, 0)
    assert (manifest["transcripts_left_out"], manifest["left_out"]) == (1, ["T9.2"])
    files = manifest["source"]
    assert isinstance(files, list)
    assert {file["key"] for file in files} == {"Homo.cdna.all.fa.gz", "Homo.ncrna.fa.gz", "Homo.gtf.gz"}


def test_a_transcript_of_another_release_is_on_no_haplotype_for_the_prefix_of_chromosomes(tmp_path: Path) -> None:
    """Ensembl writes `1` and `MT`, GENCODE `chr1` and `chrM`: what the annotation lacks there is not left out."""
    gtf = exon("chr1", 1, 400, "+", "T0.2", "G0") + exon("chrM", 1, 400, "+", "T1.2", "G1")
    (tmp_path / "a.gtf").write_text(gtf)
    regions = {"T0": "1", "T7": "1", "T8": "MT", "T9": "CHR_HSCHR6_MHC_COX_CTG1"}
    fasta = tmp_path / "cdna.fa"
    fasta.write_text("".join(f">{header(name, 'cdna', region)}\n{bases(0)}\n" for name, region in regions.items()))
    cut = Cut()
    copy_transcripts([fasta], tmp_path / "t.fa", read_annotation(tmp_path / "a.gtf"), cut)
    assert (cut.transcripts, cut.left_out) == (["T0.2", "T7.2", "T8.2"], ["T9.2"])
    with pytest.raises(InputRejectedError, match="lacks 2 of 3"):
        rows_for_fasta(read_annotation(tmp_path / "a.gtf"), cut.transcripts, "cdna.fa")


@needs_salmon
def test_a_gentrome_is_transcripts_and_decoys(tmp_path: Path) -> None:
    """One on a haplotype that the annotation lacks is left out, as it is of a transcriptome of its own."""
    chromosome, on_haplotype = bases(0) + MOTIF * 4 + bases(1), header("T9", "cdna", "CHR_HSCHR6_MHC_COX_CTG1")
    content = (
        f">{header('T0', 'cdna')}\n{bases(0)}\n>{on_haplotype}\n{bases(9)}\n>1\n{chromosome}\n"
        f">KI270728.1\n{bases(7)}\n>{header('T1', 'cdna')}\n{bases(1)}\n"
    )
    assert build_it(write_source(tmp_path / "s", all_fa=content, a_gtf=ensembl_gtf("T0", "T1")), tmp_path / "o") == 0
    manifest = manifest_of(tmp_path / "o")
    assert (manifest["transcripts"], manifest["decoys"], manifest["left_out"]) == (2, 2, ["T9.2"])


def test_a_genome_that_transcripts_follow_is_no_genome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As decoys they would take the reads of their own transcripts."""
    content = f">1\n{bases(0) + MOTIF * 4 + bases(1)}\n>T0.2\n{bases(0)}\n"
    assert build_it(write_source(tmp_path / "s", all_fa=content, a_gtf=ensembl_gtf("T0")), tmp_path / "o") != 0
    assert "holds the transcript T0.2" in capsys.readouterr().err


@needs_salmon
@pytest.mark.parametrize("annotated", [True, False])
def test_spike_ins_beside_genome_and_annotation(tmp_path: Path, *, annotated: bool) -> None:
    chromosome = bases(0) + MOTIF * 4 + bases(1)
    files = {
        "genome_fa": f">1\n{chromosome}\n",
        "genes_gtf": ensembl_gtf("T0"),
        "ERCC92_fa": f">ERCC-00002\n{bases(5)}\n",
    }
    if annotated:
        files["ERCC92_gtf"] = exon("ERCC-00002", 1, 400, "+", "DQ459430", "ERCC-00002")
    assert build_it(write_source(tmp_path / "s", **files), tmp_path / "o") == 0
    (table,) = (tmp_path / "o").glob("salmon/*/transcripts.tsv")
    genes = {line.split("\t")[1] for line in table.read_text().splitlines()[1:]}
    assert genes == {"G0", "ERCC-00002"}


@needs_salmon
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"cdna_fa": fasta(T0__2=bases(0))}, "neither transcripts.tsv nor a GTF"),
        ({"cdna_fa": fasta(T0__2=bases(0)), "cds_fa": fasta(T0__2=bases(0)), "a_gtf": ensembl_gtf("T0")}, "T0.2 twice"),
        (
            {"cdna_fa": fasta(T0__2=bases(0)), "a_gtf": ensembl_gtf("T0"), "b_gtf": ensembl_gtf("T0")},
            "both annotate G0",
        ),
        ({"cdna_fa": fasta(T0__3=bases(0)), "a_gtf": ensembl_gtf("T0")}, "versions differ"),
        ({"a_fa": fasta(**{"1": bases(0)}), "b_fa": fasta(**{"1": bases(1)}), "a_gtf": ensembl_gtf("T0")}, "1 twice"),
    ],
)
def test_files_that_do_not_go_together_are_named(
    tmp_path: Path, files: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build_it(write_source(tmp_path / "s", **files), tmp_path / "o") != 0
    assert said in capsys.readouterr().err


def test_annotations_of_different_genes_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.gtf").write_text(ensembl_gtf("T0", "T1"))
    (tmp_path / "b.gtf").write_text(exon("ERCC-00002", 1, 9, "+", "DQ1", "ERCC-00002"))
    both = read_annotations([tmp_path / "a.gtf", tmp_path / "b.gtf"])
    assert both is not None
    assert (list(both.transcripts), both.file) == (["T0", "T1", "DQ1"], "a.gtf, b.gtf")
    with pytest.raises(InputRejectedError, match="both annotate G0"):
        read_annotations([tmp_path / "a.gtf", tmp_path / "a.gtf"])
