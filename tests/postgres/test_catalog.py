"""What is read from the catalogue, where a golden module could not show it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from mastra_cli.codegen.catalog import Selection, read_schema
from mastra_cli.codegen.render import render
from mastra_cli.codegen.schema import Schema, Table
from mastra_cli.errors import DatabaseFailed, DatabaseUnreachable


def execute(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script)  # pyright: ignore[reportArgumentType, reportCallIssue]


def only(schema: Schema) -> Table:
    (table,) = schema.tables
    return table


NEW_IN_18 = """
CREATE TABLE public.t (a int, b int, v int GENERATED ALWAYS AS (a + 1) VIRTUAL);
ALTER TABLE public.t ADD CONSTRAINT later NOT NULL a NOT VALID;
ALTER TABLE public.t ALTER COLUMN b SET NOT NULL;
"""


def test_a_virtual_column_is_no_input_and_an_unproven_not_null_changes_no_type(
    empty_database: str, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--postgres") < 18:
        with pytest.raises(psycopg.errors.SyntaxError):
            execute(empty_database, NEW_IN_18)
        return
    execute(empty_database, NEW_IN_18)
    a, b, v = only(read_schema(empty_database, Selection())).columns
    assert [a.nullable, b.nullable, v.generated] == [True, False, True]
    execute(empty_database, "ALTER TABLE public.t VALIDATE CONSTRAINT later")
    assert only(read_schema(empty_database, Selection())).columns[0].nullable is False


def test_a_role_that_owns_nothing_and_may_read_nothing_sees_the_same(
    empty_database: str, server: Any
) -> None:
    execute(
        empty_database,
        """CREATE TABLE public.t (id int PRIMARY KEY DEFAULT 5, n text CHECK (length(n) < 5)); COMMENT ON TABLE public.t IS 'x';
        CREATE VIEW public.v AS SELECT n FROM public.t; DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN;""",
    )
    stranger = empty_database.replace("postgres@", "stranger@")
    assert read_schema(stranger, Selection()) == read_schema(empty_database, Selection())


def test_a_domains_default_makes_a_column_optional(empty_database: str) -> None:
    execute(
        empty_database,
        """CREATE DOMAIN public.base AS text DEFAULT 'x' NOT NULL; CREATE DOMAIN public.top AS public.base;
        CREATE DOMAIN public.must AS text NOT NULL; CREATE DOMAIN public.list AS public.base[] NOT NULL;
        CREATE TABLE public.t (a public.top, b public.must, c public.list);""",
    )
    namespace: dict[str, Any] = {}
    exec(render(read_schema(empty_database, Selection())).text, namespace)
    row, insert = namespace["T"].model_fields, namespace["TInsert"].model_fields
    assert [field.is_required() for field in row.values()] == [True, True, True]
    assert [field.is_required() for field in insert.values()] == [False, True, True]


def test_what_is_not_selected_is_read_no_further_than_types_need(empty_database: str) -> None:
    execute(
        empty_database,
        """CREATE SCHEMA other; CREATE TYPE other.used AS ENUM ('a'); CREATE TYPE other.unused AS ENUM ('a');
        CREATE TYPE public.idle AS ENUM ('a'); CREATE TABLE public.t (u other.used); CREATE TABLE public.s (id int);""",
    )
    schema = read_schema(empty_database, Selection())
    assert [str(enum.name) for enum in schema.enums] == ["other.used", "public.idle"]
    assert [str(enum.name) for enum in read_schema(empty_database, Selection(tables=("t",))).enums] == [
        "other.used"
    ]
    assert read_schema(empty_database, Selection(tables=("s",))).enums == ()


def test_it_takes_a_handful_of_statements_however_many_tables(empty_database: str, monkeypatch: Any) -> None:
    def statements() -> int:
        seen: list[Any] = []
        original = psycopg.Cursor.execute
        monkeypatch.setattr(
            psycopg.Cursor, "execute", lambda self, *a, **k: (seen.append(a), original(self, *a, **k))[1]
        )
        read_schema(empty_database, Selection())
        monkeypatch.undo()
        return len(seen)

    execute(empty_database, "CREATE TABLE public.t0 (id int)")
    one = statements()
    execute(empty_database, ";".join(f"CREATE TABLE public.u{n} (id int PRIMARY KEY)" for n in range(40)))
    assert statements() == one <= 12


def test_the_snapshot_is_read_only(empty_database: str) -> None:
    from mastra_cli.codegen import queries

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "SETTINGS", "CREATE TABLE public.oops (id int)")
        with pytest.raises(Exception, match="read-only"):
            read_schema(empty_database, Selection())


def test_errors_are_translated(empty_database: str, server: Any) -> None:
    with pytest.raises(DatabaseUnreachable):
        read_schema("postgresql://postgres@127.0.0.1:1/x", Selection())
    from mastra_cli.codegen import queries

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "SCHEMAS", "SELECT 1/0 AS nspname")
        with pytest.raises(DatabaseFailed, match="division by zero"):
            read_schema(empty_database, Selection())
