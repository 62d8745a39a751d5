"""The radiomics job against programs that turn a CT and a SEG into features as well, on one study.

Each has an environment of its own in `.venv-peers`, with pinned packages; one that cannot be installed is named and
left out. What their masks look like is in `docs/interoperability.md`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.comparison import Bar, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.runs import ROOT, Runs, helper, measured
from cli.terminal import Steps, plural

PYRADIOMICS = "pyradiomics-bhklab==3.1.4"
PEERS = {
    "dcmqi": ("dcm2niix + dcmqi + pyradiomics", ("dcm2niix==1.0.20260724", "dcmqi==1.5.7", PYRADIOMICS)),
    "imgtools": ("med-imagetools + pyradiomics", ("med-imagetools==2.16.0", PYRADIOMICS)),
    "mirp": ("MIRP", ("mirp==2.7.0",)),
}
"""Name of a tool of `peer_tools.py` → what it is, and its packages."""

ENVIRONMENTS = ROOT / ".venv-peers"
MATRIX, SLICES = 512, 134
SHARE, VOLUME, OTHER_MESH = 1 / 2, 0.01, 0.03


def run(setup: Setup) -> Comparison:
    """Measure every program that installs, and this job."""
    steps = Steps(setup.console, setup.runs + 2)
    with steps.step("Set up the programs") as step:
        missing = {name: reason for name in PEERS if (reason := _set_up(name))}
        step.detail = f"not installed: {', '.join(missing) or 'none'}"
    if len(missing) == len(PEERS):
        raise BenchmarkError("None of the programs could be installed.", details="\n".join(missing.values())[-2000:])
    with steps.step("Generate the study") as step:
        helper("benchmarks.imaging_study", str(setup.folder / "in"), "--matrix", str(MATRIX), "--slices", str(SLICES))
        step.detail = f"{MATRIX}×{MATRIX}×{SLICES}"
    theirs, ours = {name: Runs() for name in PEERS if name not in missing}, Runs()
    volumes: dict[str, float] = {}
    for number in range(1, setup.runs + 1):
        with steps.step(f"Run {number} of {setup.runs}"):
            volume = _ours(setup.folder, ours)
            for name, runs in theirs.items():
                volumes[name] = _theirs(name, setup.folder, runs) / volume
    return _comparison(theirs, ours, volumes, missing, setup.runs)


def _set_up(name: str) -> str:
    """Make a program's environment; return why it could not be made."""
    folder = ENVIRONMENTS / name
    ready = folder / ".ready"
    if ready.exists():
        return ""
    commands = ([sys.executable, "-m", "venv", folder], [folder / "bin" / "pip", "install", "--quiet", *PEERS[name][1]])
    for command in commands:
        result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            return result.stderr.strip()[-500:]
    ready.touch()
    return ""


def _ours(folder: Path, runs: Runs) -> float:
    output = folder / "ours"
    shutil.rmtree(output, ignore_errors=True)
    arguments = ["--input-dir", str(folder / "in"), "--output-dir", str(output), "--workers", "1"]
    runs.totals.append(
        measured(
            [sys.executable, "-m", "radiomics_job", *arguments],
            folder,
            {"PYTHONPATH": str(ROOT / "containers" / "radiomics" / "src")},
        )
    )
    document = json.loads((output / "study" / "features.json").read_text(encoding="utf-8"))
    return float(document["rois"][0]["features"]["original_shape_MeshVolume"])


def _theirs(name: str, folder: Path, runs: Runs) -> float:
    ct, seg = sorted((folder / "in" / "study").iterdir(), key=lambda series: -len(list(series.iterdir())))
    output = folder / name
    shutil.rmtree(output, ignore_errors=True)
    command = [ENVIRONMENTS / name / "bin" / "python", ROOT / "benchmarks" / "peer_tools.py", name]
    paths = (folder / "in" / "study", ct, next(seg.iterdir()), output)
    runs.totals.append(measured([*map(str, (*command, *paths))], folder))
    return float((folder / "output.txt").read_text(encoding="utf-8").splitlines()[-1].split()[-1])


def _comparison(
    theirs: dict[str, Runs], ours: Runs, volumes: dict[str, float], missing: dict[str, str], runs: int
) -> Comparison:
    fastest = min(theirs, key=lambda name: theirs[name].cpu_s)
    ratio = ours.cpu_s / theirs[fastest].cpu_s
    alike = {name: abs(volume - 1) for name, volume in volumes.items() if PYRADIOMICS in PEERS[name][1]}
    same = max(alike.values(), default=0.0)
    other = max((abs(volume - 1) for name, volume in volumes.items() if name not in alike), default=0.0)
    return Comparison(
        title=f"Peers: from a CT of {MATRIX}×{MATRIX}×{SLICES} and its SEG to features",
        sides=("the program", "this job"),
        stages=tuple(
            Row(PEERS[name][0], found.cost, Cost(None, None)) for name, found in theirs.items() if name != fastest
        ),
        total=Row(PEERS[fastest][0], theirs[fastest].cost, ours.cost),
        wall_s=(theirs[fastest].wall_s, ours.wall_s),
        bars=(
            Bar("CPU time", ratio, SHARE, f"{ratio:.2f} of the fastest", f"at most {SHARE:g}"),
            Bar("Region", same, VOLUME, f"pyradiomics' meshes within {same:.1e}", f"within {VOLUME:g}"),
            Bar("Other mesh", other, OTHER_MESH, f"MIRP's mesh within {other:.1e}", f"within {OTHER_MESH:g}"),
        ),
        notes=(
            f"CPU: user + system of whole processes, medians of {plural(runs, 'run')}, imports included.",
            "Mesh volume against this job's: " + ", ".join(f"{PEERS[n][0]} {v - 1:+.2%}" for n, v in volumes.items()),
            *(f"Not installed: {PEERS[name][0]} ({reason})" for name, reason in missing.items()),
        ),
    )
