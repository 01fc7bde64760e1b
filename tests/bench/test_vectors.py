"""PgVector beside hand-written psycopg on the same tables, and the other stores: bulk upsert, search, filtered search."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg
import pytest

from mastra_cli import PgVector, SyncPgVector
from mastra_cli.runtime.packed import Packed, PackedDumper
from tests.bench import plans
from tests.bench.conftest import Place
from tests.bench.measuring import Contender, Figure, Outcome, rounds
from tests.bench.peer import Peer, PeerFailed
from tests.bench.results import Row
from tests.bench.workload import Vectors

# What the library has to say of a slow build is no failure here.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), pytest.mark.filterwarnings("default")]

PEERS = ("@mastra/pg", "vecs", "agno", "llama-index", "langchain-postgres")
DIMENSION, EF = 384, 100
ROUNDS, QUERY_ROUNDS = 3, 5
TABLE = f"""CREATE TABLE mastra.hand (id serial PRIMARY KEY, vector_id text NOT NULL, embedding vector({DIMENSION}) NOT NULL,
    metadata jsonb DEFAULT '{{}}', namespace varchar(255) NOT NULL DEFAULT 'default', document text,
    UNIQUE (namespace, vector_id));
ALTER TABLE mastra.hand ALTER embedding SET STORAGE PLAIN;
CREATE INDEX ON mastra.hand USING gin (metadata jsonb_path_ops)"""
STAGE = f"""CREATE TEMP TABLE stage (vector_id text, embedding vector({DIMENSION}), metadata jsonb) ON COMMIT DROP;
ALTER TABLE stage ALTER embedding SET STORAGE PLAIN"""
COPY = "COPY stage FROM STDIN (FORMAT binary)"
MERGE = """INSERT INTO mastra.hand (vector_id, embedding, metadata) SELECT * FROM stage ON CONFLICT (namespace, vector_id)
    DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata, document = excluded.document"""
NEAREST = """SELECT vector_id, embedding <=> %s::vector, metadata, document FROM mastra.docs
    WHERE namespace = 'default' ORDER BY embedding <=> %s::vector LIMIT 10"""
FILTERED = """WITH m AS MATERIALIZED (SELECT vector_id, embedding, metadata, document FROM mastra.docs
        WHERE namespace = 'default' AND metadata @> %s::jsonb)
    SELECT vector_id, embedding <=> %s::vector, metadata, document FROM m ORDER BY 2 LIMIT 10"""


def binary(data: Vectors) -> Iterator[bytes]:
    """What COPY reads, in blocks of 500 rows."""
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for start in range(0, data.count, 500):
        swapped = data.vectors[start : start + 500].astype(">f4")
        parts = []
        for i, row in enumerate(swapped, start):
            key, meta = data.ids[i].encode(), json.dumps(data.metadata[i]).encode()
            parts.append(struct.pack(">hi", 3, len(key)) + key + struct.pack(">iHH", 4 + 4 * DIMENSION, DIMENSION, 0) + row.tobytes() + struct.pack(">ib", len(meta) + 1, 1) + meta)  # fmt: skip
        yield b"".join(parts)
    yield b"\xff\xff"


def packed(question: np.ndarray) -> Packed:
    return Packed(struct.pack(">HH", DIMENSION, 0) + question.astype(">f4").tobytes())


class Store:
    """The data, our store in its database, and hand-written connections to the same."""

    def __init__(self, place: Place, count: int) -> None:
        self.data = Vectors(count, DIMENSION)
        self.url = place.database("vectors")
        self.vector = SyncPgVector(connection_string=self.url, timeout=600)
        self.admin = psycopg.connect(self.url, autocommit=True)
        self.hands = [self._hand() for _ in range(4)]

    def _hand(self) -> psycopg.Connection:
        connection = psycopg.connect(self.url, autocommit=True)
        connection.adapters.register_dumper(Packed, PackedDumper)
        connection.execute(f"SET hnsw.ef_search = {EF}")
        return connection

    def our_upsert(self) -> float:
        self.vector.create_index(index_name="docs", dimension=DIMENSION, build_index=False)
        self.vector.truncate_index(index_name="docs", namespace=None)
        began = time.perf_counter()
        self.vector.upsert(
            index_name="docs", vectors=self.data.vectors, ids=self.data.ids, metadata=self.data.metadata
        )
        return time.perf_counter() - began

    def upsert_by_hand(self) -> float:
        self.admin.execute("DROP TABLE IF EXISTS mastra.hand")
        self.admin.execute(TABLE)
        began = time.perf_counter()
        with self.admin.transaction(), self.admin.cursor() as cursor:
            cursor.execute(STAGE)
            with cursor.copy(COPY) as copy:
                for block in binary(self.data):
                    copy.write(block)
            cursor.execute(MERGE)
        return time.perf_counter() - began

    def our_async_upsert(self) -> float:
        async def upsert() -> float:
            async with PgVector(connection_string=self.url, timeout=600) as vector:
                await vector.truncate_index(index_name="docs", namespace=None)
                began = time.perf_counter()
                await vector.upsert(
                    index_name="docs",
                    vectors=self.data.vectors,
                    ids=self.data.ids,
                    metadata=self.data.metadata,
                )
                return time.perf_counter() - began

        return asyncio.run(upsert())

    def async_upsert_by_hand(self) -> float:
        self.admin.execute("DROP TABLE IF EXISTS mastra.hand")
        self.admin.execute(TABLE)

        async def upsert() -> float:
            connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
            async with connection:
                began = time.perf_counter()
                async with connection.transaction(), connection.cursor() as cursor:
                    await cursor.execute(STAGE)
                    async with cursor.copy(COPY) as copy:
                        for block in binary(self.data):
                            await copy.write(block)
                    await cursor.execute(MERGE)
                return time.perf_counter() - began

        return asyncio.run(upsert())

    def ask(self, question: np.ndarray, filtered: bool) -> list[str]:
        chosen = {"hundredth": 7} if filtered else None
        found = self.vector.query(index_name="docs", query_vector=question, filter=chosen, ef=EF)
        return [each.id for each in found]

    def ask_by_hand(self, question: np.ndarray, filtered: bool) -> list[str]:
        statement, params = asked(question, filtered)
        hand = self.hands.pop()
        found = hand.execute(statement, params, binary=True, prepare=True).fetchall()
        self.hands.append(hand)
        return [row[0] for row in found]

    def close(self) -> None:
        for each in (self.vector, self.admin, *self.hands):
            each.close()


def asked(question: np.ndarray, filtered: bool) -> tuple[Any, tuple[Any, ...]]:
    value = packed(question)
    return (FILTERED, ('{"hundredth": 7}', value)) if filtered else (NEAREST, (value, value))


class Asking:
    """A contender that asks every question; `found` is what it brought the last time."""

    def __init__(
        self, ask: Callable[[Any, bool], list[str]], data: Vectors, clients: int, filtered: bool
    ) -> None:
        self._ask, self._data, self._clients, self._filtered = ask, data, clients, filtered
        self.found: list[list[str]] = [[] for _ in data.questions]

    def __call__(self) -> float:
        began = time.perf_counter()
        if self._clients == 1:
            self._client(0)
        else:
            with ThreadPoolExecutor(self._clients) as threads:
                list(threads.map(self._client, range(self._clients)))
        return time.perf_counter() - began

    def _client(self, number: int) -> None:
        for place in range(number, len(self.found), self._clients):
            self.found[place] = self._ask(self._data.questions[place], self._filtered)


class PeerAsking:
    """The same, in the peer's process."""

    def __init__(self, peer: Peer, data: Vectors, clients: int, filtered: bool) -> None:
        self._peer = peer
        self._said = {
            "path": data.asked,
            "dimension": DIMENSION,
            "clients": clients,
            "ef": EF,
            "filtered": filtered,
        }
        self.found: list[list[str]] = []

    def __call__(self) -> float:
        answer = self._peer.ask("query", **self._said)
        self.found = answer["found"]
        return answer["seconds"]


@pytest.fixture
def store(place: Place, sized: Callable[[int], int]) -> Iterator[Store]:
    store = Store(place, sized(50_000))
    yield store
    store.close()
    place.drop("vectors")


def test_vectors(
    store: Store, peers: Callable[[str], Peer], keep: Callable[[Row], None], scale: float
) -> None:
    data = store.data
    said = {"path": data.path, "dimension": DIMENSION}
    contenders: dict[str, Contender] = {"ours": store.our_upsert, "ceiling": store.upsert_by_hand}
    contenders |= {name: peers(name).contender("upsert", **said) for name in PEERS}
    title = f"PgVector.upsert, {data.count:,} x {DIMENSION}"
    uploaded = rounds(contenders, ROUNDS, budget=25)
    keep(Row("Vectors", f"{title}, sync", "/s", data.count, ">= 0.8").add(uploaded))
    pair = {"ours": store.our_async_upsert, "ceiling": store.async_upsert_by_hand}
    keep(Row("Vectors", f"{title}, async", "/s", data.count, ">= 0.8").add(rounds(pair, ROUNDS)))

    store.admin.execute("DROP TABLE mastra.hand")
    store.vector.build_index(index_name="docs")
    failed = dict(uploaded.missing)
    for name in PEERS:
        if name not in failed:
            try:
                peers(name).ask("index")
            except PeerFailed as reason:
                failed[name] = str(reason)
            with psycopg.connect(peers(name).url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
    store.admin.execute("VACUUM ANALYZE mastra.docs")
    store.vector.close()
    # What it knows of an index it takes for true for half a minute: this one knows of the statistics.
    store.vector = SyncPgVector(connection_string=store.url, timeout=600)

    for clients, filtered in ((1, False), (4, False), (1, True)):
        kind = "filtered query, 1 % match" if filtered else "query, HNSW"
        title = f"PgVector.query: {kind}, top 10 of {data.count:,}, {clients} client{'s' * (clients > 1)}"
        row = Row("Vectors", f"{title}, sync", "/s", len(data.questions), ">= 0.8" if filtered else ">= 0.9")
        askers: dict[str, Any] = {
            "ours": Asking(store.ask, data, clients, filtered),
            "ceiling": Asking(store.ask_by_hand, data, clients, filtered),
        }
        askers |= {
            name: PeerAsking(peers(name), data, clients, filtered) for name in PEERS if name not in failed
        }
        outcome = rounds(askers, QUERY_ROUNDS)
        outcome.missing |= failed
        for name, figure in outcome.figures.items():
            figure.note = data.recall(askers[name].found, filtered)
        question = data.questions[0]
        row.evidence = plans.evidence(store.url, lambda q=question, f=filtered: store.ask(q, f))
        keep(row.add(outcome))
        row = Row("Vectors", f"{title}, async", "/s", len(data.questions), row.goal)
        keep(row.add(asyncio.run(asynchronously(store, clients, filtered))))


async def asynchronously(store: Store, clients: int, filtered: bool) -> Outcome:
    """Ours and the ceiling, each in turn on one loop, by so many tasks at once."""
    data = store.data
    hands = [await psycopg.AsyncConnection.connect(store.url, autocommit=True) for _ in range(clients)]
    for hand in hands:
        hand.adapters.register_dumper(Packed, PackedDumper)
        await hand.execute(f"SET hnsw.ef_search = {EF}".encode())

    async def by_hand(question: np.ndarray) -> list[str]:
        statement, params = asked(question, filtered)
        hand = hands.pop()
        cursor = await hand.execute(statement, params, binary=True, prepare=True)
        found = await cursor.fetchall()
        hands.append(hand)
        return [row[0] for row in found]

    async with PgVector(connection_string=store.url) as vector:

        async def ours(question: np.ndarray) -> list[str]:
            chosen = {"hundredth": 7} if filtered else None
            found = await vector.query(index_name="docs", query_vector=question, filter=chosen, ef=EF)
            return [each.id for each in found]

        outcome, found = Outcome(), {}

        async def once(ask: Callable[[np.ndarray], Any]) -> tuple[float, list[list[str]]]:
            answers: list[list[str]] = [[] for _ in data.questions]

            async def client(number: int) -> None:
                for place in range(number, len(answers), clients):
                    answers[place] = await ask(data.questions[place])

            began = time.perf_counter()
            await asyncio.gather(*(client(number) for number in range(clients)))
            return time.perf_counter() - began, answers

        measured: dict[str, list[float]] = {"ours": [], "ceiling": []}
        for number in range(QUERY_ROUNDS + 1):
            for name, ask in (("ours", ours), ("ceiling", by_hand)):
                seconds, found[name] = await once(ask)
                if number:
                    measured[name].append(seconds)
    for hand in hands:
        await hand.close()
    for name, seconds in measured.items():
        outcome.figures[name] = Figure(seconds, data.recall(found[name], filtered))
    return outcome
