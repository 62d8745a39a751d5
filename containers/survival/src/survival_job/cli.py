"""Command line of the job: `train` compares and saves a model, `score` gives new cases their risk.

Exit codes: 0 when everything is written; 1 for a fault; 2 when input or options cannot be used, with the reason in
`--message-file` (SageMaker shows it as the job's ExitMessage) and nothing in the output folder.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from survival_job import __version__
from survival_job.comparison import Plan, evaluate_all, tasks_of
from survival_job.controls import shuffled, single_split, widest
from survival_job.dataset import TIMEPOINTS, Dataset, context_columns, read_dataset, read_table, table_numbers
from survival_job.errors import InputRejectedError, InvalidJobError, ReasonCode
from survival_job.report import write_card, write_report
from survival_job.results import results_document
from survival_job.robustness import LEAST_ICC, unstable_features, without_unstable
from survival_job.saved import best_task, fit_final, read_model, scores

EXIT_OK, EXIT_REJECTED = 0, 2
_MESSAGE_BYTES = 1_000
_SETTINGS = frozenset({"timepoint", "repeats", "folds", "seed", "harmonise", "least-icc"})
Progress = Callable[[int, int], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and give its exit code.

    Examples
    --------
    >>> main(["train", "--input-dir", "datasets/mine/b1", "--output-dir", "results"])  # doctest: +SKIP
    0
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    message_file: Path | None = None
    try:
        options = _parser().parse_args(given)
        message_file = options.message_file
        options = _parser().parse_args([*given, *_settings(options.settings)])
        if not options.input_dir.is_dir():
            raise InvalidJobError(f"there is no folder {options.input_dir}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of folds in which a penalty does not converge: they are handled
            _whole(options.output_dir, lambda folder: options.work(options, folder))
    except (InputRejectedError, InvalidJobError) as error:
        log("rejected", message=str(error))
        _tell(message_file, str(error))
        return EXIT_REJECTED
    return EXIT_OK


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with options in the same way as with everything else."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of ending the process."""
        raise InvalidJobError(message)


def _settings(text: str) -> list[str]:
    """Return the options that `--settings` holds as JSON, which a state machine can pass on as it got it."""
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise InvalidJobError(f"--settings is not JSON: {error}") from error
    if not isinstance(settings, dict) or not set(settings) <= _SETTINGS:
        raise InvalidJobError(
            f"--settings must be a JSON object with none but these keys: {', '.join(sorted(_SETTINGS))}"
        )
    return [f"--{name}={value}" for name, value in settings.items()]


def _tell(path: Path | None, message: str) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(message.encode()[:_MESSAGE_BYTES].decode(errors="ignore"), encoding="utf-8")
    except OSError as error:  # the log has it, too
        log("message_not_kept", message=str(error))


def log(event: str, **facts: object) -> None:
    """Write a line of the job's log."""
    print(json.dumps({"event": event, **facts}), flush=True)


def _whole(output: Path, work: Callable[[Path], None]) -> None:
    """Do work in a folder of its own and move what it wrote to `output` at the end, so that nothing is half there."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="survival-") as folder:
        work(Path(folder))
        for path in sorted(Path(folder).iterdir()):
            shutil.move(str(path), output / path.name)


def _train(options: argparse.Namespace, folder: Path) -> None:
    timepoint = options.timepoint or _built_for(options.input_dir)
    whole = read_dataset(options.input_dir, timepoint)
    dataset = _stable(whole, options)
    plan = Plan(options.repeats, options.folds, str(options.seed), _batch(dataset, options.harmonise), options.workers)
    tasks = tasks_of(dataset)
    if not tasks:
        message = (
            "no set of modalities has enough cases with the event and a feature that differs between them; add cases, "
            "or join fewer modalities"
        )
        raise InputRejectedError(ReasonCode.TOO_FEW_EVENTS, message)
    log("started", version=__version__, cases=len(dataset.cases), sets=len(tasks), folds=plan.repeats * plan.parts)
    evaluations = evaluate_all(dataset, tasks, plan, _progress("folds"))
    task = widest(tasks)
    controls = {
        f"shuffled_{what}": shuffled(dataset, task, plan, what, _progress(f"shuffled {what}"))
        for what in ("labels", "features")
    }
    baseline = single_split(dataset, task, plan.workers, _progress("single splits"))
    settings = {
        "run": options.run,
        "timepoint": timepoint,
        "seed": plan.seed,
        "repeats": plan.repeats,
        "folds": plan.parts,
        "harmonised_by": plan.batch,
        "unstable_features": len(whole.modality_of) - len(dataset.modality_of),
    }
    results = results_document(dataset, evaluations, plan, controls, baseline, settings)
    _save(results, fit_final(dataset, best_task(tasks, results), plan.seed, plan.batch), folder)


def _save(results: dict[str, Any], model: Mapping[str, Any], folder: Path) -> None:
    results["model"] = {key: model[key] for key in ("kind", "modalities", "cases", "events", "penalty")}
    _write_json(folder / "results.json", results)
    _write_json(folder / "model.json", model)
    write_report(results, folder / "report.html")
    write_card(results, model, folder / "model-card.md")
    for sentence in results["findings"]:
        log("finding", message=sentence)


def _stable(dataset: Dataset, options: argparse.Namespace) -> Dataset:
    if options.robustness is None:
        return dataset
    found = without_unstable(dataset, unstable_features(options.robustness, options.least_icc, dataset))
    log("unstable_features_left_out", features=len(dataset.modality_of) - len(found.modality_of))
    return found


def _built_for(folder: Path) -> str:
    """Return the timepoint that the dataset was built for; the reader says what is wrong with a manifest."""
    try:
        built_for = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["parameters"]["timepoint"]
    except (OSError, ValueError, LookupError, TypeError):
        return TIMEPOINTS[0]
    return str(built_for) if built_for in TIMEPOINTS else TIMEPOINTS[0]


def _batch(dataset: Dataset, wanted: str | None) -> str | None:
    if wanted is not None and wanted not in dataset.context:
        found = ", ".join(dataset.context.columns) or "none"
        raise InvalidJobError(f"the dataset has no context column {wanted} to harmonise by; it has: {found}")
    return wanted


def _progress(what: str) -> Progress:
    started, shown = time.monotonic(), [-1]

    def tell(done: int, of: int) -> None:
        tenth = 10 * done // of
        if tenth > shown[0]:
            shown[0] = tenth
            log("progress", what=what, done=done, of=of, seconds=round(time.monotonic() - started, 1))

    return tell


def _score(options: argparse.Namespace, folder: Path) -> None:
    model, (manifest, dictionary, table) = read_model(options.model_dir), read_table(options.input_dir)
    numbers = table_numbers(dictionary, table).join(table[context_columns(dictionary)])
    modalities = [entry["modality"] for entry in dictionary if entry["role"] == "presence"]
    found = scores(model, numbers, modalities)
    document = {
        "schema": 1,
        "dataset": manifest.get("dataset"),
        "build": manifest.get("build"),
        "model_run": options.run,
        "model_build": model["build"],
        "modalities": model["modalities"],
        "cases": len(table),
        "scores": found,
    }
    _write_json(folder / "scores.json", document)
    log("scored", cases=len(found), without=len(table) - len(found))


def _write_json(path: Path, document: Any) -> None:  # noqa: ANN401 - any JSON
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="survival-job", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="compare the modalities of a dataset build and save a model")
    score = commands.add_parser("score", help="give the cases of a dataset build their risk")
    for command, work in ((train, _train), (score, _score)):
        command.set_defaults(work=work)
        command.add_argument("--input-dir", type=Path, required=True, help="a dataset build")
        command.add_argument("--output-dir", type=Path, required=True)
        command.add_argument("--message-file", type=Path, help="receives the reason of exit code 2")
        command.add_argument("--run", default=None, help="name of the run, for the documents")
    score.add_argument("--model-dir", type=Path, required=True, help="folder of a run of train")
    score.set_defaults(settings="{}")
    train.add_argument("--settings", default="{}", help="some of the options below, as JSON")
    train.add_argument("--timepoint", choices=TIMEPOINTS, help="latest timepoint of features (default: the dataset's)")
    train.add_argument("--repeats", type=_at_least(1), default=10)
    train.add_argument("--folds", type=_at_least(3), default=5)
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--workers", type=_at_least(1), default=os.cpu_count() or 1)
    train.add_argument(
        "--robustness", type=Path, help="robustness.csv of the radiomics job: leave out unstable features"
    )
    train.add_argument("--least-icc", type=float, default=LEAST_ICC, help="lower end of the interval (default: 0.75)")
    train.add_argument("--harmonise", metavar="COLUMN", help="context column that names the scanner (ComBat)")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return int(text)

    return number


if __name__ == "__main__":
    sys.exit(main())
