# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite's part on queries: filters, order, pages, iteration."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mastra_cli.errors import InvalidArgument, InvalidCursor
from mastra_cli.runtime._sync.engine import SyncMastraEngine
from mastra_cli.runtime.filters import FilterCondition
from mastra_cli.runtime.models import Entity, QueryOptions
from mastra_cli.runtime.ordering import SortOrder
from mastra_cli.testing._sync.shared import NAME, Conformance, data_of, ids, inputs

SHELF: dict[str, Any] = {
    "num": {"v": 1, "s": "Alpha", "tags": ["new", "old"], "o": {"k": 1, "l": [1, 2]}},
    "dec": {"v": 2.5, "s": "alphabet", "tags": ["new"], "o": {"k": 2}},
    "str": {"v": "1", "s": "BETA%", "tags": []},
    "nul": {"v": None, "s": "b_ta"},
    "yes": {"v": True, "s": ""},
    "arr": {"v": ["new", "old"], "tags": [{"x": 1, "y": 2}, {"x": 2}], "s": None},
    "obj": {"v": {"a": 1}, "a.b": 1, "list": [{"n": 5}, "x"]},
    "none": {},
}
ALL = set(SHELF)
CONDITIONS: list[tuple[Any, str, Any, set[str]]] = [
    ("v", "eq", 1, {"num"}),
    ("v", "eq", "1", {"str"}),
    ("v", "eq", 2.50, {"dec"}),
    ("v", "eq", None, {"nul"}),
    ("v", "eq", ["new", "old"], {"arr"}),
    ("v", "eq", ["new"], set()),
    ("v", "eq", "new", set()),
    ("v", "eq", {"a": 1.0}, {"obj"}),
    ("v", "eq", {}, set()),
    ("data.v", "eq", 1, {"num"}),
    (["a.b"], "eq", 1, {"obj"}),
    ("o.k", "eq", 2, {"dec"}),
    ("list.0.n", "eq", 5, {"obj"}),
    ("list.-1", "eq", "x", set()),
    ("v", "not_eq", 1, ALL - {"num"}),
    ("v", "in", [1, "1", None], {"num", "str", "nul"}),
    ("v", "in", [], set()),
    ("v", "not_in", [1, "1"], ALL - {"num", "str"}),
    ("v", "not_in", [], ALL),
    ("v", "gt", 1, {"dec"}),
    ("v", "gte", 1, {"num", "dec"}),
    ("v", "lt", "2", {"str"}),
    ("v", "lte", 2.5, {"num", "dec"}),
    ("s", "gt", "a", {"dec", "nul"}),
    ("v", "between", [1, 2.5], {"num", "dec"}),
    ("s", "contains", "ALPHA", {"num", "dec"}),
    ("s", "contains", "%", {"str"}),
    ("s", "contains", "_", {"nul"}),
    ("tags", "contains", "new", {"num", "dec"}),
    ("tags", "contains", ["new", "old"], {"num"}),
    ("o", "contains", {"k": 1}, {"num"}),
    ("tags", "not_contains", "new", ALL - {"num", "dec"}),
    ("s", "starts_with", "alpha", {"dec"}),
    ("s", "ends_with", "a", {"num", "nul"}),
    ("s", "set", None, {"num", "dec", "str", "nul", "yes"}),
    ("s", "not_set", None, {"arr", "obj", "none"}),
    ("s", "exists", None, {"num", "dec", "str", "nul", "yes", "arr"}),
    ("v", "is", None, {"nul"}),
    ("v", "is", True, {"yes"}),
    ("v", "is", False, set()),
]
MONGO: list[tuple[dict[str, Any], set[str]]] = [
    ({}, ALL),
    ({"v": 1}, {"num"}),
    ({"v": None}, {"nul", "none"}),
    ({"v": ["1", 1]}, {"num", "str"}),
    ({"v": {"a": 1}}, {"obj"}),
    ({"o": {"k": {"$gt": 1}}}, {"dec"}),
    ({"v": {"$eq": 1}}, {"num"}),
    ({"v": {"$ne": 1}}, ALL - {"num"}),
    ({"v": {"$ne": None}}, ALL - {"nul", "none"}),
    ({"v": {"$gt": 1}}, {"dec"}),
    ({"v": {"$gte": 1, "$lt": 2}}, {"num"}),
    ({"v": {"$lte": 1}}, {"num"}),
    ({"v": {"$in": [None, 1]}}, {"num", "nul", "none"}),
    ({"v": {"$nin": [1, None]}}, ALL - {"num", "nul", "none"}),
    ({"tags": {"$all": ["old", "new"]}}, {"num"}),
    ({"s": {"$all": ["Alpha"]}}, set()),
    ({"tags": {"$elemMatch": {"x": 1, "y": 2}}}, {"arr"}),
    ({"tags": {"$size": 2}}, {"num", "arr"}),
    ({"s": {"$size": 5}}, set()),
    ({"s": {"$exists": False}}, {"obj", "none"}),
    ({"s": {"$like": "A%a"}}, {"num"}),
    ({"s": {"$like": "BETA\\%"}}, {"str"}),
    ({"s": {"$ilike": "b_ta%"}}, {"str", "nul"}),
    ({"s": {"$contains": "alpha"}}, {"num", "dec"}),
    ({"$and": [{"v": {"$gt": 0}}, {"s": {"$like": "a%"}}]}, {"dec"}),
    ({"$or": [{"v": 1}, {"v": None}]}, {"num", "nul", "none"}),
    ({"$nor": [{"v": 1}, {"v": None}]}, ALL - {"num", "nul", "none"}),
    ({"$not": {"v": 1}}, ALL - {"num"}),
    ({"v": {"$not": {"$gt": 1}}}, ALL - {"dec"}),
]
BAD_FILTERS: list[Any] = [
    [{"field": "v", "operator": "equals", "value": 1}],
    [{"field": "v", "operator": "gt", "value": True}],
    [{"field": "v", "operator": "gt", "value": None}],
    [{"field": "v", "operator": "between", "value": [1]}],
    [{"field": "v", "operator": "in", "value": 5}],
    [{"field": "v", "operator": "eq", "value": math.nan}],
    [{"field": "v", "operator": "eq", "value": "a\0"}],
    [{"field": "v\0", "operator": "eq", "value": 1}],
    [{"field": "v"}],
    {"v": {"$regex": "x"}},
    {"v": {"$foo": 1}},
    {"v": {"$eq": "\ud800"}},
    {"v": {"$size": -1}},
    {"$and": {"v": 1}},
    {"a": {"$or": [{"b": 1}] * 1001}},
    "v = 1",
    5,
]
MIXED: dict[str, Any] = {
    "null": {"v": None}, "empty": {"v": ""}, "B": {"v": "B"}, "a": {"v": "a"}, "ä": {"v": "ä"},
    "😀": {"v": "😀"}, "-1": {"v": -1}, "0": {"v": 0.0}, "2.5": {"v": 2.5}, "10": {"v": 10},
    "huge": {"v": 1e300}, "no": {"v": False}, "yes": {"v": True}, "arr": {"v": [2]}, "arr2": {"v": [1]},
    "obj": {"v": {}}, "missing": {}, "missing2": {},
}  # fmt: skip
ASCENDING = [
    "null",
    "empty",
    "B",
    "a",
    "ä",
    "😀",
    "-1",
    "0",
    "2.5",
    "10",
    "huge",
    "no",
    "yes",
    "arr",
    "arr2",
    "obj",
]
DESCENDING = [
    "obj",
    "arr",
    "arr2",
    "yes",
    "no",
    "huge",
    "10",
    "2.5",
    "0",
    "-1",
    "😀",
    "ä",
    "a",
    "B",
    "empty",
    "null",
]


class QueryConformance(Conformance):
    @pytest.fixture
    def shelf(self, engine: SyncMastraEngine, entity: Entity) -> Entity:
        engine.upsert_records(entity_id=entity.id, records=inputs(SHELF))
        return entity

    def found(self, engine: SyncMastraEngine, entity: Entity, filters: Any) -> set[str]:
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        records: Any = ids(engine.get_records(**by, options=QueryOptions(filters=filters)))
        assert engine.count_records(**by, filters=filters) == len(records)
        assert len(records) == len(set(records))
        return set(records)

    def test_every_condition_finds_what_it_says_and_its_negation_the_rest(
        self, engine: SyncMastraEngine, shelf: Entity
    ) -> None:
        for field, operator, value, expected in CONDITIONS:
            condition = FilterCondition(field, operator, value)
            assert self.found(engine, shelf, [condition]) == expected, condition
            negated = FilterCondition(None, "not", [condition])
            assert self.found(engine, shelf, [negated]) == ALL - expected, condition

    def test_every_mongo_style_filter_finds_what_it_says_and_its_negation_the_rest(
        self, engine: SyncMastraEngine, shelf: Entity
    ) -> None:
        for filters, expected in MONGO:
            assert self.found(engine, shelf, filters) == expected, filters
            assert self.found(engine, shelf, {"$nor": [filters]}) == ALL - expected, filters

    def test_all_conditions_of_a_list_hold_and_groups_nest(
        self, engine: SyncMastraEngine, shelf: Entity
    ) -> None:
        some: list[Any] = [
            {"field": "tags", "operator": "contains", "value": "new"},
            FilterCondition(None, "or", [FilterCondition("v", "eq", 1), FilterCondition("v", "eq", "1")]),
        ]
        assert self.found(engine, shelf, some) == {"num"}
        assert self.found(engine, shelf, []) == ALL

    @pytest.mark.parametrize("filters", BAD_FILTERS, ids=range(len(BAD_FILTERS)))
    def test_a_filter_that_is_not_understood_is_an_invalid_argument(
        self, engine: SyncMastraEngine, entity: Entity, filters: Any
    ) -> None:
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        with pytest.raises(InvalidArgument):
            engine.get_records(**by, options={"filters": filters})
        with pytest.raises(InvalidArgument):
            engine.count_records(**by, filters=filters)

    def test_an_index_on_a_field_changes_no_answer(self, engine: SyncMastraEngine, shelf: Entity) -> None:
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": shelf.connection_id}
        queries = [QueryOptions(filters=[FilterCondition(f, o, v)]) for f, o, v, _ in CONDITIONS]
        queries += [QueryOptions(sort=SortOrder("v", d)) for d in ("ASC", "DESC")]
        before = [engine.get_records(**by, options=options) for options in queries]
        engine.index_field(entity_id=shelf.id, field="v")
        engine.index_field(entity_id=shelf.id, field="data.v")
        assert [engine.get_records(**by, options=options) for options in queries] == before
        engine.drop_field_index(entity_id=shelf.id, field=["v"])
        engine.drop_field_index(entity_id=shelf.id, field="v")
        assert [engine.get_records(**by, options=options) for options in queries] == before

    @pytest.mark.parametrize("direction", ["ASC", "DESC"])
    def test_values_of_all_types_have_one_order_missing_last(
        self, engine: SyncMastraEngine, entity: Entity, direction: str
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs(MIXED))
        found = engine.get_records(
            entity_name=NAME,
            connection_id=entity.connection_id,
            options=QueryOptions(sort=[SortOrder("v", direction)]),
        )
        order = ASCENDING if direction == "ASC" else DESCENDING
        assert ids(found) == [*order, "missing", "missing2"]

    def test_bare_names_are_the_rows_and_data_names_the_payloads(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        data: dict[str, Any] = {
            "b": {"external_id": "1"},
            "a": {"external_id": "3"},
            "c": {"external_id": "2"},
        }
        engine.upsert_records(entity_id=entity.id, records=inputs(data))
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        for field, expected in (
            ("external_id", "abc"),
            ("data.external_id", "bca"),
            (["external_id"], "bca"),
            ("created_at", "abc"),
        ):
            found = engine.get_records(**by, options={"sort": [{"field": field}]})
            assert "".join(ids(found)) == expected, field
        found = engine.get_records(
            **by, options={"sort": [SortOrder("created_at"), SortOrder("external_id", "DESC")]}
        )
        assert ids(found) == ["c", "b", "a"]

    @pytest.mark.parametrize(
        "options",
        [
            {"limit": -1}, {"limit": 1.5}, {"limit": True}, {"offset": -1}, {"offset": "1"}, {"sort": "v"},
            {"sort": [{"field": "v", "direction": "UP"}]}, {"sort": [{"direction": "ASC"}]}, {"limits": 5},
            {"include_deleted": 1}, "all", 5,
        ],
        ids=str,
    )  # fmt: skip
    def test_options_that_are_not_understood_are_an_invalid_argument(
        self, engine: SyncMastraEngine, entity: Entity, options: Any
    ) -> None:
        with pytest.raises(InvalidArgument):
            engine.get_records(entity_name=NAME, connection_id=entity.connection_id, options=options)

    def test_limit_and_offset_cut_the_sorted_list(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(
            entity_id=entity.id, records=inputs({f"r{number}": {"n": number} for number in range(10)})
        )
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        for limit, offset, expected in (
            (None, None, range(10)), (0, 0, range(0)), (3, 0, range(3)), (3, 8, range(8, 10)),
            (None, 7, range(7, 10)), (5, 20, range(0)),
        ):  # fmt: skip
            options = QueryOptions(sort=[SortOrder("n")], limit=limit, offset=offset)
            found = engine.get_records(**by, options=options)
            assert [record.data["n"] for record in found] == list(expected)

    @pytest.mark.parametrize("sort", [None, [SortOrder("v")], [SortOrder("v", "DESC")],
                                      [SortOrder("v", "DESC"), SortOrder("external_id", "DESC")],
                                      [SortOrder("updated_at"), SortOrder("v")]], ids=str)  # fmt: skip
    @pytest.mark.parametrize("size", [1, 4, 17, 100])
    def test_pages_of_any_size_are_the_sorted_list(
        self, engine: SyncMastraEngine, entity: Entity, sort: Any, size: int
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs(MIXED))
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        whole = ids(engine.get_records(**by, options=QueryOptions(sort=sort)))
        seen: list[str] = []
        cursor = None
        while True:
            page = engine.page_records(**by, options=QueryOptions(sort=sort), cursor=cursor, limit=size)
            seen += ids(page.items)
            if (cursor := page.next_cursor) is None:
                break
            assert len(page.items) == size
        assert seen == whole

    @pytest.mark.parametrize("direction", ["ASC", "DESC"])
    def test_rows_that_stay_are_on_exactly_one_page_while_others_change(
        self, engine: SyncMastraEngine, entity: Entity, direction: Any
    ) -> None:
        stay: Any = {f"s{number:02}": {"v": number} for number in range(20)}
        go: Any = {f"g{number:02}": {"v": number} for number in range(20)}
        engine.upsert_records(entity_id=entity.id, records=inputs({**stay, **go}))
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        seen: list[str] = []
        cursor = None
        for turn in range(100):
            page = engine.page_records(
                **by, options={"sort": [SortOrder("v", direction)]}, cursor=cursor, limit=3
            )
            seen += ids(page.items)
            engine.delete_records(entity_id=entity.id, external_ids=[f"g{turn:02}"])
            ahead = turn % 20 if direction == "ASC" else 19 - turn % 20
            engine.upsert_records(entity_id=entity.id, records=inputs({f"n{turn}": {"v": ahead}}))
            if (cursor := page.next_cursor) is None:
                break
        assert sorted(key for key in seen if key.startswith("s")) == sorted(stay)

    def test_a_cursor_of_another_query_or_an_altered_one_is_refused(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(entity_id=entity.id, records=inputs(MIXED))
        other = engine.create_entity(name="Others", connection_id=entity.connection_id)
        engine.upsert_records(entity_id=other.id, records=inputs(MIXED))
        by: dict[str, Any] = {"connection_id": entity.connection_id}
        mine: dict[str, Any] = {"entity_name": NAME, "options": {"sort": [SortOrder("v")]}}
        cursor = (engine.page_records(**by, **mine, limit=2)).next_cursor
        assert cursor is not None
        forged: Any = (cursor[:-1], cursor[1:], cursor + "A", cursor.swapcase(), "", "none", "é", 5)
        for bad in forged:
            with pytest.raises(InvalidCursor):
                engine.page_records(**by, **mine, cursor=bad)
        strangers: Any = (
            {"entity_name": "Others", "options": {"sort": [SortOrder("v")]}},
            {"entity_name": NAME, "options": {"sort": [SortOrder("v", "DESC")]}},
            {"entity_name": NAME, "options": {"sort": [SortOrder("v")], "filters": {"v": 1}}},
            {"entity_name": NAME, "options": {"sort": [SortOrder("v")], "include_deleted": True}},
        )
        for stranger in strangers:
            with pytest.raises(InvalidCursor):
                engine.page_records(**by, **stranger, cursor=cursor)

    @pytest.mark.parametrize("options", [{"limit": 5}, {"offset": 0}, QueryOptions(offset=2)], ids=str)
    def test_a_page_takes_no_limit_or_offset_in_its_options(
        self, engine: SyncMastraEngine, entity: Entity, options: Any
    ) -> None:
        with pytest.raises(InvalidArgument, match="a page takes no limit or offset"):
            engine.page_records(entity_name=NAME, connection_id=entity.connection_id, options=options)

    def test_iter_records_gives_the_whole_selection_one_by_one(
        self, engine: SyncMastraEngine, entity: Entity
    ) -> None:
        engine.upsert_records(
            entity_id=entity.id,
            records=inputs({f"r{number:04}": {"n": number % 7} for number in range(1200)}),
        )
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        for options in (
            None,
            QueryOptions(filters={"n": {"$gt": 3}}, sort=[SortOrder("n", "DESC")]),
            QueryOptions(limit=10, offset=5),
        ):
            walked = [record for record in engine.iter_records(**by, options=options)]
            assert walked == engine.get_records(**by, options=options)

    def test_iter_records_sees_one_snapshot(self, engine: SyncMastraEngine, entity: Entity) -> None:
        engine.upsert_records(
            entity_id=entity.id, records=inputs({f"r{number:04}": {"n": 0} for number in range(1200)})
        )
        seen: list[Any] = []
        for record in engine.iter_records(entity_name=NAME, connection_id=entity.connection_id):
            if not seen:
                engine.delete_records_by_entity_id(id=entity.id)
            seen.append(record.data)
        assert seen == [{"n": 0}] * 1200

    def test_hostile_text_is_only_text(self, engine: SyncMastraEngine, entity: Entity) -> None:
        hostile = [
            "'; DROP TABLE mastra.records; --",
            '"',
            "%s",
            "%(x)s",
            "{}",
            "\\",
            "$1",
            "a'||'b",
            "*/",
            "\n",
            "::",
        ]
        engine.upsert_records(
            entity_id=entity.id, records=inputs({text: {text: text} for text in hostile})
        )
        by: dict[str, Any] = {"entity_name": NAME, "connection_id": entity.connection_id}
        for text in hostile:
            options = QueryOptions(
                filters=[FilterCondition([text], "eq", text)], sort=[SortOrder([text], "DESC")]
            )
            assert data_of(engine.get_records(**by, options=options)) == {text: {text: text}}
            for operator in ("contains", "starts_with", "ends_with", "gte"):
                filters = [FilterCondition([text], operator, text)]
                assert engine.count_records(**by, filters=filters) == 1
            engine.index_field(entity_id=entity.id, field=[text])
            assert data_of(engine.get_records(**by, options=options)) == {text: {text: text}}
            engine.drop_field_index(entity_id=entity.id, field=[text])
            record = engine.get_record(entity_id=entity.id, external_id=text)
            assert record is not None
            assert engine.get_entity(name=text, connection_id=text) is None
            with pytest.raises(InvalidCursor):
                engine.page_records(**by, cursor=text)
            with pytest.raises(InvalidArgument):
                engine.get_records(**by, options={"sort": [SortOrder("v", text)]})
