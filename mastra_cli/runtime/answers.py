"""What is made of the rows that a search brings back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import batches, metrics
from mastra_cli.runtime.embeddings import unpack
from mastra_cli.runtime.models_vector import Flat, IvfFlat, QueryPlan, QueryResult, QueryResults, Recall
from mastra_cli.runtime.sql.vectors_search import EF_MAX, few
from mastra_cli.runtime.vector_index import Index

_LIMITS = {"top_k": 10_000, "ef": 1_000_000, "probes": 32_768, "rrf_k": 1_000_000, "sample": 10_000}
_MANY = 1_000
_EFFORTS = (40, 100, 200, 400)


def check(*, min_score: object = None, **numbers: object) -> None:
    """Raises `InvalidArgument` for a number that can not be used."""
    for name, value in numbers.items():
        if value is None and name in ("ef", "probes"):
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LIMITS[name]:
            raise InvalidArgument(
                f"{name} must be a whole number from 1 to {_LIMITS[name]:,}, and is {value!r}"
            )
    if min_score is not None and (
        isinstance(min_score, bool) or not isinstance(min_score, int | float) or math.isnan(min_score)
    ):
        raise InvalidArgument(f"min_score must be a number, and is {min_score!r}")


def check_many(vectors: object) -> list[object]:
    """Query vectors as a list, of a bounded length."""
    if isinstance(vectors, (str, bytes)) or not isinstance(vectors, Iterable):
        raise InvalidArgument(f"query_vectors must be an iterable of vectors, and is {kind_of(vectors)}")
    given = list(cast("Iterable[object]", vectors))
    if len(given) > _MANY:
        raise InvalidArgument(
            f"query_vectors holds {len(given):,} vectors, and at most {_MANY:,} are allowed"
        )
    return given


def check_text(text: object) -> None:
    if not isinstance(text, str):
        raise InvalidArgument(f"query_text must be a str, and is {kind_of(text)}")
    if isinstance(reason := batches.json_text([text]), batches.Reason):
        raise InvalidArgument(f"query_text can not be searched for: {reason.words}")


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows of (id, distance, ...) by distance, then id."""
    return sorted(rows, key=lambda row: (row[1], row[0]))


def results(index: Index, rows: Sequence[Sequence[Any]], top_k: int, min_score: float | None) -> QueryResults:
    """Rows of (id, distance, is exact, metadata, document, vector) as results."""
    score, measure, dimension, kind = metrics.score, index.metric, index.dimension, index.kind
    # What `_result` does, without a call for each: most of the time between the rows and the caller.
    found = [
        QueryResult(
            id,
            score(distance, measure, dimension),
            cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
            document,
            vector and unpack(vector, kind),
        )
        for id, distance, _, metadata, document, vector in rows
    ]
    if min_score is not None:
        found = [each for each in found if (each.score or 0.0) >= min_score]
    mode = "exact" if all(row[2] for row in rows) else "ann"
    return QueryResults(found, mode=mode, metric=measure, short=len(rows) < top_k)


def grouped(
    index: Index, rows: Sequence[Sequence[Any]], count: int, top_k: int, min_score: float | None
) -> list[QueryResults]:
    """Rows that begin with the number of their query, as results a query."""
    groups: dict[int, list[Sequence[Any]]] = {number: [] for number in range(count)}
    for row in rows:
        groups[row[0]].append(row[1:])
    return [results(index, group, top_k, min_score) for group in groups.values()]


def fused(index: Index, rows: Sequence[Sequence[Any]], top_k: int) -> QueryResults:
    """Rows of (id, score, is exact, metadata, document, vector) as results."""
    found = [_result(index, row[0], row[1], row[3], row[4], row[5]) for row in rows]
    mode = "exact" if all(row[2] for row in rows) else "ann"
    return QueryResults(found, mode=mode, metric="rrf", short=len(rows) < top_k)


def by_id(index: Index, rows: Iterable[Sequence[Any]], wanted: Sequence[str]) -> list[QueryResult]:
    """Rows of (id, metadata, document, vector) as results, in the order of the ids."""
    found = {row[0]: _result(index, row[0], None, row[1], row[2], row[3]) for row in rows}
    return [found[id] for id in wanted if id in found]


def _result(
    index: Index, id: str, score: float | None, metadata: Any, document: str | None, vector: bytes | None
) -> QueryResult:
    given = cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}
    return QueryResult(id, score, given, document, None if vector is None else unpack(vector, index.kind))


def efforts(index: Index, top_k: int) -> list[int]:
    """The `ef` or `probes` that are worth measuring."""
    if isinstance(index.config, IvfFlat):
        lists = index.config.lists or 1
        return sorted({max(1, min(lists, round(lists**0.5 * factor))) for factor in (0.5, 1, 2, 4)})
    return [effort for effort in _EFFORTS if effort >= top_k] or [min(top_k, EF_MAX)]


def recall(
    effort: int, truth: Sequence[Sequence[float]], found: Sequence[tuple[Sequence[float], float]]
) -> Recall:
    """The share of the exact answers' distances that were reached; equal distances are equally right."""
    reached = wanted = 0
    for exact, (distances, _) in zip(truth, found, strict=True):
        wanted += len(exact)
        limit = exact[-1] if exact else 0.0
        reached += sum(distance <= limit + 1e-9 * abs(limit) for distance in distances[: len(exact)])
    times = sorted(milliseconds for _, milliseconds in found) or [0.0]
    at = [times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.95)]
    return Recall(effort, reached / wanted if wanted else 1.0, at[0], at[1])


def plan(index: Index, explained: Any, top_k: int) -> QueryPlan:
    """What EXPLAIN (ANALYZE, FORMAT JSON) says of a search."""
    root: dict[str, Any] = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    nodes = list(_nodes(root))
    name = f"{index.name}_vector_idx"
    used = any(node.get("Index Name") == name and node["Actual Loops"] > 0 for node in nodes)
    most = few(index, top_k)
    found = next((n["Actual Rows"] for n in nodes if n.get("Subplan Name") == "CTE few" and _looked(n)), None)
    compared = any(n.get("Alias") == "e" and n["Actual Loops"] > 0 and n["Actual Rows"] > 0 for n in nodes)
    if isinstance(index.config, Flat):
        reason = "the index is Flat(): every query is exact"
    elif not index.ready:
        reason = "the ANN index is not built: build_index() builds it"
    elif top_k > EF_MAX:
        reason = f"top_k is above {EF_MAX:,}, the most that the index can find: the query is exact"
    elif compared:
        reason = "too few of the nearest rows match: all matching rows are compared exactly"
    elif used:
        reason = "the index gives the nearest rows"
    elif found is None or found > most:
        reason = "the planner finds a scan of so small a table cheaper"
    else:
        reason = f"{int(found):,} rows match, at most {most:,}: they are compared exactly"
    uses_index = used and not compared
    return QueryPlan(uses_index, "ann" if uses_index else "exact", reason, json.dumps(root, indent=1))


def _looked(node: dict[str, Any]) -> bool:
    """Whether the rows were read: where very many match, which a few by chance tell, they are not."""
    return all(each["Actual Loops"] > 0 for each in _nodes(node) if "Relation Name" in each)


def _nodes(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
