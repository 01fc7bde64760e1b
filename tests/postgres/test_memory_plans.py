"""The memory's statements prepare, use their indexes, and touch no more blocks when the thread has grown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from mastra_cli import SyncPgMemory
from mastra_cli.runtime.message_rows import Batch
from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.sql import statements

TOP = 2**63 - 1
NOUNS = ("message", "thread", "tool_result", "working_memory", "recall", "message_embedding")
# These define, or lock, and are no plans; the tests of `create_memory_index` run them.
COMMANDS = ("create_table", "create_half_table", "create_index", "create_half_index", "serialize")
NAMES = [(noun, name) for noun in NOUNS for name in statements(noun) if name not in COMMANDS]
FILL = """
WITH t AS (
    INSERT INTO mastra.thread (id, resource_id, last_seq, message_count, token_count, created_at, updated_at)
    VALUES (%(id)s, 'r', %(n)s, %(n)s, 10 * %(n)s, now(), now())
)
INSERT INTO mastra.message (thread_id, seq, id, role, type, content, tokens, search, created_at)
SELECT %(id)s, n, %(id)s || '-' || n, CASE n %% 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'text',
    to_json('message number ' || n || repeat(' lorem ipsum', 5)), 10, to_tsvector('simple', 'word' || n %% 1000),
    now() - make_interval(secs => %(n)s - n)
FROM generate_series(1, %(n)s) AS n
"""
READS: dict[str, dict[str, Any]] = {
    "window": {"below": TOP, "block": 128, "budget": 300, "must": TOP, "started": False},
    "newest": {"after": None, "before": None, "limit": 21},
    "oldest": {"after": None, "before": None, "limit": 21},
}


def numbered(statement: str) -> tuple[str, list[str]]:
    """With `$1` for `%(name)s`, and the names in that order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return re.sub(r"%\((\w+)\)[sb]", number, statement).replace("%%", "%"), names


class Plan:
    """A statement's plan as it ran: the generic plan that a prepared statement ends up with, or its own."""

    def __init__(
        self, connection: psycopg.Connection, statement: str, params: dict[str, Any], mode: str = "generic"
    ) -> None:
        text, names = numbered(statement)
        values = psycopg.ClientCursor(connection).mogrify(
            ", ".join(["%s"] * len(names)), [params[name] for name in names]
        )
        connection.execute(f"PREPARE plan AS {text}")
        connection.execute(f"SET plan_cache_mode = force_{mode}_plan")
        # What planning reads of the catalogue is not the statement's.
        connection.execute(f"EXPLAIN EXECUTE plan ({values})")
        row = connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE plan ({values})"
        ).fetchone()
        connection.execute("DEALLOCATE plan")
        assert row is not None
        self.root: dict[str, Any] = (json.loads(row[0]) if isinstance(row[0], str) else row[0])[0]["Plan"]

    def nodes(self, root: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        root = root or self.root
        yield root
        for child in root.get("Plans", ()):
            yield from self.nodes(child)

    @property
    def scanned(self) -> set[str]:
        return {n["Relation Name"] for n in self.nodes() if n["Node Type"] == "Seq Scan"}

    @property
    def blocks(self) -> int:
        return self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"]

    @property
    def rows(self) -> int:
        return max(n["Actual Rows"] * n["Actual Loops"] for n in self.nodes())


def fill(url: str, sizes: dict[str, int]) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    for id, size in sizes.items():
        connection.execute(FILL, {"id": id, "n": size})
    connection.execute(
        "INSERT INTO mastra.thread (id, resource_id, created_at, updated_at)"
        " SELECT 'other-' || n, 'r' || n % 2, now(), now() FROM generate_series(1, 2000) AS n"
    )
    connection.execute("VACUUM ANALYZE mastra.message")
    connection.execute("VACUUM ANALYZE mastra.thread")
    return connection


@pytest.fixture(scope="module")
def fresh(template: str, _create: Any) -> Callable[[], str]:
    """Makes migrated, empty databases, by their URLs."""
    return lambda: _create(template)


@pytest.fixture(scope="module")
def prepared(fresh: Callable[[], str]) -> Iterator[psycopg.Connection]:
    url = fresh()
    with SyncPgMemory(connection_string=url) as memory:
        memory.create_memory_index(dimension=3)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = public")  # where this server's extension is
        yield connection


@pytest.mark.parametrize(("noun", "name"), NAMES)
def test_every_statement_prepares(prepared: psycopg.Connection, noun: str, name: str) -> None:
    text, _ = numbered(statements(noun)[name])
    prepared.execute(f"PREPARE s AS {text}")
    prepared.execute("DEALLOCATE s")


@pytest.fixture(scope="module")
def filled(fresh: Callable[[], str]) -> Iterator[psycopg.Connection]:
    with fill(fresh(), {"small": 100, "middle": 10_000}) as connection:
        yield connection


@pytest.mark.parametrize("name", READS)
def test_reading_a_grown_thread_touches_no_more_blocks(filled: psycopg.Connection, name: str) -> None:
    plans = [
        Plan(filled, statements("message")[name], {**READS[name], "thread_id": t})
        for t in ("small", "middle")
    ]
    assert [plan.scanned for plan in plans] == [set(), set()]
    assert plans[1].blocks <= 1.5 * plans[0].blocks + 4, [plan.blocks for plan in plans]
    assert plans[1].rows <= 129


def test_a_page_deep_in_a_thread_costs_what_the_first_one_costs(filled: psycopg.Connection) -> None:
    page = {"thread_id": "middle", "before": None, "limit": 21}
    first, deep = (
        Plan(filled, statements("message")["oldest"], {**page, "after": after})
        for after in (None, "middle-9000")
    )
    assert deep.scanned == set()
    assert deep.blocks <= first.blocks + 8, (first.blocks, deep.blocks)


@pytest.mark.parametrize(
    ("noun", "name", "params"),
    [
        ("message", "save", Batch.of([Message(id="middle-77", content="x")], "middle", len).params),
        ("message", "find", {"ids": ["middle-77"]}),
        ("message", "delete", {"ids": ["middle-5001"], "thread_ids": ["middle"], "patience": "0"}),
        ("thread", "list_updated", {"at": "infinity", "id": "z", "metadata": None, "limit": 51}),
        ("thread", "list_updated_of", {"at": "infinity", "id": "z", "metadata": None, "limit": 51, "resource_id": "r1"}),
        ("thread", "list_created", {"at": "infinity", "id": "z", "metadata": None, "limit": 51}),
        ("thread", "list_created_of", {"at": "infinity", "id": "z", "metadata": None, "limit": 51, "resource_id": "r1"}),
        ("thread", "doom_old", {"moment": "2000-01-01", "batch": 100}),
        ("thread", "delete", {"ids": ["other-7", "other-8"]}),
        ("recall", "keyword", {"thread_id": "middle", "resource_id": None, "query": "word77 word78", "limit": 20}),
        ("recall", "around", {"thread_ids": ["middle"], "seqs": [5000], "before": 2, "after": 2}),
        ("tool_result", "get", {"thread_id": "middle", "tool_name": "t", "args_hash": "x"}),
    ],
)  # fmt: skip
def test_finding_reads_no_table_whole(
    filled: psycopg.Connection, noun: str, name: str, params: dict[str, Any]
) -> None:
    filled.execute("SET enable_seqscan = off")  # the small tables here are cheaper to scan
    plan = Plan(filled, statements(noun)[name], params)
    filled.execute("RESET enable_seqscan")
    assert plan.scanned == set()
    assert plan.blocks < 400, plan.blocks


@pytest.mark.parametrize("name", ["list_updated", "list_updated_of", "list_created", "list_created_of"])
def test_a_page_deep_in_a_list_of_threads_costs_what_the_first_one_costs(
    filled: psycopg.Connection, name: str
) -> None:
    params = {"id": "other-1000", "metadata": None, "limit": 21, "resource_id": "r1"}
    plans = [
        Plan(filled, statements("thread")[name], {**params, "at": at})
        for at in (
            "infinity",
            filled.execute("SELECT created_at FROM mastra.thread WHERE id = 'other-1'").fetchone()[0],
        )
    ]
    assert [plan.scanned for plan in plans] == [set(), set()]
    assert all(plan.blocks <= 30 and plan.rows <= 22 for plan in plans), [(p.blocks, p.rows) for p in plans]


RANGES = {
    "open": ("-infinity", "infinity"),
    "the last minute": ("now() - interval '1 minute'", "infinity"),
    "nothing": ("now() + interval '1 minute'", "infinity"),
    "a minute long ago": ("now() - interval '90 minutes'", "now() - interval '89 minutes'"),
}


def dated(connection: psycopg.Connection, thread: str, name: str) -> Plan:
    start, end = (
        bound if "infinity" in bound else connection.execute(f"SELECT {bound}").fetchone()[0]
        for bound in RANGES[name]
    )
    params = {"thread_id": thread, "below": TOP, "block": 128, "start": start, "end": end}
    return Plan(connection, statements("message")["window_dated"], params, "custom")


@pytest.mark.parametrize("name", RANGES)
def test_a_window_of_dates_touches_no_more_than_its_messages(filled: psycopg.Connection, name: str) -> None:
    plan = dated(filled, "middle", name)
    assert plan.scanned == set()
    assert plan.blocks < 140, plan.blocks


@pytest.mark.parametrize(
    "count",
    [pytest.param(200_000, marks=pytest.mark.slow), pytest.param(1_000_000, marks=pytest.mark.nightly)],
)
def test_reading_a_large_thread_touches_no_more_blocks(fresh: Callable[[], str], count: int) -> None:
    with fill(fresh(), {"small": 100, "middle": 10_000, "large": count}) as connection:
        for name, params in READS.items():
            statement = statements("message")[name]
            small, middle, large = (
                Plan(connection, statement, {**params, "thread_id": t}) for t in ("small", "middle", "large")
            )
            print(f"\n{name}: buffers {small.blocks}, {middle.blocks}, {large.blocks}", end="")
            assert large.scanned == set()
            assert large.blocks <= 1.5 * small.blocks + 6
            assert large.rows <= 129
        for name in RANGES:
            plan = dated(connection, "large", name)
            print(f"\nwindow of dates, {name}: buffers {plan.blocks}", end="")
            assert plan.scanned == set()
            assert plan.blocks < 160
