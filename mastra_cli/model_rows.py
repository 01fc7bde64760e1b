"""Between instances of generated models and rows: column names, what was left out, and JSON."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from psycopg import Cursor
from psycopg.types.json import Jsonb

from mastra_cli.errors import InvalidArgument

M = TypeVar("M")


class Unset(enum.Enum):
    """The type of `UNSET`."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET = Unset.UNSET
"""In a dataclass: this column is left to the database (None would be NULL)."""


class JsonColumn:
    """Annotates a json or jsonb column, so that `columns` wraps its value."""

    def __init__(self, *, any_json: bool = False) -> None:
        self.any_json = any_json

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        if not self.any_json:
            return handler(source)
        from pydantic import JsonValue

        return handler.generate_schema(JsonValue)


def columns(model: Any, typed_dict: Any = None) -> dict[str, Any]:
    """What an instance of a generated model sets, by column, ready to be bound: JSON comes wrapped.

    `INSERT INTO contact (...) VALUES (...)` of exactly these; what the instance leaves out is the database's.
    A dictionary does not know of which `typed_dict` it is: without it, nothing of it is wrapped.
    """
    if isinstance(model, dict):
        row = cast("dict[str, Any]", model)
        documents = _json_fields(typed_dict) if typed_dict is not None else {}
        return {
            name: _wrapped(value, documents[name]) if name in documents else value
            for name, value in row.items()
        }
    cls: Any = type(model)  # pyright: ignore[reportUnknownVariableType]
    given: Any = getattr(model, "model_fields_set", None)
    documents = _json_fields(cls)
    values: dict[str, Any] = {}
    for attribute, column in _columns(cls).items():
        value = getattr(model, attribute)
        left_out = value is UNSET or type(value).__name__ == "UnsetType"
        if left_out or (given is not None and attribute not in given):
            continue
        values[column] = _wrapped(value, documents[attribute]) if attribute in documents else value
    return values


def model_row(model: type[M]) -> Callable[[Cursor[Any]], Callable[[Sequence[Any]], M]]:
    """A row factory that makes instances of a generated model, whatever its style and its columns' names.

    `psycopg.rows.class_row` does for models in which no column had to be renamed.
    """
    validate: Any = getattr(model, "model_validate", None)
    attributes = {} if validate else {column: name for name, column in _columns(model).items()}

    def factory(cursor: Cursor[Any]) -> Callable[[Sequence[Any]], M]:
        names = [column.name for column in cursor.description or ()]
        if validate is not None:
            return lambda values: validate(dict(zip(names, values, strict=True)))
        fields = [attributes.get(name, name) for name in names]
        make: Callable[..., M] = model
        return lambda values: make(**dict(zip(fields, values, strict=True)))

    return factory


@cache
def _columns(cls: Any) -> dict[str, str]:
    """Attribute to column."""
    if hasattr(cls, "model_fields"):
        return {name: field.alias or name for name, field in cls.model_fields.items()}
    if hasattr(cls, "__struct_fields__"):
        named = dict(zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True))
        return named | getattr(cls, "__columns__", {})
    if dataclasses.is_dataclass(cls):
        return {field.name: field.metadata.get("column", field.name) for field in dataclasses.fields(cls)}
    if issubclass(cls, dict):
        return {}
    raise InvalidArgument(f"{cls.__name__} is no class that `mastra engine generate` makes")


@cache
def _json_fields(cls: Any) -> dict[str, int]:
    """The attributes that hold JSON, with how many arrays are around it (`jsonb[]`: 1)."""

    def depth(hint: Any) -> int | None:
        if any(isinstance(mark, JsonColumn) for mark in getattr(hint, "__metadata__", ())):
            return 0
        found = [d for d in map(depth, get_args(hint)) if d is not None]
        return found[0] + (get_origin(hint) is list) if found else None

    hints = get_type_hints(cls, include_extras=True)
    return {name: d for name, hint in hints.items() if (d := depth(hint)) is not None}


def _wrapped(value: Any, depth: int) -> Any:
    if value is None:
        return None
    return [_wrapped(item, depth - 1) for item in value] if depth else Jsonb(value, dumps=_dumps)


def _plain(value: Any) -> Any:
    """For what a comment's `@type` made of JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__struct_fields__"):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_dumps = partial(json.dumps, default=_plain)
