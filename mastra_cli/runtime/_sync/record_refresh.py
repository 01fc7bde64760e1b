# Generated from the _async twin by `nox -s sync`: edit that one.
"""One refresh: from the feed of changes into the index, batch by batch."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from mastra_cli.errors import DeadlineExceeded, EntityNotFound, MastraError
from mastra_cli.runtime import record_texts
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.record_embedding import Embedding
from mastra_cli.runtime._sync.record_store import Look, RecordStore, State, TakenOver, Work, another_model
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import RefreshProgress, RefreshResult, Skipped
from mastra_cli.runtime.record_texts import Reader, Wanted, vector_id
from mastra_cli.runtime.timing import Clock

_RENEWED = 5.0


class Refresh:
    """Brings an index up to its entity's last change."""

    def __init__(
        self,
        store: RecordStore,
        reader: Reader,
        embedding: Embedding,
        *,
        model: str | None,
        limit: int,
        on_progress: Callable[[RefreshProgress], Any] | None,
        clock: Clock,
    ) -> None:
        self.me = uuid.uuid4().hex
        self._store = store
        self._reader = reader
        self._embedding = embedding
        self._model = model
        self._limit = limit
        self._on_progress = on_progress
        self._clock = clock
        self._counts = dict.fromkeys(("created", "updated", "deleted", "unchanged"), 0)
        self._skipped: list[Skipped] = []
        self._version = 0
        self._done = self._total = 0
        self._renewed = 0.0
        self._skips = False
        # Up to this version nothing can be in the index yet.
        self._blank = 0

    def run(self, *, hold: bool = False) -> RefreshResult:
        """Up to the last change. `hold`: the index stays this refresh's, and the caller releases it."""
        try:
            return self._run(hold)
        finally:
            self._embedding.close()

    def _run(self, hold: bool) -> RefreshResult:
        self._store.check(self._clock)
        pause = 0.02
        while True:
            look = self._look()
            state = look.state
            if state is not None and not hold and self._is_current(look, state):
                return self._result(state.version)
            if state is None:
                self._store.begin(uuid.uuid4().hex, self._model, look.born, self._clock)
            if not self._store.take(self.me, self._clock):
                # Another refresh works on it, and does what is to be done.
                if monotonic() + pause >= self._clock.until:
                    raise DeadlineExceeded(
                        f"another refresh of {self._store.index_name} was not done in time",
                        hint="give a longer timeout, or look later",
                    )
                waiting.sleep(pause)
                pause = min(pause * 2, 0.25)
                continue
            self._renewed = monotonic()
            try:
                self._walk()
            except TakenOver:
                self._give_up()
                continue
            except BaseException:
                self._give_up()
                raise
            if not hold:
                # Also what makes the commits before it durable: it is done, or the refresh is not.
                self._store.release(self.me, self._clock)
            return self._result(self._version)

    def _give_up(self) -> None:
        with suppress(MastraError):
            self._store.release(self.me, self._clock)

    def _is_current(self, look: Look, state: State) -> bool:
        return (
            state.version == look.version
            and state.born == look.born
            and not (state.sweeping or look.skipped or look.records)
        )

    def _look(self) -> Look:
        look = self._store.look(self._limit, self._clock)
        if look is None:
            raise EntityNotFound(
                f"the entity that {self._store.index_name} follows is not there",
                hint="create_entity() or sync_records() makes it",
            )
        if look.state is not None and look.state.model != self._model:
            raise another_model(self._store.index_name, look.state.model, self._model)
        return look

    # -- the walk -----------------------------------------------------------------------------------------

    def _walk(self) -> None:
        """Through the feed, from the index's version to its end."""
        self._embedding.shape = self._store.shape(self._clock)
        # A walk from the beginning misses nothing that was purged before it.
        floor = -1
        while True:
            look = self._look()
            state = look.state
            if state is None:
                raise TakenOver
            lost = state.dimension is not None and self._embedding.shape is None
            if state.version == 0:
                floor = look.floor
            behind_the_floor = 0 < state.version < look.floor != floor and not state.sweeping
            if lost or behind_the_floor or state.born != look.born:
                self._store.restart(self.me, look.born, lost, self._clock)
                continue
            if state.dimension is None and not self._blank:
                self._blank = look.version
            if self._on_progress is not None and not self._done:
                self._total = self._store.behind(state.version, self._clock)
            self._skips = look.skipped
            ended = len(look.records) < self._limit
            version = max(state.version, look.version if ended else look.records[-1].version)
            state = self._batch(state, look.records, version)
            if ended:
                break
        if state.sweeping:
            self._counts["deleted"] += _records(self._store.sweep(self.me, state, self._clock))
            state = replace(state, sweeping=False)
        if look.skipped:
            state = self._again(state)
        self._version = state.version
        self._store.finish(self.me, self._clock)

    def _again(self, state: State) -> State:
        """The records that earlier refreshes had to skip."""
        after = ""
        while found := self._store.skipped(self.me, after, self._limit, self._clock):
            after = found[-1][0]
            state = self._batch(state, [record for _, record in found if record], state.version)
            if lost := [external_id for external_id, record in found if record is None]:
                self._store.write(self.me, Work(state, state.version, mended=lost), self._clock)
        return state

    def _batch(self, state: State, records: Sequence[Record], version: int) -> State:
        """Bring these records' vectors up to date, and the checkpoint with them."""
        wanted = [self._reader.read(record) for record in records]
        known: dict[str, list[bytes]] = {}
        if any(record.version > self._blank for record in records) and self._embedding.shape is not None:
            known = self._store.known([each.external_id for each in wanted], self._clock)
        fresh = [_fresh(each, known.get(each.external_id, [])) for each in wanted]
        texts = [each.texts[i] for each, numbers in zip(wanted, fresh, strict=True) for i in numbers]
        answers = iter(self._embedding.embed(texts, self._clock, self._keep))
        work = Work(state, version)
        kinds: dict[str, str] = {}
        for each, numbers in zip(wanted, fresh, strict=True):
            vectors = {number: next(answers) for number in numbers}
            kinds[each.external_id] = self._plan(work, each, vectors, len(known.get(each.external_id, [])))
        if work.rows:
            work.shape = self._embedding.shape
        if not self._skips:
            work.mended = []
        if records or version != state.version:
            moved = self._store.write(self.me, work, self._clock)
            self._renewed = monotonic()
            for id in moved:
                external_id = record_texts.record_of(id)[1]
                if kinds.get(external_id) == "unchanged":
                    kinds[external_id] = "updated"
        for kind in kinds.values():
            if kind in self._counts:
                self._counts[kind] += 1
        self._skipped += work.refused
        self._done += len(records)
        if self._on_progress is not None:
            self._on_progress(
                RefreshProgress(self._done, max(self._total, self._done), self._embedding.embedded)
            )
        return replace(
            state,
            version=version,
            dimension=state.dimension or (work.shape.dimension if work.shape else None),
        )

    def _plan(self, work: Work, wanted: Wanted, vectors: dict[int, bytes | str], have: int) -> str:
        """What is to be done for a record; in one word."""
        key = wanted.external_id
        ids = [vector_id(number, key) for number in range(max(have, len(wanted.texts)))]
        reason = wanted.refused or next((v for v in vectors.values() if isinstance(v, str)), None)
        if reason is not None:
            # An old vector would be found by a text that is no longer there.
            work.gone += ids[:have]
            work.refused.append(Skipped(key, reason))
            return "skipped"
        work.mended.append(key)
        work.gone += ids[len(wanted.texts) : have]
        for number, text in enumerate(wanted.texts):
            vector = vectors.get(number)
            if isinstance(vector, bytes):
                work.rows.append((ids[number], vector, wanted.metadata, text))
                work.fresh = work.fresh and number >= have
            else:
                work.moved.append((ids[number], wanted.metadata))
        if not wanted.texts:
            return "deleted" if have else "absent"
        if not have:
            return "created"
        return "updated" if vectors or have > len(wanted.texts) else "unchanged"

    def _keep(self) -> None:
        """Say from time to time that this refresh is still at work."""
        if monotonic() - self._renewed > _RENEWED:
            self._renewed = monotonic()
            self._store.keep(self.me, self._store.lease, self._clock)

    def _result(self, version: int) -> RefreshResult:
        return RefreshResult(
            **self._counts,
            skipped=tuple(self._skipped),
            embedded=self._embedding.embedded,
            version=version,
        )


def _fresh(wanted: Wanted, have: Sequence[bytes]) -> list[int]:
    """Which of a record's texts have no vector, or that of another text."""
    return [
        number
        for number, text in enumerate(wanted.texts)
        if number >= len(have) or have[number] != record_texts.digest(text)
    ]


def _records(vector_ids: Sequence[str]) -> int:
    return len({record_texts.record_of(id)[1] for id in vector_ids})
