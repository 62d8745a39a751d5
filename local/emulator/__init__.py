"""What the emulator lacks, added from outside: one module per subject, installed before it starts.

Every module says which seam of the emulator it uses; `seams` lists them all, and the emulator does not start
when one is missing. All modules run inside the emulator's process (`.venv-emulator`).
"""

from __future__ import annotations

from local.emulator import (
    athena_tables,
    batch,
    emf_metrics,
    execution_metrics,
    feature_store,
    function_runtime,
    iam_checks,
    processing_jobs,
    sagemaker,
    sqs_batches,
    state_machines,
    template_types,
)


def install_all() -> None:
    """Install every plug-in; ministack must be imported already and not be serving yet."""
    sagemaker.install({**processing_jobs.OPERATIONS, **feature_store.OPERATIONS})
    batch.install()
    iam_checks.install()
    state_machines.install()
    function_runtime.install()
    sqs_batches.install()
    template_types.install()
    emf_metrics.install()
    execution_metrics.install()
    athena_tables.install()
