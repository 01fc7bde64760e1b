"""A database schema as plain data: what `catalog` reads and `render` and `diagram` write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

TypeKind = Literal["base", "enum", "domain", "composite", "range", "multirange"]
RelationKind = Literal["table", "view", "materialized view", "foreign table"]


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A schema-qualified name, as the catalogue spells it."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class TypeUse:
    """A type as a column, a domain or a composite's field uses it."""

    name: Name
    """Of the element, for an array."""
    kind: TypeKind
    array: bool
    """Of any depth: the database knows no other."""
    modifier: int
    """`atttypmod`: -1 for none."""
    sql: str
    """As `format_type` writes it: `character varying(20)[]`."""


@dataclass(frozen=True, slots=True)
class Check:
    """A validated CHECK constraint."""

    name: str
    text: str
    """For people."""
    expression: str = field(repr=False)
    """As Postgres writes it back; no part of the fingerprint, for a restored dump writes some otherwise."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: TypeUse
    nullable: bool
    has_default: bool
    identity: Literal["", "always", "by default"]
    generated: bool
    exact: bool
    """Whether equal means equal byte for byte: False under a nondeterministic collation."""
    comment: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key (`primary`) or a unique constraint."""

    name: str
    columns: tuple[str, ...]
    primary: bool


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: Name
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index that no constraint made."""

    name: str
    definition: str
    """What follows `ON table` in its definition: `USING btree (email) WHERE active`."""
    unique: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table, view, materialised view or foreign table."""

    name: Name
    kind: RelationKind
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[Index, ...]
    checks: tuple[Check, ...]
    comment: str | None

    @property
    def writable(self) -> bool:
        """Whether it has insert and update models."""
        return self.kind in ("table", "foreign table")

    @property
    def primary_key(self) -> tuple[str, ...]:
        return next((key.columns for key in self.keys if key.primary), ())


@dataclass(frozen=True, slots=True)
class Enum:
    name: Name
    labels: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Domain:
    name: Name
    type: TypeUse
    nullable: bool
    has_default: bool
    exact: bool
    checks: tuple[Check, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a composite type; composites can not say NOT NULL."""

    name: str
    type: TypeUse
    comment: str | None


@dataclass(frozen=True, slots=True)
class Composite:
    name: Name
    fields: tuple[Field, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """A range type of the database's own, with the name of its multirange."""

    name: Name
    multirange: Name
    subtype: TypeUse


@dataclass(frozen=True, slots=True)
class Schema:
    """What one snapshot of the catalogue says. Everything is in a fixed order, and no oid is in it."""

    tables: tuple[Table, ...]
    enums: tuple[Enum, ...]
    domains: tuple[Domain, ...]
    composites: tuple[Composite, ...]
    """A composite comes after those it is made of."""
    ranges: tuple[Range, ...]
    revision: str | None
    """Of the schema `mastra`; None: not migrated."""

    @property
    def fingerprint(self) -> str:
        """The same for the same schema, wherever and in whatever order it was made."""
        # ascii, for repr's idea of what is printable grows with Python's versions.
        return hashlib.sha256(ascii(self).encode()).hexdigest()[:16]
