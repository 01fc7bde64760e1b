"""PgMemory beside hand-written psycopg on the same tables: saving, the last 20, the window, as the thread grows."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli import PgMemory, SyncPgMemory
from mastra_cli.local import migrations
from mastra_cli.runtime.message_rows import message_of
from tests.postgres.test_memory_plans import FILL
from tests.servers import Server

TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 3
ONE = """
WITH t AS (
    UPDATE mastra.thread SET last_seq = last_seq + 1, message_count = message_count + 1, token_count = token_count + 10,
        updated_at = now()
    WHERE id = %s RETURNING id, last_seq, updated_at
)
INSERT INTO mastra.message (thread_id, seq, id, role, type, content, tokens, search, created_at)
SELECT t.id, t.last_seq, %s, 'user', 'text', %s, 10, to_tsvector('simple', %s), t.updated_at FROM t RETURNING seq
"""
MANY = """
WITH t AS (
    UPDATE mastra.thread SET last_seq = last_seq + 100, message_count = message_count + 100,
        token_count = token_count + 1000, updated_at = now()
    WHERE id = %s RETURNING id, last_seq, updated_at
)
INSERT INTO mastra.message (thread_id, seq, id, role, type, content, tokens, search, created_at)
SELECT t.id, t.last_seq - 100 + g.n, g.id, 'user', 'text', g.content::json, 10, to_tsvector('simple', g.text), t.updated_at
FROM t, unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS g (id, content, text, n) RETURNING seq
"""
LAST = """
SELECT id, thread_id, seq, role, type, content::text, tool_fields::text, tokens, created_at
FROM mastra.message WHERE thread_id = %s ORDER BY seq DESC LIMIT %s
"""
SIZES = {"100": 100, "10,000": 10_000, "1,000,000": 1_000_000}


def measure(contenders: dict[str, Callable[[], Any]], rounds: int, calls: int) -> dict[str, float]:
    """Milliseconds a call, the median of interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, call in contenders.items():
            began = time.perf_counter()
            for _ in range(calls):
                call()
            if number:  # the first round warms up
                times[name].append((time.perf_counter() - began) * 1000 / calls)
    return {name: statistics.median(found) for name, found in times.items()}


def row(operation: str, found: dict[str, float]) -> None:
    ours, ceiling, both = found["ours"], found["ceiling"], found["async"] / found["async ceiling"]
    print(
        f"| {operation} | {ours:.2f} | {ceiling:.2f} | {ceiling / ours:.2f} | {found['async']:.2f} |"
        f" {found['async ceiling']:.2f} | {1 / both:.2f} |"
    )


@pytest.fixture
def durable() -> Iterator[str]:
    """A migrated database on a server that keeps what it has said it has, as one in production does."""
    server = Server(settings=dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on"))
    migrations.migrate(server.url())
    yield server.url()
    server.close()


@pytest.mark.bench
def test_the_memory_against_hand_written_psycopg(durable: str) -> None:
    database = durable
    admin = psycopg.connect(database, autocommit=True)
    for name, size in SIZES.items():
        admin.execute(FILL, {"id": name, "n": size})
    admin.execute("VACUUM ANALYZE mastra.message")
    admin.execute("VACUUM ANALYZE mastra.thread")
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    memory = SyncPgMemory(connection_string=database)
    aside = PgMemory(connection_string=database)
    plain = psycopg.connect(database, autocommit=True)
    plain_aside = run(psycopg.AsyncConnection.connect(database, autocommit=True))
    batch = [{"role": "user", "content": TEXT}] * 100
    text = json.dumps(TEXT)
    for thread in ("a", "b", "c", "d"):
        memory.create_thread(resource_id="r", thread_id=f"new-{thread}")

    def ids() -> list[str]:
        return [str(uuid.uuid4()) for _ in range(100)]

    async def ask(statement: str, params: list[Any]) -> list[Any]:
        return await (await plain_aside.execute(statement, params, binary=True)).fetchall()

    def sync(statement: str, params: list[Any]) -> list[Any]:
        return plain.execute(statement, params, binary=True).fetchall()

    def messages(rows: list[Any]) -> list[Any]:
        return [message_of(each) for each in rows]

    def fitting(rows: list[Any]) -> list[Any]:
        """How many fit is known when they are there: a block is read, and cut."""
        found, left = [], 400
        for each in rows:
            left -= each[7]
            if left < 0:
                break
            found.append(message_of(each))
        return found[::-1]

    print(
        "\n| operation | ours, ms | ceiling, ms | ratio | async, ms | its ceiling, ms | ratio |\n|---|---|---|---|---|---|---|"
    )
    one = {
        "ours": lambda: memory.save_messages(thread_id="new-a", messages=batch[:1]),
        "ceiling": lambda: sync(ONE, ["new-b", str(uuid.uuid4()), text, TEXT]),
        "async": lambda: run(aside.save_messages(thread_id="new-c", messages=batch[:1])),
        "async ceiling": lambda: run(ask(ONE, ["new-d", str(uuid.uuid4()), text, TEXT])),
    }
    row("save_messages, 1", measure(one, 9, 100))
    many = {
        "ours": lambda: memory.save_messages(thread_id="new-a", messages=batch),
        "ceiling": lambda: sync(MANY, ["new-b", ids(), [text] * 100, [TEXT] * 100]),
        "async": lambda: run(aside.save_messages(thread_id="new-c", messages=batch)),
        "async ceiling": lambda: run(ask(MANY, ["new-d", ids(), [text] * 100, [TEXT] * 100])),
    }
    row("save_messages, 100", measure(many, 9, 20))
    flat: dict[str, list[float]] = {"last 20": [], "window": []}
    for size in SIZES:
        last = {
            "ours": lambda size=size: memory.get_messages(thread_id=size, last=20),
            "ceiling": lambda size=size: messages(sync(LAST, [size, 20])),
            "async": lambda size=size: run(aside.get_messages(thread_id=size, last=20)),
            "async ceiling": lambda size=size: messages(run(ask(LAST, [size, 20]))),
        }
        found = measure(last, 9, 100)
        row(f"last 20 of {size}", found)
        flat["last 20"].append(found["ours"])
        window = {
            "ours": lambda size=size: memory.get_context_window(thread_id=size, max_tokens=400),
            "ceiling": lambda size=size: fitting(sync(LAST, [size, 128])),
            "async": lambda size=size: run(aside.get_context_window(thread_id=size, max_tokens=400)),
            "async ceiling": lambda size=size: fitting(run(ask(LAST, [size, 128]))),
        }
        found = measure(window, 9, 100)
        row(f"window of 40 in {size}", found)
        flat["window"].append(found["ours"])
    for name, times in flat.items():
        print(f"{name}: the slowest is {max(times) / min(times):.2f} times the fastest")
    run(aside.close())
    run(plain_aside.close())
    loop.close()
    memory.close()
    plain.close()
    admin.close()
