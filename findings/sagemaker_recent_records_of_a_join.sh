#!/usr/bin/env bash
# SageMaker SDK: "the n most recent records of each identifier" of a joined dataset are n pairs, not n records of the base.
#
# Expected: with_number_of_recent_records_by_record_identifier(2) keeps the two newest scans of a patient
#   (Amazon SageMaker Developer Guide, "Create a dataset from your feature groups": the most recent records by record id).
# Seen: the numbers are given after the join. A patient with three scans and two assays has six rows (each scan with each
#   assay); the two that are kept are the newest scan twice, once with each assay. The older scans are gone, the newest
#   counts double. Without the call all six rows stay although duplicates are left out by default: only records that agree
#   in identifier and event time are duplicates.
# Versions: sagemaker 2.257.7 (its SQL, run by duckdb 1.4.5; sagemaker-mlops 1.27.0 writes the same), Python 3.11, 2026-11-28.
# Here: functions/multimodal/dataset numbers each group's records before it joins: one row a patient (docs/joined-datasets.md).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sagemaker==2.257.7 duckdb==1.4.5 'pandas<3' 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
export SAGEMAKER_SUPPRESS_V2_WARNING=1 PYTHONWARNINGS=ignore
"$folder/venv/bin/python" - 2>/dev/null <<'PY'
import sys

import duckdb
from sagemaker.feature_store.dataset_builder import DatasetBuilder, FeatureGroupToBeMerged, TableType
from sagemaker.feature_store.feature_definition import FeatureDefinition, FeatureTypeEnum

db = duckdb.connect()
db.execute("CREATE SCHEMA store")
RECORDS = {"scans": ["2020-01-01", "2020-03-01", "2020-06-01"], "assays": ["2020-02-01", "2020-05-01"]}


def group(table):
    """One group: a record of patient P for each day of `RECORDS`, written once, none deleted."""
    db.execute(
        f"CREATE TABLE store.{table} (case_id TEXT, event_time TEXT, {table} TEXT, write_time TEXT,"
        " api_invocation_time TEXT, is_deleted BOOLEAN)"
    )
    for day in RECORDS[table]:
        db.execute(f"INSERT INTO store.{table} VALUES ('P', '{day}', '{day}', '{day}', '{day}', false)")
    names = ["case_id", "event_time", table]
    return FeatureGroupToBeMerged(
        features=names, included_feature_names=names, projected_feature_names=[table], catalog="AwsDataCatalog", database="store",
        table_name=table, record_identifier_feature_name="case_id",
        event_time_identifier_feature=FeatureDefinition("event_time", FeatureTypeEnum.STRING), table_type=TableType.FEATURE_GROUP,
    )  # fmt: skip


scans, assays = group("scans"), group("assays")


def rows(recent):
    builder = DatasetBuilder(None, None, "s3://results", record_identifier_feature_name="case_id")
    builder._feature_groups_to_be_merged = [assays]
    if recent:
        builder = builder.with_number_of_recent_records_by_record_identifier(recent)
    return sorted(db.execute(builder._construct_query_string(scans)).fetchall(), reverse=True)


all_rows, two = rows(None), rows(2)
print("expected: the scans of 2020-06-01 and 2020-03-01")
print("seen (scan, assay):", two)
print("without the call:", len(all_rows), "rows for one patient with three scans")
sys.exit(0 if [scan for scan, _ in two] == ["2020-06-01", "2020-06-01"] and len(all_rows) == 6 else 1)
PY
