"""What `make audit` runs, besides cfn-lint: other people's opinions of the template, the images and the code.

Accepted rules stand in pyproject.toml (`tool.audit.accepted`), each with its reason; anything else that is found fails.
The tools are installed in `.venv-audit`, and none of them needs a network.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.infrastructure.support import ROOT, expanded

TOOLS = ROOT / ".venv-audit" / "bin"
_MADE_UP = r"^(events|tests)/|/contracts/.*\.json$|^functions/datasets/|requirements.*\.txt$|\.svg$"
"""Samples, tests and hashes of parameter files: nothing in them opens anything."""
_NO_SECRET = "(?i)secret(s?manager|_?arn|_?id)|HttpTokens|ServiceToken|&\\w*Secrets"
"""Lines that name where a secret is kept, or settings that are called like one."""


def accepted() -> dict[str, str]:
    """Return the reason of each accepted rule."""
    found: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["audit"]["accepted"]
    return found


def commands(work: Path) -> Iterator[list[str]]:
    """Yield each tool's command; files that a tool reads are written into a folder first."""
    rules = accepted()
    skipped = {prefix: [rule for rule in rules if rule.startswith(prefix)] for prefix in ("B", "CKV", "DL")}
    code = ["functions", "cli", "local", *map(str, sorted(ROOT.glob("containers/*/src")))]
    yield ["bandit", "-q", "--severity-level", "medium", "--skip", ",".join(skipped["B"]), "-r", *code]
    template = work / "expanded.json"
    template.write_text(json.dumps(expanded()))
    written = [ROOT / "template.yaml", *sorted((ROOT / "stacks").glob("*.yaml")), template]
    files = [word for path in written for word in ("--file", str(path))]
    yield ["checkov", *files, "--framework", "cloudformation", "--skip-download", "--compact", "--quiet",
           "--skip-check", ",".join(skipped["CKV"])]  # fmt: skip
    ignored = [word for rule in skipped["DL"] for word in ("--ignore", rule)]
    yield ["hadolint", *ignored, *map(str, sorted(ROOT.glob("containers/*/*ockerfile")))]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    yield ["detect-secrets-hook", "--no-verify", "--exclude-files", _MADE_UP, "--exclude-lines", _NO_SECRET,
           *tracked]  # fmt: skip


def main(work: Path) -> int:
    """Run every tool; return how many found something."""
    work.mkdir(parents=True, exist_ok=True)
    failed = 0
    for tool, *arguments in commands(work):
        done = subprocess.run([str(TOOLS / tool), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        failed += done.returncode != 0
        print(f"{tool}: nothing" if done.returncode == 0 else f"{tool}:\n{done.stdout}{done.stderr}")  # noqa: T201
    return failed


if __name__ == "__main__":
    sys.exit(main(ROOT / "build" / "audit"))
