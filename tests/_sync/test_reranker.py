# Generated from the _async twin by `nox -s sync`: edit that one.
"""Every promise of `Reranker`, with scorers of every kind."""

from __future__ import annotations

import math
import threading
import time

import pytest

from mastra_cli.errors import DeadlineExceeded, InvalidArgument, ScorerFailed
from mastra_cli.runtime._sync.reranker import SyncReranker, sync_rerank
from mastra_cli.runtime.models_vector import QueryResult, QueryResults, Weights
from mastra_cli.runtime.scorers import CohereScorer, CrossEncoderScorer, LLMScorer
from tests.cohere import Cohere

TEXTS = ["cats purr", "dogs bark at cats", "the tax return is due"]


def found(*scores: float, metric: str | None = None) -> list[QueryResult]:
    results = [QueryResult(f"r{i}", score, {"text": TEXTS[i]}) for i, score in enumerate(scores)]
    return results if metric is None else QueryResults(results, metric=metric)


def by_length(query: str, texts: list[str]) -> list[float]:
    return [len(text) / 100 for text in texts]


def by_length_later(query: str, texts: list[str]) -> list[float]:
    return by_length(query, texts)


def length_later(query: str, text: str) -> float:
    return len(text) / 100


@pytest.mark.parametrize(
    "scorer",
    [by_length, by_length_later, length_later, lambda query, text: len(text) / 100,
     lambda q, t: [len(text) / 100 for text in t], lambda q, t: len(t.strip()) / 100],
    ids=["batch", "async batch", "async single", "single", "unnamed batch", "unnamed single"],
)  # fmt: skip
def test_a_scorer_takes_all_texts_or_one(scorer) -> None:
    reranked = SyncReranker(scorer).rerank(query="tax", vector_store_results=found(0.9, 0.8, 0.7))
    assert [r.details.semantic for r in sorted(reranked, key=lambda r: r.result.id)] == [0.09, 0.17, 0.21]
    assert not reranked.degraded


def test_raw_scores_are_published_ones_to_the_last_digit() -> None:
    reranked = sync_rerank(
        found(0.9, 0.8, 0.7), "tax", by_length, normalize=False, query_embedding=[3.0, 4.5, 9.0]
    )
    length = math.sqrt(3.0 * 3.0 + 4.5 * 4.5 + 9.0 * 9.0)
    assert length > 10
    for each, semantic, vector, position in zip(
        reranked, (0.09, 0.17, 0.21), (0.9, 0.8, 0.7), (1.0, 1 - 1 / 3, 1 - 2 / 3), strict=True
    ):
        assert each.score == pytest.approx(
            (0.4 * semantic + 0.4 * vector + 0.2 * position) * 1.1 * 1.05, abs=1e-12
        )
        assert each.details.query_analysis.dominant_features == [2, 1, 0]


def test_the_metric_of_the_results_is_used() -> None:
    for results, metric, vector in [(found(0.5, metric="euclidean"), None, 0.5), (found(0.5), None, 0.75),
                                    (found(0.0), "dotproduct", 0.5), (found(0.5, metric="l1"), "cosine", 0.5)]:  # fmt: skip
        [only] = sync_rerank(results, "q", by_length, metric=metric)
        assert only.details.vector == vector


def test_weights_given_in_part_and_weights_refused() -> None:
    [only] = sync_rerank(found(0.5), "q", by_length, {"semantic": 0.0, "vector": 0.8}, normalize=False)
    assert only.score == pytest.approx(0.8 * 0.5 + 0.2)
    with pytest.raises(InvalidArgument, match=r"weights must add up to 1, and add up to 1\.2"):
        SyncReranker(by_length, {"semantic": 0.6})


def test_no_more_than_max_concurrency_are_asked_at_a_time() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def scorer(query: str, text: str) -> float:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return 0.5

    results = [QueryResult(str(i), 0.5, {"text": "x"}) for i in range(12)]
    SyncReranker(scorer, max_concurrency=3).rerank(query="q", vector_store_results=results, top_k=12)
    assert most == 3


def broken(query: str, texts: list[str]) -> list[float]:
    raise RuntimeError("the model fell over")


def test_a_scorer_that_fails_leaves_the_original_order() -> None:
    reranked = sync_rerank(found(0.3, 0.9, 0.6), "q", broken, top_k=2)
    assert [r.result.id for r in reranked] == ["r0", "r1"]
    assert reranked.degraded
    assert reranked.reason == "the scorer failed: RuntimeError: the model fell over"
    assert all(r.degraded and r.details.reason == reranked.reason for r in reranked)


def test_a_scorer_that_fails_is_raised_when_asked_for() -> None:
    with pytest.raises(ScorerFailed, match="the scorer failed: RuntimeError: the model fell over") as caught:
        sync_rerank(found(0.3), "q", broken, on_error="raise")
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("on_error", ["degrade", "raise"])
def test_a_scorer_that_takes_too_long(on_error: str) -> None:
    def slow(query: str, texts: list[str]) -> list[float]:
        time.sleep(0.3)
        return [0.5]

    reranker = SyncReranker(slow, timeout=0.05, on_error=on_error)
    began = time.monotonic()
    if on_error == "raise":
        with pytest.raises(DeadlineExceeded, match=r"the scorer did not answer within 0\.05 s"):
            reranker.rerank(query="q", vector_store_results=found(0.3))
    else:
        reranked = reranker.rerank(query="q", vector_store_results=found(0.3))
        assert reranked.reason == "the scorer did not answer within 0.05 s"
    assert time.monotonic() - began < 0.25


def test_a_timeout_of_the_scorers_own_is_its_failure() -> None:
    def scorer(query: str, texts: list[str]) -> list[float]:
        raise TimeoutError("its socket")

    with pytest.raises(ScorerFailed, match="the scorer failed: TimeoutError: its socket"):
        sync_rerank(found(0.3), "q", scorer, on_error="raise")


@pytest.mark.parametrize(
    ("answer", "words"),
    [([0.5, 0.5], "the scorer answered 2 scores for 1 texts"), ([math.nan], "a finite number, and answered nan"),
     (["high"], "a finite number, and answered a str"), ([True], "a finite number, and answered True"),
     ("0.5", "one number a text, and answered a str"), (None, "one number a text, and answered None")],
)  # fmt: skip
def test_an_answer_that_is_no_score_is_a_failure(answer, words: str) -> None:
    def scorer(query: str, texts: list[str]) -> list[float]:
        return answer

    with pytest.raises(ScorerFailed, match=words):
        sync_rerank(found(0.3), "q", scorer, on_error="raise")


def test_results_without_text_are_not_sent() -> None:
    seen: list[str] = []

    def scorer(query: str, texts: list[str]) -> list[float]:
        seen.extend(texts)
        return [1.0] * len(texts)

    results = [
        QueryResult("a", 0.5, {}),
        QueryResult("b", 0.5, {"text": 7}, "the document"),
        QueryResult("c", 0.5, {}),
    ]
    reranked = sync_rerank(results, "q", scorer)
    assert seen == ["the document"]
    assert reranked[0].result.id == "b"
    assert sync_rerank([], "q", broken) == []
    assert not (sync_rerank(results[:1], "q", broken)).degraded


@pytest.mark.parametrize(
    ("options", "words"),
    [({"max_concurrency": 0}, "max_concurrency must be a whole number from 1, and is 0"),
     ({"timeout": 0}, "timeout must be a number of seconds above 0"), ({"on_error": "ignore"}, "on_error must be"),
     ({"scorer": 7}, "the scorer must be callable, and is an int")],
)  # fmt: skip
def test_what_a_reranker_can_not_be(options, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        SyncReranker(**{"scorer": by_length, **options})


def test_what_can_not_be_reranked() -> None:
    for options, words in [({"top_k": 0}, "top_k must be a whole number from 1"), ({"query": 1}, "query must be a str"),
                           ({"metric": "l9"}, "no such metric"), ({"results": None}, "the results must be those of a query, and are None"),
                           ({"results": [*found(0.5), {"id": "a"}]}, r"results\[1\] must be a QueryResult, and is a dict"),
                           ({"query_embedding": 7}, "query_embedding must be a sequence of numbers, and is an int"),
                           ({"query_embedding": [1, "2"]}, "query_embedding holds '2' at 1"),
                           ({"query_embedding": [math.nan]}, "query_embedding holds nan at 0")]:  # fmt: skip
        with pytest.raises(InvalidArgument, match=words):
            sync_rerank(**{"results": found(0.5), "query": "q", "scorer": by_length, **options})


def test_cohere_is_asked_once_for_all_documents() -> None:
    with Cohere({"cats purr": 0.2, "dogs bark at cats": 0.9, "the tax return is due": 0.0}) as server:
        scorer = CohereScorer(api_key="secret-key", base_url=server.url)
        reranked = sync_rerank(found(0.5, 0.5, 0.5), "dogs", scorer, Weights(1, 0, 0))
    assert [(r.result.id, r.score) for r in reranked] == [("r1", 0.9), ("r0", 0.2), ("r2", 0.0)]
    [(headers, body)] = server.asked
    assert headers["Authorization"] == "Bearer secret-key"
    assert body == {"model": "rerank-v3.5", "query": "dogs", "documents": TEXTS, "top_n": 3}
    assert "secret-key" not in repr(scorer)


def test_cohere_that_is_busy_is_asked_again() -> None:
    with Cohere({"cats purr": 0.7}, first=[(429, {"message": "slow down"}), (503, {})]) as server:
        scorer = CohereScorer(api_key="k", base_url=server.url)
        [only] = sync_rerank(found(0.5), "q", scorer, Weights(1, 0, 0), on_error="raise")
    assert only.score == 0.7
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(401, {"message": "invalid api token"}, "Cohere answered 401: invalid api token"),
     (400, {"message": "model not found"}, "Cohere answered 400: model not found"), (500, [], "Cohere answered 500"),
     (302, {}, "Cohere answered 302"), (200, {"results": []}, "does not have a score for each text"),
     (200, {}, "does not have a score for each text"), (200, None, "Cohere's answer is not JSON")],
)  # fmt: skip
def test_cohere_that_refuses_is_a_typed_failure(status: int, body, words: str) -> None:
    with Cohere({}, first=[(status, body)]) as server:
        scorer = CohereScorer(api_key="secret-key", base_url=server.url)
        with pytest.raises(ScorerFailed, match=words) as caught:
            sync_rerank(found(0.5), "q", scorer, on_error="raise")
    assert "secret-key" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    assert len(server.asked) == 1


def test_cohere_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CO_API_KEY", "COHERE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidArgument, match="CohereScorer has no API key") as caught:
        CohereScorer()
    assert caught.value.hint == "pass api_key=, or set CO_API_KEY"
    with pytest.raises(InvalidArgument, match="characters that no HTTP header may hold"):
        CohereScorer(api_key="key\r\nHost: elsewhere")
    with pytest.raises(InvalidArgument, match="must be an http:// or https:// URL"):
        CohereScorer(api_key="k", base_url="file:///etc/passwd")
    monkeypatch.setenv("CO_API_KEY", "from-the-environment")
    with Cohere({}) as server:
        pass
    with pytest.raises(ScorerFailed, match="Cohere can not be reached: "):
        sync_rerank(found(0.5), "q", CohereScorer(base_url=server.url), on_error="raise")


def test_a_language_model_is_asked_for_a_number() -> None:
    asked: list[str] = []

    def complete(prompt: str) -> str:
        asked.append(prompt)
        return "Score: 0.9" if "bark" in prompt else "0.1"

    reranked = sync_rerank(found(0.5, 0.5), "loud {animals}", LLMScorer(complete), Weights(1, 0, 0))
    assert [(r.result.id, r.score) for r in reranked] == [("r1", 0.9), ("r0", 0.1)]
    assert all("loud {animals}" in prompt for prompt in asked)
    with pytest.raises(ScorerFailed, match="the model answered no number: 'I can not say'"):
        sync_rerank(found(0.5), "q", LLMScorer(lambda prompt: "I can not say"), on_error="raise")


def test_a_cross_encoder_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fastembed.rerank.cross_encoder", None)
    with pytest.raises(ScorerFailed, match="needs fastembed, which is not installed") as caught:
        CrossEncoderScorer()
    assert caught.value.hint == "pip install 'mastra-cli[rerank]'"
