"""What a docker config file says, and on which line: YAML read as Compose reads it, variables put in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from mastra_cli.errors import DockerConfigInvalid
from mastra_cli.local.compose_variables import Variables, substitute

Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars: `yes`, `12:30` and `2026-01-01` are text, as they are to Compose."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*|0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+)", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first
    )


class Document:
    """The file's mappings, lists and scalars, with the line of each."""

    def __init__(
        self,
        text: str,
        shown: str,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
        *,
        demanding: bool = True,
    ) -> None:
        self.shown = shown
        self._lines: dict[Path, int] = {(): 1}
        self._environ = environ
        self._warn = warn
        self._demanding = demanding
        self._open: list[yaml.Node] = []
        # The parser alone knows the merges and aliases; the constructor would lose the lines.
        self._constructor: Any = _Loader("")
        try:
            node = _tree(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise DockerConfigInvalid(
                f"{shown} line {line} is not YAML: {error.problem or error.context or 'not understood'}",
                hint=f"mend line {line}: mind its indentation, colons and quotes",
            ) from None
        except yaml.YAMLError:
            raise DockerConfigInvalid(f"{shown} is not YAML text", hint="save it as UTF-8 text") from None
        if node is None or not isinstance(node, yaml.MappingNode):
            raise self.invalid((), "must be a mapping with `services:`")
        self.root: dict[str, Any] = self._value(node, ())

    def line(self, path: Path) -> int:
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def at(self, path: Path) -> str:
        """`compose.yaml line 7`"""
        return f"{self.shown} line {self.line(path)}"

    def invalid(self, path: Path, problem: str, hint: str | None = None) -> DockerConfigInvalid:
        name = dotted(path)
        return DockerConfigInvalid(
            f"{self.at(path)}: {name + ' ' if name else ''}{problem}",
            hint=hint or f"mend line {self.line(path)} of {self.shown}",
        )

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if any(node is other for other in self._open):
            raise self.invalid(path, "contains itself")
        self._open.append(node)
        self._lines.setdefault(path, node.start_mark.line + 1)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
            if path and any(isinstance(key, str) and key.startswith("x-") for key in path):
                return None
            value: Any = self._scalar(node, path)
            if isinstance(value, str) and "$" in value:
                return substitute(value, self._variables(path))
            return value
        finally:
            self._open.pop()

    def _variables(self, path: Path) -> Variables:
        return Variables(
            self._environ,
            fault=lambda problem, hint: self.invalid(path, problem, hint),
            missing=lambda name: self._warn(f"{self.at(path)}: {name} is not set; it stands for nothing"),
            demanding=self._demanding,
        )

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    if not isinstance(source, yaml.MappingNode):
                        self._lines[*path, "<<"] = key_node.start_mark.line + 1
                        raise self.invalid((*path, "<<"), "merges something that is no mapping")
                    for key, value in self._mapping(source, path).items():
                        merged.setdefault(key, value)
                continue
            key = self._scalar(key_node, path)
            name = str(key).lower() if isinstance(key, bool) else "" if key is None else str(key)
            place = (*path, name)
            if name in own:
                self._lines[place] = key_node.start_mark.line + 1
                raise self.invalid(place, "stands there twice")
            self._lines[place] = key_node.start_mark.line + 1
            own[name] = self._value(value_node, place)
        return {**merged, **own}

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self.invalid(path, "has a key that is no plain word")
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return node.value


def _tree(text: str) -> yaml.Node | None:
    loader: Any = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def dotted(path: Path) -> str:
    """`services.db.ports[0]`"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
