"""Runs the migrations on the connection that the caller hands over, or on the one that the settings name."""

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

TABLE = {"version_table": "alembic_version", "version_table_schema": "mastra"}
given = context.config.attributes


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        on_version_apply=given.get("before_commit"),
        **TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


def write() -> None:
    # One transaction, unlike online: psql goes on after an error, and must not apply the next revision.
    context.configure(dialect_name="postgresql", **TABLE)
    with context.begin_transaction():
        for statement in given.get("prelude", ()):
            context.execute(statement)
        context.run_migrations()


if context.is_offline_mode():
    write()
elif "connection" in given:
    run(given["connection"])
else:
    import psycopg

    from mastra_cli.settings import require_url

    url = require_url().value
    with create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    ).connect() as connection:
        run(connection)
