"""Alembic as a library: the schema's migrations, applied under a lock."""

from __future__ import annotations

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from mastra_cli.local import assets


def migrate(url: str) -> None:
    """Bring the database to the newest revision."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA IF NOT EXISTS mastra")
        admin.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    config = Config()
    config.set_main_option("script_location", str(assets.folder("alembic")))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
