"""Containers, networks and volumes brought to what the docker config says, and back when that fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from mastra_cli.errors import DockerConfigInvalid, PortTaken, ProjectNameTaken
from mastra_cli.local import docker_objects as objects
from mastra_cli.local import ports
from mastra_cli.local.compose_schema import Config, ServiceConfig
from mastra_cli.local.docker_engine import Client, host_of, said
from mastra_cli.local.project import Project

# The name of a container that waits for its successor to be ready, as Compose makes it.
_RETIRED = re.compile(r"[0-9a-f]{12}_")
_PORT_TAKEN = re.compile(
    r"port is already allocated|address already in use|ports are not available|bind: .*(?:in use|forbidden)|"
    r"rootlessport|cannot expose port",
    re.IGNORECASE,
)
_IN_FLIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Replaced:
    """A container that was set aside, and the one that took its place."""

    old: str
    name: str
    was_running: bool
    new: str | None


class Engine:
    """One project's things on one engine."""

    def __init__(self, client: Client, config: Config, project: Project, run: str) -> None:
        self.client = client
        self.config = config
        self.project = project
        self.run = run
        self.replaced: list[Replaced] = []
        self._in_flight = False

    # What is there

    def containers(self) -> list[dict[str, Any]]:
        """The project's containers, as the engine lists them; one-off runs left out."""
        found: list[dict[str, Any]] = self.client.api.containers(
            all=True, filters={"label": [f"{objects.PROJECT}={self.config.project}"]}
        )
        return [c for c in found if c["Labels"].get(objects.ONEOFF, "False") != "True"]

    def of(self, service: str, containers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """The container of a service: the one that carries its name, before one that was set aside."""
        own = [c for c in containers if c["Labels"].get(objects.SERVICE) == service]
        return min(own, key=lambda c: (bool(_RETIRED.match(name_of(c))), -c["Created"]), default=None)

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
                    hint=f"add a `name:` of its own to {self.config.path.name}, or end the other one: "
                    f"`docker compose -p {self.config.project} down`",
                )

    def volumes(self) -> list[dict[str, Any]]:
        """The project's volumes, by Compose's label."""
        listing = self.client.api.volumes(filters={"label": f"{objects.PROJECT}={self.config.project}"})
        return listing.get("Volumes") or []

    def is_ours(self, labels: dict[str, str] | None) -> bool:
        """Whether a volume is this directory's: another directory of one name may still need it."""
        folder = (labels or {}).get(objects.OURS)
        return not folder or same_folder(folder, self.project.root) or not Path(folder).is_dir()

    # Making

    def create(self, make: Callable[[], Any]) -> Any:
        """A call that makes something: Ctrl-C in it leaves open whether the engine did."""
        self._in_flight = True
        made = make()
        self._in_flight = False
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
            if there and not volume.external and not self.is_ours(there["Labels"]):
                raise ProjectNameTaken(
                    f"volume {volume.name} belongs to {there['Labels'][objects.OURS]}",
                    hint=f"add a `name:` of its own to {self.config.path.name}",
                )
            if there:
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

    def bring_up(self, service: ServiceConfig, image_id: str) -> tuple[str, bool]:
        """(the service's container, whether this call started it)."""
        present = self.of(service.name, self.containers())
        if present is None:
            return self._make(service, image_id, run=self.run), True
        name = objects.container_name(self.config, service)
        if self._unchanged(present, service, image_id):
            if name_of(present) != name:
                self.client.api.rename(present["Id"], name)
            if present["State"] == "running":
                return present["Id"], False
            if present["State"] == "paused":
                self.client.api.unpause(present["Id"])
            else:
                self._start(present["Id"], service)
            return present["Id"], True
        return self._replace(present, service, image_id, name), True

    def _unchanged(self, present: dict[str, Any], service: ServiceConfig, image_id: str) -> bool:
        if present["ImageID"] != image_id:
            return False
        labels = present["Labels"]
        if objects.OURS in labels:
            return labels.get(objects.HASH) == objects.fingerprint(self.config, service)
        # Compose made it, whose hash is its own affair: what counts is what it made.
        info = self.client.api.inspect_container(present["Id"])
        return objects.matches(
            info, objects.container(self.config, service, self.project, run="", image_id="")
        )

    def _make(
        self, service: ServiceConfig, image_id: str, *, run: str, inherited: Sequence[tuple[str, str]] = ()
    ) -> str:
        api = self.client.api
        body = objects.container(
            self.config, service, self.project, run=run, image_id=image_id, inherited=inherited
        )
        name = objects.container_name(self.config, service)
        made = self.create(lambda: api.create_container_from_config(body, name, service.platform))["Id"]
        try:
            for network, aliases in objects.further_networks(self.config, service):
                api.connect_container_to_network(made, network, aliases=aliases)
            self._start(made, service)
        except BaseException:
            self.remove(made)
            raise
        return made

    def _start(self, container: str, service: ServiceConfig) -> None:
        host = host_of(self.client)
        if host == "127.0.0.1":
            for port in service.ports:
                if port.published and port.published.isdigit() and port.protocol == "tcp":
                    address = "0.0.0.0" if port.host_ip == "" else port.host_ip
                    if not ports.is_free(address, int(port.published)):
                        raise self._port_taken(service, port.published, address)
        try:
            self.client.api.start(container)
        except APIError as error:
            words = said(error)
            if _PORT_TAKEN.search(words):
                named = re.findall(r":(\d+)\b", words)
                published = [p.published for p in service.ports if p.published]
                taken = next((p for p in published if p in named), published[0] if published else "?")
                raise self._port_taken(service, taken, "") from error
            raise

    def _port_taken(self, service: ServiceConfig, port: str, address: str) -> PortTaken:
        holder = ports.who_holds(int(port)) if port.isdigit() else None
        line = next((p.line for p in service.ports if p.published == port), service.line)
        return PortTaken(
            f"port {port} is taken{f' by {holder}' if holder else ''}",
            hint=f"stop {holder or 'what listens there'}, or choose another port: POSTGRES_PORT in .env, "
            f"or line {line} of {self.config.path.name}",
        )

    def _replace(self, old: dict[str, Any], service: ServiceConfig, image_id: str, name: str) -> str:
        """Set a container aside and put a new one in its place, with its anonymous volumes."""
        api = self.client.api
        info = api.inspect_container(old["Id"])
        declared = {mount.target for mount in service.mounts}
        inherited = [
            (mount["Name"], mount["Destination"])
            for mount in info["Mounts"]
            if mount["Type"] == "volume" and mount["Destination"] not in declared
        ]
        running = old["State"] in ("running", "restarting", "paused")
        self.replaced.append(Replaced(old["Id"], name, running, None))
        if not _RETIRED.match(name_of(old)):
            api.rename(old["Id"], f"{old['Id'][:12]}_{name}")
        self.stop(old["Id"], info)
        new = self._make(service, image_id, run="", inherited=inherited)
        self.replaced[-1] = Replaced(old["Id"], name, running, new)
        return new

    # Back, and away

    def settle(self) -> None:
        """The successors are good: those set aside go."""
        while self.replaced:
            self.remove(self.replaced.pop().old)

    def restore(self) -> tuple[str, ...]:
        """The successors are no good: those set aside come back. Returns their names."""
        back: list[str] = []
        if self._in_flight and self.replaced:
            time.sleep(1)  # the engine may be at work on a successor that nobody waits for any more
        for replaced in reversed(self.replaced):
            for container in self.containers():
                if name_of(container) == replaced.name and container["Id"] != replaced.old:
                    self.remove(container["Id"])
            with suppress(NotFound):
                if name_of_info(self.client.api.inspect_container(replaced.old)) != replaced.name:
                    self.client.api.rename(replaced.old, replaced.name)
                if replaced.was_running:
                    self.client.api.start(replaced.old)
                back.append(replaced.name)
        self.replaced.clear()
        return tuple(back)

    def stop(self, container: str, info: dict[str, Any]) -> None:
        """Ask it to end, as long as its own grace period lasts."""
        grace = info["Config"].get("StopTimeout")
        self.client.api.stop(container, timeout=10 if grace is None else grace)

    def remove(self, container: str, *, volumes: bool = False) -> None:
        """Remove a container at once, with its anonymous volumes if told so."""
        with suppress(NotFound):
            self.client.api.remove_container(container, force=True, v=volumes)

    def undo(self) -> tuple[str, ...]:
        """Remove what this run made, found by its label; returns the names."""
        deadline = time.monotonic() + (_IN_FLIGHT if self._in_flight else 0)
        removed: list[str] = []
        while True:
            found = self._remove_made(removed)
            if time.monotonic() >= deadline and not found:
                self._in_flight = False
                return tuple(removed)
            if not found:
                time.sleep(0.1)

    def _remove_made(self, removed: list[str]) -> bool:
        api = self.client.api
        made = {"label": f"{objects.RUN}={self.run}"}
        before = len(removed)
        for container in api.containers(all=True, filters=made):
            self.remove(container["Id"], volumes=True)
            removed.append(name_of(container))
        for network in api.networks(filters=made):
            with suppress(APIError):  # a container that is older is on it
                api.remove_network(network["Id"])
                removed.append(network["Name"])
        volumes: list[dict[str, Any]] = api.volumes(filters=made).get("Volumes") or []
        for volume in volumes:
            with suppress(APIError):
                api.remove_volume(volume["Name"], force=True)
                removed.append(volume["Name"])
        return len(removed) > before


def name_of(container: dict[str, Any]) -> str:
    """Of a container as the engine lists it: of all its names the one that is no link's."""
    return min(
        (str(name).lstrip("/") for name in container["Names"] or [container["Id"]]), key=lambda n: "/" in n
    )


def name_of_info(info: dict[str, Any]) -> str:
    return str(info["Name"]).lstrip("/")


def same_folder(one: str, other: Path) -> bool:
    return Path(one) == other or Path(one).resolve() == other.resolve()
