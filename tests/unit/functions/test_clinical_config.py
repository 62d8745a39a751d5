"""What a dataset's file may say of its clinical table, and what its groups are then."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from multimodal.clinical.config import ClinicalConfig
from multimodal.clinical.lint import UsableConfig, clinical_datasets
from multimodal.clinical.records import definitions, group_specs
from multimodal.features.group import FeatureGroupSpec, FeatureType
from multimodal.imaging.config import load_contract
from multimodal.ledger.errors import ConfigurationError
from multimodal.pipeline.dataset import FeatureGroupDeployer, load_dataset
from tests.unit.functions.clinical_small import SMALL, raw, small, with_column
from tests.unit.functions.fakes import FakeFeatureStore

REAL, ARTICLE = "nsclc_radiogenomics", "nsclc_radiogenomics_article"
WRONG = yaml.safe_load(Path(__file__).with_name("wrong_configs.yaml").read_text(encoding="utf-8"))
REASON = "a reason that is long enough"


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(UsableConfig).validate_python(document)
    return "\n".join(error["msg"] for error in caught.value.errors())


def test_the_small_configuration_has_no_problem() -> None:
    assert [c.source for c in small().features_of("surgery")] == ["Grade", "Days"]


@pytest.mark.parametrize("case", WRONG, ids=[case["says"] for case in WRONG])
def test_a_wrong_configuration_is_rejected_in_words(case: dict[str, Any]) -> None:
    given = case.get("change", {})
    document = with_column(case["column"], **given) if "column" in case else raw(**given)
    for part, changes in case.get("merge", {}).items():
        document[part].update(changes)
    assert case["says"] in refusal(document)


def test_every_problem_is_told_at_once() -> None:
    document = with_column("Packs", min=5, max=1)
    document["target"] = {"column": "Gone", "positive": ["x"]}
    assert "min 5 is above max 1" in refusal(document)
    assert "no column 'Gone'" in refusal(document)


def test_a_late_column_that_is_allowed_with_a_reason_has_a_group_of_its_own() -> None:
    document = with_column("Survived", feature=None, allow=REASON, available_at="outcome")
    document["timepoints"]["outcome"] = {"event_time": {"column": "Seen"}}
    document["labels"].pop("cross_check")
    specs = group_specs("s", "d", ClinicalConfig.model_validate(document))
    assert "survived" in specs["outcome"].types


def test_the_keys_true_and_false_need_no_quotes_in_the_file() -> None:
    column = "{source: Sex, available_at: baseline, kind: flag, name: female, true: [Female], false: [Male]}"
    document = raw()
    document["columns"][0] = yaml.safe_load(column)
    assert True in document["columns"][0], "YAML reads the key as a switch"
    assert ClinicalConfig.model_validate(document) == small()


def test_a_mistake_of_several_columns_is_told_once_with_their_names(tmp_path: Path) -> None:
    section = raw()
    section["columns"][0]["kind"] = section["columns"][1]["kind"] = "nummer"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"schema": 1, "name": "mine", "clinical": section}))
    with pytest.raises(ConfigurationError) as refusal:
        load_dataset("mine", tmp_path)
    names = [column["source"] for column in section["columns"][:2]]
    first, _, rest = str(refusal.value).partition(": Input tag 'nummer'")
    assert first == f"mine.yaml: clinical.columns.'{names[0]}', clinical.columns.'{names[1]}'"
    assert "nummer" not in rest


def test_a_message_names_the_file_and_the_column(tmp_path: Path) -> None:
    document = {"schema": 1, "name": "mine", "clinical": with_column("Packs", min=5, max=1)}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError, match=r"mine\.yaml: clinical: .*column 'Packs': min 5 is above max 1"):
        load_dataset("mine", tmp_path)


def test_features_and_their_types() -> None:
    document = with_column("Smoking", unseen="other", when_missing="indicator")
    specs = group_specs("stack", "d", ClinicalConfig.model_validate(document))
    whole, fraction = FeatureType.INTEGRAL, FeatureType.FRACTIONAL
    assert specs["baseline"].name == "stack-d-clinical-baseline-v1"
    assert specs["baseline"].features[3:-3] == (
        ("female", whole),
        ("age", fraction),
        ("smoking_never", whole),
        ("smoking_former", whole),
        ("smoking_current", whole),
        ("smoking_other", whole),
        ("smoking_missing", whole),
        ("packs", fraction),
        ("years_since_quit", whole),
    )
    assert specs["surgery"].features[3:-3] == (("grade", fraction), ("days", whole))
    assert [name for name, _ in specs["labels"].features] == [
        "case_id", "event_time", "event_time_source", "survival_status", "os_event", "os_days", "os_horizon_365d",
        "rfs_event", "rfs_days", "source_uri", "upload_id", "correlation_id",
    ]  # fmt: skip
    assert specs["labels"].name == "stack-d-labels-v1"


def test_levels_that_mean_the_same_are_one_feature() -> None:
    document = with_column("Smoking", levels={"Never": "never", "Nonsmoker": "never", "Former": "former"})
    document["columns"][3].pop("fill_when")
    names = group_specs("s", "d", ClinicalConfig.model_validate(document))["baseline"].types
    assert [n for n in names if n in ("never", "former")] == ["never", "former"]


def test_additions_leave_meanings_as_they_are() -> None:
    before = definitions("s", "d", small())
    document = with_column("Grade", levels={"G1": 1, "G1-2": 1.5, "G2": 2, "G3": 3})
    document["columns"][0]["true"] = ["Female", "F"]
    document["columns"][2]["levels"]["Ex"] = "smoking_former"
    document["labels"]["horizons_days"] = [365, 730]
    after = definitions("s", "d", ClinicalConfig.model_validate(document))
    for group, meanings in before.items():
        assert {feature: after[group][feature] for feature in meanings} == meanings


@pytest.mark.parametrize(
    "document",
    [
        with_column("Grade", levels={"G1": 1, "G2": 2, "G3": 4}),
        with_column("Sex", true=["Male"], false=["Female"]),
        with_column(
            "Smoking", levels={"Never": "smoking_current", "Former": "smoking_former", "Current": "smoking_never"}
        ),
        with_column("Packs", factor=2),
        with_column("Packs", unit="packs a day"),
        with_column("Packs", when_missing="zero"),
        with_column("Quit", floor=None),
        raw(labels={**SMALL["labels"], "death": "Seen"}),
    ],
)
def test_another_meaning_of_a_feature_is_told(document: dict[str, Any]) -> None:
    document["bias"] = None
    before = definitions("s", "d", small())
    after = definitions("s", "d", ClinicalConfig.model_validate({k: v for k, v in document.items() if v is not None}))
    changed = [f for group, own in before.items() for f, text in own.items() if after[group].get(f, text) != text]
    assert changed


@pytest.mark.parametrize("name", [REAL, ARTICLE])
def test_the_shipped_files_describe_all_40_columns(name: str) -> None:
    clinical = load_dataset(name).clinical
    assert clinical is not None
    assert len({clinical.id.source, *clinical.by_source}) == 40


def _groups(name: str) -> list[FeatureGroupSpec]:
    return list(group_specs("stack", name, clinical_datasets([name])[name]).values())


def test_a_stack_whose_name_is_too_long_for_a_clinical_group_alone_changes_nothing() -> None:
    store = FakeFeatureStore()
    with pytest.raises(ConfigurationError, match=r"clinical-baseline-v1 would have a name of 65 .* shorter name"):
        FeatureGroupDeployer(store, load_dataset, load_contract).deploy("s" * 24, [REAL])
    assert store.calls == []


@pytest.mark.parametrize("name", [REAL, ARTICLE])
def test_no_shipped_feature_is_known_late(name: str) -> None:
    clinical = load_dataset(name).clinical
    assert clinical is not None
    assert clinical.feature_timepoints == ["baseline", "surgery"]
    names = [n for spec in _groups(name) for n, _ in spec.features if "labels" not in spec.name]
    for late in ("death", "recurrence", "adjuvant", "chemo", "radiation", "alive", "survival"):
        assert not [n for n in names if late in n]


def test_the_article_has_not_collected_as_a_category() -> None:
    baseline, surgery, labels = _groups(ARTICLE)
    assert "pathological_t_not_collected" in surgery.types
    assert "location_rul_unchecked" in baseline.types
    assert [n for n, _ in labels.features[3:-3]] == ["survival_status"]
    assert all(len(spec.name.replace("stack", "multimodal")) <= 64 for spec in (baseline, surgery, labels))


def test_groups_of_the_clinical_table_are_made_at_deploy_time() -> None:
    store = FakeFeatureStore()
    names = FeatureGroupDeployer(store, load_dataset, load_contract).deploy("stack", [REAL, ARTICLE])
    assert [n.removeprefix("stack-") for n in names] == [
        f"{REAL}-imaging-v1",
        f"{REAL}-rna-v1",
        f"{REAL}-clinical-baseline-v1",
        f"{REAL}-clinical-surgery-v1",
        f"{REAL}-labels-v1",
        f"{REAL}-scores-v1",
        f"{ARTICLE}-clinical-baseline-v1",
        f"{ARTICLE}-clinical-surgery-v1",
        f"{ARTICLE}-labels-v1",
        f"{ARTICLE}-scores-v1",
    ]
