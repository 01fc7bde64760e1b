# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""What `PgVector` knows of its indexes, and how it talks about them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from mastra_cli.errors import (
    Conflict,
    DatabaseFailed,
    ExtensionMissing,
    InvalidArgument,
    NotMigrated,
    VectorIndexNotFound,
)
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.session import Clock, Connected, Pool
from mastra_cli.runtime.models_vector import Flat
from mastra_cli.runtime.sql import statements, vectors
from mastra_cli.runtime.vector_index import Index, checked_name, checked_schema, from_catalogue

if TYPE_CHECKING:
    from mastra_cli.runtime.fragments import Fragment

T = TypeVar("T")

VECTOR = statements("vector")

_SOUND_VERSION = (0, 8, 4)
# What is known of an index is asked for again after this time, and whenever the server contradicts it.
_KNOWN, _UNFINISHED = 30.0, 2.0


class Known(Connected):
    """The indexes of one schema, as they were a moment ago."""

    def __init__(
        self,
        *,
        connection_string: str | None = None,
        pool: Pool | None = None,
        schema: str = "mastra",
        timeout: float = 30.0,
    ) -> None:
        super().__init__(url=connection_string, pool=pool, timeout=timeout)
        self._schema = checked_schema(schema)
        self._indexes: dict[str, tuple[Index, float]] = {}
        # Those in which more than one namespace was met a moment ago: not asked as if there were but one.
        self._shared: set[str] = set()
        self._warned = False

    async def _index(self, name: object, clock: Clock, *, fresh: bool = False) -> Index:
        """The index of that name, as it was known a moment ago, or `VectorIndexNotFound`."""
        known = self._indexes.get(name) if isinstance(name, str) else None
        if known is not None and not fresh and monotonic() < known[1]:
            return known[0]
        name = checked_name(name, self._schema)
        index = await self._found(name, clock)
        if index is None:
            raise not_found(name, self._schema)
        return index

    async def _found(self, name: str, clock: Clock) -> Index | None:
        self._shared.discard(name)
        parameters = {"schema": self._schema, "name": name}
        row = await self._pool.row(VECTOR["index"], parameters, timeout=clock)
        if row is None:
            self._indexes.pop(name, None)
            return None
        if row[0] is None or row[3] is None:
            raise Conflict(
                f"{self._schema}.{name} is a table, and no vector index",
                hint="choose another name for the index",
            )
        index = from_catalogue(self._schema, name, row)
        lasting = index.ready or isinstance(index.config, Flat)
        self._indexes[name] = (index, monotonic() + (_KNOWN if lasting else _UNFINISHED))
        self._warn_of_version(index.version)
        return index

    async def _on(self, name: object, clock: Clock, work: Callable[[Index], waiting.Answer[T]]) -> T:
        """What `work` answers for the index; once more when the index has become another meanwhile."""
        known = await self._index(name, clock)
        try:
            return await work(known)
        except (NotMigrated, DatabaseFailed, InvalidArgument, ExtensionMissing):
            index = await self._index(name, clock, fresh=True)
            if index == known:
                raise
        return await work(index)

    async def _rows(
        self, fragment: Fragment, clock: Clock, *, writes: bool = False, prepare: bool | None = None
    ) -> list[tuple[Any, ...]]:
        parameters = fragment.params or None
        return await self._pool.rows(
            vectors.whole(fragment), parameters, timeout=clock, writes=writes, prepare=prepare
        )

    async def _row(self, fragment: Fragment, clock: Clock) -> tuple[Any, ...] | None:
        found = await self._rows(fragment, clock)
        return found[0] if found else None

    def _warn_of_version(self, version: tuple[int, ...]) -> None:
        if version < _SOUND_VERSION and not self._warned:
            self._warned = True
            said = ".".join(map(str, version))
            older = (
                ""
                if version >= (0, 8)
                else "; it has no iterative scan: filtered queries are exact more often"
            )
            warnings.warn(
                f"pgvector {said} on this server: before 0.8.4 a vacuum can damage an HNSW index, and "
                f"inserts beside it can fail{older}. Update it: ALTER EXTENSION vector UPDATE, build_index()",
                stacklevel=2,
            )


def not_found(name: str, schema: str) -> VectorIndexNotFound:
    return VectorIndexNotFound(
        f"there is no vector index {name} in the schema {schema}",
        hint="list_indexes() shows those that are there; create_index() makes one",
    )
