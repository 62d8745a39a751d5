"""Bars: what is met, what is missed, and what that does to the exit code."""

import doctest
import json
import math
from pathlib import Path

import pytest

from benchmarks import comparison, imaging_agreement, stage_clock
from benchmarks.cli import INTERRUPTED, MET, MISSED, main
from benchmarks.comparison import FAILED, Bar, Benchmark, BenchmarkError, Comparison, Cost, Row, Setup
from benchmarks.imaging import MEMORY_LIMIT_BYTES, agreement_bars, cost_bars

MB = 1e6


def bar(measured: float = 1.0, *, required: bool = True, at_least: bool = False) -> Bar:
    return Bar("CPU time", measured, 2.0, f"{measured:g} s", "at most 2 s", at_least=at_least, required=required)


def result(*bars: Bar) -> Comparison:
    row = Row("Whole run", Cost(10.0, 400 * MB), Cost(1.0, 100 * MB))
    stages = (Row("Read", Cost(8.0, 300 * MB), Cost(1.0, None)), Row("Judge", Cost(None, None), Cost(0.0, None)))
    return Comparison("One study", ("article", "this job"), stages, row, (12.0, 2.0), bars, ("A note.",))


def exit_code(*bars: Bar, arguments: tuple[str, ...] = ()) -> int:
    return main(list(arguments), {"demo": Benchmark("a benchmark", lambda _: result(*bars))})


@pytest.mark.parametrize("module", [comparison, imaging_agreement, stage_clock])
def test_examples_in_docstrings_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("measured", "met"), [(1.9, True), (2.0, True), (2.1, False), (math.nan, False)])
def test_a_bar_with_a_highest_value(measured: float, met: bool) -> None:
    assert bar(measured).met is met


@pytest.mark.parametrize(("measured", "met"), [(1.9, False), (2.0, True), (2.1, True), (math.nan, False)])
def test_a_bar_with_a_lowest_value(measured: float, met: bool) -> None:
    assert bar(measured, at_least=True).met is met


def judged(their_cpu: float, our_cpu: float, their_peak: float, our_peak: float) -> list[bool]:
    return [bar.met for bar in cost_bars(their_cpu, our_cpu, their_peak, our_peak)]


def test_costs_are_judged_as_ratios_and_memory_also_by_itself() -> None:
    assert judged(80, 8, 4000 * MB, 900 * MB) == [True, True, True, True]
    assert judged(80, 10, 3600 * MB, 900 * MB) == [True, False, True, True]
    assert judged(80, 10.1, 3599 * MB, 900 * MB) == [False, False, False, True]
    assert judged(80, 8, 8000 * MB, MEMORY_LIMIT_BYTES + 1) == [True, True, True, False]


def test_only_the_tenth_of_the_cpu_time_is_an_aim() -> None:
    assert [bar.required for bar in cost_bars(80, 8, 4000, 900)] == [True, False, True, True]


GOOD = {"features": 120, "agreeing": 120, "same_ct": True, "same_mask": True, "results": ["a", "b", "c", "d", "e"]}


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ({}, [True, True, True]),
        ({"agreeing": 119}, [False, True, True]),
        ({"same_ct": False}, [True, False, True]),
        ({"same_mask": False}, [True, False, True]),
        ({"results": ["a", "b", "c", "d"]}, [True, True, False]),
    ],
)
def test_work_left_out_or_done_wrongly_misses(change: dict[str, object], met: list[bool]) -> None:
    assert [bar.met for bar in agreement_bars(GOOD | change)] == met


def test_all_bars_met_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(bar(), bar()) == MET == 0
    assert "Every required bar is met" in capsys.readouterr().out


def test_a_missed_bar_exits_1_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(bar(), bar(3.0)) == MISSED == 1
    assert "Missed: CPU time 3 s, required at most 2 s." in capsys.readouterr().out


def test_a_missed_aim_does_not_fail() -> None:
    assert exit_code(bar(), bar(3.0, required=False)) == MET


def test_one_missed_bar_in_any_benchmark_fails() -> None:
    benchmarks = {
        "slow": Benchmark("a slow one", lambda _: result(bar(3.0))),
        "fast": Benchmark("a fast one", lambda _: result(bar())),
    }
    assert main([], benchmarks) == MISSED
    assert main(["fast"], benchmarks) == MET


def test_what_cannot_be_measured_exits_3(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: Setup) -> Comparison:
        raise BenchmarkError("It broke.", hint="Fix it.")

    assert main([], {"demo": Benchmark("a benchmark", fails)}) == FAILED == 3
    printed = capsys.readouterr().err
    assert "It broke." in printed
    assert "Fix it." in printed


def test_ctrl_c_ends_without_a_stack_trace() -> None:
    def interrupted(_: Setup) -> Comparison:
        raise KeyboardInterrupt

    assert main([], {"demo": Benchmark("a benchmark", interrupted)}) == INTERRUPTED


@pytest.mark.parametrize("arguments", [["nothing"], ["--runs", "0"], ["--runs", "x"]])
def test_wrong_use_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments, {"demo": Benchmark("a benchmark", lambda _: result())})
    assert caught.value.code == 2


def test_runs_and_folder_reach_the_benchmark(tmp_path: Path) -> None:
    seen: list[Setup] = []

    def remember(setup: Setup) -> Comparison:
        seen.append(setup)
        return result()

    main(["--runs", "5", "--keep", str(tmp_path)], {"demo": Benchmark("a benchmark", remember)})
    main([], {"demo": Benchmark("a benchmark", remember)})
    assert [setup.runs for setup in seen] == [5, 3]
    assert seen[0].folder == tmp_path / "demo"
    assert not seen[1].folder.exists()


def test_json_holds_what_was_measured_and_judged(tmp_path: Path) -> None:
    exit_code(bar(), bar(3.0), arguments=("--json", str(tmp_path / "out.json")))
    written = json.loads((tmp_path / "out.json").read_text())
    found = written["benchmarks"]["demo"]
    assert found["passed"] is False
    assert [entry["met"] for entry in found["bars"]] == [True, False]
    assert found["total"]["ours"] == {"cpu_s": 1.0, "peak_bytes": 100 * MB}
    assert written["machine"]["cpus"] >= 1


def test_stages_and_totals_are_printed_with_their_ratio(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    exit_code(bar())
    lines = {line.split("  ")[0].strip() or "": line.split() for line in _table(capsys.readouterr().out)}
    assert lines["Read"][1:] == ["8.00", "1.00", "1/8.0", "300", "–"]
    assert lines["Judge"][1:] == ["–", "0.00", "–", "–", "–"]
    assert lines["Whole run"][2:] == ["10.00", "1.00", "1/10.0", "400", "100"]


def _table(printed: str) -> list[str]:
    lines = [line.strip() for line in printed.splitlines()]
    assert all(len(line) <= 100 for line in lines)
    return lines
