"""The filter language as a syntax tree.

Every leaf is one plain question about the value at a path; negations, ranges and the words that are made of
other words (`not_in`, `between`, `set`) are groups of leaves, so that the compilers agree on them by
construction. Operands are kept as JSON text: a tree can be hashed and compared, and not changed from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Path = tuple[str, ...]
Relation = Literal["<", "<=", ">", ">="]
Wildcard = Literal["starts_with", "ends_with", "like", "ilike"]


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class Exists:
    """Something is there, the JSON null included."""

    path: Path


@dataclass(frozen=True, slots=True)
class Among:
    """The value is JSON-equal to one of these."""

    path: Path
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A value of the operand's own JSON type that stands in this relation to it."""

    path: Path
    relation: Relation
    operand: str | Decimal


@dataclass(frozen=True, slots=True)
class Contains:
    """A substring of a string, a member (or all of them) of an array, a part of an object."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True)
class HasAll:
    """An array with each of these among its members."""

    path: Path
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasElement:
    """An array with an element for which the node holds."""

    path: Path
    node: Node


@dataclass(frozen=True, slots=True)
class HasSize:
    """An array of this length."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Matches:
    """A string that starts with, ends with, or is like the pattern (`%`, `_`, backslash)."""

    path: Path
    wildcard: Wildcard
    pattern: str


@dataclass(frozen=True, slots=True)
class Regex:
    """A string in which the server finds the pattern; options of MongoDB: i, m, s, x."""

    path: Path
    pattern: str
    options: str


Node = And | Or | Not | Exists | Among | Compare | Contains | HasAll | HasElement | HasSize | Matches | Regex

EVERYTHING = And(())
"""The tree of an empty filter."""


def conjunction(nodes: Sequence[Node]) -> Node:
    """All of them, without groups of one or of none inside."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def disjunction(nodes: Sequence[Node]) -> Node:
    """Any of them, without groups of one or of none inside."""
    flat = [part for node in nodes for part in (node.nodes if isinstance(node, Or) else (node,))]
    if EVERYTHING in flat:
        return EVERYTHING
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
