"""Images: pulled when they are not there, with a bar for each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import parse_repository_tag

from mastra_cli.errors import ImageUnavailable
from mastra_cli.local.docker_engine import Client, said
from mastra_cli.local.reporter import Reporter


def image_id(client: Client, image: str) -> str | None:
    """The id of an image on this engine."""
    try:
        return str(client.api.inspect_image(image)["Id"])
    except ImageNotFound:
        return None
    except APIError as error:
        if error.is_client_error():  # no name that an image can have
            raise unavailable(image, said(error)) from error
        raise


def pull(client: Client, image: str, platform: str | None, report: Reporter) -> str:
    """Pull an image; returns its id."""
    repository, tag = parse_repository_tag(image)
    try:
        with report.phase(f"pulling {image}"):
            stream = client.api.pull(repository, tag or "latest", stream=True, decode=True, platform=platform)
            follow(image, stream, report)
    except APIError as error:
        raise unavailable(image, said(error)) from error
    except (
        DockerException
    ) as error:  # a credential helper that is not there, a platform an old engine can not
        raise unavailable(image, str(error)) from error
    found = image_id(client, image)
    if found is None:
        raise unavailable(image, "the engine pulled it and does not have it")
    return found


def follow(image: str, items: Iterable[Mapping[str, Any]], report: Reporter) -> None:
    """Draw a pull's stream; an `error` item makes it fail, for the engine answered 200 long before."""
    failure: str | None = None
    for item in items:  # to its end: a stream that is left half read keeps its connection
        failure = failure or item.get("error")
        layer, status = str(item.get("id", "")), str(item.get("status", ""))
        amount: Mapping[str, int] = item.get("progressDetail") or {}
        if layer and amount.get("total"):
            report.advance(layer, f"{layer} {status.lower()}", amount.get("current", 0), amount["total"])
        elif layer and status in ("Pull complete", "Already exists"):
            report.advance(layer, f"{layer} {status.lower()}", 1, 1)
    if failure:
        raise unavailable(image, failure)


def unavailable(image: str, why: str) -> ImageUnavailable:
    return ImageUnavailable(
        f"image {image} is not on this machine and can not be pulled: {' '.join(why.split())}",
        hint=f"check its name and the network (`docker login` for a private one): `docker pull {image}`",
    )
