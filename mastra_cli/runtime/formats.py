"""Messages to and from the forms that providers and front ends speak: `raw`, `core_message`, `ui`, `openai`,
`anthropic`.

Reading needs no name of a form: each message, and each part of one, is known by its own keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import (
    formats_anthropic,
    formats_core,
    formats_openai,
    formats_responses,
    formats_ui,
)
from mastra_cli.runtime.checks import kept_date
from mastra_cli.runtime.identity import exact
from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import Part, as_base64, is_blocks, is_parts, is_result, of_type, with_parts
from mastra_cli.runtime.steps import arrange

__all__ = ["FORMATS", "check_format", "read", "read_all", "write"]

FORMATS = ("raw", "core_message", "ui", "openai", "anthropic")
KINDS = ("text", "tool-call", "tool-result")
ROLES = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool", "developer": "system"}
_SHOWN = 60


def check_format(format: Any) -> None:
    if format not in FORMATS:
        raise InvalidArgument(f"no such format: {format!r}", hint=f"one of {', '.join(FORMATS)}")


def write(messages: Sequence[Message], format: str) -> tuple[list[Any], str | None]:
    """The messages in the format, and what it takes apart from them: the system text of `anthropic`."""
    check_format(format)
    if format == "raw":
        return list(messages), None
    if format == "ui":
        return list(formats_ui.write(messages)), None
    steps = arrange(messages)
    if format == "anthropic":
        written, system = formats_anthropic.write(steps)
        return list(written), system
    writer = formats_openai.write if format == "openai" else formats_core.write
    return list(writer(steps)), None


def read_all(messages: Any) -> list[Message]:
    """Messages to save, from one or many, in any of the formats, or a provider's own objects.

    What a user turn of `anthropic` says after tool results becomes a message of its own, as does each step
    of a `ui` message.
    """
    if isinstance(messages, Message | Mapping | str) or hasattr(messages, "model_dump"):
        messages = [messages]
    if not isinstance(messages, Iterable):
        raise InvalidArgument(f"messages must be a list of messages, and is {kind_of(messages)}")
    found: list[Message] = []
    for number, message in enumerate(cast("Iterable[Any]", messages)):
        try:
            found += read(message)
        except InvalidArgument as error:
            raise InvalidArgument(f"message {number}: {error.message}", hint=error.hint) from error
    return found


def read(item: Any) -> list[Message]:
    """The messages that one given thing stands for."""
    try:
        return _read(item)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # not what its keys promise
        raise InvalidArgument(f"this is no message: {_shown(item)}", hint=f"{error!r}") from error


def _read(item: Any) -> list[Message]:
    if isinstance(item, Message):
        content, at = _content(item.content), _moment(item.created_at)
        given = content is item.content and at is item.created_at
        return _checked(item if given else replace(item, content=content, created_at=at))
    match item:
        case {"role": "user" | "assistant" | "system" as role, "content": str(text)} if len(item) == 2:
            return [Message(role=cast(Any, ROLES[role]), content=text)]  # most of them
        case _:
            plain = _plain(item)
    if not isinstance(plain, Mapping):
        raise InvalidArgument(
            f"this is no message: {_shown(item)}",
            hint='a message is a Message, or a dict such as {"role": "user", "content": "..."}',
        )
    given = cast("Mapping[str, Any]", plain)
    if formats_openai.is_completion(given):
        return _read(formats_openai.only_choice(given))
    if (items := formats_responses.items_of(given)) is not None:
        return [message for item in items for message in _read(item)]
    if "role" not in given and (said := formats_responses.read_item(given, _content)):
        named = {name: given[name] for name in ("id", "thread_id", "created_at") if given.get(name)}
        given = {**named, "role": said[0], "content": said[1]}
    if "role" not in given and (speaker := formats_responses.LANGCHAIN.get(_name(given.get("type")))):
        given = {**given, "role": speaker}
    role = ROLES.get(_name(given.get("role")))
    if role is None:
        raise InvalidArgument(
            f"the role of a message must be user, assistant, system or tool, and is {given.get('role')!r}",
            hint='{"role": "user", "content": "..."}, a provider\'s own message, or an item of its response',
        )
    outline = Message(
        id=_text(given, "id") or "",
        thread_id=_text(given, "thread_id") or _text(given, "threadId") or "",
        role=cast(Any, role),
        seq=seq if isinstance(seq := given.get("seq"), int) else 0,
        content=_content(given.get("content", "")),
        created_at=_moment(given.get("created_at", given.get("createdAt"))),
    )
    if formats_ui.is_ui(given):
        return _several(outline, formats_ui.read(given))
    if (parts := formats_openai.read_message(given, _content)) is not None:
        return _checked(with_parts(outline, parts))
    if given.get("type") in KINDS or given.get("tool_call_ids"):
        names = ("tool_call_ids", "tool_call_args", "tool_names")
        beside: dict[str, Any] = {name: given[name] for name in names if given.get(name) is not None}
        kind = given.get("type") if given.get("type") in KINDS else "text"
        return _checked(replace(outline, type=cast(Any, kind), **beside))
    return _checked(outline if outline.content is not None else replace(outline, content=""))


def _name(value: object) -> str:
    """What a member of an Enum of strings stands for; of anything else nothing."""
    return exact(value) if isinstance(value, str) else ""


def _checked(message: Message) -> list[Message]:
    """The message with type and tool fields in step with its parts; apart, where results and speech meet."""
    if message.role not in ROLES.values():
        raise InvalidArgument(
            f"the role of a message must be user, assistant, system or tool, and is {message.role!r}"
        )
    if message.type not in KINDS:
        raise InvalidArgument(f"the type of a message must be one of {', '.join(KINDS)}: {message.type!r}")
    _check_beside(message)
    typed = message.content if is_parts(message.content) and not is_result(message) else []
    for part in typed:
        _check_part(part)
    results = of_type(typed, "tool-result")
    rest = [part for part in typed if part["type"] != "tool-result"]
    if not message.seq:  # what is stored may be stored again
        _check_tools(message, rest, results)
    if not typed:
        return [message]
    if message.role == "user" and results:
        return _several(message, [("tool", results), ("user", rest)])
    told = [part for part in typed if part["type"] in ("tool-call", "tool-result")]
    if not told or message.tool_call_ids is not None:
        return [message]
    return [with_parts(message, typed)]


def _several(outline: Message, pieces: Iterable[tuple[str, Any]]) -> list[Message]:
    """One message a piece; the first keeps the id, the others get it with a number, the same each time.

    The statements that replace and delete messages know the pieces by these ids.
    """
    found: list[Message] = []
    for role, content in pieces:
        if content in ([], None):
            continue
        id = f"{outline.id}#{len(found) + 1}" if found and outline.id else outline.id
        plain = replace(
            outline, id=id, role=cast(Any, role), type="text", content=content,
            tool_call_ids=None, tool_call_args=None, tool_names=None,
        )  # fmt: skip
        found += _checked(plain)
    return found or [replace(outline, content="")]


def _content(content: Any) -> Any:
    """Content with each part in raw form; what is no list of parts as it is."""
    content = _plain(content)
    if not isinstance(content, list | tuple):
        return content
    items = [_plain(item) for item in cast("Sequence[Any]", content)]
    return [_part(cast(Part, item)) if isinstance(item, dict) else item for item in items]


def _part(part: Part) -> Any:
    if not isinstance(part.get("type"), str):
        return part
    for form in (formats_core, formats_openai, formats_responses, formats_anthropic):
        if (found := form.read_part(part)) is not None:
            part = found
            break
    for key in ("image", "data"):
        if isinstance(part.get(key), bytes | bytearray):
            part = {**part, key: as_base64(part[key])}
    return part


def _plain(value: Any) -> Any:
    """A provider's object as the dict that it would be sent as."""
    if isinstance(value, dict | list | str) or value is None:
        return cast(Any, value)
    dump = getattr(value, "model_dump", None)
    if not callable(dump):
        return value
    try:
        return dump(exclude_none=True)
    except TypeError:
        return dump()


def _shown(item: Any) -> str:
    shown = repr(item)
    return shown[:_SHOWN] + "..." if len(shown) > _SHOWN else shown


# What a part of a type must hold: one of these, a str.
_NEEDS = {"text": ("text",), "refusal": ("refusal",), "image": ("image",), "file": ("data", "file_id")}
# Of providers' own parts, which were not known by what they hold: what that would have been.
_UNREAD = {
    "image_url": "an image_url with a url",
    "input_audio": "input_audio with data and format",
    "input_text": "text",
    "output_text": "text",
    "tool_use": "id and name",
    "tool_result": "tool_use_id",
    "document": "a source",
}


def _check_part(part: Part) -> None:
    kind = part["type"]
    needs = _NEEDS.get(kind)
    sourced = kind in ("image", "document") and is_blocks([part])
    if needs and not sourced and not any(isinstance(part.get(name), str) for name in needs):
        raise InvalidArgument(f"a part of type {kind} needs {' or '.join(needs)}, a str")
    if kind in _UNREAD and not sourced:
        raise InvalidArgument(f"a part of type {kind} needs {_UNREAD[kind]}")
    if part["type"] not in ("tool-call", "tool-result"):
        return
    if not isinstance(part.get("tool_call_id"), str) or not part["tool_call_id"]:
        raise InvalidArgument(f"a {part['type']} part needs a tool_call_id, a non-empty str")
    if part["type"] == "tool-call" and not isinstance(part.get("tool_name"), str):
        raise InvalidArgument(f"the call {part['tool_call_id']!r} needs a tool_name, a str")


def _check_beside(message: Message) -> None:
    for name in ("tool_call_ids", "tool_names", "tool_call_args"):
        values = getattr(message, name)
        if values is None:
            continue
        if not isinstance(values, list):
            raise InvalidArgument(f"{name} must be a list, and is {kind_of(values)}")
        if name != "tool_call_args" and not all(isinstance(v, str) for v in cast("list[Any]", values)):
            raise InvalidArgument(f"{name} must be a list of str")


def _check_tools(message: Message, rest: Sequence[Part], results: Sequence[Part]) -> None:
    """What is of tools must say which call it is, or answers: else no provider could be sent it."""
    ids, names = message.tool_call_ids or [], message.tool_names or []
    if message.role == "tool":
        if not (results or is_result(message)):
            raise InvalidArgument(
                "a message of a tool needs the id of the call that it answers",
                hint='{"role": "tool", "tool_call_id": "...", "content": "..."}, or tool-result parts',
            )
        if rest:
            raise InvalidArgument(f"a message of a tool holds its results alone, and not {rest[0]['type']}")
    elif message.type == "tool-result" and not (ids or results):
        raise InvalidArgument("a message of type tool-result needs tool_call_ids, or parts of that type")
    if message.type != "tool-call" or of_type(rest, "tool-call"):
        return
    if not ids or len(names) != len(ids):
        raise InvalidArgument(
            "a message of type tool-call needs tool_call_ids and as many tool_names, or parts of that type"
        )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidArgument(f"the {name} of a message must be a str, and is {kind_of(value)}")
    return value


def _moment(value: Any) -> datetime | None:
    """A time given as a datetime, ISO text, or milliseconds as JavaScript has them."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            value = datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidArgument(f"this is no time: {value!r}") from error
    return kept_date(value, "a time")
