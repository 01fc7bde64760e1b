"""SQL, the Python predicate and a naive reading of the rules: one answer on hostile data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.filter_sql import compile_sql
from mastra_cli.runtime.filter_tree import And, Node, Not, Or
from mastra_cli.runtime.filters import FilterCondition, parse
from mastra_cli.runtime.ordering import parse_sort, position, position_key, shape, sort_key
from mastra_cli.runtime.ordering_sql import after_sql, order_sql
from mastra_cli.runtime.predicate import predicate
from tests import filter_examples as examples
from tests import reference_filter as reference
from tests.servers import Server


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def linguistic() -> Iterator[psycopg.Connection]:
    """A server whose own order of strings is a language's: Debian's packages postgresql and locales."""
    *_, newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    server = Server(bin=newest.parent, locale="en_US.UTF-8")
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            (in_order,) = connection.execute("SELECT 'a' < 'B'").fetchone()
            assert in_order, "this collation is no linguistic one"
            yield connection
    finally:
        server.close()


# --- hostile data: each case has few keys and few values of its own, so that filters meet what is stored

KEYS = [
    "a",
    "b",
    "a.b",
    "0",
    "1",
    "-1",
    "+1",
    "01",
    " 1",
    '"',
    "'",
    "%s",
    "\\",
    "é",
    "data",
    "{}",
    "$a",
    "",
    "x y",
]
CHARS = "aAbBzZ09 _%\\\"'.,{}[]$é\u00df\u200b\uffff\U0001d4b3"
LONG = "a" * 499
keys = st.sampled_from(KEYS)
texts = st.text(CHARS, max_size=4) | st.sampled_from(["active", "null", LONG + "a", LONG + "ab", LONG + "ac"])
numbers = (
    st.integers(-2, 2)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 2.5, 0.1, 1e23, 10**23, 1e-300, 5e-324, 1.7e308, 10**399, 2**53 + 1])
)
scalars = st.none() | st.booleans() | numbers | texts


def slices(text: str) -> st.SearchStrategy[str]:
    ends = st.integers(0, len(text))
    return st.builds(lambda a, b: text[min(a, b) : max(a, b)], ends, ends) | st.just(text.swapcase())


@dataclass
class World:
    """Strategies over the keys and values of one case."""

    key: st.SearchStrategy[str]
    scalar: st.SearchStrategy[Any]

    def __post_init__(self) -> None:
        self.value = st.recursive(
            self.scalar,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(self.key, inner, max_size=3),
            max_leaves=4,
        )
        self.document = st.dictionaries(self.key, self.value, max_size=3)
        self.path = st.lists(self.key, min_size=1, max_size=2)
        self.values = st.lists(self.value, max_size=3)
        self.text = self.scalar.flatmap(lambda it: slices(it) if isinstance(it, str) else texts)
        self.comparable = self.scalar.filter(lambda it: it is not None and not isinstance(it, bool)) | texts
        self.pattern = (
            self.text.map(lambda text: text.replace("\\", "%").replace("a", "_", 1) + "%")
            | st.text("aAb%_é", max_size=4)
            | st.sampled_from([r"\%", r"a\_%", "%a%b%", r"\\"])
        )

    def condition(self) -> st.SearchStrategy[dict[str, Any]]:
        field = self.path | self.path.map(".".join) | self.path.map(lambda path: ".".join(["data", *path]))
        operands = {
            "eq": self.value, "not_eq": self.value, "in": self.values, "not_in": self.values,
            "gt": self.comparable, "gte": self.comparable, "lt": self.comparable, "lte": self.comparable,
            "between": st.lists(self.comparable, min_size=2, max_size=2),
            "contains": self.value | self.text, "not_contains": self.value | self.text,
            "set": st.none(), "not_set": st.none(), "exists": st.sampled_from([None, True, False]),
            "starts_with": self.text, "ends_with": self.text, "is": st.sampled_from([None, True, False]),
        }  # fmt: skip
        one = st.sampled_from(sorted(operands)).flatmap(
            lambda word: st.fixed_dictionaries(
                {"field": field, "operator": st.just(word), "value": operands[word]}
            )
        )
        groups = st.sampled_from(["and", "or"])
        return one | st.recursive(
            one,
            lambda inner: (
                st.fixed_dictionaries(
                    {"field": st.none(), "operator": groups, "value": st.lists(inner, min_size=1, max_size=3)}
                )
                | st.fixed_dictionaries({"field": st.just(""), "operator": st.just("not"), "value": inner})
            ),
            max_leaves=4,
        )

    def mongo(self) -> st.SearchStrategy[dict[str, Any]]:
        name = self.path.map(".".join).filter(lambda name: not name.startswith("$"))
        operands = {
            "$eq": self.value, "$ne": self.value, "$in": self.values, "$nin": self.values,
            "$gt": self.comparable, "$gte": self.comparable, "$lt": self.comparable, "$lte": self.comparable,
            "$all": self.values, "$exists": st.booleans(), "$contains": self.value | self.text,
            "$size": st.integers(0, 3), "$like": self.pattern, "$ilike": self.pattern,
        }  # fmt: skip
        some = st.sets(st.sampled_from(sorted(operands)), min_size=1, max_size=2).flatmap(
            lambda chosen: st.fixed_dictionaries({name: operands[name] for name in sorted(chosen)})
        )
        at_field = st.recursive(
            self.scalar | self.values | some,
            lambda inner: (
                st.dictionaries(name, inner, max_size=2)
                | st.fixed_dictionaries({"$not": some})
                | st.fixed_dictionaries({"$elemMatch": some | st.dictionaries(name, inner, max_size=2)})
                | st.fixed_dictionaries({"$or": st.lists(some, max_size=2)})
            ),
            max_leaves=3,
        )
        branch = st.dictionaries(name, at_field, min_size=1, max_size=2)
        groups = st.sampled_from(["$and", "$or", "$nor"])
        return branch | st.recursive(
            branch,
            lambda inner: (
                st.dictionaries(groups, st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=2)
                | st.fixed_dictionaries({"$not": inner})
            ),
            max_leaves=4,
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    own_keys = draw(st.lists(keys, min_size=1, max_size=3, unique=True))
    own_scalars = draw(st.lists(scalars, min_size=1, max_size=4))
    return World(st.sampled_from(own_keys), st.sampled_from(own_scalars))


def cases(of: str) -> st.SearchStrategy[tuple[list[Any], Any]]:
    """Documents and a filter over them."""
    return worlds().flatmap(
        lambda world: st.tuples(st.lists(world.document, min_size=1, max_size=8), getattr(world, of)())
    )


# --- the evaluators


def paths_in(node: Node) -> set[tuple[str, ...]]:
    if isinstance(node, And | Or):
        return {path for part in node.nodes for path in paths_in(part)}
    return paths_in(node.node) if isinstance(node, Not) else {node.path}


def in_sql(connection: psycopg.Connection, data: list[Any], node: Node, indexed: Any = ()) -> list[int]:
    condition, params = compile_sql(node, SQL("r.data"), indexed=indexed)
    rows = connection.execute(
        SQL(
            "SELECT r.n - 1 FROM (SELECT t.v::jsonb AS data, t.n FROM unnest(%s::text[]) WITH ORDINALITY AS t (v, n)) r"
            " WHERE {} ORDER BY 1"
        ).format(condition),
        [[None if document is None else json.dumps(document) for document in data], *params],
    )
    return [row[0] for row in rows]


def all_agree(connection: psycopg.Connection, data: list[Any], filters: Any, expected: list[int]) -> None:
    node = parse(filters)
    holds = predicate(node)
    assert [n for n, document in enumerate(data) if holds(document)] == expected
    rest = [n for n in range(len(data)) if n not in expected]
    for indexed in ((), paths_in(node)):
        assert in_sql(connection, data, node, indexed) == expected
        assert in_sql(connection, data, Not(node), indexed) == rest
        assert in_sql(connection, data, Not(Not(node)), indexed) == expected


def check_conditions(connection: psycopg.Connection, data: list[Any], item: dict[str, Any]) -> None:
    data = [*data, {}, None]
    expected = [n for n, document in enumerate(data) if reference.condition(document or {}, item)]
    all_agree(connection, data, [item], expected)


def check_mongo(connection: psycopg.Connection, data: list[Any], filters: dict[str, Any]) -> None:
    data = [*data, {}, None]
    all_agree(
        connection, data, filters, [n for n, doc in enumerate(data) if reference.mongo(doc or {}, filters)]
    )


relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(case=cases("condition"))
def test_three_evaluators_agree_on_conditions(here: psycopg.Connection, case: Any) -> None:
    check_conditions(here, *case)


@relaxed
@given(case=cases("mongo"))
def test_three_evaluators_agree_on_mongo_style(here: psycopg.Connection, case: Any) -> None:
    check_mongo(here, *case)


@pytest.mark.slow
@settings(relaxed, max_examples=150)
@given(case=cases("condition"))
def test_evaluators_agree_on_conditions_under_a_linguistic_collation(
    linguistic: psycopg.Connection, case: Any
) -> None:
    check_conditions(linguistic, *case)


@pytest.mark.slow
@settings(relaxed, max_examples=150)
@given(case=cases("mongo"))
def test_evaluators_agree_on_mongo_style_under_a_linguistic_collation(
    linguistic: psycopg.Connection, case: Any
) -> None:
    check_mongo(linguistic, *case)


# --- order and pages

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Row:
    external_id: str
    created_at: datetime
    updated_at: datetime
    data: Any


@st.composite
def sorted_cases(draw: st.DrawFn) -> tuple[list[Row], list[tuple[str, bool]], int]:
    world = draw(worlds())
    ids = draw(st.lists(st.text("aB é_%\uffff\U0001d4b3", min_size=1, max_size=3), max_size=8, unique=True))
    moments = st.integers(0, 2).map(lambda n: NOON + timedelta(microseconds=n))
    rows = [Row(name, draw(moments), draw(moments), draw(world.document)) for name in ids]
    field = world.path.map(".".join) | st.sampled_from(["external_id", "created_at", "updated_at"])
    sort = draw(st.lists(st.tuples(field, st.booleans()), max_size=3, unique_by=lambda item: item[0]))
    return rows, sort, draw(st.integers(1, 4))


def check_order(
    connection: psycopg.Connection, rows: list[Row], sort: list[tuple[str, bool]], size: int
) -> None:
    expected = [row.external_id for row in reference.ordered(rows, sort)]
    parsed = parse_sort([{"field": field, "direction": "DESC" if down else "ASC"} for field, down in sort])
    assert [row.external_id for row in sorted(rows, key=sort_key(parsed))] == expected
    key = position_key(parsed)
    for indexed in ([], [it.by for it in parsed if not isinstance(it.by, str)]):
        order = order_sql(parsed, Identifier("r"), indexed=indexed)
        source = SQL(
            "SELECT r.* FROM (SELECT external_id, created_at::timestamptz, updated_at::timestamptz, data::jsonb"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
            " AS t (external_id, created_at, updated_at, data)) r WHERE {} ORDER BY {} LIMIT %s"
        )
        table = [
            [row.external_id for row in rows],
            [str(row.created_at) for row in rows],
            [str(row.updated_at) for row in rows],
            [json.dumps(row.data) for row in rows],
        ]
        for step in (len(rows) + 1, size):
            pages: list[str] = []
            after, params = SQL("TRUE"), ()
            while True:
                found = connection.execute(
                    source.format(after, order.sql), [*table, *params, *order.params, step]
                ).fetchall()
                pages += [row[0] for row in found]
                if len(found) < step:
                    break
                cursor = encode_cursor(position(parsed, Row(*found[-1])), "e", parsed)
                at = decode_cursor(cursor, shape(parsed), "e", parsed)
                after, params = after_sql(parsed, Identifier("r"), at, indexed=indexed)
                rest = [row.external_id for row in rows if key(position(parsed, row)) > key(at)]
                assert set(rest) == set(expected[len(pages) :])
            assert pages == expected


@relaxed
@given(case=sorted_cases())
def test_one_total_order_in_both_directions_and_pages_that_concatenate(
    here: psycopg.Connection, case: Any
) -> None:
    check_order(here, *case)


@pytest.mark.slow
@settings(relaxed, max_examples=150)
@given(case=sorted_cases())
def test_one_total_order_under_a_linguistic_collation(linguistic: psycopg.Connection, case: Any) -> None:
    check_order(linguistic, *case)


# --- examples


def check_examples(connection: psycopg.Connection) -> None:
    cases: list[tuple[Any, Any, bool]] = [
        *(
            ([FilterCondition("f", word, operand)], {"f": value}, answer)
            for value, word, operand, answer in examples.WORDS
        ),
        *(
            ([FilterCondition("f", word, operand)], {"g": 1}, answer)
            for word, operand, answer in examples.MISSING
        ),
        *(
            ([FilterCondition(field, "eq", 1)], document, answer)
            for field, document, answer in examples.FIELDS
        ),
        *examples.MONGO,
    ]
    for filters, document, answer in cases:
        node = parse(filters)
        for indexed in ((), paths_in(node)):
            assert (in_sql(connection, [document], node, indexed) == [0]) is answer, (filters, document)
            assert (in_sql(connection, [document], Not(node), indexed) == []) is answer, (filters, document)


def test_every_example_has_its_answer_in_sql(here: psycopg.Connection) -> None:
    check_examples(here)


@pytest.mark.slow
def test_every_example_has_its_answer_under_a_linguistic_collation(linguistic: psycopg.Connection) -> None:
    check_examples(linguistic)


# --- what no example above can hold

FOREIGN = [
    "1e5000",
    "1e-5000",
    "-1e131000",
    "1e-16000",
    "123456789" * 700,
    '"x"',
    "null",
    "true",
    "[1e5000]",
    '{"b": 1e5000}',
]
EVERY_WORD = [
    *({"f": {word: 1}} for word in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains", "$size")),
    *({"f": {word: "x"}} for word in ("$eq", "$gt", "$lte", "$contains", "$like", "$ilike", "$regex")),
    *({"f": {word: [1, "x", None, [1], {"b": 1}]}} for word in ("$in", "$nin", "$all", "$eq", "$contains")),
    *({"f": {"$elemMatch": {word: 1}}} for word in ("$eq", "$gt", "$size", "b")),
    {"f": {"$exists": True}},
    {"f.b": {"$gt": 1}},
    {"f.0": {"$lt": 1}},
    {"f": {"$contains": {"b": 1}}},
]  # fmt: skip


def test_no_number_that_another_writer_stored_fails_a_query(here: psycopg.Connection) -> None:
    source = SQL(
        "(SELECT n::text AS external_id, now() AS created_at, format('{\"f\": %%s}', v)::jsonb AS data FROM unnest(%s::text[]) WITH ORDINALITY AS t (v, n)) r"
    )
    for filters in EVERY_WORD:
        node = parse(filters, regex=True)
        for indexed in ((), [("f",)]):
            for asked in (node, Not(node)):
                condition, params = compile_sql(asked, SQL("r.data"), indexed=indexed)
                here.execute(SQL("SELECT FROM {} WHERE {}").format(source, condition), [FOREIGN, *params])
    for direction, expected in (("ASC", "7,6,3,4,2,1,5,8,9,10"), ("DESC", "10,9,8,5,1,2,4,3,6,7")):
        order = order_sql(parse_sort({"field": "f", "direction": direction}), SQL("r"))
        (found,) = here.execute(
            SQL("SELECT string_agg(external_id, ',' ORDER BY {}) FROM {}").format(order.sql, source),
            [*order.params, FOREIGN],
        ).fetchone()
        assert found == expected


HOSTILE = [
    "'; DROP TABLE x; --",
    "%s",
    "%(x)s",
    "%",
    "{}",
    "{0}",
    "\\",
    "\\'",
    '"',
    "$1",
    "$$",
    "a' OR '1'='1",
    "é\u2028",
    "\x01",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_string_changes_no_syntax(here: psycopg.Connection, text: str) -> None:
    data = [{text: text}, {text: {text: [text, {text: text}]}}, {"x": text}, {}]
    for path in ([text], [text, text], [text, text, "1", text]):
        for word in ("eq", "not_eq", "contains", "starts_with", "ends_with", "gte", "lt", "set"):
            check_conditions(
                here, data, {"field": path, "operator": word, "value": None if word == "set" else text}
            )
        check_conditions(here, data, {"field": path, "operator": "in", "value": [text, [text], {text: text}]})
    if not text.startswith("$"):
        for operand in (
            text,
            [text],
            {"$ilike": text.replace("\\", "")},
            {"$elemMatch": {"$eq": text}},
            {"$all": [text]},
        ):
            check_mongo(here, data, {text: operand})
    rows = [Row(text + str(n), NOON, NOON, document) for n, document in enumerate(data)]
    check_order(here, rows, [(text, True), (f"{text}.{text}", False)], 1)


@pytest.mark.parametrize(
    ("pattern", "options", "matched"),
    [
        ("^b", "", []), ("^b", "m", ["a\nb"]), ("a$", "", ["Aa"]), ("a$", "m", ["Aa", "a\nb"]),
        ("a.b", "", []), ("a.b", "s", ["a\nb"]), ("a.b", "ms", ["a\nb"]), ("^aa$", "i", ["Aa"]), ("(?i)^AA$", "", ["Aa"]),
        ("(?is)^A.B$", "", ["a\nb"]), ("A a # comment", "x", ["Aa"]), ("a a", "ix", ["Aa"]), ("^A", "", ["Aa"]), ("", "", ["Aa", "a\nb", "5"]),
        ("[[:digit:]]", "", ["5"]),
    ],
)  # fmt: skip
def test_a_regex_has_the_options_of_mongodb(
    here: psycopg.Connection, pattern: str, options: str, matched: list[str]
) -> None:
    data = [{"f": text} for text in ("Aa", "a\nb", "5")] + [{"f": 5}, {"f": ["Aa"]}, {}]
    node = parse({"f": {"$regex": pattern, "$options": options}}, regex=True)
    found = in_sql(here, data, node)
    assert [data[n]["f"] for n in found] == matched
    assert in_sql(here, data, Not(node)) == [n for n in range(len(data)) if n not in found]


def check_folding(connection: psycopg.Connection) -> None:
    data = [{"f": text} for text in ("TITLE I", "title i", "t\u0131tle \u0131")]
    for filters in ({"f": {"$ilike": "Title I"}}, {"f": {"$contains": "E I"}}):
        assert in_sql(connection, data, parse(filters)) == [0, 1]


def test_ascii_letters_fold(here: psycopg.Connection) -> None:
    check_folding(here)


@pytest.mark.slow
def test_ascii_letters_fold_the_same_in_turkish(linguistic: psycopg.Connection) -> None:
    linguistic.execute(
        "CREATE DATABASE turkish TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'en_US.UTF-8'"
    )
    with psycopg.connect(**{**linguistic.info.get_parameters(), "dbname": "turkish"}) as turkish:
        (folded,) = turkish.execute("SELECT lower('I')").fetchone()
        assert folded == "\u0131"
        check_folding(turkish)


def test_json_null_in_a_column_is_nothing_at_all(here: psycopg.Connection) -> None:
    for filters in ({"a": None}, {"a": {"$ne": None}}, {"a": {"$exists": True}}):
        node = parse(filters)
        condition, params = compile_sql(node, SQL("'null'::jsonb"))
        (found,) = here.execute(SQL("SELECT {}").format(condition), params).fetchone()
        assert found is predicate(node)(None)
