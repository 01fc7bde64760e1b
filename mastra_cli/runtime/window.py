"""Which messages of a thread fit a budget: whole turns, newest first, calls only with their results.

A turn starts at a user or system message and runs to the next one. The newest turn is always in. A result
without its call, and a call without its result (but at the very end, where it is still open), are left out
and cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import Part, parts_of, with_parts

__all__ = ["Place", "Turns", "pair", "starts_turn"]

Place = tuple[int, int]
"""Which message of a list, which part of it."""


def starts_turn(message: Message) -> bool:
    return message.role in ("user", "system")


def pair(messages: Sequence[Sequence[Part]]) -> dict[Place, Place]:
    """Where each answered call has its result, over the parts of messages, oldest first.

    A result belongs to the nearest call of its id before it that has none yet: ids may come again.
    """
    waiting: dict[str, Place] = {}
    pairs: dict[Place, Place] = {}
    for number, parts in enumerate(messages):
        for position, part in enumerate(parts):
            if part["type"] == "tool-call":
                waiting[part["tool_call_id"]] = (number, position)
            elif part["type"] == "tool-result" and (call := waiting.pop(part["tool_call_id"], None)):
                pairs[call] = (number, position)
    return pairs


@dataclass(slots=True)
class _Entry:
    """A message as it stands in the window so far."""

    message: Message
    parts: list[Part] | None
    """None for a message without calls and results: it stays as it is."""
    newest: bool = False
    """Its calls may still be open."""
    kept: set[int] = field(default_factory=set[int])
    tokens: int = 0
    counted: int = 0
    """1 when something of it is in."""

    def weigh(self, count: Callable[[list[Part]], int]) -> tuple[int, int]:
        """Works out what it costs now; says what changed: messages, tokens."""
        before = self.counted, self.tokens
        if self.parts is None or 0 < len(self.kept) == len(self.parts):
            self.counted, self.tokens = 1, self.message.tokens
        elif not self.kept:
            self.counted, self.tokens = 0, 0
        else:
            self.counted, self.tokens = 1, count([self.parts[position] for position in sorted(self.kept)])
        return self.counted - before[0], self.tokens - before[1]

    def taken(self) -> Message | None:
        if not self.counted:
            return None
        if self.parts is None or len(self.kept) == len(self.parts):
            return self.message
        return with_parts(self.message, [self.parts[p] for p in sorted(self.kept)], self.tokens)


class Turns:
    """Takes messages newest first until the budget is spent; then `take` is the window.

    `max_tokens` and `last` (a number of messages) both hold; None is no bound. `count` is for messages of
    which only some parts stay. From the seq `must` on everything is in, as if it were one turn.
    """

    def __init__(
        self,
        *,
        max_tokens: int | None,
        last: int | None,
        count: Callable[[list[Part]], int],
        must: int | None = None,
    ) -> None:
        self._max_tokens, self._last, self._count, self._must = max_tokens, last, count, must
        self._entries: list[_Entry] = []  # newest first
        self._turns = 0
        self._accepted = 0  # how many of the entries belong to turns that fit
        self._messages = self._tokens = 0
        self._wanting: dict[str, tuple[_Entry, int]] = {}  # results that look for their call
        self.full = False
        """Nothing older can be in."""

    def add(self, messages: Iterable[Message]) -> None:
        """The next older messages."""
        for message in messages:
            if self.full:
                return
            self._enter(message)
            if starts_turn(message) and (self._must is None or message.seq <= self._must):
                self._close_turn()
            elif self._turns:  # a turn only grows dearer towards its start
                self.full = self._over()

    @property
    def started(self) -> bool:
        """Whether a turn's start was met."""
        return self._turns > 0

    @property
    def tokens(self) -> int:
        """What has been spent so far."""
        return self._tokens

    def take(self) -> list[Message]:
        """The window, oldest first."""
        if self._turns:
            entries = self._entries[: self._accepted][::-1]
        else:
            entries = self._last_group()
        _settle(entries, self._count)
        return [message for entry in entries if (message := entry.taken())]

    def _enter(self, message: Message) -> None:
        entry = _entry(message)
        entry.newest = not self._entries
        self._entries.append(entry)
        for position in reversed(range(len(entry.parts or ()))):
            part = (entry.parts or [])[position]
            if part["type"] == "tool-result":
                self._wanting[part["tool_call_id"]] = entry, position
            elif part["type"] == "tool-call":
                found = self._wanting.pop(part["tool_call_id"], None)
                if found:
                    answer, place = found
                    answer.kept.add(place)
                    self._weigh(answer)
                if found or entry.newest:
                    entry.kept.add(position)
        self._weigh(entry)

    def _weigh(self, entry: _Entry) -> None:
        messages, tokens = entry.weigh(self._count)
        self._messages += messages
        self._tokens += tokens

    def _close_turn(self) -> None:
        # Not full when the budget is spent to the last token: a turn that costs nothing may follow.
        self.full = self._over()
        if not self.full or not self._turns:
            self._turns += 1
            self._accepted = len(self._entries)

    def _over(self) -> bool:
        return (self._max_tokens is not None and self._tokens > self._max_tokens) or (
            self._last is not None and self._messages > self._last
        )

    def _last_group(self) -> list[_Entry]:
        """Without a turn's start: the last message that stays, from its call on."""
        entries = self._entries[::-1]
        _settle(entries, self._count)
        while entries and not entries[-1].counted:
            entries.pop()
        if not entries:
            return []
        pairs = pair([entry.parts or [] for entry in entries])
        last = len(entries) - 1
        return entries[min([call[0] for call, result in pairs.items() if result[0] == last], default=last) :]


def _entry(message: Message) -> _Entry:
    if message.type == "text" and message.role != "tool" and not isinstance(message.content, list):
        return _Entry(message, None)
    parts = parts_of(message)
    if message.role == "tool":  # whatever else a tool says, no provider takes it
        return _Entry(message, parts)
    if not any(part["type"] in ("tool-call", "tool-result") for part in parts):
        return _Entry(message, None)
    kept = {n for n, part in enumerate(parts) if part["type"] not in ("tool-call", "tool-result")}
    return _Entry(message, parts, kept=kept)


def _settle(entries: Sequence[_Entry], count: Callable[[list[Part]], int]) -> None:
    """What stays of each, seen from these alone, oldest first."""
    pairs = pair([entry.parts or [] for entry in entries])
    kept = set(pairs) | set(pairs.values())
    for number, entry in enumerate(entries):
        for position, part in enumerate(entry.parts or ()):
            if part["type"] not in ("tool-call", "tool-result"):
                continue
            if (number, position) in kept or (entry.newest and part["type"] == "tool-call"):
                entry.kept.add(position)
            else:
                entry.kept.discard(position)
        entry.weigh(count)
