#!/usr/bin/env bash
# fairlearn: a small group in which nobody died has a sensitivity of 0, so that a fair model is as unfair as can be.
#
# Expected: the sensitivity in a group without deaths is not defined, NaN as for every number that is not there; scikit-learn's
#   recall_score gives 0 as well, but says so (UndefinedMetricWarning) and takes zero_division=nan. Sensitivity and rate of missed
#   deaths are complements (fairlearn's docstrings: true and false negative rate), so that where one is 0 the other is 1.
# Seen: both are 0 at once. `equalized_odds_difference` and `equal_opportunity_difference` take this 0 for a rate: a model that finds
#   two of three deaths in the large group, and the group of four without any death, differ by 0.67, and a mitigation (`ThresholdOptimizer`,
#   a choice of models by this number) works on nothing but the group's size. In cohorts of a hundred, groups by ancestry, sex and stage are
#   often like that. No warning.
# Versions: fairlearn 0.15.0, scikit-learn 1.9.1, pandas 2.3.3, numpy 2.4.6, Python 3.11, 2026-11-29.
# Here: groups are compared by outcomes and counts before training (functions/multimodal/clinical/report/bias.py); no rate is computed of nobody.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fairlearn==0.15.0 scikit-learn==1.9.1 pandas==2.3.3 numpy==2.4.6 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

import numpy as np
from fairlearn.metrics import MetricFrame, equal_opportunity_difference, equalized_odds_difference
from fairlearn.metrics import false_negative_rate, false_positive_rate, true_positive_rate
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import recall_score

died = np.array([1, 1, 1, 0, 0, 0] + [0, 0, 0, 0])
predicted = np.array([1, 1, 0, 0, 0, 1] + [0, 0, 0, 1])
group = np.array(["large"] * 6 + ["small"] * 4)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    rates = {"sensitivity": true_positive_rate, "missed": false_negative_rate, "false alarms": false_positive_rate}
    table = MetricFrame(metrics=rates, y_true=died, y_pred=predicted, sensitive_features=group).by_group
    odds = equalized_odds_difference(died, predicted, sensitive_features=group)
    opportunity = equal_opportunity_difference(died, predicted, sensitive_features=group)
    quiet = not [one for one in said if issubclass(one.category, (UndefinedMetricWarning, RuntimeWarning))]
    recall_score(died[6:], predicted[6:])
    loud = any(issubclass(one.category, UndefinedMetricWarning) for one in said)
print(table.round(2).to_string())
print("expected: NaN for sensitivity and missed deaths of the small group, and a difference of the false alarms alone, 0.08")
print(f"seen: {table.loc['small', 'sensitivity']} and {table.loc['small', 'missed']}; equalized odds differ by {odds:.2f},", end=" ")
print(f"equal opportunity by {opportunity:.2f}; fairlearn warns: {not quiet}, scikit-learn: {loud}")
both = table.loc["small", "sensitivity"] == table.loc["small", "missed"] == 0
sys.exit(0 if both and quiet and loud and np.isclose([odds, opportunity], 2 / 3).all() else 1)
PY
