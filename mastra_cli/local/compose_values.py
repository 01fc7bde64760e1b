"""Values of a docker config, checked and given their types; each error names its line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any, cast

from mastra_cli.errors import DockerConfigInvalid, DockerConfigUnsupported
from mastra_cli.local.compose_yaml import Document, Path, dotted

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
          "h": 3600 * 10**9}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)


class Values:
    """Reads values of one document by their paths."""

    def __init__(self, document: Document, offer: str) -> None:
        self.document = document
        self._offer = offer
        """The command that can run what we can not."""

    def invalid(self, path: Path, problem: str, hint: str | None = None) -> DockerConfigInvalid:
        return self.document.invalid(path, problem, hint)

    def unsupported(self, path: Path, what: str | None = None) -> DockerConfigUnsupported:
        return DockerConfigUnsupported(
            f"{self.document.at(path)}: {what or dotted(path)} is not supported by `mastra engine`",
            hint=f"run `{self._offer}`, which knows all of Compose, or take it out",
        )

    def known(self, value: dict[str, Any], path: Path, keys: Iterable[str]) -> None:
        """Refuse every key but these and `x-*`."""
        for key in value:
            if key not in keys and not key.startswith("x-"):
                raise self.unsupported((*path, key))

    def mapping(self, value: Any, path: Path) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.invalid(path, "must be a mapping")
        return cast("dict[str, Any]", value)

    def items(self, value: Any, path: Path) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.invalid(path, "must be a list")
        return cast("list[Any]", value)

    def text(self, value: Any, path: Path) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return f"{value:.15g}"
        if isinstance(value, (str, int)):
            return str(value)
        raise self.invalid(path, "must be a text")

    def words(self, value: Any, path: Path) -> str:
        """A text that is not empty."""
        text = self.text(value, path)
        if not text.strip():
            raise self.invalid(path, "is empty")
        return text

    def flag(self, value: Any, path: Path) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "yes", "on", "y", "1"):
            return True
        if isinstance(value, str) and value.lower() in ("false", "no", "off", "n", "0"):
            return False
        raise self.invalid(path, "must be true or false")

    def number(self, value: Any, path: Path) -> int:
        try:
            return int(self.text(value, path))
        except ValueError:
            raise self.invalid(path, "must be a whole number") from None

    def duration(self, value: Any, path: Path) -> int:
        """Nanoseconds of `1m30s`."""
        text = self.text(value, path).strip()
        found = _DURATION.findall(text)
        if text != "0" and (not found or "".join(n + unit for n, unit in found) != text):
            raise self.invalid(path, f"must be a duration such as 30s or 1m30s, and is {text!r}")
        return round(sum(float(n) * _UNITS[unit] for n, unit in found))

    def size(self, value: Any, path: Path) -> int:
        """Bytes of `128mb`."""
        found = _BYTES.fullmatch(self.text(value, path).strip())
        if not found:
            raise self.invalid(path, f"must be a size such as 128mb, and is {value!r}")
        power = " kmgtp".index(found[2].lower() or " ")
        return int(float(found[1]) * 1024**power)

    def argv(self, value: Any, path: Path) -> tuple[str, ...]:
        """A command: a list, or a line as a shell would split it."""
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return tuple(self.text(item, (*path, i)) for i, item in enumerate(items))
        try:
            return tuple(shlex.split(self.text(value, path)))
        except ValueError:
            raise self.invalid(path, "has a quote that is not closed") from None

    def texts(self, value: Any, path: Path) -> tuple[str, ...]:
        """A list of texts, or one."""
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return tuple(self.words(item, (*path, i)) for i, item in enumerate(items))
        return (self.words(value, path),) if value is not None else ()

    def pairs(self, value: Any, path: Path) -> dict[str, str | None]:
        """A mapping, or a list of `NAME=value`; None: a name without a value."""
        if not isinstance(value, list):
            mapping = self.mapping(value, path)
            return {k: None if v is None else self.text(v, (*path, k)) for k, v in mapping.items()}
        pairs: dict[str, str | None] = {}
        for i, item in enumerate(cast("list[Any]", value)):
            name, equals, text = self.words(item, (*path, i)).partition("=")
            pairs[name] = text if equals else None
        return pairs

    def one_of(self, value: Any, path: Path, choices: tuple[str, ...]) -> str:
        text = self.text(value, path)
        if text not in choices:
            raise self.invalid(path, f"must be one of {', '.join(choices)}, and is {text!r}")
        return text
