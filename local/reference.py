"""Write the tables of reason codes in the documents; `make reference` runs it.

The codes are the enumerations of the code, their explanations `docs/reference/reason-codes.yaml`.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import yaml

from cli.project import ROOT
from multimodal.clinical.cells import RowCode
from multimodal.ledger.errors import Reason
from radiomics_job.errors import ReasonCode as RadiomicsCode
from rnaseq_job.errors import EXIT_CODES
from rnaseq_job.errors import ReasonCode as RnaseqCode

PAGE = ROOT / "docs" / "reference" / "reason-codes.md"
CATALOGUE = PAGE.with_suffix(".yaml")
ENUMERATIONS: dict[str, type[StrEnum]] = {
    "ledger": Reason,
    "clinical_rows": RowCode,
    "radiomics_job": RadiomicsCode,
    "rnaseq_job": RnaseqCode,
}
"""Table of the page → the codes that it must explain, each of them and no other."""
_TABLE = re.compile(r"(<!-- codes: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Explanations = Mapping[str, list[dict[str, Any]]]


def read_catalogue() -> Explanations:
    """Return the explanations by table."""
    found: Explanations = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return found


def differences(catalogue: Explanations) -> dict[str, set[str]]:
    """Return, by table, the codes that are explained and do not exist, or exist and are not explained."""
    explained = {table: {code for row in rows for code in row["codes"]} for table, rows in catalogue.items()}
    found = {table: explained[table] ^ {code.value for code in codes} for table, codes in ENUMERATIONS.items()}
    return {table: codes for table, codes in found.items() if codes}


def render(page: str, catalogue: Explanations) -> str:
    """Return the page with its tables made anew."""
    return _TABLE.sub(lambda match: f"{match[1]}{_table(match[2], catalogue[match[2]])}{match[3]}", page)


def _table(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    exits, scopes = name == "rnaseq_job", any("scope" in row for row in rows)
    heads = ["code", *(["exit"] if exits else []), *(["scope"] if scopes else []), "meaning", "what to do"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for row in rows:
        code = ", ".join(f"`{code}`" for code in row["codes"]) + (f" {row['of']}" if "of" in row else "")
        exit_code = [str(EXIT_CODES[RnaseqCode(row["codes"][0])])] if exits else []
        lines.append(
            _line([code, *exit_code, *([row.get("scope", "")] if scopes else []), row["meaning"], row["action"]])
        )
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), read_catalogue()), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
