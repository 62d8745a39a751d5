"""The emulator still has everything that the plug-ins build on."""

import ast
import re
import subprocess

from local.cloud.cloud import INTERPRETER, REPOSITORY
from local.emulator.seams import SEAMS

_PLUGINS = REPOSITORY / "local" / "emulator"


def test_every_seam_is_as_the_plugins_need_it() -> None:
    """After an upgrade of the emulator this says which plug-in to look at."""
    done = subprocess.run(
        [str(INTERPRETER), "-m", "local.emulator.seams"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_every_seam_names_a_plugin_that_uses_it() -> None:
    for plugin, seams in SEAMS.items():
        text = (_PLUGINS / f"{plugin}.py").read_text()
        for seam in seams:
            name = seam.rpartition(".")[2]
            assert name in text, f"{plugin} does not use {seam}"


def test_every_private_name_of_the_emulator_that_is_used_is_listed() -> None:
    listed = {seam.rpartition(".")[2] for seams in SEAMS.values() for seam in seams}
    for path in _PLUGINS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        modules = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack")
            for alias in node.names
        }
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
        }
        private = {name for name in used if re.match(r"_[a-zA-Z]", name)}
        assert private <= listed, f"{path.name}: {sorted(private - listed)} missing in seams.py"
