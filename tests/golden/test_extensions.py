"""Types that extensions bring, on Debian's PostgreSQL, which has them; and XML, which the embedded server has not."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from mastra_cli.codegen.annotations import Style
from mastra_cli.codegen.catalog import Selection, read_schema
from mastra_cli.codegen.render import render
from mastra_cli.types import columns, register
from tests.servers import Server

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
BIN = FOUND[-1].parent if FOUND else Path("/usr/lib/postgresql/bin")
SCRIPT = """
CREATE SCHEMA ext; SET search_path = public, ext;
CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION cube SCHEMA ext; CREATE EXTENSION isn SCHEMA ext; CREATE EXTENSION postgis SCHEMA ext;
CREATE EXTENSION pg_stat_statements SCHEMA public;
CREATE TABLE public.place (
  id int PRIMARY KEY, name ext.citext NOT NULL CHECK (name IN ('a', 'b')), names ext.citext[], attributes ext.hstore,
  path ext.ltree, paths ext.ltree[], box ext.cube, isbn ext.isbn13, document xml,
  shape ext.geometry(Point, 4326), globe ext.geography, shapes ext.geometry[]
);
INSERT INTO public.place VALUES (1, 'A', '{x,NULL}', 'a=>1,b=>NULL', 'a.b', '{a.b}', '(1,2)', '9780393040029',
  '<a>b</a>', 'SRID=4326;POINT(1 2)', 'POINT(1 2)', ARRAY['POINT(1 2)'::ext.geometry]);
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    assert FOUND, "this test needs Debian's PostgreSQL: apt install postgresql postgresql-contrib"
    assert (Path("/usr/share/postgresql") / BIN.parent.name / "extension/postgis.control").exists(), (
        "this test needs PostGIS: apt install postgresql-postgis"
    )
    server = Server(bin=BIN)
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(SCRIPT)
        yield server.url()
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.parametrize("style", get_args(Style))
def test_their_values_are_text_and_go_through_the_models_and_back(style: Style, url: str) -> None:
    schema = read_schema(url, Selection())
    # What an extension made (spatial_ref_sys, pg_stat_statements) is not ours to model.
    assert [str(table.name) for table in schema.tables] == ["public.place"]
    rendered = render(schema, style)
    assert rendered.unsupported == ()
    module = types.ModuleType(f"extensions_{style}")
    sys.modules[module.__name__] = module
    exec(compile(rendered.text, module.__name__, "exec"), module.__dict__)
    models: Any = module.TABLES["public.place"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        register(connection)
        row = connection.execute("TABLE public.place").fetchone()
        assert row is not None
        assert {name for name, value in row.items() if not isinstance(value, str)} == {
            "id",
            "names",
            "paths",
            "shapes",
        }
        # citext takes 'A' for 'a': no Literal.
        assert (row["name"], row["names"]) == ("A", ["x", None])
        if style == "pydantic":
            assert models.row.model_validate(row).model_dump() == row
            new = columns(models.insert.model_validate(row))
        elif style == "msgspec":
            assert msgspec.to_builtins(msgspec.convert(row, models.row)) == row
            new = columns(msgspec.convert(row, models.insert))
        else:
            models.row(**row)
            new = columns(models.insert(**row))
        connection.execute("TRUNCATE public.place")
        names = ", ".join(new)
        places = ", ".join(f"%({name})s" for name in new)
        # The list of text is one of citext, ltree and geometry in the end: those need the cast that psycopg leaves out.
        places = places.replace("%(shapes)s", "%(shapes)s::ext.geometry[]").replace(
            "%(paths)s", "%(paths)s::ext.ltree[]"
        )
        again = connection.execute(
            f"INSERT INTO public.place ({names}) VALUES ({places}) RETURNING *".encode(), new
        ).fetchone()
        assert again == row
        connection.rollback()


@pytest.mark.slow
def test_a_nondeterministic_collation_makes_no_literal(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """CREATE COLLATION ext.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE SCHEMA blind; CREATE TABLE blind.t (n text COLLATE ext.blind CHECK (n IN ('a')), m text CHECK (m IN ('a')));
            INSERT INTO blind.t VALUES ('A', 'a');"""
        )
    text = render(read_schema(url, Selection(("blind",)))).text
    assert "n: str | None" in text
    assert 'm: Literal["a"] | None' in text
