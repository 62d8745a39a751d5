"""Nothing lost, nothing twice, on the deployed template: all three modalities while the laptop cloud's services fail.

`make chaos` runs it, as it takes minutes. The faults are those of `local/emulator/faults.py`; what waits for minutes in
AWS waits for seconds here, so that the end is reached.
"""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from cli.deployment import Deployment, connect
from cli.errors import CommandError
from cli.features import describe_group, find_group, run_query
from cli.laptop import read_cloud
from cli.ledger import Unit, read_units
from cli.project import DATASET, ROOT, STACK
from cli.replay import replay_dead_letters
from cli.retry import ask_sweep, request_reruns
from cli.sources.reads import read_reads
from cli.sources.studies import read_studies
from cli.upload import upload_source
from cli.wait import nudged_sweep
from local.cloud.cloud import keeping_state, restart_cloud, start_cloud, stop_cloud
from local.emulator.faults import JOB_FAULTS, LOG, SWITCH
from local.synthetic import cohort_specs, write_corrupt_study, write_study
from local.synthetic.clinical import write_clinical_table
from local.synthetic.reads import write_rna_cohort
from tests.end_to_end.canaries import BORN, SURNAME
from tests.end_to_end.pipeline import Pipeline, silent_console
from tests.end_to_end.sources import deploy_sources
from tests.end_to_end.studies import small
from tests.end_to_end.tables import read_table, to_csv

pytestmark = [
    pytest.mark.skipif("CHAOS_EXAMPLES" not in os.environ, reason="it takes minutes: make chaos"),
    pytest.mark.timeout(900),
]
PLAN = {
    "throttled dynamodb": (5, 40),
    "throttled sagemaker": (1, 3),
    "throttled processing": (1, 4),
    "throttled featurestore": (2, 5),
    "throttled batch": (1, 5),
    "event_lost": (2, 20),
    "event_twice": (3, 10),
    "event_late": (4, 10),
    **{f"killed_{when} UpdateItem": (first, 150) for when, first in (("before", 9), ("after", 29))},
    **{f"killed_{when} PutObject": (first, 80) for when, first in (("before", 3), ("after", 33))},
    **{f"killed_{when} BatchWriteRecord": (first, 9) for when, first in (("before", 3), ("after", 6))},
    **{f"killed_{when} submitjob": (first, 9) for when, first in (("before", 2), ("after", 4))},
    **{f"{fault} radiomics_job": (first, 6) for first, fault in enumerate(JOB_FAULTS, 1)},
    **{f"{fault} rnaseq_job": (first, 6) for first, fault in enumerate(JOB_FAULTS, 2)},  # the first builds a reference
}
"""Of each fault of `local/emulator/faults.py`, its first occasion and every how many from there."""
STUDIES, CASES, TABLES = 18, 9, 9
"""Good units of each modality; one or two bad ones come with them."""
LATE = 4
"""Studies that are uploaded just before the cloud is restarted."""
ROWS = 6
FAULTS_SECONDS, CALM_SECONDS = 360, 300
SHORTER = {
    "ledger/outcome.py": {"INGEST_RECHECK_SECONDS": 20, "SHORTAGE_RECHECK_SECONDS": 20},
    "ledger/claim.py": {"LEASE_SECONDS": 30},
    "pipeline/sweep.py": {"ROUND_SECONDS": 20, "POSTPONE_SECONDS": 20},
}
"""Waits that would outlast the test: after a killed run or round, AWS has minutes for the next."""


@dataclass(frozen=True)
class Cohort:
    """What was uploaded: the reason wanted of each unit, none of a good one; and the cases of the good tables."""

    wanted: dict[str, str]
    cases: set[str]


def shorten(source: Path) -> None:
    """Let what waits for minutes wait for seconds."""
    for name, constants in SHORTER.items():
        path = source / "functions" / "multimodal" / name
        for constant, seconds in constants.items():
            pattern = re.compile(rf"(\b{constant} = .*?)\b\d+$", re.M)
            text, count = pattern.subn(rf"\g<1>{seconds}", path.read_text())
            assert count == 1, f"{constant} is no longer in {name}"
            path.write_text(text)


def settings(root: Path) -> dict[str, str]:
    return {**keeping_state(root), "MULTIMODAL_FAULTS": json.dumps(PLAN)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos") / "cloud"


@pytest.fixture(scope="module")
def pipeline(root: Path) -> Iterator[Pipeline]:
    cloud = start_cloud(root, die_with_parent=True, extra_env=settings(root))
    environment = cloud.environment()
    deploy_sources(environment, shorten, ImagingCompute="processing")  # jobs, not functions: they can be killed
    deployment = connect(STACK, environment)
    for url in deployment.sqs.list_queues()["QueueUrls"]:
        deployment.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "10"})
    yield Pipeline(deployment, CALM_SECONDS)
    stop_cloud(root)


def upload(pipeline: Pipeline, folder: Path) -> Cohort:
    """Upload all three modalities at once, one in ten of each corrupt."""
    wanted: dict[str, str] = {}
    for part in ("studies", "late", "reads", "tables"):
        (folder / part).mkdir()
    for number, spec in enumerate(cohort_specs(seed=31, studies=STUDIES)):
        part = "late" if number < LATE else "studies"
        write_study(folder / part, small(replace(spec, subject=f"R01-{700 + number}")))
    for number in (0, 1):
        write_corrupt_study(folder / "studies", subject=f"R01-{790 + number}", seed=50 + number)
    config = yaml.safe_load((ROOT / "functions" / "datasets" / f"{DATASET}.yaml").read_text())
    cases = [f"R01-{800 + number}" for number in range(CASES + 1)]
    write_rna_cohort(folder / "reads", cases, reference=config["genomics"]["reference"], truncated=cases[-1:])
    console, deployment = silent_console(), pipeline.deployment
    for source in (read_studies(folder / "studies"), read_reads(folder / "reads")):
        uploaded = upload_source(console, deployment, source, DATASET).unit_ids
        wanted |= {unit: "READS_TRUNCATED" if cases[-1] in unit else "" for unit in uploaded}
    wanted |= {unit: "UNREADABLE_DICOM" for unit in wanted if "#R01-79" in unit}
    for number in range(TABLES):
        path = folder / "tables" / f"table-{number}.csv"
        write_clinical_table(path, [f"R01-{ROWS * number + n:03d}" for n in range(ROWS)], seed=number)
        wanted[f"clinical#{DATASET}#{path.name}"] = ""
        pipeline.store(f"clinical/{DATASET}/{path.name}", path.read_bytes())
    named = [{**row, "Surname": SURNAME, "Born": BORN} for row in read_table(path)]
    wanted[f"clinical#{DATASET}#named.csv"] = "COLUMNS_NOT_DECLARED"
    pipeline.store(f"clinical/{DATASET}/named.csv", to_csv(named))
    return Cohort(wanted, {f"R01-{number:03d}" for number in range(TABLES * ROWS)})


def stored_rows(deployment: Deployment, content: str) -> tuple[Counter[str], int]:
    """Return how many records the offline store has of each case, and how many rows are one of them written again.

    A function that is killed after it has written and before it has said so writes the same record again; every reader
    takes one of them (`features-2`).
    """
    group = describe_group(deployment, find_group(deployment, f"{DATASET}-{content}"))
    query = f"SELECT case_id, event_time, count(*) AS times FROM {group.qualified_table} GROUP BY case_id, event_time"
    rows = list(run_query(deployment, query, database=group.database))
    return Counter(str(row["case_id"]) for row in rows), sum(int(str(row["times"])) - 1 for row in rows)


def wait(deployment: Deployment, done: Callable[[dict[str, Unit]], bool], seconds: float) -> dict[str, Unit]:
    """Do what `docs/reliability.md` says a person does, replay and retry, until all is done or time is over."""
    deadline, units = time.monotonic() + seconds, dict[str, Unit]()
    with nudged_sweep(deployment):
        while time.monotonic() < deadline:
            replay_dead_letters(deployment)
            units = {unit.unit_id: unit for unit in read_units(deployment) if not unit.is_note}
            if done(units):
                break
            with suppress(CommandError):  # the sweep was killed: again in a moment
                request_reruns(deployment, [unit.unit_id for unit in units.values() if unit.status == "FAILED"])
            time.sleep(2)
    return units


def settled(units: dict[str, Unit], cohort: Cohort) -> bool:
    known = [units[unit_id] for unit_id in cohort.wanted if unit_id in units]
    return len(known) == len(cohort.wanted) and all(unit.is_settled and unit.status != "FAILED" for unit in known)


def ringing(deployment: Deployment) -> list[str]:
    """Return names of the alarms that rang: here none ends by itself."""
    alarms = deployment.session.client("cloudwatch", endpoint_url=deployment.endpoint)
    pages = alarms.get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return sorted(alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"])


def injected(root: Path) -> Counter[str]:
    return Counter((root / LOG).read_text().splitlines())


def test_nothing_is_lost_and_nothing_done_twice(pipeline: Pipeline, root: Path, tmp_path: Path) -> None:
    deployment = pipeline.deployment
    (root / SWITCH).touch()
    cohort = upload(pipeline, tmp_path)
    wait(deployment, lambda _: set(injected(root)) == set(PLAN), FAULTS_SECONDS)
    late = upload_source(silent_console(), deployment, read_studies(tmp_path / "late"), DATASET).unit_ids
    cohort.wanted.update(dict.fromkeys(late, ""))
    wait(deployment, lambda units: any(units[name].status == "PROCESSING" for name in late if name in units), 60)
    (root / SWITCH).unlink()
    restarted = read_cloud(root)
    assert restarted
    restart_cloud(restarted, settings(root))
    ask_sweep(deployment, {"action": "reconcile"})
    units = wait(deployment, lambda units: settled(units, cohort), CALM_SECONDS)
    faults = injected(root)
    print(f"{faults.total()} faults {dict(faults)}")  # noqa: T201 – for docs/reliability.md

    stand = {name: (unit.status, unit.text("reason_code")) for name, unit in units.items()}
    wanted = {name: ("QUARANTINED", why) if why else ("COMPLETED", "") for name, why in cohort.wanted.items()}
    assert {name: stand.get(name) for name in wanted} == wanted
    good = [units[name] for name, why in cohort.wanted.items() if not why]
    for content, modality in (("imaging", "imaging"), ("rna", "genomics"), ("clinical-baseline", "")):
        prefix = f"{modality}#{DATASET}#"
        subjects = {unit.text("subject") for unit in good if unit.unit_id.startswith(prefix)}
        rows, again = stored_rows(deployment, content)
        assert rows == Counter(subjects or cohort.cases), f"{content}: one record of each good one"
        print(f"{content}: {rows.total()} records, {again} rows written again")  # noqa: T201
    rang = ringing(deployment)
    assert f"{STACK}-genomics-failed-units" in rang, "jobs ran out of memory"
    print(f"alarms that rang: {rang}")  # noqa: T201
    print(f"{len(wanted)} units, {len(good)} completed, {len(wanted) - len(good)} quarantined")  # noqa: T201
    assert set(faults) == set(PLAN), "a kind of fault was not injected"
