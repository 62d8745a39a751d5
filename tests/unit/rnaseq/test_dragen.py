"""The DRAGEN path from hash table to tables, against a labelled stand-in that knows DRAGEN's documented interface."""

import gzip
import json
import re
import shutil
import stat
from pathlib import Path

import pytest

from rnaseq_job.cli import main
from rnaseq_job.errors import EXIT_CODES, HostFaultError, InputRejectedError, InvalidJobError, ReasonCode
from rnaseq_job.quantifiers import dragen_host
from rnaseq_job.quantifiers.dragen import DragenQuantifier, Run, hash_table_arguments, needs_mate_suffix, rna_arguments
from rnaseq_job.quantifiers.dragen_host import DragenHost
from rnaseq_job.quantifiers.quantifier import BuiltReference, QuantifierOptions
from rnaseq_job.reads.lanes import Lane, Sample
from rnaseq_job.reference.manifest import stage_reference
from tests.unit.rnaseq.reference_support import (
    STAND_INS,
    big_source,
    build_it,
    dragen_machine,
    exon,
    manifest_of,
    write_limit,
)

LICENCE = "credentials-1=a-user\ncredentials-2=s3cr3t-w0rd\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this machine one with DRAGEN."""
    root = dragen_machine(tmp_path / "machine")
    monkeypatch.setenv("DRAGEN_ROOT", str(root))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    for name in ("DRAGEN_LICENSE", "DRAGEN_STAND_IN"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a reference once, with the stand-in."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAGEN_ROOT", str(dragen_machine(folder / "machine")))
        assert build_it(big_source(folder / "source"), folder / "built", "dragen") == 0
    return folder


@pytest.fixture
def reference(machine: Path, prepared: Path, tmp_path: Path) -> BuiltReference:
    """Stage a copy of the reference, whose source and result lie beside it."""
    for name in ("source", "built"):
        shutil.copytree(prepared / name, tmp_path / name)
    return stage_reference(str(tmp_path / "built"), tmp_path / "staged", "dragen")


def write_reads(path: Path, names: list[str], motif: str = "ACGT") -> Path:
    records = "".join(f"@{name}\n{motif * 10}\n+\n{'I' * 40}\n" for name in names)
    path.write_bytes(gzip.compress(records.encode()))
    return path


def sample_of(folder: Path, lanes: int = 1, paired: bool = True, mates: tuple[str, str] = ("", "")) -> Sample:
    """Write the reads of a sample: ten per file and lane."""
    made = []
    for number in range(1, lanes + 1):
        files = []
        for end, mate in enumerate(mates if paired else mates[:1]):
            names = [f"SRR1.{number * 100 + n}{mate} x" for n in range(10)]
            files.append(write_reads(folder / f"l{number}_{end + 1}.fastq.gz", names, ("ACGT", "GGCA")[end]))
        made.append(Lane(f"rg{number}", "lib", number, files[0], files[1] if paired else None))
    return Sample("R01-023", tuple(made))


def options_for(folder: Path, library_type: str = "A") -> QuantifierOptions:
    return QuantifierOptions(library_type, 2, folder / "work")


# --- the command ------------------------------------------------------------------------------------------------------


def test_command_is_the_articles_brought_up_to_date() -> None:
    run = Run("R01-023", Path("list.csv"), Path("table"), Path("a.gtf"), "A", Path("out"), Path("tmp"))
    assert " ".join(rna_arguments(run)) == (
        "--enable-rna true --enable-rna-quantification true --annotation-file a.gtf --enable-map-align true "
        "--enable-map-align-output true --enable-sort true --enable-duplicate-marking true --ref-dir table "
        "--fastq-list list.csv --fastq-list-sample-id R01-023 --rna-library-type A --output-directory out "
        "--output-file-prefix R01-023 --intermediate-results-dir tmp"
    )


def test_hash_table_command_is_the_articles() -> None:
    assert " ".join(hash_table_arguments(Path("hg19.fa"), Path("table"))) == (
        "--build-hash-table true --ht-reference hg19.fa --ht-build-rna-hashtable true --output-directory table"
    )


@pytest.mark.parametrize(
    ("mates", "needed"),
    [((".1", ".2"), True), (("", ""), False), (("/1", "/2"), False), ((".1", ".1"), False), ((".2", ".1"), False)],
)
def test_delimiter_is_given_only_for_names_of_fastq_dump(tmp_path: Path, mates: tuple[str, str], needed: bool) -> None:
    assert needs_mate_suffix(sample_of(tmp_path, mates=mates)) is needed


def test_a_mark_that_dragen_does_not_know_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputRejectedError, match="Write them with /1") as caught:
        needs_mate_suffix(sample_of(tmp_path, mates=("_1", "_2")))
    assert caught.value.code == ReasonCode.READS_INVALID


def test_spot_numbers_are_no_mates(tmp_path: Path) -> None:
    first, second = write_reads(tmp_path / "1", ["SRR1.1", "SRR1.2"]), write_reads(tmp_path / "2", ["SRR1.1", "SRR1.2"])
    assert not needs_mate_suffix(Sample("s", (Lane("r", "l", 1, first, second),)))
    assert not needs_mate_suffix(Sample("s", (Lane("r", "l", 1, first, None),)))
    other = write_reads(tmp_path / "3", ["SRR2.2"])
    assert not needs_mate_suffix(Sample("s", (Lane("r", "l", 1, first, other),)))


def test_lanes_of_two_namings_are_rejected(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, two = sample_of(tmp_path / "a", mates=(".1", ".2")), sample_of(tmp_path / "b")
    with pytest.raises(InputRejectedError, match="same tool"):
        needs_mate_suffix(Sample("s", one.lanes + two.lanes))


def test_stand_in_names_a_page_for_every_option_and_says_what_it_is() -> None:
    source = (STAND_INS / "dragen").read_text(encoding="utf-8")
    run = Run("s", Path("l"), Path("t"), Path("a"), "A", Path("o"), Path("i"), mate_suffix=True)
    given = [*rna_arguments(run), *hash_table_arguments(Path("g"), Path("t")), "--lic-credentials"]
    documented = set(re.findall(r'^    "(--[a-z-]+)": [A-Z_]+,$', source, re.MULTILINE))
    assert {word for word in given if word.startswith("--")} == documented
    assert "It is not DRAGEN" in source


# --- from genome to tables --------------------------------------------------------------------------------------------


def test_hash_table_is_built_and_staged_with_its_gtf(reference: BuiltReference, tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path / "built", "dragen")
    assert (manifest["transcripts"], manifest["genes"], manifest["decoys"]) == (4, 3, 0)
    assert manifest["engine_version"] == "00.000.000.0.0.0-stand-in"
    assert (reference.index / "anchored_rna/hash_table.cfg").is_file()
    assert reference.annotation is not None
    assert reference.annotation.read_bytes() == gzip.decompress((tmp_path / "source/genes.gtf.gz").read_bytes())
    assert (tmp_path / "built/dragen.build.log").read_text().startswith("STAND-IN, not DRAGEN")


def test_hash_table_build_uses_the_licence_and_a_plain_genome(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGEN_LICENSE", LICENCE)
    monkeypatch.setenv("DRAGEN_STAND_IN", "repeat-licence")
    assert build_it(big_source(tmp_path / "source"), tmp_path / "built", "dragen") == 0
    log = (tmp_path / "built/dragen.build.log").read_text()
    assert "--lic-credentials" in log
    assert "s3cr3t" not in "".join(path.read_text() for path in (tmp_path / "built").rglob("*") if path.is_file())


def test_both_engines_live_side_by_side(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    salmon = tmp_path / "bin/salmon"
    salmon.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo salmon 1.10.1 && exit\n'
        'while [ "$1" != --index ]; do shift; done; mkdir "$2" && echo made > "$2/seq.bin"\n'
    )
    salmon.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    dragens = (tmp_path / "built/dragen.manifest.json").read_bytes()
    assert build_it(tmp_path / "source", tmp_path / "built", "salmon") == 0
    assert (tmp_path / "built/dragen.manifest.json").read_bytes() == dragens
    assert stage_reference(str(tmp_path / "built"), tmp_path / "two", "salmon").annotation is None
    assert not (tmp_path / "two/dragen").exists()


@pytest.mark.parametrize(("mode", "said"), [("silent", "hash_table.cfg"), ("exit=7", "exit code 7")])
def test_hash_table_that_fails_leaves_a_rejection_and_its_log(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", mode)
    code = build_it(big_source(tmp_path / "source"), tmp_path / "built", "dragen")
    assert code == EXIT_CODES[ReasonCode.ENGINE_FAILED]
    assert said in json.loads((tmp_path / "built/rejection.json").read_text())["message"]
    assert (tmp_path / "built/dragen.build.log").exists()
    assert not (tmp_path / "built/dragen.manifest.json").exists()


def test_hash_table_needs_genome_and_annotation(machine: Path, tmp_path: Path) -> None:
    source = big_source(tmp_path / "source")
    (source / "genes.gtf.gz").unlink()
    assert build_it(source, tmp_path / "built", "dragen") == EXIT_CODES[ReasonCode.REFERENCE_INVALID]


def test_hash_table_needs_an_id_of_its_own_for_every_transcript(machine: Path, tmp_path: Path) -> None:
    """NCBI calls many genes' transcript `unknown_transcript_1`; DRAGEN reads the annotation as it is."""
    source = big_source(tmp_path / "source")
    lines = [exon("chr1", 2201 + 300 * n, 2300 + 300 * n, "+", "unknown_transcript_1", f"TRN{n}") for n in range(2)]
    with gzip.open(source / "genes.gtf.gz", "at") as file:
        file.writelines(lines)
    assert build_it(source, tmp_path / "built", "dragen") == EXIT_CODES[ReasonCode.REFERENCE_INVALID]
    assert "unknown_transcript_1" in json.loads((tmp_path / "built/rejection.json").read_text())["message"]


@pytest.mark.parametrize("mates", [("", ""), (".1", ".2"), ("/1", "/2")])
def test_lanes_become_tables(reference: BuiltReference, tmp_path: Path, mates: tuple[str, str]) -> None:
    found = DragenQuantifier().quantify(sample_of(tmp_path, lanes=3, mates=mates), reference, options_for(tmp_path))
    assert (found.total, found.mapped, found.detected_library_type) == (30, 30, "IU")
    assert found.compatible_fragment_ratio == 1.0
    assert [len(path.read_text().splitlines()) for path in (found.transcripts, found.genes)] == [5, 4]
    assert found.genes.name == "R01-023.quant.genes.sf"
    assert all(path.is_file() for path in found.logs)
    assert ("--input-qname-suffix-delimiter" in found.command) is (mates[0] == ".1")


def test_single_end_reads_and_a_declared_library(reference: BuiltReference, tmp_path: Path) -> None:
    found = DragenQuantifier().quantify(
        sample_of(tmp_path, 2, paired=False, mates=("", "")), reference, options_for(tmp_path, "SR")
    )
    assert (found.total, found.detected_library_type) == (20, "SR")


def test_older_name_of_the_metrics_is_read(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", "old-names")
    found = DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    assert found.detected_library_type == "IU"


@pytest.mark.parametrize("lost", ["quant.sf", "quant.genes.sf", "quant.metrics.csv", "mapping_metrics.csv"])
def test_missing_results_are_a_failure_of_the_engine(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", f"without={lost}")
    with pytest.raises(InputRejectedError, match=re.escape(lost)) as caught:
        DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    assert caught.value.code == ReasonCode.ENGINE_FAILED


def test_metrics_that_are_not_there_are_not_invented(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DragenHost.run

    def without_numbers(*arguments: object) -> tuple[str, ...]:
        command = real(*arguments)  # type: ignore[arg-type]
        for name in ("quant.metrics.csv", "mapping_metrics.csv"):
            path = tmp_path / f"work/dragen/R01-023.{name}"
            path.write_text("MAPPING/ALIGNING SUMMARY,,Total input reads,NA\nX,,Library orientation,unknown\nbroken\n")
        return command

    monkeypatch.setattr(DragenHost, "run", without_numbers)
    found = DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    assert (found.total, found.mapped, found.detected_library_type, found.compatible_fragment_ratio) == (None,) * 4


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "said"),
    [
        ("exit=1", InputRejectedError, "exit code 1"),
        ("kill", HostFaultError, "signal 9"),
        ("exit=137", HostFaultError, "ended by a signal"),
        ("exit=1,say=Could not do initial Partial Reconfig program for FPGA", HostFaultError, "Partial Reconfig"),
        ("exit=1,say=Dragen board is in a bad state - running dragen_reset", HostFaultError, "bad state"),
        ("exit=2,say=**  Received external signal -- aborting dragen.  **", HostFaultError, "external signal"),
        ("exit=1,say=write failed: No space left on device", InputRejectedError, "INPUT_TOO_LARGE"),
        ("exit=1,say=ERROR: license has expired", InvalidJobError, "DRAGEN_LICENSE"),
        ("exit=1,say=ERROR: Unable to contact license server", InvalidJobError, "DRAGEN_LICENSE"),
        ("exit=1,say=ERROR: FASTQ record is malformed", InputRejectedError, "exit code 1"),
    ],
)
def test_failures_are_told_apart_and_leave_a_log(
    reference: BuiltReference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    kind: type[Exception],
    said: str,
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", mode)
    monkeypatch.setenv("DRAGEN_LICENSE", LICENCE)
    with pytest.raises(kind, match=said):
        DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    assert "STAND-IN, not DRAGEN" in (tmp_path / "work/dragen.log").read_text()
    assert not list((tmp_path / "tmp").iterdir())  # the licence is gone


def test_licence_is_a_private_file_while_dragen_runs_and_nowhere_else(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGEN_LICENSE", LICENCE)
    monkeypatch.setenv("DRAGEN_STAND_IN", "repeat-licence,exit=1")
    with pytest.raises(InputRejectedError) as caught:
        DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    log = (tmp_path / "work/dragen.log").read_text()
    assert "***" in log  # it was repeated, and blanked
    for secret in ("a-user", "s3cr3t-w0rd", "credentials-2"):
        assert secret not in log + str(caught.value.details) + str(caught.value)
    assert not list((tmp_path / "tmp").iterdir())


def test_licence_file_of_the_job_is_used_and_must_be_private(reference: BuiltReference, tmp_path: Path) -> None:
    licence = tmp_path / "licence"
    licence.write_text(LICENCE)
    licence.chmod(0o644)
    options = QuantifierOptions("A", 1, tmp_path / "work", licence)
    with pytest.raises(InvalidJobError, match="owner only"):
        DragenQuantifier().quantify(sample_of(tmp_path), reference, options)
    licence.chmod(0o600)
    found = DragenQuantifier().quantify(sample_of(tmp_path), reference, options)
    assert found.command[-2:] == ("--lic-credentials", str(licence))
    assert stat.S_IMODE(licence.stat().st_mode) == 0o600


def test_without_a_licence_the_command_names_none(reference: BuiltReference, tmp_path: Path) -> None:
    found = DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path))
    assert not [word for word in found.command if word.startswith("--lic")]


def test_reference_without_gtf_and_unknown_library_types_are_invalid_jobs(
    reference: BuiltReference, tmp_path: Path
) -> None:
    without = BuiltReference(tmp_path, tmp_path, None, "tiny", "g", "a")
    with pytest.raises(InvalidJobError, match="no GTF"):
        DragenQuantifier().quantify(sample_of(tmp_path), without, options_for(tmp_path))
    with pytest.raises(InvalidJobError, match="library type MU"):
        DragenQuantifier().quantify(sample_of(tmp_path), reference, options_for(tmp_path, "MU"))


# --- the machine ------------------------------------------------------------------------------------------------------


def test_version_and_both_places_of_the_program(machine: Path) -> None:
    assert DragenQuantifier().version() == "00.000.000.0.0.0-stand-in"
    newer = machine / "opt/dragen/4.4.4/bin/dragen"
    newer.parent.mkdir(parents=True)
    (machine / "opt/edico/bin/dragen").rename(newer)
    assert DragenHost.here().program() == newer


def test_everything_that_the_container_lacks_is_said_at_once(machine: Path) -> None:
    DragenHost(machine).check()
    (machine / "dev/bus").rmdir()
    (machine / "dev/shm").rmdir()
    write_limit(machine, 1024)
    with pytest.raises(InvalidJobError, match=r"/dev/shm.*/dev/bus.*only 1024 open files.*720000"):
        DragenHost(machine).check()


def test_a_machine_without_dragen_is_an_invalid_job(tmp_path: Path) -> None:
    with pytest.raises(InvalidJobError, match="mount the host's /opt/edico"):
        DragenHost(tmp_path).check()


def test_this_machine_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(dragen_host.ROOT_VARIABLE, raising=False)
    assert DragenQuantifier().host.root == Path("/")


# --- the whole job ----------------------------------------------------------------------------------------------------


def run_job(tmp_path: Path) -> int:
    """Run the job's command line on a sample of two lanes."""
    sample = sample_of(tmp_path, lanes=2)
    rows = [f"{lane.read_group},R01-023,lib,{lane.lane},{lane.read1},{lane.read2}" for lane in sample.lanes]
    listed = tmp_path / "lanes.csv"
    listed.write_text("\n".join(["RGID,RGSM,RGLB,Lane,Read1File,Read2File", *rows]) + "\n")
    places = ["--reference", str(tmp_path / "built"), "--output", str(tmp_path / "results")]
    return main(["--engine", "dragen", "--sample", "R01-023", "--fastq-list", str(listed), *places])


def test_job_from_list_to_run_json(reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGEN_LICENSE", LICENCE)
    monkeypatch.setenv("DRAGEN_STAND_IN", "repeat-licence")
    assert run_job(tmp_path) == 0
    run = json.loads((tmp_path / "results/run.json").read_text())
    assert (run["assay"]["engine"], run["assay"]["genome"], run["reads"]["pairs"]) == ("dragen", "tiny", 20)
    everything = "".join(path.read_text() for path in (tmp_path / "results").rglob("*") if path.is_file())
    assert "s3cr3t" not in everything
    assert "STAND-IN, not DRAGEN" in everything  # the log


def test_job_keeps_the_log_of_a_failure(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", "exit=9")
    assert run_job(tmp_path) == EXIT_CODES[ReasonCode.ENGINE_FAILED]
    assert json.loads((tmp_path / "results/rejection.json").read_text())["details"]["exit_code"] == 9
    (log,) = (tmp_path / "results/logs").iterdir()
    assert log.read_text().startswith("STAND-IN, not DRAGEN")


def test_job_on_a_failing_board_asks_for_another_attempt(
    reference: BuiltReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAGEN_STAND_IN", "kill")
    assert run_job(tmp_path) == 1
    assert not (tmp_path / "results/rejection.json").exists()
