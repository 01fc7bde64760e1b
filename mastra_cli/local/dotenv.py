"""Edits a `.env` file in place: what is not ours comes through byte for byte."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from mastra_cli.errors import EnvFileRefused
from mastra_cli.local.files import write_atomically
from mastra_cli.settings import read_env_file

HEADING = "# Written by `mastra engine add`; the password is this machine's own."
_BEFORE_VALUE = re.compile(r"\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\r\n]*(?P<equals>=[^\S\r\n]*)?")
_VALUE = re.compile(
    r"'(?:\\'|[^'])*'|\"(?:\\\"|[^\"])*\"|(?:(?![^\S\r\n]+#)[^\r\n])*?(?=[^\S\r\n]*(?:[\r\n]|$|[^\S\r\n]#))"
)
_PLAIN = re.compile(r"[\w./:@%+,~!*=&?-]*")


class EnvFile:
    """A `.env` as it is on disk, and as it will be. A symlink is refused: it may lead out of the project."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_symlink():
            raise EnvFileRefused(
                f"{path} is a symlink; passwords are not written through one",
                hint="replace it by a file, or name another file with --env-file",
            )
        if path.exists() and not path.is_file() and not path.is_dir():
            raise EnvFileRefused(
                f"{path} is a device or a pipe, and no file to write to",
                hint="name a file with --env-file",
            )
        self.values: dict[str, str] = read_env_file(path)
        self.existed = path.exists()
        content = path.read_bytes() if self.existed else b""
        self._bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        self._text = content[len(self._bom) :].decode("utf-8")

    def set(self, values: Mapping[str, str]) -> None:
        """Take these values over; one that is there already is not touched."""
        changed = {k: v for k, v in values.items() if self.values.get(k) != v}
        bindings = list(parse_stream(io.StringIO(self._text, newline="")))
        # The last of several lines with one name is the one that counts.
        last = {binding.key: i for i, binding in enumerate(bindings) if binding.key}
        texts = [binding.original.string for binding in bindings]
        for name in [name for name in changed if name in last]:
            texts[last[name]] = _with_value(bindings[last[name]], changed[name])
        text = "".join(texts)
        new = [f"{name}={_quoted(value)}" for name, value in changed.items() if name not in last]
        if new:
            newline = "\r\n" if "\r\n" in text else "\n"
            if text and not text.endswith(("\n", "\r")):
                text += newline
            if HEADING not in text:
                new = [*([""] if text else []), HEADING, *new]
            text += "".join(f"{line}{newline}" for line in new)
        self._text = text
        self.values.update(changed)

    @property
    def content(self) -> bytes:
        return self._bom + self._text.encode("utf-8")

    def changed(self) -> bool:
        return not self.path.exists() or self.path.read_bytes() != self.content

    def write(self) -> bool:
        """Write what differs, 0600 when new; an existing file loses its group's and others' bits.

        Returns whether such bits were taken away.
        """
        mode = self.path.stat().st_mode & 0o7777 if self.path.exists() else 0o600
        private = mode & ~0o077
        if self.changed():
            write_atomically(self.path, self.content, mode=private)
        elif private != mode:
            self.path.chmod(private)
        return private != mode


def _with_value(binding: Binding, value: str) -> str:
    line = binding.original.string
    before = _BEFORE_VALUE.match(line)
    assert before is not None  # the parser found a key here
    if not before["equals"]:
        return f"{line[: before.end()]}={_quoted(value)}{line[before.end() :]}"
    old = _VALUE.match(line, before.end())
    end = old.end() if old else before.end()
    quote = line[before.end() : before.end() + 1]
    new = f"{quote}{value}{quote}" if quote in ("'", '"') and _PLAIN.fullmatch(value) else _quoted(value)
    return line[: before.end()] + new + line[end:]


def _quoted(value: str) -> str:
    """As python-dotenv, Docker Compose and a shell read it back."""
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
