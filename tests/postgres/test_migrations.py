"""What the migrations make, on the way up and on the way down."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from mastra_cli.local import assets, migrations
from mastra_cli.local.history import history
from tests.postgres.dumps import dump
from tests.servers import Server

KNOWN = [revision.revision for revision in history()]


def test_a_migrated_database_has_the_engines_tables(database: str) -> None:
    with psycopg.connect(database) as c:
        rows = c.execute("SELECT tablename FROM pg_tables WHERE schemaname='mastra'").fetchall()
    assert {r[0] for r in rows} >= {
        "alembic_version",
        "entity",
        "records",
        "sync_run",
        "thread",
        "message",
        "tool_result",
        "working_memory",
        "vector_follower",
        "vector_skipped",
    }


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_each_migration_goes_up_down_and_up_again(number: int, empty_database: str, server: Server) -> None:
    below = KNOWN[number - 1] if number else "base"
    # The first migration brings what base has too: the schema, the extension, the version table.
    migrations.migrate(empty_database, to=below if number else KNOWN[0])
    migrations.migrate(empty_database, to=below, yes=True)
    before = dump(server, empty_database)
    migrations.migrate(empty_database, to=KNOWN[number])
    up = dump(server, empty_database)
    migrations.migrate(empty_database, to=below, yes=True)
    assert dump(server, empty_database) == before
    migrations.migrate(empty_database, to=KNOWN[number])
    assert dump(server, empty_database) == up != before


def test_each_migration_sets_its_own_search_path() -> None:
    for file in (assets.folder("alembic") / "versions").glob("*.py"):
        for function in file.read_text(encoding="utf-8").split("\ndef ")[1:]:
            first = function.splitlines()[1].strip()
            assert first == 'op.execute("SET LOCAL search_path = pg_catalog")', f"{file.name}: {function}"


def test_every_key_sorts_by_bytes(database: str) -> None:
    with psycopg.connect(database) as c:
        rows = c.execute(
            """
            SELECT DISTINCT a.attrelid::regclass::text || '.' || a.attname
              FROM pg_index i
              JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'mastra'::regnamespace
              JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey)
             WHERE a.atttypid = 'text'::regtype AND a.attcollation <> '"C"'::regcollation
            """
        ).fetchall()
    assert rows == []


def test_a_round_trip_through_pg_dump_and_pg_restore_gives_an_equal_database(
    database: str, empty_database: str, server: Server
) -> None:
    with psycopg.connect(database) as c:
        c.execute("INSERT INTO mastra.entity VALUES ('e', 'Contacts', 'c', NULL, 7, 0, now(), now())")
        c.execute(
            "INSERT INTO mastra.records VALUES"
            " ('e', 'x', 'r', 'Contacts', '{\"a\": [1, \"ü\"]}', 7, 7, now(), now(), NULL)"
        )
    archive = str(server.folder / "archive")
    subprocess.run([str(server.bin / "pg_dump"), "-Fc", "-f", archive, database], check=True)
    subprocess.run(
        [str(server.bin / "pg_restore"), "--exit-on-error", "-d", empty_database, archive], check=True
    )
    assert dump(server, empty_database) == dump(server, database)
    assert migrations.migrate(empty_database).applied == ()
