# Generated from the _async twin by `nox -s sync`: edit that one.
"""How an ANN index is built while the table is in use."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import Conflict, DatabaseFailed, InvalidArgument, OutcomeUnknown, PermissionDenied
from mastra_cli.runtime import building, metrics
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.vector_indexes import checked_config, needs
from mastra_cli.runtime._sync.vector_known import VECTOR
from mastra_cli.runtime._sync.vector_writes import Writes
from mastra_cli.runtime.models_vector import BuildProgress, Flat, Hnsw, IndexConfig, IndexStats, IvfFlat
from mastra_cli.runtime.sql import vectors, vectors_tables

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.session import Clock
    from mastra_cli.runtime.vector_index import Index

_LOOK = 0.25
OnProgress = Callable[[BuildProgress], Any]


class Builds(Writes):
    """Building and rebuilding."""

    def build_index(
        self,
        *,
        index_name: str,
        metric: str | None = None,
        index_config: IndexConfig | None = None,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> IndexStats:
        """Build the ANN index, or build it anew, beside the old one and without stopping reads and writes.

        What a build that was killed left behind is dropped. `on_progress` is called with a `BuildProgress` a
        few times a second.
        """
        clock = self._clock(timeout, bulk=True)
        found = self._index(index_name, clock, fresh=True)
        config = checked_config(index_config) or (found.config if found.said else Hnsw())
        measure = metrics.metric(found.metric if metric is None else metric)
        if found.kind not in measure.types:
            raise InvalidArgument(f"the metric {measure.name} does not compare {found.kind}")
        metrics.check_config(found.dimension, measure, config, found.kind)
        index = replace(found, metric=measure.name, config=config)
        try:
            if isinstance(config, Flat):
                self._rows(vectors_tables.drop_ann(index, "_vector_idx"), clock, writes=True)
            else:
                index = self._prepared(index, clock)
                self._built(index, on_progress, clock)
            self._rows(vectors_tables.comment(index), clock, writes=True)
        except PermissionDenied as error:
            raise needs(error, f"building the index {index.name}", "to own its table") from error
        stats = self.describe_index(index_name=index_name, timeout=timeout)
        if not stats.ready:
            raise Conflict(
                f"the index {index.name} was built, and dropped again by another session",
                hint="call build_index() again",
            )
        return stats

    def _prepared(self, index: Index, clock: Clock) -> Index:
        """The index with its number of lists settled, once it is clear that it can be built."""
        running = self._pool.rows(VECTOR["progress"], self._which(index), timeout=clock)
        if running:
            raise Conflict(
                f"another session is building an index on {index.name}",
                hint="wait until it is done, then call again",
            )
        row = self._row(vectors.size(index), clock)
        assert row is not None
        if isinstance(index.config, IvfFlat):
            if row[0] == 0:
                raise InvalidArgument(
                    f"the index {index.name} is empty, and IVFFlat takes its lists from rows",
                    hint="upsert first, then build_index()",
                )
            index = index.with_config(IvfFlat(index.config.lists or building.lists_for(row[0])))
        work = self._pool.row(VECTOR["workshop"], timeout=clock)
        assert work is not None
        for words in building.advice(index, row[0], memory=work[0], workers=work[1], mounts=work[2]):
            warnings.warn(words, stacklevel=2)
        return index

    def _built(self, index: Index, on_progress: OnProgress | None, clock: Clock) -> None:
        for suffix in ("_vector_new", "_vector_old"):
            self._rows(vectors_tables.drop_ann(index, suffix), clock, writes=True)
        done = False

        def build() -> None:
            nonlocal done
            try:
                self._create(index, clock)
            finally:
                done = True

        def watch() -> None:
            while not done:
                self._report(index, on_progress)
                waiting.sleep(_LOOK)

        works = [build, watch] if on_progress is not None else [build]

        def run(work: Callable[[], waiting.Answer[None]]) -> None:
            work()

        waiting.gather(run, works, limit=2)
        for piece in (
            vectors_tables.rename_ann(index, "_vector_idx", "_vector_old"),
            vectors_tables.rename_ann(index, "_vector_new", "_vector_idx"),
            vectors_tables.drop_ann(index, "_vector_old"),
        ):
            self._rows(piece, clock, writes=True)

    def _create(self, index: Index, clock: Clock) -> None:
        statement = vectors_tables.create_ann(index, "_vector_new", concurrently=True)
        try:
            self._rows(statement, clock, writes=True)
        except (DatabaseFailed, OutcomeUnknown) as error:
            state: str | None = getattr(error.__cause__, "sqlstate", None)
            if state == "42P07":
                # The connection was lost, the statement repeated: what the first one left stands in the way.
                self._rows(vectors_tables.drop_ann(index, "_vector_new"), clock, writes=True)
                self._rows(statement, clock, writes=True)
                return
            self._rows(vectors_tables.drop_ann(index, "_vector_new"), clock, writes=True)
            if state in ("53100", "53200"):
                raise building.out_of_memory(index, error, state) from error
            raise

    def _report(self, index: Index, on_progress: OnProgress | None) -> None:
        row = self._pool.row(VECTOR["progress"], self._which(index))
        if row is not None and on_progress is not None:
            waiting.call(on_progress, building.progress(row))

    def _which(self, index: Index) -> dict[str, str]:
        return {"schema": index.schema, "name": index.name}
