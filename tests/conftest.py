from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from tests.servers import Server

ROOT = Path(__file__).parent.parent
TEMPLATE = "mastra_template"

# Whoever runs us in the background ignores Ctrl-C, and what we start would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# pytest --hypothesis-profile=nightly
settings.register_profile("nightly", max_examples=5_000, deadline=None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", type=int, default=18, choices=(16, 18), help="major version of the server")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One cluster a test process."""
    server = Server(request.config.getoption("--postgres"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[psycopg.Connection]:
    """An autocommit superuser connection to the database `postgres`."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server: Server, admin: psycopg.Connection) -> str:
    """The name of a migrated, empty database that every `database` is cloned from."""
    from mastra_cli.local import migrations

    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrations.migrate(server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _create(server: Server, admin: psycopg.Connection) -> Callable[[str], str]:
    numbers = itertools.count(1)

    def create(template: str) -> str:
        name = f"test_{next(numbers)}"
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return server.url(name)

    return create


def _drop(admin: psycopg.Connection, url: str) -> None:
    name = sql.Identifier(url.rpartition("/")[2])
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.fixture
def database(template: str, _create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    url = _create(template)
    yield url
    _drop(admin, url)


@pytest.fixture
def empty_database(_create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    """The URL of a database of this test's own in which nothing was ever made."""
    url = _create("template0")
    yield url
    _drop(admin, url)


@pytest.fixture(autouse=True)
def _no_urls_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own database is never met by a test."""
    for name in list(os.environ):
        if name.startswith(
            ("DB_URL", "POSTGRES_", "DATABASE_URL", "DIRECT_URL", "PG", "MASTRA_", "COMPOSE_")
        ):
            monkeypatch.delenv(name)
