"""An entity of the mock with all that hangs on it: the rules of writing, over dicts."""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mastra_cli.runtime import identity
from mastra_cli.runtime.batches import Row
from mastra_cli.runtime.json_values import stored
from mastra_cli.runtime.models import Entity, Record, SyncRun
from mastra_cli.runtime.operands import canonical
from mastra_cli.runtime.predicate import predicate

if TYPE_CHECKING:
    from mastra_cli.runtime.filter_tree import Node


@dataclass(slots=True)
class Kept:
    """A record with what its owner does not see."""

    record: Record
    created_version: int
    text: str
    """Its data in canonical form."""


@dataclass(slots=True)
class Shelf:
    """An entity with all that hangs on it."""

    entity: Entity
    version: int
    floor: int = 0
    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    runs: list[SyncRun] = field(default_factory=list[SyncRun])

    def now(self) -> datetime:
        return max(datetime.now(UTC), self.entity.updated_at)


def new_shelf(id: str, name: str, connection_id: str) -> Shelf:
    now = datetime.now(UTC)
    return Shelf(
        Entity(id, name, connection_id, None, now, now),
        (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
    )


def merge(shelf: Shelf, rows: list[Row], mode: str, missing: Iterable[str]) -> tuple[int, int, int]:
    """Put the rows on the shelf and soft-delete what is missing; how many were created, updated, deleted."""
    now = shelf.now()
    created = updated = 0
    changed: dict[str, tuple[Any, str, str] | None] = dict.fromkeys(missing)
    for row in rows:
        kept = shelf.kept.get(row.external_id)
        live = kept is not None and kept.record.deleted_at is None
        data = stored(row.data)
        if live and kept and mode == "merge":
            data = {**kept.record.data, **data}
        text, kind = canonical(data), row.entity_type or shelf.entity.name
        if live and kept and kept.text == text and kept.record.entity_type == kind:
            continue
        created, updated = created + (not live), updated + live
        changed[row.external_id] = (data, text, kind)
    version = shelf.version
    for key in sorted(changed):
        version += 1
        new = changed[key]
        kept = shelf.kept.get(key)
        if new is None:
            assert kept is not None
            kept.record = replace(kept.record, version=version, updated_at=now, deleted_at=now)
            continue
        data, text, kind = new
        live = kept is not None and kept.record.deleted_at is None
        shelf.kept[key] = Kept(
            Record(
                id=identity.record_id(shelf.entity.id, key),
                entity_id=shelf.entity.id,
                external_id=key,
                entity_type=kind,
                data=data,
                # A record that was purged has no past.
                created_at=kept.record.created_at if kept and kept.text else now,
                updated_at=now,
                deleted_at=None,
                version=version,
            ),
            kept.created_version if kept and live else version,
            text,
        )
    _move(shelf, version, now)
    return created, updated, len(changed) - created - updated


def bury(shelf: Shelf, keys: list[str], *, purge: bool) -> None:
    now, version = shelf.now(), shelf.version
    for key in keys:
        version += 1
        kept = shelf.kept[key]
        kept.record = replace(
            kept.record, version=version, updated_at=now, deleted_at=kept.record.deleted_at or now
        )
        if purge:
            kept.record, kept.text = replace(kept.record, data=None), ""
    _move(shelf, version, now)


def _move(shelf: Shelf, version: int, now: datetime) -> None:
    if version > shelf.version:
        shelf.version = version
        shelf.entity = replace(shelf.entity, updated_at=now)


def matching(shelf: Shelf, node: Node, include_deleted: bool) -> list[Record]:
    holds = predicate(node)
    return [
        kept.record
        for kept in shelf.kept.values()
        if kept.text and (include_deleted or kept.record.deleted_at is None) and holds(kept.record.data)
    ]


def copied(record: Record) -> Record:
    # All of it is JSON: the shortest way to a copy is out and in again.
    return replace(record, data=marshal.loads(marshal.dumps(record.data)))
