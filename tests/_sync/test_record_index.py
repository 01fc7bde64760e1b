# Generated from the _async twin by `nox -s sync`: edit that one.
"""`RecordIndex`: records that can be searched, over Postgres and over the mock."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from mastra_cli.errors import Conflict, EntityNotFound, InvalidArgument
from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.record_index import SyncRecordIndex
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import RefreshProgress

WORDS = ["cat", "dog", "fish", "red", "green", "blue", "house", "ship"]


class Embedder:
    """One number a word, and a little of each text's own; counts what it is asked."""

    def __init__(self, words: list[str] = WORDS) -> None:
        self.words = words
        self.texts: list[str] = []
        self.calls = 0

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        self.texts += texts
        return [self.vector(text) for text in texts]

    def vector(self, text: str) -> list[float]:
        own = hashlib.sha256(text.encode()).digest()[0] / 25_600 + 0.01
        return [*(float(text.lower().split().count(word)) for word in self.words), own]


class Place:
    """An entity, an index that follows it, and what is needed to make more of them."""

    def __init__(self, engine, vector) -> None:
        self.engine, self.vector = engine, vector
        self.name, self.connection_id = "Docs", uuid.uuid4().hex
        self.index_name = f"docs_{uuid.uuid4().hex[:12]}"
        self.embedder = Embedder()

    def index(self, **options) -> SyncRecordIndex:
        given = {
            "engine": self.engine,
            "vector": self.vector,
            "embedder": self.embedder,
            "index_name": self.index_name,
            "entity_name": self.name,
            "connection_id": self.connection_id,
            "text": "text",
            "model": "words-1",
        }
        return SyncRecordIndex(**{**given, **options})

    def sync(self, *records: tuple, **options):
        rows = [
            {"external_id": id, "data": data if isinstance(data, dict) else {"text": data}}
            for id, data in records
        ]
        return self.engine.sync_records(
            name=self.name, connection_id=self.connection_id, records=rows, **options
        )

    def delete(self, *ids: str, purge: bool = False) -> None:
        self.engine.delete_records(entity_id=self.entity_id(), external_ids=ids, purge=purge)

    def entity_id(self) -> str:
        entity = self.engine.get_entity(name=self.name, connection_id=self.connection_id)
        assert entity is not None
        return entity.id


@pytest.fixture(params=["mock", "postgres"])
def place(request: pytest.FixtureRequest):
    if request.param == "mock":
        yield Place(SyncMockMastraEngine(), None)
    else:
        with sync_connect(url=request.getfixturevalue("shared_database")) as pool:
            yield Place(SyncPostgresEngine(pool=pool), SyncPgVector(pool=pool))


def found(index: SyncRecordIndex, query: str, **options) -> list[str]:
    return [hit.record.external_id for hit in index.search(query, **options)]


def test_a_refresh_makes_records_searchable(place: Place) -> None:
    place.sync(("a", "a red cat"), ("b", "a blue fish"), ("c", "a green house"))
    index = place.index()
    result = index.refresh()
    assert (result.created, result.updated, result.deleted, result.unchanged) == (3, 0, 0, 0)
    assert (result.embedded, list(result.skipped)) == (3, [])
    [hit] = index.search("cat", top_k=1, mode="vector")
    assert (hit.record.external_id, hit.text, hit.chunk) == ("a", "a red cat", 0)
    assert hit.record == place.engine.get_record(entity_id=place.entity_id(), external_id="a")
    assert found(index, "fish", mode="keyword") == ["b"]
    assert (found(index, "a green house"))[0] == "c"
    status = index.status()
    assert (status.version, status.behind, status.vectors, status.records) == (result.version, 0, 3, 3)
    assert status.model == "words-1"
    assert status.refreshed_at is not None
