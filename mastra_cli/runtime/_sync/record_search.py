# Generated from the _async twin by `nox -s sync`: edit that one.
"""Searching an index that follows an entity: texts are found, records are answered, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mastra_cli.errors import EntityNotFound, MastraError
from mastra_cli.runtime._sync.record_embedding import Embedding
from mastra_cli.runtime._sync.record_store import Found, RecordStore, State, another_model
from mastra_cli.runtime.filter_tree import Node
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import RecordHit
from mastra_cli.runtime.predicate import predicate
from mastra_cli.runtime.ranking import fuse
from mastra_cli.runtime.record_texts import record_of
from mastra_cli.runtime.timing import Clock

# What one search looks through at most.
_MOST = 10_000
# A text that holds less of the question than this has a "the" in common with it: beside vectors, nothing.
_TELLING = 0.25


class Switched(Exception):
    """The index was replaced while it was searched."""

    def __init__(self, state: State | None) -> None:
        super().__init__("the index was replaced")
        self.state = state


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for."""

    query: str
    top_k: int
    filter: Filters | None
    node: Node
    mode: str
    min_score: float | None


class Search:
    """One search, of one generation of an index."""

    def __init__(
        self, store: RecordStore, embedding: Embedding, state: State, asked: Question, clock: Clock
    ) -> None:
        self._store = store
        self._embedding = embedding
        self._state = state
        self._asked = asked
        self._clock = clock
        self._records: dict[str, Record | None] = {}
        self._holds = predicate(asked.node)

    def hits(self) -> list[RecordHit]:
        """The best records, one hit each; raises `Switched` when the index has become another one."""
        asked = self._asked
        vector: Sequence[float] = ()
        if asked.mode != "keyword":
            vector = self._embedding.question(asked.query, self._clock)
        depth = min(_MOST, max(2 * asked.top_k, 100 if asked.mode == "hybrid" else 10))
        while True:
            try:
                found, exhausted = self._found(vector, depth)
            except MastraError as error:
                self._explain(error, vector)
                raise
            hits = self._live(found)
            if len(hits) >= asked.top_k or exhausted or depth == _MOST:
                return hits
            # What was found are many texts of few records, or records that are gone: look further.
            depth = min(_MOST, depth * 4)

    def _found(self, vector: Sequence[float], depth: int) -> tuple[list[Found], bool]:
        """The best texts, and whether these are all."""
        asked, store = self._asked, self._store
        rankings: list[list[Found]] = []
        if asked.mode != "keyword":
            rankings.append(store.nearest(vector, depth, asked.filter, self._clock))
        if asked.mode != "vector":
            rankings.append(store.worded(asked.query, depth, asked.filter, self._clock))
        exhausted = all(len(ranking) < depth for ranking in rankings)
        if len(rankings) == 1:
            return rankings[0], exhausted
        rankings[1] = [each for each in rankings[1] if each.score >= _TELLING]
        found = {each.vector_id: each for ranking in rankings for each in ranking}
        fused = fuse([[each.vector_id for each in ranking] for ranking in rankings])
        ranked = sorted(fused, key=lambda each: (-each[1], each[0]))
        return [replace(found[id], score=score) for id, score in ranked], exhausted

    def _live(self, found: Sequence[Found]) -> list[RecordHit]:
        """The records of these texts, the best text of each, as far as they live and are wanted."""
        asked = self._asked
        best: dict[str, tuple[int, Found]] = {}
        for each in found:
            if asked.min_score is not None and each.score < asked.min_score:
                continue
            number, external_id = record_of(each.vector_id)
            if number >= 0:
                best.setdefault(external_id, (number, each))
        hits: list[RecordHit] = []
        left = list(best)
        while left and len(hits) < asked.top_k:
            # A few more than are wanted: some may be gone.
            size = asked.top_k - len(hits) + 5
            piece, left = left[:size], left[size:]
            self._look_up(piece)
            for external_id in piece:
                record = self._records[external_id]
                if record is not None and len(hits) < asked.top_k:
                    number, text = best[external_id]
                    hits.append(RecordHit(record, text.score, text.text, number))
        if not best:
            self._look_up([])
        return hits

    def _look_up(self, external_ids: Sequence[str]) -> None:
        looked = self._store.lookup(external_ids, self._clock)
        if looked is None:
            raise gone(self._store.index_name)
        state, records = looked
        if state is None or state.generation != self._state.generation:
            raise Switched(state)
        for external_id in external_ids:
            record = records.get(external_id)
            # What changed after the last refresh may no longer be what the filter asks for.
            newer = record is not None and (record.version > state.version or state.sweeping)
            wanted = record is not None and (not newer or self._holds(record.data))
            self._records[external_id] = record if wanted else None

    def _explain(self, error: MastraError, vector: Sequence[float]) -> None:
        """Why the vectors could not be searched, when that is known better than the error knows it."""
        self._look_up([])
        dimension = self._state.dimension
        if vector and dimension is not None and len(vector) != dimension:
            raise another_model(self._store.index_name, dimension, len(vector), "dimension") from error


def gone(index_name: str) -> EntityNotFound:
    return EntityNotFound(
        f"the entity that {index_name} follows is not there",
        hint="create_entity() or sync_records() makes it",
    )
