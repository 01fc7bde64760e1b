"""Migrations against what else happens in a database: locks, kills, other owners, hostile settings."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from mastra_cli.errors import DatabaseUnreachable, LockBusy, MigrationFailed, PermissionDenied
from mastra_cli.local import assets, migrations
from mastra_cli.local.history import history
from mastra_cli.local.migrations_lock import KEY
from mastra_cli.local.reporter import Silent
from tests.postgres.dumps import dump, psql
from tests.servers import Server

HEAD = history()[-1].revision

Scratch = Callable[..., Path]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """Makes a folder of migrations: the package's own, then one a body, each named after its number."""
    folder = tmp_path / "100% my migrätions"

    def make(*bodies: str) -> Path:
        shutil.copytree(assets.folder("alembic"), folder, ignore=shutil.ignore_patterns("__pycache__"))
        below = HEAD
        for number, body in enumerate(bodies, 1):
            lines = "\n".join(f"    {line}" for line in body.splitlines())
            (folder / "versions" / f"x{number}.py").write_text(
                f'"""scratch {number}"""\n\nfrom alembic import op\n'
                "from mastra_cli.local.migrations_index import build_index\n\n"
                f"revision = 'x{number}'\ndown_revision = {below!r}\n\n"
                f"def upgrade() -> None:\n{lines}\n\ndef downgrade() -> None:\n    pass\n",
                encoding="utf-8",
            )
            below = f"x{number}"
        return folder

    return make


class Heard(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def revision(url: str) -> str | None:
    return migrations.state(url).revision


def columns(url: str, table: str) -> set[str]:
    with psycopg.connect(url) as c:
        return {
            r[0]
            for r in c.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = 'mastra' AND table_name = %s",
                (table,),
            )
        }


def test_the_cheap_reading_of_the_history_is_alembics() -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(assets.folder("alembic")))
    theirs = [(step.revision, step.doc) for step in script.walk_revisions()]
    assert [(r.revision, r.title) for r in history()] == theirs[::-1]
    assert script.get_heads() == [HEAD]


def test_state_reads_where_nothing_was_ever_made(empty_database: str, server: Server) -> None:
    before = dump(server, empty_database)
    state = migrations.state(empty_database)
    assert (state.revision, state.head, state.pending, state.ahead) == (None, HEAD, history(), False)
    assert dump(server, empty_database) == before


def test_state_says_when_the_database_is_ahead(database: str) -> None:
    with psycopg.connect(database) as c:
        c.execute("UPDATE mastra.alembic_version SET version_num = 'later'")
    state = migrations.state(database)
    assert (state.revision, state.pending, state.ahead) == ("later", (), True)


def test_nothing_to_do_loads_neither_alembic_nor_sqlalchemy(database: str) -> None:
    code = (
        "import sys; from mastra_cli.local import migrations; migrations.migrate(sys.argv[1]);"
        "print(sorted({'alembic', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, database], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_hostile_settings_of_the_database_change_nothing(
    empty_database: str, database: str, server: Server, scratch: Scratch
) -> None:
    name = empty_database.rpartition("/")[2]
    folder = scratch("op.execute('SELECT pg_sleep(0.6)')")
    with psycopg.connect(empty_database, autocommit=True) as c:
        c.execute("CREATE SCHEMA evil")
        # Before pg_catalog in the path, an operator, a function and a table catch what is not qualified.
        c.execute("CREATE FUNCTION evil.no(name, name) RETURNS bool LANGUAGE sql RETURN false")
        c.execute("CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.no)")
        c.execute("CREATE TABLE evil.pg_namespace (oid oid, nspname name)")
        for setting, value in {
            "search_path": "evil, pg_catalog, public",
            "statement_timeout": "300ms",
            "idle_session_timeout": "200ms",
            "idle_in_transaction_session_timeout": "200ms",
            "default_transaction_isolation": "serializable",
            "DateStyle": "SQL, DMY",
            "client_encoding": "LATIN1",
        }.items():
            c.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(name),
                    sql.Identifier(setting),
                    sql.SQL(value) if setting == "search_path" else sql.Literal(value),
                )
            )
    migrations.migrate(f"{empty_database}?client_encoding=SQL_ASCII", folder=folder)
    with psycopg.connect(database) as c:
        c.execute("UPDATE mastra.alembic_version SET version_num = 'x1'")
    same = ("--schema=mastra", "--encoding=UTF8")
    assert dump(server, empty_database, *same) == dump(server, database, *same)
    with psycopg.connect(empty_database) as c:
        assert c.execute("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname OPERATOR(pg_catalog.=) 'vector'"
                         ).fetchone() == ("public",)  # fmt: skip


def test_pgvector_stays_in_the_schema_where_it_is(empty_database: str) -> None:
    with psycopg.connect(empty_database) as c:
        c.execute("CREATE SCHEMA extensions")
        c.execute("CREATE EXTENSION vector SCHEMA extensions")
    migrations.migrate(empty_database)
    with psycopg.connect(empty_database) as c:
        assert c.execute("SELECT to_regtype('extensions.vector') IS NOT NULL").fetchone() == (True,)


def test_an_extension_that_was_dropped_comes_back(database: str) -> None:
    with psycopg.connect(database) as c:
        c.execute("DROP EXTENSION vector CASCADE")
    assert migrations.script(database)[1] == "CREATE EXTENSION vector SCHEMA public;\n"
    assert migrations.migrate(database).applied == ()
    with psycopg.connect(database) as c:
        assert c.execute("SELECT to_regtype('public.vector') IS NOT NULL").fetchone() == (True,)


def test_a_users_own_alembic_is_not_disturbed(empty_database: str, server: Server) -> None:
    with psycopg.connect(empty_database) as c:
        c.execute("CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY)")
        c.execute("INSERT INTO public.alembic_version VALUES ('theirs')")
    theirs = dump(server, empty_database, "-t", "public.alembic_version")
    migrations.migrate(empty_database)
    migrations.migrate(empty_database, to="base", yes=True)
    migrations.migrate(empty_database)
    assert dump(server, empty_database, "-t", "public.alembic_version") == theirs
    assert revision(empty_database) == HEAD


def test_a_failing_migration_is_rolled_back_and_named(database: str, scratch: Scratch) -> None:
    folder = scratch(
        "op.execute('CREATE TABLE mastra.one ()')",
        "op.execute('CREATE TABLE mastra.two ()')\nop.execute('SELECT 1 / 0')",
    )
    with pytest.raises(MigrationFailed) as caught:
        migrations.migrate(database, folder=folder)
    assert caught.value.message == (
        "migration x2 scratch 2 failed and was rolled back: division by zero (22012)"
    )
    assert caught.value.hint == "mend the cause, then migrate again: it goes on where this one ended"
    with psycopg.connect(database) as c:
        assert c.execute("SELECT to_regclass('mastra.one')::text, to_regclass('mastra.two')").fetchone() == (
            "mastra.one", None,
        )  # fmt: skip
    assert migrations.state(database, folder=folder).revision == "x1"


def test_a_migration_that_the_role_may_not_run_is_named(
    database: str, scratch: Scratch, admin: psycopg.Connection
) -> None:
    folder = scratch("op.execute('ALTER TABLE mastra.records ADD COLUMN extra int')")
    admin.execute("CREATE ROLE half LOGIN")
    with psycopg.connect(database, autocommit=True) as c:
        c.execute("GRANT USAGE, CREATE ON SCHEMA mastra TO half")
        c.execute("ALTER TABLE mastra.alembic_version OWNER TO half")
        with pytest.raises(PermissionDenied) as caught:
            migrations.migrate(database.replace("postgres@", "half@"), folder=folder)
        c.execute("DROP OWNED BY half")
    admin.execute("DROP ROLE half")
    assert caught.value.message == "migration x1 scratch 1 was refused: must be owner of table records"
    assert caught.value.hint == "migrate as the role that owns the schema mastra"


STRANGER = "something else writes mastra.alembic_version: find it, then migrate again"


def test_a_version_table_that_something_else_writes_is_noticed(database: str, scratch: Scratch) -> None:
    folder = scratch("op.execute('SELECT 1')")
    with psycopg.connect(database, autocommit=True) as c:
        c.execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'")
        c.execute(
            "CREATE TRIGGER keep BEFORE UPDATE ON mastra.alembic_version FOR EACH ROW EXECUTE FUNCTION keep()"
        )
        with pytest.raises(MigrationFailed) as caught:
            migrations.migrate(database, folder=folder)
        assert caught.value.message == "the migrations ran, and yet the database is not at revision x1"
        assert caught.value.hint == STRANGER
        c.execute("CREATE RULE keep AS ON UPDATE TO mastra.alembic_version DO INSTEAD NOTHING")
        with pytest.raises(MigrationFailed) as caught:
            migrations.migrate(database, folder=folder)
        assert caught.value.message.startswith("Alembic refused: Online migration expected to match one row")
        assert caught.value.hint == STRANGER


def test_to_stops_at_a_revision_and_says_what_is_beyond(empty_database: str, scratch: Scratch) -> None:
    folder = scratch("op.execute('SELECT 1')", "op.execute('SELECT 1')")
    done = migrations.migrate(empty_database, to="x1", folder=folder)
    assert (done.from_, done.to, [r.revision for r in done.pending]) == (None, "x1", ["x2"])
    done = migrations.migrate(empty_database, to=HEAD, yes=True, folder=folder)
    assert (done.from_, done.to, [a.revision for a in done.applied]) == ("x1", HEAD, ["x1"])
    done = migrations.migrate(empty_database, folder=folder)
    assert [a.revision for a in done.applied] == ["x1", "x2"]


def test_a_long_reader_is_named_and_nobody_queues_behind_the_migration(
    database: str, scratch: Scratch
) -> None:
    folder = scratch("op.execute('ALTER TABLE mastra.records ADD COLUMN extra int')")
    report, slowest = Heard(), 0.0
    failed: list[BaseException] = []

    def run() -> None:
        try:
            migrations.migrate(database, folder=folder, lock_timeout=0.3, report=report)
        except BaseException as error:
            failed.append(error)

    with psycopg.connect(database, application_name="the long reader") as reader:
        reader.execute("SELECT count(*) FROM mastra.records")
        thread = threading.Thread(target=run)
        thread.start()
        with psycopg.connect(database, autocommit=True) as other:
            while thread.is_alive():
                began = time.monotonic()
                other.execute("SELECT count(*) FROM mastra.records")
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(0.01)
        pid = reader.info.backend_pid
    [error] = failed
    assert isinstance(error, LockBusy)
    assert error.message.startswith(
        f"migration x1 scratch 1 needs a table that pid {pid} (the long reader, user postgres, since "
    )
    assert error.message.endswith("UTC) holds; it was asked for 4 times, 0.3 s each")
    assert error.hint == "try again when that session is done, or end it, or raise --lock-timeout"
    assert report.lines[0].startswith(f"waiting for a lock that pid {pid} (the long reader, user postgres")
    assert slowest < 1.5, "a reader waited longer than the lock's timeout"
    assert "extra" not in columns(database, "records")


def test_a_reader_that_ends_in_time_only_delays(database: str, scratch: Scratch) -> None:
    folder = scratch("op.execute('ALTER TABLE mastra.records ADD COLUMN extra int')")
    with psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM mastra.records")
        threading.Timer(0.7, reader.close).start()
        migrations.migrate(database, folder=folder, lock_timeout=0.3)
    assert "extra" in columns(database, "records")


def test_a_lost_lock_ends_the_migration_before_it_commits(database: str, scratch: Scratch) -> None:
    folder = scratch("op.execute('CREATE TABLE mastra.one ()')\nop.execute('SELECT pg_sleep(20)')")
    killed = threading.Event()

    def kill() -> None:
        with psycopg.connect(database, autocommit=True) as c:
            while not killed.is_set():
                if c.execute(
                    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l, pg_stat_activity a"
                    " WHERE l.locktype = 'advisory' AND l.granted AND a.query LIKE '%pg_sleep%'"
                    " AND a.pid <> pg_backend_pid() AND a.datname = current_database()"
                ).fetchall():
                    killed.set()
                time.sleep(0.02)

    thread = threading.Thread(target=kill)
    thread.start()
    began = time.monotonic()
    with pytest.raises(DatabaseUnreachable) as caught:
        migrations.migrate(database, folder=folder)
    killed.set()
    thread.join()
    assert time.monotonic() - began < 15
    assert caught.value.message == (
        "the connection that held the migration lock was lost; what was not finished was rolled back"
    )
    assert revision(database) == HEAD
    assert columns(database, "one") == set()


def test_a_connection_lost_while_it_waits_for_the_lock_says_so(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as c:
        c.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
        threading.Timer(0.5, lambda: c.execute(others, (c.info.backend_pid,))).start()
        with pytest.raises(DatabaseUnreachable) as caught:
            migrations.migrate(empty_database)
    assert caught.value.message.startswith("the database is shutting down or starting up: terminating")


# Forks once a statement: the child counts what it sends, and kills itself before the Nth.
KILLED_AT_EACH_STATEMENT = """
import os, signal, sys
import psycopg
from alembic import command
import sqlalchemy.dialects.postgresql.psycopg
from mastra_cli.local import migrations

url, to, number = sys.argv[1], sys.argv[2], 0
while True:
    number += 1
    child = os.fork()
    if not child:
        left = [number]
        def counting(method):
            def call(*args, **kwargs):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                return method(*args, **kwargs)
            return call
        psycopg.Cursor.execute = counting(psycopg.Cursor.execute)
        psycopg.Connection.commit = counting(psycopg.Connection.commit)
        migrations.migrate(url, to=to)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(number, status, flush=True)
    if status == 0:
        break
    sys.stdin.readline()
"""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_before_each_statement_the_next_run_completes(
    whole: bool, empty_database: str, server: Server
) -> None:
    """The first migration, with pgvector there already; `whole`: all of them, and pgvector is made too."""
    to = HEAD if whole else history()[0].revision
    wanted, kills = "", 0
    with (
        subprocess.Popen(
            [sys.executable, "-c", KILLED_AT_EACH_STATEMENT, empty_database, to],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        psycopg.connect(empty_database, autocommit=True) as c,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        while (line := process.stdout.readline()) and not line.endswith(" 0\n"):
            assert line.endswith(" 9\n"), line
            kills += 1
            migrations.migrate(empty_database, to=to)
            assert revision(empty_database) == to
            if kills % 10 == 1:
                # The first was killed before it sent anything.
                wanted = wanted or dump(server, empty_database)
                assert dump(server, empty_database) == wanted
            c.execute("DROP SCHEMA mastra CASCADE")
            if whole:
                c.execute("DROP EXTENSION vector")
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    assert kills > 20
    assert dump(server, empty_database) == wanted


@pytest.mark.slow
def test_killed_at_random_instants_the_next_run_completes(
    empty_database: str, database: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", empty_database)
    wanted, chance, killed = dump(server, database), random.Random(14), 0
    for _ in range(30):
        with subprocess.Popen(
            [sys.executable, "-m", "mastra_cli", "engine", "migrate"], stderr=subprocess.PIPE
        ) as process:
            assert process.stderr is not None
            process.stderr.readline()
            time.sleep(chance.uniform(0, 0.6))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += process.returncode == -signal.SIGKILL
        migrations.migrate(empty_database)
        assert dump(server, empty_database) == wanted
        with psycopg.connect(empty_database, autocommit=True) as c:
            c.execute("DROP SCHEMA mastra CASCADE")
            c.execute("DROP EXTENSION vector")
    assert killed > 15


BUILD = "build_index('built_idx', 'records', ['entity_type'])"
INDEX = """
SELECT i.indexrelid, i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass('mastra.built_idx')
"""


def test_an_invalid_index_of_a_killed_build_is_dropped_and_built_again(
    database: str, scratch: Scratch
) -> None:
    folder = scratch(BUILD)
    code = "import sys; from pathlib import Path; from mastra_cli.local import migrations as m; m.migrate(sys.argv[1], folder=Path(sys.argv[2]))"
    with psycopg.connect(database) as old, psycopg.connect(database, autocommit=True) as c:
        old.execute("SELECT txid_current()")
        old.execute("LOCK TABLE mastra.records IN ROW EXCLUSIVE MODE")
        with subprocess.Popen([sys.executable, "-c", code, database, str(folder)]) as process:
            deadline = time.monotonic() + 20
            while not (invalid := c.execute(INDEX).fetchone()):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.kill()
        assert invalid[1] is False
        # The server notices that its client is gone, though it waits for a lock.
        while c.execute(
            "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = current_database()"
        ).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert c.execute(INDEX).fetchone() == invalid
        old.rollback()
        migrations.migrate(database, folder=folder)
        built = c.execute(INDEX).fetchone()
        assert built is not None
        assert built[1] is True
        assert built[0] != invalid[0]


def test_a_valid_index_of_a_run_that_was_killed_afterwards_is_kept(database: str, scratch: Scratch) -> None:
    folder = scratch(BUILD)
    migrations.migrate(database, folder=folder)
    with psycopg.connect(database, autocommit=True) as c:
        built = c.execute(INDEX).fetchone()
        c.execute("UPDATE mastra.alembic_version SET version_num = %s", (HEAD,))
        migrations.migrate(database, folder=folder)
        assert c.execute(INDEX).fetchone() == built
        assert migrations.state(database, folder=folder).revision == "x1"


def test_a_lock_timeout_without_an_end_is_the_longest_there_is(empty_database: str) -> None:
    assert migrations.migrate(empty_database, lock_timeout=float("inf")).applied


def test_a_concurrent_build_waits_for_old_transactions_and_keeps_the_lock_timeout_of_the_rest(
    database: str, scratch: Scratch
) -> None:
    folder = scratch(
        f"{BUILD}\nop.execute(\"CREATE TABLE mastra.seen AS SELECT current_setting('lock_timeout')\")"
    )
    report = Heard()
    with psycopg.connect(database) as old:
        old.execute("LOCK TABLE mastra.records IN ROW EXCLUSIVE MODE")
        threading.Timer(1.5, old.close).start()
        migrations.migrate(database, folder=folder, lock_timeout=0.2, report=report)
    assert report.lines[0].startswith("waiting for a lock that pid ")
    with psycopg.connect(database) as c:
        assert c.execute("SELECT * FROM mastra.seen").fetchone() == ("200ms",)


def test_the_sql_of_a_concurrent_build_runs_outside_a_transaction(
    database: str, scratch: Scratch, server: Server
) -> None:
    folder = scratch(BUILD)
    _, script = migrations.script(database, folder=folder)
    psql(server, database, script)
    with psycopg.connect(database) as c:
        row = c.execute(INDEX).fetchone()
    assert row is not None
    assert row[1] is True
    assert migrations.state(database, folder=folder).revision == "x1"
