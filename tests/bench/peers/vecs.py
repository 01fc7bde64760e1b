"""vecs: `Collection.upsert` in its own chunks of 500, then its HNSW index."""

from __future__ import annotations

import sys

import vecs
from wire import asked, metadata, numbers, serve, timed

client = vecs.create_client(sys.argv[1].replace("postgresql://", "postgresql+psycopg2://"))
collections = []


def upsert(path: str, dimension: int) -> float:
    vectors = numbers(path, dimension)
    if collections:
        client.delete_collection("docs")
        collections.clear()
    docs = client.get_or_create_collection(name="docs", dimension=dimension)
    collections.append(docs)
    rows = [(f"v{i}", v, m) for i, (v, m) in enumerate(zip(vectors, metadata(len(vectors)), strict=True))]
    return timed(lambda: docs.upsert(records=rows))


def index() -> float:
    hnsw = vecs.IndexArgsHNSW(m=16, ef_construction=64)
    return timed(
        lambda: collections[0].create_index(
            method=vecs.IndexMethod.hnsw,
            measure=vecs.IndexMeasure.cosine_distance,
            index_arguments=hnsw,
        )
    )


def query(path: str, dimension: int, clients: int, ef: int, filtered: bool) -> dict:
    filters = {"hundredth": {"$eq": 7}} if filtered else None

    def ask(question):
        found = collections[0].query(
            data=question, limit=10, filters=filters, ef_search=ef, include_value=True, include_metadata=True
        )
        return [row[0] for row in found]

    return asked(ask, numbers(path, dimension), clients)


serve({"upsert": upsert, "index": index, "query": query})
