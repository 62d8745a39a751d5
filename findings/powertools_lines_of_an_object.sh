#!/usr/bin/env bash
# Powertools for AWS Lambda: `for line in S3Object(bucket, key)` yields pieces of 1,024 bytes, not lines: ages and ids are cut in two.
#
# Expected: lines. The streaming utility's first example loops so ("as you process each line"), the class is an IO[bytes], whose
#   iterator is one of lines (Python, io.IOBase), its `readline` gives lines, and so does the same loop with is_gzip=True.
# Seen: pieces of 1,024 bytes, the iterator of botocore's body. A table of less than 1 KB, as in a test, comes as a single piece; 120 patients
#   come as four, and whoever splits each piece into lines gets 123 rows, six of which are none (`R01-079,89,adenocarc` and `inoma`).
#   For the same table compressed, the same code is right. No warning.
# Versions: aws-lambda-powertools 3.37.0, moto 5.2.5, boto3 1.44.8, Python 3.11, 2026-11-29.
# Here: lines of objects come from botocore's iter_lines, of compressed ones from gzip (multimodal.aws.objects).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0 'moto[s3]==5.2.5' boto3==1.44.8 \
  2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import gzip
import sys

import boto3
from aws_lambda_powertools.utilities.streaming import S3Object
from moto import mock_aws

patients = [f"R01-{number:03},{50 + number % 40},adenocarcinoma\n".encode() for number in range(1, 121)]
with mock_aws():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="uploads")
    s3.put_object(Bucket="uploads", Key="ages.csv", Body=b"".join(patients))
    s3.put_object(Bucket="uploads", Key="ages.csv.gz", Body=gzip.compress(b"".join(patients)))
    s3.put_object(Bucket="uploads", Key="few.csv", Body=b"".join(patients[:2]))
    plain = list(S3Object("uploads", "ages.csv"))
    compressed = list(S3Object("uploads", "ages.csv.gz", is_gzip=True))
    few = list(S3Object("uploads", "few.csv"))
    first = S3Object("uploads", "ages.csv").readline()

rows = [row for piece in plain for row in piece.splitlines(keepends=True)]
wrong = [row for row in rows if row not in patients]
print("expected:", len(patients), "lines; compressed:", len(compressed), "lines; readline:", first)
print("seen:    ", len(plain), "pieces of", [len(piece) for piece in plain], "bytes; two patients:", len(few), "piece")
print("split into lines:", len(rows), "rows, of which no patient's:", wrong)
right = compressed == patients and first == patients[0]
sys.exit(0 if right and [len(piece) for piece in plain[:-1]] == [1024] * (len(plain) - 1) and len(wrong) == 6 and len(few) == 1 else 1)
PY
