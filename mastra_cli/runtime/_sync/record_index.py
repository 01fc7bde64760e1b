# Generated from the _async twin by `nox -s sync`: edit that one.
"""`RecordIndex`: an entity's records, searchable, in an index that follows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from mastra_cli.errors import (
    DeadlineExceeded,
    InvalidArgument,
    LockBusy,
    MastraError,
    VectorIndexNotFound,
    kind_of,
)
from mastra_cli.runtime import answers, batches, filters, timing
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime._sync.record_embedding import Embedder, Embedding
from mastra_cli.runtime._sync.record_home import store_of
from mastra_cli.runtime._sync.record_refresh import Refresh
from mastra_cli.runtime._sync.record_search import Question, Search, Switched, gone
from mastra_cli.runtime._sync.record_store import LEASE, RecordStore, State, TakenOver, another_model
from mastra_cli.runtime._sync.store import pair
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import (
    RecordHit,
    RecordIndexStatus,
    RefreshProgress,
    RefreshResult,
    SearchMode,
)
from mastra_cli.runtime.record_texts import Reader
from mastra_cli.runtime.selection import whole
from mastra_cli.runtime.timing import Clock, checked_timeout

__all__ = ["SyncRecordIndex"]

OnProgress = Callable[[RefreshProgress], Any]

_MODES = ("hybrid", "vector", "keyword")
# A switch waits a second at a time for the searches that run.
_SWITCHES = 60


class SyncRecordIndex:
    """An entity's records as embeddings in a vector index that follows them.

    `vector` is a `PgVector` of the engine's database; None for `MockMastraEngine`, whose index is in memory.
    `embedder` makes vectors of texts, sync or async; `model` is its name, which the stored vectors are bound
    to. `text` is a dotted field, a list of them, or `(record) -> str | None` (None: not searchable);
    `metadata` the fields that filters can ask for (default: all); `split` makes several texts of one.
    `language` is that of the keywords: "simple" takes words as they are. A call of the embedder that takes
    longer than `embedder_timeout` seconds has failed.
    """

    def __init__(
        self,
        *,
        engine: SyncMastraEngine,
        vector: SyncPgVector | None,
        embedder: Embedder,
        index_name: str,
        entity_name: str,
        connection_id: str,
        text: str | Sequence[str] | Callable[[Record], str | None],
        model: str | None = None,
        metadata: Sequence[str] | None = None,
        split: Callable[[str], Iterable[str]] | None = None,
        batch_size: int = 64,
        max_concurrency: int = 4,
        language: str = "simple",
        embedder_timeout: float = 60.0,
        timeout: float = 30.0,
    ) -> None:
        if model is not None and not (isinstance(model, str) and model):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"model must be a non-empty str, and is {model!r:.60}")
        self._embedder = _checked_embedder(embedder)
        self._model = model
        self._reader = Reader(text, split, metadata)
        self._batch_size = whole(batch_size, "batch_size", least=1, most=10_000)
        self._max_concurrency = whole(max_concurrency, "max_concurrency", least=1, most=1_000)
        self._seconds = checked_timeout(embedder_timeout)
        self._timeout = checked_timeout(timeout)
        self._language = language
        self._engine = engine
        self._vector = vector
        self._entity_id = pair(connection_id, entity_name)
        self._store = self._store_of(index_name)
        # What a search embeds its question with: another embedder while, and after, an index is replaced.
        self._embedders: dict[str, tuple[Embedder, str | None]] = {}
        self._state: State | None = None

    def refresh(
        self, on_progress: OnProgress | None = None, *, timeout: float | None = None
    ) -> RefreshResult:
        """Bring the index up to the entity's last change.

        Can be killed at any instant: the next one goes on where it stood. One at a time works on an index,
        others wait for it. `timeout` is for the whole; None: no end.
        """
        run = self._refresh(self._store, self._embedder, self._model, on_progress, timeout)
        return run.run()

    def search(
        self,
        query: str,
        top_k: int = 10,
        filter: filters.Filters | None = None,
        mode: SearchMode = "hybrid",
        min_score: float | None = None,
        *,
        timeout: float | None = None,
    ) -> list[RecordHit]:
        """The best records, best first, one hit each, as they are now; never one that is deleted.

        `filter` is over the record's data. `vector` finds by meaning, `keyword` by the words themselves,
        `hybrid` by both.
        """
        answers.check(top_k=top_k, min_score=min_score)
        if not isinstance(query, str) or not query.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"query must be a str that says something, and is {query!r:.60}")
        if isinstance(reason := batches.json_text([query]), batches.Reason):
            raise InvalidArgument(f"query can not be searched for: {reason.words}")
        if mode not in _MODES:
            raise InvalidArgument(f"no such mode: {mode!r:.60}", hint=", ".join(_MODES))
        node = filters.parse(filter)
        self._reader.check_filter(node)
        asked = Question(query, top_k, filter, node, mode, min_score)
        clock = timing.clock(timeout, usual=self._timeout)
        self._store.check(clock)
        state = self._state
        while True:
            if state is None or state.dimension is None:
                looked = self._store.lookup([], clock)
                if looked is None:
                    raise gone(self._store.index_name)
                state = looked[0]
                if state is None or state.dimension is None:
                    # Nothing was ever embedded: there is nothing to find.
                    return []
            embedder, model = self._embedders.get(state.generation, (self._embedder, self._model))
            if state.model != model:
                self._state = None
                raise another_model(self._store.index_name, state.model, model)
            try:
                hits = Search(self._store, self._embedding(embedder), state, asked, clock).hits()
            except Switched as switched:
                if clock.left() <= 0:
                    raise DeadlineExceeded(
                        "the index was replaced again and again, until time was up"
                    ) from None
                state = self._state = switched.state
                continue
            self._state = state
            return hits

    def status(self, *, timeout: float | None = None) -> RecordIndexStatus:
        """How far the index has come, and how much it holds."""
        clock = timing.clock(timeout, usual=self._timeout)
        self._store.check(clock)
        looked = self._store.lookup([], clock)
        if looked is None:
            raise gone(self._store.index_name)
        state, vectors, records = looked[0], 0, 0
        if state is not None and state.dimension is not None:
            with suppress(VectorIndexNotFound):
                vectors, records = self._store.counts(clock)
        version = state.version if state else 0
        behind = self._store.behind(version, clock)
        return RecordIndexStatus(
            version,
            behind,
            vectors,
            records,
            state.model if state else None,
            state.refreshed_at if state else None,
        )

    def rebuild(
        self,
        embedder: Embedder | None = None,
        model: str | None = None,
        on_progress: OnProgress | None = None,
        *,
        timeout: float | None = None,
    ) -> RefreshResult:
        """Make a new index beside the old one, fill it, and switch to it in one transaction.

        Searches go on meanwhile, in the old one until the switch. With a `model` one that was killed goes on
        where it stood; without a name for it, it begins again.
        """
        embedder = self._embedder if embedder is None else _checked_embedder(embedder)
        if model is None:
            model = self._model
        clock = timing.clock(timeout, usual=self._timeout, bulk=True)
        beside = self._store_of(self._beside)
        beside.check(clock)
        looked = beside.lookup([], clock)
        if looked is None:
            raise gone(self._store.index_name)
        there = looked[0]
        if there is not None and (model is None or there.model != model):
            # Left by a rebuild to something else.
            beside.drop([], clock)
        run = self._refresh(beside, embedder, model, on_progress, timeout)
        result = run.run(hold=True)
        try:
            looked = beside.lookup([], clock)
            if looked is None or looked[0] is None:
                raise TakenOver
            self._embedders[looked[0].generation] = (embedder, model)
            self._switch(run.me, clock)
        except TakenOver as error:
            raise LockBusy(
                f"another session has taken the rebuild of {self._store.index_name} over",
                hint="look at status(); call rebuild() again if need be",
            ) from error
        finally:
            with suppress(MastraError):
                beside.release(run.me, clock)
        self._embedder, self._model, self._state = embedder, model, None
        return result

    def _switch(self, me: str, clock: Clock) -> None:
        for left in range(_SWITCHES, 0, -1):
            try:
                self._store.replace(self._beside, me, clock)
            except LockBusy:
                # Searches that run are let through, and those that wait behind the switch.
                if left == 1 or monotonic() >= clock.until:
                    raise
                waiting.sleep(0.1)
            else:
                return

    def drop(self, *, timeout: float | None = None) -> None:
        """Remove the index and its checkpoint; nothing when they are not there."""
        clock = timing.clock(timeout, usual=self._timeout, bulk=True)
        self._store.check(clock)
        self._store.drop([self._beside], clock)
        self._state = None

    # -- its parts ----------------------------------------------------------------------------------------

    @property
    def _beside(self) -> str:
        """The name of the index that is built to replace this one."""
        name = self._store.index_name
        return f"{name[:34]}_rebuild_{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def _store_of(self, name: str) -> RecordStore:
        store = store_of(
            self._engine,
            self._vector,
            self._entity_id,
            name,
            language=self._language,
            timeout=self._timeout,
        )
        store.lease = self._seconds + LEASE
        return store

    def _embedding(self, embedder: Embedder) -> Embedding:
        return Embedding(
            embedder,
            self._store.index_name,
            batch_size=self._batch_size,
            limit=self._max_concurrency,
            seconds=self._seconds,
        )

    def _refresh(
        self,
        store: RecordStore,
        embedder: Embedder,
        model: str | None,
        on_progress: OnProgress | None,
        timeout: float | None,
    ) -> Refresh:
        return Refresh(
            store,
            self._reader,
            self._embedding(embedder),
            model=model,
            limit=self._batch_size * self._max_concurrency,
            on_progress=on_progress,
            clock=timing.clock(timeout, usual=self._timeout, bulk=True),
        )


def _checked_embedder(embedder: Any) -> Embedder:
    if not callable(embedder):
        raise InvalidArgument(f"embedder must be a callable, texts to vectors, and is {kind_of(embedder)}")
    return embedder
