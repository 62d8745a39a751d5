"""The jobs' images: that they are there, in the region, for the processors and in a form that SageMaker takes."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

from cli.check.finding import Finding, fail, ok, warn
from cli.check.target import Target

IMAGES = {
    "RadiomicsImageUri": "SageMaker",
    "RnaseqImageUri": "Batch",
    "SurvivalImageUri": "SageMaker",
    "DragenImageUri": "Batch",
}
"""Parameter of each image and who runs it."""

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"

MEDIA_TYPES = (
    DOCKER,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)

ARCHITECTURE = "amd64"


def check_images(target: Target) -> Iterator[Finding]:
    """Look at every image that the parameters name."""
    dragen = bool(target.parameters["DragenAmiId"])
    for parameter, runner in IMAGES.items():
        uri, unused = target.parameters[parameter], "RnaseqImageUri" if dragen else "DragenImageUri"
        if uri:
            yield _check_image(target, parameter, uri, runner)
        elif parameter != unused:
            action = "After the first deployment: docs/deploy.md, Images."
            yield warn("images", f"{parameter} is empty; what needs it waits (IMAGE_NOT_SET)", action)


def _check_image(target: Target, parameter: str, uri: str, runner: str) -> Finding:
    registry, _, name = uri.partition("/")
    repository, separator, version = name.partition("@") if "@" in name else name.partition(":")
    region = registry.split(".")[3]
    if region != target.region:
        message = f"{parameter} is in {region}, and {runner} pulls from {target.region}"
        return fail("images", message, f"Push it to a repository in {target.region}.")
    image = {"imageDigest": version} if separator == "@" else {"imageTag": version}
    found = _find(target, registry[:12], repository, image)
    if found is None:
        return fail("images", f"{parameter}: {uri} is not there", "Push it (docs/deploy.md, Images).")
    return _check_form(target, parameter, runner, registry[:12], repository, found) or (
        warn("images", f"{parameter} names a tag", "Production names digests: <repository>@sha256:….")
        if target.is_production and separator != "@"
        else ok("images", f"{parameter} is there")
    )


def _find(target: Target, registry: str, repository: str, image: dict[str, str]) -> dict[str, Any] | None:
    ecr = target.client("ecr")
    try:
        answer = ecr.batch_get_image(
            registryId=registry, repositoryName=repository, imageIds=[image], acceptedMediaTypes=list(MEDIA_TYPES)
        )
    except ecr.exceptions.RepositoryNotFoundException:
        return None
    return dict(answer["images"][0]) if answer["images"] else None


def _check_form(
    target: Target, parameter: str, runner: str, registry: str, repository: str, found: dict[str, Any]
) -> Finding | None:
    """Return what is wrong with the form of an image, if anything."""
    media, manifest = found.get("imageManifestMediaType", DOCKER), json.loads(found["imageManifest"])
    if runner == "SageMaker" and media != DOCKER:
        message = f"{parameter} is of type {media}, and SageMaker takes {DOCKER}"
        return fail("images", message, "Build it with `make images`, which sees to that.")
    architectures = _architectures(target, registry, repository, manifest)
    if architectures and ARCHITECTURE not in architectures:
        message = f"{parameter} is for {', '.join(sorted(architectures))}; jobs run on {ARCHITECTURE}"
        return fail("images", message, "Build it with `make images`.")
    return None


def _architectures(target: Target, registry: str, repository: str, manifest: dict[str, Any]) -> set[str]:
    """Return what an image runs on: an index says it, a single image in its configuration."""
    if "manifests" in manifest:
        return {str(each.get("platform", {}).get("architecture")) for each in manifest["manifests"]}
    url = target.client("ecr").get_download_url_for_layer(
        registryId=registry, repositoryName=repository, layerDigest=manifest["config"]["digest"]
    )["downloadUrl"]
    return {str(json.loads(download(url)).get("architecture"))} if url.startswith("https://") else set()


def download(url: str) -> bytes:
    """Return what an address of ECR has."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # nosec B310: https alone comes here
        return bytes(answer.read())
