"""The filter language: conditions and Mongo-style mappings, parsed to one syntax tree."""

from __future__ import annotations

import contextlib
import reprlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import operands
from mastra_cli.runtime.filter_operators import CONDITIONS, MONGO, Make, mongo_eq, mongo_in
from mastra_cli.runtime.filter_tree import (
    EVERYTHING,
    HasElement,
    Node,
    Not,
    Path,
    Regex,
    conjunction,
    disjunction,
)
from mastra_cli.runtime.identity import exact

MAX_NODES = 1_000
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class FilterCondition:
    """One condition on a field of `data`; or a group (`and`, `or`, `not`) with no field and conditions."""

    field: str | Sequence[str] | None
    operator: str
    value: Any = None


Filters = FilterCondition | Mapping[str, Any] | Sequence[FilterCondition | Mapping[str, Any]]


def parse(filters: Filters | None, *, regex: bool = False) -> Node:
    """The tree of a filter in either style; what is not understood is an `InvalidArgument`.

    `regex` allows `$regex`, which only Postgres can answer.
    """
    return _Parser(regex).filters(filters)


_GROUPS = ("and", "or", "not")
_MONGO_GROUPS = ("$and", "$or", "$nor", "$not", "$elemMatch")


class _Parser:
    """Both styles; counts what it makes and how deep it is."""

    def __init__(self, regex: bool) -> None:
        self.regex = regex
        self.made = 0
        self.depth = 0
        self.elements = 0

    def filters(self, filters: object) -> Node:
        if filters is None:
            return EVERYTHING
        if isinstance(filters, FilterCondition):
            return self.condition(filters)
        if operands.is_mapping(filters):
            if {"field", "operator"} <= set(filters) <= {"field", "operator", "value"}:
                raise InvalidArgument(
                    "A filter that is one mapping is Mongo-style, but this one looks like a condition.",
                    hint="Put the condition in a list. To ask for a field of that name, write "
                    '{"operator": {"$eq": ...}}.',
                )
            return self.branch((), filters)
        if operands.is_list(filters):
            return conjunction([self.condition(item) for item in filters])
        raise InvalidArgument(
            f"A filter is a list of conditions or a Mongo-style mapping, not {kind_of(filters)}."
        )

    # --- a list of conditions

    def condition(self, item: object) -> Node:
        if operands.is_mapping(item):
            if "operator" not in item or set(item) - {"field", "operator", "value"}:
                raise InvalidArgument(
                    "A condition is a FilterCondition or a mapping with the keys field, operator and value, "
                    f"not one with {reprlib.repr(list(item))}.",
                    hint="A Mongo-style filter is one mapping, outside a list.",
                )
            field, operator, value = item.get("field"), item["operator"], item.get("value")
        elif isinstance(item, FilterCondition):
            field, operator, value = item.field, item.operator, item.value
        else:
            raise InvalidArgument(f"A condition is a FilterCondition or a mapping, not {kind_of(item)}.")
        self.count()
        if operator in _GROUPS:
            if field is not None and field != "":
                raise InvalidArgument(f"The group {operator!r} takes no field, but has {field!r}.")
            return self.group(exact(operator), value)
        make = CONDITIONS.get(operator) if isinstance(operator, str) else None
        if make is None:
            raise _unknown(operator, [*CONDITIONS, *_GROUPS])
        return make(operands.path(field), value, f"The operator {operator!r}")

    def group(self, operator: str, value: object) -> Node:
        with self.level():
            if operator == "not" and not operands.is_list(value):
                return Not(self.condition(value))
            nodes = [self.condition(item) for item in operands.listed(value, f"The group {operator!r}")]
        if operator == "or":
            return disjunction(nodes)
        return conjunction(nodes) if operator == "and" else Not(conjunction(nodes))

    # --- a Mongo-style mapping

    def branch(self, path: Path, mapping: Mapping[object, object]) -> Node:
        """Fields, operators or groups at this path; all must hold."""
        operators = [key for key in mapping if isinstance(key, str) and key.startswith("$")]
        if path and operators and len(operators) < len(mapping):
            raise InvalidArgument(
                f"The field {'.'.join(path)!r} has operators and fields side by side: "
                f"{reprlib.repr(list(mapping))}."
            )
        nodes: list[Node] = []
        for key, value in mapping.items():
            if isinstance(key, str) and key in operators:
                nodes.append(self.operator(path, exact(key), value, mapping))
            elif path or self.elements:
                nodes.append(self.field(path + operands.path(key, strip=False), value))
            else:
                nodes.append(self.field(operands.path(key), value))
        return conjunction(nodes)

    def field(self, path: Path, value: object) -> Node:
        if operands.is_mapping(value) and value:
            with self.level():
                return self.branch(path, value)
        self.count()
        return (mongo_in if operands.is_list(value) else mongo_eq)(
            path, value, f"The field {'.'.join(path)!r}"
        )

    def operator(self, path: Path, name: str, value: object, siblings: Mapping[object, object]) -> Node:
        where = f"The operator {name!r}"
        if name in _MONGO_GROUPS and (path or self.elements or name != "$elemMatch"):
            self.count()
            with self.level():
                return self.mongo_group(path, name, value, where)
        if name == "$options" and "$regex" in siblings:
            return EVERYTHING
        make = self.regular(siblings) if name == "$regex" and self.regex else MONGO.get(name)
        if make is None:
            if name == "$regex":
                raise InvalidArgument(
                    "The operator '$regex' is for vector indexes alone.", hint="Use $like or $ilike."
                )
            raise _unknown(name, [*MONGO, *_MONGO_GROUPS])
        if not path and not self.elements:
            raise InvalidArgument(
                f"{where} stands where a field is due.", hint=f'Write {{"field": {{"{name}": ...}}}}.'
            )
        self.count()
        return make(path, value, where)

    def mongo_group(self, path: Path, name: str, value: object, where: str) -> Node:
        if name == "$elemMatch":
            self.elements += 1
            node = HasElement(path, self.mapping((), value, where))
            self.elements -= 1
            return node
        if name == "$not":
            return Not(self.mapping(path, value, where))
        nodes = [self.mapping(path, item, where) for item in operands.listed(value, where)]
        if name == "$and":
            return conjunction(nodes)
        return disjunction(nodes) if name == "$or" else Not(disjunction(nodes))

    def mapping(self, path: Path, value: object, where: str) -> Node:
        if not operands.is_mapping(value):
            raise InvalidArgument(f"{where} takes a mapping, not {kind_of(value)}.")
        return self.branch(path, value)

    def regular(self, siblings: Mapping[object, object]) -> Make:
        options = siblings.get("$options", "")
        if not isinstance(options, str) or set(options) - set("imsx"):
            raise InvalidArgument(
                f"The operator '$options' takes letters of i, m, s and x, not {reprlib.repr(options)}."
            )
        letters = "".join(sorted(set(options)))
        return lambda path, value, where: Regex(path, operands.string(value, where), letters)

    # --- limits

    def count(self) -> None:
        self.made += 1
        if self.made > MAX_NODES:
            raise InvalidArgument(f"A filter has at most {MAX_NODES:,} conditions.")

    @contextlib.contextmanager
    def level(self) -> Generator[None]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InvalidArgument(f"A filter is nested at most {MAX_DEPTH} deep.")
        yield
        self.depth -= 1


def _unknown(operator: object, known: Sequence[str]) -> InvalidArgument:
    return InvalidArgument(
        f"There is no filter operator {reprlib.repr(operator)}.", hint=f"One of: {', '.join(known)}."
    )
