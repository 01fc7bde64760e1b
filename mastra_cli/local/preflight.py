"""What is in the database before a migration, and what this role may do there. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import dict_row

from mastra_cli.errors import ExtensionMissing, PermissionDenied, ReadOnly, ServerUnsupported
from mastra_cli.local.migrations_session import reading

OLDEST = 150000

# Catalogs alone: to_regclass('mastra.x') fails without USAGE on the schema.
_FACTS = """
SELECT quote_ident(current_user) AS role,
       quote_ident(d.datname) AS database,
       current_setting('transaction_read_only')::bool AS read_only,
       has_database_privilege(d.oid, 'CREATE') AS may_create,
       n.oid IS NOT NULL AS schema,
       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'), false)
           AS may_use,
       v.oid IS NOT NULL AS versioned,
       coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(v.oid, 'SELECT'), false)
           AS may_read,
       CASE WHEN NOT pg_has_role(v.relowner, 'USAGE') THEN quote_ident(pg_get_userbyid(v.relowner)) END
           AS other_owner,
       (SELECT quote_ident(s.nspname)
          FROM pg_extension e JOIN pg_namespace s ON s.oid = e.extnamespace
         WHERE e.extname = 'vector') AS extension
  FROM pg_database d
  LEFT JOIN pg_namespace n ON n.nspname = 'mastra'
  LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = 'alembic_version'
 WHERE d.datname = current_database()
"""

_REVISIONS = "SELECT version_num FROM mastra.alembic_version ORDER BY 1"

_OFFERED = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"

_EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names are quoted for SQL."""

    role: str
    database: str
    read_only: bool
    may_create: bool
    """CREATE on the database."""
    schema: bool
    may_use: bool
    """USAGE and CREATE on the schema."""
    versioned: bool
    """Whether the version table is there."""
    may_read: bool
    """SELECT on the version table."""
    other_owner: str | None
    """Who migrated it before, where that is a role that this one is no member of."""
    extension: str | None
    """The schema that pgvector is in; None: it is not in this database."""
    revisions: tuple[str, ...] = ()

    @property
    def prepared(self) -> bool:
        return self.schema and self.extension is not None


def look(connection: psycopg.Connection) -> Facts:
    """The facts; a server on which the schema can not live is refused."""
    info = connection.info
    if info.server_version < OLDEST:
        version = f"{info.server_version // 10000}.{info.server_version % 10000}"
        raise ServerUnsupported(
            f"the server is Postgres {version}, and 15 or newer is needed", hint="upgrade the database server"
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ServerUnsupported(
            f"the database's encoding is {encoding}, and UTF8 is needed: it alone can store every text",
            hint="use another database: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0;",
        )
    with reading(connection), connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_FACTS).fetchone()
        assert row is not None
        if row["versioned"] and not row["may_read"]:
            raise PermissionDenied(
                f"the role {row['role']} may not read the revision, mastra.alembic_version",
                hint=_for_an_admin(
                    f"GRANT USAGE ON SCHEMA mastra TO {row['role']};",
                    f"GRANT SELECT ON mastra.alembic_version TO {row['role']};",
                ),
            )
        if row["versioned"]:
            row["revisions"] = tuple(r["version_num"] for r in cursor.execute(_REVISIONS))
    return Facts(**row)


def require_privileges(connection: psycopg.Connection, facts: Facts) -> None:
    """What a migration needs and this role lacks, all of it in one error, as SQL for an admin."""
    if facts.read_only:
        raise ReadOnly(
            "the database takes no writes: it is a standby, or its transactions are read-only by default",
            hint="connect to the primary, or as a role without default_transaction_read_only",
        )
    if facts.extension is None and connection.execute(_OFFERED).fetchone() is None:
        raise ExtensionMissing(
            "the server has no pgvector",
            hint="install it on the database server: postgresql-NN-pgvector, or the image pgvector/pgvector",
        )
    lacks: list[str] = []
    if not facts.schema and not facts.may_create:
        lacks += ["CREATE SCHEMA mastra;", f"GRANT USAGE, CREATE ON SCHEMA mastra TO {facts.role};"]
    elif facts.schema and not facts.may_use:
        lacks += [f"GRANT USAGE, CREATE ON SCHEMA mastra TO {facts.role};"]
    if facts.other_owner:
        lacks += [f"GRANT {facts.other_owner} TO {facts.role};"]
    if lacks:
        # Whether this role may create the extension shows only when it tries, but the admin comes once.
        if facts.extension is None:
            lacks += [_EXTENSION]
        raise PermissionDenied(
            f"the role {facts.role} may not migrate the database {facts.database}", hint=_for_an_admin(*lacks)
        )


def prepare(connection: psycopg.Connection, facts: Facts) -> None:
    """Make the schema and the extension where they are not there: both or none. Under the lock."""
    try:
        with connection.transaction():
            # Not without looking: with IF NOT EXISTS too, CREATE SCHEMA needs CREATE on the database.
            if not facts.schema:
                connection.execute("CREATE SCHEMA IF NOT EXISTS mastra")
            if facts.extension is None:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except psycopg.errors.InsufficientPrivilege as error:
        raise ExtensionMissing(
            f"the role {facts.role} may not create the extension pgvector in the database {facts.database}",
            hint=_for_an_admin(_EXTENSION),
        ) from error
    except psycopg.errors.InvalidSchemaName as error:
        raise ExtensionMissing(
            f"pgvector has no schema to be made in: the database {facts.database} has no schema public",
            hint=_for_an_admin("CREATE SCHEMA public;", _EXTENSION),
        ) from error


def _for_an_admin(*statements: str) -> str:
    return "\n".join(("an admin runs this SQL in the database, then try again:", *statements))
