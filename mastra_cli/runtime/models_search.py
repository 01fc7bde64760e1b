"""The values of `RecordIndex`: what a refresh did, what a search found, how an index stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from mastra_cli.runtime.models import Record

__all__ = [
    "RecordHit",
    "RecordIndexStatus",
    "RefreshProgress",
    "RefreshResult",
    "SearchMode",
    "Skipped",
]

SearchMode = Literal["hybrid", "vector", "keyword"]


class Skipped(NamedTuple):
    """A record that could not be embedded, by its external id, and why; the next refresh tries it again."""

    id: str
    reason: str

    @property
    def external_id(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """What a refresh did, in records; `embedded` counts texts."""

    created: int = 0
    """Came into the index."""
    updated: int = 0
    """Their vectors or their metadata changed."""
    deleted: int = 0
    """Left the index: deleted, or no longer searchable."""
    unchanged: int = 0
    """Changed in the engine, but not in anything that the index holds."""
    skipped: Sequence[Skipped] = ()
    embedded: int = 0
    version: int = 0
    """The entity's version that the index has reached."""


@dataclass(frozen=True, slots=True)
class RefreshProgress:
    """How far a refresh has come: records done, of those that had changed when it began."""

    done: int
    total: int
    embedded: int


@dataclass(frozen=True, slots=True)
class RecordHit:
    """A record that was found, as it is now, and the text by which it was found."""

    record: Record
    score: float
    """`vector`: the similarity; `keyword`: how much of the query's words the text holds, 0 to 1, rare ones
    weighing more; `hybrid`: the sum of 1 / (60 + rank) over the two."""
    text: str
    chunk: int
    """Which of the record's texts, from 0."""


@dataclass(frozen=True, slots=True)
class RecordIndexStatus:
    """How an index stands to its entity."""

    version: int
    """The entity's version that the index has reached; 0: it was never refreshed."""
    behind: int
    """How many records have changed since."""
    vectors: int
    records: int
    """How many records the index holds."""
    model: str | None
    refreshed_at: datetime | None
