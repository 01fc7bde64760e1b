"""PgVector beside hand-written psycopg on the same tables, and @mastra/pg in Node: bulk upsert, search, filtered search."""

from __future__ import annotations

import asyncio
import json
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest

from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.packed import Packed, PackedDumper
from tests import vectors as numbers
from tests.servers import Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

COUNT, DIMENSION, ROUNDS = 50_000, 384, 5
DATA = numbers.Clustered.make(COUNT, DIMENSION, 200)
METADATA = [{"hundredth": i % 100, "text": f"passage number {i}"} for i in range(COUNT)]
IDS = [f"v{i}" for i in range(COUNT)]
QUESTIONS = DATA.questions(200)
SCHEMA = """(id serial PRIMARY KEY, vector_id text NOT NULL, embedding vector(384) NOT NULL, metadata jsonb DEFAULT '{}',
    namespace varchar(255) NOT NULL DEFAULT 'default', document text, UNIQUE (namespace, vector_id))"""
NEAREST = """SELECT vector_id, embedding <=> %s::vector, metadata, document FROM mastra.docs
    WHERE namespace = 'default' ORDER BY embedding <=> %s::vector LIMIT 10"""
FILTERED = """WITH m AS MATERIALIZED (SELECT vector_id, embedding, metadata, document FROM mastra.docs
        WHERE namespace = 'default' AND metadata @> %s::jsonb)
    SELECT vector_id, embedding <=> %s::vector, metadata, document FROM m ORDER BY 2 LIMIT 10"""
NODE = """
import { PgVector } from "@mastra/pg";
import { readFileSync } from "fs";
const [url, file] = process.argv.slice(2);
const { count, dimension, questions } = JSON.parse(readFileSync(file));
const floats = new Float32Array(readFileSync(file + ".f4").buffer.slice(0));
const store = new PgVector({ id: "bench", connectionString: url });
const out = {};
await store.createIndex({ indexName: "js", dimension, buildIndex: false });
const vectors = Array.from({ length: count }, (_, i) => Array.from(floats.subarray(i * dimension, (i + 1) * dimension)));
let began = performance.now();
await store.upsert({ indexName: "js", vectors, ids: vectors.map((_, i) => `v${i}`),
  metadata: vectors.map((_, i) => ({ hundredth: i % 100, text: `passage number ${i}` })) });
out.upsert = count / ((performance.now() - began) / 1000);
await store.buildIndex({ indexName: "js", metric: "cosine", indexConfig: { type: "hnsw", hnsw: { m: 16, efConstruction: 64 } } });
const run = async (clients, extra) => {
  const one = async (client) => {
    for (let i = client; i < questions.length; i += clients)
      await store.query({ indexName: "js", queryVector: questions[i], topK: 10, ...extra });
  };
  const times = [];
  for (let round = 0; round < 4; round++) {
    const start = performance.now();
    await Promise.all(Array.from({ length: clients }, (_, client) => one(client)));
    if (round) times.push(questions.length / ((performance.now() - start) / 1000));
  }
  return times.sort((a, b) => a - b)[1];
};
out.query1 = await run(1, {}); out.query4 = await run(4, {}); out.filtered = await run(1, { filter: { hundredth: 7 } });
await store.disconnect();
console.log(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    server = Server(18, {"shared_buffers": "1GB", "maintenance_work_mem": "1GB"})
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE SCHEMA mastra")
    yield server.url()
    server.close()


def interleaved(contenders: dict[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """What each answers (a rate), the median of interleaved rounds after one that warms up."""
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, call in contenders.items():
            rate = call()
            if number:
                rates[name].append(rate)
    return {name: statistics.median(found) for name, found in rates.items()}


def report(title: str, rates: dict[str, float]) -> None:
    ceiling = rates["ceiling"]
    print(
        f"\n{title}: "
        + ", ".join(f"{name} {rate:,.0f}/s ({rate / ceiling:.2f})" for name, rate in rates.items())
    )


def ceiling_upsert(connection: psycopg.Connection) -> float:
    connection.execute("DROP TABLE IF EXISTS mastra.hand")
    connection.execute(f"CREATE TABLE mastra.hand {SCHEMA}")
    connection.execute("ALTER TABLE mastra.hand ALTER embedding SET STORAGE PLAIN")
    connection.execute("CREATE INDEX ON mastra.hand USING gin (metadata jsonb_path_ops)")
    began = time.perf_counter()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE stage (vector_id text, embedding vector(384), metadata jsonb) ON COMMIT DROP"
        )
        cursor.execute("ALTER TABLE stage ALTER embedding SET STORAGE PLAIN")
        with cursor.copy("COPY stage FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for start in range(0, COUNT, 500):
                swapped = DATA.vectors[start : start + 500].astype(">f4")
                parts = []
                for i, row in enumerate(swapped, start):
                    key, meta = IDS[i].encode(), json.dumps(METADATA[i]).encode()
                    parts.append(struct.pack(">hi", 3, len(key)) + key + struct.pack(">iHH", 4 + 4 * DIMENSION, DIMENSION, 0) + row.tobytes() + struct.pack(">ib", len(meta) + 1, 1) + meta)  # fmt: skip
                copy.write(b"".join(parts))
            copy.write(b"\xff\xff")
        cursor.execute(
            "INSERT INTO mastra.hand (vector_id, embedding, metadata) SELECT * FROM stage ON CONFLICT (namespace, vector_id) "
            "DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata, document = excluded.document"
        )
    return COUNT / (time.perf_counter() - began)


def our_upsert(vector: SyncPgVector) -> float:
    vector.create_index(index_name="docs", dimension=DIMENSION, build_index=False)
    vector._pool.rows("TRUNCATE mastra.docs")
    began = time.perf_counter()
    vector.upsert(index_name="docs", vectors=DATA.vectors, ids=IDS, metadata=METADATA)
    return COUNT / (time.perf_counter() - began)


def hand(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    connection.adapters.register_dumper(Packed, PackedDumper)
    connection.execute("SET hnsw.ef_search = 100")
    return connection


def packed(question: np.ndarray) -> Packed:
    return Packed(struct.pack(">HH", DIMENSION, 0) + question.astype(">f4").tobytes())


def rate(call: Callable[[np.ndarray], object], clients: int = 1, questions: np.ndarray = QUESTIONS) -> float:
    def client(number: int) -> None:
        for question in questions[number::clients]:
            call(question)

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(client, range(clients)))
    return len(questions) / (time.perf_counter() - began)


def peers(url: str, folder: Path) -> dict[str, float]:
    """@mastra/pg on the same server, in Node."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "bench.js").write_text(NODE)
    data = folder / "data.json"
    data.write_text(json.dumps({"count": COUNT, "dimension": DIMENSION, "questions": QUESTIONS.tolist()}))
    (folder / "data.json.f4").write_bytes(DATA.vectors.tobytes())
    install = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
        "@mastra/pg@1.27.1",
    ]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    command = ["node", "--no-deprecation", "bench.js", url, str(data)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_upsert_and_search(url: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(url, autocommit=True) as admin,
        SyncPgVector(connection_string=url, timeout=600) as vector,
    ):
        upserts = interleaved(
            {"ceiling": lambda: ceiling_upsert(admin), "ours": lambda: our_upsert(vector)}, 3
        )
        vector.build_index(index_name="docs")
        admin.execute("DROP TABLE mastra.hand")
        admin.execute("VACUUM ANALYZE mastra.docs")
        other = peers(url, tmp_path)
        report(f"upsert of {COUNT:,} x {DIMENSION}", {**upserts, "@mastra/pg": other["upsert"]})

        hits = sum(
            len({int(each.id[1:]) for each in vector.query(index_name="docs", query_vector=q)} & set(numbers.nearest(DATA.vectors, q, 10)))
            for q in QUESTIONS[:50]
        )  # fmt: skip
        connections = [hand(url) for _ in range(4)]
        spare = list(connections)

        def ceiling(question: np.ndarray) -> None:
            connection = spare.pop()
            value = packed(question)
            assert (
                len(connection.execute(NEAREST, (value, value), binary=True, prepare=True).fetchall()) == 10
            )
            spare.append(connection)

        def ours(question: np.ndarray) -> None:
            assert len(vector.query(index_name="docs", query_vector=question)) == 10

        def at_once(clients: int) -> dict[str, float]:
            return interleaved(
                {"ceiling": lambda: rate(ceiling, clients), "ours": lambda: rate(ours, clients)}
            )

        for clients in (1, 4):
            title = f"query, HNSW, top 10, {clients} client{'s' * (clients > 1)}, ef 100 both, recall {hits / 500:.3f}"
            report(title, {**at_once(clients), "@mastra/pg": other[f"query{clients}"]})

        def ceiling_filtered(question: np.ndarray) -> None:
            found = connections[0].execute(
                FILTERED, ('{"hundredth": 7}', packed(question)), binary=True, prepare=True
            )
            assert len(found.fetchall()) == 10

        def ours_filtered(question: np.ndarray) -> None:
            assert len(vector.query(index_name="docs", query_vector=question, filter={"hundredth": 7})) == 10

        rates = interleaved({"ceiling": lambda: rate(ceiling_filtered), "ours": lambda: rate(ours_filtered)})
        report("filtered query, 1 % selectivity", {**rates, "@mastra/pg": other["filtered"]})
        asyncio.run(_asynchronously(url))
        for connection in connections:
            connection.close()


async def _asynchronously(url: str) -> None:
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    connection.adapters.register_dumper(Packed, PackedDumper)
    await connection.execute("SET hnsw.ef_search = 100")
    async with PgVector(connection_string=url) as vector:

        async def ceiling() -> float:
            began = time.perf_counter()
            for question in QUESTIONS:
                value = packed(question)
                cursor = await connection.execute(NEAREST, (value, value), binary=True, prepare=True)
                await cursor.fetchall()
            return len(QUESTIONS) / (time.perf_counter() - began)

        async def ours() -> float:
            began = time.perf_counter()
            for question in QUESTIONS:
                await vector.query(index_name="docs", query_vector=question)
            return len(QUESTIONS) / (time.perf_counter() - began)

        rates: dict[str, list[float]] = {"ceiling": [], "ours": []}
        for number in range(ROUNDS + 1):
            for name, call in (("ceiling", ceiling), ("ours", ours)):
                found = await call()
                if number:
                    rates[name].append(found)
        report("query, async, 1 client", {name: statistics.median(found) for name, found in rates.items()})
    await connection.close()
