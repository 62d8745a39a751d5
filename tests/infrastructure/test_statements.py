"""No statement of the template comes, goes or changes unnoticed."""

import copy

from tests.infrastructure.statements import ACCEPTED, canonical, collect
from tests.infrastructure.support import expanded


def test_the_statements_are_the_accepted_ones() -> None:
    accepted, actual = ACCEPTED.read_text(encoding="utf-8").splitlines(), collect(expanded())
    assert actual == accepted, (
        f"new: {sorted(set(actual) - set(accepted))}; gone: {sorted(set(accepted) - set(actual))}. "
        "If intended, write them down: python -m tests.infrastructure.statements > tests/infrastructure/statements.txt"
    )


def test_a_widened_resource_is_noticed() -> None:
    changed = copy.deepcopy(expanded())
    changed["Resources"]["SweepPolicy"]["Properties"]["PolicyDocument"]["Statement"][-1]["Resource"] = "*"
    assert collect(changed) != collect(expanded())


def test_sids_and_order_do_not_count() -> None:
    one = {"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}
    other = {"Sid": "B", "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": ["*"]}
    assert canonical(one) == canonical(other)
