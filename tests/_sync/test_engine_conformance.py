# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite over both engines."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.testing._sync.entities import EntityConformance
from mastra_cli.testing._sync.queries import QueryConformance
from mastra_cli.testing._sync.records import RecordConformance
from mastra_cli.testing._sync.syncs import ChangeConformance, SyncConformance
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
    def engine_factory(self) -> Callable[[], SyncMockMastraEngine]:
        engine = SyncMockMastraEngine(url="mock://localhost")
        return lambda: engine


class TestPostgresEngine(Everything):
    @pytest.fixture
    def engine_factory(self, shared_database: str) -> Callable[[], SyncPostgresEngine]:
        return lambda: SyncPostgresEngine(url=shared_database)
