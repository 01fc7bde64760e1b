"""Formats both ways, with the providers' own packages to judge what goes out and to make what comes in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import ContentBlockParam, MessageParam, ToolUseBlock
from anthropic.types import Message as AnthropicMessage
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
from openai.types.responses import Response
from pydantic import TypeAdapter

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.formats import FORMATS, read, read_all, write
from mastra_cli.runtime.message_rows import Batch
from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import parts_of
from mastra_cli.runtime.tokens import estimate_tokens
from tests.memory_reference import threads, window

OPENAI = TypeAdapter(list[ChatCompletionMessageParam])
ANTHROPIC = TypeAdapter(list[MessageParam])
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CALL = {"type": "tool-call", "tool_call_id": "c1", "tool_name": "weather", "args": {"city": "Paris"}}
CALL2 = {"type": "tool-call", "tool_call_id": "c2", "tool_name": "time", "args": {}}
RESULT = {"type": "tool-result", "tool_call_id": "c1", "tool_name": "weather", "result": "20 degrees"}
RESULT2 = {"type": "tool-result", "tool_call_id": "c2", "tool_name": "time", "result": "noon"}
IMAGE = {"type": "image", "image": PNG, "media_type": "image/png"}


def talk(*pairs: tuple[str, Any]) -> list[Message]:
    return read_all([{"role": role, "content": content} for role, content in pairs])


CONVERSATION = talk(
    ("system", "You are terse."),
    ("user", [{"type": "text", "text": "What is this, and how is the weather?"}, IMAGE]),
    ("assistant", [{"type": "text", "text": "Let me see."}, CALL, CALL2]),
    ("tool", [RESULT]),
    ("tool", [RESULT2]),
    ("assistant", "A dot; 20 degrees, at noon."),
    ("user", "Thanks"),
)


def dump(value: Any) -> Any:
    """As the wire would have it: all lazy iterables walked."""
    return json.loads(json.dumps(value, default=list))


def check_openai(messages: list[dict]) -> None:
    dump(OPENAI.validate_python(messages))
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls, "answers no call just before it"
            open_calls.remove(message["tool_call_id"])
        else:
            assert not open_calls, "a call was not answered"
            assert message.get("content") or message.get("tool_calls") or message.get("content") == ""
            open_calls = [call["id"] for call in message.get("tool_calls", ())]
    assert not open_calls or messages[-1]["role"] == "assistant"


def check_anthropic(messages: list[dict]) -> None:
    dump(ANTHROPIC.validate_python(messages))
    seen: set[str] = set()
    used: list[str] = []
    marks = 0
    for number, message in enumerate(messages):
        assert message["role"] == ("assistant" if number % 2 else "user"), "they do not alternate"
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert blocks
        assert all(b["text"].strip() for b in blocks if b["type"] == "text"), "empty text"
        kinds = [b["type"] for b in blocks]
        assert kinds[-1] not in ("thinking", "redacted_thinking"), "it ends in reasoning"
        marks += sum("cache_control" in b for b in blocks)
        answers = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        assert kinds[: len(answers)] == ["tool_result"] * len(answers), "results come first"
        assert sorted(answers) == sorted(used), "each call is answered in the next turn"
        used = [b["id"] for b in blocks if b["type"] == "tool_use"]
        assert not seen & set(used), "an id comes twice"
        seen |= set(used)
    assert not used or messages[-1]["role"] == "assistant"
    assert marks <= 4


def raw_of(messages: list[Message]) -> list[tuple[str, list[dict]]]:
    return [(m.role, [{k: v for k, v in p.items() if v is not None} for p in parts_of(m)]) for m in messages]


@given(threads(), st.one_of(st.none(), st.integers(0, 12)))
@settings(max_examples=300, deadline=None)
def test_what_a_window_writes_is_taken_by_openai_and_anthropic(thread, budget) -> None:
    messages = window(thread, budget, None)
    check_openai(write(messages, "openai")[0])
    check_anthropic(write(messages, "anthropic")[0])


@given(threads())
@settings(max_examples=100, deadline=None)
def test_every_format_writes_any_thread_as_json(thread) -> None:
    for format in FORMATS[1:]:
        written, _ = write(thread, format)
        assert json.loads(json.dumps(written)) == written


@pytest.mark.parametrize("format", ["core_message", "openai"])
def test_a_conversation_goes_out_and_comes_back_equal(format: str) -> None:
    written, system = write(CONVERSATION, format)
    assert system is None
    back = read_all(json.loads(json.dumps(written)))
    # Results of parallel calls stand in one message of the original's, in one each of OpenAI's.
    flat = [(role, p) for role, parts in raw_of(back) for p in parts]
    for _, part in flat:
        if part["type"] == "tool-result":
            part.setdefault("tool_name", {"c1": "weather", "c2": "time"}[part["tool_call_id"]])
    assert flat == [(role, p) for role, parts in raw_of(CONVERSATION) for p in parts]


def test_a_conversation_goes_through_anthropic_and_comes_back_equal() -> None:
    written, system = write(CONVERSATION, "anthropic")
    assert system == "You are terse."
    back = read_all(json.loads(json.dumps(written)))
    expected = raw_of(CONVERSATION)[1:]
    results = [p for _, parts in expected for p in parts if p["type"] == "tool-result"]
    for part in results:
        del part["tool_name"]
    assert raw_of(back) == [*expected[:2], ("tool", results), *expected[4:]]


def test_a_conversation_goes_through_ui_and_comes_back_equal() -> None:
    written, _ = write(CONVERSATION, "ui")
    back = read_all(json.loads(json.dumps(written)))
    expected = raw_of(CONVERSATION)
    assert raw_of(back) == [*expected[:3], ("tool", [RESULT, RESULT2]), *expected[5:]]


def test_core_message_is_the_originals() -> None:
    assert write(CONVERSATION[1:4], "core_message")[0] == [
        {"role": "user", "content": [{"type": "text", "text": "What is this, and how is the weather?"},
                                     {"type": "image", "image": PNG, "mimeType": "image/png"}]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Let me see."},
            {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Paris"}},
            {"type": "tool-call", "toolCallId": "c2", "toolName": "time", "args": {}}]},
        {"role": "tool", "content": [
            {"type": "tool-result", "toolCallId": "c1", "toolName": "weather", "result": "20 degrees"}]},
    ]  # fmt: skip


def test_ui_joins_calls_with_their_results() -> None:
    calling = Message(id="m", role="assistant", content=[CALL, CALL2], type="tool-call",
                      created_at=datetime(2026, 1, 2, tzinfo=UTC))  # fmt: skip
    [shown] = write([calling, *talk(("tool", [{**RESULT, "is_error": True}]))], "ui")[0]
    assert shown == {
        "id": "m", "role": "assistant", "content": "", "createdAt": "2026-01-02T00:00:00+00:00",
        "toolInvocations": [
            {"state": "result", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Paris"},
             "result": "20 degrees", "isError": True},
            {"state": "call", "toolCallId": "c2", "toolName": "time", "args": {}},
        ],
    }  # fmt: skip


def test_ui_shows_a_result_whose_call_is_on_another_page() -> None:
    [shown] = write(talk(("tool", [RESULT])), "ui")[0]
    assert shown["role"] == "assistant"
    assert shown["toolInvocations"][0]["state"] == "result"


COMPLETION = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": None, "message": {
        "role": "assistant", "content": "One moment.", "refusal": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}},
            {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}}]}}],
}  # fmt: skip


def test_openais_own_objects_are_taken_as_they_are() -> None:
    completion = ChatCompletion.model_validate(COMPLETION)
    for given_ in (completion, completion.choices[0].message, completion.choices[0].message.model_dump()):
        [message] = read(given_)
        assert (message.role, message.type) == ("assistant", "tool-call")
        assert message.content == [{"type": "text", "text": "One moment."}, CALL, CALL2]
        assert message.tool_names == ["weather", "time"]
        assert message.tool_call_args == [{"city": "Paris"}, {}]
    assert read(completion)[0].id == "chatcmpl-1"


def test_a_completion_of_several_choices_is_refused() -> None:
    twice = {**COMPLETION, "choices": COMPLETION["choices"] * 2}
    with pytest.raises(InvalidArgument, match="has 2 choices"):
        read(twice)


def anthropic_reply() -> AnthropicMessage:
    return AnthropicMessage.model_validate({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "tool_use",
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}, "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "text", "text": "One moment."},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}]})  # fmt: skip


def test_anthropics_own_objects_are_taken_as_they_are() -> None:
    reply = anthropic_reply()
    [whole] = read(reply)
    [blocks] = read({"role": "assistant", "content": reply.content})
    assert whole.content == blocks.content
    assert whole.content[1:] == [{"type": "text", "text": "One moment."}, CALL]
    assert (whole.id, whole.type) == ("msg_1", "tool-call")
    # Signed reasoning goes back as it came, and to nobody else.
    sent, _ = write([*talk(("user", "?")), whole, *talk(("tool", [RESULT]))], "anthropic")
    check_anthropic(sent)
    assert sent[1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "sig"}
    assert write([whole], "openai")[0][0]["content"] == "One moment."


def test_results_in_a_user_turn_of_anthropic_become_messages_of_their_own() -> None:
    turn = {"id": "m1", "role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "no such city"}],
         "is_error": True},
        {"type": "text", "text": "and hurry"}]}  # fmt: skip
    tool, user = read(turn)
    assert (tool.role, tool.id, user.role, user.id) == ("tool", "m1", "user", "m1#2")
    assert tool.content[0]["is_error"] is True
    sent, _ = write([*talk(("user", "?"), ("assistant", [CALL])), tool, user], "anthropic")
    check_anthropic(sent)
    assert sent[-1]["content"] == turn["content"]


def test_errors_in_results_reach_anthropic() -> None:
    messages = talk(("user", "?"), ("assistant", [CALL]), ("tool", [{**RESULT, "is_error": True}]))
    assert write(messages, "anthropic")[0][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "c1", "content": "20 degrees", "is_error": True}
    ]


def test_late_results_stand_where_providers_want_them() -> None:
    messages = talk(
        ("user", "?"),
        ("assistant", [CALL, CALL2]),
        ("user", "hurry"),
        ("tool", [RESULT2]),
        ("tool", [RESULT]),
    )
    openai, _ = write(messages, "openai")
    check_openai(openai)
    assert [m["role"] for m in openai] == ["user", "assistant", "tool", "tool", "user"]
    anthropic, _ = write(messages, "anthropic")
    check_anthropic(anthropic)
    assert [b["type"] for b in anthropic[2]["content"]] == ["tool_result", "tool_result", "text"]


def test_anthropic_gets_a_user_first_ids_of_its_alphabet_and_none_twice() -> None:
    odd = [{**CALL, "tool_call_id": "call:1"}]
    answer = [{**RESULT, "tool_call_id": "call:1"}]
    messages = talk(("assistant", "Hi"), ("user", "?"), ("assistant", odd), ("tool", answer), ("assistant", odd),
                    ("tool", answer))  # fmt: skip
    sent, _ = write(messages, "anthropic")
    check_anthropic(sent)
    ids = [b["id"] for m in sent for b in m["content"] if not isinstance(b, str) and b["type"] == "tool_use"]
    assert ids == ["call_1", "call_1_2"]
    assert isinstance(ToolUseBlock(type="tool_use", id=ids[0], name="t", input={}), ToolUseBlock)


def test_arguments_that_are_no_json_go_back_as_they_came() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": '{"broken'}}
    messages = read_all([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert write(messages, "openai")[0][0]["tool_calls"] == [call]
    assert write(messages, "anthropic")[0][1]["content"][0]["input"] == {"arguments": '{"broken'}


@pytest.mark.parametrize(
    ("part", "openai", "anthropic"),
    [
        ({"type": "image", "image": "https://x.test/a.png", "media_type": None},
         {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
         {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}),
        (IMAGE, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
        ({"type": "file", "data": "JVBERi0=", "media_type": "application/pdf", "filename": "a.pdf"},
         {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
         {"type": "document", "title": "a.pdf",
          "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}),
    ],
)  # fmt: skip
def test_images_and_files_both_ways(part: dict, openai: dict, anthropic: dict) -> None:
    messages = talk(("user", [{"type": "text", "text": "see"}, part]))
    for format, expected in (("openai", openai), ("anthropic", anthropic)):
        written, _ = write(messages, format)
        (check_openai if format == "openai" else check_anthropic)(written)
        assert written[0]["content"][1] == expected
        [back] = read(json.loads(json.dumps(written[0])))
        assert {k: v for k, v in back.content[1].items() if v} == {k: v for k, v in part.items() if v}


def test_bytes_of_an_image_are_stored_as_base64() -> None:
    [message] = read(
        {"role": "user", "content": [{"type": "image", "image": b"\x89PNG", "mimeType": "image/png"}]}
    )
    assert message.content == [{"type": "image", "image": "iVBORw==", "media_type": "image/png"}]


def test_a_user_interface_of_parts_is_read_step_by_step() -> None:
    call = {
        "state": "result",
        "toolCallId": "c1",
        "toolName": "weather",
        "args": {"city": "Paris"},
        "result": "x",
    }
    found = read(
        {
            "id": "m",
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool-invocation", "toolInvocation": call},
                {"type": "step-start"},
                {"type": "text", "text": "x!"},
            ],
        }
    )
    assert [(m.id, m.role) for m in found] == [("m", "assistant"), ("m#2", "tool"), ("m#3", "assistant")]
    v5 = {"type": "tool-weather", "toolCallId": "c1", "state": "output-error", "input": {}, "errorText": "no"}
    _, answer = read({"role": "assistant", "parts": [v5]})
    assert answer.content[0] == {"type": "tool-result", "tool_call_id": "c1", "tool_name": "weather", "result": "no",
                                 "is_error": True}  # fmt: skip


def test_empty_texts_do_not_reach_anthropic() -> None:
    messages = talk(
        ("user", ""), ("user", "?"), ("assistant", [{"type": "text", "text": " "}, CALL]), ("user", "so?")
    )
    check_anthropic(write(window(messages_with_ids(messages), None, None), "anthropic")[0])


def messages_with_ids(messages: list[Message]) -> list[Message]:
    from dataclasses import replace

    return [replace(m, id=str(n), seq=n) for n, m in enumerate(messages, 1)]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (5, "messages must be a list of messages, and is an int"),
        ([5], "message 0: this is no message: 5"),
        ([{"role": "user", "content": "x"}, {"content": "x"}],
         "message 1: the role of a message must be user, assistant, system or tool, and is None"),
        ([{"role": "data", "content": "x"}], "and is 'data'"),
        ([{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}], "function_call has no id"),
        ([{"role": "assistant", "tool_calls": [{"id": "x"}]}], "this is no tool call"),
        ([{"role": "tool", "content": [{"type": "tool-result", "result": 1}]}], "needs a tool_call_id"),
        ([{"role": "tool", "content": "x"}], "a message of a tool needs the id of the call that it answers"),
        ([{"role": "tool", "content": [RESULT, {"type": "text", "text": "x"}]}],
         "a message of a tool holds its results alone, and not text"),
        ([Message(role="tool", type="tool-result", content="r")], "needs the id of the call that it answers"),
        ([Message(role="assistant", type="tool-result", content="r")], "needs tool_call_ids, or parts of that type"),
        ([Message(role="assistant", type="tool-call", content="r")], "needs tool_call_ids and as many tool_names"),
        ([Message(role="assistant", type="tool-call", tool_call_ids=["a", "b"], tool_names=["t"])],
         "needs tool_call_ids and as many tool_names"),
        ([{"type": "robot", "content": "x"}], "the role of a message must be user, assistant, system or tool"),
        ([{"role": "assistant", "content": [{"type": "tool-call", "tool_call_id": "x"}]}], "needs a tool_name"),
        ([{"role": "user", "content": "x", "id": 5}], "the id of a message must be a str, and is an int"),
        ([{"role": "user", "content": "x", "created_at": "yesterday"}], "this is no time: 'yesterday'"),
        ([{"role": "user", "content": "x", "created_at": "2026-01-01T00:00:00"}], "must be an aware datetime"),
        ([Message(role="user", content="x", tool_names="t")], "tool_names must be a list, and is a str"),  # type: ignore[arg-type]
        ([Message(role="user", content="x", type="x")], "the type of a message must be one of"),  # type: ignore[arg-type]
        ([{"role": "assistant", "toolInvocations": [{"state": "call"}]}], "this is no tool invocation"),
        ([{"role": "assistant", "parts": [1]}], "this is no part of a message: 1"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_its_place(given_: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_all(given_)
    assert words in raised.value.message


def test_a_message_without_content_has_an_empty_one() -> None:
    assert [m.content for m in read_all([{"role": "user"}, {"role": "assistant", "content": None}])] == [
        "",
        "",
    ]


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="no such format: 'xml'"):
        write([], "xml")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "text", "text": 5}, "a part of type text needs text, a str"),
        ({"type": "image", "url": "x"}, "a part of type image needs image, a str"),
        ({"type": "file", "data": None}, "a part of type file needs data or file_id, a str"),
        ({"type": "image_url", "image_url": {}}, "this is no message: {'role': 'user', 'content':"),
        ({"type": "image_url"}, "a part of type image_url needs an image_url with a url"),
        ({"type": "input_image"}, "a part of type file needs data or file_id, a str"),
        ({"type": "tool_use"}, "a part of type tool_use needs id and name"),
        ({"type": "document", "title": "x"}, "a part of type document needs a source"),
        ({"type": "image", "source": {}}, "a part of type image needs image, a str"),
    ],
)
def test_a_part_must_hold_what_its_type_says(part: dict, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read({"role": "user", "content": [part]})
    assert raised.value.message.startswith(words)


def test_arguments_that_json_can_not_hold_stay_text() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": '{"x": NaN}'}}
    [message] = read({"role": "assistant", "tool_calls": [call]})
    assert message.tool_call_args == ['{"x": NaN}']


def test_a_tools_own_json_is_not_taken_for_blocks() -> None:
    own = [{"type": "image", "width": 3}]
    messages = talk(("user", "?"), ("assistant", [CALL]), ("tool", [{**RESULT, "result": own}]))
    for format in ("openai", "anthropic"):
        written, _ = write(messages, format)
        shown = written[-1]["content"] if format == "openai" else written[-1]["content"][0]["content"]
        assert json.loads(shown) == own


keys = st.sampled_from(
    ["type", "text", "image", "data", "source", "tool_call_id", "toolCallId", "id", "name", "toolName", "args", "url",
     "input", "result", "output", "content", "state", "image_url", "file", "media_type", "mimeType", "tool_use_id",
     "is_error", "custom", "function", "arguments", "toolInvocation", "input_audio", "refusal", "tool_name", "format"]
)  # fmt: skip
kinds = st.sampled_from(
    ["text", "tool-call", "tool-result", "image", "file", "image_url", "tool_use", "tool_result", "document", "url",
     "input_text", "input_image", "input_file", "output_text", "function_call", "function_call_output", "search_result",
     "bash_code_execution_tool_result", "server_tool_use", "web_search_call", "redacted_thinking", "thinking", "reasoning", "tool-invocation", "step-start", "refusal", "base64", "input_audio", "custom", "own"]
)  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), kinds)
values = st.recursive(
    scalars, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(keys, v, max_size=4)), max_leaves=8
)
wild = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"])},
    optional={
        "content": st.one_of(st.text(max_size=5), values, st.lists(st.builds(
            lambda kind, rest: {**rest, "type": kind}, kinds, st.dictionaries(keys, values, max_size=5)), max_size=3)),
        "tool_calls": values, "tool_call_id": scalars, "toolInvocations": values, "parts": values, "type": kinds,
        "experimental_attachments": values, "tool_call_ids": values, "tool_names": values, "tool_call_args": values,
    },
)  # fmt: skip


@given(st.lists(wild, max_size=4))
@settings(max_examples=150, deadline=None)
def test_anything_is_refused_or_can_be_written_in_every_format(given_: list[dict]) -> None:
    messages = []
    for item in given_:
        try:
            messages += read(item)
        except InvalidArgument:
            continue
    thread = [
        Message(str(n), "t", n, m.role, m.type, m.content, m.tool_call_ids, m.tool_call_args, m.tool_names)
        for n, m in enumerate(messages, 1)
    ]
    Batch.of(thread, "t", estimate_tokens)
    kept = window(thread, None, None)
    for format in FORMATS[1:]:
        json.dumps(write(thread, format)[0])
        json.dumps(write(kept, format)[0])
    check_openai(write(kept, "openai")[0])
    check_anthropic(write(kept, "anthropic")[0])


def one(format: str, part: dict) -> Any:
    """How a part of a user's message is written, what it is next to left out."""
    return write(talk(("user", [{"type": "text", "text": "see"}, part])), format)[0][0]["content"][1]


TEXT_FILE = {"type": "file", "data": "aGk=", "media_type": "text/plain", "filename": "a.txt"}


@pytest.mark.parametrize(
    ("part", "openai", "anthropic"),
    [
        ({"type": "file", "data": "UklGRg==", "media_type": "audio/wav"},
         {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
         {"type": "text", "text": "[file: audio/wav]"}),
        ({"type": "file", "file_id": "file-1"}, {"type": "file", "file": {"file_id": "file-1"}}, None),
        ({"type": "file", "data": "https://x.test/a.pdf", "media_type": None},
         {"type": "text", "text": "[file: https://x.test/a.pdf]"},
         {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}),
        ({"type": "file", "data": PNG, "media_type": "image/png"},
         {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
         {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
        (TEXT_FILE, {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"}},
         {"type": "document", "title": "a.txt", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}),
        ({"type": "image", "image": "AAAA", "media_type": "image/tiff"},
         {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}, {"type": "text", "text": "[image]"}),
        ({"type": "refusal", "refusal": "no"}, {"type": "text", "text": "no"}, {"type": "text", "text": "no"}),
    ],
)  # fmt: skip
def test_what_a_provider_can_not_be_shown_is_told(part: dict, openai: dict, anthropic: dict | None) -> None:
    assert one("openai", part) == openai
    if anthropic:
        assert one("anthropic", part) == anthropic


def test_an_assistants_image_is_told_where_it_can_not_be_shown() -> None:
    messages = talk(("user", "draw"), ("assistant", [IMAGE]))
    openai, anthropic = write(messages, "openai")[0], write(messages, "anthropic")[0]
    check_openai(openai)
    check_anthropic(anthropic)
    assert openai[1]["content"] == anthropic[1]["content"][0]["text"] == "[image: image/png]"


@pytest.mark.parametrize(
    ("given_", "raw"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
         {"type": "file", "data": "AA==", "media_type": "audio/mpeg"}),
        ({"type": "file", "file": {"file_id": "f", "filename": "n"}},
         {"type": "file", "data": None, "media_type": None, "filename": "n", "file_id": "f"}),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "title": "a.txt"},
         TEXT_FILE),
        ({"type": "document", "source": {"type": "url", "url": "https://x.test/a"}},
         {"type": "file", "data": "https://x.test/a", "media_type": "application/pdf"}),
        ({"type": "image", "source": {"type": "url", "url": "https://x.test/a"}},
         {"type": "image", "image": "https://x.test/a", "media_type": None}),
        ({"type": "reasoning", "text": "hm", "signature": "s"}, {"type": "thinking", "thinking": "hm", "signature": "s"}),
    ],
)  # fmt: skip
def test_parts_of_every_form_are_known(given_: dict, raw: dict) -> None:
    [message] = read({"role": "assistant", "content": [given_]})
    assert message.content == [raw]


def test_version_five_of_the_originals_sdk_is_read_too() -> None:
    _, tool = read_all([
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": {"x": 1}}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c1", "toolName": "weather",
                                      "output": {"type": "error-text", "value": "down"}}]}])  # fmt: skip
    assert tool.content == [{"type": "tool-result", "tool_call_id": "c1", "tool_name": "weather", "result": "down",
                             "is_error": True}]  # fmt: skip
    attached = {"type": "file", "mediaType": "image/png", "url": f"data:image/png;base64,{PNG}"}
    [user] = read({"role": "user", "parts": [{"type": "text", "text": "see"}, attached]})
    assert user.content == [{"type": "text", "text": "see"}, IMAGE]


def test_custom_tools_of_openai_keep_their_text() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    messages = read_all([{"role": "user", "content": "?"}, {"role": "assistant", "content": None, "tool_calls": [call]},
                         {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]}])  # fmt: skip
    written, _ = write(messages, "openai")
    check_openai(written)
    assert written[1]["tool_calls"] == [call]
    assert written[2]["content"] == "1"


def test_images_in_results_reach_anthropic_and_are_told_to_openai() -> None:
    result = [{"type": "text", "text": "a plot"}, IMAGE]
    messages = talk(("user", "?"), ("assistant", [CALL]), ("tool", [{**RESULT, "result": result}]))
    anthropic, openai = write(messages, "anthropic")[0], write(messages, "openai")[0]
    check_anthropic(anthropic)
    assert anthropic[2]["content"][0]["content"][1]["source"]["data"] == PNG
    assert openai[2]["content"] == "a plot\n[image]"


def test_a_refusal_comes_back_as_one() -> None:
    [message] = read({"role": "assistant", "content": None, "refusal": "I will not."})
    written, _ = write([*talk(("user", "?")), message], "openai")
    check_openai(written)
    assert written[1]["content"] == [{"type": "refusal", "refusal": "I will not."}]


# -- OpenAI's Responses, LangChain ---------------------------------------------------------------------------

RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt", "parallel_tool_calls": True, "tools": [],
    "tool_choice": "auto", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x" * 900},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []},
            {"type": "refusal", "refusal": "Not that."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": '{"city": "Paris"}'},
        {"type": "custom_tool_call", "id": "ct_1", "call_id": "c2", "name": "sql", "input": "SELECT 1"}]}  # fmt: skip


def test_a_response_of_openai_is_taken_as_it_is() -> None:
    response = Response.model_validate(RESPONSE)
    answers = [
        {"type": "function_call_output", "call_id": "c1", "output": "20 degrees"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "1"}]},
    ]
    asked = {"role": "user", "content": [
        {"type": "input_text", "text": "hi"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}]}  # fmt: skip
    for given_ in (response, response.output, response.model_dump(), [*response.output]):
        messages = read_all(given_)
        assert [m.id for m in messages] == ["rs_1", "ws_1", "msg_1", "fc_1", "ct_1"]
    thread = [*read_all([asked]), *messages, *read_all(answers)]
    written, _ = write(thread, "openai")
    check_openai(written)
    assert written == [
        {"role": "user", "content": [
            {"type": "text", "text": "hi"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}}]},
        {"role": "assistant", "content": "[web_search_call]"},
        {"role": "assistant", "content": [{"type": "text", "text": "Let me see."},
                                          {"type": "refusal", "refusal": "Not that."}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "20 degrees"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "1"},
    ]  # fmt: skip
    check_anthropic(write(thread, "anthropic")[0])
    tokens = [m.tokens for m in Batch.of(messages, "t", estimate_tokens).messages]
    assert tokens[0] == 1, "no window holds it"
    assert 0 < tokens[1] < 10


def test_langchains_messages_are_known_by_their_type() -> None:
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}
    block = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}
    found = read_all([
        {"type": "system", "content": "be terse"},
        {"type": "human", "content": "?", "additional_kwargs": {}},
        {"type": "ai", "content": "", "tool_calls": [call]},
        {"type": "tool", "content": "down", "tool_call_id": "c1", "status": "error"},
        {"type": "ai", "content": [block], "tool_calls": [call]}])  # fmt: skip
    assert [m.role for m in found] == ["system", "user", "assistant", "tool", "assistant"]
    assert found[2].content == found[4].content == [CALL]
    assert found[3].content == [
        {"type": "tool-result", "tool_call_id": "c1", "result": "down", "is_error": True}
    ]


# -- Anthropic's own blocks ----------------------------------------------------------------------------------

MARK = {"cache_control": {"type": "ephemeral"}}
SERVED = {"type": "server_tool_use", "id": "s1", "name": "bash_code_execution", "input": {}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
PNG_SOURCE = {"type": "base64", "media_type": "image/png", "data": PNG}
BASH = {"type": "bash_code_execution_result", "content": [], "return_code": 0, "stderr": "", "stdout": ""}
EDIT = {"type": "text_editor_code_execution_create_result", "is_file_update": False}
FOUND = {"type": "tool_search_tool_search_result", "tool_references": []}
FETCHED = {"type": "web_fetch_tool_result_error", "error_code": "url_too_long"}
RAN = {"type": "code_execution_result", "content": [], "return_code": 0, "stderr": "", "stdout": ""}
SEARCHED = {
    "type": "search_result",
    "source": "https://x.test",
    "title": "X",
    "content": [{"type": "text", "text": "x"}],
}
# By role, blocks as the API takes them: one of each kind at least.
BLOCKS: dict[str, list[dict[str, Any]]] = {
    "user": [
        {"type": "text", "text": "see"},
        {"type": "image", "source": PNG_SOURCE}, {"type": "image", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": PDF, "title": "a.pdf", "context": "about", "citations": {"enabled": True}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}, "title": "t"},
        {"type": "document", "source": {"type": "file", "file_id": "f"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}, "context": "c"},
        {**SEARCHED, "citations": {"enabled": True}},
        {"type": "container_upload", "file_id": "f"},
    ],
    "assistant": [
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
        SERVED,
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "web_fetch_tool_result", "tool_use_id": "s1", "content": FETCHED},
        {"type": "code_execution_tool_result", "tool_use_id": "s1", "content": RAN},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "s1", "content": BASH},
        {"type": "text_editor_code_execution_tool_result", "tool_use_id": "s1", "content": EDIT},
        {"type": "tool_search_tool_result", "tool_use_id": "s1", "content": FOUND},
        {"type": "tool_use", "id": "c1", "name": "t", "input": {}, "caller": {"type": "direct"}},
    ],
    "tool": [{"type": "tool_result", "tool_use_id": "c1", "content": [
        {"type": "text", "text": "x"}, {"type": "image", "source": PNG_SOURCE}, SEARCHED,
        {"type": "tool_reference", "tool_name": "t"}]}],
}  # fmt: skip


def test_every_block_of_anthropic_comes_back_as_it_was() -> None:
    known = {get_args(get_type_hints(member)["type"])[0] for member in get_args(ContentBlockParam)}
    assert {block["type"] for blocks in BLOCKS.values() for block in blocks} == known
    turns = [{"role": "assistant" if role == "assistant" else "user", "content": blocks}
             for role, blocks in BLOCKS.items()]  # fmt: skip
    written, _ = write(read_all(turns), "anthropic")
    check_anthropic(written)
    assert written == turns


def test_what_anthropic_made_is_told_to_others_and_in_other_places() -> None:
    messages = read_all([{"role": "user", "content": BLOCKS["user"]},
                         {"role": "assistant", "content": BLOCKS["assistant"][:7]}])  # fmt: skip
    openai, _ = write(messages, "openai")
    check_openai(openai)
    words = [part.get("text") for part in openai[0]["content"]]
    assert words[2] == "[image]"
    assert words[4:6] == ["[document: t]", "[document]"]
    assert words[7:] == ["[X: https://x.test]\nx", "[container_upload]"]
    assert [part["text"] for part in openai[1]["content"]][:2] == [
        "[server_tool_use: bash_code_execution]", "[web_search_tool_result]"]  # fmt: skip
    ui, _ = write(messages, "ui")
    assert "[document: t]" in ui[0]["content"]
    swapped = read_all([{"role": "user", "content": [{"type": "text", "text": "?"}, SERVED]},
                        {"role": "assistant", "content": [SEARCHED]}])  # fmt: skip
    written, _ = write(swapped, "anthropic")
    check_anthropic(written)
    assert written[0]["content"][1]["text"] == "[server_tool_use: bash_code_execution]"
    assert written[1]["content"][0]["text"] == "[X: https://x.test]\nx"


def test_a_part_that_nobody_knows_is_told_as_it_stands() -> None:
    messages = talk(("user", [{"type": "foo", "x": 1}]), ("assistant", [{"type": "foo", "x": [None]}]))
    openai, anthropic = write(messages, "openai")[0], write(messages, "anthropic")[0]
    check_anthropic(anthropic)
    assert [m["content"] for m in openai] == ['{"type": "foo", "x": 1}', '{"type": "foo", "x": [null]}']
    assert [m["content"][0]["text"] for m in anthropic] == [m["content"] for m in openai]
    assert write(messages, "ui")[0][0]["content"] == '{"type": "foo", "x": 1}'


def test_the_reasoning_before_a_call_that_was_never_answered_is_left_out_with_it() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    hidden = {"type": "redacted_thinking", "data": "d"}
    asked = ("user", "Weather?"), ("assistant", [thought, hidden, CALL]), ("user", "never mind")
    kept = window(messages_with_ids(talk(*asked)), None, None)
    written, _ = write(kept, "anthropic")
    check_anthropic(written)
    assert [b["text"] for b in written[0]["content"]] == ["Weather?", "never mind"]
    spoken = talk(
        ("user", "?"), ("assistant", [thought, {"type": "text", "text": "so"}, thought, CALL]), ("user", "!")
    )
    written, _ = write(window(messages_with_ids(spoken), None, None), "anthropic")
    assert written[1]["content"] == [thought, {"type": "text", "text": "so"}]


def test_the_newest_mark_for_the_cache_stays_and_no_other() -> None:
    turns: list[dict[str, Any]] = []
    for n in range(6):
        call = {"type": "tool_use", "id": f"c{n}", "name": "t", "input": {}, **MARK}
        inner = {"type": "text", "text": "x", **MARK}
        turns += [
            {"role": "user", "content": [{"type": "image", "source": PNG_SOURCE, **MARK},
                                         {"type": "document", "source": PDF, **MARK}]},
            {"role": "assistant", "content": [{"type": "text", "text": "y", **MARK}, call]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"c{n}", "content": [inner], **MARK}]},
        ]  # fmt: skip
        written, _ = write(read_all(turns), "anthropic")
        assert json.dumps(written).count("cache_control") == 1
        assert written[-1]["content"][-1]["cache_control"] == MARK["cache_control"]
        for upto, place in ((-1, "tool_use"), (-2, "document")):
            written, _ = write(read_all(turns[:upto]), "anthropic")
            assert json.dumps(written).count("cache_control") == 1
            assert written[-1]["content"][-1]["type"] == place
            assert "cache_control" in written[-1]["content"][-1]


def test_a_lone_text_is_a_plain_string_for_openai() -> None:
    part = [{"type": "text", "text": "x"}]
    messages = talk(("system", part), ("user", part), ("assistant", part))
    assert [m["content"] for m in write(messages, "openai")[0]] == ["x", "x", "x"]


def test_a_result_told_beside_may_look_like_parts() -> None:
    own = [{"type": "own", "x": [None]}]
    answer = Message(role="tool", type="tool-result", content=own, tool_call_ids=["c1"])
    messages = [*talk(("user", "?"), ("assistant", [CALL])), *read(answer)]
    written, _ = write(messages, "openai")
    check_openai(written)
    assert json.loads(written[2]["content"]) == own


class Speaker(str, Enum):  # noqa: UP042 - as LlamaIndex has it
    USER = "user"
    DEVELOPER = "developer"


@pytest.mark.parametrize("more", [{}, {"name": "Ada"}, {"parts": [{"type": "text", "text": "hi"}]}])
def test_a_role_may_be_a_member_of_an_enum(more: dict[str, Any]) -> None:
    for speaker, role in ((Speaker.USER, "user"), (Speaker.DEVELOPER, "system")):
        [message] = read({"role": speaker, "content": "hi", **more})
        assert (type(message.role), message.role) == (str, role)
