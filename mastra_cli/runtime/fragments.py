"""Pieces of SQL that carry their parameters, and the value at a path inside a jsonb column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from psycopg.sql import SQL, Composable, Literal

from mastra_cli.runtime.filter_tree import Path
from mastra_cli.runtime.operands import is_position

_PLAIN = re.compile(r"[A-Za-z0-9_ .:/@-]{1,63}", re.ASCII)


class Fragment(NamedTuple):
    """SQL with `%s` placeholders, and what is bound to them, in their order."""

    sql: Composable
    params: tuple[object, ...] = ()


def build(template: LiteralString, *parts: Fragment) -> Fragment:
    """The template with each `{}` replaced by the part in its turn."""
    return Fragment(
        SQL(template).format(*(part.sql for part in parts)),
        tuple(param for part in parts for param in part.params),
    )


def joined(separator: LiteralString, parts: Sequence[Fragment]) -> Fragment:
    return Fragment(
        SQL(separator).join(part.sql for part in parts),
        tuple(param for part in parts for param in part.params),
    )


def text(value: str) -> Fragment:
    return Fragment(SQL("%s::text"), (value,))


def json(value: str) -> Fragment:
    return Fragment(SQL("%s::jsonb"), (value,))


def number(value: str) -> Fragment:
    return Fragment(SQL("%s::numeric"), (value,))


def texts(values: Sequence[str]) -> Fragment:
    return Fragment(SQL("%s::text[]"), (list(values),))


def jsons(values: Sequence[str]) -> Fragment:
    return Fragment(SQL("%s::text[]::jsonb[]"), (list(values),))


def numbers(values: Sequence[str]) -> Fragment:
    return Fragment(SQL("%s::text[]::numeric[]"), (list(values),))


def value_at(column: Composable, path: Path, *, literal: bool = False) -> Fragment:
    """The jsonb value at the path; NULL when it is missing.

    A plain key is written into the SQL, so that the expression of an index is met whatever the plan; any
    other is bound (met by a plan that knows its parameters), or with `literal` quoted: for statements that
    bind nothing, in which `%` is not doubled.
    """
    value = Fragment(column)
    for key in path:
        # `->` never looks into an array; `#>` takes a position too, but -1, +1 and 01 as well.
        step = "({} #> ARRAY[{}])" if is_position(key) else "({} -> {})"
        quoted = literal or _PLAIN.fullmatch(key)
        value = build(step, value, build("{}::text", Fragment(Literal(key))) if quoted else text(key))
    return value


def text_of(value: Fragment) -> Fragment:
    """The text of a jsonb string."""
    return build("({} #>> '{{}}')", value)


# The order of values is this text, then the number. Of a string the first 500 code points: an entry of an
# index holds 2,704 bytes.
_TEXT_KEY: LiteralString = (
    "(CASE jsonb_typeof({}) WHEN 'null' THEN '0' WHEN 'string' THEN '1' || left({}, 500) "
    "WHEN 'number' THEN '2' WHEN 'boolean' THEN '3' || {} WHEN 'array' THEN '4' WHEN 'object' THEN '5' "
    'ELSE {} END COLLATE pg_catalog."C")'
)
_NUMBER_KEY: LiteralString = "(CASE jsonb_typeof({}) WHEN 'number' THEN {}::numeric ELSE 0 END)"


def text_key(value: Fragment, *, descending: bool = False) -> Fragment:
    """What values are ordered by first; a missing one has the last place in this direction."""
    missing = Fragment(SQL("''" if descending else "'6'"))
    return build(_TEXT_KEY, value, text_of(value), text_of(value), missing)


def number_key(value: Fragment) -> Fragment:
    """What numbers are ordered by."""
    return build(_NUMBER_KEY, value, value)
