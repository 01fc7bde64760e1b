"""The SQL that makes a role an application role: all that the library does, and no DDL."""

from __future__ import annotations

from dataclasses import dataclass

from mastra_cli.errors import NotMigrated, Usage
from mastra_cli.local import preflight
from mastra_cli.local.migrations_session import reading, session

# The server quotes the names; none is in a comment, where a line break in it would end the comment.
_GRANTS = """
SELECT format($sql$-- To be run by the owner of the database, or by a superuser.
GRANT CONNECT, TEMPORARY ON DATABASE %%2$I TO %%1$I;
GRANT USAGE ON SCHEMA mastra TO %%1$I;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mastra TO %%1$I;
REVOKE INSERT, UPDATE, DELETE ON mastra.alembic_version FROM %%1$I;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA mastra TO %%1$I;
GRANT USAGE ON SCHEMA %%4$I TO %%1$I;
-- For the tables that later migrations make:
ALTER DEFAULT PRIVILEGES FOR ROLE %%3$I IN SCHEMA mastra
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %%1$I;
ALTER DEFAULT PRIVILEGES FOR ROLE %%3$I IN SCHEMA mastra
    GRANT USAGE, SELECT ON SEQUENCES TO %%1$I;
$sql$, %(role)s::text, current_database(), pg_get_userbyid(v.relowner), s.nspname),
       EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s::text)
  FROM pg_class v, pg_extension e
  JOIN pg_namespace s ON s.oid = e.extnamespace
 WHERE v.oid = 'mastra.alembic_version'::regclass AND e.extname = 'vector'
"""


@dataclass(frozen=True, slots=True)
class Grants:
    sql: str
    role_exists: bool
    revision: str


def grants_for(url: str, role: str) -> Grants:
    """The grants for `role`, which need not exist yet; the database must be migrated. Nothing is written."""
    if role == "public" or not 1 <= len(role.encode("utf-8", "replace")) <= 63 or "\0" in role:
        raise Usage(
            "--grants takes the name of one role, of 1 to 63 bytes", hint="name the application's own role"
        )
    with session(url) as connection:
        facts = preflight.look(connection)
        if not facts.revisions or facts.extension is None:
            raise NotMigrated(
                "there is nothing to grant yet: the database is not migrated",
                hint="run `mastra engine migrate`",
            )
        with reading(connection):
            row = connection.execute(_GRANTS, {"role": role}).fetchone()
    assert row is not None
    return Grants(row[0], row[1], facts.revisions[0])
