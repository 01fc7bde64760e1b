"""agno: `PgVector.upsert` in batches of 500, then its HNSW index."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder
from agno.vectordb.pgvector import HNSW, PgVector
from sqlalchemy import text
from wire import asked, metadata, numbers, serve, timed

logging.disable(logging.ERROR)
stores = []


@dataclass
class Given(Embedder):
    """The vectors are there already: a question is the text of its place."""

    questions: list | None = None

    def get_embedding(self, place: str):
        return self.questions[int(place)]


def upsert(path: str, dimension: int) -> float:
    vectors = numbers(path, dimension).tolist()
    if stores:
        stores[0].drop()
    docs = PgVector(
        table_name="docs",
        schema="public",
        db_url=sys.argv[1].replace("postgresql://", "postgresql+psycopg://"),
        embedder=Given(dimensions=dimension),
        vector_index=HNSW(m=16, ef_construction=64, ef_search=100),
    )
    docs.create()
    stores[:] = [docs]
    documents = [
        Document(id=f"v{i}", name=f"v{i}", content=m["text"], meta_data=m, embedding=v)
        for i, (v, m) in enumerate(zip(vectors, metadata(len(vectors)), strict=True))
    ]
    return timed(lambda: docs.upsert("bench", documents, batch_size=500))


def index() -> float:
    """What `optimize` makes; it binds parameters in a CREATE INDEX, which its documentation's driver can not send."""
    hnsw = "CREATE INDEX docs_hnsw_index ON public.docs USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)"

    def build() -> None:
        with stores[0].db_engine.begin() as connection:
            connection.execute(text(hnsw))

    return timed(build)


def query(path: str, dimension: int, clients: int, ef: int, filtered: bool) -> dict:
    docs, questions = stores[0], numbers(path, dimension).tolist()
    docs.vector_index.ef_search = ef
    docs.embedder.questions = questions
    chosen = {"hundredth": 7} if filtered else None

    def ask(place):
        return [found.name for found in docs.search(str(place), limit=10, filters=chosen)]

    return asked(ask, range(len(questions)), clients)


serve({"upsert": upsert, "index": index, "query": query})
