"""Postgres in containers: the project's docker config, carried out through the Docker SDK."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from mastra_cli.errors import ContainerFailed, DatabaseUnreachable, MastraError, NoEngine
from mastra_cli.local import compose
from mastra_cli.local import docker_objects as objects
from mastra_cli.local.compose_schema import Condition, ServiceConfig
from mastra_cli.local.docker_engine import Client, answers, find_engine, host_of, said, translated
from mastra_cli.local.docker_images import image_id, pull
from mastra_cli.local.docker_password import repair
from mastra_cli.local.docker_ready import Watch, inspect, wait_for
from mastra_cli.local.docker_services import Engine, name_of, same_folder
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Kept, ProviderName, Running, Service, Stopped
from mastra_cli.local.ready import ServerInfo, wait_until_ready
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import URL_NAMES, environment, mask, parts_of, password_of, read_env_file

__all__ = ["DockerProvider", "answers", "find_engine", "publisher"]


class DockerProvider:
    """The services of one docker config file. `environ` is what its variables stand for: the process's
    environment, and below it the project's `.env`."""

    def __init__(self, project: Project, config: Path, environ: Mapping[str, str] | None = None) -> None:
        if environ is None:
            environ = {**read_env_file(project.env_file), **environment()}
        self.project = project
        self.config = compose.load(config, environ)
        self._run = secrets.token_hex(8)
        self._made: Engine | None = None

    @property
    def name(self) -> ProviderName:
        return "docker"

    @cached_property
    def _engine(self) -> Engine:
        return Engine(find_engine(), self.config, self.project, self._run)

    # Start

    def start(self, report: Reporter, *, timeout: float, wait: bool = True, yes: bool = False) -> Running:
        """Start what does not run and wait until it is ready; `yes` answers the questions.

        The time that pulling takes does not count.
        """
        with translated():
            engine = self._engine
            for warning in self.config.warnings:
                report.warn(warning)
            if self.config.left_out:
                report.say(f"left out, for they have a profile: {', '.join(self.config.left_out)}")
            engine.refuse_strangers(engine.containers())
            self._made = engine
            try:
                return self._start(engine, report, timeout, wait, yes)
            except BaseException:
                for name in engine.restore():
                    report.say(f"the container {name} of before is back")
                self._remove_created(engine)
                raise

    def _start(self, engine: Engine, report: Reporter, timeout: float, wait: bool, yes: bool) -> Running:
        images = self._images(engine.client, report)
        deadline = time.monotonic() + timeout
        self._remove_created(engine)
        engine.make_networks()
        engine.make_volumes()
        started: list[str] = []
        watches: dict[str, Watch] = {}
        for service in self.config.services:
            needed: list[tuple[Watch, Condition]] = [
                (watches[d.service], d.condition) for d in service.depends_on if d.service in watches
            ]
            if needed and any(condition != "service_started" for _, condition in needed):
                with report.phase(f"waiting for what {service.name} needs"):
                    wait_for(needed, deadline=deadline, timeout=timeout)
            with report.phase(f"starting {service.name}"):
                container, new = engine.bring_up(service, images[service.name])
            if new:
                started.append(service.name)
            watches[service.name] = Watch(engine.client, self.config, service, container)
        info: ServerInfo | None = None
        url = self.url()
        if wait:
            info = self._wait(engine, watches, url, report, deadline, timeout, yes, bool(started))
        if url is None:
            report.say(self._no_url())
        engine.settle()
        return Running(
            self.look(), tuple(started), url, info.server if info else None, info.pgvector if info else None
        )

    def _images(self, client: Client, report: Reporter) -> dict[str, str]:
        ids: dict[str, str] = {}
        for service in self.config.services:
            known = ids.get(service.image) or image_id(client, service.image)
            ids[service.image] = known or pull(client, service.image, service.platform, report)
        return {service.name: ids[service.image] for service in self.config.services}

    def _remove_created(self, engine: Engine) -> None:
        """What a start that failed left behind; it never ran."""
        for container in engine.containers():
            if container["State"] == "created" and objects.OURS in container["Labels"]:
                engine.remove(container["Id"])

    def _wait(
        self,
        engine: Engine,
        watches: dict[str, Watch],
        url: str | None,
        report: Reporter,
        deadline: float,
        timeout: float,
        yes: bool,
        started: bool,
    ) -> ServerInfo | None:
        all_of_them: list[tuple[Watch, Condition]] = [(w, "service_healthy") for w in watches.values()]
        once = {
            d.service for s in self.config.services for d in s.depends_on if d.condition[8:] == "completed"
        }
        all_of_them = [item for item in all_of_them if item[0].service.name not in once]
        with report.phase(f"waiting for {', '.join(watches)}"):
            wait_for(all_of_them, deadline=deadline, timeout=timeout)
        database = compose.database(self.config)
        if url is None or database is None:
            return None
        watch = watches[database.name]

        def alive() -> None:
            watch.reached("service_started")

        def ask() -> ServerInfo:
            return wait_until_ready(
                url, timeout=max(1.0, deadline - time.monotonic()), alive=alive, report=report
            )

        try:
            return ask()
        except DatabaseUnreachable as error:
            if error.transient or not self._wrong_password(error, watch):
                raise
            self._mend_password(engine, database, watch, url, report, yes, error)
            return ask()

    def _wrong_password(self, error: DatabaseUnreachable, watch: Watch) -> bool:
        return error.sqlstate == "28P01" or "password authentication failed" in watch.logs()

    def _mend_password(
        self,
        engine: Engine,
        database: ServiceConfig,
        watch: Watch,
        url: str,
        report: Reporter,
        yes: bool,
        error: DatabaseUnreachable,
    ) -> None:
        problem = (
            f"the password of {parts_of(url)[0]} in {self.project.env_file.name} is not the one "
            "that the volume was made with"
        )
        wrong = DatabaseUnreachable(
            f"{mask(url)} refused the login: {problem}",
            sqlstate="28P01",
            hint="`mastra engine up --yes` gives the database the password of "
            f"{self.project.env_file.name}; the data stays",
        )
        if not password_of(url):
            raise error
        if not yes:
            try:
                agreed = report.confirm(f"{problem}. Change it in the database?", flag="up --yes")
            except MastraError:  # nobody is there to ask
                raise wrong from error
            if not agreed:
                raise wrong from error
        with report.phase("changing the password in the database"):
            repair(engine.client, watch.container, database, url)

    def _no_url(self) -> str:
        database = compose.database(self.config)
        if database is None:
            return "no service is recognised as the database; its healthcheck is all that ready means"
        return f"{database.name} has no port or password known to this machine; no URL was tried"

    def undo(self, report: Reporter) -> None:
        """Remove what this object's `start` made, and nothing older."""
        if self._made is None:
            return
        with translated():
            for name in self._made.restore():
                report.say(f"the container {name} of before is back")
            removed = self._made.undo()
        if removed:
            report.say(f"removed again: {', '.join(removed)}")

    # Look

    def look(self) -> tuple[Service, ...]:
        """What runs now; changes nothing."""
        with translated():
            engine = self._engine
            containers = self._own(engine)
            return tuple(
                self._service(service, engine.of(service.name, containers))
                for service in self.config.services
            )

    def _own(self, engine: Engine) -> list[dict[str, Any]]:
        """The containers of this directory's project."""
        here = self.config.path.parent
        return [
            c
            for c in engine.containers()
            if not (folder := c["Labels"].get(objects.WORKING_DIR)) or same_folder(folder, here)
        ]

    def _service(self, service: ServiceConfig, container: dict[str, Any] | None) -> Service:
        if container is None:
            return Service(service.name, "missing")
        address = self._address(container)
        return Service(
            service.name,
            container["State"],
            f"{address[0]}:{address[1]}" if address else None,
            (container["Id"][:12], name_of(container)),
        )

    def _address(self, container: dict[str, Any], target: int | None = None) -> tuple[str, int] | None:
        """Where its Postgres port (or `target` alone), else its first published port, is reached."""
        published = [p for p in container["Ports"] if p.get("PublicPort") and p.get("Type") == "tcp"]
        published.sort(
            key=lambda p: (p["PrivatePort"] != compose.POSTGRES_PORT, ":" in p.get("IP", ""), p["PublicPort"])
        )
        if target is not None:
            published = [p for p in published if p["PrivatePort"] == target]
        if not published:
            return None
        ip = published[0].get("IP", "")
        host = host_of(self._engine.client)
        return (host if ip in ("", "0.0.0.0", "::") or host != "127.0.0.1" else ip), published[0][
            "PublicPort"
        ]

    def url(self) -> str | None:
        """The running database's URL, password included; None: none that can be reached is known."""
        with translated():
            database = compose.database(self.config)
            if database is None:
                return None
            container = self._engine.of(database.name, self._own(self._engine))
            address = self._address(container, compose.POSTGRES_PORT) if container else None
            if address is None:
                return None
        written = read_env_file(self.project.env_file)
        urls = tuple(written[name] for name in URL_NAMES if written.get(name))
        return compose.database_url(database, *address, urls)

    def data(self) -> tuple[Kept, ...]:
        """What holds data, `external` ones included; changes nothing."""
        with translated():
            return self._data(self._engine)

    def _data(self, engine: Engine) -> tuple[Kept, ...]:
        present = {v["Name"]: v for v in engine.volumes()}
        for volume in self.config.volumes:
            with suppress(NotFound):
                present.setdefault(volume.name, engine.client.api.inspect_volume(volume.name))
        for container in self._own(engine):
            for mount in container.get("Mounts", []):
                if mount.get("Type") == "volume" and mount.get("Name"):
                    present.setdefault(mount["Name"], {"Labels": None})
        external = {v.name for v in self.config.volumes if v.external}
        sizes = _sizes(engine.client) if present else {}
        kept = [
            Kept(name, sizes.get(name), name in external or not engine.is_ours(volume["Labels"]))
            for name, volume in sorted(present.items())
        ]
        binds = {
            m.source
            for s in self.config.services
            for m in s.mounts
            if m.type == "bind" and m.source and "ro" not in m.options
        }
        return (*kept, *(Kept(path, None, external=True) for path in sorted(binds)))

    # Stop

    def stop(self, report: Reporter, *, volumes: bool = False) -> Stopped:
        """Stop and remove containers and network; with `volumes` the volumes that `data()` shows as ours."""
        with translated():
            engine = self._engine
            engine.refuse_strangers(engine.containers())
            kept = self._data(engine)
            stopped: list[str] = []
            removed: list[str] = []
            for container in self._last_first(self._own(engine)):
                service = container["Labels"].get(objects.SERVICE, "")
                with report.phase(f"stopping {service}"):
                    if container["State"] in ("running", "restarting", "paused"):
                        engine.stop(container["Id"], inspect(engine.client, container["Id"]))
                        stopped.append(service)
                    engine.remove(container["Id"])
                removed.append(name_of(container))
            removed += self._remove_networks(engine, report)
            if volumes:
                for volume in [k for k in kept if not k.external]:
                    with suppress(NotFound):
                        engine.client.api.remove_volume(volume.name)
                    removed.append(volume.name)
                kept = tuple(k for k in kept if k.external)
            return Stopped(tuple(stopped), tuple(removed), kept)

    def _last_first(self, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that depend on others before these."""
        order = {service.name: i for i, service in enumerate(self.config.services)}
        return sorted(containers, key=lambda c: -order.get(c["Labels"].get(objects.SERVICE, ""), len(order)))

    def _remove_networks(self, engine: Engine, report: Reporter) -> list[str]:
        removed: list[str] = []
        for network in engine.client.api.networks(
            filters={"label": f"{objects.PROJECT}={self.config.project}"}
        ):
            try:
                engine.client.api.remove_network(network["Id"])
                removed.append(network["Name"])
            except NotFound:
                pass
            except APIError as error:
                report.warn(f"network {network['Name']} stays: {said(error)}")
        return removed


def _sizes(client: Client) -> dict[str, int]:
    """Bytes by volume; `{}` when the engine does not say."""
    try:
        volumes: list[dict[str, Any]] = client.api.df().get("Volumes") or []
    except APIError:
        return {}
    sizes: dict[str, int] = {v["Name"]: (v.get("UsageData") or {"Size": -1})["Size"] for v in volumes}
    return {name: size for name, size in sizes.items() if size >= 0}


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
