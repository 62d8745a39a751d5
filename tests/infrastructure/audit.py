"""What `make audit` runs, besides cfn-lint: others' opinions of the template, the images and the code (`prove-4`).

Accepted rules stand in pyproject.toml (`tool.audit.accepted`), each with its reason; anything else that is found fails.
The tools are installed in `.venv-audit`, and none of them needs a network. Those from npm are left out without node.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.infrastructure.support import ACCOUNT, REGION, ROOT, STATEMACHINES, expanded, resources, statements

TOOLS = ROOT / ".venv-audit"
_MADE_UP = r"^(events|tests)/|/contracts/.*\.json$|^functions/datasets/|requirements.*\.txt$|-lock.json$|\.svg$"
"""Samples, tests and hashes of parameter files: nothing in them opens anything."""
_NO_SECRET = "(?i)secret(s?manager|_?arn|_?id)|HttpTokens|ServiceToken|&\\w*Secrets"
"""Lines that name where a secret is kept, or settings that are called like one."""
_LISTED = {"node", "parliament"}
"""Programs that print each finding and know no rules to skip."""
_RESOURCES = {
    "dynamodb": "table/{}",
    "kms": "key/00000000-0000-4000-8000-000000000000",
    "logs": "log-group:{}:*",
    "lambda": "function:{}",
    "states": "stateMachine:{}",
    "iam": "role/{}",
    "ecr": "repository/{}",
    "secretsmanager": "secret:{}",
    "batch": "job-queue/{}",
}


@lru_cache(maxsize=1)
def accepted() -> dict[str, str]:
    """Return the reason of each accepted rule."""
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["audit"]["accepted"]
    return {rule: entry["reason"] for entry in entries for rule in entry["rules"]}


def commands(work: Path) -> Iterator[list[str]]:
    """Yield each tool's command, the slowest first; files that a tool reads are written into a folder first."""
    rules = accepted()
    skipped = {prefix: [rule for rule in rules if rule.startswith(prefix)] for prefix in ("B", "CKV", "DL")}
    template = work / "expanded.json"
    template.write_text(json.dumps(expanded()))
    written = [ROOT / "template.yaml", *sorted((ROOT / "stacks").glob("*.yaml")), template]
    files = [word for path in written for word in ("--file", str(path))]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    yield ["bin/detect-secrets-hook", "--no-verify", "--exclude-files", _MADE_UP, "--exclude-lines", _NO_SECRET,
           *tracked]  # fmt: skip
    yield ["bin/checkov", *files, "--framework", "cloudformation", "--skip-download", "--compact", "--quiet",
           "--skip-check", ",".join(skipped["CKV"])]  # fmt: skip
    code = ["functions", "cli", "local", *map(str, sorted(ROOT.glob("containers/*/src")))]
    yield ["bin/bandit", "-q", "--severity-level", "medium", "--skip", ",".join(skipped["B"]), "-r", *code]
    ignored = [word for rule in skipped["DL"] for word in ("--ignore", rule)]
    yield ["bin/hadolint", *ignored, *map(str, sorted(ROOT.glob("containers/*/*ockerfile")))]
    yield ["bin/parliament", "--json", "--directory", str(write_policies(work / "policies"))]
    if not (TOOLS / "node_modules").is_dir():
        print("cdk-nag, asl-validator: left out, as there is no node")  # noqa: T201
        return
    yield [shutil.which("node") or "node", str(Path(__file__).with_name("nag.cjs")), str(template)]
    yield ["node_modules/.bin/asl-validator", "--json-path", *map(str, write_definitions(work / "definitions"))]


def write_policies(folder: Path) -> Path:
    """Write each policy of the stack with ARNs of the right form; return the folder."""
    folder.mkdir(exist_ok=True)
    types = {name: resource["Type"] for name, resource in expanded()["Resources"].items()}
    for name in resources("AWS::IAM::ManagedPolicy"):
        text = json.dumps({"Version": "2012-10-17", "Statement": statements(name)})
        text = text.replace("${aws:PrincipalTag/multimodal-dataset}", "study")
        secret = _arn("license", "AWS::SecretsManager::")
        text = re.sub(r'(secretsmanager:\w+", "Resource": )""', rf'\1"{secret}"', text)
        text = re.sub(r"\b(\w+)\.Arn\b", lambda found: _arn(found[1], types.get(found[1], "AWS::S3::")), text)
        text = re.sub(r'"((?:Cpu|Fpga)Queue|)"', lambda ref: f'"{_arn(ref[1], "AWS::Batch::")}"', text)
        (folder / f"{name}.json").write_text(text)
    return folder


def _arn(name: str, kind: str) -> str:
    service = {"StepFunctions": "states", "Serverless": "lambda"}.get(kind.split("::")[1], kind.split("::")[1].lower())
    place = ":" if service == "s3" else f"{'' if service == 'iam' else REGION}:{ACCOUNT}"
    return f"arn:aws:{service}:{place}:{_RESOURCES.get(service, '{}').format(name.lower())}"


def write_definitions(folder: Path) -> Iterator[Path]:
    """Write each state machine as it is deployed, and yield its path."""
    folder.mkdir(exist_ok=True)
    for path in sorted(STATEMACHINES.glob("*.json")):
        text = path.read_text(encoding="utf-8").replace("${Partition}", "aws")
        (folder / path.name).write_text(re.sub(r"\$\{(\w+)\}", r"\1", text))
        yield folder / path.name


def run(command: list[str]) -> tuple[str, str]:
    """Run a tool; return its name and what it found."""
    program = Path(command[0]).name
    node = {"NODE_PATH": str(TOOLS / "node_modules")}
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]], cwd=ROOT, env=os.environ | node, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if program in _LISTED:
        found = [line for line in done.stdout.splitlines() if not _rules(line) <= accepted().keys()]
        broken = done.stderr if done.returncode and not done.stdout else ""
        return program, "\n".join(found) + broken
    return program, f"{done.stdout}{done.stderr}" if done.returncode else ""


def _rules(line: str) -> set[str]:
    """Return the rule of a line that `nag.cjs` prints; of parliament's, the rule with each action."""
    if not line.startswith("{"):
        return {line.partition("[")[0].partition(" ")[0]}
    found: dict[str, Any] = json.loads(line)
    details = found["detail"] if isinstance(found["detail"], list) else [str(found["detail"]).rpartition(" ")[2]]
    return {f"{found['issue']} {each['action'] if isinstance(each, dict) else each}" for each in details}


def main(work: Path) -> int:
    """Run every tool, two at a time; return how many found something."""
    work.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, commands(work)))
    for program, text in found:
        print(f"{program}: {'nothing' if not text else chr(10) + text}")  # noqa: T201
    return sum(bool(text) for _, text in found)


if __name__ == "__main__":
    sys.exit(main(ROOT / "build" / "audit"))
