"""The template as data: as it is written, as SAM expands it, and with its intrinsic functions worked out."""

import json
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
STACKS = sorted((ROOT / "stacks").glob("*.yaml"))
NESTED_STACK = "AWS::CloudFormation::Stack"
STATEMACHINES = ROOT / "statemachines"
DEFINITION = STATEMACHINES / "imaging.asl.json"
REGION, ACCOUNT, STACK = "us-east-1", "111122223333", "stack"
PSEUDO_PARAMETERS = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": STACK,
}

Resource = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def read(path: Path) -> dict[str, Any]:
    """Return a template's file as it is written."""
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    return document


@lru_cache(maxsize=1)
def template() -> dict[str, Any]:
    """Return the template with its nested stacks put in place of the resources that deploy them.

    What the root passes to a nested stack stands where the stack names its parameter, and what a stack puts out where
    the root reads it, so that the whole reads as if it were one file.
    """
    root = read(TEMPLATE)
    nested = {name: r for name, r in root["Resources"].items() if r["Type"] == NESTED_STACK}
    outputs: dict[str, Any] = {}
    for name, resource in nested.items():
        stack = read(ROOT / resource["Properties"]["TemplateURL"])
        given = resource["Properties"].get("Parameters", {})
        assert set(given) == set(stack["Parameters"]), f"{name} and the root disagree about parameters"
        own = replace(stack, {key: _as_list(value, stack["Parameters"][key]["Type"]) for key, value in given.items()})
        for key, condition in own.get("Conditions", {}).items():
            assert root["Conditions"].setdefault(key, condition) == condition, f"{key} of {name} is not the root's"
        guard = {key: resource[key] for key in ("Condition", "Metadata") if key in resource}
        for key, r in own["Resources"].items():
            root["Resources"][key] = guard | r
            if "Condition" in r and "Condition" in guard:  # both are needed: the stack's and the resource's own
                both = [{"Condition": r["Condition"]}, {"Condition": guard["Condition"]}]
                root["Resources"][key]["Condition"] = f"{r['Condition']}And{guard['Condition']}"
                root["Conditions"][f"{r['Condition']}And{guard['Condition']}"] = {"Fn::And": both}
        outputs |= {f"{name}.Outputs.{key}": output["Value"] for key, output in own.get("Outputs", {}).items()}
    root["Resources"] = {name: r for name, r in root["Resources"].items() if name not in nested}
    for resource in root["Resources"].values():
        if resource.get("DependsOn") in nested:  # waiting for a whole stack says nothing about one of its resources
            del resource["DependsOn"]
    merged: dict[str, Any] = replace(root, outputs)
    return merged


def _as_list(value: Any, kind: str) -> Any:
    """Return what the root joins for a parameter that is a list: only text can be passed to a nested stack."""
    match value:
        case {"Fn::Join": [",", inner]} if kind == "CommaDelimitedList":
            return inner
    return value


def replace(value: Any, known: dict[str, Any]) -> Any:
    """Replace references and attributes that have another name by what they stand for, also inside of `Fn::Sub`."""
    match value:
        case {"Ref": str(name)} if name in known:
            return known[name]
        case {"Fn::GetAtt": [*parts]} if ".".join(parts) in known:
            return known[".".join(parts)]
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": re.sub(r"\$\{([^!}]+)\}", lambda m: _in_text(known.get(m[1], {"Ref": m[1]})), text)}
        case dict():
            return {key: replace(v, known) for key, v in value.items()}
        case list():
            return [replace(v, known) for v in value]
    return value


def _in_text(value: Any) -> str:
    match value:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [*parts]}:
            return f"${{{'.'.join(parts)}}}"
        case {"Fn::Sub": str(text)}:
            return text
    return str(value)


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


@lru_cache(maxsize=1)
def expanded() -> dict[str, Any]:
    """Return the template as the SAM transform makes it."""
    document = json.loads(json.dumps(template()))
    document["Globals"]["Function"]["CodeUri"] = "s3://built/functions.zip"
    document["Resources"]["DuckdbLayer"]["Properties"]["ContentUri"] = "s3://built/layer.zip"
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = "s3://built/machine.asl.json"
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = REGION
    try:
        result: dict[str, Any] = transform(document, {}, _NoManagedPolicies())
    finally:
        os.environ.pop("AWS_DEFAULT_REGION")
        if before is not None:
            os.environ["AWS_DEFAULT_REGION"] = before
    return result


def resources(kind: str) -> dict[str, Resource]:
    """Return the template's resources of a type, by logical id."""
    return {name: r for name, r in template()["Resources"].items() if r["Type"] == kind}


def properties(logical_id: str) -> dict[str, Any]:
    """Return a resource's properties as they are written."""
    found: dict[str, Any] = template()["Resources"][logical_id]["Properties"]
    return found


def resolve(value: Any) -> Any:
    """Work out intrinsic functions.

    A reference to a resource becomes its logical id, an attribute ``LogicalId.Attribute``, a parameter its default, so
    that what is compared in tests reads like the template.
    """
    if isinstance(value, list):
        return [resolve(v) for v in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "Ref":
            return _reference(argument)
        if name == "Fn::GetAtt":
            return ".".join(argument)
        if name == "Fn::Sub":
            return _substitute(argument)
        if name == "Fn::Join":
            return str(argument[0]).join(resolve(argument[1]))
        if name == "Fn::Split":
            return str(resolve(argument[1])).split(argument[0])
        if name == "Fn::If":
            return resolve(argument[1])  # the network is made
    return {k: resolve(v) for k, v in value.items()}


def _reference(name: str) -> Any:
    if name in PSEUDO_PARAMETERS:
        return PSEUDO_PARAMETERS[name]
    parameter = template()["Parameters"].get(name)
    if parameter is None:
        return name
    return parameter["Default"].split(",") if parameter["Type"] == "CommaDelimitedList" else parameter["Default"]


def _substitute(argument: Any) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    known = {k: str(resolve(v)) for k, v in own.items()}

    def _value(found: re.Match[str]) -> str:
        name = found.group(1)
        return known[name] if name in known else str(_reference(name))

    return re.sub(r"\$\{([^!}][^}]*)\}", _value, text).replace("${!", "${")


def listed(value: Any) -> list[Any]:
    """Return IAM's one-or-many as many."""
    return value if isinstance(value, list) else [value]


def statements(logical_id: str) -> list[dict[str, Any]]:
    """Return the worked-out statements of a policy resource, or of the key."""
    policy = properties(logical_id).get("PolicyDocument") or properties(logical_id)["KeyPolicy"]
    found: list[dict[str, Any]] = [resolve(s) for s in policy["Statement"]]
    return found


def role_statements(role: str) -> list[dict[str, Any]]:
    """Return every statement of the policies attached to a role."""
    attached = resolve(properties(role)["ManagedPolicyArns"])
    return [s for policy in attached for s in statements(policy)]


def allowed_actions(role: str) -> dict[str, set[str]]:
    """Return what a role may do: action → resources."""
    found: dict[str, set[str]] = {}
    for statement in role_statements(role):
        for action in listed(statement["Action"]):
            found.setdefault(action, set()).update(listed(statement["Resource"]))
    return found


def all_states(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every state of a state machine with its name, also those inside Maps and Parallels."""
    for name, state in states.items():
        yield name, state
        for inner in [state.get("ItemProcessor"), state.get("Iterator"), *state.get("Branches", [])]:
            if inner:
                yield from all_states(inner["States"])
