"""`multimodal check` on the laptop cloud, as far as it answers."""

from pathlib import Path

from cli.check.command import CHECKS, run_checks
from cli.check.finding import Level
from cli.check.target import Target
from cli.deployment import connect
from local.cloud.cloud import start_cloud, stop_cloud


def test_a_service_that_does_not_answer_is_a_line_and_ends_no_other(tmp_path: Path) -> None:
    cloud = start_cloud(tmp_path, die_with_parent=True)
    try:
        target = Target(connect("nobody", cloud.environment()), {})
        found = list(run_checks(target, [each for each in CHECKS if each[0] in {"stack", "Lambda", "Lake Formation"}]))
    finally:
        stop_cloud(cloud)
    levels = {finding.subject: finding.level for finding in found}
    assert levels == {"stack": Level.OK, "Lambda": Level.OK, "Lake Formation": Level.WARN}
    assert found[-1].message.startswith("could not look: GetDataLakeSettings")
