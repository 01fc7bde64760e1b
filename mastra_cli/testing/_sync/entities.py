# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite's part on entities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mastra_cli.errors import EntityExists, EntityNotFound, InvalidArgument, InvalidCursor
from mastra_cli.runtime import identity
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime.models import Entity
from mastra_cli.testing._sync.shared import NAME, Conformance, inputs

BAD_IDS = ["", "a\0b", "\ud800", "x" * 1025, "é" * 513, None, 7, b"bytes"]
UNKNOWN_IDS: list[Any] = ["0" * 32, "no-such", "", "'; DROP TABLE mastra.entity --", None, 3]


class EntityConformance(Conformance):
    def test_a_created_entity_is_found_by_id_and_by_pair(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        entity = engine.create_entity(name=NAME, connection_id=connection_id)
        assert (entity.name, entity.connection_id, entity.last_sync_id) == (NAME, connection_id, None)
        assert entity.created_at == entity.updated_at
        assert entity.created_at.utcoffset() == timedelta(0)
        assert engine.get_entity_by_id(id=entity.id) == entity
        assert engine.get_entity(name=NAME, connection_id=connection_id) == entity

    def test_an_entitys_id_is_a_hash_of_its_pair(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        entity = engine.create_entity(name="bc", connection_id=f"{connection_id}a")
        other = engine.create_entity(name="abc", connection_id=connection_id)
        assert entity.id == identity.entity_id(f"{connection_id}a", "bc")
        assert entity.id != other.id
        engine.delete_entity_by_id(id=entity.id)
        again = engine.create_entity(name="bc", connection_id=f"{connection_id}a")
        assert again.id == entity.id

    def test_a_pair_that_is_there_is_entity_exists(self, engine: SyncMastraEngine, entity: Entity) -> None:
        with pytest.raises(EntityExists, match="is there already") as error:
            engine.create_entity(name=entity.name, connection_id=entity.connection_id)
        assert error.value.hint

    @pytest.mark.parametrize("bad", BAD_IDS)
    def test_an_id_that_callers_give_is_short_clean_text(
        self, engine: SyncMastraEngine, connection_id: str, bad: Any
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.create_entity(name=bad, connection_id=connection_id)
        with pytest.raises(InvalidArgument):
            engine.create_entity(name=NAME, connection_id=bad)
        if bad is not None:
            with pytest.raises(InvalidArgument):
                engine.get_entity(name=bad)

    def test_an_id_may_have_1024_bytes(self, engine: SyncMastraEngine, connection_id: str) -> None:
        name = "é" * 512
        assert (engine.create_entity(name=name, connection_id=connection_id)).name == name

    @pytest.mark.parametrize("id", UNKNOWN_IDS)
    def test_an_unknown_or_malformed_entity_id(self, engine: SyncMastraEngine, id: Any) -> None:
        assert engine.get_records_by_entity_id(entity_id=id) == []
        assert engine.get_record(entity_id=id, external_id="a") is None
        with pytest.raises(EntityNotFound):
            engine.get_entity_by_id(id=id)
        with pytest.raises(EntityNotFound):
            engine.update_entity_last_sync_id(id=id, sync_id="s")
        with pytest.raises(EntityNotFound):
            engine.delete_entity_by_id(id=id)
        with pytest.raises(EntityNotFound):
            engine.upsert_records(entity_id=id, records=[])
        with pytest.raises(EntityNotFound):
            engine.upsert_records(entity_id=id, records=inputs({f"r{n}": {} for n in range(600)}))
        with pytest.raises(EntityNotFound):
            engine.delete_records(entity_id=id, external_ids=["a"])
        with pytest.raises(EntityNotFound):
            engine.delete_records_by_entity_id(id=id)
        with pytest.raises(EntityNotFound):
            engine.purge_tombstones(entity_id=id, before_version=1)
        with pytest.raises(EntityNotFound):
            engine.changes(entity_id=id)
        with pytest.raises(EntityNotFound):
            engine.list_sync_runs(entity_id=id)
        with pytest.raises(EntityNotFound):
            engine.index_field(entity_id=id, field="a")

    def test_get_entity_gives_the_oldest_that_matches(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        first = engine.create_entity(name="zz", connection_id=connection_id)
        engine.create_entity(name="aa", connection_id=connection_id)
        name = f"name-{connection_id}"
        mine = engine.create_entity(name=name, connection_id=connection_id)
        engine.create_entity(name=name, connection_id=f"{connection_id}-2")
        assert engine.get_entity(connection_id=connection_id) == first
        assert engine.get_entity(name=name) == mine
        assert engine.get_entity(name=name, connection_id="elsewhere") is None
        with pytest.raises(InvalidArgument, match="neither name nor connection_id"):
            engine.get_entity()

    def test_list_entities_pages_through_all_of_them_oldest_first(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        made = [
            engine.create_entity(name=name, connection_id=connection_id)
            for name in ("c", "a", "b", "d")
        ]
        page = engine.list_entities(connection_id=connection_id)
        assert page.items == made
        assert page.next_cursor is None
        seen: list[Entity] = []
        cursor = None
        while True:
            page = engine.list_entities(connection_id=connection_id, limit=3, cursor=cursor)
            seen += page.items
            if (cursor := page.next_cursor) is None:
                break
        assert seen == made
        only = engine.list_entities(connection_id=connection_id, name="a")
        assert only.items == [made[1]]

    def test_a_cursor_of_another_list_or_an_altered_one_is_refused(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        for name in ("a", "b"):
            engine.create_entity(name=name, connection_id=connection_id)
        cursor = (engine.list_entities(connection_id=connection_id, limit=1)).next_cursor
        assert cursor is not None
        flipped = ("B" if cursor[0] == "A" else "A") + cursor[1:]
        for bad in (flipped, cursor[:-1], cursor + "A", "", "x", 5):
            with pytest.raises(InvalidCursor):
                engine.list_entities(connection_id=connection_id, cursor=bad)  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidCursor):
            engine.list_entities(connection_id=f"{connection_id}-2", cursor=cursor)

    @pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True, 10_001])
    def test_a_page_holds_one_to_ten_thousand(self, engine: SyncMastraEngine, limit: Any) -> None:
        with pytest.raises(InvalidArgument, match="limit must be a whole number"):
            engine.list_entities(limit=limit)

    def test_the_checkpoint_moves_by_itself(self, engine: SyncMastraEngine, entity: Entity) -> None:
        moved = engine.update_entity_last_sync_id(id=entity.id, sync_id="sync_20240315")
        assert moved.last_sync_id == "sync_20240315"
        assert moved.updated_at >= entity.updated_at
        assert moved.created_at == entity.created_at
        assert engine.get_entity_by_id(id=entity.id) == moved
        with pytest.raises(InvalidArgument):
            engine.update_entity_last_sync_id(id=entity.id, sync_id="")

    def test_a_deleted_entity_takes_its_records_and_runs_along(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        synced = engine.sync_records(
            name=NAME, connection_id=connection_id, records=inputs({"a": {"x": 1}})
        )
        deleted = engine.delete_entity_by_id(id=synced.entity.id)
        assert deleted.id == synced.entity.id
        assert engine.get_entity(name=NAME, connection_id=connection_id) is None
        again = engine.create_entity(name=NAME, connection_id=connection_id)
        assert engine.get_records_by_entity_id(entity_id=again.id) == []
        assert engine.list_sync_runs(entity_id=again.id) == []

    def test_what_is_made_anew_never_runs_backwards(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        first = engine.create_entity(name=NAME, connection_id=connection_id)
        engine.upsert_records(entity_id=first.id, records=inputs({"a": {}, "b": {}}))
        seen = (engine.changes(entity_id=first.id)).items[-1].version
        engine.delete_entity_by_id(id=first.id)
        again = engine.create_entity(name=NAME, connection_id=connection_id)
        engine.upsert_records(entity_id=again.id, records=inputs({"a": {}}))
        assert (engine.changes(entity_id=again.id)).items[0].version > seen

    @pytest.mark.parametrize("timeout", [0, -1, "1", float("inf"), float("nan"), True])
    def test_a_timeout_is_a_number_of_seconds(self, engine: SyncMastraEngine, timeout: Any) -> None:
        with pytest.raises(InvalidArgument, match="timeout must be a number of seconds above 0"):
            engine.list_entities(timeout=timeout)

    def test_a_closed_engine_says_so_until_it_is_opened(
        self, engine_factory: Callable[[], SyncMastraEngine], connection_id: str
    ) -> None:
        engine = engine_factory()
        engine.create_entity(name=NAME, connection_id=connection_id)
        engine.close()
        engine.close()
        with pytest.raises(InvalidArgument, match="closed"):
            engine.get_entity(name=NAME, connection_id=connection_id)
        engine.open()
        assert engine.get_entity(name=NAME, connection_id=connection_id) is not None
        engine.close()
