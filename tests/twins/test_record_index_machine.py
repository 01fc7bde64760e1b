"""An index of records, driven step by step over both engines: after each refresh it equals a naive rebuild."""

from __future__ import annotations

import json
import uuid
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime._sync.record_index import SyncRecordIndex
from mastra_cli.runtime._sync.session import sync_connect
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.operands import canonical
from mastra_cli.runtime.record_texts import record_of

IDS = st.sampled_from(["a", "b", "0:a", "1:a", "é:", "it's", "%s"])
TEXTS = st.sampled_from(
    [None, "", "one", "two", "one|two", "two|one", "three|two|one", "bad", "one|bad", "é % ' \\"]
)
EXTRA = st.sampled_from([None, 1, 1.0, "x", [1, {"y": None}]])
RECORD = st.fixed_dictionaries(
    {"external_id": IDS, "data": st.fixed_dictionaries({"text": TEXTS}, optional={"extra": EXTRA})}
)


def vector(text: str) -> list[float]:
    return [1.0, float(len(text)), float(sum(text.encode()) % 97)]


class Side:
    """One engine with its index, and what its embedder was asked for."""

    def __init__(self, engine: Any, pg_vector: Any, names: dict[str, str]) -> None:
        self.engine, self.vector, self.names = engine, pg_vector, names
        self.refuses = False
        self.asked: list[str] = []
        self.index = SyncRecordIndex(
            engine=engine,
            vector=pg_vector,
            embedder=self.embed,
            text="text",
            split=lambda text: text.split("|"),
            model="m",
            batch_size=2,
            max_concurrency=2,
            entity_name=names["name"],
            connection_id=names["connection_id"],
            index_name=names["index_name"],
        )

    def embed(self, texts: list[str]) -> list[list[float]]:
        if self.refuses and "bad" in texts:
            raise ValueError("bad")
        self.asked += texts
        return [vector(text) for text in texts]

    def holds(self) -> dict[str, tuple[str, str, Any]]:
        """Id to (text, metadata, vector) of all that the index has."""
        if self.vector is None:
            kept = self.index._store._kept
            return {
                id: (t.text, canonical(t.metadata), t.vector)
                for id, t in (kept.texts if kept else {}).items()
            }
        if self.names["index_name"] not in self.vector.list_indexes():
            return {}
        rows = self.vector._pool.rows(
            f"SELECT vector_id, document, metadata, embedding::text FROM mastra.{self.names['index_name']}"
        )
        return {row[0]: (row[1], canonical(row[2]), json.loads(row[3])) for row in rows}

    def naive(self) -> dict[str, tuple[str, str, Any]]:
        """The same, made anew from the records."""
        wanted: dict[str, tuple[str, str, Any]] = {}
        for record in self.engine.get_records(
            entity_name=self.names["name"], connection_id=self.names["connection_id"]
        ):
            texts = [text for text in (record.data["text"] or "").split("|") if text]
            if self.refuses and "bad" in texts:
                continue
            for number, text in enumerate(texts):
                wanted[f"{number}:{record.external_id}"] = (text, canonical(record.data), vector(text))
        return wanted


class Machine(RuleBasedStateMachine):
    pool: ClassVar[Any]
    sides: list[Side]

    @initialize()
    def begin(self) -> None:
        names = {"name": "N", "connection_id": uuid.uuid4().hex, "index_name": f"i{uuid.uuid4().hex}"}
        self.sides = [
            Side(SyncMockMastraEngine(), None, names),
            Side(SyncPostgresEngine(pool=self.pool), SyncPgVector(pool=self.pool), names),
        ]
        self.names = {"name": names["name"], "connection_id": names["connection_id"]}
        self.made()

    def teardown(self) -> None:
        for side in getattr(self, "sides", []):
            side.index.drop()
            assert side.holds() == {}

    def both(self, call) -> list[Any]:
        return [call(side) for side in self.sides]

    def made(self) -> None:
        [self.id, _] = self.both(lambda s: s.engine.create_entity(**self.names).id)

    @rule(records=st.lists(RECORD, max_size=6), missing=st.booleans())
    def sync(self, records, missing) -> None:
        self.both(
            lambda s: s.engine.sync_records(
                **self.names, records=records, delete_missing=missing, allow_mass_delete=True
            )
        )

    @rule(ids=st.lists(IDS, max_size=3), purge=st.booleans())
    def delete(self, ids, purge) -> None:
        self.both(lambda s: s.engine.delete_records(entity_id=self.id, external_ids=ids, purge=purge))

    @rule()
    def purge_tombstones(self) -> None:
        self.both(lambda s: s.engine.purge_tombstones(entity_id=self.id, before_version=2**62))

    @rule()
    def the_entity_made_again(self) -> None:
        self.both(lambda s: s.engine.delete_entity_by_id(id=self.id))
        self.made()

    @rule()
    def the_embedder_changes_its_mind(self) -> None:
        for side in self.sides:
            side.refuses = not side.refuses

    @rule()
    def refresh(self) -> None:
        before = self.both(Side.holds)
        results = self.both(lambda s: s.index.refresh())
        for side, was, result in zip(self.sides, before, results, strict=True):
            holds, naive = side.holds(), side.naive()
            if not side.refuses:
                assert holds == naive
                assert result.skipped == ()
            # What was skipped when the embedder refused more stays in, and what it refuses now may be in still.
            assert {id: holds[id] for id in naive} == naive
            live = {
                r.external_id
                for r in side.engine.get_records(
                    entity_name=self.names["name"], connection_id=self.names["connection_id"]
                )
            }
            assert {record_of(id)[1] for id in holds} <= live
            # Only what was not there in these words was embedded.
            new = [text for id, (text, _, _) in holds.items() if id not in was or was[id][0] != text]
            if not side.refuses:
                assert sorted(side.asked) == sorted(new)
                assert result.embedded == len(new)
            side.asked.clear()
            assert side.index.status().behind == 0
        assert self.sides[0].holds() == self.sides[1].holds()
        for field in ("created", "updated", "deleted", "unchanged", "skipped", "embedded"):
            mock, postgres = (getattr(result, field) for result in results)
            assert mock == postgres, field

    @rule(
        query=st.sampled_from(["one", "two bad", "three é"]),
        mode=st.sampled_from(["vector", "keyword", "hybrid"]),
    )
    def search(self, query, mode) -> None:
        mock, postgres = self.both(lambda s: s.index.search(query, mode=mode, top_k=3))
        for side in self.sides:
            side.asked.clear()
        assert [(h.record.external_id, h.chunk, h.text, h.record.data) for h in mock] == [
            (h.record.external_id, h.chunk, h.text, h.record.data) for h in postgres
        ]
        assert [h.score for h in mock] == pytest.approx([h.score for h in postgres], abs=1e-6)
        for hit in postgres:
            assert hit.record.deleted_at is None


def test_after_each_refresh_the_index_equals_a_naive_rebuild(
    database: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from mastra_cli.runtime._sync import record_embedding

    monkeypatch.setattr(record_embedding, "_PAUSES", ())
    profile = request.config.getoption("--hypothesis-profile")
    examples = 1_000 if profile == "nightly" else 15
    with sync_connect(url=database) as Machine.pool:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
