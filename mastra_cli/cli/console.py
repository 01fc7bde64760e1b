"""The terminal: answers on stdout, talk on stderr, one JSON document with `--json`. Rich loads if needed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import MastraError, Usage
from mastra_cli.settings import environment

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress, TaskID


class Console:
    """What one command prints. Implements `mastra_cli.local.reporter.Reporter`."""

    def __init__(
        self,
        command: str,
        *,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        no_color: bool = False,
    ) -> None:
        self.command = command
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self.color = not (no_color or environment().get("NO_COLOR") or environment().get("TERM") == "dumb")
        self.exit_code = 0
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}
        self._rich: RichConsole | None = None
        self._answered = False

    @property
    def live(self) -> bool:
        """Whether bars and spinners can be drawn."""
        return sys.stderr.isatty() and not self.quiet and environment().get("TERM") != "dumb"

    # Answers

    def answer(self, text: str) -> None:
        """A part of the answer, for people; `--json` leaves it to `finish`."""
        if not self.json:
            _print(text if text.endswith("\n") else f"{text}\n")

    def finish(self, exit_code: int = 0, /, **keys: Any) -> None:
        """The answer for programs, and the exit status. Last call of every command."""
        self.exit_code = exit_code
        if self.json:
            self._document({"ok": exit_code == 0, "command": self.command, **keys})

    def fail(self, error: MastraError, exit_code: int) -> None:
        """What happened, and what to type next."""
        self.exit_code = exit_code
        if self.json:
            fault = {"code": error.code, "message": error.message, "hint": error.hint}
            self._document({"ok": False, "command": self.command, "error": fault})
            return
        self._line(f"error: {error.message}", "bold red", len("error:"))
        if error.hint:
            self._line(f" hint: {error.hint}", "cyan", len(" hint:"))

    def _document(self, document: dict[str, Any]) -> None:
        if not self._answered:
            self._answered = True
            text = json.dumps(document, ensure_ascii=False, default=str)
            if not _fits(text):
                text = json.dumps(document, default=str)
            _print(f"{text}\n")

    # Talk

    def say(self, text: str) -> None:
        if not self.quiet:
            self._line(text)

    def detail(self, text: str) -> None:
        if self.verbose:
            self._line(text, "dim", len(text))

    def warn(self, text: str) -> None:
        self._line(f"warning: {text}", "yellow", len("warning:"))

    def _line(self, text: str, style: str = "", styled: int = 0) -> None:
        # A terminal that was closed, a pipe that nobody reads: no reason to stop halfway.
        with suppress(OSError):
            self._talk(text, style, styled)

    def _talk(self, text: str, style: str, styled: int) -> None:
        if not (styled and self.color and sys.stderr.isatty()) and self._progress is None:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
            return
        from rich.text import Text

        line = Text(text)
        if style and self.color:
            line.stylize(style, 0, styled)
        self._stderr().print(line, soft_wrap=True)

    def _stderr(self) -> RichConsole:
        if self._rich is None:
            from rich.console import Console as RichConsole

            self._rich = RichConsole(stderr=True, no_color=not self.color, highlight=False)
        return self._rich

    # Progress

    @contextmanager
    def phase(self, text: str) -> Generator[None]:
        """A spinner that turns into a line with its time, or, off a terminal, one plain line."""
        if not self.live or self._progress is not None:
            self.say(text)
            yield
            return
        from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

        class Amount(DownloadColumn):
            def render(self, task: Any) -> Any:
                return super().render(task) if task.total and task.fields.get("bar") else ""

        class Bar(BarColumn):
            def render(self, task: Any) -> Any:
                return super().render(task) if task.fields.get("bar") else ""

        began = time.monotonic()
        progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            Bar(bar_width=30),
            Amount(),
            console=self._stderr(),
            transient=True,
        )
        done = False
        try:
            with progress:
                self._progress = progress
                progress.add_task(text, total=None)
                yield
                done = True
        finally:
            self._progress = None
            self._bars.clear()
        if done:
            self._line(f"✓ {text} ({time.monotonic() - began:.1f} s)", "green", 1)

    def advance(self, key: str, text: str, done: int, total: int | None) -> None:
        if self._progress is None:
            return
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(text, total=total, bar=True)
        self._progress.update(self._bars[key], description=text, completed=done, total=total)

    # Questions

    @property
    def interactive(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty() and not self.json

    def ask(self, question: str, *, flag: str) -> str:
        """The answer typed at a terminal; off it, `Usage` that names the flag."""
        if not self.interactive:
            raise Usage(f"stdin is no terminal to ask at: {question}", hint=f"answer it with {flag}")
        sys.stderr.write(f"{question} ")
        sys.stderr.flush()
        line = ""
        try:
            line = sys.stdin.readline()
        finally:
            if not line.endswith("\n"):  # Ctrl-C or Ctrl-D: what is printed next begins a line
                sys.stderr.write("\n")
        return line.strip()

    def confirm(self, question: str, *, flag: str) -> bool:
        return self.ask(f"{question} [y/N]", flag=flag).lower() in ("y", "yes")


def _fits(text: str) -> bool:
    """Whether stdout's encoding has all of its characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _print(text: str) -> None:
    if not _fits(text):
        encoding = sys.stdout.encoding
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(text)
    sys.stdout.flush()


def size(count: int | None) -> str:
    """`8.2 MB`; `unknown size` for None."""
    if count is None:
        return "unknown size"
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
