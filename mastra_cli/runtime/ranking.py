"""Combines and orders scores: weighted reranking, reciprocal rank fusion."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from typing import Any, TypeVar, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime.models_vector import (
    QueryAnalysis,
    QueryResult,
    QueryResults,
    RerankDetails,
    RerankResult,
    RerankResults,
    Weights,
)

__all__ = [
    "analyze",
    "checked",
    "combine",
    "degraded",
    "embedding",
    "fuse",
    "logistic",
    "metric_of",
    "passage",
    "semantic_scale",
    "vector_scale",
]

METRICS = ("cosine", "euclidean", "dotproduct", "l1", "hamming", "jaccard", "rrf")
FEATURES = 5

Key = TypeVar("Key", bound=Hashable)


def logistic(value: float) -> float:
    """1 / (1 + e^-value) without overflow."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    power = math.exp(value)
    return power / (1 + power)


def embedding(given: object) -> list[float] | None:
    """The query's embedding as numbers, or `InvalidArgument`."""
    if given is None:
        return None
    convert = getattr(given, "tolist", None) or getattr(given, "to_list", None)
    values: Any = convert() if convert else given
    if isinstance(values, (str, bytes, Mapping, Set)) or not isinstance(values, Iterable):
        raise InvalidArgument(f"query_embedding must be a sequence of numbers, and is {kind_of(given)}")
    numbers: list[float] = []
    for at, value in enumerate(cast("Iterable[Any]", values)):
        try:
            numbers.append(math.nan if isinstance(value, (str, bytes)) else float(value))
        except (TypeError, ValueError, OverflowError):
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]):
            raise InvalidArgument(f"query_embedding holds {value!r:.60} at {at}: all must be finite numbers")
    return numbers


def checked(results: object) -> Sequence[QueryResult]:
    """The results of a query as they are or as a list, or `InvalidArgument`."""
    if not isinstance(results, Iterable):
        raise InvalidArgument(f"the results must be those of a query, and are {kind_of(results)}")
    given = cast("Iterable[object]", results)
    found = given if isinstance(given, list) else list(given)
    for at, each in enumerate(found):
        if not isinstance(each, QueryResult):
            raise InvalidArgument(
                f"results[{at}] must be a QueryResult, and is {kind_of(each)}",
                hint="QueryResult(id, score, metadata) makes one",
            )
    return cast("list[QueryResult]", found)


def analyze(embedding: Iterable[float]) -> QueryAnalysis:
    """The length of the query's embedding, and its five largest features."""
    tolist = getattr(embedding, "tolist", None)
    values: list[float] = tolist() if tolist else list(embedding)
    total = 0.0
    for value in values:  # left to right: the last digit depends on the order
        total += value * value
    order = sorted(range(len(values)), key=lambda i: -abs(values[i]))
    return QueryAnalysis(math.sqrt(total), order[:FEATURES])


def passage(result: QueryResult) -> str | None:
    """What a scorer reads of a result: `metadata["text"]`, else the document."""
    text = (result.metadata or {}).get("text")
    if isinstance(text, str) and text:
        return text
    return result.document or None


def metric_of(results: Sequence[QueryResult], given: str | None) -> str:
    """The metric of these results' scores: their own, else the given one, else cosine."""
    if given is not None and given not in METRICS:
        raise InvalidArgument(f"no such metric: {given!r}", hint=", ".join(METRICS))
    if isinstance(results, QueryResults):
        return results.metric
    return given or "cosine"


def vector_scale(score: float, metric: str) -> float:
    """A vector score in 0..1."""
    if metric == "cosine":
        return (1 + score) / 2
    return logistic(score) if metric == "dotproduct" else score


def semantic_scale(scores: Sequence[float]) -> list[float]:
    """A scorer's answers in 0..1: as they are when all are, else taken for logits."""
    if all(0 <= score <= 1 for score in scores):
        return list(scores)
    return [logistic(score) for score in scores]


def combine(
    results: Sequence[QueryResult],
    semantic: Sequence[float | None],
    *,
    weights: Weights,
    query_embedding: Iterable[float] | None,
    top_k: int,
    metric: str,
    normalize: bool,
) -> RerankResults:
    """The results by their combined score, best first; equal scores keep their order.

    `semantic` holds a score a result, None where there was no text to score (that counts as 0).
    """
    analysis = None if query_embedding is None else analyze(query_embedding)
    given = [score for score in semantic if score is not None]
    scaled = iter(semantic_scale(given) if normalize else given)
    reranked: list[RerankResult] = []
    for rank, (result, raw) in enumerate(zip(results, semantic, strict=True)):
        meaning = 0.0 if raw is None else next(scaled)
        vector_raw = result.score or 0.0
        vector = vector_scale(vector_raw, metric) if normalize else vector_raw
        position = 1 - rank / len(results)
        score = weights.semantic * meaning + weights.vector * vector + weights.position * position
        if analysis is not None:
            score = score * (1.1 if analysis.magnitude > 10 else 1) * (1.05 if analysis.magnitude > 5 else 1)
        details = RerankDetails(meaning, vector, position, raw or 0.0, vector_raw, analysis)
        reranked.append(RerankResult(result, score, details))
    reranked.sort(key=lambda each: -each.score)
    return RerankResults(reranked[:top_k])


def degraded(
    results: Sequence[QueryResult],
    reason: str,
    *,
    query_embedding: Iterable[float] | None,
    top_k: int,
    metric: str,
    normalize: bool,
) -> RerankResults:
    """The results in their original order and with their own scores, marked and with the reason."""
    analysis = None if query_embedding is None else analyze(query_embedding)
    marked: list[RerankResult] = []
    for rank, result in enumerate(results[:top_k]):
        own = result.score or 0.0
        vector = vector_scale(own, metric) if normalize else own
        details = RerankDetails(0.0, vector, 1 - rank / len(results), 0.0, own, analysis, True, reason)
        marked.append(RerankResult(result, own, details))
    return RerankResults(marked, degraded=True, reason=reason)


def fuse(rankings: Iterable[Sequence[Key]], rrf_k: int = 60) -> list[tuple[Key, float]]:
    """Reciprocal rank fusion: the sum of 1 / (rrf_k + rank) over the rankings, best first.

    Equal scores keep the order in which their keys were first met.
    """
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + 1 / (rrf_k + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
