"""What the rooms without a terminal say while they work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Reporter(Protocol):
    """Implemented by the console; `Silent` for everyone else."""

    def phase(self, text: str) -> AbstractContextManager[None]:
        """While it lasts: a spinner on a terminal; one plain line off it."""
        ...

    def advance(self, key: str, text: str, done: int, total: int | None) -> None:
        """A bar inside the present phase (`key`: a layer's id, say). Nothing is drawn off a terminal."""
        ...

    def say(self, text: str) -> None:
        """A line for the user, on stderr; `--quiet` drops it."""
        ...

    def detail(self, text: str) -> None:
        """A line that only `--verbose` shows."""
        ...

    def warn(self, text: str) -> None:
        """A line that starts with `warning:`."""
        ...

    def confirm(self, question: str, *, flag: str) -> bool:
        """Ask on a terminal; `Usage` that names the flag off it."""
        ...


class Silent:
    def phase(self, text: str) -> AbstractContextManager[None]:
        return nullcontext()

    def advance(self, key: str, text: str, done: int, total: int | None) -> None: ...

    def say(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def confirm(self, question: str, *, flag: str) -> bool:
        return False
