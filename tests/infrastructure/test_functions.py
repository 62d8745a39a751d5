"""Every function: its folder, its role, its log group, its settings."""

import re
import shutil
import subprocess
import sys
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import BaseModel

from arrivals.app import ArrivalsSettings
from cli.deployment import Deployment
from dataset_build.app import DatasetBuildSettings
from feature_groups.app import FeatureGroupsSettings
from feature_ingest.app import FeatureIngestSettings
from fetch.app import FetchSettings
from multimodal.pipeline.sweep import ROUND_SECONDS
from plan_jobs.app import PlanJobsSettings
from record_outcome.app import RecordOutcomeSettings
from report_build.app import ReportBuildSettings
from score_ingest.app import ScoreIngestSettings
from sweep.app import SweepSettings
from table_ingest.app import TableIngestSettings
from tests.infrastructure.support import ROOT, expanded, properties, resolve, resources, template

FUNCTIONS = sorted(resources("AWS::Serverless::Function"))
COMMON = template()["Globals"]["Function"]
SETTINGS: dict[str, type[BaseModel]] = {
    "ArrivalsFunction": ArrivalsSettings,
    "SweepFunction": SweepSettings,
    "PlanJobsFunction": PlanJobsSettings,
    "RecordOutcomeFunction": RecordOutcomeSettings,
    "TableIngestFunction": TableIngestSettings,
    "ScoreIngestFunction": ScoreIngestSettings,
    "FeatureIngestFunction": FeatureIngestSettings,
    "FeatureGroupsFunction": FeatureGroupsSettings,
    "DatasetBuildFunction": DatasetBuildSettings,
    "ReportBuildFunction": ReportBuildSettings,
    "FetchFunction": FetchSettings,
}
ASYNCHRONOUS = ["SweepFunction", "RecordOutcomeFunction", "FeatureGroupsFunction"]
"""Invoked by rules and by CloudFormation; the others by a queue's poller or by the state machine."""


def snake_case(logical_id: str) -> str:
    """Return the folder that a logical id stands for."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def environment(function: str) -> dict[str, Any]:
    """Return a function's variables, those of all functions included."""
    own = properties(function).get("Environment", {}).get("Variables", {})
    return {**COMMON["Environment"]["Variables"], **own}


def test_every_function_of_the_source_tree_is_deployed() -> None:
    folders = {p.parent.name for p in (ROOT / "functions").glob("*/app.py")}
    assert folders == {snake_case(f) for f in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_logical_id_folder_and_names_match(function: str) -> None:
    folder = snake_case(function)
    assert (ROOT / "functions" / folder / "app.py").is_file()
    assert properties(function)["Handler"] == f"{folder}.app.handler"
    assert resolve(properties(function)["FunctionName"]) == f"stack-{folder.replace('_', '-')}"


def test_all_functions_are_built_once() -> None:
    assert COMMON["CodeUri"] == "functions/"
    assert not [f for f in FUNCTIONS if "CodeUri" in properties(f)], "a CodeUri of its own would be built once more"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_layer_of_duckdb_is_with_functions_that_import_it(function: str) -> None:
    imports = ModuleFinder(path=[str(ROOT / "functions")])  # follows those inside functions, too
    imports.run_script(str(ROOT / "functions" / snake_case(function) / "app.py"))
    assert properties(function).get("Layers", []) == [{"Ref": "DuckdbLayer"}] * ("duckdb" in imports.badmodules)


def test_duckdb_is_in_its_layer_and_not_in_the_package_of_all_functions() -> None:
    layer = ROOT / properties("DuckdbLayer")["ContentUri"]
    assert re.findall(r"^(\S+)==", (layer / "requirements.txt").read_text(encoding="utf-8"), re.M) == ["duckdb"]
    assert "duckdb" not in (ROOT / "functions" / "requirements.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_a_role_of_its_own(function: str) -> None:
    role = f"{function.removesuffix('Function')}Role"
    assert resolve(properties(function)["Role"]) == f"{role}.Arn"
    assert "Policies" not in properties(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_an_encrypted_log_group_with_retention(function: str) -> None:
    group = f"{function.removesuffix('Function')}LogGroup"
    assert resolve(properties(function)["LoggingConfig"]["LogGroup"]) == group
    found = resolve(properties(group))
    assert found["LogGroupName"] == f"/aws/lambda/{resolve(properties(function)['FunctionName'])}"
    assert found["KmsKeyId"] == "DataKey.Arn"
    assert found["RetentionInDays"] == 365


@pytest.mark.parametrize("function", FUNCTIONS)
def test_settings_are_those_that_the_code_reads(function: str) -> None:
    wanted = set(SETTINGS[function].model_fields)
    given = set(environment(function))
    elsewhere = {"STAGE", "POWERTOOLS_LOG_LEVEL"}
    assert wanted <= given, f"give {function} {sorted(wanted - given)}"
    assert given - wanted - elsewhere == set(), f"{function} does not read {sorted(given - wanted - elsewhere)}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_default_parameters_make_valid_settings(function: str) -> None:
    values = {k: str(resolve(v)) for k, v in environment(function).items()}
    SETTINGS[function].model_validate(values)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_are_traced_and_bounded(function: str) -> None:
    assert COMMON["Tracing"] == "Active"
    assert COMMON["Architectures"] == ["x86_64"]
    assert 3 < properties(function).get("Timeout", COMMON["Timeout"]) <= 900
    assert properties(function).get("MemorySize", COMMON["MemorySize"]) >= 256


@pytest.mark.parametrize("function", ASYNCHRONOUS)
def test_what_an_asynchronous_function_could_not_do_is_kept(function: str) -> None:
    config = resolve(properties(function)["EventInvokeConfig"])
    assert config["DestinationConfig"] == {"OnFailure": {"Type": "SQS", "Destination": "EventsDeadLetterQueue.Arn"}}
    assert config["MaximumRetryAttempts"] >= 1


def test_nothing_is_reserved_that_a_new_account_does_not_have() -> None:
    reserved = [f for f in FUNCTIONS if "ReservedConcurrentExecutions" in properties(f)]
    assert not reserved, "a new account has ten concurrent executions, none of which may be reserved"


def test_a_round_of_the_sweep_holds_its_lease_for_longer_than_it_may_run() -> None:
    timeout = properties("SweepFunction")["Timeout"]
    assert timeout < ROUND_SECONDS <= timeout + 60


def test_the_command_waits_for_the_sweep_as_long_as_it_may_run_and_calls_it_once() -> None:
    client = Deployment("stack", boto3.Session("key", "secret", region_name="us-east-1")).lambda_
    config: Any = client.meta.config
    assert config.read_timeout > properties("SweepFunction")["Timeout"]
    assert config.retries["total_max_attempts"] == 1


def test_feature_groups_run_again_when_the_code_changes() -> None:
    resource = resources("Custom::FeatureGroups")["FeatureGroups"]["Properties"]
    assert properties("FeatureGroupsFunction")["AutoPublishAlias"] == "live"
    assert resource["CodeVersion"] == {"Ref": "FeatureGroupsFunction.Version"}, (
        "CloudFormation invokes a custom resource only when a property changed; the version changes with the code"
    )
    # The alias is what the failure destination belongs to.
    assert resource["ServiceToken"] == {"Ref": "FeatureGroupsFunction.Alias"}
    assert resource["ServiceTimeout"] >= 2 * properties("FeatureGroupsFunction")["Timeout"]


def test_the_expanded_template_has_the_version_as_a_property() -> None:
    custom = expanded()["Resources"]["FeatureGroups"]["Properties"]
    version = expanded()["Resources"][custom["CodeVersion"]["Ref"]]
    assert version["Type"] == "AWS::Lambda::Version"
    assert version["DeletionPolicy"] == "Retain"


def test_handlers_fit_on_half_a_screen() -> None:
    for path in sorted(Path(ROOT / "functions").glob("*/app.py")):
        handler = path.read_text(encoding="utf-8").split("\ndef handler", 1)[1]
        assert len(handler.splitlines()) <= 20, f"move work from {path.parent.name} into a service"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_what_is_built_for_an_account_is_compiled(tmp_path: Path) -> None:
    """A function's folder is read-only there; bytecode must not depend on times, which a zip changes (PEP 552)."""
    tools = tmp_path / "venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "sam").write_text("#!/bin/sh\nmkdir -p .aws-sam/build/F && echo 'x = 1' > .aws-sam/build/F/app.py\n")
    (tools / "sam").chmod(0o755)
    (tools / "python").symlink_to(sys.executable)
    command = ["make", "-f", str(ROOT / "Makefile"), "--assume-old=setup", "VENV=venv", "build"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    [compiled] = tmp_path.rglob("*.pyc")
    unchecked = 0b01
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == unchecked
