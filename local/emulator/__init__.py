"""What the emulator lacks, added from outside: one module or package per subject, installed before it starts.

Every module says which seam of the emulator it uses; `seams` lists them all, and the emulator does not start
when one is missing. All modules run inside the emulator's process (`.venv-emulator`). `README.md` says what is
patched and why, and how to move to another version.
"""

from local.emulator import (
    athena,
    batch,
    calls,
    definitions,
    execution_environments,
    faults,
    functions,
    iam,
    image_functions,
    metrics,
    nested_stacks,
    object_files,
    persistence,
    sagemaker,
    server,
    service_models,
    step_functions,
    template_types,
)


def install_all() -> None:
    """Install every plug-in; ministack must be imported already and not be serving yet."""
    for plugin in (
        server,
        service_models,
        sagemaker,
        batch,
        iam,
        calls,
        step_functions,
        definitions,
        execution_environments,
        functions,
        image_functions,
        template_types,
        nested_stacks,
        object_files,
        metrics,
        athena,
        faults,
        persistence,
    ):
        plugin.install()
