"""What a scorer takes, and what is read out of its answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mastra_cli.errors import InvalidArgument, ScorerFailed
from mastra_cli.runtime._sync.reranker import SyncReranker
from mastra_cli.runtime.models_vector import QueryResult
from mastra_cli.runtime.scorers import CohereScorer, LLMScorer, as_number, as_numbers, reads


def one(query: str, t: str) -> float: ...
def many(query: str, t: Sequence[str]) -> list[float]: ...


class Callable:
    def __call__(self, query, documents): ...


@pytest.mark.parametrize(
    ("scorer", "kind"),
    [(one, "one"), (many, "many"), (Callable(), "many"), (lambda query, passage: 0, "one"), (lambda a, b: 0, "unknown"),
     (lambda *args: 0, "unknown"), (max, "unknown"), (CohereScorer(api_key="k"), "many")],
)  # fmt: skip
def test_what_a_scorer_takes(scorer, kind: str) -> None:
    assert reads(scorer) == kind


@pytest.mark.parametrize(
    ("answer", "score"),
    [("0.85", 0.85), ("  1\n", 1.0), (".5", 0.5), ("Score: 0.8", 0.8), ("**0.8**", 0.8), ("0,75", 0.75),
     ("relevance = 80%", 0.8), ("8/10", 0.8), ("4 / 5 stars", 0.8), ("1e-3", 0.001), ("0", 0.0), ("0.7.", 0.7)],
)  # fmt: skip
def test_a_number_is_read_out_of_a_models_words(answer: str, score: float) -> None:
    assert LLMScorer(str).read(answer) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "words"),
    [("very relevant", "answered no number"), ("", "answered no number: ''"), ("nan", "answered no number"),
     ("-0.5", "must be from 0 to 1"), ("7", "must be from 0 to 1"), ("1/0", "must be from 0 to 1"),
     ("gpt4", "answered no number"), (None, "must answer text, and answered None")],
)  # fmt: skip
def test_what_is_no_number_from_0_to_1_is_refused(answer, words: str) -> None:
    with pytest.raises(ScorerFailed, match=words):
        LLMScorer(str).read(answer)


def test_the_numbers_of_numpy_are_numbers() -> None:
    assert as_number(np.float32(0.5)) == 0.5
    assert as_numbers(np.array([0.25, 0.5]), 2) == [0.25, 0.5]
    assert as_numbers((np.float64(1), 2), 2) == [1.0, 2.0]


@pytest.mark.parametrize("on_error", ["degrade", "raise"])
def test_an_async_scorer_in_the_sync_reranker_is_a_mistake_to_be_seen(on_error: str) -> None:
    async def scorer(query: str, text: str) -> float:
        return 0.5

    with pytest.raises(InvalidArgument, match="scorer is async"):
        SyncReranker(scorer, on_error=on_error).rerank(
            query="q", vector_store_results=[QueryResult("a", 0.5, {"text": "x"})]
        )
