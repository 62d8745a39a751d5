#!/usr/bin/env bash
# Powertools for AWS Lambda: the key of an S3 event from EventBridge loses its plus signs, so `CT+C.dcm` is not found.
#
# Expected: the key of the object. S3 URL-encodes keys in its notifications to Lambda, SQS and SNS, but EventBridge carries them as
#   they are; so does moto, and the Pydantic model of the same package takes them so.
# Seen: the data class S3EventBridgeNotificationEvent decodes what was never encoded: `+` becomes a space and `%2B` becomes `+`. `+C`,
#   with contrast, is how radiology writes it, `T+N` and `CD4+` are names of files too. The read fails with NoSuchKey, or finds another
#   object: `dose 50%25.csv` and `dose 50%.csv` are two keys of S3, and one for the data class.
# Versions: aws-lambda-powertools 3.37.0, moto 5.2.5, boto3 1.44.8, Python 3.11, 2026-11-28.
# Here: keys are taken from the event as they are (multimodal.pipeline.arrivals).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aws-lambda-powertools[parser]==3.37.0' 'moto[s3,events,logs]==5.2.5' \
  boto3==1.44.8 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import json
import sys

import boto3
from aws_lambda_powertools.utilities.data_classes import S3EventBridgeNotificationEvent
from aws_lambda_powertools.utilities.parser.models import S3EventNotificationEventBridgeModel
from moto import mock_aws

keys = ["R01-001/CT+C.dcm", "R01-001/dose 50%25.csv", "R01-001/plain.csv"]
with mock_aws():
    s3, events, logs = (boto3.client(name) for name in ("s3", "events", "logs"))
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}})
    logs.create_log_group(logGroupName="/aws/events/uploads")
    (group,) = logs.describe_log_groups()["logGroups"]
    events.put_rule(Name="uploads", EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule="uploads", Targets=[{"Id": "log", "Arn": group["arn"].removesuffix(":*")}])
    for key in keys:
        s3.put_object(Bucket="uploads", Key=key, Body=b"x")
    taken = [json.loads(entry["message"]) for entry in logs.filter_log_events(logGroupName="/aws/events/uploads")["events"]]

seen = {
    S3EventNotificationEventBridgeModel(**event).detail.object.key: S3EventBridgeNotificationEvent(event).detail.object.key
    for event in taken
}
for key in keys:
    print(f"uploaded, and by the model: {key if key in seen else seen}   by the data class: {seen.get(key)}")
expected = dict(zip(keys, ["R01-001/CT C.dcm", "R01-001/dose 50%.csv", "R01-001/plain.csv"], strict=True))
sys.exit(0 if seen == expected else 1)
PY
