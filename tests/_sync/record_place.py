# Generated from the _async twin by `nox -s sync`: edit that one.
"""An entity, an index that follows it, and an embedder whose vectors say what they mean."""

from __future__ import annotations

import hashlib
import uuid

from mastra_cli.runtime._sync.record_index import SyncRecordIndex

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


def found(index: SyncRecordIndex, query: str, **options) -> list[str]:
    return [hit.record.external_id for hit in index.search(query, **options)]
