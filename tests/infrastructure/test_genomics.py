"""Genomics: queues that start, jobs that are repeated for good reason only, and an FPGA only where there is one."""

import email
import email.message
import json
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases_of
from tests.infrastructure.support import (
    ROOT,
    allowed_actions,
    listed,
    properties,
    resolve,
    resources,
    role_statements,
    template,
)

CASES = cases_of(__file__)

DEFINITIONS = sorted(resources("AWS::Batch::JobDefinition"))
ENVIRONMENTS = sorted(resources("AWS::Batch::ComputeEnvironment"))
QUEUES = sorted(resources("AWS::Batch::JobQueue"))
FPGA_ONLY = {
    "FpgaComputeEnvironment",
    "FpgaQueue",
    "FpgaLaunchTemplate",
    "FpgaInstanceProfile",
    "FpgaInstanceRole",
    "FpgaInstancePolicy",
    "DragenJobDefinition",
    "DragenReferenceJobDefinition",
    "DragenLogGroup",
    "DragenExecutionRole",
    "DragenExecutionPolicy",
}
FARGATE_GIB: dict[int, set[int]] = {
    2: set(range(4, 17)),
    4: set(range(8, 31)),
    8: set(range(16, 61, 4)),
    16: set(range(32, 121, 8)),
}
"""Sizes of Fargate tasks: processors → GiB. From the AWS Batch user guide."""
MANAGED_POLICY_CHARACTERS = 6144


def container(definition: str) -> dict[str, Any]:
    """Return the worked-out container properties of a job definition."""
    found: dict[str, Any] = resolve(properties(definition))["ContainerProperties"]
    return found


def _engine(definition: str) -> str:
    return definition.removesuffix("JobDefinition").removesuffix("Reference")


def resource_requirement(definition: str, kind: str) -> int:
    """Return the default number of processors, or of MiB, of a job."""
    (value,) = [r["Value"] for r in container(definition)["ResourceRequirements"] if r["Type"] == kind]
    return int(value)


def rules_of(strategy: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (condition, pattern, action) of a retry strategy's rules, each of which has one condition."""
    found = []
    for rule in strategy["EvaluateOnExit"]:
        ((condition, pattern),) = [(k, v) for k, v in rule.items() if k != "Action"]
        found.append((condition, pattern, rule["Action"]))
    return found


def ends_with_exit(strategy: dict[str, Any]) -> bool:
    """Whether a failure that no other rule knows ends the job; Batch itself would retry it."""
    return bool(rules_of(strategy)[-1] == ("OnReason", "*", "EXIT"))


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_only_failures_of_the_host_are_retried(definition: str) -> None:
    strategy = properties(definition)["RetryStrategy"]
    rules = rules_of(strategy)
    assert ends_with_exit(strategy)
    assert 1 < strategy["Attempts"] <= 10
    assert len(rules) <= 5, "Batch takes five"
    retried = {(condition, pattern) for condition, pattern, action in rules if action == "RETRY"}
    assert {("OnStatusReason", "Host EC2*"), ("OnExitCode", "1")} <= retried
    assert all("Spot" in pattern for _, pattern in retried - {("OnStatusReason", "Host EC2*"), ("OnExitCode", "1")})


def test_the_retry_check_can_fail() -> None:
    assert not ends_with_exit({"EvaluateOnExit": [{"OnExitCode": "1", "Action": "RETRY"}]})


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_only_the_last_rule_matches_everything(definition: str) -> None:
    rules = rules_of(properties(definition)["RetryStrategy"])
    assert [pattern for _, pattern, _ in rules].index("*") == len(rules) - 1


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_no_job_runs_for_ever(definition: str) -> None:
    assert resolve(properties(definition)["Timeout"]) == {"AttemptDurationSeconds": 7200}


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_no_job_is_privileged(definition: str) -> None:
    assert not container(definition).get("Privileged", False)
    assert "User" not in container(definition), "the image says who runs it"
    assert "Command" not in container(definition), "the image has its own entry point, the submission the arguments"


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_jobs_log_to_an_encrypted_group_of_their_own(definition: str) -> None:
    group = f"{_engine(definition)}LogGroup"
    configuration = container(definition)["LogConfiguration"]
    assert configuration["LogDriver"] == "awslogs"
    assert configuration["Options"]["awslogs-group"] == group
    found = resolve(properties(group))
    assert (found["KmsKeyId"], found["RetentionInDays"]) == ("DataKey.Arn", 365)


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_everything_temporary_goes_to_the_scratch_volume(definition: str) -> None:
    found = container(definition)
    mounts = {m["ContainerPath"]: m for m in found["MountPoints"]}
    assert mounts["/scratch"]["ReadOnly"] is False
    variables = {e["Name"]: e["Value"] for e in found["Environment"]}
    # ECS tells the region on Fargate only, and the instance's metadata is out of a container's reach.
    assert variables == {"TMPDIR": "/scratch", "HOME": "/scratch", "AWS_DEFAULT_REGION": "us-east-1"}
    assert {m["SourceVolume"] for m in found["MountPoints"]} == {v["Name"] for v in found["Volumes"]}


def test_the_salmon_job_cannot_change_its_image() -> None:
    found = container("RnaseqJobDefinition")
    assert found["ReadonlyRootFilesystem"] is True
    assert found["EphemeralStorage"] == {"SizeInGiB": 100}
    assert properties("RnaseqJobDefinition")["PlatformCapabilities"] == ["FARGATE"]
    # Fargate refuses them.
    assert not {"Ulimits", "LinuxParameters", "Privileged"} & set(found)
    assert all("Host" not in volume for volume in found["Volumes"])


def test_the_default_size_is_one_that_fargate_has() -> None:
    vcpus, mib = (resource_requirement("RnaseqJobDefinition", kind) for kind in ("VCPU", "MEMORY"))
    assert mib / 1024 in FARGATE_GIB[vcpus]


def _allowed_sizes() -> Iterator[tuple[int, int]]:
    for name, rule in template()["Rules"].items():
        if name.startswith("MemoryFits"):
            vcpus = int(rule["RuleCondition"]["Fn::Equals"][1])
            for mib in rule["Assertions"][0]["Assert"]["Fn::Contains"][0]:
                yield vcpus, int(mib)


def test_only_sizes_that_fargate_has_can_be_asked_for() -> None:
    sizes = set(_allowed_sizes())
    assert {vcpus for vcpus, _ in sizes} == set(template()["Parameters"]["RnaseqVcpus"]["AllowedValues"])
    assert {mib for _, mib in sizes} == set(template()["Parameters"]["RnaseqMemoryMib"]["AllowedValues"])
    assert not [(vcpus, mib) for vcpus, mib in sizes if mib / 1024 not in FARGATE_GIB[vcpus]]


def test_jobs_reach_the_registry_also_in_the_small_network() -> None:
    written = properties("RnaseqJobDefinition")["ContainerProperties"]["NetworkConfiguration"]["AssignPublicIp"]
    assert written == {"Fn::If": ["CreateNetwork", "ENABLED", "DISABLED"]}
    interface = properties("FpgaLaunchTemplate")["LaunchTemplateData"]["NetworkInterfaces"][0]
    assert interface["AssociatePublicIpAddress"] == {"Fn::If": ["CreateNetwork", True, False]}
    # EC2 refuses a group beside an interface, so that it is given in one place only.
    assert resolve(interface["Groups"]) == ["GenomicsSecurityGroup.GroupId"]
    assert "SecurityGroupIds" not in properties("FpgaComputeEnvironment")["ComputeResources"]


def test_dragen_has_what_its_container_needs() -> None:
    found = container("DragenJobDefinition")
    hosts = {v["Name"]: v["Host"]["SourcePath"] for v in found["Volumes"]}
    mounted = {hosts[m["SourceVolume"]]: m["ContainerPath"] for m in found["MountPoints"]}
    assert mounted == {path: path for path in ("/opt/edico", "/opt/dragen-libraries", "/var/lib/edico", "/scratch")}
    image = (ROOT / "containers/rnaseq/dragen.Dockerfile").read_text()
    assert "LD_LIBRARY_PATH=/opt/dragen-libraries\n" in image
    assert [path for path in mounted if path not in image] == [], "what the image says it needs is what it gets"
    limits = {u["Name"]: (u["SoftLimit"], u["HardLimit"]) for u in found["Ulimits"]}
    assert limits == {"nofile": (720000, 720000), "nproc": (16384, 16384)}
    assert [d["HostPath"] for d in found["LinuxParameters"]["Devices"]] == ["/dev/bus"]
    assert found["LinuxParameters"]["SharedMemorySize"] >= 65536


def test_dragen_leaves_the_host_some_memory() -> None:
    f2_6xlarge_mib, f2_6xlarge_vcpus = 256 * 1024, 24
    assert resource_requirement("DragenJobDefinition", "MEMORY") <= f2_6xlarge_mib * 0.93
    assert resource_requirement("DragenJobDefinition", "VCPU") == f2_6xlarge_vcpus
    assert template()["Parameters"]["FpgaMaxVcpus"]["Default"] >= f2_6xlarge_vcpus


def test_the_licence_is_a_secret_and_nowhere_else() -> None:
    (secret,) = properties("DragenJobDefinition")["ContainerProperties"]["Secrets"]
    condition, given, otherwise = secret["Fn::If"]
    assert (condition, otherwise) == ("HasDragenLicense", {"Ref": "AWS::NoValue"})
    assert given == {"Name": "DRAGEN_LICENSE", "ValueFrom": {"Ref": "DragenLicenseSecretArn"}}
    assert "DragenLicense" not in json.dumps(properties("SweepFunction"))
    (fetch,) = [
        s for s in role_statements("DragenExecutionRole") if "secretsmanager:GetSecretValue" in listed(s["Action"])
    ]
    assert fetch["Resource"] == resolve({"Ref": "DragenLicenseSecretArn"})


def test_nothing_with_an_fpga_is_made_without_the_machine_image() -> None:
    assert template()["Conditions"]["UseDragen"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DragenAmiId"}, ""]}]}
    conditional = {n for n, r in template()["Resources"].items() if r.get("Condition") == "UseDragen"}
    assert conditional == FPGA_ONLY


def test_what_is_not_conditional_names_nothing_that_is() -> None:
    for name, resource in template()["Resources"].items():
        if "Condition" not in resource:
            unguarded = set(_references(resource)) & FPGA_ONLY
            assert not unguarded, f"{name} needs {sorted(unguarded)}, which may not be there"


def _references(value: Any) -> Iterator[str]:
    """Yield the logical ids that are needed in any case: not those in a branch of a condition."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict) and "Fn::If" not in value:
        if "Ref" in value:
            yield value["Ref"]
        elif "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        else:
            for item in value.values():
                yield from _references(item)


def test_machine_image_and_container_image_come_together() -> None:
    (assertion,) = template()["Rules"]["DragenIsGivenAsAWhole"]["Assertions"]
    assert {"DragenAmiId", "DragenImageUri"} <= set(_references(assertion["Assert"]))


def test_spot_comes_before_demand() -> None:
    order = resolve(properties("CpuQueue"))["ComputeEnvironmentOrder"]
    names = [entry["ComputeEnvironment"] for entry in sorted(order, key=lambda entry: entry["Order"])]
    kinds = [properties(name)["ComputeResources"]["Type"] for name in names]
    assert kinds == ["FARGATE_SPOT", "FARGATE"]


def test_the_fpga_queue_has_the_fpgas() -> None:
    (entry,) = resolve(properties("FpgaQueue"))["ComputeEnvironmentOrder"]
    assert entry["ComputeEnvironment"] == "FpgaComputeEnvironment"
    found = resolve(properties("FpgaComputeEnvironment"))["ComputeResources"]
    assert found["Type"] == "EC2", "a spot instance that is taken back costs a whole DRAGEN run"
    assert found["MinvCpus"] == 0, "an FPGA instance must not wait for work"
    assert found["Ec2Configuration"] == [{"ImageType": "ECS_AL2023", "ImageIdOverride": ""}]
    written = properties("FpgaComputeEnvironment")["ComputeResources"]
    assert written["InstanceTypes"] == {"Ref": "FpgaInstanceTypes"}
    assert written["Ec2Configuration"][0]["ImageIdOverride"] == {"Ref": "DragenAmiId"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_compute_environments_can_be_changed_in_place(environment: str) -> None:
    found = properties(environment)
    assert (found["Type"], found["State"]) == ("MANAGED", "ENABLED")
    assert found["ReplaceComputeEnvironment"] is False, "a replacement would meet the queue that still uses the old one"
    assert "ServiceRole" not in found, "only with Batch's own role can it be changed in place"


@pytest.mark.parametrize("queue", QUEUES)
def test_jobs_that_can_never_start_are_given_up(queue: str) -> None:
    actions = properties(queue)["JobStateTimeLimitActions"]
    assert {a["Reason"].split(":")[0] for a in actions} == {"MISCONFIGURATION"}, "capacity may come back"
    for action in actions:
        assert (action["State"], action["Action"]) == ("RUNNABLE", "CANCEL")
        assert 600 <= action["MaxTimeSeconds"] <= 86400


def test_a_blocked_queue_is_told_to_people() -> None:
    rule = resolve(properties("BlockedQueueRule"))
    assert rule["EventPattern"]["detail-type"] == ["Batch Job Queue Blocked"]
    assert rule["EventPattern"]["detail"] == {"jobQueue": QUEUES}
    (target,) = rule["Targets"]
    assert target["Arn"] == "AlarmTopic"
    paths = target["InputTransformer"]["InputPathsMap"]
    assert set(paths) == {"job", "queue", "reason"}
    assert all(f"<{name}>" in target["InputTransformer"]["InputTemplate"] for name in paths)


def test_the_end_of_every_job_is_recorded() -> None:
    rule = resolve(properties("BatchJobsRule"))
    assert rule["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job State Change"],
        "detail": {"status": ["SUCCEEDED", "FAILED"], "jobQueue": QUEUES},
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == "RecordOutcomeFunction.Arn"
    permission = resolve(properties("BatchJobsRulePermission"))
    assert permission["FunctionName"] == "RecordOutcomeFunction.Arn"
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == "BatchJobsRule.Arn"


def test_the_jobs_read_reads_and_write_results_only() -> None:
    allowed = allowed_actions("GenomicsJobRole")
    assert allowed["s3:GetObject"] == {
        "RawBucket.Arn/genomics/*",
        "ProcessedBucket.Arn/references/*",
        "ProcessedBucket.Arn/runs/*/arguments.json",
        "ProcessedBucket.Arn/runs/*/fastq_lists/*",
        "arn:aws:s3:::sra-pub-run-odp/sra/*",
    }
    assert allowed["s3:PutObject"] == {"ProcessedBucket.Arn/genomics/*"}, "references are every sample's"
    assert all(
        "kms:ViaService" in s["Condition"]["StringEquals"]
        for s in role_statements("GenomicsJobRole")
        if "kms:Decrypt" in listed(s["Action"])
    )


def test_the_jobs_remove_verdicts_and_nothing_else() -> None:
    assert allowed_actions("GenomicsJobRole")["s3:DeleteObject"] == {
        "ProcessedBucket.Arn/genomics/*/run.json",
        "ProcessedBucket.Arn/genomics/*/rejection.json",
    }


def test_the_jobs_that_build_references_touch_no_sample() -> None:
    allowed = allowed_actions("ReferenceJobRole")
    assert allowed["s3:GetObject"] == {"RawBucket.Arn/genomics/_references/*", "ProcessedBucket.Arn/references/*"}
    assert allowed["s3:PutObject"] == {"ProcessedBucket.Arn/references/*"}
    assert allowed["s3:DeleteObject"] == {"ProcessedBucket.Arn/references/*/rejection.json"}


@pytest.mark.parametrize("engine", ["Rnaseq", "Dragen"])
def test_a_reference_is_built_as_samples_are_quantified_but_for_the_rights(engine: str) -> None:
    sample, reference = (resolve(properties(f"{engine}{kind}JobDefinition")) for kind in ("", "Reference"))
    for found in (sample, reference):
        del found["ContainerProperties"]["JobRoleArn"]
    assert reference == sample | {"JobDefinitionName": f"{sample['JobDefinitionName']}-reference"}


def test_egress_can_be_limited_to_s3_and_private_addresses() -> None:
    rules = properties("GenomicsSecurityGroup")["SecurityGroupEgress"]
    condition, limited, free = rules["Fn::If"]
    assert condition == "LimitEgress"
    assert [r.get("DestinationPrefixListId", r.get("CidrIp")) for r in limited] == [
        {"Ref": "S3PrefixListId"},
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    ]
    assert [r["CidrIp"] for r in free] == ["0.0.0.0/0"]


def test_the_jobs_list_their_buckets_and_the_public_archive() -> None:
    assert allowed_actions("GenomicsJobRole")["s3:ListBucket"] == {
        "RawBucket.Arn",
        "ProcessedBucket.Arn",
        "arn:aws:s3:::sra-pub-run-odp",
    }


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_program_and_ecs_have_roles_of_their_own(definition: str) -> None:
    found = container(definition)
    builds = "Reference" in definition
    assert found["JobRoleArn"] == ("ReferenceJobRole.Arn" if builds else "GenomicsJobRole.Arn")
    assert found["ExecutionRoleArn"] == f"{_engine(definition)}ExecutionRole.Arn"


def test_the_sweep_submits_to_these_queues_with_these_definitions_only() -> None:
    allowed = allowed_actions("SweepRole")["batch:SubmitJob"]
    prefix = "arn:aws:batch:us-east-1:111122223333:job-definition/"
    arns = {f"{prefix}{resolve(properties(d)['JobDefinitionName'])}:1" for d in DEFINITIONS}
    patterns = allowed - set(QUEUES)
    assert allowed >= set(QUEUES)
    assert all(any(fnmatch(arn, pattern) for pattern in patterns) for arn in arns)
    stack = resolve({"Ref": "AWS::StackName"})
    assert patterns == {f"{prefix}{stack}-rnaseq*:*", f"{prefix}{stack}-dragen*:*"}


def test_the_sweep_knows_which_engine_runs() -> None:
    written = properties("SweepFunction")["Environment"]["Variables"]
    assert written["GENOMICS_ENGINE"] == {"Fn::If": ["UseDragen", "dragen", "salmon"]}
    assert written["BATCH_FPGA_QUEUE_ARN"] == {"Fn::If": ["UseDragen", {"Ref": "FpgaQueue"}, ""]}
    assert written["RNASEQ_IMAGE_URI"] == {
        "Fn::If": ["UseDragen", {"Ref": "DragenImageUri"}, {"Ref": "RnaseqImageUri"}]
    }


def _user_data() -> email.message.Message:
    text = properties("FpgaLaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    return email.message_from_string(text)


def _script() -> str:
    parts = [part for part in _user_data().walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/x-shellscript"]
    return str(parts[0].get_payload())


def test_user_data_is_what_batch_can_add_to() -> None:
    message = _user_data()
    assert not message.defects
    assert message.get_content_type() == "multipart/mixed"
    assert _script()


def test_user_data_prepares_scratch_and_starts_the_agent() -> None:
    script = _script()
    assert script.startswith("#!/bin/bash\n")
    assert "/scratch" in script
    assert script.index("ECS_ENABLE_TASK_IAM_ROLE=true") < script.index("systemctl restart --no-block ecs")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_user_data_script_is_one_that_bash_takes(tmp_path: Path) -> None:
    script = tmp_path / "user_data.sh"
    script.write_text(_script())
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def _boot(tmp_path: Path, disks: int, service: bool = True) -> tuple[list[str], str]:
    """Run the script with programs that only note how they were called; return the calls and the agent's settings."""
    tools, calls = tmp_path / "bin", tmp_path / "calls"
    tools.mkdir()
    listing = "/dev/nvme0n1 Amazon Elastic Block Store\\n" + "".join(
        f"/dev/nvme{number}n1 Amazon EC2 NVMe Instance Storage\\n" for number in range(1, disks + 1)
    )
    answers = {
        "lsblk": f"printf '{listing}'",
        "systemctl": f'[ "$1" = cat ] && exit {int(not service)}; echo systemctl "$@" >> {calls}',
        "docker": f'[ "$1" = inspect ] && exit 1; echo docker "$@" >> {calls}; [ "$1" != rm ]',
    }
    for name in ("lsblk", "mdadm", "mkfs.xfs", "mount", "systemctl", "sysctl", "iptables", "docker", "systemd-run"):
        answer = answers.get(name, f'echo {name} "$@" >> {calls}')
        (tools / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64/libdragen.so.4.4.4").touch()
    script = _script()
    for path, here in (("/scratch", "scratch"), ("/etc/ecs", "ecs"), ("/usr/lib64", "lib64"), ("/opt/", "")):
        script = script.replace(path, str(tmp_path / here) + "/" * path.endswith("/"))
    path = f"{tools}:/usr/bin:/bin"
    done = subprocess.run(["bash", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    noted = calls.read_text().replace(str(tmp_path), "")
    return noted.splitlines(), (tmp_path / "ecs" / "ecs.config").read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("disks", "calls"), CASES["test_an_instance_boots_with_its_own_disks_as_scratch"])
def test_an_instance_boots_with_its_own_disks_as_scratch(tmp_path: Path, disks: int, calls: list[str]) -> None:
    noted, settings = _boot(tmp_path, disks)
    assert noted == [*calls, "systemctl enable ecs", "systemctl restart --no-block ecs"]
    assert (tmp_path / "scratch").stat().st_mode & 0o7777 == 0o1777
    assert "ECS_ENABLE_TASK_IAM_ROLE=true\n" in settings
    assert (tmp_path / "dragen-libraries/libdragen.so.4.4.4").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_an_agent_without_a_service_starts_when_the_cluster_is_known(tmp_path: Path) -> None:
    """As on DRAGEN's own machine images, which are no Amazon Linux: else jobs would wait for ever."""
    noted, settings = _boot(tmp_path, 1, service=False)
    calls = "\n".join(noted[2:])
    assert "systemctl" not in calls
    assert calls.index("iptables -t nat -A PREROUTING") < calls.index("docker rm --force ecs-agent")
    start = calls[calls.index("systemd-run") :]
    assert start.index("until grep -q ^ECS_CLUSTER= /ecs/ecs.config") < start.index("docker run --name ecs-agent")
    assert start.endswith("public.ecr.aws/ecs/amazon-ecs-agent:latest")
    assert "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true\n" in settings


def test_containers_do_not_reach_the_instance_role() -> None:
    options = properties("FpgaLaunchTemplate")["LaunchTemplateData"]["MetadataOptions"]
    assert options == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


@pytest.mark.parametrize("policy", sorted(resources("AWS::IAM::ManagedPolicy")))
def test_policies_fit(policy: str) -> None:
    document = json.dumps(resolve(properties(policy)["PolicyDocument"]), separators=(",", ":"))
    # Logical ids stand for ARNs, which are about 80 characters longer.
    names = sum(document.count(f'"{bucket}.Arn') for bucket in template()["Resources"])
    assert len(document) + 80 * names <= MANAGED_POLICY_CHARACTERS
