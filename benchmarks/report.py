"""Prints what the benchmarks found."""

import os
import platform
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from benchmarks.comparison import Bar, Comparison, Cost, Row
from cli.terminal import make_table, print_block, print_heading, print_line

_NOTHING = "–"


def machine() -> dict[str, str | int | float]:
    """Describe where the benchmarks ran."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
    }


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print one benchmark: stages, totals, bars and how it was measured."""
    print_heading(console, comparison.title)
    console.print()
    _print_costs(console, comparison)
    console.print()
    _print_bars(console, comparison.bars)
    console.print()
    for note in comparison.notes:
        print_line(console, note, style="dim")


def print_end(console: Console, results: dict[str, Comparison], where: dict[str, str | int | float]) -> None:
    """Print the machine, and whether all required bars are met."""
    print_line(
        console,
        f"{where['system']}, {where['cpus']} CPUs, load {where['load']} before the runs, Python {where['python']}.",
        style="dim",
    )
    console.print()
    missed = [bar for result in results.values() for bar in result.bars if bar.required and not bar.met]
    if missed:
        bars = "; ".join(f"{bar.name} {bar.shown}, required {bar.demand}" for bar in missed)
        print_line(console, f"✗ Missed: {bars}.", style="bold red")
    else:
        print_line(console, "✓ Every required bar is met.", style="bold green")


def as_json(results: dict[str, Comparison], where: dict[str, str | int | float]) -> dict[str, object]:
    """Return everything that was found, for scripts."""
    found = {
        name: asdict(result)
        | {"passed": result.passed, "bars": [asdict(bar) | {"met": bar.met} for bar in result.bars]}
        for name, result in results.items()
    }
    return {"machine": where, "benchmarks": found}


def _print_costs(console: Console, comparison: Comparison) -> None:
    theirs, ours = comparison.sides
    numbers = (f"{theirs} CPU s", f"{ours} CPU s", "ratio", f"{theirs} MB", f"{ours} MB")
    table = make_table("stage", *numbers, right=numbers)
    for row in comparison.stages:
        table.add_row(*_cells(row))
    table.add_row()
    table.add_row(*_cells(comparison.total), style="bold")
    wall_theirs, wall_ours = comparison.wall_s
    table.add_row("Wall clock", f"{wall_theirs:.2f}", f"{wall_ours:.2f}", _ratio(wall_theirs, wall_ours))
    print_block(console, table)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.label,
        _seconds(row.theirs),
        _seconds(row.ours),
        _ratio(row.theirs.cpu_s, row.ours.cpu_s),
        _megabytes(row.theirs),
        _megabytes(row.ours),
    )


def _seconds(cost: Cost) -> str:
    return _NOTHING if cost.cpu_s is None else f"{cost.cpu_s:.2f}"


def _megabytes(cost: Cost) -> str:
    return _NOTHING if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:,.0f}"


def _ratio(theirs: float | None, ours: float | None) -> str:
    """Return how many times faster this project is, or slower."""
    least = 0.005  # what is printed as 0.00 has no ratio
    if theirs is None or ours is None or theirs < least or ours < least:
        return _NOTHING
    return f"1/{theirs / ours:.1f}" if ours <= theirs else f"{ours / theirs:.1f}"


def _print_bars(console: Console, bars: tuple[Bar, ...]) -> None:
    table = make_table("", "bar", "measured", "demand", "")
    for bar in bars:
        table.add_row(_mark(bar), bar.name, bar.shown, bar.demand, Text("" if bar.required else "aim", style="dim"))
    print_block(console, table)


def _mark(bar: Bar) -> Text:
    if bar.met:
        return Text("✓", style="green")
    return Text("✗", style="red") if bar.required else Text("○", style="yellow")
