"""Scores are combined as the original combines them, and as the page says."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime import ranking
from mastra_cli.runtime.models_vector import QueryResult, QueryResults, Weights


def results(*scores: float) -> list[QueryResult]:
    return [QueryResult(str(i), score, {"text": f"text {i}"}) for i, score in enumerate(scores)]


def combine(found, semantic, **options):
    options = {"weights": Weights(), "query_embedding": None, "top_k": 3, "metric": "cosine", **options}
    return ranking.combine(found, semantic, **{"normalize": False, **options})


# The numbers of the original (@mastra/rag 2.6, executeRerank), by hand: weights 0.4, 0.4, 0.2.
def test_raw_scores_are_those_of_the_original() -> None:
    [first, second, third] = combine(results(0.9, 0.8, 0.7), [0.1, 0.95, 0.5])
    by_id = {r.result.id: r for r in (first, second, third)}
    assert by_id["0"].score == pytest.approx(0.4 * 0.1 + 0.4 * 0.9 + 0.2 * 1, abs=1e-12)
    assert by_id["1"].score == pytest.approx(0.4 * 0.95 + 0.4 * 0.8 + 0.2 * (1 - 1 / 3), abs=1e-12)
    assert by_id["2"].score == pytest.approx(0.4 * 0.5 + 0.4 * 0.7 + 0.2 * (1 - 2 / 3), abs=1e-12)
    assert first.score >= second.score >= third.score


def test_the_published_example_to_the_last_digit() -> None:
    # Two results, scorer 1 and 0.5, the vector [1, 2, 3, 4, 5] (length 7.416): 5 < length < 10, so x 1.05.
    found = combine(results(1.0, 0.5), [1.0, 0.5], query_embedding=[1, 2, 3, 4, 5])
    assert [r.score for r in found] == [1.05 * (0.4 + 0.4 + 0.2), pytest.approx(1.05 * 0.5, abs=1e-15)]
    assert found[0].details.query_analysis == ranking.QueryAnalysis(7.416198487095663, [4, 3, 2, 1, 0])


@pytest.mark.parametrize(
    ("length", "factor"), [(5.0, 1.0), (5.1, 1.05), (10.0, 1.05), (10.1, 1.1 * 1.05), (0.0, 1.0)]
)
def test_the_length_of_the_query_multiplies_the_score(length: float, factor: float) -> None:
    [only] = combine(results(0.5), [0.5], query_embedding=[0.0, -length])
    assert only.score == pytest.approx(0.6 * factor, abs=1e-12)
    assert only.details.query_analysis.magnitude == length


def test_dominant_features_are_the_five_largest_absolute_values_in_order() -> None:
    assert ranking.analyze([0.1, -9, 3, 0, 3, 8, -2, 1]).dominant_features == [1, 5, 2, 4, 6]
    assert ranking.analyze(iter([1.0, -2.0])).dominant_features == [1, 0]


def test_position_is_one_minus_rank_by_count() -> None:
    found = combine(results(0, 0, 0, 0), [0.0] * 4, top_k=4)
    assert [r.details.position for r in found] == [1.0, 0.75, 0.5, 0.25]


def test_equal_scores_keep_their_order() -> None:
    found = combine(results(*[0.5] * 9), [0.5] * 9, top_k=9, weights=Weights(0.5, 0.5, 0))
    assert [r.result.id for r in found] == [str(i) for i in range(9)]


def test_a_result_without_text_counts_nothing_in_meaning() -> None:
    [first, second] = combine(results(0.5, 0.5), [None, 0.9], normalize=True)
    assert (first.result.id, second.result.id) == ("1", "0")
    assert second.details.semantic == second.details.semantic_raw == 0.0


def test_logits_get_a_sigmoid_and_scores_pass_through() -> None:
    assert ranking.semantic_scale([0.0, 0.25, 1.0]) == [0.0, 0.25, 1.0]
    assert ranking.semantic_scale([]) == []
    low, half, high = ranking.semantic_scale([-8.5, 0.0, 9.25])
    assert half == 0.5
    assert low == pytest.approx(float(1 / (1 + Fraction(math.exp(8.5)))), rel=1e-15)
    assert high == 1 / (1 + math.exp(-9.25))
    assert ranking.semantic_scale([-5000.0, 5000.0]) == [0.0, 1.0]


def test_raw_and_normalised_are_both_in_the_details() -> None:
    [only] = combine(results(0.5), [2.0], normalize=True)
    assert (only.details.semantic_raw, only.details.semantic) == (2.0, ranking.logistic(2.0))
    assert (only.details.vector_raw, only.details.vector) == (0.5, 0.75)


@pytest.mark.parametrize(
    ("metric", "score", "scaled"),
    [("cosine", -1.0, 0.0), ("cosine", 0.5, 0.75), ("dotproduct", 0.0, 0.5), ("euclidean", 0.3, 0.3),
     ("l1", 0.3, 0.3), ("hamming", 0.9, 0.9), ("jaccard", 0.9, 0.9), ("rrf", 0.03, 0.03)],
)  # fmt: skip
def test_the_vector_score_is_brought_to_0_1_by_its_metric(metric: str, score: float, scaled: float) -> None:
    assert ranking.vector_scale(score, metric) == scaled


def test_the_metric_is_the_results_own_then_the_given_then_cosine() -> None:
    assert ranking.metric_of(QueryResults(metric="l1"), "hamming") == "l1"
    assert ranking.metric_of([], "hamming") == "hamming"
    assert ranking.metric_of([], None) == "cosine"
    with pytest.raises(InvalidArgument, match="no such metric: 'L3'"):
        ranking.metric_of([], "L3")


@pytest.mark.parametrize(
    ("weights", "words"),
    [({"semantic": 0.5}, "weights must add up to 1, and add up to 1.1"),
     ({"semantic": 0.4 + 2e-9}, "weights must add up to 1"), ({"sematic": 0.4}, "no such weight: 'sematic'"),
     ({"semantic": -0.2, "vector": 1.0}, "the weight semantic must be a number from 0 to 1, and is -0.2"),
     ({"semantic": math.nan}, "the weight semantic"),
     ({"semantic": True, "vector": 0, "position": 0}, "and is True"),
     ([0.4, 0.4, 0.2], "weights must be Weights or a mapping, and is a list")],
)  # fmt: skip
def test_weights_that_can_not_be_used_are_refused(weights, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Weights.of(weights)


def test_a_weight_that_is_not_given_keeps_its_default() -> None:
    assert Weights.of({"semantic": 0.5, "vector": 0.3}) == Weights(0.5, 0.3, 0.2)
    assert Weights.of(None) == Weights.of({}) == Weights(0.4, 0.4, 0.2)
    assert Weights.of({"semantic": 0.1 + 0.2, "vector": 0.5}).position == 0.2  # 0.30000000000000004


def test_reciprocal_rank_fusion() -> None:
    fused = ranking.fuse([["a", "b", "c"], ["c", "a"]], 60)
    assert fused == [("a", 1 / 61 + 1 / 62), ("c", 1 / 63 + 1 / 61), ("b", 1 / 62)]
    assert ranking.fuse([["x"], ["y"]], 0) == [("x", 1.0), ("y", 1.0)]


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-30, 30)), max_size=30), st.integers(1, 40))
def test_a_normalised_score_lies_in_0_1_and_falls(pairs: list[tuple[float, float]], top_k: int) -> None:
    found = combine(results(*[p[0] for p in pairs]), [p[1] for p in pairs], top_k=top_k, normalize=True)
    scores = [r.score for r in found]
    assert len(scores) == min(top_k, len(pairs))
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 + 1e-12 for score in scores)
