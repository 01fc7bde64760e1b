"""Runs the migrations on the connection that the caller hands over, or on the one that the settings name."""

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        version_table="alembic_version",
        version_table_schema="mastra",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    import psycopg

    from mastra_cli.settings import require_url

    url = require_url().value
    with create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    ).connect() as connection:
        run(connection)
