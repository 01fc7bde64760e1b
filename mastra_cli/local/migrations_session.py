"""Connections for migrations: failures classified, the role's own settings set aside, no pooler between."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mastra_cli.errors import PoolerDetected, translate
from mastra_cli.local import ready

# A dead network ends a connection within half a minute, at both ends: the client's, and by the SETs below the
# server's, which would otherwise keep a vanished client's locks for hours.
_OWN: dict[str, int | str] = {
    "application_name": "mastra engine migrate",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}

_LONGEST = 2_000_000  # seconds; in milliseconds Postgres takes 31 bits

_GUARDS = """
SET search_path = pg_catalog, pg_temp;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3
"""


def connect(url: str) -> psycopg.Connection:
    """An autocommit connection, with nothing set in its session yet: see `guard`."""
    try:
        asked = conninfo_to_dict(url)
        # What the URL says itself goes first.
        own = {name: value for name, value in _OWN.items() if name not in asked}
        return psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            client_encoding="UTF8",
            **own,  # pyright: ignore[reportArgumentType]
        )
    except psycopg.Error as error:
        ready.probe(url)  # it knows why, and says nothing that a URL should not have held
        raise translate(error) from None


@contextmanager
def session(url: str) -> Generator[psycopg.Connection]:
    """`connect`, for a block: what the server reports in it is raised translated."""
    try:
        with connect(url) as connection:
            yield connection
    except psycopg.Error as error:
        raise translate(error) from error


@contextmanager
def reading(connection: psycopg.Connection) -> Generator[None]:
    """A transaction in which names mean what they say; good behind a transaction pooler too."""
    with connection.transaction():
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = 0")
        yield


def guard(connection: psycopg.Connection, *, lock_timeout: float = 0) -> None:
    """Set aside what the role or the database prescribes for ordinary sessions.

    Not before `refuse_pooler`: behind one the settings would stay in a server's session that others use.
    """
    connection.execute(_GUARDS)
    if connection.info.server_version >= 170000:
        connection.execute("SET transaction_timeout = 0")
    if lock_timeout:
        milliseconds = f"{max(1, round(min(lock_timeout, _LONGEST) * 1000))}ms"
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (milliseconds,))
        # A killed client's statement then ends soon, and does not keep its locks until it is done.
        with suppress(psycopg.Error):  # not on every platform
            connection.execute("SET client_connection_check_interval = '2s'")


def refuse_pooler(connection: psycopg.Connection, url: str) -> None:
    """`PoolerDetected` when statements of one connection may run in different sessions of the server."""
    mine = backend(connection)
    if mine == connection.info.backend_pid:
        return
    # Something is between; harmless if this connection has a session of its own. In transaction pooling it
    # has not: a transaction elsewhere gets our session, or makes us change to another one. More than one
    # round, because a pooler may hand its sessions out in turn.
    with connect(url) as other:
        for _ in range(4):
            with other.transaction():
                if backend(other) == mine or backend(connection) != mine:
                    raise PoolerDetected(
                        "the URL leads to a transaction pooler: its sessions change between statements, "
                        "and a migration's lock would protect nothing",
                        hint="set DIRECT_URL, beside the pooler's URL, to the database server's own URL",
                    )


def backend(connection: psycopg.Connection) -> int:
    """The server's own number of the session; `info.backend_pid` is a pooler's invention behind one."""
    row = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None
    return row[0]
