"""One read-only snapshot of pg_catalog, as a `Schema`.

Not of information_schema: it hides what a role does not own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from mastra_cli.codegen import queries
from mastra_cli.codegen.expressions import plain
from mastra_cli.codegen.schema import (
    Check,
    Column,
    Composite,
    Domain,
    Enum,
    Field,
    ForeignKey,
    Index,
    Key,
    Name,
    Range,
    RelationKind,
    Schema,
    Table,
    TypeKind,
    TypeUse,
)
from mastra_cli.errors import SchemaNotFound, translate

DEFAULT_SCHEMAS = ("mastra", "public")
_RELATIONS: dict[str, RelationKind] = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}
_KINDS: dict[str, TypeKind] = {
    "b": "base", "p": "base", "e": "enum", "d": "domain", "c": "composite", "r": "range", "m": "multirange",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Selection:
    """What to generate from. Globs match `name` and `schema.name`."""

    schemas: tuple[str, ...] = ()
    """Empty: those of `mastra` and `public` that exist."""
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants(self, name: Name) -> bool:
        return (not self.tables or _matches(name, self.tables)) and not _matches(name, self.exclude)


def _matches(name: Name, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name.name, glob) or fnmatchcase(str(name), glob) for glob in globs)


def read_schema(url: str, selection: Selection, *, connect_timeout: int = 10) -> Schema:
    """The selected tables with all types they need; without globs every enum, domain and composite too."""
    try:
        with psycopg.connect(
            url, connect_timeout=connect_timeout, application_name="mastra engine generate"
        ) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.cursor(row_factory=namedtuple_row) as cursor:
                return _Reader(cursor, selection).read()
    except psycopg.Error as error:
        raise translate(error) from error


class _Reader:
    def __init__(self, cursor: psycopg.Cursor[Any], selection: Selection) -> None:
        self.cursor = cursor
        self.selection = selection

    def _ask(self, query: Any, **parameters: Any) -> list[Any]:
        return self.cursor.execute(query, parameters or None).fetchall()

    def read(self) -> Schema:
        self._ask(queries.SETTINGS)
        schemas = self._schemas()
        relations = self._relations(schemas)
        self.types = {row.oid: row for row in self._ask(queries.TYPES)}
        composites = {
            row.typrelid
            for row in self.types.values()
            if row.typtype == "c" and row.typrelid not in relations
        }
        oids = [*relations, *composites]
        columns = _grouped(self._ask(queries.COLUMNS, relations=oids), lambda row: row.attrelid)
        constraints = self._ask(queries.CONSTRAINTS, relations=list(relations))
        by_table = _grouped(constraints, lambda row: row.conrelid)
        self.domain_checks = _grouped(constraints, lambda row: row.contypid)
        indexes = _grouped(self._ask(queries.INDEXES, relations=list(relations)), lambda row: row.indrelid)
        self.labels = dict(self._ask(queries.LABELS))
        self.ranges = self._ask(queries.RANGES)
        self.fields = {
            row.oid: columns.get(row.typrelid, []) for row in self.types.values() if row.typtype == "c"
        }
        tables = tuple(
            self._table(row, columns.get(oid, []), by_table.get(oid, []), indexes.get(oid, []))
            for oid, row in relations.items()
        )
        return self._with_types(
            tables, [c.atttypid for oid in relations for c in columns.get(oid, [])], schemas
        )

    def _schemas(self) -> list[str]:
        there = [row.nspname for row in self._ask(queries.SCHEMAS)]
        wanted = self.selection.schemas or tuple(name for name in DEFAULT_SCHEMAS if name in there)
        for name in wanted:
            if name not in there:
                raise SchemaNotFound(
                    f"there is no schema {name}", hint=f"there is: {', '.join(there) or 'no schema at all'}"
                )
        return sorted(set(wanted))

    def _relations(self, schemas: list[str]) -> dict[int, Any]:
        there = {row.oid: row for row in self._ask(queries.RELATIONS, schemas=schemas)}
        names = {oid: Name(row.nspname, row.relname) for oid, row in there.items()}
        for glob in self.selection.tables:
            if not any(_matches(name, (glob,)) for name in names.values()):
                some = [str(name) for name in names.values()]
                shown = ", ".join(some[:20]) + (f" and {len(some) - 20} more" if len(some) > 20 else "")
                raise SchemaNotFound(
                    f"--table {glob} matches no table in {', '.join(schemas)}",
                    hint=f"there is: {shown or 'no table at all'}",
                )
        return {oid: row for oid, row in there.items() if self.selection.wants(names[oid])}

    def _name(self, oid: int) -> Name:
        return Name(self.types[oid].nspname, self.types[oid].typname)

    def _use(self, oid: int, modifier: int, sql: str) -> TypeUse:
        # Declared dimensions are not kept: Postgres does not hold a value to them, nor pg_dump them.
        element = self.types[oid].element
        return TypeUse(
            self._name(element or oid),
            self._kind(element or oid),
            array=element != 0,
            modifier=modifier,
            sql=sql,
        )

    def _kind(self, oid: int) -> TypeKind:
        return _KINDS[self.types[oid].typtype]

    def _domain_not_null(self, oid: int) -> bool:
        row = self.types[oid]
        return row.typtype == "d" and (row.typnotnull or self._domain_not_null(row.typbasetype))

    def _table(self, row: Any, columns: list[Any], constraints: list[Any], indexes: list[Any]) -> Table:
        kind = _RELATIONS[row.relkind]
        view = kind in ("view", "materialized view")
        return Table(
            name=Name(row.nspname, row.relname),
            kind=kind,
            columns=tuple(
                Column(
                    name=c.attname,
                    type=self._use(c.atttypid, c.atttypmod, c.sql),
                    # A domain's NOT NULL does not hold for a view: an outer join may have made the NULL.
                    nullable=view
                    or not ((c.attnotnull and not c.unproven) or self._domain_not_null(c.atttypid)),
                    has_default=c.has_default,
                    identity={"a": "always", "d": "by default"}.get(c.attidentity, ""),  # type: ignore[arg-type]
                    generated=c.attgenerated != "",
                    exact=c.exact,
                    comment=c.comment,
                )
                for c in columns
            ),
            keys=tuple(
                Key(k.conname, tuple(k.columns), k.contype == "p") for k in constraints if k.contype in "pu"
            ),
            foreign_keys=tuple(
                ForeignKey(
                    k.conname, tuple(k.columns), Name(k.target_schema, k.target), tuple(k.target_columns)
                )
                for k in constraints
                if k.contype == "f"
            ),
            indexes=tuple(Index(i.relname, _index(i.definition), i.indisunique) for i in indexes),
            checks=tuple(
                Check(k.conname, plain(k.expression), k.expression) for k in constraints if k.contype == "c"
            ),
            comment=row.comment,
        )

    def _with_types(self, tables: tuple[Table, ...], used: Iterable[int], schemas: Sequence[str]) -> Schema:
        reached: dict[int, None] = {}

        def reach(oid: int) -> None:
            row = self.types[oid]
            if row.element:
                return reach(row.element)
            if oid in reached:
                return None
            if row.typtype == "d":
                reach(row.typbasetype)
            for field in self.fields.get(oid, ()):
                reach(field.atttypid)
            for one, many, subtype in self.ranges:
                if oid in (one, many):
                    reach(subtype)
            reached[oid] = None  # after what it is made of
            return None

        everything = () if self.selection.tables or self.selection.exclude else self.types.values()
        listed = [
            row.oid
            for row in everything
            if row.nspname in schemas and not row.extension and row.typtype in "edc" and not row.element
        ]
        # By name, so that the order in which they were made does not show.
        for oid in sorted({*listed, *used}, key=lambda oid: (self._name(oid), oid)):
            reach(oid)
        own = {
            kind: [oid for oid in reached if self.types[oid].typtype == kind]
            for kind in ("e", "d", "c", "r", "m")
        }
        return Schema(
            tables=tables,
            enums=tuple(
                Enum(self._name(oid), tuple(self.labels.get(oid, ())), self.types[oid].comment)
                for oid in own["e"]
            ),
            domains=tuple(self._domain(oid) for oid in own["d"]),
            composites=tuple(
                Composite(
                    self._name(oid),
                    tuple(
                        Field(f.attname, self._use(f.atttypid, f.atttypmod, f.sql), f.comment)
                        for f in self.fields[oid]
                    ),
                    self.types[oid].comment,
                )
                for oid in own["c"]
            ),
            ranges=tuple(
                sorted(
                    (
                        Range(self._name(one), self._name(many), self._use(subtype, -1, ""))
                        for one, many, subtype in self.ranges
                        if one in reached or many in reached
                    ),
                    key=lambda r: r.name,
                )
            ),
            revision=self._revision(),
        )

    def _domain(self, oid: int) -> Domain:
        row = self.types[oid]
        return Domain(
            self._name(oid),
            self._use(row.typbasetype, row.typtypmod, row.sql),
            nullable=not self._domain_not_null(oid),
            has_default=row.has_default,
            exact=row.exact,
            checks=tuple(
                Check(k.conname, plain(k.expression), k.expression)
                for k in self.domain_checks.get(oid, [])
                if k.contype == "c"
            ),
            comment=row.comment,
        )

    def _revision(self) -> str | None:
        if not self._ask(queries.HAS_REVISION)[0][0]:
            return None
        return self._ask(queries.REVISION)[0][0]


def _index(definition: str) -> str:
    """What follows `ON table`, its WHERE for people."""
    text = definition[definition.index(" USING ") + 1 :]
    columns, where, predicate = text.partition(" WHERE ")
    return f"{columns}{where}{plain(predicate)}" if where else columns


def _grouped(rows: Iterable[Any], key: Callable[[Any], int]) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
