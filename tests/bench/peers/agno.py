"""agno: `PgVector.upsert` in batches of 500, then `optimize`, which builds its indexes."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder
from agno.vectordb.pgvector import HNSW, PgVector
from wire import asked, metadata, numbers, serve, timed

logging.disable(logging.ERROR)
stores = []


@dataclass
class Given(Embedder):
    """The vectors are there already: a question is the text of its place."""

    questions: list | None = None

    def get_embedding(self, text: str):
        return self.questions[int(text)]


def upsert(path: str, dimension: int) -> float:
    vectors = numbers(path, dimension).tolist()
    if stores:
        stores[0].drop()
    docs = PgVector(
        table_name="docs",
        schema="public",
        db_url=sys.argv[1].replace("postgresql://", "postgresql+psycopg://"),
        embedder=Given(dimensions=dimension),
        # Its own setting of the server's memory is a statement that its driver can not bind.
        vector_index=HNSW(configuration={}, m=16, ef_construction=64, ef_search=100),
    )
    docs.create()
    stores[:] = [docs]
    documents = [
        Document(id=f"v{i}", name=f"v{i}", content=m["text"], meta_data=m, embedding=v)
        for i, (v, m) in enumerate(zip(vectors, metadata(len(vectors)), strict=True))
    ]
    return timed(lambda: docs.upsert("bench", documents, batch_size=500))


def index() -> float:
    return timed(stores[0].optimize)


def query(path: str, dimension: int, clients: int, ef: int, filtered: bool) -> dict:
    docs, questions = stores[0], numbers(path, dimension).tolist()
    docs.vector_index.ef_search = ef
    docs.embedder.questions = questions
    chosen = {"hundredth": 7} if filtered else None

    def ask(place):
        return [found.name for found in docs.search(str(place), limit=10, filters=chosen)]

    return asked(ask, range(len(questions)), clients)


serve({"upsert": upsert, "index": index, "query": query})
