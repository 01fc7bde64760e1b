"""From a docker config to services that are ready: in order, with patience, and with a password that fits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from mastra_cli.errors import DatabaseUnreachable, Usage
from mastra_cli.local import compose
from mastra_cli.local.compose_schema import Condition
from mastra_cli.local.docker_images import image_id, pull
from mastra_cli.local.docker_password import repair
from mastra_cli.local.docker_ready import Watch, wait_for
from mastra_cli.local.docker_services import Engine
from mastra_cli.local.ready import ServerInfo, wait_until_ready
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import mask, parts_of, password_of


class Start:
    """One start. `url` tells the database's URL once its container runs."""

    def __init__(
        self, engine: Engine, report: Reporter, url: Callable[[], str | None], timeout: float
    ) -> None:
        self._engine = engine
        self._config = engine.config
        self._report = report
        self._url = url
        self._timeout = timeout
        self._deadline = 0.0
        self._watches: dict[str, Watch] = {}
        self._started: list[str] = []

    @property
    def started(self) -> tuple[str, ...]:
        """The services that did not run before."""
        return tuple(self._started)

    def run(self) -> None:
        """Pull, make and start what is not there, dependencies first."""
        for warning in self._config.warnings:
            self._report.warn(warning)
        if self._config.left_out:
            self._report.say(f"left out, for they have a profile: {', '.join(self._config.left_out)}")
        images = self._images()
        self._engine.remove_created()
        self._engine.make_networks()
        self._engine.make_volumes()
        for service in self._config.services:
            self._wait_for_needs(service.name)
            step = self._engine.step(service, images[service.name])
            if step.words:
                self._started.append(service.name)
                with self._report.phase(step.words):
                    container = step.carry_out()
            else:
                container = step.carry_out()
            self._watches[service.name] = Watch(self._engine.client, self._config, service, container)

    def _images(self) -> dict[str, str]:
        client = self._engine.client
        ids: dict[str, str] = {}
        for service in self._config.services:
            if service.image not in ids:
                known = image_id(client, service.image)
                ids[service.image] = known or pull(client, service.image, service.platform, self._report)
        return {service.name: ids[service.image] for service in self._config.services}

    def _wait_for_needs(self, name: str) -> None:
        needs: list[tuple[Watch, Condition]] = [
            (self._watches[d.service], d.condition)
            for d in self._config.service(name).depends_on
            if d.service in self._watches
        ]
        self._deadline = time.monotonic() + self._timeout
        self._wait(f"waiting for what {name} depends on", needs)

    def _wait(self, words: str, needs: Sequence[tuple[Watch, Condition]]) -> None:
        missing = [item for item in needs if not item[0].reached(item[1])]
        if missing:
            with self._report.phase(words):
                wait_for(missing, deadline=self._deadline, timeout=self._timeout)

    def wait(self, *, yes: bool) -> ServerInfo | None:
        """Until every service is ready and the database answers; None: none that can be reached is known."""
        ends = {
            d.service
            for service in self._config.services
            for d in service.depends_on
            if d.condition == "service_completed_successfully"
        }
        self._deadline = time.monotonic() + self._timeout
        services = [name for name in self._watches if name not in ends]
        self._wait(
            f"waiting until {', '.join(services)} {'is' if len(services) == 1 else 'are'} ready",
            [(self._watches[name], "service_healthy") for name in services],
        )
        database = compose.database(self._config)
        url = self._url()
        if database is None or url is None:
            return None
        watch = self._watches[database.name]
        try:
            return self._ask(watch, url)
        except DatabaseUnreachable as error:
            if error.sqlstate == "28000":  # the image writes its last line of pg_hba.conf after initdb
                error.hint = (
                    f"mend the user in {self._engine.project.env_file.name}; or, where the first start of "
                    "this volume was cut short, begin anew, without the data: `mastra engine down --volumes`"
                )
            if error.transient or not password_of(url) or not _wrong_password(error, watch):
                raise
            self._agree(url, yes, error)
            with self._report.phase("changing the password in the database"):
                repair(self._engine.client, watch.container, database, url)
            return self._ask(watch, url)

    def _ask(self, watch: Watch, url: str) -> ServerInfo:
        def alive() -> None:
            watch.reached("service_started")

        return wait_until_ready(url, timeout=max(1.0, self._deadline - time.monotonic()), alive=alive)

    def _agree(self, url: str, yes: bool, error: DatabaseUnreachable) -> None:
        """Changing a password in the user's data needs a yes."""
        file = self._engine.project.env_file.name
        problem = f"the volume was made with another password for {parts_of(url)[0]} than {file} has"
        agreed = yes
        if not yes:
            try:
                agreed = self._report.confirm(f"{problem}. Change it in the database?", flag="up --yes")
            except Usage:  # nobody is there to ask
                agreed = False
        if not agreed:
            raise DatabaseUnreachable(
                f"{mask(url)} refused the login: {problem}",
                sqlstate=error.sqlstate,
                hint=f"`mastra engine up --yes` gives the database the password of {file}; the data stays",
            ) from error


def _wrong_password(error: DatabaseUnreachable, watch: Watch) -> bool:
    return error.sqlstate == "28P01" or "password authentication failed" in watch.logs()
