# Generated from the _async twin by `nox -s sync`: edit that one.
"""Entities, as every engine has them."""

from __future__ import annotations

from datetime import datetime

from mastra_cli.errors import EntityExists, InvalidArgument
from mastra_cli.runtime import identity
from mastra_cli.runtime._sync.store import Store, checked, known, optional, pair, there
from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.models import Entity, Page
from mastra_cli.runtime.selection import page_limit


class Entities(Store):
    """Entities: made, found, listed, moved on, deleted."""

    def create_entity(self, *, name: str, connection_id: str, timeout: float | None = None) -> Entity:
        """A new entity; `EntityExists` when that pair is there."""
        id = pair(connection_id, name)
        entity = self._create_entity(id, name, connection_id, checked(timeout))
        if entity is None:
            raise EntityExists(
                f"the entity {name!r} of connection {connection_id!r} is there already",
                hint="get_entity() finds it; sync_records() creates one only when it is missing",
            )
        return entity

    def get_entity_by_id(self, *, id: str, timeout: float | None = None) -> Entity:
        """The entity, or `EntityNotFound`."""
        return there(self._entity(known(id), checked(timeout)), id)

    def get_entity(
        self, *, name: str | None = None, connection_id: str | None = None, timeout: float | None = None
    ) -> Entity | None:
        """The oldest entity that matches what is given."""
        if name is None and connection_id is None:
            raise InvalidArgument("neither name nor connection_id is given", hint="give one of them, or both")
        if name is not None and connection_id is not None:
            return self._entity(pair(connection_id, name), checked(timeout))
        found = self._entities(
            optional(connection_id, "connection_id"), optional(name, "name"), None, 1, checked(timeout)
        )
        return found[0] if found else None

    def list_entities(
        self,
        *,
        connection_id: str | None = None,
        name: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
        timeout: float | None = None,
    ) -> Page[Entity]:
        """Entities, oldest first."""
        connection_id, name = optional(connection_id, "connection_id"), optional(name, "name")
        size = page_limit(limit)
        scope = ("entities", connection_id, name)
        after = None if cursor is None else decode_cursor(cursor, (datetime, str), *scope)
        found = self._entities(connection_id, name, after, size + 1, checked(timeout))
        more = len(found) > size
        last = found[size - 1] if more else None
        return Page(found[:size], encode_cursor((last.created_at, last.id), *scope) if last else None)

    def update_entity_last_sync_id(
        self, *, id: str, sync_id: str, timeout: float | None = None
    ) -> Entity:
        """The entity with its new checkpoint."""
        sync_id = identity.checked(sync_id, "sync_id")
        return there(self._set_last_sync_id(known(id), sync_id, checked(timeout)), id)

    def delete_entity_by_id(self, *, id: str, timeout: float | None = None) -> Entity:
        """The deleted entity; its records and runs go with it."""
        return there(self._delete_entity(known(id), checked(timeout)), id)
