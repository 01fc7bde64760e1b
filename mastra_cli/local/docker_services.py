"""Containers, networks and volumes brought to what the docker config says, and back when that fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, NotFound

from mastra_cli.errors import PortTaken
from mastra_cli.local import docker_objects as objects
from mastra_cli.local import ports
from mastra_cli.local.compose_schema import Config, ServiceConfig
from mastra_cli.local.docker_engine import Client, host_of, said
from mastra_cli.local.docker_things import RETIRED, Things, name_of
from mastra_cli.local.project import Project

_PORT_TAKEN = re.compile(
    r"port is already allocated|address already in use|ports are not available|bind: .*(?:in use|forbidden)|"
    r"rootlessport|cannot expose port",
    re.IGNORECASE,
)
_IN_FLIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done for one service; no words: nothing."""

    words: str
    carry_out: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A container that was set aside, and the one that took its place."""

    old: str
    name: str
    was_running: bool
    new: str | None


class Engine(Things):
    """One project's services, brought up and back."""

    def __init__(self, client: Client, config: Config, project: Project, run: str) -> None:
        super().__init__(client, config, project, run)
        self.replaced: list[Replaced] = []

    def step(self, service: ServiceConfig, image_id: str) -> Step:
        """What brings a service's container to run as the docker config says; it returns the id."""
        present = self.of(service.name, self.containers())
        if present is None:
            return Step(f"starting {service.name}", lambda: self._make(service, image_id, run=self.run))
        if not self._unchanged(present, service, image_id):
            return Step(
                f"making {service.name} anew, for its configuration changed",
                lambda: self._replace(present, service, image_id),
            )
        if present["State"] == "running":
            return Step("", lambda: present["Id"])
        return Step(f"starting {service.name}", lambda: self._start_again(present, service))

    def _start_again(self, present: dict[str, Any], service: ServiceConfig) -> str:
        name = objects.container_name(self.config, service)
        if name_of(present) != name:  # it was set aside by a run that was killed
            self.client.api.rename(present["Id"], name)
        if present["State"] == "paused":
            self.client.api.unpause(present["Id"])
        else:
            self._start(present["Id"], service)
        return present["Id"]

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
        self, service: ServiceConfig, image_id: str, *, run: str, old: dict[str, Any] | None = None
    ) -> str:
        api = self.client.api
        of_image: dict[str, Any] = api.inspect_image(image_id)["Config"].get("Volumes") or {}
        targets = objects.anonymous_targets(service, of_image)
        left = self._left_volumes(service, old)
        inherited = {target: left[target] for target in targets if target in left}
        body = objects.container(
            self.config,
            service,
            self.project,
            run=run,
            image_id=image_id,
            inherited=inherited,
            anonymous=[target for target in targets if target not in inherited],
        )
        name = objects.container_name(self.config, service)
        made = self.create(lambda: api.create_container_from_config(body, name, service.platform))["Id"]
        try:
            for network, aliases in objects.further_networks(self.config, service):
                api.connect_container_to_network(made, network, aliases=aliases)
            self._start(made, service)
        except BaseException:
            self.remove(made, volumes=True)
            raise
        return made

    def _left_volumes(self, service: ServiceConfig, old: dict[str, Any] | None) -> dict[str, str]:
        """Path -> the volume without a name that an older container of the service has, or had there."""
        left: dict[str, str] = {}
        for volume in sorted(self.volumes(), key=lambda volume: volume.get("CreatedAt") or ""):
            labels: dict[str, str] = volume["Labels"] or {}
            name, _, target = labels.get(objects.PLACE, "").partition(":")
            if name == service.name and self.is_ours(labels):
                left[target] = volume["Name"]
        if old is not None:
            mounts: list[dict[str, Any]] = self.client.api.inspect_container(old["Id"])["Mounts"]
            left |= {m["Destination"].rstrip("/"): m["Name"] for m in mounts if m["Type"] == "volume"}
        return left

    def _start(self, container: str, service: ServiceConfig) -> None:
        self._check_ports(service)
        try:
            self.client.api.start(container)
        except APIError as error:
            words = said(error)
            if not _PORT_TAKEN.search(words):
                raise
            # The last judge: what was free a moment ago, or on a machine that is not this one.
            published = [port.published for port in service.ports if port.published]
            named = re.findall(r":(\d+)\b", words)
            taken = next((p for p in published if p in named), published[0] if published else "?")
            raise self._port_taken(service, taken) from error

    def _check_ports(self, service: ServiceConfig, held: Container[int] = ()) -> None:
        """`PortTaken`, but for those that the container itself holds."""
        if host_of(self.client) != "127.0.0.1":
            return
        for port in service.ports:
            if port.protocol == "tcp" and port.published and port.published.isdigit():
                number = int(port.published)
                if number not in held and not ports.is_free(port.host_ip or "0.0.0.0", number):
                    raise self._port_taken(service, port.published)

    def _port_taken(self, service: ServiceConfig, port: str) -> PortTaken:
        holder = ports.who_holds(int(port)) if port.isdigit() else None
        line = next((p.line for p in service.ports if p.published == port), service.line)
        return PortTaken(
            f"port {port} is taken{f' by {holder}' if holder else ''}",
            hint=f"stop {holder or 'what listens there'}, or choose another port: POSTGRES_PORT in .env, "
            f"or line {line} of {self.config.path.name}",
        )

    def _replace(self, old: dict[str, Any], service: ServiceConfig, image_id: str) -> str:
        """Set a container aside and put a new one in its place, with its anonymous volumes."""
        api = self.client.api
        name = objects.container_name(self.config, service)
        self._check_ports(service, {p["PublicPort"] for p in old["Ports"] if p.get("PublicPort")})
        running = old["State"] in ("running", "restarting", "paused")
        self.replaced.append(Replaced(old["Id"], name, running, None))
        if not RETIRED.match(name_of(old)):
            api.rename(old["Id"], f"{old['Id'][:12]}_{name}")
        self.stop(old["Id"])
        new = self._make(service, image_id, run="", old=old)
        self.replaced[-1] = Replaced(old["Id"], name, running, new)
        return new

    # Back, and away

    def settle(self) -> None:
        """The successors are good: those set aside go, and those that a killed run had set aside."""
        while self.replaced:
            self.remove(self.replaced.pop().old)
        for container in self.containers():
            if RETIRED.match(name_of(container)) and objects.OURS in container["Labels"]:
                self.remove(container["Id"])

    def restore(self) -> tuple[str, ...]:
        """The successors are no good: those set aside come back. Returns their names."""
        back: list[str] = []
        if self.in_flight and self.replaced:
            time.sleep(1)  # the engine may be at work on a successor that nobody waits for any more
        for replaced in reversed(self.replaced):
            for container in self.containers():
                if name_of(container) == replaced.name and container["Id"] != replaced.old:
                    self.remove(container["Id"], volumes=True)
            with suppress(NotFound):
                if self.client.api.inspect_container(replaced.old)["Name"] != f"/{replaced.name}":
                    self.client.api.rename(replaced.old, replaced.name)
                if replaced.was_running:
                    self.client.api.start(replaced.old)
                back.append(replaced.name)
        self.replaced.clear()
        return tuple(back)

    def undo(self) -> tuple[str, ...]:
        """Remove what this run made, found by its label; returns the names."""
        deadline = time.monotonic() + (_IN_FLIGHT if self.in_flight else 0)
        removed: list[str] = []
        while True:
            found = self._remove_made(removed)
            if time.monotonic() >= deadline and not found:
                self.in_flight = False
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
