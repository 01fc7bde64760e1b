# Generated from the _async twin by `nox -s sync`: edit that one.
"""How vectors get into an index, change, and leave it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import DatabaseUnreachable, InvalidArgument, NotFound
from mastra_cli.runtime import identity, vector_rows
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.vector_indexes import Indexes
from mastra_cli.runtime.embeddings import pack
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.models_vector import Hnsw
from mastra_cli.runtime.sql import vectors
from mastra_cli.runtime.vector_rows import Source, checked_ids, checked_namespace

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.session import Clock
    from mastra_cli.runtime._sync.wire import Wire
    from mastra_cli.runtime.fragments import Fragment
    from mastra_cli.runtime.vector_index import Index

# Up to here one statement does; beyond, COPY is quicker.
FEW = 50
MANY = 50_000


class Writes(Indexes):
    """What changes the vectors of an index."""

    def upsert(
        self,
        *,
        index_name: str,
        vectors: Iterable[Any],
        metadata: Iterable[Mapping[str, Any] | None] | None = None,
        ids: Iterable[str] | None = None,
        documents: Iterable[str | None] | None = None,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> list[str]:
        """Store vectors and answer their ids, in the order of the vectors; all of them, or none.

        An id that is there already is replaced, metadata and document included; of two equal ids the later
        wins. Without `ids` each vector gets a time-ordered UUID. Any iterables do, numpy arrays included, and
        of any length; a lost connection is met by trying again when they can be read again.
        """
        clock = self._clock(timeout, bulk=True)

        def work(index: Index) -> list[str]:
            checked_namespace(namespace, index)
            return self._store(
                index, Source(index, vectors, metadata, ids, documents), namespace, clock
            )

        if vector_rows.is_repeatable(vectors, metadata, ids, documents):
            return self._on(index_name, clock, work)
        return work(self._index(index_name, clock, fresh=True))

    def _store(self, index: Index, source: Source, namespace: str, clock: Clock) -> list[str]:
        rows = source.rows()
        head = vector_rows.first(rows, FEW + 1)
        if not head:
            return []
        if len(head) <= FEW:
            self._rows(vectors.insert(index, vector_rows.settled(head), namespace), clock, writes=True)
        else:
            self._copy(index, source, chain(head, rows), namespace, clock)
        if index.ready and len(source.ids) > MANY:
            warnings.warn(
                f"{len(source.ids):,} vectors went into the index {index.name} one by one, as it is built: "
                "create_index(build_index=False), upsert, then build_index() is many times quicker",
                stacklevel=2,
            )
        return source.ids

    def _copy(
        self, index: Index, source: Source, rows: Iterable[vector_rows.Row], namespace: str, clock: Clock
    ) -> None:
        """By COPY into a table of the transaction's own, then one merge."""
        attempts = 0

        def work(wire: Wire) -> None:
            nonlocal attempts
            attempts += 1
            if attempts > 1 and not source.repeatable:
                raise DatabaseUnreachable(
                    "the connection was lost, and the vectors can not be read again; nothing was written",
                    hint="give a list or an array, or call again from the beginning",
                )
            stage(wire, index, rows if attempts == 1 else source.rows())
            execute(wire, vectors.lock(index, namespace))
            repeated = len(set(source.ids)) < len(source.ids)
            execute(wire, vectors.merge(index, namespace, repeated=repeated))

        self._pool.transaction(work, timeout=clock, bulk=True)

    def update_vector(
        self,
        *,
        index_name: str,
        id: str,
        vector: Any = None,
        metadata: Mapping[str, Any] | None = None,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> None:
        """Replace the vector, the metadata, or both, of one id."""
        identity.checked(id, "id")
        if vector is None and metadata is None:
            raise InvalidArgument("there is nothing to update", hint="give vector, metadata, or both")

        def work(index: Index) -> bool:
            checked_namespace(namespace, index)
            packed = None
            if vector is not None:
                packed = pack(
                    vector,
                    index.kind,
                    index.dimension,
                    metric=index.metric,
                    label="vector",
                    indexed=isinstance(index.config, Hnsw),
                )
            text = None if metadata is None else vector_rows.metadata_text(metadata, "metadata")
            return bool(
                self._rows(vectors.update(index, id, packed, text, namespace), clock, writes=True)
            )

        clock = self._clock(timeout)
        if not self._on(index_name, clock, work):
            raise NotFound(f"the index {index_name} has no vector {id!r} in the namespace {namespace!r}")

    def delete_vector(
        self, *, index_name: str, id: str, namespace: str = "default", timeout: float | None = None
    ) -> int:
        """Delete one vector; 1, or 0 when it is not there."""
        return self._delete(
            index_name, vectors.with_ids([identity.checked(id, "id")]), namespace, timeout
        )

    def delete_vectors(
        self,
        *,
        index_name: str,
        ids: Iterable[str] | None = None,
        filter: Filters | None = None,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> int:
        """Delete by ids or by a filter; how many there were."""
        if (ids is None) == (filter is None):
            raise InvalidArgument(
                "give either ids or filter", hint="truncate_index() deletes all vectors of a namespace"
            )
        if ids is not None:
            given = checked_ids(ids)
            return self._delete(index_name, vectors.with_ids(given), namespace, timeout) if given else 0
        condition = vectors.condition(filter)
        if condition is None:
            raise InvalidArgument(
                "an empty filter would delete everything",
                hint="truncate_index() deletes all vectors of a namespace",
            )
        return self._delete(index_name, condition, namespace, timeout)

    def _delete(self, name: str, condition: Fragment, namespace: str, timeout: float | None) -> int:
        def work(index: Index) -> int:
            checked_namespace(namespace, index)

            def delete(wire: Wire) -> int:
                return execute(wire, vectors.delete(index, condition, namespace))

            # A transaction, and not a statement of its own: done a second time it would count nothing.
            return self._pool.transaction(delete, timeout=clock)

        clock = self._clock(timeout, bulk=True)
        return self._on(name, clock, work)


def stage(wire: Wire, index: Index, rows: Iterable[vector_rows.Row]) -> None:
    """Put rows into a table of the transaction's own, by COPY."""
    for statement in vectors.stage(index):
        execute(wire, statement)
    with wire.cursor() as cursor, cursor.copy(vectors.whole(vectors.copy())) as copy:
        copy.write(vector_rows.COPY_START)
        for block in vector_rows.blocks(rows):
            copy.write(block)
            waiting.sleep(0)
        copy.write(vector_rows.COPY_END)


def execute(wire: Wire, statement: Fragment) -> int:
    """How many rows a statement touched."""
    cursor = wire.execute(vectors.whole(statement), statement.params or None)
    return cursor.rowcount
