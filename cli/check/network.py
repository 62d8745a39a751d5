"""The network that a deployment is given: its subnets, and their ways to S3 and to the services that jobs need."""

from collections.abc import Iterator
from typing import Any

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target

BATCH_NEEDS = ("ecr.api", "ecr.dkr", "logs")
"""Services that a job of Batch reaches before it starts, beside S3 (Amazon ECS developer guide, VPC endpoints)."""


def check_network(target: Target) -> Iterator[Finding]:
    """Look at VPC and subnets, where they are given."""
    if not target.parameters["VpcId"]:
        if target.is_production:
            yield fail("network", "production needs a network of yours", "Give VpcId and private SubnetIds.")
        else:
            yield ok("network", "the stack makes a small public one")
        return
    subnets = _subnets(target)
    yield from _check_subnets(target, subnets)
    tables = _of_network(target, "describe_route_tables", "RouteTables")
    routes = [_routes_of(subnet, tables) for subnet in subnets]
    if any(str(route.get("GatewayId", "")).startswith("igw-") for table in routes for route in table):
        level = fail if target.is_production else warn
        yield level("network", "a subnet's route leads to an internet gateway", "Give private SubnetIds.")
    yield from _check_ways_out(target, routes)
    yield from _check_prefix_list(target)


def _check_prefix_list(target: Target) -> Iterator[Finding]:
    """Look whether the prefix list that limits the jobs' way out is the one of S3 in this region."""
    given = target.parameters["S3PrefixListId"]
    name = f"com.amazonaws.{target.region}.s3"
    filters = [{"Name": "prefix-list-name", "Values": [name]}]
    (found, *_) = [*target.pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=filters), {}]
    if given and found.get("PrefixListId") != given:
        action = f"Give S3PrefixListId={found.get('PrefixListId', '')}, or leave it empty."
        yield fail("network", f"{given} is not the prefix list of S3 in {target.region}", action)
    elif found and not given and target.is_production:
        yield ok("network", f"S3PrefixListId={found['PrefixListId']} would close every other way out of RNA-seq jobs")


def _subnets(target: Target) -> list[dict[str, Any]]:
    wanted = set(target.list_of("SubnetIds"))
    return [subnet for subnet in _of_network(target, "describe_subnets", "Subnets") if subnet["SubnetId"] in wanted]


def _check_subnets(target: Target, subnets: list[dict[str, Any]]) -> Iterator[Finding]:
    missing = sorted(set(target.list_of("SubnetIds")) - {subnet["SubnetId"] for subnet in subnets})
    if missing or not subnets:
        vpc, names = target.parameters["VpcId"], ", ".join(missing) or "no subnet"
        yield fail("subnets", f"not in {vpc} of {target.region}: {names}", "Give SubnetIds of VpcId in this region.")
        return
    zones, free = {s["AvailabilityZone"] for s in subnets}, sum(s["AvailableIpAddressCount"] for s in subnets)
    wanted = int(target.parameters["MaxConcurrency"])
    if free < wanted:
        message = f"{free} free addresses for up to {wanted} jobs at once"
        yield warn("subnets", message, "Give larger SubnetIds, or a smaller MaxConcurrency.")
    elif len(zones) == 1:
        yield warn("subnets", "all in one zone, which may be out of capacity", "Give SubnetIds in two zones.")
    else:
        yield ok("subnets", f"{len(subnets)} in {len(zones)} zones, {free:,} free addresses")


def _of_network(target: Target, operation: str, key: str) -> list[dict[str, Any]]:
    filters = [{"Name": "vpc-id", "Values": [target.parameters["VpcId"]]}]
    return list(target.pages("ec2", operation, key, Filters=filters))


def _routes_of(subnet: dict[str, Any], tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the routes of a subnet: those of its own table, else of the network's main one."""
    main: list[dict[str, Any]] = []
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet["SubnetId"]:
                return list(table["Routes"])
            if association.get("Main"):
                main = list(table["Routes"])
    return main


def _leads_out(routes: list[dict[str, Any]]) -> bool:
    """Whether there is a default route, such as to a NAT or transit gateway."""
    return any(route.get("DestinationCidrBlock") == "0.0.0.0/0" and route.get("State") == "active" for route in routes)


def _check_ways_out(target: Target, routes: list[list[dict[str, Any]]]) -> Iterator[Finding]:
    endpoints = _of_network(target, "describe_vpc_endpoints", "VpcEndpoints")
    names = {each["ServiceName"].partition(f"{target.region}.")[2] for each in endpoints}
    to_s3 = all(
        _leads_out(table) or ("s3" in names and any("vpce-" in str(r.get("GatewayId", "")) for r in table))
        for table in routes
    )
    if not to_s3:
        message, action = "no route from every subnet to S3", "Add a gateway endpoint for s3 to their route tables."
        yield fail("network", message, action)
    lacking = [name for name in BATCH_NEEDS if name not in names]
    if lacking and not all(_leads_out(table) for table in routes):
        message = f"RNA-seq jobs cannot reach {', '.join(lacking)}"
        yield warn("network", message, "Add interface endpoints for them with private DNS, or a NAT gateway.")
    elif to_s3:
        yield ok("network", "the subnets reach S3 and what jobs need")
