"""The rows of an upsert: vectors with their ids, metadata and documents, checked and packed one by one."""

from __future__ import annotations

import os
import struct
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, NamedTuple, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import batches, identity
from mastra_cli.runtime.embeddings import pack_all
from mastra_cli.runtime.models_vector import Hnsw
from mastra_cli.runtime.vector_index import Index

__all__ = [
    "COPY_END",
    "COPY_START",
    "Row",
    "Source",
    "checked_ids",
    "checked_namespace",
    "metadata_text",
    "new_id",
]

# PostgreSQL's binary COPY format: a signature, flags, no extension; at the end minus one field.
COPY_START = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"
_BLOCK = 256 * 1024
# The number of fields, `n` as int8, the length of the id; a length; the length of a jsonb, and its version.
_HEAD = struct.Struct(">hiqi").pack
_LENGTH = struct.Struct(">i").pack
# Without `n`, which only the stage has.
_SHORT_HEAD = struct.Struct(">hi").pack
_JSONB = struct.Struct(">ib").pack
_END = object()


class Row(NamedTuple):
    """A vector as it is stored; `metadata` is JSON text."""

    id: str
    packed: bytes
    metadata: str
    document: str | None


def new_id() -> str:
    """A time-ordered UUID (version 7)."""
    # Nanoseconds below the millisecond keep the ids of one process in order.
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fine = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | fine << 64 | 2 << 62 | random))


class Source:
    """What a caller handed to `upsert`. It can be gone through again when all of it is held in memory."""

    def __init__(self, index: Index, vectors: Any, metadata: Any, ids: Any, documents: Any) -> None:
        given = {"vectors": vectors, "metadata": metadata, "ids": ids, "documents": documents}
        for name, value in given.items():
            if value is not None and (
                isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable)
            ):
                raise InvalidArgument(
                    f"{name} must be an iterable, one item a vector, and is {kind_of(cast(object, value))}"
                )
        if vectors is None:
            raise InvalidArgument("vectors must be an iterable, one item a vector, and is None")
        sizes = {name: len(value) for name, value in given.items() if isinstance(value, Sized)}
        if len(set(sizes.values())) > 1:
            counts = ", ".join(f"{count:,} {name}" for name, count in sizes.items())
            raise InvalidArgument(f"one item a vector is needed, and there are {counts}; nothing was written")
        self._index = index
        self._given = given
        self.repeatable = is_repeatable(*given.values())
        self.ids: list[str] = []
        """The ids in the order of the vectors, as far as they were read."""

    def rows(self) -> Iterator[Row]:
        """The rows from the first on; `InvalidArgument` names the position of one that can not be stored."""
        made, self.ids = self.ids, []
        index = self._index
        packed_vectors = pack_all(
            self._given["vectors"],
            index.kind,
            index.dimension,
            metric=index.metric,
            label="vectors",
            indexed=isinstance(index.config, Hnsw),
        )
        others = {"ids", "metadata", "documents"}
        streams = {name: iter(self._given[name]) for name in others if self._given[name] is not None}
        given_ids, metadata, documents = map(streams.get, ("ids", "metadata", "documents"))
        keep = self.ids.append
        for position, packed in enumerate(packed_vectors):
            if given_ids is not None:
                id = _checked_id(self._next(given_ids, "ids", position), position)
            else:
                id = made[position] if position < len(made) else new_id()
            text, document = "{}", None
            if metadata is not None:
                text = metadata_text(self._next(metadata, "metadata", position), f"metadata[{position}]")
            if documents is not None:
                document = self._document(self._next(documents, "documents", position), position)
            keep(id)
            yield Row(id, packed, text, document)
        for name, stream in streams.items():
            if next(stream, _END) is not _END:
                raise InvalidArgument(
                    f"one item a vector is needed; there are more {name} than the {len(self.ids):,} vectors; "
                    "nothing was written"
                )

    def _next(self, stream: Iterator[Any], name: str, position: int) -> Any:
        item = next(stream, _END)
        if item is _END:
            raise InvalidArgument(
                f"one item a vector is needed, and {name} ends at {position}; nothing was written"
            )
        return item

    def _document(self, document: object, position: int) -> str | None:
        if document is None:
            return None
        if not isinstance(document, str):
            raise InvalidArgument(f"documents[{position}] must be a str, and is {kind_of(document)}")
        if isinstance(reason := batches.json_text([document]), batches.Reason):
            raise InvalidArgument(f"documents[{position}] can not be stored: {reason.words}")
        if not self._index.documents:
            table = f'"{self._index.schema}"."{self._index.name}"'
            raise InvalidArgument(
                f"the index {self._index.name} has no column for documents",
                hint=f"ALTER TABLE {table} ADD COLUMN document text",
            )
        return identity.exact(document)


def is_repeatable(*inputs: Any) -> bool:
    """Whether all of these can be gone through again: sequences and arrays, not iterators."""
    return all(value is None or hasattr(value, "__getitem__") for value in inputs)


def first(rows: Iterator[Row], count: int) -> list[Row]:
    """Up to `count` of the next rows."""
    return list(islice(rows, count))


def settled(rows: list[Row]) -> list[Row]:
    """One row an id, in the order of the ids: the later of two wins, and writers lock in one order."""
    return sorted({row.id: row for row in rows}.values(), key=lambda row: row.id)


def blocks(rows: Iterable[Row], namespace: str | None = None) -> Iterator[bytes]:
    """The rows as binary COPY wants them, in blocks; before and after them come COPY_START and COPY_END.

    For the stage, each with its number; with a namespace for the table of the index itself.
    """
    parts: list[bytes] = []
    end = b"" if namespace is None else _LENGTH(len(namespace.encode())) + namespace.encode()
    size = 0
    for number, (id, packed, metadata, document) in enumerate(rows):
        key, json = id.encode(), metadata.encode()
        text = b"" if document is None else document.encode()
        parts += (
            _HEAD(5, 8, number, len(key)) if namespace is None else _SHORT_HEAD(5, len(key)),
            key,
            _LENGTH(len(packed)),
            packed,
            _JSONB(len(json) + 1, 1),
            json,
            _LENGTH(-1 if document is None else len(text)),
            text,
            end,
        )
        size += len(packed) + len(json) + len(key) + len(text) + 31
        if size >= _BLOCK:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _checked_id(id: object, position: int) -> str:
    # The quick look: most ids are plain.
    if type(id) is str and 0 < len(id) <= identity.MAX_BYTES and id.isascii() and "\0" not in id:
        return id
    return identity.checked(id, f"ids[{position}]")


def metadata_text(metadata: object, label: str) -> str:
    """Metadata as JSON text; None is the empty object."""
    if metadata is None:
        return "{}"
    if not isinstance(metadata, Mapping):
        raise InvalidArgument(f"{label} must be a mapping, and is {kind_of(metadata)}")
    text = batches.json_text(dict(cast("Mapping[Any, Any]", metadata)))
    if isinstance(text, batches.Reason):
        raise InvalidArgument(f"{label} can not be stored: {text.words.replace('data', 'metadata', 1)}")
    return text


def checked_ids(ids: object) -> list[str]:
    """A caller's ids, or `InvalidArgument`."""
    if isinstance(ids, (str, bytes, Mapping)) or not isinstance(ids, Iterable):
        raise InvalidArgument(f"ids must be an iterable of str, and is {kind_of(cast(object, ids))}")
    given = cast("Iterable[object]", ids)
    return [identity.checked(id, f"ids[{position}]") for position, id in enumerate(given)]


def checked_namespace(namespace: object, index: Index) -> str:
    """The namespace, or `InvalidArgument`."""
    if type(namespace) is str and namespace == "default":
        return namespace
    name = identity.checked(namespace, "namespace")
    if len(name) > 255:
        raise InvalidArgument(f"namespace has {len(name)} characters, and at most 255 are allowed")
    if not index.namespaced:
        table = f'"{index.schema}"."{index.name}"'
        raise InvalidArgument(
            f"the index {index.name} knows no namespaces: an old version of @mastra/pg made it",
            hint=f"ALTER TABLE {table} ADD COLUMN namespace varchar(255) NOT NULL DEFAULT 'default', "
            "then a unique index on (namespace, vector_id) in place of the one on (vector_id)",
        )
    return name
