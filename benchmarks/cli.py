"""The command line: `python -m benchmarks [NAME …]`."""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import clinical, cohort, dataset_join, events, genomics, imaging, matrix, peers, reads, shape
from benchmarks.comparison import Benchmark, BenchmarkError, Comparison, Setup
from benchmarks.report import as_json, machine, print_comparison, print_end
from cli.terminal import make_console, print_error, print_line

BENCHMARKS: Mapping[str, Benchmark] = {
    "imaging": Benchmark("the radiomics job against the article's imaging pipeline, on one large study", imaging.run),
    "peers": Benchmark(
        "the radiomics job against dcmqi, med-imagetools and MIRP, in environments of their own",
        peers.run,
        needs="PEERS",
    ),
    "shape": Benchmark("shape features of large regions against pyradiomics' own class", shape.run),
    "genomics": Benchmark("the RNA-seq job against bare salmon, on the same reads", genomics.run),
    "matrix": Benchmark("an expression matrix with genes as rows against one with a row per case", matrix.run),
    "clinical": Benchmark("the transform of clinical tables of up to 1,000,000 rows", clinical.run),
    "cohort": Benchmark("forty small studies through the laptop cloud against the bare job", cohort.run, runs=1),
    "dataset-join": Benchmark("the join of 100,000 cases into one row a patient", dataset_join.run),
    "events": Benchmark(
        "a cohort's object events through arrivals and sweep against another checkout, BASE=path",
        events.run,
        needs="BASE",
    ),
    "reads": Benchmark("the checks of reads against gzip -t and inflating alone", reads.run),
}
"""Every benchmark by name. A new one is a module with `run(setup) -> Comparison`, and an entry here."""

MET, MISSED, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None, benchmarks: Mapping[str, Benchmark] = BENCHMARKS) -> int:
    """Run benchmarks.

    Returns
    -------
    int
        0 when every required bar is met, 1 when one is missed, 2 when the command was used wrongly, 3 when something
        could not be measured, 130 after Ctrl-C.
    """
    parser = _parser(benchmarks)
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in benchmarks:
            parser.error(f"no benchmark {name!r}; there are: {', '.join(benchmarks)}")
    console, where = make_console(), machine()
    results: dict[str, Comparison] = {}
    try:
        for name in options.names or _runnable(benchmarks):
            with _folder(options.keep, name) as folder:
                benchmark = benchmarks[name]
                results[name] = benchmark.run(Setup(console, options.runs or benchmark.runs, folder))
            print_comparison(console, results[name])
    except BenchmarkError as error:
        print_error(make_console(stderr=True), error)
        return error.exit_code
    except KeyboardInterrupt:
        print_line(make_console(stderr=True), "Interrupted.", style="yellow")
        return INTERRUPTED
    print_end(console, results, where)
    if options.json:
        options.json.write_text(json.dumps(as_json(results, where), indent=1) + "\n", encoding="utf-8")
    return MET if all(result.passed for result in results.values()) else MISSED


def _runnable(benchmarks: Mapping[str, Benchmark]) -> list[str]:
    return [name for name, benchmark in benchmarks.items() if not benchmark.needs or os.environ.get(benchmark.needs)]


def _parser(benchmarks: Mapping[str, Benchmark]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this project against a plain way of doing the same.",
        epilog="\n".join(f"{name}: {benchmark.about}" for name, benchmark in benchmarks.items()),
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which (default: all): " + ", ".join(benchmarks))
    parser.add_argument("--runs", type=_at_least_one, metavar="N", help="runs of each side (default: as registered)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the data and results here")
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


@contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            yield Path(folder)
    else:
        folder_kept = keep.resolve() / name
        folder_kept.mkdir(parents=True, exist_ok=True)
        yield folder_kept
