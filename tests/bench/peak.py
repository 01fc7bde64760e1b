"""A process that takes in so many items from a generator, and says how much memory it held at most."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mastra_cli import SyncPgVector, SyncPostgresEngine
from tests.bench import workload

DIMENSION = 384


def most() -> float:
    """The megabytes that the process has held at most since `forget`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def sync_records(url: str, count: int) -> None:
    with SyncPostgresEngine(url=url) as engine:
        engine.sync_records(name="bench", connection_id="c", records=workload.records(count, 0))


def upsert(url: str, count: int) -> None:
    def vectors() -> Iterator[np.ndarray]:
        generator = np.random.default_rng(7)
        for _ in range(count):
            yield generator.standard_normal(DIMENSION, dtype="f4")

    with SyncPgVector(connection_string=url) as vector:
        vector.create_index(index_name="docs", dimension=DIMENSION, build_index=False)
        vector.upsert(
            index_name="docs",
            vectors=vectors(),
            ids=(f"v{number}" for number in range(count)),
            metadata=({"hundredth": number % 100} for number in range(count)),
        )


if __name__ == "__main__":
    what, url, count = (
        {"sync_records": sync_records, "upsert": upsert}[sys.argv[1]],
        sys.argv[2],
        int(sys.argv[3]),
    )
    # What every call needs is no memory of this one: modules, a connection, prepared statements.
    what(url, 1_000)
    forget()
    baseline = most()
    what(url, count)
    print(json.dumps({"baseline": baseline, "peak": most()}))
