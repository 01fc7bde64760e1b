"""Mock and Postgres, driven step by step with the same hostile calls: equal answers, or the same class of error."""

from __future__ import annotations

import importlib.util
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from mastra_cli.errors import MastraError
from mastra_cli.runtime import operands
from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.runtime._sync.postgres import SyncPostgresEngine
from mastra_cli.runtime.models import Change, Entity, Page, Record, SyncResult, SyncRun
from mastra_cli.runtime.sql import selections
from tests.servers import Server

ROOT = Path(__file__).parent.parent.parent
DEBIAN = Path("/usr/lib/postgresql/15/bin")
NAMES = ("one", "twö")

# Letters beyond ASCII are lower case: how others are folded is the database's affair.
TEXT = st.text(st.sampled_from("aAbBzZ019 ._-%\\'\"{}[]$é中😀\t\n\x01"), max_size=5)
KEYS = st.sampled_from(
    ["a", "b", "a.b", "0", "1", "-1", "01", "", 'q"', "it's", "%s", "b\\", "$eq", "é", "data"]
)
NUMBERS = (
    st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 1.0, 2.5, 0.1, 1e15, 1e16, 1e23, 5e-324, 1.7976931348623157e308, 10**30, -(10**400)])
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
DATA = st.dictionaries(KEYS, VALUES, max_size=4)
EXTERNAL_IDS = st.sampled_from(["a", "b", "c", "D", "é", "中", "\t\\N", "it's", "%s", "😀"])
BAD: Any = st.sampled_from(["", "x\0", "\ud800", None, 5])
GOOD_RECORDS = st.fixed_dictionaries(
    {"external_id": EXTERNAL_IDS, "data": DATA}, optional={"entity_type": st.sampled_from(["T", "é"])}
)
BAD_RECORDS = (
    st.fixed_dictionaries({"external_id": EXTERNAL_IDS | BAD, "data": st.sampled_from([5, {"a": float("nan")}])})
    | st.fixed_dictionaries({"external_id": BAD, "data": DATA})
    | st.fixed_dictionaries({"external_id": EXTERNAL_IDS})
)  # fmt: skip
RECORDS = st.lists(GOOD_RECORDS, max_size=6) | st.lists(GOOD_RECORDS | BAD_RECORDS, max_size=5)
FIELDS: Any = (
    st.lists(KEYS, min_size=1, max_size=2)
    | st.sampled_from(["a", "b", "a.b", "a.0", "data.a", "b.1"])
)  # fmt: skip
OPERATORS = st.sampled_from(
    ["eq", "not_eq", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "not_contains", "set", "not_set",
     "between", "starts_with", "ends_with", "exists", "is", "like"]
)  # fmt: skip
OPERANDS = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(KEYS, SCALARS, max_size=2)
CONDITIONS = st.fixed_dictionaries({"field": FIELDS, "operator": OPERATORS, "value": OPERANDS})
MONGO_OPERATORS = st.sampled_from(
    ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all", "$exists", "$contains", "$size", "$like",
     "$ilike", "$regex"]
)  # fmt: skip
MONGO_KEYS = KEYS.filter(lambda key: key and not key.startswith("$"))
MONGO = st.recursive(
    st.dictionaries(
        MONGO_KEYS, OPERANDS | st.dictionaries(MONGO_OPERATORS, OPERANDS, max_size=2), max_size=2
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=2),
        min_size=1,
        max_size=1,
    ),
    max_leaves=3,
)
FILTERS = st.none() | st.lists(CONDITIONS, max_size=2) | MONGO
SORTS = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "field": FIELDS | st.sampled_from(["external_id", "created_at", "updated_at"]),
            "direction": st.sampled_from(["ASC", "DESC"]),
        }
    ),
    max_size=2,
)


class Twins(RuleBasedStateMachine):
    url: ClassVar[str]
    postgres: ClassVar[SyncPostgresEngine]
    admin: ClassVar[psycopg.Connection]

    @initialize(
        indexed=st.sampled_from([(), (), (), ("a",), ("a.b", "b")]),
        records=st.lists(GOOD_RECORDS, max_size=8),
    )
    def begin(self, indexed: tuple[str, ...], records: Any) -> None:
        self.connection_id = uuid.uuid4().hex
        self.mock = SyncMockMastraEngine()
        self.ids: dict[str, str] = {}
        self.bases: list[dict[str, int]] = [{}, {}]
        self.marks: dict[str, list[int]] = {}
        for name in NAMES:
            self.both(lambda e, name=name: e.create_entity(name=name, connection_id=self.connection_id))
            self.learn(name)
        self.both(lambda e: e.upsert_records(entity_id=self.ids["one"], records=records))
        self.indexed = [(self.ids["one"], field) for field in indexed]
        for id, field in self.indexed:
            self.both(lambda e, id=id, field=field: e.index_field(entity_id=id, field=field))

    def teardown(self) -> None:
        for id in self.ids.values():
            self.both(lambda e, id=id: e.get_records_by_entity_id(entity_id=id))
            self.both(lambda e, id=id: e.list_sync_runs(entity_id=id))
        for id, field in self.indexed:
            for statement in selections.drop_indexes(id, operands.path(field)):
                self.admin.execute(statement)

    def learn(self, name: str) -> None:
        """Where the entity's counter began in each engine: answers are compared in distances from there."""
        entity = self.mock.get_entity(name=name, connection_id=self.connection_id)
        if entity is None or entity.id in self.ids.values():
            return
        self.ids[name] = entity.id
        self.marks.pop(entity.id, None)
        row = self.admin.execute("SELECT version FROM mastra.entity WHERE id = %s", [entity.id]).fetchone()
        self.bases[0][entity.id] = self.mock._shelves[entity.id].version
        self.bases[1][entity.id] = row[0]

    def both(self, call: Callable[[Any], Any]) -> Any:
        answers = []
        for number, engine in enumerate((self.mock, self.postgres)):
            try:
                answers.append(self.plain(call(engine), self.bases[number]))
            except MastraError as error:
                answers.append(
                    (type(error).__name__, getattr(error, "index", None), getattr(error, "reason", None))
                )
        assert answers[0] == answers[1]
        return answers[0]

    def plain(self, answer: Any, bases: dict[str, int]) -> Any:
        """What must be the same: everything but clocks, and versions as distances."""
        match answer:
            case Record():
                touched = answer.updated_at > answer.created_at
                version = answer.version - bases.get(answer.entity_id, answer.version)
                return (answer.id, answer.external_id, answer.entity_type, json.dumps(answer.data, sort_keys=True),
                        touched, answer.deleted_at is not None, version)  # fmt: skip
            case Change():
                record = self.plain(answer.record, bases)
                return (answer.kind, answer.version == answer.record.version, record)
            case Entity():
                return (answer.id, answer.name, answer.connection_id, answer.last_sync_id)
            case Page():
                return (self.plain(answer.items, bases), answer.next_cursor is not None)
            case SyncResult():
                return (answer.received, answer.created, answer.updated, answer.unchanged, answer.duplicates,
                        answer.rejections, self.plain(answer.entity, bases), answer.deleted, answer.last_sync_id)  # fmt: skip
            case SyncRun():
                return (answer.entity_id, answer.sync_id, answer.mode, answer.status, answer.received, answer.created,
                        answer.updated, answer.unchanged, answer.duplicates, answer.rejected, answer.deleted,
                        answer.error)  # fmt: skip
            case list():
                return [self.plain(item, bases) for item in answer]
        return answer

    def by(self, name: str) -> dict[str, str]:
        return {"entity_name": name, "connection_id": self.connection_id}

    def id(self, name: str) -> str:
        return self.ids.get(name, "0" * 32)

    @rule(name=st.just(NAMES[1]))
    def create(self, name: str) -> None:
        self.both(lambda e: e.create_entity(name=name, connection_id=self.connection_id))
        self.learn(name)

    @rule(name=st.just(NAMES[1]))
    def delete_entity(self, name: str) -> None:
        self.both(lambda e: e.delete_entity_by_id(id=self.id(name)))
        self.ids.pop(name, None)

    @rule(records=st.lists(GOOD_RECORDS, max_size=6), mode=st.sampled_from(["replace", "merge"]))
    def change(self, records: Any, mode: Any) -> None:
        self.both(lambda e: e.upsert_records(entity_id=self.id("one"), records=records, mode=mode))

    @rule(record=GOOD_RECORDS, mode=st.sampled_from(["replace", "merge"]))
    def change_one(self, record: Any, mode: Any) -> None:
        self.both(lambda e: e.upsert_records(entity_id=self.id("one"), records=[record], mode=mode))

    @rule(
        name=st.sampled_from(NAMES),
        records=RECORDS,
        mode=st.sampled_from(["replace", "merge"]),
        on_error=st.sampled_from(["raise", "collect"]),
    )
    def upsert(self, name: str, records: Any, mode: Any, on_error: Any) -> None:
        self.both(
            lambda e: e.upsert_records(entity_id=self.id(name), records=records, mode=mode, on_error=on_error)
        )

    @rule(
        name=st.sampled_from(NAMES),
        records=RECORDS,
        mode=st.sampled_from(["replace", "merge"]),
        on_error=st.sampled_from(["raise", "collect"]),
        missing=st.booleans(),
        allow=st.booleans(),
        sync_id=st.none() | st.sampled_from(["s1", "s2", ""]),
        many=st.booleans(),
    )
    def sync(
        self,
        name: str,
        records: Any,
        mode: Any,
        on_error: Any,
        missing: bool,
        allow: bool,
        sync_id: Any,
        many: bool,
    ) -> None:
        more = [
            {"external_id": f"m{number:02}", "data": {"a": number}} for number in range(14 if many else 0)
        ]
        self.both(
            lambda e: e.sync_records(
                name=name,
                connection_id=self.connection_id,
                records=iter([*more, *records]),
                last_sync_id=sync_id,
                mode=mode,
                on_error=on_error,
                delete_missing=missing,
                allow_mass_delete=allow,
            )
        )
        self.learn(name)

    @rule(name=st.sampled_from(NAMES), keys=st.lists(EXTERNAL_IDS, max_size=4), purge=st.booleans())
    def delete(self, name: str, keys: list[str], purge: bool) -> None:
        self.both(lambda e: e.delete_records(entity_id=self.id(name), external_ids=keys, purge=purge))

    @rule(name=st.sampled_from(NAMES), purge=st.booleans())
    def delete_all(self, name: str, purge: bool) -> None:
        self.both(lambda e: e.delete_records_by_entity_id(id=self.id(name), purge=purge))

    @rule(name=st.sampled_from(NAMES), distance=st.integers(0, 9))
    def purge_tombstones(self, name: str, distance: int) -> None:
        self.both(
            lambda e: e.purge_tombstones(
                entity_id=self.id(name), before_version=self.version(e, name, distance)
            )
        )

    @rule(name=st.sampled_from(NAMES), sync_id=st.sampled_from(["s1", "s3", "\0"]))
    def checkpoint(self, name: str, sync_id: str) -> None:
        self.both(lambda e: e.update_entity_last_sync_id(id=self.id(name), sync_id=sync_id))

    @rule(
        name=st.sampled_from(NAMES),
        filters=FILTERS,
        sort=SORTS,
        limit=st.none() | st.integers(-1, 4),
        offset=st.none() | st.integers(0, 3),
        deleted=st.booleans(),
    )
    def query(self, name: str, filters: Any, sort: Any, limit: Any, offset: Any, deleted: bool) -> None:
        options = {
            "filters": filters,
            "sort": sort,
            "limit": limit,
            "offset": offset,
            "include_deleted": deleted,
        }
        self.both(lambda e: e.get_records(**self.by(name), options=options))

    @rule(name=st.sampled_from(NAMES), filters=FILTERS)
    def count(self, name: str, filters: Any) -> None:
        self.both(lambda e: e.count_records(**self.by(name), filters=filters))

    @rule(name=st.sampled_from(NAMES), sort=SORTS, filters=FILTERS, size=st.integers(1, 5))
    def pages(self, name: str, sort: Any, filters: Any, size: int) -> None:
        options = {"filters": filters, "sort": sort}

        def walk(engine: Any) -> list[Record]:
            seen: list[Record] = []
            cursor = None
            while True:
                page = engine.page_records(**self.by(name), options=options, cursor=cursor, limit=size)
                seen += page.items
                if (cursor := page.next_cursor) is None:
                    assert seen == list(engine.iter_records(**self.by(name), options=options))
                    return seen

        self.both(walk)

    @rule(name=st.sampled_from(NAMES), distance=st.integers(0, 9), limit=st.integers(1, 5))
    def changes(self, name: str, distance: int, limit: int) -> None:
        def walk(engine: Any) -> list[Change]:
            page = engine.changes(
                entity_id=self.id(name), since=self.version(engine, name, distance), limit=limit
            )
            seen = page.items
            while page.next_cursor:
                page = engine.changes(entity_id=self.id(name), since=page.next_cursor, limit=limit)
                seen += page.items
            return seen

        self.both(walk)

    def version(self, engine: Any, name: str, distance: int) -> int:
        bases = self.bases[0 if engine is self.mock else 1]
        return distance and bases.get(self.id(name), 0) + distance

    @rule(name=st.sampled_from(NAMES), key=EXTERNAL_IDS | BAD)
    def one(self, name: str, key: Any) -> None:
        self.both(lambda e: e.get_record(entity_id=self.id(name), external_id=key))
        self.both(lambda e: e.get_records_by_entity_name_and_external_id(**self.by(name), external_id=key))

    @rule()
    def entities(self) -> None:
        self.both(lambda e: e.list_entities(connection_id=self.connection_id, limit=1))
        self.both(lambda e: e.get_entity(connection_id=self.connection_id))

    @invariant()
    def everything_is_the_same(self) -> None:
        if not hasattr(self, "ids"):
            return
        for name, id in self.ids.items():
            self.both(lambda e, id=id: e.changes(entity_id=id))
            # What a reader gets who was here two steps ago.
            distance = self.mock._shelves[id].version - self.bases[0][id]
            since = self.marks.setdefault(id, [0, 0])
            self.both(
                lambda e, name=name, at=since[-2]: e.changes(
                    entity_id=self.id(name), since=self.version(e, name, at)
                )
            )
            since.append(distance)


def drive(url: str, examples: int) -> None:
    with SyncPostgresEngine(url=url) as engine, psycopg.connect(url, autocommit=True) as admin:
        machine = type("Machine", (Twins,), {"url": url, "postgres": engine, "admin": admin})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max(examples, settings.default.max_examples),
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.timeout(3600)
def test_mock_and_postgres_give_the_same_answers(database: str) -> None:
    drive(database, 250)


@pytest.fixture
def linguistic() -> Iterator[str]:
    """A server that sorts as a language does: Debian's packages postgresql-15 and locales."""
    server = Server(bin=DEBIAN, locale="en_US.UTF-8")
    try:
        [file] = (ROOT / "alembic/versions").glob("0001_*.py")
        spec = importlib.util.spec_from_file_location("first_migration", file)
        assert spec
        assert spec.loader
        migration = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(migration)
        with psycopg.connect(server.url(), autocommit=True) as admin:
            assert admin.execute("SELECT 'a' < 'B'").fetchone() == (True,)
            for statement in ("CREATE SCHEMA mastra", *migration.STATEMENTS):
                admin.execute(statement)
        yield server.url()
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_mock_and_postgres_give_the_same_answers_under_a_linguistic_collation(linguistic: str) -> None:
    drive(linguistic, 250)
