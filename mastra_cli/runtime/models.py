"""The values of engines: entities, records, what a write did, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from mastra_cli.runtime.filters import Filters
    from mastra_cli.runtime.ordering import Sorting

T = TypeVar("T")

Mode = Literal["replace", "merge"]
OnError = Literal["raise", "collect"]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and where the next one begins; None: this was the last."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A conceptual data model ("Contacts") of one connection."""

    id: str
    name: str
    connection_id: str
    last_sync_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of an entity. `data` is None in a tombstone alone."""

    id: str
    entity_id: str
    external_id: str
    entity_type: str
    data: Any
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class RecordInput:
    """A record as its source has it; `entity_type` None: the entity's name."""

    external_id: str
    data: Mapping[str, Any]
    entity_type: str | None = None


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """Which records of an entity, in which order.

    Filters ask for fields of `data`; a sort also takes the record's own, such as `created_at`.
    """

    filters: Filters | None = None
    sort: Sorting | None = None
    limit: int | None = None
    offset: int | None = None
    include_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that can not be stored: its place in the input, and why."""

    index: int
    external_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """What became of the records: `received = created + updated + unchanged + duplicates + rejected`."""

    received: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    rejections: list[Rejection] = field(default_factory=list[Rejection])


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did; the counts add up as in `UpsertResult`, `deleted` stands beside them."""

    received: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    rejections: list[Rejection]
    entity: Entity
    run_id: str
    deleted: int
    last_sync_id: str | None


@dataclass(frozen=True, slots=True)
class SyncRun:
    """The ledger's entry for one sync; status `succeeded`, `failed` or `refused`
    (`MassDeletionRefused`), with the error's words."""

    id: str
    entity_id: str
    sync_id: str | None
    mode: str
    status: str
    received: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    deleted: int
    started_at: datetime
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """The latest state of a record that changed, and what that is to who read up to `since`."""

    version: int
    kind: Literal["created", "updated", "deleted"]
    record: Record
