"""A dataset build as models need it: labels, features by modality, and who has what.

Read from `dataset.csv`, `dictionary.csv` and `manifest.json` of one build. A feature that becomes known later than the
timepoint asked for never gets into a model, whatever the build says of it.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survival_job.errors import InputRejectedError, ReasonCode

TIMEPOINTS: Final = ("baseline", "surgery", "post_treatment", "outcome")
LEAST_EVENTS: Final = 10
"""Fewer events tell no models apart (Peduzzi 1995, doi:10.1016/0895-4356(95)00048-8, has ten for each variable)."""

LARGEST: Final = 1e100
"""Values beyond it are codes such as the largest number of a program; their squares are no numbers any more."""

LEVEL: Final = "="
"""Between an ordinal feature and one of its levels, as in `clinical__grade=2`; no feature's own name has it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Survival:
    """Time to the event or to the end of follow-up, in days, and whether it was the event."""

    time: Floats
    event: NDArray[np.bool_]

    def of(self, rows: NDArray[Any]) -> "Survival":
        """Return some cases."""
        return Survival(self.time[rows], self.event[rows])

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.time)


@dataclass(frozen=True)
class Dataset:
    """Cases with labels.

    Parameters
    ----------
    name, build : str
        As in the manifest.
    cases : list of str
    survival : Survival
    features : DataFrame
        A row per case; NaN where a value is missing. Levels of ordinal features are columns, too: see `with_levels`.
    modality_of : mapping
        Modality by feature.
    present : mapping
        For each modality, which cases have it.
    context : DataFrame
        Columns that say how values were made, as text.
    facts : mapping
        What the report says of the build: counts of all kinds.
    """

    name: str
    build: str
    cases: list[str]
    survival: Survival
    features: pd.DataFrame
    modality_of: Mapping[str, str]
    present: Mapping[str, NDArray[np.bool_]]
    context: pd.DataFrame
    facts: Mapping[str, Any]

    @property
    def modalities(self) -> list[str]:
        """Modalities that have a case, and a feature that differs between cases."""
        varying = self.features.nunique() > 1
        used = {modality for name, modality in self.modality_of.items() if varying[name]}
        return [name for name, has in self.present.items() if name in used and has.any()]

    def columns(self, modalities: Sequence[str]) -> list[str]:
        """Return the features of some modalities."""
        return [name for name, modality in self.modality_of.items() if modality in modalities]

    def count(self, modalities: Sequence[str]) -> int:
        """Return how many features some modalities have in the build."""
        return sum(LEVEL not in name for name in self.columns(modalities))

    def with_all(self, modalities: Sequence[str]) -> NDArray[np.int64]:
        """Return the cases that have all of some modalities."""
        return np.flatnonzero(np.logical_and.reduce([self.present[name] for name in modalities]))


def read_dataset(folder: Path, timepoint: str) -> Dataset:
    """Read a build.

    Parameters
    ----------
    folder : Path
        Of the build.
    timepoint : str
        Latest timepoint whose features may be used.

    Raises
    ------
    InputRejectedError
        When the build is not whole, has no usable labels, or has a value that is no number.
    """
    manifest, dictionary, table = read_table(folder)
    _check_columns(dictionary, table)
    rows = _labelled(manifest, table)
    table = table.loc[rows.index]
    columns = [entry for entry in dictionary if entry["role"] == "feature"]
    modality_of = {entry["column"]: entry["modality"] for entry in columns}
    _check_timepoint(columns, timepoint)
    numbers = {entry["column"]: _numbers(table, entry["column"]) for entry in columns}
    features = with_levels(pd.DataFrame(numbers, index=table.index), columns)
    names = [entry["modality"] for entry in dictionary if entry["role"] == "presence"]
    known = features.assign(**{f"has_{name}": _numbers(table, f"has_{name}") for name in names})
    present = {name: has_modality(known, list(modality_of), name) for name in names}
    survival = Survival(rows["time"].to_numpy(float), rows["event"].to_numpy(float) == 1)
    _check_events(survival)
    facts = {
        key: manifest.get(key) for key in ("as_of", "written_before", "modalities", "complete_cases", "parameters")
    }
    return Dataset(
        str(manifest.get("dataset", folder.parent.name)),
        str(manifest.get("build", folder.name)),
        table["case_id"].tolist(),
        survival,
        features,
        {name: modality_of[name.split(LEVEL)[0]] for name in features},
        present,
        table[context_columns(dictionary)],
        facts,
    )


def has_modality(values: pd.DataFrame, columns: Sequence[str], modality: str) -> NDArray[np.bool_]:
    """Return which cases have a record of a modality that says something.

    A record without a single value (a mask too small to measure) would become medians: a patient that nobody measured.

    Parameters
    ----------
    values : DataFrame
        Flags and features; NaN where a value is missing.
    columns : sequence of str
        Features, of any modality.
    modality : str
    """
    own = [name for name in columns if name.startswith(f"{modality}__")]
    found = values[f"has_{modality}"].to_numpy(float) == 1
    if own:
        found &= values[own].notna().any(axis=1).to_numpy(bool)
    return np.asarray(found, bool)


def context_columns(dictionary: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the columns that say how values were made."""
    return [entry["column"] for entry in dictionary if entry["role"] in {"context", "acquisition"}]


def table_numbers(dictionary: Sequence[Mapping[str, str]], table: pd.DataFrame) -> pd.DataFrame:
    """Return cases, flags and features of a build, levels included, as numbers; NaN where a value is missing.

    Raises
    ------
    InputRejectedError
        `VALUES_INVALID` when one of them is no finite number: as a missing value it would get the median.
    """
    _check_columns(dictionary, table)
    names = [entry["column"] for entry in dictionary if entry["role"] in {"presence", "feature"}]
    numbers = pd.DataFrame({name: _numbers(table, name) for name in names}, index=table.index)
    found = with_levels(numbers, [entry for entry in dictionary if entry["role"] == "feature"])
    return pd.concat([table[["case_id"]], found], axis=1)


def with_levels(values: pd.DataFrame, dictionary: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return values with a column more for each level of an ordinal feature: 1 at the level, 0 at others.

    The number alone would force equal steps of risk from level to level, which nobody claims: of the cohort's stages
    T2b did worst. With a quadratic penalty the levels are deviations from the trend, as strong as the training cases
    warrant (Gertheiss and Tutz 2009, doi:10.1111/j.1751-5823.2009.00088.x). Decision: models-4.

    Parameters
    ----------
    values : DataFrame
        A row per case; NaN where a value is missing.
    dictionary : sequence of mapping
        Of the build; `levels` has the numbers of an ordinal column's levels.
    """
    added = {}
    for entry in dictionary:
        name, ranks = entry["column"], _ranks(entry)
        for rank in ranks if len(ranks) > 2 else ():  # of two levels, the number says it all
            added[f"{name}{LEVEL}{rank:g}"] = (values[name] == rank).astype(float).where(values[name].notna())
    return pd.concat([values, pd.DataFrame(added, index=values.index)], axis=1)


def _ranks(entry: Mapping[str, str]) -> list[float]:
    try:
        return sorted({float(rank) for rank in json.loads(entry.get("levels") or "{}").values()})
    except (ValueError, TypeError, AttributeError) as error:
        message = f"dictionary.csv names no levels of {entry['column']} that are numbers; build the dataset again"
        raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message) from error


def read_table(folder: Path) -> tuple[dict[str, Any], list[dict[str, str]], pd.DataFrame]:
    """Return a build's manifest, dictionary and rows; every value is text, and nothing where it is missing.

    Raises
    ------
    InputRejectedError
        `DATASET_INCOMPLETE` when one of them is absent or damaged.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        with (folder / "dictionary.csv").open(encoding="utf-8", newline="") as lines:
            dictionary = list(csv.DictReader(lines))
        table = pd.read_csv(folder / "dataset.csv", dtype=str, keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        message = f"{Path(str(error.filename)).name} is not there; give the folder of a finished dataset build"
        raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message) from error
    except (ValueError, csv.Error) as error:
        message = f"a file of the build cannot be read ({str(error)[:200]}); build the dataset again"
        raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message) from error
    if not isinstance(manifest, dict) or "case_id" not in table:
        raise InputRejectedError(
            ReasonCode.DATASET_INCOMPLETE, "the build has no manifest or no cases; build the dataset again"
        )
    _check_hashes(folder, manifest.get("files"))
    return manifest, dictionary, table


def _check_hashes(folder: Path, hashes: object) -> None:
    """Reject files that are not those which the manifest was written for: edited, or of two builds of one name."""
    for name in ("dataset.csv", "dictionary.csv"):
        named = hashes.get(name) if isinstance(hashes, Mapping) else None
        if named is not None and hashlib.sha256((folder / name).read_bytes()).hexdigest() != named:
            message = f"{name} is not the file that manifest.json names by its SHA-256; build the dataset again"
            raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message)


def _check_timepoint(columns: Sequence[Mapping[str, str]], timepoint: str) -> None:
    late = [entry["column"] for entry in columns if _is_late(entry["timepoint"], timepoint)]
    if late:
        message = (
            f"{late[0]} and {len(late) - 1} other features are known after {timepoint}; build the dataset for that "
            "timepoint, or train for a later one"
        )
        raise InputRejectedError(ReasonCode.TOO_LATE, message)


def _check_columns(dictionary: Sequence[Mapping[str, str]], table: pd.DataFrame) -> None:
    needed = {"column", "role", "modality", "timepoint"}
    if not dictionary or not needed <= set(dictionary[0]):
        message = f"dictionary.csv has no columns {', '.join(sorted(needed))}; build the dataset again"
        raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message)
    lacking = [entry["column"] for entry in dictionary if entry["column"] not in table]
    if lacking or "case_id" not in table:
        message = (
            f"dataset.csv lacks the column {(lacking or ['case_id'])[0]} of dictionary.csv; build the dataset again"
        )
        raise InputRejectedError(ReasonCode.DATASET_INCOMPLETE, message)
    twice = table["case_id"][table["case_id"].duplicated()].tolist()
    if twice:
        message = f"{len(twice)} cases have more than one row, {twice[0]} among them; a dataset has a row for each case"
        raise InputRejectedError(ReasonCode.VALUES_INVALID, message)


def _labelled(manifest: Mapping[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    """Return time and event of the cases that have both."""
    named = manifest.get("survival") or {}
    columns = {key: named.get(key) for key in ("time", "event")}
    if not all(columns.values()):
        message = "the build has no survival labels; the dataset's file needs labels: with dates, then build it again"
        raise InputRejectedError(ReasonCode.NO_SURVIVAL_LABELS, message)
    lacking = [name for name in columns.values() if name not in table]
    if lacking:
        message = f"dataset.csv lacks the label {lacking[0]} that manifest.json names; build the dataset again"
        raise InputRejectedError(ReasonCode.NO_SURVIVAL_LABELS, message)
    rows = pd.DataFrame({key: _numbers(table, str(name)) for key, name in columns.items()}, index=table.index).dropna()
    if not rows["event"].isin([0, 1]).all() or (rows["time"] < 0).any():
        message = (
            f"{columns['event']} is 0 or 1 and {columns['time']} not negative; other values are no survival labels"
        )
        raise InputRejectedError(ReasonCode.VALUES_INVALID, message)
    return rows


def _numbers(table: pd.DataFrame, column: str) -> Floats:
    """Return a column as numbers: rows of Athena's results are text, and text "0" counts as true somewhere."""
    try:
        values = pd.to_numeric(table[column], errors="raise").to_numpy(float)
    except (ValueError, TypeError) as error:
        message = f"{column} holds a value that is no number; only numbers can be features or labels"
        raise InputRejectedError(ReasonCode.VALUES_INVALID, message) from error
    if (np.abs(values) > LARGEST).any():
        message = f"{column} holds infinity or a number beyond {LARGEST:g}; correct the value at its source"
        raise InputRejectedError(ReasonCode.VALUES_INVALID, message)
    return np.asarray(values, float)


def _is_late(timepoint: str, latest: str) -> bool:
    return timepoint not in TIMEPOINTS or TIMEPOINTS.index(timepoint) > TIMEPOINTS.index(latest)


def _check_events(survival: Survival) -> None:
    events = int(survival.event.sum())
    if len(survival) == 0 or events < LEAST_EVENTS:
        message = (
            f"{events} of {len(survival)} cases with labels have the event; a comparison needs {LEAST_EVENTS}. "
            "Wait for more follow-up, or add cases"
        )
        raise InputRejectedError(ReasonCode.TOO_FEW_EVENTS, message)
    first = survival.time[survival.event].min()
    if not ((survival.time > first) | ((survival.time == first) & ~survival.event)).any():
        message = (
            f"all {events} events are on day {first:g} and nobody was followed longer: no two cases can be compared. "
            "Check the columns of the labels"
        )
        raise InputRejectedError(ReasonCode.TOO_FEW_EVENTS, message)
