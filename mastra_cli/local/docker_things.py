"""What of a project is on an engine: containers, networks and volumes, found by their labels, and made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from mastra_cli.errors import ContainerFailed, DockerConfigInvalid, NoEngine, ProjectNameTaken
from mastra_cli.local import docker_objects as objects
from mastra_cli.local.compose_schema import Config
from mastra_cli.local.docker_engine import Client, find_engine, translated
from mastra_cli.local.project import Project

# The name of a container that waits for its successor to be ready, as Compose makes it.
RETIRED = re.compile(r"[0-9a-f]{12}_")
# Seconds; for one without a healthcheck.
_YOUNG = 3.0


class Things:
    """Of one docker config; what `run` makes carries its label."""

    def __init__(self, client: Client, config: Config, project: Project, run: str) -> None:
        self.client = client
        self.config = config
        self.project = project
        self.run = run
        self.in_flight = False
        """A call that makes something was interrupted: the engine may have made it, or be at it."""

    def containers(self) -> list[dict[str, Any]]:
        """The project's containers, as the engine lists them; one-off runs left out."""
        found: list[dict[str, Any]] = self.client.api.containers(
            all=True, filters={"label": [f"{objects.PROJECT}={self.config.project}"]}
        )
        return [c for c in found if c["Labels"].get(objects.ONEOFF, "False") != "True"]

    def of(self, service: str, containers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """The container of a service: the one that carries its name, before one that was set aside."""
        own = [c for c in containers if c["Labels"].get(objects.SERVICE) == service]
        return min(own, key=lambda c: (bool(RETIRED.match(name_of(c))), -c["Created"]), default=None)

    def refuse_strangers(self, containers: Sequence[dict[str, Any]]) -> None:
        """`ProjectNameTaken` when another directory runs a project of this name."""
        here = self.config.path.parent
        for container in containers:
            folder = container["Labels"].get(objects.WORKING_DIR)
            if not folder or same_folder(folder, here):
                continue
            if container["State"] in ("running", "restarting", "paused") or Path(folder).is_dir():
                raise ProjectNameTaken(
                    f"a project named {self.config.project} is there already, from {folder}",
                    hint=f"give {self.config.path.name} a `name:` of its own, or end the other one: "
                    f"`docker compose -p {self.config.project} down` (its data stays)",
                )

    def volumes(self) -> list[dict[str, Any]]:
        """The project's volumes, by Compose's label."""
        listing = self.client.api.volumes(filters={"label": f"{objects.PROJECT}={self.config.project}"})
        return listing.get("Volumes") or []

    def is_ours(self, labels: Mapping[str, str] | None) -> bool:
        """Whether a volume is this directory's, and not another's of one name, or made by hand."""
        labels = labels or {}
        folder = labels.get(objects.OURS)
        if labels.get(objects.PROJECT) != self.config.project:
            return False
        return not folder or same_folder(folder, self.project.root) or not Path(folder).is_dir()

    def create(self, make: Callable[[], Any]) -> Any:
        """A call that makes something: Ctrl-C in it leaves open whether the engine did."""
        self.in_flight = True
        made = make()
        self.in_flight = False
        return made

    def make_networks(self) -> None:
        api = self.client.api
        used = {key for service in self.config.services for key, _ in service.networks}
        for network in self.config.networks:
            if network.key not in used:
                continue
            there = [n for n in api.networks(names=[network.name]) if n["Name"] == network.name]
            if there:
                continue
            if network.external:
                raise DockerConfigInvalid(
                    f"{self.config.path.name} names the external network {network.name}, which is not there",
                    hint=f"make it: `docker network create {network.name}`",
                )
            labels = objects.shared_labels(self.config, self.project, self.run)
            self.create(
                lambda network=network, labels=labels: api.create_network(
                    network.name,
                    driver=network.driver or "bridge",
                    internal=network.internal,
                    labels=dict(network.labels) | labels | {objects.NETWORK: network.key},
                    check_duplicate=True,
                )
            )

    def _refuse_strange_volume(self, name: str, labels: Mapping[str, str]) -> None:
        if labels.get(objects.PROJECT) == self.config.project and not self.is_ours(labels):
            raise ProjectNameTaken(
                f"volume {name} belongs to {labels[objects.OURS]}",
                hint=f"give {self.config.path.name} a `name:` of its own",
            )

    def make_volumes(self) -> None:
        api = self.client.api
        used = {m.source for service in self.config.services for m in service.mounts if m.type == "volume"}
        for volume in self.config.volumes:
            if volume.key not in used:
                continue
            try:
                there = api.inspect_volume(volume.name)
            except NotFound:
                there = None
            if there:
                if not volume.external:
                    self._refuse_strange_volume(volume.name, there["Labels"] or {})
                continue
            if volume.external:
                raise DockerConfigInvalid(
                    f"{self.config.path.name} names the external volume {volume.name}, which is not there",
                    hint=f"make it: `docker volume create {volume.name}`",
                )
            labels = objects.shared_labels(self.config, self.project, self.run)
            self.create(
                lambda volume=volume, labels=labels: api.create_volume(
                    volume.name,
                    driver=volume.driver or "local",
                    driver_opts=dict(volume.driver_opts),
                    labels=dict(volume.labels) | labels | {objects.VOLUME: volume.key},
                )
            )

    def stop(self, container: str) -> None:
        """Ask it to end, as long as its own grace period lasts."""
        api = self.client.api
        config: dict[str, Any] = api.inspect_container(container)["Config"]
        grace = config.get("StopTimeout")
        deadline = time.monotonic() + (10 if grace is None else grace)
        # An image's entrypoint is a shell, which as pid 1 loses every signal until the server takes its
        # place: who is young is asked again, or stopping it would last its whole grace period.
        with suppress(APIError):  # it is not running (any more)
            while self._is_young(container) and time.monotonic() < deadline:
                api.kill(container, signal=config.get("StopSignal") or "SIGTERM")
                time.sleep(0.5)
        api.stop(container, timeout=max(0, round(deadline - time.monotonic())))

    def _is_young(self, container: str) -> bool:
        """It runs, and may not have reached its server yet."""
        state: dict[str, Any] = self.client.api.inspect_container(container)["State"]
        health: dict[str, Any] = state.get("Health") or {}
        if not state["Running"] or state.get("Paused") or health.get("Status") == "healthy":
            return False
        began = datetime.fromisoformat(re.sub(r"\.\d+|Z$", "", state["StartedAt"])).replace(tzinfo=UTC)
        return "Status" in health or (datetime.now(UTC) - began).total_seconds() < _YOUNG

    def remove_created(self) -> None:
        """What a start that failed left behind: it never ran."""
        for container in self.containers():
            if container["State"] == "created" and objects.OURS in container["Labels"]:
                self.remove(container["Id"], volumes=True)

    def remove(self, container: str, *, volumes: bool = False) -> None:
        """Remove a container at once, with its anonymous volumes if told so."""
        with suppress(NotFound):
            self.client.api.remove_container(container, force=True, v=volumes)


def name_of(container: dict[str, Any]) -> str:
    """Of a container as the engine lists it: of all its names the one that is no link's."""
    return min(
        (str(name).lstrip("/") for name in container["Names"] or [container["Id"]]), key=lambda n: "/" in n
    )


def same_folder(one: str, other: Path) -> bool:
    return Path(one) == other or Path(one).resolve() == other.resolve()


def is_anonymous(volume: str) -> bool:
    """Whether the engine made up a volume's name."""
    return re.fullmatch(r"[0-9a-f]{64}", volume) is not None


def publisher(port: int) -> str | None:
    """`container NAME`: the running container that publishes `port` of this machine."""
    try:
        with translated():
            for container in find_engine().api.containers():
                if any(p.get("PublicPort") == port for p in container["Ports"]):
                    return f"container {name_of(container)}"
    except (NoEngine, ContainerFailed):
        pass
    return None
