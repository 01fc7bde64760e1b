"""Is the database there, and which one is it? One question over a short connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo

from mastra_cli.errors import DatabaseUnreachable, InvalidArgument, MastraError, login_refused, translate
from mastra_cli.local import handshake
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import mask

_PAUSE = 0.1
_ATTEMPT = 3.0
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

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
        raise _silent(url, f"no answer within {timeout:.3g} s")
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
    end = time.monotonic() + timeout
    patience = _ATTEMPT
    said: DatabaseUnreachable | None = None
    with ExitStack() as phase:
        while True:
            if alive:
                alive()
            left = end - time.monotonic()
            try:
                return probe(url, max(_PAUSE, min(patience, left)))
            except DatabaseUnreachable as error:
                if not error.transient:
                    raise
                # Of an attempt that had no time the answer says less than the one before.
                said = error if said is None or left >= _PAUSE * 5 else said
                if end - time.monotonic() <= _PAUSE:
                    raise DatabaseUnreachable(
                        f"{said.message}; waited {timeout:.3g} s",
                        sqlstate=said.sqlstate,
                        transient=True,
                        hint=said.hint,
                    ) from error
                if report and patience == _ATTEMPT:
                    phase.enter_context(report.phase("waiting for the database"))
            # A slow name server or a far host: each attempt gets more time than the one before.
            patience = min(patience * 1.5, 60.0)
            time.sleep(_PAUSE)


def _ask(url: str, timeout: float) -> ServerInfo:
    # No psycopg error is chained here: where a URL was not percent-encoded, their words quote its password.
    try:
        parameters = conninfo_to_dict(url)
        if not all(port.isdigit() for port in str(parameters.get("port") or "0").split(",") if port):
            raise psycopg.ProgrammingError
    except psycopg.Error:
        raise InvalidArgument(
            f"{mask(url)} is no URL that Postgres' client library can read",
            hint="percent-encode what is special in user and password (@ is %40, / is %2F, % is %25), "
            "and mind its port and its options",
        ) from None
    if (mode := parameters.get("sslmode")) not in (None, "", *_SSLMODES):
        raise InvalidArgument(
            f"{mask(url)} asks for sslmode={mode}, which there is not", hint=f"one of: {', '.join(_SSLMODES)}"
        )
    try:
        attempts = list(conninfo_attempts(parameters))
    except psycopg.OperationalError:
        if url.partition("?")[0].count("@") > 1:
            # What was read as the host is a part of the password.
            raise InvalidArgument(
                f"{mask(url)} has more than one @ before its host",
                hint="percent-encode what is special in user and password (@ is %40, / is %2F, % is %25)",
            ) from None
        raise _silent(url, "its host name is not known") from None
    failures: list[MastraError] = []
    for attempt in attempts:
        settings = make_conninfo(
            "",
            **attempt
            | {
                "connect_timeout": max(2, int(timeout / len(attempts))),
                "application_name": attempt.get("application_name") or "mastra engine",
            },
        )
        for last in (False, True):
            try:
                return _versions(settings)
            except psycopg.OperationalError as error:
                failure = _why(url, error, timeout)
                if failure is None and not last:
                    continue  # it came up between our two logins
                failures.append(failure or _unwanted(url, error))
                break
    # Of several hosts the one that answered says more than those that are down.
    raise min(failures, key=_vagueness) from None


def _vagueness(failure: MastraError) -> tuple[bool, bool]:
    if isinstance(failure, DatabaseUnreachable):
        return failure.transient, failure.sqlstate is None
    return False, False


def _versions(conninfo: str) -> ServerInfo:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        try:
            row = connection.execute(_VERSIONS).fetchone()
        except psycopg.Error as error:
            raise translate(error) from error
    assert row is not None
    return ServerInfo(str(row[0]).split()[0], row[1])


def _why(url: str, error: psycopg.OperationalError, timeout: float) -> MastraError | None:
    """None: the server lets us in."""
    where = mask(url)
    if error.pgconn is None:
        return _silent(url, "no answer in time")
    # Resolved by libpq: the URL, the service file, PG* variables, the password file.
    parameters = {o.keyword.decode(): o.val.decode() for o in error.pgconn.info if o.val is not None}
    password = error.pgconn.password.decode()
    parameters |= {"host": error.pgconn.host.decode(), "password": password}
    if parameters.get("require_auth") or parameters.get("channel_binding") == "require":
        # A login by hand could send a password where libpq was told not to.
        return login_refused(where, None)
    match handshake.greet(parameters, timeout=timeout):
        case handshake.NoAnswer(reason):
            return _silent(url, reason)
        case handshake.NoTls(reason):
            return DatabaseUnreachable(
                f"{where} refuses TLS as the URL asks for it (sslmode={parameters.get('sslmode')}): {reason}",
                hint="mend sslmode or sslrootcert in the URL, or the server's certificate",
            )
        case handshake.Stranger():
            return DatabaseUnreachable(
                f"{where}: what listens there is no Postgres", hint="mend the host or the port in the URL"
            )
        case handshake.Refused("28P01", said) if not password:
            return login_refused(where, "28P01", f"{said}; the URL has no password")
        case handshake.Refused(sqlstate, said):
            return login_refused(where, sqlstate, said)
        case handshake.Welcome():
            return None


def _unwanted(url: str, error: psycopg.OperationalError) -> DatabaseUnreachable:
    # The login itself is good, so the URL was read as it was meant: libpq's words quote nothing secret.
    said = str(error).strip()
    if error.pgconn is not None and error.pgconn.password:
        said = said.replace(error.pgconn.password.decode(), "***")
    return DatabaseUnreachable(
        f"{mask(url)} lets us in, but not as the URL asks for: {said}", hint="mend the options in the URL"
    )


def _silent(url: str, reason: str) -> DatabaseUnreachable:
    return DatabaseUnreachable(
        f"{mask(url)} does not answer: {reason}",
        transient=True,
        hint="start the server (`mastra engine up` where it is this project's), or mend the URL",
    )
