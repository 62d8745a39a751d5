"""A plan: the jobs, minutes, dollars and quotas of a workload, in both lanes of imaging."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from multimodal.imaging.jobs import pack, share_lanes
from multimodal.ledger.claim import PlannedUnit
from multimodal.ledger.unit import Unit
from multimodal.planning.figures import Figures
from multimodal.planning.simulation import Course, Lane, Work, simulate
from multimodal.planning.workload import Workload

TABLE_GIB, TABLE_SECONDS = 3, 60
"""A table takes a Lambda function of this memory about a minute."""


@dataclass(frozen=True)
class Settings:
    """The template's parameters that a plan depends on, and seconds without a new object until a folder is complete."""

    concurrency: int = 50
    instance_type: str = "ml.r5.large"
    rnaseq_vcpus: int = 8
    rnaseq_memory_mib: int = 32768
    rnaseq_max_vcpus: int = 64
    quiet_period: int = 300
    fast_lane_megabytes: int = 400


@dataclass(frozen=True)
class Share:
    """One way to run one modality: jobs, machines at once, minutes from the run's start, machine minutes, dollars."""

    name: str
    units: int
    jobs: int
    machines: int
    minutes: float
    machine_minutes: float
    dollars: float
    quota: str


@dataclass(frozen=True)
class Plan:
    """What a workload needs; `shares` of imaging are alternatives, all others add up."""

    imaging: tuple[Share, ...]
    others: tuple[Share, ...]
    workload: Workload
    settings: Settings
    prices: str

    def as_document(self) -> dict[str, Any]:
        """Return the plan for `plan.json`."""
        work = self.workload
        counts = {
            name: {"units": len(units), "bytes": sum(units.values())}
            for name, units in (
                ("studies", work.studies),
                ("samples", work.samples),
                ("references", work.references),
                ("tables", work.tables),
            )
        }
        return {
            "schema": 1,
            "found": counts,
            "imaging": [asdict(share) for share in self.imaging],
            "others": [asdict(share) for share in self.others],
            "refused": [asdict(refusal) for refusal in work.refusals],
            "unknown_datasets": work.unknown_datasets,
            "rows": {key: asdict(found) for key, found in work.rows.items()},
            "ignored_files": work.ignored,
            "settings": asdict(self.settings),
            "prices": self.prices,
        }


def make_plan(workload: Workload, settings: Settings, figures: Figures) -> Plan:
    """Estimate a workload.

    Parameters
    ----------
    workload : Workload
    settings : Settings
        Parameters of the stack, or the template's defaults.
    figures : Figures
        Prices and times.
    """
    imaging = imaging_shares(list(workload.studies.items()), settings, figures) if workload.studies else ()
    others = tuple(share for share in (_genomics(workload, settings, figures), _tables(workload, figures)) if share)
    prices = figures.prices
    return Plan(imaging, others, workload, settings, f"{prices.region}, list prices of {prices.date}")


def imaging_shares(studies: Sequence[tuple[Unit, int]], settings: Settings, figures: Figures) -> tuple[Share, ...]:
    """Return imaging on SageMaker Processing alone, and with the fast lane for the studies that fit it."""
    planned = planned_units(studies)
    processing = _processing("SageMaker Processing", planned, settings, figures)
    small, large = share_lanes(planned, settings.fast_lane_megabytes)
    if not small:
        return (processing,)
    fast = _fast_lane(small, settings, figures)
    rest = [_processing("… and Processing, larger ones", large, settings, figures)] if large else []
    return (processing, fast, *rest)


def planned_units(studies: Iterable[tuple[Unit, int]]) -> list[PlannedUnit]:
    """Return studies as a run takes them up."""
    return [
        PlannedUnit(unit.unit_id, unit.dataset, unit.subject, unit.study, "", 1, 1, size, "") for unit, size in studies
    ]


def works_of(jobs: Iterable[Sequence[PlannedUnit]], figures: Figures) -> list[list[Work]]:
    """Return what the studies of each job take."""
    return [[work_of(unit.bytes, figures) for unit in job] for job in jobs]


def _processing(name: str, planned: Sequence[PlannedUnit], settings: Settings, figures: Figures) -> Share:
    jobs = works_of(pack(planned, settings.concurrency), figures)
    course = simulate(jobs, processing_lane(figures), settings.concurrency)
    dollars = course.machine_seconds / 3600 * figures.prices.processing_hour[settings.instance_type]
    quota = f"{course.machines} × {settings.instance_type} {'job' if course.machines == 1 else 'jobs'}"
    return _share(name, len(planned), len(jobs), course, dollars, quota)


def _fast_lane(small: Sequence[Sequence[PlannedUnit]], settings: Settings, figures: Figures) -> Share:
    lane, prices = figures.fast_lane, figures.prices
    jobs = works_of(small, figures)
    course = simulate(jobs, Lane(lane.start_up_seconds, lane.launches_per_second, lane.workers), settings.concurrency)
    dollars = course.machine_seconds * lane.memory_gib * prices.lambda_gib_second + len(jobs) * prices.lambda_request
    quota = f"{course.machines} Lambda {'execution' if course.machines == 1 else 'executions'}"
    return _share("Lambda (fast lane)", sum(map(len, small)), len(jobs), course, dollars, quota)


def processing_lane(figures: Figures, start_ups: Sequence[float] = ()) -> Lane:
    """Return SageMaker Processing with its usual, or with given, start-up times."""
    lane = figures.processing
    return Lane(start_ups or lane.start_ups, lane.launches_per_second, lane.workers)


def work_of(size: int, figures: Figures) -> Work:
    """Return what a study of `size` bytes takes."""
    return Work(figures.imaging.transfer_seconds(size), figures.imaging.compute_seconds(size))


def _genomics(workload: Workload, settings: Settings, figures: Figures) -> Share | None:
    """Samples on Fargate, as many at once as `RnaseqMaxVcpus` allows; references are built first, once."""
    if not workload.samples:
        return None
    lane, prices = figures.genomics, figures.prices
    at_once = max(1, settings.rnaseq_max_vcpus // settings.rnaseq_vcpus)
    jobs = [[Work(0, lane.seconds(size))] for size in workload.samples.values()]
    course = simulate(jobs, Lane([lane.start_up_seconds], 2, 1), at_once)
    hour = (
        settings.rnaseq_vcpus * prices.fargate_vcpu_hour + settings.rnaseq_memory_mib / 1024 * prices.fargate_gib_hour
    )
    quota = f"{course.machines * settings.rnaseq_vcpus} Fargate vCPUs"
    return _share("RNA-seq on Fargate", len(jobs), len(jobs), course, course.machine_seconds / 3600 * hour, quota)


def _tables(workload: Workload, figures: Figures) -> Share | None:
    """Tables of a dataset are taken one after the other."""
    if not workload.tables:
        return None
    count = len(workload.tables)
    seconds = float(count * TABLE_SECONDS)
    dollars = seconds * TABLE_GIB * figures.prices.lambda_gib_second
    return _share("Tables on Lambda", count, count, Course(seconds, seconds, 1), dollars, "none")


def _share(name: str, units: int, jobs: int, course: Course, dollars: float, quota: str) -> Share:
    minutes, machine_minutes = round(course.seconds / 60, 1), round(course.machine_seconds / 60, 1)
    return Share(name, units, jobs, course.machines, minutes, machine_minutes, round(dollars, 2), quota)


def settings_of(parameters: Mapping[str, str], concurrency: int | None = None) -> Settings:
    """Return what a stack's parameters say; defaults are the template's."""
    default = Settings()

    def number(name: str, otherwise: int) -> int:
        return int(parameters.get(name) or otherwise)

    return Settings(
        concurrency or number("MaxConcurrency", default.concurrency),
        parameters.get("ProcessingInstanceType", default.instance_type),
        number("RnaseqVcpus", default.rnaseq_vcpus),
        number("RnaseqMemoryMib", default.rnaseq_memory_mib),
        number("RnaseqMaxVcpus", default.rnaseq_max_vcpus),
        number("QuietPeriodSeconds", default.quiet_period),
        0
        if parameters.get("ImagingCompute") == "processing"
        else number("FastLaneMegabytes", default.fast_lane_megabytes),
    )
