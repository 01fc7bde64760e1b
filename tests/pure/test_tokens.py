"""The estimate against real tokenizers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.parts import Part
from mastra_cli.runtime.tokens import IMAGE_TOKENS, count_tokens, estimate_tokens

with warnings.catch_warnings():  # it opens its vocabularies in a way that is going out of use
    warnings.simplefilter("ignore", DeprecationWarning)
    import bpe_openai

TOKENIZERS = [bpe_openai.get_encoding(name) for name in ("cl100k_base", "o200k_base")]
CJK = st.one_of(
    *(st.characters(min_codepoint=low, max_codepoint=high, categories=("L", "P"))
      for low, high in ((0x3001, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x20000, 0x2A6DF), (0xFF01, 0xFF60)))
)  # fmt: skip
TEXTS = {
    "English": "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness.",
    "German": "Heute ist das Wetter sehr schön, lass uns zusammen im Park spazieren gehen.",
    "Russian": "Сегодня хорошая погода, давайте прогуляемся по парку.",
    "Arabic": "الطقس جميل اليوم، دعونا نذهب في نزهة معا في الحديقة.",
    "JSON": json.dumps([{"id": n, "name": f"user_{n}", "score": n * 1.37, "ok": True} for n in range(40)]),
    "Python": Path(__file__).read_text(encoding="utf-8"),
}
CHINESE_JAPANESE_KOREAN = {
    "simplified": "今天天气很好，我们一起去公园散步吧。人工智能正在改变世界，大型语言模型可以理解和生成自然语言。",
    "traditional": "繁體中文測試：這是一個用來計算標記數量的句子，內容包含標點符號與數字12345。",
    "classical": "學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？",
    "Japanese": "今日は天気がとても良いので、一緒に公園へ散歩に行きましょう。データベースの使い方を教えてください。",
    "Korean": "오늘은 날씨가 매우 좋으니 함께 공원에 산책하러 갑시다. 데이터베이스 사용법을 알려 주세요.",
}


def real(text: str) -> int:
    return max(len(tokenizer.encode(text)) for tokenizer in TOKENIZERS)


@given(st.text(CJK, min_size=1, max_size=60))
@settings(max_examples=500, deadline=None)
def test_cjk_is_never_undercounted(text: str) -> None:
    assert estimate_tokens(text) >= real(text)


@pytest.mark.parametrize("language", CHINESE_JAPANESE_KOREAN)
def test_running_cjk_text_is_counted_closely(language: str) -> None:
    text = CHINESE_JAPANESE_KOREAN[language]
    assert real(text) <= estimate_tokens(text) <= 1.25 * real(text)


@pytest.mark.parametrize("kind", TEXTS)
def test_other_text_is_counted_closely(kind: str) -> None:
    text = TEXTS[kind]
    assert 0.9 * real(text) <= estimate_tokens(text) <= 1.5 * real(text)


@given(st.text(min_size=1))
def test_text_that_is_not_empty_never_counts_nothing(text: str) -> None:
    assert estimate_tokens(text) >= 1
    assert estimate_tokens("") == 0


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "."},
        {"type": "tool-call", "tool_call_id": "c", "tool_name": "t", "args": {}},
        {"type": "tool-result", "tool_call_id": "c", "tool_name": "t", "result": ""},
        {"type": "tool-result", "tool_call_id": "c", "tool_name": "t", "result": None},
        {"type": "image", "image": "x"},
        {"type": "file", "data": "x", "media_type": "text/plain"},
        {"type": "thinking", "thinking": "", "signature": ""},
    ],
)
def test_no_part_counts_nothing(part: Part) -> None:
    assert count_tokens([part], estimate_tokens) >= 1


def test_calls_and_results_are_counted_by_what_is_in_them() -> None:
    call: Part = {"type": "tool-call", "tool_call_id": "c", "tool_name": "t", "args": {"q": "word " * 1000}}
    result: Part = {
        "type": "tool-result",
        "tool_call_id": "c",
        "tool_name": "t",
        "result": {"a": ["word"] * 1000},
    }
    assert count_tokens([call], estimate_tokens) > 1000
    assert count_tokens([result], estimate_tokens) > 1000
    shown = {**result, "result": [{"type": "image", "source": {"type": "base64", "data": "x" * 99_999}}]}
    assert IMAGE_TOKENS <= count_tokens([shown], estimate_tokens) < IMAGE_TOKENS + 10


def test_a_counter_of_ones_own_is_asked_for_exactly_the_text() -> None:
    asked: list[str] = []

    def counter(text: str) -> int:
        asked.append(text)
        return 7

    assert count_tokens([{"type": "text", "text": "hello"}], counter) == 7
    assert asked == ["hello"]


def test_a_message_of_more_tokens_than_a_column_holds_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="a message may have 2,147,483,647 tokens at most"):
        count_tokens([{"type": "text", "text": "x"}], lambda _: 2**31)


@pytest.mark.parametrize("answer", [-1, 1.5, None, True])
def test_a_counter_must_answer_a_whole_number(answer: object) -> None:
    with pytest.raises(InvalidArgument, match="token_counter must answer a whole number from 0 on"):
        count_tokens([{"type": "text", "text": "x"}], lambda _: answer)  # type: ignore[arg-type, return-value]
