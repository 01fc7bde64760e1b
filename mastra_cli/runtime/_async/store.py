# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""What an engine has of its own: a few methods over its store. What callers see is built on them, once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from mastra_cli.errors import EntityNotFound
from mastra_cli.runtime import identity
from mastra_cli.runtime.batches import FEW, Batch
from mastra_cli.runtime.deletion import refuse_mass_deletion
from mastra_cli.runtime.models import Entity, Record, SyncRun
from mastra_cli.runtime.timing import checked_timeout

if TYPE_CHECKING:
    from mastra_cli.runtime.filter_tree import Node, Path
    from mastra_cli.runtime.selection import Selection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a write did to the records of an entity."""

    created: int
    updated: int
    deleted: int
    distinct: int
    """Accepted records, one a key."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a sync is told, checked."""

    run_id: str
    batch: Batch
    mode: str
    last_sync_id: str | None
    delete_missing: bool
    allow_mass_delete: bool
    began: float

    def guard(self, *, live: int, would_delete: int) -> None:
        """Refuse to delete more than a source loses on an ordinary day."""
        refuse_mass_deletion(
            live=live,
            would_delete=would_delete,
            received=self.batch.received,
            allowed=self.allow_mass_delete,
        )

    def counted(self, counts: Counts) -> dict[str, int]:
        """The columns of the run's row; a failed run has changed nothing."""
        return {**totals(self.batch, counts), "deleted": counts.deleted}


@dataclass(frozen=True, slots=True)
class Feed:
    """A piece of the change feed."""

    floor: int
    rows: list[tuple[Record, int]]
    """Records with their `created_version`, by version."""


class Store(ABC):
    """The methods that differ from engine to engine; None stands for an entity that is not there.

    What they are given is checked: ids are well-formed, selections parsed, batches drained.
    """

    _few: ClassVar[int] = FEW
    """Up to how many records of a call are kept at hand and not in a spool."""

    async def _must_exist(self, id: str, name: str, connection_id: str, timeout: float | None) -> None:
        if await self._entity(id, timeout) is None:
            raise EntityNotFound(
                f"connection {connection_id!r} has no entity {name!r}",
                hint="create_entity() or sync_records() makes it",
            )

    @abstractmethod
    async def _create_entity(
        self, id: str, name: str, connection_id: str, timeout: float | None
    ) -> Entity | None:
        """The new entity; None when it is there already."""

    @abstractmethod
    async def _entity(self, id: str, timeout: float | None) -> Entity | None:
        """One entity."""

    @abstractmethod
    async def _entities(
        self,
        connection_id: str | None,
        name: str | None,
        after: tuple[datetime, str] | None,
        limit: int,
        timeout: float | None,
    ) -> list[Entity]:
        """Entities by (created_at, id)."""

    @abstractmethod
    async def _set_last_sync_id(self, id: str, sync_id: str, timeout: float | None) -> Entity | None:
        """Move the checkpoint."""

    @abstractmethod
    async def _delete_entity(self, id: str, timeout: float | None) -> Entity | None:
        """Remove an entity with all that hangs on it."""

    @abstractmethod
    async def _upsert(self, entity_id: str, batch: Batch, mode: str, timeout: float | None) -> Counts | None:
        """Write a drained batch."""

    @abstractmethod
    async def _sync(
        self, id: str, name: str, connection_id: str, source: Source, timeout: float | None
    ) -> tuple[Entity, Counts]:
        """Write a drained batch, checkpoint and run."""

    @abstractmethod
    async def _note_failure(
        self,
        id: str,
        name: str,
        connection_id: str,
        source: Source,
        words: str,
        status: str,
        timeout: float,
    ) -> None:
        """Write the run of a sync that failed; the entity too, where that was its first."""

    @abstractmethod
    async def _record(self, entity_id: str, external_id: str, timeout: float | None) -> Record | None:
        """One live record."""

    @abstractmethod
    async def _select(self, chosen: Selection, timeout: float | None) -> list[Record]:
        """The records of a selection."""

    @abstractmethod
    def _iterate(self, chosen: Selection, timeout: float | None) -> AsyncGenerator[Record, None]:
        """The same one by one."""

    @abstractmethod
    async def _count(self, entity_id: str, node: Node, timeout: float | None) -> int:
        """How many live records meet a filter."""

    @abstractmethod
    async def _delete(
        self, entity_id: str, external_ids: list[str] | None, purge: bool, timeout: float | None
    ) -> int | None:
        """Delete these records, or all."""

    @abstractmethod
    async def _purge(self, entity_id: str, before_version: int, timeout: float | None) -> int | None:
        """Remove tombstones."""

    @abstractmethod
    async def _runs(self, entity_id: str, limit: int, timeout: float | None) -> list[SyncRun] | None:
        """Runs, newest first."""

    @abstractmethod
    async def _feed(self, entity_id: str, after: int, limit: int, timeout: float | None) -> Feed | None:
        """Changes after a version."""

    @abstractmethod
    async def _set_index(self, entity_id: str, path: Path, wanted: bool, timeout: float | None) -> None:
        """Build or drop the index on a field."""


def totals(batch: Batch, counts: Counts) -> dict[str, int]:
    """What became of the records that were received; the counts add up."""
    accepted = batch.received - len(batch.rejections)
    return {
        "received": batch.received,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.distinct - counts.created - counts.updated,
        "duplicates": accepted - counts.distinct,
        "rejected": len(batch.rejections),
    }


def pair(connection_id: str, name: str) -> str:
    """The id of the entity of this name and connection."""
    name = identity.checked(name, "name")
    return identity.entity_id(identity.checked(connection_id, "connection_id"), name)


def optional(value: str | None, what: str) -> str | None:
    return None if value is None else identity.checked(value, what)


def checked(timeout: float | None) -> float | None:
    return None if timeout is None else checked_timeout(timeout)


def no_entity(id: object) -> EntityNotFound:
    return EntityNotFound(f"there is no entity with the id {id!r:.60}", hint="list_entities() shows them")


def known(id: object) -> str:
    """An id that an entity can have; any other has none."""
    if identity.is_made(id):
        return id
    raise no_entity(id)


def there(answer: T | None, id: object) -> T:
    if answer is None:
        raise no_entity(id)
    return answer
