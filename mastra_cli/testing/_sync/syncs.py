# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite's part on syncs, their ledger and the change feed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mastra_cli.errors import (
    DeadlineExceeded,
    InvalidArgument,
    InvalidCursor,
    MassDeletionRefused,
    RecordRejected,
)
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime.models import Change, Entity, RecordInput
from mastra_cli.testing._sync.shared import NAME, Conformance, data_of, ids, inputs


def told(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.record.external_id) for change in changes]


class SyncConformance(Conformance):
    def test_the_documented_sync(self, engine: SyncMastraEngine, connection_id: str) -> None:
        result = engine.sync_records(
            name="external_docs",
            connection_id=connection_id,
            records=[RecordInput(external_id="doc_1", data={"title": "Hello"})],
            last_sync_id="sync_20240315",
        )
        assert (result.received, result.created, result.deleted) == (1, 1, 0)
        assert result.last_sync_id == result.entity.last_sync_id == "sync_20240315"
        assert result.entity == engine.get_entity_by_id(id=result.entity.id)
        assert data_of(
            engine.get_records_by_entity_name(name="external_docs", connection_id=connection_id)
        ) == {"doc_1": {"title": "Hello"}}

    def test_a_sync_without_a_checkpoint_leaves_the_one_that_is_there(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        assert (engine.sync_records(**by, records=[])).last_sync_id is None
        engine.sync_records(**by, records=[], last_sync_id="one")
        assert (engine.sync_records(**by, records=[])).last_sync_id == "one"
        with pytest.raises(InvalidArgument):
            engine.sync_records(**by, records=[], last_sync_id="")

    def test_a_run_is_written_with_its_counts(self, engine: SyncMastraEngine, connection_id: str) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        first = engine.sync_records(**by, records=inputs({"a": {"x": 1}, "b": {}}), last_sync_id="one")
        records: list[Any] = [
            *inputs({"a": {"x": 2}, "c": {}}),
            {"external_id": "c", "data": {}},
            {"data": {}},
        ]
        second = engine.sync_records(**by, records=records, mode="merge", on_error="collect")
        newest, oldest = engine.list_sync_runs(entity_id=first.entity.id)
        assert (newest.id, oldest.id) == (second.run_id, first.run_id)
        assert (oldest.sync_id, oldest.mode, oldest.status, oldest.error) == (
            "one",
            "replace",
            "succeeded",
            None,
        )
        assert (newest.sync_id, newest.mode) == (None, "merge")
        assert (newest.received, newest.created, newest.updated, newest.unchanged) == (4, 1, 1, 0)
        assert (newest.duplicates, newest.rejected, newest.deleted) == (1, 1, 0)
        assert newest.entity_id == first.entity.id
        assert newest.finished_at is not None
        assert newest.started_at <= newest.finished_at
        assert engine.list_sync_runs(entity_id=first.entity.id, limit=1) == [newest]
        with pytest.raises(InvalidArgument):
            engine.list_sync_runs(entity_id=first.entity.id, limit=0)

    @pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
    def test_what_is_missing_is_deleted_only_when_that_is_said(
        self, engine: SyncMastraEngine, connection_id: str, many: bool
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        more: dict[str, Any] = {f"r{number}": {} for number in range(600)} if many else {}
        engine.sync_records(**by, records=inputs({"a": {"x": 1}, "b": {"x": 1}, **more}))
        kept = engine.sync_records(**by, records=inputs({"a": {"x": 2}, **more}))
        assert kept.deleted == 0
        gone = engine.sync_records(**by, records=inputs({"a": {"x": 2}, **more}), delete_missing=True)
        assert (gone.deleted, gone.unchanged) == (1, 1 + len(more))
        assert "b" not in ids(engine.get_records_by_entity_name(**by))
        back = engine.sync_records(**by, records=inputs({"b": {"x": 1}}))
        assert back.created == 1

    def test_a_rejected_record_with_an_id_counts_as_present(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        engine.sync_records(**by, records=inputs({"a": {"x": 1}, "b": {"x": 1}}))
        records: Any = [*inputs({"b": {"x": 1}}), {"external_id": "a", "data": "not an object"}]
        result = engine.sync_records(**by, records=records, delete_missing=True, on_error="collect")
        assert (result.deleted, result.rejected, result.unchanged) == (0, 1, 1)
        nameless: Any = [*inputs({"b": {"x": 1}}), {"external_id": "", "data": {}}]
        with pytest.raises(InvalidArgument, match="delete_missing needs the external_id of every record"):
            engine.sync_records(**by, records=nameless, delete_missing=True, on_error="collect")
        assert len(engine.get_records_by_entity_name(**by)) == 2

    @pytest.mark.parametrize(
        ("live", "kept", "refused"),
        [(1, 0, True), (10, 0, True), (20, 10, False), (20, 9, True), (200, 180, False), (200, 179, True)],
    )
    def test_a_mass_deletion_is_refused_and_the_whole_call_rolled_back(
        self, engine: SyncMastraEngine, connection_id: str, live: int, kept: int, refused: bool
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        everything: Any = {f"r{number:03}": {"n": number} for number in range(live)}
        engine.sync_records(**by, records=inputs(everything), last_sync_id="one")
        rest: Any = inputs({key: {"n": -1} for key in list(everything)[:kept]})
        sync: dict[str, Any] = {**by, "records": rest, "delete_missing": True, "last_sync_id": "two"}
        if refused:
            with pytest.raises(MassDeletionRefused, match="would have deleted") as error:
                engine.sync_records(**sync)
            assert (error.value.live, error.value.received) == (live, kept)
            assert error.value.would_delete == live - kept
            assert data_of(engine.get_records_by_entity_name(**by)) == everything
            entity = engine.get_entity(**by)
            assert entity is not None
            assert entity.last_sync_id == "one"
            sync["allow_mass_delete"] = True
        assert (engine.sync_records(**sync)).deleted == live - kept

    def test_an_empty_sync_of_an_empty_entity_is_not_refused(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        result = engine.sync_records(
            name=NAME, connection_id=connection_id, records=[], delete_missing=True
        )
        assert (result.received, result.deleted) == (0, 0)

    def test_a_failed_run_is_in_the_ledger_and_its_id_on_the_error(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        first = engine.sync_records(**by, records=inputs({"a": {}}), last_sync_id="one")
        with pytest.raises(RecordRejected) as rejected:
            engine.sync_records(**by, records=[*inputs({"b": {}}), "x"], last_sync_id="two")  # pyright: ignore[reportArgumentType]
        with pytest.raises(MassDeletionRefused) as refused:
            engine.sync_records(**by, records=[], delete_missing=True)
        third, second, _ = engine.list_sync_runs(entity_id=first.entity.id)
        assert (second.id, second.status, second.sync_id) == (rejected.value.run_id, "failed", "two")
        assert second.error == f"RecordRejected: {rejected.value}"
        assert (second.received, second.created) == (2, 0)
        assert (third.id, third.status) == (refused.value.run_id, "refused")
        assert (engine.get_entity_by_id(id=first.entity.id)).last_sync_id == "one"
        assert ids(engine.get_records_by_entity_name(**by)) == ["a"]

    def test_a_first_sync_that_fails_stands_in_the_runs(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        with pytest.raises(RecordRejected) as error:
            engine.sync_records(
                name=NAME,
                connection_id=connection_id,
                records=[{"external_id": "1", "data": {}}, "x"],  # pyright: ignore[reportArgumentType]
            )
        entity = engine.get_entity(name=NAME, connection_id=connection_id)
        assert entity is not None
        [run] = engine.list_sync_runs(entity_id=entity.id)
        assert run.id == error.value.run_id
        assert (run.status, run.created, run.received) == ("failed", 0, 2)
        assert run.error is not None
        assert run.error.startswith("RecordRejected: ")
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []

    def test_the_time_of_a_call_holds_while_its_source_is_read(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        def slow() -> Iterator[dict[str, Any]]:
            for number in range(100):
                time.sleep(0.02)
                yield {"external_id": str(number), "data": {}}

        began = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="while its records were read"):
            engine.sync_records(name=NAME, connection_id=connection_id, records=slow(), timeout=0.2)
        assert time.monotonic() - began < 1.5
        [entity] = (engine.list_entities(connection_id=connection_id)).items
        with pytest.raises(DeadlineExceeded):
            engine.upsert_records(entity_id=entity.id, records=slow(), timeout=0.2)
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []

    @pytest.mark.parametrize("argument", [{"delete_missing": 1}, {"allow_mass_delete": "no"}, {"mode": "x"}])
    def test_a_sync_is_told_in_words_that_it_knows(
        self, engine: SyncMastraEngine, connection_id: str, argument: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.sync_records(name=NAME, connection_id=connection_id, records=[], **argument)


class ChangeConformance(Conformance):
    def test_versions_are_dense_in_the_order_of_external_ids(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"c": {}, "B": {}, "a": {}, "é": {}}))
        first = (engine.changes(entity_id=entity.id)).items
        start = first[0].version
        assert told(first) == [("created", "B"), ("created", "a"), ("created", "c"), ("created", "é")]
        assert [change.version for change in first] == [start, start + 1, start + 2, start + 3]
        assert [change.record.version for change in first] == [change.version for change in first]
        engine.upsert_records(entity_id=entity.id, records=inputs({"c": {}, "B": {"x": 1}, "a": {}}))
        [only] = (engine.changes(entity_id=entity.id, since=start + 3)).items
        assert (only.version, only.kind, only.record.data) == (start + 4, "updated", {"x": 1})

    def test_a_sync_counts_its_deletions_in_the_same_order(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        by: dict[str, Any] = {"name": NAME, "connection_id": connection_id}
        first = engine.sync_records(**by, records=inputs({"a": {}, "b": {}, "c": {}}))
        seen = (engine.changes(entity_id=first.entity.id)).items[-1].version
        engine.sync_records(
            **by, records=inputs({"a": {"x": 1}, "c": {}, "d": {}}), delete_missing=True
        )
        after = (engine.changes(entity_id=first.entity.id, since=seen)).items
        assert told(after) == [("updated", "a"), ("deleted", "b"), ("created", "d")]
        assert [change.version for change in after] == [seen + 1, seen + 2, seen + 3]
        assert after[1].record.data == {}

    def test_a_row_is_its_latest_state_and_its_kind_is_told_from_since(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}, "b": {}}))
        seen = (engine.changes(entity_id=entity.id)).items[-1].version
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 2}}))
        engine.delete_records(entity_id=entity.id, external_ids=["b"])
        assert told((engine.changes(entity_id=entity.id)).items) == [("created", "a"), ("deleted", "b")]
        later = (engine.changes(entity_id=entity.id, since=seen)).items
        assert told(later) == [("updated", "a"), ("deleted", "b")]
        engine.upsert_records(entity_id=entity.id, records=inputs({"b": {}}))
        back = (engine.changes(entity_id=entity.id, since=later[-1].version)).items
        assert told(back) == [("created", "b")]

    def test_a_walk_by_cursor_remembers_where_it_began(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({key: {"x": 1} for key in "abcde"}))
        page = engine.changes(entity_id=entity.id, limit=2)
        assert told(page.items) == [("created", "a"), ("created", "b")]
        engine.upsert_records(entity_id=entity.id, records=inputs({"c": {"x": 2}, "a": {"x": 2}}))
        seen: list[Change] = []
        while page.next_cursor is not None:
            page = engine.changes(entity_id=entity.id, since=page.next_cursor, limit=2)
            seen += page.items
        assert told(seen) == [("created", "d"), ("created", "e"), ("created", "a"), ("created", "c")]
        assert (engine.changes(entity_id=entity.id, since=seen[-1].version)).items == []

    def test_a_reader_below_the_feeds_floor_starts_again(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({key: {} for key in "abcdef"}))
        first = (engine.changes(entity_id=entity.id)).items
        early = (engine.changes(entity_id=entity.id, limit=2)).next_cursor
        assert early is not None
        engine.delete_records(entity_id=entity.id, external_ids=["a"], purge=True)
        engine.delete_records(entity_id=entity.id, external_ids=["b"])
        last = (engine.changes(entity_id=entity.id)).items[-1].version
        assert engine.purge_tombstones(entity_id=entity.id, before_version=last) == 1
        assert engine.purge_tombstones(entity_id=entity.id, before_version=last + 100) == 0
        for stale in (first[0].version, last - 1, early):
            with pytest.raises(InvalidCursor, match="were purged"):
                engine.changes(entity_id=entity.id, since=stale)
        assert (engine.changes(entity_id=entity.id, since=last)).items == []
        page = engine.changes(entity_id=entity.id, limit=3)
        seen = page.items
        while page.next_cursor is not None:
            page = engine.changes(entity_id=entity.id, since=page.next_cursor, limit=3)
            seen += page.items
        assert told(seen) == [("created", key) for key in "cdef"] + [("deleted", "b")]

    def test_only_rows_before_the_version_are_purged(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {}, "b": {}}))
        engine.delete_records(entity_id=entity.id, external_ids=["a", "b"], purge=True)
        a, b = (engine.changes(entity_id=entity.id)).items
        assert engine.purge_tombstones(entity_id=entity.id, before_version=a.version) == 0
        assert engine.purge_tombstones(entity_id=entity.id, before_version=b.version) == 1
        assert told((engine.changes(entity_id=entity.id)).items) == [("deleted", "b")]

    @pytest.mark.parametrize("since", [-1, 1.5, None, True, "5", "", 2**63])
    def test_since_is_a_version_or_a_cursor(
        self, engine: SyncMastraEngine, entity: Entity, since: Any
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.changes(entity_id=entity.id, since=since)
