"""Is the database there, and which one is it? One question over a short connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import psycopg
from psycopg import pq

from mastra_cli.errors import DatabaseUnreachable, login_refused
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import mask

_PAUSE = 0.1
_ATTEMPT = 3.0

_VERSIONS = """
SELECT current_setting('server_version'),
       coalesce((SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'),
                (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'))
"""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    server: str
    """`18.4`"""
    pgvector: str | None
    """The version installed in this database, else the one that the server offers; None: neither."""


def probe(url: str, timeout: float = _ATTEMPT) -> ServerInfo:
    """Ask once, or raise `DatabaseUnreachable`, whose `transient` says whether waiting may help."""
    answers: list[ServerInfo | BaseException] = []

    def ask() -> None:
        try:
            answers.append(_ask(url, timeout))
        except BaseException as error:
            answers.append(error)

    # A thread: neither name resolution nor a server that stops answering midway can be bounded otherwise.
    thread = threading.Thread(target=ask, name="mastra-probe", daemon=True)
    thread.start()
    thread.join(timeout)
    if not answers:
        raise DatabaseUnreachable(
            f"{mask(url)} did not answer within {timeout:g} s", transient=True, hint="is the server up?"
        )
    answer = answers[0]
    if isinstance(answer, BaseException):
        raise answer
    return answer


def wait_until_ready(
    url: str,
    *,
    timeout: float,
    alive: Callable[[], None] | None = None,
    report: Reporter | None = None,
) -> ServerInfo:
    """Ask until the database answers, `timeout` seconds at most.

    What waiting can not mend (wrong password, no such database, TLS) fails at once. `alive` is called between
    attempts and may raise to end the wait: the container died, say.
    """
    began = time.monotonic()
    with report.phase("waiting for the database") if report else nullcontext():
        while True:
            if alive:
                alive()
            left = timeout - (time.monotonic() - began)
            try:
                return probe(url, max(0.05, min(_ATTEMPT, left)))
            except DatabaseUnreachable as error:
                if not error.transient:
                    raise
                left = timeout - (time.monotonic() - began)
                if left <= _PAUSE:
                    raise DatabaseUnreachable(
                        f"{error.message}; waited {timeout:g} s",
                        sqlstate=error.sqlstate,
                        transient=True,
                        hint=error.hint,
                    ) from error
            time.sleep(_PAUSE)


def _ask(url: str, timeout: float) -> ServerInfo:
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=max(2, int(timeout)),
            application_name="mastra engine",
        ) as connection:
            row = connection.execute(_VERSIONS).fetchone()
            assert row is not None
            return ServerInfo(str(row[0]).split()[0], row[1])
    except psycopg.OperationalError as error:
        status = pq.PGconn.ping(url.encode())
        if status == pq.Ping.OK:
            raise login_refused(mask(url), None) from None
        raise DatabaseUnreachable(
            f"{mask(url)} does not answer", transient=True, hint="is the server up?"
        ) from error
