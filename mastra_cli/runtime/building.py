"""What a build of an ANN index needs: lists, memory, shared memory; and how far it has come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mastra_cli.errors import DatabaseFailed, MastraError
from mastra_cli.runtime.models_vector import BuildProgress, Hnsw
from mastra_cli.runtime.vector_index import Index

__all__ = ["advice", "lists_for", "out_of_memory", "progress"]

_BYTES = {"vector": 4.0, "halfvec": 2.0, "bit": 0.125, "sparsevec": 0.0}
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def lists_for(rows: int) -> int:
    """How many lists IVFFlat gets: a thousandth of the rows, from a million on their square root."""
    return max(1, min(32_768, rows // 1_000 if rows <= 1_000_000 else round(rows**0.5)))


def graph_bytes(index: Index, rows: int) -> int:
    """The memory that a graph of so many rows is built in, about."""
    assert isinstance(index.config, Hnsw)
    vector = index.dimension * (0.125 if index.quantized else _BYTES[index.kind])
    # Each node's neighbours on all its layers, twice m at the bottom, and what pgvector keeps beside them.
    return round(rows * (vector + index.config.m * 2 * 1.1 * 16 + 200))


def advice(index: Index, rows: int, *, memory: int, workers: int, mounts: str | None) -> Iterator[str]:
    """What should be set before this build; `memory` is maintenance_work_mem in kB."""
    if not isinstance(index.config, Hnsw):
        return
    needed = graph_bytes(index, rows)
    if needed > memory * 1024:
        megabytes = -(-needed // (1024**2 * 64)) * 64
        yield (
            f"building {index.name} takes about {needed / 1024**2:,.0f} MB, and maintenance_work_mem is "
            f"{memory / 1024:,.0f} MB: it will be many times slower. "
            f"ALTER ROLE ... SET maintenance_work_mem = '{megabytes}MB' for the role that builds"
        )
    shared, taken = shared_memory(mounts), min(needed, memory * 1024)
    if workers > 0 and shared is not None and shared < taken:
        yield (
            f"/dev/shm of the server is {shared / 1024**2:,.0f} MB, and building {index.name} in parallel "
            f"takes {taken / 1024**2:,.0f} MB of it: give the container more (shm_size: 1g), "
            "or ALTER ROLE ... SET max_parallel_maintenance_workers = 0"
        )


def shared_memory(mounts: str | None) -> int | None:
    """The size of /dev/shm by the text of /proc/mounts; None when it does not say."""
    found = re.search(r"^\S+ /dev/shm \S+ \S*\bsize=(\d+)([kmg]?)", mounts or "", re.MULTILINE)
    return int(found[1]) * _UNITS[found[2]] if found else None


def out_of_memory(index: Index, error: MastraError, sqlstate: str) -> DatabaseFailed:
    """The failure of a build that had too little memory, with what to set."""
    return DatabaseFailed(
        f"the index {index.name} could not be built: {error.message}",
        sqlstate=sqlstate,
        hint="give the container a larger /dev/shm (shm_size: 1g), or "
        "ALTER ROLE ... SET max_parallel_maintenance_workers = 0",
    )


def progress(row: Sequence[Any]) -> BuildProgress:
    """A row of the statement `progress`."""
    phase, tuples, all_tuples, blocks, all_blocks = row
    done, total = (tuples, all_tuples) if all_tuples else (blocks, all_blocks)
    return BuildProgress(phase, min(done, total) / total if total else 0.0)
