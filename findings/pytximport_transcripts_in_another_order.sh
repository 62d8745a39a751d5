#!/usr/bin/env bash
# pytximport: quantifications whose transcripts stand in another order are joined by line number, so genes swap their values.
#
# Expected: values joined by transcript id, or an error. R's tximport, whose translation it is, stops unless every file has the
#   ids of the first in the same order (Soneson et al. 2015, F1000Research 4:1521; `stopifnot` in tximport). Two files differ in
#   order when their indexes were built from the same transcripts in another order: two centres, two releases of one tool.
# Seen: the ids are taken from one file and the numbers of the others by their line. Gene G1 of the second sample gets the reads
#   of G2 and the other way round; a transcript that only the second file has is counted as the one on the same line of the
#   first. No warning. (Only a file with fewer lines raises.)
# Versions: pytximport 0.13.0, pandas 2.3.3, Python 3.11, 2026-11-28.
# Here: the gene table of a quantification is summed by transcript id file by file, and cases are joined by gene id.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytximport==0.13.0 pandas==2.3.3 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - 2>"$folder/progress.log" <<'PY' || { code=$?; tail -3 "$folder/progress.log"; exit $code; }
import sys
from pathlib import Path

import pandas as pd
from pytximport import tximport

genes = pd.DataFrame({"transcript_id": ["T1", "T2", "T3", "T4"], "gene_id": ["G1", "G2", "G3", "G4"]})
first = [("T1", 1000, 800.0, 333333.3, 500), ("T2", 2000, 1800.0, 296296.3, 1000), ("T3", 500, 300.0, 370370.4, 200)]
second = [("T1", 1000, 800.0, 250000.0, 250), ("T2", 2000, 1800.0, 666666.7, 1500), ("T3", 500, 300.0, 83333.3, 31)]
other = [("T4", *row[1:]) if row[0] == "T3" else row for row in second]


def counts(name, rows):
    """The read counts by gene of a second sample, whose file is read beside the first's."""
    for sample, lines in (("first", first), (name, rows)):
        Path(sample).mkdir(exist_ok=True)
        columns = ["Name", "Length", "EffectiveLength", "TPM", "NumReads"]
        pd.DataFrame(lines, columns=columns).to_csv(f"{sample}/quant.sf", sep="\t", index=False)
    files = ["first/quant.sf", f"{name}/quant.sf"]
    read = tximport(files, "salmon", genes, counts_from_abundance=None)
    return dict(zip(read.var_names, map(float, read.X[1])))


true = {"G1": 250.0, "G2": 1500.0, "G3": 31.0}
same = counts("same_order", second)
swapped = counts("other_order", [second[1], second[0], second[2]])
foreign = counts("other_transcript", other)
print("expected, whatever the order:          ", true)
print("file in the order of the first:        ", same)
print("the same lines, the first two swapped: ", swapped)
print("expected of T4 (gene G4) in place of T3:", {"G1": 250.0, "G2": 1500.0, "G3": 0.0, "G4": 31.0}, "or an error")
print("seen:                                  ", foreign)
still = same == true and swapped == {"G1": 1500.0, "G2": 250.0, "G3": 31.0} and foreign == true
sys.exit(0 if still else 1)
PY
