"""How values travel where psycopg's own way would take too long: what is packed already, and jsonb."""

from __future__ import annotations

import json
from typing import Any

from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

__all__ = ["JsonbLoader", "Packed", "PackedDumper", "loads"]

_DECODER = json.JSONDecoder()


class Packed(bytes):
    """What is in the server's binary form, and goes there as it stands."""


class PackedDumper(Dumper):
    """Sends `Packed` in binary and with no type: the statement's own cast says of which it is.

    An extension's types have another oid in every database.
    """

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> bytes:
        return obj


def loads(text: str | bytes) -> Any:
    """What the JSON stands for."""
    # `json.loads` would look at bytes to find out how they are encoded.
    return _DECODER.decode(text if isinstance(text, str) else text.decode())


class JsonbLoader(Loader):
    """Reads jsonb in binary: a byte with the format's version, then text without a space around it."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        return _DECODER.raw_decode(str(data[1:], "utf-8"))[0]
