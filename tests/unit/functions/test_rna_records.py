"""From `run.json` and the gene table to a record: genes, assay, and what is never guessed."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal.genomics.config import GenomicsConfig, genomics_config
from multimodal.genomics.expression import gene_ids, panel_values, read_tpm
from multimodal.genomics.groups import rna_group
from multimodal.imaging.config import load_contract
from multimodal.ledger.errors import BadInputError, ConfigurationError, RetryableError
from multimodal.ledger.outcome import INGEST_RECHECK_SECONDS
from multimodal.ledger.unit import Status
from multimodal.pipeline.dataset import FeatureGroupDeployer, load_dataset
from tests.cases import cases_of
from tests.unit.functions.fakes import FakeFeatureStore
from tests.unit.functions.world import DATASET, RnaWorld, reads, run_document

CASES = cases_of(__file__)

GROUP = f"stack-{DATASET}-rna-v1"
HEADER = "Name\tLength\tEffectiveLength\tTPM\tNumReads"


def _processed(document: dict[str, Any] | None = None) -> tuple[RnaWorld, str]:
    world = RnaWorld()
    run = world.start_case()
    key = world.run_case(run, document)
    world.end_job(run)
    return world, key


def _with(path: str, value: object) -> dict[str, Any]:
    document = run_document()
    target, *rest = path.split(".")
    if rest:
        document[target][rest[0]] = value
    else:
        document[target] = value
    return document


def test_record_carries_genes_quality_assay_and_origin() -> None:
    world, key = _processed()
    world.ingest(key)
    ((group, record),) = world.features.records
    assert group == GROUP
    assert (record["case_id"], record["event_time"]) == ("R01-023", "2023-11-14T22:13:20Z")
    assert float(record["log2tpm_CD44"]) == 2.0
    assert float(record["log2tpm_VIM"]) == 3.0, "two ids of one symbol: 1 + 6 TPM"
    assert "log2tpm_BGN" not in record, "known to the annotation, absent from the table: missing, not zero"
    assert "log2tpm_LRIG1" not in record, "unknown to the annotation"
    assert (record["genes_missing"], record["genes_ambiguous"]) == ("19", "1")
    assert (record["engine"], record["genome"], record["unit"]) == ("salmon", "GRCh38", "TPM")
    assert (record["library_type"], record["library_conflict"], record["reads_total"]) == ("ISR", "0", "1000")
    assert record["genes_uri"] == f"s3://processed/genomics/{DATASET}/R01-023/R01-023.quant.genes.sf"
    assert record["correlation_id"] == world.case().unit.correlation_id
    assert world.case().status is Status.COMPLETED
    assert world.metrics.of["genomics"]["UnitsCompleted"] == 1


def test_record_fits_the_group() -> None:
    world, key = _processed()
    world.ingest(key)
    spec = rna_group("stack", DATASET, genomics_config(DATASET))
    absent = set(spec.types) - set(world.features.records[0][1])
    assert len(absent) == 19
    assert {name.split("_")[0] for name in absent} == {"log2tpm"}


def test_second_delivery_and_equal_rerun_write_nothing() -> None:
    world, key = _processed()
    world.ingest(key)
    world.ingest(key)
    world.clock.advance(9)
    world.ledger.request_rerun(world.case().unit, world.clock(), world.clock())
    assert world.tick()["jobs"] == 1
    run = list(world.batch.submitted)[-1]
    world.run_case(run)
    world.end_job(run)
    world.ingest(key)
    assert len(world.features.records) == 1
    assert world.case().status is Status.COMPLETED


def test_table_may_be_announced_before_the_jobs_end_is_recorded() -> None:
    world = RnaWorld()
    run = world.start_case()
    world.ingest(world.run_case(run))
    world.end_job(run)
    assert world.case().status is Status.COMPLETED
    assert world.metrics.of["genomics"]["UnitsProcessed"] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("engine", "dragen"), ("engine_version", "1.10.2"), ("genome", "hg19"), ("annotation", "GENCODE 19")],
)
def test_another_assay_never_enters_the_group(name: str, value: str) -> None:
    world, key = _processed()
    world.ingest(key)
    other = run_document("R01-024")
    other["assay"][name] = value
    run = world.start_case(*reads("R01-024"))
    world.ingest(world.run_case(run, other, case="R01-024"))
    item = world.case("R01-024")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "ASSAY_MISMATCH")
    assert "raise group_version" in world.ledger.extra[item.unit_id]["reason_message"]
    assert len(world.features.records) == 1


def test_features_of_a_run_that_is_over_do_not_refuse_the_run_that_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, key = _processed(_with("assay.unit", "FPKM"))
    read = world.processed.read_text

    def read_late(name: str) -> str | None:
        text = read(name)
        world.upload(*reads(lanes=2)[2:])
        assert world.tick(INGEST_RECHECK_SECONDS)["jobs"] == 1
        return text

    monkeypatch.setattr(world.processed, "read_text", read_late)
    with pytest.raises(RetryableError):
        world.ingest(key)
    assert (world.case().status, world.case().reason_code) == (Status.PROCESSING, None)


def test_detected_library_type_is_the_samples_own() -> None:
    world, key = _processed()
    world.ingest(key)
    other = run_document("R01-024")
    other["library"] |= {"detected": "IU", "conflict": True}
    world.ingest(world.run_case(world.start_case(*reads("R01-024")), other, case="R01-024"))
    assert world.features.records[1][1]["library_type"] == "IU"
    assert world.features.records[1][1]["library_conflict"] == "1"


def test_a_rejected_result_does_not_name_the_groups_assay() -> None:
    document = run_document()
    document["metrics"]["mapped_percent"] = float("inf")
    world, key = _processed(document)
    world.ingest(key)
    assert world.case().reason_code == "FEATURES_INVALID"
    assert world.ledger.pinned == {}


@pytest.mark.parametrize(("path", "value"), CASES["test_document_that_does_not_fit_is_quarantined"])
def test_document_that_does_not_fit_is_quarantined(path: str, value: object) -> None:
    world, key = _processed(_with(path, value))
    world.ingest(key)
    assert (world.case().status, world.case().reason_code) == (Status.QUARANTINED, "FEATURES_INVALID")
    assert world.features.records == []


def test_what_the_engine_does_not_say_is_absent() -> None:
    document = run_document()
    document["library"] |= {"detected": None, "compatible_fragment_ratio": None}
    document["metrics"] = {"total_reads": None, "mapped_reads": None, "mapped_percent": None}
    world, key = _processed(document)
    world.ingest(key)
    record = world.features.records[0][1]
    assert record["library_type"] == "A"
    assert not {"reads_total", "mapped_percent", "compatible_fragment_ratio"} & set(record)


def test_quality_that_cannot_be_known_is_absent_not_zero() -> None:
    document = run_document()
    document["qc"] |= {"ribosomal_percent": None}
    world, key = _processed(document)
    world.ingest(key)
    record = world.features.records[0][1]
    assert (record["mitochondrial_percent"], record["read_length_mean"]) == ("12.5", "75.5")
    assert "ribosomal_percent" not in record


@pytest.mark.parametrize("gone", ["salmon/0123456789ab/transcripts.tsv", "salmon.manifest.json"])
def test_table_that_is_not_there_yet_comes_again(gone: str) -> None:
    world, key = _processed()
    del world.processed.content[f"references/human/{gone}"]
    with pytest.raises(RetryableError):
        world.ingest(key)


@pytest.mark.parametrize(("name", "other", "rejected"), [("annotation", True, True), ("genome", False, False)])
def test_reference_that_was_replaced_meanwhile_makes_no_gene_missing(name: str, other: bool, rejected: bool) -> None:
    world, key = _processed()
    manifest = world.processed.read_json("references/human/salmon.manifest.json")
    assert manifest is not None
    said = "GENCODE of next year" if other else run_document()["assay"][name]
    world.processed.write_json("references/human/salmon.manifest.json", {**manifest, name: said})
    world.ingest(key)
    assert world.case().reason_code == ("FEATURES_INVALID" if rejected else None)
    assert (world.features.records == []) is rejected


def test_reference_without_any_gene_of_the_panel_makes_no_record() -> None:
    world, key = _processed()
    table = "references/human/salmon/0123456789ab/transcripts.tsv"
    other = world.processed.content[table].replace(b"CD44", b"Cd44").replace(b"VIM", b"Vim")
    world.processed.put(table, other)
    world.ingest(key)
    assert (world.case().status, world.case().reason_code) == (Status.QUARANTINED, "GENES_NOT_FOUND")
    assert world.features.records == []


def test_manifest_that_names_a_table_outside_of_the_reference_is_rejected() -> None:
    world, key = _processed()
    world.processed.write_json("references/human/salmon.manifest.json", {"files": {"transcripts": "../../x.tsv"}})
    world.ingest(key)
    assert world.case().reason_code == "FEATURES_INVALID"


@pytest.mark.parametrize(
    "key",
    [
        f"genomics/{DATASET}/R01-023/R01-023.quant.genes.sf",
        f"genomics/{DATASET}/R01-023/deep/run.json",
        "genomics/x/run.json",
        "references/human/run.json",
    ],
)
def test_keys_that_are_no_final_result_are_left_alone(key: str) -> None:
    world, _ = _processed()
    world.ingest(key)
    assert world.features.records == []


# Genes


def test_ids_are_exact_and_symbols_go_through_the_annotation() -> None:
    rows = ["transcript_id\tgene_id\tgene_name", "T1\tENSG1.4\tVIM", "T2\tENSG1.4\tVIM", "T3\tENSG2.1\t"]
    rows.append("T4\tENSG3.1\tENSG2.1")
    found = gene_ids(["VIM", "ENSG1.4", "ENSG1", "ENSG2.1", "vim"], rows)
    assert found == {"VIM": ("ENSG1.4",), "ENSG1.4": ("ENSG1.4",), "ENSG1": (), "ENSG2.1": ("ENSG2.1",), "vim": ()}


def test_where_ids_are_symbols_a_gene_of_several_loci_is_all_of_them() -> None:
    """RefSeq's annotation of the whole assembly: reads of HLA-A are shared out among its alternative loci."""
    rows = ["N1\tHLA-A\tHLA-A", "N2\tHLA-A_1\tHLA-A", "N3\tVIM\tVIM"]
    assert gene_ids(["HLA-A", "VIM", "HLA-A_1"], rows) == {
        "HLA-A": ("HLA-A", "HLA-A_1"),
        "VIM": ("VIM",),
        "HLA-A_1": ("HLA-A_1",),
    }


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Name\tTPM", "G\t1"],
        [HEADER, "G\t1\t1\tNA\t1"],
        [HEADER, "G\t1\t1\tnan\t1"],
        [HEADER, "G\t1\t1\t-1\t1"],
        [HEADER, "G\t1"],
        [HEADER, "G\t1\t1\t1\t1", "G\t1\t1\t2\t1"],
    ],
)
def test_table_that_is_damaged_is_rejected_and_never_read_as_zero(lines: list[str]) -> None:
    with pytest.raises(BadInputError):
        read_tpm(lines, {"G"})


def test_table_of_any_line_ends_is_read_and_other_genes_do_not_matter() -> None:
    assert read_tpm([HEADER + "\r\n", "G\t1\t1\t2.5\t1\r\n", "H\t1\t1\tbad\t1\r\n"], {"G"}) == {"G": 2.5}


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6)))
def test_no_gene_is_lost_and_none_is_invented(tpm: dict[str, float]) -> None:
    panel = ["A", "B", "C"]
    ids = {"A": ("a",), "B": ("b", "c"), "C": ("x",)}
    found = panel_values(panel, ids, tpm)
    assert len(found.values) + len(found.missing) == len(panel)
    assert all(v >= 0 for v in found.values.values())
    if "b" in tpm:
        assert math.isclose(2 ** found.values["log2tpm_B"] - 1, tpm["b"] + tpm.get("c", 0), abs_tol=1e-6, rel_tol=1e-9)


# Groups and configuration


def test_panel_is_the_articles_and_makes_valid_names() -> None:
    spec = rna_group("stack", DATASET, genomics_config(DATASET))
    genes = [n for n, _ in spec.features if n.startswith("log2tpm_")]
    assert len(genes) == 21
    assert spec.name == GROUP


def test_both_groups_of_a_dataset_are_made() -> None:
    store = FakeFeatureStore()
    made = FeatureGroupDeployer(store, load_dataset, load_contract).deploy("stack", [DATASET])
    assert made[:2] == [f"stack-{DATASET}-imaging-v1", GROUP]
    assert store.calls == [f"create {name}" for name in made]


def _dataset(panel: list[str]) -> GenomicsConfig:
    section = {"reference": "human", "panel": panel}
    return GenomicsConfig.model_validate(section)


def test_gene_names_become_names_that_feature_store_takes() -> None:
    names = [n for n, _ in rna_group("s", "d", _dataset(["HLA-A", "ENSG00000026025.16"])).features]
    assert {"log2tpm_HLA_A", "log2tpm_ENSG00000026025_16"} <= set(names)


@pytest.mark.parametrize("panel", [["VIM", "VIM"], ["VIM", "vim"], ["HLA-A", "HLA_A"]])
def test_panel_whose_features_would_be_one_is_rejected(panel: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        rna_group("s", "d", _dataset(panel))


@pytest.mark.parametrize(
    "change", [{"panel": []}, {"panel": ["a b"]}, {"library_type": "X"}, {"reference": "../x"}, {"genes": []}]
)
def test_genomics_section_that_is_wrong_names_the_key(tmp_path: Any, change: dict[str, Any]) -> None:
    section = {"reference": "human", "panel": ["VIM"], **change}
    (tmp_path / "mine.yaml").write_text(json.dumps({"schema": 1, "name": "mine", "genomics": section}))
    with pytest.raises(ConfigurationError, match=f"genomics.{next(iter(change))}"):
        load_dataset("mine", tmp_path)
