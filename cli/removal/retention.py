"""What no command removes, and for how long it stays."""

from cli.deployment import Deployment

ACCESS_LOG_DAYS, LEDGER_DAYS, MESSAGE_DAYS, NONCURRENT_DAYS = 400, 35, 14, 90
"""As template.yaml says: access logs expire, and so do messages and noncurrent versions of objects; the ledger's
point-in-time recovery is 35 days."""
_EXECUTION_DAYS, _QUERY_DAYS, _BATCH_DAYS = 90, 45, 7
"""As AWS says of executions of standard state machines, of the history of queries, and of jobs that ended."""


def kept_elsewhere(deployment: Deployment) -> list[str]:
    """Return what may name the subject outside of the stack's data, each with how long it stays."""
    logs = deployment.parameters.get("LogRetentionDays", "365")
    return [
        f"log lines with the subject's key: {logs} days (LogRetentionDays)",
        "the log group of SageMaker's processing jobs: for ever, until you set a retention",
        f"keys in the access logs of the buckets: {ACCESS_LOG_DAYS} days",
        f"point-in-time recovery of the ledger: {LEDGER_DAYS} days",
        f"messages in dead-letter queues: {MESSAGE_DAYS} days; purge them to be rid of them now",
        f"executions of Step Functions: {_EXECUTION_DAYS} days; commands of Batch jobs: {_BATCH_DAYS} days",
        f"the history of queries in Athena, in which the erasing statements name the subject: {_QUERY_DAYS} days",
        "CloudTrail, AWS Backup, replicas, home directories in Studio, and whatever was downloaded: not the stack's",
    ]
