"""Outcomes of whole tables: what is drafted, uploaded and read gives the days and events that were written, or none."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.functions.clinical_small import Read
from tests.unit.local.test_draft_shapes import column, draft, drafted

N = 30
CASES = [f"P-{n:03}" for n in range(N)]
DIED = [n % 5 < 2 for n in range(N)]
DAYS = [61 + 83 * n for n in range(N)]
FIRST = [date(2004, 1, 3) + timedelta(days=17 * n) for n in range(N)]
LAST = [first + timedelta(days=days) for first, days in zip(FIRST, DAYS, strict=True)]


def either(dead: Any, living: Any) -> list[Any]:
    return [dead if died else living for died in DIED]


def of_the_dead(values: Sequence[Any], otherwise: str = "") -> list[Any]:
    return [value if died else otherwise for value, died in zip(values, DIED, strict=True)]


def of_the_living(values: Sequence[Any], otherwise: str = "") -> list[Any]:
    return [otherwise if died else value for value, died in zip(values, DIED, strict=True)]


def table(columns: dict[str, Sequence[Any]], delimiter: str = ",") -> str:
    columns = {"patient_id": CASES, "Age": [40 + n for n in range(N)], **columns}
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerows([list(columns), *zip(*columns.values(), strict=True)])
    return file.getvalue()


def outcomes(folder: Path, text: str) -> dict[str, tuple[int, int]]:
    """Draft and upload a table; return each case's event and days."""
    config, _ = drafted(folder, text)
    labels = Read(config, [text.encode()]).records["labels"]
    return {str(r["case_id"]): (int(str(r["os_event"])), int(str(r["os_days"]))) for r in labels if "os_days" in r}


TRUE = dict(zip(CASES, zip(map(int, DIED), DAYS, strict=True), strict=True))
DATED = {"Date of diagnosis": FIRST}
DEAD_DAYS, LIVING_DAYS = of_the_dead(DAYS, "[Not Applicable]"), of_the_living(DAYS, "[Not Available]")

TABLES: dict[str, dict[str, Sequence[Any]]] = {
    "TCGA's biotab": {
        "vital_status": either("Dead", "Alive"),
        "death_days_to": DEAD_DAYS,
        "last_contact_days_to": LIVING_DAYS,
    },
    "dod": {"dead": either(1, 0), **DATED, "dod": of_the_dead(LAST), "last_alive": of_the_living(LAST)},
    "why there is no date": {
        **DATED,
        "Vital": either("Deceased", "Alive"),
        "Date of death": of_the_dead(LAST, "N/A (alive)"),
        "Last seen": of_the_living(LAST, "N/A (deceased)"),
    },
    "expired": {"Dx Date": FIRST, "Expired": either("Y", "N"), "Date Last Contact": LAST},
    "survived": {"Outcome": either("Died", "Survived"), "Days to outcome": DAYS},
    "Spanish": {"Fecha diagnóstico": FIRST, "Estado": either("fallecido", "vivo"), "Fecha último contacto": LAST},
    "Swedish": {"avliden": either("ja", "nej"), "uppfoljningstid_dagar": DAYS},
    "Danish": {"død": either("ja", "nej"), "overlevelse_dage": DAYS},
    "Polish": {"zgon": either("tak", "nie"), "os_days": DAYS},
    "weeks": {"death_event": either(1, 0), "time_weeks": [f"{days / 7:.3f}" for days in DAYS]},
    "the causes": {
        "Outcome": [
            ("Died of disease", "Died of age")[n % 2] if died else "Alive, no disease" for n, died in enumerate(DIED)
        ],
        "FU yrs": [f"{days / 365.25:.4f}" for days in DAYS],
    },
    "lost": {"Vital": ["D" if died else "AL"[n % 2] for n, died in enumerate(DIED)], "OS days": DAYS},
    "from surgery": {
        "Date of surgery": FIRST,
        "Status": either("Dead", "Alive"),
        "DOD": of_the_dead(LAST),
        "Last FU": LAST,
    },
    "codes in the header": {"Status: Alive (0)/Dead (1)": either(1, 0), "OS days": DAYS},
    "Portuguese": {"Óbito": either("Sim", "Não"), "Tempo (dias)": DAYS},
    "Italian": {"Stato in vita": either("deceduto", "vivente"), "giorni": DAYS},
    "codes and censoring": {"Death (1) or censoring (0)": either(1, 0), "OS days": DAYS},
    "R": {"futime": DAYS, "fustat": either(1, 0)},
    "CDISC": {"PARAMCD": ["OS"] * N, "AVAL": DAYS, "CNSR": either(0, 1)},
}


@pytest.mark.parametrize("columns", TABLES.values(), ids=TABLES)
def test_events_and_days_are_as_they_were_written(tmp_path: Path, columns: dict[str, Sequence[Any]]) -> None:
    assert outcomes(tmp_path, table(columns)) == TRUE


def test_a_decimal_comma_in_german_years(tmp_path: Path) -> None:
    years = [f"{days / 365.25:.4f}".replace(".", ",") for days in DAYS]
    text = table({"verstorben": either("ja", "nein"), "Ueberleben_Jahre": years}, ";")
    assert outcomes(tmp_path, text) == TRUE


def test_the_last_of_a_cases_rows_says_its_end(tmp_path: Path) -> None:
    def visits() -> Iterator[str]:
        for case, died, days in zip(CASES, DIED, DAYS, strict=True):
            for visit in (1, 2, 3):
                yield f"{case},{visit},{'Dead' if died and visit == 3 else 'Alive'},{days * visit // 3}\n"

    assert outcomes(tmp_path, "patient_id,visit,status,fu_days\n" + "".join(visits())) == TRUE


@pytest.mark.parametrize(
    "columns", [{"os_days": of_the_dead(DAYS)}, {**DATED, "last contact": of_the_living(LAST)}], ids=["time", "date"]
)
def test_an_end_of_the_dead_or_the_living_alone_is_none_of_all(columns: dict[str, list[Any]]) -> None:
    clinical, text = draft({"dead": either(1, 0), **columns})
    assert clinical["labels"] == {"died": "dead"}
    assert "CHECK: when they died or were last seen was not found" in text


@pytest.mark.parametrize("header", ["Survival at 2 years", "mort90", "death_30d", "Dead after 12 months"])
def test_an_event_within_so_many_days_is_a_target_and_no_label(header: str) -> None:
    clinical, text = draft({header: either(1, 0), "Age": DAYS})
    assert clinical["target"]["column"] == header
    assert "labels" not in clinical
    assert "CHECK: no column was found that says who died" in text


def test_an_endpoint_alone_is_the_target() -> None:
    clinical, _ = draft({"PFS_status": either(1, 0), "PFS_months": [days / 30 for days in DAYS]})
    assert clinical["target"] == {"column": "PFS_status", "positive": ["0"]}
    assert "labels" not in clinical


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        ([f"{n * 97:,}".replace(",", ".") for n in range(N)], True),
        ([f"{150 + n}.000" for n in range(N)], True),
        ([f"{n * 97 / 1000:.3f}" for n in range(N)], False),
        ([f"{n * 97 / 1000}" for n in range(N)], False),
    ],
)
def test_points_before_three_digits_may_divide_thousands(cells: list[str], asked: bool) -> None:
    clinical, _ = draft({"platelets": cells, "Age": [40 + n for n in range(N)]})
    assert ("decimal sign or separator" in column(clinical, "platelets").get("reason", "")) is asked


def test_a_plus_behind_times_may_mean_censored() -> None:
    _, text = draft(
        {"OS_months": [f"{days / 30:.1f}{'' if died else '+'}" for days, died in zip(DAYS, DIED, strict=True)]}
    )
    assert "does + mean that the case was censored?" in text


def test_an_empty_cell_that_may_mean_alive_makes_no_label_of_the_dead_alone() -> None:
    clinical, text = draft({"dead": either("Yes", ""), "os_days": DAYS})
    assert "labels" not in clinical
    assert "does an empty cell mean it?" in text


@pytest.mark.parametrize(("cells", "kept"), [(DAYS, False), ([n % 4 for n in range(N)], True)])
def test_a_t_of_hundreds_is_no_stage(cells: list[int], kept: bool) -> None:
    clinical, _ = draft({"t": cells, "Age": [40 + n for n in range(N)]})
    assert column(clinical, "t").get("feature", True) is kept


def test_hours_are_no_days() -> None:
    clinical, _ = draft({"dead": either(1, 0), "Survival (hours)": [24 * days for days in DAYS]})
    assert (column(clinical, "Survival (hours)")["unit"], clinical["labels"]) == ("hours", {"died": "dead"})


@pytest.mark.parametrize("header", ["LOS (days)", "ICU days", "chemo_weeks", "Age at death"])
def test_a_stay_or_a_treatment_is_no_time_to_death(header: str) -> None:
    clinical, _ = draft({"dead": either(1, 0), header: [3 + n for n in range(N)]})
    assert clinical["labels"] == {"died": "dead"}
