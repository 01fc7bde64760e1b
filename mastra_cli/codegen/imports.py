"""The imports of a generated module: what its code uses, and nothing else, in one fixed order."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from mastra_cli.codegen.annotations import Style

_STANDARD = ("dataclasses", "datetime", "decimal", "enum", "ipaddress", "typing", "uuid")
# What layouts write by themselves, beside what the generator knows of.
_KNOWN = {
    "Annotated": "typing", "Literal": "typing", "NamedTuple": "typing", "NotRequired": "typing",
    "TypeAlias": "typing", "TypedDict": "typing_extensions", "ClassVar": "typing", "StrEnum": "enum",
    "dataclass": "dataclasses",
    "TypeAliasType": "typing_extensions", "BaseModel": "pydantic", "Field": "pydantic",
    "Meta": "msgspec", "Struct": "msgspec", "UnsetType": "msgspec",
    "Array": "mastra_cli.types", "DeepArray": "mastra_cli.types",
    "JsonColumn": "mastra_cli.types", "Number": "mastra_cli.types",
    "TableModels": "mastra_cli.types", "Unset": "mastra_cli.types",
}  # fmt: skip
_NAME = re.compile(r"[^\W\d]\w*")
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_IMPORT_LINES = ("#", "from ", "import ", "    ", ")")


def assemble(
    header: str, generated: str, blocks: list[str], used: set[str], classes: Mapping[str, str], style: Style
) -> str:
    """The module: header, what it uses of the imports that the generator and we know of, and the blocks.

    `classes` are those that comments name: path to name in the module.
    """
    bound: dict[str, tuple[str, str]] = {}
    for node in ast.parse(_head(generated)).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = (node.module or "", alias.name)
    bound |= {name: (path.rpartition(".")[0], path.rpartition(".")[2]) for path, name in classes.items()}
    bound |= {name: (module, name) for name, module in _KNOWN.items()}
    bound["UNSET"] = ("msgspec" if style == "msgspec" else "mastra_cli.types", "UNSET")
    body = "\n\n\n".join(blocks)
    lines = [header, "", "from __future__ import annotations"]
    wanted: dict[str, list[str]] = {}
    for name in sorted(used & bound.keys()):
        module, original = bound[name]
        wanted.setdefault(module, []).append(name if name == original else f"{original} as {name}")
    plain = ["import dataclasses"] if "dataclasses" in used else []
    for group in (True, False):
        modules = sorted(
            module for module in wanted if (module in _STANDARD) is group and module != "__future__"
        )
        text = [f"from {module} import {', '.join(wanted[module])}" for module in modules]
        if group:
            text = plain + text
        if text:
            lines += ["", *text]
    return "\n".join([*lines, "", "", body, ""])


def names_in(code: str) -> set[str]:
    """The names that a hint or a head of a class uses; what stands in its string literals is none."""
    return set(_NAME.findall(_STRING.sub("", code)))


def _head(generated: str) -> str:
    """The generator's imports: all that stands before its first definition."""
    lines = generated.split("\n")
    end = next((n for n, line in enumerate(lines) if line and not line.startswith(_IMPORT_LINES)), len(lines))
    return "\n".join(lines[:end])
