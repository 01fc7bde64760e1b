"""What each type of the database is in Python: JSON Schema for the generator, and annotations beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any, Literal

from mastra_cli.codegen.checks import NO_LIMITS, Limits
from mastra_cli.codegen.commented import class_path, commented_classes
from mastra_cli.codegen.schema import Domain, Enum, Name, Range, Schema, TypeUse
from mastra_cli.codegen.text import literal

Style = Literal["pydantic", "dataclass", "typeddict", "msgspec"]

_TYPES = "mastra_cli.types"
_STRING = {"type": "string"}


def _python(path: str) -> dict[str, Any]:
    return {"customTypePath": path}


# Every style alike, unless _PYDANTIC or _MSGSPEC has it.
_SCALARS: dict[str, dict[str, Any]] = {
    **{name: {"type": "integer"} for name in ("int2", "int4", "int8", "oid")},
    **{name: {"type": "number"} for name in ("float4", "float8")},
    "bool": {"type": "boolean"},
    "numeric": _python(f"{_TYPES}.Numeric"),
    "bytea": {"type": "string", "format": "binary"},
    "uuid": _python("uuid.UUID"),
    "date": _python("datetime.date"),
    **dict.fromkeys(("time", "timetz"), _python("datetime.time")),
    **dict.fromkeys(("timestamp", "timestamptz"), _python("datetime.datetime")),
    "interval": _python("datetime.timedelta"),
    **dict.fromkeys(("json", "jsonb"), _python(f"{_TYPES}.JsonValue")),
    "inet": {
        "anyOf": [_python(f"ipaddress.IPv{v}{kind}") for kind in ("Address", "Interface") for v in "46"]
    },
    "cidr": {"anyOf": [_python(f"ipaddress.IPv{v}Network") for v in "46"]},
}
_PYDANTIC: dict[str, dict[str, Any]] = {
    "timestamp": _python("pydantic.NaiveDatetime"),
    "timestamptz": _python("pydantic.AwareDatetime"),
}
_MSGSPEC: dict[str, dict[str, Any]] = {
    "numeric": _python("decimal.Decimal"),
    "inet": _python(f"{_TYPES}.IpAddress"),
    "cidr": _python(f"{_TYPES}.IpNetwork"),
}
# psycopg returns these as their text.
_TEXTS = frozenset(
    """
    text varchar bpchar char name citext xml bit varbit money macaddr macaddr8 tsvector tsquery point
    line lseg box path polygon circle jsonpath pg_lsn pg_snapshot txid_snapshot xid xid8 cid tid
    refcursor int2vector oidvector regclass regcollation regconfig regdictionary regnamespace regoper
    regoperator regproc regprocedure regrole regtype aclitem gtsvector pg_node_tree pg_ndistinct
    pg_dependencies pg_mcv_list pg_brin_bloom_summary pg_brin_minmax_multi_summary
    """.split()  # noqa: SIM905
)
_EXTENSION_TEXTS = frozenset(
    """
    citext hstore ltree lquery ltxtquery cube seg geometry geography box2d box3d raster isbn isbn13 issn
    issn13 ismn ismn13 ean13 upc intset query_int ghstore
    """.split()  # noqa: SIM905
)
_VECTORS = ("vector", "halfvec")
_RANGES = {
    "int4range": "int", "int8range": "int", "numrange": "decimal.Decimal", "daterange": "datetime.date",
    "tsrange": "datetime.datetime", "tstzrange": "datetime.datetime",
}  # fmt: skip
_INTEGERS = ("int2", "int4", "int8")
_LONG_TEXTS = ("text", "varchar", "citext", "name")


@dataclass(frozen=True, slots=True)
class Annotation:
    """A type for the generator, and what is to be written around what it makes of it."""

    schema: dict[str, Any]
    """JSON Schema, NULL left out."""
    marks: tuple[str, ...] = ()
    """Source text of `Annotated`'s further arguments: `Number(5, 2)`."""
    arguments: tuple[str, ...] = ()
    """Source text of arguments for `Field` (pydantic) or `Meta` (msgspec): `max_length=20`."""
    hint: str | None = None
    """In place of what the generator makes of the schema."""
    array: str | None = None
    """The alias in `mastra_cli.types` for the generator's `list[... | None]`."""


@dataclass
class Annotator:
    """Annotates the columns of one schema in one style; what it did not understand is in `unsupported`."""

    schema: Schema
    style: Style
    classes: Mapping[tuple[str, Name], str]
    unsupported: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(object, reason)"""

    def __post_init__(self) -> None:
        self.enums: dict[Name, Enum] = {enum.name: enum for enum in self.schema.enums}
        self.domains: dict[Name, Domain] = {domain.name: domain for domain in self.schema.domains}
        self.ranges: dict[Name, Range] = {r.name: r for r in self.schema.ranges}
        self.multiranges: dict[Name, Range] = {r.multirange: r for r in self.schema.ranges}
        self.commented = commented_classes(self.schema, self.classes)

    def annotate(
        self,
        use: TypeUse,
        where: str,
        limits: Limits = NO_LIMITS,
        comment: str | None = None,
        exact: bool = True,
    ) -> Annotation:
        """The annotation of a column, of a domain's base or a composite's field; `where` is its name."""
        scalar = self._scalar(use, where, comment)
        if not use.array:
            return self._limited(scalar, use, limits, exact)
        items = {"anyOf": [scalar.schema, {"type": "null"}]}
        return Annotation({"type": "array", "items": items}, array=self._array(use))

    def _array(self, use: TypeUse) -> str | None:
        """The alias for an array of any depth; None where an item may itself be a list."""
        base, is_array = use, False
        while base.kind == "domain" and not is_array:
            base = self.domains[base.name].type
            is_array = base.array
        if is_array or base.name.name in ("json", "jsonb", *_VECTORS):
            return None
        if self.style != "msgspec":
            return "Array"
        # msgspec takes no union of a list and a class that it does not know.
        known = base.kind in ("base", "enum") and base.name.name not in ("inet", "cidr", "sparsevec")
        return "DeepArray" if known else None

    def _scalar(self, use: TypeUse, where: str, comment: str | None) -> Annotation:
        match use.kind:
            case "enum" | "domain" | "composite":
                return Annotation({"$ref": f"#/$defs/{self.classes['Type', use.name]}"})
            case "range":
                return Annotation(self._range("Range", use.name, where))
            case "multirange":
                return Annotation(self._range("Multirange", use.name, where))
            case _:
                return self._base(use, where, comment)

    def _base(self, use: TypeUse, where: str, comment: str | None) -> Annotation:
        name = use.name.name
        if use.name.schema == "pg_catalog":
            if name in ("json", "jsonb"):
                return self._json(where, comment)
            table = {"pydantic": _PYDANTIC, "msgspec": _MSGSPEC}.get(self.style, {})
            if (schema := table.get(name) or _SCALARS.get(name)) is not None:
                return Annotation(schema)
            if name in _TEXTS:
                return Annotation(_STRING)
        elif name in _VECTORS:
            if self.style == "pydantic":
                return Annotation(_python(f"{_TYPES}.Vector"))
            return Annotation({"type": "array", "items": {"type": "number"}})
        elif name == "sparsevec":
            return Annotation(
                _python("pgvector.SparseVector" if self.style == "msgspec" else f"{_TYPES}.SparseVector")
            )
        elif name in _EXTENSION_TEXTS:
            return Annotation(_STRING)
        self.unsupported.append((where, f"type {use.name} is not known: str, as psycopg returns its text"))
        return Annotation(_STRING)

    def _json(self, where: str, comment: str | None) -> Annotation:
        path = class_path(comment)
        if path:
            return Annotation(_python(path), ("JsonColumn()",), hint=self.commented[path])
        if path == "":
            self.unsupported.append((where, "the comment's @type names no module.Class: JsonValue"))
        return Annotation(_SCALARS["json"])

    def _range(self, cls: str, name: Name, where: str) -> dict[str, Any]:
        own = self.ranges.get(name) or self.multiranges.get(name)
        built_in = _RANGES.get(name.name.replace("multirange", "range"))
        if name.schema == "pg_catalog" and built_in:
            item = built_in
        else:
            item = self._range_item(own.subtype, where) if own else "str"
        module = f"psycopg.types.{cls.lower()}" if self.style == "msgspec" else _TYPES
        return {"type": "string", "x-python-type": f"{module}.{cls}[{item}]"}

    def _range_item(self, subtype: TypeUse, where: str) -> str:
        while subtype.kind == "domain":
            subtype = self.domains[subtype.name].type
        schema = self._base(subtype, where, None).schema if subtype.kind == "base" else _STRING
        plain = {"integer": "int", "number": "float", "boolean": "bool", "string": "str"}
        path = _SCALARS.get(subtype.name.name, {}).get("customTypePath")
        return path or plain.get(schema.get("type", "string"), "str")

    def _limited(self, scalar: Annotation, use: TypeUse, limits: Limits, exact: bool) -> Annotation:
        name = use.name.name
        base, modifier = self._base_type(use)
        if limits.literals is not None and exact:
            values = self._literal_values(limits.literals, base, modifier)
            if values:
                texts = (literal(v) if isinstance(v, str) else str(v) for v in values)
                return Annotation({"enum": values}, hint=f"Literal[{', '.join(texts)}]")
        if use.kind not in ("base", "domain"):
            return scalar
        arguments: list[str] = []
        marks = list(scalar.marks)
        if base in _LONG_TEXTS or base in ("bpchar", "bytea", "bit", "varbit"):
            arguments = self._lengths(base, use, limits)
        elif base in _INTEGERS:
            arguments = _integer_bounds(limits)
        elif base == "numeric":
            digits = _digits(modifier) if use.kind == "base" else []
            bounds = _bounds(limits)
            if digits or bounds:
                marks.append(f"Number({', '.join(digits + bounds)})")
        elif base in ("float4", "float8"):
            bounds = _bounds(limits, whole_only=base == "float4", floats=True)
            if bounds:
                marks.append(f"Number({', '.join(bounds)})")
        elif name in _VECTORS and modifier > 0:
            arguments = [f"min_length={modifier}", f"max_length={modifier}"]
        if self.style == "msgspec":
            marks = [mark for mark in marks if not mark.startswith("Number(")]
        return replace(scalar, marks=tuple(marks), arguments=tuple(arguments))

    def _base_type(self, use: TypeUse) -> tuple[str, int]:
        while use.kind == "domain":
            use = self.domains[use.name].type
        if use.array:
            return "", -1
        return ("enum" if use.kind == "enum" else use.name.name), use.modifier

    def _literal_values(
        self, texts: tuple[str, ...], base: str, modifier: int
    ) -> list[str] | list[int] | None:
        if base in _INTEGERS:
            return [int(t) for t in texts] if all(re.fullmatch(r"-?[0-9]+", t) for t in texts) else None
        if base == "bpchar":
            # It comes back padded; and unpadded is how it would be written.
            return list(texts) if all(len(text) == modifier - 4 for text in texts) else None
        return list(texts) if base in ("text", "varchar", "enum") else None

    def _lengths(self, base: str, use: TypeUse, limits: Limits) -> list[str]:
        shortest, longest = 0, None
        if base in ("text", "varchar"):
            shortest, longest = limits.min_length or 0, limits.max_length
        if use.kind == "base" and use.modifier >= 0:
            declared = {"varchar": use.modifier - 4, "bpchar": use.modifier - 4, "varbit": use.modifier}.get(
                base
            )
            if base == "bit":
                shortest = declared = use.modifier
            if declared is not None:
                longest = declared if longest is None else min(longest, declared)
        arguments = [f"min_length={shortest}"] if shortest else []
        return arguments + ([f"max_length={longest}"] if longest is not None else [])


def _digits(modifier: int) -> list[str]:
    if modifier < 4:
        return []
    precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
    return [str(precision), str((scale ^ 0x400) - 0x400)]


def _integer_bounds(limits: Limits) -> list[str]:
    """`> 0.5` is `>= 1` for a whole number."""
    lowest = [int(limits.ge.to_integral_value(ROUND_CEILING))] if limits.ge is not None else []
    highest = [int(limits.le.to_integral_value(ROUND_FLOOR))] if limits.le is not None else []
    arguments: list[str] = []
    for name, bound in (("gt", limits.gt), ("lt", limits.lt)):
        if bound is None:
            continue
        if bound == bound.to_integral_value():
            arguments.append(f"{name}={int(bound)}")
        elif name == "gt":
            lowest.append(int(bound.to_integral_value(ROUND_CEILING)))
        else:
            highest.append(int(bound.to_integral_value(ROUND_FLOOR)))
    arguments += [f"ge={max(lowest)}"] if lowest else []
    return sorted(arguments + ([f"le={min(highest)}"] if highest else []))


def _bounds(limits: Limits, *, whole_only: bool = False, floats: bool = False) -> list[str]:
    arguments: list[str] = []
    for name, bound in (("ge", limits.ge), ("gt", limits.gt), ("le", limits.le), ("lt", limits.lt)):
        if bound is None:
            continue
        if bound == bound.to_integral_value():
            arguments.append(f"{name}={int(bound)}")
        elif not whole_only:
            # A real is compared as the double it is, and comes back as a shorter number.
            arguments.append(f"{name}={float(bound)!r}" if floats else f"{name}={literal(str(bound))}")
    return arguments
