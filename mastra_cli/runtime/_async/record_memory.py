# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""An index that follows an entity of the mock: everything in memory, every search exact."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast
from weakref import WeakKeyDictionary

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.record_store import (
    Found,
    Look,
    RecordStore,
    Shape,
    State,
    TakenOver,
    Work,
)
from mastra_cli.runtime.embeddings import unpack
from mastra_cli.runtime.filters import Filters, parse
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.operands import canonical
from mastra_cli.runtime.predicate import predicate
from mastra_cli.runtime.record_texts import digest, record_of, vector_id, words
from mastra_cli.runtime.timing import Clock

# As in Postgres: a word that more texts hold counts only when there is no rarer one.
_COMMON = 1_000


@dataclass(frozen=True, slots=True)
class _Text:
    vector: list[float]
    metadata: Any
    text: str
    words: frozenset[str]


@dataclass(slots=True)
class _Kept:
    """What Postgres has as a table and the row that follows."""

    state: State
    shape: Shape | None = None
    texts: dict[str, _Text] = field(default_factory=dict[str, _Text])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    holder: str | None = None
    held_until: float = 0.0


# Of each mock its indexes, by entity and name: two `RecordIndex` over one see the same.
_INDEXES: WeakKeyDictionary[MockMastraEngine, dict[tuple[str, str], _Kept]] = WeakKeyDictionary()


class RecordMemory(RecordStore):
    """Dicts that belong to the engine."""

    def __init__(self, engine: MockMastraEngine, entity_id: str, index_name: str) -> None:
        super().__init__(entity_id, index_name)
        self._engine = engine
        self._indexes = _INDEXES.setdefault(engine, {})
        self._guard = threading.RLock()

    @property
    def _kept(self) -> _Kept | None:
        return self._indexes.get((self.entity_id, self.index_name))

    def _held(self, me: str) -> _Kept:
        kept = self._kept
        if kept is None or kept.holder != me:
            raise TakenOver
        return kept

    async def check(self, clock: Clock) -> None:
        """There is but one."""

    async def look(self, limit: int, clock: Clock) -> Look | None:
        shelf = self._shelf
        if shelf is None:
            return None
        kept = self._kept
        since = kept.state.version if kept else 0
        records = await self._changed(since, limit)
        if kept is not None and not records and kept.holder is None:
            kept.state = replace(kept.state, refreshed_at=datetime.now(UTC))
        return Look(
            shelf.version,
            shelf.floor,
            shelf.entity.created_at,
            kept.state if kept else None,
            bool(kept and kept.skipped),
            records,
        )

    @property
    def _shelf(self) -> Any:
        """The entity as the mock keeps it."""
        return self._engine._shelf(self.entity_id)  # pyright: ignore[reportPrivateUsage]

    async def _changed(self, since: int, limit: int) -> list[Record]:
        """The records that changed after a version."""
        feed = await self._engine._feed(self.entity_id, since, limit, None)  # pyright: ignore[reportPrivateUsage]
        return [record for record, _ in feed.rows] if feed else []

    async def begin(self, generation: str, model: str | None, born: datetime, clock: Clock) -> None:
        state = State(generation, model, None, 0, born, False, None)
        self._indexes.setdefault((self.entity_id, self.index_name), _Kept(state))

    async def take(self, me: str, clock: Clock) -> bool:
        with self._guard:
            kept = self._kept
            if kept is None or (kept.holder not in (None, me) and time.monotonic() < kept.held_until):
                return False
            kept.holder, kept.held_until = me, time.monotonic() + self.lease
            return True

    async def keep(self, me: str, seconds: float, clock: Clock) -> None:
        self._held(me).held_until = time.monotonic() + seconds

    async def release(self, me: str, clock: Clock) -> None:
        kept = self._kept
        if kept is not None and kept.holder == me:
            kept.holder = None

    async def restart(self, me: str, born: datetime, lost: bool, clock: Clock) -> None:
        kept = self._held(me)
        kept.state = replace(kept.state, version=0, sweeping=True, born=born)

    async def shape(self, clock: Clock) -> Shape | None:
        kept = self._kept
        return kept.shape if kept else None

    async def known(self, external_ids: Sequence[str], clock: Clock) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        kept = self._kept
        for external_id in external_ids:
            while kept and (text := kept.texts.get(vector_id(len(found.get(external_id, ())), external_id))):
                found.setdefault(external_id, []).append(digest(text.text))
        return found

    async def write(self, me: str, work: Work, clock: Clock) -> list[str]:
        with self._guard:
            kept = self._advanced(me, work.state, work.version)
            if work.shape is not None and kept.shape is None:
                kept.shape = work.shape
                kept.state = replace(kept.state, dimension=work.shape.dimension)
            for id in work.gone:
                kept.texts.pop(id, None)
            for id, packed, metadata, text in work.rows:
                assert kept.shape is not None
                vector = cast("list[float]", unpack(packed, kept.shape.kind))
                kept.texts[id] = _Text(vector, json.loads(metadata), text, frozenset(words(text)))
            moved: list[str] = []
            for id, metadata in work.moved:
                there, new = kept.texts[id], json.loads(metadata)
                if canonical(there.metadata) != canonical(new):
                    kept.texts[id] = replace(there, metadata=new)
                    moved.append(id)
            for external_id in work.mended:
                kept.skipped.pop(external_id, None)
            for each in work.refused:
                kept.skipped[each.id] = me
            return moved

    def _advanced(self, me: str, state: State, version: int) -> _Kept:
        kept = self._held(me)
        if (kept.state.generation, kept.state.version) != (state.generation, state.version):
            raise TakenOver
        kept.state = replace(kept.state, version=version, refreshed_at=datetime.now(UTC))
        kept.held_until = time.monotonic() + self.lease
        return kept

    async def skipped(self, me: str, after: str, limit: int, clock: Clock) -> list[tuple[str, Record | None]]:
        kept = self._held(me)
        ids = sorted(id for id, attempt in kept.skipped.items() if attempt != me and id > after)[:limit]
        return [(id, await self._engine.get_record(entity_id=self.entity_id, external_id=id)) for id in ids]

    async def sweep(self, me: str, state: State, clock: Clock) -> list[str]:
        live = await self._engine.get_records_by_entity_id(entity_id=self.entity_id)
        ids = {record.external_id for record in live}
        kept = self._advanced(me, state, state.version)
        kept.state = replace(kept.state, sweeping=False)
        gone = [id for id in kept.texts if record_of(id)[1] not in ids]
        for id in gone:
            del kept.texts[id]
        return gone

    async def finish(self, me: str, clock: Clock) -> None:
        """It is as fast as it gets."""

    async def nearest(
        self, vector: Sequence[float], limit: int, filter: Filters | None, clock: Clock
    ) -> list[Found]:
        wanted = [float(number) for number in vector]
        shape = await self.shape(clock)
        if shape is not None and len(wanted) != shape.dimension:
            raise InvalidArgument(f"{len(wanted)} dimensions were asked for, and there are {shape.dimension}")
        found = [Found(id, _cosine(wanted, each.vector), each.text) for id, each in self._matching(filter)]
        return sorted(found, key=lambda each: (-each.score, each.vector_id))[:limit]

    async def worded(self, query: str, limit: int, filter: Filters | None, clock: Clock) -> list[Found]:
        kept = self._kept
        texts = kept.texts.values() if kept else ()
        counts = {word: sum(word in each.words for each in texts) for word in set(words(query))}
        weights = {word: 1 / (1 + math.log(min(max(n, 1), _COMMON + 1))) for word, n in counts.items()}
        asked = math.fsum(weights.values())
        present = {word: count for word, count in counts.items() if count}
        counted = {word for word, count in present.items() if count <= _COMMON} or present.keys()
        found = [
            Found(id, round(math.fsum(weights[word] for word in counted & each.words) / asked, 9), each.text)
            for id, each in self._matching(filter)
            if not each.words.isdisjoint(counted)
        ]
        return sorted(found, key=lambda each: (-each.score, each.vector_id))[:limit]

    def _matching(self, filter: Filters | None) -> list[tuple[str, _Text]]:
        holds = predicate(parse(filter))
        kept = self._kept
        return [(id, each) for id, each in (kept.texts.items() if kept else ()) if holds(each.metadata)]

    async def lookup(
        self, external_ids: Sequence[str], clock: Clock
    ) -> tuple[State | None, dict[str, Record]] | None:
        if self._shelf is None:
            return None
        found: dict[str, Record] = {}
        for external_id in external_ids:
            record = await self._engine.get_record(entity_id=self.entity_id, external_id=external_id)
            if record is not None:
                found[external_id] = record
        kept = self._kept
        return (kept.state if kept else None), found

    async def counts(self, clock: Clock) -> tuple[int, int]:
        kept = self._kept
        ids = kept.texts if kept else {}
        return len(ids), sum(id.startswith("0:") for id in ids)

    async def behind(self, version: int, clock: Clock) -> int:
        return len(await self._changed(version, sys.maxsize))

    async def drop(self, others: Sequence[str], clock: Clock) -> None:
        for name in (self.index_name, *others):
            self._indexes.pop((self.entity_id, name), None)

    async def replace(self, other: str, me: str, clock: Clock) -> None:
        kept = self._indexes.get((self.entity_id, other))
        if kept is None or kept.holder != me:
            raise TakenOver
        kept.holder = None
        self._indexes[(self.entity_id, self.index_name)] = kept
        del self._indexes[(self.entity_id, other)]


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    dot = math.fsum(a * b for a, b in zip(left, right, strict=True))
    size = math.sqrt(math.fsum(a * a for a in left) * math.fsum(b * b for b in right))
    return dot / size if size else 0.0
