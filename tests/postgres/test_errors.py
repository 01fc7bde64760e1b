"""Errors of a real server, as our callers meet them."""

from __future__ import annotations

import psycopg
import pytest

from mastra_cli import errors
from mastra_cli.errors import translate

CASES: list[tuple[str, type[errors.MastraError], str, str | None]] = [
    ("SELECT * FROM mastra.nowhere", errors.NotMigrated,
     'a table of the schema is missing: relation "mastra.nowhere" does not exist',
     "run `mastra engine migrate`"),
    ("SELECT nothing FROM mastra.entity", errors.NotMigrated,
     'a column of the schema is missing: column "nothing" does not exist', "run `mastra engine migrate`"),
    ("CREATE TABLE nowhere.t ()", errors.NotMigrated,
     'the schema is missing: schema "nowhere" does not exist', "run `mastra engine migrate`"),
    ("SELECT NULL::public.halfvec2", errors.NotMigrated,
     'a type or an object of the schema is missing: type "public.halfvec2" does not exist',
     "run `mastra engine migrate`"),
    ("SET ROLE pg_monitor; TABLE pg_catalog.pg_authid", errors.PermissionDenied,
     "the role lacks a privilege: permission denied for table pg_authid",
     "`mastra engine migrate --grants ROLE` prints the grants that it needs"),
    ("BEGIN READ ONLY; CREATE TABLE public.t ()", errors.ReadOnly,
     "the server takes no writes: cannot execute CREATE TABLE in a read-only transaction",
     "connect to the primary"),
    ("SET statement_timeout = 10; SELECT pg_sleep(5)", errors.DeadlineExceeded,
     "the statement was cancelled: its time was up: canceling statement due to statement timeout",
     "allow it more time"),
    ("CREATE EXTENSION nothing_like_it", errors.ExtensionMissing,
     'the server has no pgvector: extension "nothing_like_it" is not available',
     "install pgvector on the database server"),
    ("SELECT 1/0", errors.DatabaseFailed, "the database reported an error: division by zero (22012)", None),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "cls", "message", "hint"), CASES, ids=[case[0][:40] for case in CASES])
def test_each_sqlstate_becomes_the_class_that_says_who_can_mend_it(
    database: str, statement: str, cls: type[errors.MastraError], message: str, hint: str | None
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement)
    error = translate(caught.value)
    assert type(error) is cls
    assert (error.message, error.hint) == (message, hint)


def test_a_stale_plan_is_not_taken_for_a_missing_extension(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.t (a int); PREPARE p AS SELECT * FROM public.t")
        connection.execute("ALTER TABLE public.t ADD b int")
        with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            connection.execute("EXECUTE p")
    error = translate(caught.value)
    assert isinstance(error, errors.DatabaseFailed)
    assert error.sqlstate == "0A000"


def test_a_lock_that_is_not_had_in_time(database: str) -> None:
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as connection:
        holder.execute("LOCK mastra.entity")
        with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
            connection.execute("SET lock_timeout = 10; LOCK mastra.entity")
    assert isinstance(translate(caught.value), errors.LockBusy)


def test_a_lost_connection_is_an_unreachable_database_and_may_come_back(
    database: str, admin: psycopg.Connection
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError) as first:
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError) as second:
            connection.execute("SELECT 1")
    for caught in (first, second):
        error = translate(caught.value)
        assert isinstance(error, errors.DatabaseUnreachable)
        assert error.transient


def test_what_is_ours_already_stays_as_it_is() -> None:
    error = errors.LockBusy("busy")
    assert translate(error) is error
