"""langchain-postgres: `PGVectorStore.add_embeddings`, then its HNSW index."""

from __future__ import annotations

import sys
import uuid

from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import HNSWIndex, HNSWQueryOptions
from wire import asked, metadata, numbers, serve, timed

engine = PGEngine.from_connection_string(sys.argv[1].replace("postgresql://", "postgresql+asyncpg://"))
stores = []


class Given(Embeddings):
    """The vectors are there already."""

    def embed_documents(self, texts):
        raise AssertionError("vectors are given, none is asked for")

    def embed_query(self, text):
        raise AssertionError("vectors are given, none is asked for")


def upsert(path: str, dimension: int) -> float:
    vectors = numbers(path, dimension)
    # A column for what is filtered by, as its documentation recommends.
    from langchain_postgres import Column

    engine.init_vectorstore_table(
        "docs",
        dimension,
        metadata_columns=[Column("hundredth", "INTEGER")],
        overwrite_existing=True,
    )
    stores[:] = [
        PGVectorStore.create_sync(
            engine,
            Given(),
            "docs",
            metadata_columns=["hundredth"],
            index_query_options=HNSWQueryOptions(ef_search=100),
        )
    ]
    said = list(metadata(len(vectors)))
    texts, embeddings = [each["text"] for each in said], vectors.tolist()
    ids = [str(uuid.UUID(int=i)) for i in range(len(vectors))]
    return timed(lambda: stores[0].add_embeddings(texts, embeddings, metadatas=said, ids=ids))


def index() -> float:
    return timed(lambda: stores[0].apply_vector_index(HNSWIndex(m=16, ef_construction=64)))


def query(path: str, dimension: int, clients: int, ef: int, filtered: bool) -> dict:
    assert ef == 100, "it is bound to the store"
    chosen = {"hundredth": {"$eq": 7}} if filtered else None

    def ask(question):
        found = stores[0].similarity_search_with_score_by_vector(question, k=10, filter=chosen)
        return [f"v{uuid.UUID(document.id).int}" for document, _ in found]

    return asked(ask, numbers(path, dimension).tolist(), clients)


serve({"upsert": upsert, "index": index, "query": query})
