"""A value that is in the server's binary form already: the statement's own cast says of which type."""

from __future__ import annotations

from psycopg.adapt import Dumper
from psycopg.pq import Format

__all__ = ["Packed", "PackedDumper"]


class Packed(bytes):
    """What goes to the server as it stands."""


class PackedDumper(Dumper):
    """Sends `Packed` in binary and with no type: an extension's types have another oid in every database."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> bytes:
        return obj
