"""Filters and sorts evaluated naively over Python values, written from the rules and from nothing else."""

from __future__ import annotations

import re
from fractions import Fraction

RANKS = {"null": 0, "string": 1, "number": 2, "boolean": 3, "array": 4, "object": 5}


def kind(value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", list: "array", dict: "object"}[type(value)]


def number(value) -> Fraction:
    return Fraction(repr(value))


def equal(a, b) -> bool:
    if kind(a) != kind(b):
        return False
    if kind(a) == "number":
        return number(a) == number(b)
    if kind(a) == "array":
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if kind(a) == "object":
        return set(a) == set(b) and all(equal(a[key], b[key]) for key in a)
    return a == b


def keys_of(field) -> list[str]:
    if isinstance(field, list):
        return field
    keys = field.split(".")
    return keys[1:] if len(keys) > 1 and keys[0] == "data" else keys


def found(document, keys) -> list:
    """The value at the keys in a list of one, or nothing."""
    for key in keys:
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and re.fullmatch("0|[1-9][0-9]*", key) and int(key) < len(document):
            document = document[int(key)]
        else:
            return []
    return [document]


def compared(value, operand, relations) -> bool:
    if kind(value) != kind(operand):
        return False
    a, b = (number(value), number(operand)) if kind(value) == "number" else (value, operand)
    return ("<" if a < b else ">" if a > b else "=") in relations


def encloses(outer, inner) -> bool:
    if kind(outer) != kind(inner):
        return False
    if isinstance(inner, dict):
        return all(key in outer and encloses(outer[key], inner[key]) for key in inner)
    if isinstance(inner, list):
        return all(any(encloses(x, y) for x in outer) for y in inner)
    return equal(outer, inner)


def member(array, operand) -> bool:
    return any(equal(item, operand) for item in array)


def contains(value, operand) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand.lower() in value.lower()
    if isinstance(value, list):
        return all(member(value, item) for item in (operand if isinstance(operand, list) else [operand]))
    return isinstance(value, dict) and isinstance(operand, dict) and encloses(value, operand)


def like(value, pattern, flags=0) -> bool:
    if not isinstance(value, str):
        return False
    expression = ""
    escaped = False
    for char in pattern:
        if escaped:
            expression += re.escape(char)
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            expression += {"%": ".*", "_": "."}.get(char, re.escape(char))
    return re.fullmatch(expression, value, re.DOTALL | flags) is not None


WORDS = {
    "eq": lambda v, x: equal(v, x),
    "gt": lambda v, x: compared(v, x, ">"),
    "gte": lambda v, x: compared(v, x, ">="),
    "lt": lambda v, x: compared(v, x, "<"),
    "lte": lambda v, x: compared(v, x, "<="),
    "in": lambda v, x: member(x, v),
    "contains": contains,
    "set": lambda v, x: v is not None,
    "between": lambda v, x: compared(v, x[0], ">=") and compared(v, x[1], "<="),
    "starts_with": lambda v, x: isinstance(v, str) and v[: len(x)] == x,
    "ends_with": lambda v, x: (
        isinstance(v, str) and v[len(v) - len(x) :] == x if len(x) <= len(str(v)) else False
    ),
    "exists": lambda v, x: True,
    "is": lambda v, x: equal(v, x),
}
NEGATED = {"not_eq": "eq", "not_in": "in", "not_contains": "contains", "not_set": "set"}


def condition(document, item) -> bool:
    field, operator, value = item["field"], item["operator"], item["value"]
    if operator == "and":
        return all(condition(document, part) for part in value)
    if operator == "or":
        return any(condition(document, part) for part in value)
    if operator == "not":
        return not condition(document, value)
    if operator in NEGATED:
        return not condition(document, {**item, "operator": NEGATED[operator]})
    here = found(document, keys_of(field))
    if operator == "exists" and value is False:
        return not here
    return bool(here) and WORDS[operator](here[0], value)


def mongo(document, mapping, keys=()) -> bool:
    return all(_mongo_key(document, list(keys), key, value) for key, value in mapping.items())


def _mongo_key(document, keys, key, value) -> bool:
    if not key.startswith("$"):
        return _mongo_field(document, [*keys, *(key.split(".") if keys else keys_of(key))], value)
    here = found(document, keys)
    if key in ("$and", "$or", "$nor"):
        results = [mongo(document, part, keys) for part in value]
        return {"$and": all(results), "$or": any(results), "$nor": not any(results)}[key]
    if key == "$not":
        return not mongo(document, value, keys)
    if key == "$eq":
        return (not here or here[0] is None) if value is None else bool(here) and equal(here[0], value)
    if key == "$in":
        return any(_mongo_key(document, keys, "$eq", item) for item in value)
    if key in ("$ne", "$nin"):
        return not _mongo_key(document, keys, {"$ne": "$eq", "$nin": "$in"}[key], value)
    if key == "$exists":
        return bool(here) == value
    if not here:
        return False
    it = here[0]
    if key == "$all":
        return isinstance(it, list) and value != [] and all(member(it, item) for item in value)
    if key == "$size":
        return isinstance(it, list) and len(it) == value
    if key == "$elemMatch":
        return isinstance(it, list) and any(_element(item, value) for item in it)
    if key == "$like":
        return like(it, value)
    if key == "$ilike":
        return like(it, value, re.IGNORECASE)
    return WORDS[key[1:]](it, value)


def _element(item, mapping) -> bool:
    # An element stands where a document would: operators ask about itself, fields about what is in it.
    return all(
        _mongo_key({"e": item}, ["e"], key, value)
        if key.startswith("$")
        else _mongo_field({"e": item}, ["e", *key.split(".")], value)
        for key, value in mapping.items()
    )


def _mongo_field(document, keys, value) -> bool:
    if isinstance(value, dict) and value:
        return mongo(document, value, keys)
    return _mongo_key(document, keys, "$in" if isinstance(value, list) else "$eq", value)


def ordered(rows, sort):
    """Rows in the order of [(field, descending)]; a row has external_id, created_at, updated_at, data."""
    rows = sorted(rows, key=lambda row: (row.created_at, row.external_id))
    for field, descending in reversed(sort):
        if field in ("external_id", "created_at", "updated_at"):
            rows.sort(key=lambda row: getattr(row, field), reverse=descending)
            continue
        present = [row for row in rows if found(row.data, keys_of(field))]
        missing = [row for row in rows if not found(row.data, keys_of(field))]
        present.sort(key=lambda row: _rank(found(row.data, keys_of(field))[0]), reverse=descending)
        rows = present + missing
    return rows


def _rank(value):
    rank = RANKS[kind(value)]
    if kind(value) == "string":
        return rank, value[:500]
    if kind(value) == "number":
        return rank, number(value)
    return (rank, value) if kind(value) == "boolean" else (rank,)
