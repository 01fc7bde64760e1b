# Generated from the _async twin by `nox -s sync`: edit that one.
"""`PgVector`: similarity search in Postgres that uses its index, and finds all that there is to find."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import DatabaseFailed, InvalidArgument
from mastra_cli.runtime import answers
from mastra_cli.runtime._sync.vector_builds import Builds
from mastra_cli.runtime.embeddings import pack
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.models_vector import Flat, IvfFlat, QueryPlan, QueryResult, QueryResults, Recall
from mastra_cli.runtime.sql import vectors, vectors_hybrid, vectors_search
from mastra_cli.runtime.sql.vectors_search import Search
from mastra_cli.runtime.vector_rows import checked_ids, checked_namespace

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.session import Clock
    from mastra_cli.runtime.fragments import Fragment
    from mastra_cli.runtime.vector_index import Index

__all__ = ["SyncPgVector"]


class SyncPgVector(Builds):
    """Vector indexes in Postgres: each a table, with its vectors, their metadata and documents.

    Shares its tables with the JavaScript package `@mastra/pg` (`schema="public"` is theirs).
    """

    def query(
        self,
        *,
        index_name: str,
        query_vector: Any,
        top_k: int = 10,
        filter: Filters | None = None,
        include_vector: bool = False,
        min_score: float | None = None,
        ef: int | None = None,
        probes: int | None = None,
        exact: bool = False,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> QueryResults:
        """The `top_k` best matches, best first; fewer only where fewer rows match (`short` says so).

        `filter` is over the metadata. `ef` (HNSW) and `probes` (IVFFlat) trade speed for recall; `exact=True`
        compares every matching row. `min_score` leaves out results below it.
        """
        answers.check(top_k=top_k, min_score=min_score, ef=ef, probes=probes)
        condition = vectors.condition(filter)
        asked = Search(top_k, condition is not None, include_vector, ef, probes, exact)

        def work(index: Index) -> QueryResults:
            packed = _packed(index, query_vector, "query_vector")
            found = self._found_by(
                index, asked, packed, checked_namespace(namespace, index), condition, clock
            )
            return answers.results(index, found, top_k, min_score)

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def query_many(
        self,
        *,
        index_name: str,
        query_vectors: Iterable[Any],
        top_k: int = 10,
        filter: Filters | None = None,
        include_vector: bool = False,
        min_score: float | None = None,
        ef: int | None = None,
        probes: int | None = None,
        exact: bool = False,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> list[QueryResults]:
        """What `query` answers for each of several vectors, in one round trip."""
        answers.check(top_k=top_k, min_score=min_score, ef=ef, probes=probes)
        condition = vectors.condition(filter)
        asked = Search(top_k, condition is not None, include_vector, ef, probes, exact)
        given = answers.check_many(query_vectors)

        def work(index: Index) -> list[QueryResults]:
            space = checked_namespace(namespace, index)
            packed = [_packed(index, each, f"query_vectors[{i}]") for i, each in enumerate(given)]
            if not packed:
                return []
            statement = vectors_search.search_many(index, asked, packed, space, condition)
            found = self._search(statement, clock, _prepare(index, space, condition))
            return answers.grouped(index, found, len(packed), top_k, min_score)

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def hybrid_query(
        self,
        *,
        index_name: str,
        query_vector: Any,
        query_text: str,
        top_k: int = 10,
        filter: Filters | None = None,
        rrf_k: int = 60,
        include_vector: bool = False,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> QueryResults:
        """The best matches by vector and by the words of their documents, fused by reciprocal rank.

        The index must have a language (`create_index(text_search=...)`). A score is the sum of
        1 / (rrf_k + rank) over the two rankings.
        """
        answers.check(top_k=top_k, rrf_k=rrf_k)
        answers.check_text(query_text)
        condition = vectors.condition(filter)
        asked = Search(top_k, condition is not None, include_vector)

        def work(index: Index) -> QueryResults:
            if index.language is None:
                raise InvalidArgument(
                    f"the index {index.name} has no text search",
                    hint=f'create_index(index_name="{index.name}", ..., text_search="english") adds it',
                )
            packed = _packed(index, query_vector, "query_vector")
            space = checked_namespace(namespace, index)
            statement = vectors_hybrid.hybrid(index, asked, rrf_k).fill(packed, space, condition, query_text)
            found = self._search(statement, clock, _prepare(index, space, condition))
            return answers.fused(index, found, top_k)

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def get(
        self,
        *,
        index_name: str,
        ids: Iterable[str],
        namespace: str = "default",
        timeout: float | None = None,
    ) -> list[QueryResult]:
        """The vectors of these ids, in their order, without scores; ids that are not there are left out."""
        wanted = checked_ids(ids)

        def work(index: Index) -> list[QueryResult]:
            space = checked_namespace(namespace, index)
            found = self._rows(vectors.get(index, wanted, space), clock) if wanted else []
            return answers.by_id(index, found, wanted)

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def explain(
        self,
        *,
        index_name: str,
        query_vector: Any,
        filter: Filters | None = None,
        top_k: int = 10,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> QueryPlan:
        """Whether `query` would use the index and, if not, why; the query is run for it."""
        answers.check(top_k=top_k)
        condition = vectors.condition(filter)

        def work(index: Index) -> QueryPlan:
            packed = _packed(index, query_vector, "query_vector")
            asked = Search(top_k, condition is not None)
            space = checked_namespace(namespace, index)
            found = self._found_by(index, asked, packed, space, condition, clock, explained=True)
            return answers.plan(index, found[0][0], top_k)

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def measure_recall(
        self,
        *,
        index_name: str,
        sample: int = 100,
        top_k: int = 10,
        namespace: str = "default",
        timeout: float | None = None,
    ) -> list[Recall]:
        """How much of the exact answer the index finds, and how fast, by `ef` (`probes` for IVFFlat).

        The questions are stored vectors, chosen by chance.
        """
        answers.check(top_k=top_k, sample=sample)
        clock = self._clock(timeout, bulk=True)
        index = self._index(index_name, clock, fresh=True)
        space = checked_namespace(namespace, index)
        if isinstance(index.config, Flat) or not index.ready:
            raise InvalidArgument(
                f"the index {index.name} has no ANN index to measure: every query is exact",
                hint="build_index() builds it",
            )
        questions = [row[0] for row in self._rows(vectors.sample(index, sample, space), clock)]
        exactly = Search(top_k, exact=True)
        truth = [(self._timed(index, exactly, question, space, clock))[0] for question in questions]
        measured: list[Recall] = []
        for effort in answers.efforts(index, top_k):
            lists = isinstance(index.config, IvfFlat)
            asked = Search(top_k, probes=effort) if lists else Search(top_k, ef=effort)
            found = [self._timed(index, asked, question, space, clock) for question in questions]
            measured.append(answers.recall(effort, truth, found))
        return measured

    def _timed(
        self, index: Index, asked: Search, packed: bytes, space: str, clock: Clock
    ) -> tuple[list[float], float]:
        """The distances of an answer, and the milliseconds that it took."""
        began = perf_counter()
        found = self._found_by(index, asked, packed, space, None, clock)
        return [row[1] for row in found], (perf_counter() - began) * 1000

    def _found_by(
        self,
        index: Index,
        asked: Search,
        packed: bytes,
        space: str,
        condition: Fragment | None,
        clock: Clock,
        *,
        explained: bool = False,
    ) -> list[tuple[Any, ...]]:
        found = None
        if condition is None and vectors_search.uses_ann(index, asked) and index.name not in self._shared:
            statement = vectors_search.nearest(index, asked).fill(packed, space, None)
            found = self._search(statement, clock)
            if len(found) == asked.top_k:
                found = answers.in_order(found)
                return self._search(vectors_search.explained(statement), clock) if explained else found
        statement = vectors_search.search(index, asked).fill(packed, space, condition)
        if explained:
            return self._search(vectors_search.explained(statement), clock)
        answer = self._search(statement, clock, _prepare(index, space, condition))
        if found is not None and len(found) < len(answer):
            self._shared.add(index.name)
        return answer

    def _search(
        self, statement: Fragment, clock: Clock, prepare: bool | None = None
    ) -> list[tuple[Any, ...]]:
        try:
            return self._rows(statement, clock, prepare=prepare)
        except DatabaseFailed as error:
            if error.sqlstate == "2201B":
                raise InvalidArgument(
                    f"the filter's $regex is no regular expression: {error.message}"
                ) from error
            raise


def _prepare(index: Index, space: str, condition: Fragment | None) -> bool | None:
    """Whether one plan serves them all: where namespaces differ in size, a filter needs one for each."""
    return None if condition is None or not index.namespaced or space == index.only else False


def _packed(index: Index, vector: Any, label: str) -> bytes:
    return pack(vector, index.kind, index.dimension, metric=index.metric, label=label, indexed=False)
