"""Whether a cohort can be built: known cases, no modality without records, somebody who died."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multimodal.dataset.plan import BuildPlan
from multimodal.ledger.errors import BadInputError, Reason

_SHOWN = 5


@dataclass(frozen=True)
class Counted:
    """What was counted before the join.

    Parameters
    ----------
    cases : int
        Cases of the cohort.
    unknown : sequence of str
        Cases of the cohort that no group has a record of.
    rows : mapping
        Group → cases in its snapshot, whatever the cohort.
    within : mapping
        Group → of the cohort: cases, cases with several event times, cases that only their upload dates, cases without
        an index time.
    """

    cases: int
    unknown: Sequence[str]
    rows: Mapping[str, int]
    within: Mapping[str, Sequence[int]]

    def cases_of(self, plan: BuildPlan, modality: str) -> int:
        """Return the most cases that a group of a modality has within the cohort."""
        return max(self.within[g.columns.spec.name][0] for g in plan.groups if g.columns.modality == modality)


def check_cohort(counted: Counted, plan: BuildPlan) -> None:
    """Reject a cohort of which nothing sensible could be built; `BUILD_INVALID`."""
    if not counted.cases:
        raise _invalid(f"no case of {plan.request.dataset} has labels yet; upload its clinical table, or list cases")
    if counted.unknown:
        shown = ", ".join(counted.unknown[:_SHOWN]) + (" …" if len(counted.unknown) > _SHOWN else "")
        raise _invalid(
            f"{len(counted.unknown)} of {counted.cases} cases have no record in any group that is joined: {shown}; "
            "correct the list of cases, or upload their data first"
        )
    empty = [modality for modality in plan.columns.modalities if not counted.cases_of(plan, modality)]
    if empty:
        others = [m for m in plan.columns.modalities if m not in empty]
        example = f'; without it: "modalities": {others}'.replace("'", '"') if others else ""
        raise _invalid(f"{', '.join(empty)} has no record of any of the {counted.cases} cases that counts{example}")


def check_events(strata: Mapping[str, Mapping[str, int]], plan: BuildPlan) -> None:
    """Reject a cohort in which nobody died, unless the request says that it may be; `BUILD_INVALID`."""
    if plan.columns.labels is None or not plan.request.require_events:
        return
    if not any(stratum.endswith("event 1") for stratum in strata):
        raise _invalid(
            "nobody in the cohort is known to have died: all are censored or without a label, and no survival model "
            'can learn from that; choose another cohort, or build it anyway with "require_events": false'
        )


def _invalid(message: str) -> BadInputError:
    return BadInputError(Reason.BUILD_INVALID, message)
