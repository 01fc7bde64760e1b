"""An application role with the printed grants uses the whole library, and makes nothing."""

from __future__ import annotations

import psycopg
import pytest

from mastra_cli import cli
from mastra_cli.errors import PermissionDenied
from tests.faults import calls

ROLE = 'the "app" role'
NEEDS = {
    "index_field": ("by the owner of the table alone", "connect as the role that migrates"),
    "drop_field_index": ("by the owner of the table alone", "connect as the role that migrates"),
    "create_index": ("creating the index fresh", "it needs USAGE and CREATE on the schema mastra"),
    "build_index": ("building the index bare", "it needs to own its table"),
    "build_index/flat": ("building the index idx", "it needs to own its table"),
    "delete_index": ("deleting the index idx", "it needs to own its table"),
}


def test_a_role_with_the_printed_grants_uses_the_whole_library_and_no_ddl(
    database: str,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DB_URL", database)
    admin.execute(f'DROP ROLE IF EXISTS "{ROLE.replace(chr(34), chr(34) * 2)}"'.encode())
    admin.execute(f'CREATE ROLE "{ROLE.replace(chr(34), chr(34) * 2)}" LOGIN'.encode())
    assert cli.run(["engine", "migrate", "--grants", ROLE]) == 0
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(capsys.readouterr().out.encode())
        # Made after the grants: later tables are granted too.
        with calls.world(database) as w:
            calls.furnish(w)
        calls.save(database)
        refused: dict[str, tuple[str, str]] = {}
        try:
            url = database.replace("postgres@", "the%20%22app%22%20role@")
            for call in calls.CALLS:
                with calls.world(url) as w:
                    try:
                        call.run(w)
                    except PermissionDenied as error:
                        refused[call.name] = (error.message, error.hint or "")
                calls.restore(owner)
            with psycopg.connect(url) as c, pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute("CREATE TABLE mastra.own (n int)")
            with psycopg.connect(url) as c, pytest.raises(psycopg.errors.InsufficientPrivilege):
                c.execute("DELETE FROM mastra.alembic_version")
        finally:
            owner.execute(f'DROP OWNED BY "{ROLE.replace(chr(34), chr(34) * 2)}"'.encode())
            admin.execute(f'DROP ROLE "{ROLE.replace(chr(34), chr(34) * 2)}"'.encode())
    for name, (words, hint) in NEEDS.items():
        message, given = refused.pop(name)
        assert words in message
        assert given == hint
    assert {name: hint for name, (_, hint) in refused.items() if name not in ("rebuild", "drop")} == {}
    assert all(hint for _, hint in refused.values())
