"""Every public call of the library that talks to a database, over one small world."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from mastra_cli import (
    FilterCondition,
    Flat,
    QueryOptions,
    SyncPgMemory,
    SyncPgVector,
    SyncPostgresEngine,
    SyncRecordIndex,
    sync_connect,
)
from mastra_cli.runtime import identity
from mastra_cli.runtime.tool_args import hash_tool_args

DOCS = identity.entity_id("c", "docs")
TURN = [
    {"role": "user", "content": "what is the weather"},
    {
        "role": "assistant",
        "content": [{"type": "tool-call", "tool_call_id": "k", "tool_name": "sky", "args": {"city": "Bern"}}],
    },
    {
        "role": "tool",
        "content": [{"type": "tool-result", "tool_call_id": "k", "tool_name": "sky", "result": "sun"}],
    },
    {"role": "assistant", "content": "sunny"},
]
OLD = datetime(2020, 1, 1, tzinfo=UTC)


def embed(texts: list[str]) -> list[list[float]]:
    return [[len(text) + 1.0, text.count("a") + 0.5, text.count("e") + 0.25] for text in texts]


class World:
    """Engine, memory, vectors and an index of records over one pool."""

    def __init__(self, url: str, *, timeout: float = 10.0, max_size: int = 10) -> None:
        self.pool = sync_connect(url=url, min_size=0, timeout=timeout, max_size=max_size)
        self.engine = SyncPostgresEngine(pool=self.pool, timeout=timeout)
        self.vector = SyncPgVector(pool=self.pool, timeout=timeout)
        self.memory = SyncPgMemory(pool=self.pool, vector=self.vector, embedder=embed, timeout=timeout)
        self.index = SyncRecordIndex(
            engine=self.engine, vector=self.vector, embedder=embed, index_name="followed", text="text",
            entity_name="docs", connection_id="c", model="m", timeout=timeout,
        )  # fmt: skip

    def hurry(self, timeout: float) -> None:
        """The usual deadline of all calls from now on."""
        self.pool.timeout = timeout
        for one in (self.engine, self.vector, self.memory, self.index):
            one._timeout = timeout

    def close(self) -> None:
        self.pool.close()


@contextmanager
def world(url: str, **options: Any) -> Iterator[World]:
    one = World(url, **options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield one
    finally:
        one.close()


def some(*ids: str, **data: Any) -> list[dict[str, Any]]:
    return [{"external_id": id, "data": {"text": f"record {id}", "n": len(id), **data}} for id in ids]


def vectors(count: int) -> dict[str, Any]:
    return {
        "vectors": [[float(n % 7 + 1), float(n % 5 - 2), 0.5] for n in range(count)],
        "metadata": [{"n": n} for n in range(count)],
        "ids": [f"v{n}" for n in range(count)],
        "documents": [f"document {n}" for n in range(count)],
    }


def furnish(w: World) -> None:
    """What the calls find there."""
    w.engine.sync_records(
        name="docs", connection_id="c", records=some("a", "bb", "ccc", "d", "e"), last_sync_id="1"
    )
    w.engine.sync_records(name="other", connection_id="c", records=some("z"))
    w.engine.delete_records(entity_id=DOCS, external_ids=["d"])
    w.engine.delete_records(entity_id=DOCS, external_ids=["e"], purge=True)
    w.memory.create_memory_index(dimension=3)
    for thread in ("t", "u"):
        w.memory.create_thread(resource_id="r", thread_id=thread, title="x", metadata={"a": 1})
        for number, message in enumerate(TURN):
            w.memory.save_messages(thread_id=thread, messages=[{"id": f"{thread}{number}", **message}])
    w.memory._embedder = None  # what comes now is pending
    w.memory.save_messages(thread_id="u", messages=[{"id": "u9", "role": "user", "content": "later"}])
    w.memory._embedder = embed
    w.memory.save_tool_result(
        thread_id="t", tool_name="sky", tool_args={"city": "Rome"}, value="rain", ttl=3600
    )
    w.memory.update_working_memory(resource_id="r", value={"name": "Ann"})
    w.vector.create_index(index_name="idx", dimension=3, text_search="english")
    w.vector.upsert(index_name="idx", **vectors(8))
    w.vector.upsert(index_name="idx", namespace="n", **vectors(2))
    w.vector.create_index(index_name="bare", dimension=3, build_index=False)
    w.vector.upsert(index_name="bare", **vectors(8))
    w.engine.index_field(entity_id=DOCS, field="n")
    w.index.refresh()
    w.engine.upsert_records(entity_id=DOCS, records=some("bb", "f", more="later"))


@dataclass(frozen=True)
class Call:
    """One call of the library and what may be expected of it."""

    name: str
    run: Callable[[World], Any]
    writes: bool = True
    ddl: bool = False
    """Makes or drops tables and indexes: the world is cloned anew for each run."""
    steps: bool = False
    """Documented to work in several transactions: a failure leaves some of them done; another call ends it."""
    embeds: bool = False
    """Saves messages, and then their embeddings as well as it can: what is missing is for `embed_pending`."""


def read(name: str, run: Callable[[World], Any]) -> Call:
    return Call(name, run, writes=False)


IDX: dict[str, Any] = {"index_name": "idx"}
DOC: dict[str, Any] = {"entity_name": "docs", "connection_id": "c"}

CALLS = [
    # entities
    Call("create_entity", lambda w: w.engine.create_entity(name="new", connection_id="c")),
    read("get_entity_by_id", lambda w: w.engine.get_entity_by_id(id=DOCS)),
    read("get_entity", lambda w: w.engine.get_entity(name="docs")),
    read("list_entities", lambda w: w.engine.list_entities(limit=1).items),
    Call("update_entity_last_sync_id", lambda w: w.engine.update_entity_last_sync_id(id=DOCS, sync_id="9")),
    Call("delete_entity_by_id", lambda w: w.engine.delete_entity_by_id(id=DOCS)),
    # records
    Call("upsert_records/one", lambda w: w.engine.upsert_records(entity_id=DOCS, records=some("new"))),
    Call("upsert_records/few", lambda w: w.engine.upsert_records(entity_id=DOCS, records=some("a", "new", "d", x=1))),
    Call("upsert_records/merge", lambda w: w.engine.upsert_records(entity_id=DOCS, records=some("a", x=1), mode="merge")),
    Call(
        "upsert_records/bulk",
        lambda w: w.engine.upsert_records(entity_id=DOCS, records=(one for n in range(900) for one in some(f"n{n}"))),
    ),
    read("get_record", lambda w: w.engine.get_record(entity_id=DOCS, external_id="a")),
    read("get_records_by_entity_id", lambda w: w.engine.get_records_by_entity_id(entity_id=DOCS)),
    read("get_records_by_entity_name", lambda w: w.engine.get_records_by_entity_name(name="docs", connection_id="c")),
    read(
        "get_records_by_entity_name_and_external_id",
        lambda w: w.engine.get_records_by_entity_name_and_external_id(**DOC, external_id="a"),
    ),
    read(
        "get_records",
        lambda w: w.engine.get_records(**DOC, options=QueryOptions(filters=[FilterCondition("n", "eq", 1)])),
    ),
    read("page_records", lambda w: w.engine.page_records(**DOC, limit=2).items),
    read("iter_records", lambda w: list(w.engine.iter_records(**DOC))),
    read("count_records", lambda w: w.engine.count_records(**DOC, filters={"n": {"$gt": 1}})),
    Call("delete_records", lambda w: w.engine.delete_records(entity_id=DOCS, external_ids=["a", "bb"])),
    Call("delete_records_by_entity_id", lambda w: w.engine.delete_records_by_entity_id(id=DOCS, purge=True)),
    Call("purge_tombstones", lambda w: w.engine.purge_tombstones(entity_id=DOCS, before_version=2**62)),
    Call("index_field", lambda w: w.engine.index_field(entity_id=DOCS, field="text"), ddl=True, steps=True),
    Call("drop_field_index", lambda w: w.engine.drop_field_index(entity_id=DOCS, field="n"), ddl=True, steps=True),
    # syncs
    Call(
        "sync_records",
        lambda w: w.engine.sync_records(
            name="docs", connection_id="c", records=some("a", "bb", "g", y=2), last_sync_id="2", delete_missing=True
        ),
    ),
    Call(
        "sync_records/new",
        lambda w: w.engine.sync_records(name="new", connection_id="c", records=some("a"), last_sync_id="2"),
    ),
    read("list_sync_runs", lambda w: w.engine.list_sync_runs(entity_id=DOCS)),
    read("changes", lambda w: w.engine.changes(entity_id=DOCS).items),
    # threads
    Call("create_thread", lambda w: w.memory.create_thread(resource_id="r", title="new")),
    read("get_thread_by_id", lambda w: w.memory.get_thread_by_id(thread_id="t")),
    read("get_threads_by_resource_id", lambda w: w.memory.get_threads_by_resource_id(resource_id="r")),
    read("list_threads", lambda w: w.memory.list_threads(resource_id="r", limit=1).items),
    Call(
        "save_thread",
        lambda w: w.memory.save_thread(thread={"id": "t", "resource_id": "r", "title": "y", "updated_at": OLD}),
    ),
    Call("update_thread", lambda w: w.memory.update_thread(thread_id="t", title="z", metadata={"b": 2})),
    Call("delete_thread", lambda w: w.memory.delete_thread(thread_id="t")),
    # messages
    Call("add_message", lambda w: w.memory.add_message(thread_id="t", content="hello", role="user"), embeds=True),
    Call("save_messages", lambda w: w.memory.save_messages(thread_id="t", messages=TURN), embeds=True),
    Call(
        "save_messages/replace",
        lambda w: w.memory.save_messages(thread_id="t", messages=[{"id": "t3", "role": "assistant", "content": "wet"}, *TURN]),
        embeds=True,
    ),
    Call(
        "save_messages/threads",
        lambda w: w.memory.save_messages(messages=[{"thread_id": t, "role": "user", "content": "hi"} for t in "tu"]),
        embeds=True,
    ),
    read("get_messages", lambda w: w.memory.get_messages(thread_id="t", last=3).messages),
    Call("delete_message", lambda w: w.memory.delete_message(message_id="t3")),
    Call("delete_messages", lambda w: w.memory.delete_messages(message_ids=["t2", "t3"], thread_id="t")),
    read("get_context_window", lambda w: w.memory.get_context_window(thread_id="t")),
    Call("save_memory", lambda w: w.memory.save_memory(resource_id="r", thread_id="t", user_messages=[{"role": "user", "content": "more"}]), embeds=True),
    Call("save_memory/new", lambda w: w.memory.save_memory(resource_id="r", user_messages=[{"role": "user", "content": "more"}], title="new"), embeds=True),
    read("get_memory", lambda w: w.memory.get_memory(thread_id="t")),
    # beside the conversation
    read("get_tool_result", lambda w: w.memory.get_tool_result(thread_id="t", tool_name="sky", tool_args={"city": "Rome"})),
    Call(
        "save_tool_result",
        lambda w: w.memory.save_tool_result(thread_id="t", tool_name="sky", tool_args={"city": "Oslo"}, value="snow"),
    ),
    read(
        "validate_tool_call_args",
        lambda w: w.memory.validate_tool_call_args(
            thread_id="t", tool_name="sky", hashed_args=hash_tool_args({"city": "Rome"})
        ),
    ),
    read("get_working_memory", lambda w: w.memory.get_working_memory(resource_id="r")),
    Call(
        "update_working_memory",
        lambda w: w.memory.update_working_memory(resource_id="r", value="Bob", expected_version=1),
    ),
    read("recall", lambda w: w.memory.recall(query="weather", thread_id="t")),
    Call("create_memory_index", lambda w: w.memory.create_memory_index(dimension=3)),
    Call("embed_pending", lambda w: w.memory.embed_pending(), steps=True),
    Call("delete_resource", lambda w: w.memory.delete_resource(resource_id="r")),
    read("export_resource", lambda w: w.memory.export_resource(resource_id="r").counts),
    Call("prune", lambda w: w.memory.prune(older_than=timedelta(0)), steps=True),
    # vectors
    Call("create_index", lambda w: w.vector.create_index(index_name="fresh", dimension=3), ddl=True),
    Call("build_index", lambda w: w.vector.build_index(index_name="bare"), ddl=True, steps=True),
    Call("build_index/flat", lambda w: w.vector.build_index(index_name="idx", index_config=Flat()), ddl=True, steps=True),
    Call("upsert", lambda w: w.vector.upsert(**IDX, **vectors(10))),
    Call("upsert/bulk", lambda w: w.vector.upsert(**IDX, **vectors(200))),
    Call("upsert/new ids", lambda w: w.vector.upsert(**IDX, vectors=[[1.0, 2.0, 3.0]])),
    read("query", lambda w: w.vector.query(**IDX, query_vector=[1.0, 2.0, 3.0], top_k=3)),
    read("query/filter", lambda w: w.vector.query(**IDX, query_vector=[1.0, 2.0, 3.0], filter={"n": {"$gt": 2}})),
    read("query_many", lambda w: w.vector.query_many(**IDX, query_vectors=[[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])),
    read("hybrid_query", lambda w: w.vector.hybrid_query(**IDX, query_vector=[1.0, 2.0, 3.0], query_text="document")),
    read("get", lambda w: w.vector.get(**IDX, ids=["v1", "v2"])),
    read("list_indexes", lambda w: w.vector.list_indexes()),
    read("describe_index", lambda w: w.vector.describe_index(**IDX)),
    read("list_namespaces", lambda w: w.vector.list_namespaces(**IDX)),
    read("explain", lambda w: w.vector.explain(**IDX, query_vector=[1.0, 2.0, 3.0]) is not None),
    read("measure_recall", lambda w: len(w.vector.measure_recall(**IDX, sample=2))),
    Call("update_vector", lambda w: w.vector.update_vector(**IDX, id="v1", metadata={"n": 100})),
    Call("delete_vector", lambda w: w.vector.delete_vector(**IDX, id="v1")),
    Call("delete_vectors", lambda w: w.vector.delete_vectors(**IDX, filter={"n": {"$lt": 3}})),
    Call("truncate_index", lambda w: w.vector.truncate_index(**IDX)),
    Call("truncate_index/all", lambda w: w.vector.truncate_index(**IDX, namespace=None)),
    Call("delete_index", lambda w: w.vector.delete_index(**IDX), ddl=True),
    # records that can be searched
    Call("refresh", lambda w: w.index.refresh(), steps=True),
    read("search", lambda w: w.index.search("record a", top_k=2)),
    read("status", lambda w: w.index.status()),
    Call("rebuild", lambda w: w.index.rebuild(embedder=embed, model="m2"), ddl=True, steps=True),
    Call("drop", lambda w: w.index.drop(), ddl=True, steps=True),
]  # fmt: skip


# -- what is compared -------------------------------------------------------------------------------------

TIMES = re.compile(
    r"(_at|^born|^held_until|^took|^run_id|^holder|^backend_pid|^next_cursor|^created_version|^generation|^size_bytes)$"
)
IDS = re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b")


def plain(value: Any) -> Any:
    """An answer, or a row, without what differs between two equal runs: times, new ids, version numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if not TIMES.search(str(key))}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return IDS.sub("<id>", value)
    if isinstance(value, int) and value > 10**12:
        return "<n>"
    return value if isinstance(value, int | float | bool | None) else str(value)


def tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'mastra'::regnamespace AND relkind = 'r' "
        "AND relname NOT LIKE 'alembic%' ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows]


def state(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Everything that stands in the schema, comparable."""
    found: dict[str, list[str]] = {}
    names = tables(connection)
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, to_jsonb(t) FROM {} AS t").format(
            sql.Literal(name), sql.Identifier("mastra", name)
        )
        for name in names
    )
    for name, row in connection.execute(query):
        if "vector_id" in row:
            del row["id"]
        if name != "sync_run" or row["status"] == "succeeded":
            found.setdefault(name, []).append(json.dumps(plain(row), sort_keys=True))
    found["indexes"] = [
        # A table that takes another's place gets the next free name for what belongs to it.
        re.sub(r"key\d+ ", "key ", IDS.sub("<id>", name))
        for (name,) in connection.execute(
            "SELECT indexrelid::regclass::text || ' ' || indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid "
            "WHERE relnamespace = 'mastra'::regnamespace"
        )
    ]
    return {"tables": names, **{name: sorted(rows) for name, rows in found.items()}}


def save(url: str) -> None:
    """Keep a copy of all rows, for `restore`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA saved")
        statements: list[sql.Composable] = [sql.SQL("BEGIN; SET LOCAL session_replication_role = replica")]
        for name in tables(connection):
            to, of = sql.Identifier("mastra", name), sql.Identifier("saved", name)
            connection.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(of, to))
            columns = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                "AND NOT attisdropped AND attgenerated = ''",
                [f'mastra."{name}"'],
            ).fetchall()
            names = sql.SQL(", ").join(sql.Identifier(column) for (column,) in columns)
            statements.append(sql.SQL("DELETE FROM {}").format(to))
            statements.append(
                sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}").format(
                    to, names, names, of
                )
            )
        statements.append(sql.SQL("COMMIT"))
        connection.execute("CREATE TABLE saved.restore (script text)")
        connection.execute(
            "INSERT INTO saved.restore VALUES (%s)", [sql.SQL("; ").join(statements).as_string()]
        )


def restore(connection: psycopg.Connection) -> None:
    """All rows as they were at `save`."""
    [script] = connection.execute("SELECT script FROM saved.restore").fetchone() or ("",)
    connection.execute(script.encode())


def settled(connection: psycopg.Connection) -> None:
    """Wait until no other client is in the database any more."""
    for _ in range(2000):
        [count] = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone() or (0,)
        if not count:
            return
        time.sleep(0.002)
    raise AssertionError("a client's transaction is still there")
