# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""What the parts of the conformance suite share: an engine, and a connection of the test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest

from mastra_cli.runtime._async.engine import MastraEngine
from mastra_cli.runtime.models import Entity, Record

NAME = "Things"


class Conformance:
    """A part of the suite. A subclass overrides the fixture `engine_factory`.

    The store behind it may be shared between tests: each works in a connection of its own.
    """

    @pytest.fixture
    def engine_factory(self) -> Callable[[], MastraEngine]:
        """A function that makes an engine; each call a new engine over the same store."""
        pytest.fail("override the fixture engine_factory")

    @pytest.fixture
    async def engine(self, engine_factory: Callable[[], MastraEngine]) -> AsyncGenerator[MastraEngine, None]:
        async with engine_factory() as engine:
            yield engine

    @pytest.fixture
    def connection_id(self) -> str:
        return f"connection-{uuid.uuid4().hex}"

    @pytest.fixture
    async def entity(self, engine: MastraEngine, connection_id: str) -> Entity:
        """An empty entity called `Things`."""
        return await engine.create_entity(name=NAME, connection_id=connection_id)


def inputs(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Records from a mapping of external id to data."""
    return [{"external_id": key, "data": value} for key, value in data.items()]


def ids(records: list[Record]) -> list[str]:
    return [record.external_id for record in records]


def data_of(records: list[Record]) -> dict[str, Any]:
    return {record.external_id: record.data for record in records}
