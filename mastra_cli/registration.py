"""Make a connection return the values that generated models describe."""

from __future__ import annotations

from collections.abc import Awaitable
from struct import unpack_from
from typing import Any, Final, LiteralString, NamedTuple, overload

import pgvector
from psycopg import AsyncConnection, BaseConnection, Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.rows import tuple_row
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.multirange import MultirangeInfo, register_multirange
from psycopg.types.range import RangeInfo, register_range
from psycopg.types.string import TextBinaryLoader, TextLoader

# Every type that the database did not have when it was made, but the row types of tables that no column uses.
_TYPES: Final[LiteralString] = """
WITH used AS MATERIALIZED (
  SELECT DISTINCT atttypid FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped
)
SELECT t.oid, t.typname, t.oid::regtype::text, t.typtype::text, t.typarray, t.typdelim::text, t.typbasetype,
       x.extname,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum),
       ARRAY(SELECT a.atttypid FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum),
       coalesce(r.rngsubtype, m.rngsubtype, 0), coalesce(m.rngtypid, 0)
FROM pg_catalog.pg_type t
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
LEFT JOIN pg_catalog.pg_class c ON c.oid = nullif(t.typrelid, 0)
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid
                                AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::regclass
LEFT JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
WHERE t.oid >= 16384 AND e.oid IS NULL AND t.typtype IN ('b', 'e', 'd', 'c', 'r', 'm')
  AND (c.oid IS NULL OR c.relkind = 'c' OR t.oid IN (SELECT atttypid FROM used)
       OR t.typarray IN (SELECT atttypid FROM used))
ORDER BY t.oid
"""
_BIT_OIDS = (1560, 1562)


class _Type(NamedTuple):
    oid: int
    name: str
    regtype: str
    kind: str
    array_oid: int
    delimiter: str
    base_oid: int
    extension: str | None
    field_names: list[str]
    field_types: list[int]
    subtype_oid: int
    range_oid: int


@overload
def register(connection: Connection[Any]) -> None: ...
@overload
def register(connection: AsyncConnection[Any]) -> Awaitable[None]: ...


def register(connection: Connection[Any] | AsyncConnection[Any]) -> Awaitable[None] | None:
    """Prepare a connection for generated models; `await` it for an asynchronous one.

    From then on it returns vectors and halfvecs as `list[float]`, sparsevecs as pgvector's `SparseVector`,
    bit strings, enums and their arrays as str, composites as named tuples, the database's own ranges as
    psycopg's `Range`, and arrays of all of these, and of domains, as lists.
    Types made later need another call.
    """
    if isinstance(connection, AsyncConnection):
        return register_async(connection)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_TYPES).fetchall()
    _adapt(connection, [_Type(*row) for row in rows])
    return None


async def register_async(connection: AsyncConnection[Any]) -> None:
    """`register` for an asynchronous connection; fits `AsyncConnectionPool(configure=...)`."""
    async with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(_TYPES)
        rows = await cursor.fetchall()
    _adapt(connection, [_Type(*row) for row in rows])


def _adapt(connection: BaseConnection[Any], types: list[_Type]) -> None:
    adapters = connection.adapters
    for oid in _BIT_OIDS:
        adapters.register_loader(oid, _BitBinaryLoader)
    by_oid = {type_.oid: type_ for type_ in types}

    def depth(type_: _Type) -> int:
        # A domain's loader is its base's, which must be known by then.
        base = by_oid.get(type_.base_oid)
        return 0 if type_.kind != "d" else 1 + (depth(base) if base else 0)

    for type_ in sorted(types, key=depth):
        _adapt_one(connection, type_, by_oid)


def _adapt_one(connection: BaseConnection[Any], type_: _Type, by_oid: dict[int, _Type]) -> None:
    adapters = connection.adapters
    name, oid, array_oid = type_.name, type_.oid, type_.array_oid
    match type_.kind:
        case "c":
            info = CompositeInfo(
                name,
                oid,
                array_oid,
                regtype=type_.regtype,
                field_names=type_.field_names,
                field_types=type_.field_types,
            )
            register_composite(info, connection)
            return
        case "r":
            register_range(
                RangeInfo(name, oid, array_oid, regtype=type_.regtype, subtype_oid=type_.subtype_oid),
                connection,
            )
            return
        case "m":
            register_multirange(
                MultirangeInfo(
                    name,
                    oid,
                    array_oid,
                    regtype=type_.regtype,
                    range_oid=type_.range_oid,
                    subtype_oid=type_.subtype_oid,
                ),
                connection,
            )
            return
        case "e":
            adapters.register_loader(oid, TextLoader)
            adapters.register_loader(oid, TextBinaryLoader)
        case "d":
            for format in (Format.TEXT, Format.BINARY):
                if loader := adapters.get_loader(type_.base_oid, format):
                    adapters.register_loader(oid, loader)
        case _ if type_.extension == "vector":
            for loader in _VECTORS.get(name, ()):
                adapters.register_loader(oid, loader)
            if name == "sparsevec":
                dumper = type("SparseVectorDumper", (_SparseVectorDumper,), {"oid": oid})
                adapters.register_dumper(pgvector.SparseVector, dumper)
        case _:
            pass
    if array_oid:
        TypeInfo(name, oid, array_oid, regtype=type_.regtype, delimiter=type_.delimiter).register(connection)


class _VectorLoader(Loader):
    def load(self, data: Buffer) -> list[float]:
        return [float(item) for item in bytes(data)[1:-1].split(b",")]


class _VectorBinaryLoader(Loader):
    format = Format.BINARY
    item = "f"

    def load(self, data: Buffer) -> list[float]:
        return list(unpack_from(f">{unpack_from('>H', data)[0]}{self.item}", data, 4))


class _HalfVectorBinaryLoader(_VectorBinaryLoader):
    item = "e"


class _SparseVectorLoader(Loader):
    def load(self, data: Buffer) -> pgvector.SparseVector:
        return pgvector.SparseVector.from_text(bytes(data).decode())


class _SparseVectorBinaryLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> pgvector.SparseVector:
        return pgvector.SparseVector.from_binary(bytes(data))


class _SparseVectorDumper(Dumper):
    def dump(self, obj: pgvector.SparseVector) -> Buffer:
        return obj.to_text().encode()


class _BitBinaryLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        (length,) = unpack_from(">i", data)
        return "".join(f"{byte:08b}" for byte in bytes(data)[4:])[:length]


_VECTORS: dict[str, tuple[type[Loader], ...]] = {
    "vector": (_VectorLoader, _VectorBinaryLoader),
    "halfvec": (_VectorLoader, _HalfVectorBinaryLoader),
    "sparsevec": (_SparseVectorLoader, _SparseVectorBinaryLoader),
}
