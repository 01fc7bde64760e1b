# Generated from the _async twin by `nox -s sync`: edit that one.
"""Where an index that follows an entity is kept: what a refresh and a search need of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mastra_cli.errors import Conflict
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.metrics import VectorType
from mastra_cli.runtime.models import Record
from mastra_cli.runtime.models_search import Skipped
from mastra_cli.runtime.timing import Clock

# How long a refresh may be silent before another takes over (when it was killed, that is noticed sooner).
LEASE = 30.0


@dataclass(frozen=True, slots=True)
class State:
    """How far an index has come, and what it is bound to."""

    generation: str
    """Of an index and the one that replaces it, told apart."""
    model: str | None
    dimension: int | None
    """None: nothing was embedded yet, and there is no table."""
    version: int
    born: datetime
    """The `created_at` of the entity that it follows."""
    sweeping: bool
    """It reads everything again, and drops at the end what was not met."""
    refreshed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """The entity, the index, and what changed since the index's version."""

    version: int
    floor: int
    born: datetime
    state: State | None
    skipped: bool
    records: list[Record]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the vectors of an index are."""

    kind: VectorType
    dimension: int
    metric: str


@dataclass(slots=True)
class Work:
    """What one transaction does to an index."""

    state: State
    version: int
    """The new checkpoint."""
    shape: Shape | None = None
    rows: list[tuple[str, bytes, str, str]] = field(default_factory=list[tuple[str, bytes, str, str]])
    """New vectors: id, vector, metadata, text."""
    fresh: bool = True
    """None of them takes the place of another."""
    moved: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Vectors that stay, with their metadata as it is now."""
    gone: list[str] = field(default_factory=list[str])
    refused: list[Skipped] = field(default_factory=list[Skipped])
    mended: list[str] = field(default_factory=list[str])
    """Records that were looked at and not refused."""


@dataclass(frozen=True, slots=True)
class Found:
    """A text that was found."""

    vector_id: str
    score: float
    text: str


class TakenOver(Exception):
    """Another refresh works on the index now."""


class RecordStore(ABC):
    """One index of one entity. `me` is the refresh that works on it."""

    def __init__(self, entity_id: str, index_name: str) -> None:
        self.entity_id = entity_id
        self.index_name = index_name
        self.lease = LEASE

    @abstractmethod
    def check(self, clock: Clock) -> None:
        """Raises `InvalidArgument` when engine and vectors are in two databases."""

    @abstractmethod
    def look(self, limit: int, clock: Clock) -> Look | None:
        """Where the index stands, and what comes next; None without the entity."""

    @abstractmethod
    def begin(self, generation: str, model: str | None, born: datetime, clock: Clock) -> None:
        """Make the index's checkpoint, unless it is there."""

    @abstractmethod
    def take(self, me: str, clock: Clock) -> bool:
        """Whether this refresh is now the one that works on the index."""

    @abstractmethod
    def keep(self, me: str, seconds: float, clock: Clock) -> None:
        """More time; raises `TakenOver`."""

    @abstractmethod
    def release(self, me: str, clock: Clock) -> None:
        """This refresh is over."""

    @abstractmethod
    def restart(self, me: str, born: datetime, lost: bool, clock: Clock) -> None:
        """Read the feed from its beginning (`lost`: into a new table); raises `TakenOver`."""

    @abstractmethod
    def shape(self, clock: Clock) -> Shape | None:
        """What the vectors are; None when there is no table yet."""

    @abstractmethod
    def known(self, external_ids: Sequence[str], clock: Clock) -> dict[str, list[bytes]]:
        """The digests of the texts that the index holds of these records."""

    @abstractmethod
    def write(self, me: str, work: Work, clock: Clock) -> list[str]:
        """Do it all at once, or raise `TakenOver`; the ids of vectors whose metadata changed."""

    @abstractmethod
    def skipped(self, me: str, after: str, limit: int, clock: Clock) -> list[tuple[str, Record | None]]:
        """Records that earlier refreshes had to skip."""

    @abstractmethod
    def sweep(self, me: str, state: State, clock: Clock) -> list[str]:
        """Drop the vectors of records that do not live; their ids."""

    @abstractmethod
    def finish(self, me: str, clock: Clock) -> None:
        """Build what makes a large index fast."""

    @abstractmethod
    def nearest(
        self, vector: Sequence[float], limit: int, filter: Filters | None, clock: Clock
    ) -> list[Found]:
        """The texts nearest to a vector, best first; fewer only where there are no more."""

    @abstractmethod
    def worded(self, query: str, limit: int, filter: Filters | None, clock: Clock) -> list[Found]:
        """The texts that hold words of the query, best first."""

    @abstractmethod
    def lookup(
        self, external_ids: Sequence[str], clock: Clock
    ) -> tuple[State | None, dict[str, Record]] | None:
        """Where the index stands, and those records that live; None without the entity."""

    @abstractmethod
    def counts(self, clock: Clock) -> tuple[int, int]:
        """How many vectors, of how many records."""

    @abstractmethod
    def behind(self, version: int, clock: Clock) -> int:
        """How many records changed since."""

    @abstractmethod
    def drop(self, others: Sequence[str], clock: Clock) -> None:
        """Remove the index, its checkpoint, and those of these names."""

    @abstractmethod
    def replace(self, other: str, me: str, clock: Clock) -> None:
        """Take the place of the index of that name, in one transaction; raises `TakenOver`."""


def another_model(index_name: str, there: object, given: object, what: str = "model") -> Conflict:
    return Conflict(
        f"the index {index_name} holds vectors of {what} {there!r}, and not of {given!r}",
        hint="rebuild() makes a new one beside it and switches",
    )
