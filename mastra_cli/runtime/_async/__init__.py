# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The library, written once in async."""

# Every public name and the module of this folder that holds it; `mastra_cli` loads them on first touch.
HOMES = {
    "MastraEngine": "engine",
    "MockMastraEngine": "mock",
    "PgMemory": "memory",
    "PgVector": "vector",
    "PostgresEngine": "postgres",
    "RecordIndex": "record_index",
    "Reranker": "reranker",
    "connect": "session",
    "rerank": "reranker",
}
