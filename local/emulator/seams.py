"""The functions and tables of the emulator that plug-ins build on, and whether they are still there.

The emulator's releases come several a week and none of this is its public interface. The emulator does not
start when a seam is gone, and a test checks them all: `python -m local.emulator.seams`, run in
`.venv-emulator`, prints those that are broken.
"""

import importlib
import inspect
import sys
import threading

_SFN = "ministack.services.stepfunctions"
_IAM_ACTIONS = "ministack.core.iam_actions"
_IAM_EVALUATOR = "ministack.core.iam_evaluator"
_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_HANDLER = ("method", "path", "headers", "body", "query_params")

SEAMS: dict[str, dict[str, tuple[str, ...] | None]] = {
    "server": {
        "hypercorn.asyncio.serve": ("app", "config", "shutdown_trigger", "mode"),
        "uvicorn.protocols.http.httptools_impl.RequestResponseCycle": None,
    },
    "service_models": {"botocore.session.create_loader": ("search_path_string",)},
    "aws": {"ministack.services.eventbridge._put_events": ("data", "allow_aws_source")},
    "sagemaker/api": {
        "ministack.app.SERVICE_HANDLERS": None,
        "ministack.core.router.SERVICE_PATTERNS": None,
        "ministack.services.batch.handle_request": _HANDLER,  # the shape of every handler
    },
    "batch/api": {"ministack.app.SERVICE_HANDLERS": None},
    "batch/template_types": {
        f"{_PROVISIONERS}._RESOURCE_HANDLERS": None,
        f"{_PROVISIONERS}._physical_name": ("stack_name", "logical_id", "lowercase", "max_len", "seeded"),
    },
    "iam": {
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
        f"{_IAM_EVALUATOR}.parse_policy_document": ("doc",),
        f"{_IAM_EVALUATOR}.evaluate_resource_policy": ("doc", "ctx", "service", "named_only", "direct_only"),
        f"{_IAM_EVALUATOR}._gather_role_policies": ("role_name", "account_id"),
        "ministack.app.pin_request_origin": ("source_ip", "secure_transport"),
        "ministack.services.iam._roles": None,
        "ministack.services.sts.register_session": ("access_key", "session"),
    },
    "calls": {
        f"{_IAM_EVALUATOR}.evaluate": ("ctx", "policies", "limits"),
        f"{_IAM_EVALUATOR}.evaluate_resource_policy": ("doc", "ctx", "service", "named_only", "direct_only"),
        f"{_IAM_EVALUATOR}._first_match": ("ctx", "stmts", "effect"),
        f"{_IAM_EVALUATOR}._resource_matches": ("resource_arn", "resources", "not_resources"),
    },
    "step_functions": {
        f"{_SFN}._SERVICE_DISPATCH": None,
        f"{_SFN}._AWS_SDK_SERVICE_MAP": None,
        f"{_SFN}._AWS_SDK_ERROR_PREFIX": None,
        f"{_SFN}._AWS_SDK_ERROR_CODE_OVERRIDES": None,
        f"{_SFN}._state_machines": None,
        f"{_SFN}._map_runs": None,
        f"{_SFN}._executions": None,
        f"{_SFN}._ExecutionError": None,
        f"{_SFN}._execute_task": ("state_def", "raw_input", "execution", "ctx"),
        f"{_SFN}._invoke_resource": ("resource", "input_data"),
        f"{_SFN}._run_distributed_map": ("state_def", "raw_input", "effective", "iterator", "execution", "ctx"),
        f"{_SFN}._resolve_path_or_ctx": ("path", "data", "ctx"),
        f"{_SFN}._resolve_params_obj": ("template", "data", "ctx"),
        f"{_SFN}._apply_result_selector": ("state_def", "data"),
        f"{_SFN}._apply_result_path": ("state_def", "original", "result"),
        f"{_SFN}._apply_output_path": ("state_def", "data", "ctx"),
    },
    "definitions": {
        f"{_SFN}._validate_definition_jsonata": ("definition_str",),
        f"{_SFN}._SERVICE_DISPATCH": None,
        f"{_PROVISIONERS}._sfn_definition": ("props",),
    },
    "execution_environments": {
        "ministack.core.lambda_runtime.Worker": ("func_name", "config", "code_zip"),
        "ministack.core.lambda_runtime._detect_runtime_binary": ("runtime",),
        "ministack.core.lambda_runtime._RESERVED_RUNTIME_ENV_VARS": None,
        "ministack.core.lambda_runtime.execution_credentials": ("config",),
        "ministack.core.lambda_runtime.kill_workers": ("workers",),
        "ministack.services.lambda_svc._resolve_layer_zip": ("attachment",),
    },
    "faults": {
        "ministack.app.SERVICE_HANDLERS": None,
        "ministack.services.eventbridge._invoke_target": ("target", "event", "rule", "view"),
        "ministack.core.lambda_runtime.Worker": ("func_name", "config", "code_zip"),
        "ministack.core.lambda_runtime.execution_credentials": ("config",),
    },
    "persistence": {
        "ministack.app.save_all": ("services",),
        "ministack.app._load_persisted_state": (),
    },
    "image_functions": {
        "ministack.services.lambda_svc._execute_function_docker": ("func", "event", "request_id"),
        "ministack.services.lambda_svc._execute_function_warm": ("func", "event", "request_id"),
    },
    "functions": {
        "ministack.core.concurrency.esm_wake": None,
        "ministack.services.lambda_svc._execute_function_warm": ("func", "event", "request_id"),
        "ministack.services.sqs._queues": None,
        "ministack.services.sqs._receive_messages_for_esm": ("queue_url", "max_number"),
    },
    "metrics": {
        "ministack.services.cloudwatch_logs._fanout_to_subscription_filters": ("group_name", "stream_name", "events"),
        f"{_SFN}._emit_execution_status_event": ("execution",),
        "ministack.services.lambda_svc._execute_function": ("func", "event"),
        "ministack.services.lambda_svc._emit_lambda_metrics": ("function_name", "duration_ms", "error", "throttle"),
        "ministack.services.cloudwatch._put_metric_data": ("params", "cbor_data", "is_cbor", "is_json"),
    },
    "athena/execution": {
        "ministack.services.athena._start_query_execution": ("data",),
        "ministack.services.athena._execute_query": ("query_id", "query", "database", "ddl", "catalog"),
        "ministack.services.athena._get_query_results": ("data",),
        "ministack.services.athena._executions": None,
        "ministack.services.athena._workgroups": None,
        "ministack.services.athena._parse_ddl": ("query",),
        "ministack.services.athena._run_ddl": ("ddl", "database"),
    },
    "athena/tables": {
        "ministack.services.athena._hidden": ("relative_key",),
        "ministack.services.athena._table_relation": ("table_data", "files"),
        "ministack.services.athena._empty_relation": ("table_data",),
        "ministack.services.glue._tables": None,
        "ministack.services.s3._buckets": None,
    },
    "iceberg/files": {"ministack.services.s3._object_disk_path": ("bucket", "key", "account_id")},
    "athena/results": {"ministack.services.s3._get_object_data": ("bucket_name", "key", "version_id")},
    "object_files": {
        "ministack.services.s3.DATA_DIR": None,
        "ministack.services.s3._plain_path_key": ("key",),
        "ministack.services.s3._read_body": ("bucket_name", "key", "obj"),
    },
    "nested_stacks": {
        "ministack.services.cloudformation._stacks": None,
        f"{_PROVISIONERS}._update_resource": (
            "resource_type", "physical_id", "old_props", "new_props", "stack_name", "logical_id", "old_attrs",
        ),
    },
    "template_types": {
        f"{_PROVISIONERS}._cw_metric_alarm_record": ("name", "props"),
    },
}  # fmt: skip
"""By plug-in: the parameters of each function that it uses, or None for a table, a class or a text."""


_TABLES = (dict, set, str, threading.Event)


def broken_seams() -> list[str]:
    """Return a line for each seam that is missing or has other parameters than expected."""
    return [
        f"{name}: {problem}. Look at local/emulator/{plugin}.py."
        for plugin, names in SEAMS.items()
        for name, parameters in names.items()
        if (problem := _problem(name, parameters))
    ]


def _problem(name: str, parameters: tuple[str, ...] | None) -> str | None:
    module_name, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError:
        return "the module is gone"
    except AttributeError:
        return "is gone"
    if parameters is None:
        return None if isinstance(found, _TABLES) or hasattr(found, "get") or callable(found) else "is no table"
    actual = tuple(inspect.signature(found).parameters)
    return None if actual == parameters else f"takes {actual} instead of {parameters}"


def main() -> int:
    """Print the broken seams, one a line, and return their number."""
    broken = broken_seams()
    print(*broken, sep="\n", end="\n" if broken else "")
    return len(broken)


if __name__ == "__main__":
    sys.exit(main())
