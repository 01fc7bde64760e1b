"""Cursors: a position in a listing, as an opaque string that belongs to one query."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn, cast

from mastra_cli.errors import InvalidCursor
from mastra_cli.runtime.operands import is_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile(r"-?[0-9]{1,4000}(\.[0-9]{1,4000})?(E[+-]?[0-9]{1,4})?", re.ASCII)
_SUM = 12
_BIGINT = 2**63


def encode_cursor(position: Sequence[str | int | datetime | Decimal], *scope: object) -> str:
    """A cursor for the position; `scope` is all that makes the query: names, a filter's tree, a sort.


    What is in the scope must have a repr that says all of it.
    """
    parts = [_pack(part) for part in position]
    body = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sum(body, scope) + body).rstrip(b"=").decode()


def decode_cursor(cursor: object, shape: Sequence[type], *scope: object) -> tuple[Any, ...]:
    """The position in a cursor, its parts of the given types (str, int, datetime, Decimal)."""
    if not isinstance(cursor, str):
        _refuse()
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
    except ValueError:
        _refuse()
    # Base64 has spare bits: only the one spelling that was given out is taken back.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
        _refuse()
    body = raw[_SUM:]
    if raw[:_SUM] != _sum(body, scope):
        _refuse()
    # A checksum is no signature: what it covers is checked like any other input.
    try:
        parts: object = json.loads(body)
    except (ValueError, RecursionError):
        _refuse()
    if not isinstance(parts, list) or len(cast("list[object]", parts)) != len(shape):
        _refuse()
    return tuple(map(_unpack, cast("list[object]", parts), shape))


def _sum(body: bytes, scope: Sequence[object]) -> bytes:
    return hashlib.blake2b(body, key=hashlib.sha256(repr(scope).encode()).digest(), digest_size=_SUM).digest()


def _pack(part: str | int | datetime | Decimal) -> str | int:
    if isinstance(part, datetime):
        return (part - _EPOCH) // _MICROSECOND
    return str(part) if isinstance(part, Decimal) else part


def _unpack(part: object, kind: type) -> str | int | datetime | Decimal:
    if kind is str and isinstance(part, str) and is_text(part):
        return part
    if kind is Decimal and isinstance(part, str) and _NUMBER.fullmatch(part):
        return Decimal(part)
    if isinstance(part, int) and not isinstance(part, bool) and -_BIGINT <= part < _BIGINT:
        if kind is int:
            return part
        if kind is datetime:
            try:
                return _EPOCH + part * _MICROSECOND
            except OverflowError:
                pass
    return _refuse()


def _refuse() -> NoReturn:
    raise InvalidCursor(
        "The cursor was altered, truncated, or made by another query.",
        hint="Give next_cursor back as it came, with the same arguments; or start without a cursor.",
    ) from None
