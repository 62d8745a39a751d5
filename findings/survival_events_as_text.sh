#!/usr/bin/env bash
# lifelines and scikit-survival: events that arrive as the text "0" and "1" make every patient die, in some calls only.
#
# Expected: an error, or "0" read as 0. Text is what a row of Athena's API, a CSV read with dtype=str and a Feature Store
#   record (`ValueAsString`) give. lifelines' Kaplan-Meier does read it so.
# Seen: lifelines' Cox model and log-rank test count all 40 patients as deaths (20 are), and the effect changes; so does
#   `Surv.from_arrays` of scikit-survival for a list or an array of text, while for the same array as objects it raises.
#   No warning, and a curve drawn beside the model is right, so nothing looks odd.
# Versions: lifelines 0.30.0, scikit-survival 0.28.0, pandas 3.1.1, Python 3.11, 2026-11-28.
# Here: the labels of a joined dataset are typed columns, and containers/survival refuses events other than 0 and 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lifelines==0.30.0 scikit-survival==0.28.0 pandas==3.1.1 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from sksurv.util import Surv

days = np.arange(1, 41) * 10.0
event = np.arange(40) % 2
marker = np.sin(np.arange(40))
text = event.astype(str)


def cox(events):
    fitted = CoxPHFitter().fit(pd.DataFrame({"days": days, "event": events, "marker": marker}), "days", "event")
    return int(fitted.event_observed.sum()), round(float(fitted.params_["marker"]), 4)


def logrank(events):
    return round(logrank_test(days[:15], days[15:], events[:15], events[15:]).test_statistic, 4)


kaplan_meier = int(KaplanMeierFitter().fit(days, text).event_table.observed.sum())
everybody = np.ones(40, int)
numbers, strings, all_die = cox(event), cox(text), cox(everybody)
print("Cox, deaths and coefficient:    numbers", numbers, "text", strings, "everybody dead", all_die)
print("log-rank:                       numbers", logrank(event), "text", logrank(text), "everybody dead", logrank(everybody))
print("Kaplan-Meier, deaths:           text", kaplan_meier)
surv = int(Surv.from_arrays(list(text), days)["event"].sum())
print("Surv.from_arrays, deaths:       expected", event.sum(), "seen", surv)
print("expected: text as numbers, or an error")
same = strings == all_die != numbers and logrank(text) == logrank(everybody) != logrank(event) and kaplan_meier == 20 and surv == 40
sys.exit(0 if same else 1)
PY
