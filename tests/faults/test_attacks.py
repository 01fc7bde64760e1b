"""Hostile strings in every string argument: no syntax of theirs reaches the server, no other tenant's row the caller."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mastra_cli import FilterCondition, QueryOptions, SyncPostgresEngine, cli
from mastra_cli.errors import (
    Conflict,
    DatabaseUnreachable,
    InvalidArgument,
    InvalidCursor,
    NotFound,
    RecordRejected,
)
from tests.faults import calls
from tests.faults.calls import DOC, DOCS, IDX, World
from tests.servers import Server

ROOT = Path(__file__).parent.parent.parent
SHORT = [
    "'; DROP SCHEMA mastra CASCADE; --",
    '"; DELETE FROM mastra.records; --',
    "%(x)s %s %% {} {0}",
    "a\0b",
    "\ud800",
    "$.** ? (@ == 1)",
]
CORPUS = [
    *SHORT,
    "", " ", "'", '"', "\\", "\\'; --", "$$", "$1", ":x", "?", "%", "_", "*", "{", "}", "[", "../../etc/passwd",
    "' OR '1'='1", "1; SELECT pg_sleep(9)", "') UNION SELECT * FROM mastra.entity --", "/*", "*/", "--", "\n", "\r\n\t",
    "\x1b[31mred", "\u202eabc", "ﬀ", "İ", "ß", "日本語", "🙂" * 10, "a" * 100_000, "data.", ".", "..", "data.'a'",
    "a'->>'b", '{"$ne": null}', "$where", "$ne", "__proto__", "pg_catalog", "records", "entity", "null", "NaN",
    "-1", "1e999", "0x10", "\\N", "\\.", "\ufeff", "\x7f", "\u2028", "a,b", "(a)", "a::text", "E'\\x41'", "U&'\\0041'",
]  # fmt: skip
V = [1.0, 2.0, 3.0]
OPERATORS = ("eq", "not_eq", "gt", "contains", "starts_with", "ends_with")


def filtered_by(operator: str, w: World, text: str) -> Any:
    return found(w, [FilterCondition("text", operator, text)])


# Each gives one string to one argument.
ARGUMENTS: dict[str, Callable[[World, Any], Any]] = {
    "entity name": lambda w, s: w.engine.create_entity(name=s, connection_id="c"),
    "connection_id": lambda w, s: w.engine.create_entity(name="docs", connection_id=s),
    "entity id": lambda w, s: w.engine.get_entity_by_id(id=s),
    "deleted entity id": lambda w, s: w.engine.delete_entity_by_id(id=s),
    "get_entity": lambda w, s: w.engine.get_entity(name=s),
    "entity cursor": lambda w, s: w.engine.list_entities(cursor=s),
    "last_sync_id": lambda w, s: w.engine.update_entity_last_sync_id(id=OTHER, sync_id=s),
    "external_id": lambda w, s: w.engine.upsert_records(entity_id=OTHER, records=[{"external_id": s, "data": {}}]),
    "entity_type": lambda w, s: w.engine.upsert_records(
        entity_id=OTHER, records=[{"external_id": "a", "data": {}, "entity_type": s}]
    ),
    "key and value": lambda w, s: w.engine.upsert_records(entity_id=OTHER, records=[{"external_id": "a", "data": {s: s}}]),
    "mode": lambda w, s: w.engine.upsert_records(entity_id=OTHER, records=[], mode=s),
    "on_error": lambda w, s: w.engine.upsert_records(entity_id=OTHER, records=[], on_error=s),
    "get_record": lambda w, s: w.engine.get_record(entity_id=DOCS, external_id=s),
    "delete_records": lambda w, s: w.engine.delete_records(entity_id=OTHER, external_ids=[s]),
    "filter field": lambda w, s: found(w, [FilterCondition(s, "eq", "secret")]),
    "filter keys": lambda w, s: found(w, [FilterCondition([s, s], "eq", 1)]),
    "filter operator": lambda w, s: found(w, [FilterCondition("n", s, 1)]),
    **{f"filter {operator}": partial(filtered_by, operator) for operator in OPERATORS},
    "filter in": lambda w, s: found(w, [FilterCondition("text", "in", [s, s])]),
    "mongo field": lambda w, s: found(w, {s: {"$exists": True}}),
    "mongo operator": lambda w, s: found(w, {"text": {s: "x"}}),
    "mongo like": lambda w, s: found(w, {"text": {"$ilike": s}}),
    "mongo all": lambda w, s: found(w, {"text": {"$all": [s]}}),
    "sort field": lambda w, s: w.engine.get_records(**DOC, options=QueryOptions(sort=[{"field": s, "direction": "ASC"}])),
    "sort direction": lambda w, s: w.engine.get_records(
        **DOC, options=QueryOptions(sort=[{"field": "n", "direction": s}])
    ),
    "page cursor": lambda w, s: w.engine.page_records(**DOC, cursor=s),
    "changes cursor": lambda w, s: w.engine.changes(entity_id=DOCS, since=s),
    "field index": lambda w, s: w.engine.drop_field_index(entity_id=DOCS, field=s),
    "thread_id": lambda w, s: w.memory.create_thread(resource_id="q", thread_id=s),
    "resource_id": lambda w, s: w.memory.create_thread(resource_id=s, title="x"),
    "title": lambda w, s: w.memory.create_thread(resource_id="q", title=s),
    "thread metadata": lambda w, s: w.memory.list_threads(resource_id="q", metadata={s: s}),
    "order_by": lambda w, s: w.memory.list_threads(order_by=s),
    "thread cursor": lambda w, s: w.memory.list_threads(cursor=s),
    "content": lambda w, s: w.memory.add_message(thread_id="q", content=s, role="user"),
    "role": lambda w, s: w.memory.add_message(thread_id="q", content="x", role=s),
    "type": lambda w, s: w.memory.add_message(thread_id="q", content="x", role="user", type=s),
    "message id": lambda w, s: w.memory.save_messages(thread_id="q", messages=[{"id": s, "role": "user", "content": "x"}]),
    "before": lambda w, s: w.memory.get_messages(thread_id="q", before=s),
    "window format": lambda w, s: w.memory.get_context_window(thread_id="q", format=s),
    "delete_message": lambda w, s: w.memory.delete_message(message_id=s, thread_id="q"),
    "tool_name": lambda w, s: w.memory.save_tool_result(thread_id="q", tool_name=s, tool_args={s: s}, value=s),
    "scope": lambda w, s: w.memory.save_tool_result(thread_id="q", tool_name="x", tool_args={}, value=1, scope=s),
    "hashed_args": lambda w, s: w.memory.validate_tool_call_args(thread_id="t", tool_name="sky", hashed_args=s),
    "working memory": lambda w, s: w.memory.update_working_memory(resource_id="q", value=s),
    "recall": lambda w, s: w.memory.recall(query=s, thread_id="q"),
    "export": lambda w, s: w.memory.export_resource(resource_id=s),
    "index_name": lambda w, s: w.vector.query(index_name=s, query_vector=V),
    "dropped index": lambda w, s: w.vector.delete_index(index_name=s),
    "metric": lambda w, s: w.vector.create_index(index_name="idx", dimension=3, metric=s),
    "vector_type": lambda w, s: w.vector.create_index(index_name="idx", dimension=3, vector_type=s),
    "text_search": lambda w, s: w.vector.create_index(index_name="idx", dimension=3, text_search=s),
    "vector id": lambda w, s: w.vector.upsert(**IDX, vectors=[V], ids=[s], namespace="q"),
    "namespace": lambda w, s: w.vector.query(**IDX, query_vector=V, namespace=s),
    "document": lambda w, s: w.vector.upsert(**IDX, vectors=[V], ids=["a"], documents=[s], namespace="q"),
    "metadata": lambda w, s: w.vector.upsert(**IDX, vectors=[V], ids=["a"], metadata=[{s: s}], namespace="q"),
    "vector filter": lambda w, s: w.vector.query(**IDX, query_vector=V, filter={s: s}, namespace="q"),
    "vector regex": lambda w, s: w.vector.query(**IDX, query_vector=V, filter={"a": {"$regex": s}}, namespace="q"),
    "regex options": lambda w, s: w.vector.query(**IDX, query_vector=V, filter={"a": {"$regex": "a", "$options": s}}),
    "query_text": lambda w, s: w.vector.hybrid_query(**IDX, query_vector=V, query_text=s, namespace="q"),
    "search": lambda w, s: w.index.search(s),
    "search filter": lambda w, s: w.index.search("x", filter={s: s}),
}  # fmt: skip
REFUSALS = (InvalidArgument, NotFound, Conflict, RecordRejected)
OTHER = calls.identity.entity_id("c", "other")


def found(w: World, filters: Any) -> Any:
    records = w.engine.get_records(**DOC, options=QueryOptions(filters=filters))
    assert all(record.entity_id == DOCS for record in records)
    return records


@pytest.fixture(scope="module")
def target(server: Server, admin: psycopg.Connection, template: str) -> Iterator[tuple[World, str]]:
    admin.execute(f"CREATE DATABASE attacked TEMPLATE {template}".encode())
    url = server.url("attacked")
    with calls.world(url) as w:
        calls.furnish(w)
        w.memory.create_thread(resource_id="q", thread_id="q")
        yield w, url
    admin.execute("DROP DATABASE attacked WITH (FORCE)")


def canary(url: str) -> Any:
    """What belongs to the other tenants."""
    with psycopg.connect(url) as c:
        return c.execute(
            "SELECT (SELECT count(*) FROM mastra.records WHERE entity_id = %s), "
            "(SELECT count(*) FROM mastra.message WHERE thread_id IN ('t', 'u')), "
            "(SELECT count(*) FROM mastra.idx WHERE namespace IN ('default', 'n')), "
            "(SELECT count(*) FROM mastra.entity WHERE connection_id = 'c' AND name IN ('docs', 'other'))",
            [DOCS],
        ).fetchone()


def errors_said(server: Server, since: int) -> list[str]:
    """What the server logged as an error of class 42, or as anything that an input has become."""
    lines = (server.folder / "log").read_bytes()[since:].decode(errors="replace").splitlines()
    words = (
        "syntax error",
        "does not exist",
        "is ambiguous",
        "undefined",
        "permission denied",
        "cannot cast",
    )
    return [line for line in lines if "ERROR:" in line and any(word in line for word in words)]


def attack(w: World, name: str, text: str) -> None:
    try:
        ARGUMENTS[name](w, text)
    except REFUSALS:
        pass
    except Exception as error:
        raise AssertionError(f"{name} = {text[:50]!r}: {error!r}") from error


@pytest.mark.parametrize(
    "corpus", [SHORT, pytest.param(CORPUS, marks=pytest.mark.slow)], ids=["short", "whole"]
)
def test_no_hostile_string_becomes_syntax_or_finds_anothers_row(
    target: tuple[World, str], server: Server, corpus: list[str]
) -> None:
    w, url = target
    before, log = canary(url), (server.folder / "log").stat().st_size
    for name in ARGUMENTS:
        for text in corpus:
            attack(w, name, text)
    assert canary(url) == before
    assert errors_said(server, log) == []


@pytest.mark.slow
@settings(
    max_examples=1_500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(sorted(ARGUMENTS)), text=st.text(alphabet=st.characters(), max_size=60))
def test_no_text_at_all_becomes_syntax(
    target: tuple[World, str], server: Server, name: str, text: str
) -> None:
    log = (server.folder / "log").stat().st_size
    attack(target[0], name, text)
    assert errors_said(server, log) == []


def test_an_id_of_another_tenant_opens_nothing(target: tuple[World, str]) -> None:
    w, _ = target
    with pytest.raises(Conflict, match="another resource's"):
        w.memory.save_memory(resource_id="q", thread_id="t", user_messages=[{"role": "user", "content": "x"}])
    with pytest.raises(Conflict, match="another resource's"):
        w.memory.save_thread(thread={"id": "t", "resource_id": "q"})
    with pytest.raises(Conflict, match="another resource's"):
        w.memory.update_working_memory(resource_id="q", thread_id="t", value="x")
    assert w.memory.recall(query="weather", thread_id="t", resource_id="q") == []
    assert w.vector.get(**IDX, ids=["v5"], namespace="n") == []
    assert w.vector.delete_vector(**IDX, id="v5", namespace="n") == 0
    assert w.memory.delete_message(message_id="t1", thread_id="q") == 0
    assert w.engine.get_record(entity_id=OTHER, external_id="bb") is None


def test_a_cursor_that_was_altered_cut_or_taken_from_elsewhere_is_refused(target: tuple[World, str]) -> None:
    w, _ = target
    w.memory.create_thread(resource_id="q", title="second")
    givers: list[tuple[str, Callable[[str], Any]]] = [
        (w.engine.page_records(**DOC, limit=1).next_cursor or "", lambda c: w.engine.page_records(**DOC, cursor=c)),
        (w.engine.list_entities(limit=1).next_cursor or "", lambda c: w.engine.list_entities(cursor=c)),
        (w.memory.list_threads(limit=1).next_cursor or "", lambda c: w.memory.list_threads(cursor=c)),
        (w.engine.changes(entity_id=DOCS, limit=1).next_cursor or "", lambda c: w.engine.changes(entity_id=DOCS, since=c)),
    ]  # fmt: skip
    for number, (cursor, take) in enumerate(givers):
        assert cursor
        take(cursor)
        forged = [cursor[:cut] for cut in range(len(cursor))]
        forged += [
            cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))
        ]
        forged += [other for place, (other, _) in enumerate(givers) if place != number]
        for bad in forged:
            with pytest.raises(InvalidCursor):
                take(bad)
    with pytest.raises(InvalidCursor):
        w.engine.page_records(entity_name="other", connection_id="c", cursor=givers[0][0])
    with pytest.raises(InvalidCursor):
        w.engine.page_records(**DOC, cursor=givers[0][0], options=QueryOptions(filters={"n": 1}))


def test_bombs_are_refused_before_they_reach_the_server(target: tuple[World, str], server: Server) -> None:
    w, _ = target
    deep: Any = {"n": 1}
    for _ in range(5_000):
        deep = {"$and": [deep]}
    wide = {"$or": [{"n": number} for number in range(1_001)]}
    nested: Any = 1
    for _ in range(1_100):
        nested = [nested]
    for filters in (deep, wide, [FilterCondition("n", "eq", nested)], {"n": {"$in": [float("nan")]}}):
        with pytest.raises(InvalidArgument):
            found(w, filters)
        with pytest.raises(InvalidArgument):
            w.vector.query(**IDX, query_vector=V, filter=filters)
    poison: list[Any] = [
        nested, float("nan"), float("inf"), 10**5_000, "a\0", "\udfff", {"a\0": 1}, {1: 2}, {"x": "y" * 53_000_000},
        {"a": object()}, {"a": {1, 2}}, {"a": b"x"},
    ]  # fmt: skip
    for value in poison:
        with pytest.raises(RecordRejected) as error:
            w.engine.upsert_records(
                entity_id=OTHER, records=[*calls.some("fine"), {"external_id": "p", "data": {"v": value}}]
            )
        assert error.value.index == 1
        assert error.value.reason
    assert w.engine.get_record(entity_id=OTHER, external_id="fine") is None
    with pytest.raises(ValueError, match="integer string conversion"):
        json.loads("1" * 5_000)
    for limit in (-1, 1.5, True, "1", 10**30):
        with pytest.raises(InvalidArgument):
            w.engine.get_records(**DOC, options=QueryOptions(limit=limit))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        w.engine.page_records(**DOC, limit=10**9)
    with pytest.raises(InvalidArgument):
        w.vector.query(**IDX, query_vector=V, top_k=10**9)


SECRET = "s3cr3t-p%40ss"
SECRETS = ("s3cr3t", "p@ss")


def told(error: BaseException) -> str:
    """Everything that a traceback, a log with locals, or a debugger would show of an error."""
    said, seen = [], set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said += [repr(one), str(one), repr(one.args), *traceback.format_exception(one)]
        said += [repr(value) for value in vars(one).values()]
        todo += [one.__cause__, one.__context__]
    return "\n".join(said)


@pytest.mark.parametrize(
    "where",
    ["127.0.0.1:1/x", "127.0.0.1:{port}/no_such_database", "no.such.host.invalid/x", "[::1]:bad/x", "127.0.0.1:{port}/x?sslmode=require"],
)  # fmt: skip
def test_no_secret_is_in_an_exception_a_repr_or_a_log(
    server: Server, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"postgresql://ann:{SECRET}@{where.format(port=server.port)}"
    said: list[str] = []
    try:
        w = World(url, timeout=0.5)
    except InvalidArgument as error:
        said.append(told(error))
    else:
        for call in (calls.CALLS[0], calls.CALLS[-4], calls.CALLS[30]):
            with pytest.raises(DatabaseUnreachable) as raised:
                call.run(w)
            said.append(told(raised.value))
        said += [repr(x) for x in (w.pool, w.engine, w.memory, w.vector, w.index)]
        w.close()
    assert said
    for secret in SECRETS:
        assert secret not in "\n".join([*said, caplog.text])


@pytest.mark.parametrize("command", ["migrate", "status", "generate"])
@pytest.mark.parametrize("where", ["127.0.0.1:1/x", "127.0.0.1:{port}/no_such_database", "127.0.0.1:bad/x"])
def test_no_secret_is_in_what_a_command_prints(
    server: Server,
    where: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_URL", f"postgresql://ann:{SECRET}@{where.format(port=server.port)}")
    extra = ["--wait", "0"] if command == "migrate" else []
    for flags in (["-v"], ["--json"]):
        cli.run([*flags, "engine", command, *extra])
    captured = capsys.readouterr()
    assert captured.out + captured.err
    for secret in SECRETS:
        assert secret not in captured.out + captured.err


def test_no_secret_is_in_a_process_list(server: Server) -> None:
    """What the library and the command put into their own argument lists, or their children's."""
    code = (
        "import subprocess, sys; from mastra_cli import cli; "
        "cli.run(['engine', 'migrate', '--wait', '0']); "
        "print(subprocess.run(['ps', '-eo', 'args'], capture_output=True, text=True).stdout)"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "DB_URL": f"postgresql://ann:{SECRET}@127.0.0.1:1/x",
        "HOME": "/nonexistent",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert "python" in done.stdout
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr


def test_a_record_that_is_refused_is_not_shown_whole(database: str) -> None:
    with SyncPostgresEngine(url=database) as engine:
        entity = engine.create_entity(name="docs", connection_id="c")
        with pytest.raises(RecordRejected) as error:
            engine.upsert_records(
                entity_id=entity.id,
                records=[{"external_id": "a", "data": {"key": "k" * 10_000, "bad": float("nan")}}],
            )
        assert str(error.value) == "record 0 can not be stored: data.bad is nan, which JSON has no word for"
