"""Who is who: the ids that are made, and the rule for those that callers give."""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeGuard

from mastra_cli.errors import InvalidArgument, kind_of

MAX_BYTES = 1_024
_MADE = re.compile(r"[0-9a-f]{32}", re.ASCII)


def entity_id(connection_id: str, name: str) -> str:
    """The id of the entity of this name and connection, wherever and whenever it is made."""
    connection = connection_id.encode()
    # The length in front keeps ("a", "bc") and ("ab", "c") apart.
    return hashlib.sha256(b"%d:" % len(connection) + connection + name.encode()).hexdigest()[:32]


def record_id(entity_id: str, external_id: str) -> str:
    """The id of a record; the merge statements compute the same."""
    # An entity's id is always 32 characters: no separator is needed.
    return hashlib.sha256((entity_id + external_id).encode()).hexdigest()[:32]


def exact(text: str) -> str:
    """What it holds, whatever a subclass prints as: a member of an Enum, say."""
    return str.__str__(text)


def is_made(id: object) -> TypeGuard[str]:
    """Whether this can be the id of an entity at all."""
    return isinstance(id, str) and _MADE.fullmatch(id) is not None


def objection(value: Any, what: str) -> str | None:
    """Why this can not be a caller's own id; None when it can."""
    # The quick look: most ids are plain.
    if type(value) is str and value.isascii() and 0 < len(value) <= MAX_BYTES and "\0" not in value:
        return None
    if not isinstance(value, str):
        return f"{what} must be a str, and is {kind_of(value)}"
    if not value:
        return f"{what} is empty"
    if "\0" in value:
        return f"{what} holds NUL"
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        return f"{what} holds a lone surrogate"
    if length > MAX_BYTES:
        return f"{what} has {length} bytes, and at most {MAX_BYTES} are allowed"
    return None


def checked(value: Any, what: str) -> str:
    """A caller's own id, or `InvalidArgument`."""
    if words := objection(value, what):
        raise InvalidArgument(words)
    return exact(value)
