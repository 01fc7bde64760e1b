# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The conformance suite over both engines."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.testing._async.entities import EntityConformance
from mastra_cli.testing._async.queries import QueryConformance
from mastra_cli.testing._async.records import RecordConformance
from mastra_cli.testing._async.syncs import ChangeConformance, SyncConformance
from tests.conftest import _drop


@pytest.fixture(scope="module")
def shared_database(template: str, _create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    """One database for the whole suite: each of its tests has a connection_id of its own."""
    url = _create(template)
    yield url
    _drop(admin, url)


class Everything(EntityConformance, RecordConformance, QueryConformance, SyncConformance, ChangeConformance):
    pass


class TestMockMastraEngine(Everything):
    @pytest.fixture
    def engine_factory(self) -> Callable[[], MockMastraEngine]:
        engine = MockMastraEngine(url="mock://localhost")
        return lambda: engine


class TestPostgresEngine(Everything):
    @pytest.fixture
    def engine_factory(self, shared_database: str) -> Callable[[], PostgresEngine]:
        return lambda: PostgresEngine(url=shared_database)
