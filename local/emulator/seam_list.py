"""Every seam by plug-in: the parameters of a function, or None for a table or a class."""

from __future__ import annotations

_SFN = "ministack.services.stepfunctions"


_IAM_ACTIONS = "ministack.core.iam_actions"


_IAM_EVALUATOR = "ministack.core.iam_evaluator"


_HANDLER = ("method", "path", "headers", "body", "query_params")


SEAMS: dict[str, dict[str, tuple[str, ...] | None]] = {
    "sagemaker": {
        "ministack.app.SERVICE_HANDLERS": None,
        "ministack.core.router.SERVICE_PATTERNS": None,
        "ministack.services.batch.handle_request": _HANDLER,  # the shape of every handler
    },
    "batch": {"ministack.app.SERVICE_HANDLERS": None},
    "batch_events": {"ministack.services.eventbridge._put_events": ("data", "allow_aws_source")},
    "batch_types": {
        "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS": None,
        "ministack.services.cloudformation.provisioners._physical_name": (
            "stack_name", "logical_id", "lowercase", "max_len", "seeded",
        ),
    },
    "processing_jobs": {"ministack.services.eventbridge._put_events": ("data", "allow_aws_source")},
    "roles": {
        "ministack.services.iam._roles": None,
        "ministack.services.sts.register_session": ("access_key", "session"),
    },
    "iam_checks": {
        f"{_IAM_ACTIONS}.SERVICE_TO_IAM_NAMESPACE": None,
        f"{_IAM_ACTIONS}._BOTOCORE_SERVICE_MAP": None,
        f"{_IAM_ACTIONS}.extract_resource_arn": (
            "service", "method", "path", "headers", "body", "query_params", "region", "account_id",
        ),
        f"{_IAM_EVALUATOR}.enforce": (
            "access_key_id", "iam_action", "service", "region", "resource_arn", "service_context",
        ),
        f"{_IAM_EVALUATOR}.evaluate": ("ctx", "policies", "limits"),
        f"{_IAM_EVALUATOR}.EvalContext": None,
        f"{_IAM_EVALUATOR}._gather_role_policies": ("role_name", "account_id"),
        "ministack.app.pin_request_origin": ("source_ip", "secure_transport"),
    },
    "state_machines": {
        f"{_SFN}._SERVICE_DISPATCH": None,
        f"{_SFN}._AWS_SDK_SERVICE_MAP": None,
        f"{_SFN}._AWS_SDK_ERROR_PREFIX": None,
        f"{_SFN}._AWS_SDK_ERROR_CODE_OVERRIDES": None,
        f"{_SFN}._state_machines": None,
        f"{_SFN}._ExecutionError": None,
        f"{_SFN}._execute_task": ("state_def", "raw_input", "execution", "ctx"),
        f"{_SFN}._invoke_resource": ("resource", "input_data"),
        f"{_SFN}._run_distributed_map": (
            "state_def", "raw_input", "effective", "iterator", "execution", "ctx",
        ),
        f"{_SFN}._resolve_path_or_ctx": ("path", "data", "ctx"),
        f"{_SFN}._resolve_params_obj": ("template", "data", "ctx"),
    },
    "map_results": {
        f"{_SFN}._map_runs": None,
        f"{_SFN}._executions": None,
        f"{_SFN}._apply_result_selector": ("state_def", "data"),
        f"{_SFN}._apply_result_path": ("state_def", "original", "result"),
        f"{_SFN}._apply_output_path": ("state_def", "data", "ctx"),
    },
    "function_runtime": {
        "ministack.core.lambda_runtime._detect_runtime_binary": ("runtime",),
        "ministack.services.lambda_svc._execute_function_warm": ("func", "event", "request_id"),
    },
    "sqs_batches": {
        "ministack.services.sqs._queues": None,
        "ministack.services.sqs._receive_messages_for_esm": ("queue_url", "max_number"),
    },
    "emf_metrics": {
        "ministack.services.cloudwatch_logs._fanout_to_subscription_filters": (
            "group_name", "stream_name", "events",
        ),
        "ministack.services.cloudwatch._put_metric_data": ("params", "cbor_data", "is_cbor", "is_json"),
    },
    "execution_metrics": {
        f"{_SFN}._emit_execution_status_event": ("execution",),
        "ministack.services.cloudwatch._put_metric_data": ("params", "cbor_data", "is_cbor", "is_json"),
    },
    "athena_tables": {
        "ministack.services.athena._table_relation": ("table_data", "files"),
        "ministack.services.athena._empty_relation": ("table_data",),
    },
    "template_types": {
        "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS": None,
        "ministack.services.lambda_svc._put_function_concurrency": ("func_name", "data"),
        "ministack.services.lambda_svc._delete_function_concurrency": ("func_name",),
    },
}  # fmt: skip
