"""`RecordIndex.refresh` with an embedder that costs nothing, beside `PgVector.upsert` alone into the same table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mastra_cli import (
    Flat,
    PgVector,
    PostgresEngine,
    RecordIndex,
    SyncPgVector,
    SyncPostgresEngine,
    SyncRecordIndex,
)
from tests.bench import workload
from tests.bench.conftest import Place
from tests.bench.measuring import rounds, timed
from tests.bench.results import Row

# What the library has to say of a slow build is no failure here.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200), pytest.mark.filterwarnings("default")]

DIMENSION, ROUNDS = 384, 2
INDEX: dict[str, Any] = {
    "index_name": "found",
    "dimension": DIMENSION,
    "index_config": Flat(),
    "text_search": "simple",
}


def test_record_index(place: Place, sized: Callable[[int], int], keep: Callable[[Row], None]) -> None:
    count = sized(100_000)
    data = np.random.default_rng(7).normal(size=(count, DIMENSION)).astype("f4")
    url = place.database("search")
    engine, vector = SyncPostgresEngine(url=url), SyncPgVector(connection_string=url, timeout=600)
    rows = [
        {
            **row,
            "data": {
                **row["data"],
                "text": f"{number} is the number of a passage about {row['data']['name']}",
            },
        }
        for number, row in enumerate(workload.records(count, 0))
    ]
    engine.sync_records(name="bench", connection_id="c", records=rows)
    ids, documents = [row["external_id"] for row in rows], [row["data"]["text"] for row in rows]
    metadata = [row["data"] for row in rows]

    def embed(texts: list[str]) -> np.ndarray:
        return data[[int(text.partition(" ")[0]) for text in texts]]

    said = {"embedder": embed, "entity_name": "bench", "connection_id": "c", "text": "text", "model": "m"}

    def empty(name: str) -> None:
        """The table that the refresh fills, without an ANN index: its build is not what is compared."""
        if name in vector.list_indexes():
            vector.delete_index(index_name=name)
        vector._pool.rows("DELETE FROM mastra.vector_follower")
        vector.create_index(**{**INDEX, "index_name": name})

    def upsert() -> float:
        empty("upserted")
        return timed(
            lambda: vector.upsert(
                index_name="upserted", vectors=data, ids=ids, metadata=metadata, documents=documents
            )
        )

    def refresh(**more: int) -> float:
        empty("found")
        index = SyncRecordIndex(engine=engine, vector=vector, index_name="found", **said, **more)
        return timed(index.refresh)

    def upsert_async() -> float:
        empty("upserted")

        async def work() -> float:
            async with PgVector(connection_string=url, timeout=600) as vector:
                await vector.list_indexes()
                began = asyncio.get_running_loop().time()
                await vector.upsert(
                    index_name="upserted", vectors=data, ids=ids, metadata=metadata, documents=documents
                )
                return asyncio.get_running_loop().time() - began

        return asyncio.run(work())

    def refresh_async() -> float:
        empty("found")

        async def work() -> float:
            async with PostgresEngine(url=url) as engine, PgVector(connection_string=url) as vector:
                index = RecordIndex(engine=engine, vector=vector, index_name="found", **said)
                began = asyncio.get_running_loop().time()
                await index.refresh()
                return asyncio.get_running_loop().time() - began

        return asyncio.run(work())

    title = f"RecordIndex.refresh, {count:,} new records (ceiling: PgVector.upsert of the same)"
    both = rounds(
        {"ours": refresh, "ours, batch_size=1000": lambda: refresh(batch_size=1000), "ceiling": upsert},
        ROUNDS,
    )
    keep(Row("Search", f"{title}, sync", "/s", count, ">= 0.6").add(both))
    keep(
        Row("Search", f"{title}, async", "/s", count, ">= 0.6").add(
            rounds({"ours": refresh_async, "ceiling": upsert_async}, ROUNDS)
        )
    )

    refresh()
    index = SyncRecordIndex(engine=engine, vector=vector, index_name="found", **said)
    keep(
        Row("Search", f"RecordIndex.refresh, nothing changed in {count:,}", "ms", 1).add(
            rounds({"ours": lambda: timed(index.refresh)}, 9)
        )
    )
    turns = iter(range(1, 1_000))

    def touched() -> float:
        """One percent of the records changed, but for their texts: nothing is embedded anew."""
        turn = next(turns)
        few = [{**row, "data": {**row["data"], "turn": turn}} for row in rows[::100]]
        engine.upsert_records(entity_id=engine.get_entity(name="bench", connection_id="c").id, records=few)
        return timed(index.refresh)

    keep(
        Row("Search", f"RecordIndex.refresh, 1 % of {count:,} changed, no text", "ms", 1).add(
            rounds({"ours": touched}, 5)
        )
    )
    engine.close()
    vector.close()
    place.drop("search")
