"""The state machine of fetches: what starts it, what it waits for, and that it ends whatever happens."""

import fnmatch
import json

import pytest

from multimodal.planning.estimate import Settings, settings_of
from tests.infrastructure.support import STATEMACHINES, all_states, properties, resolve, template

DOCUMENT = json.loads((STATEMACHINES / "fetch.asl.json").read_text(encoding="utf-8"))
STATES = dict(all_states(DOCUMENT["States"]))


def test_a_study_goes_on_until_it_is_done_and_no_study_stops_another() -> None:
    copies = STATES["FetchStudies"]
    assert (copies["ItemProcessor"]["ProcessorConfig"]["Mode"], copies["ToleratedFailurePercentage"]) == (
        "DISTRIBUTED",
        100,
    )
    assert STATES["AllCopied"]["Default"] == "CopyStudy"
    assert STATES["CopyStudy"]["Catch"][0] == {
        "ErrorEquals": ["States.ALL"],
        "ResultPath": "$.error",
        "Next": "RecordFailure",
    }


def test_results_lie_where_the_role_may_write() -> None:
    assert STATES["FetchStudies"]["ResultWriter"]["Parameters"]["Prefix.$"].startswith("States.Format('runs/fetch-")


@pytest.mark.parametrize(
    ("key", "starts"),
    [
        ("imaging/d/_manifest.csv", True),
        ("imaging/d/_manifest.s5cmd", True),
        ("imaging/d/_manifest.tcia", True),
        ("imaging/d/_plan.json", True),
        ("imaging/d/R01-001/1.2/_COMPLETE.json", False),
        ("imaging/d/metadata.csv", False),
        ("clinical/d/_manifest.csv", False),
    ],
)
def test_manifests_and_requests_for_plans_start_it(key: str, starts: bool) -> None:
    rule = resolve(properties("FetchRequestRule"))
    patterns = [each["wildcard"] for each in rule["EventPattern"]["detail"]["object"]["key"]]
    assert any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns) is starts
    [target] = rule["Targets"]
    assert target["Arn"].endswith(f":stateMachine:{resolve(properties('FetchStateMachine')['Name'])}")


def test_a_plan_is_told_the_parameters_of_the_stack() -> None:
    text = properties("FetchFunction")["Environment"]["Variables"]["PLAN_PARAMETERS"]["Fn::Sub"]
    assert {name: f"${{{name}}}" for name in json.loads(text)} == json.loads(text)
    defaults = {name: str(template()["Parameters"][name]["Default"]) for name in json.loads(text)}
    assert settings_of(defaults) == Settings(), "and without a stack the template's defaults count"
