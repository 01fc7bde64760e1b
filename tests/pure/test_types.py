"""What the annotations of `mastra_cli.types` let through."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Annotated, Any, Literal

import numpy as np
import pgvector
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mastra_cli.errors import InvalidArgument
from mastra_cli.types import (
    Array,
    JsonValue,
    Multirange,
    Number,
    Numeric,
    Range,
    SparseVector,
    Vector,
    columns,
)
from mastra_cli.types import array_items as items_of


@pytest.mark.parametrize(
    "given",
    [
        [1.0, 2.5],
        (1, 2.5),
        "[1,2.5]",
        np.array([1, 2.5], dtype=np.float32),
        pgvector.Vector([1, 2.5]),
        pgvector.HalfVector([1, 2.5]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_vector_is_taken_in_every_form_and_is_a_list(given: Any) -> None:
    assert TypeAdapter(Vector).validate_python(given) == [1.0, 2.5]


@pytest.mark.parametrize("given", ["1,2", "[a]", "[]", 5, [None]])
def test_what_is_no_vector_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Vector).validate_python(given)


def test_a_sparse_vector_is_taken_as_object_text_and_list() -> None:
    adapter: Any = TypeAdapter(SparseVector)
    wanted = pgvector.SparseVector({0: 1.0, 2: 2.0}, 3)
    for given_ in (wanted, "{1:1,3:2}/3", [1.0, 0.0, 2.0], np.array([1.0, 0.0, 2.0])):
        assert adapter.validate_python(given_) == wanted
    assert adapter.dump_json(wanted) == b'"{1:1.0,3:2.0}/3"'
    with pytest.raises(ValidationError):
        adapter.validate_python({1: 2})


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("{}", []),
        ("{a,NULL,b}", ["a", None, "b"]),
        ('{"a b","","\\"","\\\\",\'}', ["a b", "", '"', "\\", "'"]),
        ('{"NULL",null}', ["NULL", None]),
        ("{{a,b},{c,NULL}}", [["a", "b"], ["c", None]]),
        ("[0:1]={a,b}", ["a", "b"]),
    ],
)
def test_an_arrays_text_is_read(text: str, items: list[Any]) -> None:
    assert items_of(text) == items


@given(st.text())
def test_any_other_text_is_no_array(text: str) -> None:
    try:
        items = items_of(text)
    except ValueError:
        return
    assert isinstance(items, list)
    assert "{" in text


@given(st.lists(st.none() | st.text()))
def test_every_array_is_read_back(items: list[str | None]) -> None:
    quoted = ["NULL" if i is None else '"' + i.replace("\\", "\\\\").replace('"', '\\"') + '"' for i in items]
    assert items_of("{" + ",".join(quoted) + "}") == items


@pytest.mark.parametrize("value", [[], ["a", None], [["a", None], ["b", "c"]], [[["a"]], [["b"]]]])
def test_an_array_is_taken_at_any_depth(value: Any) -> None:
    adapter: Any = TypeAdapter(Array[str])
    assert adapter.validate_python(value) == value
    assert adapter.dump_python(value) == value
    with pytest.raises(ValidationError):
        adapter.validate_python([[1]])


def test_an_array_of_enums_is_taken_as_text() -> None:
    adapter: Any = TypeAdapter(Array[Literal["a", "b"]] | None)
    assert adapter.validate_python("{a,NULL}") == ["a", None]
    assert adapter.validate_python("{{a,NULL},{b,b}}") == [["a", None], ["b", "b"]]
    assert adapter.validate_python(["a"]) == ["a"]
    assert adapter.validate_python(None) is None
    with pytest.raises(ValidationError):
        adapter.validate_python("{c}")
    with pytest.raises(ValidationError):
        adapter.validate_python("a")


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (Number(5, 2), "999.99"),
        (Number(5, 2), "NaN"),
        (Number(5, 2), "1.500"),
        (Number(2, 4), "0.0099"),
        (Number(5, -3), "99999000"),
        (Number(), "Infinity"),
        (Number(), "NaN"),
        (Number(ge=0), "NaN"),
        (Number(ge="0.1", le=1), "0.1"),
        (Number(gt=0, lt=1), "0.5"),
    ],
)
def test_a_number_takes_what_postgres_takes(number: Number, value: str) -> None:
    adapter = TypeAdapter(Annotated[Numeric | None, number])
    assert str(adapter.validate_python(Decimal(value))) == value
    assert adapter.validate_python(None) is None


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (Number(5, 2), "1000"),
        (Number(5, 2), "1.005"),
        (Number(5, 2), "Infinity"),
        (Number(2, 4), "0.01"),
        (Number(5, -3), "1500"),
        (Number(5, -3), "1e8"),
        (Number(le=1), "NaN"),
        (Number(lt="1.5"), "1.5"),
        (Number(ge=0), "-0.1"),
        (Number(gt=0), "0"),
        (Number(le=1), "1.1"),
    ],
)
def test_a_number_refuses_what_postgres_refuses(number: Number, value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[Numeric, number]).validate_python(Decimal(value))


def test_a_float_with_bounds_takes_nan_as_postgres_does() -> None:
    assert str(TypeAdapter(Annotated[float, Number(ge=0)]).validate_python(float("nan"))) == "nan"
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[float, Number(ge=0)]).validate_python(-0.5)


def test_ranges_are_psycopgs_and_text_in_json() -> None:
    from psycopg.types.multirange import Multirange as PsycopgMultirange
    from psycopg.types.range import Range as PsycopgRange

    adapter: Any = TypeAdapter(Range[int])
    assert adapter.validate_python(PsycopgRange(1, 2)) == PsycopgRange(1, 2)
    assert adapter.dump_json(PsycopgRange(1, 2)) == b'"[1, 2)"'
    assert adapter.json_schema() == {"type": "string"}
    with pytest.raises(ValidationError):
        adapter.validate_python("[1,2)")
    many: Any = TypeAdapter(Multirange[int])
    assert many.validate_python(PsycopgMultirange()) == PsycopgMultirange()


def test_json_is_json_and_nothing_else() -> None:
    adapter: Any = TypeAdapter(JsonValue)
    value = {"a": [1, None, "x", {"b": 1.5}]}
    assert adapter.validate_python(value) == value
    with pytest.raises(ValidationError):
        adapter.validate_python({"a": object()})


def test_columns_refuses_a_class_that_was_not_generated() -> None:
    with pytest.raises(InvalidArgument, match="object is no class that `mastra engine generate` makes"):
        columns(object())


def test_importing_it_needs_no_pydantic_and_none_of_the_tools() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import sys, mastra_cli.types; print(*sorted({m.split('.')[0] for m in sys.modules}"
         " & {'pydantic', 'typer', 'alembic', 'sqlalchemy', 'docker', 'rich', 'datamodel_code_generator', 'numpy'}))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout == "\n"
