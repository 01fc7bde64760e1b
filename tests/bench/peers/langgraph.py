"""LangGraph: the store (a key and a JSON value), in batches, and the checkpoint saver."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

import psycopg
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.store.base import PutOp
from langgraph.store.postgres import PostgresStore
from psycopg.rows import dict_row
from wire import serve, timed

connection = psycopg.connect(sys.argv[1], autocommit=True, prepare_threshold=0, row_factory=dict_row)
store = PostgresStore(connection)
saver = PostgresSaver(connection)
# Four parameters a row in one statement, which has room for 65,535.
CHUNK = 5_000


def open_() -> dict:
    store.setup()
    saver.setup()
    connection.execute("TRUNCATE store, checkpoints, checkpoint_blobs, checkpoint_writes")
    return {}


def upsert(path: str, reset: bool) -> float:
    if reset:
        open_()
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    operations = [PutOp(("e",), row["external_id"], row["data"], index=False) for row in rows]

    def batches() -> None:
        for start in range(0, len(operations), CHUNK):
            store.batch(operations[start : start + CHUNK])

    return timed(batches)


def one(path: str, prefix: str) -> float:
    with Path(path).open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]

    def each() -> None:
        for row in rows:
            store.put(("e",), prefix + row["external_id"], row["data"], index=False)

    return timed(each)


def save(thread: str, text: str, calls: int, size: int) -> float:
    value = {"role": "user", "content": text}

    def batches() -> None:
        for _ in range(calls):
            if size == 1:
                store.put(("r", thread), str(uuid.uuid4()), value, index=False)
            else:
                store.batch(
                    [PutOp(("r", thread), str(uuid.uuid4()), value, index=False) for _ in range(size)]
                )

    return timed(batches)


def checkpoint(thread: str, count: int, text: str) -> dict:
    """The state of a conversation of so many messages, as a graph's step leaves it."""
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    state = empty_checkpoint()
    version = saver.get_next_version(None, None)
    state["channel_values"] = {"messages": [HumanMessage(text, id=f"{thread}-{n}") for n in range(count)]}
    state["channel_versions"] = {"messages": version}
    saver.put(config, state, {"source": "loop", "step": 1}, {"messages": version})
    return {}


def last(thread: str, size: int, calls: int) -> float:
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

    def reads() -> None:
        for _ in range(calls):
            found = saver.get_tuple(config)
            assert len(found.checkpoint["channel_values"]["messages"][-size:]) == size

    return timed(reads)


def page(offset: int, size: int, calls: int) -> float:
    def reads() -> None:
        for _ in range(calls):
            assert len(store.search(("e",), limit=size, offset=offset)) == size

    return timed(reads)


serve(
    {
        "open": open_,
        "upsert": upsert,
        "one": one,
        "save": save,
        "checkpoint": checkpoint,
        "last": last,
        "page": page,
    }
)
