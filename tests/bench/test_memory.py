"""PgMemory beside hand-written psycopg on the same tables: saving, the last 20, the window, as the thread grows."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from mastra_cli import PgMemory, SyncPgMemory
from mastra_cli.runtime.message_rows import message_of
from tests.bench import plans
from tests.bench.conftest import Place
from tests.bench.measuring import (
    Contender,
    Outcome,
    apart,
    each,
    each_async,
    growth,
    rounds,
    rounds_async,
    together,
)
from tests.bench.peer import Peer, PeerFailed
from tests.bench.results import Row
from tests.bench.workload import TEXT
from tests.postgres.test_memory_plans import FILL

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

ROUNDS = 7
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
PAGE = """
SELECT id, thread_id, seq, role, type, content::text, tool_fields::text, tokens, created_at
FROM mastra.message
WHERE thread_id = %s AND seq > (SELECT seq FROM mastra.message WHERE thread_id = %s AND id = %s) ORDER BY seq LIMIT 51
"""
SIZES = (100, 10_000, 1_000_000)
# A checkpoint holds the whole conversation: of a million it would be a value of some hundred megabytes.
SAVER_MOST = 100_000


class Threads:
    """One database, in which ours and the ceiling write and read the same tables, each its own threads."""

    def __init__(self, url: str, sizes: list[int]) -> None:
        self.url, self.sizes = url, sizes
        self.raw = psycopg.connect(url, autocommit=True)
        for size in sizes:
            self.raw.execute(FILL, {"id": str(size), "n": size})
        self.raw.execute("VACUUM ANALYZE mastra.message")
        self.raw.execute("VACUUM ANALYZE mastra.thread")
        self.memory = SyncPgMemory(connection_string=url)
        for thread in ("ours", "ceiling", "ours async", "ceiling async"):
            self.memory.create_thread(resource_id="r", thread_id=thread)

    def rows(self, statement: str, params: list[Any]) -> list[Any]:
        return self.raw.execute(statement.encode(), params, binary=True, prepare=True).fetchall()

    def close(self) -> None:
        self.memory.close()
        self.raw.close()


@pytest.fixture
def threads(place: Place, sized: Callable[[int], int]) -> Iterator[Threads]:
    threads = Threads(place.database("memory"), [100, *(sized(size) for size in SIZES[1:])])
    yield threads
    threads.close()
    place.drop("memory")


def messages(rows: list[Any]) -> list[Any]:
    return [message_of(row) for row in rows]


def fitting(rows: list[Any]) -> list[Any]:
    """How many fit is known when they are there: a block is read, and cut."""
    found, left = [], 400
    for row in rows:
        left -= row[7]
        if left < 0:
            break
        found.append(message_of(row))
    return found[::-1]


def saved_by_hand(thread: str, size: int) -> tuple[str, list[Any]]:
    text = json.dumps(TEXT)
    if size == 1:
        return ONE, [thread, str(uuid.uuid4()), text, TEXT]
    return MANY, [thread, [str(uuid.uuid4()) for _ in range(size)], [text] * size, [TEXT] * size]


# What is read of a thread: by ours, by hand, and what is made of the rows.
Read = tuple[Callable[[Any, str], Any], Callable[[str], tuple[str, list[Any]]], Callable[[list[Any]], Any]]
READS: dict[str, Read] = {
    "last 20": (
        lambda memory, thread: memory.get_messages(thread_id=thread, last=20),
        lambda thread: (LAST, [thread, 20]),
        messages,
    ),
    "window of 400 tokens": (
        lambda memory, thread: memory.get_context_window(thread_id=thread, max_tokens=400),
        lambda thread: (LAST, [thread, 128]),
        fitting,
    ),
}


def page_at(thread: str, place: int) -> Read:
    anchor = f"{thread}-{place}"
    return (
        lambda memory, thread: memory.get_messages(thread_id=thread, after=anchor, limit=50),
        lambda thread: (PAGE, [thread, thread, anchor]),
        messages,
    )


def test_memory(threads: Threads, peers: Callable[[str], Peer], keep: Callable[[Row], None]) -> None:
    failed: dict[str, str] = {}
    opened = {"@mastra/pg": {"threads": ["peer"]}, "langgraph": {}}
    for name, said in opened.items():
        try:
            peers(name).ask("open", **said)
        except PeerFailed as reason:
            failed[name] = str(reason)
    saving(threads, peers, keep, failed)
    for what, read in READS.items():
        reading(
            threads, peers, keep, what, [read] * len(threads.sizes), [str(size) for size in threads.sizes]
        )
    longest = threads.sizes[-1]
    places = [longest // 100, longest * 9 // 10]
    reads = [page_at(str(longest), place) for place in places]
    reading(threads, peers, keep, "page of 50", reads, [str(longest)] * 2, places)


def saving(
    threads: Threads, peers: Callable[[str], Peer], keep: Callable[[Row], None], failed: dict[str, str]
) -> None:
    for size, calls, goal in ((1, 100, ">= 0.7"), (100, 20, ">= 0.8")):
        batch = [{"role": "user", "content": TEXT}] * size
        contenders: dict[str, Contender] = {
            "ours": each(lambda b=batch: threads.memory.save_messages(thread_id="ours", messages=b), calls),
            "ceiling": each(lambda n=size: threads.rows(*saved_by_hand("ceiling", n)), calls),
        }
        for name in ("@mastra/pg", "langgraph"):
            if name not in failed:
                contenders[name] = peers(name).each("save", calls, thread="peer", text=TEXT, size=size)
        outcome = rounds(contenders, ROUNDS)
        outcome.missing |= failed
        title = f"save_messages, {size} at a time"
        keep(Row("Memory", f"{title}, sync", "/s", size, goal).add(outcome))
        found = asyncio.run(saving_async(threads, batch, calls))
        keep(Row("Memory", f"{title}, async", "/s", size, goal).add(found))


async def saving_async(threads: Threads, batch: list[Any], calls: int) -> Outcome:
    raw = await psycopg.AsyncConnection.connect(threads.url, autocommit=True)
    async with PgMemory(connection_string=threads.url) as memory, raw:

        async def by_hand() -> None:
            statement, params = saved_by_hand("ceiling async", len(batch))
            cursor = await raw.execute(statement.encode(), params, binary=True, prepare=True)
            await cursor.fetchall()

        def ours() -> Awaitable[Any]:
            return memory.save_messages(thread_id="ours async", messages=batch)

        return await rounds_async(
            {"ours": each_async(ours, calls), "ceiling": each_async(by_hand, calls)}, ROUNDS
        )


def reading(
    threads: Threads,
    peers: Callable[[str], Peer],
    keep: Callable[[Row], None],
    what: str,
    reads: list[Read],
    names: list[str],
    places: list[int] | None = None,
) -> None:
    """A read in threads of every size, or at two places of one, all in turn; and whether its cost stays the same."""
    titles = [f"{what} of {int(name):,} messages" for name in names]
    if places is not None:
        titles = [f"{what} at {part} of {int(names[0]):,} messages" for part in ("1 %", "90 %")]
    contenders: dict[str, dict[str, Contender]] = {}
    missing: dict[str, dict[str, str]] = {}
    for number, (title, name, (ours, by_hand, made)) in enumerate(zip(titles, names, reads, strict=True)):
        found = ours(threads.memory, name)
        assert getattr(found, "messages", found), "there is nothing to read"
        prepared, missing[title] = readers(peers, name, what, None if places is None else places[number])
        contenders[title] = {
            "ours": each(partial(ours, threads.memory, name), 100),
            "ceiling": each(lambda h=by_hand, m=made, n=name: m(threads.rows(*h(n))), 100),
            **prepared,
        }
    sync = apart(rounds(together(contenders), ROUNDS, budget=20), titles)
    aside = apart(
        asyncio.run(
            reading_async(threads.url, dict(zip(titles, zip(names, reads, strict=True), strict=True)))
        ),
        titles,
    )
    for title, name, read in zip(titles, names, reads, strict=True):
        row = Row("Memory", f"{title}, sync", "ms", 1, "<= 2 x").add(sync[title])
        row.missing |= missing[title]
        row.evidence = plans.evidence(threads.url, partial(read[0], threads.memory, name))
        keep(row)
        keep(Row("Memory", f"{title}, async", "ms", 1, "<= 2 x").add(aside[title]))
    for kind, outcomes in (("sync", sync), ("async", aside)):
        row = Row(
            "Memory",
            f"{what}: the dearest of these against the cheapest, {kind}",
            "x",
            1,
            "<= 1.5",
            absolute=True,
        )
        row.figures = growth(list(outcomes.values()))
        keep(row)


async def reading_async(url: str, reads: dict[str, tuple[str, Read]]) -> Outcome:
    raw = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with PgMemory(connection_string=url) as memory, raw:

        async def hand(name: str, read: Read) -> Any:
            _, by_hand, made = read
            statement, params = by_hand(name)
            cursor = await raw.execute(statement.encode(), params, binary=True, prepare=True)
            return made(await cursor.fetchall())

        contenders = {
            title: {
                "ours": each_async(lambda r=read, n=name: r[0](memory, n), 100),
                "ceiling": each_async(lambda r=read, n=name: hand(n, r), 100),
            }
            for title, (name, read) in reads.items()
        }
        return await rounds_async(together(contenders), ROUNDS)


_filled: set[tuple[str, str]] = set()


def readers(
    peers: Callable[[str], Peer], name: str, what: str, place: int | None
) -> tuple[dict[str, Contender], dict[str, str]]:
    """The peers that can do this read, their threads filled once; and the reasons of the others."""
    size = 50 if place is not None else 20
    found: dict[str, Contender] = {}
    missing: dict[str, str] = {}
    if what.startswith("window"):
        return found, {
            "@mastra/pg": "windows by tokens are made above its store, from the last messages",
            "langgraph": "has no windows: a conversation is loaded whole, and trimmed",
        }
    try:
        if ("@mastra/pg", name) not in _filled:
            peers("@mastra/pg").ask("fill", thread=name, count=int(name), text=TEXT)
            _filled.add(("@mastra/pg", name))
        found["@mastra/pg"] = peers("@mastra/pg").each(
            "list", 10, thread=name, page=(place or 0) // size, size=size, newest=place is None
        )
    except PeerFailed as reason:
        missing["@mastra/pg"] = str(reason)
    if place is not None:
        missing["langgraph"] = "a checkpoint has no pages"
    elif int(name) > SAVER_MOST:
        missing["langgraph"] = f"a checkpoint is one value: not tried beyond {SAVER_MOST:,} messages"
    else:
        try:
            if ("langgraph", name) not in _filled:
                peers("langgraph").ask("checkpoint", thread=name, count=int(name), text=TEXT)
                _filled.add(("langgraph", name))
            found["langgraph"] = peers("langgraph").each("last", 3, thread=name, size=size)
        except PeerFailed as reason:
            missing["langgraph"] = str(reason)
    return found, missing
