"""Postgres in containers: the project's docker config, carried out through the Docker SDK."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from mastra_cli.local import compose
from mastra_cli.local import docker_objects as objects
from mastra_cli.local.compose_schema import ServiceConfig
from mastra_cli.local.docker_engine import Client, answers, find_engine, host_of, said, translated
from mastra_cli.local.docker_services import Engine
from mastra_cli.local.docker_start import Start
from mastra_cli.local.docker_things import is_anonymous, name_of, same_folder
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Kept, ProviderName, Running, Service, Stopped
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import URL_NAMES, environment, read_env_file

__all__ = ["DockerProvider", "answers", "find_engine"]


class DockerProvider:
    """The services of one docker config file. `environ` is what its variables stand for: the process's
    environment, and below it the project's `.env`."""

    def __init__(self, project: Project, config: Path, environ: Mapping[str, str] | None = None) -> None:
        if environ is None:
            environ = {**read_env_file(project.env_file), **environment()}
        self.project = project
        self._environ = environ
        # A `.env` that is gone keeps nobody from stopping what runs: `start` asks for all of it.
        self.config = compose.load(config, environ, demanding=False)
        self._run = secrets.token_hex(8)
        self._made: Engine | None = None

    @property
    def name(self) -> ProviderName:
        return "docker"

    @cached_property
    def _client(self) -> Client:
        return find_engine()

    @property
    def _engine(self) -> Engine:
        return Engine(self._client, self.config, self.project, self._run)

    @property
    def project_name(self) -> str:
        return self.config.project

    def start(self, report: Reporter, *, timeout: float, wait: bool = True, yes: bool = False) -> Running:
        """Start what does not run and wait until it is ready; `yes` answers the questions.

        The time that pulling takes does not count.
        """
        self.config = compose.load(self.config.path, self._environ)
        with translated():
            engine = self._engine
            engine.refuse_strangers(engine.containers())
            self._made = engine
            try:
                start = Start(engine, report, self.url, timeout)
                start.run()
                info = start.wait(yes=yes) if wait else None
                engine.settle()
            except BaseException:
                self._restore(engine, report)
                engine.remove_created()
                raise
            return Running(
                services=self.look(),
                started=start.started,
                url=self.url(),
                server=info.server if info else None,
                pgvector=info.pgvector if info else None,
            )

    def _restore(self, engine: Engine, report: Reporter) -> None:
        for name in engine.restore():
            report.say(f"{name} is back as it was before")

    def undo(self, report: Reporter) -> None:
        """Remove what this object's `start` made, and nothing older."""
        if self._made is None:
            return
        with translated():
            self._restore(self._made, report)
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
                if mount.get("Type") == "volume" and is_anonymous(mount.get("Name", "")):
                    present.setdefault(mount["Name"], {"Labels": {objects.PROJECT: self.config.project}})
        external = {v.name for v in self.config.volumes if v.external}
        sizes = _sizes(engine.client) if present else {}
        kept = [
            Kept(name, sizes.get(name), name in external or not engine.is_ours(volume["Labels"]))
            for name, volume in sorted(present.items(), key=lambda item: (is_anonymous(item[0]), item[0]))
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
                        engine.stop(container["Id"])
                        stopped.append(service)
                    engine.remove(container["Id"])
                removed.append(name_of(container))
            removed += self._remove_networks(engine, report)
            if volumes:
                gone = self._remove_volumes(engine, report, [k.name for k in kept if not k.external])
                kept = tuple(k for k in kept if k.name not in gone)
                removed += gone
            return Stopped(tuple(stopped), tuple(removed), kept)

    def _last_first(self, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that depend on others before these."""
        order = {service.name: i for i, service in enumerate(self.config.services)}
        return sorted(containers, key=lambda c: -order.get(c["Labels"].get(objects.SERVICE, ""), len(order)))

    def _remove_volumes(self, engine: Engine, report: Reporter, names: list[str]) -> list[str]:
        gone: list[str] = []
        for name in names:
            try:
                engine.client.api.remove_volume(name)
            except NotFound:  # it went with a container
                pass
            except APIError as error:
                report.warn(f"volume {name} stays: {said(error)}")
                continue
            gone.append(name)
        return gone

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
