"""An uploaded `imaging/<dataset>/_plan.json`: the plan of what lies in RawBucket, or of a cohort that does not yet."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multimodal.ledger.errors import BadInputError, InvalidRequestError, Reason
from multimodal.ledger.ports import Ports
from multimodal.ledger.unit import Modality, Unit
from multimodal.observability import logger
from multimodal.planning.estimate import Settings, make_plan
from multimodal.planning.figures import Figures, read_figures
from multimodal.planning.packing import packing_curves
from multimodal.planning.page import plan_page
from multimodal.planning.workload import File, made_up_studies, read_workload

PLAN_NAME = "_plan.json"
PLAN_STUDY = "plan-file"
"""Stands for the study in the unit that says what is wrong with a request for a plan."""


class PlanRequest(BaseModel):
    """What a `_plan.json` may say; `{}` plans what the dataset has in RawBucket."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    studies: Annotated[int, Field(ge=1, le=100_000)] | None = None
    study_megabytes: Annotated[float, Field(gt=0, le=100_000)] = 150.0
    concurrency: Annotated[int, Field(ge=1, le=10_000)] | None = None


@dataclass(frozen=True)
class PlanWriter:
    """Writes `plans/<dataset>/plan.json` and `plan.html` into ProcessedBucket.

    Parameters
    ----------
    ports : Ports
    datasets : frozenset of str
        Names of the deployed datasets.
    settings : Settings
        What the stack's parameters say.
    """

    ports: Ports
    datasets: frozenset[str]
    settings: Settings

    def write(self, key: str) -> dict[str, Any]:
        """Write the plan that `imaging/<dataset>/_plan.json` asks for; an invalid one is noted in the ledger.

        Raises
        ------
        InvalidRequestError
            When the key is no request's.
        """
        dataset = _dataset_of(key)
        try:
            request = _read_request(self.ports.raw.read_text(key))
        except BadInputError as error:
            unit = Unit(dataset, "-", PLAN_STUDY)
            self.ports.ledger.record_invalid_upload(unit, error.reason_code, error.message, error.details)
            return {"key": ""}
        return {"key": self._write(dataset, request, read_figures())}

    def _write(self, dataset: str, request: PlanRequest, figures: Figures) -> str:
        settings = replace(self.settings, concurrency=request.concurrency or self.settings.concurrency)
        files = (
            made_up_studies(request.studies, round(request.study_megabytes * 1e6), dataset)
            if request.studies
            else self._uploaded(dataset)
        )
        plan = make_plan(read_workload(files, self.datasets), settings, figures)
        folder = f"plans/{dataset}/"
        page = plan_page(dataset, plan, packing_curves(plan, figures), figures)
        self.ports.processed.write_text(folder + "plan.html", page, "text/html; charset=utf-8")
        self.ports.processed.write_json(folder + "plan.json", plan.as_document())
        logger().info("plan written", dataset=dataset, studies=len(plan.workload.studies))
        return folder + "plan.json"

    def _uploaded(self, dataset: str) -> Iterator[File]:
        for modality in Modality:
            for stored in self.ports.raw.objects_under(f"{modality}/{dataset}/"):
                yield File(stored.key, stored.size)


def _dataset_of(key: str) -> str:
    match key.split("/"):
        case [Modality.IMAGING, dataset, name] if name == PLAN_NAME:
            return dataset
    raise InvalidRequestError(f"the key must be imaging/<dataset>/{PLAN_NAME}")


def _read_request(text: str | None) -> PlanRequest:
    try:
        return PlanRequest.model_validate(json.loads(text or "{}"))
    except (ValueError, ValidationError, RecursionError) as error:
        expected = '{} or {"studies": 162, "study_megabytes": 152, "concurrency": 50}'
        raise BadInputError(Reason.PLAN_INVALID, f"{PLAN_NAME} must be {expected}; replace it") from error
