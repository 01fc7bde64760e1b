"""The embedded server of a project: Postgres with pgvector from a wheel, where there is no Docker."""

from __future__ import annotations

import time

from mastra_cli.errors import (
    DatabaseUnreachable,
    EnvFileRefused,
    MastraError,
    PortTaken,
    ServerFailed,
    Usage,
)
from mastra_cli.local import embedded_login as login
from mastra_cli.local import embedded_wheel as wheel
from mastra_cli.local import ports
from mastra_cli.local.embedded_cluster import Cluster
from mastra_cli.local.embedded_home import Home
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Kept, ProviderName, Running, Service, Stopped
from mastra_cli.local.ready import ServerInfo, wait_until_ready
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import database_url

HOST = "127.0.0.1"
SERVICE = "postgres"


def unavailable() -> str | None:
    """Why there is no embedded server on this machine; None: there is one."""
    return wheel.unavailable()


class EmbeddedProvider:
    """Implements `mastra_cli.local.provider.Provider`."""

    def __init__(self, project: Project, *, port: int, user: str, password: str, database: str) -> None:
        self._project = project
        self._port = port
        self._user = user
        self._password = password
        self._database = database
        self._home = Home(project)
        self._cluster = Cluster(self._home)
        self._started = False

    @property
    def name(self) -> ProviderName:
        return "embedded"

    @property
    def project_name(self) -> str:
        return self._project.identity

    def start(self, report: Reporter, *, timeout: float, wait: bool = True, yes: bool = False) -> Running:
        end = time.monotonic() + timeout
        wheel.installation()
        self._check_wishes()
        self._home.refuse_a_foreign_link()  # before a folder is made where the moved data shall go
        with self._home.locked(timeout):
            self._home.sweep()
            fresh = not self._home.exists()
            before = self._cluster.pid()
            if before is not None and self._cluster.port() != self._port:
                report.say(f"the server moves from port {self._cluster.port()} to {self._port}")
                self._check_port()
                self._cluster.stop()
            elif before is not None and self._cluster.was_moved():
                report.say("the directory was moved while its server ran: the server starts anew")
                self._cluster.stop()
            if self._cluster.pid() is None:
                self._check_port()
                if fresh:
                    if self._home.lost():
                        report.warn(f"the data in {self._home.data} is gone: this is a new, empty database")
                    with report.phase("making a Postgres data directory"):
                        self._cluster.build(self._user, self._password, timeout)
                else:
                    self._home.show_the_way()
                with report.phase(f"starting Postgres {wheel.MAJOR} on {HOST}:{self._port}"):
                    self._started = before is None
                    self._launch(end, wait=wait or fresh)
            info = self._log_in(report, end, yes=yes) if wait or fresh else None
        return Running(
            services=self.look(),
            started=(SERVICE,) if self._cluster.pid() != before else (),
            url=self._url(self._database),
            server=info.server if info else None,
            pgvector=info.pgvector if info else None,
        )

    def undo(self, report: Reporter) -> None:
        if self._started:
            self._cluster.stop("immediate")
            self._started = False
        self._home.undo()

    def look(self) -> tuple[Service, ...]:
        pid = self._cluster.pid()
        if pid is not None:
            return (Service(SERVICE, "running", f"{HOST}:{self._cluster.port()}", pid=pid),)
        return (Service(SERVICE, "exited" if self._home.there() else "missing"),)

    def data(self) -> tuple[Kept, ...]:
        if not self._home.there():
            return ()
        return (Kept(str(self._home.data), self._home.size()),)

    def stop(self, report: Reporter, *, volumes: bool = False) -> Stopped:
        self._home.refuse_a_foreign_link()
        stopped: tuple[str, ...] = ()
        if self._cluster.pid() is not None:
            with report.phase("stopping Postgres"):
                # Nothing is worth writing to disk that is deleted next.
                self._cluster.stop("immediate" if volumes else "fast")
            stopped = (SERVICE,)
        data = self.data()
        if not volumes:
            return Stopped(stopped, (), data)
        self._home.delete()
        return Stopped(stopped, tuple(kept.name for kept in data), ())

    def _check_wishes(self) -> None:
        for name, value in (
            ("POSTGRES_USER", self._user),
            ("POSTGRES_PASSWORD", self._password),
            ("POSTGRES_DB", self._database),
        ):
            if not value:
                raise EnvFileRefused(
                    f"{name} is not set in {self._project.env_file}",
                    hint=f"run `mastra engine add`, or set {name} there",
                )
            if any(character in value for character in "\0\r\n"):
                raise EnvFileRefused(
                    f"{name} in {self._project.env_file} holds a line break",
                    hint=f"give {name} another value",
                )

        if any(character in self._user for character in "\"'$\\"):
            raise EnvFileRefused(
                f"POSTGRES_USER in {self._project.env_file} is {self._user}, which can own no extension",
                hint="give POSTGRES_USER a name without quotes, $ and \\",
            )

    def _check_port(self) -> None:
        if not ports.is_free(HOST, self._port):
            holder = ports.who_holds(self._port)
            raise PortTaken(
                f"port {self._port} is taken{f' by {holder}' if holder else ''}",
                hint="end what holds it, or take another: `mastra engine add --port "
                f"{ports.next_free(self._port + 1)}`",
            )

    def _launch(self, end: float, *, wait: bool = True) -> None:
        try:
            self._cluster.start(self._port, max(1.0, end - time.monotonic()), wait=wait)
        except ServerFailed:
            if self._cluster.pid() is not None and self._cluster.port() == self._port:
                return  # it recovers still, or the `pg_ctl` of a command that was killed was faster
            self._check_port()  # somebody was faster: the server's bind is the last judge
            raise

    def _log_in(self, report: Reporter, end: float, *, yes: bool) -> ServerInfo:
        """Prove the URL with a query; make the database that is missing, and the password fit."""
        url = self._url(self._database)
        for attempt in ("first", "mended", "last"):
            try:
                left = max(1.0, end - time.monotonic())
                info = wait_until_ready(url, timeout=left, alive=self._check_alive)
                break
            except DatabaseUnreachable as error:
                if error.sqlstate == "3D000" and attempt != "last":
                    others = [self._url(name) for name in ("postgres", "template1")]
                    login.create_database(others, self._database)
                elif error.sqlstate in ("28P01", "28000") and attempt == "first":
                    self._mend_password(report, end, error, yes=yes)
                elif error.sqlstate in ("28P01", "28000"):
                    raise self._no_such_user(error) from error
                else:
                    raise
        else:
            raise self._no_such_user(None)
        if login.system_identifier(url) != self._home.system_identifier():
            raise PortTaken(
                f"another Postgres than this project's answers on {HOST}:{self._port}",
                hint="end it, or take another port: `mastra engine add --port "
                f"{ports.next_free(self._port + 1)}`",
            )
        return info

    def _check_alive(self) -> None:
        if self._cluster.pid() is None:
            raise ServerFailed(
                f"the embedded server ended; its log ({self._home.log}) ends:\n{self._home.log_tail()}",
                hint="mend what the log names, then `mastra engine up`",
            )

    def _mend_password(self, report: Reporter, end: float, error: MastraError, *, yes: bool) -> None:
        what = f"POSTGRES_PASSWORD in {self._project.env_file} does not fit the data in {self._home.data}"
        if not yes:
            try:
                yes = report.confirm(
                    f"{what}. Restart the server and set the password of {self._user} to it?", flag="--yes"
                )
            except Usage:
                yes = False
        if not yes:
            raise DatabaseUnreachable(
                what,
                sqlstate="28P01",
                hint="`mastra engine up --yes` sets the password to the file's; or put the old one back",
            ) from error
        with report.phase(f"setting the password of {self._user}"):
            self._cluster.stop()
            script = login.password_script(self._user, self._password)
            self._cluster.alone(script, max(5.0, end - time.monotonic()))
            self._launch(end)

    def _no_such_user(self, error: MastraError | None) -> MastraError:
        return ServerFailed(
            f"the data in {self._home.data} knows no user {self._user} who may log in"
            f"{f' ({error.message})' if error else ''}",
            hint="put the POSTGRES_USER that it was made with back into "
            f"{self._project.env_file}, or delete it with `mastra engine down --volumes`",
        )

    def _url(self, database: str) -> str:
        return database_url(user=self._user, password=self._password, port=self._port, database=database)
