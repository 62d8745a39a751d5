"""A made-up clinical table with the 40 columns of the NSCLC Radiogenomics collection, for any cohort and of any length.

Values are drawn from the collection's levels with plausible frequencies; no row is a patient. As in the published file,
"not known" is written in four ways, a header ends in a blank, and dates are M/D/YYYY.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

_UNKNOWN, _unknown, _NONE = "Not Collected", "Not collected", "N/A"
_LOBES: Final = {"RUL": 36, "RML": 10, "RLL": 13, "LUL": 25, "LLL": 15, "L Lingula": 1, "Unknown": 0}

_GRADES: Final = {
    "G2 Moderately differentiated": 76,
    "G3 Poorly differentiated": 33,
    "G1 Well differentiated": 32,
    "Other, Type II: Moderately to poorly differentiated": 12,
    "Other, Type I: Well to moderately differentiated": 9,
}

_ETHNICITIES: Final = {
    "Caucasian": 123,
    "Asian": 24,
    "African-American": 6,
    "Hispanic/Latino": 6,
    "Native Hawaiian/Pacific Islander": 3,
}

_GROUND_GLASS: Final = {"0%": 92, ">0 - 25%": 36, "Not Assessed": 16, "50 - 75%": 7, "25 - 50%": 5, "75 - < 100%": 5}
_T_STAGES: Final = {"T2a": 47, "T1a": 40, "T1b": 31, "T3": 21, "T2b": 10, "T4": 7, "Tis": 6}

_HISTOLOGIES: Final = {"Adenocarcinoma": 123, "Squamous cell carcinoma": 35, "NSCLC NOS (not otherwise specified)": 4}

_LAST_SEEN: Final = date(1999, 9, 1)
_FIRST_SCAN: Final = date(1990, 1, 1)

COLUMNS: Final = (
    "Case ID", "Patient affiliation", "Age at Histological Diagnosis", "Weight (lbs)", "Gender", "Ethnicity",
    "Smoking status", "Pack Years", "Quit Smoking Year", "%GG",
    *(f"Tumor Location (choice={lobe})" for lobe in _LOBES),
    "Histology ", "Pathological T stage", "Pathological N stage", "Pathological M stage", "Histopathological Grade",
    "Lymphovascular invasion", "Pleural invasion (elastic, visceral, or parietal)", "EGFR mutation status",
    "KRAS mutation status", "ALK translocation status", "Adjuvant Treatment", "Chemotherapy", "Radiation", "Recurrence",
    "Recurrence Location", "Date of Recurrence", "Date of Last Known Alive", "Survival Status", "Date of Death",
    "Time to Death (days)", "CT Date", "Days between CT and surgery", "PET Date",
)  # fmt: skip
"""Header, as in the published file."""

_FAULTS: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("UNKNOWN_LEVEL", "row", {"Histology ": "Large cell carcinoma"}),
    ("NUMBER_WITH_UNIT", "row", {"Weight (lbs)": "81 kg"}),
    ("BAD_DATE", "row", {"CT Date": "31.12.1994"}),
    ("LABEL_CONTRADICTION", "label", {"Survival Status": "Alive", "Date of Death": "3/4/1998"}),
)


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A row that is wrong on purpose: its case, its number in a spreadsheet, the code and scope of its problem."""

    case_id: str
    row: int
    code: str
    scope: str


def write_clinical_table(
    path: Path,
    subjects: Sequence[str],
    *,
    rows: int | None = None,
    seed: int = 7,
    bad: int = 0,
    ct_dates: Mapping[str, date] | None = None,
) -> list[Spoiled]:
    """Write a table as CSV.

    Parameters
    ----------
    path
        The file; its folder must exist.
    subjects
        Cases of the first rows, such as those of the CT cohort.
    rows
        How many rows in all; further cases are made up (`R01-001`, …). As many as there are subjects when not given.
    seed
        The same seed gives the same bytes.
    bad
        How many of the last rows are wrong on purpose, of at most four kinds; never a row of `subjects`.
    ct_dates
        Days of the CT of some subjects, such as those of the CT cohort.

    Returns
    -------
    list of Spoiled
        The rows that are wrong, in the file's order.

    Raises
    ------
    ValueError
        When there is no room for the wrong rows beside the subjects'.
    """
    total = max(len(subjects), rows or 0)
    if bad > min(len(_FAULTS), total - len(subjects)):
        raise ValueError(f"{total} rows have no room for {len(subjects)} subjects and {bad} wrong rows of four kinds")
    spoiled: list[Spoiled] = []
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
        writer.writeheader()
        for index, row in enumerate(_rows(subjects, total, seed, ct_dates or {})):
            if index >= total - bad:
                code, scope, fault = _FAULTS[index - (total - bad)]
                row.update(fault)
                spoiled.append(Spoiled(row["Case ID"], index + 2, code, scope))
            writer.writerow(row)
    return spoiled


def _rows(subjects: Sequence[str], total: int, seed: int, ct_dates: Mapping[str, date]) -> Iterator[dict[str, str]]:
    random, known = Random(seed), set(subjects)  # noqa: S311 – a table to play with, no secret
    made_up = (case for n in range(1, total + len(known) + 1) if (case := f"R01-{n:03}") not in known)
    for case in (*subjects, *islice(made_up, total - len(subjects))):
        yield _row(random, case, ct_dates.get(case))


def _row(random: Random, case: str, ct: date | None) -> dict[str, str]:
    ct = ct or _FIRST_SCAN + timedelta(days=random.randrange(2200))
    days = random.randrange(1, 90)
    t_stage, n_stage = _draw(random, _T_STAGES), _draw(random, {"N0": 129, "N2": 18, "N1": 15})
    advanced = (t_stage in ("T3", "T4")) + (n_stage != "N0")
    return {
        "Case ID": case,
        **_person(random, ct),
        "%GG": _draw(random, _GROUND_GLASS),
        **_location(random),
        "Histology ": _draw(random, _HISTOLOGIES),
        "Pathological T stage": t_stage,
        "Pathological N stage": n_stage,
        "Pathological M stage": _draw(random, {"M0": 157, "M1b": 4, "M1a": 1}),
        "Histopathological Grade": _draw(random, _GRADES),
        "Lymphovascular invasion": _draw(random, {"Absent": 133, "Present": 21, _UNKNOWN: 8}),
        "Pleural invasion (elastic, visceral, or parietal)": _draw(random, {"No": 117, "Yes": 42, _unknown: 3}),
        "EGFR mutation status": _draw(random, {"Wildtype": 102, "Unknown": 32, "Mutant": 25, _unknown: 3}),
        "KRAS mutation status": _draw(random, {"Wildtype": 94, "Unknown": 34, "Mutant": 30, _unknown: 4}),
        "ALK translocation status": _draw(random, {"Wildtype": 118, "Unknown": 38, "Translocated": 2, _unknown: 4}),
        **_course(random, ct + timedelta(days=days), advanced),
        "CT Date": _text(ct),
        "Days between CT and surgery": str(days),
        "PET Date": _text(ct + timedelta(days=random.randrange(-20, 20))),
    }


def _person(random: Random, ct: date) -> dict[str, str]:
    site = _draw(random, {"VA": 93, "Stanford": 69})
    smoking = _draw(random, {"Former": 104, "Current": 33, "Nonsmoker": 25})
    pounds = min(400, max(95, round(random.gauss(175, 30))))
    # As in the collection: some were weighed in kilograms and converted.
    weight = str(pounds) if random.random() < 0.7 else f"{round(pounds / 2.205) * 2.205:.3f}".rstrip("0")
    packs = _NONE if smoking == "Nonsmoker" else _or_unknown(random, str(random.randrange(1, 130)), 0.05)
    return {
        "Patient affiliation": site,
        "Age at Histological Diagnosis": str(min(88, max(40, round(random.gauss(68, 9))))),
        "Weight (lbs)": _or_unknown(random, weight, 0.07),
        "Gender": "Male" if random.random() < (0.97 if site == "VA" else 0.45) else "Female",
        "Ethnicity": _draw(random, _ETHNICITIES),
        "Smoking status": smoking,
        "Pack Years": packs,
        "Quit Smoking Year": str(ct.year - random.randrange(1, 40)) if smoking == "Former" else _NONE,
    }


def _location(random: Random) -> dict[str, str]:
    lobe = _draw(random, _LOBES)
    return {f"Tumor Location (choice={name})": "Checked" if name == lobe else "Unchecked" for name in _LOBES}


def _course(random: Random, surgery: date, advanced: int) -> dict[str, str]:
    """Draw treatment and outcome: worse for advanced tumours, lost sight of or still alive at the end otherwise."""
    survived = 1 + int(random.expovariate(1 / (3000 / (1 + advanced))))
    followed = min(max((_LAST_SEEN - surgery).days, 1500), random.randrange(200, 3500))
    died = survived <= followed
    end = surgery + timedelta(days=min(survived, followed))
    recurred = random.random() < 0.2 + 0.2 * advanced
    treated = "Yes" if random.random() < 0.2 + 0.25 * advanced else "No"
    return {
        "Adjuvant Treatment": treated,
        "Chemotherapy": treated,
        "Radiation": "Yes" if random.random() < 0.1 else "No",
        "Recurrence": "yes" if recurred else "no",
        "Recurrence Location": _draw(random, {"distant": 31, "regional": 9, "local": 6}) if recurred else _NONE,
        "Date of Recurrence": _text(_between(random, surgery, end)) if recurred else _NONE,
        "Date of Last Known Alive": _text(end),
        "Survival Status": "Dead" if died else "Alive",
        "Date of Death": _text(end) if died else _NONE,
        "Time to Death (days)": str((end - surgery).days) if died else _NONE,
    }


def _between(random: Random, first: date, last: date) -> date:
    return first + timedelta(days=random.randint(0, (last - first).days))


def _draw(random: Random, weights: Mapping[str, int]) -> str:
    return random.choices(tuple(weights), tuple(weights.values()))[0]


def _or_unknown(random: Random, value: str, share: float) -> str:
    return _UNKNOWN if random.random() < share else value


def _text(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
