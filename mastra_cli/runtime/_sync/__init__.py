# Generated from the _async twin by `nox -s sync`: edit that one.
"""The library, written once in async."""

# Every public name and the module of this folder that holds it; `mastra_cli` loads them on first touch.
HOMES = {
    "SyncMastraEngine": "engine",
    "SyncMockMastraEngine": "mock",
    "SyncPgMemory": "memory",
    "SyncPgVector": "vector",
    "SyncPostgresEngine": "postgres",
    "SyncRecordIndex": "record_index",
    "SyncReranker": "reranker",
    "sync_connect": "session",
    "sync_rerank": "reranker",
}
