"""Each feature's schema becomes the committed module, in all four styles, and real rows fit into its classes.

After a change on purpose: `GOLDEN=write pytest tests/golden`, and read the diff.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
import psycopg
import pytest
from pgvector import SparseVector
from psycopg import sql
from psycopg.rows import dict_row
from pydantic import ConfigDict, TypeAdapter

from mastra_cli.codegen.annotations import Style
from mastra_cli.codegen.catalog import Selection, read_schema
from mastra_cli.codegen.render import render
from mastra_cli.types import TableModels, columns, register
from tests.golden.rows import ROWS

FOLDER = Path(__file__).parent
STYLES = get_args(Style)
FEATURES = sorted(path.stem for path in (FOLDER / "schemas").glob("*.sql"))
WRITE = os.environ.get("GOLDEN") == "write"
CASES = [(feature, style) for feature in [*FEATURES, "everything"] for style in STYLES]


def scripts(feature: str) -> list[str]:
    names = FEATURES if feature == "everything" else [feature]
    return [(FOLDER / "schemas" / f"{name}.sql").read_text() for name in names]


def generated(url: str, feature: str, style: Style, enums: Any = "literal") -> str:
    schemas = tuple(FEATURES) if feature == "everything" else (feature,)
    return render(read_schema(url, Selection(schemas)), style, enums).text


@pytest.fixture(scope="module")
def databases(admin: psycopg.Connection, server: Any) -> Iterator[dict[str, str]]:
    """A database a feature, and one that has everything."""
    urls: dict[str, str] = {}
    for feature in [*FEATURES, "everything"]:
        name = f"golden_{feature}"
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        urls[feature] = server.url(name)
        with psycopg.connect(urls[feature], autocommit=True) as connection:
            for script in scripts(feature):
                connection.execute(script)  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield urls
    for feature in urls:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(f"golden_{feature}")))


def module(feature: str, style: str) -> ModuleType:
    return importlib.import_module(f"tests.golden.modules.{feature}_{style}")


@pytest.mark.parametrize(("feature", "style"), CASES)
def test_the_module_is_the_committed_one(feature: str, style: Style, databases: dict[str, str]) -> None:
    path = FOLDER / "modules" / f"{feature}_{style}.py"
    text = generated(databases[feature], feature, style)
    if WRITE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_enums_as_classes(databases: dict[str, str]) -> None:
    path = FOLDER / "modules" / "enum_classes.py"
    text = generated(databases["enums"], "enums", "pydantic", "class")
    if WRITE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    models = importlib.import_module("tests.golden.modules.enum_classes")
    person = models.EnumsPerson.model_validate({"id": 1, "mood": "it's", "moods": '{sad,NULL,"very happy"}',
                                                "maybe": None, "none": None})  # fmt: skip
    assert person.mood is models.EnumsMood("it's")
    assert [mood and mood.name for mood in person.moods] == ["SAD", None, models.EnumsMood("very happy").name]


@pytest.mark.types
def test_every_module_passes_pyright_strict() -> None:
    modules = FOLDER / "modules"
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", str(FOLDER / "pyrightconfig.json"),
         "--pythonpath", sys.executable],
        capture_output=True, text=True, cwd=FOLDER,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(list(modules.glob("*.py"))) == len(CASES) + 1


def new_instance(models: TableModels, row: dict[str, Any], style: str) -> Any:
    """A row for the database, made through the insert class."""
    cls: Any = models.insert
    if style == "pydantic":
        return cls.model_validate(row)
    if style == "typeddict":
        return row
    if style == "msgspec":
        known = {column: name for name, column in getattr(cls, "__columns__", {}).items()}
        return msgspec.convert({known.get(name, name): value for name, value in row.items()}, cls)
    names = {field.metadata.get("column", field.name): field.name for field in dataclasses.fields(cls)}
    return cls(**{names[column]: value for column, value in row.items()})


def insert(
    connection: psycopg.Connection[Any], schema: str, table: str, values: dict[str, Any]
) -> dict[str, Any]:
    names = [sql.Identifier(name) for name in values]
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier(schema, table),
        sql.SQL(", ").join(names),
        sql.SQL(", ").join([sql.SQL("{}")] * len(names)),
    )
    # A column may be named %s: placeholders come last, by hand.
    text = statement.as_string(connection).replace("%", "%%").replace("{}", "%s")
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(text.encode(), list(values.values()))
        row = cursor.fetchone()
    assert row is not None
    return row


def dumped(instance: Any, style: str) -> dict[str, Any]:
    if style == "pydantic":
        return instance.model_dump(by_alias=True)
    return columns(instance) if style != "typeddict" else instance


def differences(got: dict[str, Any], wanted: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    assert got.keys() == wanted.keys()
    return [(name, got[name], wanted[name]) for name in got if not same(got[name], wanted[name])]


def same(got: Any, wanted: Any) -> bool:
    """Equal, of one type, and NaN is NaN; a JSON wrapper is what it wraps."""
    got = getattr(got, "obj", got)
    if isinstance(wanted, tuple | list):
        return len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(wanted, SparseVector):
        return isinstance(got, SparseVector) and got == wanted
    return type(got) is type(wanted) and (got == wanted or (got != got and wanted != wanted))


ROW_CASES = [(feature, style) for feature in [*ROWS, "everything"] for style in STYLES]


@pytest.mark.parametrize(("feature", "style"), ROW_CASES)
def test_rows_go_in_through_insert_and_come_back_as_rows(
    feature: str, style: str, databases: dict[str, str]
) -> None:
    tables: dict[str, TableModels] = module(feature, style).TABLES
    with psycopg.connect(databases[feature]) as connection:
        register(connection)
        schemas = ROWS if feature == "everything" else [feature]
        for schema, table, row in [(name, *entry) for name in schemas for entry in ROWS[name]]:
            models = tables[f"{schema}.{table}"]
            new = columns(new_instance(models, row, style), models.insert)
            assert new.keys() == row.keys()
            stored = insert(connection, schema, table, new)
            assert differences({name: stored[name] for name in row}, row) == []
            cls: Any = models.row
            if style == "pydantic":
                seen = cls.model_validate(stored)
            elif style == "msgspec":
                known = {column: name for name, column in getattr(cls, "__columns__", {}).items()}
                seen = msgspec.convert({known.get(name, name): value for name, value in stored.items()}, cls)
            else:
                cls.__pydantic_config__ = ConfigDict(
                    arbitrary_types_allowed=True, strict=True, revalidate_instances="always"
                )
                seen = TypeAdapter(cls).validate_python(
                    stored if style == "typeddict" else instance(cls, stored)
                )
            assert differences(dumped(seen, style), stored) == []
        connection.rollback()


def instance(cls: Any, row: dict[str, Any]) -> Any:
    names = {field.metadata.get("column", field.name): field.name for field in dataclasses.fields(cls)}
    return cls(**{names[column]: value for column, value in row.items()})
