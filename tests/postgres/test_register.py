"""`mastra_cli.types.register`, and models on the rows of a connection with it and without."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pgvector
import psycopg
import pytest
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from mastra_cli.types import columns, model_row, register, register_async
from tests.golden.shapes import Size

SCHEMAS = Path(__file__).parent.parent / "golden" / "schemas"
FEATURES = ("enums", "arrays", "domains", "composites", "ranges", "vectors", "scalars", "documents")

VALUES = [
    ("'very happy'::enums.mood", "very happy"),
    ("ARRAY['sad', NULL]::enums.mood[]", ["sad", None]),
    ("'[1,2.5]'::vector", [1.0, 2.5]),
    ("'[1,2.5]'::halfvec(2)", [1.0, 2.5]),
    ("ARRAY['[1,2]', NULL]::vector[]", [[1.0, 2.0], None]),
    ("'{1:1,3:2}/3'::sparsevec", pgvector.SparseVector({0: 1.0, 2: 2.0}, 3)),
    ("B'1010000011'::bit(10)", "1010000011"),
    ("B'11'::varbit", "11"),
    ("ARRAY[B'101']::bit(3)[]", ["101"]),
    ("'[0.5,1.5)'::ranges.floats", Range(0.5, 1.5, "[)")),
    ("ARRAY[1, NULL]::domains.rating[]", [1, None]),
    ("ARRAY[1.5]::domains.half[]", [1.5]),
    ("'{a}'::domains.tags", ["a"]),
    ("ROW(1, NULL)::composites.place", (1.0, None)),
    ("ROW('s', NULL, 'work', ROW(1, 2))::composites.address", ("s", None, "work", (1.0, 2.0))),
    ("ARRAY[ROW(1, 2)]::composites.place[]", [(1.0, 2.0)]),
]


@pytest.fixture(scope="module")
def url(server: Any, admin: psycopg.Connection) -> Iterator[str]:
    admin.execute("CREATE DATABASE registered TEMPLATE template0")
    with psycopg.connect(server.url("registered"), autocommit=True) as connection:
        for feature in FEATURES:
            connection.execute((SCHEMAS / f"{feature}.sql").read_text())  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield server.url("registered")
    admin.execute("DROP DATABASE registered WITH (FORCE)")


def models(feature: str, style: str = "pydantic") -> Any:
    return importlib.import_module(f"tests.golden.modules.{feature}_{style}")


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_a_registered_connection_returns_the_values_that_models_describe(url: str, binary: bool) -> None:
    with psycopg.connect(url) as connection:
        register(connection)
        for expression, value in VALUES:
            row = connection.execute(f"SELECT {expression}", binary=binary).fetchone()  # pyright: ignore
            assert row is not None
            assert row[0] == value, expression
            assert isinstance(row[0], type(value)), expression


async def test_the_same_on_an_asynchronous_connection(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await register(connection)
        for expression, value in VALUES:
            cursor = await connection.execute(f"SELECT {expression}")  # pyright: ignore
            assert await cursor.fetchone() == (value,), expression


async def test_it_fits_a_pools_configure(url: str) -> None:
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    with ConnectionPool(url, min_size=1, configure=register) as pool, pool.connection() as connection:
        row = connection.execute("SELECT '[1]'::vector").fetchone()
        assert row == ([1.0],)
    async with AsyncConnectionPool(url, min_size=1, configure=register_async) as pool:
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT '[1]'::vector")).fetchone() == ([1.0],)


def test_it_leaves_a_transaction_as_it_was(url: str) -> None:
    with psycopg.connect(url) as connection:
        register(connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        connection.execute("CREATE TABLE public.x (i int)")
        register(connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        connection.rollback()


def test_composites_are_named_tuples(url: str) -> None:
    with psycopg.connect(url) as connection:
        register(connection)
        row = connection.execute("SELECT ROW(1, 2)::composites.place").fetchone()
        assert row is not None
        assert (row[0].lat, row[0].lon) == (1.0, 2.0)


def test_class_row_makes_models(url: str) -> None:
    person = models("composites").CompositesPerson
    with psycopg.connect(url) as connection:
        register(connection)
        connection.execute(
            "INSERT INTO composites.person VALUES (1, ROW('s', NULL, 'home', ROW(1, 2)), '{}', NULL)"
        )
        with connection.cursor(row_factory=class_row(person)) as cursor:
            row = cursor.execute("SELECT * FROM composites.person").fetchone()
        assert row is not None
        assert isinstance(row.home, models("composites").CompositesAddress)
        assert (row.home.street, row.home.kind, row.home.place.lat) == ("s", "home", 1.0)
        connection.rollback()


@pytest.mark.parametrize("style", ["pydantic", "dataclass", "typeddict", "msgspec"])
def test_model_row_knows_renamed_columns_in_every_style(url: str, style: str) -> None:
    cls = models("names", style).NamesField
    with psycopg.connect(url) as connection:
        with connection.cursor(row_factory=model_row(cls)) as cursor:
            row = cursor.execute('SELECT 1 AS id, 2 AS "class", 3 AS "with space"').fetchone() if style in (
                "typeddict") else cursor.execute(select_all(cls, style)).fetchone()  # fmt: skip
        if style == "typeddict":
            assert row == {"id": 1, "class": 2, "with space": 3}
        else:
            assert (row.class_, row.with_space_xb8b8f2, row.with_space) == (7, 7, 7)


def select_all(cls: Any, style: str) -> Any:
    from mastra_cli.model_rows import _columns  # pyright: ignore[reportPrivateUsage]

    other = {"date": "'2024-01-01'::date", "time": "'1:00'::time", "datetime": "now()::timestamp",
             "timedelta": "'1 day'::interval", "str": "'s'"}  # fmt: skip
    quoted = (
        f'{other.get(column, 7)} AS "{column.replace(chr(34), chr(34) * 2)}"'
        for column in _columns(cls).values()
    )
    return f"SELECT {', '.join(quoted)}".encode()


def test_pydantic_models_take_the_text_of_a_bare_connection(url: str) -> None:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute(
            "INSERT INTO vectors.item VALUES (1, '[1,2,3]', '[1]', '[1,2]', '{1:1}/5', B'1111')"
        )
        connection.execute(
            "INSERT INTO enums.person VALUES (1, 'ok', ARRAY['sad', NULL, 'very happy']::enums.mood[])"
        )
        item = models("vectors").VectorsItem.model_validate(
            connection.execute("TABLE vectors.item").fetchone()
        )
        assert (item.embedding, item.any_length, item.half, item.bits) == (
            [1.0, 2.0, 3.0],
            [1.0],
            [1.0, 2.0],
            "1111",
        )
        assert item.sparse == pgvector.SparseVector({0: 1.0}, 5)
        person = models("enums").EnumsPerson.model_validate(
            connection.execute("TABLE enums.person").fetchone()
        )
        assert (person.mood, person.moods) == ("ok", ["sad", None, "very happy"])
        connection.rollback()


def test_pydantic_models_take_what_pgvectors_own_registration_returns(url: str) -> None:
    from pgvector.psycopg import register_vector

    with psycopg.connect(url, row_factory=dict_row) as connection:
        register_vector(connection)
        connection.execute(
            "INSERT INTO vectors.item VALUES (1, '[1,2,3]', '[1]', '[1,2]', '{1:1}/5', B'1111')"
        )
        item = models("vectors").VectorsItem.model_validate(
            connection.execute("TABLE vectors.item").fetchone()
        )
        assert (item.embedding, item.half) == ([1.0, 2.0, 3.0], [1.0, 2.0])
        connection.rollback()


def test_a_vector_of_another_length_is_refused() -> None:
    insert = models("vectors").VectorsItemInsert
    insert(id=1, embedding=np.zeros(3), bits="1010")
    with pytest.raises(ValueError, match="at least 3 items"):
        insert(id=1, embedding=[1.0, 2.0], bits="1010")


def test_json_is_wrapped_and_a_commented_class_is_written_and_read(url: str) -> None:
    module = models("documents")
    new = columns(module.DocumentsPageInsert(id=1, body={"a": 1}, meta=[1], size=Size(2, 3)))
    assert [type(new[name]) for name in ("body", "meta", "size")] == [Jsonb, Jsonb, Jsonb]
    with psycopg.connect(url, row_factory=model_row(module.DocumentsPage)) as connection:
        page = connection.execute(
            "INSERT INTO documents.page (id, body, meta, size) VALUES (%(id)s, %(body)s, %(meta)s, %(size)s) RETURNING *",
            new,
        ).fetchone()
    assert page is not None
    assert (page.body, page.meta, page.size, page.bad) == ({"a": 1}, [1], Size(2, 3), None)


def test_what_an_update_leaves_out_is_not_set_and_none_is_null() -> None:
    assert columns(models("defaults").DefaultsTaskUpdate(note=None)) == {"note": None}
    assert columns(models("defaults", "dataclass").DefaultsTaskUpdate(note=None)) == {"note": None}
    assert columns(models("defaults", "msgspec").DefaultsTaskUpdate(note=None)) == {"note": None}
