"""The values of `PgVector` and `Reranker`: an index, the answer to a query, a reranked result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

from mastra_cli.errors import InvalidArgument, kind_of

__all__ = [
    "BuildProgress",
    "Flat",
    "Hnsw",
    "IndexConfig",
    "IndexStats",
    "IvfFlat",
    "QueryAnalysis",
    "QueryPlan",
    "QueryResult",
    "QueryResults",
    "Recall",
    "RerankDetails",
    "RerankResult",
    "RerankResults",
    "Weights",
]


def _whole(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidArgument(f"{name} must be a whole number from {low} to {high:,}, and is {value!r}")


@dataclass(frozen=True, slots=True)
class Hnsw:
    """A graph index: the best recall for its speed; can be built on an empty table."""

    m: int = 16
    ef_construction: int = 64
    quantize: Literal["binary"] | None = None
    """`"binary"`: the graph holds one bit a dimension, and results are re-scored with the full vectors."""

    def __post_init__(self) -> None:
        _whole("Hnsw.m", self.m, 2, 100)
        _whole("Hnsw.ef_construction", self.ef_construction, 4, 1000)
        if self.ef_construction < 2 * self.m:
            raise InvalidArgument(
                f"Hnsw.ef_construction must be at least twice m, and is {self.ef_construction}, m {self.m}"
            )
        if self.quantize not in (None, "binary"):
            raise InvalidArgument(f'Hnsw.quantize must be None or "binary", and is {self.quantize!r}')


@dataclass(frozen=True, slots=True)
class IvfFlat:
    """An index of lists around centres: quick to build, built over rows that are there already."""

    lists: int | None = None
    """None: chosen from the row count when the index is built."""

    def __post_init__(self) -> None:
        if self.lists is not None:
            _whole("IvfFlat.lists", self.lists, 1, 32768)


@dataclass(frozen=True, slots=True)
class Flat:
    """No index: every query is exact."""


IndexConfig = Hnsw | IvfFlat | Flat


@dataclass(frozen=True, slots=True)
class IndexStats:
    """What an index is, and how large it is."""

    index_name: str
    dimension: int
    count: int
    metric: str
    type: str
    """`hnsw`, `ivfflat` or `flat`."""
    config: IndexConfig
    vector_type: str
    """`vector`, `halfvec`, `bit` or `sparsevec`."""
    size_bytes: int
    """The table with all its indexes."""
    ready: bool
    """False while the ANN index is not built: queries are exact until then."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far the build of an ANN index has come."""

    phase: str
    """The server's word: "building index: loading tuples", ..."""
    fraction: float
    """Of the phase, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """One stored vector; `score` is None where nothing was compared."""

    id: str
    score: float | None
    metadata: dict[str, Any]
    document: str | None = None
    vector: list[float] | dict[int, float] | None = None
    """Only when asked for; of a sparse index: its non-zero values by position, from 0."""


class QueryResults(list[QueryResult]):
    """The results of a query, best first, and how they were found."""

    __slots__ = ("metric", "mode", "short")

    def __init__(
        self,
        results: Iterable[QueryResult] = (),
        *,
        mode: str = "exact",
        metric: str = "cosine",
        short: bool = False,
    ) -> None:
        super().__init__(results)
        self.mode = mode
        """`ann` when the index answered, `exact` when every matching row was compared."""
        self.metric = metric
        """The metric of the scores; `rrf` for a hybrid query."""
        self.short = short
        """Fewer rows match than were asked for."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How the server would answer a query."""

    uses_index: bool
    mode: str
    reason: str
    """Why the index is used, or why not."""
    plan: str
    """The server's own EXPLAIN, as text."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How much of the exact answer the index finds at one `ef` (or `probes`), and how fast."""

    ef: int
    recall: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What share each score has in a reranked one; the shares add up to 1."""

    semantic: float = 0.4
    vector: float = 0.4
    position: float = 0.2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise InvalidArgument(
                    f"the weight {field.name} must be a number from 0 to 1, and is {value!r}"
                )
        total = math.fsum((self.semantic, self.vector, self.position))
        if abs(total - 1) > 1e-9:
            raise InvalidArgument(
                f"weights must add up to 1, and add up to {total:.10g}",
                hint=f"semantic={self.semantic}, vector={self.vector}, position={self.position}: "
                "one that is not given keeps its default",
            )

    @classmethod
    def of(cls, given: Weights | Mapping[str, float] | None) -> Weights:
        """Weights from a mapping that may leave some out; those keep their default."""
        if isinstance(given, Weights):
            return given
        if given is not None and not isinstance(cast(object, given), Mapping):
            raise InvalidArgument(f"weights must be Weights or a mapping, and is {kind_of(given)}")
        names = {field.name for field in fields(cls)}
        for name in given or {}:
            if name not in names:
                raise InvalidArgument(f"no such weight: {name!r}", hint="semantic, vector, position")
        return cls(**(given or {}))


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """What the query's embedding says about the query."""

    magnitude: float
    dominant_features: list[int]
    """The positions of the five largest absolute values, the largest first."""


@dataclass(frozen=True, slots=True)
class RerankDetails:
    """What a reranked score is made of."""

    semantic: float
    vector: float
    position: float
    semantic_raw: float
    """As the scorer gave it, before it was brought to 0..1."""
    vector_raw: float
    query_analysis: QueryAnalysis | None = None
    degraded: bool = False
    reason: str | None = None
    """Why the scorer was left out."""


@dataclass(frozen=True, slots=True)
class RerankResult:
    """A result with its new score."""

    result: QueryResult
    score: float
    details: RerankDetails

    @property
    def degraded(self) -> bool:
        """The scorer failed: this is the original order."""
        return self.details.degraded


class RerankResults(list[RerankResult]):
    """The reranked results, best first; `degraded` when a failed scorer left the original order."""

    __slots__ = ("degraded", "reason")

    def __init__(
        self, results: Iterable[RerankResult] = (), *, degraded: bool = False, reason: str | None = None
    ) -> None:
        super().__init__(results)
        self.degraded = degraded
        self.reason = reason
