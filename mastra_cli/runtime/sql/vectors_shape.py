"""A statement put together once and filled many times: putting it together takes as long as a search does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import LiteralString, cast

from psycopg.sql import SQL, Composable, Composed

from mastra_cli.runtime.fragments import Fragment
from mastra_cli.runtime.packed import Packed

__all__ = ["CONDITION", "NAMESPACE", "TEXT", "VECTOR", "Shape"]


class Ready(SQL):
    """A statement in one piece, the same object whenever it is filled: `Wire.rows` knows it again."""

    lasting = True


class _Hole(Composable):
    """Where a filter's condition goes."""

    def __init__(self) -> None:
        super().__init__("condition")

    def as_bytes(self, context: object = None) -> bytes:
        raise AssertionError("a statement with a hole in it is no statement")


_HOLE = _Hole()
# What is bound in its place when the shape is filled.
VECTOR = Fragment(SQL("%s"), ("the vector",))
NAMESPACE = Fragment(SQL("%s"), ("the namespace",))
TEXT = Fragment(SQL("%s"), ("the text",))
CONDITION = Fragment(_HOLE, ("the condition",))
_KNOWN, _SHORT = 16, 2_000
_BOUND = (*VECTOR.params, *NAMESPACE.params, *TEXT.params, *CONDITION.params)


@dataclass(frozen=True, slots=True)
class Shape:
    """The pieces of a statement between its holes, and what is bound to it, in order."""

    pieces: tuple[SQL, ...]
    places: tuple[int, ...]
    """What is bound, in order, each by its place in `_BOUND`."""
    known: dict[str, Ready] = field(default_factory=dict[str, "Ready"])
    """It with the conditions of the last filters, whose values are bound."""

    @classmethod
    def of(cls, fragment: Fragment) -> Shape:
        texts = [""]
        for part in leaves(fragment.sql):
            if part is _HOLE:
                texts.append("")
            else:
                texts[-1] += part.as_string(None)
        # Made of literal text and quoted names by psycopg's own hand.
        pieces = tuple(Ready(cast("LiteralString", text)) for text in texts)
        return cls(pieces, tuple(_BOUND.index(param) for param in fragment.params))

    def fill(
        self, packed: bytes, namespace: str, condition: Fragment | None, text: str | None = None
    ) -> Fragment:
        """The statement for this vector, namespace, condition and text."""
        values = (Packed(packed), namespace, text)
        if condition is None:
            return Fragment(self.pieces[0], tuple([values[place] for place in self.places]))
        params: list[object] = []
        for place in self.places:
            params += values[place : place + 1] or condition.params
        return Fragment(self._with(condition.sql.as_string(None)), tuple(params))

    def _with(self, condition: str) -> Ready:
        """The statement with that text in its holes."""
        found = self.known.get(condition)
        if found is None:
            whole = condition.join(piece.as_string(None) for piece in self.pieces)
            found = Ready(cast("LiteralString", whole))
            if len(condition) <= _SHORT:
                if len(self.known) >= _KNOWN:
                    self.known.clear()
                self.known[condition] = found
        return found


def leaves(sql: Composable) -> list[Composable]:
    """What it is composed of, in order."""
    if isinstance(sql, Composed):
        return [part for each in sql for part in leaves(each)]
    return [sql]
