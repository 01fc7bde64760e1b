"""Postgres expressions as `pg_get_expr` writes them back, read into trees."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<escaped>E'(?:[^'\\]|''|\\.)*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    | (?P<sign>::|[(),\[\].])
    | (?P<operator>[-+*/<>=~!@\#%^&|?`]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
# Types of several words, by their first.
_TYPE_TAILS = {
    "character": ("varying",),
    "bit": ("varying",),
    "double": ("precision",),
    "timestamp": ("without", "with", "time", "zone"),
    "time": ("without", "with", "time", "zone"),
}


class Unreadable(Exception):
    """The expression has a part that this parser does not know."""


@dataclass(frozen=True, slots=True)
class Node:
    kind: str
    """`column`, `string`, `number`, `word`, `call`, `cast`, `array`, `and`, `or`, `not`, `is null`,
    `is not null`, `operator`, `any`, `all`, `index`, `collate` or `minus`."""
    text: str = ""
    """Name of a column, function, type or collation; value of a literal; the operator (of any, all too)."""
    parts: tuple[Node, ...] = ()

    def columns(self) -> set[str]:
        """Every column that the expression names."""
        found = {self.text} if self.kind == "column" else set[str]()
        return found.union(*(part.columns() for part in self.parts))


def parse(expression: str) -> Node:
    """The tree of an expression, or `Unreadable`."""
    parser = _Parser(expression)
    node = parser.any_of()
    parser.end()
    return node


def plain(expression: str) -> str:
    """The expression as a person would write it: no casts, few parentheses.

    Casts also differ between a database and its restored dump, where `x IN (...)` is written back otherwise.
    """
    try:
        return _write(parse(expression))
    except Unreadable:
        return expression


def _write(node: Node, inner: bool = False) -> str:
    parts = [_write(part, True) for part in node.parts]
    match node.kind:
        case "string":
            return "'" + node.text.replace("'", "''") + "'"
        case "call":
            return f"{node.text}({', '.join(_write(part) for part in node.parts)})"
        case "cast":
            return _write(node.parts[0], inner)
        case "array":
            return f"ARRAY[{', '.join(parts)}]"
        case "index":
            return f"{parts[0]}[{parts[1]}]"
        case "collate":
            return f"{parts[0]} COLLATE {node.text}"
        case "minus":
            return f"-{parts[0]}"
        case "is null" | "is not null":
            text = f"{parts[0]} {node.kind.upper()}"
        case "not":
            text = f"NOT {parts[0]}"
        case "and" | "or":
            text = f" {node.kind.upper()} ".join(parts)
        case "operator":
            text = f"{parts[0]} {node.text} {parts[1]}"
        case "any" | "all":
            listed = {("any", "="): "IN", ("all", "<>"): "NOT IN"}.get((node.kind, node.text))
            if listed and parts[1].startswith("ARRAY["):
                text = f"{parts[0]} {listed} ({parts[1][6:-1]})"
            else:
                text = f"{parts[0]} {node.text} {node.kind.upper()} ({parts[1]})"
        case _:
            return node.text
    return f"({text})" if inner else text


class _Parser:
    def __init__(self, expression: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = 0
        expression = expression.rstrip()
        while position < len(expression):
            match = _TOKEN.match(expression, position)
            if match is None or match.lastgroup is None:
                raise Unreadable
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.place = 0

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self.place += 1
        return token

    def _accept(self, *texts: str) -> bool:
        """Whether the next tokens are these (words and signs, no literals); they are taken then."""
        for ahead, text in enumerate(texts):
            kind, found = self._peek(ahead)
            if kind not in ("word", "sign", "operator") or found != text:
                return False
        self.place += len(texts)
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise Unreadable

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise Unreadable

    def any_of(self) -> Node:
        parts = [self._all_of()]
        while self._accept("OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Node("or", parts=tuple(parts))

    def _all_of(self) -> Node:
        parts = [self._negation()]
        while self._accept("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Node("and", parts=tuple(parts))

    def _negation(self) -> Node:
        return Node("not", parts=(self._negation(),)) if self._accept("NOT") else self._comparison()

    def _comparison(self) -> Node:
        left = self._value()
        while True:
            if self._accept("IS", "NOT", "NULL"):
                left = Node("is not null", parts=(left,))
            elif self._accept("IS", "NULL"):
                left = Node("is null", parts=(left,))
            elif self._peek()[0] == "operator":
                operator = self._take()[1]
                for kind in ("any", "all"):
                    if self._accept(kind.upper(), "("):
                        left = Node(kind, operator, (left, self.any_of()))
                        self._expect(")")
                        break
                else:
                    left = Node("operator", operator, (left, self._value()))
            else:
                return left

    def _value(self) -> Node:
        if self._accept("-"):
            number = self._value()
            if number.kind != "number":
                return Node("minus", parts=(number,))
            node = Node("number", f"-{number.text}")
        else:
            node = self._atom()
        while True:
            if self._accept("::"):
                node = Node("cast", self._type(), (node,))
            elif self._accept("["):
                index = self.any_of()
                self._expect("]")
                node = Node("index", parts=(node, index))
            elif self._accept("COLLATE"):
                node = Node("collate", self._qualified(), (node,))
            else:
                return node

    def _atom(self) -> Node:
        kind, text = self._take()
        match kind:
            case "string":
                return Node("string", text[1:-1].replace("''", "'"))
            case "escaped":
                return Node("string", text[2:-1].replace("''", "'").replace("\\\\", "\\"))
            case "number":
                return Node("number", text)
            case "quoted":
                return self._named(text[1:-1].replace('""', '"'))
            case "word" if text == "ARRAY":
                self._expect("[")
                return Node("array", parts=self._list("]"))
            case "word" if text in ("true", "false", "NULL", "CURRENT_DATE", "CURRENT_TIMESTAMP"):
                return Node("word", text)
            case "word" if not text.isupper() or text == "VALUE":
                return self._named(text)
            case "sign" if text == "(":
                inner = self.any_of()
                self._expect(")")
                return inner
            case _:
                raise Unreadable

    def _named(self, name: str) -> Node:
        name = ".".join([name, *self._more_names()])
        return Node("call", name, self._list(")")) if self._accept("(") else Node("column", name)

    def _more_names(self) -> list[str]:
        names: list[str] = []
        while self._accept("."):
            names.append(self._take()[1].strip('"'))
        return names

    def _qualified(self) -> str:
        kind, text = self._take()
        if kind not in ("word", "quoted"):
            raise Unreadable
        return ".".join([text, *self._more_names()])

    def _list(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        if self._accept(end):
            return ()
        while True:
            items.append(self.any_of())
            if self._accept(end):
                return tuple(items)
            self._expect(",")

    def _type(self) -> str:
        name = self._qualified()
        sized = self._accept("(")
        if sized:
            self._list(")")
        while self._peek()[0] == "word" and self._peek()[1] in _TYPE_TAILS.get(name.split()[0], ()):
            name = f"{name} {self._take()[1]}"
        if self._accept("("):
            self._list(")")
            sized = True
        name += "(...)" if sized else ""
        while self._accept("["):
            self._expect("]")
            name += "[]"
        return name
