"""A joined dataset: one row a patient, as of any moment, the same bytes for the same state."""

import csv
import io
import itertools
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from multimodal.dataset import plan
from multimodal.dataset.build import CSV, DICTIONARY_CSV, MANIFEST, PARQUET
from multimodal.dataset.columns import GroupColumns
from multimodal.dataset.sql import Cut, Table, snapshot
from multimodal.features.group import FeatureGroupSpec, FeatureType
from multimodal.imaging.config import ParameterContract
from multimodal.ledger.errors import BadInputError, ConfigurationError, RetryableError
from tests.unit.functions.dataset_world import (
    BASELINE,
    DATASET,
    IMAGING,
    LABELS,
    RNA,
    START,
    SURGERY,
    Builder,
    FakeFiles,
    Row,
    Store,
    fill,
)

FILES = (PARQUET, CSV, DICTIONARY_CSV, MANIFEST)


@pytest.fixture(autouse=True)
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the radiomics parameter file yield three features: 120 make a statement long and a test slow."""
    names = ("original_firstorder_Mean", "original_shape_MeshVolume", "original_shape_Sphericity")
    monkeypatch.setattr(plan, "load_contract", lambda _: ParameterContract("ct", "0", names))


@pytest.fixture
def builder() -> Builder:
    made = Builder()
    fill(made.store)
    return made


def test_a_case_is_a_row_and_what_it_lacks_is_flagged(builder: Builder) -> None:
    rows = builder.rows()

    assert list(rows) == [f"R01-00{n}" for n in range(1, 6)]
    flags = {case: (row["has_imaging"], row["has_rna"], row["has_clinical"]) for case, row in rows.items()}
    assert flags["R01-003"] == (1, 0, 1)
    assert flags["R01-004"] == (0, 1, 1)
    assert {flags[case] for case in ("R01-001", "R01-002", "R01-005")} == {(1, 1, 1)}
    assert rows["R01-002"]["imaging__volume_ml"] == 20.0
    assert rows["R01-002"]["rna__log2tpm_CD4"] == 3.0
    assert rows["R01-003"]["rna__log2tpm_CD4"] is None
    assert (rows["R01-004"]["clinical__age_years"], rows["R01-004"]["clinical__pathological_t"]) == (64, 4.0)
    assert (rows["R01-005"]["label__os_event"], rows["R01-005"]["label__os_days"]) == (0, 500)


def test_the_manifest_says_what_the_dataset_is(builder: Builder) -> None:
    answer = builder.run()
    manifest = builder.manifest(answer)

    assert manifest["complete_cases"] == "3 of 5 cases have all modalities"
    assert (manifest["dataset"], manifest["build"], manifest["cases"]) == (DATASET, answer["build"], 5)
    assert manifest["survival"] == {"time": "label__os_days", "event": "label__os_event"}
    assert {name: m["cases"] for name, m in manifest["modalities"].items()} == {"imaging": 4, "rna": 4, "clinical": 5}
    groups = {group["group"]: group for group in manifest["groups"]}
    assert (groups[RNA]["dated_by"], groups[RNA]["cases_dated_by_upload"]) == (SURGERY, 0)
    assert groups[RNA]["created_at"] == builder.store.created_at
    assert set(manifest["queries"]) == {*groups, "join"}
    assert sum(manifest["split"]["parts"].values()) == 5


def test_the_dictionary_explains_every_column_in_order(builder: Builder) -> None:
    answer = builder.run()
    lines = list(csv.DictReader(io.StringIO(builder.file(answer, DICTIONARY_CSV).decode())))
    header = builder.file(answer, CSV).decode().splitlines()[0].split(",")

    assert [line["column"] for line in lines] == header
    assert all(line["role"] and line["meaning"] for line in lines)
    by_name = {line["column"]: line for line in lines}
    assert by_name["clinical__weight_kg"]["unit"] == "kg"
    assert by_name["clinical__weight_kg"]["source"] == "Weight (lbs)"
    assert json.loads(by_name["clinical__pathological_n"]["levels"]) == {"N0": 0, "N1": 1, "N2": 2}
    assert by_name["clinical__egfr_mutant"]["levels"] == ""
    assert by_name["imaging__original_shape_MeshVolume"]["unit"] == "mm^3"
    assert by_name["rna__log2tpm_CD4"]["timepoint"] == "surgery"
    assert by_name["imaging__manufacturer"]["role"] == "acquisition"
    assert {line["role"] for line in lines if line["column"].startswith("label__")} == {"label"}


def test_two_builds_of_one_state_are_the_same_bytes(builder: Builder) -> None:
    first = builder.run()
    before = {name: builder.file(first, name) for name in FILES}
    builder.store.files = 3  # Athena divides a result as it likes
    builder.clock.advance(1000)
    second = builder.run()

    assert second["build"] == first["build"]
    assert {name: builder.file(second, name) for name in FILES} == before


def test_another_state_is_another_build(builder: Builder) -> None:
    first = builder.run()
    builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=11.0)

    assert builder.run()["build"] != first["build"]


def test_ingested_twice_in_any_order_with_breaks_it_is_the_same_csv(builder: Builder) -> None:
    expected, chance = builder.csv(), random.Random(5)
    records = [(group, row) for group, rows in builder.store.rows.items() for row in rows]
    for _ in range(5):
        again = Builder(Store(now=START))
        deliveries = chance.sample(records, len(records))
        broken = deliveries[: chance.randrange(len(deliveries))]  # a crash after any write: all of it comes again
        for group, row in [*broken, *deliveries, *chance.sample(records, len(records))]:
            values = {k: v for k, v in row.items() if k not in {"write_time", "api_invocation_time", "is_deleted"}}
            case, event_time = values.pop("case_id"), values.pop("event_time")
            again.store.write(group, case, event_time, **values)

        assert again.csv() == expected


class TestLatest:
    """Which of several records of a case counts."""

    def volume(self, builder: Builder, **request: object) -> float | None:
        value: float | None = builder.rows(**request)["R01-001"]["imaging__volume_ml"]
        return value

    def test_a_record_written_later_with_an_earlier_event_time_does_not(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2000-06-01T08:00:00Z", volume_ml=5.0)

        assert self.volume(builder) == 10.0

    def test_a_correction_of_the_same_event_time_does(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=11.0)

        assert self.volume(builder) == 11.0

    def test_a_value_that_a_correction_lacks_is_missing(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", original_shape_Sphericity=0.5)

        assert self.volume(builder) is None

    def test_milliseconds_are_later_than_their_second(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00.500Z", volume_ml=12.0)
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00.000Z", volume_ml=13.0)

        assert self.volume(builder) == 12.0

    def test_a_deleted_record_is_gone(self, builder: Builder) -> None:
        builder.store.delete(IMAGING, "R01-001", "2026-02-01T00:00:00Z")

        row = builder.rows()["R01-001"]
        assert (row["has_imaging"], row["imaging__volume_ml"]) == (0, None)

    def test_a_correction_written_after_a_deletion_shows_again(self, builder: Builder) -> None:
        builder.store.delete(IMAGING, "R01-001", "2026-02-01T00:00:00Z")
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=14.0)

        assert self.volume(builder) == 14.0

    def test_a_deletion_hides_nothing_that_is_dated_after_it(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2003-01-01T08:00:00Z", volume_ml=15.0)
        builder.store.delete(IMAGING, "R01-001", "2001-01-01T08:00:00Z")

        assert self.volume(builder) == 15.0

    def test_of_a_record_and_a_deletion_of_one_moment_the_deletion_counts(self, builder: Builder) -> None:
        at = START + timedelta(days=1)
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", at=at, volume_ml=16.0)
        builder.store.delete(IMAGING, "R01-001", "2001-01-01T08:00:00Z", at=at)

        assert builder.rows()["R01-001"]["has_imaging"] == 0

    def test_a_tie_is_broken_by_content_whatever_the_order(self) -> None:
        made = set()
        for order in itertools.permutations([(20.0, 0.3), (18.0, 0.9), (19.0, 0.1)]):
            builder = Builder()
            fill(builder.store)
            for volume, sphericity in order:
                builder.store.write(
                    IMAGING, "R01-001", "2001-01-01T08:00:00Z", at=START + timedelta(days=1), volume_ml=volume,
                    original_shape_Sphericity=sphericity,
                )  # fmt: skip
            made.add(builder.csv())
        assert len(made) == 1
        row = builder.rows()["R01-001"]
        assert (row["imaging__volume_ml"], row["imaging__original_shape_Sphericity"]) == (18.0, 0.9)

    def test_zeros_that_differ_in_their_sign_are_a_tie_like_any(self) -> None:
        made = set()
        for order in ((0.0, -0.0), (-0.0, 0.0)):
            builder = Builder()
            fill(builder.store)
            for mean in order:
                builder.store.write(
                    IMAGING, "R01-001", "2001-01-01T08:00:00Z", at=START + timedelta(days=1), volume_ml=17.0,
                    original_firstorder_Mean=mean,
                )  # fmt: skip
            made.add(builder.csv())
        assert len(made) == 1

    def test_a_full_duplicate_is_one_row(self, builder: Builder) -> None:
        for _ in range(3):
            at = START + timedelta(days=1)
            builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", at=at, volume_ml=17.0)

        assert self.volume(builder) == 17.0


class TestAsOf:
    """What was known, and what was written, at a moment."""

    def test_later_event_times_are_cut(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-001", "2003-01-01T08:00:00Z", volume_ml=30.0)

        assert builder.rows(as_of="2002-12-31")["R01-001"]["imaging__volume_ml"] == 10.0
        assert builder.rows(as_of="2003-01-01T08:00:00Z")["R01-001"]["imaging__volume_ml"] == 30.0
        assert builder.rows(as_of="2003-01-01T07:59:59Z")["R01-001"]["imaging__volume_ml"] == 10.0
        assert builder.rows(as_of="2003-01-01")["R01-001"]["imaging__volume_ml"] == 30.0

    def test_what_only_its_upload_dates_is_kept_and_counted(self, builder: Builder) -> None:
        builder.store.rows[SURGERY] = [row for row in builder.store.rows[SURGERY] if row["case_id"] != "R01-002"]
        answer = builder.run(as_of="2004-03-01")

        rna = next(g for g in builder.manifest(answer)["groups"] if g["group"] == RNA)
        assert (rna["cases"], rna["cases_dated_by_upload"]) == (3, 1), "R01-005 was operated on in 2005"

    def test_expression_is_dated_by_the_operation(self, builder: Builder) -> None:
        assert [row["has_rna"] for row in builder.rows(as_of="2002-02-02").values()] == [1, 1, 0, 0, 0]
        assert [row["has_rna"] for row in builder.rows(as_of="2002-02-01").values()] == [1, 0, 0, 0, 0]

    def test_the_operation_dates_expression_also_where_it_is_not_joined_itself(self, builder: Builder) -> None:
        rows = builder.rows(modalities=["rna"], as_of="2002-02-01")
        assert [row["has_rna"] for row in rows.values()] == [1, 0, 0, 0, 0]

    def test_a_corrected_day_of_the_operation_dates_expression_anew(self, builder: Builder) -> None:
        builder.store.delete(SURGERY, "R01-002", "2002-02-02T00:00:00Z")
        builder.store.write(SURGERY, "R01-002", "2001-12-02T00:00:00Z", pathological_t=2.0)
        assert builder.rows(as_of="2002-01-01")["R01-002"]["has_rna"] == 1

    def test_of_two_uploads_of_one_tissue_the_newer_counts(self, builder: Builder) -> None:
        for day, value in (("2026-03-01", 7.0), ("2026-02-01", 8.0)):
            uploaded: Row = {"event_time_source": "UploadTime", "log2tpm_CD4": value}
            builder.store.write(RNA, "R01-002", f"{day}T00:00:00Z", **uploaded)
        answer = builder.run(as_of="2003-01-01")
        assert builder.rows(as_of="2003-01-01")["R01-002"]["rna__log2tpm_CD4"] == 8.0, "the later write"
        rna = next(g for g in builder.manifest(answer)["groups"] if g["group"] == RNA)
        assert rna["cases_with_several_event_times"] == 0

    def test_a_deletion_of_one_upload_leaves_the_other(self, builder: Builder) -> None:
        builder.store.write(RNA, "R01-002", "2026-03-01T00:00:00Z", event_time_source="UploadTime", log2tpm_CD4=7.0)
        builder.store.delete(RNA, "R01-002", "2026-01-01T00:00:00Z")
        assert builder.rows()["R01-002"]["rna__log2tpm_CD4"] == 7.0
        builder.store.delete(RNA, "R01-002", "2026-03-01T00:00:00Z")
        assert builder.rows()["R01-002"]["has_rna"] == 0

    def test_a_sample_sheets_day_counts_for_itself(self, builder: Builder) -> None:
        builder.store.rows[RNA] = []
        builder.store.write(RNA, "R01-002", "2001-06-01T00:00:00Z", event_time_source="collected", log2tpm_CD4=1.0)
        builder.store.write(RNA, "R01-001", "2003-06-01T00:00:00Z", event_time_source="collected", log2tpm_CD4=1.0)
        rows = builder.rows(as_of="2002-01-01")
        assert (rows["R01-002"]["has_rna"], rows["R01-001"]["has_rna"]) == (1, 0)

    def test_labels_are_never_cut(self, builder: Builder) -> None:
        assert builder.rows(as_of="2002-12-31")["R01-002"]["label__os_days"] == 200

    def test_what_was_written_later_is_cut_deletions_included(self, builder: Builder) -> None:
        moment = (builder.store.now + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = builder.csv(written_before=moment)
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=99.0)
        builder.store.delete(RNA, "R01-001", "2026-02-01T00:00:00Z")

        assert builder.csv(written_before=moment) == before
        assert builder.csv() != before

    @pytest.mark.parametrize("when", ["yesterday", "2026-02-30", "2026-01-01T00:00:00+00:00", "2026-01-01 10:00", ""])
    @pytest.mark.parametrize("key", ["as_of", "written_before"])
    def test_a_moment_that_is_none_is_rejected(self, builder: Builder, key: str, when: str) -> None:
        with pytest.raises(BadInputError, match=key):
            builder.run(**{key: when})
        assert not builder.processed.content


class TestIndexTime:
    """Cuts relative to a day 0 of each patient."""

    def test_days_count_from_the_ct(self, builder: Builder) -> None:
        rows = builder.rows(t0={"of": "imaging", "days_before": 10, "days_after": 60})

        assert rows["R01-002"]["clinical__surgery_days_from_t0"] == 31
        assert rows["R01-002"]["clinical__baseline_days_from_t0"] == 0
        assert rows["R01-002"]["rna__days_from_t0"] == 31, "the operation's"

    def test_what_is_outside_of_the_window_is_left_out(self, builder: Builder) -> None:
        builder.store.delete(SURGERY, "R01-002", "2002-02-02T00:00:00Z")
        builder.store.write(SURGERY, "R01-002", "2002-05-02T00:00:00Z", pathological_t=2.0)
        rows = builder.rows(t0={"of": "imaging", "days_before": 10, "days_after": 60})

        assert rows["R01-002"]["clinical__pathological_t"] is None
        assert rows["R01-002"]["clinical__age_years"] == 62
        assert rows["R01-002"]["has_rna"] == 0, "its tissue was taken on day 120"

    def test_what_only_its_upload_dates_is_in_every_window(self, builder: Builder) -> None:
        builder.store.rows[SURGERY] = [row for row in builder.store.rows[SURGERY] if row["case_id"] != "R01-002"]
        row = builder.rows(t0={"of": "imaging", "days_before": 10, "days_after": 60})["R01-002"]
        assert (row["rna__log2tpm_CD4"], row["rna__days_from_t0"]) == (3.0, None)

    def test_of_two_scans_the_rule_picks_one_and_the_manifest_counts(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-002", "2001-12-20T08:00:00Z", volume_ml=1.0)
        builder.store.write(IMAGING, "R01-002", "2002-12-20T08:00:00Z", volume_ml=2.0)
        window = {"of": "clinical", "days_before": 1000, "days_after": 1000}
        for rule, volume in (("first", 1.0), ("latest", 2.0), ("nearest", 20.0)):
            answer = builder.run(records=rule, t0=window)
            assert builder.rows(records=rule, t0=window)["R01-002"]["imaging__volume_ml"] == volume
            imaging = next(g for g in builder.manifest(answer)["groups"] if g["group"] == IMAGING)
            assert imaging["cases_with_several_event_times"] == 1

    def test_nearest_needs_a_day_0_of_another_group(self, builder: Builder) -> None:
        with pytest.raises(BadInputError, match="nearest needs a day 0"):
            builder.run(records="nearest")


class TestTimepoint:
    """Only what is known at a timepoint is a feature."""

    def test_baseline_leaves_out_what_surgery_shows(self, builder: Builder) -> None:
        answer = builder.run(timepoint="baseline")

        header = builder.file(answer, CSV).decode().splitlines()[0]
        assert "clinical__age_years" in header
        assert "clinical__pathological_t" not in header
        assert "rna__" not in header
        left_out = builder.manifest(answer)["left_out"]
        assert set(left_out) == {RNA, SURGERY}
        assert "later than baseline" in left_out[SURGERY]

    def test_a_leaking_column_smuggled_into_a_group_is_caught(self, builder: Builder) -> None:
        builder.store.definitions[BASELINE] |= {"time_to_death_days": "Integral", "score": "Fractional"}
        builder.store.write(BASELINE, "R01-001", "2001-01-01T00:00:00Z", time_to_death_days=100, score=1.0)
        answer = builder.run()

        assert b"time_to_death_days" not in builder.file(answer, CSV)
        baseline = next(g for g in builder.manifest(answer)["groups"] if g["group"] == BASELINE)
        assert baseline["not_joined"] == {
            "score": "not in the dataset's file",
            "time_to_death_days": "known at outcome by the dataset's file",
        }

    def test_the_outcome_is_no_timepoint_of_features(self, builder: Builder) -> None:
        with pytest.raises(BadInputError, match="timepoint"):
            builder.run(timepoint="outcome")


class TestCohort:
    """Which cases are rows."""

    def test_listed_cases_are_the_rows_also_without_labels(self, builder: Builder) -> None:
        builder.store.write(IMAGING, "R01-009", "2009-01-01T08:00:00Z", volume_ml=90.0)
        rows = builder.rows(cases=["R01-009", "R01-001", "R01-001", "R01-002"])

        assert list(rows) == ["R01-001", "R01-002", "R01-009"]
        assert rows["R01-009"]["label__os_days"] is None

    @pytest.mark.parametrize("case", ["=1+1", 'a"b', "c'd", "é,ß", "two\nlines", "NULL", "\\"])
    def test_an_id_may_hold_anything(self, builder: Builder, case: str) -> None:
        builder.store.write(LABELS, case, "2005-01-01T00:00:00Z", survival_status=1, os_event=1, os_days=5)
        assert set(builder.rows(cases=[case, "R01-001"])) == {case, "R01-001"}

    def test_unknown_cases_are_rejected_by_name(self, builder: Builder) -> None:
        with pytest.raises(BadInputError, match=r"2 of 3 cases have no record .*R01-777, R01-999"):
            builder.run(cases=["R01-999", "R01-001", "R01-777"])
        assert not self._written(builder)

    @pytest.mark.parametrize(
        ("case", "told"),
        [
            ("r01-001", "1 of 2 cases have no record .*: r01-001"),
            ("R01-001\x00", "1 of 2 cases have no record"),
            (" ", r"cases\.1: String should have at least 1 character"),
            ("R" * 256, r"cases\.1: String should have at most 255 characters"),
            ("\ud800", r"cases\.1: .* unicode"),
            (1, r"cases\.1: Input should be a valid string"),
        ],
    )
    def test_an_id_that_is_none_is_named(self, builder: Builder, case: object, told: str) -> None:
        with pytest.raises(BadInputError, match=told):
            builder.run(cases=["R01-001", case])
        assert not self._written(builder)

    def test_an_empty_modality_is_rejected_with_the_way_out(self, builder: Builder) -> None:
        builder.store.rows[RNA].clear()
        with pytest.raises(BadInputError, match=r'rna has no record .*"modalities": \["imaging", "clinical"\]'):
            builder.run()
        assert not self._written(builder)
        assert builder.run(modalities=["imaging", "clinical"])["cases"] == 5

    def test_a_cohort_in_which_nobody_died_is_rejected_unless_it_may_be(self, builder: Builder) -> None:
        with pytest.raises(BadInputError, match="all are censored"):
            builder.run(cases=["R01-005"])
        assert not self._written(builder)
        assert builder.run(cases=["R01-005"], require_events=False)["cases"] == 1

    def test_without_labels_there_is_no_cohort(self, builder: Builder) -> None:
        builder.store.rows[LABELS].clear()
        with pytest.raises(BadInputError, match="has labels yet"):
            builder.run()

    def _written(self, builder: Builder) -> list[str]:
        return [key for key in builder.processed.content if key.startswith("datasets/")]


class TestRequest:
    """What is asked for, and by whom."""

    def test_an_uploaded_file_asks_for_a_build(self, builder: Builder) -> None:
        builder.raw.put(
            f"datasets/{DATASET}/_build.json", json.dumps({"build": "v1", "timepoint": "baseline"}).encode()
        )
        answer = builder.run_of({"key": f"datasets/{DATASET}/_build.json"})

        assert answer["key"] == f"datasets/{DATASET}/v1/"
        latest = json.loads(builder.processed.content[f"datasets/{DATASET}/_latest.json"])
        assert latest["build"] == "v1"

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"timepont": "baseline"}', '{"dataset": "other"}'])
    def test_a_file_that_is_not_right_is_rejected(self, builder: Builder, text: str) -> None:
        builder.raw.put(f"datasets/{DATASET}/_build.json", text.encode())
        with pytest.raises(BadInputError) as caught:
            builder.run_of({"key": f"datasets/{DATASET}/_build.json"})
        assert caught.value.reason_code == "BUILD_INVALID"

    def test_an_unknown_dataset_is_named(self, builder: Builder) -> None:
        with pytest.raises(BadInputError, match=f"other is not deployed; there are: {DATASET}"):
            builder.run_of({"request": {"dataset": "other"}})

    def test_a_missing_group_asks_for_a_deployment(self, builder: Builder) -> None:
        del builder.store.definitions[RNA]
        with pytest.raises(ConfigurationError, match=f"{RNA} does not exist; deploy"):
            builder.run()

    def test_a_group_that_lacks_a_feature_asks_for_a_deployment(self, builder: Builder) -> None:
        del builder.store.definitions[BASELINE]["age_years"]
        with pytest.raises(ConfigurationError, match="has no feature age_years yet; deploy"):
            builder.run()
        assert not builder.processed.content

    @pytest.mark.parametrize(("name", "fits"), [("log2tpm_ENSG{:011d}", True), ("x" * 60 + "{:04d}", False)])
    def test_a_group_may_have_as_many_features_as_feature_store_takes(self, name: str, fits: bool) -> None:
        features = [(name.format(number), FeatureType.FRACTIONAL) for number in range(2_500)]
        cut = Cut(as_of="2020-01-01T00:00:00Z", t0=Table("db", "t0"), dated_by=Table("db", "dates"), days_after=30)
        statement = snapshot(Table("db", "rna"), features, cut)
        group = GroupColumns("rna", FeatureGroupSpec("rna-v1", ()), "baseline", ())
        if fits:
            assert plan._checked(statement, group) == statement
        else:
            with pytest.raises(ConfigurationError, match="rna-v1 is longer than Athena takes"):
                plan._checked(statement, group)

    def test_a_named_build_never_becomes_another(self, builder: Builder) -> None:
        builder.run(build="v1")
        builder.run(build="v1")
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=11.0)
        with pytest.raises(BadInputError, match="v1 exists and holds something else; give this one another name"):
            builder.run(build="v1")

    def test_of_two_runs_that_write_one_name_at_once_the_first_writes(
        self, builder: Builder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload, refused = FakeFiles.upload, list[str]()

        def overtaken(files: FakeFiles, path: Path, key: str, media_type: str) -> None:
            monkeypatch.setattr(FakeFiles, "upload", upload)
            builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=11.0)
            with pytest.raises(BadInputError, match="being written") as error:
                builder.run(build="v1")
            refused.append(error.value.message)
            upload(files, path, key, media_type)

        monkeypatch.setattr(FakeFiles, "upload", overtaken)
        answer = builder.run(build="v1")
        assert len(refused) == 1
        hashes = builder.manifest(answer)["files"]
        assert {name: sha256(builder.file(answer, name)).hexdigest() for name in hashes} == hashes

    def test_a_run_that_broke_off_while_it_wrote_is_made_whole_by_the_next(
        self, builder: Builder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = FakeFiles.upload
        for writes in range(len(FILES) - 1):
            left = iter(range(writes))

            def broken(files: FakeFiles, path: Path, key: str, media_type: str, left: Iterator[int] = left) -> None:
                if next(left, None) is None:
                    raise RetryableError("S3 is busy")
                upload(files, path, key, media_type)

            monkeypatch.setattr(FakeFiles, "upload", broken)
            with pytest.raises(RetryableError):
                builder.run(build="v1")
            assert not [key for key in builder.processed.content if key.endswith("/manifest.json")]
        monkeypatch.setattr(FakeFiles, "upload", upload)
        answer = builder.run(build="v1")
        assert {name: builder.file(answer, name) for name in FILES[:3]} == {
            name: builder.file(builder.run(), name) for name in FILES[:3]
        }

    def test_a_name_whose_run_broke_off_can_be_freed_for_a_later_state(
        self, builder: Builder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = FakeFiles.upload

        def broken(*_: object) -> None:
            raise RetryableError("S3 is busy")

        monkeypatch.setattr(FakeFiles, "upload", broken)
        with pytest.raises(RetryableError):
            builder.run(build="v1")
        monkeypatch.setattr(FakeFiles, "upload", upload)
        builder.store.write(IMAGING, "R01-001", "2001-01-01T08:00:00Z", volume_ml=11.0)
        claim = f"datasets/{DATASET}/v1/claim.txt"
        with pytest.raises(BadInputError, match=f"its run broke off; .* delete s3://processed/{claim} and build again"):
            builder.run(build="v1")
        del builder.processed.content[claim]
        assert builder.run(build="v1")["build"] == "v1"

    def test_a_group_made_again_meanwhile_ends_the_run(self, builder: Builder) -> None:
        run, service = "run-x", builder.service
        queries = service.plan(run, {"request": {"dataset": DATASET}})["queries"]
        with builder.store.connect() as connection:
            for number in queries:
                builder.unload(connection, service.query(run, number)["sql"])
        builder.store.created_at = "2026-06-01T00:00:00Z"
        with pytest.raises(ConfigurationError, match="changed while it was built"):
            service.write(run)

    def test_a_failure_is_recorded_where_the_dataset_would_be(self, builder: Builder) -> None:
        cause = json.dumps({"errorType": "BadInputError", "errorMessage": "no case"})
        answer = builder.service.fail(
            "r", {"request": {"dataset": DATASET}}, {"Error": "BadInputError", "Cause": cause}
        )

        assert answer == {"run_id": "r", "cause": "no case"}
        assert json.loads(builder.processed.content[f"datasets/{DATASET}/_latest.json"])["message"] == "no case"
