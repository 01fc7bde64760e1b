"""One server for all that is measured, and the rows that come out of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from mastra_cli.local import migrations
from tests.bench import results
from tests.bench.peer import Peer
from tests.bench.results import Row
from tests.servers import Server

DURABLE = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench-scale", type=float, default=1.0, help="a part of every size, to try things out")


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> float:
    return request.config.getoption("--bench-scale", 1.0)


@pytest.fixture(scope="session")
def sized(scale: float) -> Callable[[int], int]:
    """A size at the scale of this run, in whole hundreds."""
    return lambda size: max(1_000, round(size * scale / 100) * 100)


class Place:
    """The server, as one in production is set: what it has said it has is on disk. Vacuumed by hand alone.

    Where a run only tries things out (at less than a tenth of the size), nothing waits for a disk.
    """

    def __init__(self, major: int, *, durable: bool) -> None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        buffers = min(4096, memory // 4 // 2**20)
        settings = {
            "shared_buffers": f"{buffers}MB",
            "maintenance_work_mem": f"{min(1024, buffers // 2)}MB",
            "max_wal_size": "8GB",
            "checkpoint_timeout": "1h",
            "autovacuum": "off",
        }
        self.server = Server(major, {**(DURABLE if durable else {}), **settings})
        self.admin = psycopg.connect(self.server.url(), autocommit=True)
        self.admin.execute("CREATE DATABASE bench_template")
        migrations.migrate(self.server.url("bench_template"))
        self.about = self._about()

    def _about(self) -> str:
        with psycopg.connect(self.server.url("bench_template")) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
        durable = self.admin.execute("SHOW fsync").fetchone() == ("on",)
        told = f"Postgres {row[0] if row else '-'}, pgvector {row[1] if row else '-'}"
        return told if durable else f"{told}, not durable"

    def database(self, name: str, template: str = "bench_template") -> str:
        """The URL of a fresh database: migrated, or with `template="template0"` an empty one with pgvector."""
        named = sql.Identifier(name)
        self.admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(named, sql.Identifier(template))
        self.admin.execute(command)
        url = self.server.url(name)
        if template == "template0":
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION vector")
        return url

    def drop(self, *names: str) -> None:
        for name in names:
            command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            self.admin.execute(command)

    def close(self) -> None:
        self.admin.close()
        self.server.close()


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest, scale: float) -> Iterator[Place]:
    place = Place(request.config.getoption("--postgres"), durable=scale >= 0.1)
    yield place
    place.close()


@pytest.fixture
def peers(place: Place) -> Iterator[Callable[[str], Peer]]:
    """A peer by its name, with an empty database of its own, until the end of the test."""
    made: dict[str, Peer] = {}

    def peer(name: str) -> Peer:
        if name not in made:
            made[name] = Peer(name, place.database(_named(name), "template0"))
        return made[name]

    yield peer
    for name, each in made.items():
        each.close()
        place.drop(_named(name))


def _named(peer: str) -> str:
    return "peer_" + re.sub(r"[^a-z]+", "_", peer)


@pytest.fixture
def keep(scale: float, request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Writes a row down, and `bench.md` anew."""
    about = request.getfixturevalue("place").about if "place" in request.fixturenames else ""
    return lambda row: results.keep(row, scale, about)
