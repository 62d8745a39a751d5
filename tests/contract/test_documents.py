"""The documents that pass between functions and job: both sides keep to the schemas in ``contracts/``."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from local.contracts import CONTRACTS, MODELS, PARAMS, contract_of, schema_of
from local.reference import PAGE, differences, read_catalogue, render
from multimodal.clinical.report.build import build_refusal_report
from multimodal.features.group import valid_document
from multimodal.genomics.documents import RunDocument
from multimodal.imaging.documents import FeaturesDocument
from multimodal.ledger.errors import BadInputError
from tests.unit.functions.clinical_tables import config, profiled
from tests.unit.functions.test_clinical_report import COLUMNS, MORE, UPLOAD, report_of, rows_of
from tests.unit.functions.world import World, features_document, rejection_document, run_document, slices

SCHEMAS = CONTRACTS.parent
ROOT = Path(__file__).resolve().parents[2]


def validator(name: str) -> Draft202012Validator:
    """Return a validator of one of the schemas."""
    documents = {p.name: json.loads(p.read_text()) for p in SCHEMAS.glob("*.schema.json")}
    registry: Registry[Any] = Registry().with_resources(
        [(file, Resource.from_contents(document)) for file, document in documents.items()]
    )
    return Draft202012Validator(documents[name], registry=registry)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda p: p.name)
def test_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize("name", sorted(p.stem for p in PARAMS.glob("*.yaml")))
def test_contract_is_what_the_parameter_file_yields(name: str) -> None:
    stored = json.loads((CONTRACTS / f"{name}.json").read_text())
    assert stored == contract_of(name), "a parameter file changed: run `make contracts`, and consider group_version"


@pytest.mark.parametrize("name", MODELS)
def test_schema_is_what_the_model_says(name: str) -> None:
    stored = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    assert stored == schema_of(MODELS[name]), "a document's model changed: run `make contracts`"


def test_planned_job_files_keep_to_the_schema() -> None:
    world = World()
    world.upload(*slices(2), "imaging/nsclc_radiogenomics/R01-002/9.9.zip")
    for job in world.jobs(world.sweep_until_run()):
        document = world.processed.read_json(job["job_uri"].removeprefix("s3://processed/") + "job.json")
        validator("job.schema.json").validate(document)


def test_samples_of_the_function_tests_keep_to_the_schemas() -> None:
    validator("features.schema.json").validate(features_document())
    validator("rejection.schema.json").validate(rejection_document())
    validator("run.schema.json").validate(run_document())


@pytest.mark.parametrize("missing", ["rois", "acquisition", "provenance", "acquired_at", "qc"])
def test_functions_refuse_what_the_schema_refuses(missing: str) -> None:
    document = features_document()
    del document[missing]
    assert list(validator("features.schema.json").iter_errors(document))
    with pytest.raises(BadInputError):
        valid_document(FeaturesDocument, document, "features.json")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("assay", "unit", "FPKM"),
        ("assay", "engine_version", None),
        ("assay", "reference", "../x"),
        ("files", "genes", "a/b"),
        ("library", "conflict", "no"),
        ("metrics", "mapped_percent", "90"),
        ("provenance", "input_hash", None),
    ],
)
def test_functions_refuse_a_run_that_the_schema_refuses(part: str, name: str, value: object) -> None:
    document = run_document()
    document[part][name] = value
    assert list(validator("run.schema.json").iter_errors(document))
    with pytest.raises(BadInputError):
        valid_document(RunDocument, document, "run.json")


def test_every_reason_code_is_explained_and_nothing_else() -> None:
    assert differences(read_catalogue()) == {}, "explain them in docs/reference/reason-codes.yaml, then: make reference"


def test_the_page_of_reason_codes_is_made_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(page, read_catalogue()) == page, "make reference"


@pytest.mark.parametrize("cases", [0, 5, 120])
@pytest.mark.parametrize("earlier", [None, 0, 90])
def test_reports_of_clinical_tables_keep_to_the_schema(cases: int, earlier: int | None) -> None:
    previous = None if earlier is None else profiled(config(COLUMNS, **MORE), rows_of(earlier)).document("earlier")
    for changes in ({}, {"days": {"available_at": "baseline"}}, {"labels": None, "target": None, "bias": None}):
        report = json.loads(json.dumps(report_of(cases, previous, **changes)))
        validator("clinical_report.schema.json").validate(report)


def test_reports_of_rejected_files_keep_to_the_schema() -> None:
    report = build_refusal_report(UPLOAD, "COLUMNS_NOT_DECLARED", "undeclared columns: x", {"columns": ["x"]})
    validator("clinical_report.schema.json").validate(report)
    report["verdict"]["status"] = "accepted"
    assert list(validator("clinical_report.schema.json").iter_errors(report)), "only a refusal is without its parts"
