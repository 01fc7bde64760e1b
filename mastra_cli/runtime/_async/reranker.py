# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Reranking: results in a better order, by what a scorer says of their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Literal

from mastra_cli.errors import DeadlineExceeded, InvalidArgument, ScorerFailed, kind_of
from mastra_cli.runtime import ranking
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.session import checked_timeout
from mastra_cli.runtime.models_vector import QueryResult, RerankResults, Weights
from mastra_cli.runtime.scorers import LLMScorer, Scorer, as_number, as_numbers, reads

__all__ = ["Reranker", "rerank"]

OnError = Literal["degrade", "raise"]
_TICK = 0.001


class Reranker:
    """Reorders the results of a query by meaning, vector score and position, each with its weight.

    `scorer` is a callable `(query, texts) -> list[float]` or `(query, text) -> float`, sync or async, or one
    of `CohereScorer`, `CrossEncoderScorer`, `LLMScorer`; of those that take one text, `max_concurrency` run
    at a time. When it fails or takes longer than `timeout` seconds in all, the original order comes back with
    `degraded=True`; with `on_error="raise"`: `ScorerFailed`, or `DeadlineExceeded`.
    """

    def __init__(
        self,
        scorer: Scorer | LLMScorer,
        weights: Weights | Mapping[str, float] | None = None,
        max_concurrency: int = 8,
        timeout: float = 30.0,
        normalize: bool = True,
        on_error: OnError = "degrade",
    ) -> None:
        if not isinstance(scorer, LLMScorer) and not callable(scorer):
            raise InvalidArgument(f"the scorer must be callable, and is {kind_of(scorer)}")
        if on_error not in ("degrade", "raise"):
            raise InvalidArgument(f'on_error must be "degrade" or "raise", and is {on_error!r}')
        self.weights = Weights.of(weights)
        self.max_concurrency = _whole("max_concurrency", max_concurrency)
        self.timeout = checked_timeout(timeout)
        self.normalize = normalize
        self.on_error = on_error
        self._scorer = scorer
        self._reads = "one" if isinstance(scorer, LLMScorer) else reads(scorer)

    async def rerank(
        self,
        *,
        query: str,
        vector_store_results: Iterable[QueryResult],
        query_embedding: Iterable[float] | None = None,
        top_k: int = 3,
        metric: str | None = None,
    ) -> RerankResults:
        """The best `top_k` results, best first, each with its new score and what it is made of.

        `metric` says how the vector scores are to be read, for results that do not know it themselves.
        """
        if not isinstance(query, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"query must be a str, and is {kind_of(query)}")
        _whole("top_k", top_k)
        results = ranking.checked(vector_store_results)
        query_embedding = ranking.embedding(query_embedding)
        metric = ranking.metric_of(results, metric)
        texts = [ranking.passage(result) for result in results]
        given = [text for text in texts if text is not None]
        began = monotonic()
        try:
            scores = await waiting.within(self.timeout, self._scores, query, given) if given else []
        except InvalidArgument:
            raise
        except Exception as error:
            failure = self._failure(error, late=monotonic() - began >= self.timeout - _TICK)
            if self.on_error == "raise":
                raise failure from error
            return ranking.degraded(
                results,
                failure.message,
                query_embedding=query_embedding,
                top_k=top_k,
                metric=metric,
                normalize=self.normalize,
            )
        each = iter(scores)
        return ranking.combine(
            results,
            [None if text is None else next(each) for text in texts],
            weights=self.weights,
            query_embedding=query_embedding,
            top_k=top_k,
            metric=metric,
            normalize=self.normalize,
        )

    def _failure(self, error: Exception, *, late: bool) -> ScorerFailed | DeadlineExceeded:
        if isinstance(error, (ScorerFailed, DeadlineExceeded)):
            return error
        # One that comes early is the scorer's own.
        if isinstance(error, TimeoutError) and late:
            return DeadlineExceeded(
                f"the scorer did not answer within {self.timeout:g} s",
                hint="give a longer timeout, or rerank fewer results",
            )
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ScorerFailed(f"the scorer failed: {said}")

    async def _scores(self, query: str, texts: list[str]) -> list[float]:
        """A score for each text, in their order."""
        scorer = self._scorer
        if isinstance(scorer, LLMScorer):
            return await waiting.gather(
                lambda text: self._ask(scorer, query, text), texts, limit=self.max_concurrency
            )
        if self._reads == "many":
            return as_numbers(await waiting.call(scorer, query, list(texts)), len(texts))
        if self._reads == "unknown":
            # Neither a type nor a name says what it takes: it is given all, and one at a time if it can not.
            try:
                return as_numbers(await waiting.call(scorer, query, list(texts)), len(texts))
            except (ScorerFailed, TypeError, AttributeError):
                pass
        return await waiting.gather(
            lambda text: self._one(scorer, query, text), texts, limit=self.max_concurrency
        )

    async def _one(self, scorer: Scorer, query: str, text: str) -> float:
        return as_number(await waiting.call(scorer, query, text))

    async def _ask(self, scorer: LLMScorer, query: str, text: str) -> float:
        return scorer.read(await waiting.call(scorer.complete, scorer.prompt(query, text)))


async def rerank(
    results: Iterable[QueryResult],
    query: str,
    scorer: Scorer | LLMScorer,
    weights: Weights | Mapping[str, float] | None = None,
    query_embedding: Sequence[float] | None = None,
    top_k: int = 3,
    metric: str | None = None,
    normalize: bool = True,
    on_error: OnError = "degrade",
) -> RerankResults:
    """The best `top_k` of the results, best first; a `Reranker` for one call."""
    reranker = Reranker(scorer, weights, normalize=normalize, on_error=on_error)
    return await reranker.rerank(
        query=query,
        vector_store_results=results,
        query_embedding=query_embedding,
        top_k=top_k,
        metric=metric,
    )


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidArgument(f"{name} must be a whole number from 1, and is {value!r}")
    return value
