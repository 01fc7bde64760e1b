# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite's part on records: what is written, what is read back."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import types
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from mastra_cli.errors import EntityNotFound, InvalidArgument, RecordRejected
from mastra_cli.runtime import identity
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime.models import Entity, RecordInput, Rejection
from mastra_cli.runtime.operands import canonical
from mastra_cli.testing._sync.shared import NAME, Conformance, data_of, ids, inputs

ODD_DATA: dict[str, Any] = {
    "empty": {},
    "keys": {"": 1, "a.b": 2, 'quo"te': 3, "back\\slash": 4, "tab\t": 5, "line\n": 6, "\x01": 7, "é€😀": 8},
    "nested": {"list": [[], {}, [None, True, False, "", 0]], "deep": {"er": {"still": ["x"]}}},
    "numbers": {"big": 10**300, "negative": -(10**40), "tiny": 5e-324, "large": 1.7976931348623157e308,
                "third": 1 / 3, "tenth": 0.1, "minus": -2.5, "longest": 10**3999},
    "text": {"copy": "\\N \\. \t\r\n", "percent": "%s %(x)s {}", "sql": "'; DROP TABLE mastra.records --"},
}  # fmt: skip
BAD_DATA: list[tuple[Any, str]] = [
    ([("a", 1)], "must be an object"),
    ("x", "must be an object"),
    (None, "must be an object"),
    ({"a": {"b": "x\0y"}}, "data.a.b holds NUL"),
    ({"a\0": 1}, "a key in data holds NUL"),
    ({"a": ["\ud800"]}, "data.a[0] holds a lone surrogate"),
    ({"a": math.nan}, "data.a is nan"),
    ({"a": [1, {"b": -math.inf}]}, "data.a[1].b is -inf"),
    ({"a": 10**4000}, "more than 4,000 digits"),
    ({1: "x"}, "the key 1, which is an int and not a str"),
    ({"a": {None: 1}}, "data.a has the key None"),
    ({"when": datetime.date(2024, 1, 1)}, "data.when is a date"),
    ({"d": decimal.Decimal("1.5")}, "data.d is a Decimal"),
    ({"u": [uuid.UUID(int=0)]}, "data.u[0] is a UUID"),
    ({"s": {1, 2}}, "data.s is a set"),
    ({"b": b"x"}, "data.b is a bytes"),
]


def nested(depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(depth - 1):
        data = {"a": data}
    return data


class RecordConformance(Conformance):
    def test_a_long_list_is_checked_to_its_end(self, engine: SyncMastraEngine, entity: Entity) -> None:
        given: list[dict[str, Any]] = [{"external_id": f"{n:04}", "data": {"n": n}} for n in range(1500)]
        given[1200]["data"] = {"n": math.nan}
        with pytest.raises(RecordRejected) as error:
            engine.upsert_records(entity_id=entity.id, records=given)
        assert error.value.index == 1200
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []
        result = engine.upsert_records(entity_id=entity.id, records=given, on_error="collect")
        assert (result.received, result.created, result.rejected) == (1500, 1499, 1)
        assert [(r.index, r.external_id) for r in result.rejections] == [(1200, "1200")]
        again = engine.sync_records(
            name=NAME,
            connection_id=entity.connection_id,
            records=tuple(given),
            on_error="collect",
            delete_missing=True,
        )
        assert (again.received, again.unchanged, again.rejected, again.deleted) == (1500, 1499, 1, 0)

    def test_data_may_be_any_mapping_and_a_time_to_wait_any_length(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        data = types.MappingProxyType({"a": [1]})
        engine.upsert_records(
            entity_id=entity.id, records=[RecordInput(external_id="1", data=data)], timeout=3e6
        )
        [record] = engine.get_records_by_entity_id(entity_id=entity.id)
        assert record.data == {"a": [1]}

    def test_the_documented_example(self, engine: SyncMastraEngine, connection_id: str) -> None:
        entity = engine.create_entity(name="Contacts", connection_id=connection_id)
        engine.upsert_records(
            entity_id=entity.id,
            records=[
                RecordInput(external_id="contact_1", data={"name": "John", "email": "john@example.com"}),
                RecordInput(external_id="contact_2", data={"name": "Jane", "email": "jane@example.com"}),
            ],
        )
        records = engine.get_records_by_entity_id(entity_id=entity.id)
        assert [record.data["name"] for record in records] == ["John", "Jane"]

    def test_a_record_has_its_ids_times_and_type(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(
            entity_id=entity.id,
            records=[
                {"external_id": "a", "data": {"x": 1}},
                RecordInput("b", {"x": 2}, entity_type="Special"),
            ],
        )
        a, b = engine.get_records_by_entity_id(entity_id=entity.id)
        assert (a.external_id, a.entity_id, a.data, a.entity_type) == ("a", entity.id, {"x": 1}, NAME)
        assert a.id == identity.record_id(entity.id, "a")
        assert b.entity_type == "Special"
        assert a.created_at == a.updated_at == b.created_at >= entity.created_at
        assert a.created_at.utcoffset() == datetime.timedelta(0)
        assert a.deleted_at is None
        assert (engine.get_entity_by_id(id=entity.id)).updated_at == a.updated_at

    def test_counts_add_up(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}, "b": {"x": 1}}))
        records: list[Any] = [
            *inputs({"a": {"x": 2}, "b": {"x": 1}, "c": {"x": 3}}),
            {"external_id": "c", "data": {"x": 4}},
            {"external_id": "", "data": {}},
        ]
        result = engine.upsert_records(entity_id=entity.id, records=records, on_error="collect")
        assert (result.received, result.created, result.updated) == (5, 1, 1)
        assert (result.unchanged, result.duplicates, result.rejected) == (1, 1, 1)
        assert [(r.index, r.external_id) for r in result.rejections] == [(4, None)]

    @pytest.mark.parametrize("size", [1, 499, 500, 501, 1500])
    def test_a_batch_of_any_size_is_written_and_again_is_unchanged(
        self, engine: SyncMastraEngine, entity: Entity, size: int
    ) -> None:
        records: Any = inputs({f"r{number:04}": {"n": number, "t": "x\ty\\"} for number in range(size)})
        first = engine.upsert_records(entity_id=entity.id, records=records)
        assert (first.received, first.created) == (size, size)
        before = (engine.changes(entity_id=entity.id, limit=10_000)).items
        again = engine.upsert_records(entity_id=entity.id, records=iter(records))
        assert (again.received, again.unchanged) == (size, size)
        assert (engine.changes(entity_id=entity.id, limit=10_000)).items == before
        found = engine.get_records_by_entity_id(entity_id=entity.id)
        assert data_of(found) == {record["external_id"]: record["data"] for record in records}

    @pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
    @pytest.mark.parametrize(
        ("mode", "expected"), [("replace", {"b": 3}), ("merge", {"a": {"y": 2}, "b": 3, "c": 1})]
    )
    def test_the_same_key_twice_the_later_wins_or_is_laid_over(
        self, engine: SyncMastraEngine, entity: Entity, mode: Any, expected: Any, many: bool
    ) -> None:
        more: dict[str, Any] = {f"r{number}": {} for number in range(600)} if many else {}
        records: Any = [
            {"external_id": "k", "data": {"a": {"x": 1}, "b": 1, "c": 1}},
            *inputs(more),
            {"external_id": "k", "data": {"a": {"y": 2}, "b": 2}},
            {"external_id": "k", "data": {"b": 3}},
        ]
        result = engine.upsert_records(entity_id=entity.id, records=records, mode=mode)
        assert (result.created, result.duplicates) == (1 + len(more), 2)
        record = engine.get_record(entity_id=entity.id, external_id="k")
        assert record is not None
        assert record.data == expected

    @pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
    def test_merge_lays_top_level_keys_over_the_stored_ones(
        self, engine: SyncMastraEngine, entity: Entity, many: bool
    ) -> None:
        more: dict[str, Any] = {f"r{number}": {} for number in range(600)} if many else {}
        engine.upsert_records(entity_id=entity.id, records=inputs({"k": {"a": {"x": 1}, "b": 1}}))
        over: Any = inputs({"k": {"a": {"y": 2}}, **more})
        assert (engine.upsert_records(entity_id=entity.id, records=over, mode="merge")).updated == 1
        record = engine.get_record(entity_id=entity.id, external_id="k")
        assert record is not None
        assert record.data == {"a": {"y": 2}, "b": 1}
        same: Any = inputs({"k": {"b": 1.0}})
        assert (engine.upsert_records(entity_id=entity.id, records=same, mode="merge")).unchanged == 1

    def test_equal_means_canonically_equal(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(
            entity_id=entity.id, records=inputs({"a": {"x": 1, "y": 2.5, "z": {"p": 1e23, "q": [0.0]}}})
        )
        spelled: dict[str, Any] = {"z": {"q": [-0.0], "p": 10**23}, "y": 2.50, "x": 1.0}
        again = engine.upsert_records(entity_id=entity.id, records=inputs({"a": spelled}))
        assert again.unchanged == 1
        other = engine.upsert_records(
            entity_id=entity.id, records=inputs({"a": {**spelled, "x": True}})
        )
        assert other.updated == 1

    def test_a_changed_entity_type_is_an_update(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(entity_id=entity.id, records=[RecordInput("a", {}, "One")])
        result = engine.upsert_records(entity_id=entity.id, records=[RecordInput("a", {}, "Two")])
        assert result.updated == 1
        result = engine.upsert_records(entity_id=entity.id, records=[RecordInput("a", {})])
        assert result.updated == 1
        record = engine.get_record(entity_id=entity.id, external_id="a")
        assert record is not None
        assert record.entity_type == NAME

    @pytest.mark.parametrize("key", ODD_DATA)
    def test_what_was_accepted_is_read_back_equal(
        self, engine: SyncMastraEngine, entity: Entity, key: str
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({key: ODD_DATA[key]}))
        many: Any = inputs({key: ODD_DATA[key], **{f"r{number}": {} for number in range(600)}})
        result = engine.upsert_records(entity_id=entity.id, records=many)
        assert result.unchanged == 1
        record = engine.get_record(entity_id=entity.id, external_id=key)
        assert record is not None
        assert canonical(record.data) == canonical(ODD_DATA[key])

    def test_a_float_with_a_large_exponent_comes_back_as_an_int(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(
            entity_id=entity.id, records=inputs({"a": {"x": 1e23, "y": 1e15, "z": 2.0, "m": -0.0}})
        )
        record = engine.get_record(entity_id=entity.id, external_id="a")
        assert record is not None
        assert {key: repr(value) for key, value in record.data.items()} == {
            "x": "100000000000000000000000",
            "y": "1000000000000000.0",
            "z": "2.0",
            "m": "0.0",
        }

    def test_tuples_and_subclasses_are_what_json_makes_of_them(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        class Text(str):
            __slots__ = ()

        data: Any = {Text("t"): Text("x"), "p": (1, (2,))}
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": data}))
        record = engine.get_record(entity_id=entity.id, external_id="a")
        assert record is not None
        assert record.data == {"t": "x", "p": [1, [2]]}

    def test_a_member_of_an_enum_of_strings_is_the_string_that_it_holds(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        class Word(str, enum.Enum):  # noqa: UP042 - what StrEnum prints as is what it holds
            NOTES = "notes"
            KEY = "key"
            AT = "word"
            MOST = "$lte"

        entity = engine.create_entity(name=Word.NOTES, connection_id=connection_id)
        assert entity == engine.get_entity_by_id(id=entity.id)
        assert entity.name == "notes"
        data = {"word": Word.NOTES, "n": 1}
        records = [{"external_id": Word.KEY, "data": data, "entity_type": Word.NOTES}]
        engine.upsert_records(entity_id=entity.id, records=records)
        options: Any = {"filters": {Word.AT: {Word.MOST: Word.NOTES}}, "sort": {"field": [Word.AT]}}
        for name, id in ((Word.NOTES, Word.KEY), ("notes", "key")):
            found = engine.get_records(entity_name=name, connection_id=connection_id, options=options)
            assert found == [engine.get_record(entity_id=entity.id, external_id=id)]
            assert (found[0].external_id, found[0].entity_type) == ("key", "notes")
            assert found[0].data == {"word": "notes", "n": 1}

    @pytest.mark.parametrize(("data", "reason"), BAD_DATA, ids=[words for _, words in BAD_DATA])
    def test_what_can_not_be_read_back_is_rejected_before_anything_is_written(
        self, engine: SyncMastraEngine, entity: Entity, data: Any, reason: str
    ) -> None:
        records: Any = [{"external_id": "good", "data": {}}, {"external_id": "bad", "data": data}]
        with pytest.raises(RecordRejected) as error:
            engine.upsert_records(entity_id=entity.id, records=records)
        assert error.value.index == 1
        assert reason in error.value.reason
        assert error.value.reason in str(error.value)
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []
        result = engine.upsert_records(entity_id=entity.id, records=records, on_error="collect")
        assert (result.created, result.rejected) == (1, 1)
        assert result.rejections == [Rejection(1, "bad", error.value.reason)]
        assert ids(engine.get_records_by_entity_id(entity_id=entity.id)) == ["good"]

    def test_data_may_be_nested_500_deep_and_no_deeper(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"deep": nested(500)}))
        record = engine.get_record(entity_id=entity.id, external_id="deep")
        assert record is not None
        assert record.data == nested(500)
        with pytest.raises(RecordRejected, match="nested more than 500 deep"):
            engine.upsert_records(entity_id=entity.id, records=inputs({"deep": nested(501)}))
        loop: dict[str, Any] = {}
        loop["loop"] = [loop, loop]
        with pytest.raises(RecordRejected, match="nested more than 500 deep"):
            engine.upsert_records(entity_id=entity.id, records=inputs({"deep": loop}))

    def test_a_record_may_have_50_megabytes_and_no_more(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        with pytest.raises(RecordRejected, match="at most 52,428,800 are allowed"):
            engine.upsert_records(
                entity_id=entity.id, records=inputs({"a": {"x": "y" * (50 * 1024 * 1024)}})
            )

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            ({"external_id": "a"}, "it has no data"),
            ({"data": {}}, "it has no external_id"),
            ({"external_id": "a", "data": {}, "typo": 1}, "unknown key 'typo'"),
            ({"external_id": 5, "data": {}}, "external_id must be a str"),
            ({"external_id": "x" * 1025, "data": {}}, "external_id has 1025 bytes"),
            ({"external_id": "a", "data": {}, "entity_type": ""}, "entity_type is empty"),
            ("text", "a record is a RecordInput or a mapping, not a str"),
        ],
    )
    def test_a_record_that_is_none_is_rejected(
        self, engine: SyncMastraEngine, entity: Entity, record: Any, reason: str
    ) -> None:
        with pytest.raises(RecordRejected, match=reason):
            engine.upsert_records(entity_id=entity.id, records=[record])

    @pytest.mark.parametrize(
        "records", ["text", {"external_id": "a", "data": {}}, RecordInput("a", {}), None, 5]
    )
    def test_records_are_an_iterable_of_records(
        self, engine: SyncMastraEngine, entity: Entity, records: Any
    ) -> None:
        with pytest.raises(InvalidArgument, match="records must be an iterable of records"):
            engine.upsert_records(entity_id=entity.id, records=records)

    def test_records_may_come_from_a_generator_of_the_engines_own_kind(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        def source() -> Iterator[RecordInput]:
            for number in range(700):
                yield RecordInput(f"r{number}", {"n": number})

        assert (engine.upsert_records(entity_id=entity.id, records=source())).created == 700

    def test_a_source_that_fails_leaves_nothing(self, engine: SyncMastraEngine, entity: Entity) -> None:
        def source() -> Iterator[RecordInput]:
            for number in range(700):
                yield RecordInput(f"r{number}", {})
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            engine.upsert_records(entity_id=entity.id, records=source())
        assert engine.get_records_by_entity_id(entity_id=entity.id) == []

    @pytest.mark.parametrize("argument", [{"mode": "append"}, {"on_error": "ignore"}, {"mode": None}])
    def test_an_unknown_mode_or_on_error_is_an_invalid_argument(
        self, engine: SyncMastraEngine, entity: Entity, argument: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.upsert_records(entity_id=entity.id, records=[], **argument)

    def test_get_record_is_one_live_record_or_none(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}}))
        record = engine.get_record(entity_id=entity.id, external_id="a")
        assert record is not None
        assert record.data == {"x": 1}
        assert engine.get_record(entity_id=entity.id, external_id="b") is None
        with pytest.raises(InvalidArgument):
            engine.get_record(entity_id=entity.id, external_id="")

    def test_records_by_entity_name(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"b": {}}))
        engine.upsert_records(entity_id=entity.id, records=inputs({"c": {}, "a": {}}))
        by: Any = {"connection_id": entity.connection_id}
        assert ids(engine.get_records_by_entity_name(name=NAME, **by)) == ["b", "a", "c"]
        one = engine.get_records_by_entity_name_and_external_id(entity_name=NAME, external_id="a", **by)
        assert ids(one) == ["a"]
        none = engine.get_records_by_entity_name_and_external_id(
            entity_name=NAME, external_id="z", **by
        )
        assert none == []

    def test_an_unknown_entity_name_is_entity_not_found(
        self, engine: SyncMastraEngine, connection_id: str
    ) -> None:
        by: Any = {"entity_name": NAME, "connection_id": connection_id}
        with pytest.raises(EntityNotFound, match="has no entity 'Things'"):
            engine.get_records_by_entity_name(name=NAME, connection_id=connection_id)
        with pytest.raises(EntityNotFound):
            engine.get_records_by_entity_name_and_external_id(external_id="a", **by)
        with pytest.raises(EntityNotFound):
            engine.get_records(**by)
        with pytest.raises(EntityNotFound):
            engine.page_records(**by)
        with pytest.raises(EntityNotFound):
            engine.count_records(**by)
        with pytest.raises(EntityNotFound):
            for _ in engine.iter_records(**by):
                pass

    def test_a_deleted_record_is_gone_and_keeps_its_data(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}, "b": {"x": 2}}))
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        assert engine.delete_records(entity_id=entity.id, external_ids=["a", "a", "zz"]) == 1
        assert engine.delete_records(entity_id=entity.id, external_ids=["a"]) == 0
        assert engine.get_record(entity_id=entity.id, external_id="a") is None
        assert ids(engine.get_records_by_entity_id(entity_id=entity.id)) == ["b"]
        assert engine.count_records(**by) == 1
        kept = engine.get_records(**by, options={"include_deleted": True})
        assert data_of(kept) == {"a": {"x": 1}, "b": {"x": 2}}
        assert kept[0].deleted_at == kept[0].updated_at
        assert engine.delete_records_by_entity_id(id=entity.id) == 1

    def test_a_revived_record_counts_as_created_and_starts_from_nothing(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}}))
        first = engine.get_record(entity_id=entity.id, external_id="a")
        engine.delete_records(entity_id=entity.id, external_ids=["a"])
        result = engine.upsert_records(
            entity_id=entity.id, records=inputs({"a": {"y": 2}}), mode="merge"
        )
        assert result.created == 1
        again = engine.get_record(entity_id=entity.id, external_id="a")
        assert first is not None
        assert again is not None
        assert again.data == {"y": 2}
        assert again.created_at == first.created_at
        assert again.deleted_at is None

    def test_purge_erases_the_data_also_of_what_was_deleted_before(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}, "b": {"x": 2}}))
        engine.delete_records(entity_id=entity.id, external_ids=["a"])
        assert engine.delete_records(entity_id=entity.id, external_ids=["a", "b"], purge=True) == 2
        assert engine.delete_records(entity_id=entity.id, external_ids=["a", "b"], purge=True) == 0
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        assert engine.get_records(**by, options={"include_deleted": True}) == []
        changes = (engine.changes(entity_id=entity.id)).items
        assert [(c.kind, c.record.data) for c in changes] == [("deleted", None), ("deleted", None)]

    def test_a_purged_record_that_comes_back_is_new(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": {"x": 1}}))
        first = engine.get_record(entity_id=entity.id, external_id="a")
        engine.delete_records_by_entity_id(id=entity.id, purge=True)
        result = engine.upsert_records(
            entity_id=entity.id, records=inputs({"a": {"y": 1}}), mode="merge"
        )
        assert result.created == 1
        again = engine.get_record(entity_id=entity.id, external_id="a")
        assert first is not None
        assert again is not None
        assert (again.data, again.id) == ({"y": 1}, first.id)
        assert again.created_at == again.updated_at > first.created_at

    @pytest.mark.parametrize("external_ids", ["abc", None, 5, [""], [None]])
    def test_external_ids_are_a_list_of_ids(
        self, engine: SyncMastraEngine, entity: Entity, external_ids: Any
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.delete_records(entity_id=entity.id, external_ids=external_ids)
        with pytest.raises(InvalidArgument):
            engine.delete_records(entity_id=entity.id, external_ids=[], purge="yes")  # pyright: ignore[reportArgumentType]

    def test_one_entitys_records_are_not_anothers(self, engine: SyncMastraEngine, entity: Entity) -> None:
        other = engine.create_entity(name="Others", connection_id=entity.connection_id)
        for number, one in enumerate((entity, other)):
            engine.upsert_records(entity_id=one.id, records=inputs({"a": {"n": number}}))
        assert engine.delete_records(entity_id=other.id, external_ids=["a"]) == 1
        assert data_of(engine.get_records_by_entity_id(entity_id=entity.id)) == {"a": {"n": 0}}

    def test_a_caller_can_not_reach_into_what_is_stored(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        mine: dict[str, Any] = {"list": [1]}
        engine.upsert_records(entity_id=entity.id, records=inputs({"a": mine}))
        mine["list"].append(2)
        for record in engine.get_records_by_entity_id(entity_id=entity.id):
            record.data["list"].append(3)
        record = engine.get_record(entity_id=entity.id, external_id="a")
        assert record is not None
        assert record.data == {"list": [1]}
