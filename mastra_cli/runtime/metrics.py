"""What each metric and vector type is to pgvector: operators, operator classes, limits, scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.models_vector import Hnsw, IndexConfig, IvfFlat

__all__ = [
    "BY_OPERATOR_CLASS",
    "METRICS",
    "VECTOR_TYPES",
    "Metric",
    "choose_type",
    "metric",
    "score",
    "settle",
]

VectorType = Literal["vector", "halfvec", "bit", "sparsevec"]
VECTOR_TYPES: tuple[VectorType, ...] = ("vector", "halfvec", "bit", "sparsevec")
NUMBERS: tuple[VectorType, ...] = ("vector", "halfvec", "sparsevec")

# What pgvector can store, and what its ANN indexes take.
STORED = {"vector": 16_000, "halfvec": 16_000, "bit": 64_000, "sparsevec": 1_000_000_000}
INDEXED = {"vector": 2_000, "halfvec": 4_000, "bit": 64_000, "sparsevec": 1_000_000_000}
QUANTIZED = 16_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its operator, the suffix of its operator classes, where it can be used."""

    name: str
    operator: str
    suffix: str
    types: tuple[VectorType, ...]
    ivfflat: tuple[VectorType, ...]


METRICS = {
    each.name: each
    for each in (
        Metric("cosine", "<=>", "cosine_ops", NUMBERS, ("vector", "halfvec")),
        Metric("euclidean", "<->", "l2_ops", NUMBERS, ("vector", "halfvec")),
        Metric("dotproduct", "<#>", "ip_ops", NUMBERS, ("vector", "halfvec")),
        Metric("l1", "<+>", "l1_ops", NUMBERS, ()),
        Metric("hamming", "<~>", "hamming_ops", ("bit",), ("bit",)),
        Metric("jaccard", "<%>", "jaccard_ops", ("bit",), ()),
    )
}
BY_OPERATOR_CLASS = {f"{kind}_{each.suffix}": each.name for each in METRICS.values() for kind in each.types}


def metric(name: object) -> Metric:
    """The metric of that name, or `InvalidArgument`."""
    found = METRICS.get(name) if isinstance(name, str) else None
    if found is None:
        raise InvalidArgument(f"no such metric: {name!r}", hint=", ".join(METRICS))
    return found


def choose_type(dimension: int, config: IndexConfig, measure: Metric) -> VectorType:
    """The vector type for a dimension: the widest that an ANN index takes."""
    if measure.types == ("bit",):
        return "bit"
    if dimension <= INDEXED["vector"]:
        return "vector"
    if dimension <= INDEXED["halfvec"]:
        return "halfvec"
    return "vector"


def settle(dimension: object, measure: Metric, config: IndexConfig, wanted: str | None) -> VectorType:
    """The vector type of an index to be made, or `InvalidArgument` when no such index can be."""
    if not isinstance(dimension, int) or isinstance(dimension, bool) or dimension < 1:
        raise InvalidArgument(f"dimension must be a whole number from 1, and is {dimension!r}")
    if wanted is not None and wanted not in VECTOR_TYPES:
        raise InvalidArgument(f"no such vector type: {wanted!r}", hint=", ".join(VECTOR_TYPES))
    kind = next((k for k in VECTOR_TYPES if k == wanted), None) or choose_type(dimension, config, measure)
    if kind not in measure.types:
        raise InvalidArgument(
            f"the metric {measure.name} does not compare {kind}",
            hint=f"metrics of {kind}: {', '.join(m.name for m in METRICS.values() if kind in m.types)}",
        )
    if dimension > STORED[kind]:
        raise InvalidArgument(
            f"{kind} holds up to {STORED[kind]:,} dimensions, and {dimension:,} were asked for"
        )
    check_config(dimension, measure, config, kind)
    return kind


def check_config(dimension: int, measure: Metric, config: IndexConfig, kind: VectorType) -> None:
    """Raises `InvalidArgument` when pgvector has no such ANN index."""
    if isinstance(config, IvfFlat) and kind not in measure.ivfflat:
        raise InvalidArgument(
            f"IVFFlat does not index {kind} under {measure.name}",
            hint="use Hnsw(), or Flat() for exact search",
        )
    if isinstance(config, Hnsw) and config.quantize:
        if kind not in ("vector", "halfvec"):
            raise InvalidArgument(f"binary quantisation is for vector and halfvec, not for {kind}")
        return
    if isinstance(config, Hnsw | IvfFlat) and dimension > INDEXED[kind]:
        raise InvalidArgument(
            f"an ANN index of {kind} takes up to {INDEXED[kind]:,} dimensions, and {dimension:,} were asked",
            hint='Hnsw(quantize="binary") indexes one bit a dimension and re-scores with the full vectors '
            f"(up to {QUANTIZED:,}); Flat() searches exactly, without an index",
        )


def score(distance: float, measure: str, dimension: int) -> float:
    """The score of a distance: higher is better."""
    # A stored all-zero vector has no direction: NaN, which no order and no `min_score` could place.
    if distance != distance:
        return -1.0
    if measure == "cosine":
        return 1 - distance
    if measure == "dotproduct":
        return -distance
    if measure in ("euclidean", "l1"):
        return 1 / (1 + distance)
    return 1 - (distance / dimension if measure == "hamming" else distance)  # or jaccard
