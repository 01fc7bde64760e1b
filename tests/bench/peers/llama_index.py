"""LlamaIndex: `PGVectorStore.add` into a table without the index, which is built afterwards."""

from __future__ import annotations

import sys

import sqlalchemy
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.postgres import PGVectorStore
from wire import asked, metadata, numbers, serve, timed

url = sys.argv[1]
HNSW = {
    "hnsw_m": 16,
    "hnsw_ef_construction": 64,
    "hnsw_ef_search": 100,
    "hnsw_dist_method": "vector_cosine_ops",
}
stores = []


def store(dimension: int, hnsw: dict | None) -> PGVectorStore:
    return PGVectorStore.from_params(
        connection_string=url.replace("postgresql://", "postgresql+psycopg2://"),
        async_connection_string=url.replace("postgresql://", "postgresql+asyncpg://"),
        table_name="docs",
        embed_dim=dimension,
        use_jsonb=True,
        hnsw_kwargs=hnsw,
        indexed_metadata_keys={("hundredth", "int")},
    )


def upsert(path: str, dimension: int) -> float:
    vectors = numbers(path, dimension).tolist()
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS data_docs"))
    engine.dispose()
    nodes = [
        TextNode(id_=f"v{i}", text=m["text"], metadata={"hundredth": m["hundredth"]}, embedding=v)
        for i, (v, m) in enumerate(zip(vectors, metadata(len(vectors)), strict=True))
    ]
    docs = store(dimension, None)
    stores[:] = [docs, dimension]
    docs._initialize()
    return timed(lambda: docs.add(nodes))


def index() -> float:
    stores[0] = store(stores[1], dict(HNSW))
    return timed(stores[0]._initialize)


def query(path: str, dimension: int, clients: int, ef: int, filtered: bool) -> dict:
    chosen = MetadataFilters(filters=[MetadataFilter(key="hundredth", value=7)]) if filtered else None

    def ask(question):
        wanted = VectorStoreQuery(query_embedding=question, similarity_top_k=10, filters=chosen)
        return stores[0].query(wanted, hnsw_ef_search=ef).ids

    return asked(ask, numbers(path, dimension).tolist(), clients)


serve({"upsert": upsert, "index": index, "query": query})
