"""Schemas that nobody here wrote: generated, imported, and every row of theirs goes through the models and back."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from mastra_cli.codegen.annotations import Style
from mastra_cli.codegen.catalog import Selection, read_schema
from mastra_cli.codegen.render import render
from mastra_cli.types import columns, model_row, register

FOLDER = Path(__file__).parent / "published"

# Django's own migrations, and rows that its ORM writes.
DJANGO = """
import sys, django
from django.conf import settings
host, port, name = sys.argv[1:]
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port, "NAME": name,
                           "USER": "postgres"}},
    INSTALLED_APPS=["django.contrib." + app for app in
                    ("admin", "auth", "contenttypes", "sessions", "messages", "sites", "flatpages", "redirects")],
    USE_TZ=True, SITE_ID=1, SECRET_KEY="x", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import Group, User
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.create_superuser("ann", "ann@example.org", "secret")
user.groups.add(Group.objects.create(name="staff"))
LogEntry.objects.create(user=user, action_flag=1, object_repr="x")
SessionStore().create()
"""


@pytest.fixture(scope="module")
def databases(server: Any, admin: psycopg.Connection) -> Iterator[Callable[[str], str]]:
    made: dict[str, str] = {}

    def database(name: str) -> str:
        if name not in made:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            made[name] = server.url(name)
            if name == "django":
                where = conninfo_to_dict(made[name])
                arguments = [str(where["host"]), str(where["port"]), name]
                subprocess.run([sys.executable, "-c", DJANGO, *arguments], check=True)
            else:
                with psycopg.connect(made[name], autocommit=True) as connection:
                    connection.execute((FOLDER / f"{name}.sql").read_text())  # pyright: ignore
        return made[name]

    yield database
    for name in made:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def select(connection: psycopg.Connection[Any], table: str) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT * FROM {} AS t ORDER BY t::text").format(sql.Identifier(*table.split(".")))
    return connection.execute(query).fetchall()


def make(cls: Any, row: dict[str, Any], style: str) -> Any:
    if style == "pydantic":
        return cls.model_validate(row)
    if style == "typeddict":
        return row
    return msgspec.convert(row, cls) if style == "msgspec" else cls(**row)


@pytest.mark.parametrize("style", get_args(Style))
@pytest.mark.parametrize("name", ["northwind", "pagila", "rails", "django"])
def test_its_rows_go_through_the_models_and_back(
    name: str, style: Style, databases: Callable[[str], str]
) -> None:
    url = databases(name)
    rendered = render(read_schema(url, Selection()), style)
    assert rendered.unsupported == ()
    assert "Any" not in rendered.text
    module = types.ModuleType(f"{name}_{style}")
    sys.modules[module.__name__] = module
    exec(compile(rendered.text, module.__name__, "exec"), module.__dict__)
    tables = module.TABLES
    with psycopg.connect(url, row_factory=dict_row) as connection:
        register(connection)
        connection.execute("SET session_replication_role = replica")
        stored = {table: select(connection, table) for table in tables}
        assert sum(map(bool, stored.values())) > len(stored) / 2
        for table, models in tables.items():
            with connection.cursor(row_factory=model_row(models.row)) as cursor:
                cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*table.split("."))))
                assert len(cursor.fetchall()) == len(stored[table])
            if style == "msgspec":
                msgspec.convert(stored[table], list[models.row])
        written = {table: models.insert for table, models in tables.items() if models.insert}
        for table in written:
            connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(*table.split("."))))
        for table, cls in written.items():
            names = columns_of(cls)
            for row in stored[table]:
                new = columns(make(cls, {k: v for k, v in row.items() if k in names}, style), cls)
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(*table.split(".")),
                    sql.SQL(", ").join(map(sql.Identifier, new)),
                    sql.SQL(", ").join([sql.Placeholder()] * len(new)),
                )
                connection.execute(statement, list(new.values()))
            again = select(connection, table)
            assert comparable(again, names) == comparable(stored[table], names)
        connection.rollback()


def comparable(rows: list[dict[str, Any]], names: set[str]) -> list[str]:
    """Without what the database makes itself, such as an identity; and in an order that does not hang on it."""
    return sorted(repr({name: row[name] for name in row if name in names}) for row in rows)


def columns_of(cls: Any) -> set[str]:
    if hasattr(cls, "model_fields"):
        return {field.alias or name for name, field in cls.model_fields.items()}
    return set(getattr(cls, "__struct_encode_fields__", None) or cls.__annotations__)
