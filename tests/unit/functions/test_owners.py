"""Whose reads lie in a folder: two samples never become one case, lanes and runs of one sample do."""

import pytest

from multimodal.genomics.keys import parse_key
from multimodal.genomics.owners import samples_in
from multimodal.ledger.unit import Status
from multimodal.ledger.upload_key import KeyKind
from tests.unit.functions.test_genomics import ROOT
from tests.unit.functions.world import QUIET, RnaWorld, reads


def pairs(*stems: str) -> list[str]:
    return [f"{stem}_R{mate}.fastq.gz" for stem in stems for mate in (1, 2)]


@pytest.mark.parametrize(
    ("case", "stems", "samples"),
    [
        ("00_fastq", ["PAT1", "PAT2"], ("PAT1", "PAT2")),
        ("00_fastq", ["PAT_1_L001", "PAT_2_L001"], ("PAT_1", "PAT_2")),
        ("batch1", ["PAT1/reads", "PAT2/reads"], ("PAT1", "PAT2")),
        ("batch1", ["raw_data/T1", "raw_data/N1"], ("N1", "T1")),
        ("P1", ["P1", "P10"], ("P1", "P10")),
        ("P1", ["P1_S1_L001", "P2_S2_L001"], ("P1", "P2")),
        ("fastq", ["1", "2"], ("1", "2")),
        ("fastq", ["100234", "100235"], ("100234", "100235")),
        ("fastq", ["sample1", "sample2"], ("sample1", "sample2")),
        ("fastq", ["R1/sampleX", "R1/sampleY"], ("sampleX", "sampleY")),
        ("cohort", ["GSM4000001", "GSM4000002"], ("GSM4000001", "GSM4000002")),
        ("00_fastq", ["110211", "110212"], ("110211", "110212")),
        ("P1", ["P1_T_L001", "P1_N_L001"], ("P1_n", "P1_t")),
        ("P1", ["P1_pre", "P1_post"], ("P1_post", "P1_pre")),
        ("P1", ["P1_T1_L001", "P1_T2_L001"], ("P1_t1", "P1_t2")),
        ("P1", ["P1_tumor/reads", "P1_normal/reads"], ("P1_normal", "P1_tumor")),
        ("P1", ["rna_T/P1", "rna_N/P1"], ("P1_n", "P1_t")),
        ("P1", ["P1_D0", "P1_D28"], ("P1_d0", "P1_d28")),
        ("P1", ["P1_C1D1", "P1_week12"], ("P1_c1d1", "P1_week12")),
        ("P1", ["P1_FFPE_L001", "P1_frozen_L001"], ("P1_ffpe", "P1_frozen")),
        ("TCGA-05-4384", ["TCGA-05-4384-01A", "TCGA-05-4384-11A"], ("TCGA-05-4384_01a", "TCGA-05-4384_11a")),
        ("P1", ["P1_lung_L001", "P1_liver_L001"], ("P1_liver", "P1_lung")),
        ("P1", ["lung/P1_L001", "node/P1_L001"], ("P1_lung", "P1_node")),
        ("P1", ["P1_ctrl", "P1_treated"], ("P1_ctrl", "P1_treated")),
        ("P1", ["P1_RNA", "P1_WES"], ("P1", "P1_wes")),
        ("P1", ["P1_RNA", "P1_ATAC"], ("P1", "P1_atac")),
        ("P1", ["P1_RNA", "P1_H3K27ac"], ("P1", "P1_h3k27ac")),
        ("P1", ["P1_CD45neg", "P1_CD45pos"], ("P1_cd45neg", "P1_cd45pos")),
        ("P1", ["P1_0h_L001", "P1_24h_L001"], ("P1_0h", "P1_24h")),
        ("P1", ["P1_10nM", "P1_100nM"], ("P1_100nm", "P1_10nm")),
        ("P1", ["P1", "P1_xenograft"], ("P1", "P1_xenograft")),
        ("P1", ["P1_A", "P1_B"], ("P1_a", "P1_b")),
        ("NG-12345", ["NG-12345_P1_lib1_7_1", "NG-12345_P2_lib2_7_1"], ("NG-12345_P1", "NG-12345_P2")),
        ("LungStudy", ["LungStudy_R01-023_S1", "LungStudy_R01-024_S2"], ("LungStudy_R01-023", "LungStudy_R01-024")),
        ("LungStudy", ["LungStudy_PT1/reads", "LungStudy_PT2/reads"], ("LungStudy_PT1", "LungStudy_PT2")),
    ],
)
def test_two_samples_in_one_folder_are_seen(case: str, stems: list[str], samples: tuple[str, ...]) -> None:
    assert samples_in(case, pairs(*stems)) == samples


@pytest.mark.parametrize(
    ("case", "stems"),
    [
        ("PAT1", ["PAT1_S1_L001", "PAT1_S7_L002", "PAT1_reseq_L001"]),
        ("R01-001", ["R01_001_L001", "r01-001_L002"]),
        ("R01-001", ["SRR7938741", "SRR7938742", "ERR1"]),
        ("R01-001", ["HJKLMDSX2_L1", "HABCDDSXY_L3"]),
        ("P1", ["P1_H2NVWDSXC_L1", "P1_H2TJMDRXME2_L2"]),
        ("R01-001", ["V300012345_L01_501", "V300054321_L02_502"]),
        ("R01-001", ["20240131/reads", "20240207/reads"]),
        ("R01-001", ["run1/R01-001", "lane3/reads", "SRR7"]),
        ("R01-001", ["tumour77_L001", "tumour77_L002", "run2/tumour77"]),
        ("P1", ["P1_FKRN230012345-1A_HJKLMDSX2_L1", "P1_FKRN230099999-1A_HABCDDSXY_L3"]),
        ("P1", ["P1_ACGTACGT_L001", "P1_TTGCAACG_L001"]),
        ("case7", ["anything"]),
        ("P1", ["P1_tumor_L001", "P1_tumor_L002"]),
        ("P1_T", ["P1_T_L001", "P1_T_reseq_L002"]),
        ("P1", ["P1_T1/P1_T1_L001", "P1_T1_L002"]),
        ("P1", ["P1_D701_D501_L001", "P1_D702_D501_L002"]),
        ("P1", ["day1run/P1_L001", "P1_L002"]),
        ("R01-001", ["R01-001_SRX55", "SRX56"]),
        ("P1", ["batch_A/P1", "batch_B/P1"]),
        ("P1", ["Run1_March/P1", "Run2_April/P1"]),
        ("P1", ["P1_CCGT-AAGG_L001", "P1_TTGA-AACC_L001"]),
        ("P1", ["P1_L001_ds.0a1b2c3d/P1_S1_L001", "P1_L002-ds.abcdefab/P1_S1_L002"]),
        ("P1", ["P1_FCA", "P1_FCB"]),
        ("P1", ["P1_run_I", "P1_run_II", "P1_original"]),
        ("P1", ["P1_poolA_L001", "P1_poolB_L001"]),
        ("P1", ["P1_L001", "P1_repeat_L002", "P1_NovaSeq_L003"]),
        ("P1", ["P1_polyA_stranded_L001", "extra/P1_L002"]),
        ("P1", ["P1_S1", "P1_S1_unpaired"]),
        ("P1", ["NG-12345_P1_lib1_7_1", "NG-12345_P1_lib1_7_2", "NG-12345_P1_lib9_8_1"]),
        ("P1", ["P1_A01_L001", "P1_B12_L001", "P1_UDI0001_L002", "P1_N701_L003"]),
        ("P1", ["P1_A00123_L001", "P1_LH00456_L002", "P1_S1_L001", "P1_S7_L001", "P1_MKRN240012345_L3"]),
        ("P1", ["CRR123456", "CRR123457"]),
        ("P1", ["P1_chunk001", "P1_chunk002", "P1_PE150_L001", "P1_PE100_L001", "P1_100bp"]),
        ("P1", ["P1_ILM_L1", "P1_MGI_L1"]),
        ("R01-023", ["R01-023_R01-023_L001", "R01-023_L002"]),
    ],
)
def test_lanes_and_runs_of_one_sample_are_one_case(case: str, stems: list[str]) -> None:
    assert samples_in(case, pairs(*stems)) == ()


def test_a_folder_of_two_samples_is_no_case_until_a_sheet_says_whose_the_reads_are() -> None:
    world = RnaWorld()
    folder = f"{ROOT}/00_fastq"
    world.upload(*(f"{folder}/{name}" for name in pairs("PAT1", "PAT2")))
    world.tick(QUIET + 60)
    item = world.case("00_fastq")
    assert (item.status, item.reason_code) == (Status.QUARANTINED, "READS_MIXED")
    assert "reads of 2 samples" in world.ledger.extra[item.unit_id]["reason_message"]
    rows = [f"{name},00_fastq/{name}_R1.fastq.gz,00_fastq/{name}_R2.fastq.gz" for name in ("PAT1", "PAT2")]
    sheet = "sample,fastq_1,fastq_2\n" + "".join(f"{row}\n" for row in rows)
    world.upload(f"{ROOT}/samplesheet.csv", body=sheet.encode())
    world.tick(QUIET + 60)
    assert world.tick(QUIET + 60)["jobs"] == 2


def test_another_samples_reads_beside_the_cases_own_stop_it_at_once() -> None:
    world = RnaWorld()
    world.upload(*reads(), f"{ROOT}/R01-023/R01-024_S2_L001_R1_001.fastq.gz")
    world.tick(QUIET + 60)
    assert world.case().reason_code == "READS_MIXED"


@pytest.mark.parametrize(
    "path",
    [
        "Unassigned/Unassigned_R1.fastq.gz",
        "PhiX/PhiX_R1.fastq.gz",
        "R01-023/lane1_Undetermined_L001_R1_001.fastq.gz",
        "__MACOSX/R01-023/._S_R1.fastq.gz",
        "R01-023/@eaDir/S_R1.fastq.gz",
        ".snapshot/S_R1.fastq.gz",
        "Undetermined/reads_R1.fastq.gz",
        "R01-023/Unassigned/reads_R2.fastq.gz",
        "R01-023/PhiX_S0_R1_001.fastq.gz",
    ],
)
def test_reads_of_nobody_are_no_case(path: str) -> None:
    assert parse_key(f"{ROOT}/{path}").kind is KeyKind.IGNORED


def test_a_patient_may_be_called_like_nobody_but_for_more_letters() -> None:
    assert parse_key(f"{ROOT}/PhiX174study/a_R1.fastq.gz").kind is KeyKind.OBJECT
