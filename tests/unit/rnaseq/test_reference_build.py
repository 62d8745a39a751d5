"""References built from the command line, with the salmon of this machine, and staged for a sample."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnaseq_job import runtime as process
from rnaseq_job.errors import EXIT_CODES, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers.salmon import salmon_version
from rnaseq_job.reference import manifest
from rnaseq_job.reference.cli import build
from rnaseq_job.reference.indexes import index_arguments
from rnaseq_job.reference.manifest import stage_reference
from rnaseq_job.storage import FolderStorage, StoredFile
from tests.unit.rnaseq.reference_support import big_source, build_it, manifest_of, write_source

needs_salmon = pytest.mark.skipif(shutil.which("salmon") is None, reason="salmon is not installed (apt install salmon)")
INVALID = EXIT_CODES[ReasonCode.REFERENCE_INVALID]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a reference built from a genome and its GTF."""
    folder = tmp_path_factory.mktemp("reference")
    assert build_it(big_source(folder / "source"), folder / "built") == 0
    return folder / "built"


def rejection_of(output: Path) -> dict[str, object]:
    content = json.loads((output / "rejection.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


# --- building ---------------------------------------------------------------------------------------------------------


@needs_salmon
def test_manifest_says_what_was_built(built: Path) -> None:
    manifest = manifest_of(built)
    wanted = {"schema": 1, "name": "tiny", "genome": "tiny", "annotation": "by hand", "engine": "salmon"}
    assert {key: manifest[key] for key in wanted} == wanted
    assert manifest["engine_version"] == salmon_version()
    assert [manifest[key] for key in ("transcripts", "genes", "ambiguous_symbols", "decoys")] == [4, 3, 0, 2]
    assert [item["key"] for item in manifest["source"]] == ["genes.gtf.gz", "reference.json", "genome.fa.gz"]  # type: ignore[attr-defined]


@needs_salmon
def test_every_listed_file_is_there_and_none_else(built: Path) -> None:
    files = manifest_of(built)["files"]
    assert isinstance(files, dict)
    listed = {files["transcripts"], *files["index"]}
    present = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert present - listed == {"salmon.manifest.json", "salmon.build.log"}
    assert listed <= present


@needs_salmon
def test_index_has_the_genome_as_decoys(built: Path) -> None:
    (info,) = built.glob("salmon/*/index/info.json")
    content = json.loads(info.read_text(encoding="utf-8"))
    assert (content["num_decoys"], content["keep_duplicates"]) == (2, True)


@needs_salmon
def test_reads_of_a_transcript_are_counted_for_it(built: Path, tmp_path: Path) -> None:
    """salmon itself says whether strands and splicing are right: reads across the junction, from the reverse strand."""
    reference = stage_reference(str(built), tmp_path / "reference", "salmon")
    genome = gzip.decompress((built.parent / "source/genome.fa.gz").read_bytes()).decode().split("\n")[1]
    reverse = genome[1500:2100].translate(str.maketrans("ACGT", "TGCA"))[::-1]
    spliced = genome[100:400] + genome[600:900]
    reads = [reverse[start : start + 75] for start in range(0, 500, 5)] + [
        spliced[260 + n : 340 + n] for n in range(20)
    ]
    fastq = tmp_path / "reads.fastq"
    fastq.write_text("".join(f"@r{n}\n{read}\n+\n{'I' * len(read)}\n" for n, read in enumerate(reads)))
    command = ["salmon", "quant", "-i", str(reference.index), "-l", "SF", "-r", str(fastq), "-p", "1"]
    assert process.run([*command, "-o", str(tmp_path / "q")], tmp_path / "log").code == 0
    table = dict(line.split("\t")[::4] for line in (tmp_path / "q/quant.sf").read_text().splitlines()[1:])
    assert {name: round(float(count)) for name, count in table.items()} == {
        "T1.1": 20,
        "T2.1": 100,
        "T3.1": 0,
        "T4.1": 0,
    }


@needs_salmon
def test_building_the_same_again_does_nothing(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (built / "salmon.manifest.json").stat().st_mtime_ns
    assert build_it(built.parent / "source", built) == 0
    assert "reference_unchanged" in capsys.readouterr().err
    assert (built / "salmon.manifest.json").stat().st_mtime_ns == before


@needs_salmon
def test_a_lost_file_or_another_source_is_built_again(built: Path, tmp_path: Path) -> None:
    output, source = tmp_path / "built", tmp_path / "source"
    shutil.copytree(built, output)
    shutil.copytree(built.parent / "source", source)
    (lost,) = output.glob("salmon/*/index/pos.bin")
    lost.unlink()
    assert build_it(source, output) == 0
    assert lost.exists()
    write_source(source, reference_json='{"genome": "other", "annotation": "by hand"}')
    assert build_it(source, output) == 0
    assert manifest_of(output)["genome"] == "other"
    assert len(list(output.glob("salmon/*"))) == 2  # a job that reads the older build is not disturbed


@needs_salmon
def test_transcriptome_with_a_table_needs_no_genome(tmp_path: Path) -> None:
    sequences = [f">T{n}.1|G|\n{'ACGTTGCATTGACCA' * (n + 9)}\n" for n in range(2)]
    table = "transcript_id\tgene_id\tgene_name\nT0.1\tG0\tSAME\nT1.1\tG1\tSAME\nT9.1\tG9\tX\n"
    source = write_source(tmp_path / "s", transcripts_fa_gz="".join(sequences), transcripts_tsv=table)
    assert build_it(source, tmp_path / "o") == 0
    manifest = manifest_of(tmp_path / "o")
    counts = [manifest[key] for key in ("transcripts", "genes", "ambiguous_symbols", "decoys")]
    assert (counts, manifest["genome"], manifest["annotation"]) == ([2, 2, 1, 0], "unknown", "unknown")


@needs_salmon
def test_kallistos_own_example_builds(tmp_path: Path) -> None:
    example = Path("/usr/share/doc/kallisto/test")
    if not example.is_dir():
        pytest.skip("kallisto-examples is not installed")
    for name in ("transcripts.fasta.gz", "transcripts.gtf.gz"):
        (tmp_path / "s").mkdir(exist_ok=True)
        shutil.copyfile(example / name, tmp_path / "s" / name)
    assert build_it(tmp_path / "s", tmp_path / "o") == 0
    assert manifest_of(tmp_path / "o")["transcripts"] == 14


@needs_salmon
def test_relative_folders_work(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(built.parent / "source", tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    assert build_it(Path("./source"), Path("x/../built")) == 0
    assert stage_reference("built//", tmp_path / "staged", "salmon").name == "tiny"


class FakeS3(FolderStorage):
    """Objects in a folder, under S3's addresses and with entity tags."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, uri: str) -> str:
        return str(self._root / uri.removeprefix("s3://"))

    def download(self, uri: str, path: Path) -> None:
        super().download(self._path(uri), path)

    def upload(self, path: Path, uri: str) -> None:
        super().upload(path, self._path(uri))

    def files_under(self, uri: str) -> Iterator[StoredFile]:
        for file in super().files_under(self._path(uri)):
            yield StoredFile(f"s3://{Path(file.uri).relative_to(self._root)}", file.size, "tag")


@needs_salmon
def test_addresses_in_s3_work_and_their_tags_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big_source(tmp_path / "s3/raw/genomics/_references/tiny")
    for module in ("build", "manifest", "cli"):
        monkeypatch.setattr(f"rnaseq_job.reference.{module}.open_storage", lambda _: FakeS3(tmp_path / "s3"))
    places = ["--source", "s3://raw/genomics/_references/tiny/", "--output", "s3://processed/references/tiny"]
    assert build(["--engine", "salmon", "--name", "tiny", *places, "--scratch", str(tmp_path / "scratch")]) == 0
    manifest = manifest_of(tmp_path / "s3/processed/references/tiny")
    assert {"key": "genes.gtf.gz", "etag": "tag"}.items() <= manifest["source"][0].items()  # type: ignore[index]
    assert stage_reference("s3://processed/references/tiny", tmp_path / "staged", "salmon").name == "tiny"


# --- refusing ---------------------------------------------------------------------------------------------------------


@needs_salmon
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"genes_gtf_gz": "#nothing\n"}, "no exon"),
        ({"genome_fa_gz": ">1\nACGT\n"}, "prefix 'chr'"),
        ({"genome_fa_gz": ">chr1\nACGT\n>chr2\nACGT\n"}, "another genome build"),
        ({"reference_json": "{"}, "not JSON"),
        ({"reference_json": '{"genome": 38}'}, '"genome"'),
        ({"transcripts_tsv": "transcript_id\tgene_id\tgene_name\nT\tG\tA\n"}, "describes a transcriptome"),
        ({"other_fa": ">x\nACGT\n"}, "holds no chromosome of the annotation"),
    ],
)
def test_bad_sources_leave_a_rejection(tmp_path: Path, change: dict[str, str], said: str) -> None:
    source, output = big_source(tmp_path / "s"), tmp_path / "o"
    write_source(source, **change)
    assert build_it(source, output, "salmon", "--run-id", "ref-1", "--job-id", "j", "--content-version", "g") == INVALID
    rejection = rejection_of(output)
    assert said in str(rejection["message"])
    assert rejection["reason_code"] == "REFERENCE_INVALID"
    assert (rejection["subject"], rejection["run"]) == (
        "tiny",
        {"run_id": "ref-1", "job_id": "j", "content_version": "g"},
    )
    assert not (output / "salmon.manifest.json").exists()
    assert not list((tmp_path / "scratch").iterdir())


@needs_salmon
def test_truncated_genome_leaves_a_rejection(tmp_path: Path) -> None:
    source = big_source(tmp_path / "s")
    genome = source / "genome.fa.gz"
    genome.write_bytes(genome.read_bytes()[:-20])
    assert build_it(source, tmp_path / "o") == INVALID
    assert "cut short" in str(rejection_of(tmp_path / "o")["message"])
    big_source(tmp_path / "s")
    assert build_it(source, tmp_path / "o") == 0
    assert not (tmp_path / "o" / "rejection.json").exists(), "an earlier verdict beside a reference that is ready"


@needs_salmon
@pytest.mark.parametrize("missing", ["genes.gtf.gz", "genome.fa.gz"])
def test_one_half_of_a_source_is_rejected(tmp_path: Path, missing: str) -> None:
    source = big_source(tmp_path / "s")
    (source / missing).unlink()
    assert build_it(source, tmp_path / "o") == INVALID


def test_refusal_of_the_engine_and_missing_memory_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/salmon"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    for line, code in (("Exception : bad input", EXIT_CODES[ReasonCode.ENGINE_FAILED]), ("std::bad_alloc", 1)):
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo salmon 1.10.1 && exit\necho "{line}"; exit 3\n')
        program.chmod(0o755)
        assert build_it(big_source(tmp_path / "s"), tmp_path / "o") == code
        assert line in (tmp_path / "o/salmon.build.log").read_text()


@pytest.mark.parametrize("name", ["../up", "", "a b", "x" * 42, "--help"])
def test_names_that_could_be_paths_are_an_invalid_job(tmp_path: Path, name: str) -> None:
    places = ["--source", str(tmp_path), "--output", str(tmp_path / "o")]
    assert build(["build-reference", "--engine", "salmon", f"--name={name}", *places]) == 2
    assert not (tmp_path / "o").exists()


def test_an_engine_that_is_not_installed_is_an_invalid_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_it(big_source(tmp_path / "s"), tmp_path / "o") == 2


def test_salmon_command_is_the_documented_one() -> None:
    command = " ".join(index_arguments(Path("t.fa"), Path("d.txt"), Path("i"), Path("w"), 4))
    assert command == (
        "salmon index --transcripts t.fa --index i --kmerLen 31 --keepDuplicates --threads 4 --tmpdir w/salmon_tmp "
        "--decoys d.txt"
    )
    assert "--decoys" not in index_arguments(Path("t.fa"), None, Path("i"), Path("w"), 4)


# --- staging ----------------------------------------------------------------------------------------------------------


@needs_salmon
def test_staged_reference_is_complete(built: Path, tmp_path: Path) -> None:
    reference = stage_reference(f"{built}/", tmp_path, "salmon")
    assert (reference.name, reference.genome, reference.annotation_name) == ("tiny", "tiny", "by hand")
    assert (reference.index / "versionInfo.json").is_file()
    assert (tmp_path / "manifest.json").is_file()
    assert reference.annotation is None
    assert reference.transcripts.read_text().splitlines()[:2] == [
        "transcript_id\tgene_id\tgene_name",
        "T1.1\tG1.1\tALPHA",
    ]


def test_reference_without_a_manifest_is_not_ready(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match=r"no salmon\.manifest\.json") as caught:
        stage_reference(str(tmp_path), tmp_path / "staged", "salmon")
    assert caught.value.code == ReasonCode.REFERENCE_NOT_READY


@needs_salmon
def test_reference_of_the_other_engine_is_not_ready(built: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError) as caught:
        stage_reference(str(built), tmp_path, "dragen")
    assert caught.value.code == ReasonCode.REFERENCE_NOT_READY


@needs_salmon
def test_missing_files_of_a_reference_are_named(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "r")
    (lost,) = (tmp_path / "r").glob("salmon/*/index/seq.bin")
    lost.unlink()
    with pytest.raises(InputRejectedError, match=r"1 of \d+ files.*seq\.bin") as caught:
        stage_reference(str(tmp_path / "r"), tmp_path / "staged", "salmon")
    assert caught.value.code == ReasonCode.REFERENCE_INVALID


@needs_salmon
def test_index_of_another_salmon_is_rejected(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "salmon_version", lambda: "1.11.0")
    with pytest.raises(InputRejectedError, match=r"1\.11\.0 is installed") as caught:
        stage_reference(str(built), tmp_path, "salmon")
    assert caught.value.code == ReasonCode.REFERENCE_NOT_READY


@needs_salmon
@pytest.mark.parametrize("name", ["../../etc/passwd", "{folder}/../../../x", "/etc/passwd"])
def test_manifest_cannot_name_files_elsewhere(built: Path, tmp_path: Path, name: str) -> None:
    manifest = manifest_of(built)
    files = manifest["files"]
    assert isinstance(files, dict)
    files["index"] = [name.format(folder=files["folder"])]
    (tmp_path / "salmon.manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputRejectedError, match="not one that this version writes"):
        stage_reference(str(tmp_path), tmp_path / "staged", "salmon")


def test_salmon_that_does_not_say_its_version_is_an_invalid_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "salmon"
    program.write_text("#!/bin/sh\necho none\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InvalidJobError, match="answers 'none'"):
        salmon_version()
