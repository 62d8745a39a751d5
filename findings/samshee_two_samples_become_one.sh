#!/usr/bin/env bash
# samshee: reading and writing a valid sample sheet gives the sequencer another one: samples 0012 and 12 are one sample, run 0042 is run 42.
#
# Expected: `python -m samshee` reads a sample sheet, checks it and prints it again in a normal form (its README), so with the same
#   samples. Sample_ID is text of letters, digits, - and _ (Illumina, Sample Sheet v2), and 0012 is one; hospitals number cases so.
# Seen: every value that looks like a number becomes one. The ids 0012 and 12, of two patients with indices of their own, both are 12,
#   so that the reads of both are written under one name. Both recommended checks pass, in this order: the ids are made equal before
#   they are looked at. No warning.
# Versions: samshee 0.2.14, Python 3.11, 2026-11-29.
# Here: what a sample sheet says stays text (functions/multimodal/genomics/samplesheet.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check samshee==0.2.14 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/SampleSheet.csv" <<'CSV'
[Header]
FileFormatVersion,2
RunName,0042

[Reads]
Read1Cycles,151
Index1Cycles,8
Index2Cycles,8

[BCLConvert_Settings]
SoftwareVersion,4.10.4

[BCLConvert_Data]
Lane,Sample_ID,Index,Index2
1,0012,ACGTACGT,ACGTACGA
1,12,TTGCACCA,GGATACGC
1,R01-023,CAGTTCCA,TGATACAG
CSV
"$folder/venv/bin/python" -m samshee "$folder/SampleSheet.csv" | tr -d "\r" >"$folder/written.csv"
samples() { sed -n '/^Lane,/,$p' "$1" | tail -n +2 | cut -d, -f2 | grep . | tr '\n' ' '; }
echo "expected: $(grep RunName "$folder/SampleSheet.csv"), samples $(samples "$folder/SampleSheet.csv")"
echo "seen:     $(grep RunName "$folder/written.csv"), samples $(samples "$folder/written.csv")"
[ "$(samples "$folder/written.csv")" = "12 12 R01-023 " ] && [ "$(grep -c 'RunName,42$' "$folder/written.csv")" = 1 ]
